"""Headers that contradict themselves: nothing is made of them that they do not say, and everything that shows them
tells."""

import io

import numpy
import pydicom
import pytest
from PIL import Image

import made
from annotations import path, points, put
from support import wrong_members
from test_header_doubts import INTERCEPT, SLOPE, SPACING, remark_of_line, remark_of_point, with_element
from test_pixel_values import groups, mapped, mapping

RAMP = numpy.arange(64, dtype=numpy.uint16).reshape(8, 8)
HU = {"RescaleSlope": "1", "RescaleIntercept": "-1024"}


def told(api, content, frame=1):
    """What the file tells, where its picture, histogram and measurement of values say the same."""
    file = made.send(api, content)
    assert file["status"] == "UPLOADED"
    [remark] = file["remarks"] or [None]
    found = made.histogram_of(api, file, frame)
    assert found["remark"] == remark
    assert made.rendered(api, file, frame=frame).headers.get("x-picture-remark") == remark
    if frame == 1 and api.get(f"/images/{file['id']}/metadata").json()["00280002"]["Value"] == [1]:
        assert remark_of_point(api, file)[0] == remark
    return file, remark, found


def changed(content, **members):
    """With other values, of which pydicom need not approve. None: without it."""
    data = pydicom.dcmread(io.BytesIO(content))
    for keyword, value in members.items():
        tag = pydicom.datadict.tag_for_keyword(keyword)
        if keyword in data:
            del data[keyword]
        if isinstance(value, bytes):
            value += b" " * (len(value) % 2)
            vr = pydicom.datadict.dictionary_VR(tag).split(" ")[0]
            data._dict[pydicom.tag.Tag(tag)] = pydicom.dataelem.RawDataElement(
                pydicom.tag.Tag(tag), vr, len(value), value, 0, False, True
            )
        elif value is not None:
            setattr(data, keyword, value)
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    return out.getvalue()


# ---- several numbers where there is one ----


@pytest.mark.parametrize(
    "tag, other, name", [(SLOPE, INTERCEPT, "Rescale Slope"), (INTERCEPT, SLOPE, "Rescale Intercept")]
)
def test_two_slopes(doctor, tag, other, name):
    content = with_element(with_element(made.image(RAMP), tag, "DS", b"2\\3"), other, "DS", b"1")
    file, remark, found = told(doctor, content)
    assert (
        remark
        == f"{name} ({tag >> 16:04X},{tag & 0xFFFF:04X}) is several numbers: values are as stored, without a unit"
    )
    assert (found["max"], found["unit"]) == (63, None)


def test_two_paddings(doctor):
    _, remark, found = told(doctor, made.image(RAMP, PixelPaddingValue=[0, 1]))
    assert (
        remark == "Pixel Padding Value (0028,0120) is several numbers: padding counts as values" and found["min"] == 0
    )


@pytest.mark.parametrize("tag", [SPACING, 0x00181164, 0x00280034])
def test_three_spacings(doctor, tag):
    vr = "IS" if tag == 0x00280034 else "DS"
    file = made.send(doctor, with_element(made.image(RAMP, Modality="DX"), tag, vr, b"2\\1\\3"))
    [remark] = file["remarks"]
    assert " is not two numbers: " in remark
    said, values = remark_of_line(doctor, file)
    assert values["length"] == ("px", "pixels") and said.startswith(remark)
    with Image.open(io.BytesIO(made.rendered(doctor, file).content)) as picture:
        assert picture.size == (8, 8)


# ---- units ----


@pytest.mark.parametrize(
    "members, unit",
    [
        ({}, "HU"),
        ({"RescaleType": "HU"}, "HU"),
        ({"RescaleType": "US"}, None),  # unspecified (PS3.3 C.11.1.1.2)
        ({"RescaleType": "OD"}, "OD"),
        ({"MultienergyCTAcquisition": "YES"}, None),  # has to say it (C.8.2.1)
        ({"MultienergyCTAcquisition": "YES", "RescaleType": "HU"}, "HU"),
    ],
)
def test_the_unit_of_a_ct(doctor, members, unit):
    file, remark, found = told(doctor, made.image(RAMP, **HU, **members))
    assert (found["unit"], found["min"], remark) == (unit, -1024, None)
    assert made.measured_at(doctor, file, 1, 0) == (-1023, unit)
    r = doctor.get(f"/images/{file['id']}/rendered", params={"preset": "bone"})
    assert r.status_code == (200 if unit == "HU" else 422) and (unit == "HU" or wrong_members(r.json()) == ["preset"])


