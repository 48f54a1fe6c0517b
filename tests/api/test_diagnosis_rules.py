"""Rules ask models of what comes, when its study has come; and say before what they would have asked."""

import numpy
import pytest

from made import image, new_uid
from support import Server, ok, problem, unique, wait_until
from test_diagnosis import bring, film, upload
from test_diagnosis_many import NAMES, as_dicom, all_ended


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("rules"), MODEL_PROCESSES="1", DIAGNOSIS_QUIET="1s")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def model(chief):
    made = bring(chief)
    return ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))


def rule(chief, model, **members):
    made = {"name": "chests", "model_id": model["id"], "is_enabled": True, **members}
    return ok(chief.post("/diagnosis/rules", json=made), 201)


@pytest.fixture
def only(chief, model):
    """Rules that hold for one test."""
    made = []
    yield lambda **members: made.append(rule(chief, model, **members)) or made[-1]
    for each in made:
        ok(chief.delete(f"/diagnosis/rules/{each['id']}"), 204)


def at_rest(house):
    """No rule waits for a study any more."""
    left = "select count(*) from jobs where kind = 'diagnosis.rules' and state in ('QUEUED', 'RUNNING')"
    wait_until(lambda: house.database.rows(left)[0][0] == 0, "the rules")


def test_a_study_that_has_come_is_asked_of_as_the_rules_say(house, chief, only):
    first = only(name="by description", position=1, description_contains="ROUTINE", stops=True, priority="HIGH")
    other = only(name="by station", position=2, modality=["xr"], station=["ROOM1"], view=["PA", "AP"])
    off = only(name="off", position=0, is_enabled=False)
    same = {"StudyInstanceUID": new_uid(), "PatientID": unique("AI")}
    room = {"StationName": "ROOM1", "ViewPosition": "PA"}
    taken = chief.upload(as_dicom(NAMES[0], **same, **room, StudyDescription="A routine film"))
    at_rest(house)
    [told] = all_ended(chief, study_id=taken["study_id"])
    assert (told["rule_id"], told["asked_by"], told["priority"]) == (first["id"], None, "HIGH")
    same = {"StudyInstanceUID": new_uid(), "PatientID": unique("AI")}
    rooms = [room, {**room, "StationName": "ROOM2"}, {"StationName": "ROOM1"}, {**room, "ViewPosition": "AP"}]
    films = [chief.upload(as_dicom(NAMES[n], **same, **each)) for n, each in enumerate(rooms)]
    chief.upload(image(numpy.zeros((8, 8), numpy.uint16), **same, **room))  # of another modality
    at_rest(house)
    told = all_ended(chief, study_id=films[0]["study_id"])
    assert sorted(d["image_file_id"] for d in told) == [films[0]["id"], films[3]["id"]]
    assert {d["rule_id"] for d in told} == {other["id"]} and off["id"] not in {d["rule_id"] for d in told}


def test_what_was_taken_back_no_rule_asks_again(house, chief, only):
    only(description_contains="again")
    same = {"StudyInstanceUID": new_uid(), "PatientID": unique("AI"), "StudyDescription": "again"}
    study = chief.upload(as_dicom(NAMES[0], **same))["study_id"]
    at_rest(house)
    [told] = all_ended(chief, study_id=study)
    ok(chief.post(f"/diagnosis/{told['id']}/withdraw", json={"reason": "a test"}))
    chief.upload(as_dicom(NAMES[1], **same))
    at_rest(house)
    told = [d["status"] for d in all_ended(chief, study_id=study)]
    assert sorted(told) == ["COMPLETED", "WITHDRAWN"]


def test_a_complete_study_and_an_image_alone_need_not_wait(new_server):
    server = new_server(MODEL_PROCESSES="1", DIAGNOSIS_QUIET="1d")
    chief = server.admin()
    made = bring(chief)
    ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))
    rule(chief, made, expected_images=2)
    same = {"StudyInstanceUID": new_uid(), "PatientID": unique("AI")}
    study = chief.upload(as_dicom(NAMES[0], **same))["study_id"]
    assert not ok(chief.get("/diagnosis", params={"study_id": study}))["items"]
    chief.upload(as_dicom(NAMES[1], **same))
    wait_until(lambda: len(ok(chief.get("/diagnosis", params={"study_id": study}))["items"]) == 2, "both")
    alone = upload(chief, film(NAMES[2]))
    [told] = all_ended(chief, image_file_id=alone)
    assert told["status"] == "COMPLETED"


