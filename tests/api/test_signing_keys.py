"""Keys that signers bring, with certificates of an authority elsewhere; openssl, pdfsig and poppler look at what they
sign."""

import base64
import json
import re
import subprocess

import pytest

from reports import act, readers
from support import PASSWORD, Server, dicom, ok, problem, wait_until
from test_report_verify_page import state, token_of

TEXT = {"findings": "两肺纹理清晰。", "impression": "未见明显异常。"}
OWN = "/reports/signing-keys/own"
CONFIG = """
[ca]
default_ca=one
[one]
database=index.txt
new_certs_dir=.
rand_serial=yes
default_md=sha256
policy=any
copy_extensions=none
unique_subject=no
[any]
commonName=supplied
[req]
distinguished_name=dn
prompt=no
[dn]
CN=x
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[signer]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,nonRepudiation
[server]
extendedKeyUsage=serverAuth
[large]
keyUsage=critical,digitalSignature
nsComment=%s
""".replace("%s", "x" * 12000)
FAR = "20991231000000Z"
P256 = ("ec", "ec_paramgen_curve:P-256")


class Authority:
    """A root, one below it, and signers below that; made with the openssl program."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "ca.cnf").write_text(CONFIG)
        (folder / "index.txt").write_text("")
        root = ["-subj", "/CN=Elsewhere root", "-keyout", "root.key", "-out", "root.pem", "-extensions", "authority"]
        self.run("req", "-x509", *self.key(*P256), "-days", "99", *root)
        self.issue("below", P256, extensions="authority", by="root", begin="20260101000000Z")
        self.root = folder / "root.pem"

    def run(self, *command):
        subprocess.run(["openssl", *command], cwd=self.folder, check=True, capture_output=True)

    @staticmethod
    def key(kind, option):
        return ["-newkey", kind, "-pkeyopt", option, "-nodes", "-config", "ca.cnf", "-utf8"]

    def issue(self, name, kind=P256, extensions="signer", by="below", begin=None, end=FAR, anew=True):
        if anew:
            out = ["-keyout", f"{name}.key", "-out", f"{name}.csr"]
            self.run("req", "-new", *self.key(*kind), "-subj", f"/CN={name}", *out)
        issuer = ["-cert", f"{by}.pem", "-keyfile", f"{by}.key", "-extensions", extensions]
        dates = ["-startdate", begin or "20200101000000Z", "-enddate", end]
        made = ["-in", f"{name}.csr", "-out", f"{name}.pem", "-notext", "-batch", "-utf8"]
        self.run("ca", "-config", "ca.cnf", *issuer, *dates, *made)

    def file(self, name, password="geheim 密码", chain="below.pem", *more):
        """As a PKCS#12 file, in base64."""
        above = ["-certfile", chain] if chain else []
        out = ["-out", "file.p12", "-passout", f"pass:{password}"]
        self.run("pkcs12", "-export", "-inkey", f"{name}.key", "-in", f"{name}.pem", *above, *out, *more)
        return base64.b64encode((self.folder / "file.p12").read_bytes()).decode()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("elsewhere") / "ca")


@pytest.fixture(scope="module")
def server(tmp_path_factory, elsewhere):
    server = Server(tmp_path_factory.mktemp("keys"), SIGNING_CERTIFICATES=elsewhere.root).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


@pytest.fixture
def who(server, people):
    return server.account("radiologist", admin=people["admin"], full_name="赵医生")


def bring(who, file, status=200, password=PASSWORD, file_password="geheim 密码"):
    wish = {"pkcs12": file, "pkcs12_password": file_password, "password": password}
    answer = who.put(OWN, json=wish)
    return ok(answer) if status == 200 else problem(answer, status)


def test_the_same_certificate_again_with_more_above_it(who, elsewhere):
    elsewhere.issue("again")
    first = bring(who, elsewhere.file("again"))
    chain = (elsewhere.folder / "below.pem").read_text() + (elsewhere.folder / "root.pem").read_text()
    (elsewhere.folder / "more.pem").write_text(chain)
    second = bring(who, elsewhere.file("again", chain="more.pem"))
    assert second["id"] == first["id"]
    assert (first["certificate"].count("BEGIN"), second["certificate"].count("BEGIN")) == (2, 3)


def approved(people, who):
    study = who.upload(dicom(), "chest.dcm")["study_id"]
    report = ok(who.post("/reports", json={"study_id": study, "sections": TEXT}), 201)
    ok(act(who, report, "submit"))
    return ok(act(people["second"], report, "approve"))


