"""Passwords: what is too weak, changing, resetting by mail; and that they show nowhere."""

import pytest

from support import PASSWORD, ok, problem, unique, wait_until, wrong_members

NEW = "quiet-heron-6021"


@pytest.fixture
def mailing(mail, new_server):
    return new_server(SMTP_URL=f"smtp://127.0.0.1:{mail.port}", MAIL_FROM="roentgen@example.org")


# ---- strength ----


@pytest.mark.parametrize(
    "password",
    [
        "short-9",
        "password123",
        "Password2024!",
        "1234567890",
        "12345678901",
        "aaaaaaaaaaaa",
        "qwertyuiop",
        "abcdefghijkl",
        "x" * 73,
        "医" * 25,  # 75 bytes: bcrypt would cut it
        "Passw0rd!!!!",
    ],
)
def test_weak_passwords_are_refused(admin, password):
    name = unique("w")
    body = {"username": name, "email": f"{name}@example.org", "full_name": "Weak", "password": password}
    answer = problem(admin.post("/users", json=body), 422)
    assert wrong_members(answer) == ["password"]
    assert password not in str(answer)


@pytest.mark.parametrize("password", [PASSWORD, "医生办公室的旧伞放在门后", "x7" * 36, "correct horse battery"])
def test_good_passwords_are_taken(server, admin, password):
    name = unique("g")
    body = {"username": name, "email": f"{name}@example.org", "full_name": "Good", "password": password}
    ok(admin.post("/users", json=body), 201)
    server.sign_in(name, password)


def test_ones_own_name_is_no_password(admin):
    name = unique("heinrich")
    body = {"username": name, "email": f"mail{name}@example.org", "full_name": "Somebody Else", "password": f"{name}99"}
    assert wrong_members(problem(admin.post("/users", json=body), 422)) == ["password"]


def test_72_bytes_are_all_compared(server, admin):
    name, password = unique("l"), "q3" * 35 + "ab"
    ok(
        admin.post(
            "/users", json={"username": name, "email": f"{name}@example.org", "full_name": "Long", "password": password}
        ),
        201,
    )
    server.sign_in(name, password)
    problem(server.client().post("/auth/login", json={"username": name, "password": password[:-1] + "c"}), 401)
    assert server.client().post("/auth/login", json={"username": name, "password": password + "x"}).status_code in (
        401,
        422,
    )


# ---- change ----


def test_change_stores_the_new_one(server, doctor):
    name = doctor.user["username"]
    ok(doctor.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW}), 204)
    server.sign_in(name, NEW)
    problem(server.client().post("/auth/login", json={"username": name, "password": PASSWORD}), 401)


def test_change_ends_other_sessions_and_keeps_this_one(server, doctor):
    other = server.sign_in(doctor.user["username"])
    ok(doctor.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW}), 204)
    problem(other.get("/auth/me"), 401)
    problem(server.client().post("/auth/refresh", json={"refresh_token": other.refresh_token}), 401)
    ok(doctor.get("/auth/me"))


def test_change_needs_the_current_one(doctor):
    answer = doctor.post("/auth/password/change", json={"current_password": "not-the-password", "new_password": NEW})
    assert answer.status_code in (401, 403, 422)
    assert NEW not in answer.text and "not-the-password" not in answer.text


def test_change_refuses_weak_ones(doctor):
    answer = problem(
        doctor.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": "1234567890"}), 422
    )
    assert wrong_members(answer) == ["new_password"]
    assert "1234567890" not in str(answer)


def test_change_needs_a_session(nobody):
    problem(nobody.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW}), 401)


def test_set_by_an_administrator(server, admin, doctor):
    ok(admin.post(f"/users/{doctor.id}/password", json={"new_password": NEW}), 204)
    problem(doctor.get("/auth/me"), 401)
    again = server.sign_in(doctor.user["username"], NEW)
    assert again.user["must_change_password"] is True
    change = {"current_password": NEW, "new_password": NEW}  # the administrator knows that one
    assert wrong_members(problem(again.post("/auth/password/change", json=change), 422)) == ["new_password"]
    assert ok(again.get("/auth/me"))["must_change_password"] is True
    problem(again.get("/patients"), 403)
    ok(again.post("/auth/password/change", json={"current_password": NEW, "new_password": "other-lynx-5512"}), 204)
    assert ok(again.get("/auth/me"))["must_change_password"] is False


