"""Backups: made while others work, whole or not at all, incremental, verified, brought back into empty places."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest

from support import BINARY, ON_SQLITE, Server, files_below, new_database, ok, own_mounts, png, problem, sha256
from support import wait_until
from test_jobs import ended, looked_long_ago

DATABASE = "database.sqlite" if ON_SQLITE else "database.sql"
NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    server = Server(
        folder, ARCHIVE_URL=f"file://{folder}/archive", BACKUP_TARGET=folder / "target", BACKUP_SCHEDULE="@yearly",
        JOBS_KEEP="36500d",
    )
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def films(house):
    """Content of files that stay, by id; one of them in the archive, two with the same bytes."""
    chief = house.admin()
    contents = [png() + os.urandom(30000) for _ in range(6)] + [png() + os.urandom(3 << 20)]
    kept = {chief.upload(content)["id"]: content for content in contents}
    kept[chief.upload(contents[0])["id"]] = contents[0]
    ok(chief.post(f"/image-files/{chief.upload(contents[1])['id']}/archive"))
    return kept


@pytest.fixture(scope="module")
def whole(house, films, tmp_path_factory):
    """One backup, for tests that only look at it or harm copies of it."""
    target = tmp_path_factory.mktemp("whole")
    house.run("backup", target)
    return newest(target)


def names(target):
    return sorted(p.name for p in Path(target).iterdir() if NAME.fullmatch(p.name))


def newest(target):
    return Path(target) / names(target)[-1]


def listed(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def key_of(folder):
    return re.search("^key: (.*)$", (folder / "about.txt").read_text(), re.M).group(1)


def checked(folder):
    """What sha256sum says of it, and that nothing else lies there."""
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert there - set(listed(folder)) == {"SHA256SUMS", "SHA256SUMS.hmac"}


def emptied(house, folder, **settings):
    """A server of the same SECRET_KEY with places in which there is nothing."""
    other = Server(folder, **{"SECRET_KEY": house.settings["SECRET_KEY"], "ARCHIVE_URL": f"file://{folder}/archive"})
    other.settings.update(settings)
    return other


def tables(database):
    """Every row of every table."""
    if not ON_SQLITE:
        found = [n for (n,) in database.rows("select table_name from information_schema.tables where table_schema = "
                                             "database() order by table_name")]
        told, rows = {}, []
        asked = ";".join(f"select '#{n}'; select * from `{n}`" for n in found)
        for line in database._run(asked, database.name).split("\n"):
            if line.startswith("#"):
                rows = told.setdefault(line, [])
            else:
                rows.append(line)
        return {n: sorted(rows) for n, rows in told.items()}
    connection = sqlite3.connect(f"file:{database.path}?mode=ro", uri=True)
    found = [n for (n,) in connection.execute("select name from sqlite_master where type = 'table' order by name")]
    rows = {n: sorted(map(repr, connection.execute(f'select * from "{n}"'))) for n in found}
    connection.close()
    return rows


def by_hand(folder, place):
    """The database of a backup with standard tools."""
    place.mkdir()
    database = new_database(place)
    if ON_SQLITE:
        shutil.copy(folder / DATABASE, database.path)
    else:
        database.fill((folder / DATABASE).read_text())
    return database


# ---- under load ----


class Load:
    """Uploads, deletions, moves and purges, until told to stop; what was acknowledged."""

    def __init__(self, server):
        self.server, self.stopping, self.failed = server, threading.Event(), []
        self.threads = [threading.Thread(target=self._keep, args=(work,)) for work in (self._films, self._purge)]
        self.rounds = 0

    def _keep(self, work):
        api = self.server.admin()
        try:
            while not self.stopping.is_set():
                work(api)
        except BaseException as failure:
            self.failed.append(failure)
            raise

    def _films(self, api):
        file, moved = (api.upload(png() + os.urandom(9000)) for _ in range(2))
        ok(api.post(f"/image-files/{moved['id']}/archive"))
        ok(api.delete(f"/image-files/{file['id']}"), 204)
        ok(api.post(f"/image-files/{moved['id']}/unarchive"))
        ok(api.delete(f"/image-files/{moved['id']}"), 204)
        self.rounds += 1

    def _purge(self, api):
        self.server.run("purge", "--older-than", "0s", "--yes")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.rounds > 1 or self.failed, "work")
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert not self.failed


def test_what_was_acknowledged_comes_back_from_a_backup_made_under_load(house, films, tmp_path):
    target = tmp_path / "target"
    with Load(house):
        house.run("backup", target)
        house.run("backup", target)
    house.run("backup", "verify", target)
    checked(newest(target))
    other = emptied(house, tmp_path / "other")
    try:
        said = other.run("restore", "--verify", target)
        assert "restored and compared" in said.stdout
        hand = by_hand(newest(target), tmp_path / "hand")
        assert tables(other.database) == tables(hand)
        hand.drop()
        sums = listed(newest(target))
        for path, digest in sums.items():
            store, _, key = path.partition("/")
            if store in ("files", "archive"):
                assert sha256((other.folder / store / key).read_bytes()) == digest
        assert other.run("fsck", "--deep", "--rows").stdout.strip() == "clean"
        other.start()
        api = other.admin()
        for file, content in films.items():
            assert api.get(f"/image-files/{file}/download").content == content
        new = png() + os.urandom(100)
        assert api.get(f"/image-files/{api.upload(new)['id']}/download").content == new
    finally:
        other.close()


def test_every_row_of_every_table_comes_back(house, films, tmp_path):
    house.stop()
    try:
        house.run("backup", tmp_path / "target")
        other = emptied(house, tmp_path / "other")
        try:
            other.run("restore", tmp_path / "target")
            assert tables(other.database) == tables(house.database)
            for ours, theirs in ((house.files, other.files), (house.folder / "archive", other.folder / "archive")):
                kept = {str(p.relative_to(ours)) for p in files_below(ours / "completed")}
                assert kept == {str(p.relative_to(theirs)) for p in files_below(theirs / "completed")}
        finally:
            other.close()
    finally:
        house.start()


# ---- what is in it ----


def test_the_next_one_takes_only_what_is_new(house, films, tmp_path):
    target = tmp_path / "target"
    chief = house.admin()
    house.run("backup", target)
    content = png() + os.urandom(500)
    chief.upload(content)
    said = house.run("backup", target).stdout
    assert f"of these new: 1 files, {len(content)} bytes" in said
    first, second = (Path(target) / name for name in names(target))
    for path in set(listed(first)) & set(listed(second)):
        if path.startswith(("files/", "archive/")):
            assert (first / path).stat().st_ino == (second / path).stat().st_ino
    checked(second)
    house.run("backup", target, "--keep", "1")
    assert names(target)[:1] != [first.name] and len(names(target)) == 1
    checked(newest(target))
    assert {p.name for p in target.iterdir()} == {"lock", newest(target).name}


def test_only_its_owner_reads_it(whole):
    for path in [whole, *whole.rglob("*")]:
        if path.is_dir():
            assert path.stat().st_mode & 0o777 == 0o700
        elif path.parent == whole:
            assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_mode & 0o007 == 0


def test_the_secret_key_is_not_in_it(house, whole):
    secret = house.settings["SECRET_KEY"].encode()
    for path in whole.iterdir():
        assert not path.is_file() or secret not in path.read_bytes()
    about = dict(line.split(": ", 1) for line in (whole / "about.txt").read_text().splitlines())
    assert about["format"] == "1" and about["database"] == ("sqlite" if ON_SQLITE else "mysql")
    assert (about["damaged"], about["missing"]) == ("0", "0")


def test_what_the_store_lost_or_a_disk_turned_comes_from_the_backup_before(new_server, tmp_path):
    server = new_server()
    chief = server.admin()
    turned, lost, kept = (chief.upload(png() + os.urandom(900)) for _ in range(3))
    path = server.files / turned["storage_path"]
    good = path.read_bytes()
    target = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    target = target / f"roentgen-{os.getpid()}-{tmp_path.name}"
    try:
        server.run("backup", target)
        for victim, new in ((turned, good[:-1] + bytes([good[-1] ^ 1])), (lost, None)):
            victim_path = server.files / victim["storage_path"]
            victim_path.unlink()
            if new:
                victim_path.write_bytes(new)
        server.run("backup", target)
        checked(newest(target))
        assert listed(newest(target))[f"files/{turned['storage_path']}"] == turned["sha256"]
        assert listed(newest(target))[f"files/{lost['storage_path']}"] == lost["sha256"]
        said = server.run("backup", target / "other")
        assert "1 files are damaged and 1 missing" in said.stderr
        whole = newest(target / "other")
        checked(whole)
        assert f"files/{lost['storage_path']}" not in listed(whole) and kept["sha256"] in listed(whole).values()
        assert server.run("backup", "verify", whole).returncode == 0
    finally:
        shutil.rmtree(target, ignore_errors=True)


def test_one_that_is_written_to_in_its_place_is_seen_by_the_next(house, films, tmp_path):
    """On the file system of the store a backup has links to the store's own files."""
    target, chief = house.folder / "beside", house.admin()
    house.run("backup", target)
    row = chief.file(chief.upload(png() + os.urandom(20000))["id"])
    house.run("backup", target)
    path = house.files / row["storage_path"]
    content = path.read_bytes()
    try:
        with path.open("r+b") as file:
            file.seek(5000)
            file.write(bytes([content[5000] ^ 1]))
        said = house.run("backup", target)
        assert "1 files are damaged" in said.stderr
    finally:
        path.write_bytes(content)
        shutil.rmtree(target)
    ok(chief.delete(f"/image-files/{row['id']}"), 204)


