"""Who may not see a thing does not learn that it exists: not by a refusal, a reason, a name, a count, or a difference
to what is absent."""

import io
import re
import zipfile

import pydicom
import pytest

from support import after_restoring, dicom, ok, png, problem, uid, unique

SAME = (
    "id",
    "file_uuid",
    "storage_path",
    "created_at",
    "updated_at",
    "uploaded_at",
    "thumbnail_path",
    "thumbnail_url",
    "study_id",
    "series_id",
    "file_size",
)


def told(record, *but):
    return {k: v for k, v in record.items() if k not in SAME + but}


def archive(api, study):
    answer = api.get(f"/studies/{study}/archive")
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content))


@pytest.fixture
def service(server, admin):
    return server.account("service", admin=admin)


def uids(**more):
    return {
        "StudyInstanceUID": uid(),
        "SeriesInstanceUID": uid(),
        "SOPInstanceUID": uid(),
        "PatientID": unique("D"),
        **more,
    }


# ---- an instance ----


def test_a_hidden_instance_neither_answers_nor_keeps_a_true_film_out(doctor, colleague, radiologist, admin):
    same = uids()
    theirs = colleague.upload(dicom(pixels=b"\5\6\7\x08", **same), "a.dcm")
    absent = doctor.upload(dicom(**{**same, "SOPInstanceUID": uid()}), "b.dcm")
    mine = doctor.upload(dicom(**same), "b.dcm")
    assert told(mine, "sha256", "file_hash", "sop_instance_uid") == told(
        absent, "sha256", "file_hash", "sop_instance_uid"
    )
    assert doctor.get(f"/image-files/{mine['id']}/download").content == dicom(**same)
    assert ok(doctor.get(f"/image-files/{mine['id']}"))["status_reason"] is None
    assert [f["status_reason"] for f in ok(doctor.get("/image-files"))["items"]] == [None, None]
    # The one it collides with sees nothing of it; who sees both is told.
    assert ok(colleague.get(f"/studies/{theirs['study_id']}"))["conflict"] is None
    assert ok(colleague.get(f"/studies/{theirs['study_id']}"))["number_of_instances"] == 1
    for api in (radiologist, admin):
        assert "with other bytes" in ok(api.get(f"/image-files/{mine['id']}"))["status_reason"]
        listed = ok(api.get("/image-files", params={"uploaded_by": doctor.id}))["items"]
        assert "with other bytes" in next(f for f in listed if f["id"] == mine["id"])["status_reason"]
    ok(admin.put(f"/studies/{theirs['study_id']}/assignments/{doctor.id}"), 204)
    assert "with other bytes" in ok(doctor.get(f"/image-files/{mine['id']}"))["status_reason"]
    doctor.upload(dicom(pixels=b"\7\6\7\x08", **same), "c.dcm", expect=409)


def test_by_every_way_in(doctor, colleague):
    same = uids()
    colleague.upload(dicom(pixels=b"\5\6\7\x08", **same), "a.dcm")
    outcome = ok(doctor.post("/upload/batch", files=[("file", ("b.dcm", dicom(**same)))]), 207)
    assert [(i["status"], i["image_file"]["status"], i["image_file"]["status_reason"]) for i in outcome["items"]] == [
        (201, "UPLOADED", None)
    ]


# ---- a study ----