@pytest.mark.parametrize("given", [{}, {"must_change_password": True}, {"must_change_password": False}])
def test_one_that_an_administrator_has_chosen_opens_nothing_but_its_change(server, admin, given):
    name = unique("w")
    body = {"username": name, "email": f"{name}@example.org", "full_name": "Weak", "password": PASSWORD, **given}
    must = given.get("must_change_password", False)
    assert ok(admin.post("/users", json=body), 201)["must_change_password"] is must
    person = server.sign_in(name)
    if must:
        told = problem(person.get("/patients"), 403)
        assert told["type"] == "urn:roentgen:problem:password-change-required"
        change = {"current_password": PASSWORD, "new_password": NEW}
        ok(person.post("/auth/password/change", json=change), 204)
    ok(person.get("/patients"))
    assert ok(person.get("/auth/me"))["must_change_password"] is False


def test_one_that_has_got_about_is_changed_for_another(doctor):
    change = {"current_password": PASSWORD, "new_password": PASSWORD}
    assert wrong_members(problem(doctor.post("/auth/password/change", json=change), 422)) == ["new_password"]
    other = doctor.server.sign_in(doctor.user["username"])
    ok(other.get("/auth/me"))


# ---- reset by mail ----


def test_reset_without_mail_is_503_for_everybody(doctor, nobody):
    a = problem(nobody.post("/auth/password/reset", json={"email": doctor.user["email"]}), 503)
    b = problem(nobody.post("/auth/password/reset", json={"email": "ghost@example.org"}), 503)
    assert a["detail"] == b["detail"]


def test_reset_by_mail(mailing, mail):
    answer = mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"})
    assert answer.status_code == 202
    token = mail.token_for("chief@example.org")
    assert token not in answer.text and token not in str(answer.headers)
    old = mailing.admin()
    confirm = mailing.client().post("/auth/password/reset/confirm", json={"token": token, "new_password": NEW})
    ok(confirm, 204)
    problem(old.get("/auth/me"), 401)
    mailing.sign_in(mailing.admin_name, NEW)
    problem(mailing.client().post("/auth/login", json={"username": mailing.admin_name, "password": PASSWORD}), 401)
    again = problem(
        mailing.client().post("/auth/password/reset/confirm", json={"token": token, "new_password": "third-wren-1177"}),
        422,
    )
    assert token not in str(again)
    assert token not in mailing.log_text()


def test_reset_does_not_tell_whether_an_account_exists(mailing, mail):
    known = mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"})
    ghost = mailing.client().post("/auth/password/reset", json={"email": "ghost@example.org"})
    assert known.status_code == ghost.status_code == 202
    assert known.content == ghost.content
    mail.token_for("chief@example.org")
    assert [m["to"] for m in mail.mails] == [["chief@example.org"]]


def test_reset_token_is_no_access_token(mailing, mail):
    mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"})
    token = mail.token_for("chief@example.org")
    problem(mailing.client(token).get("/auth/me"), 401)
    problem(mailing.client().post("/auth/refresh", json={"refresh_token": token}), 401)


def test_a_later_reset_replaces_the_earlier(mailing, mail):
    mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"})
    first = mail.token_for("chief@example.org")
    mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"})
    wait_until(lambda: len(mail.mails) == 2, what="a second mail")
    second = mail.token_for("chief@example.org")
    assert first != second
    problem(mailing.client().post("/auth/password/reset/confirm", json={"token": first, "new_password": NEW}), 422)
    ok(mailing.client().post("/auth/password/reset/confirm", json={"token": second, "new_password": NEW}), 204)


