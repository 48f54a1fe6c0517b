"""Who acts: what commands and the server itself do is in the audit log, under the name of nobody's account."""

import getpass

import pytest

from support import PASSWORD, Server, dicom, ok, png, unique, wait_until


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("own"))
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(own):
    return own.admin()


def logged(admin, **wanted):
    """Rows as an administrator sees them, oldest first."""
    rows = ok(admin.get("/system/audit-logs", params={"page_size": 100, **wanted}))["items"]
    return list(reversed(rows))


def says_command(row, command, **more):
    """No account did it, but this command, given by the operating-system user who runs these tests."""
    assert row["user_id"] is None and row["username"] is None and row["client"] is None and row["request_id"] is None
    assert row["outcome"] == 200
    told = {k: v for k, v in row["detail"].items() if k != "login_user"}
    return told == {"by": "command line", "command": command, "system_user": getpass.getuser(), **more}


def test_import_leaves_a_row_for_each_file(own, chief, tmp_path):
    doctor = own.account("doctor", admin=chief)
    (tmp_path / "a.dcm").write_bytes(dicom(PatientID=unique("P")))
    (tmp_path / "b.png").write_bytes(png())
    arguments = ("import", str(tmp_path), "--username", own.admin_name, "--owner", doctor.user["username"])
    own.run(*arguments)
    files = ok(doctor.get("/image-files/my-images"))["items"]
    assert len(files) == 2
    for file in files:
        (row,) = logged(chief, entity="image_file", entity_id=file["id"], action="image_file.upload")
        assert says_command(row, "import", account=own.admin_name)
        assert row["patient_id"] == file["patient_id"]
    own.run(*arguments)
    for file in files:
        assert len(logged(chief, entity_id=file["id"], action="image_file.upload")) == 1


def test_import_leaves_a_row_where_it_opens_a_study(own, chief, tmp_path):
    viewer = own.account("viewer", admin=chief)
    (tmp_path / "a.dcm").write_bytes(dicom(PatientID=unique("P")))
    to = f"user:{viewer.user['username']},role:radiologist,department:放射科"
    arguments = ("import", str(tmp_path), "--username", own.admin_name, "--assign", to)
    own.run(*arguments)
    own.run(*arguments)
    (study,) = ok(viewer.get("/studies"))["items"]
    rows = logged(chief, entity="study", entity_id=study["id"], action="study.assign")
    opened = [{"user_id": viewer.id}, {"role": "radiologist"}, {"department": "放射科"}]
    assert len(rows) == 3
    for row, to in zip(rows, opened):
        changed = {member: {"from": None, "to": value} for member, value in to.items()}
        assert says_command(row, "import", account=own.admin_name, **changed)
        assert row["patient_id"] == study["patient_id"]


def test_what_an_imported_file_contradicts_is_nobodys_finding(own, chief, tmp_path):
    known = chief.patient(name="王小东")
    (tmp_path / "a.dcm").write_bytes(dicom(PatientID=known["patient_id"], PatientName="Somebody^Else"))
    own.run("import", str(tmp_path), "--username", own.admin_name)
    (row,) = logged(chief, entity="patient", entity_id=known["id"], action="patient.conflict")
    assert says_command(row, "import", account=own.admin_name)


def test_create_superuser_leaves_a_row(own, chief):
    name = unique("root")
    own.run(
        "create-superuser",
        "--username",
        name,
        "--email",
        f"{name}@example.org",
        "--password-stdin",
        input=f"{PASSWORD}\n",
    )
    (user,) = ok(chief.get("/users", params={"username": name}))["items"]
    (row,) = logged(chief, entity="user", entity_id=user["id"])
    assert row["action"] == "user.create" and says_command(row, "create-superuser")


def test_purge_leaves_a_row_for_all_that_goes(own, chief):
    file = chief.upload(dicom(PatientID=unique("P")), "a.dcm")
    ok(chief.delete(f"/studies/{file['study_id']}"), 204)
    own.run("purge", "--older-than", "0s")
    for entity, number in (("image_file", file["id"]), ("study", file["study_id"])):
        (row,) = logged(chief, entity=entity, entity_id=number, action=f"{entity}.purge")
        assert says_command(row, "purge") and row["patient_id"] == file["patient_id"]


def test_changes_of_accounts_say_what_they_changed(own, chief):
    user = own.account("viewer", admin=chief).user
    own.run("user", "disable", user["username"])
    (row,) = logged(chief, entity="user", entity_id=user["id"], action="user.update")
    assert says_command(row, "user disable", status={"from": "ACTIVE", "to": "DISABLED"})


def test_who_files_again_is_who_found_the_contradiction(own, chief):
    doctor = own.account("doctor", admin=chief)
    known = chief.patient(name="王小东")
    file = doctor.upload(dicom(PatientID=known["patient_id"], PatientName="Somebody^Else"), "a.dcm")
    ok(chief.delete(f"/patients/{known['id']}/conflict"), 204)
    ok(chief.post(f"/image-files/{file['id']}/file"))
    rows = logged(chief, entity="patient", entity_id=known["id"], action="patient.conflict")
    assert [row["user_id"] for row in rows] == [doctor.id, chief.id]


def test_the_server_says_when_it_gives_an_upload_up(own):
    """As it does at every start, and every few minutes after that."""
    begun = ok(own.admin().post("/upload/chunked", json={"filename": "a.png", "file_size": 200_000}), 201)
    number = begun["image_file_id"]
    own.database.rows(f"update image_files set created_at = created_at - 864000000000 where id = {number}")
    own.stop()
    own.start()
    chief = own.admin()
    (row,) = wait_until(
        lambda: logged(chief, entity="image_file", entity_id=number, action="image_file.upload_expire"),
        what="the end of the upload",
    )
    assert row["user_id"] is None and row["detail"].items() >= {"by": "server", "task": "uploads.sweep"}.items()
    path = f"/system/jobs/{row['detail']['job']}"
    done = wait_until(lambda: (job := ok(chief.get(path)))["state"] not in ("QUEUED", "RUNNING") and job, "its end")
    assert done["result"] == {"uploads": 1}


def test_a_session_tells_its_program(own):
    agent = "Reading-Room/" + "9" * 300
    client = own.client()
    signed = ok(
        client.post(
            "/auth/login", json={"username": own.admin_name, "password": PASSWORD}, headers={"User-Agent": agent}
        )
    )
    mine = own.client(signed["access_token"])
    (current,) = [s for s in ok(mine.get("/auth/sessions"))["items"] if s["current"]]
    assert current["user_agent"] == agent[:200] and current["client"] == "127.0.0.1"
