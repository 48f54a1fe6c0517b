"""Programs of the house, run on a folder of DICOM files: what they are given and what they may do, what becomes of what
they leave, and of those that fail, hang, grow or try to reach others."""

import json
import os
import shutil
import sys

import pytest
from support import Server, dicom, ok, problem, uid, unique, wait_until
from test_readme import blocks

PYTHON = os.path.realpath(sys.executable)
LOOKS = """
import json, os, sys, pathlib, socket
found = {"files": sorted(os.listdir(os.environ["MERCURE_IN_DIR"])), "variables": sorted(os.environ),
         "same": [os.environ["MERCURE_IN_DIR"] == os.environ["HOLOSCAN_INPUT_PATH"],
                  os.environ["MERCURE_OUT_DIR"] == os.environ["HOLOSCAN_OUTPUT_PATH"]],
         "task": json.load(open(os.environ["MERCURE_IN_DIR"] + "/task.json")), "words": sys.argv[1:],
         "descriptors": sorted(os.listdir("/proc/self/fd"))[:-1], "network": [], "environment": None}
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    try:
        socket.socket(family)
        found["network"].append("made")
    except OSError as e:
        found["network"].append(e.errno)
out = pathlib.Path(os.environ["MERCURE_OUT_DIR"])
(out / "notes.txt").write_text("beside")
(out / "result.json").write_text(json.dumps(found))
"""
GIVES = """
import json, os, pathlib, random
given, out = pathlib.Path(os.environ["HOLOSCAN_INPUT_PATH"]), pathlib.Path(os.environ["HOLOSCAN_OUTPUT_PATH"])
settings = json.loads((given / "task.json").read_text())["process"]["settings"]
(out / "seg").mkdir()
def other(data, tag):
    at = data.index(tag) + 8
    length = int.from_bytes(data[at - 2 : at], "little")
    digits = b"".join(b"%d" % random.randrange(1, 10) for _ in range(length - 10))
    return data[: at + 8] + digits + data[at + length - 2 :]
for number, path in enumerate(sorted(given.glob("*.dcm"))):
    data = path.read_bytes()
    data = other(data, b"\\x08\\0\\x18\\0UI")
    if settings.get("last") and number:
        data = other(data, bytes.fromhex(settings["last"]))
    (out / "seg" / f"{number}.dcm").write_bytes(data)
(out / "result.json").write_text('{"volume_ml": 4711.5}')
"""
PROGRAMS = {
    "gives": GIVES,
    "strange-patient": GIVES,
    "strange-study": GIVES,
    "looks": LOOKS,
    "fails": "import sys; print('the scan has 3 slices'); sys.exit('too few slices')",
    "endless": "while True: pass",
    "sleeps": "import time; print('x', flush=True); time.sleep(100000)",
    "eats": "b = []\nwhile True: b.append(bytearray(1 << 24))",
    "writes": "import os\nf = open(os.environ['MERCURE_OUT_DIR'] + '/large', 'wb')\n"
    "while True: f.write(bytes(1 << 16)); f.flush()",
    "scatters": "import os, time\nfor i in range(40):\n"
    " open(os.environ['MERCURE_OUT_DIR'] + f'/{i}', 'wb').write(b'x' * (1 << 20))\ntime.sleep(100000)",
    "links": "import os; os.symlink('/etc/passwd', os.environ['MERCURE_OUT_DIR'] + '/result.json')",
    "hard": "import os\no = os.environ['MERCURE_OUT_DIR']; open(o + '/a', 'w'); os.link(o + '/a', o + '/b')",
    "pipes": "import os; os.mkfifo(os.environ['MERCURE_OUT_DIR'] + '/result.json')",
    "babbles": "import os; open(os.environ['MERCURE_OUT_DIR'] + '/result.json', 'w').write('{\"a\":')",
    "prints": "import sys\nfor i in range(200000): print('line', i)\nsys.exit(3)",
}
MORE = {
    "strange-patient": {"settings": {"last": "100020004c4f"}},
    "strange-study": {"settings": {"last": "20000d005549"}},
    "looks": {"settings": {"level": 3}, "modalities": ["CT", "OT"]},
    "endless": {"time_limit_s": 1},
    "eats": {"memory_mb": 200},
    "writes": {"output_mb": 1},
    "scatters": {"output_mb": 8},
}


