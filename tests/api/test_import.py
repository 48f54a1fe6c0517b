"""`roentgen import`: what is beside the pictures is no failure, what may have been one is; how far it has got, and how
it stops."""

import contextlib
import os
import pty
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import BINARY, CT, PATIENCE, Server, dicom, ok, png, problem, sample, unique, wait_until


@pytest.fixture
def disc(tmp_path):
    folder = tmp_path / "cd"
    (folder / "__MACOSX").mkdir(parents=True)
    (folder / "IMAGES").mkdir()
    (folder / "IMAGES" / "IM0001").write_bytes(sample(CT))
    (folder / "IMAGES" / "key.png").write_bytes(png())
    for name in ("AUTORUN.INF", ".DS_Store", "Thumbs.db", "__MACOSX/picture.png", "IMAGES/._IM0001"):
        (folder / name).write_bytes(b"nothing that anybody looks at")
    (folder / "VIEWER.EXE").write_bytes(b"MZ" + bytes(1000))
    (folder / "README.TXT").write_text("Start VIEWER.EXE")
    return folder


def run(server, folder, *more, check=False):
    return server.run("import", str(folder), "--username", server.admin_name, *more, check=check)


def test_what_lies_beside_the_pictures_is_no_failure(new_server, disc):
    server = new_server()
    os.symlink(disc / "IMAGES" / "key.png", disc / "IMAGES" / "again.png")
    done = run(server, disc)
    assert done.returncode == 0 and done.stderr == ""
    first, *reasons = done.stdout.splitlines()
    assert first == "1 filed, 1 stored, 0 known already, 0 kept but not filed, 7 skipped, 0 refused"
    assert sorted(line.strip() for line in reasons) == [
        "1 skipped: a symbolic link, which is not followed",
        "2 skipped: not a picture",
        "4 skipped: left by an operating system",
    ]
    assert ok(server.admin().get("/image-files/my-images"))["total"] == 2


@pytest.mark.parametrize("name", ["IM0002", "IM0002.dcm", "film.jpg", "film", "scan.nii", "films.zip"])
def test_what_may_have_been_a_picture_is_a_failure(prepared, disc, name):
    (disc / name).write_bytes(b"once upon a time there was a picture here")
    done = run(prepared, disc)
    assert done.returncode == 1
    assert str(disc / name) in done.stderr and "1 refused: " in done.stdout


def test_reasons_are_counted_together(prepared, disc):
    for number in range(3):
        (disc / f"empty{number}.dcm").write_bytes(b"")
    done = run(prepared, disc)
    assert "3 refused" in done.stdout.splitlines()[0]
    assert any(line.startswith("  3 refused: ") for line in done.stdout.splitlines())


def test_names_of_strangers_do_nothing_to_a_terminal(prepared, disc):
    names = {"esc\x1b[2J.dcm": r"esc\x1b[2J.dcm", "two\nlines: filed.dcm": r"two\x0alines: filed.dcm"}
    names |= {"turned\u202egnp.dcm": r"turned\u{202e}gnp.dcm", "中文.dcm": "中文.dcm"}
    for name in names:
        (disc / name).write_bytes(b"no picture")
    (disc / os.fsdecode(b"bytes\xff.dcm")).write_bytes(b"no picture")
    done = run(prepared, disc)
    lines = done.stderr.splitlines()
    assert len(lines) == 5 and all(": refused: " in line for line in lines)
    for shown in [*names.values(), r"bytes\xff.dcm"]:
        assert [line for line in lines if line.startswith(f"{disc}/{shown}: ")], shown


def test_nothing_is_copied_of_what_is_too_large(new_server, tmp_path):
    server = new_server(MAX_UPLOAD="1MB")
    folder = tmp_path / "folder"
    folder.mkdir()
    with (folder / "large.dcm").open("wb") as file:
        file.truncate(1 << 42)  # for hours, if anybody read it
    done = run(server, folder)
    assert "large.dcm: refused: a file may have at most 1000000 bytes" in done.stderr