# ---- shared with others ----


def test_what_another_installation_made_is_left_alone(house, films, whole, tmp_path):
    target = tmp_path / "target"
    other = Server(tmp_path / "other").init()
    other.run("backup", target)
    theirs = newest(target)
    left = target / "20200101T000000.000Z"
    left.mkdir()
    (left / "mine").write_text("no backup")
    for suffix in (".partial", ".removed"):
        shutil.copytree(left, target / f"{left.name}{suffix}")
        shutil.copytree(left, target / f"{left.name}.{key_of(theirs)}{suffix}")
    (target / "20200102T000000.000Z").symlink_to(theirs)
    (target / "99990102T000000.000Z").symlink_to("nowhere")
    before = {p.name for p in target.iterdir()}
    first = house.run("backup", target, "--keep", "1")
    assert "removed" not in first.stdout and "backup.unreadable" not in first.stderr
    second = house.run("backup", target, "--keep", "1")
    assert "1 older backups removed" in second.stdout
    made = {p.name for p in target.iterdir()} - before
    assert len(made) == 1 and before <= {p.name for p in target.iterdir()}
    checked(theirs)
    assert (left / "mine").read_text() == "no backup"
    said = house.run("backup", "verify", target)
    assert made.pop() in said.stdout and theirs.name in other.run("backup", "verify", target).stdout
    other.close()


