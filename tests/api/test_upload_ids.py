"""An account that only uploads is told the ids of its files, and of nothing that it may not read: no patient, study or
series."""

import json

import pytest

from support import dicom, ok, png, uid, unique, zipped
from test_stow import related
from test_upload_chunked import begin, path, put

PARENTS = ("patient_id", "study_id", "series_id")


@pytest.fixture
def machine(server, admin):
    return server.account("service", admin=admin)


def by_single(api, content):
    answer = api.post("/upload/single", files={"file": ("a.dcm", content)})
    assert set(answer.headers["location"].split("/")) & {str(answer.json()["id"])}
    return ok(answer, 201)


def by_batch(api, content):
    [item] = ok(api.post("/upload/batch", files=[("file", ("a.dcm", content))]), 207)["items"]
    return item["image_file"]


def by_zip(api, content):
    archive = zipped([("films/a.dcm", content)])
    [item] = ok(api.post("/upload/batch", files=[("file", ("a.zip", archive))]), 207)["items"]
    return item["image_file"]


def by_chunks(api, content):
    upload = begin(api, content)
    ok(put(api, upload, content, 0))
    answer = api.post(path(upload, "complete"))
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


WAYS = (by_single, by_batch, by_zip, by_chunks)


@pytest.mark.parametrize("way", WAYS)
def test_a_machine_is_told_its_files_ids(server, admin, technician, machine, way):
    same = {"StudyInstanceUID": uid(), "PatientID": unique("D")}
    first = dicom(**same)
    mine = way(machine, first)
    assert mine["id"] > 0 and mine["status"] == "UPLOADED" and [mine[k] for k in PARENTS] == [None] * 3
    # Again, with what differs from the patient's record, of another patient, cut, and one that cannot be filed at all.
    others = (
        first,
        dicom(**same, PatientSex="F"),
        dicom(**{**same, "PatientID": unique("D")}),
        dicom(**same)[:-2],
        dicom(StudyInstanceUID=None),
        png(),
    )
    for content in others:
        record = way(machine, content)
        assert record["id"] > 0 and [record[k] for k in PARENTS] == [None] * 3, record
        assert record["conflict"] is None
        assert record["status_reason"] is None or mine["file_uuid"] not in record["status_reason"]
    # The log knows, and so does whoever may read them.
    seen = admin.file(mine["id"])
    assert all(seen[k] > 0 for k in PARENTS)
    if way in (by_single, by_chunks):
        sql = f"select patient_id from audit_logs where entity_id = {mine['id']} and action like 'image_file.upload%'"
        assert (seen["patient_id"],) in server.database.rows(sql)
    told = way(technician, dicom(**same))
    assert all(told[k] > 0 for k in PARENTS)


def test_an_uploader_who_states_the_patient_is_not_told_either(doctor, machine):
    patient = doctor.patient()
    record = machine.upload(png(), patient_number=patient["patient_id"])
    assert record["patient_id"] is None
    assert ok(doctor.get(f"/patients/{patient['id']}"))["image_count"] == 0


def test_stow_tells_no_ids(machine):
    answer = machine.post("/dicom-web/studies", **related([dicom(), dicom()[:-2]]))
    text = json.dumps(answer.json())
    assert answer.status_code == 202 and "patient" not in text and "/studies/" not in text


def test_what_is_opened_to_a_machine_it_still_does_not_read(admin, doctor, machine):
    """A study opened to an account without image.read: its upload of the same film is a file of its own, not the record
    of the doctor's."""
    film = dicom()
    theirs = doctor.upload(film, "a.dcm")
    ok(admin.put(f"/studies/{theirs['study_id']}/assignments/{machine.id}"), 204)
    mine = machine.upload(film, "b.dcm")
    assert (mine["id"] != theirs["id"], mine["uploaded_by"], mine["already_stored"]) == (True, machine.id, False)
    assert mine["duplicate_of"] is None
