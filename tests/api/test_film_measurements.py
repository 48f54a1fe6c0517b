"""Measurements of films of the neck, hips, legs, feet and chest: each against an arithmetic of its own, what has to be
said with them, and that their catalogue, drawings and documents agree."""

import json

import numpy
import pytest

from annotations import CT_SPACING, path, points, put, refused, upload
from support import ROOT, ok

doctor_of_all = None  # conftest.py


@pytest.fixture
def film(doctor):
    return upload(doctor, "CT_small.dcm")


# Facing right, the patient's left on the image's right, of the left hip or leg.
NECK = [(50, 20), (70, 16), (44, 60), (64, 68)]
PELVIS = [(50, 90), (66, 98), (70, 120), (76, 122)]
FILMS = {
    "cervical_lordosis": NECK,
    "c2_c7_sva": [(60, 18), (44.5, 52)],
    "ts_cl": [*NECK, (40, 72), (60, 84)],
    "pi_ll": [(52, 40), (72, 38), *PELVIS],
    "t1_pelvic_angle": [(58, 10), *PELVIS],
    "global_tilt": [(62, 8), *PELVIS[:3]],
    "centre_edge_angle": [(90, 60), (99, 40), (30, 62)],
    "sharp_angle": [(80, 70), (99, 50), (40, 71)],
    "acetabular_index": [(80, 70), (99, 62), (40, 71)],
    "leg_length_difference": [(90, 10), (86, 120), (30, 13), (36, 119)],
    "hip_knee_ankle_angle": [(90, 10), (84, 64), (88, 120)],
    "mldfa": [(90, 10), (84, 64), (96, 63), (72, 66)],
    "mpta": [(84, 66), (88, 120), (96, 67), (72, 68)],
    "jlca": [(96, 63), (72, 66), (96, 67), (72, 68)],
    "hallux_valgus": [(40, 110), (30, 60), (31, 56), (44, 30), (60, 108), (61, 55)],
    "cardiothoracic_ratio": [(90, 80), (50, 76), (110, 90), (12, 92)],
}


def angle(a, b):
    """Degrees from a to b, counter-clockwise where y goes up: of complex numbers, which no code of ours uses."""
    return numpy.degrees(numpy.angle(b / a))


def wanted():
    p = {kind: numpy.array([complex(x, -y) for x, y in pairs]) for kind, pairs in FILMS.items()}
    out = {}

    def slope(a, b):  # positive where the front is lower
        return -angle(1, b - a)

    def pelvis(q):
        middle, hips = (q[0] + q[1]) / 2, numpy.mean(q[2:])
        return middle, hips, angle(-1j * (q[1] - q[0]) / abs(q[1] - q[0]), hips - middle)

    q = p["cervical_lordosis"]
    lordosis = slope(q[2], q[3]) - slope(q[0], q[1])
    out["cervical_lordosis"] = lordosis
    out["c2_c7_sva"] = (60 - 44.5) * CT_SPACING
    out["ts_cl"] = slope(*p["ts_cl"][4:]) - lordosis
    q = p["pi_ll"]
    out["pi_ll"] = pelvis(q[2:])[2] - (slope(q[2], q[3]) - slope(q[0], q[1]))
    middle, hips, _ = pelvis(p["t1_pelvic_angle"][1:])
    out["t1_pelvic_angle"] = angle(p["t1_pelvic_angle"][0] - hips, middle - hips)
    middle, hips, _ = pelvis(p["global_tilt"][1:])
    out["global_tilt"] = angle(p["global_tilt"][0] - middle, middle - hips)
    q = p["centre_edge_angle"]
    out["centre_edge_angle"] = angle(q[1] - q[0], 1j * (q[0] - q[2]))
    for kind in ("sharp_angle", "acetabular_index"):
        q = p[kind]
        out[kind] = angle(q[0] - q[2], q[1] - q[0])
    q = p["leg_length_difference"]
    out["leg_length_difference"] = (abs(q[0] - q[1]) - abs(q[2] - q[3])) * CT_SPACING
    q = p["hip_knee_ankle_angle"]
    out["hip_knee_ankle_angle"] = angle(q[1] - q[0], q[2] - q[1])
    q = p["mldfa"]
    out["mldfa"] = abs(angle(q[0] - q[1], q[2] - q[3]))
    q = p["mpta"]
    out["mpta"] = abs(angle(q[1] - q[0], q[3] - q[2]))
    out["jlca"] = out["mpta"] - out["mldfa"] - angle(p["mldfa"][1] - p["mldfa"][0], p["mpta"][1] - p["mpta"][0])
    q = p["hallux_valgus"]
    out["hallux_valgus_angle"] = angle(q[3] - q[2], q[1] - q[0])
    out["intermetatarsal_angle"] = angle(q[5] - q[4], q[1] - q[0])
    out["cardiothoracic_ratio"] = (90 - 50) / (110 - 12)
    return out


