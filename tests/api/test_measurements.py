"""What the server measures: lengths, angles, areas, values of pixels, and the catalogue of all that."""

import math
import statistics
import struct

import pytest

from annotations import CT_SPACING, DICOM, fresh, line, measured, path, points, put, real, refused, upload
from support import ROOT, ok, png, problem, unique

doctor_of_all = None  # conftest.py


@pytest.fixture
def ct(doctor):
    return upload(doctor, "CT_small.dcm")


# ---- lengths, angles, areas ----


def test_lengths_in_millimetres(doctor, ct):
    v = measured(doctor, ct, line((10, 10), (13, 14)))["length"]
    assert v["unit"] == "mm" and v["spacing"] == "pixel_spacing"
    assert v["value"] == pytest.approx(5 * CT_SPACING, rel=1e-12)
    assert isinstance(v["value"], float)


def test_lengths_at_the_detector(doctor):
    file = upload(doctor, "dx_image.dcm")  # its Pixel Spacing repeats the Imager Pixel Spacing
    v = measured(doctor, file, line((10, 10), (10, 20)))["length"]
    assert v["unit"] == "mm" and v["spacing"] == "detector" and v["value"] == pytest.approx(12)
    v = measured(doctor, file, line((10, 10), (20, 10)))["length"]
    assert v["value"] == pytest.approx(12.01199999999)


def test_lengths_in_pixels(doctor):
    file = upload(doctor, "US-PAL-8-10x-echo")
    v = measured(doctor, file, line((10, 10), (13, 14)))["length"]
    assert v == {"name": "length", "value": 5, "unit": "px", "spacing": "pixels"}


def test_a_stated_calibration(doctor, ct):
    v = measured(doctor, ct, line((10, 10), (13, 14), calibration={"mm_per_pixel": 0.2}))["length"]
    assert v["value"] == pytest.approx(1) and v["unit"] == "mm" and v["spacing"] == "calibration"
    known = {"length_mm": 30, "from": {"x": 0, "y": 0}, "to": {"x": 60, "y": 80}}
    body = put(doctor, ct, [line((10, 10), (13, 14), calibration=known)], etag="*")
    assert body["annotations"][0]["values"][0]["value"] == pytest.approx(1.5)
    assert body["annotations"][0]["calibration"] == {"mm_per_pixel": None, **known}


@pytest.mark.parametrize(
    "calibration, words",
    [
        ({}, None),
        ({"mm_per_pixel": 0}, "above 0"),
        ({"mm_per_pixel": 1, "length_mm": 5}, "either"),
        ({"length_mm": 5}, "either"),
        ({"length_mm": 5, "from": {"x": 1, "y": 1}}, "either"),
        (
            {"length_mm": 5, "from": {"x": 1, "y": 1}, "to": {"x": 1, "y": 1}},
            "different points",
        ),
        (
            {"length_mm": 5, "from": {"x": 1, "y": 1}, "to": {"x": 1, "y": 999}},
            "outside",
        ),
    ],
)
def test_odd_calibrations(doctor, ct, calibration, words):
    annotation = line((10, 10), (13, 14), calibration=calibration)
    if words is None:
        assert measured(doctor, ct, annotation)["length"]["spacing"] == "pixel_spacing"
    else:
        member, message = refused(doctor, ct, annotation)
        assert member == "annotations.0.calibration" and words in message


def test_pixels_that_are_not_square(doctor):
    """Pixel Aspect Ratio (0028,0034) 4:3, height to width, and no spacing."""
    file = upload(doctor, "color-pl.dcm")
    v = measured(doctor, file, {"kind": "angle", "points": points((20, 10), (10, 10), (20, 20))})["angle"]
    assert v["value"] == pytest.approx(math.degrees(math.atan(4 / 3))) and v["spacing"] == "pixels"
    v = measured(doctor, file, line((10, 10), (10, 40)))["length"]
    assert v["value"] == pytest.approx(40) and v["unit"] == "px"
    v = measured(doctor, file, line((10, 10), (13, 13), calibration={"mm_per_pixel": 0.5}))["length"]
    assert v["value"] == pytest.approx(2.5) and v["unit"] == "mm"
    known = {"length_mm": 20, "from": {"x": 0, "y": 0}, "to": {"x": 0, "y": 30}}
    v = measured(doctor, file, line((10, 10), (50, 10), calibration=known))["length"]
    assert v["value"] == pytest.approx(20)


def test_angles_and_areas(doctor, ct):
    v = measured(doctor, ct, {"kind": "angle", "points": points((20, 10), (10, 10), (10, 20))})["angle"]
    assert v["value"] == pytest.approx(90) and v["unit"] == "deg"
    v = measured(doctor, ct, {"kind": "polygon", "points": points((0, 0), (8, 0), (8, 6))})
    assert v["area"]["value"] == pytest.approx(24 * CT_SPACING**2) and v["area"]["unit"] == "mm2"
    assert v["perimeter"]["value"] == pytest.approx(24 * CT_SPACING)


