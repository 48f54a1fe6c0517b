"""The log says what changed from what to what; of secrets and sealed members only that they changed."""

import pytest

from support import dicom, ok, png, unique


def rows(api, entity, entity_id, action):
    query = {"entity": entity, "entity_id": entity_id, "action": action, "page_size": 100}
    return ok(api.get("/system/audit-logs", params=query))["items"]


def detail(api, entity, entity_id, action):
    row = rows(api, entity, entity_id, action)[0]
    assert row["outcome"] < 300
    return row["detail"]


def change(was, now):
    return {"from": was, "to": now}


def test_a_patient(admin, doctor):
    secret = {
        "id_card": unique("11010519491231"),
        "phone": unique("138"),
        "email": "a@example.org",
        "address": "Street 1",
    }
    patient = doctor.patient(
        name="Before", gender="MALE", birth_date="1970-01-01", emergency_contact_phone="110", **secret
    )
    path, me = f"/patients/{patient['id']}", ("patient", patient["id"])
    others = {k: unique("y") for k in ("id_card", "phone", "address")} | {"email": "b@example.org"}
    ok(
        doctor.patch(
            path,
            json={"name": "After", "gender": "MALE", "birth_date": None, "emergency_contact_phone": "120", **others},
        )
    )
    told = detail(admin, *me, "patient.update")
    assert told == {
        "name": change("Before", "After"),
        "birth_date": change("1970-01-01", None),
        "emergency_contact_phone": {"changed": True},
        **{k: {"changed": True} for k in others},
    }
    assert rows(admin, *me, "patient.update")[0]["patient_id"] == patient["id"]
    text = str(rows(admin, *me, "patient.update"))
    assert not [v for v in (*secret.values(), *others.values(), "110", "120") if f"'{v}'" in text]
    ok(doctor.put(path, json={"patient_id": patient["patient_id"], "name": "After", "gender": "MALE", **others}))
    assert detail(admin, *me, "patient.update") == {"emergency_contact_phone": {"changed": True}}
    ok(doctor.patch(path, json={"name": "After"}))
    assert detail(admin, *me, "patient.update") is None
    ok(admin.delete(path), 204)
    told = detail(admin, *me, "patient.delete")
    assert told["is_deleted"] == change(False, True) and told["deleted_by"] == change(None, admin.id)
    ok(admin.post(path + "/restore"))
    assert detail(admin, *me, "patient.restore")["is_deleted"] == change(True, False)


def test_a_merge_says_what_became_of_the_other(admin, doctor):
    stays, goes = doctor.patient(), doctor.patient()
    ok(admin.post(f"/patients/{stays['id']}/merge", json={"source_id": goes["id"]}))
    assert detail(admin, "patient", goes["id"], "patient.merge")["merged_into"] == change(None, stays["id"])
    assert len(rows(admin, "patient", stays["id"], "patient.merge")) == 1


def test_a_study_and_who_it_is_open_to(admin, doctor, colleague):
    patient, other = doctor.patient(), doctor.patient()
    study = ok(doctor.post("/studies", json={"patient_id": patient["id"]}), 201)
    path, me = f"/studies/{study['id']}", ("study", study["id"])
    ok(admin.patch(path, json={"description": "after", "status": "CLOSED", "patient_id": other["id"]}))
    assert detail(admin, *me, "study.update") == {
        "patient_id": change(patient["id"], other["id"]),
        "description": change(None, "after"),
        "status": change("OPEN", "CLOSED"),
    }
    department = unique("dep")
    for to, told in (
        (f"{colleague.id}", ("user_id", colleague.id)),
        ("roles/nurse", ("role", "nurse")),
        (f"departments/{department}", ("department", department)),
    ):
        name, value = told
        ok(admin.put(f"{path}/assignments/{to}"), 204)
        assert detail(admin, *me, "study.assign") == {name: change(None, value)}
        ok(admin.put(f"{path}/assignments/{to}"), 204)
        assert detail(admin, *me, "study.assign") is None
        ok(admin.delete(f"{path}/assignments/{to}"), 204)
        assert detail(admin, *me, "study.unassign") == {name: change(value, None)}
    ok(admin.delete(path), 204)
    assert detail(admin, *me, "study.delete")["is_deleted"] == change(False, True)