def frames(count, **members):
    pixels = numpy.concatenate([RAMP + i for i in range(count)]).astype(numpy.uint16)
    return made.image(pixels, Rows=8, NumberOfFrames=count, **members)


def rescaled(slope, intercept, kind="HU"):
    return groups(
        PixelValueTransformationSequence={"RescaleSlope": slope, "RescaleIntercept": intercept, "RescaleType": kind}
    )


def test_the_unit_of_each_frame(doctor):
    content = frames(2, PerFrameFunctionalGroupsSequence=made.items(rescaled(1, 0), rescaled(2, -10, "US")))
    file = made.send(doctor, content)
    assert [made.histogram_of(doctor, file, n)["unit"] for n in (1, 2)] == ["HU", None]


# ---- functional groups (C.7.6.16.1.1) ----


def test_fewer_items_than_frames(doctor):
    content = frames(3, PerFrameFunctionalGroupsSequence=made.items(rescaled(1, 0), rescaled(2, -10)))
    file, remark, found = told(doctor, content, frame=3)
    assert remark.startswith("Per-Frame Functional Groups Sequence (5200,9230) has 2 items for 3 frames: ")
    assert "frames from 3 on" in remark and found["unit"] is None
    for frame in (1, 2):
        assert made.histogram_of(doctor, file, frame)["remark"] is None
        assert "x-picture-remark" not in made.rendered(doctor, file, frame=frame).headers


def test_more_items_than_frames(doctor):
    content = frames(1, PerFrameFunctionalGroupsSequence=made.items(rescaled(1, 0), rescaled(2, -10)))
    _, remark, found = told(doctor, content)
    assert "has 2 items for 1 frames: the first items" in remark and found["unit"] == "HU"


def test_a_group_that_one_frame_lacks(doctor):
    content = frames(2, PerFrameFunctionalGroupsSequence=made.items(rescaled(2, 0), made.item()))
    file, remark, found = told(doctor, content, frame=2)
    assert "(0028,9145) is there for other frames and not for frame 2: values are as stored" in remark
    assert (found["unit"], found["max"]) == (None, 64)
    assert made.histogram_of(doctor, file, 1)["remark"] is None
    content = frames(
        2,
        PerFrameFunctionalGroupsSequence=made.items(
            made.item(), groups(PixelMeasuresSequence={"PixelSpacing": [2, 2]})
        ),
    )
    file = made.send(doctor, content)
    assert "Pixel Measures Sequence (0028,9110)" in file["remarks"][0] and "frame 1" in file["remarks"][0]
    assert remark_of_line(doctor, file)[0] == file["remarks"][0]


# ---- Real World Value Mappings (C.7.6.16.2.11) ----


def without(keyword, found):
    del found[keyword]
    return found


def test_one_mapping(doctor):
    assert told(doctor, mapped(RAMP, mapping(0, 63, 2, 0)))[1] is None


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: mapping(40, 0, 2, 0), "Last Value Mapped of mapping 1 in (0040,9096) comes before the first"),
        (lambda: without("RealWorldValueFirstValueMapped", mapping(0, 40, 2, 0)), "First Value Mapped of mapping 1"),
        (lambda: without("RealWorldValueLastValueMapped", mapping(0, 40, 2, 0)), "Last Value Mapped of mapping 1"),
        (lambda: without("RealWorldValueIntercept", mapping(0, 40, 2, 0)), "Intercept of mapping 1"),
        (lambda: mapping(0, 40, float("nan"), 0), "Slope of mapping 1 in (0040,9096) is no finite number"),
        (lambda: mapping(0, 3, table=[1.0, 2.0]), "LUT Data of mapping 1 in (0040,9096) has fewer entries"),
    ],
)
def test_a_mapping_that_cannot_be_used(doctor, make, words):
    _, remark, found = told(doctor, mapped(RAMP, make()))
    assert words in remark and remark.endswith(": it is not used")
    assert (found["max"], found["unit"]) == (63 * 7 + 3, None)  # by the rescale