def test_a_hidden_studys_uid_with_another_patient(doctor, colleague, radiologist, admin):
    theirs = colleague.upload(dicom(**uids()), "a.dcm")
    study = ok(colleague.get(f"/studies/{theirs['study_id']}"))
    absent = doctor.upload(dicom(**uids()), "b.dcm")
    mine = doctor.upload(dicom(**uids(StudyInstanceUID=study["study_uid"])), "b.dcm")
    but = ("sha256", "file_hash", "sop_instance_uid", "patient_id")
    assert told(mine, *but) == told(absent, *but) and mine["status"] == "UPLOADED"
    ours = ok(doctor.get(f"/studies/{mine['study_id']}"))
    assert (ours["study_uid"], ours["number_of_instances"], ours["conflict"]) == (study["study_uid"], 1, None)
    assert ours["patient_id"] == mine["patient_id"] != study["patient_id"]
    again = doctor.upload(dicom(**uids(StudyInstanceUID=study["study_uid"], PatientID=ours["patient_number"])), "c.dcm")
    assert again["study_id"] == ours["id"]
    assert {k: v for k, v in ok(colleague.get(f"/studies/{study['id']}")).items()} == study
    assert [s["id"] for s in ok(doctor.get("/studies", params={"study_uid": study["study_uid"]}))["items"]] == [
        ours["id"]
    ]
    for api, conflicts in ((doctor, 0), (colleague, 0), (radiologist, 2)):
        listed = ok(api.get("/studies", params={"study_uid": study["study_uid"], "has_conflict": "true"}))
        assert listed["total"] == conflicts and all(s["conflict"] == ["study_uid"] for s in listed["items"])
    listed = ok(doctor.get("/studies", params={"study_uid": study["study_uid"], "has_conflict": "false"}))
    assert listed["total"] == 1
    # Who sees one of another patient is told, as ever.
    third = radiologist_upload(admin, StudyInstanceUID=study["study_uid"])
    assert third["status"] == "FAILED" and "(0020,000D)" in third["status_reason"]
    ok(admin.delete(f"/studies/{study['id']}/conflict"), 204)
    assert ok(admin.get(f"/studies/{study['id']}"))["conflict"] is None


def radiologist_upload(api, **values):
    return api.upload(dicom(**uids(**values)), "d.dcm")


def test_registering_a_hidden_studys_uid(server, doctor, colleague, admin):
    patient = doctor.patient()
    theirs = ok(colleague.post("/studies", json={"patient_id": patient["id"], "study_uid": uid()}), 201)
    body = {"patient_id": patient["id"], "study_uid": theirs["study_uid"]}
    problem(colleague.post("/studies", json=body), 409)
    mine = ok(doctor.post("/studies", json=body), 201)
    assert mine["id"] != theirs["id"] and mine["conflict"] is None
    problem(doctor.post("/studies", json=body), 409)
    film = doctor.upload(dicom(StudyInstanceUID=mine["study_uid"], PatientID=patient["patient_id"]), "a.dcm")
    assert film["study_id"] == mine["id"]
    assert (
        colleague.upload(dicom(StudyInstanceUID=mine["study_uid"], PatientID=patient["patient_id"]), "a.dcm")[
            "study_id"
        ]
        == theirs["id"]
    )
    assert "already" in problem(admin.post("/studies", json=body), 409)["detail"]
    listed = ok(admin.get("/studies", params={"study_uid": mine["study_uid"]}))["items"]
    assert [s["conflict"] for s in listed] == [["study_uid"]] * 2
    assert "study_uid_once" not in server.run("fsck", "--rows", check=False).stdout


@pytest.fixture
def shared_study(doctor, colleague):
    """A study that the doctor registered, with a film of the colleague's in a series of its own and one in the
    doctor's."""
    same = {"StudyInstanceUID": uid(), "PatientID": unique("D")}
    ours = uid()
    hidden = dicom(**same, SeriesInstanceUID=uid(), SeriesNumber="1", Modality="MR", PatientName="Hidden^Name")
    study = ok(
        doctor.post(
            "/studies",
            json={
                "patient_id": doctor.patient(patient_id=same["PatientID"], name="Told Name")["id"],
                "study_uid": same["StudyInstanceUID"],
            },
        ),
        201,
    )
    theirs = [
        colleague.upload(hidden, "hidden.dcm"),
        colleague.upload(dicom(**same, SeriesInstanceUID=ours, Modality="CT"), "h.dcm"),
    ]
    film = dicom(**same, SeriesInstanceUID=ours, SeriesNumber="2", Modality="CT", PatientName="Told^Name")
    mine = doctor.upload(film, "mine.dcm")
    assert {f["study_id"] for f in [mine, *theirs]} == {study["id"]}
    return study["id"], mine, theirs


