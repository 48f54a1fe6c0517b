"""What of a header decides numbers or brightness and cannot be read is told: by the file, its pictures, histogram and
measurements."""

import io
import struct

import numpy
import pydicom
import pytest

import made
from annotations import line, path, points, put
from test_pixel_values import groups, mapped, mapping, pet
from test_ultrasound import CM, NONE, S, WHOLE, region
from test_ultrasound import send as send_ultrasound

RAMP = numpy.arange(64, dtype=numpy.uint16).reshape(8, 8)


def element(tag, vr, value):
    """Explicit little endian, whatever is in it."""
    value += b" " * (len(value) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


def with_element(content, tag, vr, value):
    """Before the first element of the data set that comes after it, at the top."""
    data = pydicom.dcmread(io.BytesIO(content))
    after = min(e.tag for e in data if e.tag > tag)
    begin = struct.pack("<HH", after >> 16, after & 0xFFFF)
    at = content.rindex(begin) if after == 0x7FE00010 else content.index(begin, 300)
    return content[:at] + element(tag, vr, value) + content[at:]


def remark_of_point(api, file):
    etag = api.get(path(file)).headers["etag"]
    [a] = put(api, file, [{"kind": "point", "points": points((1.5, 1.5))}], etag=etag)["annotations"]
    return a["remark"], a["values"][0]["unit"]


def remark_of_line(api, file, ends=((1, 1), (4, 5))):
    etag = api.get(path(file)).headers["etag"]
    [a] = put(api, file, [line(*ends)], etag=etag)["annotations"]
    return a["remark"], {v["name"]: (v["unit"], v["spacing"]) for v in a["values"]}


SLOPE, INTERCEPT, CENTER, WIDTH, SPACING = 0x00281053, 0x00281052, 0x00281050, 0x00281051, 0x00280030


@pytest.mark.parametrize(
    "slope, intercept, name, fault",
    [
        (b"abc", b"-1024", "Rescale Slope", "no finite number"),
        (b"", b"-1024", "Rescale Slope", "empty"),
        (b"0", b"-1024", "Rescale Slope", "0"),
        (b"inf", b"-1024", "Rescale Slope", "no finite number"),
        (b"1e999", b"-1024", "Rescale Slope", "no finite number"),
        (None, b"-1024", "Rescale Slope", "missing"),
        (b"1", b"nan", "Rescale Intercept", "no finite number"),
        (b"1", b"  ", "Rescale Intercept", "empty"),
        (b"1", b"-1O24", "Rescale Intercept", "no finite number"),
        (b"1", None, "Rescale Intercept", "missing"),
    ],
)
def test_a_rescale(doctor, slope, intercept, name, fault):
    """Values are stored ones, and everything that shows them says so."""
    content = made.image(RAMP, Modality="CT")
    for tag, value in ((SLOPE, slope), (INTERCEPT, intercept)):
        content = content if value is None else with_element(content, tag, "DS", value)
    file = made.send(doctor, content)
    assert file["status"] == "UPLOADED"
    [remark] = file["remarks"]
    assert remark.startswith(name) and f" is {fault}: values are as stored" in remark
    found = made.histogram_of(doctor, file)
    assert (found["min"], found["max"], found["unit"], found["remark"]) == (0, 63, None, remark)
    assert remark_of_point(doctor, file) == (remark, None)
    for _ in range(2):  # the second comes from what is kept
        assert made.rendered(doctor, file).headers["x-picture-remark"] == remark
    assert made.rendered(doctor, file, window_center=30, window_width=60).headers["x-picture-remark"] == remark


def test_no_doubt_about_a_sound_file(doctor):
    sound = {"RescaleSlope": "1", "RescaleIntercept": "-1024", "WindowCenter": "40", "WindowWidth": "400"}
    for members in ({}, {**sound, "PixelSpacing": [0.5, 0.5]}, {"WindowCenter": [40, 50], "WindowWidth": [400, 80]}):
        file = made.send(doctor, made.image(RAMP, **members))
        assert file["remarks"] is None and made.histogram_of(doctor, file)["remark"] is None
        assert "x-picture-remark" not in made.rendered(doctor, file).headers
        assert remark_of_point(doctor, file)[0] is None and remark_of_line(doctor, file)[0] is None
    assert made.send(doctor, pet())["remarks"] is None


@pytest.mark.parametrize(
    "center, width, name, fault",
    [
        (b"abc", b"400", "Window Center", "no finite number"),
        (b"40", b"wide", "Window Width", "no finite number"),
        (b"40", b"0", "Window Width", "0"),
        (b"40", b"-400", "Window Width", "below 0"),
        (b"", b"400", "Window Center", "empty"),
        (b"40", None, "Window Width", "missing"),
        (None, b"400", "Window Center", "missing"),
    ],
)
def test_a_window(doctor, center, width, name, fault):
    content = made.image(RAMP, Modality="MR")
    for tag, value in ((WIDTH, width), (CENTER, center)):
        content = content if value is None else with_element(content, tag, "DS", value)
    file = made.send(doctor, content)
    [remark] = file["remarks"]
    assert remark.startswith(name) and f" is {fault}: this window is not used" in remark
    assert made.rendered(doctor, file).headers["x-picture-remark"] == remark
    chosen = made.rendered(doctor, file, window_center=30, window_width=60)
    assert "x-picture-remark" not in chosen.headers and made.histogram_of(doctor, file)["remark"] is None


@pytest.mark.parametrize("value", [b"abc\\abc", b"", b"0\\0.5", b"0.5", b"-1\\1", b"0.5\\1e9"])
@pytest.mark.parametrize("tag, name", [(SPACING, "Pixel Spacing"), (0x00181164, "Imager Pixel Spacing")])
def test_a_spacing(doctor, value, tag, name):
    content = with_element(made.image(RAMP, Modality="DX"), tag, "DS", value)
    file = made.send(doctor, content)
    [remark] = file["remarks"]
    assert remark.startswith(f"{name} ({tag >> 16:04X},{tag & 0xFFFF:04X}) is") and "not used for lengths" in remark
    assert remark_of_line(doctor, file) == (remark, {"length": ("px", "pixels"), "angle": ("deg", "pixels")}) or (
        remark_of_line(doctor, file)[0] == remark
    )
    assert "x-picture-remark" not in made.rendered(doctor, file).headers


def test_a_dose(doctor):
    members = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2", "Modality": "RTDOSE", "DoseUnits": "GY"}
    file = made.send(doctor, with_element(made.image(RAMP, **members), 0x3004000E, "DS", b"0"))
    assert "Dose Grid Scaling (3004,000E) is 0" in file["remarks"][0]
    found = made.histogram_of(doctor, file)
    assert found["unit"] is None and "Dose Grid Scaling" in found["remark"]


@pytest.mark.parametrize(
    "tag, vr, value, name",
    [
        (0x00101030, "DS", b"heavy", "Patient's Weight (0010,1030) is no finite number: no SUV"),
        (0x00101030, "DS", b"0", "Patient's Weight (0010,1030) is 0: no SUV"),
        (0x00080031, "TM", b"ten", "Series Time (0008,0031) is no time: no SUV"),
        (0x00080022, "DA", b"20261399", "Acquisition Date (0008,0022) is no date: no SUV"),
        (0x00541001, "CS", b"", "Units (0054,1001) is empty: values have no unit"),
        (0x00541001, None, None, "Units (0054,1001) is missing: values have no unit"),
    ],
)
def test_a_pet(doctor, tag, vr, value, name):
    keyword = pydicom.datadict.keyword_for_tag(tag)
    content = pet(**{keyword: None})
    file = made.send(doctor, content if vr is None else with_element(content, tag, vr, value))
    assert any(r.startswith(name) for r in file["remarks"])
    found = made.histogram_of(doctor, file)
    assert name in found["remark"] and found["unit"] == (None if tag == 0x00541001 else "Bq/ml")
    assert name in remark_of_point(doctor, file)[0]


@pytest.mark.parametrize("tag, name", [(0x00181074, "Radionuclide Total Dose"), (0x00181075, "Radionuclide Half Life")])
def test_the_drug_of_a_pet(doctor, tag, name):
    file = made.send(doctor, pet({pydicom.datadict.keyword_for_tag(tag): "0"}))
    assert any(r.startswith(f"{name} (") and "is 0: no SUV" in r for r in file["remarks"])
    assert name in made.histogram_of(doctor, file)["remark"]


def test_of_one_frame(doctor):
    """The file names the frame; an answer about another frame does not speak of it."""
    broken = made.item()
    broken.add_new(SLOPE, "DS", "0")
    broken.add_new(INTERCEPT, "DS", "5")
    frame = made.item(PixelValueTransformationSequence=made.items(broken))
    content = made.image(
        numpy.concatenate([RAMP, RAMP]),
        Rows=8,
        NumberOfFrames=2,
        SharedFunctionalGroupsSequence=made.items(
            groups(PixelValueTransformationSequence={"RescaleSlope": 2, "RescaleIntercept": -10, "RescaleType": "HU"})
        ),
        PerFrameFunctionalGroupsSequence=made.items(made.item(), frame),
    )
    file = made.send(doctor, content)
    assert file["remarks"] == ["Rescale Slope (0028,1053) of frame 2 is 0: values are as stored, without a unit"]
    first, second = made.histogram_of(doctor, file, 1), made.histogram_of(doctor, file, 2)
    assert (first["unit"], first["remark"], first["max"]) == ("HU", None, 116)
    assert second["remark"].startswith("Rescale Slope") and (second["unit"], second["max"]) == (None, 63)


def test_a_mapping(doctor):
    file = made.send(doctor, mapped(RAMP, mapping(0, 63, 0, 1)))
    assert file["remarks"] == ["Real World Value Slope of mapping 1 in (0040,9096) is 0: it is not used"]


@pytest.mark.parametrize(
    "x, y, dx, dy, words",
    [
        (CM, CM, 0.01, 0, ("horizontal axis is calibrated in cm", "vertical axis of a scale that cannot be read")),
        (S, NONE, 0.005, 1, ("horizontal axis is calibrated in s", "vertical axis not calibrated")),
        (99, CM, 0.01, 0.01, ("horizontal axis is of a scale that cannot be read", "vertical axis calibrated in cm")),
    ],
)
def test_a_region_of_ultrasound(doctor, x, y, dx, dy, words):
    file = send_ultrasound(doctor, region(WHOLE, x, y, dx, dy))
    remark, values = remark_of_line(doctor, file, ((2, 5), (12, 15)))
    assert all(w in remark for w in words) and remark.endswith("lengths, areas and angles are of pixels")
    assert values["length"] == ("px", "pixels")
    unread = "cannot be read" in remark
    assert bool(file["remarks"]) == unread
    if unread:
        assert file["remarks"][0].startswith("1 of the regions in (0018,6011)")


def test_a_region_without_a_place(doctor):
    file = send_ultrasound(doctor, region((50, 50, 10, 10), CM, CM, 0.01, 0.01), region(WHOLE, CM, CM, 0.02, 0.02))
    [remark] = file["remarks"]
    assert remark.startswith("1 of the regions in (0018,6011) have no place")
    assert remark_of_line(doctor, file)[1]["length"] == ("mm", "ultrasound_region")
