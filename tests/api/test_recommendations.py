"""The follow-up register: what a report recommends, which study closes it, who is reminded, and who may say what.

The tests own the days as the server sees them: they move those of a row in the database, and ask for the job."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from reports import act, finish
from reports import readers as accounts
from support import ON_SQLITE, PASSWORD, Server, dicom, ok, problem, uid, unique, wait_until, wrong_members

DESK = "desk@example.org"
TEXT = {"findings": "右上叶实性结节 7 mm。", "impression": "肺结节，建议复查。"}
WISH = {"modality": "CT", "body_part": "CHEST", "reason": "右上叶结节 7 mm"}
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def server(tmp_path_factory, module_mail):
    server = Server(
        tmp_path_factory.mktemp("recommendations"),
        SMTP_URL=f"smtp://127.0.0.1:{module_mail.port}",
        MAIL_FROM="roentgen@example.org",
        FOLLOW_UP_MAIL=DESK,
    )
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return accounts(server)


def day(**ahead):
    return (datetime.now(timezone.utc).date() + timedelta(**ahead)).isoformat()


def film(number, **members):
    """A picture of this patient; as shipped a CT of the chest, a month after the reported one."""
    return dicom(
        **{
            "PatientID": number,
            "Modality": "CT",
            "BodyPartExamined": "CHEST",
            "StudyDate": "20240401",
            **members,
        }
    )


def bring(people, number, who="admin", **members):
    """That, uploaded: its study."""
    return people[who].upload(film(number, **members), "b.dcm")["study_id"]


def begin(people, **members):
    """A draft on a film of a new patient."""
    number = unique("F")
    first = people["author"].upload(
        film(number, **{"Modality": "CR", "StudyDate": "20240301", "StudyTime": "100000", **members}), "a.dcm"
    )
    report = ok(people["author"].post("/reports", json={"study_id": first["study_id"], "sections": TEXT}), 201)
    return {**report, "number": number, "first": first}


def signed(people, **members):
    draft = begin(people, **members)
    return {**draft, **finish(people, draft)}


@pytest.fixture
def draft(people):
    return begin(people)


@pytest.fixture
def report(people):
    return signed(people)


def recommend(who, report, expect=201, **members):
    wish = {**WISH, "due_on": day(days=90), **members}
    answer = who.post(f"/reports/{report['id']}/recommendations", json=wish)
    return ok(answer, 201) if expect == 201 else problem(answer, expect)


def deed(who, row, action, status=200, **members):
    answer = who.post(f"/recommendations/{row['id']}/{action}", json=members)
    return ok(answer) if status == 200 else problem(answer, status)


def shown(who, row):
    return ok(who.get(f"/recommendations/{row['id']}"))


def events(who, row):
    return [e["kind"] for e in ok(who.get(f"/recommendations/{row['id']}/events"))["items"]]


def ask(people):
    ok(people["admin"].post("/system/jobs", json={"kind": "reports.follow_up"}), 202)


def comes_to(people, row, status):
    ask(people)
    wait_until(lambda: shown(people["author"], row)["status"] == status, status)
    return shown(people["author"], row)


def job_has_run(people):
    """A whole round of the job after this was called: one that it closes and that was written last says so."""
    last = signed(people)
    row = recommend(people["author"], last)
    bring(people, last["number"])
    comes_to(people, row, "COMPLETED")


def age(server, row, due="2024-05-01"):
    """As if it had been due then."""
    server.database.rows(
        f"update recommendations set due_on = '{due}', remind_after = case when remind_after is not null then '{due}' "
        f"end where id = {row['id']}"
    )


# ---- with its report ----


def test_it_waits_for_the_signature(people, draft):
    author, viewer = people["author"], people["viewer"]
    ok(people["admin"].put(f"/studies/{draft['study_id']}/assignments/{viewer.id}"), 204)
    answer = author.post(f"/reports/{draft['id']}/recommendations", json={**WISH, "due_on": day(days=90)})
    row = ok(answer, 201)
    assert answer.headers["Location"] == f"/api/v1/recommendations/{row['id']}"
    assert (row["status"], row["overdue"], row["opened_at"], row["closed_at"]) == ("PENDING", False, None, None)
    assert (row["modality"], row["body_part"], row["reason"]) == ("CT", "CHEST", WISH["reason"])
    assert (row["patient_number"], row["study_id"]) == (draft["number"], draft["study_id"])
    assert row["recommended_by_name"] == author.user["full_name"] and row["version"] == 1
    ok(act(author, draft, "submit"))
    problem(viewer.get(f"/recommendations/{row['id']}"), 404)
    problem(viewer.get(f"/recommendations/{row['id']}/events"), 404)
    assert ok(viewer.get(f"/reports/{draft['id']}/recommendations"))["items"] == []
    assert ok(viewer.get("/recommendations?status=PENDING"))["items"] == []
    deed(viewer, row, "dismiss", 404, note="x")
    bring(people, draft["number"])
    job_has_run(people)
    assert shown(author, row)["status"] == "PENDING", "what is not signed is not asked for"
    ok(act(people["second"], draft, "approve"))
    ok(act(people["second"], draft, "sign", password=PASSWORD))
    assert shown(author, row)["status"] == "OPEN" and shown(viewer, row)["opened_at"]
    assert events(viewer, row)[:2] == ["WRITTEN", "OPENED"]
    listed = ok(viewer.get(f"/reports/{draft['id']}/recommendations"))["items"]
    assert [r["id"] for r in listed] == [row["id"]] and listed[0]["actions"] == []
    comes_to(people, row, "COMPLETED")


def test_on_a_signed_report_it_runs_at_once_and_no_version_changes(people, report):
    row = recommend(people["author"], report)
    assert (row["status"], row["version"]) == ("OPEN", report["version"])
    verdict = ok(people["author"].get(f"/reports/{report['id']}/verify"))
    assert verdict["valid"] is True

    def audited():
        return {r["action"] for r in ok(people["admin"].get("/system/audit-logs?page_size=100"))["items"]}

    events(people["author"], row)
    deed(people["author"], row, "dismiss", note="x")
    wanted = {f"recommendation.{what}" for what in ("write", "events", "dismiss")}
    wait_until(lambda: wanted <= audited(), "audit rows")


def test_a_draft_that_is_given_up_takes_it_along(people, draft):
    author = people["author"]
    row, dropped = recommend(author, draft), recommend(author, draft)
    deed(author, dropped, "dismiss", note="zweimal")
    ok(act(author, draft, "cancel"))
    assert [shown(author, r)["status"] for r in (row, dropped)] == ["WITHDRAWN", "DISMISSED"]
    assert events(author, row) == ["WRITTEN", "WITHDRAWN"]
    recommend(author, draft, 409)
    assert "CANCELLED" in deed(author, dropped, "reopen", 409, note="x")["detail"]
    assert "nothing more" in deed(author, row, "reopen", 409, note="x")["detail"]


def test_of_a_withdrawn_report_what_was_done_stays_done(people, report):
    author = people["author"]
    done, open_one, no = (recommend(author, report) for _ in range(3))
    deed(author, done, "complete", note="外院 CT")
    deed(author, no, "dismiss", note="患者拒绝")
    ok(act(people["second"], report, "mark-entered-in-error", reason="另一患者"))
    assert [shown(author, r)["status"] for r in (done, open_one, no)] == ["COMPLETED", "WITHDRAWN", "DISMISSED"]
    for row in (done, no):
        assert "ENTERED_IN_ERROR" in deed(author, row, "reopen", 409, note="x")["detail"]
    recommend(author, report, 409)


def test_what_is_written_with_an_amendment_comes_and_goes_with_it(people, report):
    author, second = people["author"], people["second"]
    old = recommend(author, report)
    ok(act(author, report, "amend", reason="补充", sections=TEXT))
    row = recommend(author, report)
    assert (row["status"], shown(author, old)["status"]) == ("PENDING", "OPEN")
    ok(act(author, report, "cancel"))
    assert [shown(author, r)["status"] for r in (old, row)] == ["OPEN", "WITHDRAWN"]
    ok(act(author, report, "amend", reason="补充", sections=TEXT))
    row = recommend(author, report)
    ok(act(author, report, "submit"))
    ok(act(second, report, "approve"))
    ok(act(second, report, "sign", password=PASSWORD))
    assert [shown(author, r)["status"] for r in (old, row)] == ["OPEN", "OPEN"]


def test_what_was_dropped_with_an_amendment_that_was_given_up_stays_so(people, report):
    author, second = people["author"], people["second"]

    def amend():
        ok(act(author, report, "amend", reason="补充", sections=TEXT))

    amend()
    row = recommend(author, report)
    deed(author, row, "dismiss", note="x")
    assert deed(author, row, "reopen", note="y")["status"] == "PENDING", "its version is still under way"
    deed(author, row, "dismiss", note="x")
    ok(act(author, report, "cancel"))
    assert "given up" in deed(author, row, "reopen", 409, note="y")["detail"]
    amend()
    kept = recommend(author, report)
    deed(author, kept, "dismiss", note="x")
    assert "given up" in deed(author, row, "reopen", 409, note="y")["detail"], "another version is under way"
    ok(act(author, report, "submit"))
    ok(act(second, report, "approve"))
    ok(act(second, report, "sign", password=PASSWORD))
    assert "given up" in deed(author, row, "reopen", 409, note="y")["detail"], "another version was signed"
    assert deed(author, kept, "reopen", note="y")["status"] == "OPEN"
    problem(people["viewer"].get(f"/recommendations/{row['id']}"), 404)


# ---- closed by a study ----


def test_a_matching_upload_closes_it(people, report):
    row = recommend(people["author"], report)
    study = bring(people, report["number"])
    closed = comes_to(people, row, "COMPLETED")
    assert (closed["completed_study_id"], closed["closed_by"], closed["actions"]) == (study, None, ["reopen"])
    assert closed["closed_at"] and events(people["author"], row) == ["WRITTEN", "COMPLETED"]


def test_a_matching_import_closes_it(server, people, report, tmp_path):
    row = recommend(people["author"], report)
    (tmp_path / "IM0001").write_bytes(film(report["number"]))
    server.run("import", str(tmp_path), "--username", server.admin_name)
    assert comes_to(people, row, "COMPLETED")["completed_study_id"]


def test_what_came_between_the_film_and_the_report_counts(people, draft):
    study = bring(people, draft["number"], StudyDate="20240302")
    row = recommend(people["author"], {**draft, **finish(people, draft)})
    assert comes_to(people, row, "COMPLETED")["completed_study_id"] == study


MATCHING = [
    ({}, {}),
    ({}, {"StudyDate": "20240301", "StudyTime": "100001"}),  # the same day, later
    ({}, {"StudyDate": "20380119"}),  # far too late is done, too
    ({"not_before": "2024-04-01"}, {}),
    ({"modality": "dx", "body_part": "hand"}, {"Modality": "CR", "BodyPartExamined": "HAND"}),
    ({"modality": "dx"}, {"Modality": "DR"}),
    ({"modality": "XR"}, {"Modality": "RF"}),
]


@pytest.mark.parametrize("wish, study", MATCHING)
def test_what_matches(people, report, wish, study):
    row = recommend(people["author"], report, **wish)
    bring(people, report["number"], **study)
    comes_to(people, row, "COMPLETED")


def test_what_does_not_match(people):
    author = people["author"]
    wishes = [
        ({}, {"Modality": "MR"}),
        ({}, {"BodyPartExamined": "HEAD"}),
        ({}, {"BodyPartExamined": None}),
        ({}, {"StudyDate": None}),
        ({}, {"StudyDate": "20240229"}),
        ({}, {"StudyDate": "20240301", "StudyTime": "095959"}),
        ({}, {"StudyDate": "20240301", "StudyTime": None}),
        ({"not_before": "2024-04-02"}, {}),
        ({}, {"PatientID": unique("N")}),
        ({"modality": None, "body_part": None, "procedure_text": "穿刺活检"}, {}),
        ({"modality": "CR"}, {}),  # nor does the reported film itself
        ({"modality": "DX"}, {"Modality": "RF"}),  # a film is asked for
        ({"modality": "XR"}, {"Modality": "MG"}),
    ]
    rows = []
    for wish, study in wishes:
        report = signed(people)
        rows.append(recommend(author, report, **wish))
        bring(people, study.pop("PatientID", report["number"]), **study)
    job_has_run(people)
    assert [shown(author, row)["status"] for row in rows] == ["OPEN"] * len(rows)


def test_one_of_several_series_is_enough_and_its_own_body_part_counts(people, report):
    author = people["author"]
    wish = recommend(author, report)
    mixed = recommend(author, report, modality="MR")
    uid_of_study = uid()
    for modality, part in (("MR", "HEAD"), ("CT", "CHEST")):
        study = bring(people, report["number"], StudyInstanceUID=uid_of_study, Modality=modality, BodyPartExamined=part)
    assert comes_to(people, wish, "COMPLETED")["completed_study_id"] == study
    job_has_run(people)
    assert shown(author, mixed)["status"] == "OPEN", "an MR of the head and a CT of the chest are no MR of the chest"


def test_an_ordered_procedure_matches_by_its_code(server, people, report):
    author = people["author"]
    members = {"modality": None, "body_part": None, "procedure_text": "低剂量胸部 CT"}
    row = recommend(author, report, **members, procedure_code="RPID166", procedure_scheme="RPID")
    other = recommend(author, report, **members, procedure_code="RPID166", procedure_scheme="99HOUSE")
    study = bring(people, report["number"], Modality="NM", BodyPartExamined=None)
    server.database.rows(
        f"insert into study_orders(study_id, procedure_code, procedure_scheme, updated_at) values ({study}, "
        "'RPID166', 'RPID', 1)"
    )
    assert comes_to(people, row, "COMPLETED")["completed_study_id"] == study
    job_has_run(people)
    assert shown(author, other)["status"] == "OPEN", "the same code of another scheme"


def test_a_study_without_images_is_none(people, report):
    author, admin = people["author"], people["admin"]
    row = recommend(author, report)
    study = ok(
        admin.post(
            "/studies",
            json={
                "patient_id": report["patient_id"],
                "modality": "CT",
                "body_part": "CHEST",
                "study_date": "2024-04-01",
            },
        ),
        201,
    )
    job_has_run(people)
    assert shown(author, row)["status"] == "OPEN", "planned is not done"
    notes = film(report["number"], Modality="PR", StudyInstanceUID=study["study_uid"])
    assert admin.upload(notes, "n.dcm")["study_id"] == study["id"]
    job_has_run(people)
    assert shown(author, row)["status"] == "OPEN", "what is said about pictures is none"
    assert set(wrong_members(deed(author, row, "complete", 422, study_id=study["id"]))) == {"study_id"}


def test_what_the_record_says_when_it_is_mended_counts(people, report):
    row = recommend(people["author"], report)
    study = bring(people, report["number"], BodyPartExamined=None)
    job_has_run(people)
    assert shown(people["author"], row)["status"] == "OPEN"
    ok(people["admin"].patch(f"/studies/{study}", json={"body_part": "CHEST"}))
    comes_to(people, row, "COMPLETED")


def test_merged_patients_are_one(people, report):
    row = recommend(people["author"], report)
    number = unique("M")
    study = bring(people, number)
    other = ok(people["admin"].get(f"/studies/{study}"))["patient_id"]
    job_has_run(people)
    assert shown(people["author"], row)["status"] == "OPEN"
    ok(people["admin"].post(f"/patients/{other}/merge", json={"source_id": report["patient_id"]}))
    closed = comes_to(people, row, "COMPLETED")
    assert (closed["completed_study_id"], closed["patient_id"]) == (study, other)
    listed = ok(people["author"].get("/recommendations", params={"patient_id": other, "status": "COMPLETED"}))
    assert [r["id"] for r in listed["items"]] == [row["id"]]


# ---- and opened again ----


def test_it_opens_again_when_the_study_is_gone_and_closes_when_it_is_back(people, report):
    author, admin = people["author"], people["admin"]
    row = recommend(author, report)
    study = bring(people, report["number"])
    comes_to(people, row, "COMPLETED")
    ok(admin.delete(f"/studies/{study}"), 204)
    assert shown(author, row)["completed_study_id"] is None, "what is deleted is not named"
    opened = comes_to(people, row, "OPEN")
    assert (opened["closed_at"], opened["completed_study_id"]) == (None, None)
    ok(admin.post(f"/studies/{study}/restore"))
    assert comes_to(people, row, "COMPLETED")["completed_study_id"] == study
    assert events(author, row) == ["WRITTEN", "COMPLETED", "REOPENED", "COMPLETED"]


def test_it_opens_again_when_the_study_was_another_patients(people, report):
    author, admin = people["author"], people["admin"]
    row = recommend(author, report)
    study = bring(people, report["number"])
    comes_to(people, row, "COMPLETED")
    other = admin.patient()["id"]
    ok(admin.patch(f"/studies/{study}", json={"patient_id": other}))
    comes_to(people, row, "OPEN")
    mine = recommend(author, report)
    third = bring(people, report["number"], StudyDate="20240501")
    for one in (row, mine):
        assert comes_to(people, one, "COMPLETED")["completed_study_id"] == third
    ok(admin.patch(f"/studies/{report['study_id']}", json={"patient_id": other}))
    for one in (row, mine):
        assert comes_to(people, one, "COMPLETED")["patient_id"] == other, "closed by the study that is there"


def test_it_opens_again_when_the_pictures_are_gone_and_closes_when_they_are_back(people, report):
    author, admin = people["author"], people["admin"]
    row = recommend(author, report)
    picture = admin.upload(film(report["number"]), "b.dcm")
    study = ok(admin.get(f"/studies/{picture['study_id']}"))
    comes_to(people, row, "COMPLETED")
    by_hand = recommend(author, report, modality="MR")
    deed(author, by_hand, "complete", study_id=study["id"])
    notes = film(report["number"], Modality="SR", StudyInstanceUID=study["study_uid"])
    assert admin.upload(notes, "n.dcm")["study_id"] == study["id"], "what is said about the pictures stays"
    ok(admin.delete(f"/image-files/{picture['id']}"), 204)
    for one in (row, by_hand):
        assert comes_to(people, one, "OPEN")["completed_study_id"] is None
    ok(admin.post(f"/image-files/{picture['id']}/restore"))
    assert comes_to(people, row, "COMPLETED")["completed_study_id"] == study["id"]
    assert events(author, row) == ["WRITTEN", "COMPLETED", "REOPENED", "COMPLETED"]


def test_it_opens_again_when_the_study_turns_out_to_be_something_else(people, report):
    author, admin = people["author"], people["admin"]
    row, by_hand = recommend(author, report), recommend(author, report, modality="MR")
    study = bring(people, report["number"], BodyPartExamined=None)
    ok(admin.patch(f"/studies/{study}", json={"body_part": "CHEST"}))
    comes_to(people, row, "COMPLETED")
    deed(author, by_hand, "complete", study_id=study)
    ok(admin.patch(f"/studies/{study}", json={"description": "Thorax"}))
    job_has_run(people)
    assert events(author, row) == ["WRITTEN", "COMPLETED"]
    ok(admin.patch(f"/studies/{study}", json={"body_part": "HEAD"}))
    comes_to(people, row, "OPEN")
    job_has_run(people)
    assert shown(author, by_hand)["status"] == "COMPLETED", "what a person said is not doubted"


def test_it_opens_again_when_the_order_was_another(server, people, report):
    author = people["author"]
    what = {"modality": None, "body_part": None, "procedure_code": "RPID166", "procedure_scheme": "RPID"}
    row = recommend(author, report, **what)
    study = bring(people, report["number"], Modality="NM", BodyPartExamined=None)
    server.database.rows(
        f"insert into study_orders(study_id, procedure_code, procedure_scheme, updated_at) values ({study}, "
        "'RPID166', 'RPID', 1)"
    )
    comes_to(people, row, "COMPLETED")
    server.database.rows(f"update study_orders set procedure_code = 'RPID1' where study_id = {study}")
    comes_to(people, row, "OPEN")


@pytest.mark.skipif(ON_SQLITE is True, reason="one process writes to SQLite")
def test_what_is_to_be_looked_at_again_is_tried_until_it_is_free(server, people, report):
    """The transaction that finds its patient held begins anew, and is about the same row then."""
    from test_held_rows import Session, asked_in_vain

    row = recommend(people["author"], report)
    bring(people, report["number"])
    comes_to(people, row, "COMPLETED")
    before, session = asked_in_vain(people["admin"]), Session(server.database)
    try:
        session.hold(("patients", report["patient_id"]))
        server.database.rows(
            f"update recommendations set look_again = 1, completed_study_id = null where id = {row['id']}"
        )
        ask(people)
        wait_until(lambda: asked_in_vain(people["admin"]) >= before + 4, "who asks again")
        session.run("commit")
    finally:
        session.close()
    wait_until(lambda: "REOPENED" in events(people["author"], row), "a second look")


def test_a_purged_study_leaves_its_history(server, people, report):
    author = people["author"]
    row = recommend(author, report)
    study = bring(people, report["number"])
    comes_to(people, row, "COMPLETED")
    ok(people["admin"].delete(f"/studies/{study}"), 204)
    comes_to(people, row, "OPEN")
    server.database.rows(f"update studies set deleted_at = 1 where id = {study}")
    server.database.rows(f"update series set deleted_at = 1 where study_id = {study}")
    server.database.rows(f"update image_files set deleted_at = 1 where study_id = {study}")
    server.run("purge", "--older-than", "1d", "--yes")
    assert server.database.rows(f"select count(*) from studies where id = {study}")[0][0] == 0
    assert events(author, row) == ["WRITTEN", "COMPLETED", "REOPENED"]


def test_a_study_that_a_person_rejects_does_not_count_again(people, report):
    author = people["author"]
    row = recommend(author, report)
    bring(people, report["number"])
    comes_to(people, row, "COMPLETED")
    assert deed(author, row, "reopen", note="对侧")["status"] == "OPEN"
    job_has_run(people)
    assert shown(author, row)["status"] == "OPEN"
    second = bring(people, report["number"], StudyDate="20240601")
    assert comes_to(people, row, "COMPLETED")["completed_study_id"] == second


def test_a_deleted_films_recommendations_rest(server, people, module_mail, report):
    author, admin = people["author"], people["admin"]
    row, done = recommend(author, report), recommend(author, report, modality="MR")
    closed_by = bring(people, report["number"], Modality="MR")
    comes_to(people, done, "COMPLETED")
    age(server, row)
    ok(admin.delete(f"/studies/{report['study_id']}"), 204)
    ok(admin.delete(f"/studies/{closed_by}"), 204)
    bring(people, report["number"])
    job_has_run(people)
    assert shown(author, done)["status"] == "COMPLETED"
    assert shown(author, row)["status"] == "OPEN" and events(author, row) in (["WRITTEN"], ["WRITTEN", "OVERDUE"])
    ok(admin.post(f"/studies/{report['study_id']}/restore"))
    comes_to(people, row, "COMPLETED")
    comes_to(people, done, "OPEN")


# ---- by hand ----


def test_it_is_completed_by_hand(people, report):
    author, second = people["author"], people["second"]
    row, elsewhere = recommend(author, report), recommend(author, report)
    study = bring(people, report["number"], Modality="PT")
    stranger = bring(people, unique("S"))
    assert set(wrong_members(deed(author, row, "complete", 422))) == {"study_id"}
    for wrong in (stranger, report["study_id"], 999999):
        assert set(wrong_members(deed(author, row, "complete", 422, study_id=wrong))) == {"study_id"}
    done = deed(second, row, "complete", study_id=study, note="PET/CT")
    assert (done["status"], done["completed_study_id"], done["closed_by"], done["note"]) == (
        "COMPLETED",
        study,
        second.id,
        "PET/CT",
    )
    assert deed(author, elsewhere, "complete", note="外院 CT")["completed_study_id"] is None
    assert "COMPLETED" in deed(author, row, "complete", 409, study_id=study)["detail"]


def test_who_looked_at_another_state_changes_nothing(people, report):
    author = people["author"]
    row = recommend(author, report)
    path = f"/recommendations/{row['id']}"
    tag = author.get(path).headers["ETag"]
    deed(author, row, "dismiss", note="x")
    deed(author, row, "reopen", note="y", due_on=day(days=40))
    problem(author.post(f"{path}/complete", json={"note": "x"}, headers={"If-Match": tag}), 412)
    tag = author.get(path).headers["ETag"]
    ok(author.post(f"{path}/complete", json={"note": "x"}, headers={"If-Match": tag}))


def test_dismissed_with_a_reason_and_taken_up_again(server, people, report):
    author, second = people["author"], people["second"]
    row = recommend(author, report, not_before=day(days=10))
    assert set(wrong_members(deed(second, row, "dismiss", 422))) == {"note"}
    assert set(wrong_members(deed(second, row, "dismiss", 422, note=" "))) == {"note"}
    gone = deed(second, row, "dismiss", note="预期寿命有限")
    assert (gone["status"], gone["note"], gone["closed_by"]) == ("DISMISSED", "预期寿命有限", second.id)
    bring(people, report["number"], StudyDate=day(days=20).replace("-", ""))
    job_has_run(people)
    assert shown(author, row)["status"] == "DISMISSED"
    for wrong in (day(days=-2), day(days=5), "2324-01-01"):
        assert set(wrong_members(deed(author, row, "reopen", 422, note="x", due_on=wrong))) == {"due_on"}
    later = day(days=200)
    again = deed(author, row, "reopen", note="改变主意", due_on=later)
    assert (again["status"], again["due_on"], again["note"], again["closed_at"]) == ("OPEN", later, None, None)
    assert events(author, row) == ["WRITTEN", "DISMISSED", "REOPENED"]
    comes_to(people, row, "COMPLETED")


def test_one_that_never_ran_waits_again(people, draft):
    author = people["author"]
    row = recommend(author, draft)
    deed(author, row, "dismiss", note="x")
    assert deed(author, row, "reopen", note="y")["status"] == "PENDING"
    deed(author, row, "dismiss", note="x")
    finish(people, draft)
    assert shown(author, row)["status"] == "DISMISSED"
    problem(people["viewer"].get(f"/recommendations/{row['id']}"), 404)
    again = deed(author, row, "reopen", note="y")
    assert again["status"] == "OPEN" and again["opened_at"]


# ---- every state, action and role of the page's table ----

STATES = ("PENDING", "OPEN", "COMPLETED", "DISMISSED", "WITHDRAWN")
BODIES = {"complete": {"note": "x"}, "dismiss": {"note": "x"}, "reopen": {"note": "x"}}


def table(name):
    """action -> (states it goes from, state it leads to, permission): the rows of the page."""
    rows = {}
    for line in (DOCS / name).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        action = cells[0].strip("`")
        if len(cells) == 5 and action in BODIES:
            rows[action] = (set(cells[1].replace("`", "").split(", ")), cells[2].strip("`"), cells[3].strip("`"))
    return rows


def test_the_pages_have_one_table():
    assert set(table("worklist.md")) == set(BODIES)
    assert table("worklist.md") == table("worklist.zh-CN.md")


def test_every_state_action_and_role(server, people, report):
    """Nobody has a right that the table does not give, and `actions` names each that it does."""
    admin, author = people["admin"], people["author"]
    technician = server.account("technician", admin=admin)
    rights = {"radiologist": {"report.update", "report.review"}, "doctor": {"report.update"}, "viewer": set()}
    for name in ("doctor", "viewer"):
        ok(admin.put(f"/studies/{report['study_id']}/assignments/{people[name].id}"), 204)
    ok(admin.put(f"/studies/{report['study_id']}/assignments/{technician.id}"), 204)
    own = {by: recommend(by and people["doctor"] or author, report) for by in (False, True)}
    roles = (
        ("radiologist", people["second"], False),
        ("doctor", people["doctor"], False),
        ("doctor", people["doctor"], True),
        ("viewer", people["viewer"], False),
    )
    tried = 0
    for state in STATES:
        for action, (states, to, permission) in table("worklist.md").items():
            for role, who, is_own in roles:
                row = own[is_own]
                server.database.rows(f"update recommendations set status = '{state}' where id = {row['id']}")
                may = permission in rights[role] or is_own
                named = action in shown(who, row)["actions"]
                assert named == (may and state in states), (state, action, role, is_own)
                code = who.post(f"/recommendations/{row['id']}/{action}", json=BODIES[action]).status_code
                wanted = 403 if not may else 200 if state in states else 409
                assert code == wanted, (state, action, role, is_own)
                assert shown(who, row)["status"] == (to if code == 200 else state)
                problem(technician.post(f"/recommendations/{row['id']}/{action}", json=BODIES[action]), 403)
                tried += 1
    assert tried == len(STATES) * len(BODIES) * len(roles)
    for name, code in (("viewer", 403), ("doctor", 201), ("second", 201), ("admin", 201)):
        recommend(people[name], report, code)
    problem(technician.get("/recommendations"), 403)


def test_what_one_does_not_see_is_not_there(people, report):
    author, doctor = people["author"], people["doctor"]
    row = recommend(author, report)
    for path in (f"/recommendations/{row['id']}", f"/recommendations/{row['id']}/events"):
        problem(doctor.get(path), 404)
    problem(doctor.get(f"/reports/{report['id']}/recommendations"), 404)
    for action, body in BODIES.items():
        deed(doctor, row, action, 404, **body)
        deed(author, {"id": 999999}, action, 404, **body)
    recommend(doctor, report, 404)
    recommend(author, {"id": 999999}, 404)
    listed = ok(doctor.get("/recommendations", params={"patient_id": report["patient_id"]}))
    assert (listed["items"], listed["total"]) == ([], 0)


def test_a_study_that_one_does_not_see_is_not_named(people, report):
    author, viewer = people["author"], people["viewer"]
    row = recommend(author, report)
    ok(people["admin"].put(f"/studies/{report['study_id']}/assignments/{viewer.id}"), 204)
    study = bring(people, report["number"])
    comes_to(people, row, "COMPLETED")
    path = {"patient_id": report["patient_id"], "status": "COMPLETED"}
    one, [listed] = shown(viewer, row), ok(viewer.get("/recommendations", params=path))["items"]
    assert (one["status"], one["completed_study_id"], listed["completed_study_id"]) == ("COMPLETED", None, None)
    assert str(study) not in str(ok(viewer.get(f"/recommendations/{row['id']}/events"))["items"][-1]["text"])
    ok(people["admin"].put(f"/studies/{study}/assignments/{viewer.id}"), 204)
    assert shown(viewer, row)["completed_study_id"] == study
    hidden = recommend(author, report, modality="MR")
    second = bring(people, report["number"], Modality="MR", who="second")
    ok(people["admin"].put(f"/studies/{report['study_id']}/assignments/{people['doctor'].id}"), 204)
    assert set(wrong_members(deed(people["doctor"], hidden, "complete", 422, study_id=second))) == {"study_id"}


# ---- overdue ----


def test_of_what_is_overdue_somebody_is_reminded_once(server, people, module_mail, report):
    author, second = people["author"], people["second"]
    row, later = recommend(second, report), recommend(second, report)
    module_mail.mails.clear()
    age(server, row)

    def told():
        return [m for m in module_mail.mails if f"recommendation {row['id']})" in m["data"].decode()]

    ask(people)
    wait_until(lambda: "OVERDUE" in events(author, row), "a reminder")
    wait_until(lambda: len(told()) == 3, "three mails")
    job_has_run(people)
    job_has_run(people)
    assert events(author, row) == ["WRITTEN", "OVERDUE"] and events(author, later) == ["WRITTEN"]
    assert {m["to"][0] for m in told()} == {author.user["email"], second.user["email"], DESK} and len(told()) == 3
    assert all(report["number"] not in m["data"].decode() and "Wang" not in m["data"].decode() for m in told())
    assert shown(author, row)["overdue"] is True and shown(author, row)["reminded_at"]
    kept = ok(author.get(f"/recommendations/{row['id']}/events"))["items"]
    assert kept[1]["text"] == "mailed to 3" and kept[1]["user_id"] is None
    deed(author, row, "dismiss", note="x")
    assert shown(author, row)["overdue"] is False
    deed(author, row, "reopen", note="y")
    ask(people)
    wait_until(lambda: events(author, row).count("OVERDUE") == 2, "once each time that it was opened")


def test_what_is_done_late_is_not_reminded_of(server, people, report):
    row = recommend(people["author"], report)
    bring(people, report["number"])
    age(server, row)
    comes_to(people, row, "COMPLETED")
    job_has_run(people)
    assert events(people["author"], row) == ["WRITTEN", "COMPLETED"]


def refuse_to_close(row):
    """A trigger's text: whoever would close this one fails."""
    if ON_SQLITE:
        body = f"when new.status = 'COMPLETED' and new.id = {row['id']} begin select raise(abort, 'not this one'); end"
        return f"create trigger refuse before update on recommendations {body}"
    refused = f"if(new.status = 'COMPLETED' and new.id = {row['id']}, null, new.status)"
    return f"create trigger refuse before update on recommendations for each row set new.status = {refused}"