def test_a_study_counts_what_one_sees(doctor, colleague, radiologist, admin, viewer, shared_study):
    study, mine, theirs = shared_study
    keys = ("number_of_series", "number_of_instances", "size_bytes", "modalities")
    whole = (2, 3, mine["file_size"] + sum(f["file_size"] for f in theirs), ["CT", "MR"])

    def counted(api):
        one = ok(api.get(f"/studies/{study}"))
        listed = ok(api.get("/studies", params={"study_uid": one["study_uid"]}))["items"]
        few = ok(api.get("/studies", params={"study_uid": one["study_uid"], "fields": "number_of_instances"}))["items"]
        assert listed == [one] and few == [{"number_of_instances": one["number_of_instances"]}]
        series = ok(api.get(f"/studies/{study}/series"))
        assert series["total"] == len(series["items"]) == one["number_of_series"]
        assert sum(s["number_of_instances"] for s in series["items"]) == one["number_of_instances"]
        assert sum(s["size_bytes"] for s in series["items"]) == one["size_bytes"]
        return tuple(one[k] for k in keys)

    assert counted(doctor) == (1, 1, mine["file_size"], ["CT"])
    assert counted(radiologist) == counted(admin) == whole
    ok(admin.put(f"/studies/{study}/assignments/{viewer.id}"), 204)
    assert counted(viewer) == whole
    ok(doctor.delete(f"/image-files/{mine['id']}"), 204)
    assert counted(doctor) == (0, 0, 0, None)
    ok(doctor.post(f"/image-files/{mine['id']}/restore"))
    for file in theirs:
        ok(admin.delete(f"/image-files/{file['id']}"), 204)

    def mine_alone():
        assert counted(doctor) == counted(radiologist)[:1] + (1, mine["file_size"], ["CT"])

    after_restoring(mine_alone)


def test_an_archive_names_what_one_sees(doctor, radiologist, shared_study):
    study, mine, _ = shared_study
    zipped = archive(doctor, study)
    names = sorted(zipped.namelist())
    assert len(names) == 2 and any("SER00001/IM000001" in n for n in names)
    directory = zipped.read("DICOMDIR")
    assert b"Hidden" not in directory
    records = pydicom.dcmread(io.BytesIO(directory)).DirectoryRecordSequence
    assert str(records[0].PatientName) == "Told^Name"
    assert [r.DirectoryRecordType for r in records] == ["PATIENT", "STUDY", "SERIES", "IMAGE"]
    assert len(archive(radiologist, study).namelist()) == 4


# ---- a patient ----


def test_patients_count_what_one_sees(doctor, colleague, radiologist, viewer, admin, shared_study):
    study, mine, theirs = shared_study
    path = f"/patients/{mine['patient_id']}"
    number = ok(doctor.get(path))["patient_id"]

    def counted(api):
        one = ok(api.get(path))["image_count"]
        listed = ok(api.get("/patients", params={"search": number, "fields": "image_count"}))["items"]
        assert listed == [{"image_count": one}]
        for with_images in (True, False):
            found = ok(api.get("/patients", params={"search": number, "has_images": str(with_images).lower()}))
            assert found["total"] == len(found["items"]) == int(with_images == (one > 0)), with_images
        return one

    assert [counted(api) for api in (doctor, colleague, radiologist, viewer, admin)] == [1, 2, 3, 0, 3]
    ok(admin.put(f"/studies/{study}/assignments/{viewer.id}"), 204)
    ok(admin.put(f"/studies/{study}/assignments/{doctor.id}"), 204)
    assert [counted(api) for api in (doctor, viewer)] == [3, 3]
    picture = colleague.upload(png(), patient_id=mine["patient_id"])
    assert [counted(api) for api in (doctor, viewer, colleague, radiologist)] == [3, 3, 3, 4]
    other = doctor.patient()
    ok(colleague.patch(f"/image-files/{picture['id']}", json={"patient_id": other["id"]}))
    ok(admin.delete(f"/image-files/{theirs[0]['id']}"), 204)
    assert [counted(api) for api in (doctor, viewer, colleague, radiologist)] == [2, 2, 1, 2]
    assert ok(doctor.get(f"/patients/{other['id']}"))["image_count"] == 0


def test_counters_by_uploader_follow_every_change(server, admin, doctor, shared_study):
    study, mine, _ = shared_study
    ok(admin.patch(f"/studies/{study}", json={"patient_id": doctor.patient()["id"]}))
    ok(
        admin.post(
            f"/patients/{doctor.patient()['id']}/merge", json={"source_id": doctor.file(mine["id"])["patient_id"]}
        )
    )
    ok(admin.delete(f"/studies/{study}"), 204)
    ok(admin.post(f"/studies/{study}/restore"))
    rows = server.database.rows

    def counters_are_right():
        assert rows(
            "select patient_id, uploaded_by, files from patient_uploads where files > 0 "
            "order by patient_id, uploaded_by"
        ) == rows(
            "select patient_id, uploaded_by, count(*) from image_files where patient_id is not null "
            "and deleted_at is null group by patient_id, uploaded_by order by patient_id, uploaded_by"
        )
        assert (
            rows(
                "select s.id from studies s where s.instances_of_others <> (select count(*) from image_files f "
                "where f.study_id = s.id "
                "and f.is_instance = 1 and f.deleted_at is null and f.uploaded_by <> s.created_by)"
            )
            == []
        )

    after_restoring(counters_are_right)


