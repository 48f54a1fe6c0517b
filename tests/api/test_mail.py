"""Mail: who is told what, that nobody can listen in, and that asking for it tells nothing."""

import re

import pytest

from support import OF_THE_BACKGROUND, PASSWORD, ok, problem, unique, wait_until
from test_passwords import MailSink


@pytest.fixture
def mail():
    sink = MailSink()
    yield sink
    sink.close()


@pytest.fixture
def mailing(mail, new_server):
    return new_server(SMTP_URL=f"smtp://127.0.0.1:{mail.port}", MAIL_FROM="roentgen@example.org")


def mails_to(mail, address):
    return [m for m in mail.mails if m["to"] == [address]]


def test_a_new_address_is_told_to_both(mailing, mail):
    doctor = mailing.account("doctor")
    old, new = doctor.user["email"], f"{unique('e')}@example.org"
    ok(doctor.patch("/auth/me", json={"email": new, "current_password": PASSWORD}))
    for address in (old, new):
        wait_until(lambda to=address: mails_to(mail, to), what=f"a mail to {address}")
        assert new.encode() in mails_to(mail, address)[0]["data"]
    newer = f"{unique('e')}@example.org"
    ok(mailing.admin().patch(f"/users/{doctor.id}", json={"email": newer}))
    wait_until(lambda: len(mails_to(mail, new)) == 2 and mails_to(mail, newer), what="mails of the second change")
    problem(mailing.admin().patch(f"/users/{doctor.id}", json={"email": "chief@example.org"}), 409)
    ok(doctor.patch("/auth/me", json={"email": newer, "title": "Dr"}))
    ok(mailing.client().post("/auth/password/reset", json={"email": newer}), 202)
    mail.token_for(newer)
    assert len(mail.mails) == 5


def test_the_owner_hears_of_a_lock(mailing, mail):
    doctor = mailing.account("doctor")
    for _ in range(7):
        problem(mailing.client().post("/auth/login", json={"username": doctor.user["username"], "password": "x"}), 401)
        problem(mailing.client().post("/auth/login", json={"username": "ghost", "password": "x"}), 401)
    wait_until(lambda: mail.mails, what="a mail")
    assert [m["to"] for m in mail.mails] == [[doctor.user["email"]]]
    assert b"127.0.0.1" in mail.mails[0]["data"]


def test_resets_of_one_account_are_few(mailing, mail):
    for _ in range(9):
        ok(mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"}), 202)
    other = mailing.account("doctor").user["email"]
    ok(mailing.client().post("/auth/password/reset", json={"email": other}), 202)
    mail.token_for(other)  # mails go out one after the other
    assert len(mails_to(mail, "chief@example.org")) == 5


def run_by(client, act, times, least):
    """Which statements are run `least` times or more when it is done so often."""

    def seen():
        lines = re.findall(r"^roentgen_sql_seconds_count\{(.*)\} (\d+)$", client.get("/metrics").text, re.M)
        return {label: int(count) for label, count in lines if not OF_THE_BACKGROUND.search(label)}

    before = seen()
    for _ in range(times):
        act()
    grown = {label: count - before.get(label, 0) for label, count in seen().items()}
    return {label: count for label, count in grown.items() if count >= least}


def test_a_reset_does_the_same_work_for_all(mailing, mail):
    """Nothing is read or written before the answer, whoever is asked about; that comes on the mailer's thread, which
    waits here."""
    client = mailing.client()

    def ask(address):
        ok(client.post("/auth/password/reset", json={"email": address}), 202)

    mail.hold()
    ask("chief@example.org")
    wait_until(lambda: mail.connections, "the mailer at work")
    for address in ("chief@example.org", "ghost@example.org"):
        assert not run_by(client, lambda to=address: ask(to), times=20, least=5)
    mail.release()
    wait_until(lambda: len(mails_to(mail, "chief@example.org")) == 5, "the last mail that goes out")
    problem(client.post("/auth/password/reset", json={"email": "no-at-sign"}), 422)


def test_who_does_not_answer_to_quit_holds_no_other_mail_up(mailing, mail):
    """libcurl would wait two minutes, and the end of the server with it."""
    mail.is_polite = False
    for address in ("chief@example.org", mailing.account("doctor").user["email"]):
        ok(mailing.client().post("/auth/password/reset", json={"email": address}), 202)
    wait_until(lambda: len(mail.mails) == 2, "the second mail")
    assert mailing.stop() == 0
    assert not mailing.log_lines("mail.failed")


def test_a_reset_lifts_locks(mail, new_server):
    server = new_server(
        SMTP_URL=f"smtp://127.0.0.1:{mail.port}", MAIL_FROM="r@example.org", TRUSTED_PROXIES="127.0.0.1"
    )
    client = server.client()
    for n in range(25):
        login = {"username": "chief", "password": "x"}
        problem(client.post("/auth/login", json=login, headers={"X-Forwarded-For": f"203.0.113.{n}"}), 401)
    ok(client.post("/auth/password/reset", json={"email": "chief@example.org"}), 202)
    token, new = mail.token_for("chief@example.org"), "quiet-heron-6021"
    mine = {"X-Forwarded-For": "192.0.2.1"}
    ok(client.post("/auth/password/reset/confirm", json={"token": token, "new_password": new}, headers=mine), 204)
    for n in range(25):
        problem(client.post("/auth/login", json=login, headers={"X-Forwarded-For": f"203.0.113.{n}"}), 401)
    ok(client.post("/auth/login", json={"username": "chief", "password": new}, headers=mine))


@pytest.mark.parametrize(
    "host, tls, sent",
    [
        ("127.0.0.1", "required", True),
        ("localhost", "required", True),
        ("127.1", "required", False),
        ("127.1", "try", True),
    ],
)
def test_nothing_is_sent_in_the_clear(mail, new_server, host, tls, sent):
    """The sink offers no STARTTLS, as a server whose greeting somebody has changed. 127.1 leads here, but no rule knows
    it for this machine."""
    server = new_server(SMTP_URL=f"smtp://u:secret@{host}:{mail.port}", MAIL_FROM="r@example.org", SMTP_TLS=tls)
    ok(server.client().post("/auth/password/reset", json={"email": "chief@example.org"}), 202)
    wait_until(lambda: mail.mails or server.log_lines("mail.failed"), what="mail, or a line that says why not")
    assert bool(mail.mails) is sent
