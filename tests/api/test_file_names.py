"""What a file is called by every way in: directories of the sender and drives are dropped from names (RFC 7578 4.2, RFC
6266 4.3), and marks that make a name look like another."""

import urllib.parse

import pytest

from support import ok, png, zipped
from test_upload_chunked import begin


@pytest.mark.parametrize(
    "sent, kept",
    [
        ("C:\\fakepath\\x.png", "x.png"),
        ("../../x.png", "x.png"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\片 1.png", "片 1.png"),
        ("a/b\\c/d.png", "d.png"),
        ("films/", "unnamed"),
        ("..", "unnamed"),
        ("x/..", "unnamed"),
        ("C:", "unnamed"),
        ("C:x.png", "x.png"),
        ("d:..\\x.png", "x.png"),
        ("a/C:x.png", "x.png"),
        ("..\u202e/x\u202egnp.exe", "xgnp.exe"),
        (".\u200b.", "unnamed"),
        ("\u2066片\u2069\u200e 1.png", "片 1.png"),
        ("فیلم\u200cها.png", "فیلم\u200cها.png"),
        ("...png", "...png"),
    ],
)
def test_directories_are_dropped(doctor, sent, kept):
    def named(file):
        answer = doctor.get(f"/image-files/{file['id']}/download")
        before, after = answer.headers["content-disposition"].split("filename*=UTF-8''")
        assert "/" not in before and urllib.parse.unquote(after) == kept
        return file["original_filename"]

    assert named(doctor.upload(png(), sent)) == kept
    items = ok(doctor.post("/upload/batch", files=[("file", (sent, png()))]), 207)["items"]
    assert items[0]["filename"] == kept and named(items[0]["image_file"]) == kept
    upload = begin(doctor, png(), filename=sent)
    assert doctor.file(upload["image_file_id"])["original_filename"] == kept


def test_a_zip_tells_where_its_entries_were(doctor):
    archive = zipped([("films/1.png", png())])
    [item] = ok(doctor.post("/upload/batch", files=[("file", ("C:\\cd.zip", archive))]), 207)["items"]
    assert item["filename"] == "films/1.png" and item["image_file"]["original_filename"] == "1.png"


@pytest.mark.parametrize(
    "entry, told",
    [
        ("../../x.png", "x.png"),
        ("/etc/x.png", "etc/x.png"),
        ("C:\\films\\..\\x.png", "films/x.png"),
        ("films/C:x.png", "films/x.png"),
        ("a//./b\u202e/x.png", "a/b/x.png"),
        ("..", "unnamed"),
    ],
)
def test_no_entry_of_a_zip_is_told_to_lie_outside(doctor, entry, told):
    """The name is told of entries that are stored, and of those that are not."""
    [item] = ok(doctor.post("/upload/batch", files=[("file", ("cd.zip", zipped([(entry, png())])))]), 207)["items"]
    assert item["filename"] == told and item["image_file"]["original_filename"] == told.split("/")[-1]
    [item] = ok(doctor.post("/upload/batch", files=[("file", ("cd.zip", zipped([(entry, b"")])))]), 207)["items"]
    assert item["filename"] == told
