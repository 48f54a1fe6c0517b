"""Bytes out: whole, in ranges, conditional; and thumbnails."""

import io
import threading
import urllib.parse

import pytest
from PIL import Image

from support import JPEG, PNG, TIFF, ok, png, problem, sample, sha256, wait_until


@pytest.fixture(scope="module")
def film(server, admin):
    doctor = server.account("doctor", admin=admin)
    return doctor, sample(JPEG), doctor.upload(sample(JPEG), filename="胸部 正位片.jpg")


def download(film, method="GET", **headers):
    doctor, _, file = film
    return doctor.request(method, f"/image-files/{file['id']}/download", headers=headers)


def test_whole(film):
    answer = download(film)
    assert answer.status_code == 200 and answer.content == film[1]
    h = answer.headers
    assert h["content-type"] == "image/jpeg" and h["content-length"] == str(len(film[1]))
    assert h["etag"] == f'"{sha256(film[1])}"' and h["accept-ranges"] == "bytes" and h["last-modified"].endswith("GMT")
    assert h["x-content-type-options"] == "nosniff"
    assert "private" in h["cache-control"] or "no-store" in h["cache-control"]
    assert h["content-disposition"].startswith("attachment")
    encoded = h["content-disposition"].split("filename*=UTF-8''")[1].split(";")[0]
    assert urllib.parse.unquote(encoded) == "胸部 正位片.jpg"
    h["content-disposition"].encode("ascii")


def test_head(film):
    whole, head = download(film), download(film, "HEAD")
    assert head.status_code == 200 and head.content == b""
    for name in ("content-length", "etag", "last-modified", "content-type", "accept-ranges"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    "header, first, last",
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, None),
        ("bytes=-100", -100, None),
        ("bytes=5000-9999999999", 5000, None),
        ("bytes=-9999999999", 0, None),
        ("bytes = 3-7", 3, 7),
    ],
)
def test_ranges(film, header, first, last):
    content, size = film[1], len(film[1])
    answer = download(film, Range=header)
    if answer.status_code == 200 and " " in header:
        assert answer.content == content
        return
    assert answer.status_code == 206
    start = first if first >= 0 else size + first
    end = last if last is not None else size - 1
    assert answer.headers["content-range"] == f"bytes {start}-{end}/{size}"
    assert answer.content == content[start : end + 1]
    assert answer.headers["etag"] == f'"{sha256(content)}"'


@pytest.mark.parametrize("beyond", ["bytes={size}-", "bytes=99999999999-", "bytes=-0"])
def test_ranges_that_cannot_be(film, beyond):
    answer = download(film, Range=beyond.format(size=len(film[1])))
    problem(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{len(film[1])}"


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-2",
        "bytes=a-b",
        "lines=1-2",
        "bytes=",
        "bytes=0-1,5-6",
        "x" * 500,
        "bytes=--5",
        "bytes=99999999999999999999-",
    ],
)
def test_ranges_that_are_none_give_the_whole(film, header):
    answer = download(film, Range=header)
    assert answer.status_code in (200, 416)
    if answer.status_code == 200:
        assert answer.content == film[1]


