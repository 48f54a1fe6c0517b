#!/usr/bin/env python3
"""Instructions that the server spends on a request, counted by valgrind: figures that a busy machine does not disturb.

    python3 bench/instructions.py                                   # build/roentgen
    python3 bench/instructions.py --against /elsewhere/build/roentgen   # and another release build beside it
    python3 bench/instructions.py --only list --keep profiles       # leaves profiles for callgrind_annotate

Counted is all that the server's process executes from the first request until it has come to rest after the last: the
answer, the audit row, the commit, the flush. The kernel's part is not seen, nor are decoders, which are processes of
their own. One client asks, one request after the other, so that nothing shares a commit: an upload costs more here than
beside others. Wants valgrind."""

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import load
import rendering
import run
import seed
import servers
import templates
from ingest import SLICE

FILES = 10_000  # rows that are there before
REST_S = 2  # audit rows are written by then, and thumbnails that uploads left
VALGRIND = [
    "valgrind",
    "--tool=callgrind",
    "--quiet",
    "--dump-instr=no",
    "--vgdb=no",
    "--callgrind-out-file=callgrind.out",
    "--dump-before=info_get",
]
# valgrind takes each byte of `rep stosb` for an instruction, the processor does not: let glibc clear and copy as it
# does small pieces.
PLAIN = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_stosb_threshold=1073741824:glibc.cpu.x86_rep_movsb_threshold=1073741824"}


class Counted:
    """A server of `binary` under valgrind on a copy of a seeded database, who asks it, and what was counted."""

    def __init__(self, binary, work, data):
        self.folder = work / f"run-{time.time_ns()}"
        self.folder.mkdir(parents=True)
        path, self.info = seed.seeded(binary, work / "seeds", FILES, run.say)
        self.database = self.folder / "roentgen.db"
        shutil.copyfile(path, self.database)
        self.large, self.small = templates.make(data / SLICE, self.folder)
        self.sender = servers.compiled("client/instances.c", self.folder)
        self.sent = 0
        self.start(binary)  # decoders do not start under valgrind: the picture is made before
        self.send(self.large)(1)
        rendering.is_at_rest(self.server)
        self.picture = rendering.paths_of(self.server)[-1]
        rendering.picture(self.server, self.picture, self.token)
        self.stop()
        program = self.folder / "under-valgrind"
        program.write_text(f'#!/bin/sh\nexec {" ".join(VALGRIND)} {binary} "$@"\n')
        program.chmod(0o755)
        self.start(str(program))

    def start(self, program):
        self.server = servers.roentgen(
            program, self.folder, self.database, self.info, core=None, settings=PLAIN, limit_s=300
        )
        self.server.info, self.server.database = self.info, self.database
        self.token = run.Bench.login(self.server, self.server)

    def stop(self):
        self.server.stop()

    def profile(self):
        """What was counted since the last call: this request is the mark that makes callgrind write and begin anew."""
        known = set(self.folder.glob("callgrind.out.*"))
        time.sleep(REST_S)
        servers.call(self.server.port, "GET", "/api/v1/system/info", self.token)
        written, = set(self.folder.glob("callgrind.out.*")) - known
        return written

    def count(self, name, ask, times, warm, keep):
        """Instructions for each of `times` calls of ask(how many)."""
        ask(warm)
        self.profile()
        ask(times)
        profile = self.profile()
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(profile, keep / name)
        return int(re.search(r"^(?:totals|summary): (\d+)", profile.read_text(), re.M)[1]) / times

    def get(self, paths, accept=None):
        """A function that asks for the next of `paths` so many times over one connection."""
        turn = itertools.cycle(paths)
        head = (
            f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
            + (f"Accept: {accept}\r\n" if accept else "")
            + "\r\n"
        )

        def ask(times):
            with load.connect(self.server.port) as s:
                for path in itertools.islice(turn, times):
                    s.sendall(f"GET {path} {head}".encode())
                    status, answer_head, _ = load.read_answer(s)
                    if status != 200:
                        raise RuntimeError(f"{path} answered {answer_head!r}")
        return ask

    def send(self, template):
        def ask(times):
            subprocess.run(
                [self.sender, str(self.server.port), "1", str(times), str(self.sent), template, "form", self.token],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            self.sent += times
        return ask


def one(counted):
    return counted.get(run.own_files(counted.info, 7, FILES)), 1000, 300


def listed(counted):
    return counted.get([run.LIST + "?page_size=20"]), 300, 100


def totals(counted):
    return counted.get([run.STATS]), 1000, 300


def ingest(counted):
    return counted.send(counted.small), 300, 100


def picture(counted):
    return counted.get([counted.picture], "image/jpeg"), 1000, 300


PARTS = {
    "one": ("`GET /image-files/{id}`", one),
    "list": ("`GET /image-files/my-images`, 20 rows", listed),
    "totals": ("`GET /image-files/stats/summary`", totals),
    "picture": ("`GET /images/{id}/rendered` from the cache", picture),
    "ingest": ("`POST /upload/single`, an instance of 16 kB", ingest),
}


def measured(binary, work, options):
    counted = Counted(binary, work, Path(options.data))
    found = {}
    try:
        for name in options.only.split(",") if options.only else PARTS:
            what, part = PARTS[name]
            ask, times, warm = part(counted)
            found[what] = counted.count(name, ask, times, warm, options.keep and Path(options.keep) / work.name)
            run.say(f"  {what}: {found[what]:,.0f}")
    finally:
        counted.stop()
        shutil.rmtree(counted.folder)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=servers.ROOT / "build" / "roentgen", help="a release build of the server")
    parser.add_argument("--against", help="another one, whose figures come first")
    parser.add_argument("--only", help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--keep", help="a folder for the profiles")
    parser.add_argument("--data", default=servers.ROOT / "tests" / "data", help="the folder of sample files")
    parser.add_argument(
        "--work", default=os.environ.get("TMPDIR") or tempfile.gettempdir(), help="folder for databases and files"
    )
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        parser.error("valgrind is missing")
    work, columns = Path(options.work) / "roentgen-instructions", {}
    if options.against:
        run.say(f"{options.against}:")
        columns["before"] = measured(str(Path(options.against).resolve()), work / "before", options)
    run.say(f"{options.binary}:")
    columns["now"] = measured(str(Path(options.binary).resolve()), work / "now", options)
    print("| instructions for each | " + " | ".join(columns) + " |\n|---|" + "--:|" * len(columns))
    for what in columns["now"]:
        print(f"| {what} | " + " | ".join(f"{column[what]:,.0f}" for column in columns.values()) + " |")


if __name__ == "__main__":
    sys.exit(main())
