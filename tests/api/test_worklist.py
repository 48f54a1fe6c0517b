"""What waits to be read: who sees which row, in which order, until when, and what lifts it."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from made import new_uid
from reports import act, finish, readers
from support import PASSWORD, PATIENCE, ROOT, Server, dicom, ok, problem, unique, wait_until
from test_diagnosis import GOLDEN, SHIPPED, ask, bring, ended
from test_diagnosis_many import NAMES, as_dicom
from test_events import Heard
from test_readme import blocks

HOUR = 3600


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("worklist"), MODEL_PROCESSES="1", RATE_LIMIT="off").init().start()
    yield server
    server.close()
    assert not [line for line in server.log_lines() if line["level"] == "error"]


@pytest.fixture(scope="module")
def people(server):
    people = readers(server)
    server.chief = people["admin"]  # who may change studies
    return people


@pytest.fixture
def body_part():
    """A filter of each test's own, so that it sees what it made."""
    return unique("PART").upper()[:16]


def study(who, body_part, modality="CT", **change):
    made = who.upload(dicom(Modality=modality, BodyPartExamined=body_part), "a.dcm")["study_id"]
    if change:
        ok(who.server.chief.patch(f"/studies/{made}", json=change))
    return made


def begin(who, study_id, **members):
    text = {"findings": "两肺纹理清晰。", "impression": "未见异常。"}
    return ok(who.post("/reports", json={"study_id": study_id, "sections": text, **members}), 201)


def listed(who, body_part, view="unread", **query):
    return ok(who.get("/reports/worklist", params={"view": view, "body_part": body_part, **query}))["items"]


def studies(who, body_part, view="unread", **query):
    return [row["study_id"] for row in listed(who, body_part, view, **query)]


def seconds(row):
    began, due = (datetime.fromisoformat(row[name].replace("Z", "+00:00")) for name in ("clock_at", "due_at"))
    return (due - began).total_seconds()


def age(server, study_id, hours):
    """Its clock started so long ago."""
    us = hours * HOUR * 1_000_000
    server.database.rows(f"update studies set arrived_at = arrived_at - {us} where id = {study_id}")
    server.database.rows(
        f"update worklist set clock_at = clock_at - {us}, due_at = due_at - {us}, urgency = urgency - {us} where "
        f"study_id = {study_id}"
    )


def test_from_its_first_image_to_the_signature(people, body_part):
    author, second = people["author"], people["second"]
    made = study(author, body_part)
    [row] = listed(second, body_part)
    assert (row["study_id"], row["state"], row["report_id"], row["overdue"]) == (made, "UNREAD", None, False)
    assert row["patient_name"] and row["patient_number"] and row["modality"] == "CT"
    assert (row["priority"], row["priority_from"], row["care_setting"]) == ("NORMAL", "STUDY", "OTHER")
    assert seconds(row) == 24 * HOUR and 0 <= row["age_s"] < 3600 and row["lift_model_name"] is None
    report = begin(author, made)
    [row] = listed(second, body_part, "all")
    assert (row["state"], row["report_id"], row["report_version"]) == ("DRAFT", report["id"], 1)
    assert row["author_id"] == author.id and row["author_name"] == "张医生"
    assert seconds(row) == 24 * HOUR  # the same clock
    assert not listed(second, body_part) and not listed(second, body_part, "mine")
    assert studies(author, body_part, "mine") == [made]
    ok(author.post(f"/reports/{report['id']}/lock", json={}))
    assert listed(second, body_part, "all")[0]["editor_id"] == author.id
    ok(act(author, report, "submit"))
    assert studies(second, body_part, "to_review") == [made]
    assert not listed(author, body_part, "to_review") and not listed(author, body_part, "mine")
    ok(act(second, report, "review"))
    assert studies(second, body_part, "mine") == [made] and not listed(second, body_part, "to_review")
    ok(act(second, report, "reject", reason="side?"))
    assert studies(author, body_part, "mine") == [made] and not listed(second, body_part, "mine")
    finish(people, report)
    assert not listed(second, body_part, "all")


def test_a_study_that_is_gone_does_not_come_back_with_its_report(people, body_part):
    """Its report is amended, given up or withdrawn after the study, or its images, were deleted."""
    author, second, admin = people["author"], people["second"], people["admin"]
    made = study(author, body_part)
    report = begin(author, made)
    finish(people, report)
    ok(admin.delete(f"/studies/{made}"), 204)
    ok(act(author, report, "amend", reason="left"))
    assert not listed(author, body_part, "all")
    ok(act(author, report, "cancel"))
    ok(second.post(f"/reports/{report['id']}/mark-entered-in-error", json={"reason": "another patient"}))
    assert not listed(author, body_part, "all")
    ok(admin.post(f"/studies/{made}/restore"))
    assert studies(author, body_part) == [made]
    ok(admin.delete(f"/studies/{made}"), 204)
    # Images alone: what is begun goes on, what is given up is not waited for.
    shown = author.upload(dicom(Modality="CT", BodyPartExamined=body_part), "a.dcm")
    draft = begin(author, shown["study_id"])
    ok(admin.delete(f"/image-files/{shown['id']}"), 204)
    assert studies(author, body_part, "mine") == [shown["study_id"]]
    ok(act(author, draft, "cancel"))
    assert not listed(author, body_part, "all")
    again = begin(author, shown["study_id"])
    assert studies(author, body_part, "mine") == [shown["study_id"]]
    ok(act(author, again, "cancel"))
    ok(admin.post(f"/image-files/{shown['id']}/restore"))
    assert studies(author, body_part) == [shown["study_id"]]


