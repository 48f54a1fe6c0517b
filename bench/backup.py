"""A backup of many small and some large files against `cp -a` and `sha256sum` of the same files, in one run.

    python3 bench/backup.py --target /dev/shm/bench      # on another file system, so that bytes are copied

Prints a table: seconds, and seconds of processor time, which a busy machine disturbs less.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/roentgen", type=Path)
    parser.add_argument("--small", default=10000, type=int, help="files of 20 kB")
    parser.add_argument("--large", default=16, type=int, help="files of 128 MiB")
    parser.add_argument("--folder", default=None, help="where the files are made")
    parser.add_argument("--target", default="/dev/shm/roentgen-bench", help="where copies go; it is emptied")
    return parser.parse_args()


def environment(place):
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return keep | {
        "DATABASE_URL": f"sqlite:///{place}/roentgen.db",
        "STORAGE_URL": f"file://{place}/files",
        "SECRET_KEY": "8c1f7e5b2a9d40736e51b0c4d3f8a2960",
        "BCRYPT_COST": "4",
        "ALLOW_OTHER": "true",
        "LOG_FILE": f"{place}/log",
    }


def fill(folder, small, large):
    """Bytes that do not compress, and of which no two files have the same."""
    for i in range(small):
        (folder / f"{i % 100}").mkdir(parents=True, exist_ok=True)
        (folder / f"{i % 100}" / f"{i}.bin").write_bytes(os.urandom(20000))
    for i in range(large):
        with open(folder / f"large{i}.bin", "wb") as file:
            for _ in range(128):
                file.write(os.urandom(MIB))


class Measured:
    def __init__(self):
        self.lines = []

    def run(self, what, command, env=None, shell=False):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, env=env, shell=shell, stdout=subprocess.DEVNULL)
        took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.lines.append(f"| {what} | {took:.1f} | {processor:.1f} |")


def measure(given, place, target):
    binary, env = given.binary.resolve(), environment(place)
    fill(place / "import", given.small, given.large)
    subprocess.run([binary, "init-db"], check=True, env=env, stdout=subprocess.DEVNULL)
    subprocess.run(
        [binary, "create-superuser", "--username", "chief", "--email", "c@example.org", "--password-stdin"],
        input=b"Zebra-7-canyon-lamp\n", check=True, env=env, stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        [binary, "import", place / "import", "--username", "chief"], check=True, env=env, stdout=subprocess.DEVNULL
    )
    shutil.rmtree(place / "import")
    files = place / "files" / "completed"
    subprocess.run(["sync"], check=True)
    m = Measured()
    m.run("`cp -a`, then `sync -f`", f"cp -a {files} {target}/cp && sync -f {target}/cp", shell=True)
    m.run("`sha256sum` of all", f"find {files} -type f -print0 | xargs -0 sha256sum", shell=True)
    shutil.rmtree(target / "cp")
    m.run("`roentgen backup`, the first: read, hashed, copied", [binary, "backup", target / "b"], env)
    m.run("the second, nothing new", [binary, "backup", target / "b"], env)
    m.run("`roentgen backup verify`", [binary, "backup", "verify", target / "b"], env)
    m.run("the first, on the file system of the store: read, hashed, linked", [binary, "backup", place / "b"], env)
    other = environment(place / "other")
    m.run("`roentgen restore`", [binary, "restore", target / "b"], other)
    shutil.rmtree(place / "other")
    m.run("`roentgen restore --verify`", [binary, "restore", "--verify", target / "b"], other)
    return m.lines


def main():
    given = arguments()
    target = Path(given.target)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    try:
        with tempfile.TemporaryDirectory(dir=given.folder) as place:
            lines = measure(given, Path(place), target)
        print(f"{given.small} files of 20 kB and {given.large} of 128 MiB, SQLite\n")
        print("| | seconds | of processor time |\n|---|--:|--:|")
        print("\n".join(lines))
    finally:
        shutil.rmtree(target, ignore_errors=True)


if __name__ == "__main__":
    main()
