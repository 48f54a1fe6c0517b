"""Names of accounts: none that looks like another's, none with what cannot be seen; short ones are names too."""

import pytest

from support import PASSWORD, ok, problem, unique, wrong_members

UNFIT = [
    "chi\u200bef",
    "chief\u202e",
    "chief\u00ad",
    "сhief",
    "chief\nx",
    "chief\u00a0",
    "ch\u2066ief",
    "a@b",
    "chief\ufe0f",
    "\u3164\u3164",
    "c\u0336hief",
    "ch\u20ddief",
]


def person(name):
    return {"username": name, "email": f"{unique('e')}@example.org", "full_name": "李娜", "password": PASSWORD}


@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_seen_is_no_name(server, admin, name):
    assert wrong_members(problem(admin.post("/users", json=person(name)), 422)) == ["username"]
    done = server.run(
        "create-superuser",
        "--username",
        name,
        "--email",
        f"{unique()}@example.org",
        "--password-stdin",
        input=PASSWORD + "\n",
        check=False,
    )
    assert done.returncode in (1, 2) and "username" in done.stderr


@pytest.mark.parametrize("name", ["ＣＨＩＥＦ", "ｃｈｉｅｆ", "𝐜𝐡𝐢𝐞𝐟", "Chief", "chieſ"])
def test_what_looks_like_another_is_taken(admin, name):
    problem(admin.post("/users", json=person(name)), 409)


def test_another_alphabet_does_not_help(admin):
    """All of it Cyrillic, so that nothing is mixed."""
    latin = "scope" + "".join(c for c in unique() if c.isdigit()) + "x"
    ok(admin.post("/users", json=person(latin)), 201)
    cyrillic = latin.translate(str.maketrans("scopex", "ѕсорех"))
    problem(admin.post("/users", json=person(cyrillic)), 409)


@pytest.mark.parametrize("name", ["李娜", "li"])
def test_names_of_two_characters(server, admin, name):
    user = ok(admin.post("/users", json=person(name)), 201)
    assert server.sign_in(name).id == user["id"]
    ok(admin.delete(f"/users/{user['id']}"), 204)
    again = ok(admin.post("/users", json=person(name)), 201)  # a deleted account holds no name
    ok(admin.delete(f"/users/{again['id']}"), 204)
    assert wrong_members(problem(admin.post("/users", json=person("x")), 422)) == ["username"]


def test_registration_keeps_the_rules(new_server):
    client = new_server(REGISTRATION="open").client()
    problem(client.post("/auth/register", json=person("ｃｈｉｅｆ")), 409)
    assert wrong_members(problem(client.post("/auth/register", json={**person("chi\u200bef"), "email": "x"}), 422)) == [
        "email",
        "username",
    ]


def test_accounts_of_before_the_upgrade_are_looked_at(new_server):
    server = new_server(start=False)
    server.database.rows("update users set name_skeleton = null")
    server.start()
    assert server.database.rows("select name_skeleton from users") == [("chief",)]
    problem(server.admin().post("/users", json=person("ｃｈｉｅｆ")), 409)