def test_if_range(film):
    etag = f'"{sha256(film[1])}"'
    assert download(film, **{"Range": "bytes=0-9", "If-Range": etag}).status_code == 206
    assert download(film, **{"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200
    assert download(film, **{"Range": "bytes=0-9", "If-Range": "W/" + etag}).status_code == 200


def test_if_none_match(film):
    etag = f'"{sha256(film[1])}"'
    for value in (etag, "W/" + etag, f'"a", {etag}', "*"):
        answer = download(film, **{"If-None-Match": value})
        assert answer.status_code == 304 and answer.content == b"" and answer.headers["etag"] == etag
    assert download(film, **{"If-None-Match": '"other"'}).status_code == 200


def test_pieces_make_the_whole(film):
    content = film[1]
    step = 10007
    pieces = [download(film, Range=f"bytes={i}-{i + step - 1}").content for i in range(0, len(content), step)]
    assert b"".join(pieces) == content


def test_many_downloads_at_once(server, film):
    wrong = []

    def fetch():
        with server.client(film[0].token) as api:
            for _ in range(5):
                if api.get(f"/image-files/{film[2]['id']}/download").content != film[1]:
                    wrong.append(1)

    threads = [threading.Thread(target=fetch) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_download_survives_deletion_meanwhile(server, doctor):
    content = png() + b"\0" * (8 << 20)
    file = doctor.upload(content)
    with doctor.stream("GET", f"{server.url}/api/v1/image-files/{file['id']}/download") as answer:
        parts = answer.iter_raw(65536)
        first = next(parts)
        ok(server.client(doctor.token).delete(f"/image-files/{file['id']}"), 204)
        assert first + b"".join(parts) == content


def test_a_lost_file_is_a_server_error_without_its_path(new_server):
    server = new_server()
    doctor = server.account("doctor")
    file = doctor.upload(png())
    (server.files / file["storage_path"]).unlink()
    answer = doctor.get(f"/image-files/{file['id']}/download")
    body = problem(answer, 502)
    assert file["storage_path"] not in answer.text and str(server.folder) not in answer.text
    assert body["request_id"] in server.log_text() or wait_until(
        lambda: body["request_id"] in server.log_text(), what="a log line"
    )


# ---- thumbnails ----


def thumbnail(api, file_id, **query):
    return api.get(f"/images/{file_id}/thumbnail", params=query)


@pytest.mark.parametrize("name", [JPEG, PNG, TIFF])
def test_thumbnails(doctor, name):
    file = doctor.upload(sample(name))
    width, height = Image.open(io.BytesIO(sample(name))).size
    for size in (16, 100, 256, 1024):
        answer = thumbnail(doctor, file["id"], size=size)
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
        small = Image.open(io.BytesIO(answer.content))
        small.load()
        assert small.format == "JPEG" and max(small.size) <= size
        assert max(small.size) >= min(size, max(width, height)) - 1
        assert abs(small.size[0] / small.size[1] - width / height) < 0.15 * width / height
    assert thumbnail(doctor, file["id"]).content == thumbnail(doctor, file["id"], size=256).content


def test_thumbnails_look_like_the_picture(doctor):
    """Left half black, right half white."""
    rows = b"".join(b"\0" + b"\0" * 200 + b"\xff" * 200 for _ in range(300))
    file = doctor.upload(png(400, 300, rows=rows))
    small = Image.open(io.BytesIO(thumbnail(doctor, file["id"], size=64).content)).convert("L")
    assert small.size == (64, 48)
    assert small.getpixel((8, 24)) < 30 and small.getpixel((56, 24)) > 225


def test_thumbnails_are_conditional(doctor):
    file = doctor.upload(png(300, 300))
    answer = thumbnail(doctor, file["id"])
    again = doctor.get(f"/images/{file['id']}/thumbnail", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
    assert "private" in answer.headers["cache-control"] or "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize("size", ["15", "1025", "0", "-5", "big", ""])
def test_thumbnail_sizes(doctor, size):
    file = doctor.upload(png())
    answer = doctor.get(f"/images/{file['id']}/thumbnail?size={size}")
    assert answer.status_code == (200 if size == "" else 422)


def test_no_thumbnail_of_a_damaged_picture(doctor):
    file = doctor.upload(sample(JPEG)[:60000])
    answer = thumbnail(doctor, file["id"])
    assert answer.status_code in (409, 415, 422)
    problem(answer, answer.status_code)


def test_background_thumbnail(server, doctor):
    file = doctor.settled(doctor.upload(sample(JPEG))["id"])
    assert (server.files / file["thumbnail_path"]).read_bytes() == thumbnail(doctor, file["id"]).content


def test_lost_thumbnails_are_made_again(server, doctor):
    file = doctor.settled(doctor.upload(png(300, 300))["id"])
    (server.files / file["thumbnail_path"]).unlink()
    assert thumbnail(doctor, file["id"]).status_code == 200


def test_thumbnails_missed_by_a_stop_are_made_after_the_start(new_server):
    server = new_server()
    admin = server.admin()
    ids = [admin.upload(png(200, 200))["id"] for _ in range(5)]
    server.kill()
    server.start()
    admin = server.client(admin.token)
    for file_id in ids:
        assert admin.settled(file_id)["status"] == "UPLOADED"
