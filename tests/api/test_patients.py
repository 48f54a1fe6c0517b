"""Patients: register, replace, change, delete, restore, merge; and who may."""

import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import comes_to, ok, png, problem, unique, wrong_members

MEMBERS = {
    "id",
    "patient_id",
    "name",
    "name_en",
    "gender",
    "birth_date",
    "age",
    "id_card",
    "phone",
    "email",
    "address",
    "blood_type",
    "height_cm",
    "weight_kg",
    "allergies",
    "medical_history",
    "emergency_contact_name",
    "emergency_contact_phone",
    "insurance_number",
    "status",
    "created_by",
    "created_at",
    "updated_at",
}
FULL = {
    "name": "王小明",
    "name_en": "Wang Xiaoming",
    "gender": "MALE",
    "birth_date": "1980-05-17",
    "phone": "13800138000",
    "email": "wang@example.org",
    "address": "北京市东城区1号",
    "blood_type": "AB+",
    "height_cm": 175.5,
    "weight_kg": 70.25,
    "allergies": "青霉素",
    "medical_history": "高血压\n2019 手术",
    "emergency_contact_name": "李丽",
    "emergency_contact_phone": "13900139000",
    "insurance_number": "INS-1",
    "status": "ACTIVE",
}


def test_register_with_everything(doctor):
    body = {**FULL, "patient_id": unique("P"), "id_card": unique("110101")}
    answer = doctor.post("/patients", json=body)
    patient = ok(answer, 201)
    assert answer.headers["location"] == f"/api/v1/patients/{patient['id']}"
    assert MEMBERS <= set(patient)
    assert {k: patient[k] for k in body} == body
    assert patient["created_by"] == doctor.id
    assert patient["is_deleted"] is False and patient["deleted_at"] is None
    assert ok(doctor.get(f"/patients/{patient['id']}")) == patient


def test_register_with_little(doctor):
    patient = doctor.patient()
    assert patient["gender"] == "UNKNOWN" and patient["status"] == "ACTIVE"
    for member in ("name_en", "birth_date", "age", "id_card", "phone", "email", "blood_type", "height_cm", "allergies"):
        assert patient[member] is None


def test_age_is_derived(doctor):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    born = today.replace(year=today.year - 40, day=min(today.day, 28))
    assert doctor.patient(birth_date=born.isoformat())["age"] == 40
    tomorrow = today + datetime.timedelta(days=1)
    born = tomorrow.replace(year=tomorrow.year - 40, day=min(tomorrow.day, 28))
    if born.day == tomorrow.day:
        age = doctor.patient(birth_date=born.isoformat())["age"]
        assert age == 39 or datetime.datetime.now(datetime.timezone.utc).date() >= tomorrow  # midnight has passed


def test_empty_strings_are_null_and_do_not_clash(doctor):
    a = doctor.patient(id_card="", phone="", name_en="")
    b = doctor.patient(id_card="", phone="", name_en="")
    assert a["id_card"] is None and b["id_card"] is None and a["phone"] is None and a["name_en"] is None
    assert a["id"] != b["id"]


@pytest.mark.parametrize(
    "member, value",
    [
        ("patient_id", ""),
        ("patient_id", "x" * 65),
        ("patient_id", None),
        ("patient_id", 5),
        ("name", ""),
        ("name", "x" * 101),
        ("name", None),
        ("name_en", "x" * 101),
        ("gender", "male"),
        ("gender", "X"),
        ("birth_date", "1980-02-30"),
        ("birth_date", "17.5.1980"),
        ("birth_date", "2999-01-01"),
        ("birth_date", 19800517),
        ("blood_type", "C"),
        ("height_cm", "tall"),
        ("height_cm", -1),
        ("height_cm", 301),
        ("weight_kg", 701),
        ("status", "GONE"),
        ("id", 5),
        ("created_by", 1),
        ("created_at", "2020-01-01T00:00:00Z"),
        ("age", 30),
        ("is_deleted", True),
        ("merged_into", 1),
        ("unknown_member", 1),
        ("id_card", "x" * 65),
        ("phone", "1" * 33),
        ("email", "x" * 255),
        ("address", "x" * 501),
    ],
)
def test_bad_members_are_refused(doctor, member, value):
    body = {"patient_id": unique("P"), "name": "x", member: value}
    assert wrong_members(problem(doctor.post("/patients", json=body), 422)) == [member]


@pytest.mark.parametrize(
    "member, value",
    [
        ("name", "x" * 100),
        ("name", "王" * 100),
        ("patient_id", "y" * 60),
        ("height_cm", 300),
        ("weight_kg", 700),
        ("phone", "1" * 32),
        ("address", "x" * 500),
        ("blood_type", "O-"),
        ("gender", "OTHER"),
        ("birth_date", "1900-01-01"),
        ("status", "DECEASED"),
    ],
)
def test_limits_are_inclusive(doctor, member, value):
    value = value[:50] + unique("z") if member == "patient_id" else value
    assert doctor.patient(**{member: value})[member] == value


