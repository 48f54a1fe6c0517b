"""Who sees the documents that the server makes of signed reports and files with their studies: whoever sees the report,
and nobody by having sent a film."""

import io
import zipfile

import pydicom
import pytest

from reports import act, finish, readers
from support import ROOT, Server, ok, problem
from test_events import Heard
from test_report_dicom import COMPREHENSIVE_SR, ENCAPSULATED_PDF, KEY_OBJECTS, ct, stored, written

SIGNED = [ENCAPSULATED_PDF, COMPREHENSIVE_SR]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    people = readers(server)
    roles = ("technician", "interface", "doctor")
    return people | {role: server.account(role, admin=people["admin"]) for role in roles}


def reported(people, sender):
    """A film that `sender` sent, and the documents of its signed report."""
    film = ct({"author": people[sender]})
    report = written(people, film)
    finish(people, report)
    return film, report, stored(people, film, SIGNED)


def assign(who, film, to):
    return who.put(f"/studies/{film['study_id']}/assignments/{to.user['id']}")


def ids(answer):
    return {f["id"] for f in ok(answer)["items"]}


def told(who, film):
    """What this account is told of the study, in numbers and by lists."""
    study, series = f"/studies/{film['study_id']}", ok(who.get(f"/studies/{film['study_id']}/series"))["items"]
    record = ok(who.get(study))
    packed = zipfile.ZipFile(io.BytesIO(who.get(f"{study}/archive").content)).namelist()
    inside = [ids(who.get(f"/series/{one['id']}/instances")) for one in series]
    numbers = [record["number_of_series"], record["number_of_instances"], len(series), len(packed) - 1]
    assert numbers == [len(series), sum(map(len, inside)), len(inside), sum(map(len, inside))]
    assert sorted(record["modalities"]) == sorted({one["modality"] for one in series})
    listed = ids(who.get("/image-files", params={"page_size": 100}))
    of_patient = ids(who.get(f"/image-files/patient/{film['patient_id']}"))
    seen = set().union(*inside)
    assert seen == of_patient and seen <= listed
    assert ok(who.get(f"/patients/{film['patient_id']}"))["image_count"] == len(seen)
    return seen


def sees_all(who, film, files):
    assert told(who, film) == {film["id"]} | {f["id"] for f in files}
    for f in files:
        assert who.get(f"/image-files/{f['id']}/download").status_code == 200


def sees_none(who, film, files):
    assert told(who, film) == {film["id"]}
    for f in files:
        for path in ("", "/download"):
            problem(who.get(f"/image-files/{f['id']}{path}"), 404)
        assert who.delete(f"/image-files/{f['id']}").status_code in (403, 404)
        problem(who.get(f"/series/{f['series_id']}/instances"), 404)
    assert who.get("/studies", params={"modality": "SR", "page_size": 100}).json()["items"] == []


def test_the_ward_keeps_the_documents_of_what_a_technician_opened_to_it(server, people):
    doctor, other = people["doctor"], server.account("doctor", admin=people["admin"])
    film = ct({"author": people["technician"]})
    ok(assign(people["technician"], film, doctor), 204)
    report = written(people, film)
    finish(people, report)
    files = stored(people, film, SIGNED)
    assert {f["uploader_name"] for f in files} == {"Roentgen"}
    sees_all(doctor, film, files)
    ok(assign(people["technician"], film, other), 204)  # reports are mostly routed after they are signed
    sees_all(other, film, files)
    ok(act(people["second"], report, "mark-entered-in-error", reason="患者错误"))
    files = stored(people, film, [*SIGNED, KEY_OBJECTS])
    sees_all(doctor, film, files)
    sees_none(people["technician"], film, files)


