"""Studies, series and instances: who sees them, lists and filters, deletion and restoring, assignment."""

import pytest

from support import comes_to, dicom, ok, png, problem, uid, unique, wrong_members


def study_of(api, file):
    return ok(api.get(f"/studies/{file['study_id']}"))


@pytest.fixture
def series(doctor):
    """Three instances in two series of one study of one doctor."""
    same = {"StudyInstanceUID": uid(), "PatientID": unique("D"), "AccessionNumber": unique("A")[:16]}
    a, b = uid(), uid()
    files = [
        doctor.upload(dicom(SeriesInstanceUID=a, SeriesNumber="2", InstanceNumber="2", Modality="CT", **same), "1.dcm"),
        doctor.upload(dicom(SeriesInstanceUID=a, SeriesNumber="2", InstanceNumber="1", Modality="CT", **same), "2.dcm"),
        doctor.upload(
            dicom(SeriesInstanceUID=b, SeriesNumber="1", InstanceNumber=None, Modality="SR", **same), "3.dcm"
        ),
    ]
    return same, files


def test_a_study_and_what_is_in_it(doctor, series):
    same, files = series
    study = study_of(doctor, files[0])
    assert study["study_uid"] == same["StudyInstanceUID"] and study["accession_number"] == same["AccessionNumber"]
    assert (study["study_date"], study["study_time"], study["description"]) == ("2024-02-29", "13:45:10", "chest")
    assert (study["modality"], study["modalities"]) == ("CT", ["CT", "SR"])
    assert (study["number_of_series"], study["number_of_instances"]) == (2, 3)
    assert study["size_bytes"] == sum(f["file_size"] for f in files)
    assert (study["patient_name"], study["patient_number"]) == ("王小东", same["PatientID"])
    listed = ok(doctor.get(f"/studies/{study['id']}/series"))
    assert [(s["series_number"], s["modality"], s["number_of_instances"]) for s in listed["items"]] == [
        (1, "SR", 1),
        (2, "CT", 2),
    ]
    instances = ok(doctor.get(f"/series/{files[0]['series_id']}/instances"))
    assert [f["id"] for f in instances["items"]] == [files[1]["id"], files[0]["id"]] and instances["total"] == 2
    backwards = ok(doctor.get(f"/series/{files[0]['series_id']}/instances?sort=-instance_number"))
    assert [f["id"] for f in backwards["items"]] == [files[0]["id"], files[1]["id"]]


def test_the_main_modality_is_that_of_pictures(doctor):
    same = {"StudyInstanceUID": uid(), "PatientID": unique("D")}
    file = doctor.upload(dicom(Modality="SR", **same), "a.dcm")
    assert study_of(doctor, file)["modality"] == "SR"
    doctor.upload(dicom(Modality="MR", **same), "b.dcm")
    doctor.upload(dicom(Modality="CT", **same), "c.dcm")
    assert (study_of(doctor, file)["modality"], study_of(doctor, file)["modalities"]) == ("MR", ["CT", "MR", "SR"])


def test_who_sees_a_study(doctor, colleague, radiologist, admin, viewer, nobody, series):
    _, files = series
    study = files[0]["study_id"]
    paths = [f"/studies/{study}", f"/studies/{study}/series", f"/series/{files[0]['series_id']}/instances"]

    def seen(api):
        return [api.get(p).status_code for p in paths], study in [s["id"] for s in ok(api.get("/studies"))["items"]]

    assert seen(doctor) == seen(radiologist) == seen(admin) == ([200] * 3, True)
    assert seen(colleague) == seen(viewer) == ([404] * 3, False)
    patient = files[0]["patient_id"]
    assert ok(viewer.get(f"/patients/{patient}/studies"))["total"] == 0
    assert not [e for e in ok(viewer.get(f"/patients/{patient}/timeline"))["items"] if e["kind"] == "STUDY"]
    assert {nobody.get(p).status_code for p in paths} == {401}
    problem(viewer.put(f"/studies/{study}/assignments/{viewer.id}"), 403)
    for _ in range(2):
        ok(admin.put(f"/studies/{study}/assignments/{viewer.id}"), 204)
    assert seen(viewer) == ([200] * 3, True) and ok(viewer.get(paths[2]))["total"] == 2
    assert ok(viewer.get(f"/patients/{patient}/studies"))["total"] == 1
    ok(admin.delete(f"/studies/{study}/assignments/{viewer.id}"), 204)
    assert seen(viewer) == ([404] * 3, False)
    problem(admin.put(f"/studies/{study}/assignments/999999999"), 404)