# ---- interrupted ----


def test_what_was_interrupted_is_no_backup_and_is_taken_over(house, whole, tmp_path):
    """As a power cut leaves it: nobody knows which of its files are whole."""
    target = tmp_path / "target"
    left = target / f"{whole.name}.{key_of(whole)}.partial"
    shutil.copytree(whole, left)
    for name in ("SHA256SUMS", "SHA256SUMS.hmac"):
        (left / name).unlink()
    paths = sorted(p for p in listed(whole) if p.startswith("files/"))
    (left / paths[0]).write_bytes((left / paths[0]).read_bytes()[:100])
    turned = bytearray((left / paths[1]).read_bytes())
    turned[50] ^= 1
    (left / paths[1]).write_bytes(turned)
    inode = (left / paths[2]).stat().st_ino
    problem_said = house.run("backup", "verify", target, check=False)
    assert problem_said.returncode == 1 and "no whole backup" in problem_said.stderr
    house.run("backup", target)
    assert {p.name for p in target.iterdir()} == {"lock", newest(target).name}
    checked(newest(target))
    assert (newest(target) / paths[2]).stat().st_ino == inode
    house.run("backup", "verify", target)


def test_killed_in_the_middle_and_made_again(house, films, tmp_path):
    target = tmp_path / "target"
    process = subprocess.Popen([BINARY, "backup", target], cwd=house.folder, env=house.environment())
    wait_until(lambda: process.poll() is not None or list(target.glob("*.partial/files")), "a file in it")
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = names(target) if target.exists() else []
    for name in before:
        checked(target / name)  # it was quicker
    house.run("backup", target)
    assert len(names(target)) == len(before) + 1 and not list(target.glob("*.partial"))
    checked(newest(target))


