"""How long reports took: counted as others count, on times that are known; seen by who may see the reports."""

import math
import random
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone

import pytest

from reports import finish, readers
from support import Server, dicom, ok, problem

STAGES = ("draft", "submit", "review", "sign", "total")
MONTHS = {"2026-01": 1767600000, "2026-02": 1770300000}  # a moment in each, in seconds
TURN = 1769878800  # 2026-01-31T17:00Z
TEXT = {"findings": "两肺纹理清晰。", "impression": "未见异常。"}
RANGE = {"from": "2026-01-01", "to": "2026-02-28"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("stats"), TIME_ZONE="Asia/Shanghai").init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


def set_back(server, report, row):
    """As if it had been made then: its steps and its study's clock, written past the server."""
    rows, number = server.database.rows, report["id"]
    us = {name: int(row[name] * 1e6) for name in ("arrived", "begun", "submitted", "again", "approved", "signed")}
    rows(f"update reports set arrived_at = {us['arrived']}, due_at = {int(row['due'] * 1e6)}, "
         f"created_at = {us['begun']}, signed_at = {us['signed']} where id = {number}")
    steps = rows(f"select id, action from report_steps where report_id = {number} order by id")
    at = {None: "begun", "NULL": "begun", "submit": "submitted", "approve": "approved", "sign": "signed"}
    first = {}
    for step, action in steps:
        name = at[action] if action in at else "again"
        if action == "submit" and first.setdefault("submit", step) != step:
            name = "again"
        rows(f"update report_steps set at = {us[name]} where id = {step}")


@pytest.fixture(scope="module")
def past(server, people):
    """Sixteen reports of two months, two modalities and two authors, with times of their own."""
    chance, made = random.Random(5), []
    for i in range(16):
        month = "2026-01" if i < 9 else "2026-02"
        author, second = (people["author"], people["second"])[:: 1 if i % 3 else -1]
        study = author.upload(dicom(Modality="CT" if i % 2 else "MR"), "a.dcm")["study_id"]
        report = ok(author.post("/reports", json={"study_id": study, "sections": TEXT}), 201)
        path = f"/reports/{report['id']}"
        if i % 5 == 0:  # once back to its author
            ok(author.post(f"{path}/submit", json={}))
            ok(second.post(f"{path}/reject", json={"reason": "side"}))
        finish({"author": author, "second": second}, report)
        times = [MONTHS[month] + i * 3600]
        if i == 9:  # its last hours of January are the first of February in Shanghai
            times = [TURN - 20000]
        for _ in range(5):
            times.append(times[-1] + chance.randrange(60, 20000 if i != 9 else 4000))
        if i == 9:
            times[-1] = TURN
        row = dict(zip(("arrived", "begun", "submitted", "again", "approved", "signed"), times))
        row |= {"due": times[0] + 30000, "month": month, "modality": "CT" if i % 2 else "MR", "author": author.id}
        row |= {"id": report["id"], "study": study}
        set_back(server, report, row)
        made.append(row)
    return made


def stage_of(row, stage):
    begins, ends = {
        "draft": ("arrived", "begun"), "submit": ("begun", "submitted"), "review": ("submitted", "approved"),
        "sign": ("approved", "signed"), "total": ("arrived", "signed"),
    }[stage]
    return row[ends] - row[begins]


def nearest(values, percent):
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def expect(told, rows):
    late = [row for row in rows if row["signed"] > row["due"]]
    assert (told["reports"], told["overdue"]) == (len(rows), len(late))
    assert told["overdue_share"] == pytest.approx(len(late) / len(rows))
    for stage in STAGES:
        values = [stage_of(row, stage) for row in rows]
        assert told[stage] == {"reports": len(rows), "median_s": nearest(values, 50), "p90_s": nearest(values, 90)}


def test_stages_by_month_modality_and_author(people, past):
    told = ok(people["second"].get("/reports/stats", params=RANGE))
    expect(told["all"], past)
    assert [m["month"] for m in told["months"]] == list(MONTHS)
    for key, name in (("months", "month"), ("modalities", "modality")):
        assert {row[name] for row in told[key]} == {row[name] for row in past}
        for row in told[key]:
            expect(row, [each for each in past if each[name] == row[name]])
    authors = {row["author_id"]: row for row in told["authors"]}
    assert set(authors) == {row["author"] for row in past} == {people["author"].id, people["second"].id}
    for author, row in authors.items():
        expect(row, [each for each in past if each["author"] == author])
    assert authors[people["author"].id]["author_name"] == "张医生"


