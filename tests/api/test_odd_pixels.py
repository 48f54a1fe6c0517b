"""Pixels that are written in ways that are allowed and seldom seen: each is shown as what it is, or refused as what it
is."""

import io
import struct

import numpy
import pydicom
import pytest
from PIL import Image

import made

doctor_of_all = None  # conftest.py

JPEG2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
RAMP = numpy.arange(64, dtype=numpy.uint16).reshape(8, 8)


def changed(content, **members):
    data = pydicom.dcmread(io.BytesIO(content))
    for keyword, value in members.items():
        setattr(data, keyword, value)
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    return out.getvalue()


# ---- padding of floating-point pixels (PS3.3 C.7.6.24, C.7.6.25) ----

SINGLE = numpy.linspace(-2, 6, 64, dtype=numpy.float32).reshape(8, 8)
PADDED = SINGLE.copy()
PADDED[:2] = numpy.float32(-1000.1)
PADDED[2:4] = numpy.float32(-999.9)


@pytest.mark.parametrize("kind", ["Float", "DoubleFloat"])
@pytest.mark.parametrize("is_range", [False, True])
def test_padding_of_real_numbers(doctor, kind, is_range):
    pixels = PADDED if kind == "Float" else PADDED.astype(float)
    members = {f"{kind}PixelPaddingValue": float(pixels[0, 0])}
    if is_range:
        members[f"{kind}PixelPaddingRangeLimit"] = float(pixels[2, 0])
    file = made.send(doctor, changed(made.image(pixels, Modality="MR"), **members))
    found, picture = made.histogram_of(doctor, file), made.drawn(doctor, file)
    values = pixels[4:] if is_range else pixels[2:]
    assert found["count"] == values.size
    assert (found["min"], found["max"]) == (pytest.approx(values.min()), pytest.approx(values.max()))
    assert made.measured_at(doctor, file, 3, 1) is None
    assert made.measured_at(doctor, file, 3, 5)[0] == pytest.approx(pixels[5, 3])
    assert not picture[:2].any() and picture[7, 7] == 255
    low = values.min()
    assert abs(picture[5, 3] - 255 * (pixels[5, 3] - low) / (pixels[7, 7] - low)) <= 1


def test_padding_of_the_other_kind_is_none(doctor):
    """Pixel Padding Value is of whole numbers, Float Pixel Padding Value of floating-point ones."""
    content = changed(made.image(RAMP), FloatPixelPaddingValue=5.0)
    assert made.histogram_of(doctor, made.send(doctor, content))["count"] == 64
    content = changed(made.image(SINGLE, Modality="MR"), DoubleFloatPixelPaddingValue=float(SINGLE[0, 0]))
    assert made.histogram_of(doctor, made.send(doctor, content))["count"] == 64


# ---- fragments (PS3.5 A.4) ----


def codestream(pixels, **more):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG2000", no_jp2=True, irreversible=False, **more)
    return out.getvalue()


def fragmented(pixels, frames):
    """`frames`: of each the lengths of its fragments but the last; no offset table."""
    body = b""
    for frame, lengths in zip(pixels, frames):
        left = codestream(frame)
        left += bytes(len(left) % 2)
        for length in [*lengths, len(left)]:
            piece, left = left[:length], left[length:]
            body += struct.pack("<HHI", 0xFFFE, 0xE000, len(piece)) + piece
    content = made.image(pixels[0], syntax=JPEG2000_LOSSLESS, frame=b"nothing", Modality="MR")
    content = changed(content, NumberOfFrames=len(pixels))
    at = content.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12
    table, end = struct.pack("<HHI", 0xFFFE, 0xE000, 0), struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return content[:at] + table + body + end


@pytest.mark.parametrize("lengths", [[2], [2, 2, 100], [1000], [4, 60]])
def test_frames_whose_begin_marker_is_split(doctor, lengths):
    """Without an offset table, frames are told apart by how they begin, over the borders of fragments."""
    pixels = numpy.random.default_rng(7).integers(0, 256, (3, 40, 50)).astype(numpy.uint8)
    file = made.send(doctor, fragmented(pixels, [lengths] * 3))
    assert file["status"] == "UPLOADED" and not file["remarks"]
    for number, frame in enumerate(pixels, 1):
        answer = doctor.get(f"/images/{file['id']}/frames/{number}")
        assert answer.status_code == 200 and answer.content == frame.tobytes()


def test_tiles(doctor):
    pixels = numpy.random.default_rng(8).integers(0, 256, (77, 130)).astype(numpy.uint8)
    content = made.image(
        pixels, syntax=JPEG2000_LOSSLESS, frame=codestream(pixels, tile_size=(64, 48)), Modality="MR"
    )  # fmt: skip
    file = made.send(doctor, content)
    assert doctor.get(f"/images/{file['id']}/frames/1").content == pixels.tobytes()


# ---- colours that a coding cannot hold (PS3.3 C.7.6.3.1.2) ----


@pytest.mark.parametrize("term", ["YBR_RCT", "YBR_PARTIAL_420"])
@pytest.mark.parametrize("is_rle", [False, True])
def test_colours_that_cannot_be_in_a_syntax(doctor, term, is_rle):
    """Neither drawn as something else, nor called damaged."""
    pixels = numpy.random.default_rng(9).integers(0, 256, (8, 8, 3)).astype(numpy.uint8)
    data = pydicom.dcmread(io.BytesIO(made.image(pixels, Modality="OT")))
    if is_rle:
        data.compress(RLE)
    data.PhotometricInterpretation = term
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    file = made.send(doctor, out.getvalue())
    assert file["remarks"] == [
        "Photometric Interpretation (0028,0004) cannot be in this transfer syntax: the image is not shown"
    ]
    answer = doctor.get(f"/images/{file['id']}/rendered")
    assert answer.status_code == 415 and term in answer.json()["detail"]
    assert doctor.get(f"/images/{file['id']}/frames/1").content == pixels.tobytes()
    assert doctor.get(f"/image-files/{file['id']}").json()["status"] == "UPLOADED"