def test_a_full_target_is_told_and_goes_on_where_there_is_room_again(house, films, tmp_path):
    mounts = own_mounts()
    if not mounts:
        pytest.skip("no right to mount here")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        'disk="$0"; binary="$1"; mount -t tmpfs -o size=1m tmpfs "$disk"; "$binary" backup "$disk/b"; echo "first $?"; '
        'ls "$disk/b"; mount -o remount,size=200m "$disk"; "$binary" backup "$disk/b"; echo "second $?"; ls "$disk/b"; '
        '"$binary" backup verify "$disk/b"; echo "verify $?"; mount -o remount,ro "$disk"; "$binary" backup "$disk/b"; '
        'echo "third $?"'
    )
    done = subprocess.run(
        [*mounts, "sh", "-c", script, disk, BINARY],
        cwd=house.folder, env=house.environment(), capture_output=True, text=True, check=True,
    )
    assert "no space is left" in done.stderr and "Read-only file system" in done.stderr
    said = re.fullmatch(
        r"first 1\n(\S+)\.\w+\.partial\nlock\n\S+Z: \d+ files.*\nsecond 0\n(\S+)\nlock\n\S+: whole\nverify 0\n"
        r"third 1\n",
        done.stdout,
    )
    assert said and NAME.fullmatch(said.group(1)) and NAME.fullmatch(said.group(2)), done.stdout + done.stderr