def test_age_and_uploader_count(house, chief, only):
    doctor = house.account("doctor", admin=chief)
    only(age_min=18, age_max=40, uploaded_by=[doctor.id])
    ages = {"19960101": True, "20200101": False, "19500101": False, None: False}
    films = {
        born: doctor.upload(as_dicom(NAMES[n], PatientID=unique("AI"), PatientBirthDate=born))
        for n, born in enumerate(ages)
    }
    by_another = chief.upload(as_dicom(NAMES[5], PatientID=unique("AI"), PatientBirthDate="19960101"))
    at_rest(house)
    for born, asked in ages.items():
        found = ok(chief.get("/diagnosis", params={"image_file_id": films[born]["id"]}))["items"]
        assert bool(found) == asked, born
    assert not ok(chief.get("/diagnosis", params={"image_file_id": by_another["id"]}))["items"]
    seen = ok(doctor.get("/diagnosis", params={"image_file_id": films["19960101"]["id"]}))["items"]
    assert seen[0]["asked_by"] is None


def test_what_a_rule_would_have_asked_is_said_before(house, chief, model):
    def tried(days=30, **members):
        wish = {"rule": {"name": "try", "model_id": model["id"], **members}, "days": days}
        return ok(chief.post("/diagnosis/rules/dry-run", json=wish))

    before, rows = tried(description_contains="dry run"), tried()
    assert before["images_asked"] == 0 == before["studies_asked"] and rows["images"] >= rows["images_asked"]
    same = {"StudyInstanceUID": new_uid(), "PatientID": unique("AI"), "StudyDescription": "Dry Run"}
    for name, view in zip(NAMES[:3], ["PA", "PA", "LL"]):
        chief.upload(as_dicom(name, **same, ViewPosition=view))
    after = tried(description_contains="dry run")
    assert (after["images_asked"], after["studies_asked"], after["is_cut"]) == (3, 1, False)
    assert (after["images"], after["studies"]) == (before["images"] + 3, before["studies"] + 1)
    assert tried(description_contains="dry run", view=["pa"])["images_asked"] == 2
    assert tried(description_contains="dry run", modality=["CT"])["images_asked"] == 0
    at_rest(house)
    every = {"mine": False, "model_id": model["id"]}
    asked = ok(chief.get("/diagnosis", params=every))["total"]
    tried(), tried(366)
    at_rest(house)
    assert ok(chief.get("/diagnosis", params=every))["total"] == asked


def test_rules_are_kept_and_refused(house, chief, model, only):
    made = only(modality=["CR", "DX"], is_enabled=False)
    assert made["modality"] == ["CR", "DX"] and made["position"] == 100 and not made["is_enabled"]
    path = f"/diagnosis/rules/{made['id']}"
    changed = ok(chief.patch(path, json={"is_enabled": True, "view": ["PA"], "position": 3}))
    assert changed["is_enabled"] and changed["modality"] == ["CR", "DX"] and ok(chief.get(path)) == changed
    ok(chief.patch(path, json={"is_enabled": False}))
    assert [r["id"] for r in ok(chief.get("/diagnosis/rules", params={"is_enabled": False}))["items"]] == [made["id"]]
    for wrong in ({"model_id": 10**9}, {"colour": "red"}, {"modality": ["X"] * 51}, {"age_min": -1},
                  {"priority": "NOW"}, {"name": ""}, {"expected_images": 0},
                  {"description_contains": "x" * 201}, {"position": -1}, {"age_min": 50, "age_max": 10},
                  {"uploaded_by": [-1]}, {"uploaded_by": [10**9]}):
        problem(chief.post("/diagnosis/rules", json={"name": "x", "model_id": model["id"], **wrong}), 422)
    problem(chief.patch(path, json={"model_id": 10**9}), 422)
    ok(chief.patch(path, json={"age_min": 50}))
    assert "age_max" in str(problem(chief.patch(path, json={"age_max": 10}), 422)["errors"])
    assert made["model_state"] == "ACTIVE" and ok(chief.get(path))["age_max"] is None
    problem(chief.get("/diagnosis/rules/999999"), 404)
    radiologist = house.account("radiologist", admin=chief)
    problem(radiologist.post("/diagnosis/rules", json={"name": "x", "model_id": model["id"]}), 403)
    problem(radiologist.get("/diagnosis/rules"), 403)


def test_of_a_retired_model_nothing_is_asked(new_server):
    server = new_server(MODEL_PROCESSES="1")
    chief = server.admin()
    made = bring(chief)
    ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))
    path = f"/diagnosis/rules/{rule(chief, made)['id']}"
    ok(chief.post(f"/diagnosis/models/{made['id']}/retire"))
    assert ok(chief.get(path))["model_state"] == "RETIRED"
    wish = {"rule": {"name": "x", "model_id": made["id"]}}
    problem(chief.post("/diagnosis/rules/dry-run", json=wish), 422)
    problem(chief.patch(path, json={"position": 3}), 422)
    ok(chief.patch(path, json={"is_enabled": False, "position": 3}))
    problem(chief.patch(path, json={"is_enabled": True}), 422)
