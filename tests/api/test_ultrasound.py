"""Measuring in the calibrated regions of ultrasound images (PS3.3 C.8.5.5): millimetres where there are any, never of
seconds."""

import numpy
import pytest

import made
from annotations import line, measured, path, points, put, refused

doctor_of_all = None  # conftest.py

NONE, PERCENT, DB, CM, S, HZ, DB_S, CM_S = range(8)


def region(box, x, y, dx, dy, flags=0, **more):
    """`box`: first and last column and row."""
    left, top, right, bottom = box
    return {
        "RegionSpatialFormat": 1,
        "RegionDataType": 1,
        "RegionFlags": flags,
        "RegionLocationMinX0": left,
        "RegionLocationMinY0": top,
        "RegionLocationMaxX1": right,
        "RegionLocationMaxY1": bottom,
        "PhysicalUnitsXDirection": x,
        "PhysicalUnitsYDirection": y,
        "PhysicalDeltaX": dx,
        "PhysicalDeltaY": dy,
        **more,
    }


def reference(x, y, value_x=0.0, value_y=0.0):
    return {
        "ReferencePixelX0": x,
        "ReferencePixelY0": y,
        "ReferencePixelPhysicalValueX": value_x,
        "ReferencePixelPhysicalValueY": value_y,
    }


def send(api, *regions, **more):
    members = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1", "Modality": "US", **more}
    pixels = numpy.zeros((100, 100), numpy.uint8)
    return made.send(api, made.image(pixels, SequenceOfUltrasoundRegions=made.items(*regions), **members))


def lengths(api, file, *lines):
    body = put(api, file, [line(*ends) for ends in lines], etag=api.get(path(file)).headers["etag"])
    return [
        {v["name"]: (pytest.approx(v["value"]), v["unit"], v["spacing"]) for v in a["values"]}
        for a in body["annotations"]
    ]


def length(value, unit="mm", spacing="ultrasound_region"):
    return {"length": (value, unit, spacing)}


def px(value):
    return length(value, "px", "pixels")


WHOLE = (0, 0, 99, 99)
IMAGE, STRIP = (0, 0, 99, 49), (0, 50, 99, 99)


def test_centimetres(doctor):
    file = send(doctor, region(WHOLE, CM, CM, 0.01, 0.02))
    across, down, slanted = lengths(doctor, file, ((2, 5), (12, 5)), ((5, 2), (5, 12)), ((0, 0), (30, 20)))
    assert (across, down, slanted) == (length(1), length(2), length(5))
    v = measured(doctor, file, {"kind": "rectangle", "points": points((0, 0), (10, 10))})
    assert v["area"]["value"] == pytest.approx(2) and v["area"]["unit"] == "mm2"
    v = measured(doctor, file, {"kind": "angle", "points": points((20, 10), (10, 10), (20, 15))})
    assert v["angle"]["value"] == pytest.approx(45) and v["angle"]["spacing"] == "ultrasound_region"


@pytest.mark.parametrize("dx, dy", [(-0.01, 0.02), (0.01, -0.02), (-0.01, -0.02)])
def test_axes_that_run_the_other_way(doctor, dx, dy):
    file = send(doctor, region(WHOLE, CM, CM, dx, dy))
    assert lengths(doctor, file, ((2, 5), (12, 5)), ((5, 2), (5, 12))) == [length(1), length(2)]


@pytest.mark.parametrize(
    "x, y, dx, dy",
    [(CM, CM, 0, 0.02), (CM, CM, 0.01, 0), (NONE, NONE, 0.01, 0.02), (CM, NONE, 0.01, 0.02), (CM, 99, 0.01, 0.02)],
)
def test_what_is_not_calibrated_has_no_millimetres(doctor, x, y, dx, dy):
    file = send(doctor, region(WHOLE, x, y, dx, dy), PixelSpacing=[0.3, 0.3])
    (found,) = lengths(doctor, file, ((2, 5), (12, 5)))
    assert found["length"] == (10, "px", "pixels")
    assert "mm" not in {unit for _, unit, _ in found.values()}


