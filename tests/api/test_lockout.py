"""How often a password may be guessed: from one network, from many, at once; who learns of it, and who gets in all the
same."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import PASSWORD, Server, ok, problem, unique, wait_until, wrong_members

WRONG = "not-the-password"
HOME = "192.0.2.77"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """Callers choose their address: a proxy on this machine is trusted."""
    server = Server(tmp_path_factory.mktemp("proxied"), TRUSTED_PROXIES="127.0.0.1")
    server.init().start()
    yield server
    server.close()


@pytest.fixture
def user(proxied):
    """An account that nobody has signed in to."""
    name = unique("u")
    body = {
        "username": name,
        "email": f"{name}@example.org",
        "full_name": "李娜",
        "password": PASSWORD,
        "roles": ["viewer"],
    }
    return ok(proxied.admin().post("/users", json=body), 201)


def attempt(server, name, password=WRONG, address="203.0.113.1"):
    with server.client() as client:
        body = {"username": name, "password": password}
        return client.post("/auth/login", json=body, headers={"X-Forwarded-For": address})


def lock_from(server, name, addresses, each=1):
    for address in addresses:
        for _ in range(each):
            problem(attempt(server, name, address=address), 401)


def many(count):
    return [f"198.51.100.{n + 1}" for n in range(count)]


def test_one_account_is_not_guessed_from_many_addresses(proxied, user):
    lock_from(proxied, user["username"], many(20))
    refused = attempt(proxied, user["username"], PASSWORD, "203.0.113.200")
    assert 0 < int(refused.headers["retry-after"]) <= 900
    problem(refused, 401)


def test_strangers_do_not_shut_the_owner_out_where_he_works(proxied, user):
    ok(attempt(proxied, user["username"], PASSWORD, HOME))
    lock_from(proxied, user["username"], many(30))
    problem(attempt(proxied, user["username"], PASSWORD, "203.0.113.200"), 401)
    ok(attempt(proxied, user["username"], PASSWORD, HOME))


def test_the_owners_network_has_its_own_count(proxied, user):
    ok(attempt(proxied, user["username"], PASSWORD, HOME))
    lock_from(proxied, user["username"], [HOME], each=5)
    problem(attempt(proxied, user["username"], PASSWORD, HOME), 401)
    ok(attempt(proxied, user["username"], PASSWORD, "192.0.2.78"))


def test_ipv6_addresses_of_one_subscriber_are_one(proxied, user):
    lock_from(proxied, user["username"], [f"2001:db8:0:1::{n:x}" for n in range(1, 6)])
    problem(attempt(proxied, user["username"], PASSWORD, "2001:db8:0:1:ffff::9"), 401)
    ok(attempt(proxied, user["username"], PASSWORD, "2001:db8:0:2::1"))


def test_a_name_of_digits_is_not_an_account_number(proxied, user):
    lock_from(proxied, str(user["id"]), ["203.0.113.5"], each=8)
    ok(attempt(proxied, user["username"], PASSWORD, "203.0.113.5"))


def test_unknown_names_are_answered_like_known_ones(proxied, user):
    def answers(name):
        got = [attempt(proxied, name, address="203.0.113.50") for _ in range(7)]
        return [(a.status_code, "retry-after" in a.headers, {**a.json(), "request_id": 0}) for a in got]

    assert answers(user["username"]) == answers(unique("ghost"))
    form = {"grant_type": "password", "username": user["username"], "password": PASSWORD}
    answer = proxied.client().post("/auth/token", data=form, headers={"X-Forwarded-For": "203.0.113.50"})
    assert (
        answer.status_code == 400
        and answer.json()["error"] == "invalid_grant"
        and int(answer.headers["retry-after"]) > 0
    )


def test_guesses_at_the_same_moment_are_counted_each(new_server):
    """Twenty-eight wrong ones and the right one, all under way before the first has been answered."""
    server = new_server(BCRYPT_COST="10", WORKERS="32")
    barrier = threading.Barrier(29)

    def guess(number):
        barrier.wait()
        threading.Event().wait(number / 1000)  # the right one comes last
        return server.client().post(
            "/auth/login", json={"username": "chief", "password": PASSWORD if number == 28 else WRONG}
        )

    with ThreadPoolExecutor(29) as pool:
        answers = list(pool.map(guess, range(29)))
    sql = "select detail from audit_logs where action = 'auth.login'"
    rows = wait_until(lambda: (r := server.database.rows(sql)) and len(r) == 29 and r, what="all the rows")
    counted = [detail for (detail,) in rows].count('{"reason":"wrong password"}')
    let_in = [a.status_code for a in answers].count(200)
    assert let_in == 0 or answers[28].status_code == 200
    # Where the right one was not the last to be compared, it came among the first five, and the count began anew.
    assert counted == 4 if not let_in else counted <= 8


def test_an_administrator_sees_and_lifts_a_lock(proxied, user):
    admin = proxied.admin()
    assert (user["locked_until"], user["locks"]) == (None, [])
    lock_from(proxied, user["username"], ["203.0.113.7"], each=5)
    page = wait_until(lambda: (u := ok(admin.get(f"/users/{user['id']}")))["locks"] and u, what="the lock")
    assert [lock["network"] for lock in page["locks"]] == ["203.0.113.7"]
    assert page["locked_until"] == page["locks"][0]["locked_until"] > page["locks"][0]["locked_at"]
    row = ok(admin.get("/users", params={"username": user["username"]}))["items"][0]
    assert row["locked_until"] == page["locked_until"]
    lock_from(proxied, user["username"], many(15))
    wait_until(
        lambda: None in [x["network"] for x in ok(admin.get(f"/users/{user['id']}"))["locks"]], what="the second lock"
    )
    problem(attempt(proxied, user["username"], PASSWORD, "203.0.113.8"), 401)
    ok(admin.post(f"/users/{user['id']}/unlock"), 204)
    page = ok(admin.get(f"/users/{user['id']}"))
    assert (page["locked_until"], page["locks"]) == (None, [])
    ok(attempt(proxied, user["username"], PASSWORD, "203.0.113.7"))


def test_locks_outlive_a_restart(new_server):
    server = new_server(TRUSTED_PROXIES="127.0.0.1")
    name = server.account("viewer").user["username"]
    lock_from(server, name, ["203.0.113.7"], each=5)
    lock_from(server, name, many(20))
    wait_until(lambda: len(server.database.rows("select id from sign_in_locks")) == 2, what="two locks")
    assert server.stop() == 0
    server.start()
    problem(attempt(server, name, PASSWORD, "203.0.113.7"), 401)
    problem(attempt(server, name, PASSWORD, "203.0.113.9"), 401)
    ok(attempt(server, name, PASSWORD, "127.0.0.1"))


def test_failures_of_strangers_are_not_written(new_server):
    server = new_server()
    for _ in range(30):
        problem(server.client().post("/auth/login", json={"username": unique(), "password": WRONG}), 401)
    assert server.database.rows("select count(*) from sign_in_locks")[0][0] == 0


def audit(server, admin, **query):
    return ok(admin.get("/system/audit-logs", params={"page_size": 100, **query}))["items"]


def test_audit_rows_name_the_account_and_the_reason(proxied, user):
    admin = proxied.admin()
    lock_from(proxied, user["username"], ["203.0.113.30"], each=6)
    ok(admin.post(f"/users/{user['id']}/unlock"), 204)
    about = {"entity": "user", "entity_id": user["id"]}
    rows = wait_until(
        lambda: (
            (r := audit(proxied, admin, **about)) and {"auth.lock", "user.unlock"} <= {x["action"] for x in r} and r
        ),
        what="rows of the lock and its end",
    )
    rows = wait_until(
        lambda: (r := audit(proxied, admin, action="auth.login", **about)) and len(r) >= 6 and r, what="six rows"
    )
    assert [r["detail"] for r in reversed(rows)] == [{"reason": "wrong password"}] * 4 + [{"reason": "locked"}] * 2
    assert {r["client"] for r in rows} == {"203.0.113.30"}
    lock = audit(proxied, admin, action="auth.lock", **about)[0]
    assert lock["detail"]["network"] == "203.0.113.30" and lock["detail"]["until"] > lock["created_at"]
    unlock = audit(proxied, admin, action="user.unlock", **about)[0]
    assert (unlock["user_id"], unlock["outcome"]) == (admin.id, 204)


def test_a_change_of_roles_says_from_what_to_what(proxied, user):
    admin = proxied.admin()
    ok(admin.put(f"/users/{user['id']}/roles", json={"roles": ["doctor", "nurse"]}))
    ok(admin.patch(f"/users/{user['id']}", json={"status": "DISABLED", "title": "Dr"}))
    rows = audit(proxied, admin, entity="user", entity_id=user["id"])
    details = {r["action"]: r["detail"] for r in rows}
    assert details["user.roles"] == {"roles": {"from": ["viewer"], "to": ["doctor", "nurse"]}}
    assert details["user.update"] == {
        "status": {"from": "ACTIVE", "to": "DISABLED"},
        "title": {"from": None, "to": "Dr"},
    }


# ---- the current password ----


def test_the_current_password_cannot_be_guessed_with_a_token(server, admin):
    viewer = server.account("viewer", admin=admin)
    new = {"new_password": "quiet-heron-5521"}
    codes = [
        viewer.post("/auth/password/change", json={"current_password": WRONG, **new}).status_code for _ in range(8)
    ]
    assert codes == [422] * 4 + [429] * 4
    refused = viewer.post("/auth/password/change", json={"current_password": PASSWORD, **new})
    problem(refused, 429)
    assert int(refused.headers["retry-after"]) > 0
    ok(admin.post(f"/users/{viewer.id}/unlock"), 204)
    ok(viewer.post("/auth/password/change", json={"current_password": PASSWORD, **new}), 204)


def test_another_email_needs_the_password(server, admin):
    viewer = server.account("viewer", admin=admin)
    email = f"{unique('e')}@example.org"
    assert wrong_members(problem(viewer.patch("/auth/me", json={"email": email}), 422)) == ["current_password"]
    assert wrong_members(problem(viewer.patch("/auth/me", json={"email": email, "current_password": WRONG}), 422)) == [
        "current_password"
    ]
    assert ok(viewer.get("/auth/me"))["email"] == viewer.user["email"]
    same = ok(viewer.patch("/auth/me", json={"email": viewer.user["email"], "title": "Dr"}))
    assert same["title"] == "Dr"
    changed = ok(viewer.patch("/auth/me", json={"email": email, "current_password": PASSWORD}))
    assert changed["email"] == email and "current_password" not in changed
    codes = [
        viewer.patch("/auth/me", json={"email": f"x{email}", "current_password": WRONG}).status_code for _ in range(6)
    ]
    assert codes[-1] == 429
    problem(viewer.patch("/auth/me", json={"email": f"x{email}", "current_password": PASSWORD}), 429)


@pytest.mark.parametrize(
    "value",
    [
        "no-at-sign",
        "a@b\r\nBcc: c@d",
        "a b@example.org",
        "@example.org",
        "a@",
        "a@@b",
        "a@b..c",
        "a@-b",
        "<a@b>",
        "a@b,c@d",
        "张@example.org",
        ".a@b",
        "a@b\u200b",
        "a@b",
        "a@localhosts",
        "a@192.0.2.1",
        "a@b.1",
    ],
)
def test_what_is_no_email_address(server, admin, doctor, value):
    assert "email" in wrong_members(
        problem(doctor.patch("/auth/me", json={"email": value, "current_password": PASSWORD}), 422)
    )
    assert wrong_members(problem(admin.patch(f"/users/{doctor.id}", json={"email": value}), 422)) == ["email"]


@pytest.mark.parametrize(
    "value", ["{}@localhost", "{}+x@example.org", "{}.o'neil@mail.example.co.uk", "{}@xn--fsqu00a.example"]
)
def test_what_is_one(admin, doctor, value):
    value = value.format(unique("e"))
    assert ok(admin.patch(f"/users/{doctor.id}", json={"email": value}))["email"] == value


# ---- a password that somebody else has set ----


def test_a_password_set_by_somebody_else_opens_nothing_but_its_change(server, admin):
    viewer = server.account("viewer", admin=admin)
    ok(admin.post(f"/users/{viewer.id}/password", json={"new_password": "quiet-heron-5521"}), 204)
    viewer = server.sign_in(viewer.user["username"], "quiet-heron-5521")
    for method, path in (
        ("GET", "/patients"),
        ("PATCH", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("GET", "/system/info"),
    ):
        body = problem(viewer.request(method, path, json={"title": "x"} if method == "PATCH" else None), 403)
        assert body["type"] == "urn:roentgen:problem:password-change-required"
    assert ok(viewer.get("/auth/me"))["must_change_password"] is True
    again = ok(server.client().post("/auth/refresh", json={"refresh_token": viewer.refresh_token}))
    viewer = server.client(again["access_token"])
    problem(viewer.get("/patients"), 403)
    ok(
        viewer.post(
            "/auth/password/change", json={"current_password": "quiet-heron-5521", "new_password": "loud-finch-7732"}
        ),
        204,
    )
    ok(viewer.get("/patients"))
    ok(viewer.post("/auth/logout"), 204)


# ---- sessions ----


def test_a_session_has_an_absolute_end(new_server):
    server = new_server(SESSION_LIFETIME="2h", SESSION_MAX_LIFETIME="3h")
    token = server.admin().refresh_token
    server.database.rows(
        "update sessions set created_at = created_at - 9000000000, expires_at = expires_at - 7100000000"
    )
    token = ok(server.client().post("/auth/refresh", json={"refresh_token": token}))["refresh_token"]
    created, expires = server.database.rows("select created_at, expires_at from sessions")[0]
    assert expires - created == 3 * 3600 * 1000000
    server.database.rows(
        "update sessions set created_at = created_at - 7200000000, expires_at = expires_at - 7200000000"
    )
    problem(server.client().post("/auth/refresh", json={"refresh_token": token}), 401)


def test_used_refresh_tokens_do_not_pile_up(new_server):
    server = new_server()
    first = token = server.admin().refresh_token
    client = server.client()
    for _ in range(3):
        used, token = token, ok(client.post("/auth/refresh", json={"refresh_token": token}))["refresh_token"]
    week_us = 7 * 86400 * 10**6  # SESSION_LIFETIME: what is older would be good for nothing, used or not
    back = f"used_at = used_at - {week_us}, created_at = created_at - {week_us}"
    server.database.rows(f"update refresh_tokens set {back}")
    for _ in range(2):
        used, token = token, ok(client.post("/auth/refresh", json={"refresh_token": token}))["refresh_token"]
    assert server.database.rows("select count(*) from refresh_tokens")[0][0] == 3
    problem(client.post("/auth/refresh", json={"refresh_token": first}), 401)
    token = ok(client.post("/auth/refresh", json={"refresh_token": token}))["refresh_token"]
    # somebody else has it too: the session ends
    problem(client.post("/auth/refresh", json={"refresh_token": used}), 401)
    problem(client.post("/auth/refresh", json={"refresh_token": token}), 401)
