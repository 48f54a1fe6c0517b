"""A department opens studies: it is what who manages accounts says, never what the person says."""

import pytest

from support import PASSWORD, Server, dicom, ok, problem, unique


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), REGISTRATION="open")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture
def film(chief):
    """Of a study that is opened to the department of the same dict."""
    file = chief.upload(dicom(), "a.dcm")
    name = unique("肿瘤科")
    ok(chief.put(f"/studies/{file['study_id']}/assignments/departments/{name}"), 204)
    return {**file, "department": name}


def sees(api, film):
    answers = {
        api.get(path).status_code
        for path in (
            f"/studies/{film['study_id']}",
            f"/image-files/{film['id']}",
            f"/image-files/{film['id']}/download",
            f"/images/{film['id']}/metadata",
        )
    }
    assert answers in ({200}, {404})
    assert (film["study_id"] in [s["id"] for s in ok(api.get("/studies?page_size=100"))["items"]]) == (answers == {200})
    return answers == {200}


def register(server, department, expect=201):
    name = unique("r")
    body = {"username": name, "email": f"{name}@example.org", "full_name": "New", "password": PASSWORD}
    return ok(server.client().post("/auth/register", json={**body, "department": department}), expect)


@pytest.mark.parametrize("role", ["viewer", "nurse", "doctor", "technician"])
def test_nobody_chooses_the_own_department(house, chief, film, role):
    mine = unique("Ward")
    person = house.account(role, admin=chief, department=mine)
    for other in (film["department"], None, mine.lower(), mine + " x"):
        told = problem(person.patch("/auth/me", json={"department": other, "phone": "1"}), 403)
        assert "department" in told["detail"]
    me = ok(person.get("/auth/me"))
    assert (me["department"], me["phone"]) == (mine, None), "nothing of it is written"
    assert not sees(person, film)
    same = ok(person.patch("/auth/me", json={"department": mine, "phone": "2"}))
    assert (same["department"], same["phone"]) == (mine, "2")
    without = house.account(role, admin=chief)
    assert ok(without.patch("/auth/me", json={"department": None}))["department"] is None
    problem(without.patch("/auth/me", json={"department": film["department"]}), 403)


def test_who_manages_accounts_sets_departments(house, chief, film):
    person = house.account("viewer", admin=chief)
    changed = ok(chief.patch(f"/users/{person.id}", json={"department": film["department"]}))
    assert changed["department"] == film["department"] and sees(person, film)
    ok(chief.patch(f"/users/{person.id}", json={"department": None}))
    assert not sees(person, film)
    assert ok(chief.patch("/auth/me", json={"department": "IT"}))["department"] == "IT"
    told = problem(chief.patch(f"/users/{person.id}", json={"stated_department": film["department"]}), 422)
    assert told["errors"][0]["loc"][-1] == "stated_department"


def test_a_registered_department_opens_nothing(house, chief, film):
    account = register(house, film["department"])
    assert (account["department"], account["stated_department"]) == (None, film["department"])
    person = house.sign_in(account["username"])
    assert not sees(person, film)
    problem(person.patch("/auth/me", json={"department": film["department"]}), 403)
    row = ok(chief.get("/users", params={"username": account["username"]}))["items"][0]
    for seen in (row, ok(chief.get(f"/users/{account['id']}"))):
        assert (seen["department"], seen["stated_department"]) == (None, film["department"])
    for _ in range(2):  # being disabled and enabled again is no word about the department
        ok(chief.patch(f"/users/{account['id']}", json={"status": "DISABLED"}))
        ok(chief.patch(f"/users/{account['id']}", json={"status": "ACTIVE"}))
    assert not sees(house.sign_in(account["username"]), film)
    house.run("user", "disable", account["username"])
    assert film["department"] not in house.run("user", "enable", account["username"]).stdout
    told = ok(chief.patch(f"/users/{account['id']}", json={"department": film["department"]}))
    assert (told["department"], told["stated_department"]) == (film["department"], None)
    assert sees(house.sign_in(account["username"]), film)


def test_a_department_is_confirmed_by_approval(new_server):
    server = new_server(REGISTRATION="approval")
    chief = server.admin()
    file = chief.upload(dicom(), "a.dcm")
    film = {**file, "department": "Oncology"}
    ok(chief.put(f"/studies/{film['study_id']}/assignments/departments/Oncology"), 204)
    ways = {
        "confirmed": (lambda a: ok(chief.patch(f"/users/{a['id']}", json={"status": "ACTIVE"})), True),
        "another": (
            lambda a: ok(chief.patch(f"/users/{a['id']}", json={"status": "ACTIVE", "department": "X"})),
            False,
        ),
        "none": (lambda a: ok(chief.patch(f"/users/{a['id']}", json={"status": "ACTIVE", "department": None})), False),
        "command": (lambda a: server.run("user", "enable", a["username"]), True),
    }
    for what, (approve, opens) in ways.items():
        account = register(server, "Oncology", 202)
        assert (account["department"], account["stated_department"]) == (None, "Oncology")
        told = approve(account)
        if what == "command":
            assert "Oncology" in told.stdout
        user = ok(chief.get(f"/users/{account['id']}"))
        assert (user["status"], user["stated_department"]) == ("ACTIVE", None), what
        assert sees(server.sign_in(account["username"]), film) == opens, what