def test_who_may_not_read_patients_learns_nothing_of_them(service, doctor, admin):
    patient = doctor.patient(name="Known Name", gender="FEMALE", birth_date="1970-01-01")
    differs = {"PatientID": patient["patient_id"], "PatientSex": "M", "PatientBirthDate": "19800101"}
    film = service.upload(dicom(**differs, PatientName="Other^Name"), "a.dcm")
    assert film["conflict"] is None and film["status"] == "UPLOADED"
    outcome = ok(service.post("/upload/batch", files=[("file", ("b.dcm", dicom(**differs)))]), 207)
    assert outcome["items"][0]["image_file"]["conflict"] is None
    assert "gender" in ok(admin.get(f"/image-files/{film['id']}"))["conflict"]
    # Which number a patient has cannot be tried out, either.
    absent = service.upload(dicom(), "a.dcm", patient_id=987654321)
    present = service.upload(dicom(), "a.dcm", patient_id=patient["id"])
    assert absent["status"] == present["status"] == "UPLOADED" and absent["patient_id"] is present["patient_id"] is None


# ---- the rest ----


def test_duplicate_of_names_nothing_hidden(doctor, colleague, radiologist, admin):
    content = png()
    first = doctor.upload(content, patient_id=doctor.patient()["id"])
    second = admin.upload(content)
    assert second["duplicate_of"] == first["id"]
    study = ok(admin.post("/studies", json={"patient_id": first["patient_id"]}), 201)["id"]
    ok(admin.put(f"/studies/{study}/assignments/{colleague.id}"), 204)
    # As a picture cannot be put into a study by hand, a copy of a film does.
    film = dicom()
    theirs = doctor.upload(film, "a.dcm")
    assert ok(colleague.get("/image-files"))["items"] == []
    mine = colleague.upload(film, "a.dcm")
    assert mine["duplicate_of"] is None
    assert ok(radiologist.get(f"/image-files/{second['id']}"))["duplicate_of"] == first["id"]
    assert theirs["id"] != mine["id"]


def without(text, number):
    """The number as a word: 1 is also a part of v1 and 10."""
    return re.sub(rf"\b{number}\b", "N", text)


def test_hidden_and_absent_answer_alike(doctor, colleague, shared_study):
    study, mine, theirs = shared_study
    hidden, absent = theirs[0]["id"], 987654321
    for method, path, body in (
        ("GET", "/image-files/{}", None),
        ("GET", "/image-files/{}/download", None),
        ("GET", "/image-files/{}/access-log", None),
        ("GET", "/images/{}/metadata", None),
        ("GET", "/images/{}/thumbnail", None),
        ("GET", "/images/{}/rendered", None),
        ("GET", "/images/{}/histogram", None),
        ("GET", "/images/{}/annotations", None),
        ("PATCH", "/image-files/{}", {"description": "x"}),
        ("DELETE", "/image-files/{}", None),
        ("POST", "/image-files/{}/restore", None),
        ("POST", "/image-files/{}/file", None),
    ):
        answers = [doctor.request(method, path.format(i), **({"json": body} if body else {})) for i in (hidden, absent)]
        texts = [
            {k: without(v, i) for k, v in a.json().items() if isinstance(v, str) and k != "request_id"}
            for a, i in zip(answers, (hidden, absent), strict=True)
        ]
        assert answers[0].status_code == answers[1].status_code == 404 and texts[0] == texts[1], path
        assert {h: v for h, v in answers[0].headers.items() if h in ("etag", "location", "last-modified")} == {}
    outcome = ok(doctor.post("/image-files/batch", json={"ids": [hidden, absent], "action": "delete"}), 207)["items"]
    assert without(outcome[0]["error"], hidden) == without(outcome[1]["error"], absent)
    # Of the study both see their own files, and no more.
    assert [ok(api.get(f"/studies/{study}"))["number_of_instances"] for api in (doctor, colleague)] == [1, 2]
