"""The page behind the code on a report's pages: whether it still counts, to anybody, and nothing of the patient."""

import base64
import hashlib
import re
import subprocess

import pytest

from reports import act, finish, readers
from support import Server, dicom, ok, problem, unique

TEXT = {"findings": "两肺纹理清晰。", "impression": "未见明显异常。"}
SITE = "https://roentgen.example.org/base/"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    house = tmp_path_factory.mktemp("verify")
    server = Server(house, HOSPITAL_NAME="第一医院 <b>", PUBLIC_URL=SITE).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


def signed(people, **values):
    film = people["author"].upload(dicom(**values), "x.dcm")
    body = {"study_id": film["study_id"], "sections": TEXT}
    return finish(people, ok(people["author"].post("/reports", json=body), 201))


def token_of(server, report, version=1):
    where = f"report_id = {report['id']} and version = {version}"
    [[token]] = server.database.rows(f"select token from report_signatures where {where}")
    assert re.fullmatch("[0-9a-f]{32}", token)
    return token


def look(server, token, who=None, **headers):
    return (who or server.client()).get(f"{server.url}/verify/{token}", headers=headers)


def state(server, token, status=200):
    answer = look(server, token, accept="application/json")
    assert answer.status_code == status and answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"state", "hospital", "signed_at", "report"}
    return answer.json()["state"]