def test_an_image_file(admin, doctor):
    file = doctor.upload(png(), description="before")
    path, me = f"/image-files/{file['id']}", ("image_file", file["id"])
    doctor.settled(file["id"])
    ok(doctor.patch(path, json={"description": "after", "modality": "CR"}))
    assert detail(admin, *me, "image_file.update") == {
        "description": change("before", "after"),
        "modality": change(None, "CR"),
    }
    ok(doctor.post("/image-files/batch", json={"ids": [file["id"]], "action": "tag", "tags": ["a", "b"]}), 207)
    assert detail(admin, *me, "image_file.batch") == {"tags": change(None, ["a", "b"])}
    ok(admin.post(path + "/archive"))
    assert detail(admin, *me, "image_file.archive")["status"]["to"] == "ARCHIVED"
    ok(admin.post(path + "/unarchive"))
    ok(doctor.delete(path), 204)
    assert detail(admin, *me, "image_file.delete")["is_deleted"] == change(False, True)


def test_each_of_a_batch_has_its_own(admin, doctor):
    files = [doctor.upload(png())["id"] for _ in range(3)]
    ok(doctor.post("/image-files/batch", json={"ids": files, "action": "delete"}), 207)
    for file in files:
        told = rows(admin, "image_file", file, "image_file.batch")
        assert len(told) == 1 and told[0]["detail"]["is_deleted"] == change(False, True)


def test_annotations(admin, doctor):
    file = doctor.upload(png(32, 32))
    drawn = {"kind": "line", "points": [{"x": 1, "y": 1}, {"x": 9, "y": 9}]}
    path, me = f"/images/{file['id']}/annotations", ("image_file", file["id"])
    first = doctor.put(path, json={"annotations": [drawn], "comment": "one"})
    assert ok(first)["version"] == 1
    told = detail(admin, *me, "annotations.update")
    assert (told["version"], told["comment"]) == (change(0, 1), change(None, "one"))
    assert told["annotations"] == {"changed": True} or told["annotations"]["from"] == []
    ok(doctor.put(path, json={"annotations": []}, headers={"If-Match": doctor.get(path).headers["etag"]}))
    assert detail(admin, *me, "annotations.update")["version"] == change(1, 2)


@pytest.mark.parametrize("letter", ["x", "髓", '"'])
def test_a_row_stays_small(server, admin, doctor, letter):
    patient = doctor.patient(allergies=letter * 4000)
    long = {"allergies": "y" + letter * 3999, "medical_history": letter * 10000}
    ok(doctor.patch(f"/patients/{patient['id']}", json=long))
    told = detail(admin, "patient", patient["id"], "patient.update")
    assert told["medical_history"]["from"] is None
    assert told["medical_history"]["to"] == letter * 150 + "…" == told["allergies"]["from"]
    assert told["allergies"]["to"] == "y" + letter * 149 + "…"


def test_what_a_refusal_changes_is_nothing(admin, doctor):
    patient = doctor.patient(name="Before")
    answer = doctor.patch(f"/patients/{patient['id']}", json={"name": "After"}, headers={"If-Match": '"other"'})
    assert answer.status_code == 412
    assert not [
        r for r in rows(admin, "patient", patient["id"], "patient.update") if r["detail"] and "name" in r["detail"]
    ]


def test_filing_again(admin, doctor):
    first = doctor.upload(dicom(), "a.dcm")
    study = ok(doctor.get(f"/studies/{first['study_id']}"))
    other = doctor.upload(dicom(StudyInstanceUID=study["study_uid"], PatientID=unique("D")), "b.dcm")
    assert other["status"] == "FAILED"
    ok(admin.patch(f"/patients/{first['patient_id']}", json={"patient_id": unique("M")}))
    ok(admin.delete(f"/studies/{study['id']}"), 204)
    ok(doctor.post(f"/image-files/{other['id']}/file"))
    told = detail(admin, "image_file", other["id"], "image_file.file")
    assert told["status"] == change("FAILED", "UPLOADED") and told["study_id"]["to"] > 0
