"""Accounts: made, listed, changed, deleted, given roles; and what follows at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import PASSWORD, ok, problem, unique, wrong_members


def new_user(**members):
    name = unique("n")
    return {"username": name, "email": f"{name}@example.org", "full_name": "王芳", "password": PASSWORD, **members}


def test_create(admin):
    body = new_user(roles=["nurse", "viewer"], phone="010-1234", department="放射科", title="主任医师")
    answer = admin.post("/users", json=body)
    user = ok(answer, 201)
    assert answer.headers["location"] == f"/api/v1/users/{user['id']}"
    assert user["roles"] == ["nurse", "viewer"]
    assert (user["phone"], user["department"], user["title"]) == ("010-1234", "放射科", "主任医师")
    assert user["status"] == "ACTIVE" and user["last_login_at"] is None
    assert not {"password", "password_hash"} & set(user)
    assert ok(admin.get(f"/users/{user['id']}")) == user


def test_default_role_is_doctor(admin):
    assert ok(admin.post("/users", json=new_user()), 201)["roles"] == ["doctor"]
    assert ok(admin.post("/users", json=new_user(roles=[])), 201)["roles"] == ["doctor"]


@pytest.mark.parametrize("member", ["username", "email"])
def test_taken_names_409(admin, doctor, member):
    problem(admin.post("/users", json=new_user(**{member: doctor.user[member]})), 409)
    problem(admin.post("/users", json=new_user(**{member: doctor.user[member].upper()})), 409)


def test_every_wrong_member_is_named(admin):
    body = {"username": "x", "email": "y", "full_name": "", "password": "short", "department": 5, "crown": True}
    assert wrong_members(problem(admin.post("/users", json=body), 422)) == sorted(body)


def test_missing_members_are_named(admin):
    assert wrong_members(problem(admin.post("/users", json={}), 422)) == ["email", "full_name", "password", "username"]


def test_unknown_role_422(admin):
    body = new_user(roles=["doctor", "emperor"])
    problem(admin.post("/users", json=body), 422)
    problem(admin.post("/auth/login", json={"username": body["username"], "password": PASSWORD}), 401)


def test_concurrent_creation_gives_one(server, admin):
    body = new_user()

    def create(_):
        with server.client(admin.token) as client:
            return client.post("/users", json=body).status_code

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(create, range(16)))
    assert sorted(codes) == [201] + [409] * 15


def test_patch(admin, doctor):
    user = ok(admin.patch(f"/users/{doctor.id}", json={"full_name": "陈医生", "title": "Dr"}))
    assert (user["full_name"], user["title"], user["email"]) == ("陈医生", "Dr", doctor.user["email"])
    assert user["updated_at"] > user["created_at"]


@pytest.mark.parametrize(
    "member, value",
    [
        ("username", "x"),
        ("roles", ["admin"]),
        ("password", PASSWORD),
        ("id", 7),
        ("status", "GONE"),
        ("created_at", "2020-01-01T00:00:00Z"),
        ("full_name", None),
        ("email", ""),
    ],
)
def test_patch_refuses(admin, doctor, member, value):
    assert wrong_members(problem(admin.patch(f"/users/{doctor.id}", json={member: value}), 422)) == [member]


def test_list_and_filters(admin, doctor):
    body = ok(admin.get("/users", params={"username": doctor.user["username"]}))
    assert [u["id"] for u in body["items"]] == [doctor.id]
    assert body["items"][0]["roles"] == ["doctor"]
    assert "password_hash" not in body["items"][0]
    assert ok(admin.get("/users", params={"status": "DISABLED", "username": doctor.user["username"]}))["total"] == 0


def test_total_counts_accounts(admin):
    before = ok(admin.get("/users"))["total"]
    made = ok(admin.post("/users", json=new_user()), 201)["id"]
    assert ok(admin.get("/users"))["total"] == before + 1
    ok(admin.delete(f"/users/{made}"), 204)
    assert ok(admin.get("/users"))["total"] == before


def test_delete_ends_access_and_frees_the_name(server, admin, doctor):
    ok(admin.delete(f"/users/{doctor.id}"), 204)
    problem(doctor.get("/auth/me"), 401)
    problem(server.client().post("/auth/refresh", json={"refresh_token": doctor.refresh_token}), 401)
    problem(server.client().post("/auth/login", json={"username": doctor.user["username"], "password": PASSWORD}), 401)
    problem(admin.get(f"/users/{doctor.id}"), 404)
    problem(admin.patch(f"/users/{doctor.id}", json={"title": "x"}), 404)
    problem(admin.put(f"/users/{doctor.id}/roles", json={"roles": ["admin"]}), 404)
    problem(admin.delete(f"/users/{doctor.id}"), 404)
    again = ok(admin.post("/users", json=new_user(username=doctor.user["username"], email=doctor.user["email"])), 201)
    assert again["id"] != doctor.id


def test_delete_says_who_and_when(server, admin, doctor):
    ok(admin.delete(f"/users/{doctor.id}"), 204)
    rows = server.database.rows(f"select deleted_by, deleted_at is not null from users where id = {doctor.id}")
    assert rows == [(admin.id, 1)]


def test_disabled_user_loses_access_at_once(server, admin, doctor):
    ok(doctor.get("/auth/me"))
    ok(admin.patch(f"/users/{doctor.id}", json={"status": "DISABLED"}))
    problem(doctor.get("/auth/me"), 401)
    problem(server.client().post("/auth/refresh", json={"refresh_token": doctor.refresh_token}), 401)
    problem(server.client().post("/auth/login", json={"username": doctor.user["username"], "password": PASSWORD}), 401)
    ok(admin.patch(f"/users/{doctor.id}", json={"status": "ACTIVE"}))
    server.sign_in(doctor.user["username"])
    problem(doctor.get("/auth/me"), 401)


def test_demoted_user_loses_rights_at_once(admin, doctor):
    doctor.patient()
    assert ok(admin.put(f"/users/{doctor.id}/roles", json={"roles": ["viewer"]}))["roles"] == ["viewer"]
    problem(doctor.post("/patients", json={"patient_id": unique("P"), "name": "x"}), 403)
    assert ok(doctor.get("/auth/me"))["roles"] == ["viewer"]
    ok(admin.put(f"/users/{doctor.id}/roles", json={"roles": ["viewer", "doctor"]}))
    doctor.patient()


@pytest.mark.parametrize(
    "body",
    [{}, {"roles": []}, {"roles": ["emperor"]}, {"roles": "admin"}, {"roles": [5]}, {"roles": ["doctor"], "x": 1}],
)
def test_bad_roles_422_and_nothing_changes(admin, doctor, body):
    problem(admin.put(f"/users/{doctor.id}/roles", json=body), 422)
    assert ok(admin.get(f"/users/{doctor.id}"))["roles"] == ["doctor"]


def test_the_last_administrator_stays(new_server):
    server = new_server()
    admin = server.admin()
    problem(admin.delete(f"/users/{admin.id}"), 409)
    problem(admin.patch(f"/users/{admin.id}", json={"status": "DISABLED"}), 409)
    problem(admin.put(f"/users/{admin.id}/roles", json={"roles": ["doctor"]}), 409)
    second = server.account("admin", admin=admin)
    ok(second.put(f"/users/{admin.id}/roles", json={"roles": ["doctor"]}))
    problem(admin.get("/users"), 403)
    problem(second.delete(f"/users/{second.id}"), 409)


def test_two_administrators_cannot_remove_each_other_at_once(new_server):
    """The last two end each other's rights at the same moment: one must stay."""
    server = new_server()
    for _ in range(5):
        first = server.admin()
        second = server.account("admin", admin=first)

        def demote(pair):
            actor, other = pair
            return actor.put(f"/users/{other.id}/roles", json={"roles": ["viewer"]}).status_code

        with ThreadPoolExecutor(2) as pool:
            codes = list(pool.map(demote, [(first, second), (second, first)]))
        assert set(codes) <= {200, 403, 409, 401}
        rows = server.database.rows(
            "select count(*) from user_roles x join roles r on r.id = x.role_id join users u on u.id = x.user_id "
            "where r.name = 'admin' and u.deleted_at is null"
        )
        assert rows[0][0] >= 1
        if ok(first.get("/auth/me"))["roles"] != ["admin"]:
            ok(second.put(f"/users/{first.id}/roles", json={"roles": ["admin"]}))
        ok(server.admin().delete(f"/users/{second.id}"), 204)