def test_who_is_late_is_reminded_whatever_becomes_of_others(server, people, report):
    author, database = people["author"], server.database
    stuck, odd, row = recommend(author, report), recommend(author, report), recommend(author, report, modality="MR")
    deed(author, odd, "dismiss", note="x")
    database.rows(refuse_to_close(stuck))
    try:
        bring(people, report["number"])
        database.rows(f"update recommendations set remind_after = '2001-01-01' where id = {odd['id']}")
        age(server, row)
        ask(people)
        wait_until(lambda: "OVERDUE" in events(author, row), "a reminder")
        assert (events(author, odd), events(author, stuck)) == (["WRITTEN", "DISMISSED"], ["WRITTEN"])
    finally:
        database.rows("drop trigger refuse")
    comes_to(people, stuck, "COMPLETED")


def test_what_stands_behind_thousands_is_found(server, people, report):
    """They are compared in slices."""
    author = people["author"]
    words = {"modality": None, "body_part": None, "procedure_text": "穿刺活检"}
    first, between = recommend(author, report), recommend(author, signed(people), **words)
    columns = "report_id, version, status, modality, body_part, reason, written_on, due_on, look_again, recommended_by"
    fill = f"insert into recommendations({columns}, created_at, opened_at) select {columns}, created_at, opened_at"
    for _ in range(13):
        server.database.rows(f"{fill} from recommendations where report_id = {between['report_id']}")
    last = recommend(author, report)
    assert last["id"] - first["id"] > 2 * 4000
    bring(people, report["number"])
    for row in (first, last):
        comes_to(people, row, "COMPLETED")
    server.database.rows(
        f"update recommendations set status = 'DISMISSED' where report_id = {between['report_id']} and status = 'OPEN'"
    )


