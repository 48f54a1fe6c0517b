"""Each operation of the document asked by everybody: without a token, with one that is none, that has ended or is
another kind's, and by each role; what the document says of permissions (x-permission) is what the server asks for,
before anything else."""

import re

import pytest

from support import PASSWORD, Server, ok

ABSENT = {"name": "absent", "upload_id": "00000000-0000-4000-8000-000000000000", "key": "0" * 64}
ROLES = ["radiologist", "doctor", "technician", "nurse", "viewer", "service", "interface"]
# They end what the caller asks them with: looked at by test_auth and test_sessions.
ENDS_SESSIONS = {("POST", "/api/v1/auth/logout"), ("POST", "/api/v1/auth/logout-all")}
STREAMS = {("GET", "/api/v1/events")}
IMPLIED = {  # who has one of these may do that as well
    "image.read": {"image.read_all"},
    "report.read": {"report.create", "report.update", "report.review", "report.sign"},
}
OPEN = {
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/token"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/password/reset"),
    ("POST", "/api/v1/auth/password/reset/confirm"),
    ("GET", "/api/v1/health"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/verify/{token}"),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("every")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def operations(house):
    """(method, path with variables, its row of the document)."""
    document = ok(house.client().get("/openapi.json"))
    found = [
        (method.upper(), path, row) for path, methods in document["paths"].items() for method, row in methods.items()
    ]
    assert len(found) > 200
    return found


@pytest.fixture(scope="module")
def permissions(house):
    return {role["name"]: set(role["permissions"]) for role in ok(house.admin().get("/roles"))["items"]}


def is_open(row):
    return row.get("security") == [] or {} in row.get("security", [])


def ask(client, method, path, token=None):
    """With a body that nobody takes: who may do it does nothing by it."""
    url = client.server.url + re.sub(r"\{(\w+)\}", lambda m: ABSENT.get(m[1], "987654321"), path)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if method in ("POST", "PUT", "PATCH"):
        return client.request(method, url, content=b"{", headers={**headers, "Content-Type": "application/json"})
    return client.request(method, url, headers=headers)


def tokens_of_nobody(house):
    """Each says nothing about who asks."""
    account = house.account("viewer")
    left = house.sign_in(account.user["username"])
    ok(left.post("/auth/logout"), 204)
    name, payload, signature = account.token.split(".")
    return {
        "none": None,
        "no token": "x",
        "of a session that has ended": left.token,
        "to refresh with": account.refresh_token,
        "signed by nobody": f"{name}.{payload}.",
        "cut": f"{name}.{payload}.{signature[:-4]}",
    }


def test_nobody_is_asked_who_they_are_by_what_is_closed(house, operations):
    wrong, client = [], house.client()
    for kind, token in tokens_of_nobody(house).items():
        for method, path, row in operations:
            answer = ask(client, method, path, token)
            closed = not is_open(row)
            if closed and (answer.status_code != 401 or "www-authenticate" not in answer.headers):
                wrong.append((kind, method, path, answer.status_code))
            if answer.status_code >= 500:
                wrong.append((kind, method, path, answer.status_code))
    assert not wrong, wrong


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_the_document_says(house, operations, permissions, role):
    wrong, account = [], house.account(role)
    for method, path, row in operations:
        needed = row.get("x-permission")
        if (method, path) in ENDS_SESSIONS | STREAMS or is_open(row):
            continue
        answer = ask(account, method, path, account.token)
        refused = answer.status_code == 403 and f"this needs the permission {needed}" in answer.text
        may = needed is None or ({needed} | IMPLIED.get(needed, set())) & permissions[role]
        if refused == bool(may) or answer.status_code in (401, 500):
            wrong.append((method, path, needed, answer.status_code, answer.text[:200]))
    assert not wrong, wrong
    assert ok(house.sign_in(account.user["username"], PASSWORD).get("/auth/me"))["username"] == account.user["username"]


def test_only_what_is_meant_to_be_open_is_open(operations):
    """A new endpoint that forgets its permission is seen here."""
    opened = {(method, path) for method, path, row in operations if row.get("security") == []}
    assert opened == OPEN


def test_a_cookie_alone_changes_nothing(house, operations):
    """A browser sends it with whatever asks: what changes something needs the page's token, whatever it is."""
    body = {"username": house.admin_name, "password": PASSWORD}
    answer = house.client().post("/auth/login?session=cookie", json=body)
    client, token, wrong = house.client(), ok(answer)["csrf_token"], []
    client.headers["Cookie"] = answer.headers["set-cookie"].split(";")[0]
    for method, path, row in operations:
        if row.get("security") == [] or (method, path) in STREAMS:
            continue
        client.headers.pop("Sec-Fetch-Site", None)
        for headers in ({"X-CSRF-Token": token}, {"Sec-Fetch-Site": "same-origin"}):
            client.headers.pop("X-CSRF-Token", None)
            client.headers.update(headers)
            answer = ask(client, method, path)
            refused = answer.status_code == 403 and "with a cookie, a change needs the header" in answer.text
            if refused != (method not in ("GET", "HEAD")) or answer.status_code in (401, 500):
                wrong.append((method, path, answer.status_code, answer.text[:200]))
    assert not wrong, wrong
    ok(client.get("/auth/me"))
