"""The commands beside serve: init-db, create-superuser, migrate, import, purge, fsck, and what refuses."""

import os
import re

import pytest

from support import CT, JPEG, ON_SQLITE, PASSWORD, PNG, ROOT, TIFF, dicom, files_below, ok, png, problem, sample, unique


def test_version_and_help(new_server):
    server = new_server(init=False, start=False)
    assert re.fullmatch(r"roentgen \d+\.\d+\.\d+\S*\n", server.run("version").stdout)
    usage = server.run("--help").stdout
    for command in (
        "serve",
        "init-db",
        "create-superuser",
        "migrate",
        "import",
        "purge",
        "fsck",
        "dicom",
        "openapi",
        "config",
        "version",
    ):
        assert command in usage
        assert command in server.run(command, "--help").stdout
    assert server.run(check=False).returncode == 2
    nothing = server.run("dance", check=False)
    assert nothing.returncode == 2 and "dance" in nothing.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("purge", "--sideways"),
        ("purge", "--older-than", "soon"),
        ("purge", "--older-than", "3"),
        ("migrate",),
        ("migrate", "sideways"),
        ("import",),
        ("create-superuser", "--crown", "1"),
        ("fsck", "extra"),
    ],
)
def test_wrong_options(prepared, arguments):
    done = prepared.run(*arguments, check=False)
    assert done.returncode != 0 and done.stderr


def test_init_db_is_repeatable_and_keeps_changes(new_server):
    server = new_server()
    server.account("nurse", username="florence")
    server.database.rows("delete from role_permissions where role_id = (select id from roles where name = 'nurse')")
    server.run("init-db")
    assert (
        ok(server.client().post("/auth/login", json={"username": "florence", "password": PASSWORD}))["user"][
            "permissions"
        ]
        == []
    )


# ---- create-superuser ----


def superuser(server, *arguments, **more):
    return server.run("create-superuser", "--username", "boss", "--email", "boss@example.org", *arguments, **more)


def test_create_superuser(new_server):
    server = new_server(start=False)
    done = superuser(server, "--password-stdin", input=PASSWORD + "\n")
    assert PASSWORD not in done.stdout + done.stderr
    server.start()
    assert server.sign_in("boss").user["roles"] == ["admin"]


def test_create_superuser_refuses(new_server):
    server = new_server(start=False)
    assert superuser(server, "--password-stdin", input="short\n", check=False).returncode == 1
    assert superuser(server, "--password-stdin", input="", check=False).returncode != 0
    superuser(server, "--password-stdin", input=PASSWORD)
    again = superuser(server, "--password-stdin", input=PASSWORD, check=False)
    assert again.returncode == 1 and PASSWORD not in again.stderr


def test_create_superuser_from_the_environment(new_server):
    server = new_server(start=False)
    env = {
        **server.environment(),
        "ROENTGEN_ADMIN_USERNAME": "envy",
        "ROENTGEN_ADMIN_EMAIL": "envy@example.org",
        "ROENTGEN_ADMIN_PASSWORD": PASSWORD,
    }
    server.run("create-superuser", env=env, input="")
    server.start()
    assert server.sign_in("envy").user["roles"] == ["admin"]


def test_create_superuser_by_prompt(new_server):
    server = new_server(start=False)
    server.run("create-superuser", input=f"prompted\nprompted@example.org\n{PASSWORD}\n")
    server.start()
    assert server.sign_in("prompted").user["roles"] == ["admin"]


def test_create_superuser_if_missing(new_server):
    server = new_server(start=False)
    superuser(server, "--if-missing", "--password-stdin", input=PASSWORD)
    server.start()
    problem(server.client().post("/auth/login", json={"username": "boss", "password": PASSWORD}), 401)


def test_create_superuser_without_a_schema(new_server):
    server = new_server(init=False, start=False)
    done = superuser(server, "--password-stdin", input=PASSWORD, check=False)
    assert done.returncode == 1 and done.stderr


# ---- migrations ----


def test_migrate_down_and_up(new_server):
    server = new_server(init=False, start=False)
    files = sorted(p.name for p in (ROOT / "migrations" / "sqlite").glob("*.up.sql"))
    server.run("migrate", "up")
    assert files[-1][:4].lstrip("0") in server.run("migrate", "current").stdout
    history = server.run("migrate", "history").stdout
    assert all(name[5:].removesuffix(".up.sql") in history for name in files)
    for _ in files:
        server.run("migrate", "down", "--yes")
    server.run("migrate", "up")
    server.run("migrate", "up")
    server.init(copies=False).start()
    server.admin().patient()