def sign(who, report, status=200):
    answer = act(who, report, "sign", password=PASSWORD)
    return ok(answer) if status == 200 else problem(answer, status)


def verify(who, report):
    return ok(who.get(f"/reports/{report['id']}/verify"))


KINDS = {
    "EC P-256": P256,
    "EC P-384": ("ec", "ec_paramgen_curve:P-384"),
    "RSA 2048": ("rsa", "rsa_keygen_bits:2048"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_brought_key_signs_and_others_can_check_it(server, people, who, elsewhere, tmp_path, kind):
    name = f"赵 {kind}"
    elsewhere.issue(name, KINDS[kind])
    row = bring(who, elsewhere.file(name))
    assert (row["origin"], row["user_id"], row["expires_at"][:4]) == ("BROUGHT", who.id, "2099")
    assert row["certificate"].count("BEGIN CERTIFICATE") == 2, "the one above it is kept"
    assert bring(who, elsewhere.file(name))["id"] == row["id"], "the same again is the same"
    report = sign(who, approved(people, who))
    found = verify(who, report)
    [signature] = found["signatures"]
    assert found["valid"] and signature["signer"] == name and signature["algorithm"].startswith(kind), found
    envelope, pages = tmp_path / "report.json", tmp_path / "report.pdf"
    envelope.write_bytes(who.get(f"/reports/{report['id']}/envelope").content)
    pages.write_bytes(who.get(f"/reports/{report['id']}/pdf").content)
    for file in (envelope, pages):
        done = server.run("report", "verify", str(file), "--authority", str(elsewhere.root), check=False)
        assert done.returncode == 0 and name in done.stdout, done
    openssl_agrees(elsewhere, envelope, pages, tmp_path)
    told = subprocess.run(["pdfsig", pages], capture_output=True, text=True).stdout
    assert "Signature is Valid" in told and "Total document signed" in told, told


def openssl_agrees(elsewhere, envelope, pages, folder):
    whole = json.loads(envelope.read_text())
    content = json.dumps(whole["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    pdf = pages.read_bytes()
    [(first, second)] = re.findall(rb"/ByteRange \[0 (\d+) (\d+) \d+\s*\]", pdf)
    first, second = int(first), int(second)
    signed = {
        "content": (content, base64.b64decode(whole["signatures"][0]["signature"])),
        "pages": (pdf[:first] + pdf[second:], bytes.fromhex(pdf[first + 1 : second - 1].decode())),
    }
    for name, (data, cms) in signed.items():
        (folder / name).write_bytes(data)
        (folder / "cms").write_bytes(cms)
        command = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "cms", "-content", name]
        command += ["-CAfile", elsewhere.root, "-purpose", "any", "-out", "/dev/null"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, (name, done.stderr)


def refused_files(elsewhere):
    """Words of the answer, and the file."""
    elsewhere.issue("good")
    good = elsewhere.file("good")
    elsewhere.issue("p521", ("ec", "ec_paramgen_curve:P-521"))
    yield "P-256 or P-384", elsewhere.file("p521")
    elsewhere.issue("short", ("rsa", "rsa_keygen_bits:1024"))
    yield "2048", elsewhere.file("short")
    elsewhere.issue("ended", end="20210101000000Z")
    yield "from 2020-01-01 to 2021-01-01", elsewhere.file("ended")
    elsewhere.issue("later", begin="20980101000000Z")
    yield "from 2098-01-01", elsewhere.file("later")
    elsewhere.issue("web", extensions="server")
    yield "not for signing documents", elsewhere.file("web")
    elsewhere.issue("large", extensions="large")
    yield "10 KiB", elsewhere.file("large")
    yield "no key", elsewhere.file("good", "geheim 密码", "below.pem", "-nokeys")
    yield "no certificate", elsewhere.file("good", "geheim 密码", None, "-nocerts")
    yield "no trusted authority", elsewhere.file("good", "geheim 密码", None)  # whoever is above it is not there
    strange = ["-subj", "/CN=stranger", "-keyout", "stranger.key", "-out", "stranger.pem", "-extensions", "signer"]
    elsewhere.run("req", "-x509", *elsewhere.key(*P256), "-days", "9", *strange)
    yield "no trusted authority", elsewhere.file("stranger", "geheim 密码", None)
    yield "not base64", "&" + good
    yield "not a PKCS#12 file", base64.b64encode(b"\x89PNG\r\n\x1a\n" * 40).decode()
    yield "PKCS#12", base64.b64encode(base64.b64decode(good)[:-100]).decode()
    yield "at most", "A" * 350_000


def test_what_is_not_taken_is_told_in_words(people, who, elsewhere):
    for words, file in refused_files(elsewhere):
        refused = bring(who, file, 422)
        [told] = refused["errors"]
        assert words in told["msg"] and told["loc"][-1] == "pkcs12", (words, refused)
    assert problem(who.put(OWN, json={"pkcs12": "A" * 600_000, "password": PASSWORD}), 413)
    assert ok(who.get("/reports/signing-keys"))["items"] == []


def test_passwords_are_asked_for_and_never_told(server, people, who, elsewhere):
    elsewhere.issue("words")
    file = elsewhere.file("words", "qwertz-98765")
    refused = bring(who, file, 422, file_password="yxcvb-4321")
    assert "wrong password" in str(refused["errors"]) and "pkcs12_password" in str(refused["errors"])
    refused = bring(who, file, 422, password="not mine", file_password="qwertz-98765")
    assert '"password"' in json.dumps(refused["errors"])
    problem(who.put(OWN, json={"pkcs12": file, "pkcs12_password": "qwertz-98765"}), 422)
    problem(people["viewer"].put(OWN, json={"pkcs12": file, "password": PASSWORD}), 403)
    assert ok(who.get("/reports/signing-keys"))["items"] == []
    row = bring(who, file, file_password="qwertz-98765")
    [(sealed,)] = server.database.rows(f"select sealed_key from signing_keys where id = {row['id']}")
    assert "qwertz" not in sealed and "PRIVATE" not in sealed
    for secret in ("qwertz-98765", "yxcvb-4321", PASSWORD):
        assert secret not in server.log_text()
    wait_until(lambda: {a["outcome"] for a in told(people["admin"], who)} == {200, 422}, "what was done is told")
    rows = told(people["admin"], who)
    assert "qwertz" not in json.dumps(rows)


def told(admin, who):
    query = {"action": "signing_key.bring", "user_id": who.id}
    return ok(admin.get("/system/audit-logs", params=query))["items"]


def test_no_two_accounts_have_one_certificate(server, people, who, elsewhere):
    elsewhere.issue("one of us")
    file = elsewhere.file("one of us")
    bring(who, file)
    other = server.account("radiologist", admin=people["admin"])
    assert "another account" in bring(other, file, 409)["detail"]
    assert ok(other.get("/reports/signing-keys"))["items"] == []


def test_it_replaces_and_is_replaced(server, people, who, elsewhere, tmp_path):
    made = sign(who, approved(people, who))
    assert verify(who, made)["signatures"][0]["signer"] == "赵医生"
    elsewhere.issue("first")
    elsewhere.issue("next")
    file = elsewhere.file("first")
    first = bring(who, file)
    one = sign(who, approved(people, who))
    bring(who, elsewhere.file("next"))
    two = sign(who, approved(people, who))
    assert bring(who, file)["id"] > first["id"], "back to the one before"
    three = sign(who, approved(people, who))
    ok(who.post("/reports/signing-keys/revoke", json={"reason": "keyCompromise"}), 204)
    assert "revoked here" in bring(who, file, 409)["detail"]
    four = sign(who, approved(people, who))
    names = [verify(who, r)["signatures"][0]["signer"] for r in (made, one, two, three, four)]
    assert names == ["赵医生", "first", "next", "first", "赵医生"]
    assert all(verify(who, r)["valid"] for r in (made, one, two, three, four))
    (tmp_path / "list.crl").write_bytes(who.get("/reports/authority/revocations").content)
    command = ["openssl", "crl", "-inform", "DER", "-in", tmp_path / "list.crl", "-noout", "-text"]
    told = subprocess.run(command, capture_output=True, text=True).stdout.replace(":", "")
    keys = ok(who.get("/reports/signing-keys"))["items"]
    for key in keys:
        listed = key["serial"].upper().lstrip("0") in told
        assert listed == bool(key["revoked_at"] and key["origin"] == "MADE"), key


def test_one_that_has_ended_signs_no_more(server, people, who, elsewhere):
    elsewhere.issue("ends")
    row = bring(who, elsewhere.file("ends"))
    before, waiting = sign(who, approved(people, who)), approved(people, who)
    who.get(f"/reports/{before['id']}/pdf")
    elsewhere.issue("ends", end="20210101000000Z", anew=False)
    pem = (elsewhere.folder / "ends.pem").read_text() + (elsewhere.folder / "below.pem").read_text()
    server.database.rows(f"update signing_keys set certificate = '{pem}' where id = {row['id']}")
    assert "expired" in sign(who, waiting, 409)["detail"]
    assert ok(who.get(f"/reports/{waiting['id']}"))["status"] == "APPROVED"
    assert verify(who, before)["valid"]
    ok(who.post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
    assert sign(who, waiting)["status"] == "FINAL"


def test_an_authority_that_is_accepted_no_more(tmp_path, elsewhere):
    site = "https://reports.example.org"
    server = Server(tmp_path, SIGNING_CERTIFICATES=elsewhere.root, PUBLIC_URL=site).init().start()
    try:
        people = readers(server)
        author = people["author"]
        elsewhere.issue("gone")
        file = elsewhere.file("gone")
        bring(author, file)
        report, waiting = sign(author, approved(people, author)), approved(people, author)
        problem(author.get("/reports/authority"), 404)
        assert verify(author, report)["valid"]
        assert b"/ByteRange" in author.get(f"/reports/{report['id']}/pdf?page=A4").content
        server.stop()
        server.settings["SIGNING_CERTIFICATES"] = None
        server.start()
        author = server.client(author.token)
        assert "no trusted authority" in sign(author, waiting, 409)["detail"]
        assert "SIGNING_CERTIFICATES" in bring(author, file, 409)["detail"]
        pages = {page: author.get(f"/reports/{report['id']}/pdf?page={page}").content for page in ("A4", "Letter")}
        assert b"/ByteRange" in pages["A4"] and b"/ByteRange" not in pages["Letter"], "what is kept stays"
        refused = problem(author.get(f"/reports/{report['id']}/pdf?page=Letter&as_signed=true"), 409)
        assert "signs no more" in refused["detail"]
        found = verify(author, report)
        assert found["valid"] and found["verdict"] == "valid", "what was signed before still counts"
        assert state(server, token_of(server, report)) == "VALID", "to who has the code on the pages, too"
    finally:
        server.close()


@pytest.mark.parametrize(("value", "words"), [("/nowhere", "cannot be read"), ("/etc/hostname", "SIGNING_CERT")])
def test_a_setting_that_names_no_certificates_ends_a_start(tmp_path, value, words):
    server = Server(tmp_path, SIGNING_CERTIFICATES=value)
    done = server.run("init-db", check=False)
    assert done.returncode != 0 and words in done.stderr, done
    server.close()


def test_giving_up_a_certificate_leaves_the_keys_of_the_house(people, who, elsewhere, server):
    before = sign(who, approved(people, who))
    elsewhere.issue("left")
    bring(who, elsewhere.file("left"))
    ok(who.post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
    keys = ok(who.get("/reports/signing-keys"))["items"]
    assert {key["origin"]: bool(key["revoked_at"]) for key in keys} == {"MADE": False, "BROUGHT": True}
    after = sign(who, approved(people, who))
    assert len(ok(who.get("/reports/signing-keys"))["items"]) == 2, "no key more"
    assert all(verify(who, r)["valid"] for r in (before, after))
    wish = f"select outcome from audit_logs where action = 'signing_key.bring' and user_id = {who.user['id']}"
    assert server.database.rows(wish) == [(200,)]


@pytest.mark.parametrize("times", [1, 2])
def test_a_root_in_the_file_is_taken_once(people, who, elsewhere, times):
    elsewhere.issue(f"whole{times}")
    chain = (elsewhere.folder / "below.pem").read_text() + (elsewhere.folder / "root.pem").read_text() * times
    (elsewhere.folder / "chain.pem").write_text(chain)
    bring(who, elsewhere.file(f"whole{times}", chain="chain.pem"))
    assert verify(who, sign(who, approved(people, who)))["valid"]


def test_the_same_certificate_again_mends_a_key_that_cannot_be_unsealed(server, people, who, elsewhere):
    elsewhere.issue("mended")
    row = bring(who, elsewhere.file("mended"))
    server.database.rows(f"update signing_keys set sealed_key = 'x' where id = {row['id']}")  # another SECRET_KEY's
    report = approved(people, who)
    assert "unsealed" in sign(who, report, 503)["detail"]
    assert bring(who, elsewhere.file("mended"))["id"] == row["id"]
    assert verify(who, sign(who, report))["valid"]


def test_a_key_that_cannot_be_unsealed_can_be_given_up(server, people, who):
    sign(who, approved(people, who))
    server.database.rows(f"update signing_keys set sealed_key = 'x' where user_id = {who.id}")
    report = approved(people, who)
    sign(who, report, 503)
    ok(who.post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
    sign(who, report)
