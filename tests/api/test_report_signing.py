"""Reports signed: once, never changed, checked here and elsewhere; what comes after; keys and their end."""

import base64
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from reports import readers
from support import PASSWORD, ROOT, SLOW, Server, dicom, ok, problem

TEXT = {"findings": "两肺纹理清晰。", "impression": "未见明显异常。"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("signing"), HOSPITAL_NAME="第一医院").init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


def approved(people, **sections):
    study = people["author"].upload(dicom(), "chest.dcm")["study_id"]
    report = ok(people["author"].post("/reports", json={"study_id": study, "sections": TEXT | sections}), 201)
    ok(people["author"].post(f"/reports/{report['id']}/submit", json={}))
    return ok(people["second"].post(f"/reports/{report['id']}/approve", json={}))


def sign(who, report, status=200, password=PASSWORD, **more):
    answer = who.post(f"/reports/{report['id']}/sign", json={"password": password, **more})
    return ok(answer) if status == 200 else problem(answer, status)


def verify(who, report, **query):
    return ok(who.get(f"/reports/{report['id']}/verify", params=query))


@pytest.fixture
def signed(people):
    return sign(people["author"], approved(people))


def test_signed_it_is_final_and_never_changes(people, signed):
    author, path = people["author"], f"/reports/{signed['id']}"
    assert (signed["status"], signed["signed_version"], signed["signer_name"]) == ("FINAL", 1, "张医生")
    assert "amended" in problem(author.patch(path, json={"title": "x"}), 409)["detail"]
    problem(author.delete(path), 409)
    problem(people["second"].post(f"{path}/approve", json={}), 409)
    sign(people["second"], signed, 409)
    found = verify(author, signed)
    assert found["valid"] and found["verdict"] == "valid" and found["record_matches"]
    [signature] = found["signatures"]
    assert signature["signer"] == "张医生" and signature["meaning"] == "AUTHOR"
    assert signature["signed_at"][:19] == signed["signed_at"][:19] and signature["time_source"] == "SERVER"
    assert signature["algorithm"].startswith("EC P-256")
    assert (found["images_signed"], found["images_changed"], found["images_missing"]) == (1, 0, 0)


def test_who_signs_shows_again_who_they_are(people):
    report = approved(people)
    refused = sign(people["author"], report, 422, password="wrong password")
    assert "password" in str(refused["errors"]) and "wrong password" not in str(refused)
    problem(people["author"].post(f"/reports/{report['id']}/sign", json={}), 422)
    assert "report.sign" in sign(people["doctor"], approved_for(people, "doctor"), 403)["detail"]
    assert ok(people["author"].get(f"/reports/{report['id']}"))["status"] == "APPROVED"
    for who, meaning in (("author", "REVIEWER"), ("author", "APPROVER"), ("second", "AUTHOR")):
        assert "meaning" in str(sign(people[who], report, 422, meaning=meaning)["errors"]), meaning
    assert sign(people["second"], report, meaning="REVIEWER")["status"] == "FINAL"
    assert verify(people["author"], report)["signatures"][0]["meaning"] == "REVIEWER"


def approved_for(people, role):
    study = people[role].upload(dicom(), "own.dcm")["study_id"]
    report = ok(people[role].post("/reports", json={"study_id": study, "sections": TEXT}), 201)
    ok(people[role].post(f"/reports/{report['id']}/submit", json={}))
    return ok(people["second"].post(f"/reports/{report['id']}/approve", json={}))


def test_only_what_is_approved_is_signed(people):
    study = people["author"].upload(dicom(), "x.dcm")["study_id"]
    report = ok(people["author"].post("/reports", json={"study_id": study, "sections": TEXT}), 201)
    assert "DRAFT" in sign(people["author"], report, 409)["detail"]
    ok(people["author"].post(f"/reports/{report['id']}/submit", json={}))
    sign(people["author"], report, 409)
    problem(people["author"].get(f"/reports/{report['id']}/verify"), 409)
    problem(people["author"].get(f"/reports/{report['id']}/envelope"), 409)