def test_who_may_not_read_reports_sees_none_however_the_study_is_open_to_them(server, people):
    film, report, files = reported(people, "technician")
    second = server.account("technician", admin=people["admin"])
    for who in (people["technician"], people["interface"]):
        sees_none(who, film, files)
    for who in (people["technician"], second):
        ok(assign(people["admin"], film, who), 204)
        sees_none(who, film, files)
    for path in ("/image-files", "/image-files/stats/summary?scope=all"):
        all_of_it, known = (ok(people[who].get(path)) for who in ("admin", "interface"))
        total = "total" if "total" in known else "total_files"
        assert all_of_it[total] - known[total] == sum(f["sop_class_uid"] is not None for f in documents(people))
    sees_all(people["admin"], film, files)


def documents(people):
    listed = ok(people["admin"].get("/image-files", params={"page_size": 100}))["items"]
    return [f for f in listed if f["uploader_name"] == "Roentgen"]


def test_who_sent_the_film_and_reads_reports_sees_them_and_is_not_charged(server, people):
    sender = server.account("doctor", admin=people["admin"])
    film = ct({"author": sender})
    before = ok(sender.get("/image-files/stats/summary"))
    report = written(people, film)
    finish(people, report)
    files = stored(people, film, SIGNED)
    sees_all(sender, film, files)
    assert ok(sender.get("/image-files/stats/summary")) == before
    assert ids(sender.get("/image-files/my-images")) == {film["id"]}
    ok(people["admin"].put(f"/users/{sender.user['id']}/roles", json={"roles": ["technician"]}))
    sees_none(server.sign_in(sender.user["username"]), film, files)


def test_quotas_neither_count_nor_refuse_them(tmp_path):
    server = Server(tmp_path, ACCOUNT_QUOTA="80KiB").init().start()
    try:
        people = readers(server)
        people["technician"] = server.account("technician", admin=people["admin"])
        for _ in range(2):  # films have 39 KiB; what is made of the second report, no account would have room for
            reported(people, "technician")
        assert sum(f["file_size"] for f in documents(people)) > 80 << 10
    finally:
        server.close()


def test_who_may_not_read_reports_hears_of_none(server, people):
    sender = server.account("technician", admin=people["admin"])
    heard = Heard(sender, after=0)
    try:
        film, _, files = reported({**people, "technician": sender}, "technician")
        ok(assign(people["admin"], film, sender), 204)
        last = ct({"author": sender})
        heard.wait("file_id", last["id"], "file.stored")
        assert heard.of("file_id", film["id"])
        assert not [f for f in files if heard.of("file_id", f["id"])]
    finally:
        heard.close()


def test_what_was_stored_before_goes_to_nobody_too(tmp_path):
    server = Server(tmp_path).init().start()
    try:
        people = readers(server)
        people["technician"] = server.account("technician", admin=people["admin"])
        film, _, files = reported(people, "technician")
        server.stop()
        [number] = [p.name[:4] for p in (ROOT / "migrations/sqlite").glob("*_report_files.up.sql")]
        server.run("migrate", "down", "--to", str(int(number) - 1), "--yes")
        which = f"({', '.join(str(f['id']) for f in files)})"
        owner = people["technician"].user["id"]
        server.database.rows(f"update image_files set uploaded_by = {owner} where id in {which}")
        server.run("migrate", "up")
        assert server.run("fsck", "--deep", "--rows").stdout.strip() == "clean"
        server.start()
        people = {name: server.sign_in(who.user["username"]) for name, who in people.items()}
        sees_none(people["technician"], film, files)
        sees_all(people["admin"], film, files)
        sees_all(people["author"], film, files)
    finally:
        server.close()


def sent(who, content):
    return who.post("/upload/single", files={"file": ("back.dcm", content, "application/dicom")})


def in_chunks(who, content):
    upload = ok(who.post("/upload/chunked", json={"filename": "back.dcm", "file_size": len(content)}), 201)
    way = f"/upload/chunked/{upload['upload_id']}"
    assert upload["total_chunks"] == 1
    ok(who.put(f"{way}/chunks/0", content=content, headers={"Content-Type": "application/octet-stream"}))
    return who.post(f"{way}/complete")


def content_of(who, file):
    answer = who.get(f"/image-files/{file['id']}/download")
    assert answer.status_code == 200
    return answer.content


