"""Results of models that come after a report was signed, and those that it rests on and that are denied: they ask for
an addendum, and change nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime

import pytest

from reports import act, finish, judged
from reports import readers as accounts
from support import ON_SQLITE, PASSWORD, Server, dicom, ok, problem, unique, wait_until, wrong_members
from test_diagnosis import ask, bring, ended
from test_diagnosis_many import as_dicom
from test_events import Heard
from test_held_rows import Session, asked_in_vain, waiting

TEXT = {"findings": "两肺纹理清晰。", "impression": "未见异常。"}
WHY = {"reason": "报告中已有描述"}
SICK, WELL = "k_02672.jpg", "k_00084.jpg"  # films of which the shipped model says so


def finding(label, positive=True, **members):
    """As a model says it."""
    code = {"scheme": "99TEST", "value": label, "meaning": label}
    return {"code": code, "label": label, "probability": 0.9 if positive else 0.1, "positive": positive, **members}


FOUND = finding("pneumonia")


@pytest.fixture(scope="module")
def server(tmp_path_factory, module_mail):
    server = Server(
        tmp_path_factory.mktemp("late"),
        MODEL_PROCESSES="1",
        RATE_LIMIT="off",
        SMTP_URL=f"smtp://127.0.0.1:{module_mail.port}",
        MAIL_FROM="roentgen@example.org",
    )
    server.init().start()
    yield server
    server.close()
    assert not [line for line in server.log_lines() if line["level"] == "error"]


@pytest.fixture(scope="module")
def people(server):
    return accounts(server)


@pytest.fixture(scope="module")
def model(people):
    """The shipped one, in use."""
    made = bring(people["admin"])
    return ok(people["admin"].post(f"/diagnosis/models/{made['id']}/activate"))


def begin(people, file, **members):
    return ok(people["author"].post("/reports", json={"study_id": file["study_id"], "sections": TEXT, **members}), 201)


def film(people, **members):
    return people["author"].upload(dicom(Modality="DX", BodyPartExamined="CHEST", **members), "a.dcm")


@pytest.fixture
def report(people):
    """Signed, on a film that no model has looked at."""
    file = film(people)
    return {**finish(people, begin(people, file)), "file": file}


def said(server, file, verdict=None, findings=(FOUND,), **members):
    """What a model has said of that film, as a reader has left it."""
    members["findings"] = "'" + json.dumps(findings) + "'"
    judged(server, file, verdict)
    [(number,)] = server.database.rows(f"select max(id) from diagnoses where image_file_id = {file['id']}")
    for name, value in members.items():
        server.database.rows(f"update diagnoses set {name} = {value} where id = {number}")
    return number


def review(who, number, decision="CONFIRMED", **members):
    return ok(who.post(f"/diagnosis/{number}/review", json={"decision": decision, **members}))


def confirmed(server, people, report):
    """One more of that report's film, which a reader confirms now."""
    number = said(server, report["file"])
    review(people["second"], number)
    return number


def late(who, report, **query):
    return ok(who.get(f"/reports/{report['id']}/late-results", params=query))["items"]


def statuses(who, report):
    return [row["status"] for row in late(who, report)]


def shown(who, report):
    return ok(who.get(f"/reports/{report['id']}"))


def on_list(who, report, view="all"):
    """Its row of the work list."""
    rows = ok(who.get("/reports/worklist", params={"view": view, "page_size": 100}))["items"]
    found = [row for row in rows if row["report_id"] == report["id"]]
    assert len(found) < 2
    return found[0] if found else None


def dismiss(who, row, status=200, **body):
    answer = who.post(f"/late-results/{row['id']}/dismiss", json=body or WHY)
    return ok(answer) if status == 200 else problem(answer, status)


def dismiss_all(who, report, rows, status=200):
    body = {**WHY, "late_results": [row["id"] for row in rows]}
    answer = who.post(f"/reports/{report['id']}/dismiss-late-results", json=body)
    return ok(answer) if status == 200 else problem(answer, status)


def told(mail, report):
    return [m for m in mail.mails if f"report {report['id']} " in m["data"].decode()]


