"""What tells people and films apart is never cut or mended on the way: nothing is merged, and nothing is filed
twice."""

import pytest

from support import dicom, ok, problem, uid, unique


def is_kept_unfiled(api, file, content, reason):
    assert (file["status"], file["status_reason"]) == ("FAILED", reason)
    assert [file[m] for m in ("patient_id", "study_id", "series_id")] == [None] * 3
    assert api.get(f"/image-files/{file['id']}/download").content == content


# ---- numbers ----


@pytest.mark.parametrize(
    "member, name", [("PatientID", "Patient ID (0010,0020)"), ("IssuerOfPatientID", "Issuer of Patient ID (0010,0021)")]
)
@pytest.mark.parametrize("letter", ["H", "王"])
def test_a_number_that_is_too_long(doctor, member, name, letter):
    """PS3.5 6.2: LO has 64 characters. The 64 that these begin with are somebody else's number."""
    start = (unique("D") + letter * 64)[:64]
    short = doctor.upload(dicom(**{member: start}), "a.dcm")
    assert short["status"] == "UPLOADED" and short["patient_id"]
    for end in ("1", "2"):
        content = dicom(**{member: start + end})
        file = doctor.upload(content, "b.dcm")
        is_kept_unfiled(doctor, file, content, f"{name} has 65 characters; 64 are the most (PS3.5 6.2)")
        again = ok(doctor.post(f"/image-files/{file['id']}/file"))
        assert again["status"] == "FAILED" and again["patient_id"] is None


@pytest.mark.parametrize("inside", ["\t", "\0", "\n", "\x7f"])
def test_a_number_with_a_control_character(doctor, inside):
    number = unique("D")
    plain = doctor.upload(dicom(PatientID=number + " 1"), "a.dcm")
    content = dicom(PatientID=number + inside + "1")
    is_kept_unfiled(
        doctor,
        doctor.upload(content, "b.dcm"),
        content,
        "Patient ID (0010,0020) has a control character (PS3.5 6.2, LO)",
    )
    assert ok(doctor.get(f"/image-files/patient/{plain['patient_id']}"))["total"] == 1


def test_bytes_that_are_no_text(doctor):
    """Of different bytes would come the same sign for what cannot be read."""
    number = unique("D").encode()
    for charset, wrong in (("ISO_IR 192", b"\xff"), ("ISO_IR 192", b"\xfe"), ("", b"\xff")):
        content = dicom(SpecificCharacterSet=charset, PatientID=number + wrong + b"1", PatientName="A")
        is_kept_unfiled(
            doctor,
            doctor.upload(content, "a.dcm"),
            content,
            "Patient ID (0010,0020) has bytes that are no text in the file's character set (0008,0005)",
        )


def test_padding_is_no_part_of_a_number(doctor):
    """PS3.5 6.2: of LO, spaces before and after it do not count; what programs pad it with instead does not either."""
    number = unique("D")
    patients = {
        doctor.upload(dicom(PatientID=p), "a.dcm")["patient_id"]
        for p in (number, " " + number, number + "\0\0", number + "\r\n")
    }
    assert len(patients) == 1 and None not in patients


def test_a_stated_patient_is_not_the_one_of_a_number_that_is_none(doctor):
    """The file is kept where its sender said, and filed nowhere."""
    patient = doctor.patient()
    file = doctor.upload(dicom(PatientID="H" * 65), "a.dcm", patient_id=patient["id"])
    assert (file["status"], file["patient_id"], file["study_id"]) == ("FAILED", patient["id"], None)


# ---- sent again after its study was moved ----


@pytest.fixture
def moved(admin, doctor):
    """A film of a wrong patient, whose study an administrator has moved to the right one."""
    content = dicom(StudyInstanceUID=uid())
    file = doctor.upload(content, "a.dcm")
    right = admin.patient()
    ok(admin.patch(f"/studies/{file['study_id']}", json={"patient_id": right["id"]}))
    return content, file, right


