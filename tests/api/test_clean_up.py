"""What is old goes by itself: sessions and what belongs to signing in, kept answers, and, where it is wished, rows of
the audit log. Nothing that is still good for something does."""

import pytest

from support import Server, ok, unique
from test_jobs import DAY_US, ended

YEAR_US = 366 * DAY_US
CLEANS = ("sessions.clean", "answers.clean", "audit.clean")


@pytest.fixture
def house(tmp_path):
    server = Server(tmp_path, AUDIT_KEEP="90d")
    server.init().start()
    yield server
    server.close()


def all_come_due(server):
    names = ", ".join(f"'{name}'" for name in CLEANS)
    server.stop()
    server.database.rows(f"update job_schedules set looked_at = looked_at - {YEAR_US} where name in ({names})")
    server.start()


def count(server, table, condition="1 = 1"):
    return server.database.rows(f"select count(*) from {table} where {condition}")[0][0]


def put_old(server, table, columns, values, number):
    """So many rows of a year ago, each a little later than the one before; more than one slice of them."""
    rows = ", ".join(f"({values.format(n=n, at=1_000_000 + n)})" for n in range(number))
    server.database.rows(f"insert into {table}({columns}) values {rows}")


def test_what_is_old_goes_and_nothing_else_does(house):
    chief = house.admin()
    account = house.account("doctor", admin=chief).id
    key = {"Idempotency-Key": unique("key")}
    body = {"patient_id": unique("P"), "name": "Kept"}
    first = ok(chief.post("/patients", json=body, headers=key), 201)
    now_sessions = count(house, "sessions")
    put_old(
        house,
        "sessions",
        "session_uuid, user_id, created_at, last_used_at, expires_at",
        f"'old-{{n}}', {account}, 1, 1, {{at}}",
        1100,
    )
    (old,) = house.database.rows("select id from sessions where session_uuid = 'old-7'")
    house.database.rows(f"insert into refresh_tokens(token_hash, session_id, created_at) values ('t', {old[0]}, 1)")
    put_old(
        house, "password_resets", "token_hash, user_id, created_at, expires_at", f"'r{{n}}', {account}, 1, {{at}}", 3
    )
    put_old(house, "sign_in_locks", "user_id, locked_at, locked_until", f"{account}, 1, {{at}}", 3)
    put_old(house, "sign_in_networks", "user_id, network, last_at", f"{account}, '10.0.0.{{n}}', {{at}}", 3)
    known = count(house, "sign_in_networks", "last_at > 2000000")
    put_old(
        house,
        "idempotency_keys",
        "user_id, key_hash, request_hash, status, body, created_at",
        f"{account}, 'k{{n}}', 'r', 200, 'x', {{at}}",
        3,
    )
    put_old(house, "audit_logs", "created_at, action, outcome", "{at}, 'old.row', 200", 700)
    last = house.database.rows("select max(id) from audit_logs")[0][0]
    all_come_due(house)
    chief = house.admin()
    done = {kind: ended(chief, kind)["result"] for kind in CLEANS}
    assert done["sessions.clean"] == {"sessions": 1100, "password_resets": 3, "locks": 3, "networks": 3}
    assert done["answers.clean"] == {"answers": 3} and done["audit.clean"] == {"rows": 700}
    assert count(house, "refresh_tokens", "token_hash = 't'") == 0
    assert count(house, "sessions") >= now_sessions and count(house, "sign_in_networks") == known
    assert ok(chief.post("/patients", json=body, headers=key), 201)["id"] == first["id"]
    assert count(house, "audit_logs", "action = 'old.row'") == 0
    (row,) = ok(chief.get("/system/audit-logs", params={"action": "audit.clean"}))["items"]
    assert row["id"] > last and row["detail"]["before"] < row["created_at"]


def test_the_audit_log_is_kept_for_ever_unless_it_is_wished(house):
    house.stop()
    del house.settings["AUDIT_KEEP"]
    house.start()
    chief = house.admin()
    items = {i["name"]: i for i in ok(chief.get("/system/schedule"))["items"]}
    assert items["audit.clean"]["next_at"] is None and items["sessions.clean"]["next_at"]
    put_old(house, "audit_logs", "created_at, action, outcome", "{at}, 'old.row', 200", 1)
    all_come_due(house)
    ended(house.admin(), "sessions.clean")
    assert count(house, "audit_logs", "action = 'old.row'") == 1
    assert ok(house.admin().get("/system/jobs", params={"kind": "audit.clean"}))["items"] == []
