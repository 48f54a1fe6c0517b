"""script/bench imaging: how fast headers are read, beside dcmdump and pydicom."""

import os
import shutil
import statistics
import subprocess
import time

import ingest
import servers
from ingest import say
from report import number, times

DUMP = "dcmdump"
# a process a file: for so many files
STARTED, BY_FILE = 200, "find {} -type f -print0 | head -z -n {} | xargs -0 -n 1 {}"


def copies(source, folder, count):
    folder.mkdir(parents=True)
    for i in range(count):
        shutil.copyfile(source, folder / f"{i:04d}.dcm")
    return folder


def rate(count, *command, shell=False):
    """Files a second of a program that reads them all."""
    started = time.perf_counter()
    subprocess.run(
        command[0] if shell else command, shell=shell, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return count / (time.perf_counter() - started)


def output(*command):
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def by_file(folder, *command):
    return rate(STARTED, BY_FILE.format(folder, STARTED, " ".join(map(str, command))), shell=True)


def reader(bench):
    """One header in memory, and a folder of slices: open, map, read, close. All in the page cache, one core."""
    bench.python = servers.peer_python(say)
    program = servers.compiled_with_ours("reader/header.c", bench.folder / "reader", bench.build)
    source, count = bench.data / ingest.SLICE, 200 if bench.quick else 1000
    folder = copies(source, bench.folder / "reader" / "slices", count)
    os.sync()
    os.sched_setaffinity(0, {servers.CLIENT_CORE})
    us = statistics.median(output(program, source) for _ in range(bench.runs))
    bench.add("header of a 512 × 512 CT slice, warm, processor time", f"{us:.2f} µs", wanted="< 15 µs", holds=us < 15)
    readers = {
        "ours": lambda: statistics.median(output(program, "-f", folder) for _ in range(5)),  # each is over in 30 ms
        "dcmdump": lambda: rate(count, DUMP, "+sd", folder),
        "dcmdump -M": lambda: rate(count, DUMP, "-M", "+sd", folder),
        "dcmdump by file": lambda: by_file(folder, DUMP),
        "ours by file": lambda: by_file(folder, bench.binary, "dicom", "dump"),
        "pydicom": lambda: output(bench.python, servers.HERE / "peers" / "pydicom" / "headers.py", folder),
    }
    runs = {name: [] for name in readers}
    for round_ in range(bench.runs + 1):
        for name, read in readers.items():
            found = read()
            if round_:
                runs[name].append(found)
        say("      " + (", ".join(f"{name} {r[-1]:,.0f}/s" for name, r in runs.items() if r) or "warm"))
    got = {name: statistics.median(r) for name, r in runs.items()}
    mine = got["ours"]
    bench.add(
        f"folder of {count:,} CT slices of 0.5 MB: headers",
        f"{number(mine)} files/s",
        f"`dcmdump`, a process a file: {number(got['dcmdump by file'])} files/s",
        **times(mine / got["dcmdump by file"], 20),
    )
    bench.add("— against one process of `dcmdump`", f"{number(mine)} files/s", f"{number(got['dcmdump'])} files/s",
              **times(mine / got["dcmdump"], 20))
    bench.add("— the same, pixels not loaded (`-M`)", f"{number(mine)} files/s", f"{number(got['dcmdump -M'])} files/s",
              **times(mine / got["dcmdump -M"], 20))
    bench.add("— against pydicom, `stop_before_pixels`", f"{number(mine)} files/s", f"{number(got['pydicom'])} files/s",
              **times(mine / got["pydicom"], 50))
    bench.add(
        "— `roentgen dicom dump`, a process a file",
        f"{number(got['ours by file'])} files/s",
        f"`dcmdump`: {number(got['dcmdump by file'])} files/s",
        ratio=f"{got['ours by file'] / got['dcmdump by file']:.1f} ×",
    )


PARTS = {"reader": reader}
