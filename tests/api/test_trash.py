"""A deleted patient or study takes what belongs to it out of everybody's sight, and brings back just that."""

import pytest

from support import comes_to, dicom, ok, png, problem, uid, unique


@pytest.fixture
def household(doctor):
    """A patient with two studies and a picture; one of the three films was deleted before."""
    same = {"PatientID": unique("D"), "PatientName": "Hidden^Person"}
    study = {"StudyInstanceUID": uid(), "SeriesInstanceUID": uid(), **same}
    films = [
        doctor.upload(dicom(**study), "a.dcm"),
        doctor.upload(dicom(**study), "b.dcm"),
        doctor.upload(dicom(**same), "c.dcm"),
    ]
    picture = doctor.upload(png(), "d.png", patient_id=films[0]["patient_id"])
    gone = films.pop(1)
    ok(doctor.delete(f"/image-files/{gone['id']}"), 204)
    return films[0]["patient_id"], [*films, picture], gone


def paths_of(patient, files):
    yield f"/patients/{patient}"
    for way in ("studies", "timeline"):
        yield f"/patients/{patient}/{way}"
    yield f"/image-files/patient/{patient}"
    for file in files:
        yield from (
            f"/image-files/{file['id']}",
            f"/image-files/{file['id']}/download",
            f"/images/{file['id']}/thumbnail",
        )
        yield f"/image-files/{file['id']}/access-log"
        if file["study_id"]:
            yield f"/images/{file['id']}/metadata"
            yield from (f"/studies/{file['study_id']}{way}" for way in ("", "/series", "/archive"))
            yield f"/series/{file['series_id']}/instances"


def listed(api, path, **query):
    return [row["id"] for row in ok(api.get(path, params={"page_size": 100, **query}))["items"]]


def counts(server):
    return [
        server.database.rows(sql)
        for sql in (
            "select name, n from row_counts order by name",
            "select uploaded_by, files, bytes from image_file_totals where files > 0 order by uploaded_by",
            "select uploaded_by, file_type, status, modality, files, bytes from image_file_counts where files > 0 "
            "order by uploaded_by, file_type, status, modality",
        )
    ]


def nothing_alive_in_what_is_deleted(server):
    for sql in (
        "select f.id from image_files f join patients p on p.id = f.patient_id where p.is_deleted = 1 "
        "and f.is_deleted = 0",
        "select f.id from image_files f join studies s on s.id = f.study_id where s.is_deleted = 1 "
        "and f.is_deleted = 0",
        "select s.id from studies s join patients p on p.id = s.patient_id where p.is_deleted = 1 and s.is_deleted = 0",
        "select x.id from series x join studies s on s.id = x.study_id where s.is_deleted = 1 and x.deleted_at is null",
    ):
        assert server.database.rows(sql) == [], sql


def test_a_deleted_patient_is_out_of_sight(server, admin, doctor, radiologist, household):
    patient, files, _ = household
    studies = {f["study_id"] for f in files if f["study_id"]}
    for path in paths_of(patient, files):
        assert doctor.get(path).status_code in (200, 202, 409), path
    ok(admin.delete(f"/patients/{patient}"), 204)
    for api in (admin, doctor, radiologist):
        for path in paths_of(patient, files):
            problem(api.get(path), 404)
        assert not studies & set(listed(api, "/studies"))
        assert not studies & set(listed(api, "/studies", search="Hidden Person"))
        assert not {f["id"] for f in files} & set(listed(api, "/image-files"))
        assert listed(api, "/image-files", patient_id=patient) == listed(api, "/studies", patient_id=patient) == []
    assert listed(doctor, "/image-files/my-images", search=files[0]["original_filename"]) == []
    assert ok(doctor.get("/image-files/stats/summary"))["total_files"] == 0
    nothing_alive_in_what_is_deleted(server)


def test_it_brings_back_just_what_went_with_it(server, admin, doctor, household):
    patient, files, gone = household
    before = counts(server)
    records = {path: ok(doctor.get(path)) for path in paths_of(patient, files) if path.count("/") == 2}
    for path in (f"/patients/{patient}", f"/studies/{files[0]['study_id']}", f"/patients/{patient}"):
        ok(admin.delete(path), 204)
        ok(admin.post(path + "/restore"))
    for path, record in records.items():
        ours = {"updated_at": 0, "thumbnail_path": 0}  # a thumbnail may come meanwhile
        assert {**ok(doctor.get(path)), **ours} == {**record, **ours}
    problem(doctor.get(f"/image-files/{gone['id']}"), 404)
    assert counts(server) == before
    comes_to({f["id"] for f in files}, lambda: set(listed(doctor, "/image-files", patient_id=patient)))
    comes_to(True, lambda: files[0]["id"] in listed(doctor, "/image-files/my-images", search="a.dcm"))
    comes_to(2, lambda: len(listed(doctor, "/studies", search="Hidden")))
    ok(doctor.post(f"/image-files/{gone['id']}/restore"))
    nothing_alive_in_what_is_deleted(server)