def test_a_document_that_is_sent_back_is_no_upload(server, people):
    film, report, files = reported(people, "technician")
    router = server.account("service", admin=people["admin"])
    for f in files:
        content = content_of(people["admin"], f)
        other = content[:-2] + b"\0\0" if content[-2:] != b"\0\0" else content[:-2] + b"\1\1"
        for who in (router, people["technician"], people["author"]):
            assert ok(sent(who, content), 201)["already_stored"]
            problem(in_chunks(who, content), 409)
            problem(sent(who, other), 409)
        film_like = pydicom.dcmread(io.BytesIO(content))
        film_like.Rows = film_like.Columns = 1
        changed_file = io.BytesIO()
        film_like.save_as(changed_file)
        problem(sent(router, changed_file.getvalue()), 409)
    for who in (people["technician"], people["interface"]):
        sees_none(who, film, files)
    sees_all(people["admin"], film, files)
    [sr] = [f for f in files if f["sop_class_uid"] == COMPREHENSIVE_SR]
    content = content_of(people["admin"], sr)
    ok(people["admin"].delete(f"/image-files/{sr['id']}"), 204)
    problem(sent(router, content), 409)
    sees_none(people["interface"], film, files)


def test_what_was_sent_before_the_server_stored_it_is_a_document_too(tmp_path):
    server = Server(tmp_path, WORKER_CONCURRENCY="0").init().start()
    try:
        people = readers(server)
        people |= {role: server.account(role, admin=people["admin"]) for role in ("technician", "interface")}
        film = ct({"author": people["technician"]})
        report = written(people, film)
        finish(people, report)
        answer = people["author"].get(f"/reports/{report['id']}/dicom", params={"kind": "sr"})
        early = ok(sent(people["technician"], answer.content), 201)
        server.stop()
        server.settings["WORKER_CONCURRENCY"] = "4"
        server.start()
        people = {name: server.sign_in(who.user["username"]) for name, who in people.items()}
        files = stored(people, film, SIGNED)
        assert early["id"] in {f["id"] for f in files} and {f["uploader_name"] for f in files} == {"Roentgen"}
        for who in ("technician", "interface"):
            sees_none(people[who], film, files)
        sees_all(people["admin"], film, files)
        server.stop()
        assert server.run("fsck", "--rows").stdout.strip() == "clean"
    finally:
        server.close()


def has_images(who, film):
    """By the filter, which says of each patient one thing only."""
    number = ok(who.get(f"/patients/{film['patient_id']}"))["patient_id"]
    found = [
        ok(who.get("/patients", params={"search": number, "has_images": asked}))["total"] for asked in (True, False)
    ]
    assert sum(found) == 1
    return found[0] == 1


def test_whether_patients_have_images_goes_by_what_is_told(server, people):
    film, _, files = reported(people, "technician")
    helper, ward = (server.account(role, admin=people["admin"]) for role in ("technician", "doctor"))
    ok(assign(people["admin"], film, helper), 204)
    ok(assign(people["admin"], film, ward), 204)
    some = [people["technician"], people["interface"], helper]
    assert all(has_images(who, film) for who in [*some, ward, people["admin"]])
    ok(people["admin"].delete(f"/image-files/{film['id']}"), 204)
    for who, sees in [*((who, False) for who in some), (ward, True), (people["admin"], True)]:
        assert has_images(who, film) == sees
        count = ok(who.get(f"/patients/{film['patient_id']}"))["image_count"]
        assert count == (len(files) if sees else 0)


def test_who_registered_the_study_has_its_documents(server, people):
    """Though they see none of its films."""
    doctor, header = server.account("doctor", admin=people["admin"]), ct({"author": people["author"]})
    patient = doctor.patient()
    uid = "1.2.3.4." + str(header["id"])
    study = ok(doctor.post("/studies", json={"patient_id": patient["id"], "study_uid": uid, "modality": "CT"}), 201)
    film = ct({"author": people["technician"]}, PatientID=patient["patient_id"], StudyInstanceUID=uid)
    assert film["study_id"] == study["id"] and not has_images(doctor, film)
    report = written(people, film)
    finish(people, report)
    files = stored(people, film, SIGNED)
    assert has_images(doctor, film)
    assert ok(doctor.get(f"/patients/{patient['id']}"))["image_count"] == len(files)
    assert ids(doctor.get("/image-files")) == {f["id"] for f in files}