def test_of_two_who_sign_at_once_one_does(people):
    def race(_):
        report = approved(people)
        with ThreadPoolExecutor(2) as pool:
            answers = list(
                pool.map(
                    lambda who: who.post(f"/reports/{report['id']}/sign", json={"password": PASSWORD}),
                    (people["author"], people["second"]),
                )
            )
        assert sorted(a.status_code for a in answers) == [200, 409], [a.text for a in answers]
        winner = next(ok(a) for a in answers if a.status_code == 200)
        [signature] = verify(people["author"], report)["signatures"]
        assert signature["signer"] == winner["signer_name"]
        steps = ok(people["author"].get(f"/reports/{report['id']}/steps"))["items"]
        assert [s["action"] for s in steps].count("sign") == 1

    for n in range(200 if SLOW == 1 else 5):
        race(n)


def test_an_amendment_replaces_and_both_stay(people, signed):
    author, second, path = people["author"], people["second"], f"/reports/{signed['id']}"
    ok(people["admin"].put(f"/studies/{signed['study_id']}/assignments/{people['viewer'].id}"), 204)
    problem(author.post(f"{path}/amend", json={}), 422)
    change = {"reason": "左右写反", "sections": {"impression": "左肺结节。"}}
    amended = ok(author.post(f"{path}/amend", json=change))
    assert (amended["status"], amended["kind"], amended["version"], amended["replaces"]) == ("DRAFT", "AMENDMENT", 2, 1)
    face = ok(people["viewer"].get(path))
    assert face["status_reason"] is None and face["reviewer_name"] == "李四 O'Neil"
    listed = f"/reports?study_id={signed['study_id']}&status="
    assert ok(people["viewer"].get(listed + "DRAFT"))["items"] == []
    assert [r["id"] for r in ok(people["viewer"].get(listed + "FINAL"))["items"]] == [signed["id"]]
    assert "amend" not in [s["action"] for s in ok(people["viewer"].get(f"{path}/steps"))["items"]]
    assert (face["status"], face["version"], face["sections"]) == ("FINAL", 1, TEXT)
    assert verify(author, signed)["version"] == 1
    ok(author.post(f"{path}/submit", json={}))
    assert ok(people["viewer"].get(path))["version"] == 1
    ok(second.post(f"{path}/approve", json={}))
    final = sign(author, signed)
    assert (final["status"], final["signed_version"]) == ("AMENDED", 2)
    assert ok(people["viewer"].get(path))["sections"]["impression"] == "左肺结节。"
    assert ok(people["viewer"].get(f"{path}/versions/1"))["sections"] == TEXT
    old = verify(people["viewer"], signed, version=1)
    assert old["valid"] and old["replaced_by"] == 2 and verify(author, signed)["replaced_by"] is None
    assert [v["version"] for v in ok(people["viewer"].get(f"{path}/versions"))["items"]] == [2, 1]


def test_an_addendum_adds_and_leaves_what_is_signed(people, signed):
    author, second, path = people["author"], people["second"], f"/reports/{signed['id']}"
    problem(author.post(f"{path}/addendum", json={}), 422)
    added = ok(author.post(f"{path}/addendum", json={"addendum": "已电话告知。"}))
    assert (added["kind"], added["version"]) == ("ADDENDUM", 2)
    refused = problem(author.patch(path, json={"sections": {"impression": "x"}}), 422)
    assert "leaves what is signed" in str(refused)
    ok(author.post(f"{path}/submit", json={}))
    ok(second.post(f"{path}/approve", json={}))
    final = sign(author, signed)
    assert final["status"] == "APPENDED" and final["sections"] == TEXT
    [addendum] = final["addenda"]
    assert addendum["text"] == "已电话告知。" and addendum["author_id"] == author.id
    assert addendum["author_name"] == "张医生"


def test_words_to_be_added_are_corrected_before_they_are_signed(people, signed):
    author, second, path = people["author"], people["second"], f"/reports/{signed['id']}"
    ok(second.post(f"{path}/addendum", json={"addendum": "lft"}))
    changed = ok(second.patch(path, json={"addendum": "left"}))
    assert [a["text"] for a in changed["addenda"]] == ["left"]
    for member, value in (("language", "en"), ("sources", []), ("key_images", []), ("title", None)):
        assert member in str(problem(second.patch(path, json={member: value}), 422)["errors"]), member
    ok(second.post(f"{path}/submit", json={}))
    ok(author.post(f"{path}/approve", json={}))
    final = sign(author, signed, meaning="REVIEWER")
    assert (final["author_name"], final["reviewer_name"]) == ("张医生", "张医生")
    draft = ok(author.post("/reports", json={"study_id": signed["study_id"], "sections": TEXT}), 201)
    refused = problem(author.patch(f"/reports/{draft['id']}", json={"addendum": "x"}), 422)
    assert "no addendum" in str(refused)


