"""What a stored sample stands for: histogram, measurements and windows asked for say the same, with the unit that the
file states."""

import io
import struct

import numpy
import pydicom
import pytest

import made
from annotations import DICOM, fresh
from support import EXPECTED, problem

doctor_of_all = None  # conftest.py

RAMP = numpy.arange(64, dtype=numpy.uint16).reshape(8, 8)


def check(api, content, expected, unit, frame=1):
    """All answers about all pixels of one frame; `expected` holds NaN where there is no value."""
    file = made.send(api, content) if isinstance(content, bytes) else content
    there = expected[~numpy.isnan(expected)]
    found = made.histogram_of(api, file, frame)
    assert (found["min"], found["max"]) == (pytest.approx(there.min()), pytest.approx(there.max()))
    assert found["count"] == there.size and found["unit"] == unit
    assert found["mean"] == pytest.approx(there.mean())
    rows, columns = expected.shape
    for x, y in ((0, 0), (columns - 1, rows - 1), (columns - 1, 0), (columns // 2, rows // 2)):
        value = made.measured_at(api, file, x, y, frame)
        if numpy.isnan(expected[y, x]):
            assert value is None, (x, y)
        else:
            assert value == (pytest.approx(expected[y, x]), unit), (x, y)
    low, high = there.min(), there.max()
    if high > low:
        shown = made.drawn(api, file, frame=frame, window_center=(low + high) / 2, window_width=high - low)
        # LINEAR, for rescaled integers, is half a value off at most (PS3.3 C.11.2.1.2.1).
        slack = 255 / (high - low) + 1
        wanted = numpy.where(numpy.isnan(expected), 0, (expected - low) / (high - low) * 255)
        assert numpy.abs(shown - wanted).max() <= slack
    return file


# ---- modality LUT, rescale ----


def modality_lut(first, bits, entries, kind="HU", vr="US"):
    data = made.item(LUTData=b"")
    data.add_new(0x00283002, vr, [len(entries), first, bits])
    if kind:
        data.ModalityLUTType = kind
    data.add_new(0x00283006, "OW", entries if isinstance(entries, bytes) else made.words(*entries))
    return made.items(data)


def test_modality_lut(doctor):
    entries = [1000 + 10 * i for i in range(64)]
    content = made.image(RAMP, BitsStored=12, ModalityLUTSequence=modality_lut(0, 16, entries))
    file = check(doctor, content, numpy.array(entries, float).reshape(8, 8), "HU")
    assert made.measured_at(doctor, file, 7, 7) == (1630, "HU")


@pytest.mark.parametrize("vr, first", [("SS", -8), ("US", 65528)])
def test_modality_lut_of_signed_values(doctor, vr, first):
    stored = (numpy.arange(16) - 8).astype(numpy.int16).reshape(4, 4)
    entries = [i * i for i in range(10)]  # what lies above the last maps to it
    expected = numpy.array([entries[min(i, 9)] for i in range(16)], float).reshape(4, 4)
    content = made.image(stored, BitsStored=12, ModalityLUTSequence=modality_lut(first, 16, entries, "OD", vr))
    check(doctor, content, expected, "OD")


def test_modality_lut_of_8_bit_entries(doctor):
    entries = bytes(200 - i for i in range(64))
    content = made.image(RAMP, BitsStored=12, Modality="DX", ModalityLUTSequence=modality_lut(0, 8, entries, None))
    check(doctor, content, numpy.array(list(entries), float).reshape(8, 8), None)


@pytest.mark.parametrize("lut", [{}, {"LUTDescriptor": None, "LUTData": b""}])
def test_a_modality_lut_without_its_descriptor_is_none(doctor, lut):
    data = made.item()
    if lut:
        data.add_new(0x00283002, "US", None)
        data.add_new(0x00283006, "OW", b"")
    for more, factor, unit in (
        ({}, 1, None),
        ({"RescaleSlope": 3, "RescaleIntercept": 0, "RescaleType": "OD"}, 3, "OD"),
    ):
        content = made.image(RAMP, BitsStored=12, Modality="OT", ModalityLUTSequence=made.items(data), **more)
        check(doctor, content, RAMP * float(factor), unit)


def test_a_broken_modality_lut_is_told(doctor):
    """What values stand for is not known: no picture, no histogram; lengths are measured all the same."""
    content = made.image(RAMP, BitsStored=12, ModalityLUTSequence=modality_lut(0, 16, [1, 2])).replace(
        struct.pack("<HHH", 2, 0, 16), struct.pack("<HHH", 64, 0, 16)
    )
    file = made.send(doctor, content)
    assert "modality LUT" in problem(doctor.get(f"/images/{file['id']}/histogram"), 422)["detail"]
    assert made.measured_at(doctor, file, 1, 1) is None


@pytest.mark.parametrize(
    "modality, kind, unit",
    [
        ("CT", None, "HU"),
        ("CT", "US", None),
        ("MR", None, None),
        ("MR", "US", None),
        ("CT", "MGML", "MGML"),
        ("DX", "OD", "OD"),
    ],
)
def test_units_of_a_rescale(doctor, modality, kind, unit):
    more = {"RescaleType": kind} if kind else {}
    content = made.image(RAMP, Modality=modality, RescaleSlope=0.5, RescaleIntercept=-7, **more)
    check(doctor, content, RAMP * 0.5 - 7, unit)


def test_no_unit_without_a_rescale(doctor):
    check(doctor, made.image(RAMP, Modality="CT"), RAMP.astype(float), None)


def test_padding_counts_nowhere(doctor):
    stored = RAMP.copy()
    stored[0, 0] = 63
    expected = RAMP * 2.0
    expected[stored >= 62] = numpy.nan
    content = made.image(
        stored, PixelPaddingValue=63, PixelPaddingRangeLimit=62, RescaleSlope=2, RescaleIntercept=0, RescaleType="HU"
    )
    check(doctor, content, expected, "HU")


def groups(**sequences):
    return made.item(**{keyword: made.items(members) for keyword, members in sequences.items()})


def test_functional_groups(doctor):
    """Shared, and a frame's own before it."""
    stored = numpy.stack([RAMP, RAMP])
    content = made.image(
        RAMP,
        Modality="CT",
        NumberOfFrames=2,
        SharedFunctionalGroupsSequence=made.items(
            groups(PixelValueTransformationSequence={"RescaleSlope": 2, "RescaleIntercept": -10, "RescaleType": "HU"})
        ),
        PerFrameFunctionalGroupsSequence=made.items(
            made.item(),
            groups(PixelValueTransformationSequence={"RescaleSlope": 5, "RescaleIntercept": 1, "RescaleType": "OD"}),
        ),
    )
    content = content.replace(
        struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, RAMP.nbytes),
        struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, stored.nbytes),
    )
    file = check(doctor, content + RAMP.tobytes(), RAMP * 2.0 - 10, "HU")
    check(doctor, file, RAMP * 5.0 + 1, "OD", frame=2)


