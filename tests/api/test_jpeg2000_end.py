"""JPEG 2000 codestreams without their last marker (EOC, ISO 15444-1 A.4.4): shown when all tile-parts are there."""

import io
import struct

import numpy
import pytest
from PIL import Image

import made

doctor_of_all = None  # conftest.py

JPEG_2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
SIDE = 64
PIXELS = (numpy.add.outer(numpy.arange(SIDE), numpy.arange(SIDE)) * 2).astype(numpy.uint8)
SOT, EOC = b"\xff\x90\0\x0a", b"\xff\xd9"


def codestream(jp2=False, **options):
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, "JPEG2000", no_jp2=not jp2, irreversible=False, **options)
    assert out.getvalue().endswith(EOC)
    return out.getvalue()


def content(frame):
    return made.renamed_syntax(made.image(PIXELS, RLE, frame + bytes(len(frame) % 2), Modality="OT"), RLE, JPEG_2000)


KINDS = {"one tile": {}, "tiles": {"tile_size": (32, 32)}, "tiles in JP2": {"tile_size": (32, 32), "jp2": True}}


@pytest.mark.parametrize("end", [b"", b"\0", b"\xff", b"\xff\0", b"\0\0"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_codestream_without_its_last_marker_is_shown(doctor, kind, end):
    file = doctor.upload(content(codestream(**KINDS[kind])[:-2] + end), "a.dcm")
    assert file["status"] == "UPLOADED", file["status_reason"]
    answer = doctor.get(f"/images/{file['id']}/frames/1")
    assert answer.status_code == 200, answer.text
    assert (numpy.frombuffer(answer.content, numpy.uint8).reshape(SIDE, SIDE) == PIXELS).all()


def without_last_part(frame):
    return frame[: frame.rindex(SOT)]


def of_two_parts(frame):
    """The last tile says that a second part of it follows."""
    at = frame.rindex(SOT)
    return frame[: at + 11] + b"\2" + frame[at + 12 :]


def of_no_length(frame):
    """Psot 0: to the end of the codestream, wherever that was."""
    at = frame.rindex(SOT)
    return frame[: at + 6] + struct.pack(">I", 0) + frame[at + 10 :]


CUT = {
    "a byte less": lambda frame: frame[:-3],
    "half of the last tile": lambda frame: frame[: (frame.rindex(SOT) + len(frame)) // 2],
    "no last tile": without_last_part,
    "no last part": lambda frame: of_two_parts(frame)[:-2],
    "an unknown end": lambda frame: of_no_length(frame)[:-12],
    "the header alone": lambda frame: frame[: frame.index(SOT)],
}


@pytest.mark.parametrize("cut", CUT)
def test_a_codestream_that_was_cut_is_refused(doctor, cut):
    file = doctor.upload(content(CUT[cut](codestream(tile_size=(32, 32)))), "a.dcm")
    answer = doctor.get(f"/images/{file['id']}/rendered")
    assert answer.status_code == 422 and "damaged" in answer.json()["detail"], answer.text
