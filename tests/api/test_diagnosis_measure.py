"""The key points that a model finds become measurements of the image, which a doctor corrects."""

import math

import pytest

from support import ROOT, Server, ok, png, problem
from test_diagnosis import ask, bring, ended, upload

CARD = {
    "format": 1, "name": "pelvis", "version": "1", "title": "Pelvis", "task": "keypoints", "modality": ["DX"],
    "intended_use": "None.", "licence": "None.", "labels": [
        {"code": {"scheme": "99TEST", "value": "pelvis", "meaning": "Pelvis"}, "label": "pelvis", "threshold": 0.5}],
    "input": {"name": "image", "size": [64, 64], "colour": "gray", "fit": "squash", "resample": "area",
              "range": [0, 1]},
    "outputs": [{"name": "points", "role": "keypoints", "points": "pelvis_lateral", "least": 0.5}],
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("measure"), MODEL_PROCESSES="1")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def model(chief):
    made = bring(chief, (ROOT / "tests/data/models/pelvis.onnx").read_bytes(), CARD)
    return ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))


def values(told):
    return {v["name"]: v["value"] for a in told["set"]["annotations"] for v in a["values"]}


def test_points_become_measurements_that_can_be_corrected(house, chief, model):
    doctor = house.account("doctor", admin=chief)
    file = upload(doctor, png(128, 128))
    number = ask(doctor, file)["id"]
    [finding] = ended(doctor, number)["findings"]
    assert [(p["x"], p["y"]) for p in finding["points"]] == [(40, 32), (64, 48), (68, 92), (76, 92)]
    path = f"/diagnosis/{number}/annotations"
    told = ok(doctor.post(path, json={}))  # nobody says which way the patient faces
    assert told["added"] == 0 and told["left_out"] and all("facing" in x["reason"] for x in told["left_out"])
    told = ok(doctor.post(path, json={"facing": "right", "standing": True}))
    slope, tilt = math.degrees(math.atan2(48 - 32, 64 - 40)), math.degrees(math.atan2(72 - 52, 92 - 40))
    found = values(told)
    assert found["sacral_slope"] == pytest.approx(slope) and found["pelvic_tilt"] == pytest.approx(tilt)
    assert found["pelvic_incidence"] == pytest.approx(slope + tilt)
    assert told["added"] == len(told["set"]["annotations"]) > 0 and told["set"]["version"] == 1
    assert {(a["source"], a["model"]["name"], a["model"]["version"]) for a in told["set"]["annotations"]} == {
        ("model", "pelvis", "1")
    }
    answer = doctor.get(f"/images/{file}/annotations")
    told_only = ("values", "remark", "created_by", "created_at", "updated_by", "updated_at")
    moved = [{k: v for k, v in a.items() if k not in told_only} for a in ok(answer)["annotations"]]
    moved[0]["points"][0]["x"] += 3
    kept = ok(doctor.put(f"/images/{file}/annotations", json={"annotations": moved},
                         headers={"If-Match": answer.headers["etag"]}))
    again = ok(doctor.post(path, json={"facing": "right", "standing": True}))
    assert again["added"] == 0 and again["set"]["version"] == kept["version"] == 2
    assert again["set"]["annotations"] == kept["annotations"]  # the correction stays
    assert kept["annotations"][0]["points"][0]["x"] == 43 and kept["annotations"][0]["values"]


def test_what_has_no_points_is_not_measured(house, chief, model):
    file = upload(chief, png(128, 128))
    number = ask(chief, file)["id"]
    ended(chief, number)
    path = f"/diagnosis/{number}/annotations"
    problem(chief.post(path, json={"facing": "up"}), 422)
    problem(house.account("viewer", admin=chief).post(path, json={"facing": "left"}), 403)
    problem(house.account("doctor", admin=chief).post(path, json={"facing": "left"}), 404)
    told = ok(chief.post(path, json={"facing": "left"}))
    assert told["added"] == 0 and told["left_out"]  # the sacrum's front would be its back
    ok(chief.post(f"/diagnosis/{number}/review", json={"decision": "REJECTED", "comment": "upside down"}))
    problem(chief.post(path, json={"facing": "right"}), 409)
    problem(chief.post("/diagnosis/999999/annotations", json={"facing": "right"}), 404)