def test_a_single_file(new_server, disc):
    server = new_server(start=False)
    os.symlink(disc / "IMAGES" / "IM0001", disc.parent / "link")
    assert run(server, disc / "IMAGES" / "key.png").stdout.startswith("0 filed, 1 stored")
    assert run(server, disc.parent / "link").stdout.startswith("1 filed, 0 stored")
    again = run(server, disc / "IMAGES" / "key.png", "--verbose")
    assert "key.png: known already" in again.stdout and again.returncode == 0


def test_what_is_not_there_is_said_in_the_systems_words(prepared, disc):
    done = run(prepared, disc / "nowhere")
    assert done.returncode == 1 and f"{disc / 'nowhere'}: No such file or directory" in done.stderr
    os.mkfifo(disc / "pipe")
    assert "neither a folder nor a file" in run(prepared, disc / "pipe").stderr


def test_it_stops_with_what_it_has(new_server, tmp_path):
    server = new_server()
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(600):
        (folder / f"{number:04}.png").write_bytes(png(3, 3))
    process = subprocess.Popen(
        [BINARY, "import", str(folder), "--username", server.admin_name, "--verbose"],
        cwd=server.folder,
        env=server.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pipesize=4096,  # it waits for its lines to be read, long before the last
    )
    assert ": stored" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGINT and "stopped before the end" in err
    stored = int(out.splitlines()[-1].split(" stored")[0].rsplit(" ", 1)[1])
    assert 0 < stored < 600
    admin = server.admin()
    assert ok(admin.get("/image-files/my-images"))["total"] == stored
    assert f"{600 - stored} stored, {stored} known already" in run(server, folder).stdout


def all_of(terminal):
    said = b""
    with contextlib.suppress(OSError):  # nobody writes to it any more
        while more := os.read(terminal, 4096):
            said += more
    os.close(terminal)
    return said