def test_a_study_deleted_before_stays_away(admin, doctor, household):
    patient, files, _ = household
    study = f"/studies/{files[1]['study_id']}"
    ok(admin.delete(study), 204)
    ok(admin.delete(f"/patients/{patient}"), 204)
    problem(admin.post(study + "/restore"), 409)
    ok(admin.post(f"/patients/{patient}/restore"))
    problem(doctor.get(study), 404)
    problem(doctor.get(f"/image-files/{files[1]['id']}"), 404)
    ok(admin.post(study + "/restore"))
    ok(doctor.get(f"/image-files/{files[1]['id']}"))
    assert ok(doctor.get(f"/patients/{patient}"))["image_count"] == 3


def test_nothing_comes_back_into_something_deleted(server, admin, doctor, household):
    patient, files, gone = household
    ok(admin.delete(f"/patients/{patient}"), 204)
    for file in (*files, gone):
        assert "restore the" in problem(doctor.post(f"/image-files/{file['id']}/restore"), 409)["detail"]
    outcome = ok(
        doctor.post("/image-files/batch", json={"ids": [files[0]["id"], files[2]["id"]], "action": "restore"}), 207
    )
    assert [item["status"] for item in outcome["items"]] == [409, 409]
    nothing_alive_in_what_is_deleted(server)
    ok(admin.post(f"/patients/{patient}/restore"))
    ok(admin.delete(f"/studies/{files[0]['study_id']}"), 204)
    problem(doctor.post(f"/image-files/{files[0]['id']}/restore"), 409)


def test_deleted_files_are_listed_for_who_may_restore_them(admin, doctor, colleague, radiologist, technician):
    content = png()
    files = [doctor.upload(content if i else png(), f"{unique('weg')}.png", description="röntgen") for i in range(3)]
    for file in files[:2]:
        ok(doctor.delete(f"/image-files/{file['id']}"), 204)
    gone = [files[1]["id"], files[0]["id"]]

    def deleted(api, path="/image-files", **query):
        answer = ok(api.get(path, params={"status": "DELETED", "uploaded_by": doctor.id, **query}))
        assert answer["total"] == len(answer["items"])
        assert all(f["status"] == "DELETED" and f["is_deleted"] and f["deleted_at"] for f in answer["items"])
        return [f["id"] for f in answer["items"]]

    def mine():
        answer = ok(doctor.get("/image-files/my-images", params={"status": "DELETED"}))
        return [f["id"] for f in answer["items"]], answer["total"]

    comes_to((gone, 2), mine)
    for api in (doctor, admin):
        comes_to(gone, lambda who=api: deleted(who))
    assert deleted(colleague) == deleted(radiologist) == deleted(technician) == []
    assert deleted(doctor, search=files[0]["original_filename"]) == gone[1:]
    assert deleted(doctor, sort="file_size", file_type="PNG", fields="id,status,is_deleted,deleted_at") != []
    pages = ok(doctor.get("/image-files", params={"status": "DELETED", "page_size": 1}))
    after = ok(doctor.get("/image-files", params={"status": "DELETED", "page_size": 1, "after": pages["next"]}))
    assert [pages["items"][0]["id"], after["items"][0]["id"]] == gone
    outcome = ok(doctor.post("/image-files/batch", json={"ids": gone, "action": "restore"}), 207)
    assert [i["status"] for i in outcome["items"]] == [200, 200]
    assert deleted(doctor) == [] and doctor.file(gone[0])["status"] == "UPLOADED"
    comes_to(3, lambda: ok(doctor.get("/image-files", params={"status": "UPLOADED"}))["total"])


def test_deleted_patients_of_the_first_version_are_hidden_by_the_migration(new_server):
    server = new_server()
    admin = server.admin()
    film, picture = admin.upload(dicom(), "a.dcm"), admin.upload(png())
    other = admin.upload(dicom(), "b.dcm")
    before = counts(server)
    patient = film["patient_id"]
    ok(admin.patch(f"/image-files/{picture['id']}", json={"patient_id": patient}))
    server.stop()
    server.run("migrate", "down", "--to", "6", "--yes")
    server.database.rows(f"update patients set deleted_at = 5, deleted_by = {admin.id} where id = {patient}")
    server.run("migrate", "up")
    nothing_alive_in_what_is_deleted(server)
    server.start()
    admin = server.admin()
    for path in paths_of(patient, [film, picture]):
        problem(admin.get(path), 404)
    ok(admin.get(f"/image-files/{other['id']}"))
    ok(admin.post(f"/patients/{patient}/restore"))
    assert counts(server) == before
    ok(admin.get(f"/image-files/{film['id']}"))
