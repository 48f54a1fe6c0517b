"""A DICOM file that is uploaded files itself under patient, study and series; every value in the database is the one in
the file."""

import threading
from pathlib import Path

import pytest

from support import EXPECTED, Server, dicom, ok, png, problem, sample, stored, uid, unique, wait_until, zipped


def study_of(api, file):
    return ok(api.get(f"/studies/{file['study_id']}"))


def patient_of(api, file):
    return ok(api.get(f"/patients/{file['patient_id']}"))


# ---- every value ----

VALUES = {
    "SOPInstanceUID": "sop_instance_uid",
    "SOPClassUID": "sop_class_uid",
    "TransferSyntaxUID": "transfer_syntax_uid",
    "Modality": "modality",
    "Rows": "pixel_rows",
    "Columns": "pixel_columns",
    "NumberOfFrames": "number_of_frames",
    "BodyPartExamined": "body_part",
}
GENDERS = {"M": "MALE", "F": "FEMALE", "O": "OTHER"}


def is_fileable(entry):
    tags = entry.get("tags", {})
    return all(
        "." in str(tags.get(k, "")) for k in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID")
    )


@pytest.fixture(scope="module")
def filed(tmp_path_factory):
    """A server that got every sample file; the answers by name."""
    server = Server(tmp_path_factory.mktemp("filed"), SAME_INSTANCE="keep")
    server.init().start()
    admin = server.admin()
    names = sorted(EXPECTED)
    answers = {}
    for name in names:
        answer = admin.post("/upload/single", files={"file": (Path(name).name, sample(name))})
        answers[name] = answer
    yield server, admin, answers
    server.close()


def test_all_samples_are_kept(filed):
    _, _, answers = filed
    refused = {n: a.text for n, a in answers.items() if a.status_code != 201}
    # neither a preamble nor a first element that DICOM begins with: by content these are not DICOM
    assert set(refused) <= {
        "dicom/bad/no_preamble_dicm_in_data",
        "dicom/bad/no_meta_stray_byte.dcm",
        "dicom/bad/meta_missing_tsyntax.dcm",
    }, refused


@pytest.mark.parametrize("name", sorted(n for n, e in EXPECTED.items() if is_fileable(e) and "/bad/" not in n))
def test_every_value_is_the_files(filed, name):
    server, admin, answers = filed
    tags = EXPECTED[name]["tags"]
    file = ok(answers[name], 201)
    if file["status_reason"] and "another" in file["status_reason"]:
        return  # other samples with the same UIDs, or another patient's: looked at elsewhere
    assert file["study_id"] and file["series_id"], file["status_reason"]
    for keyword, member in VALUES.items():
        value = tags.get(keyword)
        expected = value if value != "" else None
        if keyword == "TransferSyntaxUID" and expected is None:
            continue  # guessed
        assert str(file[member]) == str(expected), (keyword, file[member], expected)
    study = study_of(admin, file)
    assert study["study_uid"] == tags["StudyInstanceUID"]
    date = tags.get("StudyDate", "")
    if len(date) == 8:
        assert study["study_date"] == file["study_date"] == f"{date[:4]}-{date[4:6]}-{date[6:]}"
    series = [
        s
        for s in ok(admin.get(f"/studies/{study['id']}/series?page_size=100"))["items"]
        if s["id"] == file["series_id"]
    ]
    assert len(series) == 1 and series[0]["series_uid"] == tags["SeriesInstanceUID"]
    patient = patient_of(admin, file)
    if tags.get("PatientID"):
        assert (
            patient["patient_id"] == tags["PatientID"].split("\\")[0].strip()
            or patient["patient_id"] == tags["PatientID"]
        )
    else:
        assert patient["is_unidentified"] and patient["patient_id"].startswith("NOID-")
    if tags.get("PatientSex") and "gender" not in (patient["conflict"] or []):
        assert patient["gender"] == GENDERS.get(tags["PatientSex"], "UNKNOWN")


