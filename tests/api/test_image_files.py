"""Image files: who sees them, changing, deleting, restoring, archiving, batches, the access log."""

import pytest

from support import JPEG, comes_to, ok, png, problem, sample, unique, wait_until, wrong_members


def everything_about(api, file_id):
    """All ways to reach one file by its number."""
    base = f"/image-files/{file_id}"
    return {
        "get": api.get(base),
        "download": api.get(base + "/download"),
        "patch": api.patch(base, json={"description": "x"}),
        "access-log": api.get(base + "/access-log"),
        "thumbnail": api.get(f"/images/{file_id}/thumbnail"),
        "head": api.head(base + "/download"),
        "restore": api.post(base + "/restore"),
        "delete": api.delete(base),
    }


def test_files_of_others_do_not_exist(doctor, colleague, viewer, technician):
    file = doctor.upload(sample(JPEG) + b"x")
    for api in (colleague, viewer, technician):
        for way, answer in everything_about(api, file["id"]).items():
            assert answer.status_code == 404, way
        never = everything_about(api, 999999999)
        assert all(a.status_code == 404 for a in never.values())
        mine, none = (
            problem(api.get(f"/image-files/{file['id']}"), 404),
            problem(api.get("/image-files/999999999"), 404),
        )
        assert mine["detail"].replace(str(file["id"]), "N") == none["detail"].replace("999999999", "N")
    assert doctor.file(file["id"])["description"] is None


def test_counting_ids_up_finds_nothing_of_others(doctor, colleague):
    mine = {doctor.upload(png())["id"] for _ in range(3)}
    theirs = {colleague.upload(png())["id"] for _ in range(3)}
    top = max(mine | theirs)
    seen = {n for n in range(max(1, top - 30), top + 3) if colleague.get(f"/image-files/{n}").status_code == 200}
    assert seen == theirs


def test_read_all_sees_but_does_not_change(doctor, radiologist):
    file = doctor.upload(sample(JPEG))
    answers = everything_about(radiologist, file["id"])
    assert answers["get"].status_code == answers["download"].status_code == 200
    assert answers["patch"].status_code == answers["delete"].status_code == 403
    ok(doctor.get(f"/image-files/{file['id']}"))


def assign(server, user, *files):
    """A study with these files, assigned to the user. Studies come with a later version, so by hand."""
    uid, patient = unique("1.2.3."), files[0]["patient_id"]
    rows = server.database.rows
    rows(
        f"insert into studies(study_uid, patient_id, created_by, created_at, updated_at) "
        f"values ('{uid}', {patient}, {files[0]['uploaded_by']}, 1, 1)"
    )
    study = rows(f"select id from studies where study_uid = '{uid}'")[0][0]
    rows(
        f"insert into study_assignments(study_id, user_id, created_by, created_at) "
        f"values ({study}, {user.id}, {user.id}, 1)"
    )
    for file in files:
        rows(f"update image_files set study_id = {study} where id = {file['id']}")


def test_files_of_assigned_studies_are_seen(server, doctor, colleague, viewer):
    patient = doctor.patient()
    shared = [
        doctor.upload(sample(JPEG) + bytes([i]), patient_id=patient["id"], filename=f"shared{i}.jpg") for i in range(3)
    ]
    hidden = doctor.upload(png(), patient_id=patient["id"])
    assign(server, colleague, *shared)
    own = colleague.upload(png(), patient_id=patient["id"])
    assign(server, viewer, own)
    seen = [f["id"] for f in shared[::-1]]
    listed = ok(colleague.get("/image-files"))
    assert [f["id"] for f in listed["items"]] == [own["id"], *seen] and listed["total"] == 4
    assert [f["id"] for f in ok(colleague.get(f"/image-files/patient/{patient['id']}"))["items"]] == [own["id"], *seen]
    assert [f["id"] for f in ok(colleague.get("/image-files", params={"search": "shared1"}))["items"]] == [
        shared[1]["id"]
    ]
    assert [f["id"] for f in ok(colleague.get("/image-files/my-images"))["items"]] == [own["id"]]
    pages, after = [], None
    while after is not None or not pages:
        body = ok(colleague.get("/image-files", params={"page_size": 1, **({"after": after} if after else {})}))
        pages += [f["id"] for f in body["items"]]
        after = body["next"]
    assert pages == [own["id"], *seen]
    answers = everything_about(colleague, shared[0]["id"])
    assert {answers[w].status_code for w in ("get", "download", "thumbnail", "access-log")} == {200}
    assert {answers[w].status_code for w in ("patch", "delete")} == {403}
    problem(colleague.get(f"/image-files/{hidden['id']}"), 404)
    assert [f["id"] for f in ok(viewer.get("/image-files"))["items"]] == [own["id"]]
    events = ok(colleague.get(f"/patients/{patient['id']}/timeline"))["items"]
    assert {e["image_file_id"] for e in events if e["kind"] == "IMAGE_FILE"} == {own["id"], *seen}
    assert len(ok(colleague.get(f"/patients/{patient['id']}/studies"))["items"]) == 2  # that of one's own file, too