def test_the_list(server, people, report):
    author = people["author"]
    wishes = ((30, "CT"), (10, "MR"), (20, "CT"))
    first, second, third = (recommend(author, report, due_on=day(days=d), modality=m) for d, m in wishes)
    closed = recommend(author, report)
    deed(author, closed, "dismiss", note="x")
    age(server, first)

    def listed(who=author, **query):
        found = ok(who.get("/recommendations", params={"patient_id": report["patient_id"], **query}))
        assert found["total"] == len(found["items"]) or "page_size" in query
        return [r["id"] for r in found["items"]]

    assert listed() == [first["id"], second["id"], third["id"]], "the first due first"
    assert listed(sort="-due_on") == [third["id"], second["id"], first["id"]]
    assert listed(modality="ct") == [first["id"], third["id"]]
    film = recommend(author, report, modality="DX", due_on=day(days=40))
    assert listed(modality="XR") == [film["id"]] == listed(modality="dx") and listed(modality="CR") == []
    assert listed(modality="MR,XR") == [second["id"], film["id"]]
    admin = people["admin"]
    query = {"modality": "XR,MG", "page_size": 100, "sort": "-due_on"}
    found = {r["id"]: r["modality"] for r in ok(admin.get("/recommendations", params=query))["items"]}
    assert film["id"] in found and set(found.values()) <= {"CR", "DX", "DR", "RG", "XR", "RF", "MG"}
    deed(author, film, "dismiss", note="x")
    closed_ones = [closed["id"], film["id"]]
    assert listed(overdue="true") == [first["id"]] == listed(overdue="true", modality="CT")
    assert listed(overdue="true", modality="MR") == [] == listed(status="WITHDRAWN")
    assert sorted(listed(status="DISMISSED")) == sorted(closed_ones)
    page = ok(author.get("/recommendations", params={"patient_id": report["patient_id"], "page_size": 2}))
    assert listed(page_size=2, after=page["next"]) == [third["id"]]
    whole = ok(author.get("/recommendations", params={"page_size": 100, "overdue": "true"}))["items"]
    assert first["id"] in [r["id"] for r in whole] and all(r["overdue"] for r in whole)
    of_report = ok(author.get(f"/reports/{report['id']}/recommendations"))["items"]
    assert {r["id"] for r in of_report} == {r["id"] for r in (first, second, third, closed, film)}
    of_films = ok(author.get(f"/reports/{report['id']}/recommendations?modality=XR"))["items"]
    assert [r["id"] for r in of_films] == [film["id"]]
    problem(author.get("/recommendations?modality=KT"), 422)
    problem(author.get("/recommendations?status=LOST"), 422)
    problem(author.get("/recommendations?patient_id=0"), 422)