def test_counts_are_those_of_the_rows(filed):
    server, _, _ = filed
    rows = server.database.rows
    assert (
        rows(
            "select s.id from studies s where s.number_of_instances <> (select count(*) from image_files f "
            "where f.study_id = s.id "
            "and f.is_instance = 1 and f.deleted_at is null) or s.number_of_series <> (select count(distinct "
            "f.series_id) from image_files f "
            "where f.study_id = s.id and f.is_instance = 1 and f.deleted_at is null) "
            "or s.size_bytes <> (select coalesce(sum(f.file_size), 0) "
            "from image_files f where f.study_id = s.id and f.is_instance = 1 and f.deleted_at is null)"
        )
        == []
    )
    assert (
        rows(
            "select x.id from series x where x.number_of_instances <> (select count(*) from image_files f "
            "where f.series_id = x.id "
            "and f.is_instance = 1 and f.deleted_at is null)"
        )
        == []
    )


def test_what_has_no_place_says_why(filed):
    _, _, answers = filed
    for name, entry in EXPECTED.items():
        if is_fileable(entry) or answers[name].status_code != 201 or "DICOMDIR" in name:
            continue
        file = answers[name].json()
        assert file["status"] == "FAILED" and file["study_id"] is None, name
        assert "byte" in file["status_reason"], (name, file["status_reason"])
    file = answers["dicom/UN_sequence.dcm"].json()
    assert "SOP Instance UID (0008,0018) is missing" in file["status_reason"]


def test_a_directory_is_kept_without_a_study(filed):
    _, _, answers = filed
    file = ok(answers["dicom/dicomdir/DICOMDIR"], 201)
    assert (file["status"], file["study_id"], file["patient_id"]) == ("UPLOADED", None, None)


# ---- names ----


@pytest.mark.parametrize(
    "pn, name, name_en",
    [
        ("Wang^XiaoDong=王^小东", "王小东", "Wang XiaoDong"),
        ("张^三", "张三", None),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎", "Yamada Tarou"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "洪吉洞", "Hong Gildong"),
        ("Doe^John^Paul^Dr^Jr", "Doe John Paul Dr Jr", "Doe John Paul Dr Jr"),
        ("Buc^Jérôme", "Buc Jérôme", "Buc Jérôme"),
        ("", "Unnamed", None),
        ("^^^^", "Unnamed", None),
    ],
)
def test_names_as_people_read_them(admin, pn, name, name_en):
    patient = patient_of(admin, admin.upload(dicom(PatientName=pn), "x.dcm"))
    assert (patient["name"], patient["name_en"]) == (name, name_en)
    assert (patient["gender"], patient["birth_date"], patient["is_unidentified"]) == ("MALE", "1970-01-31", False)


@pytest.mark.parametrize(
    "name", sorted(n for n, e in EXPECTED.items() if n.startswith("dicom/charsets/") and is_fileable(e))
)
def test_names_of_other_character_sets(filed, name):
    """The name as independent readers have it, in the words of filing.h."""
    _, admin, answers = filed
    groups = [g.replace("^", " ").split() for g in EXPECTED[name]["tags"]["PatientName"].split("=")]
    east_asian = [g for g in groups[1:] if g] or (
        [groups[0]] if any(ord(c) > 0x1100 for w in groups[0] for c in w) else []
    )
    patient = patient_of(admin, ok(answers[name], 201))
    if patient["conflict"]:
        assert patient["conflict"] == ["name"]
        return
    assert patient["name"] == ("".join(east_asian[0]) if east_asian else " ".join(groups[0]))


# ---- the same again ----


