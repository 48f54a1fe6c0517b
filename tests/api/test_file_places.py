"""What is no file in the place of a stored one (a folder, a symbolic link, a pipe) is damage as any: said, marked,
mended by the same file."""

import os

import pytest

from support import Server, dicom, ok, png, problem


def as_folder(path, elsewhere):
    path.unlink()
    path.mkdir()


def as_full_folder(path, elsewhere):
    path.unlink()
    path.mkdir()
    (path / "letter").write_text("somebody's")


def as_link(path, elsewhere):
    """Even one that leads to the very bytes: it is not ours to follow."""
    path.rename(elsewhere / path.name)
    path.symlink_to(elsewhere / path.name)


def as_loop(path, elsewhere):
    path.unlink()
    path.symlink_to(path)


def as_pipe(path, elsewhere):
    path.unlink()
    os.mkfifo(path)


PLACES = (as_folder, as_full_folder, as_link, as_loop, as_pipe)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    archive = tmp_path_factory.mktemp("house-archive")
    server = Server(tmp_path_factory.mktemp("house"), ARCHIVE_URL=f"file://{archive}")
    server.archive = archive
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.mark.parametrize("harm", PLACES, ids=lambda h: h.__name__)
@pytest.mark.parametrize("make", [png, dicom], ids=lambda m: m.__name__)
def test_it_is_damage_and_mended(house, chief, tmp_path, harm, make):
    content = make()
    file = chief.upload(content, "a")
    if make is png:
        chief.settled(file["id"])
    path = house.files / file["storage_path"]
    harm(path, tmp_path)
    problem(chief.get(f"/image-files/{file['id']}/download"), 502)
    problem(chief.get(f"/image-files/{file['id']}/download", headers={"If-None-Match": f'"{file["sha256"]}"'}), 502)
    problem(chief.get(f"/images/{file['id']}/metadata"), 502)
    if make is dicom:
        problem(chief.get(f"/studies/{file['study_id']}/archive"), 502)
    assert chief.file(file["id"])["damage"] == "MISSING"
    again = chief.upload(content, "again")
    assert again["sha256"] == file["sha256"]
    assert chief.file(file["id"])["damage"] is None and path.is_file() and not path.is_symlink()
    assert chief.get(f"/image-files/{file['id']}/download").content == content
    if harm is as_full_folder:  # what somebody had put there is not thrown away
        assert "somebody's" in [p.read_text() for p in (house.files / "aside").glob("folder-*/letter")]


def test_in_the_archive_too(house, chief, tmp_path):
    content = png()
    file = chief.upload(content)
    chief.settled(file["id"])
    ok(chief.post(f"/image-files/{file['id']}/archive"))
    as_link(house.archive / file["storage_path"], tmp_path)
    problem(chief.get(f"/image-files/{file['id']}/download"), 502)
    assert chief.file(file["id"])["damage"] == "MISSING"


def test_fsck_and_a_start_bear_it(house, chief, tmp_path):
    file = chief.upload(png())
    chief.settled(file["id"])
    as_full_folder(house.files / file["storage_path"], tmp_path)
    found = house.run("fsck", check=False)
    assert found.returncode == 1 and f"a row without its file: {file['storage_path']}" in found.stdout
    house.stop()
    house.start()
    api = house.client(chief.token)
    problem(api.get(f"/image-files/{file['id']}/download"), 502)
