"""Whom an uploader states who is not told of patients: answers follow from what was sent, not from who is there."""

import pytest

from support import dicom, ok, png, problem, uid, unique
from test_upload_chunked import begin, path, put

OF_EACH = {
    *("id", "file_uuid", "sha256", "file_hash", "file_size", "storage_path", "thumbnail_url", "thumbnail_path"),
    *("sop_instance_uid", "created_at", "updated_at", "uploaded_at", "request_id", "instance"),
}


@pytest.fixture(scope="module")
def machine(server, admin):
    return server.account("service", admin=admin)


@pytest.fixture(scope="module")
def blind(server, admin):
    """Every right but to read patients."""
    role = unique("r")
    server.database.rows(
        f"insert into roles(name, description, created_at) select '{role}', name, created_at from roles "
        "where name = 'admin'"
    )
    server.database.rows(
        "insert into role_permissions(role_id, permission_id) select r.id, p.id from roles r cross join permissions p "
        f"where r.name = '{role}' and p.name not in ('patient.read', 'image.read_all')"
    )
    return server.account(role, admin=admin)


@pytest.fixture
def patients(admin):
    """Ids and numbers: of one who is there, one who was merged, one who was deleted, and nobody."""
    here, kept, merged, deleted = (admin.patient() for _ in range(4))
    ok(admin.post(f"/patients/{kept['id']}/merge", json={"source_id": merged["id"]}))
    ok(admin.delete(f"/patients/{deleted['id']}"), 204)
    nobody = {"id": 987654321, "patient_id": unique("none")}
    return {"here": here, "merged": merged, "deleted": deleted, "nobody": nobody, "kept": kept}


STATED = ("here", "merged", "deleted", "nobody")


def single(api, content, **details):
    return api.post("/upload/single", files={"file": ("a.dcm", content)}, data=details)


def batch(api, content, **details):
    return api.post("/upload/batch", files=[("file", ("a.dcm", content))], data=details)


def chunked(api, content, **details):
    upload = begin(api, content, **details)
    ok(put(api, upload, content, 0))
    return api.post(path(upload, "complete"))


def nameless():
    return dicom(PatientID=None)


def unfit():
    return dicom(PatientID=None, StudyInstanceUID=None)


WAYS = (single, batch, chunked)


def told(answer):
    """Status and record, without what every upload makes anew and what the request stated."""
    body = answer.json()
    if "items" in body:
        [item] = body["items"]
        body = item.get("image_file") or item
    body = {k: v for k, v in body.items() if k not in OF_EACH}
    stated = {k: body.pop(k, None) for k in ("stated_patient_number", "stated_patient_id")}
    return answer.status_code, body, stated


def record_of(answer):
    body = answer.json()
    return body["items"][0]["image_file"] if "items" in body else body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("content", [png, nameless, unfit])
@pytest.mark.parametrize("member", ["patient_number", "patient_id"])
def test_a_machine_is_answered_alike_whoever_it_states(admin, machine, patients, way, content, member):
    answers = {}
    for who in STATED:
        value = patients[who]["patient_id" if member == "patient_number" else "id"]
        answer = way(machine, content(), **{member: value})
        status, body, stated = told(answer)
        assert stated[f"stated_{member}"] == value, "what was stated is kept"
        answers[who] = status, body
        seen = admin.file(record_of(answer)["id"])
        assert seen[f"stated_{member}"] == value
        if content is png:
            by_merge = patients["kept"]["id"] if member == "patient_number" and who == "merged" else None
            assert seen["patient_id"] == (patients["here"]["id"] if who == "here" else by_merge)
    assert all(a == answers["here"] for a in answers.values()), answers
    assert answers["here"][0] in (201, 207) and answers["here"][1]["patient_id"] is None


def test_a_number_stands_for_the_one_a_dicom_file_lacks(admin, machine, patients):
    number, new = patients["here"]["patient_id"], unique("new")
    for stated in (number, new):
        same = {"StudyInstanceUID": uid()}
        first = admin.file(single(machine, dicom(PatientID=None, **same), patient_number=stated).json()["id"])
        patient = ok(admin.get(f"/patients/{first['patient_id']}"))
        assert (patient["patient_id"], patient["is_unidentified"]) == (stated, False)
        # With the number in its header or none, a film of the study is taken: it does not tell whether it was there.
        for later in (dicom(PatientID=stated, **same), dicom(PatientID=None, **same)):
            record = ok(single(machine, later), 201)
            assert (record["status"], admin.file(record["id"])["patient_id"]) == ("UPLOADED", first["patient_id"])
        other = ok(single(machine, dicom(PatientID=unique("o"), **same)), 201)
        assert other["status"] == "FAILED"