def test_the_same_bytes_again_are_the_same_instance(server, doctor):
    content = dicom()
    first = doctor.upload(content, "a.dcm")
    before = stored(server)
    again = doctor.upload(content, "b.dcm")
    assert again["id"] == first["id"] and again["already_stored"] and again["duplicate_of"] is None
    assert stored(server) == before
    study = study_of(doctor, first)
    assert (study["number_of_instances"], study["number_of_series"], study["size_bytes"]) == (1, 1, len(content))
    assert ok(doctor.get("/image-files/my-images"))["total"] == 1


def test_other_bytes_of_the_same_instance_are_refused(server, doctor):
    uids = {"SOPInstanceUID": uid(), "StudyInstanceUID": uid(), "SeriesInstanceUID": uid(), "PatientID": unique("D")}
    first = doctor.upload(dicom(**uids), "a.dcm")
    before = stored(server)
    body = doctor.upload(dicom(pixels=b"\5\6\7\x08", **uids), "b.dcm", expect=409)
    assert "(0008,0018)" in body["detail"]
    assert stored(server) == before and study_of(doctor, first)["number_of_instances"] == 1


def test_other_bytes_are_kept_beside_it_by_policy(new_server):
    server = new_server(SAME_INSTANCE="keep")
    admin = server.admin()
    uids = {"SOPInstanceUID": uid(), "StudyInstanceUID": uid(), "SeriesInstanceUID": uid(), "PatientID": unique("D")}
    first, second = admin.upload(dicom(**uids), "a.dcm"), admin.upload(dicom(pixels=b"\5\6\7\x08", **uids), "b.dcm")
    assert (
        second["id"] != first["id"] and second["study_id"] == first["study_id"] and "beside" in second["status_reason"]
    )
    assert study_of(admin, first)["number_of_instances"] == 1
    listed = ok(admin.get(f"/series/{first['series_id']}/instances"))
    assert (listed["total"], [f["id"] for f in listed["items"]]) == (1, [first["id"]])
    assert admin.get(f"/image-files/{second['id']}/download").content == dicom(pixels=b"\5\6\7\x08", **uids)


def test_what_others_keep_does_not_show_through(server, doctor, colleague):
    content = dicom()
    theirs, mine = colleague.upload(content, "a.dcm"), doctor.upload(content, "a.dcm")
    assert mine["id"] != theirs["id"] and mine["duplicate_of"] is None and mine["status"] == "UPLOADED"
    assert [study_of(api, mine)["number_of_instances"] for api in (doctor, colleague)] == [1, 1]
    problem(doctor.get(f"/image-files/{theirs['id']}"), 404)
    assert doctor.get(f"/image-files/{mine['id']}/download").content == content


def test_a_deleted_instance_may_come_again(doctor):
    content = dicom()
    first = doctor.upload(content, "a.dcm")
    ok(doctor.delete(f"/image-files/{first['id']}"), 204)
    assert study_of(doctor, first)["number_of_instances"] == 0
    second = doctor.upload(content, "a.dcm")
    assert second["id"] != first["id"] and second["study_id"] == first["study_id"]
    assert study_of(doctor, first)["number_of_instances"] == 1
    problem(doctor.post(f"/image-files/{first['id']}/restore"), 409)
    assert study_of(doctor, first)["number_of_instances"] == 1


# ---- patients ----


def test_a_patient_is_found_by_number_and_issuer(server, admin):
    number = unique("N")
    known = admin.patient(patient_id=number, name="王小东", gender="MALE", birth_date="1970-01-31")
    ours = admin.upload(dicom(PatientID=number), "a.dcm")
    theirs = admin.upload(dicom(PatientID=number, IssuerOfPatientID="OTHER"), "b.dcm")
    again = admin.upload(dicom(PatientID=number, IssuerOfPatientID="OTHER"), "c.dcm")
    assert ours["patient_id"] == known["id"] and ours["conflict"] is None
    assert theirs["patient_id"] != known["id"] and again["patient_id"] == theirs["patient_id"]
    assert patient_of(admin, theirs)["issuer_of_patient_id"] == "OTHER"
    problem(admin.post("/patients", json={"patient_id": number, "name": "x"}), 409)


