"""Names and addresses of accounts are compared letter by letter, but for the case of ASCII letters, on both databases:
a collation that leaves accents out lets one sign in by another's name."""

import itertools

import pytest

from support import PASSWORD, ok, problem, unique

_letters = itertools.count()


def name_of(stem):
    """Ends in letters that no other test uses: digits are letters' look-alikes."""
    number, tail = next(_letters), ""
    for _ in range(3):
        number, digit = divmod(number, 20)
        tail += "bcdfghjkmnpqrstvwxyz"[digit]
    return stem + tail


def make(admin, name, expect=201, email=None):
    body = {"username": name, "email": email or f"{unique('e')}@example.org", "full_name": "V", "password": PASSWORD}
    answer = admin.post("/users", json=body)
    return ok(answer, 201) if expect == 201 else problem(answer, expect)


def sign_in(server, name):
    return server.client().post("/auth/login", json={"username": name, "password": PASSWORD}).status_code


OTHERS = [
    lambda n: n.replace("i", "í"),
    lambda n: n.replace("i", "ï"),
    lambda n: n.replace("i", "ı"),
    lambda n: n.replace("o", "ö"),
    lambda n: n.replace("o", "o\u0301"),
    lambda n: n.replace("v", "ｖ"),
    lambda n: n.replace("c", "ç"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_another_spelling_is_nobodys_name(server, admin, other):
    name = name_of("victor")
    user = make(admin, name)
    wrong = other(name)
    assert wrong != name
    assert [sign_in(server, n) for n in (name, name.upper(), name.title(), wrong)] == [200, 200, 200, 401]
    assert sign_in(server, wrong + "@example.org") == 401
    assert [u["id"] for u in ok(admin.get("/users", params={"username": name.upper()}))["items"]] == [user["id"]]
    assert ok(admin.get("/users", params={"username": wrong}))["items"] == []


def test_addresses_too(server, admin):
    name = name_of("victor")
    make(admin, name, email=f"{name}@example.org")
    wrong = name.replace("i", "í")
    found = [sign_in(server, n + "@example.org") for n in (name, name.upper(), wrong, name.replace("o", "ö"))]
    assert found == [200, 200, 401, 401]
    make(admin, name_of("other"), 409, email=f"{name.upper()}@EXAMPLE.org")


def test_commands_find_nobody_by_another_spelling(server, admin, tmp_path):
    name = name_of("victor")
    make(admin, name)
    wrong = name.replace("i", "í")
    for arguments in (
        ("user", "reset-password", wrong),
        ("user", "disable", wrong),
        ("user", "unlock", wrong + "@example.org"),
        ("import", "--username", wrong, str(tmp_path)),
        ("import", "--username", name, "--owner", wrong, str(tmp_path)),
        ("import", "--username", name, "--assign", f"user:{wrong}", str(tmp_path)),
    ):
        done = server.run(*arguments, check=False)
        assert done.returncode == 1 and "there is no account" in done.stderr, arguments
    assert sign_in(server, name) == 200
    assert "done" in server.run("user", "unlock", name.upper()).stdout


@pytest.mark.parametrize("pair", [("zoe", "zoë"), ("victor", "víctor"), ("елка", "ёлка")])
def test_both_may_have_accounts(server, admin, pair):
    """As names look, they are two (UTS #39 keeps accents)."""
    first, second = (make(admin, name) for name in pair)
    for user in (first, second):
        assert server.sign_in(user["username"]).id == user["id"]
    make(admin, pair[0].upper(), 409)
    for user in (first, second):
        ok(admin.delete(f"/users/{user['id']}"), 204)


def test_spaces_around_are_nobodys(server, admin):
    """Collations of MariaDB leave spaces at the end out (PAD SPACE); here they are cut off before, at both ends, on
    both databases."""
    name, ward = name_of("victor"), unique("Ward")
    user = make(admin, name)
    spaced = (f"{name} ", f" {name}", f"{name}\u3000", f"{name}\u00a0")
    assert [sign_in(server, n) for n in spaced] == [200, 200, 401, 401]
    assert ok(admin.put(f"/users/{user['id']}/roles", json={"roles": ["viewer"]}))["roles"] == ["viewer"]
    problem(admin.put(f"/users/{user['id']}/roles", json={"roles": ["viewer\u3000"]}), 422)
    ok(admin.patch(f"/users/{user['id']}", json={"department": ward + " "}))
    assert ok(admin.get(f"/users/{user['id']}"))["department"] == ward
    number = unique("P")
    admin.patient(patient_id=number)
    for same in (number, number + " "):
        problem(admin.post("/patients", json={"patient_id": same, "name": "x"}), 409)
    admin.patient(patient_id=number.swapcase())
    admin.patient(patient_id=number + "\u0301")


def test_columns_are_compared_exactly(server):
    """No text of the schema is compared by a collation that takes different letters for one, but on purpose."""
    if not hasattr(server.database, "name"):
        rows = server.database.rows(
            "select name, sql from sqlite_master where type = 'table' and lower(sql) like '%nocase%'"
        )
        assert {name for name, _ in rows} <= {"users"}
    else:
        rows = server.database.rows(
            "select table_name, column_name, collation_name from information_schema.columns "
            "where table_schema = database() and table_name <> 'schema_migrations' and collation_name is not null "
            "and collation_name not like '%\\_bin'"
        )
        assert rows == []