def test_an_amendment_that_is_given_up_leaves_what_was_signed(people, signed):
    author, path = people["author"], f"/reports/{signed['id']}"
    ok(people["second"].post(f"{path}/amend", json={"reason": "x", "sections": {"impression": "y"}}))
    back = ok(people["second"].post(f"{path}/cancel", json={}))
    assert (back["status"], back["version"], back["sections"], back["author_id"]) == ("FINAL", 1, TEXT, author.id)
    assert back["reviewer_name"] == signed["reviewer_name"] and back["approved_at"]
    assert back["submitted_by"] == author.id and back["status_reason"] is None
    assert ok(author.post(f"{path}/amend", json={"reason": "z"}))["version"] == 3
    assert ok(author.get(f"{path}/versions/2"))["status"] == "CANCELLED"


def test_what_was_entered_in_error_says_so(people, signed):
    path = f"/reports/{signed['id']}"
    problem(people["author"].post(f"{path}/mark-entered-in-error", json={}), 422)
    gone = ok(people["author"].post(f"{path}/mark-entered-in-error", json={"reason": "另一患者"}))
    assert gone["status"] == "ENTERED_IN_ERROR" and gone["actions"] == []
    found = verify(people["author"], signed)
    assert found["valid"] and found["status"] == "ENTERED_IN_ERROR" and "另一患者" in found["words"]
    problem(people["author"].post(f"{path}/amend", json={"reason": "x"}), 409)


# ---- elsewhere ----


@pytest.fixture
def files(people, signed, tmp_path):
    envelope, authority = tmp_path / "report.json", tmp_path / "authority.pem"
    answer = people["author"].get(f"/reports/{signed['id']}/envelope")
    assert answer.headers["content-type"] == "application/json"
    assert "attachment" in answer.headers["content-disposition"]
    envelope.write_bytes(answer.content)
    authority.write_bytes(people["author"].get("/reports/authority").content)
    return envelope, authority


def check(server, envelope, authority, *more):
    return server.run("report", "verify", str(envelope), "--authority", str(authority), *more, check=False)


def test_a_file_is_checked_with_nothing_else_at_hand(server, files):
    done = check(server, *files)
    assert done.returncode == 0 and done.stdout.strip().endswith("valid")
    assert "张医生" in done.stdout and "AUTHOR" in done.stdout


def test_one_changed_byte_is_told(server, files):
    envelope, authority = files
    text = envelope.read_text()
    for old, new in (("未见明显异常", "可见明显异常"), ("张医生", "王医生"), ("AUTHOR", "APPROVER")):
        assert old in text
        envelope.write_text(text.replace(old, new))
        done = check(server, envelope, authority)
        assert done.returncode == 1 and "changed" in done.stdout, (old, done)


