"""Second signatures by SM2 with SM3: openssl checks them, and each byte counts."""

import base64
import json
import re
import subprocess

import pytest

from reports import readers
from support import Server, ok
from test_signing_keys import Authority, approved, bring, sign, verify


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("elsewhere") / "ca")


@pytest.fixture(scope="module")
def server(tmp_path_factory, elsewhere):
    settings = {"REPORT_SM2": "on", "SIGNING_CERTIFICATES": elsewhere.root}
    server = Server(tmp_path_factory.mktemp("sm2"), **settings).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


@pytest.fixture
def who(server, people):
    return server.account("radiologist", admin=people["admin"], full_name="钱医生")


@pytest.fixture
def files(people, who, tmp_path):
    report = sign(who, approved(people, who))
    envelope, authority = tmp_path / "report.json", tmp_path / "authority.pem"
    envelope.write_bytes(who.get(f"/reports/{report['id']}/envelope").content)
    authority.write_bytes(who.get("/reports/authority").content)
    return envelope, authority


def keys(who):
    return [(key["is_second"], key["origin"], bool(key["revoked_at"])) for key in
            ok(who.get("/reports/signing-keys", params={"sort": "id"}))["items"]]


def run(folder, *command):
    return subprocess.run(["openssl", *command], cwd=folder, capture_output=True, text=True, check=False)


def test_a_report_is_signed_twice(people, who):
    report = sign(who, approved(people, who))
    found = verify(who, report)
    assert found["valid"] and found["verdict"] == "valid"
    assert [s["algorithm"] for s in found["signatures"]] == ["EC P-256, SHA-256 (CAdES)", "SM2, SM3 (SM2)"]
    assert {(s["signer"], s["meaning"], s["verdict"]) for s in found["signatures"]} == {("钱医生", "AUTHOR", "valid")}
    assert keys(who) == [(False, "MADE", False), (True, "MADE", False)]
    sign(who, approved(people, who))
    assert len(keys(who)) == 2  # the same again


def test_openssl_agrees(files, tmp_path):
    whole = json.loads(files[0].read_text())
    second = whole["signatures"][1]
    assert second["algorithm"] == "SM2-SM3"
    content = json.dumps(whole["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "signature").write_bytes(base64.b64decode(second["signature"]))
    (tmp_path / "certificate.der").write_bytes(base64.b64decode(second["certificates"][0]))
    for command in (
        ("x509", "-inform", "DER", "-in", "certificate.der", "-out", "certificate.pem"),
        ("verify", "-CAfile", "authority.pem", "-purpose", "any", "certificate.pem"),
        ("x509", "-in", "certificate.pem", "-pubkey", "-noout", "-out", "public.pem"),
        ("dgst", "-sm3", "-verify", "public.pem", "-sigopt", "distid:1234567812345678", "-signature", "signature",
         "content"),
    ):
        done = run(tmp_path, *command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    (tmp_path / "content").write_bytes(content + b" ")
    assert run(tmp_path, *command).returncode != 0


def check(server, envelope, authority):
    return server.run("report", "verify", str(envelope), "--authority", str(authority), check=False)


def test_each_byte_of_it_counts(server, files):
    envelope, authority = files
    text = envelope.read_text()
    done = check(server, envelope, authority)
    assert done.returncode == 0 and "SM2" in done.stdout
    whole = json.loads(text)
    first, second = whole["signatures"]
    turned = bytearray(base64.b64decode(second["signature"]))
    turned[-1] ^= 1
    wrongs = {
        "turned": [first, {**second, "signature": base64.b64encode(turned).decode()}],
        "alone": [second],
        "of another meaning": [first, {**second, "meaning": "APPROVER"}],
        "of another name": [first, {**second, "signer": "x"}],
    }
    for name, signatures in wrongs.items():
        envelope.write_text(json.dumps({**whole, "signatures": signatures}, ensure_ascii=False))
        done = check(server, envelope, authority)
        assert done.returncode == 1 and "changed" in done.stdout, (name, done)


def test_its_key_goes_with_the_keys_of_the_house(server, people, who, tmp_path):
    report = sign(who, approved(people, who))
    ok(who.post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
    assert keys(who) == [(False, "MADE", True), (True, "MADE", True)]
    assert verify(who, report)["verdict"] == "valid"
    (tmp_path / "list.der").write_bytes(who.get("/reports/authority/revocations").content)
    told = run(tmp_path, "crl", "-inform", "DER", "-in", "list.der", "-text", "-noout").stdout
    serials = {key["serial"].lstrip("0").upper() for key in ok(who.get("/reports/signing-keys"))["items"]}
    listed = {serial.lstrip("0") for serial in re.findall(r"Serial Number: ([0-9A-F]+)", told)}
    assert serials <= listed
    sign(who, approved(people, who))
    assert len(keys(who)) == 4


def test_beside_a_certificate_that_was_brought(server, people, who, elsewhere):
    elsewhere.issue("钱 Elsewhere")
    bring(who, elsewhere.file("钱 Elsewhere"))
    report = sign(who, approved(people, who))
    found = verify(who, report)
    assert found["valid"] and [s["signer"] for s in found["signatures"]] == ["钱 Elsewhere"] * 2
    assert keys(who) == [(False, "BROUGHT", False), (True, "MADE", False)]
    ok(who.post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
    assert keys(who) == [(False, "BROUGHT", True), (True, "MADE", False)]


def test_a_new_name_has_a_new_key(server, people, who):
    first = sign(who, approved(people, who))
    ok(people["admin"].patch(f"/users/{who.id}", json={"full_name": "孙医生"}))
    second = sign(who, approved(people, who))
    for report, name in ((first, "钱医生"), (second, "孙医生")):
        found = verify(who, report)
        assert found["valid"] and {s["signer"] for s in found["signatures"]} == {name}


def test_without_the_setting_there_is_one(tmp_path, elsewhere):
    server = Server(tmp_path / "house").init().start()
    try:
        people = readers(server)
        author = people["author"]
        report = sign(author, approved(people, author))
        assert len(verify(author, report)["signatures"]) == 1 and len(keys(author)) == 1
    finally:
        server.close()