def test_drafts_given_up_at_once_leave_it_unread(people, body_part):
    author, second = people["author"], people["second"]
    made = [study(author, body_part) for _ in range(6)]
    with ThreadPoolExecutor(2) as both:
        for each in made:
            drafts = [(author, begin(author, each)), (second, begin(second, each, parallel=True))]
            assert [a.status_code for a in both.map(lambda d: act(*d, "cancel"), drafts)] == [200, 200]
    assert studies(author, body_part) == made


def test_each_row_takes_one_place_of_a_page(server, people, body_part):
    """However many versions of it somebody has written, and by however many roles they see it."""
    author, second, doctor, admin = people["author"], people["second"], people["doctor"], people["admin"]
    made, reports = [study(author, body_part) for _ in range(3)], []
    for each in made:
        ok(admin.put(f"/studies/{each}/assignments/{doctor.id}"), 204)
        report = begin(doctor, each)
        reports.append(report["id"])
        for i in range(5):
            ok(doctor.patch(f"/reports/{report['id']}", json={"sections": {"findings": f"{i}"}}))
        finish({"author": doctor, "second": second}, report)
        ok(act(second, report, "amend", reason="left"))
        ok(admin.delete(f"/studies/{each}/assignments/{doctor.id}"), 204)
    page = ok(doctor.get("/reports/worklist", params={"view": "all", "body_part": body_part, "page_size": 2}))
    assert [r["study_id"] for r in page["items"]] == made[:2] and page["next"] and page["total"] == 3
    page = ok(doctor.get("/reports", params={"page_size": 2, "sort": "-created_at"}))
    assert [r["id"] for r in page["items"]] == reports[:0:-1] and page["next"]
    both = server.account("doctor", "technician", admin=admin)
    for each in made:
        for role in ("doctor", "technician"):
            ok(admin.put(f"/studies/{each}/assignments/roles/{role}"), 204)
    for path, name in (("/reports/worklist", "study_id"), ("/studies", "id"), ("/reports", "study_id")):
        query = {"page_size": 2} | ({"view": "all", "body_part": body_part} if "work" in path else {})
        page = ok(both.get(path, params=query))
        assert len({r[name] for r in page["items"]}) == 2 and page["next"], path


def test_what_a_study_is_follows_its_later_series(people, body_part):
    """A structured report comes first: the study is what its pictures are."""
    author, admin = people["author"], people["admin"]
    same = {"StudyInstanceUID": new_uid(), "PatientID": unique("S")}
    made = author.upload(dicom(Modality="SR", **same), "a.dcm")["study_id"]
    ok(admin.patch(f"/studies/{made}", json={"care_setting": "EMERGENCY"}))
    assert author.upload(dicom(Modality="DX", BodyPartExamined=body_part, **same), "b.dcm")["study_id"] == made
    [row] = listed(author, body_part, modality="DX")
    assert (row["study_id"], seconds(row)) == (made, HOUR / 2)


def test_a_reports_priority_follows_its_studys_until_it_has_one_of_its_own(people, body_part):
    author, admin = people["author"], people["admin"]
    made = study(author, body_part, priority="STAT")
    report = begin(author, made)
    ok(admin.patch(f"/studies/{made}", json={"priority": "LOW"}))
    [row] = listed(author, body_part, "all")
    assert (row["priority"], row["priority_from"]) == ("LOW", "STUDY")
    assert ok(author.get(f"/reports/{report['id']}"))["priority"] == "LOW"
    ok(author.patch(f"/reports/{report['id']}", json={"priority": "HIGH"}))
    ok(admin.patch(f"/studies/{made}", json={"priority": "NORMAL"}))
    [row] = listed(author, body_part, "all")
    assert (row["priority"], row["priority_from"]) == ("HIGH", "REPORT")


