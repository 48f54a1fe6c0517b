"""Encapsulated pixel data whose end is not said: the file ends with its last fragment. It is read, with a remark, when
the picture is whole."""

import io

import numpy
import pytest
from PIL import Image
from pydicom.encaps import encapsulate

import made
from support import ok, problem

RLE, JPEG, JPEG_2000, DEFLATED, FILM = (
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.8.1",
    "1.2.840.10008.1.2.4.102",
)
DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
PIXELS = (numpy.arange(64, dtype=numpy.uint8).reshape(8, 8) * 4).astype(numpy.uint8)


def rle_frame(pixels):
    """One byte a sample (PS3.5 G): a header and PackBits, here literal."""
    data = pixels.tobytes()
    literal = b"".join(bytes([len(part) - 1]) + part for part in (data[i : i + 128] for i in range(0, len(data), 128)))
    return bytes([1, 0, 0, 0, 64] + [0] * 59) + literal


def pillow(kind, **options):
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind, **options)
    return out.getvalue()


FRAMES = {
    RLE: rle_frame(PIXELS),
    JPEG: pillow("JPEG", quality=95),
    JPEG_2000: pillow("JPEG2000", no_jp2=True, irreversible=False),
    DEFLATED: made.deflated_frame(PIXELS),
}


def content(syntax, frame=None):
    whole = made.image(PIXELS, RLE, FRAMES[syntax] if frame is None else frame, Modality="OT")
    whole = whole if syntax == RLE else made.renamed_syntax(whole, RLE, syntax)
    assert whole.endswith(DELIMITER)
    return whole


def samples(api, file):
    answer = api.get(f"/images/{file['id']}/frames/1")
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize("syntax", FRAMES)
@pytest.mark.parametrize("behind", [b"", b"\0" * 5, b"\0" * 500, b"\xfe\xff\x0d\xe0\0\0\0\0"])
def test_a_whole_picture_is_read(doctor, syntax, behind):
    whole = content(syntax)
    sound = doctor.upload(whole, "sound.dcm")
    cut = made.another(whole)[: -len(DELIMITER)] + behind
    file = doctor.upload(cut, "cut.dcm")
    assert (file["status"], file["status_reason"]) == ("UPLOADED", None) and file["study_id"] == sound["study_id"]
    [remark] = file["remarks"]
    assert remark.startswith("(7FE0,0010) at byte") and "without a delimiter" in remark and not sound["remarks"]
    assert samples(doctor, file) == samples(doctor, sound)
    assert (made.drawn(doctor, file) == made.drawn(doctor, sound)).all()
    assert ok(doctor.get(f"/images/{file['id']}/metadata"))["00280010"]["Value"] == [8]
    assert doctor.get(f"/image-files/{file['id']}/download").content == cut


@pytest.mark.parametrize("syntax", FRAMES)
def test_a_picture_that_is_cut_is_failed(doctor, syntax):
    """Its fragment is whole, its picture is not: nothing of a JPEG's end, too few bytes of the others."""
    frame = FRAMES[syntax][: len(FRAMES[syntax]) // 2 * 2 - 12]
    file = doctor.upload(content(syntax, frame)[: -len(DELIMITER)], "cut.dcm")
    assert file["status"] == "FAILED" and "frame 1 of 1 is not whole" in file["status_reason"]
    assert "not whole" in problem(doctor.get(f"/images/{file['id']}/rendered"), 422)["detail"]


@pytest.mark.parametrize("there, status", [(2, "FAILED"), (3, "UPLOADED")])
def test_of_several_frames_none_may_be_missing(doctor, there, status):
    data = encapsulate([FRAMES[RLE]] * there, has_bot=False)
    whole = made.image(PIXELS, RLE, FRAMES[RLE], Modality="OT", NumberOfFrames=3)
    head = whole[: whole.index(b"\xe0\x7f\x10\0OB")]
    file = doctor.upload(head + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + data, "cut.dcm")
    assert file["status"] == status and file["remarks"]
    if status == "FAILED":
        assert "frame 3 of 3" in file["status_reason"]


def test_a_film_of_one_fragment_is_whole(doctor):
    """Frames of a film share fragments (PS3.5 8.2.5): one is enough for any number of them."""
    film = made.renamed_syntax(made.image(PIXELS, RLE, b"\0\0\0\1g" * 20, Modality="ES", NumberOfFrames=90), RLE, FILM)
    file = doctor.upload(film, "film.dcm")
    assert (file["status"], file["status_reason"], file["remarks"]) == ("UPLOADED", None, None)
    file = doctor.upload(made.another(film)[: -len(DELIMITER)], "film.dcm")
    assert file["status"] == "UPLOADED" and len(file["remarks"]) == 1


def test_by_the_other_ways_in(doctor):
    cut = content(RLE)[: -len(DELIMITER)]
    [item] = ok(doctor.post("/upload/batch", files=[("file", ("a.dcm", cut))]), 207)["items"]
    assert item["image_file"]["status"] == "UPLOADED" and item["image_file"]["remarks"]