def beside(server, people, report):
    """Another film of the same study."""
    [(study_uid, number)] = server.database.rows(
        f"select s.study_uid, p.patient_id from studies s join patients p on p.id = s.patient_id where s.id = "
        f"{report['study_id']}"
    )
    file = film(people, StudyInstanceUID=study_uid, PatientID=number)
    assert file["study_id"] == report["study_id"]
    return file


def sign(people, report, **members):
    ok(act(people["author"], report, "submit"))
    ok(act(people["second"], report, "approve"))
    return ok(act(people["second"], report, "sign", password=PASSWORD, **members))


def add(people, report):
    ok(act(people["author"], report, "addendum", addendum="AI 提示右下肺实变，复阅同意。"))
    return sign(people, report)


# ---- from its arrival to the addendum ----


def test_a_result_that_arrives_is_heard_of_until_it_is_added(people, module_mail, model):
    author, second, admin = people["author"], people["second"], people["admin"]
    file = author.upload(as_dicom(SICK, PatientID=unique("L")), "a.dcm")
    report = finish(people, begin(people, file))
    module_mail.mails.clear()
    listener = Heard(author, types="report.late_result")
    made = ended(admin, ask(admin, file["id"])["id"])
    assert made["status"] == "COMPLETED" and not made["gate"], made
    after = shown(author, report)
    assert (after["addendum_asked"], after["version"], after["status"]) == (True, report["version"], "FINAL")
    assert after["sections"] == TEXT and ok(author.get(f"/reports/{report['id']}/verify"))["valid"] is True
    [row] = late(author, report)
    assert (row["status"], row["cause"], row["diagnosis_id"]) == ("OPEN", "ARRIVED", made["id"])
    assert (row["model_name"], row["model_version"]) == (model["name"], model["version"])
    assert (row["signed_version"], row["study_id"], row["closed_at"]) == (report["version"], file["study_id"], None)
    assert row["patient_number"] and row["actions"] == ["dismiss"] and row == ok(
        author.get(f"/late-results/{row['id']}")
    )
    assert row["id"] in [r["id"] for r in ok(author.get("/late-results?sort=-asked_at"))["items"]]
    waits = on_list(author, report, "mine")
    assert (waits["state"], waits["late_results"], waits["author_id"]) == ("ADDENDUM", 1, author.id)
    assert on_list(second, report)["state"] == "ADDENDUM" and not on_list(second, report, "mine")
    assert not [r for r in ok(author.get("/reports/worklist"))["items"] if r["study_id"] == file["study_id"]]
    wait_until(lambda: module_mail.mails, "a mail")
    assert [m["to"] for m in module_mail.mails] == [[author.user["email"]]]
    text = module_mail.mails[0]["data"].decode()
    assert f"report {report['id']} " in text and row["patient_number"] not in text
    ok(act(author, report, "addendum", addendum="AI 提示右下肺实变，复阅同意。"))
    begun = on_list(author, report, "mine")
    assert (begun["state"], begun["clock_at"], begun["late_results"]) == ("DRAFT", waits["clock_at"], 1)
    assert statuses(author, report) == ["OPEN"], "what is not signed answers nothing"
    done = sign(people, report)
    assert (done["status"], done["addendum_asked"]) == ("APPENDED", False) and not on_list(author, report)
    [row] = late(author, report)
    assert (row["status"], row["addressed_version"], row["closed_by"]) == ("ADDRESSED", done["version"], second.id)
    assert row["closed_at"] and row["reason"] is None and row["actions"] == []
    wait_until(lambda: len(listener.events) == 2, "two events")
    assert [e["state"] for e in listener.events] == ["OPEN", "ADDRESSED"]
    assert {e["report_id"] for e in listener.events} == {report["id"]}
    listener.close()
    forced = ended(admin, ask(admin, file["id"], force=True)["id"])
    assert [r["diagnosis_id"] for r in late(author, report, status="OPEN")] == [forced["id"]], "another result"


def test_what_was_there_before_the_signature_asks_nothing(server, people, model):
    author, admin = people["author"], people["admin"]
    file = author.upload(as_dicom(SICK, PatientID=unique("L")), "a.dcm")
    draft = begin(people, file)
    made = ended(admin, ask(admin, file["id"])["id"])
    report = finish(people, draft)
    assert (report["addendum_asked"], late(author, report)) == (False, [])
    review(people["second"], made["id"])
    [row] = late(author, report)
    assert (row["cause"], row["status"], row["diagnosis_id"]) == ("CONFIRMED", "OPEN", made["id"])


