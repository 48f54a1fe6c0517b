"""Critical results: the clock of each category, who is told when it runs out, and what it takes to close one.

The tests own the clock as the server sees it: they move a result's moments in the database, and ask for the job."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from reports import act, finish
from reports import readers as accounts
from support import Server, dicom, ok, problem, wait_until, wrong_members

HEAD = "head@example.org"
TEXT = {"findings": "右侧张力性气胸。", "impression": "张力性气胸。"}
TOLD = {"receiver": "急诊 陈医生", "method": "PHONE", "read_back": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory, module_mail):
    server = Server(
        tmp_path_factory.mktemp("critical"),
        SMTP_URL=f"smtp://127.0.0.1:{module_mail.port}",
        MAIL_FROM="roentgen@example.org",
        CRITICAL_RESULT_MAIL=HEAD,
        CRITICAL_WITHIN_HOURS="12h",
    )
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return accounts(server)


@pytest.fixture
def report(people):
    study = people["author"].upload(dicom(), "a.dcm")["study_id"]
    return ok(people["author"].post("/reports", json={"study_id": study, "sections": TEXT}), 201)


def mark(who, report, status=201, **members):
    wish = {"category": "MINUTES", "finding": "张力性气胸", **members}
    answer = who.post(f"/reports/{report['id']}/critical-results", json=wish)
    return ok(answer, 201) if status == 201 else problem(answer, status)


def tell(who, result, status=200, **members):
    answer = who.post(f"/critical-results/{result['id']}/communicate", json=members)
    return ok(answer) if status == 200 else problem(answer, status)


def events(who, result):
    return [(e["kind"], e["step"]) for e in ok(who.get(f"/critical-results/{result['id']}/events"))["items"]]


def moment(text):
    return datetime.fromisoformat(text)


def ago(**duration):
    return (datetime.now(timezone.utc) - timedelta(**duration)).isoformat()


def age(server, result, hours):
    """As if it had been found so much earlier."""
    us = hours * 3600 * 1000000
    server.database.rows(
        f"update critical_results set found_at = found_at - {us}, due_at = due_at - {us}, "
        f"next_step_at = next_step_at - {us} where id = {result['id']}"
    )


def escalate(people, result, steps):
    ok(people["admin"].post("/system/jobs", json={"kind": "critical.escalate"}), 202)
    path = f"/critical-results/{result['id']}"
    wait_until(lambda: ok(people["author"].get(path))["steps"] >= steps, f"step {steps}")
    return ok(people["author"].get(path))


def test_it_is_marked_on_a_draft_and_told(people, report):
    author, second = people["author"], people["second"]
    answer = author.post(
        f"/reports/{report['id']}/critical-results", json={"category": "MINUTES", "finding": "张力性气胸"}
    )
    result = ok(answer, 201)
    assert answer.headers["Location"] == f"/api/v1/critical-results/{result['id']}"
    assert (result["status"], result["radiologist"], result["version"]) == ("OPEN", author.user["full_name"], 1)
    assert moment(result["due_at"]) - moment(result["found_at"]) == timedelta(minutes=60)
    received = ago(seconds=0)
    told = tell(second, result, **TOLD, received_at=received, comment="复述无误")
    assert (told["status"], told["closed_by"], told["read_back"]) == ("COMMUNICATED", second.id, True)
    assert (told["receiver"], told["method"], moment(told["received_at"])) == (
        TOLD["receiver"],
        "PHONE",
        moment(received),
    )
    assert events(author, result) == [("MARKED", 0), ("COMMUNICATED", 0)]
    kept = [e["text"] for e in ok(author.get(f"/critical-results/{result['id']}/events"))["items"]]
    assert "张力性气胸; found 20" in kept[0] and TOLD["receiver"] in kept[1] and "PHONE, read back" in kept[1]
    listed = ok(author.get(f"/reports/{report['id']}/critical-results"))["items"]
    assert listed == [ok(author.get(f"/critical-results/{result['id']}"))]
    assert "COMMUNICATED" in tell(second, result, 409, **TOLD, received_at=ago(seconds=0))["detail"]

    def audited():
        return {r["action"] for r in ok(people["admin"].get("/system/audit-logs?page_size=100"))["items"]}

    asked = {f"critical_result.{what}" for what in ("mark", "communicate", "read", "list", "events")}
    wait_until(lambda: asked <= audited(), "audit rows")


@pytest.mark.parametrize(
    "category, limit", [("MINUTES", timedelta(minutes=60)), ("HOURS", timedelta(hours=12)), ("DAYS", timedelta(days=3))]
)
def test_each_category_has_its_clock(people, report, category, limit):
    found = ago(minutes=20)
    result = mark(people["author"], report, category=category, found_at=found)
    assert moment(result["found_at"]) == moment(found)
    assert moment(result["due_at"]) == moment(found) + limit, "from when it was found"


def test_six_fields_close_it(people, report):
    author = people["author"]
    result = mark(author, report, finding=None)
    assert set(wrong_members(tell(author, result, 422))) == {"finding", "receiver", "received_at", "method"}
    missing = tell(author, result, 422, finding="气胸", receiver=" ", method="PHONE")
    assert set(wrong_members(missing)) == {"receiver", "received_at"}
    assert set(wrong_members(tell(author, result, 422, method="PIGEON"))) == {"method"}
    whole = {"finding": "气胸", "receiver": "x", "method": "IN_PERSON"}
    assert set(wrong_members(tell(author, result, 422, **whole, received_at=ago(hours=-2)))) == {"received_at"}
    early = tell(author, result, 422, **whole, received_at=ago(hours=2))
    assert set(wrong_members(early)) == {"received_at"} and "found" in str(early["errors"])
    assert set(wrong_members(mark(author, report, 422, found_at=ago(hours=-2)))) == {"found_at"}
    assert set(wrong_members(mark(author, report, 422, category="WEEKS"))) == {"category"}
    assert ok(author.get(f"/critical-results/{result['id']}"))["status"] == "OPEN"
    assert events(author, result) == [("MARKED", 0)]


def test_each_step_is_taken_once(server, people, module_mail, report):
    author, second = people["author"], people["second"]
    module_mail.mails.clear()
    result, other = mark(second, report), mark(second, report, category="DAYS")
    age(server, result, 1.5)  # one and a half times its limit
    for _ in range(3):
        assert escalate(people, result, 1)["steps"] == 1
    assert events(author, result) == [("MARKED", 0), ("ESCALATED", 1)]
    wait_until(lambda: len(module_mail.mails) == 2, "two mails")
    assert {m["to"][0] for m in module_mail.mails} == {author.user["email"], second.user["email"]}
    assert all("张力性气胸" not in m["data"].decode() and "Wang" not in m["data"].decode() for m in module_mail.mails)
    age(server, result, 0.6)
    for _ in range(3):
        now = escalate(people, result, 2)
        assert (now["steps"], now["status"]) == (2, "OPEN")
    assert events(author, result) == [("MARKED", 0), ("ESCALATED", 1), ("ESCALATED", 2)]
    wait_until(lambda: len(module_mail.mails) == 5, "mails of the second step")
    told = ok(author.get(f"/critical-results/{result['id']}/events"))["items"]
    assert [e["text"] for e in told[1:]] == ["mailed to 2", "mailed to 3"]
    assert [m["to"][0] for m in module_mail.mails].count(HEAD) == 1
    age(server, result, 100)
    escalate(people, result, 2)
    assert events(author, result)[3:] == [] and ok(author.get(f"/critical-results/{other['id']}"))["steps"] == 0
    assert tell(author, result, **TOLD, received_at=ago(seconds=0))["status"] == "COMMUNICATED", "late, but told"


def test_of_many_jobs_at_once_one_takes_the_step(server, people, report):
    results = [mark(people["author"], report) for _ in range(10)]
    for result in results:
        age(server, result, 1.5)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda result: escalate(people, result, 1), results))
    for result in results:
        assert events(people["author"], result) == [("MARKED", 0), ("ESCALATED", 1)]


def test_what_is_closed_is_not_escalated(server, people, report):
    author, second = people["author"], people["second"]
    told, wrong, open_one = (mark(author, report) for _ in range(3))
    tell(author, told, **TOLD, received_at=ago(seconds=0))
    problem(author.post(f"/critical-results/{wrong['id']}/cancel", json={}), 422)
    problem(people["doctor"].post(f"/critical-results/{wrong['id']}/cancel", json={"reason": "x"}), 404)
    cancelled = ok(second.post(f"/critical-results/{wrong['id']}/cancel", json={"reason": "另一患者"}))
    assert (cancelled["status"], cancelled["reason"], cancelled["closed_by"]) == ("CANCELLED", "另一患者", second.id)
    for result in (told, wrong, open_one):
        age(server, result, 1.5)
    escalate(people, open_one, 1)
    assert [ok(author.get(f"/critical-results/{r['id']}"))["steps"] for r in (told, wrong)] == [0, 0]
    assert events(author, wrong) == [("MARKED", 0), ("CANCELLED", 0)]


def test_the_overdue_list(server, people, report):
    author = people["author"]
    late, later, fine = mark(author, report), mark(author, report, category="HOURS"), mark(author, report)
    age(server, late, 2)
    age(server, later, 20)

    def listed(who, **query):
        rows = ok(who.get("/critical-results", params={"page_size": 100, **query}))["items"]
        return [r["id"] for r in rows if r["report_id"] == report["id"]]

    assert listed(author, overdue="true") == [later["id"], late["id"]], "the longest waiting first"
    assert listed(author, overdue="true", category="HOURS") == [later["id"]]
    assert listed(author, status="OPEN", sort="-due_at") == [fine["id"], late["id"], later["id"]]
    assert listed(people["doctor"]) == [] == listed(people["viewer"]), "of reports that one does not see"
    viewer = people["viewer"]
    ok(people["admin"].put(f"/studies/{report['study_id']}/assignments/{viewer.id}"), 204)
    assert listed(viewer) == [], "a draft's"
    ok(act(author, report, "submit"))
    assert listed(viewer, overdue="true") == [later["id"], late["id"]], "what is submitted is read"
    problem(people["viewer"].post(f"/critical-results/{late['id']}/communicate", json={}), 403)
    mark(people["viewer"], report, 403)


def test_what_one_does_not_see_is_not_there(people, report):
    author, doctor = people["author"], people["doctor"]
    result = mark(author, report)
    for path in (f"/critical-results/{result['id']}", f"/reports/{report['id']}/critical-results"):
        problem(doctor.get(path), 404)
    problem(doctor.get(f"/critical-results/{result['id']}/events"), 404)
    tell(doctor, result, 404, **TOLD, received_at=ago(seconds=0))
    mark(doctor, report, 404)
    assert author.get("/critical-results/999999").status_code == 404
    mark(author, {"id": 999999}, 404)


def test_a_report_that_was_given_up_has_none(people, report):
    author = people["author"]
    result = mark(author, report)
    ok(act(author, report, "cancel"))
    mark(author, report, 409)
    ok(author.post(f"/critical-results/{result['id']}/cancel", json={"reason": "report given up"}))


def test_it_may_be_marked_when_it_is_signed_and_no_version_changes(people, report):
    final = finish(people, report)
    result = mark(people["author"], final)
    assert result["version"] == final["version"]
    assert ok(people["author"].get(f"/reports/{report['id']}/verify"))["valid"] is True


def test_two_who_tell_at_once_close_it_once(people, report):
    result = mark(people["author"], report)
    with ThreadPoolExecutor(8) as pool:
        told = {**TOLD, "received_at": ago(seconds=0)}
        path = f"/critical-results/{result['id']}/communicate"
        codes = list(pool.map(lambda _: people["author"].post(path, json=told).status_code, range(8)))
    assert sorted(codes) == [200] + [409] * 7
    assert events(people["author"], result) == [("MARKED", 0), ("COMMUNICATED", 0)]


def test_who_listens_hears_of_it(server, people, report):
    from test_events import Heard  # the same reader of the stream

    heard = Heard(people["second"])
    try:
        result = mark(people["author"], report)
        heard.wait("report_id", result["report_id"], "report.critical")
    finally:
        heard.close()


def test_bad_input(people, report):
    author = people["author"]
    path = f"/reports/{report['id']}/critical-results"
    for body in ({}, {"category": None}, {"category": "MINUTES", "finding": "x" * 501}, {"category": 1}):
        problem(author.post(path, json=body), 422)
    problem(author.post(path, json={"category": "MINUTES", "found_at": "yesterday"}), 422)
    for _ in range(50):
        mark(author, report)
    assert "50" in mark(author, report, 409)["detail"]