def test_every_wrong_member_at_once(doctor):
    body = {"name": "", "gender": "X", "birth_date": "never", "height_cm": "tall", "crown": 1}
    answer = problem(doctor.post("/patients", json=body), 422)
    assert wrong_members(answer) == sorted([*body, "patient_id"])
    assert all({"loc", "msg", "type"} <= set(e) for e in answer["errors"])
    assert all(e["loc"][0] == "body" for e in answer["errors"])


def test_duplicate_number_409(doctor):
    patient = doctor.patient()
    problem(doctor.post("/patients", json={"patient_id": patient["patient_id"], "name": "x"}), 409)
    other = doctor.patient()
    problem(doctor.patch(f"/patients/{other['id']}", json={"patient_id": patient["patient_id"]}), 409)


def test_duplicate_id_card_409(doctor):
    card = unique("1101")
    doctor.patient(id_card=card)
    answer = problem(doctor.post("/patients", json={"patient_id": unique("P"), "name": "x", "id_card": card}), 409)
    assert card not in str(answer)
    other = doctor.patient()
    problem(doctor.patch(f"/patients/{other['id']}", json={"id_card": card}), 409)


def test_concurrent_creation_gives_one(server, doctor):
    number = unique("P")

    def create(i):
        with server.client(doctor.token) as client:
            return client.post("/patients", json={"patient_id": number, "name": f"n{i}"}).status_code

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(create, range(32)))
    assert sorted(codes) == [201] + [409] * 31


def test_patch_changes_what_is_given(doctor):
    before = doctor.patient(**FULL)
    after = ok(doctor.patch(f"/patients/{before['id']}", json={"phone": "13700137000", "allergies": None}))
    assert after["phone"] == "13700137000" and after["allergies"] is None
    changed = {"phone", "allergies", "updated_at"}
    assert {k: v for k, v in after.items() if k not in changed} == {k: v for k, v in before.items() if k not in changed}
    assert after["updated_at"] > before["updated_at"]


def test_patch_with_nothing_changes_nothing(doctor):
    before = doctor.patient(**FULL)
    after = ok(doctor.patch(f"/patients/{before['id']}", json={}))
    assert {**after, "updated_at": 0} == {**before, "updated_at": 0}


@pytest.mark.parametrize(
    "body",
    [{"name": None}, {"name": ""}, {"patient_id": None}, {"gender": None}, {"id": 1}, {"crown": 1}, {"status": None}],
)
def test_patch_refuses(doctor, body):
    before = doctor.patient()
    assert wrong_members(problem(doctor.patch(f"/patients/{before['id']}", json=body), 422)) == list(body)
    assert ok(doctor.get(f"/patients/{before['id']}")) == before


def test_put_replaces(doctor):
    before = doctor.patient(**FULL, id_card=unique("11"))
    after = ok(doctor.put(f"/patients/{before['id']}", json={"patient_id": before["patient_id"], "name": "新名字"}))
    assert after["name"] == "新名字" and after["gender"] == "UNKNOWN" and after["status"] == "ACTIVE"
    for member in set(FULL) - {"name", "gender", "status"}:
        assert after[member] is None, member
    assert after["id_card"] is None
    assert (after["created_by"], after["created_at"]) == (before["created_by"], before["created_at"])
    assert wrong_members(problem(doctor.put(f"/patients/{before['id']}", json={"name": "x"}), 422)) == ["patient_id"]


def test_delete_hides_and_restore_brings_back(admin, doctor):
    patient = doctor.patient(name="删除测试" + unique())
    ok(admin.delete(f"/patients/{patient['id']}"), 204)
    path = f"/patients/{patient['id']}"
    problem(doctor.get(path), 404)
    problem(doctor.patch(path, json={"name": "x"}), 404)
    problem(doctor.put(path, json={"patient_id": "x", "name": "x"}), 404)
    problem(admin.delete(path), 404)
    problem(doctor.get(path + "/studies"), 404)
    problem(doctor.get(path + "/timeline"), 404)
    problem(doctor.get(f"/image-files/patient/{patient['id']}"), 404)
    assert ok(doctor.get("/patients", params={"search": patient["name"]}))["total"] == 0
    back = ok(admin.post(path + "/restore"))
    assert {**back, "updated_at": 0} == {**patient, "updated_at": 0}
    comes_to(1, lambda: ok(doctor.get("/patients", params={"search": patient["name"]}))["total"])
    problem(admin.post(path + "/restore"), 404)


def test_deletion_says_who_and_when(server, admin, doctor):
    patient = doctor.patient()
    ok(admin.delete(f"/patients/{patient['id']}"), 204)
    assert server.database.rows(
        f"select deleted_by, deleted_at is not null from patients where id = {patient['id']}"
    ) == [(admin.id, 1)]


