"""Many reports as one ZIP: what is in it and in its index, who gets it, for how long, and what becomes of it when
rights, room, time or the server go."""

import csv
import io
import json
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from reports import act, finish, readers
from support import ON_SQLITE, Server, dicom, files_below, ok, problem, sha256, uid, unique, wait_until
from test_held_rows import Session, asked_in_vain, somebody_waits
from test_memory import rle_frame

FORMS = ["pdf", "json", "fhir", "text", "docx"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("exports"), HOSPITAL_NAME="第一医院").init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


def written(people, title="胸部 CT", **more):
    study = people["author"].upload(dicom(), "a.dcm")["study_id"]
    body = {"study_id": study, "title": title, "sections": {"findings": "结节。", "impression": "随访。"}, **more}
    return ok(people["author"].post("/reports", json=body), 201)


def asked(who, **wish):
    return ok(who.post("/reports/export", json={"forms": ["text"], **wish}), 202)


def ended(who, export, status="SUCCEEDED"):
    def look():
        now = ok(who.get(f"/reports/export/{export['id']}"))
        return now if now["status"] not in ("QUEUED", "RUNNING") else None

    now = wait_until(look, "the export")
    assert now["status"] == status, now
    return now


def unpacked(who, export):
    """The files by their names, and the lines of both indexes, which say the same."""
    answer = who.get(f"/reports/export/{export['id']}/archive")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip", answer.text
    assert sha256(answer.content) == export["sha256"] and len(answer.content) == export["size_bytes"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    index = json.loads(files.pop("index.json"))
    raw = files.pop("index.csv")
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert [r["report_id"] for r in rows] == [str(line["report_id"]) for line in index["files"]]
    assert [r["name"] for r in rows] == [line["name"] or "" for line in index["files"]]
    given = {line["name"]: line for line in index["files"] if line["name"]}
    assert set(given) == set(files) and len(files) == export["files"]
    for name, line in given.items():
        assert (line["sha256"], line["size_bytes"]) == (sha256(files[name]), len(files[name])) and not line["reason"]
    refused = [line for line in index["files"] if not line["name"]]
    assert len(refused) == export["refused"] and all(line["reason"] for line in refused)
    return files, index, rows


def gone(who, export):
    problem(who.get(f"/reports/export/{export['id']}"), 404)
    problem(who.get(f"/reports/export/{export['id']}/archive"), 404)


def kept(server):
    return [str(p) for p in files_below(server.files) if "/exports/" in str(p)]


def remove_all(who):
    for one in ok(who.get("/reports/export"))["items"]:
        assert who.delete(f"/reports/export/{one['id']}").status_code == 204


@pytest.fixture
def author(people):
    yield people["author"]
    remove_all(people["author"])


def test_what_is_signed_and_what_is_not_in_all_forms(server, people, author):
    signed, draft = written(people), written(people)
    finish(people, signed)
    export = asked(author, ids=[draft["id"], signed["id"], signed["id"]], forms=["docx", "pdf", "text", "fhir", "json"])
    assert export["forms"] == FORMS and export["report_count"] == 2
    export = ended(author, export)
    assert export["files"] == 9 and export["refused"] == 1 and export["done"] == 2
    files, index, _ = unpacked(author, export)
    assert all(name.isascii() and name.startswith("reports/") for name in files)
    lines = {(line["report_id"], line["form"]): line for line in index["files"]}
    assert "not signed" in lines[draft["id"], "json"]["reason"]
    for form in FORMS:
        path = "envelope" if form == "json" else form
        name = lines[signed["id"], form]["name"]
        assert files[name] == author.get(f"/reports/{signed['id']}/{path}").content, form
    assert lines[signed["id"], "pdf"]["signer_name"] == "李四 O'Neil"
    noted = server.database.rows("select entity_id, detail from audit_logs where action = 'report.export' order by id")
    said = {int(one): json.loads(detail) for one, detail in noted}
    assert said[signed["id"]]["forms"] == FORMS and said[draft["id"]]["forms"] == ["pdf", "fhir", "text", "docx"]
    assert said[draft["id"]]["export_id"] == export["id"]


def test_a_part_of_it_and_nothing_new(author, people):
    export = ended(author, asked(author, ids=[written(people)["id"]]))
    path = f"/reports/export/{export['id']}/archive"
    whole = author.get(path)
    part = author.get(path, headers={"Range": "bytes=4-9"})
    assert part.status_code == 206 and part.content == whole.content[4:10]
    assert author.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    for other in ("second", "admin"):
        gone(people[other], export)
        problem(people[other].delete(f"/reports/export/{export['id']}"), 404)
        assert export["id"] not in [one["id"] for one in ok(people[other].get("/reports/export"))["items"]]


@pytest.mark.parametrize("title", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "＝1", ' =1"', "胸部, CT"])
def test_no_cell_is_a_formula(author, people, title):
    report = written(people, title)
    _, index, [row] = unpacked(author, ended(author, asked(author, ids=[report["id"]])))
    assert index["files"][0]["title"] == report["title"]
    harmless = report["title"] == "胸部, CT"
    assert row["title"] == ("" if harmless else "'") + report["title"]