def register(folder, name, source, **more):
    script = folder / f"{name}.py"
    script.write_text(source)
    told = {
        "title": name,
        "command": [PYTHON, "-I", str(script), "--fast"],
        "time_limit_s": 1000,
        **more,
    }
    (folder / f"{name}.json").write_text(json.dumps(told))
    (folder / f"{name}.json").chmod(0o600)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    for name, source in PROGRAMS.items():
        register(folder, name, source, **MORE.get(name, {}))
    work = tmp_path_factory.mktemp("work")
    server = Server(
        tmp_path_factory.mktemp("house"),
        PROGRAMS_ROOT=folder,
        PROGRAMS_TMP=work,
        PROGRAMS_UNCONFINED="true",  # these are asked of systems without namespaces too
        WORKER_CONCURRENCY="4",
    )
    server.work = work
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def asker(house, chief):
    return house.account("doctor", admin=chief)


class Study:
    def __init__(self, api, slices=2, **values):
        self.values = {
            "PatientID": unique("P"),
            "StudyInstanceUID": uid(),
            "SeriesInstanceUID": uid(),
            **values,
        }
        self.files = [self.upload(api) for _ in range(slices)]
        self.id = self.files[0]["study_id"]

    def upload(self, api, **more):
        content = dicom(**{**self.values, "SOPInstanceUID": uid(), **more})
        return ok(api.post("/upload/single", files={"file": ("a.dcm", content)}), 201)


@pytest.fixture(scope="module")
def study(asker):
    return Study(asker)


def ask(api, name, study, status=202, **more):
    answer = api.post(f"/diagnosis/programs/{name}/run", json={"study_id": study.id, **more})
    return ok(answer, 202) if status == 202 else problem(answer, status)


def ended(api, job):
    def it():
        now = ok(api.get(f"/system/jobs/{job['id']}"))
        return now["state"] not in ("QUEUED", "RUNNING") and now

    return wait_until(it, what="the end of a program")


def failed(house, api, name, study):
    job = ended(api, ask(api, name, study))
    assert (job["state"], job["attempt"], job["result"]) == ("FAILED", 1, None)
    assert not list(house.work.iterdir())
    return job["error"]


def test_a_program_gets_its_images_and_gives_its_result(house, chief, asker, study):
    shown = ok(asker.get("/diagnosis/programs"))["items"]
    assert [p["name"] for p in shown] == sorted(PROGRAMS) and "command" not in shown[0]
    asked = ask(asker, "looks", study)
    assert asked["kind"] == "program.run"
    job = ended(asker, asked)
    assert job["state"] == "SUCCEEDED", job
    result = job["result"]
    assert (result["images"], result["others"]) == (2, 1)
    said = result["result"]
    series = study.values["SeriesInstanceUID"]
    assert said["files"] == sorted([*(f"{series}#{f['file_uuid']}.dcm" for f in study.files), "task.json"])
    assert said["same"] == [True, True] and said["words"] == ["--fast"]
    assert said["task"]["process"] == {"module_name": "looks", "settings": {"level": 3}}
    # nothing of ours but what it needs
    assert [v for v in said["variables"] if v != "LC_CTYPE"] == [
        "HOLOSCAN_INPUT_PATH", "HOLOSCAN_OUTPUT_PATH", "HOLOSCAN_WORKDIR", "HOME", "LANG", "MERCURE_IN_DIR",
        "MERCURE_OUT_DIR", "PATH", "TMPDIR",
    ]  # fmt: skip
    assert said["network"] == [1, 1, 1]  # EPERM
    assert said["descriptors"] == ["0", "1", "2"]
    assert not list(house.work.iterdir())