# ---- Real World Value Mapping (PS3.3 C.7.6.16.2.11) ----


def mapping(first, last, slope=None, intercept=None, unit="mm2/s", table=None, real=False, vr="US"):
    data = made.item(LUTLabel="test", MeasurementUnitsCodeSequence=made.items(made.code(unit)))
    if real:
        data.DoubleFloatRealWorldValueFirstValueMapped = first
        data.DoubleFloatRealWorldValueLastValueMapped = last
    else:
        data.add_new(0x00409216, vr, first)
        data.add_new(0x00409211, vr, last)
    if table is not None:
        data.RealWorldValueLUTData = table
    else:
        data.RealWorldValueSlope = slope
        data.RealWorldValueIntercept = intercept
    return data


def mapped(pixels, *mappings, **more):
    more = {"Modality": "MR", "RescaleSlope": 7, "RescaleIntercept": 3, "RescaleType": "US", **more}
    return made.image(pixels, RealWorldValueMappingSequence=made.items(*mappings), **more)


def test_a_mapping_goes_before_the_rescale(doctor):
    check(doctor, mapped(RAMP, mapping(0, 65535, 1e-6, 0.5e-6)), RAMP * 1e-6 + 0.5e-6, "mm2/s")
    check(doctor, mapped(RAMP, mapping(0, 4095, 2, -1, "[hnsf'U]"), BitsStored=12), RAMP * 2.0 - 1, "HU")


def test_what_a_mapping_does_not_cover_has_no_value(doctor):
    expected = RAMP * 0.25
    expected[(RAMP < 5) | (RAMP > 40)] = numpy.nan
    check(doctor, mapped(RAMP, mapping(5, 40, 0.25, 0)), expected, "mm2/s")
    check(doctor, mapped(RAMP, mapping(5, 40, 0.25, 0), BitsStored=12), expected, "mm2/s")


def test_mappings_of_several_ranges(doctor):
    """Of one unit they go on where the one before ends; another unit is another question."""
    expected = numpy.where(RAMP < 10, RAMP * 1.0, numpy.where(RAMP < 50, RAMP * 2.0 - 5, numpy.nan))
    content = mapped(
        RAMP, mapping(0, 9, 1, 0, "s"), mapping(0, 65535, 100, 0, "ms"), mapping(10, 49, 2, -5, "s"), BitsStored=12
    )
    check(doctor, content, expected, "s")