def test_what_is_given_up_waits_again_and_an_amendment_has_a_clock_of_its_own(server, people, body_part):
    author = people["author"]
    made = study(author, body_part)
    age(server, made, 30)
    before = listed(author, body_part)[0]
    report = begin(author, made)
    ok(act(author, report, "cancel"))
    [row] = listed(author, body_part)
    assert (row["study_id"], row["clock_at"], row["report_id"]) == (made, before["clock_at"], None)
    one, other = begin(author, made), begin(people["second"], made, parallel=True)
    assert sorted(r["report_id"] for r in listed(author, body_part, "all")) == sorted([one["id"], other["id"]])
    assert {r["clock_at"] for r in listed(author, body_part, "all")} == {before["clock_at"]}
    ok(act(people["second"], other, "cancel"))
    assert not listed(author, body_part) and studies(author, body_part, "all") == [made]
    finish(people, one)
    assert not listed(author, body_part, "all")
    ok(act(author, one, "amend", reason="left"))
    [row] = listed(author, body_part, "mine")
    assert row["clock_at"] > before["clock_at"] and not row["overdue"]
    ok(act(author, one, "cancel"))  # back to what was signed
    assert not listed(author, body_part, "all")
    ok(people["second"].post(f"/reports/{one['id']}/mark-entered-in-error", json={"reason": "another patient"}))
    assert studies(author, body_part) == [made]


@pytest.mark.parametrize(
    "setting, modality, hours",
    [
        ("EMERGENCY", "DX", 0.5),
        ("EMERGENCY", "CR", 0.5),
        ("EMERGENCY", "CT", 1),
        ("EMERGENCY", "MR", 1),
        ("OUTPATIENT", "CT", 4),
        ("INPATIENT", "DX", 6),
        ("OTHER", "MR", 24),
    ],
)
def test_until_when_is_said_by_setting_and_modality(people, body_part, setting, modality, hours):
    study(people["author"], body_part, modality, care_setting=setting)
    [row] = listed(people["author"], body_part)
    assert seconds(row) == hours * HOUR and row["care_setting"] == setting


def test_the_order_and_its_filters(server, people, body_part):
    author = people["author"]
    late = study(author, body_part, "MR")
    made = {p: study(author, body_part, priority=p) for p in ("LOW", "NORMAL", "HIGH", "STAT", "URGENT")}
    age(server, late, 5)
    wanted = [made["STAT"], made["URGENT"], made["HIGH"], late, made["NORMAL"], made["LOW"]]
    assert studies(author, body_part) == wanted
    assert studies(author, body_part, sort="-urgency") == wanted[::-1]
    first = ok(author.get("/reports/worklist", params={"body_part": body_part, "page_size": 4}))
    more = ok(
        author.get("/reports/worklist", params={"body_part": body_part, "page_size": 4, "after": first["next"]})
    )
    assert [r["study_id"] for r in first["items"] + more["items"]] == wanted and first["total"] == 6
    assert studies(author, body_part, priority="HIGH") == [made["HIGH"]]
    assert studies(author, body_part, modality="mr") == [late]
    assert studies(author, body_part, modality="MR,CT") == wanted and not studies(author, body_part, modality="XR")
    assert studies(author, body_part, care_setting="OTHER") == wanted
    assert not studies(author, body_part, care_setting="INPATIENT")
    assert not studies(author, body_part, department="放射科")
    ok(people["admin"].put(f"/studies/{late}/assignments/departments/放射科"), 204)
    assert studies(author, body_part, department="放射科") == [late]
    problem(author.get("/reports/worklist", params={"view": "theirs"}), 422)
    problem(author.get("/reports/worklist", params={"modality": "KT"}), 422)
    problem(people["admin"].patch(f"/studies/{late}", json={"care_setting": "HOME"}), 422)
    problem(author.patch(f"/studies/{late}", json={"priority": "STAT"}), 403)
    report = begin(author, made["LOW"])
    assert report["priority"] == "LOW"  # its study's
    ok(author.patch(f"/reports/{report['id']}", json={"priority": "STAT"}))
    row = next(r for r in listed(author, body_part, "all") if r["report_id"] == report["id"])
    assert (row["priority"], row["priority_from"]) == ("STAT", "REPORT")
    ok(people["admin"].patch(f"/studies/{late}", json={"priority": "STAT"}))
    assert studies(author, body_part, "all")[0] == late  # of two, which was due before


def test_each_sees_what_they_may(server, people, body_part):
    author, doctor = people["author"], people["doctor"]
    made = study(author, body_part)
    own = doctor.upload(dicom(Modality="CT", BodyPartExamined=body_part), "b.dcm")["study_id"]
    for who in (people["viewer"], server.account("technician", admin=people["admin"])):
        problem(who.get("/reports/worklist"), 403)
        problem(who.get("/reports/worklist/next"), 403)
    assert sorted(studies(people["second"], body_part)) == [made, own]
    assert studies(doctor, body_part) == [own]
    report = begin(author, made)
    ok(act(author, report, "submit"))
    assert not listed(doctor, body_part, "to_review")  # who may not review has nothing to
    assert studies(doctor, body_part, "all") == [own]
    ok(people["admin"].put(f"/studies/{made}/assignments/{doctor.id}"), 204)
    assert sorted(studies(doctor, body_part, "all")) == [made, own]
    ok(people["admin"].delete(f"/studies/{made}/assignments/{doctor.id}"), 204)
    assert studies(doctor, body_part, "all") == [own]
    ok(people["admin"].put(f"/studies/{made}/assignments/roles/doctor"), 204)
    assert sorted(studies(doctor, body_part, "all")) == [made, own]
    # Of others' films in a study only these are told that there is a file of one's own, not that it waits.
    same = {"StudyInstanceUID": new_uid(), "PatientID": unique("W"), "BodyPartExamined": body_part}
    shared = author.upload(dicom(Modality="MR", **same), "c.dcm")["study_id"]
    ok(people["admin"].put(f"/studies/{shared}/assignments/{doctor.id}"), 204)
    assert doctor.upload(dicom(Modality="MR", **same), "d.dcm")["study_id"] == shared
    ok(people["admin"].delete(f"/studies/{shared}/assignments/{doctor.id}"), 204)
    assert shared not in studies(doctor, body_part) and shared in studies(author, body_part)


