"""Pictures that say which way up they are: metadata, pictures, frames and points agree on the size."""

import io
import struct
import zlib

import numpy
import pytest
from PIL import Image, ImageOps

import made
from annotations import line, measured, refused
from support import ok

doctor_of_all = None  # conftest.py

WIDTH, HEIGHT = 40, 24


def picture():
    """Its four corners differ."""
    out = numpy.zeros((HEIGHT, WIDTH, 3), numpy.uint8)
    out[:12, :20], out[:12, 20:], out[12:, :20] = (220, 30, 30), (30, 200, 30), (40, 40, 220)
    return Image.fromarray(out)


def exif_of(orientation, big=False, kind=3, before=b""):
    """Exif data with one other entry, before or behind."""
    order = ">" if big else "<"
    value = struct.pack(order + ("I" if kind == 4 else "H"), orientation).ljust(4, b"\0")
    entries = [struct.pack(order + "HHI", 274, kind, 1) + value, struct.pack(order + "HHII", 282, 4, 1, 72)]
    first = (b"MM\0*" if big else b"II*\0") + struct.pack(order + "I", 8 + len(before)) + before
    return first + struct.pack(order + "H", len(entries)) + b"".join(entries) + b"\0\0\0\0"


def jpeg(orientation, **more):
    out = io.BytesIO()
    picture().save(out, "JPEG", quality=95, subsampling=0)
    body = b"Exif\0\0" + exif_of(orientation, **more)
    return out.getvalue()[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + out.getvalue()[2:]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(orientation, behind=False, **more):
    out = io.BytesIO()
    picture().save(out, "PNG")
    content = out.getvalue()
    at = content.index(b"IEND") - 4 if behind else content.index(b"IDAT") - 4
    return content[:at] + chunk(b"eXIf", exif_of(orientation, **more)) + content[at:]


def tiff(orientation, **_):
    out = io.BytesIO()
    picture().save(out, "TIFF", tiffinfo={274: orientation})
    return out.getvalue()


def check(api, content, orientation):
    """`orientation`: the one that counts."""
    lies = orientation > 4
    size = (HEIGHT, WIDTH) if lies else (WIDTH, HEIGHT)
    file = api.upload(content, filename=made.unique("way-up"))
    said = ok(api.get(f"/images/{file['id']}/metadata"))
    assert (said["width"], said["height"], said["orientation"]) == (*size, orientation)
    shown = made.drawn(api, file)
    assert shown.shape[1::-1] == size
    upright = picture()
    upright.getexif()[274] = orientation
    expected = numpy.asarray(ImageOps.exif_transpose(upright)).astype(int)
    assert numpy.abs(shown - expected).mean() < 6
    frame = api.get(f"/images/{file['id']}/frames/1")
    assert f"rows={size[1]};columns={size[0]};" in frame.headers["x-pixel-format"]
    assert measured(api, file, line((0, 0), size))["length"]["value"] == pytest.approx((WIDTH**2 + HEIGHT**2) ** 0.5)
    assert refused(api, file, line((0, 0), (size[0] + 1, 0)))[0] == "annotations.0.points.1"
    assert refused(api, file, line((0, 0), (0, size[1] + 1)))[0] == "annotations.0.points.1"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("make", [jpeg, png, tiff])
def test_all_ways_up(doctor, make, orientation):
    check(doctor, make(orientation), orientation)


@pytest.mark.parametrize("make", [jpeg, png])
@pytest.mark.parametrize("more", [{"big": True}, {"kind": 4}, {"big": True, "kind": 4}, {"before": b"\0" * 400}])
def test_other_ways_to_write_it(doctor, make, more):
    check(doctor, make(6, **more), 6)


def test_behind_the_pixels(doctor):
    check(doctor, png(8, behind=True), 8)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
@pytest.mark.parametrize("make", [jpeg, png])
def test_orientations_that_are_none(doctor, make, orientation):
    check(doctor, make(orientation), 1)


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff", b"XX*\0\x08\0\0\0\0\0"]
)
def test_broken_exif_is_none(doctor, data):
    plain = jpeg(1)
    at = plain.index(b"\xff\xe1") + 2
    length = struct.unpack(">H", plain[at : at + 2])[0]
    body = b"Exif\0\0" + data
    check(doctor, plain[:at] + struct.pack(">H", len(body) + 2) + body + plain[at + length :], 1)


def test_pages_have_their_own(doctor):
    out = io.BytesIO()
    picture().save(out, "TIFF", save_all=True, append_images=[picture().resize((30, 10))], tiffinfo={274: 6})
    file = doctor.upload(out.getvalue(), filename=made.unique("pages") + ".tif")
    assert ok(doctor.get(f"/images/{file['id']}/metadata"))["width"] == HEIGHT
    sizes = [made.drawn(doctor, file, frame=page).shape[1::-1] for page in (1, 2)]
    second = Image.open(io.BytesIO(out.getvalue()))
    second.seek(1)
    turned = second.tag_v2.get(274, 1) > 4
    assert sizes == [(HEIGHT, WIDTH), (10, 30) if turned else (30, 10)]