def test_a_terminal_sees_how_far_it_has_got(prepared, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.png").write_bytes(png(3, 3))
    os.mkfifo(folder / "zz")  # passed over
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [BINARY, "import", str(folder), "--username", prepared.admin_name],
        cwd=prepared.folder,
        env=prepared.environment(),
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(all_of, master)  # a terminal that nobody reads has room for a few lines
        out, _ = process.communicate(timeout=PATIENCE)
        said = seen.result().decode()
    assert process.returncode == 0 and b"50 stored" in out
    assert all(" of 51 files" in part and "files/s" in part for part in said.split("\r\x1b[K") if part)


# ---- over REST ----


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A server, and the folder from which it may import."""
    folder = tmp_path_factory.mktemp("shelf")
    server = Server(tmp_path_factory.mktemp("importing"), IMPORT_ROOT=str(folder / "root"))
    (folder / "root").mkdir()
    (folder / "beside").mkdir()
    (folder / "beside" / "secret.png").write_bytes(png())
    server.init().start()
    yield server, folder / "root"
    server.close()


def ended(api, job):
    over = ("SUCCEEDED", "FAILED", "CANCELLED")
    return wait_until(lambda: (j := ok(api.get(f"/system/jobs/{job['id']}")))["state"] in over and j, "its end")


def test_a_folder_is_imported_by_a_job(shelf):
    server, root = shelf
    chief = server.admin()
    doctor = server.account("doctor", admin=chief)
    folder = root / "cd 1" / "IMAGES"
    folder.mkdir(parents=True)
    (folder / "IM0001").write_bytes(dicom())
    (folder / "key.png").write_bytes(png())
    (folder / "report.dcm").write_bytes(b"no picture at all")
    (folder / "README.TXT").write_text("nothing")
    os.symlink(root.parent / "beside" / "secret.png", folder / "linked.png")
    wish = {"folder": "cd 1", "owner": doctor.user["username"], "assign": "role:radiologist"}
    job = ended(chief, ok(chief.post("/system/import", json=wish), 202))
    assert job["state"] == "SUCCEEDED" and job["kind"] == "import.folder", job["error"]
    result = job["result"]
    assert {k: v for k, v in result.items() if k not in ("reasons", "bytes")} == {
        "files": 5, "filed": 1, "stored": 1, "known": 0, "kept": 0, "skipped": 2, "refused": 1,
    }  # fmt: skip
    reasons = {(r["outcome"], r["files"]) for r in result["reasons"]}
    assert reasons == {("REFUSED", 1), ("SKIPPED", 1)}
    assert job["progress_done"] == 5 and "files/s" in job["progress_text"]
    mine = ok(doctor.get("/image-files"))["items"]
    assert sorted(f["original_filename"] for f in mine) == ["IM0001", "key.png"]
    again = ended(chief, ok(chief.post("/system/import", json=wish), 202))
    assert again["id"] != job["id"] and again["result"]["known"] == 2


def test_a_worker_that_is_told_to_end_leaves_the_rest_to_the_next(new_server, tmp_path):
    """SIGTERM while files land, with no grace at all: it ends well, none is lost, none is there twice."""
    (tmp_path / "many").mkdir()
    for number in range(600):
        (tmp_path / "many" / f"{number:04}.png").write_bytes(png(3, 3))
    server = new_server(IMPORT_ROOT=str(tmp_path), WORKER_CONCURRENCY="0", STOP_GRACE="0s")
    chief = server.admin()
    job = ok(chief.post("/system/import", json={"folder": "many"}), 202)
    with server.worker():
        wait_until(lambda: server.database.rows("select count(*) from image_files") != [(0,)], "the first file")
    (stored,) = server.database.rows("select count(*) from image_files")[0]  # how many: the machine's business
    assert 0 < stored <= 600
    with server.worker():
        assert ended(chief, job)["state"] == "SUCCEEDED"
    assert ok(chief.get("/image-files/my-images"))["total"] == 600


def test_a_folder_may_have_a_long_name(shelf):
    server, root = shelf
    chief = server.admin()
    names = ["ct " + "l" * 240 + "/" + "m" * 250 + f"/{i}" for i in (1, 2)]
    names += ["\u5f71\u50cf" * 40 + "/" + "\u50cf" * 80]  # 160 letters of 3 bytes
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "key.png").write_bytes(png())
    jobs = [ok(chief.post("/system/import", json={"folder": name}), 202) for name in names]
    assert len({job["id"] for job in jobs}) == 3
    for job in jobs:
        assert ended(chief, job)["result"]["stored"] == 1, job


def test_a_folder_may_end_with_a_space(shelf):
    server, root = shelf
    chief = server.admin()
    for name in ("spaced", "spaced "):
        (root / name).mkdir()
    (root / "spaced " / "key.png").write_bytes(png())
    # As if "spaced" were under way.
    server.database.rows(
        "insert into jobs(job_uuid, kind, state, priority, attempts_max, unique_key, created_at) values "
        f"('{unique('uuid-')}', 'import.folder', 'QUEUED', 'NORMAL', 1, 'spaced', 1)"
    )
    other = ok(chief.post("/system/import", json={"folder": "spaced"}), 202)
    job = ended(chief, ok(chief.post("/system/import", json={"folder": "spaced "}), 202))
    assert job["id"] != other["id"] and job["result"]["stored"] == 1, job
    ok(chief.post(f"/system/jobs/{other['id']}/cancel"))


@pytest.mark.parametrize("folder", ["../beside", "/etc", "cd/../../beside", "nowhere", "link", "."])
def test_only_what_lies_below_the_root(shelf, folder):
    server, root = shelf
    (root / "cd").mkdir(exist_ok=True)
    if not (root / "link").exists():
        os.symlink(root.parent / "beside", root / "link")
    answer = server.admin().post("/system/import", json={"folder": folder})
    if folder == ".":
        assert answer.status_code == 202
    else:
        assert "secret" not in problem(answer, 404)["detail"]


def test_who_may_not_import(shelf, admin):
    server, root = shelf
    doctor = server.account("doctor")
    problem(doctor.post("/system/import", json={"folder": "."}), 403)
    assert "IMPORT_ROOT" in problem(admin.post("/system/import", json={"folder": "."}), 403)["detail"]
    chief = server.admin()
    problem(chief.post("/system/import", json={"folder": ".", "owner": "nobody-at-all"}), 404)
    problem(chief.post("/system/import", json={"folder": ".", "assign": "role:nobody-has-it"}), 404)
    problem(chief.post("/system/import", json={}), 422)
