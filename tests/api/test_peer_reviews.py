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


def third(server):
    """Those of readers, and a radiologist who has nothing to do with their reports."""
    people = readers(server)
    return people | {"third": server.account("radiologist", admin=people["admin"])}


@pytest.fixture(scope="module")
def people(server):
    return third(server)


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
        return ok(self.people[who].post("/reports", json={"study_id": study, "sections": TEXT, "parallel": True}), 201)


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
    author, third = people["author"], people["third"]
    reading = patient.report("third", later)
    [wish] = asked(third, report_id=first["id"])
    assert (wish["report_id"], wish["reading_id"], wish["author_id"]) == (first["id"], reading["id"], author.id)
    assert ok(author.get(PATH, params={"report_id": first["id"]}))["items"] == []  # nothing was said yet
    patient.report("third", later)
    assert len(asked(third, report_id=first["id"])) == 1
    assert wrong_members(give(third, first, 422, score="2b")) == ["comment"]
    assert wrong_members(give(third, first, 422, score="4")) == ["score"]
    said = give(third, first, score="2b", comment="右下肺小结节")
    assert (said["id"], said["state"], said["score"]) == (wish["id"], "SCORED", "2b")
    give(third, first, 409, score="1")
    [heard] = ok(author.get(PATH, params={"report_id": first["id"]}))["items"]
    assert (heard["score"], heard["comment"], heard["reviewer_id"]) == ("2b", "右下肺小结节", third.id)
    assert "右下肺小结节" not in author.get(f"/reports/{first['id']}").text  # it is no part of the report
    assert "右下肺小结节" not in author.get(f"/reports/{first['id']}/fhir").text


def test_nobody_else_is_told_but_who_leads(people, prior):
    _, first, _ = prior
    give(people["third"], first, score="1")
    for who in ("doctor", "viewer"):
        assert ok(people[who].get(PATH, params={"report_id": first["id"]}))["items"] == []
        assert ok(people[who].get(PATH + "/stats"))["items"] == []
    [seen] = ok(people["admin"].get(PATH, params={"report_id": first["id"]}))["items"]
    assert (seen["author_id"], seen["reviewer_id"]) == (people["author"].id, people["third"].id)


def test_ones_own_what_is_unsigned_and_what_one_does_not_see_is_not_judged(server, people, prior):
    patient, first, later = prior
    assert "own" in give(people["author"], first, 409, score="1")["detail"]
    assert "approved" in give(people["second"], first, 409, score="1")["detail"]
    draft = patient.report("third", later)
    assert "DRAFT" in give(people["author"], draft, 409, score="1")["detail"]
    stranger = server.account("doctor", admin=people["admin"])
    give(stranger, first, 404, score="1")
    give(people["viewer"], first, 403, score="1")
    ok(act(people["author"], first, "mark-entered-in-error", reason="r"))
    assert "ENTERED_IN_ERROR" in give(people["third"], first, 409, score="1")["detail"]


def test_one_may_decline_and_still_judge_later(people, prior):
    patient, first, later = prior
    author, third = people["author"], people["third"]
    patient.report("third", later)
    [wish] = asked(third, report_id=first["id"])
    problem(author.post(f"{PATH}/{wish['id']}/decline", json={"comment": "x"}), 404)
    problem(people["admin"].post(f"{PATH}/{wish['id']}/decline", json={"comment": "x"}), 403)
    problem(third.post(f"{PATH}/{wish['id']}/decline", json={}), 422)
    declined = ok(third.post(f"{PATH}/{wish['id']}/decline", json={"comment": "同一科室"}))
    assert declined["state"] == "DECLINED"
    problem(third.post(f"{PATH}/{wish['id']}/decline", json={"comment": "x"}), 409)
    assert ok(author.get(PATH, params={"report_id": first["id"]}))["items"] == []
    assert give(third, first, score="1")["state"] == "SCORED"


@pytest.mark.parametrize("who, body_part", [("author", "CHEST"), ("third", "KNEE")])
def test_nobody_is_asked_of_their_own_report_nor_of_another_region(people, who, body_part):
    patient = Patient(people)
    first = patient.report("author", patient.study("20260101"))
    finish(people, first)
    patient.report(who, patient.study("20260301", body_part))
    assert asked(people[who], report_id=first["id"]) == []


def test_months_are_counted_for_each_author(server, people, prior):
    _, first, _ = prior
    author, third = people["author"], people["third"]
    before = {(r["month"], r["author_id"]): r for r in ok(author.get(PATH + "/stats"))["items"]}
    give(third, first, score="3a", comment="x")
    server.database.rows(f"update peer_reviews set settled_at = 1772323200000000 where report_id = {first['id']}")
    rows = ok(author.get(PATH + "/stats", params={"from": "2026-03-05", "to": "2026-03-06"}))["items"]
    [march] = rows
    assert (march["month"], march["author_id"], march["scored"], march["score_3a"]) == ("2026-03", author.id, 1, 1)
    assert march["discrepancy"] == 1 and ("2026-03", author.id) not in before
    assert ok(people["admin"].get(PATH + "/stats", params={"from": "2026-03-05", "to": "2026-03-06"}))["items"] == rows
    problem(third.get(PATH + "/stats", params={"author_id": author.id}), 403)
    assert march in ok(author.get(PATH + "/stats", params={"from": "0001-01-01", "to": "9999-12-31"}))["items"]
    assert ok(author.get(PATH + "/stats", params={"from": "2026-05-01", "to": "2026-04-01"}))["items"] == []


def test_where_it_is_blind_neither_is_told_of_the_other(tmp_path):
    server = Server(tmp_path / "blind", PEER_REVIEW_SHARE="100", PEER_REVIEW_BLINDED="on").init().start()
    try:
        people = third(server)
        patient = Patient(people)
        first = patient.report("author", patient.study("20260101"))
        finish(people, first)
        patient.report("third", patient.study("20260301"))
        [wish] = asked(people["third"], report_id=first["id"])
        assert wish["author_id"] is wish["author_name"] is None and wish["reviewer_id"] == people["third"].id
        give(people["third"], first, score="2a", comment="x")
        [heard] = ok(people["author"].get(PATH))["items"]
        assert heard["reviewer_id"] is heard["reviewer_name"] is heard["reading_id"] is None
        [seen] = ok(people["admin"].get(PATH))["items"]
        assert (seen["author_id"], seen["reviewer_id"]) == (people["author"].id, people["third"].id)
    finally:
        server.close()


def test_who_approved_it_is_not_asked_and_what_was_asked_follows_to_the_next_version(people, prior):
    patient, first, later = prior
    author, third = people["author"], people["third"]
    patient.report("second", later)
    assert asked(people["second"], report_id=first["id"]) == []
    patient.report("third", later)
    [wish] = asked(third, report_id=first["id"])
    ok(act(author, first, "amend", reason="r", sections={"impression": "左肺结节。"}))
    finish(people, first)
    said = give(third, first, score="1")
    assert (said["id"], said["version"]) == (wish["id"], wish["version"] + 1)
    assert asked(third, report_id=first["id"]) == []