def test_a_cobb_angle(doctor, ct):
    v = measured(
        doctor,
        ct,
        {"kind": "cobb", "points": points((0, 0), (40, 30), (0, 110), (40, 80))},
    )
    assert v["cobb_angle"]["value"] == pytest.approx(2 * math.degrees(math.atan(0.75)))
    member, message = refused(
        doctor,
        ct,
        {"kind": "cobb", "points": points((0, 0), (40, 30), (40, 80), (0, 110))},
    )
    assert member == "annotations.0.points" and "opposite" in message


def test_sides_have_to_be_said(doctor, ct):
    sva = {"kind": "sva", "points": points((50, 10), (40, 100))}
    member, message = refused(doctor, ct, sva)
    assert member == "annotations.0.points" and "facing" in message
    right = measured(doctor, ct, {**sva, "facing": "right"})["sva"]["value"]
    left = measured(doctor, ct, {**sva, "facing": "left"})["sva"]["value"]
    assert right == pytest.approx(10 * CT_SPACING) and left == -right
    balance = {"kind": "csvl_distance", "points": points((50, 10), (40, 100))}
    assert "patient_left" in refused(doctor, ct, balance)[1]
    assert measured(doctor, ct, {**balance, "patient_left": "left"})["csvl_distance"]["value"] > 0


def test_pelvic_incidence(doctor, ct):
    annotation = {
        "kind": "pelvic_incidence",
        "facing": "right",
        "points": points((48, 48), (52, 51), (60, 59.5)),
    }
    v = measured(doctor, ct, annotation)
    assert v["pelvic_incidence"]["value"] == pytest.approx(v["pelvic_tilt"]["value"] + v["sacral_slope"]["value"])
    assert v["pi_check"]["value"] == pytest.approx(0, abs=1e-9)
    assert v["pelvic_tilt"]["value"] == pytest.approx(45)


# ---- values of pixels ----


def ct_values():
    """CT_small.dcm in HU, without any library: 128 rows of 128 signed words at its end."""
    bytes_ = real("CT_small.dcm")
    at = bytes_.index(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 128 * 128 * 2)) + 12
    words = struct.unpack_from(f"<{128 * 128}h", bytes_, at)
    return [[words[y * 128 + x] - 1024 for x in range(128)] for y in range(128)]


def check_statistics(v, wanted, unit="HU"):
    assert v["pixel_count"]["value"] == len(wanted)
    assert v["mean"]["value"] == pytest.approx(statistics.fmean(wanted), rel=1e-12)
    assert v["sd"]["value"] == pytest.approx(statistics.pstdev(wanted), rel=1e-9)
    assert v["min"]["value"] == min(wanted) and v["max"]["value"] == max(wanted)
    assert {v[n]["unit"] for n in ("mean", "sd", "min", "max")} == {unit}
    assert v["mean"]["spacing"] is None


def test_rectangle_in_hu(doctor, ct):
    hu = ct_values()
    v = measured(doctor, ct, {"kind": "rectangle", "points": points((30, 40), (60, 55))})
    check_statistics(v, [hu[y][x] for y in range(40, 55) for x in range(30, 60)])


def test_the_whole_image_in_hu(doctor, ct):
    v = measured(doctor, ct, {"kind": "rectangle", "points": points((0, 0), (128, 128))})
    assert v["mean"]["value"] == pytest.approx(904.926 - 1024, abs=0.001)  # EXPECTED.json: stored values
    assert (v["min"]["value"], v["max"]["value"]) == (128 - 1024, 2191 - 1024)


def test_ellipse_and_polygon_in_hu(doctor, ct):
    hu = ct_values()
    v = measured(doctor, ct, {"kind": "ellipse", "points": points((20, 30), (80, 70))})
    inside = [
        hu[y][x] for y in range(128) for x in range(128) if ((x + 0.5 - 50) / 30) ** 2 + ((y + 0.5 - 50) / 20) ** 2 <= 1
    ]
    check_statistics(v, inside)
    v = measured(
        doctor,
        ct,
        {
            "kind": "polygon",
            "points": points((64, 4.25), (120.25, 64), (64, 120), (4, 64)),
        },
    )

    def is_inside(x, y):
        corners = [(64, 4.25), (120.25, 64), (64, 120), (4, 64)]
        return all(
            (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0
            for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True)
        )

    check_statistics(
        v,
        [hu[y][x] for y in range(128) for x in range(128) if is_inside(x + 0.5, y + 0.5)],
    )


def test_a_point_in_hu(doctor, ct):
    hu = ct_values()
    v = measured(doctor, ct, {"kind": "point", "points": points((17.9, 99.2))})
    assert v == {"value": {"name": "value", "value": hu[99][17], "unit": "HU", "spacing": None}}


