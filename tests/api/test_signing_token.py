"""Keys of signers on a token (SoftHSM, by PKCS#11); openssl and pdfsig look at what they sign."""

import contextlib
import subprocess

import pytest

from reports import readers
from support import PASSWORD, Server, ok, problem, wait_until
from test_signing_keys import Authority, approved, sign, verify

P521 = ("ec", "ec_paramgen_curve:P-521")
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
TOKEN = "/reports/signing-keys/token"


class Token:
    """Of SoftHSM, in a folder of its own."""

    def __init__(self, folder):
        folder.mkdir()
        self.config = folder / "softhsm2.conf"
        lines = (f"directories.tokendir = {folder}", "objectstore.backend = file", "log.level = ERROR", "")
        self.config.write_text("\n".join(lines))
        self.run("--init-token", "--free", "--label", "house", "--so-pin", "1357")

    def run(self, *command):
        environment = {"PATH": "/usr/bin:/bin", "SOFTHSM2_CONF": str(self.config)}
        command = ["softhsm2-util", *command, "--pin", "2468"]
        subprocess.run(command, env=environment, check=True, capture_output=True)

    def take(self, key, label, number):
        self.run("--import", str(key), "--token", "house", "--label", label, "--id", number)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("elsewhere") / "ca")


@pytest.fixture(scope="module")
def token(tmp_path_factory, elsewhere):
    token = Token(tmp_path_factory.mktemp("token") / "softhsm")
    for number, (name, kind, option) in enumerate(
        (("li", "ec", "ec_paramgen_curve:P-256"), ("wang", "rsa", "rsa_keygen_bits:2048"), ("zhao", *P521))
    ):
        elsewhere.issue(name, (kind, option))
        token.take(elsewhere.folder / f"{name}.key", name, f"0{number + 1}")
    return token


@pytest.fixture(scope="module")
def settings(elsewhere, token):
    return {
        "SIGNING_CERTIFICATES": elsewhere.root,
        "SIGNING_TOKEN": MODULE,
        "SIGNING_TOKEN_LABEL": "house",
        "SIGNING_TOKEN_PIN": "2468",
        "SOFTHSM2_CONF": token.config,
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory, settings):
    server = Server(tmp_path_factory.mktemp("house"), **settings).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


@pytest.fixture
def who(server, people):
    return server.account("radiologist", admin=people["admin"], full_name="李医生")


@pytest.fixture
def wish(elsewhere, who):
    certificates = "".join((elsewhere.folder / f"{name}.pem").read_text() for name in ("li", "below"))
    where = {"user_id": who.id, "uri": "pkcs11:object=li"}
    return {**where, "certificates": certificates, "password": PASSWORD}


def restart(server, *clients, **settings):
    """Its port is another one then."""
    server.stop()
    server.settings.update(settings)
    server.start()
    for client in clients:
        client.base_url = server.url


def give_up(who):
    ok(who.post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)


def signed_pages(who, report):
    def made():
        content = who.get(f"/reports/{report['id']}/pdf").content
        return b"/ByteRange" in content and content

    return wait_until(made, "signed pages")


def test_a_key_on_a_token_signs(server, people, who, elsewhere, wish, tmp_path):
    row = ok(people["admin"].put(TOKEN, json=wish))
    assert (row["origin"], row["user_id"]) == ("ON_TOKEN", who.id)
    assert ok(people["admin"].put(TOKEN, json=wish))["id"] == row["id"]  # the same again is the same
    assert [key["id"] for key in ok(who.get("/reports/signing-keys"))["items"]] == [row["id"]]
    moved = ok(people["admin"].put(TOKEN, json={**wish, "uri": "pkcs11:object=li;id=%01"}))
    assert moved["id"] == row["id"]
    report = sign(who, approved(people, who))
    assert verify(who, report)["verdict"] == "valid"
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(signed_pages(who, report))
    server.run("report", "verify", str(pdf), "--authority", str(elsewhere.root))
    told = subprocess.run(["pdfsig", "-nocert", str(pdf)], capture_output=True, text=True, check=True).stdout
    assert "Signature is Valid." in told and "Signer Certificate Common Name: li" in told
    restart(server, *people.values(), who)  # the token is opened again
    sign(who, approved(people, who))
    give_up(who)
    sign(who, approved(people, who))
    origins = {key["origin"]: bool(key["revoked_at"]) for key in ok(who.get("/reports/signing-keys"))["items"]}
    assert origins == {"ON_TOKEN": True, "MADE": False}
    assert verify(who, report)["verdict"] == "valid"
    problem(people["admin"].put(TOKEN, json=wish), 409)  # it was revoked


def certificates(elsewhere, *names):
    return "".join((elsewhere.folder / f"{name}.pem").read_text() for name in names)