def test_own_files_of_assigned_studies_come_once(server, doctor):
    file = doctor.upload(png(), patient_id=doctor.patient()["id"])
    assign(server, doctor, file)
    body = ok(doctor.get("/image-files"))
    assert ([f["id"] for f in body["items"]], body["total"]) == ([file["id"]], 1)


def test_administrator_may_change_and_delete(admin, doctor):
    file = doctor.upload(png())
    assert ok(admin.patch(f"/image-files/{file['id']}", json={"description": "by admin"}))["description"] == "by admin"
    ok(admin.delete(f"/image-files/{file['id']}"), 204)
    assert ok(admin.post(f"/image-files/{file['id']}/restore"))["uploaded_by"] == doctor.id


def test_nobody_sees_anything(doctor, nobody):
    file = doctor.upload(png())
    for way, answer in everything_about(nobody, file["id"]).items():
        assert answer.status_code == 401, way


def test_patch(doctor):
    file, patient = doctor.upload(png(), modality="CT"), doctor.patient()
    body = {"description": "新的描述", "modality": "MR", "body_part": "KNEE", "patient_id": patient["id"]}
    changed = ok(doctor.patch(f"/image-files/{file['id']}", json=body))
    assert {k: changed[k] for k in body} == body
    assert changed["updated_at"] > file["updated_at"]
    same = set(file) - set(body) - {"updated_at", "thumbnail_path"}
    assert {k: changed[k] for k in same} == {k: file[k] for k in same}
    cleared = ok(
        doctor.patch(f"/image-files/{file['id']}", json={"description": None, "modality": "", "patient_id": None})
    )
    assert cleared["description"] is None and cleared["modality"] is None and cleared["patient_id"] is None
    assert cleared["body_part"] == "KNEE"


@pytest.mark.parametrize(
    "member, value",
    [
        ("status", "UPLOADED"),
        ("storage_path", "../../etc/passwd"),
        ("uploaded_by", 1),
        ("file_hash", "0"),
        ("original_filename", "x"),
        ("patient_id", 999999999),
        ("patient_id", -1),
        ("modality", "x" * 17),
        ("description", 5),
        ("is_deleted", True),
        ("id", 1),
        ("file_size", 1),
        ("thumbnail_path", "x"),
        ("duplicate_of", 1),
        ("sha256", "0"),
        ("study_id", 1),
    ],
)
def test_patch_refuses(doctor, member, value):
    file = doctor.upload(png())
    assert wrong_members(problem(doctor.patch(f"/image-files/{file['id']}", json={member: value}), 422)) == [member]


def test_deleted_things_are_unreadable(doctor, radiologist, admin):
    patient = doctor.patient()
    file = doctor.upload(sample(JPEG), patient_id=patient["id"], filename="geheim.jpg")
    ok(doctor.delete(f"/image-files/{file['id']}"), 204)
    for api in (doctor, radiologist, admin):
        base = f"/image-files/{file['id']}"
        for answer in (
            api.get(base),
            api.get(base + "/download"),
            api.head(base + "/download"),
            api.get(f"/images/{file['id']}/thumbnail"),
            api.get(base + "/access-log"),
            api.patch(base, json={"description": "x"}),
            api.delete(base),
        ):
            assert answer.status_code == 404
    for path in (
        "/image-files/my-images",
        f"/image-files/patient/{patient['id']}",
        "/image-files",
        "/image-files/my-images?search=geheim",
    ):
        assert file["id"] not in [f["id"] for f in ok(doctor.get(path))["items"]]
    assert ok(doctor.get(f"/patients/{patient['id']}/timeline"))["items"] == []
    assert ok(doctor.get("/image-files/stats/summary"))["total_files"] == 0


def total(api, **query):
    return ok(api.get("/image-files/my-images", params=query))["total"]


def test_restore(server, doctor, colleague, radiologist):
    content = png()
    file = doctor.upload(content, description="zurück")
    problem(doctor.post(f"/image-files/{file['id']}/restore"), 404)
    ok(doctor.delete(f"/image-files/{file['id']}"), 204)
    assert server.database.rows(
        f"select deleted_by, deleted_at is not null from image_files where id = {file['id']}"
    ) == [(doctor.id, 1)]
    problem(colleague.post(f"/image-files/{file['id']}/restore"), 404)
    back = ok(doctor.post(f"/image-files/{file['id']}/restore"))
    assert back["is_deleted"] is False and back["deleted_at"] is None and back["deleted_by"] is None
    assert doctor.get(f"/image-files/{file['id']}/download").content == content
    comes_to(1, lambda: total(doctor, search="zurück"))


def test_a_deleted_file_stays_on_disk_until_purged(server, doctor):
    file = doctor.upload(png())
    ok(doctor.delete(f"/image-files/{file['id']}"), 204)
    assert (server.files / file["storage_path"]).exists()


