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