def test_a_page_is_not_asked_for_row_by_row(people, report):
    author, admin = people["author"], people["admin"]
    rows = [recommend(author, report) for _ in range(15)]
    study = bring(people, report["number"])
    for row in rows:
        comes_to(people, row, "COMPLETED")

    def counts():
        return {s["statement"]: s["count"] for s in ok(admin.get("/system/performance"))["items"]["statements"]}

    query = {"status": "COMPLETED", "patient_id": report["patient_id"], "page_size": 100}
    before = counts()
    found = ok(admin.get("/recommendations", params=query))["items"]
    assert [r["completed_study_id"] for r in found] == [study] * len(rows)
    more = {s: count - before.get(s, 0) for s, count in counts().items() if "from studies s where s.id = ?" in s}
    assert {s: count for s, count in more.items() if count >= len(rows)} == {}


def clerks(server, *rights):
    """A role of people who read reports, and have these rights beside."""
    role = unique("clerk")
    names = ", ".join(f"'{name}'" for name in ("report.read", *rights))
    server.database.rows(
        f"insert into roles(name, description, created_at) select '{role}', name, created_at from roles "
        "where name = 'nurse'"
    )
    server.database.rows(
        "insert into role_permissions(role_id, permission_id) select r.id, p.id from roles r, permissions p where "
        f"r.name = '{role}' and p.name in ({names})"
    )
    return role


