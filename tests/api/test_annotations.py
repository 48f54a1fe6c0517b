"""What is drawn and measured on images: values, units, versions, who may."""

import copy
import json
import math
import statistics
import struct
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import ROOT, ok, png, problem, sample, unique, wrong_members

SHARED = ROOT.parent / "shared" / "data" / "dicom"
CT_SPACING = 0.661468


def real(name):
    return (SHARED / name).read_bytes()


def upload(api, name, **details):
    return api.upload(real(name), filename=name.rsplit("/", 1)[-1] + unique("-"), **details)


@pytest.fixture
def ct(doctor):
    return upload(doctor, "CT_small.dcm")


def path(file):
    return f"/images/{file['id']}/annotations"


def points(*pairs):
    return [{"x": x, "y": y} for x, y in pairs]


def line(*pairs, **more):
    return {"kind": "line", "points": points(*pairs), **more}


def put(api, file, annotations, expect=200, etag=None, **more):
    headers = {"If-Match": etag} if etag else {}
    answer = api.put(path(file), json={"annotations": annotations, **more}, headers=headers)
    return ok(answer) if expect == 200 else problem(answer, expect)


def measured(api, file, annotation):
    """The values of one annotation by name, after replacing the file's set with it."""
    current = api.get(path(file))
    body = put(api, file, [annotation], etag=current.headers["etag"])
    return {v["name"]: v for v in body["annotations"][0]["values"]}


def refused(api, file, annotation):
    """The problem with one annotation: (member, message)."""
    current = api.get(path(file))
    body = put(api, file, [annotation], 422, etag=current.headers["etag"])
    return wrong_members(body)[0], body["errors"][0]["msg"]


def writable(annotation):
    return {
        name: copy.deepcopy(value)
        for name, value in annotation.items()
        if name not in ("values", "remark", "created_by", "created_at", "updated_by", "updated_at")
    }


# ---- the set and its versions ----


def test_an_empty_set(doctor, ct):
    body = ok(doctor.get(path(ct)))
    assert body == {
        "file_id": ct["id"],
        "version": 0,
        "annotations": [],
        "comment": None,
        "updated_by": None,
        "updated_at": None,
    }


def test_what_is_put_is_there(doctor, ct):
    mine = str(uuid.uuid4())
    body = put(
        doctor,
        ct,
        [line((10, 10), (20, 10), id=mine.upper(), label="主弯 T5–T12"), {"kind": "text", "points": points((1, 1)), "label": "左"}],
        comment="first look",
    )
    assert body["version"] == 1 and body["comment"] == "first look" and body["updated_by"] == doctor.id
    first, second = body["annotations"]
    assert first["id"] == mine and first["label"] == "主弯 T5–T12" and first["frame"] == 1 and first["visible"] is True
    assert first["source"] == "human" and first["model"] is None and first["calibration"] is None
    assert first["points"] == [{"x": 10, "y": 10}, {"x": 20, "y": 10}]
    assert first["created_by"] == first["updated_by"] == doctor.id
    assert first["created_at"] == first["updated_at"] == body["updated_at"]
    assert second["values"] == [] and uuid.UUID(second["id"]).version == 4
    assert ok(doctor.get(path(ct))) == body


def test_versions_and_history(doctor, ct):
    one = doctor.put(path(ct), json={"annotations": [line((1, 1), (2, 2)), line((3, 3), (4, 5))], "comment": "初稿"})
    first = ok(one)
    a, b = map(writable, first["annotations"])
    b["points"][0]["x"] = 9
    second = put(doctor, ct, [b, line((7, 7), (8, 8))], etag=one.headers["etag"])
    assert second["version"] == 2
    third = put(doctor, ct, [], etag=doctor.get(path(ct)).headers["etag"], comment="cleared")
    assert third["version"] == 3 and third["annotations"] == []
    history = ok(doctor.get(path(ct) + "/history"))
    assert history["total"] == 3
    seen = [
        [row[n] for n in ("version", "annotation_count", "added_count", "changed_count", "removed_count", "comment")]
        for row in history["items"]
    ]
    assert seen == [[3, 0, 0, 0, 2, "cleared"], [2, 2, 1, 1, 1, None], [1, 2, 2, 0, 0, "初稿"]]
    assert {row["created_by"] for row in history["items"]} == {doctor.id}
    assert history["items"][0]["created_by_name"] == "张医生"
    oldest = ok(doctor.get(path(ct) + "/history", params={"sort": "version", "page_size": 1}))["items"]
    assert [row["version"] for row in oldest] == [1]
    assert ok(doctor.get(path(ct), params={"version": 1})) == first
    assert ok(doctor.get(path(ct), params={"version": 2})) == second
    assert ok(doctor.get(path(ct))) == third
    problem(doctor.get(path(ct), params={"version": 4}), 404)
    problem(doctor.get(path(ct), params={"version": 0}), 422)