def test_our_own_issuer_means_our_numbers(new_server):
    admin = new_server(PATIENT_ID_ISSUER="HOME").admin()
    known = admin.patient()
    file = admin.upload(dicom(PatientID=known["patient_id"], IssuerOfPatientID="HOME"), "a.dcm")
    assert file["patient_id"] == known["id"]


@pytest.mark.parametrize(
    "values, members",
    [
        ({"PatientName": "Somebody^Else"}, ["name"]),
        ({"PatientSex": "F"}, ["gender"]),
        ({"PatientBirthDate": "19800101"}, ["birth_date"]),
        ({"PatientName": "李^四", "PatientBirthDate": "19800101"}, ["name", "birth_date"]),
        ({"PatientName": "WANG^XIAODONG", "PatientSex": None, "PatientBirthDate": None}, None),
        ({"PatientName": None}, None),
    ],
)
def test_what_differs_is_said_and_nothing_overwritten(admin, values, members):
    known = admin.patient(name="王小东", name_en="Wang Xiaodong", gender="MALE", birth_date="1970-01-31")
    file = admin.upload(dicom(PatientID=known["patient_id"], **values), "a.dcm")
    after = patient_of(admin, file)
    assert after["id"] == known["id"] and after["conflict"] == members
    assert {k: after[k] for k in ("name", "name_en", "gender", "birth_date")} == {
        k: known[k] for k in ("name", "name_en", "gender", "birth_date")
    }
    rows = ok(admin.get("/system/audit-logs", params={"patient_id": known["id"]}))["items"]
    assert any(r["action"] == "patient.conflict" for r in rows) is bool(members)
    for member in members or []:
        assert member in file["conflict"]
    if not members:
        assert file["conflict"] is None
        return
    assert [p["id"] for p in ok(admin.get("/patients?has_conflict=true&page_size=100"))["items"]].count(
        known["id"]
    ) == 1
    ok(admin.delete(f"/patients/{known['id']}/conflict"), 204)
    assert patient_of(admin, file)["conflict"] is None


def test_a_file_without_number_gets_a_patient_of_its_own(admin):
    study = uid()
    a = admin.upload(dicom(PatientID=None, StudyInstanceUID=study), "a.dcm")
    b = admin.upload(dicom(PatientID="", StudyInstanceUID=study), "b.dcm")
    other = admin.upload(dicom(PatientID=None), "c.dcm")
    assert a["patient_id"] == b["patient_id"] != other["patient_id"]
    assert patient_of(admin, a)["is_unidentified"] is True
    # Who it is turns out: later files of the study follow.
    known = admin.patient(name="王小东", gender="MALE", birth_date="1970-01-31")
    ok(admin.post(f"/patients/{known['id']}/merge", json={"source_id": a["patient_id"]}))
    c = admin.upload(dicom(PatientID=None, StudyInstanceUID=study), "d.dcm")
    assert c["patient_id"] == known["id"] and study_of(admin, c)["patient_id"] == known["id"]
    assert patient_of(admin, c)["image_count"] == 3


def test_the_number_of_a_merged_patient_leads_on(admin):
    a = admin.upload(dicom(), "a.dcm")
    number = patient_of(admin, a)["patient_id"]
    known = admin.patient(name="王小东", gender="MALE", birth_date="1970-01-31")
    ok(admin.post(f"/patients/{known['id']}/merge", json={"source_id": a["patient_id"]}))
    assert admin.upload(dicom(PatientID=number), "b.dcm")["patient_id"] == known["id"]
    assert admin.upload(dicom(PatientID=number), "c.dcm", patient_id=known["id"])["patient_id"] == known["id"]


