"""JPEG and PNG files with more pictures than the one that is shown: animations (acTL), and MPO (CIPA DC-007)."""

import io
import struct
import zlib

import numpy
import pytest
from PIL import Image

from support import ok
from test_upload_chunked import begin, path, put

doctor_of_all = None  # conftest.py
SAID = "the file says that it has {} pictures: only the first is shown"


def written(kind, count):
    out = io.BytesIO()
    first, *others = (Image.fromarray(numpy.full((16, 16), 40 * n + 20, "u1")) for n in range(count))
    first.save(out, kind, save_all=True, append_images=others)
    assert kind != "MPO" or count == 1 or b"MPF\0" in out.getvalue()
    return out.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(*before, behind=b""):
    plain = written("PNG", 1)
    at = plain.index(b"IDAT") - 4
    end = plain.index(b"IEND") - 4
    return plain[:at] + b"".join(before) + plain[at:end] + behind + plain[end:]


def exif(orientation):
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 274, 3, 1, orientation, 0, 0)


SEVERAL = {
    "APNG": (lambda: written("PNG", 3), 3),
    "APNG with Exif": (lambda: png_with(chunk(b"eXIf", exif(1)), chunk(b"acTL", struct.pack(">II", 7, 0))), 7),
    "MPO": (lambda: written("MPO", 2), 2),
    "MPO of four": (lambda: written("MPO", 4), 4),
}
ONE = {
    "PNG": lambda: written("PNG", 1),
    "APNG of one": lambda: png_with(chunk(b"acTL", struct.pack(">II", 1, 0))),
    "acTL behind the pixels": lambda: png_with(behind=chunk(b"acTL", struct.pack(">II", 3, 0))),
    "JPEG": lambda: written("MPO", 1),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_who_sees_the_first_is_told_of_the_others(doctor, name):
    make, count = SEVERAL[name]
    file = doctor.upload(make(), "a")
    assert file["remarks"] == doctor.file(file["id"])["remarks"] == [SAID.format(count)]
    answer = doctor.get(f"/images/{file['id']}/rendered", params={"format": "png"})
    seen = numpy.asarray(Image.open(io.BytesIO(answer.content)))
    assert answer.status_code == 200 and abs(int(seen[3, 3]) - 20) <= 2  # JPEG


@pytest.mark.parametrize("name", ONE)
def test_one_picture_has_no_remark(doctor, name):
    assert doctor.upload(ONE[name](), "a")["remarks"] is None


def test_an_upload_in_chunks_is_told_too(doctor):
    content = SEVERAL["MPO"][0]() + bytes(3)
    upload = begin(doctor, content)
    for n in range(upload["total_chunks"]):
        ok(put(doctor, upload, content, n))
    done = ok(doctor.post(path(upload, "complete")), 201)
    assert done["remarks"] == [SAID.format(2)], done