def test_unchanged_ones_keep_author_time_and_values(server, admin, doctor, radiologist, ct):
    first = put(doctor, ct, [line((1, 1), (2, 2), label="a"), line((3, 3), (4, 5), label="b")])
    a, b = map(writable, first["annotations"])
    b["label"] = "c"
    second = put(radiologist, ct, [b, a], etag=radiologist.get(path(ct)).headers["etag"])
    changed, same = second["annotations"]
    assert same == first["annotations"][0]
    assert changed["created_by"] == doctor.id and changed["updated_by"] == radiologist.id
    assert changed["created_at"] == first["updated_at"] and changed["updated_at"] == second["updated_at"]
    assert changed["values"] == first["annotations"][1]["values"]


def test_the_same_again_is_no_new_version(doctor, ct):
    first = put(doctor, ct, [line((1, 1), (2, 2))])
    again = doctor.put(
        path(ct),
        json={"annotations": [writable(a) for a in first["annotations"]]},
        headers={"If-Match": doctor.get(path(ct)).headers["etag"]},
    )
    assert ok(again) == first
    assert ok(doctor.get(path(ct) + "/history"))["total"] == 1


def test_a_second_version_needs_if_match(doctor, ct):
    answer = doctor.put(path(ct), json={"annotations": [line((1, 1), (2, 2))]})
    etag = answer.headers["etag"]
    assert etag == doctor.get(path(ct)).headers["etag"]
    put(doctor, ct, [], 412)
    put(doctor, ct, [], 412, etag='"invented"')
    put(doctor, ct, [line((5, 5), (6, 6))], etag=etag)
    put(doctor, ct, [], 412, etag=etag)
    put(doctor, ct, [], etag="*")
    assert ok(doctor.get(path(ct)))["version"] == 3


def test_the_empty_set_has_an_etag_too(doctor, ct):
    etag = doctor.get(path(ct)).headers["etag"]
    put(doctor, ct, [line((1, 1), (2, 2))], etag=etag)
    put(doctor, ct, [line((1, 1), (3, 3))], 412, etag=etag)


@pytest.mark.parametrize("first", [True, False])
def test_of_many_at_once_one_wins(server, doctor, ct, first):
    etag = None
    if not first:
        put(doctor, ct, [line((1, 1), (2, 2))])
        etag = doctor.get(path(ct)).headers["etag"]

    def write(i):
        with server.client(doctor.token) as api:
            headers = {"If-Match": etag} if etag else {}
            body = {"annotations": [line((1, 1), (10 + i, 2))]}
            return api.put(path(ct), json=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(write, range(8)))
    assert codes == [200] + [412] * 7
    assert ok(doctor.get(path(ct) + "/history"))["total"] == (1 if first else 2)


def test_versions_are_never_rewritten(server, doctor, ct):
    first = put(doctor, ct, [line((1, 1), (2, 2))])
    rows = server.database.rows(
        f"select content from image_annotation_versions where image_file_id = {ct['id']} and version = 1"
    )
    put(doctor, ct, [], etag="*")
    assert rows == server.database.rows(
        f"select content from image_annotation_versions where image_file_id = {ct['id']} and version = 1"
    )
    assert ok(doctor.get(path(ct), params={"version": 1})) == first


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
        ({"length_mm": 5, "from": {"x": 1, "y": 1}, "to": {"x": 1, "y": 1}}, "different points"),
        ({"length_mm": 5, "from": {"x": 1, "y": 1}, "to": {"x": 1, "y": 999}}, "outside"),
    ],
)
def test_odd_calibrations(doctor, ct, calibration, words):
    annotation = line((10, 10), (13, 14), calibration=calibration)
    if words is None:
        assert measured(doctor, ct, annotation)["length"]["spacing"] == "pixel_spacing"
    else:
        member, message = refused(doctor, ct, annotation)
        assert member == "annotations.0.calibration" and words in message


def test_angles_and_areas(doctor, ct):
    v = measured(doctor, ct, {"kind": "angle", "points": points((20, 10), (10, 10), (10, 20))})["angle"]
    assert v["value"] == pytest.approx(90) and v["unit"] == "deg"
    v = measured(doctor, ct, {"kind": "polygon", "points": points((0, 0), (8, 0), (8, 6))})
    assert v["area"]["value"] == pytest.approx(24 * CT_SPACING**2) and v["area"]["unit"] == "mm2"
    assert v["perimeter"]["value"] == pytest.approx(24 * CT_SPACING)


