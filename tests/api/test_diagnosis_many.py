"""Whole studies and batches are asked of models; models and readers stand beside each other, and are compared."""

import io
import json

import numpy
import pytest
from PIL import Image

from made import image, new_uid
from support import ok, problem, unique, wait_until
from test_diagnosis import GOLDEN, SHIPPED, ask, bring, chief, ended, film, house, model, upload

__all__ = ["house", "chief", "model"]
NAMES = [n for n in GOLDEN["films"] if not GOLDEN["films"][n].get("refused")]
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def as_dicom(name, **members):
    pixels = numpy.asarray(Image.open(io.BytesIO(film(name))).convert("L"))
    return image(pixels, SOPClassUID=DX, Modality="DX", BodyPartExamined="CHEST", **members)


def a_study(api, names, **more):
    """Films of one person on one day; the study's id and the files'."""
    same = {"StudyInstanceUID": new_uid(), "PatientID": unique("AI"), **more}
    files = [api.upload(as_dicom(name, **same)) for name in names]
    assert len({f["study_id"] for f in files}) == 1 and files[0]["study_id"], files[0]
    return files[0]["study_id"], [f["id"] for f in files], same


def all_ended(api, **query):
    def it():
        items = ok(api.get("/diagnosis", params=query))["items"]
        return items and all(d["status"] not in ("QUEUED", "RUNNING") for d in items) and items

    return wait_until(it, what="the end of all")


def test_a_patient_of_another_age_than_the_card_asks_for_gets_no_score(house, chief, model):
    for age, refused in (("011M", True), ("001Y", False), (None, False)):
        members = {"PatientAge": age} if age else {}
        file = chief.upload(as_dicom(NAMES[0], StudyInstanceUID=new_uid(), PatientID=unique("AGE"), **members))
        told = ended(chief, ask(chief, file["id"])["id"])
        assert told["status"] == "COMPLETED" and bool(told["gate"]) == refused == (not told["findings"]), told
        assert not refused or told["gate"]["reason"] == "age"


def test_a_study_is_asked_of_each_film_that_the_model_is_for(house, chief, model):
    study, files, same = a_study(chief, NAMES[:3])
    chief.upload(image(numpy.zeros((8, 8), numpy.uint16), **same))  # a CT slice among them
    answer = chief.post("/diagnosis", json={"study_id": study, "priority": "STAT"})
    first = ok(answer, 202)
    assert answer.headers["location"].endswith(f"/diagnosis/{first['id']}") and first["study_id"] == study
    told = all_ended(chief, study_id=study)
    assert sorted(d["image_file_id"] for d in told) == sorted(files)
    assert {d["status"] for d in told} == {"COMPLETED"} and {d["priority"] for d in told} == {"STAT"}
    assert ok(chief.post("/diagnosis", json={"study_id": study}), 200)["id"] == first["id"]
    for wrong in ({}, {"study_id": study, "image_file_id": files[0]}):
        problem(chief.post("/diagnosis", json=wrong), 422)
    problem(chief.post("/diagnosis", json={"study_id": 10**9}), 404)
    slices = chief.upload(image(numpy.zeros((8, 8), numpy.uint16)))["study_id"]
    assert "no image" in problem(chief.post("/diagnosis", json={"study_id": slices}), 409)["detail"]
    problem(chief.post("/diagnosis", json={"study_id": slices, "model_id": model["id"]}), 409)
    problem(chief.post("/diagnosis", json={"study_id": study, "model_id": 10**9}), 422)
    stranger = house.account("doctor", admin=chief)
    problem(stranger.post("/diagnosis", json={"study_id": study}), 404)
    own = stranger.upload(as_dicom(NAMES[3], **same))
    assert ok(stranger.post("/diagnosis", json={"study_id": study}), 202)["image_file_id"] == own["id"]
    assert [d["image_file_id"] for d in all_ended(stranger, study_id=study)] == [own["id"]]


