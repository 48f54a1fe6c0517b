"""Peer learning: who is asked to judge an earlier report, who is told what was said, and how it is counted."""

import pytest

from reports import act, finish, readers
from support import Server, dicom, ok, problem, uid, unique, wrong_members

TEXT = {"findings": "两肺纹理清晰。", "impression": "未见明显异常。"}
PATH = "/reports/peer-reviews"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("peers"), PEER_REVIEW_SHARE="100").init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


class Patient:
    def __init__(self, people):
        self.people, self.number = people, unique("P")

    def study(self, day, body_part="CHEST"):
        film = dicom(
            PatientID=self.number, StudyInstanceUID=uid(), SeriesInstanceUID=uid(), SOPInstanceUID=uid(),
            Modality="DX", BodyPartExamined=body_part, StudyDate=day,
        )  # fmt: skip
        return self.people["author"].upload(film, "a.dcm")["study_id"]

    def report(self, who, study):
        return ok(self.people[who].post("/reports", json={"study_id": study, "sections": TEXT}), 201)


def asked(who, **query):
    return ok(who.get(PATH, params={"mine": "true", "state": "ASKED", **query}))["items"]


@pytest.fixture
def prior(people):
    """A signed report of the author's, and a later study of the same patient."""
    patient = Patient(people)
    first = patient.report("author", patient.study("20260101"))
    finish(people, first)
    return patient, first, patient.study("20260301")


def give(who, report, status=201, **verdict):
    answer = who.post(f"/reports/{report['id']}/peer-reviews", json=verdict)
    return ok(answer, 201) if status == 201 else problem(answer, status)


def test_who_reads_the_next_study_is_asked_and_its_author_hears_what_they_say(people, prior):
    patient, first, later = prior
    author, second = people["author"], people["second"]
    reading = patient.report("second", later)
    [wish] = asked(second, report_id=first["id"])
    assert (wish["report_id"], wish["reading_id"], wish["author_id"]) == (first["id"], reading["id"], author.id)
    assert ok(author.get(PATH, params={"report_id": first["id"]}))["items"] == []  # nothing was said yet
    patient.report("second", later)
    assert len(asked(second, report_id=first["id"])) == 1
    assert wrong_members(give(second, first, 422, score="2b")) == ["comment"]
    assert wrong_members(give(second, first, 422, score="4")) == ["score"]
    said = give(second, first, score="2b", comment="右下肺小结节")
    assert (said["id"], said["state"], said["score"]) == (wish["id"], "SCORED", "2b")
    give(second, first, 409, score="1")
    [heard] = ok(author.get(PATH, params={"report_id": first["id"]}))["items"]
    assert (heard["score"], heard["comment"], heard["reviewer_id"]) == ("2b", "右下肺小结节", second.id)
    assert "右下肺小结节" not in author.get(f"/reports/{first['id']}").text  # it is no part of the report
    assert "右下肺小结节" not in author.get(f"/reports/{first['id']}/fhir").text


def test_nobody_else_is_told_but_who_leads(people, prior):
    _, first, _ = prior
    give(people["second"], first, score="1")
    for who in ("doctor", "viewer"):
        assert ok(people[who].get(PATH, params={"report_id": first["id"]}))["items"] == []
        assert ok(people[who].get(PATH + "/stats"))["items"] == []
    [seen] = ok(people["admin"].get(PATH, params={"report_id": first["id"]}))["items"]
    assert (seen["author_id"], seen["reviewer_id"]) == (people["author"].id, people["second"].id)


def test_ones_own_what_is_unsigned_and_what_one_does_not_see_is_not_judged(server, people, prior):
    patient, first, later = prior
    assert "own" in give(people["author"], first, 409, score="1")["detail"]
    draft = patient.report("second", later)
    assert "DRAFT" in give(people["author"], draft, 409, score="1")["detail"]
    stranger = server.account("doctor", admin=people["admin"])
    give(stranger, first, 404, score="1")
    give(people["viewer"], first, 403, score="1")
    ok(act(people["author"], first, "mark-entered-in-error", reason="r"))
    assert "ENTERED_IN_ERROR" in give(people["second"], first, 409, score="1")["detail"]


def test_one_may_decline_and_still_judge_later(people, prior):
    patient, first, later = prior
    author, second = people["author"], people["second"]
    patient.report("second", later)
    [wish] = asked(second, report_id=first["id"])
    problem(author.post(f"{PATH}/{wish['id']}/decline", json={"comment": "x"}), 404)
    problem(people["admin"].post(f"{PATH}/{wish['id']}/decline", json={"comment": "x"}), 403)
    problem(second.post(f"{PATH}/{wish['id']}/decline", json={}), 422)
    declined = ok(second.post(f"{PATH}/{wish['id']}/decline", json={"comment": "同一科室"}))
    assert declined["state"] == "DECLINED"
    problem(second.post(f"{PATH}/{wish['id']}/decline", json={"comment": "x"}), 409)
    assert ok(author.get(PATH, params={"report_id": first["id"]}))["items"] == []
    assert give(second, first, score="1")["state"] == "SCORED"


@pytest.mark.parametrize("who, body_part", [("author", "CHEST"), ("second", "KNEE")])
def test_nobody_is_asked_of_their_own_report_nor_of_another_region(people, who, body_part):
    patient = Patient(people)
    first = patient.report("author", patient.study("20260101"))
    finish(people, first)
    patient.report(who, patient.study("20260301", body_part))
    assert asked(people[who], report_id=first["id"]) == []


def test_months_are_counted_for_each_author(server, people, prior):
    _, first, _ = prior
    author, second = people["author"], people["second"]
    before = {(r["month"], r["author_id"]): r for r in ok(author.get(PATH + "/stats"))["items"]}
    give(second, first, score="3a", comment="x")
    server.database.rows(f"update peer_reviews set settled_at = 1772323200000000 where report_id = {first['id']}")
    rows = ok(author.get(PATH + "/stats", params={"from": "2026-03-05", "to": "2026-03-06"}))["items"]
    [march] = rows
    assert (march["month"], march["author_id"], march["scored"], march["score_3a"]) == ("2026-03", author.id, 1, 1)
    assert march["discrepancy"] == 1 and ("2026-03", author.id) not in before
    assert ok(people["admin"].get(PATH + "/stats", params={"from": "2026-03-05", "to": "2026-03-06"}))["items"] == rows
    problem(second.get(PATH + "/stats", params={"author_id": author.id}), 403)
    problem(author.get(PATH + "/stats", params={"from": "1990-01-01"}), 422)
    assert ok(author.get(PATH + "/stats", params={"from": "2026-05-01", "to": "2026-04-01"}))["items"] == []


def test_where_it_is_blind_neither_is_told_of_the_other(tmp_path):
    server = Server(tmp_path / "blind", PEER_REVIEW_SHARE="100", PEER_REVIEW_BLINDED="on").init().start()
    try:
        people = readers(server)
        patient = Patient(people)
        first = patient.report("author", patient.study("20260101"))
        finish(people, first)
        patient.report("second", patient.study("20260301"))
        [wish] = asked(people["second"], report_id=first["id"])
        assert wish["author_id"] is wish["author_name"] is None and wish["reviewer_id"] == people["second"].id
        give(people["second"], first, score="2a", comment="x")
        [heard] = ok(people["author"].get(PATH))["items"]
        assert heard["reviewer_id"] is heard["reviewer_name"] is heard["reading_id"] is None
        [seen] = ok(people["admin"].get(PATH))["items"]
        assert (seen["author_id"], seen["reviewer_id"]) == (people["author"].id, people["second"].id)
    finally:
        server.close()