def test_a_stated_patient_must_be_the_files(server, admin):
    known, before = admin.patient(), stored(server)
    body = admin.upload(dicom(), "a.dcm", expect=409, patient_id=known["id"])
    assert "(0010,0020)" in body["detail"]
    admin.upload(dicom(), "a.dcm", expect=422, patient_id=987654321)
    assert stored(server) == before
    assert (
        admin.upload(dicom(PatientID=known["patient_id"]), "a.dcm", patient_id=known["id"])["patient_id"] == known["id"]
    )
    assert admin.upload(dicom(PatientID=None), "b.dcm", patient_id=known["id"])["patient_id"] == known["id"]


def test_a_study_stays_with_its_patient(admin):
    study = uid()
    first = admin.upload(dicom(StudyInstanceUID=study), "a.dcm")
    content = dicom(StudyInstanceUID=study)
    second = admin.upload(content, "b.dcm")
    assert second["status"] == "FAILED" and second["study_id"] is None and "(0020,000D)" in second["status_reason"]
    assert admin.get(f"/image-files/{second['id']}/download").content == content
    after = study_of(admin, first)
    assert after["patient_id"] == first["patient_id"] and after["conflict"] == ["patient_id"]
    assert after["number_of_instances"] == 1
    listed = ok(admin.get("/studies?has_conflict=true&page_size=100"))["items"]
    assert after["id"] in [s["id"] for s in listed]
    ok(admin.delete(f"/studies/{after['id']}/conflict"), 204)
    assert study_of(admin, first)["conflict"] is None


def test_a_settled_conflict_lets_a_file_be_filed(admin, doctor):
    study = uid()
    first = admin.upload(dicom(StudyInstanceUID=study), "a.dcm")
    second = admin.upload(dicom(StudyInstanceUID=study), "b.dcm")
    path = f"/image-files/{second['id']}/file"
    still = ok(admin.post(path))
    assert still["status"] == "FAILED" and still["study_id"] is None
    problem(doctor.post(path), 404)
    other = admin.patient(patient_id=unique("P"))
    ok(admin.patch(f"/studies/{first['study_id']}", json={"patient_id": other["id"]}))
    assert ok(admin.post(path))["status"] == "FAILED"
    # Both numbers are one person's.
    number = admin.upload(dicom(PatientID=unique("D")), "c.dcm")
    content = dicom(StudyInstanceUID=study, PatientID=patient_of(admin, number)["patient_id"])
    third = admin.upload(content, "d.dcm")
    assert third["status"] == "FAILED" and third["patient_id"] == number["patient_id"]
    ok(admin.post(f"/patients/{other['id']}/merge", json={"source_id": number["patient_id"]}))
    filed = ok(admin.post(f"/image-files/{third['id']}/file"))
    assert (filed["status"], filed["study_id"], filed["patient_id"]) == ("UPLOADED", first["study_id"], other["id"])
    assert filed["status_reason"] is None and study_of(admin, first)["number_of_instances"] == 2
    assert ok(admin.post(f"/image-files/{third['id']}/file")) == filed
    problem(admin.post(f"/image-files/{admin.upload(png())['id']}/file"), 409)


# ---- illegal, damaged ----


@pytest.mark.parametrize(
    "values, words",
    [
        ({"SOPInstanceUID": None}, "SOP Instance UID (0008,0018) is missing"),
        ({"SOPInstanceUID": ""}, "SOP Instance UID (0008,0018) at byte"),
        ({"SOPInstanceUID": "1.2.3\\1.2.4"}, "SOP Instance UID (0008,0018) at byte"),
        ({"StudyInstanceUID": "not.a.uid"}, "Study Instance UID (0020,000D) at byte"),
        ({"StudyInstanceUID": "1..2"}, "Study Instance UID (0020,000D) at byte"),
        ({"SeriesInstanceUID": "1.2." + "3" * 70}, "Series Instance UID (0020,000E) at byte"),
        ({"SOPClassUID": None}, "SOP Class UID (0008,0016) is missing"),
    ],
)
def test_without_legal_uids_the_bytes_are_kept(admin, values, words):
    content = dicom(**values)
    file = admin.upload(content, "a.dcm")
    assert file["status"] == "FAILED" and words in file["status_reason"] and "byte" in file["status_reason"]
    assert (file["study_id"], file["series_id"], file["patient_id"]) == (None, None, None)
    assert admin.get(f"/image-files/{file['id']}/download").content == content