def test_a_mapping_by_table(doctor):
    table = [((i - 20) ** 3) / 7 for i in range(64)]
    expected = numpy.array(table).reshape(8, 8)
    check(doctor, mapped(RAMP, mapping(0, 63, table=table, unit="ms")), expected, "ms")
    expected = expected.copy()
    expected[(RAMP < 3) | (RAMP > 50)] = numpy.nan
    check(doctor, mapped(RAMP, mapping(3, 50, table=table[3:51], unit="ms"), BitsStored=10), expected, "ms")


@pytest.mark.parametrize("vr, first, last", [("SS", -32, 31), ("US", 65504, 31)])
def test_a_mapping_of_signed_values(doctor, vr, first, last):
    stored = (RAMP.astype(numpy.int16) - 32).astype(numpy.int16)
    check(doctor, mapped(stored, mapping(first, last, 0.1, 0, vr=vr)), stored * 0.1, "mm2/s")


def test_a_mapping_of_real_numbers(doctor):
    pixels = numpy.linspace(-3, 3, 64).astype(numpy.float32).reshape(8, 8)
    expected = pixels.astype(float) * 10
    check(doctor, mapped(pixels, mapping(-10.0, 10.0, 10, 0, real=True), RescaleSlope=None), expected, "mm2/s")
    expected[pixels < -1] = numpy.nan
    check(doctor, mapped(pixels, mapping(-1.0, 10.0, 10, 0, real=True), RescaleSlope=None), expected, "mm2/s")
    pixels = pixels.astype(float)
    check(doctor, mapped(pixels, mapping(-10.0, 10.0, 10, 0, real=True), RescaleSlope=None), pixels * 10, "mm2/s")


def test_a_mapping_in_functional_groups(doctor):
    shared = made.item(RealWorldValueMappingSequence=made.items(mapping(0, 65535, 0.5, 0)))
    content = made.image(RAMP, Modality="MR", SharedFunctionalGroupsSequence=made.items(shared))
    check(doctor, content, RAMP * 0.5, "mm2/s")


@pytest.mark.parametrize(
    "broken", [mapping(9, 3, 1, 0), mapping(0, 0, 1, 0), mapping(0, 63, 0, 0), mapping(0, 63, table=[1.0])]
)
def test_a_mapping_that_maps_nothing_is_passed_over(doctor, broken):
    check(doctor, mapped(RAMP, broken, RescaleType="OD"), RAMP * 7.0 + 3, "OD")


def test_the_files_own_window_is_of_modality_values(doctor):
    """VOI windows follow the modality transformation (PS3.3 C.11.2), not the mapping."""
    content = mapped(RAMP, mapping(0, 65535, 1e-6, 0), WindowCenter=224, WindowWidth=442, VOILUTFunction="LINEAR_EXACT")
    shown = made.drawn(doctor, made.send(doctor, content))
    assert numpy.abs(shown - (RAMP * 7.0) / 442 * 255).max() <= 1


# ---- dose ----


@pytest.mark.parametrize("units, unit", [("GY", "Gy"), ("RELATIVE", "relative")])
@pytest.mark.parametrize("kind", [numpy.uint16, numpy.uint32, numpy.int16])
def test_dose(doctor, units, unit, kind):
    content = made.image(
        RAMP.astype(kind),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.481.2",
        Modality="RTDOSE",
        DoseUnits=units,
        DoseType="PHYSICAL",
        DoseGridScaling="0.00125",
    )
    check(doctor, content, RAMP * 0.00125, unit)


# ---- PET ----

WEIGHT, DOSE, HALF_LIFE, SLOPE = 70, 4e8, 6586.2, 1.5


def drug(**changes):
    members = {
        "RadiopharmaceuticalStartTime": "090000",
        "RadionuclideTotalDose": str(DOSE),
        "RadionuclideHalfLife": str(HALF_LIFE),
        **changes,
    }
    return made.items({k: v for k, v in members.items() if v is not None})


def pet(drug_changes=None, **changes):
    members = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128",
        "Modality": "PT",
        "SeriesDate": "20260102",
        "SeriesTime": "100000",
        "AcquisitionDate": "20260102",
        "AcquisitionTime": "101000",
        "PatientWeight": str(WEIGHT),
        "CorrectedImage": ["NORM", "ATTN", "SCAT", "DECY"],
        "Units": "BQML",
        "DecayCorrection": "START",
        "RescaleSlope": str(SLOPE),
        "RescaleIntercept": "0",
        "RadiopharmaceuticalInformationSequence": drug(**(drug_changes or {})),
        "ActualFrameDuration": "120000",
        "FrameReferenceTime": "660000",
        **changes,
    }
    return made.image(RAMP, **members)


def suv(seconds, dose=DOSE, weight=WEIGHT):
    return RAMP * SLOPE * weight * 1000 / (dose * 2 ** (-seconds / HALF_LIFE))


def test_suv(doctor):
    """QIBA's vendor-neutral pseudo code: an hour from injection to the start of the series."""
    check(doctor, pet(), suv(3600), "g/ml")