def test_what_is_deleted_is_not_waited_for(people, body_part):
    author, admin = people["author"], people["admin"]
    made = study(author, body_part)
    ok(admin.delete(f"/studies/{made}"), 204)
    assert not listed(author, body_part)
    ok(admin.post(f"/studies/{made}/restore"))
    assert studies(author, body_part) == [made]
    patient = listed(author, body_part)[0]["patient_id"]
    ok(admin.delete(f"/patients/{patient}"), 204)
    assert not listed(author, body_part)
    ok(admin.post(f"/patients/{patient}/restore"))
    assert studies(author, body_part) == [made]
    [image] = ok(admin.get(f"/studies/{made}/series"))["items"]
    [file] = ok(admin.get(f"/series/{image['id']}/instances"))["items"]
    ok(admin.delete(f"/image-files/{file['id']}"), 204)
    assert not listed(author, body_part)
    ok(admin.post(f"/image-files/{file['id']}/restore"))
    assert studies(author, body_part) == [made]
    empty = ok(admin.post("/studies", json={"patient_id": patient, "body_part": body_part}), 201)
    assert empty["care_setting"] == "OTHER" and empty["priority"] == "NORMAL"
    assert studies(author, body_part) == [made]  # without images there is nothing to read


def test_x_rays_are_one_group(server, people, body_part):
    """Who reads X-rays reads DX, CR and what else they are called."""
    author, admin = people["author"], people["admin"]
    films = [study(author, body_part, m) for m in ("DX", "CT", "CR", "RF")]
    for at, each in enumerate(films):
        age(server, each, len(films) - at)
    wanted = [films[0], films[2], films[3]]
    for who in (author, admin):
        assert studies(who, body_part, modality="XR") == wanted
        assert studies(who, body_part, modality="XR", sort="-urgency") == wanted[::-1]
        assert studies(who, body_part, modality="CR") == [films[2]]
        query = {"body_part": body_part, "modality": "XR"}
        assert ok(who.get("/reports/worklist/next", params=query))["study_id"] == films[0]
        query["modality"] = "CR,RF"
        assert ok(who.get("/reports/worklist/next", params=query))["study_id"] == films[2]


def test_x_rays_have_one_time(tmp_path):
    server = Server(tmp_path, REPORT_DUE="*:XR=30m *=2h")
    try:
        server.init().start()
        admin = server.admin()
        part = unique("PART").upper()[:16]
        hours = {}
        for modality in ("DX", "DR", "RF", "CT"):
            admin.upload(dicom(Modality=modality, BodyPartExamined=part), "a.dcm")
            [row] = listed(admin, part, modality=modality)
            hours[modality] = seconds(row) / HOUR
        assert hours == {"DX": 0.5, "DR": 0.5, "RF": 0.5, "CT": 2}
    finally:
        server.close()


def test_the_next_one(people, body_part):
    author, second = people["author"], people["second"]

    def next_of(who):
        answer = who.get("/reports/worklist/next", params={"body_part": body_part})
        return ok(answer)["study_id"] if answer.status_code == 200 else problem(answer, 404)["detail"]

    assert "nothing waits" in next_of(author)
    one = study(author, body_part)
    two = study(author, body_part, priority="STAT")
    assert next_of(author) == next_of(second) == two
    report = begin(author, two)
    assert next_of(author) == two and next_of(second) == one  # who has begun it holds it
    ok(second.post(f"/reports/{report['id']}/lock", json={"take_over": True}))
    assert next_of(author) == one
    ok(second.delete(f"/reports/{report['id']}/lock"), 204)
    ok(act(author, report, "submit"))
    assert next_of(author) == one
    assert "nothing waits" in next_of(people["doctor"])
    assert problem(author.get("/reports/worklist/next", params={"modality": "KT"}), 422)


# ---- one reads it ----


@pytest.fixture(scope="module")
def crowd(server, people):
    return [server.account("radiologist", admin=people["admin"], full_name=f"医生{i}") for i in range(20)]


def at_once(crowd, ask):
    with ThreadPoolExecutor(len(crowd)) as all_of_them:
        return list(all_of_them.map(ask, crowd))


def take(who, body_part, **query):
    return who.post("/reports/worklist/next", json={"body_part": body_part, **query})


