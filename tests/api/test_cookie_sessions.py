"""Sessions of browsers: a cookie in place of tokens, and what a change needs beside it."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from support import ON_SQLITE, PASSWORD, PATIENCE, V1, ok, png, problem, unique, wait_until, wrong_members

PLAIN, SECURE = "roentgen_session", "__Host-roentgen_session"
OWN = {"Sec-Fetch-Site": "same-origin"}
TLS = {"X-Forwarded-Proto": "https"}
PUBLIC, LISTED = "https://roentgen.example", "https://pages.example"


class Browser:
    """What a page does that has signed in: its cookie goes along, and the token where something changes."""

    def __init__(self, server, name, headers=None, password=PASSWORD, **more):
        self.http = httpx.Client(base_url=server.url + V1, timeout=PATIENCE, headers=headers or {}, trust_env=False)
        self.answer = self.sign_in(name, password, **more)

    def sign_in(self, name, password=PASSWORD, **more):
        body = {"username": name, "password": password, **more}
        answer = self.http.post("/auth/login?session=cookie", json=body)
        if answer.status_code == 200:
            self.took(answer)
            self.csrf = answer.json()["csrf_token"]
        return answer

    def took(self, answer):
        """httpx keeps Secure cookies from plain HTTP, which is how a proxy asks: the cookie goes along by hand."""
        self.http.cookies.clear()
        header = answer.headers.get("set-cookie")
        if header is not None:
            self.cookie = header.split(";")[0]

    def call(self, method, path, csrf=True, headers=None, **more):
        sent = {"Cookie": self.cookie, **(OWN if csrf else {}), **({"X-CSRF-Token": self.csrf} if csrf else {})}
        answer = self.http.request(method, path, headers={**sent, **(headers or {})}, **more)
        self.http.cookies.clear()
        return answer

    def get(self, path, **more):
        return self.call("GET", path, csrf=False, **more)

    def post(self, path, **more):
        return self.call("POST", path, **more)

    def refresh(self):
        answer = self.post("/auth/refresh")
        self.took(answer)
        return answer


@pytest.fixture
def page(server, doctor):
    return Browser(server, doctor.user["username"])


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    from support import Server

    server = Server(
        tmp_path_factory.mktemp("proxied"),
        TRUSTED_PROXIES="127.0.0.1",
        PUBLIC_URL=PUBLIC,
        CORS_ORIGINS=f"*,{LISTED}",
        SESSION_LIFETIME_REMEMBERED="10d",
    )
    server.init().start()
    yield server
    server.close()


def attributes(answer):
    first, *rest = answer.headers["set-cookie"].split("; ")
    return first.split("=", 1), set(rest)


def test_the_cookie_is_the_session_and_no_token_is_told(server, doctor, page):
    body = ok(page.answer)
    assert set(body) == {"user", "csrf_token", "expires"} and body["user"]["id"] == doctor.id
    (name, secret), rest = attributes(page.answer)
    assert name == PLAIN and rest == {"Path=/", "HttpOnly", "SameSite=Lax"}  # none of Secure, Domain, Max-Age
    assert len(secret) >= 40 and secret not in page.answer.text
    me = ok(page.get("/auth/me"))
    assert me["id"] == doctor.id and me["session"] == {"kind": "cookie", "csrf_token": body["csrf_token"]}
    kinds = {s["kind"]: s["current"] for s in ok(page.get("/auth/sessions"))["items"]}
    assert kinds == {"cookie": True, "token": False}


def test_over_tls_the_cookie_is_bound_to_the_host(proxied):
    page = Browser(proxied, proxied.admin_name, headers=TLS, remember_me=True)
    (name, _), rest = attributes(page.answer)
    age = {a for a in rest if a.startswith("Max-Age=")}
    assert name == SECURE and rest - age == {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"}
    assert 9 * 86400 < int(age.pop().split("=")[1]) <= 10 * 86400
    ok(page.get("/auth/me"))
    # A plain connection, or another host of the domain, can set the name without the prefix: it is none here.
    secret = page.cookie.split("=", 1)[1]
    problem(page.get("/auth/me", headers={"Cookie": f"{PLAIN}={secret}"}), 401)
    # What was given over TLS is not taken from elsewhere.
    problem(proxied.client().get("/auth/me", headers={"Cookie": page.cookie}), 401)


@pytest.mark.parametrize(
    "cookie",
    ["{n}=", "{n}", "{n}=x", "{n}={s}x", "{n}={s}; {n}=x", "x{n}={s}", "{n}={s}, {n}={s}", "{n}=" + "y" * 4000, "{h}"],
)
def test_what_is_no_cookie_of_ours_shows_nobody(page, cookie):
    secret = page.cookie.split("=", 1)[1]
    text = cookie.format(n=PLAIN, s=secret, h=f"{PLAIN}={hashlib.sha256(secret.encode()).hexdigest()}")
    problem(page.get("/auth/me", headers={"Cookie": text}), 401)
    ok(page.get("/auth/me", headers={"Cookie": f"theme=dark; {PLAIN}={secret}; b=c"}))


def test_a_cookie_is_no_token_and_a_token_no_cookie(server, doctor, page):
    secret = page.cookie.split("=", 1)[1]
    ok(page.get("/auth/me"))  # known in memory now, by its hash
    for text in (secret, hashlib.sha256(secret.encode()).hexdigest()):
        problem(server.client(text).get("/auth/me"), 401)
    problem(server.client().post("/auth/refresh", json={"refresh_token": secret}), 401)
    answer = server.client().post("/auth/token", data={"grant_type": "refresh_token", "refresh_token": secret})
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_grant"
    for text in (doctor.token, doctor.refresh_token):
        problem(page.get("/auth/me", headers={"Cookie": f"{PLAIN}={text}"}), 401)
    ok(page.get("/auth/me"))


def test_authorization_counts_alone_where_it_is_there(colleague, page):
    theirs = {"Authorization": f"Bearer {colleague.token}"}
    assert ok(page.get("/auth/me", headers=theirs))["session"]["kind"] == "token"
    assert ok(page.get("/auth/me", headers=theirs))["id"] == colleague.id
    ok(page.call("PATCH", "/auth/me", csrf=False, headers=theirs, json={"title": "x"}))  # no cookie, no CSRF
    problem(page.get("/auth/me", headers={"Authorization": "Bearer x"}), 401)
    problem(page.get("/auth/me", headers={"Authorization": "Basic eDp5"}), 401)


def test_a_change_needs_the_page_and_its_token(page, server, doctor):
    def change(**headers):
        return page.call("PATCH", "/auth/me", csrf=False, json={"title": "t"}, headers=headers)

    token, own = {"X-CSRF-Token": page.csrf}, {"Origin": server.url}
    ok(change(**token, **OWN))
    ok(change(**token, **{"Sec-Fetch-Site": "none"}))
    ok(change(**token, **own))
    other = Browser(server, doctor.user["username"])
    for headers, word in (
        ({}, "Origin"),
        (token, "Origin"),
        (OWN, "X-CSRF-Token"),
        ({**OWN, "X-CSRF-Token": ""}, "X-CSRF-Token"),
        ({**OWN, "X-CSRF-Token": other.csrf}, "this session"),  # of the same account
        ({**OWN, "X-CSRF-Token": page.csrf[:-1]}, "this session"),
        ({**token, "Sec-Fetch-Site": "cross-site"}, "another origin"),
        ({**token, "Sec-Fetch-Site": "same-site"}, "another origin"),
        ({**token, "Origin": "https://evil.example"}, "another origin"),
        ({**token, "Origin": "null"}, "another origin"),
        ({**token, "Origin": server.url + ".evil.example"}, "another origin"),
        ({**token, "Origin": server.url[:-1]}, "another origin"),
        ({**token, "Origin": "", "Sec-Fetch-Site": "cross-site"}, "another origin"),
    ):
        assert word in problem(change(**headers), 403)["detail"], headers


@pytest.mark.parametrize(
    "origin, taken",
    [
        (PUBLIC, True),
        (LISTED, True),
        ("http://roentgen.example", False),
        ("https://roentgen.exampl", False),
        ("https://roentgen.example:444", False),
        ("https://127.0.0.1", False),
        ("*", False),
        ("https://", False),
        ("", False),
    ],
)
def test_pages_of_listed_origins_and_of_the_public_name(proxied, origin, taken):
    page = Browser(proxied, proxied.admin_name, headers=TLS)
    headers = {**TLS, "Origin": origin, "X-CSRF-Token": page.csrf}
    answer = page.call("PATCH", "/auth/me", csrf=False, json={"title": "t"}, headers=headers)
    (ok if taken else lambda a: problem(a, 403))(answer)
    credentials = answer.headers.get("access-control-allow-credentials")
    assert credentials == ("true" if origin == LISTED else None)
    assert answer.headers.get("access-control-allow-origin") == (LISTED if origin == LISTED else None)


def test_where_all_is_https_the_cookie_is_secure_whatever_the_proxy_says(new_server):
    server = new_server(HTTPS_ONLY="on", PUBLIC_URL=PUBLIC)
    page = Browser(server, server.admin_name)
    (name, _), rest = attributes(page.answer)
    assert name == SECURE and "Secure" in rest
    ok(page.get("/auth/me"))
    host = {"Host": "inner.example", "X-CSRF-Token": page.csrf}
    for origin, taken in (("https://inner.example", True), ("http://inner.example", False)):
        answer = page.call("PATCH", "/auth/me", csrf=False, json={"title": "t"}, headers={**host, "Origin": origin})
        (ok if taken else lambda a: problem(a, 403))(answer)


def test_a_scheme_that_is_told_has_to_be_the_origins(proxied):
    page = Browser(proxied, proxied.admin_name, headers=TLS)
    host = {"Host": "inner.example", "X-CSRF-Token": page.csrf}
    for origin, taken in (("https://inner.example", True), ("http://inner.example", False)):
        answer = page.call("PATCH", "/auth/me", csrf=False, json={"title": "t"}, headers={**host, "Origin": origin})
        (ok if taken else lambda a: problem(a, 403))(answer)


def test_a_page_elsewhere_may_ask_whether_it_may_send_the_token(proxied):
    asked = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}
    answer = proxied.client().options("/auth/logout", headers=asked)
    assert "x-csrf-token" in answer.headers["access-control-allow-headers"].lower()
    assert answer.headers["access-control-allow-credentials"] == "true"
    answer = proxied.client().options("/auth/logout", headers={**asked, "Origin": "https://evil.example"})
    assert "access-control-allow-credentials" not in answer.headers


def test_the_same_rights_as_with_a_token(server, viewer, page, doctor):
    looking = Browser(server, viewer.user["username"])
    patient = {"patient_id": unique("P"), "name": "王小明"}
    problem(looking.post("/patients", json=patient), 403)
    made = ok(page.post("/patients", json=patient), 201)
    assert ok(doctor.get(f"/patients/{made['id']}"))["created_by"] == doctor.id
    problem(page.get("/users"), 403)


def test_files_pictures_and_downloads_come_by_the_cookie(page):
    upload = page.post("/upload/single", files={"file": ("chest.png", png(), "image/png")})
    file = ok(upload, 201)
    assert page.get(f"/image-files/{file['id']}/download").status_code == 200
    assert page.get(f"/images/{file['id']}/rendered").headers["content-type"].startswith("image/")
    assert page.get(f"/image-files/{file['id']}/download", headers={"Cookie": ""}).status_code == 401
    problem(page.call("DELETE", f"/image-files/{file['id']}", csrf=False), 403)
    ok(page.call("DELETE", f"/image-files/{file['id']}"), 204)


def test_events_come_by_the_cookie(page, doctor):
    with page.http.stream("GET", "/events", headers={"Cookie": page.cookie}) as stream:
        assert stream.status_code == 200 and stream.headers["content-type"].startswith("text/event-stream")


def used(server, cookie, later_s):
    """The cookie was used so much later than it was."""
    token = hashlib.sha256(cookie.split("=", 1)[1].encode()).hexdigest()
    server.database.rows(
        f"update refresh_tokens set used_at = used_at + {later_s * 10**6} where used_at is not null and token_hash = "
        f"'{token}'"
    )


def test_refreshing_changes_the_cookie_for_the_next(server, page):
    first, csrf = page.cookie, page.csrf
    body = ok(page.refresh())
    used(server, first, 3600)  # however long this test takes
    assert set(body) == {"csrf_token", "expires"} and body["csrf_token"] == csrf and page.cookie != first
    ok(page.get("/auth/me"))
    ok(page.get("/auth/me", headers={"Cookie": first}))  # other tabs have sent it already
    again = page.post("/auth/refresh", headers={"Cookie": first})  # ... and may have asked at the same time
    assert set(ok(again)) == {"csrf_token", "expires"} and "set-cookie" not in again.headers
    ok(page.refresh())
    ok(page.get("/auth/me"))


def test_one_that_was_used_long_ago_ends_the_session(new_server):
    server = new_server()
    page, other = Browser(server, server.admin_name), Browser(server, server.admin_name)
    first = page.cookie
    ok(page.refresh())
    used(server, first, -61)
    server.stop()
    server.start()  # forgets what it knew
    page.http.close()
    page.http = httpx.Client(base_url=server.url + V1, timeout=PATIENCE, trust_env=False)
    problem(page.get("/auth/me", headers={"Cookie": first}), 401)
    ok(page.get("/auth/me"))
    problem(page.post("/auth/refresh", headers={"Cookie": first}), 401)
    problem(page.get("/auth/me"), 401)
    problem(page.refresh(), 401)
    assert ok(server.client(server.admin().token).get("/auth/me"))["id"]
    assert server.database.rows("select count(*) from sessions where revoked_reason = 'token reused'")[0][0] == 1
    rows = "from audit_logs where action in ('auth.refresh', 'auth.session_revoke') and outcome = 200 order by id"
    kept = server.database.rows(f"select action, detail {rows}")  # in one transaction with the end
    assert [action for action, _ in kept] == ["auth.refresh", "auth.session_revoke"]
    assert json.loads(kept[1][1]) == {"reason": "token reused"}
    assert other.http.get(server.url + V1 + "/auth/me", headers={"Cookie": other.cookie}).status_code == 200


def copied(page, times):
    """Whose cookie was copied by somebody who has refreshed so often since."""
    first = page.cookie
    for _ in range(times):
        ok(page.refresh())
    return first


def test_a_cookie_is_not_refreshed_until_its_first_is_forgotten(page, server):
    first = copied(page, 9)
    used(server, first, -3600)
    problem(page.post("/auth/refresh", headers={"Cookie": first}), 401)
    problem(page.refresh(), 401)


def test_signing_in_with_an_old_cookie_ends_the_session_that_was_refreshed_from_it(page, doctor):
    first = copied(page, 9)
    body = {"username": doctor.user["username"], "password": PASSWORD}
    ok(page.call("POST", "/auth/login?session=cookie", csrf=False, json=body, headers={"Cookie": first}))
    problem(page.refresh(), 401)


def test_a_session_is_not_refreshed_without_end(page, server):
    copied(page, 10)
    answer = page.refresh()
    assert "too often" in problem(answer, 429)["detail"] and answer.headers["retry-after"] == "60"
    server.database.rows("update refresh_tokens set created_at = created_at - 3600000000")
    ok(page.refresh())


def test_tabs_that_refresh_at_once_stay_signed_in(page):
    with ThreadPoolExecutor(4) as pool:
        answers = [f.result() for f in [pool.submit(page.post, "/auth/refresh") for _ in range(4)]]
    assert {a.status_code for a in answers} == {200}
    given = [a for a in answers if "set-cookie" in a.headers]
    assert len(given) == 1
    page.took(given[0])
    ok(page.get("/auth/me"))


def test_refreshing_needs_the_page_and_its_token(page, server):
    problem(page.post("/auth/refresh", headers={"X-CSRF-Token": "x"}), 403)
    problem(page.post("/auth/refresh", headers={"Sec-Fetch-Site": "cross-site"}), 403)
    problem(page.call("POST", "/auth/refresh", csrf=False), 403)
    assert wrong_members(problem(server.client().post("/auth/refresh"), 422)) == ["refresh_token"]
    assert wrong_members(problem(server.client().post("/auth/refresh", json={}), 422)) == ["refresh_token"]
    ok(page.get("/auth/me"))


def test_a_refresh_token_in_the_body_counts_before_the_cookie(page, doctor):
    body = ok(page.post("/auth/refresh", json={"refresh_token": doctor.refresh_token}))
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in"}


def test_signing_out_ends_the_session_and_takes_the_cookie(page, doctor):
    cookie = page.cookie
    problem(page.call("POST", "/auth/logout", csrf=False), 403)
    answer = page.post("/auth/logout")
    assert answer.status_code == 204
    (name, value), rest = attributes(answer)
    assert answer.headers["clear-site-data"] == '"cache"'
    assert (name, value) == (PLAIN, "") and {"Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"} == rest
    problem(page.get("/auth/me", headers={"Cookie": cookie}), 401)
    problem(page.post("/auth/refresh", headers={"Cookie": cookie}), 401)
    ok(doctor.get("/auth/me"))


def test_the_cookie_stays_where_the_session_could_not_be_ended(new_server):
    server = new_server()
    page = Browser(server, server.admin_name)
    body = (
        "when new.revoked_at is not null begin select raise(abort, 'held'); end"
        if ON_SQLITE
        else "for each row set new.user_id = if(new.revoked_at is null, new.user_id, null)"
    )
    server.database.rows(f"create trigger hold before update on sessions {body}")
    answer = page.post("/auth/logout")
    assert answer.status_code >= 500 and "set-cookie" not in answer.headers
    server.database.rows("drop trigger hold")
    ok(page.post("/auth/logout"), 204)


@pytest.mark.parametrize("how", ["logout-all", "disabled", "revoked", "password"])
def test_what_ends_sessions_ends_this_one(page, doctor, admin, how):
    ok(page.get("/auth/me"))
    if how == "logout-all":
        ok(doctor.post("/auth/logout-all"), 204)
    elif how == "disabled":
        ok(admin.patch(f"/users/{doctor.id}", json={"status": "DISABLED"}))
    elif how == "password":
        body = {"current_password": PASSWORD, "new_password": "calm-heron-5521"}
        ok(doctor.post("/auth/password/change", json=body), 204)
    else:
        theirs = [s["id"] for s in ok(doctor.get("/auth/sessions"))["items"] if s["kind"] == "cookie"]
        ok(doctor.delete(f"/auth/sessions/{theirs[0]}"), 204)
    problem(page.get("/auth/me"), 401)
    problem(page.refresh(), 401)


def test_signing_in_anew_ends_the_session_of_the_cookie_that_was_there(page, server, doctor, colleague):
    before, csrf = page.cookie, page.csrf
    wrong = page.call("POST", "/auth/login?session=cookie", json={"username": "x", "password": "y"})
    problem(wrong, 401)
    ok(page.get("/auth/me"))  # a failure ends nothing
    body = {"username": colleague.user["username"], "password": PASSWORD}
    answer = page.call("POST", "/auth/login?session=cookie", csrf=False, json=body)
    page.took(answer)
    assert page.cookie != before and ok(answer)["csrf_token"] != csrf
    assert ok(page.get("/auth/me"))["id"] == colleague.id
    problem(page.get("/auth/me", headers={"Cookie": before}), 401)
    stale, before = {"Authorization": "Bearer stale"}, page.cookie
    page.took(page.call("POST", "/auth/login?session=cookie", csrf=False, json=body, headers=stale))
    problem(page.get("/auth/me", headers={"Cookie": before}), 401)
    chosen = f"{PLAIN}=chosen-by-somebody-else"  # nobody's session is begun under a name that was there before
    answer = page.call("POST", "/auth/login?session=cookie", csrf=False, json=body, headers={"Cookie": chosen})
    assert ok(answer) and "chosen" not in answer.headers["set-cookie"]


def test_no_page_elsewhere_signs_a_browser_in(server, doctor):
    body = {"username": doctor.user["username"], "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = server.client().post("/auth/login?session=cookie", json=body, headers=headers)
        problem(answer, 403)
        assert "set-cookie" not in answer.headers
    form = {"Content-Type": "text/plain"}
    problem(server.client().post("/auth/login?session=cookie", content=json.dumps(body), headers=form), 415)
    answer = server.client().post("/auth/login?session=jar", json=body)
    assert wrong_members(problem(answer, 422)) == ["session"]


def test_the_session_ends_when_it_is_not_used_and_at_the_latest_when_it_has_to(new_server):
    server = new_server(SESSION_LIFETIME="1h", SESSION_MAX_LIFETIME="90m")
    page = Browser(server, server.admin_name)
    begun = server.database.rows("select created_at, expires_at from sessions where kind = 'cookie'")[0]
    assert begun[1] - begun[0] == 3600 * 10**6
    server.database.rows("update sessions set created_at = created_at - 3600000000 where kind = 'cookie'")
    ok(page.refresh())  # an hour after it was begun, half of what is left
    now = server.database.rows("select created_at, expires_at from sessions where kind = 'cookie'")[0]
    assert now[1] - now[0] == 5400 * 10**6
    server.database.rows("update sessions set expires_at = created_at where kind = 'cookie'")
    fresh = httpx.Client(base_url=server.url + V1, timeout=PATIENCE, trust_env=False)
    wait_until(lambda: fresh.get("/auth/me", headers={"Cookie": page.cookie}).status_code == 401, "the end")
    problem(page.refresh(), 401)


def test_nothing_of_it_is_logged_or_stored_as_it_is(new_server):
    server = new_server(LOG_LEVEL="debug")
    page = Browser(server, server.admin_name)
    first = page.cookie
    ok(page.refresh())
    problem(page.get("/auth/me", headers={"Cookie": f"{PLAIN}=made-up-secret"}), 401)
    ok(page.post("/auth/logout"), 204)
    actions = "select distinct action from audit_logs"
    wanted = {"auth.login", "auth.refresh", "auth.logout"}
    wait_until(lambda: wanted <= {row[0] for row in server.database.rows(actions)}, "the rows")
    wait_until(lambda: "/auth/logout" in server.log_text(), "the lines")
    stored = str(server.database.rows("select * from refresh_tokens")) + str(
        server.database.rows("select * from audit_logs")
    )
    text = server.log_text() + stored
    for secret in (first.split("=")[1], page.csrf, "made-up-secret"):
        assert secret not in text
    assert base64.b64encode(first.encode()).decode() not in text
