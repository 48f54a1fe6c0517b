"""A bit of a stored file has turned: that is the server's damage (502, marked on the row), whatever cannot be made of
it, and not the file's (422)."""

import io
import random

import pytest
from PIL import Image

import made
from annotations import line, path
from support import Server, ok, png, problem
from test_dicomdir_records import make, study
from test_unended import JPEG, PIXELS, RLE, content


def flip(server, file, at):
    """One bit of the byte at this offset, or of the first where these bytes are."""
    place = server.files / file["storage_path"]
    data = place.read_bytes()
    at = data.index(at) if isinstance(at, bytes) else at % len(data)
    with open(place, "r+b") as stored:  # never shorter, whoever makes its thumbnail meanwhile
        stored.seek(at)
        stored.write(bytes([data[at] ^ 0x10]))


def damage_of(server, file):
    [(damage, status)] = server.database.rows(f"select damage, status from image_files where id = {file['id']}")
    return damage, status


def picture(kind):
    out = io.BytesIO()
    Image.frombytes("L", (16, 16), random.randbytes(256)).save(out, kind)
    return out.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Of our own: what is damaged is an error in the log."""
    server = Server(tmp_path_factory.mktemp("turned"))
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def doctor(server):
    return server.account("doctor", admin=server.admin())


VIEWS = ("rendered", "thumbnail", "frames/1", "histogram", "metadata")


def ask(api, file, view):
    if view == "annotations":
        etag = api.get(path(file)).headers["etag"]
        shape = {"kind": "rectangle", "points": line((1, 1), (3, 3))["points"]}
        return api.put(path(file), json={"annotations": [shape]}, headers={"If-Match": etag})
    if view == "file":
        return api.post(f"/image-files/{file['id']}/file")
    return api.get(f"/images/{file['id']}/{view}", params={"size": 64} if view == "thumbnail" else {})


def check(server, api, file, view):
    answer = problem(ask(api, file, view), 502)
    assert "not those that were stored" in answer["detail"]
    assert damage_of(server, file) == ("CONTENT", "UPLOADED")
    for again in (*VIEWS, "annotations"):  # what is known is not asked again
        assert ask(api, file, again).status_code == 502
    assert api.get(f"/image-files/{file['id']}/download").status_code == 502


@pytest.mark.parametrize("view", ["rendered", "thumbnail", "frames/1", "histogram", "annotations"])
@pytest.mark.parametrize("kind, at", [("PNG", b"IDAT"), ("JPEG", b"\xff\xc0"), ("TIFF", 4)])
def test_pictures(server, doctor, view, kind, at):
    file = doctor.upload(picture(kind), "a")
    flip(server, file, at)
    check(server, doctor, file, view)


@pytest.mark.parametrize("view", ["rendered", "thumbnail", "frames/1", "histogram", "annotations"])
@pytest.mark.parametrize("syntax, at", [(RLE, b"\1\0\0\0\100\0"), (JPEG, b"\xff\xd8\xff")])
def test_encoded_pixels(server, doctor, view, syntax, at):
    file = doctor.upload(content(syntax), "a.dcm")
    flip(server, file, at)
    check(server, doctor, file, view)


@pytest.mark.parametrize("view", [*VIEWS, "annotations", "file"])
def test_a_header(server, doctor, view):
    """The length of Rows."""
    file = doctor.upload(made.image(PIXELS, Modality="OT"), "a.dcm")
    place = server.files / file["storage_path"]
    flip(server, file, place.read_bytes().index(b"\x28\0\x10\0US") + 7)
    check(server, doctor, file, view)


def test_filing_again_mends_nothing_by_what_has_turned(server, doctor):
    file = doctor.upload(made.image(PIXELS, Modality="OT"), "a.dcm")
    flip(server, file, b"Pixel^Test")
    check(server, doctor, file, "file")


def test_a_report_of_a_study_that_is_fetched(server, doctor):
    """Its record in the DICOMDIR is made of what is in the file."""
    file = doctor.upload(make("88.11", study(), Modality="SR"), "a.dcm")
    assert file["study_id"]
    place = server.files / file["storage_path"]
    flip(server, file, place.read_bytes().index(b"\x08\0\x60\0CS") + 7)
    answer = problem(doctor.get(f"/studies/{file['study_id']}/archive"), 502)
    assert "not those that were stored" in answer["detail"] and damage_of(server, file)[0] == "CONTENT"


def test_sent_again_it_is_whole(server, doctor):
    picture = png()
    file = doctor.upload(picture, "a.png")
    flip(server, file, b"IDAT")
    assert ask(doctor, file, "rendered").status_code == 502
    doctor.upload(picture, "a.png")
    assert damage_of(server, file)[0] is None and ask(doctor, file, "rendered").status_code == 200


def test_what_came_damaged_is_the_files_own(server, doctor):
    """Nothing has turned in the store: 422, as ever."""
    broken = bytearray(png())
    broken[broken.index(b"IDAT")] ^= 0x10
    file = doctor.upload(bytes(broken), "a.png")
    problem(ask(doctor, file, "rendered"), 422)
    assert damage_of(server, file)[0] is None
    cut = doctor.upload(content(RLE)[:-30], "a.dcm")
    assert cut["status"] == "FAILED"
    problem(ask(doctor, cut, "rendered"), 422)
    assert ok(ask(doctor, cut, "metadata")) and damage_of(server, cut)[0] is None