def test_modalities_of_who_reads_no_reports_are_those_of_films(server, people):
    film, _, _ = reported(people, "technician")
    told_of = ct({"author": people["technician"]}, Modality="SR")

    def found(who, **query):
        listed = ok(who.get("/studies", params={"page_size": 100, **query}))["items"]
        return {s["id"] for s in listed} & {film["study_id"], told_of["study_id"]}

    both = {film["study_id"], told_of["study_id"]}
    for who in (people["interface"], people["technician"]):
        assert found(who, modality="SR") == {told_of["study_id"]} and found(who, modality="SR,CT") == both
        assert found(who, modality="SR,KO") == {told_of["study_id"]} and found(who, modality="DOC") == set()
    assert found(people["admin"], modality="SR") == both
    assert found(people["admin"], modality="DOC") == {film["study_id"]}
    for query in ({"modality": "CT,SR"}, {"modality": "SR"}, {"status": "DELETED"}):
        listed = ids(people["interface"].get("/image-files", params={"page_size": 100, **query}))
        assert not listed & {f["id"] for f in documents(people)}


def test_of_two_studies_of_one_uid_the_reported_one_has_the_documents(server, people):
    """Registered by who did not see the first: a patient's two studies have one UID."""
    film, doctor = ct({"author": people["technician"]}), server.account("doctor", admin=people["admin"])
    uid = ok(people["admin"].get(f"/studies/{film['study_id']}"))["study_uid"]
    body = {"patient_id": film["patient_id"], "study_uid": uid, "modality": "CT"}
    second = ok(doctor.post("/studies", json=body), 201)
    assert second["id"] != film["study_id"]
    report = written(people, {**film, "study_id": second["id"]}, key_images=[])
    finish(people, report)
    stored(people, {**film, "study_id": second["id"]}, SIGNED)


def test_all_the_modalities_that_can_be_asked_for(people):
    """Each is looked for by itself, with all else that a list may be asked for; of documents films alone count."""
    film, _, files = reported(people, "author")
    asked = "XR,SR,KO,DOC,PR,CT,MR,US,PT,NM,MG"  # XR is six of them
    query = {"start_date": "1900-01-01", "end_date": "2100-01-01", "search": "x", "page_size": 1}
    for who in (people["interface"], people["admin"], people["technician"]):
        for some in (asked, "SR,DOC", "SR"):
            for sort in ("study_date", "-created_at"):
                first = ok(who.get("/studies", params={"modality": some, "sort": sort, "page_size": 1}))
                assert first["total"] >= len(first["items"])
                ok(who.get("/studies", params={**query, "modality": some, "sort": sort}))
                if first["next"]:
                    ok(who.get("/studies", params={**query, "modality": some, "sort": sort, "after": first["next"]}))
    assert film["study_id"] in ids(people["interface"].get("/studies", params={"modality": asked, "page_size": 100}))
    assert film["study_id"] in ids(people["admin"].get("/studies", params={"modality": "SR", "page_size": 100}))
    shown = ids(people["interface"].get("/studies", params={"modality": "SR", "page_size": 100}))
    assert files and film["study_id"] not in shown


def changed(content):
    return content[:-2] + (b"\0\0" if content[-2:] != b"\0\0" else b"\1\1")