def test_the_code_on_the_pages_leads_there(server, people, tmp_path):
    report = signed(people)
    (tmp_path / "report.pdf").write_bytes(people["author"].get(f"/reports/{report['id']}/pdf").content)
    subprocess.run(["pdftoppm", "-r", "150", "-png", tmp_path / "report.pdf", tmp_path / "page"], check=True)
    [page] = tmp_path.glob("page*.png")
    said = subprocess.run(["zbarimg", "--quiet", "--raw", page], capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"{SITE.rstrip('/')}/verify/{token_of(server, report)}"


def test_anybody_is_told_that_it_counts_and_nothing_of_the_patient(server, people):
    patient = unique("SECRET")
    report = signed(people, PatientID=patient, PatientName="Zhao^Min=赵^敏")
    answer = look(server, token_of(server, report), accept="text/html")
    page = answer.text
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "第一医院 &lt;b&gt;" in page and report["signed_at"][:19] in page and "<h2 class=\"VALID\">Valid</h2>" in page
    for told in (patient, "赵", "Zhao", "李四", "张医生", report["report_uuid"], "未见", f"/reports/{report['id']}"):
        assert told not in page, told
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-robots-tag"] == "noindex"
    policy = answer.headers["content-security-policy"]
    style = re.search("<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"style-src 'sha256-{digest}'" in policy and "unsafe" not in policy
    assert "<script" not in page and 'lang="en"' in page
    told = look(server, token_of(server, report), accept="application/json").json()
    assert told == {"state": "VALID", "hospital": "第一医院 <b>", "signed_at": report["signed_at"], "report": None}


@pytest.mark.parametrize(
    ("header", "query", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh-CN"),
        ("en-US,zh;q=0.9", "", "en"),
        ("zh;q=0.2, en;q=0.1", "", "zh-CN"),
        ("fr", "", "en"),
        ("zh", "?lang=en", "en"),
        ("", "?lang=zh-CN", "zh-CN"),
        (";;q=,,zh;q=x", "", "en"),
    ],
)
def test_in_the_language_of_who_asks(server, header, query, language):
    answer = server.client().get(f"{server.url}/verify/{'0' * 32}{query}", headers={"accept-language": header})
    assert f'lang="{language}"' in answer.text and answer.status_code == 404


def test_what_is_no_token_looks_like_any_other(server):
    shapes = set()
    for token in ("0" * 32, "x", "F" * 32, "1", "%27%20or%201=1", "0" * 500, "<b>"):
        answer = look(server, token, accept="text/html")
        shapes.add(re.sub("\\s", "", answer.text))
        assert answer.status_code == 404 and answer.headers["cache-control"] == "no-store", token
    assert len(shapes) == 1
    assert state(server, "0" * 32, 404) == "UNKNOWN"


def test_what_becomes_of_it_is_told(server, people):
    report = signed(people)
    first = token_of(server, report)
    ok(act(people["author"], report, "addendum", addendum="补充。"))
    assert state(server, first) == "VALID"  # what is under way is nobody's business
    finish(people, report)
    second = token_of(server, report, 2)
    assert first != second and (state(server, first), state(server, second)) == ("REPLACED", "VALID")
    ok(act(people["second"], report, "mark-entered-in-error", reason="x"))
    assert (state(server, first), state(server, second)) == ("ENTERED_IN_ERROR", "ENTERED_IN_ERROR")
    assert "Entered in error" in look(server, second, accept="text/html").text


def test_a_record_that_was_changed_is_told(server, people):
    report = signed(people)
    token = token_of(server, report)
    server.database.rows(f"update report_versions set sections = '{{}}' where report_id = {report['id']}")
    assert state(server, token) == "CHANGED"


def worked_out(server):
    """How often what was revoked has been put together, which each check of a signature does."""
    shown = ok(server.admin().get("/system/performance"))["items"]["statements"]
    return sum(s["count"] for s in shown if s["statement"].startswith("select serial, revoked_at, revoked_reason"))


def test_who_asks_often_has_it_worked_out_once(tmp_path):
    server = Server(tmp_path, RATE_LIMIT="off").init().start()
    try:
        people = readers(server)
        one, other = signed(people), signed(people)
        token = token_of(server, one)
        assert state(server, token) == "VALID"
        before = worked_out(server)
        assert before and {state(server, token) for _ in range(20)} == {"VALID"}
        assert worked_out(server) == before
        # Another byte is told at once, and so is what was revoked; and that it is mended again.
        where = f"where report_id = {one['id']}"
        [(envelope,)] = server.database.rows(f"select envelope from report_signatures {where}")
        said = '"meaning":"APPROVER"'
        assert envelope.count(said) >= 1
        server.database.rows(
            f"update report_signatures set envelope = replace(envelope, '{said}', '{said.replace('PP', 'PR')}') {where}"
        )
        assert state(server, token) == "CHANGED"
        server.database.rows(
            f"update report_signatures set envelope = replace(envelope, '{said.replace('PP', 'PR')}', '{said}') {where}"
        )
        assert state(server, token) == "VALID"
        server.database.rows(f"update report_versions set sections = '{{}}' {where}")
        assert state(server, token) == "CHANGED"
        theirs = token_of(server, other)
        assert state(server, theirs) == "VALID"
        server.database.rows("update signing_keys set revoked_at = 1, revoked_reason = 'keyCompromise'")
        assert state(server, theirs) == "REVOKED"
    finally:
        server.close()


def test_a_study_that_was_moved_is_told_and_a_merge_is_none(server, people):
    admin, moved, merged = people["admin"], signed(people), signed(people)
    ok(admin.patch(f"/studies/{moved['study_id']}", json={"patient_id": admin.patient()["id"]}))
    assert state(server, token_of(server, moved)) == "CHANGED"
    source = ok(admin.get(f"/reports/{merged['id']}"))["patient_id"]
    ok(admin.post(f"/patients/{admin.patient()['id']}/merge", json={"source_id": source}))
    assert state(server, token_of(server, merged)) == "VALID"


def test_who_may_see_the_report_gets_a_link(server, people):
    report = signed(people)
    token, path = token_of(server, report), f"/api/v1/reports/{report['id']}"
    for who, link in (("author", path), ("admin", path), ("viewer", None)):
        assert look(server, token, people[who], accept="application/json").json()["report"] == link, who
    stale = look(server, token, accept="application/json", authorization="Bearer nonsense")
    assert stale.status_code == 200 and stale.json()["report"] is None
    assert f'href="{path}"' in look(server, token, people["author"], accept="text/html").text


def test_tokens_are_not_tried_out(tmp_path):
    server = Server(tmp_path, RATE_LIMIT="on", LOGIN_RATE_PER_MINUTE="5").init().start()
    try:
        seen = [look(server, "0" * 32).status_code for _ in range(12)]
        assert seen[0] == 404 and seen[-1] == 429
        problem(look(server, "0" * 32), 429)
        server.admin()  # whose sign-in is another matter
    finally:
        server.close()


def test_what_fails_inside_is_no_strangers_business(tmp_path):
    server = Server(tmp_path).init().start()
    try:
        token = token_of(server, signed(readers(server)))
        server.stop()
        server.settings["SECRET_KEY"] = "quite-another-secret-key-of-enough-length"
        server.start()
        answer = problem(look(server, token), 503)
        assert answer["detail"] == "the report cannot be looked up now; try again later"
        assert "SECRET_KEY" in server.log_text()
    finally:
        server.close()


def test_without_a_public_address_there_is_no_code(tmp_path):
    server = Server(tmp_path).init().start()
    try:
        people = readers(server)
        report = signed(people)
        pdf = people["author"].get(f"/reports/{report['id']}/pdf").content
        text = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True).stdout.decode()
        assert "扫码" not in text and state(server, token_of(server, report)) == "VALID"
    finally:
        server.close()
