#!/usr/bin/env python3
"""script/bench: the server against nginx and an ordinary FastAPI service, in one run. See README.md beside this
file."""

import argparse
import hashlib
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import decoders
import diagnosis
import events
import headers
import inference
import ingest
import jobs
import load
import rendering
import report
import reports
import seed
import servers
from report import Row, at_least, at_most, number, times

MIB = 1 << 20
CONNECTIONS = 32
PEER_CONNECTIONS = 8  # where the FastAPI peer is fastest: more only queue for its threads


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """Settings, the folder everything happens in, and the rows found so far."""

    def __init__(self, options):
        self.binary = str(Path(options.binary).resolve())
        self.build = Path(self.binary).parent
        self.quick = options.quick
        base = Path(options.work or os.environ.get("TMPDIR") or tempfile.gettempdir()) / "roentgen-bench"
        self.cache, self.folder = base / "seeds", base / f"run-{time.time_ns()}"
        self.folder.mkdir(parents=True)
        self.runs = 3
        self.warm_s, self.run_s = (1, 2) if self.quick else (2, 5)
        self.rows, self.notes = [], []
        busy = os.getloadavg()[0]
        if busy > 0.7:
            self.notes.append(
                f"The machine was busy with other work (load {busy:.1f} before the start): the figures are lower than "
                f"they would be."
            )
        self.python = None
        self.data = Path(options.data)

    def seeded(self, count):
        os.sched_setaffinity(0, {servers.SERVER_CORE, servers.CLIENT_CORE})
        path, info = seed.seeded(self.binary, self.cache, count, say)
        os.sched_setaffinity(0, {servers.CLIENT_CORE})
        return path, info

    def roentgen(self, name, count, around=(), core=servers.SERVER_CORE, settings=None):
        """A server of ours on a copy of the database with `count` files, made when the name is new."""
        path, info = self.seeded(count)
        folder = self.folder / name
        copy = folder / "roentgen.db"
        if not copy.exists():
            folder.mkdir(parents=True)
            shutil.copyfile(path, copy)
            (folder / "storage").mkdir()  # of this installation, though the files of its rows do not exist
            shutil.copyfile(path.parent / "files" / "installation", folder / "storage" / "installation")
            load.quiesce()
        server = servers.roentgen(self.binary, folder, copy, info, around, core, settings)
        server.database, server.info = copy, info
        return server

    def login(self, server, username="bench-7"):
        body = '{"username": "%s", "password": "%s"}' % (username, server.info["password"])
        status, _, data = servers.call(server.port, "POST", "/api/v1/auth/login", body=body)
        found = re.search(rb'"access_token":\s*"([^"]+)"', data)
        if status != 200 or not found:
            raise RuntimeError(f"login answered {status}: {data[:500]!r}")
        return found[1].decode()

    def add(self, *arguments, **members):
        self.rows.append(Row(*arguments, **members))
        say("    " + "  ".join(filter(None, self.rows[-1].cells())))

    def compare(self, candidates):
        """{name: (server, paths, token, connections[, accepted media type])} -> {name: median run}; runs of all take
        turns."""
        results = {name: [] for name in candidates}
        for round_ in range(self.runs + 1):
            for name, (server, paths, token, connections, *accept) in candidates.items():
                before = server.cpu_s()
                seconds = self.run_s if round_ else self.warm_s
                run = load.wrk(server.port, paths, token, seconds, connections, self.folder, *accept)
                run["server_core"] = (server.cpu_s() - before) / seconds
                if round_:
                    results[name].append(run)
        medians = {name: sorted(runs, key=lambda r: r["rps"])[len(runs) // 2] for name, runs in results.items()}
        for name, run in medians.items():
            say(f"      {name}: {run['rps']:,.0f}/s, p50 {run['p50_us']} us, p99 {run['p99_us']} us, "
                f"server core {run['server_core']:.0%}, client core {run['client_core']:.0%}")
        return medians


def peer_token(secret, user_id):
    import base64
    import hmac
    import json
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")  # noqa: E731
    claims = {"sub": str(user_id), "exp": int(time.time()) + 86400}
    message = encode(b'{"alg":"HS256","typ":"JWT"}') + b"." + encode(json.dumps(claims).encode())
    return (message + b"." + encode(hmac.new(secret.encode(), message, hashlib.sha256).digest())).decode()


# ---- reads ----

LIST, STATS = "/api/v1/image-files/my-images", "/api/v1/image-files/stats/summary"


def own_files(info, user, count):
    """Paths of the files of users[user], in an order that helps no cache."""
    ids = range(user + 1, count + 1, len(info["users"]))
    return [f"/api/v1/image-files/{i}" for i in sorted(ids, key=lambda i: hashlib.md5(b"%d" % i).digest())]


def body_size(server, path, token):
    status, _, body = servers.call(server.port, "GET", path, token)
    if status != 200:
        raise RuntimeError(f"{path} answered {status}: {body[:300]!r}")
    return len(body)


def reads(bench):
    """One file, the list and the totals, against nginx, FastAPI and the floor."""
    count = 100_000
    bench.python = servers.peer_python(say)
    with bench.roentgen("reads", count) as ours:
        token, info = bench.login(ours), ours.info
        files = own_files(info, 7, count)
        sizes = {path: body_size(ours, path, token) for path in (files[0], LIST, STATS)}
        bodies = {"/api/v1/image-files/": sizes[files[0]], LIST: sizes[LIST], STATS: sizes[STATS]}
        with servers.nginx(bench.folder / "nginx-reads", bodies) as nginx, \
                servers.fastapi(bench.python, bench.folder / "fastapi", ours.database, info) as peer:
            peers_token = peer_token(info["secret"], info["users"][7])
            for what, paths, bound, peer_bound in (("`GET /image-files/{id}`", files, 0.40, 40),
                                                   ("`GET /image-files/my-images`, 20 rows", [LIST], 0.10, 40),
                                                   ("`GET /image-files/stats/summary`", [STATS], 0.30, None)):
                say(f"  {what}: {sizes[paths[0]]} bytes")
                with servers.floor(bench.folder / "floor", sizes[paths[0]]) as floor:
                    candidates = {
                        "roentgen": (ours, paths, token, CONNECTIONS),
                        "nginx": (nginx, paths, token, CONNECTIONS),
                    }
                    if peer_bound:
                        candidates["fastapi"] = (peer, paths, peers_token, PEER_CONNECTIONS)
                    candidates["floor"] = (floor, paths, token, CONNECTIONS)
                    got = bench.compare(candidates)
                ours_rps = got["roentgen"]["rps"]
                bench.add(
                    f"{what}, {sizes[paths[0]]:,} bytes",
                    f"{number(ours_rps)}/s",
                    f"nginx, same size: {number(got['nginx']['rps'])}/s",
                    **at_least(ours_rps / got["nginx"]["rps"], bound),
                )
                if peer_bound:
                    bench.add(
                        "— against FastAPI",
                        f"{number(ours_rps)}/s",
                        f"FastAPI: {number(got['fastapi']['rps'])}/s",
                        **times(ours_rps / got["fastapi"]["rps"], peer_bound),
                    )
                bench.add(
                    "— against bare libmicrohttpd",
                    f"{number(ours_rps)}/s",
                    f"constant body: {number(got['floor']['rps'])}/s",
                    ratio=f"{ours_rps / got['floor']['rps']:.2f}",
                )
                by_core = ", ".join(f"{name} {number(run['rps'] / run['server_core'])}" for name, run in got.items())
                bench.notes.append(
                    f"{what}: p50 {got['roentgen']['p50_us']} µs, p99 {got['roentgen']['p99_us']} µs with "
                    f"{CONNECTIONS} "
                    f"connections. Requests for each second of processor time, which a busy machine disturbs less: "
                    f"{by_core}."
                )


def scale(bench):
    """What a list and the totals cost with many more rows."""
    small, large = (10_000, 100_000) if bench.quick else (10_000, 1_000_000)
    with bench.roentgen("scale-small", small) as few, bench.roentgen("scale-large", large) as many:
        tokens = bench.login(few), bench.login(many)
        for what, path in (("`my-images`", LIST), ("`stats/summary`", STATS)):
            say(f"  {what} at {small:,} and {large:,} files")
            got = bench.compare(
                {"few": (few, [path], tokens[0], CONNECTIONS), "many": (many, [path], tokens[1], CONNECTIONS)}
            )
            cost = {name: run["server_core"] / run["rps"] * 1e6 for name, run in got.items()}
            bench.add(
                f"{what} at {large:,} files, processor time each",
                f"{cost['many']:.1f} µs",
                f"at {small:,} files: {cost['few']:.1f} µs",
                **at_most(cost["many"] / cost["few"], 1.3),
            )


# ---- bytes ----


def median_of(runs, what):
    return statistics.median(what() for _ in range(runs))


def check_download(server, token, answer, path):
    status, headers, data = servers.call(server.port, "GET", path, token)
    if status != 200 or hashlib.sha256(data).hexdigest() != answer["sha256"]:
        raise RuntimeError("the download is not what was uploaded")


def downloads(bench):
    size, per_run = 100_000_000, 5 if bench.quick else 15
    with bench.roentgen("download", 10_000) as ours, servers.nginx(bench.folder / "nginx-download", {}) as nginx:
        token = bench.login(ours)
        _, answer = load.upload(ours.port, token, size)
        path = f"/api/v1/image-files/{answer['id']}/download"
        check_download(ours, token, answer, path)
        (nginx.folder / "files" / "large").write_bytes(os.urandom(size))
        load.quiesce()
        say("  download of 100 MB")
        rates = {"ours": [], "nginx": []}
        for _ in range(bench.runs + 1):
            rates["ours"].append(size * per_run / 1e6 / load.download(ours.port, path, token, size, per_run))
            rates["nginx"].append(size * per_run / 1e6 / load.download(nginx.port, "/files/large", None, size, per_run))
        mine, theirs = (statistics.median(rates[name][1:]) for name in ("ours", "nginx"))
        bench.add("download of a 100 MB file", f"{number(mine)} MB/s", f"nginx, sendfile: {number(theirs)} MB/s",
                  **at_least(mine / theirs, 0.9))


def disk_floor(bench, size):
    """MB/s of writing and fsyncing `size` bytes, and of computing MD5 and SHA-256 of them, by one thread."""
    path = bench.folder / "floor.bin"
    load.quiesce()
    started = time.perf_counter()
    with open(path, "wb", buffering=0) as f:
        for _ in range(size // MIB):
            f.write(load.BLOCK)
        os.fsync(f.fileno())
    written = time.perf_counter() - started
    path.unlink()
    started = time.perf_counter()
    digests = hashlib.md5(), hashlib.sha256()
    for _ in range(256):
        for digest in digests:
            digest.update(load.BLOCK)
    return size / 1e6 / written, 256 * MIB / 1e6 / (time.perf_counter() - started)


def fsync_of(path):
    started = time.perf_counter()
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    return time.perf_counter() - started


def uploads(bench):
    """One large file in one request."""
    size = 256 * MIB if bench.quick else 1024 * MIB
    with bench.roentgen("upload", 10_000) as ours, servers.nginx(bench.folder / "nginx-upload", {}) as nginx:
        token = bench.login(ours)
        target = nginx.folder / "dav" / "large.bin"
        say(f"  upload of {size // MIB} MiB")
        rates = {"ours": [], "nginx": [], "synced": []}
        core = []
        for _ in range(bench.runs):
            target.unlink(missing_ok=True)
            load.quiesce()
            before = ours.cpu_s()
            seconds, answer = load.upload(ours.port, token, size)
            core.append((ours.cpu_s() - before) / seconds)
            if answer["file_size"] != size:
                raise RuntimeError("the upload was not taken whole")
            rates["ours"].append(size / 1e6 / seconds)
            load.quiesce()
            seconds = load.put(nginx.port, "/dav/large.bin", size)
            rates["nginx"].append(size / 1e6 / seconds)
            rates["synced"].append(size / 1e6 / (seconds + fsync_of(target)))
            say(
                f"      roentgen {rates['ours'][-1]:.0f} MB/s (core {core[-1]:.0%}), nginx {rates['nginx'][-1]:.0f} "
                f"MB/s, "
                f"with fsync {rates['synced'][-1]:.0f} MB/s"
            )
        mine, theirs, synced = (statistics.median(rates[name]) for name in ("ours", "nginx", "synced"))
        what = "1 GiB" if size == 1 << 30 else f"{size // MIB} MiB"
        bench.add(
            f"upload of {what}: MD5, SHA-256, fsync",
            f"{number(mine)} MB/s",
            f"nginx PUT, no fsync: {number(theirs)} MB/s",
            **at_least(mine / theirs, 0.5),
        )
        bench.add(
            "— against nginx and an fsync",
            f"{number(mine)} MB/s",
            f"{number(synced)} MB/s",
            ratio=f"{mine / synced:.2f}",
        )
        disk, hashes = disk_floor(bench, size)
        bench.notes.append(
            f"Floors of that upload on this machine: write and fsync {number(disk)} MB/s, MD5 and SHA-256 after each "
            f"other on one core {number(hashes)} MB/s."
        )


def count_syncs(trace):
    """fsyncs by what they were for, from a trace that names the files (strace -y): {"commits", "files", "folders",
    "other"}."""
    counts = {"commits": 0, "files": 0, "folders": 0, "other": 0}
    for line in trace.read_text(errors="replace").splitlines():
        found = re.search(r"(?:fsync|fdatasync|syncfs|sync_file_range)\(\d+<([^>]*)>", line)
        if not found:
            continue
        path = found[1]
        if path.endswith("-wal"):
            counts["commits"] += 1
        elif ".db" in path:
            counts["other"] += 1
        elif os.path.isdir(path):
            counts["folders"] += 1
        else:
            counts["files"] += 1
    return counts


def many_uploads(bench):
    """16 clients with small files: how many a second, and what they cost in commits."""
    size, seconds, clients = 500_000, (2 if bench.quick else 5), 16
    with bench.roentgen("small", 10_000) as ours, servers.nginx(bench.folder / "nginx-small", {}) as nginx:
        token = bench.login(ours)
        say("  16 clients, 500 kB files")
        rates, puts, uploaded, before = [], [], 0, commits(ours)
        for _ in range(bench.runs):
            load.quiesce()
            files, took = load.many_clients(ours.port, clients, seconds, lambda s: load.upload_on(s, token, size))
            rates.append(files / took)
            uploaded += files
            load.quiesce()
            files, took = load.many_clients(
                nginx.port, clients, seconds, lambda s: load.put_on(s, f"/dav/{time.monotonic_ns()}", size)
            )
            puts.append(files / took)
            say(f"      roentgen {rates[-1]:.0f} files/s, nginx PUT {puts[-1]:.0f} files/s")
        committed = commits(ours) - before
        mine, theirs = statistics.median(rates), statistics.median(puts)
    bench.add("16 clients, 500 kB files", f"{number(mine)} files/s", f"nginx PUT, no fsync: {number(theirs)} files/s",
              ratio=f"{mine / theirs:.2f}")
    bench.add("— commits for them", f"{committed} for {uploaded} files", ratio=f"{committed / uploaded:.2f} a file")
    if shutil.which("strace"):
        fsyncs(bench, size, clients, committed / uploaded)
    else:
        bench.notes.append("strace is not installed: fsyncs were not counted.")


def commits(server):
    """Durable commits of the database so far."""
    _, _, text = servers.call(server.port, "GET", "/metrics")
    return int(re.search(rb"^roentgen_db_commits_total (\d+)", text, re.M)[1])


def fsyncs(bench, size, clients, commits_a_file):
    """Counted under strace, which is slow: what belongs to a file does not depend on that, how many share a commit
    does."""
    trace = bench.folder / "trace.txt"
    around = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-y",
        "-o",
        str(trace),
        "-e",
        "trace=fsync,fdatasync,syncfs,sync_file_range",
    ]
    with bench.roentgen("small", 10_000, around) as ours:  # again, where the store's folders are already made
        token = bench.login(ours)
        before = count_syncs(trace)
        files, _ = load.many_clients(ours.port, clients, 2, lambda s: load.upload_on(s, token, size))
        time.sleep(0.3)
        counts = {name: n - before[name] for name, n in count_syncs(trace).items()}
    of_files, of_folders = counts["files"] / files, counts["folders"] / files
    bench.add("— fsyncs for them", f"{of_files + of_folders + commits_a_file:.2f} a file",
              f"{of_files:.2f} of the file, {of_folders:.2f} of folders, {commits_a_file:.2f} of commits")


# ---- the process ----


def memory(bench):
    size, idle = (512 if bench.quick else 2048) * MIB, 1000
    with bench.roentgen("memory", 100_000) as ours:
        resting = ours.memory_mib()
        token = bench.login(ours)
        say(f"  memory during an upload of {size // MIB} MiB with {idle} idle connections")
        sockets = load.idle_connections(ours.port, idle)
        load.upload(ours.port, token, size)
        now = ours.memory_mib()
        alive = load.still_open(sockets)
        for s in sockets:
            s.close()
    what = f"{size // (1 << 30)} GiB" if size >= 1 << 30 else f"{size // MIB} MiB"
    bench.add(f"most resident memory, {what} upload and {idle:,} idle connections", f"{now['VmHWM']:.1f} MiB",
              f"at rest: {resting['VmRSS']:.1f} MiB", wanted="< 64 MiB", holds=now["VmHWM"] < 64)
    bench.notes.append(
        f"Of that memory {now['RssAnon']:.1f} MiB were the process' own "
        f"and {now['RssFile']:.1f} MiB pages of programs and "
        f"libraries, after the upload; {alive:,} of {idle:,} idle connections were still open."
    )


def starts(bench):
    say("  start to first answer")
    seconds = []
    for _ in range(10):
        with bench.roentgen("start", 100_000) as ours:
            seconds.append(ours.ready_s * 1000)
    bench.add(
        "start to first answer (100,000 files), median of 10",
        f"{statistics.median(seconds):.1f} ms",
        f"fastest {min(seconds):.1f} ms",
        wanted="< 100 ms",
        holds=statistics.median(seconds) < 100,
    )


SERVER_PARTS = {
    "reads": reads,
    "scale": scale,
    "downloads": downloads,
    "uploads": uploads,
    "many": many_uploads,
    "memory": memory,
    "starts": starts,
}
SUITES = {"server": SERVER_PARTS, "imaging": {**headers.PARTS, **ingest.PARTS, **rendering.PARTS, **decoders.PARTS},
          "jobs": jobs.PARTS, "events": events.PARTS, "inference": inference.PARTS, "diagnosis": diagnosis.PARTS,
          "reports": reports.PARTS}
# Of the tables in docs/performance.md.
MARKS = {"server": "bench", "imaging": "imaging", "jobs": "jobs", "events": "events",
         "inference": "inference", "diagnosis": "diagnosis", "reports": "reports"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="?", choices=SUITES, default="server", help="what to measure")
    parser.add_argument("--data", default=servers.ROOT / "tests" / "data", help="imaging: the folder of sample files")
    parser.add_argument("--binary", default=servers.ROOT / "build" / "roentgen", help="a release build of the server")
    parser.add_argument("--quick", action="store_true", help="shorter and smaller, for a look; the page stays as it is")
    parser.add_argument(
        "--only",
        help="parts, separated by commas: "
        + "; ".join(f"{name}: {', '.join(parts)}" for name, parts in SUITES.items())
        + "; the page stays as it is",
    )
    parser.add_argument("--work", help="folder for databases and files (else TMPDIR); needs 10 GB")
    options = parser.parse_args()
    parts = SUITES[options.suite]
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where nginx is, for people who are not root
    missing = [tool for tool in ("nginx", "wrk", "taskset") if not shutil.which(tool)]
    if missing or not Path(options.binary).exists():
        parser.error(f"missing: {', '.join(missing) or options.binary} (script/bootstrap and script/build bring them)")
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("two cores are needed: one for the server, one for its clients")
    started = time.time()
    bench = Bench(options)
    for name in options.only.split(",") if options.only else parts:
        say(f"{name}:")
        parts[name](bench)
    command = (
        "script/bench"
        + (f" {options.suite}" if options.suite != "server" else "")
        + (" --quick" if bench.quick else "")
        + (f" --only {options.only}" if options.only else "")
    )
    facts = [
        (
            "command",
            f"`{command}`, {time.strftime('%Y-%m-%d', time.gmtime(started))}, {(time.time() - started) / 60:.0f} "
            f"minutes",
        ),
        ("machine", report.machine(bench.folder)),
        ("versions", report.versions(bench.binary, bench.python)),
    ]
    print("\n".join(f"{name}: {value}" for name, value in facts) + "\n\n" + report.text_table(bench.rows))
    print("\n" + "\n".join(f"- {note}" for note in bench.notes))
    if not bench.quick and not options.only:
        report.write(
            servers.ROOT / "docs" / "performance.md",
            report.markdown(bench.rows, facts, bench.notes),
            MARKS[options.suite],
        )
        say("written to docs/performance.md")
    # Only now: file systems without a journal look twice at inodes deleted in the last minutes before they make a file.
    shutil.rmtree(bench.folder)


if __name__ == "__main__":
    main()
