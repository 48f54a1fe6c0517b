"""Bits outside Bits Stored mean nothing (PS3.5 8.1.1): picture, histogram and measurements of every coding are those of
native pixels."""

import io
import warnings

import numpy
import pytest
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000,
    JPEG2000Lossless,
    RLELossless,
)

import made
from support import DATA, ok, sample

doctor_of_all = None  # conftest.py

# name: Bits Stored, High Bit, signed
KINDS = {
    "u12": (12, 11, False),
    "s12": (12, 11, True),
    "u12-high15": (12, 15, False),
    "s10": (10, 9, True),
    "u14": (14, 13, False),
}


def cells(stored, high, signed):
    """Words whose other bits are set in two squares, and what they stand for."""
    y, x = numpy.mgrid[0:16, 0:16]
    value = (y * 16 + x) * (2**stored - 1) // 255
    words = (value << (high + 1 - stored)).astype(numpy.uint16)
    words[4:9, 4:9] |= 0x8000 if high < 15 else 0x000F
    if stored < 14:
        words[10:12, 2:5] |= 0x4000 if high < 15 else 0x0008
    return words, numpy.where(signed & (value >= 2 ** (stored - 1)), value - 2**stored, value)


def members(stored, high, signed):
    return {
        "BitsStored": stored,
        "HighBit": high,
        "PixelRepresentation": int(signed),
        "RescaleSlope": 2,
        "RescaleIntercept": -1024,
        "RescaleType": "HU",
    }


def rle(words):
    """Two segments of literal runs (PS3.5 G): the upper bytes, then the lower."""
    segments = []
    for shift in (8, 0):
        plane = (words >> shift & 255).astype(numpy.uint8).tobytes()
        segments.append(b"".join(b"\x7f" + plane[i : i + 128] for i in range(0, len(plane), 128)))
    offsets = [64, 64 + len(segments[0])]
    header = numpy.array([2, *offsets] + [0] * 13, "<u4").tobytes()
    return header + b"".join(segments)


def jpeg2000(words, **options):
    out = io.BytesIO()
    Image.fromarray(words).save(out, "JPEG2000", no_jp2=True, irreversible=False, **options)
    return out.getvalue()


def content(coding, name):
    stored, high, signed = kind = KINDS[name]
    words, _ = cells(*kind)
    more = members(*kind)
    if coding in ("jpegls", "jpegll"):  # made by DCMTK, which encodes whole words
        return made.another((DATA / "pixels" / f"highbits-{coding}-{name}.dcm").read_bytes())
    if coding == "rle":
        return made.image(words, RLELossless, rle(words), **more)
    if coding == "jpeg2000":
        return made.image(words, JPEG2000Lossless, jpeg2000(words), **more)
    if coding == "deflated-frame":
        plain = made.image(words, RLELossless, made.deflated_frame(words), **more)
        return made.renamed_syntax(plain, RLELossless, "1.2.840.10008.1.2.8.1")
    syntaxes = {
        "explicit": ExplicitVRLittleEndian,
        "implicit": ImplicitVRLittleEndian,
        "deflated": DeflatedExplicitVRLittleEndian,
    }
    return made.image(words, syntaxes[coding], **more)


CODINGS = ["explicit", "implicit", "deflated", "deflated-frame", "rle", "jpegll", "jpegls", "jpeg2000"]


@pytest.mark.parametrize("name", KINDS)
def test_every_coding_says_the_same(doctor, name):
    _, values = cells(*KINDS[name])
    hu = values * 2 - 1024
    for coding in CODINGS:
        file = made.send(doctor, content(coding, name))
        found = made.histogram_of(doctor, file)
        assert (found["min"], found["max"], found["unit"]) == (hu.min(), hu.max(), "HU"), coding
        assert found["mean"] == pytest.approx(hu.mean()), coding
        for x, y in ((5, 5), (3, 10), (0, 0), (15, 15)):
            assert made.measured_at(doctor, file, x, y) == (hu[y, x], "HU"), (coding, x, y)
        for window in ({}, {"bits": 16}):
            shown = made.drawn(doctor, file, voi="none", **window)
            most = 65535 if window else 255
            assert numpy.abs(shown - (hu - hu.min()) / (hu.max() - hu.min()) * most).max() <= 1, coding


