"""Modalities in Study (PS3.3 C.38.2): lists of studies find a study by any of its series' modalities."""

import pytest

from support import DATA, comes_to, dicom, ok, uid, unique


DAY = "1947-02-28"


def found(api, **query):
    return [s["id"] for s in ok(api.get("/studies", params=query))["items"]]


@pytest.fixture
def study(doctor):
    """A study of a CT, a PT and an SR series, of a day of no other test: its files by modality."""
    values = {"StudyInstanceUID": uid(), "PatientID": unique("D"), "StudyDate": DAY.replace("-", "")}
    return {m: doctor.upload(dicom(Modality=m, **values), f"{m}.dcm") for m in ("CT", "PT", "SR")}


def test_petct(admin, doctor):
    names = ("petct-ct.dcm", "petct-pt.dcm")
    ct, pt = (doctor.upload((DATA / "dicom" / name).read_bytes(), name) for name in names)
    assert ct["study_id"] == pt["study_id"]
    for api in (doctor, admin):
        assert ct["study_id"] in found(api, modality="PT")
        assert found(api, modality="PT", patient_id=ct["patient_id"]) == [ct["study_id"]]
    assert ok(doctor.get(f"/studies/{ct['study_id']}"))["modalities"] == ["CT", "PT"]


@pytest.mark.parametrize("modality", ["CT", "PT", "SR", "pt", " PT ", "MG,PT", "mg, sr", "CT,PT"])
def test_any_series_counts(admin, doctor, study, modality):
    of = study["CT"]["study_id"]
    patient = ok(doctor.get(f"/patients/{study['CT']['patient_id']}/studies", params={"modality": modality}))
    assert [s["id"] for s in patient["items"]] == [of] and patient["total"] == 1
    assert found(doctor, modality=modality) == [of]
    for sort in ("created_at", "-created_at", "study_date", "-study_date"):
        assert of in found(
            admin, modality=modality, sort=sort, page_size=100, start_date=DAY, end_date=DAY
        )


def test_others_are_not_found(admin, doctor, study):
    assert found(doctor, modality="MR") == found(doctor, modality="MG,MR") == []
    assert study["CT"]["study_id"] not in found(admin, modality="MR", page_size=100)
    later = {"start_date": "1947-03-01", "page_size": 100}
    assert study["CT"]["study_id"] not in found(admin, modality="PT", **later)


def test_what_goes_and_comes_back(admin, doctor, study):
    of, path = study["PT"]["study_id"], f"/image-files/{study['PT']['id']}"
    ok(doctor.delete(path), 204)
    assert found(doctor, modality="PT") == [] and found(doctor, modality="CT") == [of]
    assert of not in found(admin, modality="PT", page_size=100)
    ok(doctor.post(path + "/restore"))
    comes_to([of], lambda: found(doctor, modality="PT"))
    comes_to(True, lambda: of in found(admin, modality="PT", page_size=100))
    ok(admin.delete(f"/studies/{of}"), 204)
    assert of not in found(admin, modality="PT", page_size=100) and found(doctor, modality="PT") == []
    ok(admin.post(f"/studies/{of}/restore"))
    comes_to(True, lambda: of in found(admin, modality="PT", page_size=100))


def test_what_a_person_registers(admin, doctor):
    patient = doctor.patient()
    study = ok(doctor.post("/studies", json={"patient_id": patient["id"], "modality": "MG"}), 201)
    assert found(doctor, modality="MG") == [study["id"]] and study["id"] in found(admin, modality="mg", page_size=100)
    assert study["id"] not in found(admin, modality="US", page_size=100)


def test_what_others_keep_does_not_show_through(admin, doctor, colleague):
    values = {"StudyInstanceUID": uid(), "PatientID": unique("D")}
    mine = doctor.upload(dicom(Modality="CT", **values), "a.dcm")
    colleague.upload(dicom(Modality="PT", **values), "b.dcm")
    assert found(doctor, modality="CT") == [mine["study_id"]] and found(doctor, modality="PT,SR") == []
    assert mine["study_id"] in found(admin, modality="PT", page_size=100)


def test_pages_follow_each_other(admin):
    day = "1948-02-29"  # of no other test
    values = [
        {"StudyInstanceUID": uid(), "PatientID": unique("D"), "Modality": "XA", "StudyDate": day.replace("-", "")}
        for _ in range(5)
    ]
    wanted = [admin.upload(dicom(**v), "a.dcm")["study_id"] for v in values]
    seen, query = [], {"modality": "XA", "start_date": day, "end_date": day, "page_size": 2, "sort": "created_at"}
    while True:
        page = ok(admin.get("/studies", params=query))
        seen += [s["id"] for s in page["items"]]
        if not page["next"]:
            break
        query["after"] = page["next"]
    assert seen == wanted and page["total"] == 5