@pytest.mark.parametrize(
    "x, y, dx, dy, across, down",
    [
        (S, CM, 0.005, 0.02, (0.05, "s"), (0.4, "cm")),  # M-mode
        (S, CM_S, 0.005, -2.5, (0.05, "s"), (50, "cm/s")),  # spectral Doppler
        (S, HZ, 0.005, 40, (0.05, "s"), (800, "Hz")),
        (PERCENT, DB, 1, 0.5, (10, "%"), (10, "dB")),
        (S, S, 0.5, 0.25, (5, "s"), (5, "s")),
        (CM, DB_S, 0.1, 1, (1, "cm"), (20, "dB/s")),
    ],
)
def test_other_axes_have_their_own_units(doctor, x, y, dx, dy, across, down):
    """A Pixel Spacing beside them makes no millimetres of seconds."""
    file = send(doctor, region(WHOLE, x, y, dx, dy), PixelSpacing=[0.3, 0.3])
    (found,) = lengths(doctor, file, ((10, 40), (20, 20)))
    assert found["horizontal"] == (*across, "ultrasound_region")
    assert found["vertical"] == (*down, "ultrasound_region")
    assert found["length"] == (pytest.approx(500**0.5), "px", "pixels")
    body = put(
        doctor,
        file,
        [{"kind": "polygon", "points": points((1, 1), (9, 1), (9, 9))}],
        etag=doctor.get(path(file)).headers["etag"],
    )
    assert {v["unit"] for v in body["annotations"][0]["values"]} <= {"px", "px2", None}


def test_where_a_point_is(doctor):
    """The reference pixel is counted from the region's corner; its value is that of its centre (C.8.5.5.1.16)."""
    file = send(
        doctor, region(IMAGE, CM, CM, 0.01, 0.01), region(STRIP, S, CM_S, 0.01, -2, **reference(0, 25, 1.5, 10))
    )
    v = measured(doctor, file, {"kind": "point", "points": points((30.5, 60.5))})
    assert (v["horizontal"]["value"], v["horizontal"]["unit"]) == (pytest.approx(1.8), "s")
    assert (v["vertical"]["value"], v["vertical"]["unit"]) == (pytest.approx((60 - 75) * -2 + 10), "cm/s")
    assert set(measured(doctor, file, {"kind": "point", "points": points((30.5, 20.5))})) == {"value"}


def test_a_line_that_leaves_its_region(doctor):
    file = send(
        doctor, region((10, 10, 59, 49), CM, CM, 0.01, 0.01), region(STRIP, S, CM_S, 0.01, 1), PixelSpacing=[9, 9]
    )
    inside, edge, outside, across, away = lengths(
        doctor,
        file,
        ((10, 20), (60, 20)),
        ((20, 40), (20, 50)),
        ((20, 20), (70, 20)),
        ((20, 40), (20, 60)),
        ((80, 2), (90, 2)),
    )
    assert inside == length(5) and edge == length(1)
    assert outside == px(50) and across == px(20) and away == px(10)
    body = put(doctor, file, [line((20, 40), (20, 60))], etag=doctor.get(path(file)).headers["etag"])
    assert "region" in body["annotations"][0]["remark"]


HIGH, LOW = 0, 1


@pytest.mark.parametrize(
    "flags, inner_scale, found",
    [
        ((LOW, HIGH), 0.05, [length(1), length(5), px(40)]),  # the inner one lies on top
        ((HIGH, LOW), 0.05, [length(1), length(1), length(4)]),
        ((HIGH, HIGH), 0.05, [length(1), px(10), px(40)]),  # not determined
        ((LOW, LOW), 0.05, [length(1), px(10), px(40)]),
        ((LOW, HIGH), 0.01, [length(1), length(1), length(4)]),  # colour flow over tissue: one scale
        ((HIGH, HIGH), 0.01, [length(1), length(1), length(4)]),
    ],
)
@pytest.mark.parametrize("inner_first", [False, True])
def test_regions_that_overlap(doctor, flags, inner_scale, found, inner_first):
    regions = [
        region(WHOLE, CM, CM, 0.01, 0.01, flags[0]),
        region((40, 40, 79, 79), CM, CM, inner_scale, inner_scale, flags[1]),
    ]
    file = send(doctor, *(regions[::-1] if inner_first else regions))
    assert lengths(doctor, file, ((2, 2), (12, 2)), ((45, 50), (55, 50)), ((10, 50), (50, 50))) == found


def test_one_of_several_regions_is_broken(doctor):
    file = send(doctor, region((50, 0, 20, 99), CM, CM, 1.0, 1.0), region(IMAGE, CM, CM, 0.01, 0.01))
    assert lengths(doctor, file, ((2, 2), (12, 2)), ((2, 60), (12, 60))) == [length(1), px(10)]


def test_without_regions_the_spacing_counts(doctor):
    file = send(doctor, PixelSpacing=[0.3, 0.3])
    assert lengths(doctor, file, ((2, 2), (12, 2))) == [length(3, "mm", "pixel_spacing")]


def test_a_stated_calibration(doctor):
    """It goes before the region, whose ratio of the sides it takes."""
    file = send(doctor, region(WHOLE, CM, CM, 0.01, 0.02))
    calibration = {"mm_per_pixel": 0.5}
    v = measured(doctor, file, line((5, 2), (5, 12), calibration=calibration))["length"]
    assert (v["value"], v["spacing"]) == (pytest.approx(10), "calibration")
    assert refused(doctor, file, line((5, 2), (5, 112)))[0] == "annotations.0.points.1"