def test_padding_is_not_counted(doctor):
    file = upload(doctor, "ct_transfer_syntaxes/CTImage.dcm")
    v = measured(doctor, file, {"kind": "rectangle", "points": points((0, 0), (512, 512))})
    assert v["pixel_count"]["value"] == 512 * 512  # its padding value, -32768, is nowhere
    assert v["mean"]["value"] == pytest.approx(74.924 - 1024, abs=0.001)
    assert (v["min"]["value"], v["max"]["value"]) == (-2000 - 1024, 2402 - 1024)


def test_compressed_pixels_are_the_same(doctor):
    roi = {"kind": "ellipse", "points": points((100, 100), (400, 300))}
    plain = measured(doctor, upload(doctor, "ct_transfer_syntaxes/CTImage.dcm"), roi)
    others = sorted(p.name for p in (DICOM / "ct_transfer_syntaxes").iterdir() if "lossless" in p.name.lower())[:3]
    for name in others:
        assert measured(doctor, upload(doctor, f"ct_transfer_syntaxes/{name}"), roi) == plain


def test_every_frame_has_its_own(doctor):
    file = upload(doctor, "emri_small.dcm")
    roi = {"kind": "rectangle", "points": points((10, 10), (50, 50))}
    body = put(doctor, file, [{**roi, "frame": n} for n in (1, 10, 1)])
    means = [next(v["value"] for v in a["values"] if v["name"] == "mean") for a in body["annotations"]]
    assert means[0] == means[2] != means[1]
    member, message = refused(doctor, file, {**roi, "frame": 11})
    assert member == "annotations.0.frame" and "10 frames" in message


@pytest.mark.parametrize("name", ["SC_rgb_32bit.dcm", "US-PAL-8-10x-echo"])
def test_colour_has_no_single_value(doctor, name):
    file = upload(doctor, name)
    body = put(doctor, file, [{"kind": "rectangle", "points": points((0, 0), (10, 10))}])
    assert [v["name"] for v in body["annotations"][0]["values"]] == [
        "area",
        "perimeter",
    ]
    assert "colour" in body["annotations"][0]["remark"]


def test_a_region_without_a_pixel(doctor, ct):
    body = put(doctor, ct, [{"kind": "rectangle", "points": points((1.6, 1.6), (2.4, 2.4))}])
    names = [v["name"] for v in body["annotations"][0]["values"]]
    assert names == ["area", "perimeter", "pixel_count"] and body["annotations"][0]["remark"]


def test_pictures_are_measured_in_pixels(doctor):
    file = doctor.upload(png(20, 10))
    body = put(doctor, file, [line((0, 0), (20, 10))])
    assert body["annotations"][0]["values"][0]["unit"] == "px"
    assert refused(doctor, file, line((0, 0), (21, 10)))[0] == "annotations.0.points.1"


# ---- the catalogue ----


def test_the_catalogue(doctor, nobody):
    problem(nobody.get("/measurements"), 401)
    items = {item["kind"]: item for item in ok(doctor.get("/measurements"))["items"]}
    assert len(items) == 38
    cobb = items["cobb"]
    assert (
        cobb["name"] == "Cobb angle" and cobb["name_zh"] == "Cobb角" and cobb["min_points"] == cobb["max_points"] == 4
    )
    assert len(cobb["points"]) == 4 and cobb["values"][0]["name"] == "cobb_angle" and cobb["view"] == "any"
    assert items["sva"]["view"] == "lateral" and items["csvl_distance"]["view"] == "frontal"
    assert items["ellipse"]["has_pixel_values"] and not items["line"]["has_pixel_values"]
    for item in items.values():
        assert all(item[n] for n in ("name", "name_zh", "doc", "doc_zh"))


def test_the_catalogue_is_documented(doctor):
    for name in ("measurements.md", "measurements.zh-CN.md"):
        text = (ROOT / "docs" / name).read_text()
        for item in ok(doctor.get("/measurements"))["items"]:
            assert f"`{item['kind']}`" in text, (name, item["kind"])
            for value in item["values"]:
                assert f"`{value['name']}`" in text, (name, value["name"])


def test_openapi_tells_both_shapes(nobody):
    schemas = ok(nobody.get("/openapi.json"))["components"]["schemas"]
    assert "values" in schemas["Annotation"]["properties"]
    assert "values" not in schemas["AnnotationInput"]["properties"]
    assert schemas["AnnotationInput"]["properties"]["kind"]["$ref"] == "#/components/schemas/AnnotationKind"
    assert "cobb" in schemas["AnnotationKind"]["enum"]
    assert schemas["AnnotationInput"]["required"] == ["kind", "points"]


def test_a_damaged_file_can_still_be_marked(doctor):
    damaged = fresh("CT_small.dcm")
    file = doctor.upload(damaged[: len(damaged) - 20000], filename=unique("cut") + ".dcm")
    answer = doctor.put(
        path(file),
        json={"annotations": [{"kind": "rectangle", "points": points((1, 1), (9, 9))}]},
    )
    if answer.status_code == 200:
        annotation = answer.json()["annotations"][0]
        assert [v["name"] for v in annotation["values"]] == [
            "area",
            "perimeter",
        ] and annotation["remark"]
    else:
        problem(answer, 422)