def test_one_at_a_time(house, tmp_path):
    import fcntl

    target = tmp_path / "target"
    house.run("backup", target)
    with open(target / "lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = house.run("backup", target, check=False)
    assert said.returncode == 1 and "another backup is being made there" in said.stderr


def test_a_target_inside_of_the_store_is_refused(house):
    for place in (house.files / "backup", house.files, house.folder / "archive" / "b", house.folder / "no" / "parent"):
        there = place.exists()
        said = house.run("backup", place, check=False)
        assert said.returncode == 1 and ("inside of the store" in said.stderr or "cannot be made" in said.stderr)
        assert place.exists() == there


# ---- looked at ----


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def harmed(whole, victim, how):
    sums = whole / "SHA256SUMS"
    if how == "flipped":
        flip(whole / victim)
    elif how == "missing":
        (whole / victim).unlink()
    elif how == "unlisted":
        (whole / "files" / "more.dcm").write_bytes(b"more")
    elif how == "line":
        text = sums.read_text()
        sums.write_text("".join(line for line in text.splitlines(True) if victim not in line))
    elif how == "digest":
        sums.write_text(sums.read_text().replace(listed(whole)[victim], sha256(b"other")))
    elif how == "database":
        flip(whole / DATABASE)


@pytest.mark.parametrize(
    "how, words",
    [
        ("flipped", "other bytes than SHA256SUMS says: {victim}"),
        ("missing", "missing: {victim}"),
        ("unlisted", "not in SHA256SUMS: files/more.dcm"),
        ("line", "not in SHA256SUMS: {victim}"),
        ("digest", "changed since the backup was made: SHA256SUMS"),
        ("database", f"other bytes than SHA256SUMS says: {DATABASE}"),
    ],
)
def test_what_was_changed_in_it_is_named(house, whole, tmp_path, how, words):
    copy = tmp_path / whole.name
    shutil.copytree(whole, copy)
    victim = sorted(p for p in listed(copy) if p.startswith("files/"))[0]
    harmed(copy, victim, how)
    said = house.run("backup", "verify", tmp_path, check=False)
    assert said.returncode == 1 and words.format(victim=victim) in said.stdout and "damaged" in said.stdout


def test_a_list_that_leads_elsewhere_is_refused(house, whole, tmp_path):
    copy = tmp_path / whole.name
    shutil.copytree(whole, copy)
    good = (copy / "SHA256SUMS").read_text()
    number = len(good.splitlines()) + 1
    for line in ("../../etc/passwd", "/etc/passwd", "files//x", "files/.x", "files/a b", ""):
        (copy / "SHA256SUMS").write_text(f"{good}{sha256(b'')}  {line}\n")
        said = house.run("backup", "verify", copy, check=False)
        assert said.returncode == 1 and f"line {number} of SHA256SUMS" in said.stderr
    said = house.run("restore", copy, check=False)
    assert said.returncode == 1 and f"line {number} of SHA256SUMS" in said.stderr


# ---- back ----


def test_nothing_is_restored_over_another(house, whole, tmp_path):
    said = house.run("restore", whole, check=False)
    assert said.returncode == 1 and "the database is not empty" in said.stderr
    other = emptied(house, tmp_path / "other")
    try:
        other.files.mkdir(parents=True)
        (other.files / "film.dcm").write_bytes(b"somebody's")
        said = other.run("restore", whole, check=False)
        assert said.returncode == 1 and "the store is not empty" in said.stderr
        (other.files / "film.dcm").unlink()
        without = other.run("restore", whole, check=False, env={**other.environment(), "ARCHIVE_URL": ""})
        assert without.returncode == 1 and "ARCHIVE_URL" in without.stderr
        strange = {**other.environment(), "SECRET_KEY": "another-0f7c1d7a2b3e4f5a6b7c8d9e"}
        refused = other.run("restore", whole, check=False, env=strange)
        assert refused.returncode == 1 and "another SECRET_KEY" in refused.stderr
        kind = "mysql://u:p@127.0.0.1:1/x" if ON_SQLITE else f"sqlite:///{other.folder}/x.db"
        refused = other.run("restore", whole, check=False, env={**other.environment(), "DATABASE_URL": kind})
        assert refused.returncode == 1 and "its own kind only" in refused.stderr
        assert not files_below(other.files) and other.run("restore", "--verify", "--other-key", whole, env=strange)
    finally:
        other.close()


def test_a_server_does_not_start_with_half_of_it(house, whole, tmp_path):
    """One file of the backup is damaged, and nobody asked for all to be read first."""
    copy = tmp_path / whole.name
    shutil.copytree(whole, copy)
    victim = sorted(p for p in listed(copy) if p.startswith("files/"))[-1]
    flip(copy / victim)
    other = emptied(house, tmp_path / "other")
    try:
        good = (copy / "SHA256SUMS").read_text()
        forged = good.replace(listed(copy)[victim], sha256((copy / victim).read_bytes()))
        (copy / "SHA256SUMS").write_text(forged)
        said = other.run("restore", copy, check=False)
        assert said.returncode == 1 and "SHA256SUMS was changed" in said.stderr and not files_below(other.files)
        (copy / "SHA256SUMS").write_text(good)
        said = other.run("restore", "--verify", copy, check=False)
        assert said.returncode == 1 and "nothing was restored" in said.stderr
        assert not files_below(other.files)
        said = other.run("restore", copy, check=False)
        assert said.returncode == 1 and "other bytes than SHA256SUMS says" in said.stderr
        refused = other.run("serve", check=False)
        assert refused.returncode == 1 and "init-db" in refused.stderr
    finally:
        other.close()


SWAPS = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Files have been restored, and the database has not: somebody writes to the backup. */
int syncfs(int fd)
{
    const char *swap = getenv("SWAP");
    unsetenv("LD_PRELOAD");
    if (swap && system(swap))
        abort();
    return (int)syscall(SYS_syncfs, fd);
}
"""


def test_nobody_changes_the_list_after_its_seal_was_looked_at(house, whole, tmp_path):
    copy, forged = tmp_path / whole.name, tmp_path / "forged"
    shutil.copytree(whole, copy)
    changed = (copy / DATABASE).read_bytes().replace(b"radiologist", b"RADIOLOGIST")
    forged.mkdir()
    (forged / DATABASE).write_bytes(changed)
    list_now = (copy / "SHA256SUMS").read_text()
    (forged / "SHA256SUMS").write_text(list_now.replace(listed(copy)[DATABASE], sha256(changed)))
    (tmp_path / "swap.c").write_text(SWAPS)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "swap.so", tmp_path / "swap.c"], check=True)
    swap = f"cat {forged}/SHA256SUMS >{copy}/SHA256SUMS && cat {forged}/{DATABASE} >{copy}/{DATABASE}"
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    other = emptied(house, tmp_path / "other")
    try:
        env = other.environment() | {"LD_PRELOAD": str(tmp_path / "swap.so"), "SWAP": swap, "ASAN_OPTIONS": sanitizer}
        said = other.run("restore", copy, check=False, env=env)
        assert (copy / "SHA256SUMS").read_text() != list_now, "nothing was swapped"
        assert said.returncode == 1 and f"{DATABASE} has other bytes than SHA256SUMS says" in said.stderr
    finally:
        other.close()


# ---- as a job ----


def test_administrators_have_one_made_and_nobody_names_its_place(house, films, tmp_path):
    chief = house.admin()
    problem(house.account("radiologist", admin=chief).post("/system/backup"), 403)
    problem(house.client().post("/system/backup"), 401)
    asked = chief.post("/system/backup", params={"target": str(tmp_path)}, json={"target": str(tmp_path)})
    problem(asked, 422)
    problem(chief.post("/system/backup", json={"target": str(tmp_path)}), 422)
    job = ok(chief.post("/system/backup"), 202)
    assert job["kind"] == "backup.make" and job["asked_by"] == chief.id
    done = ended(chief, "backup.make")
    made = done["result"]
    assert names(house.folder / "target") == [made["name"]] and not list(tmp_path.iterdir())
    assert made["taken_files"] == made["files"] >= len(films) - 1 and done["progress_unit"] == "files"
    assert (made["damaged"], made["missing"], made["removed"]) == (0, 0, 0)
    about = {"action": "system.backup", "entity_id": job["id"]}
    assert ok(chief.get("/system/audit-logs", params=about))["items"]
    checked(newest(house.folder / "target"))


def test_it_comes_by_schedule_and_the_oldest_go(house, films):
    house.settings["BACKUP_KEEP"] = "2"
    target = house.folder / "target"
    for _ in range(3):
        known = set(names(target)) if target.exists() else set()
        chief = looked_long_ago(house, "backup.make")
        wait_until(lambda known=known: target.exists() and set(names(target)) - known, "a backup by schedule")
        wait_until(lambda: not ok(chief.get("/system/jobs", params={"state": "RUNNING"}))["items"], "its end")
    assert len(names(target)) == 2
    for name in names(target):
        checked(target / name)
    items = {i["name"]: i for i in ok(chief.get("/system/schedule"))["items"]}
    assert items["backup.make"]["schedule"] == "@yearly"


HANGS = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The disk of a backup that is being made does not answer, as long as the file HANG is there. */
int syncfs(int fd)
{
    char link[64], path[4096], begun[4096];
    const char *hang = getenv("HANG");
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    path[len > 0 ? len : 0] = 0;
    while (hang && strstr(path, ".partial") && access(hang, F_OK) == 0) {
        snprintf(begun, sizeof(begun), "%s.begun", hang);
        close(open(begun, O_CREAT | O_WRONLY, 0600));
        pause();
    }
    return (int)syscall(SYS_syncfs, fd);
}
"""


def test_a_backup_whose_disk_does_not_answer_can_be_cancelled(new_server, tmp_path):
    hang, source, shim = tmp_path / "hang", tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(HANGS)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, source], check=True)
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    server = new_server(
        BACKUP_TARGET=tmp_path / "target", LD_PRELOAD=shim, HANG=hang, ASAN_OPTIONS=sanitizer, WORKER_CONCURRENCY=2
    )
    api = server.admin()
    content = png()
    file = api.upload(content)["id"]
    hang.touch()
    job = ok(api.post("/system/backup"), 202)["id"]
    wait_until(lambda: Path(f"{hang}.begun").exists(), "a backup that hangs")
    ok(api.post(f"/system/jobs/{job}/cancel"))
    wait_until(lambda: ok(api.get(f"/system/jobs/{job}"))["state"] == "CANCELLED", "its end")
    hang.unlink()
    job = ok(api.post("/system/backup"), 202)["id"]
    wait_until(lambda: ok(api.get(f"/system/jobs/{job}"))["state"] == "SUCCEEDED", "one that is made")
    checked(newest(tmp_path / "target"))
    assert api.get(f"/image-files/{file}/download").content == content