def test_before_any_signature_nothing_is_late(server, people):
    file = film(people)
    draft = begin(people, file)
    ok(act(people["author"], draft, "submit"))
    review(people["second"], said(server, file))
    assert statuses(people["author"], draft) == [] and shown(people["author"], draft)["addendum_asked"] is False


# ---- once, and of what ----


def test_each_result_asks_once_of_each_report(server, people, report):
    author, second = people["author"], people["second"]
    other = finish(people, begin(people, report["file"]))
    number = confirmed(server, people, report)
    review(author, number)
    for each in (report, other):
        assert [(r["diagnosis_id"], r["cause"]) for r in late(author, each)] == [(number, "CONFIRMED")]
    [row] = late(author, report)
    assert dismiss(second, row)["status"] == "DISMISSED"
    review(author, number)
    assert statuses(author, report) == ["DISMISSED"] and statuses(author, other) == ["OPEN"]
    add(people, other)
    review(author, number)
    assert statuses(author, other) == ["ADDRESSED"] and not on_list(author, other)


def test_mail_comes_for_the_first_that_is_open(server, people, module_mail, report):
    author = people["author"]

    for _ in range(3):
        confirmed(server, people, report)
    assert shown(author, report)["addendum_asked"] is True
    last = {**finish(people, begin(people, report["file"]))}
    confirmed(server, people, report)
    wait_until(lambda: told(module_mail, last), "the mail of the report that was signed last")
    wait_until(lambda: told(module_mail, report), "the mail of the first")
    assert len(told(module_mail, report)) == len(told(module_mail, last)) == 1


def test_one_that_rests_keeps_no_mail_back_and_goes_with_its_image(server, people, module_mail, report):
    author, admin = people["author"], people["admin"]
    confirmed(server, people, report)
    wait_until(lambda: told(module_mail, report), "the mail of the first")
    other = beside(server, people, report)
    ok(admin.delete(f"/image-files/{report['file']['id']}"), 204)
    confirmed(server, people, {"file": other})
    wait_until(lambda: len(told(module_mail, report)) == 2, "the mail of the one that counts")
    server.run("purge", "--older-than", "0s")
    rows = late(author, report, sort="asked_at")
    assert [(row["status"], row["diagnosis_id"] is None) for row in rows] == [("WITHDRAWN", True), ("OPEN", False)]
    assert rows[0]["closed_at"] and rows[0]["actions"] == []


@pytest.mark.parametrize(
    "members",
    [{"is_shadow": 1}, {"findings": (), "gate": "'{}'"}, {"findings": (finding("pneumonia", positive=False),)}],
    ids=["of a shadow", "where the gate shut", "negative"],
)
def test_what_says_nothing_asks_nothing(server, people, report, members):
    admin = people["admin"]
    number = said(server, report["file"], **members)
    review(admin, number)
    assert statuses(admin, report) == [] and not on_list(admin, report)


def test_a_result_without_a_positive_finding_asks_nothing(people, model):
    author, admin = people["author"], people["admin"]
    file = author.upload(as_dicom(WELL, PatientID=unique("L")), "a.dcm")
    report = finish(people, begin(people, file))
    made = ended(admin, ask(admin, file["id"])["id"])
    assert made["status"] == "COMPLETED" and [f["positive"] for f in made["findings"]] == [False], made
    review(people["second"], made["id"])
    assert (shown(author, report)["addendum_asked"], late(author, report)) == (False, [])
    review(people["second"], made["id"], "MODIFIED", findings=[finding("effusion", positive=False)])
    assert late(author, report) == []
    review(people["second"], made["id"], "MODIFIED", findings=[finding("effusion", positive=False), FOUND])
    assert [(r["cause"], r["status"]) for r in late(author, report)] == [("CONFIRMED", "OPEN")]
    review(people["second"], made["id"], "MODIFIED", findings=[])
    assert statuses(author, report) == ["WITHDRAWN"] and not on_list(author, report)


