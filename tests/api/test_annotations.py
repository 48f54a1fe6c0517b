"""Sets of annotations: versions and their history, what is refused, who may."""

import math
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from annotations import CT_SPACING, line, measured, path, points, put, refused, upload, writable
from support import ok, problem, wrong_members

doctor_of_all = None  # conftest.py


@pytest.fixture
def ct(doctor):
    return upload(doctor, "CT_small.dcm")


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
        [
            line((10, 10), (20, 10), id=mine.upper(), label="主弯 T5–T12"),
            {"kind": "text", "points": points((1, 1)), "label": "左"},
        ],
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
    one = doctor.put(
        path(ct),
        json={
            "annotations": [line((1, 1), (2, 2)), line((3, 3), (4, 5))],
            "comment": "初稿",
        },
    )
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
        [
            row[n]
            for n in (
                "version",
                "annotation_count",
                "added_count",
                "changed_count",
                "removed_count",
                "comment",
            )
        ]
        for row in history["items"]
    ]
    assert seen == [
        [3, 0, 0, 0, 2, "cleared"],
        [2, 2, 1, 1, 1, None],
        [1, 2, 2, 0, 0, "初稿"],
    ]
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
    body = put(
        doctor,
        ct,
        [
            line((1, 1), (1, 1)),
            line((1, 1), (2, 2)),
            line((1, 1), (500, 2)),
            line((1, 1)),
        ],
        422,
    )
    assert wrong_members(body) == [
        "annotations.0.points",
        "annotations.2.points.1",
        "annotations.3.points",
    ]


def test_ids_are_unique(doctor, ct):
    one = str(uuid.uuid4())
    body = put(
        doctor,
        ct,
        [line((1, 1), (2, 2), id=one), line((1, 1), (3, 2), id=one.upper())],
        422,
    )
    assert len(body["errors"]) == 1 and "same id" in body["errors"][0]["msg"]


def test_a_model_says_its_name(doctor, ct):
    model = {"name": "CobbNet", "version": "2.1"}
    body = put(doctor, ct, [line((1, 1), (2, 2), source="model", model=model)])
    assert body["annotations"][0]["source"] == "model" and body["annotations"][0]["model"] == model


def test_many_and_large_ones(doctor, ct):
    body = put(doctor, ct, [line((1, 1), (2 + i / 10, 2)) for i in range(1000)])
    assert len(body["annotations"]) == 1000
    put(doctor, ct, [line((1, 1), (2, 2))] * 1001, 422, etag="*")
    corners = [
        (
            64 + 60 * math.cos(i / 4096 * 2 * math.pi),
            64 + 60 * math.sin(i / 4096 * 2 * math.pi),
        )
        for i in range(4096)
    ]
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


def test_it_is_audited(server, doctor, ct):
    put(doctor, ct, [line((1, 1), (2, 2))])
    rows = server.database.rows(
        f"select entity, user_id, outcome from audit_logs where action = 'annotations.update' "
        f"and entity_id = {ct['id']}"
    )
    assert rows == [("image_file", doctor.id, 200)]
