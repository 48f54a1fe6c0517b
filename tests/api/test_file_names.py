"""Directories of the sender are dropped from names (RFC 7578 4.2, RFC 6266 4.3), by every way in."""

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
        ("C:", "C:"),
        ("...png", "...png"),
    ],
)
def test_directories_are_dropped(doctor, sent, kept):
    def named(file):
        answer = doctor.get(f"/image-files/{file['id']}/download")
        assert "/" not in answer.headers["content-disposition"].split("filename*")[0]
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
