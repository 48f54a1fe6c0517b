"""Mail: who is told what, that nobody can listen in, and that asking for it tells nothing."""

import re

import pytest

from support import PASSWORD, ok, problem, unique, wait_until


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


def live_jobs(server):
    kinds = "kind in ('passwords.reset', 'mail.send')"
    return server.database.rows(f"select count(*) from jobs where {kinds} and state in ('QUEUED', 'RUNNING')")[0][0]


def run_by(client, act, times):
    """How often each statement is run when it is done so often; but for those that look at metrics needs itself."""

    def seen():
        lines = re.findall(r"^roentgen_sql_seconds_count\{(.*)\} (\d+)$", client.get("/metrics").text, re.M)
        return {label: int(count) for label, count in lines}

    before = seen()
    for _ in range(times):
        act()
    grown = {label: count - before.get(label, 0) for label, count in seen().items()}
    return {label: count for label, count in grown.items() if count >= times}


def test_a_reset_does_the_same_work_for_all(new_server, mail):
    """One job is put before the answer, whoever is asked about, by the same statements. The rest comes where nobody
    waits for it, here in another process."""
    server = new_server(
        SMTP_URL=f"smtp://127.0.0.1:{mail.port}", MAIL_FROM="roentgen@example.org", WORKER_CONCURRENCY="0"
    )
    client = server.client()

    def ask(address):
        ok(client.post("/auth/password/reset", json={"email": address}), 202)

    ask("chief@example.org")  # statements that are run for the first time
    known, unknown = (
        run_by(client, lambda to=address: ask(to), times=20) for address in ("chief@example.org", "ghost@example.org")
    )
    assert known.keys() == unknown.keys() and any("into jobs" in label for label in known)
    assert not [label for label in known if "users" in label or "password_resets" in label]
    with server.worker("--kinds", "passwords.reset,mail.send"):
        wait_until(lambda: not live_jobs(server), "the end of all jobs")
    assert len(mails_to(mail, "chief@example.org")) == len(mail.mails) == 5
    assert server.database.rows("select count(*) from jobs where kind = 'passwords.reset'")[0][0] == 0
    problem(client.post("/auth/password/reset", json={"email": "no-at-sign"}), 422)


def jobs_of(api, kind):
    return ok(api.get("/system/jobs", params={"kind": kind}))["items"]


def test_a_crash_loses_no_mail(new_server, mail):
    """Killed between the answer and the mail; and the jobs tell nobody what is in it, or to whom it goes."""
    server = new_server(
        SMTP_URL=f"smtp://127.0.0.1:{mail.port}", MAIL_FROM="roentgen@example.org", WORKER_CONCURRENCY="0"
    )
    ok(server.client().post("/auth/password/reset", json={"email": "chief@example.org"}), 202)
    told = str(jobs_of(server.admin(), "passwords.reset"))
    assert "sealed" in told and "chief" not in told
    server.kill()
    assert mail.mails == []
    server.settings["WORKER_CONCURRENCY"] = "2"
    server.start()
    token = mail.token_for("chief@example.org")
    admin = server.admin()
    wait_until(lambda: jobs_of(admin, "mail.send")[0]["state"] == "SUCCEEDED", "the end of the job")
    told = str(jobs_of(admin, "mail.send"))
    assert token not in told and "chief" not in told and jobs_of(admin, "passwords.reset") == []
    body = {"token": token, "new_password": "quiet-heron-6021"}
    ok(server.client().post("/auth/password/reset/confirm", json=body), 204)


def test_a_mail_server_that_is_away_gets_it_later(mailing, mail):
    mail.refusal = b"451"
    admin = mailing.admin()
    ok(mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"}), 202)
    wait_until(lambda: [j for j in jobs_of(admin, "mail.send") if j["state"] == "QUEUED" and j["error"]], "a pause")
    assert mail.mails == []
    mail.refusal = None
    mailing.database.rows("update jobs set due_at = 1 where kind = 'mail.send' and due_at is not null")
    mail.token_for("chief@example.org")
    wait_until(lambda: jobs_of(admin, "mail.send")[0]["state"] == "SUCCEEDED", "the end of the job")
    assert jobs_of(admin, "mail.send")[0]["attempt"] == 2 and len(mail.mails) == 1


def test_a_mail_that_is_refused_for_good_is_told_to_who_runs_the_server(mailing, mail):
    mail.refusal = b"550"
    admin = mailing.admin()
    ok(mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"}), 202)
    (job,) = wait_until(lambda: [j for j in jobs_of(admin, "mail.send") if j["state"] == "FAILED"], "the end")
    assert "550" in job["error"] and "chief" not in str(job) and job["attempt"] == 1 and mail.mails == []
    mail.refusal = None
    ok(admin.post(f"/system/jobs/{job['id']}/retry"))
    mail.token_for("chief@example.org")


def test_who_does_not_answer_to_quit_holds_no_other_mail_up(mailing, mail):
    """libcurl would wait two minutes, and the end of the server with it."""
    mail.is_polite = False
    for address in ("chief@example.org", mailing.account("doctor").user["email"]):
        ok(mailing.client().post("/auth/password/reset", json={"email": address}), 202)
    admin = mailing.admin()
    wait_until(lambda: [j["state"] for j in jobs_of(admin, "mail.send")] == ["SUCCEEDED"] * 2, "the end of both jobs")
    assert len(mail.mails) == 2 and mailing.stop() == 0


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