def test_registering_a_study_and_filling_it(doctor, technician):
    patient = doctor.patient(name="王小东")
    body = {
        "patient_id": patient["id"],
        "description": "X-ray of the spine",
        "modality": "DX",
        "study_date": "2025-03-04",
    }
    study = ok(doctor.post("/studies", json=body), 201)
    assert study["study_uid"].startswith("2.25.") and study["created_by"] == doctor.id and study["status"] == "OPEN"
    assert (study["number_of_series"], study["number_of_instances"], study["size_bytes"], study["modalities"]) == (
        0,
        0,
        0,
        None,
    )
    file = doctor.upload(
        dicom(StudyInstanceUID=study["study_uid"], PatientID=patient["patient_id"], Modality="DX"), "a.dcm"
    )
    assert file["study_id"] == study["id"] and study_of(doctor, file)["number_of_instances"] == 1
    problem(doctor.post("/studies", json={"patient_id": patient["id"], "study_uid": study["study_uid"]}), 409)
    assert wrong_members(problem(doctor.post("/studies", json={"patient_id": 987654321}), 422)) == ["patient_id"]
    assert wrong_members(
        problem(doctor.post("/studies", json={"patient_id": patient["id"], "study_uid": "1..2"}), 422)
    ) == ["study_uid"]
    problem(doctor.patch(f"/studies/{study['id']}", json={"description": "x"}), 403)
    problem(technician.patch(f"/studies/{study['id']}", json={"description": "x"}), 404)


def test_changing_and_moving_a_study(admin):
    file, other = admin.upload(dicom(), "a.dcm"), admin.patient()
    path = f"/studies/{file['study_id']}"
    changed = ok(admin.patch(path, json={"description": "脊柱侧弯", "status": "CLOSED"}))
    assert (changed["description"], changed["status"], changed["study_uid"]) == (
        "脊柱侧弯",
        "CLOSED",
        study_of(admin, file)["study_uid"],
    )
    assert path.endswith(str(ok(admin.get("/studies", params={"search": "侧弯"}))["items"][0]["id"]))
    problem(admin.patch(f"/image-files/{file['id']}", json={"patient_id": other["id"]}), 409)
    moved = ok(admin.patch(path, json={"patient_id": other["id"]}))
    assert moved["patient_id"] == other["id"] and admin.file(file["id"])["patient_id"] == other["id"]
    assert ok(admin.get(f"/patients/{other['id']}"))["image_count"] == 1
    assert ok(admin.get(f"/patients/{file['patient_id']}"))["image_count"] == 0
    etag = admin.get(path).headers["etag"]
    ok(admin.patch(path, json={"body_part": "SPINE"}, headers={"If-Match": etag}))
    problem(admin.patch(path, json={"body_part": "HEAD"}, headers={"If-Match": etag}), 412)


@pytest.mark.parametrize("who", ["radiologist", "doctor"])
def test_filters(request, server, doctor, who):
    api = request.getfixturevalue(who)
    word, accession = unique("w"), unique("A")[:16]
    files = [
        doctor.upload(
            dicom(
                StudyDescription=f"{word} {i}", StudyDate=date, Modality=modality, AccessionNumber=accession + str(i)
            ),
            "a.dcm",
        )
        for i, (date, modality) in enumerate([("20200101", "CT"), ("20210101", "MR"), (None, "CT")])
    ]
    ids = [f["study_id"] for f in files]

    def found(**query):
        return [s["id"] for s in ok(api.get("/studies", params={"page_size": 100, "search": word, **query}))["items"]]

    assert found() == ids[::-1] and found(sort="created_at") == ids
    assert found(sort="study_date") == [ids[2], ids[0], ids[1]] and found(sort="-study_date") == [
        ids[1],
        ids[0],
        ids[2],
    ]
    assert found(modality="CT") == [ids[2], ids[0]]
    assert found(start_date="2020-06-01") == [ids[1]] and found(end_date="2020-06-01") == [ids[0]]
    assert found(start_date="2020-01-01", end_date="2021-01-01", sort="study_date") == ids[:2]
    assert found(accession_number=accession + "1") == [ids[1]] and found(accession_number=accession) == []
    assert found(patient_id=files[0]["patient_id"]) == [ids[0]]
    assert found(study_uid=ok(api.get(f"/studies/{ids[1]}"))["study_uid"]) == [ids[1]]
    assert found(search=f"{word} 2") == [ids[2]] and found(search=unique("nothing")) == []
    assert found(has_conflict="false") == ids[::-1] and found(has_conflict="true") == []
    pages, after = [], None
    while after is not None or not pages:
        query = {"page_size": 1, "search": word, "sort": "study_date", **({"after": after} if after else {})}
        body = ok(api.get("/studies", params=query))
        pages += [s["id"] for s in body["items"]]
        after = body["next"]
    assert pages == [ids[2], ids[0], ids[1]]


