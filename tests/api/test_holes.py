"""Coded pixels that end before the picture does: libjpeg and libtiff draw the rest as they please, and only warn."""

import io
import struct

import numpy
import pytest
from PIL import Image

doctor_of_all = None  # conftest.py

NOISE = numpy.random.default_rng(1).integers(1, 255, (128, 96), dtype="u1")
TALL, STRIP_BYTES, ROWS_PER_STRIP, LENGTH = 256, 279, 278, 257


def saved(kind, mode="L", **more):
    out = io.BytesIO()
    Image.fromarray(NOISE).convert(mode).save(out, kind, **more)
    return out.getvalue()


def taller(jpeg, marker):
    at = jpeg.index(marker)
    return jpeg[: at + 5] + struct.pack(">H", TALL) + jpeg[at + 7 :]


def ended_early(jpeg):
    return jpeg[: len(jpeg) // 2] + b"\xff\xd9"


def with_tags(tiff, change):
    """Values of tags that stand in the directory itself, and the last ones of those that do not."""
    out = bytearray(tiff)
    first = struct.unpack_from("<I", out, 4)[0]
    for i in range(struct.unpack_from("<H", out, first)[0]):
        at = first + 2 + 12 * i
        tag, kind, count, place = struct.unpack_from("<HHII", out, at)
        letter, size = {3: ("<H", 2), 4: ("<I", 4)}.get(kind, (None, 0))
        if tag in change and letter:
            place = at + 8 if count == 1 else place + (count - 1) * size
            struct.pack_into(letter, out, place, change[tag](struct.unpack_from(letter, out, place)[0]))
    return bytes(out)


def halved(tiff):
    return with_tags(tiff, {STRIP_BYTES: lambda length: length // 2})


def tall(tiff):
    return with_tags(tiff, {LENGTH: lambda _: TALL, ROWS_PER_STRIP: lambda _: TALL})


FAX = {"mode": "1", "compression": "group4"}
CUT = {
    "a JPEG taller than its scan": lambda: taller(saved("JPEG"), b"\xff\xc0"),
    "a JPEG that ends early": lambda: ended_early(saved("JPEG")),
    "a progressive JPEG that ends early": lambda: ended_early(saved("JPEG", progressive=True)),
    "a progressive JPEG taller than its scans": lambda: taller(saved("JPEG", progressive=True), b"\xff\xc2"),
    "half a JPEG in TIFF": lambda: halved(saved("TIFF", compression="jpeg")),
    "half a fax": lambda: halved(saved("TIFF", **FAX)),
    "a fax taller than its lines": lambda: tall(saved("TIFF", **FAX)),
    "half a group 3 fax": lambda: halved(saved("TIFF", mode="1", compression="group3")),
    "half an LZW": lambda: halved(saved("TIFF", compression="tiff_lzw")),
    "half a PackBits": lambda: halved(saved("TIFF", compression="packbits")),
    "half a Deflate": lambda: halved(saved("TIFF", compression="tiff_adobe_deflate")),
}


@pytest.mark.parametrize("name", CUT)
def test_pixels_that_are_not_there_are_not_drawn(doctor, name):
    file = doctor.upload(CUT[name](), "a.bin")
    answer = doctor.get(f"/images/{file['id']}/rendered", params={"format": "png"})
    assert answer.status_code == 422, answer.status_code
    assert "cut short" in answer.json()["detail"]
    assert doctor.settled(file["id"])["status"] == "FAILED"


WHOLE = {
    "JPEG": lambda: saved("JPEG"),
    "progressive": lambda: saved("JPEG", progressive=True),
    "JPEG in TIFF": lambda: saved("TIFF", compression="jpeg"),
    "fax": lambda: saved("TIFF", **FAX),
    "group 3": lambda: saved("TIFF", mode="1", compression="group3"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_ones_are_shown(doctor, name):
    file = doctor.upload(WHOLE[name](), "a.bin")
    assert doctor.get(f"/images/{file['id']}/rendered").status_code == 200
    assert doctor.settled(file["id"])["status"] == "UPLOADED"