def test_chosen_as_the_list_chooses(author, people):
    first, second = written(people, "甲状腺超声报告"), written(people)
    _, index, _ = unpacked(author, ended(author, asked(author, search="甲状腺超声")))
    assert [line["report_id"] for line in index["files"]] == [first["id"]]
    export = asked(author, study_id=second["study_id"], status="DRAFT", mine=True)
    _, index, _ = unpacked(author, ended(author, export))
    assert [line["report_id"] for line in index["files"]] == [second["id"]]
    problem(author.post("/reports/export", json={"forms": ["pdf"], "study_id": 10**9}), 404)


def test_what_is_not_seen_is_not_told(author, people):
    report = written(people)
    doctor = people["doctor"]
    export = ended(doctor, asked(doctor, ids=[report["id"], 10**12]))
    files, index, _ = unpacked(doctor, export)
    assert not files and export["refused"] == 2
    mine, none = index["files"]
    assert mine["reason"].replace(str(report["id"]), "N") == none["reason"].replace(str(10**12), "N")
    assert not any(mine[m] for m in ("title", "patient_name", "patient_number", "status", "form"))
    remove_all(doctor)


def test_a_download_looks_at_rights_once_more(server, author, people):
    reader = server.account("viewer", admin=people["admin"])
    one, other = written(people), written(people)
    paths = [f"/studies/{report['study_id']}/assignments/{reader.id}" for report in (one, other)]
    for report, path in zip((one, other), paths):
        ok(act(author, report, "submit"))
        ok(people["admin"].put(path), 204)
    export = ended(reader, asked(reader, ids=[one["id"], other["id"], 10**12]))
    archive = f"/reports/export/{export['id']}/archive"
    unpacked(reader, export)
    assert people["admin"].delete(paths[1]).status_code == 204
    assert "ask for a new one" in problem(reader.get(archive), 403)["detail"]
    problem(reader.get(archive, headers={"Range": "bytes=0-9"}), 403)
    ok(people["admin"].put(paths[1]), 204)
    unpacked(reader, export)
    remove_all(reader)


def test_a_line_without_a_file_is_looked_at_and_logged_too(server, author, people):
    """It names the patient."""
    reader = server.account("viewer", admin=people["admin"])
    report = written(people)
    path = f"/studies/{report['study_id']}/assignments/{reader.id}"
    ok(act(author, report, "submit"))
    ok(people["admin"].put(path), 204)
    export = ended(reader, asked(reader, ids=[report["id"]], forms=["json"]))
    files, index, _ = unpacked(reader, export)
    [line] = index["files"]
    assert not files and "not signed" in line["reason"] and line["patient_number"]
    [(detail,)] = server.database.rows(
        f"select detail from audit_logs where action = 'report.export' and entity_id = '{report['id']}'"
    )
    said = json.loads(detail)
    assert (said["export_id"], said["version"], said["forms"]) == (export["id"], 1, [])
    assert people["admin"].delete(path).status_code == 204
    problem(reader.get(f"/reports/export/{export['id']}/archive"), 403)
    remove_all(reader)


def test_a_download_looks_at_images_of_pages_too(server, author, people):
    """A study that the doctor has registered, to which somebody else has added the image that is shown."""
    doctor, same = people["doctor"], {"StudyInstanceUID": uid(), "PatientID": unique("P")}
    doctor.upload(dicom(**same), "own.dcm")
    film = people["admin"].upload(dicom(**same), "other.dcm")
    body = {"study_id": film["study_id"], "sections": {"impression": "随访。", "findings": "结节。"}}
    body["key_images"] = [{"image_file_id": film["id"]}]
    report = ok(author.post("/reports", json=body), 201)
    finish(people, report)
    path = f"/studies/{report['study_id']}/assignments/{doctor.id}"

    def made(forms):
        return ended(doctor, asked(doctor, ids=[report["id"]], forms=forms))

    without = made(["pdf"])
    ok(people["admin"].put(path), 204)
    pages, both, words = made(["pdf"]), made(["text", "fhir"]), made(["text", "docx"])
    for one in (without, pages, both, words):
        unpacked(doctor, one)
    noted = f"select 1 from audit_logs where action = 'report_export.download' and entity_id = '{pages['id']}'"
    wait_until(lambda: server.database.rows(noted), "the download to be noted as one of the export")
    assert people["admin"].delete(path).status_code == 204
    for one in (pages, both):
        refused = problem(doctor.get(f"/reports/export/{one['id']}/archive"), 403)
        assert "an image" in refused["detail"] and "ask for a new one" in refused["detail"]
    for one in (without, words):
        unpacked(doctor, one)
    remove_all(doctor)