def test_of_one_series_and_of_some_files(asker, study):
    other = study.upload(asker, SeriesInstanceUID="1.2.3.99")
    for more, count in (({"series_uid": "1.2.3.99"}, 1), ({}, 3)):
        assert ended(asker, ask(asker, "looks", study, **more))["result"]["images"] == count
    ids = [other["id"], study.files[0]["id"]]
    job = ok(asker.post("/diagnosis/programs/looks/run", json={"image_file_ids": ids}), 202)
    assert ended(asker, job)["result"]["images"] == 2
    ok(asker.delete(f"/image-files/{other['id']}"), 204)


def test_who_may_not_see_or_ask_does_not(house, chief, asker, study):
    other = house.account("doctor", admin=chief)
    ask(other, "looks", study, 404)
    problem(
        other.post(
            "/diagnosis/programs/looks/run",
            json={"image_file_ids": [study.files[0]["id"]]},
        ),
        404,
    )
    ask(house.account("viewer", admin=chief), "looks", study, 403)
    ask(asker, "nothing", study, 404)
    ask(asker, "looks", study, 404, series_uid="1.2.3.4.5")
    problem(asker.post("/diagnosis/programs/looks/run", json={}), 422)
    problem(
        asker.post(
            "/diagnosis/programs/looks/run",
            json={"study_id": study.id, "image_file_ids": [1]},
        ),
        422,
    )
    for member in ("command", "path", "settings"):
        ask(asker, "looks", study, 422, **{member: "/bin/sh"})
    ask(asker, "looks", Study(asker, 1, Modality="MR"), 422)
    two = [study.files[0]["id"], Study(asker, 1).files[0]["id"]]
    problem(asker.post("/diagnosis/programs/looks/run", json={"image_file_ids": two}), 422)


@pytest.mark.parametrize(
    "name, words",
    [
        ("fails", "ended with status 1: the scan has 3 slices|too few slices"),
        ("endless", "longer than its time limit"),
        ("eats", "MemoryError"),
        ("writes", "File too large"),
        ("scatters", "wrote more than it may"),
        ("links", "no plain file"),
        ("hard", "no plain file"),
        ("pipes", "no plain file"),
        ("babbles", "result.json is no JSON"),
        ("prints", "line 199999"),
    ],
)
def test_one_that_misbehaves_fails_for_good_and_alone(house, asker, study, name, words):
    assert words in failed(house, asker, name, study)


def count_of(api, study):
    return ok(api.get(f"/studies/{study.id}"))["number_of_instances"]


def test_the_dicom_files_that_it_leaves_are_filed_in_the_study(house, asker):
    study = Study(asker, PatientID=unique("PATIENT-OF-A-LONG-NUMBER-"))
    job = ended(asker, ask(asker, "gives", study))
    assert job["state"] == "SUCCEEDED", job
    assert job["result"]["result"] == {"volume_ml": 4711.5}
    made = job["result"]["image_file_ids"]
    assert len(made) == 2
    for number in made:
        file = ok(asker.get(f"/image-files/{number}"))
        assert (file["study_id"], file["status"], file["uploaded_by"]) == (
            study.id, "UPLOADED", study.files[0]["uploaded_by"],
        )  # fmt: skip
        assert file["original_filename"].startswith(f"program-{job['job_uuid']}-")
    # Brought back by hand, it would find the same again and call it by another name.
    house.database.rows(f"update jobs set state = 'FAILED' where id = {job['id']}")
    ok(asker.post(f"/system/jobs/{job['id']}/retry"))
    again = ended(asker, job)
    assert again["state"] == "FAILED" and "2 files of an earlier run" in again["error"]
    assert count_of(asker, study) == 4


@pytest.mark.parametrize(
    "name, words",
    [("strange-patient", "another patient"), ("strange-study", "another study")],
)
def test_nothing_is_filed_of_another_patient_or_study(house, asker, name, words):
    study = Study(asker, PatientID=unique("PATIENT-OF-A-LONG-NUMBER-"))
    before = ok(asker.get("/image-files/my-images"))["total"]
    assert words in failed(house, asker, name, study)
    assert ok(asker.get("/image-files/my-images"))["total"] == before