def test_reset_by_mail_asks_for_another_than_somebody_else_has_set(mailing, mail):
    person = mailing.account("doctor")
    address = ok(person.get("/auth/me"))["email"]
    ok(mailing.admin().post(f"/users/{person.id}/password", json={"new_password": NEW}), 204)
    assert mailing.client().post("/auth/password/reset", json={"email": address}).status_code == 202
    token = mail.token_for(address)
    confirm = {"token": token, "new_password": NEW}
    refused = problem(mailing.client().post("/auth/password/reset/confirm", json=confirm), 422)
    assert wrong_members(refused) == ["new_password"]
    ok(mailing.client().post("/auth/password/reset/confirm", json={**confirm, "new_password": "other-lynx-5512"}), 204)
    signed_in = mailing.sign_in(person.user["username"], "other-lynx-5512")
    assert signed_in.user["must_change_password"] is False


def test_reset_keeps_no_token_in_the_database(mailing, mail):
    mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"})
    token = mail.token_for("chief@example.org")
    rows = mailing.database.rows("select token_hash from password_resets")
    assert len(rows) == 1 and token not in str(rows)


def test_reset_of_a_weak_password_keeps_the_token(mailing, mail):
    mailing.client().post("/auth/password/reset", json={"email": "chief@example.org"})
    token = mail.token_for("chief@example.org")
    answer = problem(
        mailing.client().post("/auth/password/reset/confirm", json={"token": token, "new_password": "1234567890"}), 422
    )
    assert wrong_members(answer) == ["new_password"]
    ok(mailing.client().post("/auth/password/reset/confirm", json={"token": token, "new_password": NEW}), 204)


def test_reset_without_a_working_mail_server_is_still_202(new_server):
    server = new_server(SMTP_URL="smtp://127.0.0.1:1", MAIL_FROM="roentgen@example.org")
    for address in ("chief@example.org", "ghost@example.org"):
        assert server.client().post("/auth/password/reset", json={"email": address}).status_code == 202
    wait_until(lambda: server.log_lines("mail.failed"), what="a log line")


# ---- secrets show nowhere ----


def test_passwords_and_tokens_stay_out_of_answers_and_logs(new_server):
    server = new_server(LOG_LEVEL="debug")
    admin = server.admin()
    secret = "never-shown-" + unique()
    answers = [
        server.client().post("/auth/login", json={"username": "ghost", "password": secret}),
        server.client().post("/auth/login", json={"username": 5, "password": secret, secret: 1}),
        server.client().post("/auth/login", json={"username": "a", "password": [secret]}),
        server.client().post("/auth/login", json={"username": "a", "password": {"a": secret}}),
        admin.post("/users", json={"username": "x", "password": secret + "x" * 100}),
        admin.post("/auth/password/change", json={"current_password": secret, "new_password": secret}),
        admin.post(
            "/users",
            json={"username": unique("y"), "email": f"{unique()}@example.org", "full_name": "Y", "password": secret},
        ),
        admin.post("/auth/password/reset/confirm", json={"token": secret, "new_password": secret}),
        server.client().post("/auth/token", data={"grant_type": "password", "username": "ghost", "password": secret}),
        admin.get("/users"),
        admin.get("/system/config"),
    ]
    for answer in answers[:1] + answers[2:]:
        assert secret not in answer.text, answer.request.url
    assert secret not in answers[1].text.replace(f'"{secret}"', "", 1)  # a member's name is told, its value is not
    assert server.settings["SECRET_KEY"] not in answers[-1].text
    wait_until(
        lambda: '"route":"/api/v1/system/config"' in server.log_text().replace('": "', '":"'),
        what="the last access line",
    )
    log = server.log_text().replace(f'"{secret}"', "")
    for hidden in (secret, PASSWORD, admin.token, admin.refresh_token, server.settings["SECRET_KEY"]):
        assert hidden not in log


def test_hashes_are_bcrypt(server, doctor):
    rows = server.database.rows(f"select password_hash from users where id = {doctor.id}")
    assert rows[0][0].startswith("$2b$04$")