def test_who_sees_one_finds_it_in_the_list_and_nobody_else(server, people):
    """By each way of seeing a report: its study is opened to an account, a role, a department; it was registered,
    written, reviewed or signed by oneself; one sees all. And not before it was opened, but who writes."""
    admin, author = people["admin"], people["author"]
    own = server.account("doctor", admin=admin)
    role, department = clerks(server, "image.read", "study.read", "patient.read"), unique("d")
    by_role = server.account(role, admin=admin)
    by_department = server.account("viewer", admin=admin, department=department)
    by_account = server.account("viewer", admin=admin)
    reports = [signed(people) for _ in range(4)]
    ways = (f"{by_account.id}", f"roles/{role}", f"departments/{department}")
    for report, way in zip(reports, ways, strict=False):
        ok(admin.put(f"/studies/{report['study_id']}/assignments/{way}"), 204)
    mine = own.upload(film(unique("F"), Modality="CR", StudyDate="20240301", StudyTime="100000"), "a.dcm")
    draft = ok(own.post("/reports", json={"study_id": mine["study_id"], "sections": TEXT}), 201)
    ok(admin.put(f"/studies/{mine['study_id']}/assignments/{by_account.id}"), 204)
    rows = [recommend(author, report) for report in reports] + [recommend(own, draft)]
    stands = {row["id"]: row["status"] for row in rows}

    def pages(who, status):
        query = {"status": status, "page_size": 100}
        while query.get("after", True):
            page = ok(who.get("/recommendations", params=query))
            yield from page["items"]
            query["after"] = page["next"]

    def listed(who):
        return {r["id"] for status in set(stands.values()) for r in pages(who, status) if r["id"] in stands}

    everybody = {**people, "own": own, "account": by_account, "role": by_role, "dep": by_department}
    seen = {name: listed(who) for name, who in everybody.items()}
    ids = [row["id"] for row in rows]
    assert seen["account"] == {ids[0]} and seen["role"] == {ids[1]} and seen["dep"] == {ids[2]}
    assert seen["own"] == {ids[4]} and seen["viewer"] == seen["doctor"] == set() and seen["admin"] == set(ids)
    for name, who in everybody.items():
        one_by_one = {i for i in ids if who.get(f"/recommendations/{i}").status_code == 200}
        assert seen[name] == one_by_one, name


