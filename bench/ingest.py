"""script/bench imaging: how fast DICOM instances are stored for good, beside Orthanc and beside the least a program can
do."""

import json
import os
import re
import shutil
import subprocess
import sys

import load
import servers
import templates
from report import at_least, at_most, number

CLIENTS = 4
SLICE = "dicom/ct_transfer_syntaxes/CTImage.dcm"
STORED = (0, 50_000, 250_000, 1_000_000)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Sender:
    """client/instances.c; numbers its instances so that no two of a bench are alike."""

    def __init__(self, bench):
        self.program = servers.compiled("client/instances.c", bench.folder / "client")
        self.large, self.small = templates.make(bench.data / SLICE, bench.folder / "client")
        self.next = 0

    def send(self, server, template, count, token=None, clients=CLIENTS):
        load.quiesce()
        before = server.cpu_s()
        done = subprocess.run([self.program, str(server.port), str(clients), str(count), str(self.next), template,
                               "form" if token else "body", token or ""], stdout=subprocess.PIPE)
        self.next += count
        result = json.loads(done.stdout)
        if done.returncode or result["failed"]:
            raise RuntimeError(f"{result['failed']} of {count} instances were not taken by {server.name}")
        result["rate"] = count / result["seconds"]
        result["cpu_us"] = (server.cpu_s() - before) / count * 1e6
        result["client_core"] = result["cpu_s"] / result["seconds"]
        return result


def counters(server):
    """What the server says of commits and flushes so far."""
    _, _, text = servers.call(server.port, "GET", "/metrics")
    names = {"commits": b"db_commits", "flushes": b"journal_flushes", "settles": b"journal_settles"}
    return {
        name: int(re.search(rb"^roentgen_%s_total (\d+)" % metric, text, re.M)[1]) for name, metric in names.items()
    }