def test_days_are_the_hospitals(people, past):
    shanghai = timezone(timedelta(hours=8))
    days = {datetime.fromtimestamp(row["signed"], shanghai).date().isoformat() for row in past}
    assert "2026-02-01" in days and "2026-01-31" not in days and len(days) > 2
    for day in days | {"2026-01-31"}:
        told = ok(people["admin"].get("/reports/stats", params={"from": day, "to": day}))
        on_it = [row for row in past if datetime.fromtimestamp(row["signed"], shanghai).date().isoformat() == day]
        assert told["all"]["reports"] == len(on_it), day
    nothing = ok(people["admin"].get("/reports/stats", params={"from": "2026-02-01", "to": "2026-01-01"}))
    assert nothing["all"]["reports"] == 0 and nothing["all"]["total"]["median_s"] is None
    assert nothing["months"] == nothing["authors"] == []
    problem(people["admin"].get("/reports/stats", params={"from": "last year"}), 422)
    ok(people["admin"].get("/reports/stats", params={"from": "0001-01-01", "to": "9999-12-31"}))
    for early in ("0001-01-01", "0001-05-01", "0001-12-31", "0002-01-01"):
        assert ok(people["admin"].get("/reports/stats", params={"to": early}))["all"]["reports"] == 0


def test_only_what_one_may_see(server, people, past):
    """A doctor sees the reports of the studies that are opened to them, and no other author's figures."""
    doctor, admin = people["doctor"], people["admin"]
    assert ok(doctor.get("/reports/stats", params=RANGE))["all"]["reports"] == 0
    seen = past[:3]
    for row in seen:
        ok(admin.put(f"/studies/{row['study']}/assignments/{doctor.id}"), 204)
    told = ok(doctor.get("/reports/stats", params=RANGE))
    expect(told["all"], seen)
    assert told["authors"] == []
    viewer = people["viewer"]
    assert ok(viewer.get("/reports/stats", params=RANGE))["all"]["reports"] == 0
    problem(server.account("technician", admin=admin).get("/reports/stats"), 403)
    problem(server.account("technician", admin=admin).get("/reports/stats.svg"), 403)


def test_amendments_are_not_counted_again(server, people, past):
    author, second = people["author"], people["second"]
    before = ok(second.get("/reports/stats", params={"from": "2026-01-01"}))["all"]["reports"]
    row = next(each for each in past if each["author"] == author.id)
    ok(author.post(f"/reports/{row['id']}/amend", json={"reason": "left", "sections": {"impression": "左"}}))
    finish(people, {"id": row["id"]})
    assert ok(second.get("/reports/stats", params={"from": "2026-01-01"}))["all"]["reports"] == before
    expect(ok(second.get("/reports/stats", params=RANGE))["all"], past)


def test_what_was_withdrawn_does_not_count(people):
    study = people["author"].upload(dicom(Modality="XA"), "a.dcm")["study_id"]
    report = ok(people["author"].post("/reports", json={"study_id": study, "sections": TEXT}), 201)
    finish(people, report)

    def counted():
        return sum(r["reports"] for r in ok(people["second"].get("/reports/stats"))["modalities"]
                   if r["modality"] == "XA")

    assert counted() == 1
    ok(people["second"].post(f"/reports/{report['id']}/mark-entered-in-error", json={"reason": "another patient"}))
    assert counted() == 0


def test_a_report_of_today_has_its_studys_clock(server, people):
    author, second = people["author"], people["second"]
    study = author.upload(dicom(Modality="US"), "a.dcm")["study_id"]
    [waiting] = ok(author.get("/reports/worklist", params={"modality": "US"}))["items"]
    report = ok(author.post("/reports", json={"study_id": study, "sections": TEXT}), 201)
    finish(people, report)
    [row] = [r for r in ok(second.get("/reports/stats"))["modalities"] if r["modality"] == "US"]
    assert row["reports"] == 1 and row["overdue"] == 0 and row["overdue_share"] == 0
    kept = server.database.rows(f"select arrived_at, due_at from reports where id = {report['id']}")
    shown = [datetime.fromisoformat(waiting[name].replace("Z", "+00:00")) for name in ("clock_at", "due_at")]
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert kept == [tuple((moment - epoch) // timedelta(microseconds=1) for moment in shown)]
    assert all(row[stage]["reports"] == 1 and row[stage]["median_s"] >= 0 for stage in STAGES)


def test_it_is_drawn(people, past):
    answer = people["second"].get("/reports/stats.svg", params=RANGE)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/svg+xml"
    assert "style-src" in answer.headers["content-security-policy"]
    drawn = ET.fromstring(answer.text)
    texts = [t.text for t in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"ALL", "CT", "MR", "2026-01", "2026-02"} <= set(texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 3 * 2 * 7
    assert "审核" in people["second"].get("/reports/stats.svg", params={**RANGE, "language": "zh"}).text
    none = people["second"].get("/reports/stats.svg", params={"from": "2020-01-01", "to": "2020-12-31"})
    assert "No report" in ET.fromstring(none.text)[-1].text
    assert "MR" not in people["viewer"].get("/reports/stats.svg", params=RANGE).text


def test_a_modality_that_is_no_code_is_not_drawn(people):
    author = people["author"]
    study = author.upload(dicom(Modality="<b>&"), "a.dcm")["study_id"]
    finish(people, ok(author.post("/reports", json={"study_id": study, "sections": TEXT}), 201))
    text = people["second"].get("/reports/stats.svg").text
    assert ET.fromstring(text) is not None and "<b>" not in text and "&amp;" not in text