def test_what_is_withdrawn_since_is_given_out_no_more(author, people):
    report = written(people)
    finish(people, report)
    before = ended(author, asked(author, ids=[report["id"]], forms=["pdf"]))
    unpacked(author, before)
    ok(act(people["second"], report, "mark-entered-in-error", reason="患者错误"))
    assert "withdrawn" in problem(author.get(f"/reports/export/{before['id']}/archive"), 403)["detail"]
    _, index, _ = unpacked(author, ended(author, asked(author, ids=[report["id"]], forms=["pdf"])))
    assert index["files"][0]["status"] == "ENTERED_IN_ERROR"


def test_who_writes_no_more_gets_no_draft(idle):
    people = readers(idle)
    author, admin = people["author"], people["admin"]
    signed, draft = written(people), written(people)
    finish(people, signed)
    final, both = asked(author, ids=[signed["id"]]), asked(author, ids=[signed["id"], draft["id"]])
    with idle.worker():
        final, both = ended(author, final), ended(author, both)
    ok(admin.put(f"/users/{author.id}/roles", json={"roles": ["viewer"]}))
    unpacked(author, final)
    problem(author.get(f"/reports/export/{both['id']}/archive"), 403)


def test_wishes_that_are_refused(author, people):
    def refused(answer, **wish):
        return problem(author.post("/reports/export", json=wish), answer)

    refused(422, forms=["pdf"])
    refused(422, forms=["pdf"], ids=[])
    refused(422, forms=["pdf"], ids=[1], status="FINAL")
    refused(422, forms=["pdf"], ids=[-1])
    refused(422, forms=["rtf"], ids=[1])
    refused(422, forms=[], ids=[1])
    refused(422, ids=[1])
    refused(422, forms=["pdf"], ids=list(range(1, 2002)))
    made = [asked(author, ids=[written(people)["id"]]) for _ in range(5)]
    assert "delete one" in refused(409, forms=["text"], ids=[1])["detail"]
    for one in made:
        ended(author, one)


def test_kept_for_a_time(server, author, people):
    export = ended(author, asked(author, ids=[written(people)["id"]]))
    [path] = kept(server)
    server.database.rows(f"update report_exports set expires_at = 1000000 where id = {export['id']}")
    problem(author.get(f"/reports/export/{export['id']}/archive"), 410)
    ok(people["admin"].post("/system/jobs", json={"kind": "reports.export_clean"}), 202)
    wait_until(lambda: author.get(f"/reports/export/{export['id']}").status_code == 404, "the sweep")
    wait_until(lambda: path not in kept(server), "its file to go")


def test_no_backup_takes_it(server, author, people, tmp_path):
    export = ended(author, asked(author, ids=[written(people)["id"]]))
    server.run("fsck", "--deep")
    server.run("backup", str(tmp_path / "backups"))
    assert not [p for p in files_below(tmp_path / "backups") if "exports" in str(p)]
    server.run("backup", "verify", str(tmp_path / "backups"))
    restored = Server(tmp_path / "restored", SECRET_KEY=server.settings["SECRET_KEY"])
    try:
        restored.run("restore", str(tmp_path / "backups"))
        assert not restored.database.rows("select id from report_exports")
        assert restored.database.rows("select id from reports")
        restored.run("fsck", "--deep")
    finally:
        restored.close()
    author.delete(f"/reports/export/{export['id']}")
    assert not kept(server)
    gone(author, export)


# ---- between asking and the job ----


@pytest.fixture
def idle(tmp_path):
    """A server that does no jobs: they wait for a worker."""
    server = Server(tmp_path / "idle", WORKER_CONCURRENCY="0").init().start()
    yield server
    server.close()


def outcomes(server, *exports):
    """How each ended, once all have: who asked for them cannot ask any more."""
    ids = ", ".join(str(one["id"]) for one in exports)
    rows = server.database.rows(
        f"select status, status_reason from report_exports where id in ({ids}) and status <> 'QUEUED' order by id"
    )
    return rows if len(rows) == len(exports) else None


