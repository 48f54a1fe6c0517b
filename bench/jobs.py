"""script/bench jobs: what a job costs beside its work, beside Celery's own worker with Redis, and before a million
others."""

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager

import load
import servers
from report import at_least, number, times


def say(text):
    print(text, file=sys.stderr, flush=True)


def program(bench):
    """bench/jobs/queue.c, linked with the libraries of the release build."""
    subprocess.run(["ninja", "--quiet", "-C", bench.build, "bench/bench_jobs"], check=True, stdout=subprocess.DEVNULL)
    return bench.build / "bench" / "bench_jobs"


def ours(bench, name, *words):
    """In an SQLite database of this name, which is empty at first; every put, taking and end is durable."""
    load.quiesce()
    url = f"sqlite:///{bench.folder / name}.db"
    done = subprocess.run([program(bench), url, *map(str, words)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


@contextmanager
def redis_server(folder):
    """Durable as Redis can be said to be with a change every second; as most installations have it."""
    folder.mkdir()
    socket = folder / "socket"
    words = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        socket,
        "--dir",
        folder,
        "--appendonly",
        "yes",
        "--save",
        "",
    ]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        while subprocess.run(["redis-cli", "-s", socket, "ping"], capture_output=True).stdout != b"PONG\n":
            time.sleep(0.01)
        yield socket
    finally:
        process.terminate()
        process.wait()


def left(socket):
    """What waits, and what is taken and not acknowledged."""
    asked = "return redis.call('llen', 'celery') .. ' ' .. redis.call('hlen', 'unacked')"
    said = subprocess.run(["redis-cli", "-s", socket, "eval", asked, "0"], capture_output=True, check=True).stdout
    waiting, taken = map(int, said.strip().strip(b'"').split())
    return waiting + taken


def celery(bench, pool, count):
    """Tasks that wait already; from the first that is done to the last."""
    folder = bench.folder / f"celery-{pool}"
    with redis_server(folder) as socket:
        environment = {
            **os.environ,
            "BENCH_BROKER": f"redis+socket://{socket}",
            "PYTHONPATH": str(servers.HERE / "peers" / "celery"),
        }
        python = servers.peer_python(say)
        fill = f"import nothing\nfor _ in range({count}): nothing.nothing.delay()"
        subprocess.run([python, "-c", fill], env=environment, check=True)
        options = f"worker --pool {pool} --concurrency 2 --loglevel ERROR --without-gossip --without-mingle"
        words = [python, "-m", "celery", "-A", "nothing", *options.split()]
        worker = subprocess.Popen(
            words, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while (first := left(socket)) == count:
                time.sleep(0.005)
            began = time.monotonic()
            while left(socket):
                time.sleep(0.005)
            return first / (time.monotonic() - began)
        finally:
            worker.terminate()
            worker.wait()


def done(bench):
    count, theirs = (5_000, 2_000) if bench.quick else (50_000, 20_000)
    say("  jobs that do nothing")
    rate = ours(bench, "done", "done", count, 2)["jobs_per_s"]
    for pool in ("prefork", "threads"):
        say(f"  the same by Celery's worker, {pool}")
        peer = celery(bench, pool, theirs)
        bench.add(
            f"jobs that do nothing, 2 at once, beside Celery over Redis ({pool}, acks_late)",
            f"{number(rate)}/s",
            f"{number(peer)}/s",
            **times(rate / peer, 10),
        )


def start(bench):
    say("  from the wish to the start, on an idle queue")
    us = ours(bench, "start", "start", 100 if bench.quick else 1000)
    bench.add(
        "from the wish to the start of a job, idle queue, p50",
        f"{us['p50_us'] / 1000:.2f} ms",
        f"p99 {us['p99_us'] / 1000:.2f} ms",
        wanted="< 5 ms",
        holds=us["p50_us"] < 5000,
    )


def waiting(bench):
    count, many = (2_000, 50_000) if bench.quick else (20_000, 1_000_000)
    say(f"  with {many:,} others waiting")
    rates = {"alone": [], "behind": []}  # in turns, so that what else the machine does meets both
    for more in (many, *[0] * 8):
        for name, those in rates.items():
            those.append(ours(bench, name, "behind", count, more if name == "behind" else 0)["jobs_per_s"])
    alone, behind = (statistics.median(those) for those in rates.values())
    bench.add(
        f"taken and ended before {many:,} others that wait, median of {len(rates['alone'])}",
        f"{number(behind)}/s",
        f"{number(alone)}/s with none",
        **at_least(behind / alone, 1 / 1.3),
    )


PARTS = {"done": done, "start": start, "waiting": waiting}