def test_a_cobb_angle(doctor, ct):
    v = measured(doctor, ct, {"kind": "cobb", "points": points((0, 0), (40, 30), (0, 110), (40, 80))})
    assert v["cobb_angle"]["value"] == pytest.approx(2 * math.degrees(math.atan(0.75)))
    member, message = refused(doctor, ct, {"kind": "cobb", "points": points((0, 0), (40, 30), (40, 80), (0, 110))})
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
    annotation = {"kind": "pelvic_incidence", "facing": "right", "points": points((48, 48), (52, 51), (60, 59.5))}
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
    v = measured(doctor, ct, {"kind": "polygon", "points": points((64, 4.25), (120.25, 64), (64, 120), (4, 64))})

    def is_inside(x, y):
        corners = [(64, 4.25), (120.25, 64), (64, 120), (4, 64)]
        return all(
            (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0
            for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True)
        )

    check_statistics(v, [hu[y][x] for y in range(128) for x in range(128) if is_inside(x + 0.5, y + 0.5)])


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
    others = sorted(p.name for p in (SHARED / "ct_transfer_syntaxes").iterdir() if "lossless" in p.name.lower())[:3]
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
    assert [v["name"] for v in body["annotations"][0]["values"]] == ["area", "perimeter"]
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


# ---- what is refused ----


@pytest.mark.parametrize(
    "change, member",
    [
        ({"kind": "spiral"}, "kind"),
        ({"kind": None}, "kind"),
        ({"id": "not-a-uuid"}, "id"),
        ({"id": "g" * 36}, "id"),
        ({"frame": 0}, "frame"),
        ({"frame": 2}, "frame"),
        ({"points": []}, "points"),
        ({"points": points((1, 1))}, "points"),
        ({"points": points((1, 1), (1, 1))}, "points"),
        ({"points": points((1, 1), (2, 2), (3, 3))}, "points"),
        ({"points": points((1, 1), (128.01, 2))}, "points.1"),
        ({"points": points((1, 1), (2, 128.01))}, "points.1"),
        ({"points": points((-0.01, 1), (2, 2))}, "points.0.x"),
        ({"points": [{"x": 1}, {"x": 2, "y": 2}]}, "points.0.y"),
        ({"points": [{"x": "1", "y": 1}, {"x": 2, "y": 2}]}, "points.0.x"),
        ({"points": [[1, 2], [3, 4]]}, "points.0"),
        ({"label": "x" * 501}, "label"),
        ({"facing": "up"}, "facing"),
        ({"source": "model"}, "model"),
        ({"source": "magic"}, "source"),
        ({"model": {"name": "CobbNet", "version": "1"}}, "model"),
        ({"source": "model", "model": {"name": "CobbNet"}}, "model.version"),
        ({"values": []}, "values"),
        ({"values": [{"name": "length", "value": 1}]}, "values"),
        ({"created_by": 1}, "created_by"),
        ({"colour": "red"}, "colour"),
        ({"kind": "text"}, "points"),
    ],
)
def test_refused(doctor, ct, change, member):
    body = put(doctor, ct, [{**line((1, 1), (2, 2)), **change}], 422)
    assert f"annotations.0.{member}" in wrong_members(body) or change.get("kind") == "text"
    assert ok(doctor.get(path(ct)))["version"] == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e308"])
