"""Rows, columns and thumbnail_url of every kind of picture, whichever way it comes in."""

import io
import zipfile

import pytest
from PIL import Image

from support import CT, dicom, ok, sample, sha256, unique

doctor_of_all = None  # conftest.py

WIDTH, HEIGHT, ON_ITS_SIDE = 40, 24, 6


def picture(kind, orientation=None, pages=1):
    """One that nobody else makes. Orientation 5 to 8: its rows are stored as columns (Exif 2.3, 4.6.4 A)."""
    shades = bytes(int(d, 16) for d in sha256(unique("s").encode())) * (WIDTH * HEIGHT // 64)
    page = Image.frombytes("L", (WIDTH, HEIGHT), shades.ljust(WIDTH * HEIGHT, b"\0"))
    out, more = io.BytesIO(), {}
    if orientation:
        exif = Image.Exif()
        exif[274] = orientation
        more["exif"] = exif
    if pages > 1:
        more |= {"save_all": True, "append_images": [Image.new("L", (8, 8))] * (pages - 1)}
    page.save(out, kind, **more)
    return out.getvalue()


def said(file):
    return file["pixel_rows"], file["pixel_columns"], file["number_of_frames"]


def address(file):
    return f"/api/v1/images/{file['id']}/thumbnail"


KINDS = [
    ("JPEG", {}, (HEIGHT, WIDTH, None)),
    ("PNG", {}, (HEIGHT, WIDTH, None)),
    ("TIFF", {}, (HEIGHT, WIDTH, 1)),
    ("JPEG", {"orientation": ON_ITS_SIDE}, (WIDTH, HEIGHT, None)),
    ("PNG", {"orientation": ON_ITS_SIDE}, (WIDTH, HEIGHT, None)),
    ("TIFF", {"orientation": ON_ITS_SIDE}, (WIDTH, HEIGHT, 1)),
    ("TIFF", {"pages": 3}, (HEIGHT, WIDTH, 3)),
]


def single(api, content):
    return api.upload(content)


def batch(api, content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one", content)
    return ok(api.post("/upload/batch", files={"file": ("a.zip", packed.getvalue())}), 207)["items"][0]["image_file"]


def chunked(api, content):
    upload = ok(api.post("/upload/chunked", json={"filename": "a", "file_size": len(content)}), 201)
    way = f"/upload/chunked/{upload['upload_id']}"
    ok(api.put(f"{way}/chunks/0", content=content))
    return ok(api.post(f"{way}/complete"), 201)


@pytest.mark.parametrize("way", [single, batch, chunked])
@pytest.mark.parametrize(("kind", "more", "expected"), KINDS)
def test_size_is_that_of_the_upright_picture(doctor, way, kind, more, expected):
    file = way(doctor, picture(kind, **more))
    assert said(file) == expected
    header = ok(doctor.get(f"/images/{file['id']}/metadata"))
    assert (header["height"], header["width"]) == expected[:2]
    assert said(doctor.file(file["id"])) == expected


def test_import_says_it_too(server, doctor, tmp_path):
    (tmp_path / "a.tif").write_bytes(picture("TIFF", pages=2))
    server.run("import", str(tmp_path), "--username", server.admin_name, "--owner", doctor.user["username"])
    assert said(ok(doctor.get("/image-files/my-images?page_size=1"))["items"][0]) == (HEIGHT, WIDTH, 2)


def test_a_side_may_be_longer_than_a_dicom_one(doctor):
    out = io.BytesIO()
    Image.new("L", (70000, 1)).save(out, "PNG")
    assert said(doctor.upload(out.getvalue())) == (1, 70000, None)


@pytest.mark.parametrize("content", [picture("JPEG"), picture("PNG"), picture("TIFF"), sample(CT)])
def test_thumbnail_has_an_address(doctor, content):
    file = doctor.upload(content)
    assert file["thumbnail_url"] == address(file)
    listed = ok(doctor.get("/image-files/my-images?page_size=100&fields=id,thumbnail_url"))["items"]
    assert {"id": file["id"], "thumbnail_url": address(file)} in listed
    answer = doctor.get(file["thumbnail_url"].removeprefix("/api/v1"))
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
    ok(doctor.delete(f"/image-files/{file['id']}"), 204)
    gone = ok(doctor.get("/image-files/my-images?status=DELETED&page_size=100"))["items"]
    assert [f["thumbnail_url"] for f in gone if f["id"] == file["id"]] == [None]


def test_a_directory_and_a_document_have_no_thumbnail(doctor):
    file = doctor.upload(dicom())
    archive = doctor.get(f"/studies/{file['study_id']}/archive")
    directory = zipfile.ZipFile(io.BytesIO(archive.content)).read("DICOMDIR")
    report = dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR", Rows=None, Columns=None)
    for content in (directory, report):
        file = doctor.upload(content)
        assert (file["file_type"], file["thumbnail_url"], file["pixel_rows"]) == ("DICOM", None, None)


def test_what_is_still_sent_has_no_thumbnail(doctor):
    upload = ok(doctor.post("/upload/chunked", json={"filename": "a.png", "file_size": 9}), 201)
    assert doctor.file(upload["image_file_id"])["thumbnail_url"] is None