def test_deleted_number_and_card_are_free_again(admin, doctor):
    card = unique("11")
    first = doctor.patient(id_card=card)
    ok(admin.delete(f"/patients/{first['id']}"), 204)
    second = doctor.patient(patient_id=first["patient_id"], id_card=card)
    problem(admin.post(f"/patients/{first['id']}/restore"), 409)
    ok(admin.delete(f"/patients/{second['id']}"), 204)
    ok(admin.post(f"/patients/{first['id']}/restore"))


def test_many_deletions_of_one_number(admin, doctor):
    number = unique("P")
    for _ in range(3):
        ok(admin.delete(f"/patients/{doctor.patient(patient_id=number)['id']}"), 204)
    doctor.patient(patient_id=number)


def test_contact_data_is_sealed_at_rest(server, doctor):
    secrets = {
        "id_card": unique("1101011980"),
        "phone": unique("138"),
        "email": unique("mail") + "@example.org",
        "address": "秘密街" + unique(),
    }
    patient = doctor.patient(**secrets)
    row = str(server.database.rows(f"select * from patients where id = {patient['id']}"))
    assert patient["patient_id"] in row
    for secret in secrets.values():
        assert secret not in row
    same = doctor.patient(phone=secrets["phone"])
    sealed = server.database.rows(f"select phone, phone_hash from patients where id in ({patient['id']}, {same['id']})")
    assert sealed[0][0] != sealed[1][0] and sealed[0][1] == sealed[1][1]


# ---- merge, studies, timeline ----


def test_merge_moves_files_and_leaves_a_trace(server, admin, doctor):
    stays, goes = doctor.patient(), doctor.patient()
    file = doctor.upload(png(), patient_id=goes["id"])
    merged = ok(admin.post(f"/patients/{stays['id']}/merge", json={"source_id": goes["id"]}))
    assert merged["id"] == stays["id"] and merged["image_count"] == 1
    assert doctor.file(file["id"])["patient_id"] == stays["id"]
    assert [f["id"] for f in ok(doctor.get(f"/image-files/patient/{stays['id']}"))["items"]] == [file["id"]]
    problem(doctor.get(f"/patients/{goes['id']}"), 404)
    assert server.database.rows(f"select merged_into from patients where id = {goes['id']}") == [(stays["id"],)]


def test_merge_refuses(admin, doctor):
    patient = doctor.patient()
    assert wrong_members(
        problem(admin.post(f"/patients/{patient['id']}/merge", json={"source_id": patient["id"]}), 422)
    ) == ["source_id"]
    assert wrong_members(
        problem(admin.post(f"/patients/{patient['id']}/merge", json={"source_id": 999999999}), 422)
    ) == ["source_id"]
    problem(admin.post("/patients/999999999/merge", json={"source_id": patient["id"]}), 404)
    problem(doctor.post(f"/patients/{patient['id']}/merge", json={"source_id": patient["id"]}), 403)
    ok(doctor.get(f"/patients/{patient['id']}"))


def test_timeline_shows_what_one_may_see(doctor, colleague, radiologist):
    patient = doctor.patient()
    mine = doctor.upload(png(), filename="mine.png", patient_id=patient["id"])
    theirs = colleague.upload(png(), filename="theirs.png", patient_id=patient["id"])
    path = f"/patients/{patient['id']}/timeline"
    events = ok(doctor.get(path))["items"]
    assert [(e["kind"], e["title"], e["image_file_id"]) for e in events] == [("IMAGE_FILE", "mine.png", mine["id"])]
    assert {"at", "kind", "title", "study_id", "image_file_id"} <= set(events[0])
    assert [e["image_file_id"] for e in ok(radiologist.get(path))["items"]] == [theirs["id"], mine["id"]]


def test_studies_of_a_patient(doctor):
    assert ok(doctor.get(f"/patients/{doctor.patient()['id']}/studies"))["items"] == []
    problem(doctor.get("/patients/999999999/studies"), 404)


# ---- rights ----


def test_rights(admin, doctor, technician, radiologist, viewer, nobody):
    patient = doctor.patient()
    path, new = f"/patients/{patient['id']}", lambda: {"patient_id": unique("P"), "name": "x"}
    for api in (admin, doctor, technician, radiologist, viewer):
        ok(api.get(path))
        ok(api.get("/patients"))
    for api in (admin, doctor, technician):
        ok(api.post("/patients", json=new()), 201)
    for api in (radiologist, viewer):
        problem(api.post("/patients", json=new()), 403)
    for api in (technician, radiologist, viewer):
        problem(api.patch(path, json={"name": "x"}), 403)
    for api in (doctor, technician, radiologist, viewer):
        problem(api.delete(path), 403)
    for method in ("GET", "PATCH", "DELETE"):
        problem(nobody.request(method, path), 401)


@pytest.mark.parametrize(
    "number", ["0", "-1", "abc", "1.5", "99999999999999999999", "9223372036854775808", "%00", "1%20or%201=1"]
)
def test_impossible_ids(doctor, number):
    assert doctor.get(f"/patients/{number}").status_code in (400, 404, 422)


def test_big_ids_are_64_bit(doctor):
    problem(doctor.get(f"/patients/{2**62}"), 404)