@pytest.mark.parametrize(
    "changes, drug_changes, seconds",
    [
        ({"DecayCorrection": "ADMIN"}, {}, 0),
        ({}, {"RadiopharmaceuticalStartDateTime": "20260102093000.500000"}, 1799.5),
        ({}, {"RadiopharmaceuticalStartDateTime": "20260101093000", "RadionuclideHalfLife": str(HALF_LIFE)}, 88200),
        ({}, {"RadiopharmaceuticalStartTime": "233000"}, 37800),  # the evening before
        # a series made later: back from the frame's average, which decay puts a little before its middle
        ({"SeriesTime": "150000"}, {}, 3600 + 600 - 660 + 59.937),
    ],
)
def test_times_of_suv(doctor, changes, drug_changes, seconds):
    if "RadiopharmaceuticalStartDateTime" in drug_changes:
        drug_changes = {"RadiopharmaceuticalStartTime": None, **drug_changes}
    file = made.send(doctor, pet(drug_changes, **changes))
    value, unit = made.measured_at(doctor, file, 7, 7)
    assert unit == "g/ml" and value == pytest.approx(suv(seconds)[7, 7], rel=1e-6)


def test_the_scan_time_that_ge_writes(doctor):
    content = pet(SeriesTime="150000")
    data = pydicom.dcmread(io.BytesIO(content))
    block = data.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", "20260102100500.00")
    out = io.BytesIO()
    data.save_as(out)
    file = made.send(doctor, out.getvalue())
    assert made.measured_at(doctor, file, 7, 7) == (pytest.approx(suv(3900)[7, 7]), "g/ml")


@pytest.mark.parametrize(
    "changes, drug_changes",
    [
        ({"PatientWeight": None}, {}),
        ({"PatientWeight": "0"}, {}),
        ({"DecayCorrection": "NONE"}, {}),
        ({"DecayCorrection": None}, {}),
        ({"CorrectedImage": ["NORM", "DECY"]}, {}),
        ({"CorrectedImage": ["ATTN"]}, {}),
        ({"RadiopharmaceuticalInformationSequence": None}, {}),
        ({"SeriesTime": None}, {}),
        ({"AcquisitionDate": None}, {}),
        ({"SeriesTime": "150000", "FrameReferenceTime": None}, {}),
        ({}, {"RadionuclideTotalDose": None}),
        ({}, {"RadionuclideTotalDose": "0"}),
        ({}, {"RadionuclideTotalDose": "400"}),  # megabecquerels
        ({}, {"RadionuclideHalfLife": None}),
        ({}, {"RadiopharmaceuticalStartTime": None}),
        ({}, {"RadiopharmaceuticalStartDateTime": "20260102113000"}),  # after the scan
    ],
)
def test_activity_where_anything_is_missing(doctor, changes, drug_changes):
    file = made.send(doctor, pet(drug_changes, **changes))
    assert made.measured_at(doctor, file, 7, 7) == (pytest.approx(63 * SLOPE), "Bq/ml")
    assert made.histogram_of(doctor, file)["unit"] == "Bq/ml"


@pytest.mark.parametrize("units, unit", [("GML", "g/ml"), ("CNTS", "counts"), ("PROPCPS", "PROPCPS"), ("NONE", None)])
def test_other_units_of_pet(doctor, units, unit):
    check(doctor, pet(Units=units), RAMP * SLOPE, unit)


# ---- all of them, on files of others ----

NAMES = sorted(name.removeprefix("dicom/") for name in EXPECTED if name.count("/") == 1)


@pytest.mark.parametrize("name", NAMES)
def test_one_pixel_has_one_value(doctor, name):
    """A point, the histogram's ends and a window as wide as these agree."""
    answer = doctor.post("/upload/single", files={"file": (name, fresh(name))})
    file = answer.json()
    counted = answer.status_code == 201 and doctor.get(f"/images/{file['id']}/histogram")
    if not counted or counted.status_code != 200:  # no image, or one that is not decoded
        return
    found = counted.json()
    span = found["max"] - found["min"]
    point = made.measured_at(doctor, file, 1, 1)
    if point is None or not span:  # colour, or padding there
        return
    value, unit = point
    assert unit == found["unit"] and found["min"] <= value <= found["max"]
    shown = made.drawn(doctor, file, window_center=(found["min"] + found["max"]) / 2, window_width=span)
    data = pydicom.dcmread(DICOM / name, force=True, stop_before_pixels=True)
    if shown.shape != (data.Rows, data.Columns):  # made square
        return
    turned = "MONOCHROME1" in data.get("PhotometricInterpretation", "")
    part = (value - found["min"]) / span * 255
    assert abs(shown[1, 1] - (255 - part if turned else part)) <= 255 / span + 1.5
