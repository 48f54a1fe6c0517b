"""Sessions: refresh tokens rotate, re-use ends the family, revoked ones end at once."""

from concurrent.futures import ThreadPoolExecutor

from support import PASSWORD, ok, problem


def refresh(server, token):
    return server.client().post("/auth/refresh", json={"refresh_token": token})


def test_refresh_gives_the_next_pair(server, doctor):
    body = ok(refresh(server, doctor.refresh_token))
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert body["refresh_token"] != doctor.refresh_token
    assert ok(server.client(body["access_token"]).get("/auth/me"))["id"] == doctor.id


def test_refresh_rotates_again_and_again(server, doctor):
    token = doctor.refresh_token
    seen = {token}
    for _ in range(5):
        token = ok(refresh(server, token))["refresh_token"]
        assert token not in seen
        seen.add(token)


def test_reuse_revokes_the_whole_family(server, doctor):
    first = ok(refresh(server, doctor.refresh_token))
    second = ok(refresh(server, first["refresh_token"]))
    problem(refresh(server, doctor.refresh_token), 401)
    problem(refresh(server, second["refresh_token"]), 401)
    problem(server.client(second["access_token"]).get("/auth/me"), 401)
    problem(doctor.get("/auth/me"), 401)


def test_reuse_leaves_other_sessions_alone(server, doctor):
    other = server.sign_in(doctor.user["username"])
    ok(refresh(server, doctor.refresh_token))
    problem(refresh(server, doctor.refresh_token), 401)
    ok(other.get("/auth/me"))
    ok(refresh(server, other.refresh_token))


def test_one_refresh_token_is_good_once_under_concurrency(server, doctor):
    with ThreadPoolExecutor(16) as pool:
        codes = [
            f.result().status_code for f in [pool.submit(refresh, server, doctor.refresh_token) for _ in range(16)]
        ]
    assert codes.count(200) <= 1
    assert set(codes) <= {200, 401}
    problem(doctor.get("/auth/me"), 401)


def test_unknown_refresh_token(server):
    problem(refresh(server, "made-up"), 401)


def test_an_access_token_is_no_refresh_token(server, doctor):
    assert refresh(server, doctor.token).status_code in (401, 422)
    problem(server.client(doctor.refresh_token).get("/auth/me"), 401)


def test_logout_ends_this_session_at_once(server, doctor):
    other = server.sign_in(doctor.user["username"])
    ok(doctor.post("/auth/logout"), 204)
    problem(doctor.get("/auth/me"), 401)
    problem(refresh(server, doctor.refresh_token), 401)
    ok(other.get("/auth/me"))


def test_logout_all_ends_every_session(server, doctor):
    other = server.sign_in(doctor.user["username"])
    ok(doctor.post("/auth/logout-all"), 204)
    for api in (doctor, other):
        problem(api.get("/auth/me"), 401)
        problem(refresh(server, api.refresh_token), 401)


def test_sessions_are_listed(server, doctor):
    other = server.sign_in(doctor.user["username"])
    body = ok(doctor.get("/auth/sessions"))
    assert body["total"] == 2
    assert all(
        {"id", "kind", "client", "user_agent", "created_at", "last_used_at", "expires_at", "current"} == set(s)
        for s in body["items"]
    )
    assert [s["current"] for s in body["items"]].count(True) == 1
    assert all(s["client"] == "127.0.0.1" and "httpx" in s["user_agent"] for s in body["items"])
    assert [s["id"] for s in body["items"] if s["current"]] != [
        s["id"] for s in ok(other.get("/auth/sessions"))["items"] if s["current"]
    ]


def test_one_session_is_revoked(server, doctor):
    other = server.sign_in(doctor.user["username"])
    theirs = [s for s in ok(doctor.get("/auth/sessions"))["items"] if not s["current"]]
    ok(doctor.delete(f"/auth/sessions/{theirs[0]['id']}"), 204)
    problem(other.get("/auth/me"), 401)
    problem(refresh(server, other.refresh_token), 401)
    ok(doctor.get("/auth/me"))
    problem(doctor.delete(f"/auth/sessions/{theirs[0]['id']}"), 404)


def test_sessions_of_others_do_not_exist(doctor, colleague):
    theirs = ok(colleague.get("/auth/sessions"))["items"][0]["id"]
    problem(doctor.delete(f"/auth/sessions/{theirs}"), 404)
    ok(colleague.get("/auth/me"))


def test_remember_me_lasts_longer(server, doctor):
    answer = ok(
        server.client().post(
            "/auth/login", json={"username": doctor.user["username"], "password": PASSWORD, "remember_me": True}
        )
    )
    long = [s for s in ok(server.client(answer["access_token"]).get("/auth/sessions"))["items"] if s["current"]][0]
    short = [s for s in ok(doctor.get("/auth/sessions"))["items"] if s["current"]][0]
    assert long["expires_at"] > short["expires_at"]


def test_sessions_survive_a_restart_and_stay_revoked(new_server):
    server = new_server()
    kept, ended = server.admin(), server.admin()
    ok(ended.post("/auth/logout"), 204)
    server.stop()
    server.start()
    ok(server.client(kept.token).get("/auth/me"))
    problem(server.client(ended.token).get("/auth/me"), 401)
    problem(refresh(server, ended.refresh_token), 401)