@pytest.mark.parametrize("way", WAYS)
def test_another_number_than_the_files_is_refused_by_the_texts_alone(machine, patients, way):
    for said in (patients["here"]["patient_id"], unique("D")):
        for who in STATED:
            answer = way(machine, dicom(PatientID=said), patient_number=patients[who]["patient_id"])
            wanted = 201 if said == patients[who]["patient_id"] else 409
            status = answer.json()["items"][0]["status"] if way is batch else answer.status_code
            assert status == wanted, answer.text
        assert way(machine, dicom(PatientID=said), patient_number=f" {said} ").status_code in (201, 207)


def test_an_id_does_not_lead_a_dicom_file(admin, machine, patients):
    """It would be told by the films that come after: they fit its number, or do not."""
    for who in STATED:
        same = {"StudyInstanceUID": uid()}
        ok(single(machine, dicom(PatientID=None, **same), patient_id=patients[who]["id"]), 201)
        later = ok(single(machine, dicom(PatientID=patients[who]["patient_id"], **same)), 201)
        assert later["status"] == "FAILED"
        ok(single(machine, dicom(PatientID=unique("D")), patient_id=patients[who]["id"]), 201)


def test_number_and_id_have_to_name_one(admin, machine, patients):
    here = patients["here"]
    for number, id, wanted in (
        (here["patient_id"], here["id"], here["id"]),
        (here["patient_id"], patients["kept"]["id"], None),
        (here["patient_id"], 987654321, None),
        (unique("none"), here["id"], None),
    ):
        record = ok(single(machine, png(), patient_number=number, patient_id=id), 201)
        assert record["patient_id"] is None and admin.file(record["id"])["patient_id"] == wanted


def test_filed_again_it_stays_as_it_is(admin, machine, patients):
    """A film of another patient in one's own study is FAILED; asking again tells not whether that patient is there."""
    answers = []
    for who in STATED:
        same = {"StudyInstanceUID": uid()}
        ok(single(machine, dicom(**same)), 201)
        film = ok(single(machine, dicom(PatientID=patients[who]["patient_id"], **same)), 201)
        assert film["status"] == "FAILED"
        answer = machine.post(f"/image-files/{film['id']}/file")
        assert answer.json()["updated_at"] == admin.file(film["id"])["updated_at"]
        answers.append(told(answer))
    assert answers[0][0] == 200 and all(a == answers[0] for a in answers), answers


def test_who_reads_patients_is_told(doctor, patients):
    problem(single(doctor, png(), patient_number=patients["nobody"]["patient_id"]), 422)
    problem(single(doctor, png(), patient_id=987654321), 422)
    assert ok(single(doctor, png(), patient_number=patients["merged"]["patient_id"]), 201)["patient_id"] == (
        patients["kept"]["id"]
    )
    mine = ok(single(doctor, png(), patient_number=patients["here"]["patient_id"]), 201)
    assert mine["stated_patient_number"] is None and mine["patient_id"] == patients["here"]["id"]


def test_a_stated_number_is_the_senders_and_patient_readers_business(server, admin, blind, machine, patients):
    number = patients["here"]["patient_id"]
    mine = ok(single(machine, dicom(PatientID=None), patient_number=number), 201)
    study = admin.file(mine["id"])["study_id"]
    ok(admin.put(f"/studies/{study}/assignments/{blind.id}"), 204)
    seen = blind.file(mine["id"])
    assert (seen["stated_patient_number"], seen["patient_id"]) == (None, None)
    assert blind.file(ok(single(blind, png(), patient_number=number), 201)["id"])["stated_patient_number"] == number


def test_no_other_way_names_a_patient(admin, blind, patients):
    film = ok(single(blind, png()), 201)
    study = ok(single(blind, dicom()), 201)["study_id"]
    for patient in (patients["here"]["id"], patients["deleted"]["id"], 987654321):
        problem(blind.post("/studies", json={"patient_id": patient}), 403)
        problem(blind.patch(f"/studies/{study}", json={"patient_id": patient}), 403)
        problem(blind.patch(f"/image-files/{film['id']}", json={"patient_id": patient}), 403)
        wish = {"folder": "x", "patient_id": patient}
        problem(blind.post("/system/import", json=wish), 403)
        problem(blind.get("/image-files", params={"patient_id": patient}), 403)
    ok(blind.patch(f"/studies/{study}", json={"description": "words are theirs to change"}))


def test_somebody_decides_what_a_machine_could_not_know(admin, machine):
    """The patient is registered after the picture has come."""
    number = unique("later")
    record = ok(single(machine, png(), patient_number=number), 201)
    patient = admin.patient(patient_id=number)
    assert admin.file(record["id"])["stated_patient_number"] == number
    moved = ok(admin.patch(f"/image-files/{record['id']}", json={"patient_id": patient["id"]}))
    assert moved["patient_id"] == patient["id"]