def files_of(api, patient):
    return [f["id"] for f in ok(api.get(f"/image-files/patient/{patient}"))["items"]]


def is_there_already(answer, file, right):
    assert (answer["id"], answer["already_stored"], answer["status"]) == (file["id"], True, "UPLOADED")
    assert answer["patient_id"] == right["id"]


def test_a_film_of_a_moved_study_sent_again(admin, doctor, moved):
    content, file, right = moved
    before = ok(admin.get(f"/studies/{file['study_id']}"))
    is_there_already(doctor.upload(content, "b.dcm"), file, right)
    batch = ok(doctor.post("/upload/batch", files=[("file", ("c.dcm", content))]), 207)
    is_there_already(batch["items"][0]["image_file"], file, right)
    assert files_of(doctor, file["patient_id"]) == [] and files_of(doctor, right["id"]) == [file["id"]]
    assert ok(admin.get(f"/studies/{file['study_id']}")) == before, "nothing was said anew: nothing is marked"


def test_a_moved_film_sent_again_in_chunks(doctor, moved):
    """The row of the upload was there before its bytes: it lies beside the film, where that is now."""
    content, file, right = moved
    body = {"filename": "d.dcm", "file_size": len(content), "total_chunks": 1, "chunk_size": len(content)}
    upload = ok(doctor.post("/upload/chunked", json=body), 201)
    path = f"/upload/chunked/{upload['upload_id']}"
    octets = {"Content-Type": "application/octet-stream"}
    ok(doctor.put(f"{path}/chunks/0", content=content, headers=octets))
    copy = ok(doctor.post(f"{path}/complete"), 201)
    assert (copy["status"], copy["duplicate_of"]) == ("UPLOADED", file["id"])
    assert (copy["patient_id"], copy["study_id"]) == (right["id"], file["study_id"])
    assert files_of(doctor, file["patient_id"]) == []


def test_the_wrong_patient_has_gone_or_changed(admin, doctor, moved):
    content, file, right = moved
    ok(admin.delete(f"/patients/{file['patient_id']}"), 204)
    is_there_already(doctor.upload(content, "b.dcm"), file, right)
    theirs = dicom(StudyInstanceUID=uid())
    film = doctor.upload(theirs, "c.dcm")
    ok(admin.patch(f"/patients/{film['patient_id']}", json={"patient_id": unique("N")}))
    is_there_already(doctor.upload(theirs, "d.dcm"), film, {"id": film["patient_id"]})


def test_a_study_of_the_wrong_patient_has_that_uid(admin, doctor, colleague, moved):
    """What others sent of the wrong patient under this UID is no place for a film that is there."""
    content, file, right = moved
    wrong = ok(admin.get(f"/patients/{file['patient_id']}"))
    study = ok(admin.get(f"/studies/{file['study_id']}"))
    theirs = colleague.upload(dicom(StudyInstanceUID=study["study_uid"], PatientID=wrong["patient_id"]), "b.dcm")
    assert theirs["status"] == "UPLOADED" and theirs["study_id"] != file["study_id"]
    is_there_already(doctor.upload(content, "c.dcm"), file, right)


def test_other_films_of_a_moved_study_wait(doctor, colleague, moved):
    """Nobody has said whose they are; who does not see the moved study gets one of their own."""
    content, file, right = moved
    study = ok(doctor.get(f"/studies/{file['study_id']}"))
    number = ok(doctor.get(f"/patients/{file['patient_id']}"))["patient_id"]
    new = doctor.upload(dicom(StudyInstanceUID=study["study_uid"], PatientID=number), "b.dcm")
    assert (new["status"], new["patient_id"], new["study_id"]) == ("FAILED", file["patient_id"], None)
    assert ok(doctor.get(f"/studies/{file['study_id']}"))["conflict"] == ["patient_id"]
    hidden = colleague.upload(content, "c.dcm")
    assert hidden["status"] == "UPLOADED" and hidden["study_id"] != file["study_id"]
    assert not hidden.get("already_stored") and hidden["patient_id"] == file["patient_id"]