def test_what_was_done_before_its_worker_died_is_taken_once(house, asker):
    study = Study(asker, 1)
    job = ended(asker, ask(asker, "fails", study))
    left = dicom(**{**study.values, "SOPInstanceUID": uid()})
    found = []
    for _ in range(2):  # as a worker that is killed before and after it has filed leaves it
        folder = house.work / f"roentgen-program-{job['job_uuid']}"
        for path in (folder, folder / "in", folder / "out", folder / "home"):
            path.mkdir(mode=0o700)
        (folder / "out" / "a.dcm").write_bytes(left)
        (folder / "done").touch()
        house.database.rows(f"update jobs set state = 'FAILED' where id = {job['id']}")
        ok(asker.post(f"/system/jobs/{job['id']}/retry"))
        now = ended(asker, job)
        assert now["state"] == "SUCCEEDED", now
        found.append(now["result"]["image_file_ids"])
    assert found[0] == found[1] and len(found[0]) == 1
    assert count_of(asker, study) == 2 and not list(house.work.iterdir())


def test_what_a_dead_worker_left_goes_when_its_job_has_ended(house, asker, study):
    """Of jobs that are here, an hour after their end: what waits for its next attempt stays, and what is of others."""
    old, fresh, waiting = (ended(asker, ask(asker, "fails", study)) for _ in range(3))
    house.database.rows(f"update jobs set finished_at = 1 where id in ({old['id']}, {waiting['id']})")
    house.database.rows(f"update jobs set state = 'RUNNING', finished_at = null where id = {waiting['id']}")
    folders = [house.work / f"roentgen-program-{u}" for u in [*(j["job_uuid"] for j in (old, fresh, waiting)), uid()]]
    for folder in folders:
        (folder / "out").mkdir(parents=True)
        folder.chmod(0o700)
        (folder / "out" / "a.dcm").write_bytes(b"pixels")
    ended(asker, ask(asker, "fails", study))
    left = [folder.exists() for folder in folders]
    house.database.rows(f"update jobs set state = 'FAILED', finished_at = 1 where id = {waiting['id']}")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    assert left == [False, True, True, True]


def test_a_program_that_others_may_write_by_now_is_not_run(tmp_path):
    folder, work = tmp_path / "programs", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    program = tmp_path / "program"
    program.write_text(f"#!{PYTHON}\nprint(1)\n")
    program.chmod(0o700)
    register(folder, "one", "", command=[str(program)])
    server = Server(tmp_path / "server", PROGRAMS_ROOT=folder, PROGRAMS_TMP=work, PROGRAMS_UNCONFINED="true")
    server.work = work
    try:
        server.init().start()
        chief = server.admin()
        study = Study(chief, 1)
        program.chmod(0o722)
        assert "others may write it" in failed(server, chief, "one", study)
        program.chmod(0o700)
        assert ended(chief, ask(chief, "one", study))["state"] == "SUCCEEDED"
    finally:
        server.close()


def test_what_was_moved_to_another_patient_meanwhile_is_not_given(house, chief):
    here, there = Study(chief, 1), Study(chief, 1)
    job = running(house, chief, here)  # which is done again, as after the death of its worker
    ok(chief.post(f"/system/jobs/{job['id']}/cancel"))
    ended(chief, job)
    ok(chief.patch(f"/studies/{here.id}", json={"patient_id": there.files[0]["patient_id"]}))
    ok(chief.post(f"/system/jobs/{job['id']}/retry"))
    again = ended(chief, job)
    assert again["state"] == "FAILED" and "not of the study or patient any more" in again["error"], again


def running(house, api, study):
    job = ask(api, "sleeps", study)
    wait_until(
        lambda: ok(api.get(f"/system/jobs/{job['id']}"))["progress_text"] == "running",
        "a program that runs",
    )
    return job


