"""Modalities are code strings of DICOM (PS3.3 C.7.3.1.1.1): any case goes in, upper case is kept; a filter takes
several, and no others. And a patient can be named by the number that the hospital knows."""

import pytest
from support import dicom, ok, png, problem, unique, wrong_members


def test_case_makes_no_difference(doctor):
    film = doctor.upload(png(), modality=" dx ")
    assert film["modality"] == "DX"
    for asked in ("dx", "DX", "Dx", "CT,dx"):
        items = ok(doctor.get("/image-files/my-images", params={"modality": asked}))["items"]
        assert [f["id"] for f in items] == [film["id"]], asked
    changed = ok(doctor.patch(f"/image-files/{film['id']}", json={"modality": "mr"}))
    assert changed["modality"] == "MR"


def test_several_at_once_come_in_order_and_by_pages(doctor):
    films = [doctor.upload(png(), modality=m)["id"] for m in ("CT", "MR", "US", "CT", "DX", "MR")]
    wanted = [films[i] for i in (5, 3, 1, 0)]
    for path in ("/image-files/my-images", "/image-files"):
        page = ok(doctor.get(path, params={"modality": "CT,MR,ct", "page_size": 3}))
        assert page["total"] == 4 and [f["id"] for f in page["items"]] == wanted[:3]
        rest = ok(doctor.get(path, params={"modality": "CT,MR,ct", "page_size": 3, "after": page["next"]}))
        assert [f["id"] for f in rest["items"]] == wanted[3:]
        assert ok(doctor.get(path, params={"modality": "CT,MR", "page": 2, "page_size": 3}))["total"] == 4
    assert ok(doctor.get("/image-files/my-images", params={"modality": "CT,MR", "file_type": "DICOM"}))["total"] == 0


@pytest.mark.parametrize("path", ["/image-files/my-images", "/image-files", "/studies"])
@pytest.mark.parametrize(
    "asked",
    [
        "KT",
        "CT,X-RAY",
        "CT;MR",
        "'",
        ",".join(
            [
                "CT",
                "MR",
                "US",
                "DX",
                "CR",
                "PT",
                "NM",
                "MG",
                "XA",
                "RF",
                # fmt: skip
                "ES",
                "OT",
                "SR",
                "PR",
                "KO",
                "IO",
                "PX",
            ]
        ),
    ],
)
def test_what_is_no_modality_is_refused_in_filters(doctor, path, asked):
    assert wrong_members(problem(doctor.get(path, params={"modality": asked}), 422)) == ["modality"]


def test_what_is_no_modality_is_refused_on_the_way_in(doctor, server):
    doctor.upload(png(), modality="KT", expect=422)
    answer = doctor.post("/upload/batch", files=[("file", ("a.png", png()))], data={"modality": "KT"})
    assert wrong_members(problem(answer, 422)) == ["modality"]
    begin = {"filename": "a.png", "file_size": 100, "total_chunks": 1, "modality": "KT"}
    assert wrong_members(problem(doctor.post("/upload/chunked", json=begin), 422)) == ["modality"]
    film = doctor.upload(png(), modality="XR")
    assert wrong_members(problem(doctor.patch(f"/image-files/{film['id']}", json={"modality": "KT"}), 422)) == [
        "modality"
    ]
    patient = doctor.patient()
    study = {"patient_id": patient["id"], "modality": "KT"}
    assert wrong_members(problem(doctor.post("/studies", json=study), 422)) == ["modality"]


def test_a_setting_allows_more(new_server):
    server = new_server(MODALITIES="thermo, PHOTO")
    admin = server.admin()
    assert admin.upload(png(), modality="Thermo")["modality"] == "THERMO"
    assert ok(admin.get("/image-files", params={"modality": "photo,thermo"}))["total"] == 1
    admin.upload(png(), modality="KT", expect=422)
    anything = new_server(MODALITIES="*").admin()
    assert anything.upload(png(), modality="kt")["modality"] == "KT"


def test_what_a_dicom_file_says_is_kept(doctor):
    assert doctor.upload(dicom(PatientID=unique("P"), Modality="ZZ"))["modality"] == "ZZ"


def test_a_patient_is_named_by_the_hospitals_number(doctor):
    patient = doctor.patient()
    number = patient["patient_id"]
    assert doctor.upload(png(), patient_number=number)["patient_id"] == patient["id"]
    assert doctor.upload(png(), patient_number=number, patient_id=patient["id"])["patient_id"] == patient["id"]
    begin = {"filename": "a.png", "file_size": 100, "total_chunks": 1, "patient_number": number}
    begun = ok(doctor.post("/upload/chunked", json=begin), 201)
    assert doctor.file(begun["image_file_id"])["patient_id"] == patient["id"]
    batch = doctor.post("/upload/batch", files=[("file", ("a.png", png()))], data={"patient_number": number})
    assert ok(batch, 207)["items"][0]["image_file"]["patient_id"] == patient["id"]


def test_which_number_is_meant_is_said(doctor):
    patient, other = doctor.patient(), doctor.patient()
    refused = doctor.upload(png(), patient_number=unique("none"), expect=422)
    assert wrong_members(refused) == ["patient_number"]
    refused = doctor.upload(png(), patient_number=patient["patient_id"], patient_id=other["id"], expect=422)
    assert wrong_members(refused) == ["patient_number"]
    refused = doctor.upload(png(), patient_id=987654321, expect=422)
    assert "patient_number" in refused["errors"][0]["msg"]