def test_going_down_asks_before_it_drops_what_is_stored(new_server):
    server = new_server()
    patient = server.admin().patient()
    server.stop()
    asked = server.run("migrate", "down", "--to", "0", check=False)
    assert asked.returncode == 1 and "--yes" in asked.stderr and "backup" in asked.stdout
    for table, rows in {"patients": "1", "users": "1", "audit_logs": r"\d+"}.items():
        assert re.search(rf"^  {table} +{rows} rows$", asked.stdout, re.M), asked.stdout
    assert "image_files " not in asked.stdout  # there are none
    assert "is_deleted" not in asked.stdout  # made anew in the same breath
    server.start()
    assert ok(server.admin().get(f"/patients/{patient['id']}"))["name"] == patient["name"]


def refuses_to_start(server, *words):
    done = server.run("serve", check=False)
    assert done.returncode == 1
    said = (done.stderr + done.stdout).lower()
    assert [w for w in words if w in said], said


def test_an_empty_database_is_refused(new_server):
    refuses_to_start(new_server(init=False, start=False), "init-db", "migrate")


def test_an_older_schema_is_refused(new_server):
    server = new_server(start=False)
    server.run("migrate", "down", "--yes")
    refuses_to_start(server, "older", "migrate up", "init-db")


def test_a_newer_schema_is_refused(new_server):
    server = new_server(start=False)
    tables = [
        t
        for (t,) in server.database.rows(
            "select name from sqlite_master where type = 'table'" if "sqlite" in server.database.url else "show tables"
        )
    ]
    table = [t for t in tables if "migration" in t][0]
    columns = [
        r[1] if "sqlite" in server.database.url else r[0]
        for r in server.database.rows(
            f"pragma table_info({table})" if "sqlite" in server.database.url else f"show columns from {table}"
        )
    ]
    number = [c for c in columns if c in ("version", "number", "id")][0]
    names = ", ".join(columns)
    values = ", ".join("9999" if c == number else c for c in columns)
    server.database.rows(f"insert into {table} ({names}) select {values} from {table} order by {number} desc limit 1")
    refuses_to_start(server, "newer")


# ---- import, purge, fsck ----


@pytest.fixture
def old_files(tmp_path):
    folder = tmp_path / "old"
    (folder / "sub" / "深").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(sample(JPEG))
    (folder / "sub" / "b.png").write_bytes(sample(PNG))
    (folder / "sub" / "深" / "片.tif").write_bytes(sample(TIFF))
    (folder / "ct").write_bytes(sample(CT))
    return folder


def test_import(new_server, old_files):
    server = new_server()
    admin = server.admin()
    patient = admin.patient()
    (old_files / "ct").write_bytes(dicom(PatientID=patient["patient_id"], Modality="XR"))
    done = server.run(
        "import",
        str(old_files),
        "--username",
        server.admin_name,
        "--patient-id",
        str(patient["id"]),
        "--modality",
        "XR",
    )
    assert "1 filed, 3 stored, 0 known already" in done.stdout
    files = ok(admin.get("/image-files/my-images"))["items"]
    assert sorted(f["original_filename"] for f in files) == ["a.jpg", "b.png", "ct", "片.tif"]
    assert all(
        f["patient_id"] == patient["id"] and f["modality"] == "XR" and f["uploaded_by"] == admin.id for f in files
    )
    for f in files:
        source = next(p for p in old_files.rglob("*") if p.name == f["original_filename"])
        assert admin.get(f"/image-files/{f['id']}/download").content == source.read_bytes()
    assert ok(admin.get("/image-files", params={"search": "片.t"}))["total"] == 1
    assert (old_files / "a.jpg").exists()
    done = server.run("import", str(old_files), "--username", server.admin_name)
    assert "0 filed, 0 stored, 4 known already" in done.stdout
    assert ok(admin.get("/image-files/my-images"))["total"] == 4
    server.run("fsck", "--deep")


def test_import_tells_what_it_refused(new_server, old_files):
    server = new_server()
    (old_files / "notes.txt").write_text("no image")
    (old_files / "empty.png").write_bytes(b"")
    os.symlink("/etc/passwd", old_files / "link.png")
    done = server.run("import", str(old_files), "--username", server.admin_name, check=False)
    assert done.returncode == 1
    assert "notes.txt" not in done.stderr and "empty.png" in done.stderr and "root:" not in done.stdout + done.stderr
    assert ok(server.admin().get("/image-files/my-images"))["total"] == 4