def test_nobody_is_named_to_who_may_not_read_patients(server, people, report):
    clerk = server.account(clerks(server, "image.read_all"), admin=people["admin"])
    row = recommend(people["author"], report)
    one = shown(clerk, row)
    assert (one["patient_id"], one["patient_name"], one["patient_number"]) == (None, None, None)
    problem(clerk.get(f"/recommendations?patient_id={report['patient_id']}"), 403)


# ---- two at once, and who listens ----


def test_two_processes_at_once_close_each_once(server, people):
    """A worker's job, the server's own, and eight people."""
    author = people["author"]
    report = signed(people)
    rows = [recommend(author, report) for _ in range(12)]
    study = bring(people, report["number"])
    with server.worker("--threads", "2"), ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, people)]
        asked += [
            pool.submit(author.post, f"/recommendations/{row['id']}/complete", json={"study_id": study})
            for row in rows
            for _ in range(2)
        ]
        asked += [pool.submit(ask, people)]
        codes = [a.result().status_code for a in asked if a.result() is not None]
    assert set(codes) <= {200, 409}
    for row in rows:
        assert comes_to(people, row, "COMPLETED")["completed_study_id"] == study
        assert events(author, row) == ["WRITTEN", "COMPLETED"]


def test_who_listens_hears_of_it(people, report):
    from test_events import Heard  # the same reader of the stream

    viewer = people["viewer"]
    ok(people["admin"].put(f"/studies/{report['study_id']}/assignments/{viewer.id}"), 204)
    heard = Heard(viewer)
    try:
        recommend(people["author"], report)
        heard.wait("report_id", report["id"], "report.follow_up")
    finally:
        heard.close()