def test_rights_are_those_of_the_moment(idle):
    people = readers(idle)
    author, admin = people["author"], people["admin"]
    reader = idle.account("viewer", admin=admin)
    reports = [written(people), written(people)]
    for one in reports:
        ok(act(author, one, "submit"))
        ok(admin.put(f"/studies/{one['study_id']}/assignments/{reader.id}"), 204)
    wish = [one["id"] for one in reports]
    seen, lost, closed = asked(reader, ids=wish), asked(author, ids=wish), asked(people["second"], ids=wish)
    assert admin.delete(f"/studies/{reports[0]['study_id']}/assignments/{reader.id}").status_code == 204
    ok(admin.put(f"/users/{author.id}/roles", json={"roles": ["technician"]}))
    ok(admin.patch(f"/users/{people['second'].id}", json={"status": "DISABLED"}))
    with idle.worker():
        seen = ended(reader, seen)
        first, second = wait_until(lambda: outcomes(idle, lost, closed), "the others to end")
    assert first[0] == "FAILED" and "may not read reports" in first[1]
    assert second[0] == "FAILED" and "may not sign in" in second[1]
    assert len(kept(idle)) == 1
    _, index, _ = unpacked(reader, seen)
    assert [bool(line["reason"]) for line in index["files"]] == [True, False]


def test_deleted_before_it_begins(idle):
    people = readers(idle)
    author = people["author"]
    export = asked(author, ids=[written(people)["id"]])
    assert author.delete(f"/reports/export/{export['id']}").status_code == 204
    gone(author, export)
    assert ok(author.get(f"/system/jobs/{export['job_id']}"))["state"] == "CANCELLED"
    again = asked(author, ids=[written(people)["id"]])
    ok(author.post(f"/system/jobs/{again['job_id']}/cancel"))
    ended(author, again, "CANCELLED")
    problem(author.get(f"/reports/export/{again['id']}/archive"), 409)
    ok(author.post(f"/system/jobs/{again['job_id']}/retry"))
    with idle.worker():
        unpacked(author, ended(author, again))


def test_a_full_disk_is_told_and_tried_again(idle):
    people = readers(idle)
    author = people["author"]
    export = asked(author, ids=[written(people)["id"]])
    path = f"/system/jobs/{export['job_id']}"
    idle.settings["STORAGE_RESERVE"] = "1024TiB"
    with idle.worker():
        wait_until(lambda: "no space" in (ok(author.get(path))["error"] or ""), "the job to say so")
    assert ok(author.get(f"/reports/export/{export['id']}"))["status"] == "QUEUED" and not kept(idle)
    del idle.settings["STORAGE_RESERVE"]
    with idle.worker():
        unpacked(author, ended(author, export))


def test_what_is_away_for_all_is_no_refusal_of_each(idle):
    people = readers(idle)
    author = people["author"]
    reports = [written(people) for _ in range(20)]
    for one in reports:
        finish(people, one)
        assert author.get(f"/reports/{one['id']}/pdf").status_code == 200
    ids = [one["id"] for one in reports]
    export = asked(author, ids=ids, forms=["text", "pdf"])
    path = f"/system/jobs/{export['job_id']}"
    kept, away = idle.files / "reports", idle.files.parent / "away"
    kept.rename(away)
    with idle.worker():
        wait_until(lambda: "is gone" in (ok(author.get(path))["error"] or ""), "the job to say so")
    assert ok(author.get(f"/reports/export/{export['id']}"))["status"] == "QUEUED"
    shutil.rmtree(kept, ignore_errors=True)
    away.rename(kept)
    min(files_below(kept)).unlink()  # of one alone it is
    with idle.worker():
        export = ended(author, export)
    assert (export["files"], export["refused"]) == (39, 1)
    unpacked(author, export)


def test_its_memory_is_within_the_budget(tmp_path):
    server = Server(tmp_path / "budget", MEMORY_BUDGET="64MiB").init().start()
    try:
        author = readers(server)["author"]
        film = author.upload(rle_frame(2048), "large.dcm")
        shown = [{"image_file_id": film["id"], "caption": str(i)} for i in range(20)]
        report = ok(author.post("/reports", json={"study_id": film["study_id"], "key_images": shown}), 201)
        assert "MEMORY_BUDGET" in problem(author.get(f"/reports/{report['id']}/pdf"), 413)["detail"]
        export = ended(author, asked(author, ids=[report["id"]], forms=["pdf", "text"]))
        _, index, _ = unpacked(author, export)
        assert ["MEMORY_BUDGET" in (line["reason"] or "") for line in index["files"]] == [True, False]
    finally:
        server.close()


