"""When a PET's drug was given and when its scan began, on clocks that differ (PS3.5 6.2, DT; PS3.3 C.12.1.1.8)."""

import pytest

import made
from test_header_doubts import remark_of_point
from test_pixel_values import SLOPE, pet, suv

START, ZONE = "RadiopharmaceuticalStartDateTime", "TimezoneOffsetFromUTC"
NO_TIME = {"RadiopharmaceuticalStartTime": None}


def told(api, content):
    """The value of pixel (7, 7), its unit, and what the file, its picture, histogram and measurement say alike."""
    file = made.send(api, content)
    [remark] = file["remarks"] or [None]
    assert made.histogram_of(api, file)["remark"] == remark and remark_of_point(api, file)[0] == remark
    assert made.rendered(api, file).headers.get("x-picture-remark") == remark
    return *made.measured_at(api, file, 7, 7), remark


@pytest.mark.parametrize(
    "start, zone, seconds",
    [
        ("20260102010000+0000", "+0800", 3600),  # 09:00 on the file's clock; the scan began at 10:00
        ("20260102090000+0800", "+0800", 3600),
        ("20260101233000-0700", "-0930", 14 * 3600 - 1800 - 1800),  # 21:00 of the day before, at half hours
        ("20260102093000", "+0800", 1800),
        ("202601020915&".replace("&", "+0800"), "+0800", 2700),  # without seconds
        ("20260102091500.5", None, 2699.5),
        ("20260102090000+0500", None, 3600),  # the clock of (0018,1072), which shows the same
        ("20260102", None, 3600),  # the day, and (0018,1072)
        ("20260101", None, 90000),
    ],
)
def test_a_start_on_another_clock(doctor, start, zone, seconds):
    same = start[8:12] in ("0900", "")
    content = pet({START: start, **({} if same else NO_TIME)}, **({ZONE: zone} if zone else {}))
    value, unit, remark = told(doctor, content)
    assert (value, unit, remark) == (pytest.approx(suv(seconds)[7, 7], rel=1e-6), "g/ml", None)


@pytest.mark.parametrize(
    "start, zone, drug, words",
    [
        ("20260102090000+0000", "+0800", NO_TIME, "given after the scan began"),  # 17:00 on the file's clock
        ("20260102113000", None, NO_TIME, "given after the scan began"),
        ("20250102090000", None, NO_TIME, "given too long before the scan"),
        ("20260102010000+0000", None, NO_TIME, "does not say that of its other times"),
        ("20260102010000+0000", "+9900", {}, "does not say that of its other times"),
        ("xx", None, NO_TIME, "is no date and time: no SUV"),
        ("20260102090000+2500", "+0800", NO_TIME, "is no date and time: no SUV"),
        (None, None, {"RadionuclideTotalDose": "400"}, "is below 10000 Bq"),
    ],
)
def test_no_suv_by_times_that_cannot_be(doctor, start, zone, drug, words):
    content = pet({**({START: start} if start else {}), **drug}, **({ZONE: zone} if zone else {}))
    value, unit, remark = told(doctor, content)
    assert (value, unit) == (pytest.approx(63 * SLOPE), "Bq/ml")
    assert words in remark and remark.endswith("no SUV is told")


def test_a_weight_beyond_people(doctor):
    assert told(doctor, pet(PatientWeight="7000"))[1:] == (
        "Bq/ml",
        "Patient's Weight (0010,1030) is above 1000 kg: no SUV is told",
    )


@pytest.mark.parametrize(
    "start, seconds, words",
    [
        ("xx", 3600, "Start DateTime (0018,1078) is no date and time: (0018,1072) is used instead"),
        ("20260102093000", 1800, "Start Time (0018,1072) is another time than that in (0018,1078): the latter is used"),
    ],
)
def test_two_starts(doctor, start, seconds, words):
    value, unit, remark = told(doctor, pet({START: start}))
    assert (value, unit) == (pytest.approx(suv(seconds)[7, 7], rel=1e-6), "g/ml") and words in remark