# ---- bad input ----


def test_bad_input(people, report):
    author = people["author"]

    def wrong(**members):
        return set(wrong_members(recommend(author, report, 422, **members)))

    assert wrong(due_on=day(days=-2)) == {"due_on"} == wrong(due_on="2324-01-01") == wrong(due_on="soon")
    assert wrong(due_on=None) == {"due_on"} == wrong(due_on="2027-02-30")
    assert wrong(not_before=day(days=91)) == {"not_before"} == wrong(not_before="2024-02-29")
    assert wrong(reason=None) == {"reason"} == wrong(reason=" ") == wrong(reason="x" * 501)
    assert wrong(modality="KT") == {"modality"} == wrong(modality="SR") == wrong(modality="C" * 17)
    assert wrong(modality=None) == {"modality"} and wrong(body_part=None) == {"body_part"}
    assert wrong(modality=None, body_part=None) == {"modality"}
    assert wrong(body_part="CHEST'; --") == {"body_part"} == wrong(body_part="胸部") == wrong(body_part="X" * 17)
    assert wrong(procedure_code="1") == {"procedure_scheme"} == wrong(procedure_code="1", procedure_scheme="FOO")
    assert wrong(procedure_scheme="SCT") == {"procedure_code"} == wrong(procedure_code="a b", procedure_scheme="SCT")
    assert wrong(reason_code="x" * 65, reason_scheme="SCT") == {"reason_code"} and wrong(reason_code="1") == {
        "reason_scheme"
    }
    assert wrong(procedure_text="x" * 201) == {"procedure_text"}
    assert wrong(status="OPEN") == {"status"} == wrong(modality="CT", status="COMPLETED")
    assert wrong(due_on=day(days=-2), reason="", modality="KT") >= {"reason"}
    row = recommend(author, report)
    deed(author, row, "complete", 422, note="x" * 501)
    deed(author, row, "complete", 422, study_id=-1, note="x")
    deed(author, row, "complete", 422, note="x", due_on=day(days=3))
    deed(author, row, "dismiss", 422, note="x", study_id=1)
    for _ in range(49):
        recommend(author, report)
    assert "50" in recommend(author, report, 409)["detail"]


