"""Signing in: by name, by e-mail, by OAuth2 form; wrong passwords, locks; one's own account."""

import time

import pytest

from support import PASSWORD, Server, ok, problem, unique, wait_until, wrong_members

TOKENS = {"access_token", "refresh_token", "token_type", "expires_in"}


def attempt(client, username, password):
    return client.post("/auth/login", json={"username": username, "password": password})


def test_login_gives_tokens_and_the_account(doctor, nobody):
    body = ok(attempt(nobody, doctor.user["username"], PASSWORD))
    assert set(body) == TOKENS | {"user"}
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 12 * 3600
    assert body["user"]["id"] == doctor.id
    assert body["user"]["roles"] == ["doctor"]
    assert "password" not in str(body["user"].keys()).replace("must_change_password", "")


def test_login_by_email(doctor, nobody):
    assert ok(attempt(nobody, doctor.user["email"], PASSWORD))["user"]["id"] == doctor.id


def test_names_ignore_case(doctor, nobody):
    assert ok(attempt(nobody, doctor.user["username"].upper(), PASSWORD))["user"]["id"] == doctor.id


def test_login_sets_last_login(doctor):
    assert ok(doctor.get("/auth/me"))["last_login_at"].endswith("Z")


def test_wrong_password_and_no_account_are_told_alike(doctor, nobody):
    wrong = problem(attempt(nobody, doctor.user["username"], "not-the-password"), 401)
    none = problem(attempt(nobody, unique("ghost"), "not-the-password"), 401)
    for body in (wrong, none):
        body.pop("request_id")
    assert wrong == none


def test_wrong_password_takes_as_long_as_no_account(new_server):
    """Both compare a bcrypt hash: the server's processor time tells, whatever else this machine does."""
    server = new_server(BCRYPT_COST="10", LOGIN_MAX_FAILURES="1000")
    client = server.client()

    def effort(username):
        clock = ~server.process.pid << 3 | 2  # as clock_getcpuclockid(3) makes it
        before = time.clock_gettime(clock)
        problem(attempt(client, username, "not-the-password"), 401)
        return time.clock_gettime(clock) - before

    # in turn: a processor that is slower for a while is so for both
    efforts = [(effort(server.admin_name), effort("ghost")) for _ in range(6)][1:]
    known, unknown = map(sum, zip(*efforts, strict=True))
    assert known > 0.1 and 0.6 < unknown / known < 1.6


def test_wrong_password_has_www_authenticate(doctor, nobody):
    assert attempt(nobody, doctor.user["username"], "x" * 12).headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "body, members",
    [
        ({}, ["password", "username"]),
        ({"username": "", "password": ""}, ["password", "username"]),
        ({"username": 5, "password": []}, ["password", "username"]),
        ({"username": "a", "password": "b", "extra": 1}, ["extra"]),
        ({"username": "a", "password": "b", "remember_me": "yes please"}, ["remember_me"]),
    ],
)
def test_login_names_every_wrong_member(nobody, body, members):
    assert wrong_members(problem(nobody.post("/auth/login", json=body), 422)) == members


def test_account_locks_after_failures_with_the_same_answer(server, admin, nobody):
    user = server.account("viewer", admin=admin).user
    answers = [problem(attempt(nobody, user["username"], "not-the-password"), 401) for _ in range(5)]
    locked = problem(attempt(nobody, user["username"], PASSWORD), 401)
    assert {a["detail"] for a in answers} == {locked["detail"]}
    assert set(answers[0]) == set(locked)


def test_unlock_lifts_the_lock(server, admin, nobody):
    user = server.account("viewer", admin=admin).user
    for _ in range(5):
        problem(attempt(nobody, user["username"], "not-the-password"), 401)
    problem(attempt(nobody, user["username"], PASSWORD), 401)
    ok(admin.post(f"/users/{user['id']}/unlock"), 204)
    ok(attempt(nobody, user["username"], PASSWORD))