def test_what_is_rejected_or_withdrawn_asks_no_more(server, people, report):
    author, second = people["author"], people["second"]
    number, other = confirmed(server, people, report), said(server, report["file"])
    review(second, other, "REJECTED", comment="伪影")
    assert [r["diagnosis_id"] for r in late(author, report)] == [number]
    review(author, number, "REJECTED", comment="伪影")
    [row] = late(author, report)
    assert (row["status"], row["closed_by"], row["actions"]) == ("WITHDRAWN", author.id, [])
    assert shown(author, report)["addendum_asked"] is False and not on_list(author, report)
    assert "WITHDRAWN" in dismiss(second, row, 409)["detail"]
    review(second, number)
    assert statuses(author, report) == ["OPEN"] and on_list(author, report), "a reader stands by it after all"
    ok(people["admin"].post(f"/diagnosis/{number}/withdraw", json={"reason": "another film"}))
    assert statuses(author, report) == ["WITHDRAWN"] and not on_list(author, report)


# ---- what the report rests on ----


def resting(server, people, model, findings=(FOUND,), text=TEXT["findings"]):
    """A signed report of which the findings come from a result that a reader has confirmed; its report, and that."""
    file = film(people)
    number = said(server, file, findings=findings, model_id=model["id"])
    review(people["author"], number)
    source = {"section": "findings", "text": text, "kind": "DIAGNOSIS", "reference": f"diagnosis/{number}"}
    return {**finish(people, begin(people, file, sources=[source])), "file": file}, number


def causes(who, report):
    return [(row["cause"], row["status"], row["signed_version"]) for row in late(who, report, sort="asked_at")]


def test_what_the_report_rests_on_asks_nothing_when_it_is_confirmed_again(server, people, model):
    author, second = people["author"], people["second"]
    for text, wanted in ((TEXT["findings"], []), ("这句已经删去。", ["OPEN"])):
        report, number = resting(server, people, model, text=text)
        review(second, number)
        assert statuses(author, report) == wanted, text


BOX = {"x": 10, "y": 20, "width": 30, "height": 40}
POINTS = [{"name": "C2", "x": 1, "y": 2}]


@pytest.mark.parametrize(
    "found, corrected, asks",
    [
        ([FOUND], None, True),
        ([FOUND], [], True),
        ([FOUND], [FOUND, finding("effusion")], True),
        ([FOUND], [finding("effusion")], True),
        ([FOUND], [finding("pneumonia", positive=False)], True),
        ([finding("pneumonia", positive=False)], [FOUND], True),
        ([finding("pneumonia", box=BOX)], [finding("pneumonia", box={**BOX, "x": 300})], True),
        ([finding("pneumonia", box=BOX)], [FOUND], True),
        ([finding("pneumonia", points=POINTS)], [finding("pneumonia", points=[{**POINTS[0], "y": 9}])], True),
        ([finding("pneumonia", box=BOX, points=POINTS)], [finding("pneumonia", box=BOX, points=POINTS)], False),
        ([FOUND, finding("effusion")], [{**finding("effusion"), "probability": None}, FOUND], False),
        ([FOUND], [FOUND, finding("effusion", positive=False)], False),
    ],
)
def test_a_ground_that_is_corrected_asks_where_other_things_are_found(server, people, model, found, corrected, asks):
    author = people["author"]
    report, number = resting(server, people, model, findings=found)
    if corrected is None:
        review(people["second"], number, "REJECTED", comment="伪影")
    else:
        review(people["second"], number, "MODIFIED", findings=corrected)
    wanted = [("DENIED", "OPEN", report["version"])] if asks else []
    assert (causes(author, report), shown(author, report)["addendum_asked"]) == (wanted, asks)
    assert bool(on_list(author, report, "mine")) == asks
    assert shown(author, report)["version"] == report["version"], "the report stays as it is"