def test_a_batch_says_what_became_of_each(house, chief, model):
    study, files, _ = a_study(chief, NAMES[:2])
    single = upload(chief, film(NAMES[2]), description="of a batch")
    ct = chief.upload(image(numpy.zeros((8, 8), numpy.uint16)))["id"]
    items = ok(chief.post("/diagnosis/batch", json={"image_file_ids": [single, ct, 10**9], "study_ids": [study]}), 207)[
        "items"
    ]
    assert [(i["study_id"], i["image_file_id"], i["status"]) for i in items] == [
        (None, single, 202), (None, ct, 409), (None, 10**9, 404), (study, files[0], 202), (study, files[1], 202)
    ]
    assert "no model" in items[1]["error"] and items[1]["diagnosis_id"] is None
    for item in items:
        if item["status"] == 202:
            assert ended(chief, item["diagnosis_id"])["image_file_id"] == item["image_file_id"]
    again = ok(chief.post("/diagnosis/batch", json={"image_file_ids": [single]}), 207)["items"]
    assert again[0]["status"] == 200 and again[0]["diagnosis_id"] == items[0]["diagnosis_id"]
    problem(chief.post("/diagnosis/batch", json={}), 422)
    problem(chief.post("/diagnosis/batch", json={"image_file_ids": [single] * 201}), 422)
    doctor = house.account("doctor", admin=chief)
    assert [i["status"] for i in ok(doctor.post("/diagnosis/batch", json={"image_file_ids": [single, ct]}), 207)[
        "items"]] == [404, 404]


def test_lists_are_of_what_one_asks_for(house, chief, model):
    study, files, _ = a_study(chief, NAMES[:2])
    ok(chief.post("/diagnosis", json={"study_id": study}), 202)
    numbers = [d["id"] for d in all_ended(chief, study_id=study)]
    ok(chief.post(f"/diagnosis/{numbers[0]}/review", json={"decision": "REJECTED", "comment": "no"}))

    def listed(api=chief, **query):
        return [d["id"] for d in ok(api.get("/diagnosis", params={"page_size": 100, **query}))["items"]]

    assert listed(study_id=study, status="REVIEWED") == [numbers[0]] == listed(study_id=study, verdict="REJECTED")
    assert listed(study_id=study, status="COMPLETED") == [numbers[1]]
    assert listed(study_id=study, model_id=model["id"]) == numbers and not listed(study_id=study, model_id=10**9)
    assert not listed(study_id=study, queued_to="2020-01-01") and listed(study_id=study, queued_from="2020-01-01")
    radiologist = house.account("radiologist", admin=chief)
    assert not listed(radiologist) and set(numbers) <= set(listed(radiologist, mine=False))
    assert numbers[1] in listed(radiologist, mine=False, status="COMPLETED")
    doctor = house.account("doctor", admin=chief)
    problem(doctor.get("/diagnosis", params={"mine": False}), 403)
    assert not listed(doctor, study_id=study)


@pytest.fixture(scope="module")
def wary(chief, model):
    """The same network; it finds something in everything."""
    card = json.loads((SHIPPED / "card.json").read_text())
    card["version"] = "wary"
    card["labels"][0]["threshold"] = 0
    made = bring(chief, card=card)
    return ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))


