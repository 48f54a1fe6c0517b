"""What decides the colours of a JPEG: the table in docs/conformance.md, a file for each row, against libjpeg (Pillow).

Each row's file was also decoded by DCMTK 3.6.7 (`dcmj2pnm --conv-guess`), with the same answer but for the rows whose
label decides.
"""

import io
import struct

import numpy
import pytest
from PIL import Image
from pydicom.uid import JPEGBaseline8Bit

import made

doctor_of_all = None  # conftest.py

SIZE = 64


def picture():
    """Areas of clear colours: taken for the other kind, they are far off."""
    colours = [
        (200, 40, 40),
        (40, 180, 60),
        (50, 60, 200),
        (220, 200, 40),
        (240, 240, 240),
        (20, 20, 20),
        (160, 40, 160),
        (40, 160, 160),
    ]
    out = numpy.zeros((SIZE, SIZE, 3), numpy.uint8)
    for i, colour in enumerate(colours):
        out[(i // 4) * 32 : (i // 4) * 32 + 32, (i % 4) * 16 : (i % 4) * 16 + 16] = colour
    return out


def segments(jpeg):
    """(marker, offset, length with the marker) up to the first scan."""
    at, found = 2, []
    while True:
        marker, length = jpeg[at + 1], struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        found.append((marker, at, length + 2))
        at += length + 2
        if marker == 0xDA:
            return found


def jpeg(rgb, *, subsampled=False, jfif=False, adobe=None, ids=(1, 2, 3)):
    """A JPEG whose components are RGB or YCbCr, that says of itself what it is told to."""
    out = io.BytesIO()
    Image.fromarray(picture()).save(out, "JPEG", quality=95, keep_rgb=rgb, subsampling=2 if subsampled else 0)
    plain = bytearray(out.getvalue())
    head = b""
    if jfif:
        head += b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0\1\1\0\0\1\0\1\0\0"
    if adobe is not None:
        head += b"\xff\xee" + struct.pack(">H", 14) + b"Adobe" + struct.pack(">HHHB", 100, 0, 0, adobe)
    for marker, at, _ in segments(plain):
        first = at + 10 if 0xC0 <= marker <= 0xC2 else at + 5 if marker == 0xDA else None
        if first:
            step = 2 if marker == 0xDA else 3
            for i, number in enumerate(ids):
                plain[first + i * step] = number
    body = b""
    for marker, at, length in segments(plain):
        if marker not in (0xE0, 0xEE):
            body += bytes(plain[at : at + length])
    end = segments(plain)[-1]
    return b"\xff\xd8" + head + body + bytes(plain[end[1] + end[2] :])


RGB_IDS = (0x52, 0x47, 0x42)
# are the components RGB; how the stream describes itself; the row of the table
ROWS = [
    (False, {"jfif": True}, "JFIF"),
    (False, {"jfif": True, "subsampled": True}, "JFIF"),
    (False, {"jfif": True, "adobe": 1}, "JFIF"),
    (False, {"jfif": True, "adobe": 0}, "JFIF"),
    (False, {"jfif": True, "ids": RGB_IDS}, "JFIF"),
    (True, {"adobe": 0, "ids": RGB_IDS}, "Adobe"),
    (True, {"adobe": 0}, "Adobe"),
    (True, {"adobe": 0, "ids": (0, 1, 2)}, "Adobe"),
    (False, {"adobe": 1}, "Adobe"),
    (False, {"adobe": 1, "ids": RGB_IDS}, "Adobe"),
    (False, {"adobe": 2, "ids": (0, 1, 2)}, "Adobe"),
    (True, {"ids": RGB_IDS}, "ids"),
    (False, {"subsampled": True}, "subsampling"),
    (False, {"subsampled": True, "ids": (0, 1, 2)}, "subsampling"),
    (False, {}, "ids of JFIF"),
]


def content(stream, label):
    return made.image(picture(), JPEGBaseline8Bit, stream, PhotometricInterpretation=label, Modality="OT")


def shown(api, stream, label):
    return made.drawn(api, made.send(api, content(stream, label)))


@pytest.mark.parametrize("rgb, stream, row", ROWS)
def test_what_the_stream_says(doctor, rgb, stream, row):
    """The same picture under every label, the one that libjpeg makes."""
    encoded = jpeg(rgb, **stream)
    libjpeg = numpy.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")).astype(int)
    expected = picture().astype(int)
    for label in ("RGB", "YBR_FULL_422", "YBR_FULL"):
        found = shown(doctor, encoded, label)
        assert numpy.abs(found - libjpeg).max() <= 3, (row, label)
        assert numpy.abs(found - expected).mean() <= 8, (row, label)


@pytest.mark.parametrize("rgb, label", [(True, "RGB"), (False, "YBR_FULL"), (False, "YBR_FULL_422")])
def test_the_label_where_the_stream_says_nothing(doctor, rgb, label):
    encoded = jpeg(rgb, ids=(0, 1, 2))
    assert numpy.abs(shown(doctor, encoded, label) - picture().astype(int)).mean() <= 8


def test_a_marker_that_only_looks_like_jfif(doctor):
    """JFXX, and a comment in APP0: not JFIF."""
    plain = jpeg(True, ids=RGB_IDS)
    app0 = b"\xff\xe0" + struct.pack(">H", 10) + b"JFIFtool"
    assert numpy.abs(shown(doctor, b"\xff\xd8" + app0 + plain[2:], "RGB") - picture().astype(int)).mean() <= 8


def test_a_marker_behind_the_frame_header(doctor):
    """Anywhere before the first scan, as libjpeg takes it."""
    plain = jpeg(True)
    adobe = b"\xff\xee" + struct.pack(">H", 14) + b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0)
    scan = segments(plain)[-1][1]
    encoded = plain[:scan] + adobe + plain[scan:]
    libjpeg = numpy.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")).astype(int)
    assert numpy.abs(libjpeg - picture()).mean() <= 8
    for label in ("RGB", "YBR_FULL_422"):
        assert numpy.abs(shown(doctor, encoded, label) - libjpeg).max() <= 3


def test_frames_say_what_they_are(doctor):
    for stream, said in (({"jfif": True}, "YBR_FULL"), ({"ids": RGB_IDS}, "RGB")):
        file = made.send(doctor, content(jpeg(said == "RGB", **stream), "RGB"))
        answer = doctor.get(f"/images/{file['id']}/frames/1")
        assert answer.headers["x-pixel-format"].endswith(f"photometric={said}")


@pytest.mark.parametrize("label", ["YBR_RCT", "RGB", "YBR_FULL"])
def test_jpeg_2000_undoes_its_own_transform(doctor, label):
    """What the codestream's COD says it did counts (ISO 15444-1 A.6.1)."""
    out = io.BytesIO()
    Image.fromarray(picture()).save(out, "JPEG2000", no_jp2=True, mct=1)
    file = made.send(
        doctor,
        made.image(picture(), "1.2.840.10008.1.2.4.90", out.getvalue(), PhotometricInterpretation=label, Modality="OT"),
    )
    assert (made.drawn(doctor, file) == picture()).all()