def test_numbers_that_are_none(doctor, ct, number):
    body = '{"annotations":[{"kind":"line","points":[{"x":%s,"y":1},{"x":2,"y":2}]}]}' % number
    answer = doctor.put(path(ct), content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


def test_every_problem_is_told(doctor, ct):
    body = put(doctor, ct, [line((1, 1), (1, 1)), line((1, 1), (2, 2)), line((1, 1), (500, 2)), line((1, 1))], 422)
    assert wrong_members(body) == ["annotations.0.points", "annotations.2.points.1", "annotations.3.points"]


def test_ids_are_unique(doctor, ct):
    one = str(uuid.uuid4())
    body = put(doctor, ct, [line((1, 1), (2, 2), id=one), line((1, 1), (3, 2), id=one.upper())], 422)
    assert len(body["errors"]) == 1 and "same id" in body["errors"][0]["msg"]


def test_a_model_says_its_name(doctor, ct):
    model = {"name": "CobbNet", "version": "2.1"}
    body = put(doctor, ct, [line((1, 1), (2, 2), source="model", model=model)])
    assert body["annotations"][0]["source"] == "model" and body["annotations"][0]["model"] == model


def test_many_and_large_ones(doctor, ct):
    body = put(doctor, ct, [line((1, 1), (2 + i / 10, 2)) for i in range(1000)])
    assert len(body["annotations"]) == 1000
    put(doctor, ct, [line((1, 1), (2, 2))] * 1001, 422, etag="*")
    corners = [(64 + 60 * math.cos(i / 4096 * 2 * math.pi), 64 + 60 * math.sin(i / 4096 * 2 * math.pi)) for i in range(4096)]
    v = measured(doctor, ct, {"kind": "polygon", "points": points(*corners)})
    assert v["area"]["value"] == pytest.approx(math.pi * 3600 * CT_SPACING**2, rel=1e-5)
    assert v["pixel_count"]["value"] == pytest.approx(math.pi * 3600, rel=0.01)
    assert refused(doctor, ct, {"kind": "polygon", "points": points(*corners, (1, 1))})[0] == "annotations.0.points"


def test_work_is_bounded(doctor):
    file = upload(doctor, "ct_transfer_syntaxes/CTImage.dcm")
    whole = {"kind": "rectangle", "points": points((0, 0), (512, 512))}
    body = put(doctor, file, [whole] * 500, 422)
    assert "fewer at a time" in body["errors"][0]["msg"]
    assert len(put(doctor, file, [whole] * 50)["annotations"]) == 50


@pytest.mark.parametrize("name", ["test-SR.dcm", "encapsulated_pdf.dcm"])
def test_files_without_an_image(doctor, name):
    file = upload(doctor, name)
    answer = doctor.put(path(file), json={"annotations": [line((1, 1), (2, 2))]})
    assert answer.status_code in (415, 422)


# ---- who may ----


def test_others_files_do_not_exist(doctor, colleague, ct):
    put(doctor, ct, [line((1, 1), (2, 2))])
    problem(colleague.get(path(ct)), 404)
    problem(colleague.get(path(ct) + "/history"), 404)
    put(colleague, ct, [], 404)
    put(colleague, ct, [], 404, etag="*")


def test_who_may_annotate(server, admin, doctor, radiologist, technician, viewer, nobody, ct):
    put(radiologist, ct, [line((1, 1), (2, 2))])
    mine = upload(technician, "CT_small.dcm")
    assert ok(technician.get(path(mine)))["version"] == 0
    put(technician, mine, [], 403)
    put(viewer, ct, [], 403)
    problem(nobody.get(path(ct)), 401)
    problem(nobody.put(path(ct), json={"annotations": []}), 401)


def test_deleted_files(doctor, ct):
    put(doctor, ct, [line((1, 1), (2, 2))])
    ok(doctor.delete(f"/image-files/{ct['id']}"), 204)
    problem(doctor.get(path(ct)), 404)
    put(doctor, ct, [], 404, etag="*")
    ok(doctor.post(f"/image-files/{ct['id']}/restore"))
    assert ok(doctor.get(path(ct)))["version"] == 1


def test_it_is_audited(server, doctor):
    patient = doctor.patient()
    file = upload(doctor, "CT_small.dcm", patient_id=patient["id"])
    put(doctor, file, [line((1, 1), (2, 2))])
    rows = server.database.rows(
        f"select entity, entity_id, user_id, outcome from audit_logs where action = 'annotations.update' and patient_id = {patient['id']}"
    )
    assert rows == [("image_file", file["id"], doctor.id, 200)]


# ---- the catalogue ----


def test_the_catalogue(doctor, nobody):
    problem(nobody.get("/measurements"), 401)
    items = {item["kind"]: item for item in ok(doctor.get("/measurements"))["items"]}
    assert len(items) == 22
    cobb = items["cobb"]
    assert cobb["name"] == "Cobb angle" and cobb["name_zh"] == "Cobb角" and cobb["min_points"] == cobb["max_points"] == 4
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
    assert "cobb" in json.dumps(schemas["AnnotationInput"]["properties"]["kind"])
    assert schemas["AnnotationInput"]["required"] == ["kind", "points"]


def test_a_damaged_file_can_still_be_marked(doctor):
    damaged = sample("dicom/CT_small.dcm")
    file = doctor.upload(damaged[: len(damaged) - 20000], filename=unique("cut") + ".dcm")
    answer = doctor.put(path(file), json={"annotations": [{"kind": "rectangle", "points": points((1, 1), (9, 9))}]})
    if answer.status_code == 200:
        annotation = answer.json()["annotations"][0]
        assert [v["name"] for v in annotation["values"]] == ["area", "perimeter"] and annotation["remark"]
    else:
        problem(answer, 422)