def test_lock_can_be_told_neither_by_name_nor_by_email(server, admin, nobody):
    """Failures by e-mail count for the account too: a second name is not a second set of attempts."""
    user = server.account("viewer", admin=admin).user
    for _ in range(5):
        problem(attempt(nobody, user["username"], "not-the-password"), 401)
    for _ in range(5):
        problem(attempt(nobody, user["username"].upper(), "not-the-password"), 401)
    problem(attempt(nobody, user["email"], PASSWORD), 401)


def test_lock_is_lifted_by_time(new_server):
    server = new_server(LOGIN_LOCK="1s", LOGIN_MAX_FAILURES="2")
    client = server.client()

    def is_let_in():
        return attempt(client, server.admin_name, PASSWORD).status_code == 200

    def is_locked():
        """None when all of it took longer than a lock, which may be over."""
        wait_until(is_let_in, "the end of a lock before")
        begun = time.monotonic()
        for _ in range(2):
            problem(attempt(client, server.admin_name, "not-the-password"), 401)
        let_in = is_let_in()
        if time.monotonic() - begun >= 1:
            return None
        assert not let_in
        return True

    wait_until(is_locked, "a lock that can be seen")
    wait_until(is_let_in, "the end of the lock")


def test_success_forgets_failures(server, admin, nobody):
    user = server.account("viewer", admin=admin).user
    for _ in range(3):
        for _ in range(4):
            problem(attempt(nobody, user["username"], "not-the-password"), 401)
        ok(attempt(nobody, user["username"], PASSWORD))


# ---- OAuth2 ----


def test_token_password_grant(doctor, nobody):
    form = {"grant_type": "password", "username": doctor.user["username"], "password": PASSWORD, "scope": ""}
    answer = nobody.post("/auth/token", data=form)
    body = ok(answer)
    assert set(body) == TOKENS
    assert answer.headers["cache-control"] == "no-store"
    assert ok(doctor.server.client(body["access_token"]).get("/auth/me"))["id"] == doctor.id


def test_token_refresh_grant(doctor, nobody):
    form = {"grant_type": "refresh_token", "refresh_token": doctor.refresh_token}
    body = ok(nobody.post("/auth/token", data=form))
    assert body["refresh_token"] != doctor.refresh_token


@pytest.mark.parametrize(
    "form, error",
    [
        ({"grant_type": "password", "username": "ghost", "password": "not-the-password"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "invented"}, "invalid_grant"),
        ({"grant_type": "password", "username": "ghost"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
    ],
)
def test_token_errors_are_rfc_6749(nobody, form, error):
    answer = nobody.post("/auth/token", data=form)
    assert answer.status_code == 400
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    assert answer.json()["error"] == error
    assert set(answer.json()) <= {"error", "error_description", "error_uri"}


def test_token_unknown_grant_is_refused(nobody):
    answer = nobody.post("/auth/token", data={"grant_type": "client_credentials"})
    assert answer.status_code in (400, 422)


# ---- bearer tokens ----


def test_no_token_401(nobody):
    answer = nobody.get("/auth/me")
    problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer x",
        "Bearer a.b.c",
        "Basic Y2hpZWY6eA==",
        "bearer",
        "x" * 3000,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    ],
)
def test_bad_token_401(nobody, header):
    answer = nobody.get("/auth/me", headers={"Authorization": header})
    problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_changed_token_401(server, doctor):
    head, body, signature = doctor.token.rsplit(".", 2)
    flipped = "A" if signature[5] != "A" else "B"
    problem(server.client(f"{head}.{body}.{signature[:5]}{flipped}{signature[6:]}").get("/auth/me"), 401)
    problem(server.client(f"{head}.{body[:-2]}.{signature}").get("/auth/me"), 401)


def test_scheme_is_case_insensitive(nobody, doctor):
    ok(nobody.get("/auth/me", headers={"Authorization": f"bearer {doctor.token}"}))