ADMIN_ONLY = [
    ("GET", "/users"),
    ("POST", "/users"),
    ("GET", "/users/1"),
    ("PATCH", "/users/1"),
    ("DELETE", "/users/1"),
    ("POST", "/users/1/unlock"),
    ("POST", "/users/1/password"),
    ("PUT", "/users/1/roles"),
    ("GET", "/roles"),
    ("GET", "/permissions"),
    ("GET", "/system/audit-logs"),
    ("GET", "/system/config"),
    ("GET", "/system/stats"),
    ("GET", "/system/errors"),
    ("GET", "/system/performance"),
]


@pytest.mark.parametrize("method, path", ADMIN_ONLY)
def test_administration_is_for_administrators(doctor, nobody, method, path):
    body = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
    problem(doctor.request(method, path, **body), 403)
    problem(nobody.request(method, path, **body), 401)


def test_roles_and_permissions_are_listed(admin):
    roles = {r["name"]: r["permissions"] for r in ok(admin.get("/roles"))["items"]}
    assert set(roles) == {
        "admin",
        "radiologist",
        "doctor",
        "technician",
        "nurse",
        "viewer",
        "service",
        "interface",
    }
    names = {p["name"] for p in ok(admin.get("/permissions", params={"page_size": 100}))["items"]}
    assert set(roles["admin"]) == names
    assert set(roles["doctor"]) == {
        "patient.read",
        "patient.create",
        "patient.update",
        "study.read",
        "study.create",
        "image.upload",
        "image.read",
        "image.annotate",
        "ai.run",
        "report.create",
        "report.update",
    }
    assert set(roles["viewer"]) == set(roles["nurse"]) == {"patient.read", "study.read", "image.read", "report.read"}
    assert set(roles["service"]) == {"dicom.store", "image.upload"}
    assert set(roles["technician"]) == {
        "patient.read",
        "patient.create",
        "study.read",
        "study.create",
        "study.update",
        "image.upload",
        "image.read",
        "image.update",
    }
    assert set(roles["radiologist"]) == {
        "patient.read",
        "study.read",
        "image.upload",
        "image.read_all",
        "image.annotate",
        "ai.run",
        "ai.review",
        "report.create",
        "report.update",
        "report.review",
        "report.sign",
    }
