"""script/bench inference: what it costs to run a model in a process of its own, beside the bare call of ONNX Runtime in
the process that asks."""

import json
import os
import subprocess
import sys

import servers
from report import at_most, number

LIBRARY = servers.ROOT / ".cache" / "onnxruntime" / "libonnxruntime.so.1"
MODEL = servers.ROOT / "models" / "chest-pneumonia" / "model.onnx"


def say(text):
    print(text, file=sys.stderr, flush=True)


def program(bench):
    """bench/inference/runs.c, linked with the libraries of the release build."""
    subprocess.run(["ninja", "--quiet", "-C", bench.build, "bench/bench_inference"], check=True,
                   stdout=subprocess.DEVNULL)
    return bench.build / "bench" / "bench_inference"


def measured(bench, model, threads):
    seconds, rounds = (0.3, 5) if bench.quick else (0.5, 30)  # in turns, so that what else the machine does meets both
    os.sched_setaffinity(0, {servers.SERVER_CORE, servers.CLIENT_CORE})
    words = [program(bench), bench.binary, model, str(seconds), str(rounds), str(threads)]
    environment = {"ONNXRUNTIME_LIB": str(LIBRARY), **os.environ}
    return json.loads(subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def overhead(bench):
    """The shipped model, and one that does next to nothing."""
    for threads, what in ((2, "two at a time"), (1, "one at a time")):
        say(f"  the shipped model, {what}")
        got = measured(bench, MODEL, threads)
        pool, bare = got["pool"], got["bare"]
        bench.add(f"films by the shipped model, {what}: processor time of one", f"{pool['processor_us'] / 1000:.2f} ms",
                  f"bare call: {bare['processor_us'] / 1000:.2f} ms",
                  **at_most(pool["processor_us"] / bare["processor_us"], 1.10))
        bench.add("— how many", f"{number(pool['per_s'])}/s", f"{number(bare['per_s'])}/s",
                  ratio=f"{bare['per_s'] / pool['per_s']:.2f}")
        bench.add("— median time of one", f"{pool['us'] / 1000:.2f} ms", f"{bare['us'] / 1000:.2f} ms",
                  ratio=f"{pool['us'] / bare['us']:.2f}")
    say("  a model of five small nodes")
    got = measured(bench, bench.data / "models" / "brightness.onnx", 1)
    bench.add("a model of five small nodes: what the way there and back takes", f"{got['pool']['us']:.0f} µs",
              f"bare call: {got['bare']['us']:.0f} µs")


PARTS = {"overhead": overhead}