def test_models_and_readers_stand_beside_each_other(house, chief, model, wary):
    study, files, _ = a_study(chief, NAMES[:4])
    for each in (model, wary):
        ok(chief.post("/diagnosis", json={"study_id": study, "model_id": each["id"]}), 202)
    told = all_ended(chief, study_id=study)
    by_film = {(d["image_file_id"], d["model_id"]): d for d in told}
    says = [by_film[f, model["id"]]["findings"][0]["positive"] for f in files]
    reader = house.account("radiologist", admin=chief)
    code = told[0]["findings"][0]["code"]
    other = {"scheme": "SCT", "value": "60046008", "meaning": "Pleural effusion"}
    truth = [True, False, not says[2], says[3]]
    for film_id, there, said in zip(files, truth, says):
        path = f"/diagnosis/{by_film[film_id, model['id']]['id']}/review"
        if there == said:
            ok(reader.post(path, json={"decision": "CONFIRMED"}))
        else:
            ok(reader.post(path, json={"decision": "MODIFIED", "findings": [
                {"code": code, "label": "pneumonia", "positive": there}, {"code": other, "label": "effusion"}]}))
    ok(chief.post(f"/diagnosis/{by_film[files[0], wary['id']]['id']}/review",
                  json={"decision": "REJECTED", "comment": "it always says so"}))
    seen = ok(chief.get(f"/studies/{study}/findings"))
    sources = {(s["model_version"] or s["reader_id"]): s for s in seen["sources"]}
    assert sources[model["version"]]["results"] == 4 and sources["wary"]["results"] == 3
    assert sources["wary"]["rejected"] == 1 == sources[chief.id]["rejected"] and sources[reader.id]["results"] == 4
    assert sources[reader.id]["by"] == "READER" and sources[reader.id]["reader_name"]
    assert [f["finding"]["positive"] for f in sources[model["version"]]["findings"]] == says
    numbers = {(s["model_version"] or s["reader_id"]): s["source"] for s in seen["sources"]}
    pairs = {(p["first"], p["second"]): p for p in seen["agreement"]}

    def pair(a, b):
        return pairs[tuple(sorted((numbers[a], numbers[b])))]

    both = pair(model["version"], reader.id)
    alike = sum(a == b for a, b in zip(says, truth))
    assert (both["compared"], both["agreed"]) == (4, alike)
    a, b, p = sum(says) / 4, sum(truth) / 4, alike / 4
    chance = a * b + (1 - a) * (1 - b)
    assert both["kappa"] == (pytest.approx((p - chance) / (1 - chance)) if chance < 1 else None)
    models = pair(model["version"], "wary")
    assert (models["compared"], models["agreed"]) == (3, sum(says[1:]))
    assert pair("wary", chief.id)["compared"] == 0 and pair("wary", chief.id)["kappa"] is None
    problem(house.account("doctor", admin=chief).get(f"/studies/{study}/findings"), 404)
    ok(chief.post(f"/diagnosis/models/{wary['id']}/retire"))


def test_of_those_that_admit_an_image_the_preferred_is_asked(house, chief, model):
    card = json.loads((SHIPPED / "card.json").read_text())
    card["version"] = "newer"
    newer = bring(chief, card=card)
    path = f"/diagnosis/models/{newer['id']}"
    ok(chief.post(f"{path}/activate"))
    assert newer["preference"] == 0
    file = upload(chief, film(NAMES[4]), description="preferred")
    assert ask(chief, file, 202)["model_id"] == newer["id"]
    changed = ok(chief.patch(path, json={"preference": -1, "title": "肺炎"}))
    assert (changed["preference"], changed["title"], changed["state"]) == (-1, "肺炎", "ACTIVE")
    assert ask(chief, file, 202)["model_id"] == model["id"]
    for wrong in ({"preference": 1001}, {"state": "RETIRED"}, {"card": {}}, {"digest": "0"}):
        problem(chief.patch(path, json=wrong), 422)
    problem(house.account("radiologist", admin=chief).patch(path, json={"preference": 1}), 403)
    problem(chief.patch("/diagnosis/models/999999", json={"preference": 1}), 404)
    ok(chief.post(f"{path}/retire"))


def test_a_study_that_nobody_was_asked_of_has_no_opinions(chief, model):
    study, files, _ = a_study(chief, NAMES[:1])
    assert ok(chief.get(f"/studies/{study}/findings")) == {"sources": [], "agreement": []}
    number = ask(chief, files[0])["id"]
    ended(chief, number)
    ok(chief.post(f"/diagnosis/{number}/withdraw", json={"reason": "the wrong person"}))
    assert ok(chief.get(f"/studies/{study}/findings"))["sources"] == []