@pytest.mark.parametrize(
    ("member", "given", "told"),
    [
        ("uri", "pkcs11:object=nobody", "no such private key"),
        ("uri", "pkcs11:token=other;object=li", "by nothing else"),
        ("uri", "pkcs11:object=li;slot-id=1", "by nothing else"),
        ("uri", "pkcs11:object=li?module-path=/tmp/evil.so", "by nothing else"),
        ("uri", "pkcs11:object=li?pin-source=file:/etc/passwd", "by nothing else"),
        ("uri", "file:/etc/ssl/private/key.pem", "by nothing else"),
        ("uri", "pkcs11:object=wang", "does not belong"),
        ("user_id", 999999, "no such account"),
    ],
)
def test_what_cannot_sign_is_refused_in_words(people, wish, member, given, told):
    [error] = problem(people["admin"].put(TOKEN, json={**wish, member: given}), 422)["errors"]
    assert error["loc"] == ["body", member] and told in error["msg"]


@pytest.mark.parametrize(
    ("names", "told"),
    [(["zhao", "below"], "P-256"), (["li"], ""), (["below", "root"], ""), ([], "")],
    ids=["kind", "no chain", "an authority", "nothing"],
)
def test_certificates_that_are_not_taken(people, elsewhere, wish, names, told):
    given = {**wish, "certificates": certificates(elsewhere, *names) or "none"}
    [error] = problem(people["admin"].put(TOKEN, json=given), 422)["errors"]
    assert error["loc"] == ["body", "certificates"] and told in error["msg"]


def test_only_who_manages_accounts_says_whose_it_is(server, people, who, wish):
    problem(who.put(TOKEN, json=wish), 403)
    [error] = problem(people["admin"].put(TOKEN, json={**wish, "password": "wrong"}), 422)["errors"]
    assert error["loc"] == ["body", "password"]
    assert not ok(who.get("/reports/signing-keys"))["items"]


def test_a_certificate_is_one_accounts(server, people, elsewhere, wish):
    names = certificates(elsewhere, "wang", "below")
    first, second = (server.account("radiologist", admin=people["admin"]) for _ in range(2))
    given = {**wish, "uri": "pkcs11:object=wang", "certificates": names}
    ok(people["admin"].put(TOKEN, json={**given, "user_id": first.id}))
    problem(people["admin"].put(TOKEN, json={**given, "user_id": second.id}), 409)
    sign(first, approved(people, first))  # RSA


@contextlib.contextmanager
def another(tmp_path, **settings):
    server = Server(tmp_path / "house", **settings)
    try:
        yield server.init()
    finally:
        server.close()


def test_without_its_token_nothing_is_signed(tmp_path, elsewhere, settings):
    with another(tmp_path, **settings) as server:
        server.start()
        people = readers(server)
        who = people["author"]
        elsewhere.issue("late")
        token = Token(tmp_path / "softhsm")
        token.take(elsewhere.folder / "late.key", "late", "01")
        given = {"user_id": who.id, "uri": "pkcs11:object=late", "password": PASSWORD}
        given["certificates"] = certificates(elsewhere, "late", "below")
        everybody = [*people.values()]
        restart(server, *everybody, SOFTHSM2_CONF=token.config)
        ok(people["admin"].put(TOKEN, json=given))
        report = approved(people, who)
        for path in token.config.parent.rglob("*.object"):
            path.unlink()  # the stick was pulled
        restart(server, *everybody)
        sign(who, report, 503)
        restart(server, *everybody, SIGNING_TOKEN=None)
        assert "SIGNING_TOKEN" in sign(who, report, 503)["detail"]
        problem(people["admin"].put(TOKEN, json=given), 409)
        assert ok(who.get(f"/reports/{report['id']}"))["status"] == report["status"]
        give_up(who)
        sign(who, report)  # with a key of the house


def test_a_wrong_pin_asks_nobody_and_is_not_tried_again(tmp_path, elsewhere, settings):
    elsewhere.issue("late2")
    token = Token(tmp_path / "softhsm")
    token.take(elsewhere.folder / "late2.key", "late", "01")
    wrong = {**settings, "SOFTHSM2_CONF": token.config, "SIGNING_TOKEN_PIN": "9999"}
    with another(tmp_path, **wrong) as server:
        server.start()
        people = readers(server)
        given = {"user_id": people["author"].id, "uri": "pkcs11:object=late", "password": PASSWORD}
        given["certificates"] = certificates(elsewhere, "late2", "below")
        for told in ("PIN is wrong", "not tried again"):
            [error] = problem(people["admin"].put(TOKEN, json=given), 422)["errors"]
            assert error["loc"] == ["body", "uri"] and told in error["msg"]


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("SIGNING_TOKEN", "/nowhere/x.so", "/nowhere/x.so is no PKCS#11 module"),
        ("SIGNING_TOKEN_PIN", "", "SIGNING_TOKEN needs"),
        ("SIGNING_TOKEN_LABEL", "", "SIGNING_TOKEN needs"),
        ("SIGNING_CERTIFICATES", "", "SIGNING_TOKEN needs"),
    ],
)
def test_settings_that_contradict_are_no_start(tmp_path, settings, setting, value, told):
    server = Server(tmp_path, **{**settings, setting: value})
    done = server.run("init-db", check=False)
    assert done.returncode != 0 and told in done.stderr