def wish(study_id, **members):
    return {"study_id": study_id, "sections": {"findings": "两肺纹理清晰。", "impression": "未见异常。"}, **members}


def test_of_many_who_ask_at_once_each_gets_a_study(people, crowd, body_part):
    made = [study(people["author"], body_part) for _ in range(len(crowd) - 2)]
    answers = at_once(crowd, lambda who: take(who, body_part))
    given = {who.id: ok(a)["study_id"] for who, a in zip(crowd, answers) if a.status_code == 200}
    assert sorted(given.values()) == made
    assert [problem(a, 404)["detail"] for a in answers if a.status_code != 200] == [
        "nothing waits to be read by this account"
    ] * 2
    assert {r["holder_id"]: r["study_id"] for r in listed(people["author"], body_part)} == given
    problem(people["author"].get("/reports/worklist/next", params={"body_part": body_part}), 404)
    # Asked again it is the same; what each has taken each begins, and nobody else.
    readers_of = [who for who in crowd if who.id in given]
    assert [ok(a)["study_id"] for a in at_once(readers_of, lambda who: take(who, body_part))] == [
        given[who.id] for who in readers_of
    ]
    refused = problem(people["author"].post("/reports", json=wish(given[readers_of[0].id])), 409)["detail"]
    assert "医生" in refused and "has taken this study" in refused and "parallel" in refused
    begun = at_once(readers_of, lambda who: who.post("/reports", json=wish(given[who.id])))
    assert {ok(a, 201)["study_id"] for a in begun} == set(made)
    assert {r["holder_id"] for r in listed(people["author"], body_part, "all")} == {None}


def test_of_many_who_begin_at_once_one_does(people, crowd, body_part):
    made = study(people["author"], body_part)
    answers = at_once(crowd, lambda who: who.post("/reports", json=wish(made)))
    [first] = [ok(a, 201) for a in answers if a.status_code == 201]
    for each in (a for a in answers if a.status_code != 201):
        detail = problem(each, 409)["detail"]
        assert f"report {first['id']} " in detail and first["author_name"] in detail and "DRAFT" in detail
    [row] = listed(people["author"], body_part, "all")
    assert row["report_id"] == first["id"]