def test_deleting_and_restoring_a_study(server, admin, series):
    same, files = series
    path = f"/studies/{files[0]['study_id']}"
    gone = files[1]
    ok(admin.delete(f"/image-files/{gone['id']}"), 204)
    before = ok(admin.get(path))
    assert before["number_of_instances"] == 2
    ok(admin.delete(path), 204)
    for p in (path, path + "/series", f"/series/{files[0]['series_id']}/instances", f"/image-files/{files[0]['id']}"):
        problem(admin.get(p), 404)
    problem(admin.post(f"/image-files/{files[0]['id']}/restore"), 409)
    assert ok(admin.get("/studies", params={"accession_number": same["AccessionNumber"]}))["total"] == 0
    after = ok(admin.post(path + "/restore"))
    assert {k: after[k] for k in before if k != "updated_at"} == {k: before[k] for k in before if k != "updated_at"}
    problem(admin.get(f"/image-files/{gone['id']}"), 404)  # deleted before: not brought back with the study
    problem(admin.post(path + "/restore"), 404)
    ok(admin.post(f"/image-files/{gone['id']}/restore"))
    assert ok(admin.get(path))["number_of_instances"] == 3
    query = {"search": "1.dcm", "patient_id": files[0]["patient_id"]}
    comes_to(1, lambda: ok(admin.get("/image-files", params=query))["total"])


def test_a_deleted_study_may_come_again(admin):
    content = dicom()
    first = admin.upload(content, "a.dcm")
    ok(admin.delete(f"/studies/{first['study_id']}"), 204)
    second = admin.upload(content, "a.dcm")
    assert second["study_id"] != first["study_id"] and study_of(admin, second)["number_of_instances"] == 1
    problem(admin.post(f"/studies/{first['study_id']}/restore"), 409)


def test_a_deleted_patients_study_takes_no_files(admin):
    same = {"StudyInstanceUID": uid(), "PatientID": unique("D")}
    first = admin.upload(dicom(**same), "a.dcm")
    ok(admin.delete(f"/patients/{first['patient_id']}"), 204)
    second = admin.upload(dicom(**same), "b.dcm")
    assert (second["status"], study_of(admin, second)["number_of_instances"]) == ("UPLOADED", 1)
    assert second["study_id"] != first["study_id"] and second["patient_id"] != first["patient_id"]
    problem(admin.post(f"/patients/{first['patient_id']}/restore"), 409)  # the number is another's now


def test_purge_takes_all_of_a_deleted_study(new_server):
    server = new_server()
    admin = server.admin()
    same = {"StudyInstanceUID": uid(), "PatientID": unique("D")}
    keep = admin.upload(dicom(), "k.dcm")
    files = [admin.upload(dicom(**same), "a.dcm") for _ in range(3)]
    ok(admin.put(f"/studies/{files[0]['study_id']}/assignments/{admin.id}"), 204)
    ok(admin.delete(f"/studies/{files[0]['study_id']}"), 204)
    server.run("purge", "--older-than", "0s")
    rows = server.database.rows
    assert rows("select count(*) from image_files")[0][0] == rows("select count(*) from studies")[0][0] == 1
    assert rows("select count(*) from series")[0][0] == 1 and rows("select count(*) from study_assignments")[0][0] == 0
    assert rows("select n from row_counts where name = 'studies'")[0][0] == 1
    assert study_of(admin, keep)["number_of_instances"] == 1
    server.run("fsck", "--deep")


def test_pictures_belong_to_no_series(doctor):
    file = doctor.upload(png())
    assert file["series_id"] is None
    problem(doctor.get("/series/999999999/instances"), 404)
