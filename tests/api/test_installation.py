"""One installation is one database and its stores: a second server, or a second database, is refused in words."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import BINARY, ON_SQLITE, PATIENCE, Server, files_below, ok, png


def refused(server, *words):
    """What `serve` says that does not start."""
    done = subprocess.run(
        [BINARY, "serve"], cwd=server.folder, env=server.environment(), capture_output=True, text=True,
        timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False,
    )
    assert done.returncode == 1 and '"server.ready"' not in done.stdout, done.stdout
    said = done.stderr.strip().splitlines()[-1]
    assert all(word in said for word in words), said
    return said


def twin(server, folder, **settings):
    """Another server of the same settings, but for these."""
    folder.mkdir()
    other = object.__new__(Server)
    other.__dict__.update(server.__dict__, folder=folder, log_path=folder / "server.log", process=None, port=None)
    other.settings = {**server.settings, **settings}
    return other


def mark(folder):
    return (Path(folder) / "installation").read_text().strip()


def below(folder):
    return {path: path.read_bytes() for path in files_below(folder)}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    server = Server(folder, ARCHIVE_URL=f"file://{folder}/archive")
    server.init(copies=False).start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def stranger(house, tmp_path_factory):
    """Another database, made beside a store of its own."""
    server = Server(tmp_path_factory.mktemp("stranger"), SECRET_KEY=house.settings["SECRET_KEY"])
    server.init(copies=False)
    yield server
    server.close()


# ---- one SQLite database has one server ----

only_sqlite = pytest.mark.skipif(not ON_SQLITE, reason="servers share a MariaDB database")


@only_sqlite
def test_a_second_server_of_one_database_does_not_start(house, tmp_path):
    other_store = {"STORAGE_URL": f"file://{tmp_path}/files", "ARCHIVE_URL": ""}
    refused(twin(house, tmp_path / "a"), "another server works on", "roentgen.db", "roentgen worker")
    refused(twin(house, tmp_path / "b", **other_store), "another server works on", "roentgen.db")
    (tmp_path / "link.db").symlink_to(house.database.path)
    by_link = twin(house, tmp_path / "c", DATABASE_URL=f"sqlite:///{tmp_path}/link.db", **other_store)
    refused(by_link, "another server works on", "roentgen.db")
    assert not (tmp_path / "files").exists()  # it was refused before it made anything
    ok(house.admin().get("/patients"))


@only_sqlite
def test_a_copy_of_the_database_beside_it_does_not_start(house, tmp_path):
    house.run("backup", tmp_path / "backup")
    copy = next((tmp_path / "backup").glob("*Z")) / "database.sqlite"
    shutil.copy(copy, tmp_path / "copy.db")
    other = twin(house, tmp_path / "a", DATABASE_URL=f"sqlite:///{tmp_path}/copy.db", ARCHIVE_URL="")
    refused(other, "another server works on the store", str(house.files))


@only_sqlite
def test_the_lock_dies_with_the_server(new_server):
    server = new_server()
    server.kill()
    server.start()
    server.stop()
    server.start()


def test_commands_and_workers_go_on_beside_a_server(house, tmp_path):
    kept = house.admin().upload(png())
    with house.worker():
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "one.png").write_bytes(png())
        house.run("import", tmp_path / "in", "--username", house.admin_name)
        house.run("backup", tmp_path / "backup")
        house.run("purge", "--older-than", "1d", "--yes")
        house.run("fsck", "--deep")
        house.run("init-db")
    ok(house.admin().get(f"/image-files/{kept['id']}"))


# ---- one store has one database ----


def test_both_stores_carry_the_id_of_the_database(house):
    [(number,)] = house.database.rows("select installation_uuid from installation")
    assert mark(house.files) == mark(house.folder / "archive") == number


def test_another_database_on_the_store_is_refused(house, stranger, tmp_path):
    """Also while no server is there to hold it, and whatever would work with its files."""
    house.admin().upload(png())
    house.stop()
    try:
        before = below(house.files)
        other = twin(stranger, tmp_path / "a", STORAGE_URL=f"file://{house.files}")
        way_out = f"remove the file {house.files}/installation"
        words = "STORAGE_URL", "another installation", mark(house.files), mark(stranger.files), way_out
        refused(other, *words)
        (tmp_path / "in").mkdir()
        commands = (
            ["init-db"],
            ["fsck"],
            ["fsck", "--remove-orphans"],
            ["purge", "--older-than", "0s", "--yes"],
            ["worker"],
            ["import", tmp_path / "in", "--username", stranger.admin_name],
            ["backup", tmp_path / "backup"],
        )
        for command in commands:
            done = other.run(*command, check=False)
            assert done.returncode == 1 and all(word in done.stderr for word in words), (command, done.stderr)
        assert below(house.files) == before
    finally:
        house.start()


def test_a_new_database_is_not_made_on_a_store_of_another(house, tmp_path):
    other = Server(tmp_path / "new", STORAGE_URL=f"file://{house.files}")
    try:
        done = other.run("init-db", check=False)
        assert done.returncode == 1 and "another installation" in done.stderr
    finally:
        other.database.drop()


def test_another_database_on_the_archive_is_refused(house, stranger, tmp_path):
    other = twin(stranger, tmp_path / "a", ARCHIVE_URL=house.settings["ARCHIVE_URL"])
    refused(other, "ARCHIVE_URL", "another installation", "/archive/installation")


def test_store_and_archive_are_two_folders(stranger, tmp_path):
    (tmp_path / "link").symlink_to(stranger.files)
    for url in (stranger.settings["STORAGE_URL"], f"file://{tmp_path}/link"):
        refused(twin(stranger, tmp_path / str(len(url)), ARCHIVE_URL=url), "name the same folder")


def test_what_the_words_say_helps(new_server):
    """A store whose database is gone for good is taken over once its mark is removed."""
    one, two = new_server(), new_server(init=False, start=False)
    two.init(copies=False)
    file = one.admin().upload(png())
    one.stop()
    two.settings["STORAGE_URL"] = f"file://{one.files}"
    refused(two, "another installation")
    (one.files / "installation").unlink()
    two.start()
    assert mark(one.files) == mark(two.files)
    assert (one.files / file["storage_path"]).exists()
    two.stop()
    refused(one, "another installation")


def test_a_store_and_a_database_of_before_get_their_id(new_server):
    server = new_server()
    server.admin().upload(png())
    server.stop()
    (server.files / "installation").unlink()
    server.database.rows("delete from installation")
    server.run("fsck")  # only looks
    assert not (server.files / "installation").exists()
    server.start()
    [(number,)] = server.database.rows("select installation_uuid from installation")
    assert mark(server.files) == number


def test_a_mark_that_says_nothing_is_not_taken_for_none(new_server):
    server = new_server()
    server.stop()
    (server.files / "installation").write_bytes(b"")
    refused(server, "does not say whose it is")


# ---- a store that is not mounted ----


@pytest.mark.parametrize("setting", ["STORAGE_URL", "ARCHIVE_URL"])
def test_a_store_that_is_not_mounted_is_refused(new_server, tmp_path, setting):
    """Its folder is there, empty or with what a new file system has, and the database names files in it."""
    server = new_server(ARCHIVE_URL=f"file://{tmp_path}/archive")
    admin = server.admin()
    file = admin.upload(content := png())
    if setting == "ARCHIVE_URL":
        ok(admin.post(f"/image-files/{file['id']}/archive"))
    server.stop()
    folder = Path(server.settings[setting].removeprefix("file://"))
    disk = folder.rename(tmp_path / "disk")
    (folder / "lost+found").mkdir(parents=True)
    way_out = f"echo {mark(disk)} >{folder}/installation"
    words = setting, "none of the 1 files", "is its disk mounted", way_out
    refused(server, *words)
    (tmp_path / "in").mkdir()
    for command in (
        ["init-db"],
        ["fsck"],
        ["worker"],
        ["purge", "--older-than", "0s", "--yes"],
        ["import", tmp_path / "in", "--username", server.admin_name],
        ["backup", tmp_path / "backup"],
    ):
        done = server.run(*command, check=False)
        assert done.returncode == 1 and all(word in done.stderr for word in words), (command, done.stderr)
    assert not (folder / "installation").exists()
    shutil.rmtree(folder)
    disk.rename(folder)
    server.start()
    assert server.admin().get(f"/image-files/{file['id']}/download").content == content


def test_a_store_whose_files_are_gone_is_begun_anew_by_who_says_so(new_server, tmp_path):
    server = new_server()
    file = server.admin().upload(content := png())
    server.stop()
    server.files.rename(tmp_path / "lost")
    way = refused(server, "gone for good").partition("say so: ")[2]
    subprocess.run(["sh", "-c", way], check=True)
    server.start()
    assert server.admin().upload(content)["sha256"] == file["sha256"]
    assert server.admin().get(f"/image-files/{file['id']}/download").content == content


def test_a_new_archive_is_empty(new_server, tmp_path):
    """Files that lie elsewhere say nothing of it."""
    server = new_server()
    server.admin().upload(png())
    server.stop()
    server.settings["ARCHIVE_URL"] = f"file://{tmp_path}/archive"
    server.start()
    assert mark(tmp_path / "archive") == mark(server.files)


def test_what_was_restored_without_its_files_starts(new_server, tmp_path):
    """They were lost before the backup, which says so."""
    server, other = new_server(), Server(tmp_path / "other")
    file = server.admin().upload(png())
    server.stop()
    (server.files / file["storage_path"]).unlink()
    server.run("backup", tmp_path / "backup")
    other.settings["SECRET_KEY"] = server.settings["SECRET_KEY"]
    try:
        other.run("restore", tmp_path / "backup")
        assert mark(other.files) == mark(server.files)
        other.run("init-db")
    finally:
        other.close()


# ---- backups ----


def test_restoring_gives_the_id_to_the_new_stores(house, tmp_path):
    admin = house.admin()
    moved = admin.upload(content := png() + os.urandom(9))
    ok(admin.post(f"/image-files/{moved['id']}/archive"))
    house.run("backup", tmp_path / "backup")
    other = Server(tmp_path / "other", SECRET_KEY=house.settings["SECRET_KEY"],
                   ARCHIVE_URL=f"file://{tmp_path}/archive")
    try:
        other.run("restore", "--verify", tmp_path / "backup")
        assert mark(other.files) == mark(tmp_path / "archive") == mark(house.files)
        other.admin_name, other.passwords = house.admin_name, house.passwords
        other.start()
        assert other.admin().get(f"/image-files/{moved['id']}/download").content == content
        other.run("fsck", "--deep")
    finally:
        other.close()


def whole_ones(target):
    return sorted(target.glob("*Z"))


def test_a_backup_says_whose_it_is_and_two_of_one_key_share_no_folder(house, stranger, tmp_path):
    target = tmp_path / "backup"
    house.run("backup", target)
    [theirs] = whole_ones(target)
    assert f"installation: {mark(house.files)}\n" in (theirs / "about.txt").read_text()
    done = stranger.run("backup", target, "--keep", "1", check=False)
    assert done.returncode == 1 and whole_ones(target) == [theirs]
    for words in ("another installation", "SECRET_KEY", mark(house.files), mark(stranger.files), "another folder"):
        assert words in done.stderr, done.stderr
    house.run("backup", target, "--keep", "1")
    assert len(whole_ones(target)) == 1 and not theirs.exists()


def test_of_two_in_one_folder_neither_is_restored_unasked(house, stranger, tmp_path):
    target = tmp_path / "backup"
    stranger.run("backup", tmp_path / "other")
    house.run("backup", target)
    [own] = whole_ones(target)
    [other] = whole_ones(tmp_path / "other")
    shutil.move(other, target)
    for command in (["backup", "verify", target], ["restore", target]):
        done = stranger.run(*command, check=False)
        assert done.returncode == 1 and "two installations" in done.stderr and own.name in done.stderr, done.stderr
    assert "whole" in stranger.run("backup", "verify", target / other.name).stdout


@pytest.mark.parametrize("how", [[], ["--copy"]])
def test_what_is_restored_goes_on_with_the_backups_unless_it_is_a_copy(house, tmp_path, how):
    target = tmp_path / "backup"
    house.run("backup", target)
    other = Server(tmp_path / "other", SECRET_KEY=house.settings["SECRET_KEY"],
                   ARCHIVE_URL=f"file://{tmp_path}/archive")
    try:
        other.run("restore", *how, target)
        assert mark(other.files) == mark(tmp_path / "archive")
        assert (mark(other.files) != mark(house.files)) == bool(how)
        done = other.run("backup", target, check=False)
        assert done.returncode == len(how), done.stderr
        if how:
            other.run("fsck")
            other.run("backup", tmp_path / "apart")
    finally:
        other.close()


def test_backups_of_before_are_of_whoever_has_the_key(house, tmp_path):
    """Those that do not say whose they are."""
    target = tmp_path / "backup"
    house.run("backup", target)
    about = whole_ones(target)[0] / "about.txt"
    about.write_text("".join(line for line in about.open() if not line.startswith("installation:")))
    house.run("backup", target, "--keep", "1")
    assert len(whole_ones(target)) == 1 and not about.exists()