# ---- a number is given once ----


def detail(answer):
    return problem(answer, 409)["detail"]


@pytest.fixture
def merged(admin):
    """A patient who was merged into another, and that one."""
    gone, stays = admin.patient(), admin.patient()
    ok(admin.post(f"/patients/{stays['id']}/merge", json={"source_id": gone["id"]}))
    return gone, stays


def test_the_number_of_a_merged_patient(admin, doctor, merged):
    """Its films come for years: whoever had it anew would catch them."""
    gone, stays = merged
    why = (
        f"the patient with this number (patient_id) was merged into patient {stays['id']}, where films with it go: "
        "it is not given again"
    )
    assert detail(doctor.post("/patients", json={"patient_id": gone["patient_id"], "name": "B"})) == why
    other = doctor.patient()
    path = f"/patients/{other['id']}"
    assert detail(admin.patch(path, json={"patient_id": gone["patient_id"]})) == why
    assert detail(admin.put(path, json={"patient_id": gone["patient_id"], "name": "B", "gender": "OTHER"})) == why
    assert doctor.upload(dicom(PatientID=gone["patient_id"]), "a.dcm")["patient_id"] == stays["id"]
    # Of another issuer it is another number; and whom it leads to may have it.
    doctor.patient(patient_id=gone["patient_id"], issuer_of_patient_id="OTHER")
    ok(admin.patch(f"/patients/{stays['id']}", json={"patient_id": gone["patient_id"]}))
    assert doctor.upload(dicom(PatientID=gone["patient_id"]), "b.dcm")["patient_id"] == stays["id"]


def test_a_merge_that_was_a_mistake(server, admin, doctor, merged):
    """The record comes back with its number; what is whose is for people to say."""
    gone, stays = merged
    film = doctor.upload(dicom(PatientID=gone["patient_id"]), "a.dcm")
    back = ok(admin.post(f"/patients/{gone['id']}/restore"))
    assert (back["id"], back["patient_id"], back["image_count"]) == (gone["id"], gone["patient_id"], 0)
    assert doctor.file(film["id"])["patient_id"] == stays["id"]
    assert doctor.upload(dicom(PatientID=gone["patient_id"]), "b.dcm")["patient_id"] == gone["id"]
    ok(admin.patch(f"/studies/{film['study_id']}", json={"patient_id": gone["id"]}))
    assert doctor.file(film["id"])["patient_id"] == gone["id"]
    assert ok(admin.get(f"/patients/{gone['id']}"))["image_count"] == 2
    problem(admin.post(f"/patients/{gone['id']}/restore"), 404)
    assert server.database.rows(f"select merged_into from patients where id = {gone['id']}") == [(None,)]


def test_whose_the_number_of_a_merged_patient_is_when_that_one_has_gone(admin, doctor, merged):
    gone, stays = merged
    ok(admin.delete(f"/patients/{stays['id']}"), 204)
    anew = doctor.patient(patient_id=gone["patient_id"])
    assert doctor.upload(dicom(PatientID=gone["patient_id"]), "a.dcm")["patient_id"] == anew["id"]
    assert detail(admin.post(f"/patients/{gone['id']}/restore")) == f"patient {anew['id']} has this number (patient_id)"


@pytest.mark.parametrize(
    "member, words", [("patient_id", "this number (patient_id)"), ("id_card", "this identity card (id_card)")]
)
def test_a_number_that_is_anothers(admin, doctor, member, words):
    mine = doctor.patient(id_card=unique("11"))
    why = f"patient {mine['id']} has {words}"
    asked = {"patient_id": unique("P"), "name": "B", member: mine[member]}
    assert detail(doctor.post("/patients", json=asked)) == why
    other = admin.patient()
    assert detail(admin.patch(f"/patients/{other['id']}", json={member: mine[member]})) == why
    ok(admin.patch(f"/patients/{mine['id']}", json={member: mine[member]}))
    ok(admin.delete(f"/patients/{mine['id']}"), 204)
    anew = doctor.patient(**{member: mine[member]})
    assert detail(admin.post(f"/patients/{mine['id']}/restore")) == f"patient {anew['id']} has {words}"