def test_a_damaged_header_is_a_reason(admin):
    whole = dicom()
    cut = whole[: whole.index(b"2.25.", 200) + 3]
    file = admin.upload(cut, "a.dcm")
    assert file["status"] == "FAILED" and file["status_reason"] and file["study_id"] is None
    assert admin.get(f"/image-files/{file['id']}/download").content == cut


# PS3.10 7.1 leaves the first 128 bytes to anybody: programs, archives and pages fit in.
PROGRAMS = [
    b"MZ\x90\0",
    b"\x7fELF",
    b"PK\3\4",
    b"<html><script>alert(1)</script>",
    b"%PDF-1.7",
    b"#!/bin/sh\nrm -rf /\n",
]
OTHERS = [b"II*\0\x90\1\0\0", b"GIF89a", b"\0", b"alert(1);//"]


def as_download_only(api, file, content, media_type=None):
    answer = api.get(f"/image-files/{file['id']}/download")
    assert answer.content == content
    unknown = "application/octet-stream" if file["file_type"] == "OTHER" else file["mime_type"]
    assert answer.headers["content-type"] == (media_type or unknown)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("magic", PROGRAMS)
def test_programs_that_are_dicom_as_well_are_refused(admin, magic):
    admin.upload(dicom(preamble=magic.ljust(128, b"\0")), "a.dcm", expect=415)


@pytest.mark.parametrize("magic", OTHERS)
def test_what_hides_in_the_preamble_is_never_run(admin, magic):
    """The bytes stay as they were; browsers are told not to look."""
    content = dicom(preamble=magic.ljust(128, b"\0"))
    file = admin.upload(content, "a.html")
    assert file["file_type"] == "DICOM" and file["status"] == "UPLOADED" and file["study_id"]
    as_download_only(admin, file, content, "application/dicom")


def test_where_others_are_taken_programs_are_downloads_and_no_instances(new_server):
    admin = new_server(ALLOW_OTHER="true").admin()
    for magic in PROGRAMS:
        content = dicom(preamble=magic.ljust(128, b"\0"))
        file = admin.upload(content, "a.html")
        assert file["file_type"] == "OTHER" and file["study_id"] is None
        as_download_only(admin, file, content)


# ---- other ways in ----


def test_a_zip_of_a_series(admin):
    study, series, patient = uid(), uid(), unique("D")
    files = [
        dicom(StudyInstanceUID=study, SeriesInstanceUID=series, PatientID=patient, InstanceNumber=i) for i in (3, 1, 2)
    ]
    body = ok(
        admin.post("/upload/batch", files={"file": ("s.zip", zipped([(f"{i}.dcm", f) for i, f in enumerate(files)]))}),
        207,
    )
    assert body["succeeded"] == 3
    file = body["items"][0]["image_file"]
    listed = ok(admin.get(f"/series/{file['series_id']}/instances"))
    assert [f["instance_number"] for f in listed["items"]] == [1, 2, 3] and listed["total"] == 3
    rows = ok(admin.get("/system/audit-logs", params={"patient_id": file["patient_id"]}))["items"]
    assert sum(r["entity"] == "image_file" for r in rows) >= 3


def chunked(api, content):
    begun = ok(api.post("/upload/chunked", json={"filename": "a.dcm", "file_size": len(content)}), 201)
    ok(api.put(f"/upload/chunked/{begun['upload_id']}/chunks/0", content=content))
    return ok(api.post(f"/upload/chunked/{begun['upload_id']}/complete"), 201)