def median(runs):
    return sorted(runs, key=lambda r: r["rate"])[len(runs) // 2]


def ingest(bench):
    """Files a second into an empty store: Roentgen, Orthanc, and the two floors, in turns."""
    os.sched_setaffinity(0, range(os.cpu_count()))
    sender = Sender(bench)
    scale = 5 if bench.quick else 1
    with bench.roentgen("ingest", 0, core=None) as ours, servers.orthanc(bench.folder / "orthanc") as orthanc, \
            servers.ingest_floor(bench.folder / "floor-ingest", "files") as files, \
            servers.ingest_floor(bench.folder / "floor-ingest", "log") as log:
        os.sched_setaffinity(0, range(os.cpu_count()))
        token = bench.login(ours)
        for template, count, bound in ((sender.large, 1000 // scale, 3), (sender.small, 5000 // scale, 10)):
            size = template.stat().st_size
            what = f"{count:,} CT instances of {size // 1000:,} kB, {CLIENTS} clients"
            say(f"  {what}")
            runs = {"ours": [], "orthanc": [], "files": [], "log": []}
            spent = []
            for round_ in range(bench.runs):
                before = counters(ours)
                runs["ours"].append(sender.send(ours, template, count, token))
                spent.append({name: n - before[name] for name, n in counters(ours).items()})
                runs["files"].append(sender.send(files, template, count))
                runs["log"].append(sender.send(log, template, count))
                runs["orthanc"].append(sender.send(orthanc, template, count))
                say(
                    "      "
                    + ", ".join(
                        f"{name} {r[-1]['rate']:,.0f}/s ({r[-1]['cpu_us']:.0f} us of processor)"
                        for name, r in runs.items()
                    )
                )
            got = {name: median(r) for name, r in runs.items()}
            mine = got["ours"]["rate"]
            bench.add(
                what,
                f"{number(mine)} files/s",
                f"Orthanc: {number(got['orthanc']['rate'])} files/s",
                ratio=f"{mine / got['orthanc']['rate']:.1f} ×",
                wanted=f"≥ {bound} ×",
                holds=mine / got["orthanc"]["rate"] >= bound,
            )
            bench.add("— against the floor: a file each, fsyncs in groups", f"{number(mine)} files/s",
                      f"{number(got['files']['rate'])} files/s", **at_least(mine / got["files"]["rate"], 0.7))
            bench.add(
                "— against one preallocated log, a flush a group",
                f"{number(mine)} files/s",
                f"{number(got['log']['rate'])} files/s",
                ratio=f"{mine / got['log']['rate']:.2f}",
            )
            cost = spent[runs["ours"].index(got["ours"])]
            bench.add("— commits, flushes of the journal, syncs of the file system",
                      f"{cost['commits']:,}, {cost['flushes']:,}, {cost['settles']:,}",
                      f"{(cost['commits'] + cost['flushes'] + cost['settles']) / count:.2f} a file")
            bench.notes.append(
                f"{size // 1000:,} kB: p50 {got['ours']['p50_us'] / 1000:.1f} ms, p99 "
                f"{got['ours']['p99_us'] / 1000:.1f} ms (Orthanc "
                f"{got['orthanc']['p50_us'] / 1000:.1f} and {got['orthanc']['p99_us'] / 1000:.1f} ms). Processor time "
                f"a file: "
                f"{got['ours']['cpu_us']:.0f} µs, Orthanc {got['orthanc']['cpu_us']:.0f} µs, floor "
                f"{got['files']['cpu_us']:.0f} and "
                f"{got['log']['cpu_us']:.0f} µs. The client used {got['ours']['client_core']:.0%} of a core."
            )
    if shutil.which("strace"):
        count_fsyncs(bench, sender, 2000 // scale)


def count_fsyncs(bench, sender, count):
    """What the server asks the disk for, counted from outside."""
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
    with bench.roentgen("ingest", 0, around, core=None) as ours:
        token = bench.login(ours)
        sender.send(ours, sender.small, count // 10, token)  # segments and folders are made by then
        start = len(trace.read_text(errors="replace").splitlines())
        sender.send(ours, sender.small, count, token)
        lines = trace.read_text(errors="replace").splitlines()[start:]
    kinds = {"commits": 0, "journal": 0, "file system": 0, "database": 0, "other": 0}
    for line in lines:
        found = re.search(r"(fsync|fdatasync|syncfs|sync_file_range)\(\d+<([^>]*)>", line)
        if found:
            call, path = found.groups()
            kind = (
                "file system"
                if call == "syncfs"
                else "commits"
                if path.endswith("-wal")
                else "journal"
                if "/tmp/journal+" in path
                else "database"
                if path.endswith(".db")
                else "other"
            )
            kinds[kind] += 1
    bench.add(
        f"fsyncs for {count:,} instances of 16 kB, counted by strace",
        f"{sum(kinds.values()) / count:.2f} a file",
        ", ".join(f"{n:,} {name}" for name, n in kinds.items() if n),
    )


def flat(bench):
    """The same small instances into databases that hold ever more."""
    os.sched_setaffinity(0, range(os.cpu_count()))
    sender = Sender(bench)
    stored = (0, 10_000, 100_000) if bench.quick else STORED
    count = 1000 if bench.quick else 5000
    rates, memory = {n: [] for n in stored}, {}
    servers_ = {}
    try:
        for n in stored:
            servers_[n] = bench.roentgen(f"flat-{n}", n, core=None)
        os.sched_setaffinity(0, range(os.cpu_count()))
        tokens = {n: bench.login(server) for n, server in servers_.items()}
        for round_ in range(bench.runs + 1):
            for n, server in servers_.items():
                run = sender.send(server, sender.small, count, tokens[n])
                memory[n] = server.memory_mib()
                if round_:
                    rates[n].append(run)
            say(
                "      "
                + ", ".join(f"{n:,}: {r[-1]['rate']:,.0f}/s ({r[-1]['cpu_us']:.0f} us)" for n, r in rates.items() if r)
            )
    finally:
        for server in servers_.values():
            server.stop()
    got = {n: median(r) for n, r in rates.items()}
    for n in stored[1:]:
        bench.add(
            f"instances of 16 kB, {n:,} stored already",
            f"{number(got[n]['rate'])} files/s",
            f"empty: {number(got[0]['rate'])} files/s",
            **at_most(got[0]["rate"] / got[n]["rate"], 1.3),
        )
        bench.add("— processor time each", f"{got[n]['cpu_us']:.0f} µs", f"empty: {got[0]['cpu_us']:.0f} µs",
                  ratio=f"{got[n]['cpu_us'] / got[0]['cpu_us']:.2f}")
        bench.add("— most resident memory", f"{memory[n]['VmHWM']:.1f} MiB", f"empty: {memory[0]['VmHWM']:.1f} MiB",
                  **at_most(memory[n]["VmHWM"] / memory[0]["VmHWM"], 1.5))


PARTS = {"ingest": ingest, "flat": flat}