@pytest.mark.skipif(ON_SQLITE is True, reason="one process writes to SQLite")
def test_if_match_holds_the_job_before_the_export(server, author, people):
    """As the job's end does: else two who come from both ends wait for each other."""
    export = ended(author, asked(author, ids=[written(people)["id"]]))
    path = f"/reports/export/{export['id']}"
    tag = author.get(path).headers["etag"]
    session = Session(server.database)
    try:
        before = asked_in_vain(people["admin"])
        session.hold(("jobs", export["job_id"]))
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(author.delete, path, headers={"If-Match": tag})
            somebody_waits(server, session, people["admin"], before)
            free = session.run(f"select id from report_exports where id = {export['id']} for update skip locked")
            session.run("commit")
            answer = done.result()
    finally:
        session.close()
    assert [int(line) for line in free if line.strip().isdigit()] == [export["id"]]
    assert answer.status_code == 204
    gone(author, export)


# ---- while it runs ----


def many(people, count=25):
    return [written(people)["id"] for _ in range(count)]


def begun(who, export):
    def look():
        now = ok(who.get(f"/system/jobs/{export['job_id']}"))
        return now["state"] != "QUEUED"

    wait_until(look, "the job to begin")


def test_deleted_while_it_runs(server, author, people):
    export = asked(author, ids=many(people), forms=FORMS)
    begun(author, export)
    assert author.delete(f"/reports/export/{export['id']}").status_code == 204
    gone(author, export)
    wait_until(
        lambda: ok(author.get(f"/system/jobs/{export['job_id']}"))["state"] not in ("QUEUED", "RUNNING"), "its end"
    )
    wait_until(lambda: not kept(server), "nothing to be left")


def test_a_report_that_goes_while_it_runs_is_told(server, author, people):
    """Looked at before that it is in the ZIP, which is nobody's then; after it, it is refused."""
    reader = server.account("viewer", admin=people["admin"])
    reports = [written(people) for _ in range(12)]
    paths = [f"/studies/{report['study_id']}/assignments/{reader.id}" for report in reports]
    for report, path in zip(reports, paths):
        ok(act(author, report, "submit"))
        ok(people["admin"].put(path), 204)
    export = asked(reader, ids=[report["id"] for report in reports], forms=["pdf", "text"])
    begun(reader, export)
    for path in paths[6:]:
        ok(people["admin"].delete(path), 204)
    export = ended(reader, export)
    given, refused = export["files"] // 2, export["refused"]
    assert export["files"] % 2 == 0 and given + refused == 12 and given >= 6
    if given > 6:
        problem(reader.get(f"/reports/export/{export['id']}/archive"), 403)
    else:
        _, index, _ = unpacked(reader, export)
        assert {line["report_id"] for line in index["files"] if line["reason"]} == {r["id"] for r in reports[6:]}
        assert not any(line["patient_number"] for line in index["files"] if line["reason"])
    remove_all(reader)


def test_a_server_that_is_killed_begins_again(tmp_path):
    server = Server(tmp_path / "killed").init().start()
    try:
        people = readers(server)
        export = asked(people["author"], ids=many(people), forms=FORMS)
        begun(people["author"], export)
        server.kill()
        server.start()
        who = server.sign_in(people["author"].user["username"])
        unpacked(who, ended(who, export))
        assert len(kept(server)) == 1
        server.run("fsck", "--deep")
    finally:
        server.close()


def test_what_a_crash_left_without_a_row_goes(tmp_path):
    """Between the commit of the bytes and that of the row there is a claim, and nothing else."""
    server = Server(tmp_path / "crashed").init().start()
    try:
        people = readers(server)
        export = ended(people["author"], asked(people["author"], ids=[written(people)["id"]]))
        [path] = kept(server)
        server.kill()
        left = server.files / "exports/aa/aaaaaaaa-0000-4000-8000-000000000000.zip"
        left.parent.mkdir(exist_ok=True)
        left.write_bytes(b"half")
        for one in (path, str(left)):
            key = one.split("/files/")[1].replace("/", "+")
            (server.files / "tmp" / f"claim+{key}").touch()
        server.start()
        assert kept(server) == [path] and not files_below(server.files / "aside")
        who = server.sign_in(people["author"].user["username"])
        unpacked(who, export)
    finally:
        server.close()


def test_no_more_than_may_be(tmp_path):
    server = Server(tmp_path / "small", REPORT_EXPORT_MAX="64KiB").init().start()
    try:
        people = readers(server)
        ids = many(people, 8)
        export = ended(people["author"], asked(people["author"], ids=ids, forms=["pdf"]), "FAILED")
        assert "larger" in export["status_reason"] and not kept(server)
    finally:
        server.close()
