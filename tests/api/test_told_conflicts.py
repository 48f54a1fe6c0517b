"""What a file says of a patient otherwise is told to those who see such a file; who sees none neither learns of it nor
can put it away."""

import pytest

from support import dicom, ok, uid, unique


@pytest.fixture
def patient(doctor):
    return doctor.patient(name="Known Name", gender="FEMALE", birth_date="1970-01-01")


@pytest.fixture
def nurse(server, admin):
    return server.account("nurse", admin=admin)


def film(patient, **values):
    same = {"PatientName": "Known^Name", "PatientSex": "F", "PatientBirthDate": "19700101"}
    return dicom(**{**same, "PatientID": patient["patient_id"], "StudyInstanceUID": uid(), **values})


def told(api, patient):
    return ok(api.get(f"/patients/{patient['id']}"))["conflict"]


def listed(api, patient, with_conflict=True):
    query = {"search": patient["patient_id"], "has_conflict": str(with_conflict).lower()}
    answer = ok(api.get("/patients", params=query))
    assert answer["total"] == len(answer["items"])
    return [p["conflict"] for p in answer["items"]]


def settle(api, patient):
    ok(api.delete(f"/patients/{patient['id']}/conflict"), 204)


def test_a_conflict_is_told_to_who_sees_the_file(admin, doctor, colleague, radiologist, nurse, patient):
    before = ok(doctor.get(f"/patients/{patient['id']}"))
    theirs = colleague.upload(film(patient, PatientSex="M", PatientBirthDate="19800101"), "a.dcm")
    assert ok(doctor.get(f"/patients/{patient['id']}")) == before
    for api, members in (
        (doctor, None),
        (nurse, None),
        (colleague, ["gender", "birth_date"]),
        (radiologist, ["gender", "birth_date"]),
    ):
        assert told(api, patient) == members
        assert listed(api, patient) == ([members] if members else [])
        assert listed(api, patient, False) == ([] if members else [None])
    # Who sees none of it puts none of it away.
    settle(doctor, patient)
    assert told(colleague, patient) == told(radiologist, patient) == ["gender", "birth_date"]
    # Opened to somebody the file tells.
    ok(admin.put(f"/studies/{theirs['study_id']}/assignments/{nurse.id}"), 204)
    assert told(nurse, patient) == ["gender", "birth_date"] and listed(nurse, patient) == [["gender", "birth_date"]]


def test_each_puts_away_what_they_are_told(doctor, colleague, radiologist, patient):
    doctor.upload(film(patient, PatientSex="M"), "a.dcm")
    colleague.upload(film(patient, PatientSex="O", PatientName="Other^Name"), "b.dcm")
    assert (told(doctor, patient), told(colleague, patient)) == (["gender"], ["name", "gender"])
    settle(doctor, patient)
    assert (told(doctor, patient), told(colleague, patient)) == (None, ["name", "gender"])
    assert told(radiologist, patient) == ["name", "gender"]
    settle(colleague, patient)
    assert told(colleague, patient) is None and told(radiologist, patient) is None
    # Said anew it is there anew, for whom it concerns.
    colleague.upload(film(patient, PatientSex="M"), "c.dcm")
    assert (told(doctor, patient), told(colleague, patient), told(radiologist, patient)) == (
        None,
        ["gender"],
        ["gender"],
    )


def test_who_sees_all_puts_all_away(admin, doctor, colleague, patient):
    doctor.upload(film(patient, PatientSex="M"), "a.dcm")
    colleague.upload(film(patient, PatientName="Other^Name"), "b.dcm")
    assert told(admin, patient) == ["name", "gender"]
    settle(admin, patient)
    assert [told(api, patient) for api in (admin, doctor, colleague)] == [None] * 3


def test_a_study_that_a_hidden_film_names(admin, doctor, colleague, radiologist):
    """The film of another patient, whose sender sees the study; it is kept apart from it, so that others in the study
    do not see it."""
    first = doctor.upload(dicom(), "a.dcm")
    study = ok(doctor.get(f"/studies/{first['study_id']}"))
    path = f"/studies/{study['id']}"
    ok(admin.put(f"{path}/assignments/{colleague.id}"), 204)
    other = colleague.upload(dicom(StudyInstanceUID=study["study_uid"], PatientID=unique("D")), "b.dcm")
    assert other["status"] == "FAILED"
    assert ok(doctor.get(path)) == study

    def found(api):
        return [
            s["conflict"]
            for s in ok(api.get("/studies", params={"study_uid": study["study_uid"], "has_conflict": "true"}))["items"]
        ]

    for api, conflict in ((doctor, None), (colleague, ["patient_id"]), (radiologist, ["patient_id"])):
        assert ok(api.get(path))["conflict"] == conflict
        assert found(api) == ([conflict] if conflict else [])
    technician = admin
    ok(technician.delete(path + "/conflict"), 204)
    assert [ok(api.get(path))["conflict"] for api in (doctor, colleague, radiologist)] == [None] * 3
