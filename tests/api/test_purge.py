"""`roentgen purge`: what is removed for good needs an age with its unit, and is said before it goes."""

import os
import subprocess
import uuid
from pathlib import Path

import pytest

from support import ok, png


def delete_files(admin, count):
    ids = [admin.upload(png())["id"] for _ in range(count)]
    for number in ids:
        ok(admin.delete(f"/image-files/{number}"), 204)
    return ids


def deleted_count(server):
    return server.database.rows("select count(*) from image_files where deleted_at is not null")[0][0]


def test_an_age_needs_its_unit(new_server):
    server = new_server()
    delete_files(server.admin(), 1)
    for age in ("3", "3 weeks", "d", "-1d", "1.5h"):
        done = server.run("purge", f"--older-than={age}", check=False)
        assert done.returncode == 2 and "12h or 30d" in done.stderr, age
    assert deleted_count(server) == 1
    server.run("purge", "--older-than", "0")
    assert deleted_count(server) == 0


def test_settings_need_the_unit_too(new_server):
    server = new_server(init=False, start=False, SESSION_LIFETIME="7")
    done = server.run("config", check=False)
    assert done.returncode != 0 and "SESSION_LIFETIME" in done.stderr and "30d" in done.stderr


def test_dry_run_says_what_would_go(new_server):
    server = new_server()
    delete_files(server.admin(), 2)
    said = server.run("purge", "--older-than", "0s", "--dry-run").stdout
    assert said.startswith("2 files deleted from 2") and "bytes would be removed" in said
    assert deleted_count(server) == 2
    assert server.run("purge", "--older-than", "1h", "--dry-run").stdout == "0 files would be removed\n"


def test_what_went_on_more_than_one_day_is_not_removed_unasked(new_server):
    server = new_server()
    first, _ = delete_files(server.admin(), 2)
    server.database.rows(f"update image_files set deleted_at = deleted_at - 90000000000 where id = {first}")
    refused = server.run("purge", "--older-than", "0s", check=False)
    assert refused.returncode == 1 and "--yes" in refused.stderr and deleted_count(server) == 2
    server.run("purge", "--older-than", "0s", "--yes")
    assert deleted_count(server) == 0


def test_nothing_comes_back_from_the_journal_of_a_killed_server(new_server):
    server = new_server()
    content = png() + b"gone for good"
    admin = server.admin()
    ok(admin.delete(f"/image-files/{admin.upload(content)['id']}"), 204)
    server.kill()
    server.run("purge", "--older-than", "0s")
    assert "clean" in server.run("fsck").stdout
    server.start()
    server.stop()
    held = [p for p in server.files.rglob("*") if p.is_file() and content in p.read_bytes()]
    assert held == [] and "clean" in server.run("fsck").stdout


# ---- killed between row and bytes ----

SHIM = """
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int unlinkat(int folder, const char *path, int flags)
{
    if (strncmp(path, "completed/", 10) == 0)
        _exit(9);
    return (int)syscall(SYS_unlinkat, folder, path, flags);
}
"""


def killed_purge(server):
    """A purge that ends where it would remove the first bytes."""
    source, shim = server.folder / "shim.c", server.folder / "shim.so"
    source.write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, source], check=True)
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    env = server.environment() | {"LD_PRELOAD": str(shim), "ASAN_OPTIONS": sanitizer}
    assert server.run("purge", "--older-than", "0s", check=False, env=env).returncode == 9


@pytest.mark.parametrize("archived", [False, True])
def test_what_a_killed_purge_left_goes_with_the_next(new_server, tmp_path, archived):
    server = new_server(ARCHIVE_URL=f"file://{tmp_path}/archive")
    admin = server.admin()
    file = admin.upload(content := png() + b"gone for good")
    assert admin.get(f"/images/{file['id']}/thumbnail").status_code == 200
    if archived:
        ok(admin.post(f"/image-files/{file['id']}/archive"))
    ok(admin.delete(f"/image-files/{file['id']}"), 204)
    server.stop()
    killed_purge(server)
    assert server.database.rows("select count(*) from image_files")[0][0] == 0
    everywhere = [*server.files.rglob("*"), *(tmp_path / "archive").rglob("*")]
    assert [p for p in everywhere if p.is_file() and content in p.read_bytes()]
    if archived:
        server.start()
        server.stop()
    else:
        server.run("purge", "--older-than", "0s")
    everywhere = [*server.files.rglob("*"), *(tmp_path / "archive").rglob("*")]
    assert not [p for p in everywhere if p.is_file() and (content in p.read_bytes() or p.suffix == ".jpg")]
    assert not [p for p in everywhere if "claim+" in p.name]
    assert "clean" in server.run("fsck").stdout


def test_bytes_that_another_row_names_stay_after_a_killed_purge(new_server):
    """It was the row's own purge that was killed before it committed, or another row has the bytes by now."""
    server = new_server()
    admin = server.admin()
    file, content = admin.upload(png()), png()
    other = admin.upload(content)
    ok(admin.delete(f"/image-files/{file['id']}"), 204)
    server.stop()
    mark = f"claim+purged+{uuid.uuid4()}+{other['storage_path'].replace('/', '+')}"
    (server.files / "tmp" / mark).touch()
    own = f"claim+purged+{file['file_uuid']}+{file['storage_path'].replace('/', '+')}"
    (server.files / "tmp" / own).touch()
    server.start()
    admin = server.client(admin.token)
    assert admin.get(f"/image-files/{other['id']}/download").content == content
    ok(admin.post(f"/image-files/{file['id']}/restore"))
    assert admin.get(f"/image-files/{file['id']}/download").status_code == 200
    assert not list((server.files / "tmp").glob("claim+purged*"))


def test_what_was_set_aside_goes_only_when_no_row_needs_it(new_server):
    """Bytes that no row names; those of a row that has lost its own; those of a row that has them twice; those whose
    row is there again."""
    server = new_server()
    admin = server.admin()
    content = {name: png() + name.encode() for name in ("nobody", "lost", "twice", "again")}
    files = {name: admin.upload(content[name]) for name in ("lost", "twice", "again")}
    server.stop()
    (server.files / files["lost"]["storage_path"]).unlink()
    aside = server.files / "aside"
    aside.mkdir(exist_ok=True)
    names = {name: f"{uuid.uuid4()}.png" for name in content} | {"again": Path(files["again"]["storage_path"]).name}
    for name, file in names.items():
        (aside / file).write_bytes(content[name])

    def purge(*options):
        said = server.run("purge", "--set-aside", *options).stdout.splitlines()
        return {line.split("/")[1]: line.split(":")[0] for line in said[:-1]}, said[-1]

    assert purge() == ({}, "0 files that were set aside removed, 0 bytes; 0 kept")  # all too young
    sizes = len(content["nobody"]) + len(content["twice"])
    kept = {names["lost"]: "kept, since a row needs it", names["again"]: "kept, since a row needs it"}
    would, total = purge("--older-than", "0s", "--dry-run")
    assert would == {names["nobody"]: "would be removed", names["twice"]: "would be removed"} | kept
    assert total == f"2 files that were set aside would be removed, {sizes} bytes; 2 kept"
    assert len(list(aside.iterdir())) == 4
    went, _ = purge("--older-than", "0s")
    assert went == {names["nobody"]: "removed", names["twice"]: "removed"} | kept
    assert {f.name for f in aside.iterdir()} == {names["lost"], names["again"]}
    said = server.run("fsck", check=False).stdout
    assert names["lost"] in said and names["nobody"] not in said