@pytest.mark.parametrize("arguments", [("--username", "ghost"), ("--username", "chief", "--patient-id", "99999")])
def test_import_refuses(prepared, old_files, arguments):
    assert prepared.run("import", str(old_files), *arguments, check=False).returncode == 1
    assert prepared.database.rows("select count(*) from image_files") == [(0,)]


def test_import_of_no_folder(prepared, tmp_path):
    done = prepared.run("import", str(tmp_path / "missing"), "--username", prepared.admin_name, check=False)
    assert done.returncode == 1 and "missing" in done.stderr


def on_disk(server):
    return {str(p.relative_to(server.files)) for p in files_below(server.files)}


def test_purge_frees_deleted_files(new_server):
    server = new_server()
    admin = server.admin()
    shared = png(60, 60)
    kept, gone, twin_a, twin_b = (
        admin.settled(admin.upload(c)["id"]) for c in (png(50, 50), png(51, 51), shared, shared)
    )
    for file in (gone, twin_a):
        ok(admin.delete(f"/image-files/{file['id']}"), 204)
    assert "0 files" in server.run("purge", "--older-than", "30d").stdout
    assert gone["storage_path"] in on_disk(server)
    server.run("purge", "--older-than", "0s")
    left = on_disk(server)
    assert gone["storage_path"] not in left and gone["thumbnail_path"] not in left
    assert kept["storage_path"] in left and twin_b["storage_path"] in left
    assert admin.get(f"/image-files/{twin_b['id']}/download").content == shared
    problem(admin.post(f"/image-files/{gone['id']}/restore"), 404)
    server.run("fsck", "--deep")
    ok(admin.delete(f"/image-files/{twin_b['id']}"), 204)
    server.run("purge", "--older-than", "0s")
    assert twin_b["storage_path"] not in on_disk(server)
    server.run("fsck", "--deep")
    assert ok(admin.get("/image-files/my-images"))["total"] == 1


def test_fsck_is_clean_after_ordinary_work(new_server):
    server = new_server()
    admin = server.admin()
    for content in (sample(JPEG), sample(CT), png(), png()):
        admin.upload(content)
    begun = ok(
        admin.post("/upload/chunked", json={"filename": "x.png", "file_size": 200000, "chunk_size": 100000}), 201
    )
    ok(admin.put(f"/upload/chunked/{begun['upload_id']}/chunks/0", content=sample(JPEG)[:1000].ljust(100000, b"x")))
    assert "clean" in server.run("fsck").stdout
    assert "clean" in server.run("fsck", "--deep").stdout


def test_fsck_finds_lost_and_changed_files(new_server):
    server = new_server()
    admin = server.admin()
    lost, cut, flipped = (admin.upload(png() + b"\0" * 1000) for _ in range(3))
    (server.files / lost["storage_path"]).unlink()
    (server.files / cut["storage_path"]).write_bytes(b"short")
    path = server.files / flipped["storage_path"]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    quick = server.run("fsck", check=False)
    assert quick.returncode == 1 and lost["storage_path"] in quick.stdout and cut["storage_path"] in quick.stdout
    deep = server.run("fsck", "--deep", check=False)
    assert deep.returncode == 1 and flipped["storage_path"] in deep.stdout


def test_fsck_finds_and_removes_orphans(new_server):
    server = new_server()
    server.admin().upload(png())
    orphan = server.files / "completed" / "zz" / (unique() + ".png")
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"nobody knows me")
    found = server.run("fsck", check=False)
    assert found.returncode == 1 and orphan.name in found.stdout and orphan.exists()
    server.run("fsck", "--remove-orphans", check=False)
    assert not orphan.exists()
    server.run("fsck")


def test_the_database_is_named_as_sqlalchemy_names_it(new_server):
    server = new_server(start=False)
    if ON_SQLITE:
        (server.folder / "test.db").write_bytes(server.database.path.read_bytes())
        spellings = [
            "sqlite:///./test.db",
            "sqlite+aiosqlite:///./test.db",
            f"sqlite+pysqlite:///{server.folder}/test.db",
        ]
    else:
        rest = server.database.url.partition("://")[2]
        spellings = [f"mysql+{driver}://{rest}&charset=utf8mb4" for driver in ("pymysql", "aiomysql", "mysqldb")]
    for spelling in spellings:
        server.settings["DATABASE_URL"] = spelling
        server.start()
        assert ok(server.admin().get("/auth/me"))["username"] == server.admin_name
        server.stop()
    server.settings["DATABASE_URL"] = "mysql+pymysql://u:secret@127.0.0.1/n?charset=latin1"
    told = server.run("migrate", "current", check=False)
    assert told.returncode != 0 and "utf8mb4" in told.stderr and "secret" not in told.stdout + told.stderr