def test_a_ground_that_is_restored_asks_no_more(server, people, model):
    author, second, admin = people["author"], people["second"], people["admin"]
    report, number = resting(server, people, model)
    review(second, number, "REJECTED", comment="伪影")
    review(second, number, "MODIFIED", findings=[finding("effusion")])
    assert causes(author, report) == [("DENIED", "OPEN", report["version"])], "once"
    review(author, number, "MODIFIED", findings=[FOUND])
    [row] = late(author, report)
    assert (row["status"], row["closed_by"]) == ("WITHDRAWN", author.id) and not on_list(author, report)
    ok(admin.post(f"/diagnosis/{number}/withdraw", json={"reason": "another film"}))
    [row] = late(author, report)
    assert (row["cause"], row["status"], row["diagnosis_id"]) == ("DENIED", "OPEN", number) and on_list(author, report)


def test_a_ground_asks_once_of_each_signed_version(server, people, model):
    author, second = people["author"], people["second"]
    report, number = resting(server, people, model)
    first = ("DENIED", "ADDRESSED", report["version"])
    review(second, number, "REJECTED", comment="伪影")
    done = add(people, report)
    assert causes(author, report) == [first]
    review(author, number, "REJECTED", comment="伪影")
    assert causes(author, report) == [first], "nothing new was said"
    review(author, number)
    assert causes(author, report) == [first, ("DENIED", "OPEN", done["version"])]
    dismiss(author, late(author, report, status="OPEN")[0])
    review(second, number, "MODIFIED", findings=[finding("effusion")])
    assert causes(author, report) == [first, ("DENIED", "DISMISSED", done["version"])]


def test_a_denial_that_a_signature_has_left_open_is_taken_back_and_not_doubled(server, people, model):
    author, second = people["author"], people["second"]
    report, number = resting(server, people, model)
    ok(act(author, report, "addendum", addendum="x"))
    review(second, number, "REJECTED", comment="伪影")
    done = sign(people, report)
    review(second, number, "MODIFIED", findings=[finding("effusion")])
    assert causes(author, report) == [("DENIED", "OPEN", report["version"])]
    review(author, number)
    first = ("DENIED", "WITHDRAWN", report["version"])
    assert causes(author, report) == [first] and not on_list(author, report)
    review(second, number, "REJECTED", comment="伪影")
    assert causes(author, report) == [first, ("DENIED", "OPEN", done["version"])]


def test_what_asked_as_news_asks_again_when_the_report_has_come_to_rest_on_it(server, people, report):
    author, second = people["author"], people["second"]
    number = confirmed(server, people, report)
    source = {"section": "impression", "text": "右下肺炎。", "kind": "DIAGNOSIS", "reference": f"diagnosis/{number}"}
    ok(act(author, report, "amend", reason="AI", sections={"impression": "右下肺炎。"}))
    ok(author.patch(f"/reports/{report['id']}", json={"sources": [source]}))
    done = sign(people, report)
    review(second, number, "REJECTED", comment="伪影")
    news = ("CONFIRMED", "ADDRESSED", report["version"])
    assert causes(author, report) == [news, ("DENIED", "OPEN", done["version"])]
    ok(act(author, report, "amend", reason="AI", sections={"impression": "未见肺炎。"}))
    assert sign(people, report)["addendum_asked"] is False
    review(second, number)
    assert causes(author, report) == [news, ("DENIED", "ADDRESSED", done["version"])]


# ---- what becomes of it ----


def test_who_may_dismiss_it_says_why(server, people, report):
    author, second, viewer, doctor = (people[name] for name in ("author", "second", "viewer", "doctor"))
    confirmed(server, people, report)
    [row] = late(author, report)
    for who in (viewer, doctor):
        problem(who.get(f"/late-results/{row['id']}"), 404)
        assert row["id"] not in [r["id"] for r in ok(who.get("/late-results?page_size=100"))["items"]]
        dismiss(who, row, 404)
        ok(people["admin"].put(f"/studies/{report['study_id']}/assignments/{who.id}"), 204)
        assert row["id"] in [r["id"] for r in ok(who.get("/late-results?page_size=100"))["items"]]
    told = ok(viewer.get(f"/late-results/{row['id']}"))
    assert (told["status"], told["actions"], told["diagnosis_id"], told["model_name"]) == ("OPEN", [], None, None)
    assert ok(doctor.get(f"/late-results/{row['id']}"))["diagnosis_id"] == row["diagnosis_id"]
    for body in ({"reason": " "}, {"reason": None}, {"text": "x"}):
        assert "reason" in wrong_members(dismiss(second, row, 422, **body))
    dismiss(viewer, row, 403)
    dismiss_all(viewer, report, [row], 403)
    done = dismiss(second, row)
    assert (done["status"], done["reason"], done["closed_by"]) == ("DISMISSED", WHY["reason"], second.id)
    assert done["addressed_version"] is None and not on_list(author, report)
    assert "DISMISSED" in dismiss(author, row, 409)["detail"]
    dismiss(author, {"id": 999999}, 404)

    def is_audited():
        query = {"entity": "late_result", "entity_id": row["id"], "action": "late_result.dismiss", "page_size": 100}
        rows = ok(people["admin"].get("/system/audit-logs", params=query))["items"]
        return [r for r in rows if r["outcome"] == 200]

    wait_until(is_audited, "an audit row")