def test_who_has_no_backups_hears_of_it(new_server, tmp_path):
    disk = tmp_path / "disk"
    server = new_server(BACKUP_SCHEDULE="@yearly", BACKUP_TARGET=disk / "target", IMPORT_ROOT=disk / "films")
    said = server.run("worker", "--kinds", "", check=False)
    assert said.returncode == 2 and "kinds" in said.stderr

    def health():
        return ok(server.client().get("/health/ready"))

    wait_until(lambda: health()["status"] == "degraded", "the look at the folder")
    assert "none could be made" in health()["checks"]["backup"]
    wait_until(
        lambda: {"backup.place", "import.place"}
        <= {line["event"] for line in server.log_lines() if line["level"] == "warning"},
        "both warnings",
    )
    chief = looked_long_ago(server, "backup.make")
    ended(chief, "backup.make", "FAILED")
    assert "the last one failed" in health()["checks"]["backup"]
    disk.mkdir()
    ok(chief.post("/system/backup"), 202)
    ended(chief, "backup.make")
    assert health()["checks"]["backup"] == "ok"
    (disk / "target").rename(disk / "other")
    (disk / "target").write_text("no folder")
    ok(chief.post("/system/backup"), 202)
    ended(chief, "backup.make", "FAILED")
    assert "the last one failed" in health()["checks"]["backup"]


def test_who_has_only_old_backups_hears_of_it(house):
    """Also when the last one never ends. The schedule is a yearly one."""
    years = "3 * 366 * 86400 * 1000000"

    def health():
        return ok(house.client().get("/health/ready"))["checks"]["backup"]

    def make_one():
        chief = house.admin()
        ok(chief.post("/system/backup"), 202)
        ended(chief, "backup.make")
        assert health() == "ok"

    make_one()
    house.database.rows(f"update jobs set finished_at = finished_at - {years} where kind = 'backup.make'")
    assert "since BACKUP_SCHEDULE came twice" in health()
    make_one()
    house.database.rows(
        "update jobs set state = 'RUNNING', finished_at = null, unique_key = null, "
        f"created_at = created_at - {years} where kind = 'backup.make'"
    )
    assert "since BACKUP_SCHEDULE came twice" in health()
    house.database.rows(
        f"update jobs set state = 'CANCELLED', created_at = created_at + {years} where kind = 'backup.make'"
    )
    assert health() == "ok"
    make_one()


def test_without_a_place_there_is_none(server, admin):
    problem(admin.post("/system/backup"), 409)