def test_a_study_that_was_filed_anew(admin, doctor):
    content = dicom()
    first = doctor.upload(content, "a.dcm")
    ok(admin.delete(f"/studies/{first['study_id']}"), 204)
    second = doctor.upload(content, "b.dcm")
    why = (
        f"the Study Instance UID of study {first['study_id']} has been filed anew since, "
        f"as study {second['study_id']}: that has to be deleted first"
    )
    path = f"/studies/{first['study_id']}/restore"
    assert detail(admin.post(path)) == why
    ok(admin.delete(f"/studies/{second['study_id']}"), 204)
    ok(admin.post(path))
    # So of a patient, who is free to come back, but for the study.
    ok(admin.delete(f"/patients/{first['patient_id']}"), 204)
    third = doctor.upload(content, "c.dcm")
    number = ok(admin.get(f"/patients/{third['patient_id']}"))["patient_id"]
    assert detail(admin.post(f"/patients/{first['patient_id']}/restore")) == (
        f"patient {third['patient_id']} has this number (patient_id)"
    )
    ok(admin.patch(f"/patients/{third['patient_id']}", json={"patient_id": number + "x"}))
    assert detail(admin.post(f"/patients/{first['patient_id']}/restore")) == why.replace(
        f"as study {second['study_id']}", f"as study {third['study_id']}"
    )
    assert ok(admin.get(f"/studies/{third['study_id']}"))["number_of_instances"] == 1


# ---- days and times ----


def test_a_birth_in_the_future(doctor):
    """The API refuses it; a film of such a header is filed, and says so."""
    number = unique("D")
    file = doctor.upload(dicom(PatientID=number, PatientBirthDate="29991231"), "a.dcm")
    assert file["remarks"] == ["Patient's Birth Date (0010,0030) is in the future: it is not taken over"]
    patient = ok(doctor.get(f"/patients/{file['patient_id']}"))
    assert (patient["birth_date"], patient["age"]) == (None, None)
    # It stands against nothing that is known either.
    known = doctor.patient(name="王小东", name_en="Wang XiaoDong", gender="MALE", birth_date="1970-01-31")
    film = doctor.upload(dicom(PatientID=known["patient_id"], PatientBirthDate="29991231"), "b.dcm")
    assert film["conflict"] is None and ok(doctor.get(f"/patients/{known['id']}"))["birth_date"] == "1970-01-31"


def test_an_age_is_never_below_zero(server, doctor):
    """Of a record from before."""
    patient = doctor.patient()
    server.database.rows(f"update patients set birth_date = '2999-12-31' where id = {patient['id']}")
    assert ok(doctor.get(f"/patients/{patient['id']}"))["age"] is None


@pytest.mark.parametrize(
    "said, told",
    [("235960", "23:59:60"), ("105960.5", "10:59:60.500000"), ("235959.999999", "23:59:59.999999"), ("235961", None)],
)
def test_a_leap_second(doctor, said, told):
    """PS3.5 6.2, TM: 60 only for a leap second."""
    file = doctor.upload(dicom(StudyTime=said), "a.dcm")
    assert ok(doctor.get(f"/studies/{file['study_id']}"))["study_time"] == told


@pytest.mark.parametrize("member", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_uid_with_a_sign_is_none(doctor, member):
    """Without it, it would be another's."""
    file = doctor.upload(dicom(**{member: "+" + uid()}), "a.dcm")
    assert file["status"] == "FAILED" and "is no legal UID" in file["status_reason"]