def test_openssl_agrees(files, tmp_path):
    """The signature is over the canonical content; openssl knows nothing of ours."""
    envelope, authority = files
    whole = json.loads(envelope.read_text())
    content = json.dumps(whole["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "cms").write_bytes(base64.b64decode(whole["signatures"][0]["signature"]))
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-content", "content"]
        + ["-CAfile", str(authority), "-purpose", "any", "-out", "/dev/null"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "Verification successful" in done.stderr, done.stderr


def test_another_houses_authority_vouches_for_nobody(server, files, tmp_path):
    envelope, _ = files
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"]
        + ["-subj", "/CN=Other", "-keyout", "k.pem", "-out", "other.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    done = check(server, envelope, tmp_path / "other.pem")
    assert done.returncode == 1 and "unknown signer" in done.stdout


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\0" * 100, b'{"format": "roentgen-envelope-1"}'])
def test_what_is_no_such_file_is_told_in_words(server, files, content):
    envelope, authority = files
    envelope.write_bytes(content)
    done = check(server, envelope, authority)
    assert done.returncode == 1 and done.stderr.startswith("roentgen: ")


# ---- keys ----


def test_a_revoked_key_signs_no_more_and_what_it_signed_stays(server, people, tmp_path):
    admin = people["admin"]
    signer = server.account("radiologist", admin=admin, full_name="赵医生")
    first = sign(signer, approved(people))
    [key] = ok(signer.get("/reports/signing-keys"))["items"]
    assert key["user_name"] == "赵医生" and "BEGIN CERTIFICATE" in key["certificate"] and not key["revoked_at"]
    wish = {"user_id": signer.id, "reason": "keyCompromise"}
    problem(people["author"].post("/reports/signing-keys/revoke", json=wish), 403)
    ok(admin.post("/reports/signing-keys/revoke", json=wish), 204)
    problem(admin.post("/reports/signing-keys/revoke", json=wish), 409)
    assert verify(signer, first)["valid"], "this house knows that it was signed before"
    second = sign(signer, approved(people))
    assert verify(signer, second)["valid"]
    serials = [k["serial"] for k in ok(signer.get("/reports/signing-keys"))["items"]]
    assert len(set(serials)) == 2 and key["serial"] in serials
    crl = tmp_path / "list.crl"
    crl.write_bytes(people["author"].get("/reports/authority/revocations").content)
    command = ["openssl", "crl", "-inform", "DER", "-in", crl, "-noout", "-text"]
    told = subprocess.run(command, capture_output=True, text=True)
    assert key["serial"].upper().lstrip("0") in told.stdout.replace(":", "") and "Key Compromise" in told.stdout


def test_one_sees_ones_own_keys(people, signed):
    assert {k["user_id"] for k in ok(people["author"].get("/reports/signing-keys"))["items"]} == {people["author"].id}


def test_a_record_that_was_changed_past_the_server_is_told(server, people):
    report = sign(people["author"], approved(people))
    server.database.rows(
        f"update report_versions set sections = '{{\"findings\":\"x\"}}' where report_id = {report['id']}"
    )
    found = verify(people["author"], report)
    assert not found["valid"] and not found["record_matches"] and found["verdict"] == "valid" and found["words"]
    pdf = people["author"].get(f"/reports/{report['id']}/pdf").content
    told = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True).stdout.decode()
    assert all(c in told for c in "与签署内容不符") and "电子签名" not in told
    server.database.rows(f"update report_versions set sections = '{{' where report_id = {report['id']}")
    assert not verify(people["author"], report)["record_matches"]
    server.database.rows(f"update report_signatures set envelope = 'x' where report_id = {report['id']}")
    assert verify(people["author"], report)["verdict"] == "changed"


def test_images_that_went_are_told(server, people):
    report = sign(people["author"], approved(people))
    ok(people["admin"].delete(f"/studies/{report['study_id']}"), 204)
    assert verify(people["author"], report)["images_missing"] == 1
    assert people["author"].get(f"/reports/{report['id']}/pdf").status_code == 200
    server.run("purge", "--older-than", "0s")
    found = verify(people["author"], report)
    assert found["valid"] and found["images_missing"] == 1


def test_a_deleted_studys_report_is_not_signed(people):
    report = approved(people)
    ok(people["admin"].delete(f"/studies/{report['study_id']}"), 204)
    assert "deleted" in sign(people["author"], report, 409)["detail"]
    assert people["author"].get(f"/reports/{report['id']}/pdf").status_code == 200


def test_a_study_that_was_given_to_another_patient_is_told(people, signed):
    ok(people["admin"].patch(f"/studies/{signed['study_id']}", json={"patient_id": people["admin"].patient()["id"]}))
    found = verify(people["author"], signed)
    assert found["record_matches"] and not found["patient_matches"] and "another patient" in found["words"]


def test_a_signer_who_is_called_otherwise_gets_another_certificate(server, people):
    who = server.account("radiologist", admin=people["admin"], full_name="旧名")
    first = sign(who, approved(people))
    ok(who.patch("/auth/me", json={"full_name": "新名"}))
    second = sign(who, approved(people))
    assert verify(who, second)["signatures"][0]["signer"] == "新名"
    assert verify(who, first)["signatures"][0]["signer"] == "旧名"
    assert ok(who.get(f"/reports/{first['id']}"))["signer_name"] == "旧名"


def test_without_a_second_reader_who_may_sign_signs_their_draft(tmp_path):
    server = Server(tmp_path, REPORT_SECOND_READER="off").init().start()
    try:
        author = server.account("radiologist")
        study = author.upload(dicom(), "a.dcm")["study_id"]
        report = ok(author.post("/reports", json={"study_id": study, "sections": TEXT}), 201)
        assert "sign" in report["actions"]
        assert sign(author, report)["status"] == "FINAL"
        empty = ok(author.post("/reports", json={"study_id": study}), 201)
        sign(author, empty, 422)
    finally:
        server.close()


# ---- the table ----


def told_transitions():
    """Of docs/reports.md: action, the right that it takes of another than its author, and from where to where."""
    page = (ROOT / "docs/reports.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| ([A-Z_, ]+) \| ([A-Z_, ]+) \| (.*) \|$", page, re.MULTILINE)
    right = None
    for action, begin, end, who in rows:
        right = re.search(r"`(report\.[a-z]+)`", who).group(1) if "`" in who else right  # "the same"
        yield action, right, set(begin.split(", ")), set(end.split(", "))


WAYS = {  # to each state, from a draft: who does what
    "DRAFT": (),
    "PRELIMINARY": ("author submit",),
    "IN_REVIEW": ("author submit", "second review"),
    "APPROVED": ("author submit", "second approve"),
    "FINAL": ("author submit", "second approve", "author sign"),
    "CANCELLED": ("author cancel",),
}
WAYS["ENTERED_IN_ERROR"] = (*WAYS["FINAL"], "author mark-entered-in-error")
WAYS["AMENDED"] = (*WAYS["FINAL"], "author amend", *WAYS["FINAL"])
WAYS["APPENDED"] = (*WAYS["FINAL"], "author addendum", *WAYS["FINAL"])


def do(who, report, action):
    body = {"reason": "r"}
    if action == "sign":
        body = {"password": PASSWORD}
    elif action == "addendum":
        body["addendum"] = "x"
    return who.post(f"/reports/{report['id']}/{action}", json=body)


ROLES = ("admin", "radiologist", "doctor", "technician", "nurse", "viewer", "service")


@pytest.fixture(scope="module")
def of_each_role(server, people):
    others = {role: server.account(role, admin=people["admin"]) for role in ROLES if role != "admin"}
    return {"admin": people["admin"], **others}


def told_rights():
    """Of docs/roles.md: right -> the roles that have it."""
    page = (ROOT / "docs/roles.md").read_text()
    for right, cells in re.findall(r"^\| `([a-z_.]+)` \|((?: ✓? ?\|)+)", page, re.MULTILINE):
        yield right, {role for role, cell in zip(ROLES, cells.split("|"), strict=False) if cell.strip()}


def brought(people, study, state):
    report = ok(people["author"].post("/reports", json={"study_id": study, "sections": TEXT}), 201)
    for step in WAYS[state]:
        who, what = step.split()
        ok(do(people[who], report, what))
    assert ok(people["author"].get(f"/reports/{report['id']}"))["status"] == state
    return report


@pytest.mark.parametrize("state", WAYS)
def test_each_action_is_taken_in_its_states_of_its_roles_alone(people, of_each_role, state):
    """Every state, action and role, of who is not the author and has nothing to do with the report yet."""
    study = people["author"].upload(dicom(), "x.dcm")["study_id"]
    for who in of_each_role.values():
        ok(people["admin"].put(f"/studies/{study}/assignments/{who.id}"), 204)
    transitions, rights = list(told_transitions()), dict(told_rights())
    assert len(transitions) == 9 and rights["report.sign"] == {"admin", "radiologist"}
    report = brought(people, study, state)
    for role, who in of_each_role.items():
        seen = who.get(f"/reports/{report['id']}")
        offered = ok(seen)["actions"] if seen.status_code == 200 else []
        for action, right, begin, end in transitions:
            may = state in begin and role in rights[right]
            if state == "IN_REVIEW" and action == "approve":
                may = False  # it is another's who has taken it
            assert (action in offered) == may, (state, action, role)
            if may:
                answer = do(who, brought(people, study, state), action)
                assert ok(answer)["status"] in end, (state, action, role)
                continue
            answer = do(who, report, action)
            assert answer.status_code in (403, 404, 409), (state, action, role, answer.text)
            if role == "radiologist":
                assert state in problem(answer, 409)["detail"] or state == "IN_REVIEW", (state, action)
    assert ok(people["author"].get(f"/reports/{report['id']}"))["status"] == state