def test_several_of_a_report_at_once_are_those_that_were_seen(server, people, report):
    author = people["author"]
    for _ in range(3):
        confirmed(server, people, report)
    other = finish(people, begin(people, report["file"]))
    confirmed(server, people, report)
    seen = late(author, report, status="OPEN")
    unseen = confirmed(server, people, report)
    path = f"/reports/{report['id']}/dismiss-late-results"
    for body in ({}, WHY, {**WHY, "late_results": None}, {**WHY, "late_results": list(range(1, 1002))}):
        assert "late_results" in wrong_members(problem(author.post(path, json=body), 422))
    foreign = late(author, other)[0]
    assert wrong_members(dismiss_all(author, report, [*seen, foreign], 422)) == ["late_results.4"]
    assert statuses(author, report) == ["OPEN"] * 5, "all or none"
    assert dismiss_all(author, report, [*seen, seen[0]]) == {"dismissed": 4}
    assert [row["diagnosis_id"] for row in late(author, report, status="OPEN")] == [unseen]
    assert on_list(author, report)["late_results"] == 1
    assert wrong_members(dismiss_all(author, report, seen[:1], 422)) == ["late_results.0"]
    assert dismiss_all(author, report, []) == {"dismissed": 0}
    assert dismiss_all(author, report, late(author, report, status="OPEN")) == {"dismissed": 1}
    assert statuses(author, report) == ["DISMISSED"] * 5 and not on_list(author, report)
    assert statuses(author, other) == ["OPEN"] * 2 and on_list(author, other)


def test_an_addendum_that_is_given_up_leaves_it_open(server, people, report):
    author = people["author"]
    confirmed(server, people, report)
    ok(act(author, report, "addendum", addendum="x"))
    ok(act(author, report, "cancel"))
    row = on_list(author, report, "mine")
    assert (row["state"], row["report_version"], statuses(author, report)) == (
        "ADDENDUM",
        report["version"],
        ["OPEN"],
    )
    ok(act(author, report, "amend", reason="AI", sections={"impression": "右下肺炎。"}))
    assert on_list(author, report)["state"] == "DRAFT"
    assert sign(people, report)["status"] == "AMENDED"
    assert statuses(author, report) == ["ADDRESSED"] and not on_list(author, report)


def test_what_came_while_an_addendum_was_written_is_answered_by_the_next(server, people, report):
    author = people["author"]
    confirmed(server, people, report)
    ok(act(author, report, "addendum", addendum="x"))
    number = confirmed(server, people, report)
    asked = {row["diagnosis_id"] == number: row["while_writing"] for row in late(author, report)}
    assert asked == {True: True, False: False}
    done = sign(people, report)
    assert done["addendum_asked"] is True and on_list(author, report)["state"] == "ADDENDUM"
    [row] = late(author, report, status="OPEN")
    assert (row["diagnosis_id"], row["while_writing"]) == (number, False)
    assert add(people, report)["addendum_asked"] is False and statuses(author, report) == ["ADDRESSED"] * 2


