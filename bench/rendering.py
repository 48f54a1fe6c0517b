"""script/bench imaging: pictures of CT slices, made anew beside Orthanc and sent again beside nginx."""

import os
import re
import sqlite3
import time

import servers
from ingest import Sender, say
from report import at_least, number

CONNECTIONS, MAKING, QUALITY = 32, 8, 90  # MAKING: connections where each answer is work; Orthanc closes some of more
NO_CACHE = {"RENDERED_MEMORY": "0", "RENDERED_DISK": "0"}


def is_at_rest(server):
    """Thumbnails of what was uploaded have been made: no decoder is at work any more."""
    jobs = []
    while len(jobs) < 3 or jobs[-1] != jobs[-3]:
        time.sleep(1)
        _, _, text = servers.call(server.port, "GET", "/metrics")
        jobs.append(int(re.search(rb"^roentgen_decoder_jobs_total (\d+)", text, re.M)[1]))


def paths_of(server):
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as db:
        return [
            f"/api/v1/images/{i}/rendered?quality={QUALITY}"
            for (i,) in db.execute("select id from image_files order by id")
        ]


def picture(server, path, token=None):
    """The JPEG under a path, looked at."""
    status, headers, data = servers.call(server.port, "GET", path, token, headers={"Accept": "image/jpeg"})
    if status != 200 or headers["Content-Type"] != "image/jpeg" or not data.startswith(b"\xff\xd8"):
        raise RuntimeError(f"{server.name} answered {status} to {path}: {data[:300]!r}")
    return data


def filled(bench, sender, server, count):
    token = bench.login(server)
    sender.send(server, sender.large, count, token)
    is_at_rest(server)
    return token


def uncached(bench, sender):
    """Each instance in turn, of more than what Orthanc's cache of files holds (128 MB); neither keeps pictures."""
    count = 300 if bench.quick else 1000
    with bench.roentgen("rendering", 0, settings=NO_CACHE) as ours, \
            servers.orthanc(bench.folder / "orthanc-rendering", servers.SERVER_CORE) as orthanc:
        token = filled(bench, sender, ours, count)
        sender.send(orthanc, sender.large, count)
        mine = paths_of(ours)
        _, _, ids = servers.call(orthanc.port, "GET", "/instances")
        theirs = [f"/instances/{i}/rendered?quality={QUALITY}" for i in re.findall(r'"([0-9a-f-]{44})"', ids.decode())]
        sizes = len(picture(ours, mine[0], token)), len(picture(orthanc, theirs[0]))
        say(f"  JPEG of a CT slice made anew: {sizes[0]:,} bytes, Orthanc {sizes[1]:,}")
        got = bench.compare(
            {"roentgen": (ours, mine, token, MAKING), "orthanc": (orthanc, theirs, None, MAKING, "image/jpeg")}
        )
        memory = ours.memory_mib()["VmHWM"], orthanc.memory_mib()["VmHWM"]
    rate = {name: run["rps"] for name, run in got.items()}
    bench.add(
        "JPEG of a 512 × 512 CT slice, made anew",
        f"{number(rate['roentgen'])}/s",
        f"Orthanc: {number(rate['orthanc'])}/s",
        ratio=f"{rate['roentgen'] / rate['orthanc']:.1f} ×",
        wanted="≥ 3 ×",
        holds=rate["roentgen"] >= 3 * rate["orthanc"],
    )
    bench.notes.append(
        f"Pictures made anew: {count:,} instances in turn, {MAKING} connections, quality {QUALITY}: {sizes[0]:,} "
        f"bytes, Orthanc's "
        f"{sizes[1]:,}. Most resident memory of the server {memory[0]:.0f} MiB, of Orthanc {memory[1]:.0f} MiB. A "
        f"picture for each "
        + ", ".join(
            f"{run['server_core'] / run['rps'] * 1e6:,.0f} µs of processor time ({name})" for name, run in got.items()
        )
        + "."
    )


def cached(bench, sender):
    """Pictures that the server has in memory, and nginx with the same bytes in files."""
    with bench.roentgen("cached", 0) as ours, servers.nginx(bench.folder / "nginx-rendering", {}) as nginx:
        token = filled(bench, sender, ours, 100)
        mine, theirs = paths_of(ours), []
        for i, path in enumerate(mine):
            data = picture(ours, path, token)
            (nginx.folder / "files" / f"{i}.jpg").write_bytes(data)
            theirs.append(f"/files/{i}.jpg")
        say(f"  JPEG of a CT slice sent again: {len(data):,} bytes")
        got = bench.compare({"roentgen": (ours, mine, token, CONNECTIONS), "nginx": (nginx, theirs, None, CONNECTIONS)})
    rate = {name: run["rps"] for name, run in got.items()}
    bench.add(
        f"the same from the cache, {len(data):,} bytes",
        f"{number(rate['roentgen'])}/s",
        f"nginx, files of the same bytes: {number(rate['nginx'])}/s",
        **at_least(rate["roentgen"] / rate["nginx"], 0.3),
    )
    bench.notes.append(
        f"Pictures from the cache: p50 {got['roentgen']['p50_us']} µs, p99 {got['roentgen']['p99_us']} µs with "
        f"{CONNECTIONS} connections. "
        "Requests for each second of processor time: "
        + ", ".join(f"{name} {number(run['rps'] / run['server_core'])}" for name, run in got.items())
        + "."
    )


def rendering(bench):
    sender = Sender(bench)
    os.sched_setaffinity(0, {servers.CLIENT_CORE})
    uncached(bench, sender)
    cached(bench, sender)


PARTS = {"rendering": rendering}
