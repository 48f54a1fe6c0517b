"""`roentgen user`: accounts from the command line, beside a running server."""

import json

import pytest

from support import PASSWORD, ok, problem, wait_until


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    from support import Server

    server = Server(tmp_path_factory.mktemp("own"))
    server.init().start()
    yield server
    server.close()


def login(server, name, password=PASSWORD):
    return server.client().post("/auth/login", json={"username": name, "password": password})


def audit(server, user, action):
    """What the rows say was done, of which no account is named as who did it."""
    rows = server.database.rows(
        f"select user_id, client, detail from audit_logs where entity_id = {user['id']} and action = '{action}' "
        f"order by id"
    )
    assert all(row[:2] == (None, None) for row in rows)
    return [json.loads(row[2])["command"] for row in rows]


def test_list_and_unlock(own):
    user = own.account("viewer").user
    name = user["username"]
    for _ in range(5):
        problem(login(own, name, "not-the-password"), 401)
    problem(login(own, name), 401)
    listed = wait_until(
        lambda: [x for x in own.run("user", "list").stdout.splitlines() if name in x and x.endswith("Z")],
        what="the lock in the list",
    )[0].split()
    assert listed[:3] == [str(user["id"]), name, "ACTIVE"]
    assert "unlock" in own.run("user", "unlock", name).stdout
    ok(login(own, name))
    assert audit(own, user, "user.unlock") == ["user unlock"]


def test_disable_and_enable(own):
    viewer = own.account("viewer")
    email = viewer.user["email"]
    own.run("user", "disable", email)
    wait_until(lambda: viewer.get("/auth/me").status_code == 401, what="the end of the session")
    problem(login(own, email), 401)
    own.run("user", "enable", email)
    ok(login(own, email))
    assert audit(own, viewer.user, "user.update") == ["user disable", "user enable"]


def test_reset_password(own):
    user = own.account("viewer").user
    name = user["username"]
    said = own.run("user", "reset-password", name).stdout
    password = said.strip().split(": ")[-1]
    problem(login(own, name), 401)
    viewer = own.sign_in(name, password)
    problem(viewer.get("/patients"), 403)
    said = own.run("user", "reset-password", name, "--password-stdin", input="quiet-heron-6021\n").stdout
    assert "quiet-heron" not in said
    ok(login(own, name, "quiet-heron-6021"))
    weak = own.run("user", "reset-password", name, "--password-stdin", input="1q2w3e4r5t\n", check=False)
    assert weak.returncode == 1 and "new_password" in weak.stderr
    assert len(audit(own, user, "user.password")) == 2


@pytest.mark.parametrize(
    "arguments, status, says",
    [
        (("unlock", "ghost"), 1, "no account ghost"),
        (("unlock",), 2, "whose account"),
        (("promote", "chief"), 2, "action"),
        (("disable", "chief"), 1, "last active administrator"),
    ],
)
def test_what_cannot_be_done_is_said(own, arguments, status, says):
    done = own.run("user", *arguments, check=False)
    assert done.returncode == status and says in done.stderr
