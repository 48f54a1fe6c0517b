"""What one does not see of a study one can neither give away, nor move, nor delete, though one registered it."""

import pytest

from support import dicom, ok, problem, uid, unique


@pytest.fixture
def technician(server, admin):
    return server.account("technician", admin=admin)


def film(api, patient, study_uid):
    return api.upload(dicom(PatientID=patient["patient_id"], PatientName=None, StudyInstanceUID=study_uid), "f.dcm")


def shared(technician, doctor, how):
    """A study of the technician's with a film of the doctor's; it, the technician's film (or None), the doctor's."""
    patient, study_uid = doctor.patient(), uid()
    own = None
    if how == "registered":
        ok(technician.post("/studies", json={"patient_id": patient["id"], "study_uid": study_uid}), 201)
    else:
        own = film(technician, patient, study_uid)
    other = film(doctor, patient, study_uid)
    study = ok(technician.get(f"/studies/{other['study_id']}"))
    assert study["created_by"] == technician.id and study["number_of_instances"] == (own is not None)
    return study, own, other


def grantees(*accounts):
    return [*(str(a.id) for a in accounts), "roles/viewer", f"departments/{unique('Ward')}"]


@pytest.mark.parametrize("how", ["registered", "sent"])
def test_who_registered_a_study_does_not_open_films_of_others_in_it(technician, doctor, viewer, admin, how):
    study, own, other = shared(technician, doctor, how)
    path, hidden = f"/studies/{study['id']}", f"/image-files/{other['id']}"
    for to in grantees(technician, viewer, doctor):
        problem(technician.put(f"{path}/assignments/{to}"), 403)
    for api in (technician, viewer):
        for what in ("", "/download"):
            problem(api.get(hidden + what), 404)
    problem(viewer.get(path), 404)
    # Nor is what somebody opened who sees it all theirs to close.
    ok(admin.put(f"{path}/assignments/{viewer.id}"), 204)
    problem(technician.delete(f"{path}/assignments/{viewer.id}"), 403)
    ok(viewer.get(hidden))
    # Who sees all of it may give it away: here by an assignment.
    ok(admin.put(f"{path}/assignments/{technician.id}"), 204)
    ok(technician.put(f"{path}/assignments/{doctor.id}"), 204)
    ok(technician.delete(f"{path}/assignments/{viewer.id}"), 204)
    problem(viewer.get(hidden), 404)


@pytest.mark.parametrize("how", ["registered", "sent"])
def test_who_registered_a_study_does_not_move_films_of_others_in_it(technician, doctor, admin, how):
    study, own, other = shared(technician, doctor, how)
    path, elsewhere = f"/studies/{study['id']}", doctor.patient()
    problem(technician.patch(path, json={"patient_id": elsewhere["id"]}), 403)
    problem(technician.patch(path, json={"patient_id": elsewhere["id"], "description": "moved"}), 403)
    assert doctor.file(other["id"])["patient_id"] == study["patient_id"]
    # Its words stay theirs, also beside the patient that it has.
    said = ok(technician.patch(path, json={"patient_id": study["patient_id"], "description": "Knee"}))
    assert said["description"] == "Knee"
    # Deleted films would go with it: out of sight is not gone.
    ok(doctor.delete(f"/image-files/{other['id']}"), 204)
    problem(technician.patch(path, json={"patient_id": elsewhere["id"]}), 403)
    ok(admin.patch(path, json={"patient_id": elsewhere["id"]}))


def test_a_study_of_one_s_own_films_is_one_s_own_to_give_and_move(technician, doctor, viewer):
    patient, elsewhere, study_uid = doctor.patient(), doctor.patient(), uid()
    own = film(technician, patient, study_uid)
    path = f"/studies/{own['study_id']}"
    for to in grantees(viewer):
        ok(technician.put(f"{path}/assignments/{to}"), 204)
    ok(viewer.get(f"/image-files/{own['id']}"))
    ok(technician.delete(f"{path}/assignments/{viewer.id}"), 204)
    ok(technician.patch(path, json={"patient_id": elsewhere["id"]}))
    assert technician.file(own["id"])["patient_id"] == elsewhere["id"]


def test_deleting_a_study_asks_for_sight_of_all_its_films(new_server):
    """With the rights that a hospital may give: study.delete, and not image.read_all."""
    server = new_server()
    admin = server.admin()
    server.database.rows(
        "insert into role_permissions(role_id, permission_id) select r.id, p.id from roles r, permissions p "
        "where r.name = 'technician' and p.name = 'study.delete'"
    )
    technician, doctor = (server.account(role, admin=admin) for role in ("technician", "doctor"))
    study, own, other = shared(technician, doctor, "sent")
    path = f"/studies/{study['id']}"
    problem(technician.delete(path), 403)
    ok(doctor.get(f"/image-files/{other['id']}"))
    ok(admin.put(f"{path}/assignments/{technician.id}"), 204)
    ok(technician.delete(path), 204)
    problem(doctor.get(f"/image-files/{other['id']}"), 404)
    ok(technician.post(f"{path}/restore"))
    ok(doctor.get(f"/image-files/{other['id']}"))


# ---- what is opened before films of others come ----