def test_audit_rows_are_about_the_recommendation(server, people, report):
    author = people["author"]
    recommend(author, report)
    row = recommend(author, report)
    deed(author, row, "dismiss", note="x")
    shown(author, row)
    wish = f"select action, patient_id from audit_logs where entity = 'recommendation' and entity_id = {row['id']}"

    def actions():
        return {action for action, patient in server.database.rows(wish) if patient == report["patient_id"]}

    wait_until(lambda: {"recommendation.dismiss", "recommendation.read"} <= actions(), "the rows")


def test_without_a_mail_server_nobody_is_said_to_be_mailed(new_server):
    server = new_server()
    people = accounts(server)
    row = recommend(people["author"], finish(people, begin(people)))
    server.database.rows("update recommendations set due_on = '2020-01-01', remind_after = '2020-01-01'")
    ok(people["admin"].post("/system/jobs", json={"kind": "reports.follow_up"}), 202)
    wait_until(lambda: "OVERDUE" in events(people["author"], row), "the reminder")
    told = ok(people["author"].get(f"/recommendations/{row['id']}/events"))["items"]
    assert [e["text"] for e in told if e["kind"] == "OVERDUE"] == ["mailed to 0"]
    assert any(line["event"] == "report.nobody" and "SMTP_URL" in line["message"] for line in server.log_lines())