def test_tokens_survive_a_restart_but_no_other_secret_key(new_server):
    """Signed with SECRET_KEY, not with a key made at start."""
    server = new_server(ACCESS_TOKEN_LIFETIME=None)
    assert ok(attempt(server.client(), server.admin_name, PASSWORD))["expires_in"] == 1800
    admin = server.admin()
    assert server.stop() == 0
    server.settings["ACCESS_TOKEN_LIFETIME"] = "45m"
    server.start()
    ok(server.client(admin.token).get("/auth/me"))
    again = ok(server.client().post("/auth/refresh", json={"refresh_token": admin.refresh_token}))
    assert again["expires_in"] == 2700
    token = again["access_token"]
    ok(server.client(token).get("/auth/me"))
    assert server.stop() == 0
    server.settings["SECRET_KEY"] = "quite-another-secret-key-of-enough-length"
    server.start()
    problem(server.client(token).get("/auth/me"), 401)


# ---- one's own account ----


def test_me(doctor):
    me = ok(doctor.get("/auth/me"))
    assert {
        "id",
        "username",
        "email",
        "full_name",
        "phone",
        "department",
        "stated_department",
        "title",
        "roles",
        "permissions",
        "status",
        "must_change_password",
        "last_login_at",
        "created_at",
        "updated_at",
        "session",
    } == set(me)
    assert me["session"] == {"kind": "token", "csrf_token": None}
    assert me["status"] == "ACTIVE"
    assert "patient.create" in me["permissions"] and "user.manage" not in me["permissions"]


def test_me_can_be_changed(doctor):
    changed = ok(doctor.patch("/auth/me", json={"full_name": "李医生", "phone": "13800138000", "title": "主任医师"}))
    assert (changed["full_name"], changed["phone"], changed["title"]) == ("李医生", "13800138000", "主任医师")
    assert changed["email"] == doctor.user["email"]
    assert ok(doctor.patch("/auth/me", json={"phone": ""}))["phone"] is None


@pytest.mark.parametrize(
    "member, value",
    [
        ("roles", ["admin"]),
        ("status", "DISABLED"),
        ("username", "king"),
        ("id", 1),
        ("password_hash", "x"),
        ("must_change_password", True),
        ("permissions", []),
    ],
)
def test_me_cannot_promote_itself(doctor, member, value):
    assert wrong_members(problem(doctor.patch("/auth/me", json={member: value}), 422)) == [member]


def test_me_email_of_another_409(doctor, colleague):
    problem(doctor.patch("/auth/me", json={"email": colleague.user["email"], "current_password": PASSWORD}), 409)


# ---- registration ----


def registration(name=None):
    name = name or unique("r")
    return {"username": name, "email": f"{name}@example.org", "full_name": "New Person", "password": PASSWORD}


def test_registration_is_closed_by_default(nobody):
    problem(nobody.post("/auth/register", json=registration()), 403)


@pytest.fixture(scope="module")
def open_house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("open"), REGISTRATION="open")
    server.init().start()
    yield server
    server.close()


def test_registration_open(open_house):
    server, body = open_house, registration()
    account = ok(server.client().post("/auth/register", json=body), 201)
    assert account["status"] == "ACTIVE" and account["roles"] == ["doctor"]
    assert server.sign_in(body["username"]).id == account["id"]
    problem(server.client().post("/auth/register", json=body), 409)


def test_registration_by_approval(new_server):
    server = new_server(REGISTRATION="approval")
    body = registration()
    account = ok(server.client().post("/auth/register", json=body), 202)
    assert account["status"] == "PENDING"
    problem(attempt(server.client(), body["username"], PASSWORD), 401)
    ok(server.admin().patch(f"/users/{account['id']}", json={"status": "ACTIVE"}))
    assert server.sign_in(body["username"]).id == account["id"]


def test_nobody_registers_as_admin(open_house):
    answer = open_house.client().post("/auth/register", json={**registration(), "roles": ["admin"]})
    if answer.status_code == 201:
        assert answer.json()["roles"] == ["doctor"]
    else:
        assert wrong_members(problem(answer, 422)) == ["roles"]