def opened(server, admin, technician, doctor, how):
    """The technician opens a study of their own film to a viewer; then the doctor sends others."""
    patient, study_uid, series_uid = doctor.patient(), uid(), uid()
    department = unique("Ward")
    made = {"department": department} if how == "department" else {}
    viewer = server.account("nurse" if how == "role" else "viewer", admin=admin, **made)
    to = {"account": str(viewer.id), "role": "roles/nurse", "department": f"departments/{department}"}[how]
    first = technician.upload(
        dicom(
            PatientID=patient["patient_id"], PatientName=None, StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid
        ),
        "a.dcm",
    )
    path = f"/studies/{first['study_id']}"
    ok(technician.put(f"{path}/assignments/{to}"), 204)
    hidden = [
        doctor.upload(
            dicom(
                PatientID=patient["patient_id"],
                PatientName=None,
                StudyInstanceUID=study_uid,
                SeriesInstanceUID=series,
                SeriesDescription="hidden",
                Modality="MR",
            ),
            "b.dcm",
        )
        for series in (series_uid, uid())
    ]
    assert {f["study_id"] for f in hidden} == {first["study_id"]}
    return viewer, path, to, first, hidden


@pytest.mark.parametrize("how", ["account", "role", "department"])
def test_what_one_opened_does_not_open_what_others_send_later(server, admin, technician, doctor, how):
    viewer, path, to, first, hidden = opened(server, admin, technician, doctor, how)
    for api in (viewer, technician):
        for film in hidden:
            for what in ("", "/download", "/access-log"):
                problem(api.get(f"/image-files/{film['id']}{what}"), 404)
            problem(api.get(f"/images/{film['id']}"), 404)
        # What was opened stays open: the study is told as to who opened it.
        ok(api.get(f"/image-files/{first['id']}"))
        study = ok(api.get(path))
        assert study["number_of_instances"] == study["number_of_series"] == 1
        assert study["modalities"] == [first["modality"]]
        listed = ok(api.get("/studies", params={"study_uid": study["study_uid"]}))
        assert [s["number_of_instances"] for s in listed["items"]] == [1] and listed["total"] == 1
        series = ok(api.get(f"{path}/series"))["items"]
        assert [(s["id"], s["number_of_instances"]) for s in series] == [(first["series_id"], 1)]
        told = ok(api.get(f"/series/{first['series_id']}/instances"))
        assert [f["id"] for f in told["items"]] == [first["id"]] and told["total"] in (1, None)
        files = ok(api.get(f"/image-files/patient/{first['patient_id']}"))["items"]
        assert [f["id"] for f in files] == [first["id"]]
        assert ok(api.get(f"/patients/{first['patient_id']}"))["image_count"] == 1
        for text in (
            api.get(path).text,
            api.get(f"{path}/series").text,
            api.get(f"/patients/{first['patient_id']}/timeline").text,
        ):
            assert "hidden" not in text
    # One's own assignment one may take back; one that opens all only who sees all.
    ok(technician.delete(f"{path}/assignments/{to}"), 204)
    problem(viewer.get(path), 404)
    ok(admin.put(f"{path}/assignments/{to}"), 204)
    for film in (first, *hidden):
        ok(viewer.get(f"/image-files/{film['id']}"))
    problem(technician.delete(f"{path}/assignments/{to}"), 403)


def test_who_sees_all_opens_all_of_what_was_opened_in_part(server, admin, technician, doctor):
    viewer, path, to, first, hidden = opened(server, admin, technician, doctor, "account")
    ok(admin.put(f"{path}/assignments/{to}"), 204)
    ok(viewer.get(f"/image-files/{hidden[0]['id']}"))
    assert ok(viewer.get(path))["number_of_instances"] == 3
    problem(technician.put(f"{path}/assignments/{to}"), 403)
    ok(viewer.get(f"/image-files/{hidden[0]['id']}"))


def test_a_study_registered_and_opened_before_its_films(technician, doctor, viewer, admin):
    patient, study_uid = doctor.patient(), uid()
    study = ok(technician.post("/studies", json={"patient_id": patient["id"], "study_uid": study_uid}), 201)
    for to in grantees(technician, viewer):
        ok(technician.put(f"/studies/{study['id']}/assignments/{to}"), 204)
    other = film(doctor, patient, study_uid)
    assert other["study_id"] == study["id"]
    for api in (technician, viewer):
        problem(api.get(f"/image-files/{other['id']}"), 404)
        assert ok(api.get(f"/studies/{study['id']}"))["number_of_instances"] == 0
        assert ok(api.get("/patients", params={"search": patient["patient_id"], "has_images": "true"}))["total"] == 0
        assert ok(api.get(f"/patients/{patient['id']}"))["image_count"] == 0


def test_an_upgrade_takes_back_what_was_opened_for_others(new_server):
    """What an account without image.read_all assigned, before that was asked, opens its own films only."""
    server = new_server()
    admin = server.admin()
    technician, doctor, viewer = (server.account(r, admin=admin) for r in ("technician", "doctor", "viewer"))
    study, own, other = shared(technician, doctor, "sent")
    server.stop()
    server.run("migrate", "down", "--to", "22", "--yes")
    rows = "insert into study_assignments(study_id, user_id, created_by, created_at) values ({}, {}, {}, 1)"
    server.database.rows(rows.format(study["id"], viewer.id, technician.id))
    server.database.rows(rows.format(study["id"], technician.id, admin.id))
    server.run("migrate", "up")
    server.start()
    viewer, technician = (server.client(api.token) for api in (viewer, technician))
    ok(viewer.get(f"/image-files/{own['id']}"))
    problem(viewer.get(f"/image-files/{other['id']}"), 404)
    ok(technician.get(f"/image-files/{other['id']}"))
