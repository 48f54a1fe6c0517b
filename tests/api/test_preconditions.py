"""ETag, If-Match, If-None-Match, and Idempotency-Key."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import ok, png, problem, unique, wrong_members


def test_etag_and_304(doctor):
    patient = doctor.patient()
    path = f"/patients/{patient['id']}"
    answer = doctor.get(path)
    etag = answer.headers["etag"]
    assert etag.startswith('"') and etag.endswith('"')
    assert doctor.get(path).headers["etag"] == etag
    for value in (etag, f'"x", {etag}', "W/" + etag, "*"):
        again = doctor.get(path, headers={"If-None-Match": value})
        assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == etag
    ok(doctor.patch(path, json={"name": "anders"}))
    changed = doctor.get(path, headers={"If-None-Match": etag})
    assert changed.status_code == 200 and changed.headers["etag"] != etag


def test_change_answers_with_the_next_etag(doctor):
    patient = doctor.patient()
    path = f"/patients/{patient['id']}"
    answer = doctor.patch(path, json={"name": "neu"}, headers={"If-Match": doctor.get(path).headers["etag"]})
    ok(answer)
    assert answer.headers["etag"] == doctor.get(path).headers["etag"]


@pytest.mark.parametrize(
    "method, body", [("PATCH", {"name": "B"}), ("PUT", {"patient_id": None, "name": "B"}), ("DELETE", None)]
)
def test_if_match(admin, doctor, method, body):
    patient = doctor.patient(name="A")
    path = f"/patients/{patient['id']}"
    body = {**body, "patient_id": patient["patient_id"]} if body else None
    old = doctor.get(path).headers["etag"]
    ok(doctor.patch(path, json={"phone": "1"}))
    for etag in (old, '"invented"', "W/" + old):
        answer = admin.request(method, path, json=body, headers={"If-Match": etag})
        problem(answer, 412)
    assert ok(doctor.get(path))["name"] == "A"
    now = doctor.get(path).headers["etag"]
    answer = admin.request(method, path, json=body, headers={"If-Match": f'"x", {now}'})
    assert answer.status_code in (200, 204)


def test_if_match_star(doctor):
    patient = doctor.patient()
    ok(doctor.patch(f"/patients/{patient['id']}", json={"name": "x"}, headers={"If-Match": "*"}))


def test_if_match_on_image_files(doctor):
    file = doctor.upload(png())
    file = doctor.settled(file["id"])
    path = f"/image-files/{file['id']}"
    etag = doctor.get(path).headers["etag"]
    ok(doctor.patch(path, json={"description": "1"}, headers={"If-Match": etag}))
    problem(doctor.patch(path, json={"description": "2"}, headers={"If-Match": etag}), 412)
    problem(doctor.delete(path, headers={"If-Match": etag}), 412)
    ok(doctor.delete(path, headers={"If-Match": doctor.get(path).headers["etag"]}), 204)


def test_if_match_on_users(admin, doctor):
    path = f"/users/{doctor.id}"
    etag = admin.get(path).headers["etag"]
    ok(admin.patch(path, json={"title": "1"}, headers={"If-Match": etag}))
    problem(admin.patch(path, json={"title": "2"}, headers={"If-Match": etag}), 412)


def test_if_match_on_ones_own_account(viewer):
    """GET /auth/me takes no input at all, and is what a change of the account is compared with."""
    etag = viewer.get("/auth/me").headers["etag"]
    for other in ('"invented"', "W/" + etag, ""):
        problem(viewer.patch("/auth/me", json={"title": "x"}, headers={"If-Match": other}), 412)
    changed = viewer.patch("/auth/me", json={"title": "x"}, headers={"If-Match": etag})
    assert ok(changed)["title"] == "x"
    problem(viewer.patch("/auth/me", json={"title": "y"}, headers={"If-Match": etag}), 412)
    assert ok(viewer.patch("/auth/me", json={"title": "y"}, headers={"If-Match": "*"}))["title"] == "y"
    assert viewer.get("/auth/me", headers={"If-None-Match": changed.headers["etag"]}).status_code == 200


def test_if_match_on_every_operation(admin, viewer):
    """Whatever a change is compared with, the server answers it and lives on."""
    document = ok(admin.get("/openapi.json"))
    changes = [
        (method, re.sub(r"\{[^}]*\}", "999999999", path))
        for path, methods in document["paths"].items()
        for method in methods
        if method in ("post", "put", "patch", "delete") and "/auth/logout" not in path
    ]
    assert len(changes) > 40
    for method, path in changes:
        for api, value in ((viewer, "*"), (admin, '"x"')):
            answer = api.request(method.upper(), path, json={"title": "x"}, headers={"If-Match": value})
            assert answer.status_code < 500, f"{method} {path}: {answer.text}"


def test_lost_updates_are_refused(server, doctor):
    """Ten writers with one ETag: one wins."""
    patient = doctor.patient()
    path = f"/patients/{patient['id']}"
    etag = doctor.get(path).headers["etag"]

    def write(i):
        with server.client(doctor.token) as api:
            return api.patch(path, json={"name": f"writer {i}"}, headers={"If-Match": etag}).status_code

    with ThreadPoolExecutor(10) as pool:
        codes = sorted(pool.map(write, range(10)))
    assert codes == [200] + [412] * 9


def test_if_match_does_not_tell_of_hidden_things(doctor, colleague):
    file = doctor.upload(png())
    problem(colleague.patch(f"/image-files/{file['id']}", json={"description": "x"}, headers={"If-Match": '"x"'}), 404)


# ---- Idempotency-Key ----


def create(api, key, **members):
    body = {"patient_id": unique("P"), "name": "x", **members}
    return api.post("/patients", json=body, headers={"Idempotency-Key": key})


def test_a_repeated_post_happens_once(doctor):
    key, number = str(uuid.uuid4()), unique("P")
    first = create(doctor, key, patient_id=number)
    again = create(doctor, key, patient_id=number)
    assert ok(again, 201) == ok(first, 201)
    assert again.headers["location"] == first.headers["location"]
    assert ok(doctor.get("/patients", params={"search": number}))["total"] == 1


def test_a_key_for_another_body_422(doctor):
    key = str(uuid.uuid4())
    ok(create(doctor, key), 201)
    answer = problem(create(doctor, key), 422)
    assert wrong_members(answer) == ["Idempotency-Key"]


def test_keys_belong_to_their_user(doctor, colleague):
    key = str(uuid.uuid4())
    a, b = ok(create(doctor, key), 201), ok(create(colleague, key), 201)
    assert a["id"] != b["id"]


def test_a_failed_post_may_be_tried_again(doctor):
    key, taken = str(uuid.uuid4()), doctor.patient()
    problem(create(doctor, key, patient_id=taken["patient_id"]), 409)
    ok(create(doctor, key), 201)


def test_keys_under_concurrency(server, doctor):
    key, number = str(uuid.uuid4()), unique("P")

    def send(_):
        with server.client(doctor.token) as api:
            answer = create(api, key, patient_id=number)
            return answer.status_code, answer.json().get("id")

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(12)))
    assert {status for status, _ in answers} <= {201, 409}
    assert len({i for status, i in answers if status == 201}) == 1
    assert ok(doctor.get("/patients", params={"search": number}))["total"] == 1


def test_key_on_work_endpoints(admin):
    """Accounts are made on a worker, in more than one transaction."""
    key, name = str(uuid.uuid4()), unique("k")
    body = {"username": name, "email": f"{name}@example.org", "full_name": "K", "password": "brave-otter-9174"}
    first = ok(admin.post("/users", json=body, headers={"Idempotency-Key": key}), 201)
    assert ok(admin.post("/users", json=body, headers={"Idempotency-Key": key}), 201) == first
    problem(admin.post("/users", json={**body, "full_name": "L"}, headers={"Idempotency-Key": key}), 422)


def test_keys_survive_a_restart(new_server):
    server = new_server()
    admin = server.admin()
    key, number = str(uuid.uuid4()), unique("P")
    first = ok(create(admin, key, patient_id=number), 201)
    server.stop()
    server.start()
    assert ok(create(server.client(admin.token), key, patient_id=number), 201)["id"] == first["id"]


def test_kept_answers_are_sealed(server, doctor):
    name = "geheimer Name " + unique()
    ok(create(doctor, str(uuid.uuid4()), name=name), 201)
    assert name not in str(server.database.rows("select body from idempotency_keys"))


@pytest.mark.parametrize("key", ["k", "k" * 255, "键", "a b", "'; drop table x"])
def test_odd_keys(doctor, key):
    answer = doctor.post(
        "/patients", json={"patient_id": unique("P"), "name": "x"}, headers={"Idempotency-Key": key.encode()}
    )
    assert answer.status_code in (201, 400, 422)


def test_a_huge_key_is_refused_or_taken(doctor):
    answer = doctor.post(
        "/patients", json={"patient_id": unique("P"), "name": "x"}, headers={"Idempotency-Key": "k" * 5000}
    )
    assert answer.status_code in (201, 400, 422)