def test_a_slope_of_many_pixels(doctor):
    """Large enough for the tables and the straight line that draw most pictures, with a window."""
    rng = numpy.random.default_rng(7)
    values = rng.integers(0, 4096, (200, 200)).astype(numpy.uint16)
    words = values | (rng.integers(0, 16, values.shape) << 12).astype(numpy.uint16)
    more = members(12, 11, False)
    hu = values * 2.0 - 1024
    expected = numpy.clip((hu - (1000 - 0.5)) / 1999 + 0.5, 0, 1) * 255
    for syntax, frame in (
        (ExplicitVRLittleEndian, None),
        (JPEG2000Lossless, jpeg2000(words)),
        (RLELossless, rle_of(words)),
    ):
        file = made.send(doctor, made.image(words, syntax, frame, **more))
        shown = made.drawn(doctor, file, window_center=1000, window_width=2000)
        assert numpy.abs(shown - expected).max() <= 1, syntax.name


def rle_of(words):
    return rle(numpy.pad(words.reshape(-1), (0, -words.size % 128)))


def test_lossy_white_does_not_turn_black(doctor):
    """A lossy codestream of 16 bits comes back a little above the 12 that are stored: that is white, not black."""
    y, x = numpy.mgrid[0:64, 0:64]
    words = (((x - 32) ** 2 + (y - 32) ** 2 < 400) * 4095).astype(numpy.uint16)
    out = io.BytesIO()
    Image.fromarray(words).save(
        out, "JPEG2000", no_jp2=True, irreversible=True, quality_mode="rates", quality_layers=[8]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = numpy.asarray(Image.open(io.BytesIO(out.getvalue()))).astype(int)
    assert 4095 < again.max() < 4500  # or nothing is tried
    file = made.send(doctor, made.image(words, JPEG2000, out.getvalue(), **members(12, 11, False)))
    y, x = numpy.unravel_index(again.argmax(), again.shape)
    assert made.measured_at(doctor, file, int(x), int(y)) == (4095 * 2 - 1024, "HU")
    expected = numpy.clip(again, 0, 4095)
    shown = made.drawn(doctor, file, window_center=4095 - 1024, window_width=8190)
    assert numpy.abs(shown - expected / 4095 * 255).max() <= 1.5


def test_overlay_bits_in_a_lossy_codestream_are_masked(doctor):
    y, x = numpy.mgrid[0:32, 0:32]
    words = (y * 32 + x).astype(numpy.uint16)
    words[8:16, 8:16] |= 0x8000
    frame = jpeg2000(words)  # reversible, under the name of the lossy syntax
    file = made.send(doctor, made.image(words, JPEG2000, frame, **members(12, 11, False)))
    assert made.measured_at(doctor, file, 10, 10) == ((10 * 32 + 10) * 2 - 1024, "HU")


@pytest.mark.parametrize("planar", [0, 1])
def test_colour_of_fewer_bits(doctor, planar):
    """12 of 16 bits a colour, rubbish above."""
    rng = numpy.random.default_rng(3)
    values = rng.integers(0, 4096, (8, 8, 3)).astype(numpy.uint16)
    file = made.send(
        doctor,
        made.image(values | 0xA000, BitsStored=12, PlanarConfiguration=planar, Modality="OT"),
    )
    assert (made.drawn(doctor, file) == values >> 4).all()


def test_the_header_says_whether_a_jpeg_2000_has_a_sign(doctor):
    """Pixel Representation decides (PS3.3 C.7.6.3.1.4), as GDCM and pydicom have it: 12 unsigned bits in a codestream
    that says signed."""
    file = doctor.upload(sample("dicom/j2k-signed-stream.dcm"))
    body = {"annotations": [{"kind": "point", "points": [{"x": 63.5, "y": 40.5}]}]}
    (value,) = ok(doctor.put(f"/images/{file['id']}/annotations", json=body))["annotations"][0]["values"]
    assert (value["value"], value["unit"]) == (1605, "HU")
    histogram = ok(doctor.get(f"/images/{file['id']}/histogram"))
    assert (histogram["min"], histogram["max"]) == (-1024, 3008)