def test_another_word_on_what_was_open_is_not_answered_by_what_was_being_written(server, people, model, report):
    author, second = people["author"], people["second"]
    listener = Heard(author, types="report.late_result")

    def heard():
        return [event["state"] for event in listener.events if event["report_id"] == report["id"]]

    same, other = (said(server, report["file"], model_id=model["id"]) for _ in range(2))
    for number in (same, other):
        review(second, number)
    ok(act(author, report, "addendum", addendum="x"))
    review(author, same)
    review(second, other, "MODIFIED", findings=[finding("pneumothorax")])
    assert {row["diagnosis_id"]: row["while_writing"] for row in late(author, report)} == {same: False, other: True}
    assert sign(people, report)["addendum_asked"] is True
    assert {row["diagnosis_id"]: row["status"] for row in late(author, report)} == {same: "ADDRESSED", other: "OPEN"}
    wait_until(lambda: len(heard()) == 4, "what became of the two")
    assert heard() == ["OPEN", "OPEN", "OPEN", "ADDRESSED"], "the other word is told, the same is not"
    listener.close()
    assert add(people, report)["addendum_asked"] is False


def test_another_word_on_a_ground_is_not_answered_by_what_was_being_written(server, people, model):
    author, second = people["author"], people["second"]
    report, number = resting(server, people, model)
    review(second, number, "MODIFIED", findings=[finding("effusion")])
    ok(act(author, report, "addendum", addendum="x"))
    review(second, number, "REJECTED", comment="伪影")
    assert sign(people, report)["addendum_asked"] is True
    assert causes(author, report) == [("DENIED", "OPEN", report["version"])]
    assert add(people, report)["addendum_asked"] is False
    assert causes(author, report) == [("DENIED", "ADDRESSED", report["version"])]


def test_who_signs_names_what_came_meanwhile_and_is_answered(server, people, report):
    author, second = people["author"], people["second"]
    other = finish(people, begin(people, report["file"]))
    ok(act(author, report, "addendum", addendum="x"))
    numbers = [confirmed(server, people, report) for _ in range(3)]
    rows = {row["diagnosis_id"]: row["id"] for row in late(author, report)}
    ok(act(author, report, "submit"))
    ok(act(second, report, "approve"))
    dismiss(author, {"id": rows[numbers[2]]})
    foreign = late(author, other)[0]["id"]
    for wrong in (foreign, rows[numbers[2]], 999999):
        body = {"password": PASSWORD, "late_results": [rows[numbers[0]], wrong]}
        assert wrong_members(problem(act(second, report, "sign", **body), 422)) == ["late_results.1"]
    done = ok(act(second, report, "sign", password=PASSWORD, late_results=[rows[numbers[0]]]))
    stands = {row["diagnosis_id"]: (row["status"], row["addressed_version"]) for row in late(author, report)}
    assert stands == dict(
        zip(numbers, [("ADDRESSED", done["version"]), ("OPEN", None), ("DISMISSED", None)], strict=True)
    )


def test_what_came_meanwhile_is_answered_by_a_text_that_has_it(server, people, model):
    author, second = people["author"], people["second"]
    report, ground = resting(server, people, model)
    ok(act(author, report, "amend", reason="AI", sections={"findings": "右下肺实变。"}))
    review(second, ground, "REJECTED", comment="伪影")
    number, unseen = (confirmed(server, people, report) for _ in range(2))
    source = {"section": "findings", "text": "右下肺实变。", "kind": "DIAGNOSIS", "reference": f"diagnosis/{number}"}
    ok(author.patch(f"/reports/{report['id']}", json={"sources": [source]}))
    sign(people, report)
    stands = {row["diagnosis_id"]: row["status"] for row in late(author, report)}
    assert stands == {ground: "ADDRESSED", number: "ADDRESSED", unseen: "OPEN"}


def test_what_came_during_an_addendum_that_was_given_up_came_before_the_next(server, people, report):
    author = people["author"]
    ok(act(author, report, "addendum", addendum="x"))
    confirmed(server, people, report)
    ok(act(author, report, "cancel"))
    [row] = late(author, report)
    assert (row["status"], row["while_writing"]) == ("OPEN", False)
    assert add(people, report)["addendum_asked"] is False


def test_it_goes_with_a_report_that_is_withdrawn(server, people, report):
    author = people["author"]
    number = confirmed(server, people, report)
    ok(act(people["second"], report, "mark-entered-in-error", reason="另一患者"))
    assert statuses(author, report) == ["WITHDRAWN"]
    review(author, number)
    confirmed(server, people, report)
    assert statuses(author, report) == ["WITHDRAWN"]
    assert not on_list(author, report), "its study is unread again"