def sleepers(house):
    """Processes that have the folder of a run as theirs."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.readlink(f"/proc/{entry}/cwd").startswith(str(house.work)):
                found.append(int(entry))
        except OSError:
            pass
    return found


def test_one_that_is_cancelled_ends(house, asker, study):
    job = running(house, asker, study)
    wait_until(lambda: sleepers(house), "its process")
    ok(asker.post(f"/system/jobs/{job['id']}/cancel"))
    assert ended(asker, job)["state"] == "CANCELLED"
    assert not sleepers(house) and not list(house.work.iterdir())


def test_it_dies_with_its_worker_and_is_run_again(tmp_path):
    folder, work = tmp_path / "programs", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    register(folder, "sleeps", PROGRAMS["sleeps"])
    server = Server(tmp_path / "server", PROGRAMS_ROOT=folder, PROGRAMS_TMP=work, PROGRAMS_UNCONFINED="true")
    server.work = work
    try:
        server.init().start()
        chief = server.admin()
        job = running(server, chief, Study(chief, 1))
        wait_until(lambda: sleepers(server), "its process")
        server.kill()
        wait_until(lambda: not sleepers(server), "its end")
        register(folder, "sleeps", PROGRAMS["looks"])
        server.start()
        again = ended(server.admin(), job)
        assert (again["state"], again["attempt"]) == ("SUCCEEDED", 2) and not list(work.iterdir())
    finally:
        server.close()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"comand": ["/bin/true"]}, "comand"),
        ({"command": ["bin/true"]}, "no absolute path"),
        ({"command": ["/bin/no-such-program"]}, "No such file"),
        ({"command": ["/etc/passwd"]}, "nothing that can be executed"),
        ({"time_limit_s": 0}, "time_limit_s"),
        ({"settings": [1]}, "settings"),
        ("folder", "others may write it"),
        ("file", "others may write it"),
        ("link", "symbolic link"),
        ("name", "its name"),
    ],
)
def test_what_is_registered_wrongly_is_refused_at_start(tmp_path, change, words):
    folder = tmp_path / "programs"
    folder.mkdir()
    told = {
        "title": "t",
        "command": ["/bin/true"],
        **(change if isinstance(change, dict) else {}),
    }
    path = folder / ("A b.json" if change == "name" else "one.json")
    path.write_text(json.dumps(told))
    path.chmod(0o666 if change == "file" else 0o644)
    folder.chmod(0o777 if change == "folder" else 0o755)
    if change == "link":
        path.rename(tmp_path / "there.json")
        path.symlink_to(tmp_path / "there.json")
    done = Server(tmp_path / "server", PROGRAMS_ROOT=folder).run("config", check=False)
    done = done if done.returncode else Server(tmp_path / "other", PROGRAMS_ROOT=folder).run("init-db", check=False)
    assert done.returncode and words in done.stderr and "PROGRAMS_ROOT" in done.stderr


@pytest.mark.parametrize("page", ["docs/ai.md", "docs/ai.zh-CN.md"])
def test_the_worked_example(new_server, tmp_path, page):
    [source] = [block for block in blocks(page, "python") if "MERCURE_IN_DIR" in block]
    [told] = blocks(page, "json")
    script = tmp_path / "count.py"
    script.write_text(source.replace("#!/usr/bin/python3", f"#!{PYTHON} -I"))
    script.chmod(0o700)
    (tmp_path / "count.json").write_text(told.replace("/opt/programs/count.py", str(script)))
    (tmp_path / "count.json").chmod(0o600)
    server = new_server(PROGRAMS_ROOT=tmp_path, PROGRAMS_UNCONFINED="true")
    chief = server.admin()
    job = ended(chief, ask(chief, "count", Study(chief, 3)))
    assert job["state"] == "SUCCEEDED" and job["result"]["result"]["slices"] == 3, job
    assert job["result"]["result"]["level"] == 3 and job["result"]["result"]["bytes"] > 0