def test_archive_and_back(server, admin, doctor):
    content = png()
    file = doctor.upload(content)
    problem(doctor.post(f"/image-files/{file['id']}/archive"), 403)
    archived = ok(admin.post(f"/image-files/{file['id']}/archive"))
    assert archived["status"] == "ARCHIVED"
    assert not (server.files / file["storage_path"]).exists()
    assert doctor.get(f"/image-files/{file['id']}/download").content == content
    problem(admin.post(f"/image-files/{file['id']}/archive"), 409)
    assert ok(doctor.get("/image-files/stats/summary"))["by_status"] == {"ARCHIVED": 1}
    back = ok(admin.post(f"/image-files/{file['id']}/unarchive"))
    assert back["status"] == "UPLOADED"
    assert (server.files / file["storage_path"]).exists()
    problem(admin.post(f"/image-files/{file['id']}/unarchive"), 409)
    assert doctor.get(f"/image-files/{file['id']}/download").content == content


def test_archive_moves_all_rows_that_share_the_bytes(admin, doctor):
    content = png()
    first, second = doctor.upload(content), doctor.upload(content)
    assert second["duplicate_of"] == first["id"]
    ok(admin.post(f"/image-files/{first['id']}/archive"))
    for file in (first, second):
        assert doctor.get(f"/image-files/{file['id']}/download").content == content
    third = doctor.upload(content)
    assert doctor.get(f"/image-files/{third['id']}/download").content == content


def test_archiving_needs_an_archive(new_server):
    admin = new_server().admin()
    file = admin.upload(png())
    problem(admin.post(f"/image-files/{file['id']}/archive"), 409)
    assert admin.file(file["id"])["status"] == "UPLOADED"


def batch(api, ids, action, **more):
    return ok(api.post("/image-files/batch", json={"ids": ids, "action": action, **more}), 207)["items"]


def test_batch_delete_and_restore(doctor, colleague):
    mine, theirs = [doctor.upload(png())["id"] for _ in range(3)], colleague.upload(png())["id"]
    items = batch(doctor, [*mine, theirs, 999999999], "delete")
    assert [i["id"] for i in items] == [*mine, theirs, 999999999]
    assert [i["status"] for i in items] == [200, 200, 200, 404, 404]
    assert [i["error"] is None for i in items] == [True, True, True, False, False]
    assert ok(doctor.get("/image-files/my-images"))["total"] == 0
    ok(colleague.get(f"/image-files/{theirs}"))
    assert [i["status"] for i in batch(doctor, mine[:2], "restore")] == [200, 200]
    assert [i["status"] for i in batch(doctor, mine, "restore")] == [404, 404, 200]
    comes_to(3, lambda: total(doctor))


def test_batch_tag_and_archive(admin, doctor):
    ids = [doctor.upload(png())["id"] for _ in range(2)]
    assert [i["status"] for i in batch(doctor, ids, "tag", tags=["急诊", "follow-up"])] == [200, 200]
    assert doctor.file(ids[0])["tags"] == ["急诊", "follow-up"]
    problem(doctor.post("/image-files/batch", json={"ids": ids, "action": "archive"}), 403)
    assert [i["status"] for i in batch(admin, ids, "archive")] == [200, 200]
    assert doctor.file(ids[1])["status"] == "ARCHIVED"


@pytest.mark.parametrize(
    "body, wrong",
    [
        ({}, ["action", "ids"]),
        ({"ids": [], "action": "delete"}, ["ids"]),
        ({"ids": [1], "action": "burn"}, ["action"]),
        ({"ids": list(range(1, 1002)), "action": "delete"}, ["ids"]),
        ({"ids": "1", "action": "delete"}, ["ids"]),
        ({"ids": [1], "action": "tag", "tags": "x"}, ["tags"]),
    ],
)
def test_bad_batches_422(doctor, body, wrong):
    assert wrong_members(problem(doctor.post("/image-files/batch", json=body), 422)) == wrong


def test_batch_ids_must_be_numbers(doctor):
    problem(doctor.post("/image-files/batch", json={"ids": ["1", None], "action": "delete"}), 422)


def test_access_log(server, doctor, radiologist):
    file = doctor.upload(png())
    ok(radiologist.get(f"/image-files/{file['id']}"))
    radiologist.get(f"/image-files/{file['id']}/download")

    def entries():
        items = ok(doctor.get(f"/image-files/{file['id']}/access-log", params={"page_size": 100}))["items"]
        seen = {(i["user_id"], i["action"]) for i in items}
        wanted = {
            (doctor.id, "image_file.upload"),
            (radiologist.id, "image_file.read"),
            (radiologist.id, "image_file.download"),
        }
        return items if wanted <= seen else None

    items = wait_until(entries, what="the accesses in the log")
    assert all({"id", "at", "user_id", "username", "action", "outcome", "client"} <= set(i) for i in items)
    download = [i for i in items if i["action"] == "image_file.download"][0]
    assert (download["username"], download["outcome"], download["client"]) == (
        radiologist.user["username"],
        200,
        "127.0.0.1",
    )