def annotation(kind, item, **more):
    told = {"facing": "right"} if item["view"] == "lateral" else {"patient_left": "right"}
    if item["sided"]:
        told["laterality"] = "left"
    if item["standing"]:
        told["standing"] = True
    return {"kind": kind, "points": points(*FILMS[kind]), **told, **more}


@pytest.fixture
def catalogue(doctor):
    return {item["kind"]: item for item in ok(doctor.get("/measurements"))["items"]}


def test_each_against_another_arithmetic(doctor, film, catalogue):
    sent = [annotation(kind, catalogue[kind]) for kind in FILMS]
    current = doctor.get(path(film)).headers["etag"]
    body = put(doctor, film, sent, etag=current)
    values = {}
    for got, asked in zip(body["annotations"], sent, strict=True):
        names = [v["name"] for v in catalogue[asked["kind"]]["values"]]
        assert [v["name"] for v in got["values"]] == names
        assert got["laterality"] == asked.get("laterality") and got["standing"] == asked.get("standing", False)
        values |= {got["values"][0]["name"]: got["values"][0], got["values"][-1]["name"]: got["values"][-1]}
    values |= {v["name"]: v for a in body["annotations"] for v in a["values"] if v["name"] in FILMS}
    for name, value in wanted().items():
        assert values[name]["value"] == pytest.approx(value, abs=1e-9), name
    assert values["cardiothoracic_ratio"]["unit"] == "1" and values["mpta"]["unit"] == "deg"
    assert values["chest_width"]["unit"] == "mm" and values["chest_width"]["spacing"] == "pixel_spacing"
    assert ok(doctor.get(path(film))) == body


def test_the_other_side_seen_from_behind(doctor, film, catalogue):
    """A right leg on a film of a patient seen from behind lies where a left one does from the front."""
    hka = annotation("hip_knee_ankle_angle", catalogue["hip_knee_ankle_angle"])
    behind = {**hka, "patient_left": "left", "laterality": "right"}
    current = doctor.get(path(film)).headers["etag"]
    one, two = put(doctor, film, [hka, behind], etag=current)["annotations"]
    assert one["values"] == two["values"]
    other = {**hka, "laterality": "right"}
    one = put(doctor, film, [other], etag="*")["annotations"][0]
    assert one["values"][0]["value"] == -two["values"][0]["value"]


@pytest.mark.parametrize(
    "kind, missing",
    [
        ("hip_knee_ankle_angle", "laterality"),
        ("hip_knee_ankle_angle", "standing"),
        ("centre_edge_angle", "patient_left"),
        ("t1_pelvic_angle", "facing"),
        ("hallux_valgus", "standing"),
    ],
)
def test_what_no_film_tells_has_to_be_said(doctor, film, catalogue, kind, missing):
    asked = annotation(kind, catalogue[kind])
    del asked[missing]
    member, message = refused(doctor, film, asked)
    assert member == "annotations.0.points" and f"`{missing}`" in message


def test_a_set_of_before_is_read_as_it_was(server, doctor):
    """Versions that were kept when annotations had neither `laterality` nor `standing`."""
    file = upload(doctor, "CT_small.dcm")
    sva = {"kind": "sva", "facing": "right", "points": points((50, 10), (40, 100))}
    first = put(doctor, file, [sva])
    where = f"image_file_id = {file['id']}"
    [(stored,)] = server.database.rows(f"select content from image_annotation_versions where {where}")
    before = json.loads(stored)
    for item in before if isinstance(before, list) else before["annotations"]:
        del item["laterality"], item["standing"]
    text = json.dumps(before, ensure_ascii=True).replace("'", "''")
    server.database.rows(f"update image_annotation_versions set content = '{text}' where {where}")
    assert ok(doctor.get(path(file))) == first
    etag = doctor.get(path(file)).headers["etag"]
    again = put(doctor, file, [{**sva, "id": first["annotations"][0]["id"]}], etag=etag)
    assert again["version"] == 1


def test_sources_and_drawings(catalogue):
    figures = {"point", "line", "polyline", "polygon", "rectangle", "ellipse", "angle", "text"}
    for name in ("measurements.md", "measurements.zh-CN.md"):
        text = (ROOT / "docs" / name).read_text()
        for kind, item in catalogue.items():
            assert (item["source"] is None) == (kind in figures)
            if kind not in figures:
                assert item["source"] in text, (name, kind)
                assert f"(measurements/{kind}.svg)" in text, (name, kind)
                assert (ROOT / "docs" / "measurements" / f"{kind}.svg").is_file()
            if item["standing"]:
                section = text.split(f"### `{kind}`")[1].split("###")[0]
                assert "Standing" in section or "站立位" in section, (name, kind)