def test_it_rests_while_its_image_is_deleted(server, people, report):
    author, admin = people["author"], people["admin"]
    confirmed(server, people, report)
    beside(server, people, report)
    ok(admin.delete(f"/image-files/{report['file']['id']}"), 204)
    assert shown(author, report)["addendum_asked"] is False and not on_list(author, report)
    assert late(author, report, status="OPEN") == [] and statuses(author, report) == ["OPEN"]
    ok(admin.post(f"/image-files/{report['file']['id']}/restore"))
    assert shown(author, report)["addendum_asked"] is True and on_list(author, report)["state"] == "ADDENDUM"
    ok(admin.delete(f"/studies/{report['study_id']}"), 204)
    assert not on_list(author, report)
    assert shown(author, report)["addendum_asked"] is True, "the report is still to be read"
    ok(admin.post(f"/studies/{report['study_id']}/restore"))
    wait_until(lambda: on_list(author, report), "the study is back")


def test_what_rests_is_neither_answered_nor_dismissed(server, people, report):
    author, admin = people["author"], people["admin"]
    image = f"/image-files/{report['file']['id']}"
    confirmed(server, people, report)
    [row] = late(author, report)
    beside(server, people, report)
    ok(admin.delete(image), 204)
    assert wrong_members(dismiss_all(author, report, [row], 422)) == ["late_results.0"]
    add(people, report)
    assert statuses(author, report) == ["OPEN"]
    ok(act(author, report, "addendum", addendum="x"))
    ok(admin.post(f"{image}/restore"))
    assert late(author, report, status="OPEN")[0]["while_writing"] is True, "it came back meanwhile"
    assert sign(people, report)["addendum_asked"] is True
    assert add(people, report)["addendum_asked"] is False and statuses(author, report) == ["ADDRESSED"]


def test_who_signs_and_who_confirms_meet_in_one_order(server, people):
    """Whichever is first: what is confirmed after the signature asks, and what is confirmed before does not."""
    author, second = people["author"], people["second"]
    rounds = []
    with ThreadPoolExecutor(2) as both:
        for _ in range(8):
            file = film(people)
            number, draft = said(server, file), begin(people, file)
            ok(act(author, draft, "submit"))
            ok(act(second, draft, "approve"))
            done = both.submit(act, second, draft, "sign", password=PASSWORD)
            judged_now = both.submit(review, author, number)
            rounds.append((ok(done.result()), judged_now.result()))
    for report, diagnosis in rounds:
        signed, read = (
            datetime.fromisoformat(at) for at in (report["signed_at"], diagnosis["reviews"][-1]["reviewed_at"])
        )
        assert [r["diagnosis_id"] for r in late(author, report)] == ([diagnosis["id"]] if read > signed else [])


@pytest.mark.skipif(ON_SQLITE is True, reason="one process writes to SQLite")
def test_a_result_that_comes_beside_a_signature_waits_for_it(server, people, model):
    """What is being signed holds the study: a result looks for signed reports when that is done, not while it is."""
    author, admin = people["author"], people["admin"]
    file = author.upload(as_dicom(SICK, PatientID=unique("L")), "a.dcm")
    report = begin(people, file)
    ok(act(author, report, "submit"))
    ok(act(people["second"], report, "approve"))
    before = asked_in_vain(admin)
    with closing(Session(server.database)) as session:
        session.hold(("studies", file["study_id"]))
        session.run(f"update reports set status = 'FINAL', signed_version = version where id = {report['id']}")
        number = ask(admin, file["id"])["id"]

        def is_there_or_waits():
            [(status,)] = server.database.rows(f"select status from diagnoses where id = {number}")
            return status != "QUEUED" or waiting(session, server.database) or asked_in_vain(admin) > before

        wait_until(is_there_or_waits, "a result, or who waits to write it")
        session.run("commit")
    assert ended(admin, number)["status"] == "COMPLETED"
    assert [(r["diagnosis_id"], r["cause"]) for r in late(author, report)] == [(number, "ARRIVED")]
