"""`roentgen purge`: what is removed for good needs an age with its unit, and is said before it goes."""

import uuid
from pathlib import Path

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