@pytest.mark.parametrize("same_instance", ["refuse", "keep"])
def test_what_somebody_changed_and_sent_before_is_not_the_document(tmp_path, same_instance):
    server = Server(tmp_path, WORKER_CONCURRENCY="0", SAME_INSTANCE=same_instance).init().start()
    try:
        people = readers(server)
        people |= {role: server.account(role, admin=people["admin"]) for role in ("technician", "interface")}
        film = ct({"author": people["technician"]})
        report = written(people, film)
        finish(people, report)
        content = people["author"].get(f"/reports/{report['id']}/dicom", params={"kind": "sr"}).content
        early = ok(sent(people["technician"], changed(content)), 201)
        server.stop()
        server.settings["WORKER_CONCURRENCY"] = "4"
        server.start()
        people = {name: server.sign_in(who.user["username"]) for name, who in people.items()}
        files = stored(people, film, [*SIGNED, COMPREHENSIVE_SR])
        assert {f["uploader_name"] for f in files} == {"Roentgen"}
        [beside] = [f for f in files if f["id"] == early["id"]]
        assert "is not it" in beside["status_reason"]
        [sr] = [f for f in files if f["sop_class_uid"] == COMPREHENSIVE_SR and f["id"] != early["id"]]
        assert sr["series_id"] == early["series_id"]
        assert content_of(people["admin"], sr) == content
        for who in ("technician", "interface"):
            sees_none(people[who], film, files)
        assert ok(sent(people["technician"], content), 201)["already_stored"]
        problem(sent(people["technician"], changed(content)), 409)
        assert ids(people["admin"].get(f"/series/{sr['series_id']}/instances")) == {sr["id"]}
        ok(people["admin"].delete(f"/image-files/{sr['id']}"), 204)
        series = ok(people["admin"].get(f"/studies/{film['study_id']}/series"))["items"]
        assert [s["number_of_instances"] for s in series if s["id"] == sr["series_id"]] in ([], [0])
        server.stop()
        assert server.run("fsck", "--rows").stdout.strip() == "clean"
    finally:
        server.close()


def test_a_document_is_one_to_whoever_sent_it_while_it_was_filed(tmp_path):
    server = Server(tmp_path, SAME_INSTANCE="keep").init().start()
    try:
        people = readers(server)
        people |= {role: server.account(role, admin=people["admin"]) for role in ("technician", "interface")}
        film, _, files = reported(people, "technician")
        server.database.rows("delete from report_instances")  # as if they were noted after the sender looked
        for f in files:
            content = content_of(people["admin"], f)
            answer = ok(sent(people["technician"], content), 201)
            assert answer["already_stored"] and answer["study_id"] is None
            problem(sent(people["technician"], changed(content)), 409)
            problem(in_chunks(people["technician"], content), 409)
        for who in ("technician", "interface"):
            sees_none(people[who], film, files)
        sees_all(people["admin"], film, files)
    finally:
        server.close()


def test_what_is_sent_back_tells_the_sender_nothing(server, people):
    film, _, files = reported(people, "technician")
    other = ct({"author": people["technician"]})
    assert other["patient_id"] != film["patient_id"]
    told = ("id", "file_hash", "file_size", "already_stored")
    for f in files:
        content = content_of(people["admin"], f)
        hidden = ok(sent(people["technician"], content), 201)
        assert [hidden[name] for name in told] == [f["id"], f["file_hash"], f["file_size"], True]
        assert not [name for name in ("patient_id", "study_id", "series_id", "description", "conflict") if hidden[name]]
        assert hidden["original_filename"] == "back.dcm"
        seen = ok(sent(people["admin"], content), 201)
        assert [seen[name] for name in told] == [hidden[name] for name in told]
        assert (seen["study_id"], seen["patient_id"]) == (film["study_id"], film["patient_id"])
        sql = f"select distinct patient_id from audit_logs where entity_id = {f['id']} and action like 'image_file.up%'"
        assert [int(row[0]) for row in server.database.rows(sql)] == [film["patient_id"]]
        for who in ("technician", "admin"):
            of_another = {"patient_id": other["patient_id"]}
            answer = people[who].post(
                "/upload/single", data=of_another, files={"file": ("back.dcm", content, "application/dicom")}
            )
            assert "another patient than the one stated" in problem(answer, 409)["detail"]