def test_a_mapping_of_one_frame(doctor):
    broken, sound = (groups(RealWorldValueMappingSequence=m) for m in (mapping(40, 0, 2, 0), mapping(0, 64, 2, 0)))
    file = made.send(doctor, frames(2, PerFrameFunctionalGroupsSequence=made.items(sound, broken)))
    first, second = made.histogram_of(doctor, file, 1), made.histogram_of(doctor, file, 2)
    assert "Last Value Mapped of mapping 1 in (0040,9096) of frame 2 comes before the first" in file["remarks"][0]
    assert (first["unit"], first["remark"], second["unit"]) == ("mm2/s", None, None)
    assert "Last Value Mapped of mapping 1" in second["remark"]


# ---- what the samples are (C.7.6.3) ----

COLOUR = numpy.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=numpy.uint8)
TWELVE = made.image(RAMP, BitsStored=12)


@pytest.mark.parametrize(
    "content, name",
    [
        (made.image(COLOUR, PhotometricInterpretation=name), name)
        for name in ("HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "FOO")
    ]
    + [(made.image(RAMP, PhotometricInterpretation=name), name) for name in ("MONOCHROME3", "FOO")],
)
def test_colours_that_are_not_known(doctor, content, name):
    """Others than PS3.3 C.7.6.3.1.2 lists, or retired ones: no picture is truer than one of wrong colours."""
    file = made.send(doctor, made.another(content))
    remark = "Photometric Interpretation (0028,0004) is none that is known: the image is not shown"
    assert (file["status"], file["remarks"]) == ("UPLOADED", [remark])
    for view in ("rendered", "thumbnail"):
        r = doctor.get(f"/images/{file['id']}/{view}")
        assert r.status_code == 415 and f"(0028,0004) is {name}: " in r.json()["detail"]
    assert made.histogram_of(doctor, file)["remark"] == remark
    assert doctor.get(f"/images/{file['id']}/frames/1").status_code == 200


@pytest.mark.parametrize(
    "pixels, name, used, words",
    [
        (COLOUR, b"rgb", "RGB", "no defined term"),
        (COLOUR, b"", "RGB", "empty"),
        (COLOUR, b"RGB\\HSV", "RGB", "several terms"),
        (COLOUR, b"Ybr Full", "YBR_FULL", "no defined term"),
        (RAMP, b"monochrome1", "MONOCHROME1", "no defined term"),
        (RAMP, b"MONOCHROME 2", "MONOCHROME2", "no defined term"),
        (RAMP, b"", "MONOCHROME2", "empty"),
    ],
)
def test_colours_by_another_spelling(doctor, pixels, name, used, words):
    content = made.image(pixels)
    file, remark, _ = told(doctor, changed(content, PhotometricInterpretation=name))
    assert remark == f"Photometric Interpretation (0028,0004) is {words}: it is taken for {used}"
    plain = made.send(doctor, changed(made.another(content), PhotometricInterpretation=used.encode()))
    assert plain["remarks"] is None
    assert made.rendered(doctor, plain).content == made.rendered(doctor, file).content


@pytest.mark.parametrize(
    "content, members, remark",
    [
        (TWELVE, {"PixelRepresentation": 7}, "Pixel Representation (0028,0103) is 7: it is taken for 0"),
        (TWELVE, {"HighBit": 7}, "High Bit (0028,0102) is 7: it is taken for 11"),
        (TWELVE, {"HighBit": 16}, "High Bit (0028,0102) is 16: it is taken for 11"),
        (TWELVE, {"NumberOfFrames": b"abc"}, "Number of Frames (0028,0008) is no whole number: it is taken for 1"),
        (TWELVE, {"NumberOfFrames": b"-1"}, "Number of Frames (0028,0008) is -1: it is taken for 1"),
        (TWELVE, {"NumberOfFrames": b"0"}, "Number of Frames (0028,0008) is 0: it is taken for 1"),
        (TWELVE, {"NumberOfFrames": b""}, "Number of Frames (0028,0008) is empty: it is taken for 1"),
        (TWELVE, {"NumberOfFrames": b"1\\2"}, "Number of Frames (0028,0008) is several numbers: it is taken for 1"),
        (TWELVE, {"BitsStored": b"\x0c\0\x08\0"}, "Bits Stored (0028,0101) is several numbers: it is taken for 12"),
        (made.image(COLOUR), {"PlanarConfiguration": 7}, "Planar Configuration (0028,0006) is 7: it is taken for 0"),
    ],
)
def test_a_number_that_cannot_be(doctor, content, members, remark):
    plain = made.send(doctor, made.another(content))
    file, said, found = told(doctor, changed(made.another(content), **members))
    assert said == remark and plain["remarks"] is None
    assert found == {**made.histogram_of(doctor, plain), "remark": remark}
    assert made.rendered(doctor, plain).content == made.rendered(doctor, file).content


def with_pixels(content, more):
    return changed(content, PixelData=pydicom.dcmread(io.BytesIO(content)).PixelData + more)


def test_pixels_of_more_rows(doctor):
    """The upper half is a picture, and not all of it."""
    content = changed(made.image(numpy.concatenate([RAMP, RAMP + 1])), Rows=8)
    _, remark, _ = told(doctor, content)
    assert remark == "the pixel data are 128 bytes longer than 1 frames of 8 x 8 pixels: the rest is not shown"


@pytest.mark.parametrize(
    "more, is_told",
    [(bytes(14), False), (b"\1" * 14, False), (b"\1" * 16, True), (bytes(100), False), (bytes(128), True)],
)
def test_padding_behind_pixels(doctor, more, is_told):
    """Less than a row, or zeros that are less than a frame, are padding."""
    remark = told(doctor, with_pixels(made.image(RAMP), more))[1]
    assert (remark is not None) == is_told


def test_more_encoded_frames_than_said(doctor):
    pixels = numpy.tile(numpy.arange(64, dtype=numpy.uint8) * 4, (64, 1))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    content = made.image(pixels, pydicom.uid.JPEGBaseline8Bit, frame=out.getvalue())
    data = pydicom.dcmread(io.BytesIO(content))
    frame = out.getvalue() + b"\0" * (len(out.getvalue()) % 2)
    data.PixelData = pydicom.encaps.encapsulate([frame, frame, frame])
    for frames_said, is_told in ((1, True), (2, True), (3, False)):
        data.NumberOfFrames = frames_said
        written = io.BytesIO()
        data.save_as(written)
        remark = made.send(doctor, made.another(written.getvalue()))["remarks"]
        assert bool(remark) == is_told
        if is_told:
            assert "more frames than the" in remark[0]


# ---- brightness ----


@pytest.mark.parametrize(
    "function, same_as, words",
    [
        (b"sigmoid", "SIGMOID", None),
        (b"Linear_Exact", "LINEAR_EXACT", None),
        (b"FOO", "LINEAR", "VOI LUT Function (0028,1056) is none of its terms: it is taken for LINEAR"),
        (b"", "LINEAR", "VOI LUT Function (0028,1056) is empty: it is taken for LINEAR"),
    ],
)
def test_the_function_of_a_window(doctor, function, same_as, words):
    content = made.image(RAMP, WindowCenter="30", WindowWidth="20")
    file = made.send(doctor, changed(content, VOILUTFunction=function))
    plain = made.send(doctor, changed(made.another(content), VOILUTFunction=same_as.encode()))
    shown = made.rendered(doctor, file)
    assert shown.content == made.rendered(doctor, plain).content
    assert file["remarks"] == ([words] if words else None) and shown.headers.get("x-picture-remark") == words


@pytest.mark.parametrize(
    "shape, inverts, words", [(b"inverse", True, None), (b"FOO", False, "(2050,0020) is none of its terms")]
)
def test_the_shape_of_a_picture(doctor, shape, inverts, words):
    content = made.image(RAMP)
    file = made.send(doctor, changed(content, PresentationLUTShape=shape))
    plain = made.send(doctor, made.another(content))
    assert made.rendered(doctor, file).content == made.rendered(doctor, plain, invert=inverts).content
    assert (words in file["remarks"][0]) if words else file["remarks"] is None


@pytest.mark.parametrize(
    "bits, entries, is_told", [(7, 4095, True), (8, 255, False), (12, 4095, False), (16, 4095, False), (11, 4095, True)]
)
def test_bits_of_a_modality_lut(doctor, bits, entries, is_told):
    table = made.item(ModalityLUTType="OD")
    table.add_new(0x00283002, "US", [64, 0, bits])
    table.add_new(0x00283006, "US", [i * entries // 63 for i in range(64)])
    _, remark, found = told(doctor, made.image(RAMP, Modality="CR", ModalityLUTSequence=made.items(table)))
    assert found["max"] == entries and bool(remark) == is_told
    assert not is_told or f"declares {bits} bits and has larger entries" in remark


# ---- numbers that nobody can tell ----


@pytest.mark.parametrize("slope, intercept", [("1e300", "1e300"), ("-1e300", "-1e300")])
def test_values_beyond_numbers(doctor, slope, intercept):
    """The figure is kept, what cannot be told is left out with a word."""
    file = made.send(
        doctor,
        with_element(with_element(made.image(RAMP), SLOPE, "DS", slope.encode()), INTERCEPT, "DS", intercept.encode()),
    )
    etag = doctor.get(path(file)).headers["etag"]
    figures = [
        {"kind": "point", "points": points((4.5, 4.5))},
        {"kind": "rectangle", "points": points((1, 1), (5, 5))},
    ]
    point, rectangle = put(doctor, file, figures, etag=etag)["annotations"]
    assert point["values"] == [] and point["remark"] == "value is too large to be told"
    assert {v["name"]: v["value"] for v in rectangle["values"]} == {"area": 16, "perimeter": 16, "pixel_count": 16}
    assert "mean is too large to be told; sd is" in rectangle["remark"]
    assert doctor.get(path(file)).json()["annotations"][0]["remark"] == point["remark"]


def test_values_that_are_no_numbers(doctor):
    content = made.image(RAMP + 2)
    for tag, value in ((SLOPE, b"1e308"), (INTERCEPT, b"0")):
        content = with_element(content, tag, "DS", value)
    assert remark_of_value(doctor, made.send(doctor, content)) == "no pixel with a value has its centre inside"


def remark_of_value(api, file):
    etag = api.get(path(file)).headers["etag"]
    [a] = put(api, file, [{"kind": "point", "points": points((1.5, 1.5))}], etag=etag)["annotations"]
    assert a["values"] == []
    return a["remark"]


# ---- dates ----


@pytest.mark.parametrize(
    "members, remarks",
    [
        ({"PatientBirthDate": b"19700230"}, ["Patient's Birth Date (0010,0030) is no date: it is not taken over"]),
        ({"PatientBirthDate": b"1970"}, ["Patient's Birth Date (0010,0030) is no date: it is not taken over"]),
        ({"StudyDate": b"20230229"}, ["Study Date (0008,0020) is no date: it is not taken over"]),
        ({"StudyTime": b"250000"}, ["Study Time (0008,0030) is no time: it is not taken over"]),
        ({"PatientBirthDate": b"", "StudyDate": b"", "StudyTime": b""}, None),
        ({"PatientBirthDate": b"1970.02.03", "StudyTime": b"2359"}, None),
    ],
)
def test_a_date_that_is_none(doctor, members, remarks):
    """Told of the file alone: no number depends on it. Empty is not known (Type 2), and no doubt."""
    file = made.send(doctor, changed(made.image(RAMP), **members))
    assert file["status"] == "UPLOADED" and file["remarks"] == remarks
    assert made.histogram_of(doctor, file)["remark"] is None
    assert "x-picture-remark" not in made.rendered(doctor, file).headers