def test_who_takes_and_who_begins_are_not_two(people, crowd, body_part):
    """Half of them take the next, half begin a report on what is listed: each study has one reader."""
    made = [study(people["author"], body_part) for _ in range(5)]
    takes = {who.id for who in crowd[::2]}

    def ask(who):
        if who.id in takes:
            return take(who, body_part)
        return who.post("/reports", json=wish(made[crowd.index(who) // 2 % 5]))

    answers = at_once(crowd, ask)
    assert {a.status_code for a in answers} <= {200, 201, 404, 409}
    had = [a.json()["study_id"] for a in answers if a.status_code < 300]
    assert sorted(had) == made


def test_two_read_a_study_only_when_they_say_so(people, body_part):
    author, second = people["author"], people["second"]
    made = study(author, body_part)
    report = begin(author, made)
    assert begin(author, made)["id"] != report["id"]  # one's own is nobody else's
    ok(act(author, report, "submit"))
    detail = problem(second.post("/reports", json=wish(made)), 409)["detail"]
    assert "PRELIMINARY" in detail and "张医生" in detail and f"report {report['id']} " in detail
    both = begin(second, made, parallel=True)
    assert both["author_id"] == second.id
    ok(act(second, both, "cancel"))
    ok(act(second, report, "approve"))
    problem(second.post("/reports", json=wish(made)), 409)
    ok(act(second, report, "sign", password=PASSWORD))
    for draft in listed(author, body_part, "mine"):
        ok(act(author, {"id": draft["report_id"]}, "cancel"))
    begin(second, made)  # what is signed is read


def test_a_draft_that_is_more_urgent_by_then_gives_back_what_was_taken(people, body_part):
    author, second = people["author"], people["second"]
    other, mine = study(author, body_part), study(author, body_part)
    draft = ok(author.post("/reports", json=wish(mine, priority="LOW")), 201)
    assert ok(take(author, body_part))["study_id"] == other
    problem(take(second, body_part), 404)
    ok(author.patch(f"/reports/{draft['id']}", json={"priority": "STAT"}))
    assert ok(take(author, body_part))["report_id"] == draft["id"]
    assert ok(take(second, body_part))["study_id"] == other


def test_what_is_taken_is_given_back(server, people, body_part):
    author, second = people["author"], people["second"]
    one, two = study(author, body_part), study(author, body_part)
    row = ok(take(author, body_part))
    assert (row["study_id"], row["holder_id"], row["holder_name"]) == (one, author.id, "张医生")
    assert row["held_until"] > row["clock_at"] and row["state"] == "UNREAD"
    assert ok(take(second, body_part))["study_id"] == two
    ok(author.delete("/reports/worklist/next"), 204)
    ok(author.delete("/reports/worklist/next"), 204)  # nothing more
    assert ok(second.get("/reports/worklist/next", params={"body_part": body_part}))["study_id"] == one
    # What is more urgent by then is taken in its place.
    stat = study(author, body_part, priority="STAT")
    assert ok(take(second, body_part))["study_id"] == stat
    assert [r["holder_id"] for r in listed(author, body_part)] == [second.id, None, None]
    # Time runs out: nobody has to give it back.
    server.database.rows(f"update worklist set held_until = 1 where study_id = {stat}")
    assert [r["holder_id"] for r in listed(author, body_part)] == [None] * 3
    assert ok(take(author, body_part))["study_id"] == stat
    ok(author.post("/reports", json=wish(stat)), 201)
    assert ok(take(author, body_part))["study_id"] == stat  # one's own draft
    assert {r["holder_id"] for r in listed(author, body_part, "all")} == {None}


def test_who_reads_along_with_a_holder_says_so(people, body_part):
    author, second = people["author"], people["second"]
    made = study(author, body_part)
    ok(take(author, body_part))
    problem(second.post("/reports", json=wish(made)), 409)
    ok(second.post("/reports", json=wish(made, parallel=True)), 201)
    assert "under way" in problem(author.post("/reports", json=wish(made)), 409)["detail"]
    ok(author.post("/reports", json=wish(made, parallel=True)), 201)


def test_who_may_take(people, body_part):
    study(people["author"], body_part)
    problem(take(people["viewer"], body_part), 403)
    problem(people["viewer"].delete("/reports/worklist/next"), 403)
    assert "nothing waits" in problem(take(people["doctor"], body_part), 404)["detail"]
    problem(take(people["author"], body_part, modality="KT"), 422)


def tell_overdue(server, admin):
    job = ok(admin.post("/system/jobs", json={"kind": "reports.overdue"}), 202)["id"]
    wait_until(lambda: admin.get(f"/system/jobs/{job}").status_code == 404, what="the job's end")


def test_what_is_late_is_told_once(server, people, body_part):
    author, doctor, admin = people["author"], people["doctor"], people["admin"]
    made, other = study(author, body_part), study(author, body_part)
    report = begin(author, other)
    assert not listed(author, body_part, "overdue")
    heard = {who: Heard(people[who], types="report.overdue") for who in ("second", "doctor", "viewer")}
    try:
        for each in (made, other):
            age(server, each, 25)
        assert sorted(studies(author, body_part, "overdue")) == [made, other]
        assert sorted(studies(admin, body_part, "overdue", modality="CT")) == [made, other]
        assert all(row["overdue"] for row in listed(author, body_part, "overdue"))
        for _ in range(2):
            tell_overdue(server, admin)
        heard["second"].wait("study_id", other, "report.overdue")
        heard["second"].wait("study_id", made, "report.overdue")
        told = [e for e in heard["second"].events if e.get("study_id") in (made, other)]
        assert sorted((e["study_id"], e["state"], e.get("report_id")) for e in told) == [
            (made, "UNREAD", None),
            (other, "DRAFT", report["id"]),
        ]
        late = study(doctor, body_part)
        age(server, late, 25)
        tell_overdue(server, admin)
        heard["doctor"].wait("study_id", late, "report.overdue")
        assert {e["study_id"] for e in heard["doctor"].events} == {late} and not heard["viewer"].events
    finally:
        for each in heard.values():
            each.close()
    ok(admin.patch(f"/studies/{made}", json={"care_setting": "INPATIENT"}))
    assert seconds(listed(author, body_part)[0]) == 6 * HOUR


def test_ai_lifts_it_and_says_so(server, people, body_part):
    admin, author = people["admin"], people["author"]
    card = json.loads((SHIPPED / "card.json").read_text())
    card["labels"][0]["critical"] = True
    model = bring(admin, card=card)
    ok(admin.post(f"/diagnosis/models/{model['id']}/activate"))
    films = sorted(NAMES, key=lambda n: GOLDEN["films"][n]["probability"]["pytorch"])
    made = {}
    for name in (films[0], films[-1]):
        file = author.upload(as_dicom(name, StudyInstanceUID=new_uid(), PatientID=unique("L")))
        made[name] = (file["study_id"], ended(admin, ask(admin, file["id"])["id"]))
    least, most = made[films[0]], made[films[-1]]
    assert not least[1]["findings"][0]["positive"] and most[1]["findings"][0]["positive"]

    def row(study_id):
        return next(r for r in listed(author, "CHEST", "all", page_size=100) if r["study_id"] == study_id)

    lifted = row(most[0])
    assert (lifted["priority"], lifted["priority_from"]) == ("URGENT", "AI")
    assert (lifted["lift_model_name"], lifted["lift_model_version"]) == (model["name"], model["version"])
    assert lifted["lift_diagnosis_id"] == most[1]["id"] and lifted["lift_label"] == "pneumonia"
    assert (row(least[0])["priority"], row(least[0])["lift_model_name"]) == ("NORMAL", None)
    ok(admin.patch(f"/studies/{most[0]}", json={"priority": "STAT"}))  # it never lowers
    assert (row(most[0])["priority"], row(most[0])["priority_from"]) == ("STAT", "STUDY")
    ok(admin.patch(f"/studies/{most[0]}", json={"priority": "LOW"}))
    assert row(most[0])["priority"] == "URGENT"
    report = begin(author, most[0])
    assert row(most[0])["priority_from"] == "AI" and row(most[0])["report_id"] == report["id"]
    path = f"/diagnosis/{most[1]['id']}/review"
    ok(admin.post(path, json={"decision": "CONFIRMED"}))
    assert row(most[0])["priority_from"] == "AI"
    ok(admin.post(path, json={"decision": "REJECTED", "comment": "a fold of skin"}))
    assert (row(most[0])["priority"], row(most[0])["lift_label"]) == ("LOW", None)


def test_a_lift_rests_on_an_image_and_on_what_its_reader_lets_stand(people):
    author, doctor, admin = people["author"], people["doctor"], people["admin"]
    card = json.loads((SHIPPED / "card.json").read_text())
    card["version"] = "1.0.1"  # beside that of the test before
    card["labels"][0]["critical"] = True
    model = bring(admin, card=card)
    ok(admin.post(f"/diagnosis/models/{model['id']}/activate"))
    most = max(NAMES, key=lambda n: GOLDEN["films"][n]["probability"]["pytorch"])
    file = author.upload(as_dicom(most, StudyInstanceUID=new_uid(), PatientID=unique("L")))
    made = ended(admin, ask(admin, file["id"], model_id=model["id"])["id"])

    def row(who=author):
        rows = listed(who, "CHEST", "all", page_size=100)
        return next((r for r in rows if r["study_id"] == file["study_id"]), None)

    def lifts():
        return row()["priority_from"] == "AI"

    assert lifts()
    path = f"/diagnosis/{made['id']}/review"
    said = {"code": made["findings"][0]["code"], "label": "pneumonia"}
    other = {"code": {"scheme": "SCT", "value": "60046008", "meaning": "Effusion"}, "label": "effusion"}
    ok(admin.post(path, json={"decision": "MODIFIED", "findings": [other, {**said, "positive": False}]}))
    assert not lifts() and row()["lift_label"] is None
    ok(admin.post(path, json={"decision": "MODIFIED", "findings": [other, said]}))
    assert lifts() and row()["lift_label"] == "pneumonia"
    ok(admin.post(path, json={"decision": "MODIFIED", "findings": []}))
    assert not lifts()
    ok(admin.post(path, json={"decision": "CONFIRMED"}))
    assert lifts()
    # Who does not see the image is not told what was found on it.
    ok(admin.put(f"/studies/{file['study_id']}/assignments/{doctor.id}"), 204)
    report = begin(doctor, file["study_id"])
    assert row(doctor)["lift_diagnosis_id"] == made["id"]
    ok(admin.delete(f"/studies/{file['study_id']}/assignments/{doctor.id}"), 204)
    told = row(doctor)
    assert told["report_id"] == report["id"] and told["priority"] == "URGENT"
    assert {told[name] for name in told if name.startswith("lift_")} == {None}
    assert row()["lift_diagnosis_id"] == made["id"]
    # The image goes; another of the study stays.
    ok(admin.delete(f"/image-files/{file['id']}"), 204)
    assert not lifts()
    ok(admin.post(f"/image-files/{file['id']}/restore"))
    assert lifts()


def test_a_shadow_lifts_nothing_and_a_setting_does(tmp_path):
    listed_labels = "other, chest-ct:pleural effusion, chest-pneumonia: pneumonia"
    server = Server(tmp_path, MODEL_PROCESSES="1", DIAGNOSIS_CRITICAL=listed_labels).init().start()
    try:
        admin = server.admin()
        model = bring(admin)
        ok(admin.post(f"/diagnosis/models/{model['id']}/shadow"))
        best = max(NAMES, key=lambda n: GOLDEN["films"][n]["probability"]["pytorch"])
        file = admin.upload(as_dicom(best))
        path = "/reports/worklist?view=all&modality=DX"
        ended(admin, ask(admin, file["id"], model_id=model["id"])["id"])
        assert ok(admin.get(path))["items"][0]["priority"] == "NORMAL"
        ok(admin.post(f"/diagnosis/models/{model['id']}/activate"))
        made = ask(admin, file["id"], force=True)["id"]
        ended(admin, made)
        assert ok(admin.get(path))["items"][0]["lift_diagnosis_id"] == made
        ok(admin.post(f"/diagnosis/{made}/withdraw", json={"reason": "another film"}))
        assert ok(admin.get(path))["items"][0]["priority_from"] == "STUDY"
    finally:
        server.close()


@pytest.mark.parametrize(
    "due, words",
    [
        ("EMERGENCY=1h", "*=TIME"),
        ("HOME=1h *=1d", "HOME=1h"),
        ("EMERGENCY:=1h *=1d", "EMERGENCY:=1h"),
        ("*=0h", "*=0h"),
        ("*=400d", "*=400d"),
        ("*=-1h", "*=-1h"),
        ("*=99999999999999999999h", "is not"),
        ("*=24h EMERGENCY=30m", "EMERGENCY=30m would never count"),
        ("EMERGENCY:CT,MR=1h EMERGENCY:mr=2h *=1d", "EMERGENCY:mr=2h would never count"),
        ("*:CT=1h EMERGENCY:CT=2h *=1d", "EMERGENCY:CT=2h would never count"),
        ("EMERGENCY:xr=1h EMERGENCY:DR,RF=2h *=1d", "EMERGENCY:DR,RF=2h would never count"),
    ],
)
def test_times_that_are_none_are_refused_at_the_start(tmp_path, due, words):
    server = Server(tmp_path, REPORT_DUE=due)
    try:
        said = server.run("migrate", "current", check=False)
        assert said.returncode and "REPORT_DUE" in said.stderr and words in said.stderr
    finally:
        server.close()


@pytest.mark.parametrize("listed_labels", [":pneumonia", "chest-ct:", "a:b,:"])
def test_labels_of_no_model_are_refused_at_the_start(tmp_path, listed_labels):
    server = Server(tmp_path, DIAGNOSIS_CRITICAL=listed_labels)
    try:
        said = server.run("migrate", "current", check=False)
        assert said.returncode and "DIAGNOSIS_CRITICAL" in said.stderr and "MODEL:LABEL" in said.stderr
    finally:
        server.close()


def test_what_waits_follows_another_setting(tmp_path):
    """Shorter, then longer: what was late and told has time again."""
    server = Server(tmp_path).init(copies=False).start()
    try:
        people = readers(server)
        author = people["author"]
        unread, begun, soon = (study(author, "DUE") for _ in range(3))
        begin(author, begun, priority="HIGH")
        age(server, unread, 3)
        name = ok(author.get("/auth/me"))["username"]

        def due():
            return {r["study_id"]: seconds(r) / HOUR for r in listed(author, "DUE", "all")}

        def told():
            return server.database.rows("select study_id from worklist where is_told = 1")

        assert due() == {unread: 24, begun: 24, soon: 24}
        for setting, hours, late in (("*:CT=2h *=24h", 2, [(unread,)]), ("*=30h", 30, [])):
            server.stop()
            server.settings["REPORT_DUE"] = setting
            server.start()
            author = server.sign_in(name)
            tell_overdue(server, server.admin())
            wait_until(lambda hours=hours: due() == dict.fromkeys((begun, unread, soon), hours), what="REPORT_DUE")
            wait_until(lambda late=late: told() == late, what="who is told")
            wanted = [begun, unread, soon]
            assert studies(author, "DUE", "all") == wanted, "the order follows too"
    finally:
        server.close()


def test_an_upgrade_lists_what_was_there(tmp_path):
    server = Server(tmp_path).init(copies=False).start()
    try:
        people = readers(server)
        author = people["author"]
        unread, begun, signed, gone, late = (study(author, "OLD") for _ in range(5))
        report = begin(author, begun, priority="HIGH")
        finish(people, begin(author, signed))
        ok(people["admin"].delete(f"/studies/{gone}"), 204)
        us = 30 * HOUR * 1_000_000
        server.database.rows(f"update image_files set created_at = created_at - {us} where study_id = {late}")
        name = ok(author.get("/auth/me"))["username"]
        server.stop()
        [migration] = (ROOT / "migrations" / "sqlite").glob("*_worklist.up.sql")
        server.run("migrate", "down", "--to", str(int(migration.name[:4]) - 1), "--yes")
        server.run("migrate", "up")
        server.start()
        author = server.sign_in(name)
        rows = {r["study_id"]: r for r in listed(author, "OLD", "all")}
        assert set(rows) == {unread, begun, late}
        assert rows[late]["overdue"] and not rows[unread]["overdue"]
        assert (rows[begun]["report_id"], rows[begun]["priority"]) == (report["id"], "HIGH")
        assert (rows[unread]["state"], seconds(rows[unread])) == ("UNREAD", 24 * HOUR)
        # What is late by now is not told; what becomes late is.
        assert server.database.rows("select study_id from worklist where is_told = 1") == [(late,)]
        ok(server.admin().post(f"/studies/{gone}/restore"))
        assert gone in studies(author, "OLD")
    finally:
        server.close()


@pytest.mark.parametrize("page", ["docs/worklist.md", "docs/worklist.zh-CN.md"])
def test_what_the_page_shows_runs_as_it_stands(server, people, tmp_path, page):
    made = study(people["admin"], "PAGE")
    begin(people["admin"], made)
    token = people["admin"].headers["authorization"]
    start = f"STUDY={made} API={server.url}/api/v1\napi() {{ curl -sSf -H 'Authorization: {token}' \"$@\"; }}\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", start + "\n".join(blocks(page, "sh"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert f'"study_id":{made}' in done.stdout and (tmp_path / "stats.svg").read_text().startswith("<svg")