def test_a_chunked_upload_is_filed(admin):
    content = dicom()
    file = chunked(admin, content)
    assert file["status"] == "UPLOADED" and file["modality"] == "OT" and file["study_date"] == "2024-02-29"
    assert study_of(admin, file)["number_of_instances"] == 1
    again = chunked(admin, content)
    assert again["id"] != file["id"] and again["duplicate_of"] == file["id"]
    assert study_of(admin, file)["number_of_instances"] == 1
    broken = chunked(admin, dicom(SOPInstanceUID=None))
    assert broken["status"] == "FAILED" and "(0008,0018)" in broken["status_reason"]


def test_a_stated_patient_of_a_chunked_upload_must_be_the_files(admin):
    content, known = dicom(), admin.patient()
    begun = ok(
        admin.post("/upload/chunked", json={"filename": "a.dcm", "file_size": len(content), "patient_id": known["id"]}),
        201,
    )
    ok(admin.put(f"/upload/chunked/{begun['upload_id']}/chunks/0", content=content))
    problem(admin.post(f"/upload/chunked/{begun['upload_id']}/complete"), 409)


# ---- at once ----


def at_once(count, work):
    barrier, answers, threads = threading.Barrier(count), [None] * count, []

    def one(i):
        barrier.wait()
        answers[i] = work(i)

    for i in range(count):
        threads.append(threading.Thread(target=one, args=(i,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return answers


def test_eight_uploads_of_one_series_make_one_series(server, admin):
    study, series, patient = uid(), uid(), unique("D")
    files = [
        dicom(
            StudyInstanceUID=study, SeriesInstanceUID=series, PatientID=patient, InstanceNumber=i, SOPInstanceUID=uid()
        )
        for i in range(24)
    ]
    clients = [server.client(admin.token) for _ in range(8)]

    def send(i):
        return [
            clients[i].post("/upload/single", files={"file": ("a.dcm", f)}) for f in files[i * 3 :] + files[: i * 3]
        ]

    answers = [a for some in at_once(8, send) for a in some]
    assert {a.status_code for a in answers} == {201}, [a.text for a in answers if a.status_code != 201]
    rows = [a.json() for a in answers]
    assert len({r["id"] for r in rows}) == 24
    assert {len({r[k] for r in rows}) for k in ("patient_id", "study_id", "series_id")} == {1}
    study = study_of(admin, rows[0])
    assert (study["number_of_series"], study["number_of_instances"]) == (1, 24)
    assert study["size_bytes"] == sum(len(f) for f in files) and study["modalities"] == ["OT"]
    assert server.database.rows(f"select count(*) from studies where study_uid = '{study['study_uid']}'")[0][0] == 1


def test_different_bytes_at_once_leave_one_instance(server, admin):
    uids = {"SOPInstanceUID": uid(), "StudyInstanceUID": uid(), "SeriesInstanceUID": uid(), "PatientID": unique("D")}
    clients = [server.client(admin.token) for _ in range(8)]
    before = set(stored(server))
    answers = at_once(
        8,
        lambda i: clients[i].post(
            "/upload/single", files={"file": ("a.dcm", dicom(pixels=bytes([i, 1, 2, 3]), **uids))}
        ),
    )
    assert sorted(a.status_code for a in answers) == [201] + [409] * 7, [a.text for a in answers]
    wait_until(lambda: len(set(stored(server)) - before) == 1, "one file of it all")


def test_pictures_are_as_before(admin):
    file = admin.upload(png())
    assert file["study_id"] is None and file["sop_instance_uid"] is None and file["conflict"] is None


def test_a_file_without_a_patient_is_filed_again_and_says_why_not(doctor):
    file = doctor.upload(sample("dicom/no_meta_group_length.dcm"))
    again = ok(doctor.post(f"/image-files/{file['id']}/file"))
    assert again["status"] == "FAILED" and again["patient_id"] is None
    assert again["status_reason"] == file["status_reason"] and "SOP Instance UID" in again["status_reason"]
