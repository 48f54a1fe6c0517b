"""Keys of machines: whole or wrong, never more than their owner, gone at once, and never a person."""

import hashlib
import re
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import PASSWORD, ok, problem, unique, wait_until

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make(api, *scopes, expect=201, **more):
    body = {"name": "RIS", "scopes": list(scopes), "current_password": PASSWORD, **more}
    answer = api.post("/auth/api-keys", json=body)
    return ok(answer, 201) if expect == 201 else problem(answer, expect)


def by_header(server, key):
    api = server.client()
    api.headers["X-API-Key"] = key
    return api


def check_sum(text):
    """CRC-32 of Python's zlib, in base 62."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return digits


def types(body):
    return [error["type"] for error in body["errors"]]


def test_a_key_is_shown_once_and_only_its_hash_is_kept(server, doctor):
    made = make(doctor, "patient.read")
    key = made["key"]
    assert re.fullmatch(r"rg_[0-9A-Za-z]{46}", key)
    assert key[-6:] == check_sum(key[:-6])
    assert key.startswith(made["prefix"]) and len(made["prefix"]) == 11
    listed = ok(doctor.get("/auth/api-keys"))
    assert [item["id"] for item in listed["items"]] == [made["id"]]
    assert listed["items"][0]["key"] is None and listed["items"][0]["prefix"] == made["prefix"]
    [(kept,)] = server.database.rows(f"select key_hash from api_keys where id = {made['id']}")
    assert kept == hashlib.sha256(key.encode()).hexdigest()


def test_no_answer_with_a_key_is_kept_for_an_idempotency_key(server, doctor):
    doctor.headers["Idempotency-Key"] = unique("again")
    body = {"name": "RIS", "scopes": ["patient.read"], "current_password": PASSWORD}
    refused = problem(doctor.post("/auth/api-keys", json=body), 422)
    assert types(refused) == ["not_taken"]
    assert ok(doctor.get("/auth/api-keys"))["items"] == []
    parameters = ok(doctor.get("/openapi.json"))["paths"]["/api/v1/auth/api-keys"]["post"].get("parameters", [])
    assert "Idempotency-Key" not in [p.get("name") for p in parameters]


def test_a_key_is_no_session(server, doctor):
    key = make(doctor, "patient.read")["key"]
    assert ok(server.client(key).get("/auth/me"))["session"] == {"kind": None, "csrf_token": None}


def test_it_is_taken_in_either_header_but_not_in_both(server, doctor):
    key = make(doctor, "patient.read")["key"]
    for api in (server.client(key), by_header(server, key)):
        assert ok(api.get("/auth/me"))["id"] == doctor.id
        ok(api.get("/patients"))
    both = server.client(doctor.token)
    both.headers["X-API-Key"] = key
    assert "either" in problem(both.get("/auth/me"), 401)["detail"]
    assert "rg_" in problem(by_header(server, doctor.token).get("/auth/me"), 401)["detail"]


def test_it_has_no_more_than_its_scope(server, doctor):
    reader = server.client(make(doctor, "patient.read")["key"])
    ok(reader.get("/patients"))
    problem(reader.get("/studies"), 403)
    problem(reader.post("/patients", json={"patient_id": unique("P"), "name": "王小明"}), 403)
    ok(doctor.get("/studies"))


def test_it_has_no_more_than_its_owner_has_now(server, admin, doctor):
    api = server.client(make(doctor, "patient.read", "patient.create")["key"])
    body = {"patient_id": unique("P"), "name": "王小明"}
    ok(api.post("/patients", json=body), 201)
    ok(admin.put(f"/users/{doctor.id}/roles", json={"roles": ["viewer"]}))
    problem(api.post("/patients", json={**body, "patient_id": unique("P")}), 403)
    ok(api.get("/patients"))


def test_what_implies_another_right_does_so_in_a_scope(server, radiologist):
    api = server.client(make(radiologist, "image.read_all")["key"])
    ok(api.get("/image-files"))
    problem(api.get("/patients"), 403)


def test_scopes_networks_and_ends_that_cannot_be_are_named(doctor, admin, radiologist):
    assert types(make(doctor, "patient.delete", expect=422)) == ["not_held"]
    assert types(make(doctor, "patient.eat", expect=422)) == ["unknown_permission"]
    assert types(make(radiologist, "report.sign", "report.review", expect=422)) == ["needs_person"] * 2
    assert types(make(admin, "user.manage", expect=422)) == ["needs_person"]
    wrong = make(doctor, "patient.read", networks=["10.0.0.0/8", "10.0.0.0/33", 'x"y', "::/129"], expect=422)
    assert types(wrong) == ["not_a_network"] * 3
    for end in ("2001-01-01T00:00:00Z", "2090-01-01T00:00:00Z"):
        assert types(make(doctor, "patient.read", expires_at=end, expect=422)) == ["out_of_range"]
    make(doctor, expect=422)
    assert types(make(doctor, "patient.read", current_password="not-the-one", expect=422)) == ["wrong_password"]


def test_typing_mistakes_are_told_from_keys_that_are_not_valid(server, doctor):
    key = make(doctor, "patient.read")["key"]
    for wrong in (
        key[:-1],
        key + "0",
        key[:20] + ("a" if key[20] != "a" else "b") + key[21:],
        "rg_",
        "rg_" + "x" * 900,
    ):
        assert "check sum" in problem(server.client(wrong).get("/auth/me"), 401)["detail"]
    body = "rg_" + "0" * 40
    assert "not valid" in problem(server.client(body + check_sum(body)).get("/auth/me"), 401)["detail"]


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/auth/api-keys"),
        ("GET", "/auth/api-keys"),
        ("DELETE", "/auth/api-keys/1"),
        ("POST", "/auth/password/change"),
        ("PATCH", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions/1"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/logout-all"),
        ("GET", "/users"),
        ("POST", "/users/1/password"),
        ("PUT", "/users/1/roles"),
        ("POST", "/reports/1/sign"),
        ("POST", "/reports/signing-keys/revoke"),
        ("PUT", "/reports/signing-keys/own"),
        ("POST", "/critical-results/1/communicate"),
        ("POST", "/critical-results/1/cancel"),
        ("POST", "/reports/1/peer-reviews"),
        ("POST", "/reports/peer-reviews/1/decline"),
        ("POST", "/diagnosis/1/review"),
        ("POST", "/diagnosis/1/withdraw"),
        ("POST", "/diagnosis/rules"),
        ("PATCH", "/diagnosis/rules/1"),
        ("DELETE", "/diagnosis/rules/1"),
    ],
)
def test_what_needs_a_person_is_not_for_keys(server, admin, method, path):
    scopes = ("patient.read", "report.read", "system.manage")
    api = server.client(make(admin, *scopes)["key"])
    refused = problem(api.request(method, path, json={}), 403)
    assert refused["type"] == "urn:roentgen:problem:person-required"
    ok(admin.delete(f"/auth/api-keys/{ok(admin.get('/auth/api-keys'))['items'][0]['id']}"), 204)


def test_the_document_says_what_keys_can_do(server):
    document = ok(server.client().get("/openapi.json"))
    assert document["components"]["securitySchemes"]["api_key"]["name"] == "X-API-Key"
    assert {"api_key": []} in document["security"]
    for path, method in (("/auth/api-keys", "post"), ("/reports/{id}/sign", "post"), ("/users", "get")):
        assert {"api_key": []} not in document["paths"][f"/api/v1{path}"][method]["security"]


def test_a_revoked_key_is_refused_at_once(server, doctor):
    made = make(doctor, "patient.read")
    api = server.client(made["key"])
    ok(api.get("/patients"))
    ok(doctor.delete(f"/auth/api-keys/{made['id']}"), 204)
    problem(api.get("/patients"), 401)
    problem(doctor.delete(f"/auth/api-keys/{made['id']}"), 404)
    assert ok(doctor.get("/auth/api-keys"))["items"] == []


def test_a_disabled_owner_s_key_is_refused_at_once(server, admin, doctor):
    api = server.client(make(doctor, "patient.read")["key"])
    ok(api.get("/patients"))
    ok(admin.patch(f"/users/{doctor.id}", json={"status": "DISABLED"}))
    problem(api.get("/patients"), 401)


def test_a_key_outlives_sessions_and_passwords(server, admin, doctor):
    api = server.client(make(doctor, "patient.read")["key"])
    ok(doctor.post("/auth/logout-all"), 204)
    ok(admin.post(f"/users/{doctor.id}/password", json={"new_password": "quiet-heron-6021"}), 204)
    ok(api.get("/patients"))


def test_an_expired_key_is_refused(server, doctor):
    made = make(doctor, "patient.read")
    api = server.client(made["key"])
    ok(api.get("/patients"))
    server.database.rows(f"update api_keys set expires_at = 1 where id = {made['id']}")
    wait_until(lambda: api.get("/patients").status_code == 401, "the end of the key")


def test_a_key_comes_from_its_networks_only(server, doctor):
    here = server.client(make(doctor, "patient.read", networks=["192.0.2.0/24", "127.0.0.0/8", "::1"])["key"])
    elsewhere = server.client(make(doctor, "patient.read", networks=["192.0.2.0/24"])["key"])
    ok(here.get("/patients"))
    assert "address" in problem(elsewhere.get("/patients"), 401)["detail"]


def test_the_address_behind_a_trusted_proxy_counts_each_time(new_server):
    server = new_server(TRUSTED_PROXIES="127.0.0.1,::1")
    key = make(server.admin(), "patient.read", networks=["192.0.2.0/24"])["key"]
    api = server.client(key)
    for address, status in (("192.0.2.7", 200), ("198.51.100.7", 401), ("192.0.2.8", 200), ("198.51.100.7", 401)):
        assert api.get("/patients", headers={"X-Forwarded-For": address}).status_code == status


def test_its_last_use_is_noted_once_a_minute(server, doctor):
    made = make(doctor, "patient.read")
    api = server.client(made["key"])

    def used():
        return server.database.rows(f"select last_used_at, last_used_from from api_keys where id = {made['id']}")[0]

    assert used() == (None, None)
    ok(api.get("/patients"))
    wait_until(lambda: used()[0], "the use")
    at, address = used()
    assert address in ("127.0.0.1", "::1")
    ok(doctor.post("/auth/logout"), 204)  # principals are forgotten: it is looked up anew
    ok(api.get("/patients"))
    assert used()[0] == at
    server.database.rows(f"update api_keys set last_used_at = {at - 61_000_000} where id = {made['id']}")
    wait_until(lambda: ok(api.get("/patients")) and used()[0] >= at, "the next use")


def test_audit_rows_name_the_key(server, admin, doctor):
    made = make(doctor, "patient.read", "patient.create")
    patient = ok(server.client(made["key"]).post("/patients", json={"patient_id": unique("P"), "name": "王小明"}), 201)

    def rows(entity, entity_id):
        path = f"/system/audit-logs?entity={entity}&entity_id={entity_id}"
        return [(r["action"], r["user_id"], r["api_key_id"]) for r in ok(admin.get(path))["items"]]

    assert rows("patient", patient["id"]) == [("patient.create", doctor.id, made["id"])]
    assert rows("api_key", made["id"]) == [("api_key.create", doctor.id, None)]


def test_others_keys_are_the_administrators_business(server, admin, doctor, colleague):
    made = make(doctor, "patient.read")
    problem(colleague.get(f"/auth/api-keys?user_id={doctor.id}"), 403)
    problem(colleague.get("/auth/api-keys?all=true"), 403)
    problem(colleague.delete(f"/auth/api-keys/{made['id']}"), 404)
    assert [i["id"] for i in ok(admin.get(f"/auth/api-keys?user_id={doctor.id}"))["items"]] == [made["id"]]
    first = ok(admin.get("/auth/api-keys?all=true"))["items"][0]
    assert (first["id"], first["username"]) == (made["id"], doctor.user["username"])
    ok(admin.delete(f"/auth/api-keys/{made['id']}"), 204)
    problem(server.client(made["key"]).get("/patients"), 401)


def test_an_account_has_a_bounded_number(server, doctor):
    first = make(doctor, "patient.read")
    rows = ", ".join(f"({doctor.id}, 'x', 'rg_x', '{unique()}', '[]', 1, 9000000000000000)" for _ in range(49))
    server.database.rows(
        f"insert into api_keys(user_id, name, prefix, key_hash, scopes, created_at, expires_at) values {rows}"
    )
    assert "revoke" in make(doctor, "patient.read", expect=409)["detail"]
    ok(doctor.delete(f"/auth/api-keys/{first['id']}"), 204)
    make(doctor, "patient.read")


def test_the_owner_gets_a_mail(new_server, mail):
    server = new_server(SMTP_URL=f"smtp://127.0.0.1:{mail.port}", MAIL_FROM="roentgen@example.org")
    doctor = server.account("doctor")
    make(doctor, "patient.read", name="worklist of 3 East")
    [told] = wait_until(lambda: mail.mails, "the mail")
    assert told["to"] == [doctor.user["email"]] and b"worklist of 3 East" in told["data"]


def test_each_key_has_a_limit_of_its_own(new_server):
    server = new_server(RATE_LIMIT="on", USER_RATE_PER_MINUTE="30")
    admin = server.admin()
    wild, tame = (server.client(make(admin, "patient.read")["key"]) for _ in range(2))
    with ThreadPoolExecutor(8) as pool:  # together they ask faster than two seconds each, which is what is given back
        wait_until(lambda: 429 in pool.map(lambda _: wild.get("/patients").status_code, range(60)), "the limit")
    ok(tame.get("/patients"))
    ok(admin.get("/auth/me"))


def test_a_listener_ends_with_its_key_and_not_before(new_server):
    server = new_server(EVENT_HEARTBEAT="1s")
    doctor = server.account("doctor")
    made = make(doctor, "patient.read")
    with server.client(made["key"]).stream("GET", "/api/v1/events") as stream:
        assert stream.status_code == 200
        chunks = stream.iter_bytes()
        for _ in range(4):  # rights are looked at again in between
            next(chunks)
        ok(doctor.delete(f"/auth/api-keys/{made['id']}"), 204)
        for _ in chunks:
            pass  # until it ends


def test_keys_from_the_command_line(server, doctor):
    name = doctor.user["username"]
    said = server.run("user", "new-key", name, "--name", "CT 2", "--scopes", "patient.read", "--days", "30").stdout
    key = said.split()[-1]
    assert key[-6:] == check_sum(key[:-6])
    api = server.client(key)
    ok(api.get("/patients"))
    listed = server.run("user", "keys", name).stdout
    assert key[:11] in listed and "CT 2" in listed and key not in listed
    number = listed.splitlines()[1].split()[0]
    assert number in server.run("user", "revoke-key", name, "--key", number).stdout
    wait_until(lambda: api.get("/patients").status_code == 401, "the end of the key")
    for arguments, status, words in (
        (("new-key", name, "--name", "x", "--scopes", "patient.delete"), 1, "not a permission of the account"),
        (("new-key", name), 2, "--name and --scopes"),
        (("revoke-key", name), 2, "--key"),
        (("revoke-key", name, "--key", number), 1, "does not exist"),
    ):
        done = server.run("user", *arguments, check=False)
        assert done.returncode == status and words in done.stderr
