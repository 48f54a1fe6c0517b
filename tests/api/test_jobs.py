"""Work in the background: what comes by itself, by whom it is seen, cancelled and done again, and who does it."""

import contextlib
import json
import os
import pty
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from support import BINARY, ON_SQLITE, PATIENCE, dicom, ok, png, problem, sha256, unique, wait_until

DAY_US = 86_400_000_000
NORMAL = 4


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    from support import Server

    server = Server(tmp_path_factory.mktemp("house"), PURGE_SCHEDULE="@yearly", FSCK_SCHEDULE="30 2 1 jan *")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


def looked_long_ago(server, name):
    """As if the server had been away for eight years, which is longer than any schedule here waits."""
    server.stop()
    server.database.rows(f"update job_schedules set looked_at = looked_at - {8 * 366 * DAY_US} where name = '{name}'")
    server.start()
    return server.admin()


def ended(api, kind, state="SUCCEEDED"):
    def last():
        items = ok(api.get("/system/jobs", params={"kind": kind}))["items"]
        return items and items[0]["state"] == state and items[0]

    return wait_until(last, what=f"{kind} {state}")


def queued(server, kind="nobody.knows", payload=None, since_us=1):
    """One that waits: put by hand, as another version of the program would. The server puts some of its own meanwhile,
    so its number is the database's to give."""
    uuid = unique("uuid-")
    told = "null" if payload is None else f"'{json.dumps(payload)}'"
    server.database.rows(
        "insert into jobs(job_uuid, kind, state, priority, turn_at, attempts_max, payload, created_at) values "
        f"('{uuid}', '{kind}', 'QUEUED', 'NORMAL', {since_us}, 2, {told}, 1)"
    )
    server.database.rows(f"update jobs set turn = {NORMAL << 56} + id where job_uuid = '{uuid}'")
    return server.database.rows(f"select id from jobs where job_uuid = '{uuid}'")[0][0]


def test_what_comes_by_itself(house, chief):
    items = {i["name"]: i for i in ok(chief.get("/system/schedule"))["items"]}
    assert items["trash.purge"]["schedule"] == "@yearly"
    assert items["trash.purge"]["next_at"].endswith("-01-01T00:00:00.000000Z")
    assert re.search(r"-01-01T02:30:00", items["files.scrub"]["next_at"]) and items["uploads.sweep"]["next_at"]
    problem(house.account("doctor", admin=chief).get("/system/schedule"), 403)
    problem(house.client().get("/system/schedule"), 401)


def test_what_was_deleted_long_ago_goes_each_night_unless_somebody_says_no(new_server):
    """The brief wants deleted files cleaned up regularly: so it is where nobody has set anything."""
    server = new_server(init=False, start=False, PURGE_SCHEDULE=None, PURGE_AFTER=None)
    assert re.search(r"PURGE_SCHEDULE=\W?30 2 \* \* \*", server.run("config").stdout)
    server = new_server(PURGE_SCHEDULE="never", FSCK_SCHEDULE="never", BACKUP_SCHEDULE="never")
    api = server.admin()
    items = {i["name"]: i for i in ok(api.get("/system/schedule"))["items"]}
    for name in ("trash.purge", "files.scrub", "backup.make"):
        assert items[name]["schedule"] is None and items[name]["next_at"] is None
    assert ok(api.get("/health/ready"))["checks"].get("backup") is None


def kinds_put(server):
    return {kind for (kind,) in server.database.rows("select distinct kind from jobs")}


@pytest.mark.parametrize("who", ["server", "worker"])
def test_where_one_host_never_purges_none_does(new_server, who):
    """On the other nobody has touched the setting."""
    server = new_server(start=False, PURGE_SCHEDULE="never")
    server.database.rows("insert into job_schedules(name, looked_at) values ('trash.purge', 1), ('files.scrub', 1)")

    def is_held_off():
        [(looked_at,)] = server.database.rows("select looked_at from job_schedules where name = 'trash.purge'")
        return looked_at > time.time_ns() // 1000 + 6 * DAY_US

    with server.worker() if who == "worker" else contextlib.nullcontext(server.start()):
        wait_until(is_held_off, f"the word of the {who}")
        with server.worker(PURGE_SCHEDULE="* * * * *", FSCK_SCHEDULE="* * * * *"):
            wait_until(lambda: "files.scrub" in kinds_put(server), "what the other finds due, after the purge")
    assert "trash.purge" not in kinds_put(server) and is_held_off()


def test_what_one_worker_has_put_no_other_does(new_server):
    """The second has a schedule of its own behind it, which says that it has looked at both."""
    server = new_server(start=False)
    for name in ("trash.purge", "files.scrub"):
        server.database.rows(f"insert into job_schedules(name, looked_at) values ('{name}', 1)")
    done = "select count(*) from jobs where kind = 'trash.purge' and state = 'SUCCEEDED'"
    with server.worker(PURGE_SCHEDULE="@yearly"):
        wait_until(lambda: server.database.rows(done) == [(1,)], "the end of what was due")
        with server.worker(PURGE_SCHEDULE="@yearly", FSCK_SCHEDULE="@yearly"):
            wait_until(lambda: "files.scrub" in kinds_put(server), "what the other finds due")
    assert server.database.rows("select count(*) from jobs where kind = 'trash.purge'") == [(1,)]


SKEWED = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The clock on the wall is wrong by so many seconds. */
int clock_gettime(clockid_t which, struct timespec *now)
{
    const char *skew = getenv("SKEW");
    int failed = (int)syscall(SYS_clock_gettime, which, now);
    if (!failed && which == CLOCK_REALTIME && skew)
        now->tv_sec += atoi(skew);
    return failed;
}
"""


@pytest.mark.skipif(ON_SQLITE is True, reason="its clock is that of who asks")
@pytest.mark.parametrize("skew", [3600, -3600])
def test_a_worker_whose_clock_is_wrong_goes_by_the_databases(new_server, tmp_path, skew):
    (tmp_path / "skewed.c").write_text(SKEWED)
    shim = tmp_path / "skewed.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, tmp_path / "skewed.c"], check=True)
    server = new_server(WORKER_CONCURRENCY="0")
    api = server.admin()

    def put(after_s):
        at = datetime.now(UTC) + timedelta(seconds=after_s)
        wish = {"kind": "files.scrub", "payload": {"files": 1}, "not_before": at.isoformat()}
        return ok(api.post("/system/jobs", json=wish), 202)["id"]

    def state(job):
        return ok(api.get(f"/system/jobs/{job}"))["state"]

    later, due = put(1800), put(7200)
    server.database.rows(f"update jobs set due_at = 1 where id = {due}")
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    with server.worker(LD_PRELOAD=shim, SKEW=skew, ASAN_OPTIONS=sanitizer):
        wait_until(lambda: state(due) == "SUCCEEDED", "what is due by the database's clock")
        assert state(later) == "QUEUED"


def test_a_terminal_sees_how_far_a_job_has_got(new_server):
    server = new_server(start=False)
    job = queued(server, "files.scrub", {"files": 9})

    def now(**columns):
        said = ", ".join(f"{name} = '{value}'" for name, value in columns.items())
        server.database.rows(f"update jobs set {said} where id = {job}")

    seen, (near, far) = bytearray(), pty.openpty()
    now(state="RUNNING", progress_done=8200, progress_total=20000, progress_unit="files")
    command = [BINARY, "jobs", "watch", str(job)]
    process = subprocess.Popen(command, cwd=server.folder, env=server.environment(), stdout=far, stderr=far)
    os.close(far)

    def read_all():
        with contextlib.suppress(OSError):  # the end of a terminal
            while some := os.read(near, 1 << 16):
                seen.extend(some)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_all)
        wait_until(lambda: b"[############------------------]  8200 of 20000 files" in seen, "the bar")
        now(progress_done=20000)
        wait_until(lambda: b"[##############################]  20000 of 20000 files" in seen, "its end")
        now(state="SUCCEEDED")
        assert process.wait(PATIENCE) == 0
        reading.result()
    os.close(near)
    assert f"{job}  files.scrub  SUCCEEDED" in seen.decode()


def test_a_setting_that_is_no_schedule_keeps_it_from_starting(new_server):
    server = new_server(start=False, PURGE_SCHEDULE="30 25 * * *")
    said = server.run("serve", check=False)
    assert said.returncode == 1 and "PURGE_SCHEDULE" in said.stderr and "hour" in said.stderr


def test_the_trash_is_purged_by_schedule(house):
    chief = house.admin()
    content = png()
    file, kept = chief.upload(content), chief.upload(png())
    for each in (file, kept):
        ok(chief.delete(f"/image-files/{each['id']}"), 204)
    house.database.rows(f"update image_files set deleted_at = deleted_at - {31 * DAY_US} where id = {file['id']}")
    chief = looked_long_ago(house, "trash.purge")
    job = ended(chief, "trash.purge")
    assert job["result"] == {"files": 1, "bytes": len(content)} and job["asked_by"] is None and job["attempt"] == 1
    assert (job["progress_done"], job["payload"]) == (1, {"older_than_s": 30 * 86400})
    problem(chief.post(f"/image-files/{file['id']}/restore"), 404)
    assert not (house.files / file["storage_path"]).exists()
    ok(chief.post(f"/image-files/{kept['id']}/restore"))
    about = {"action": "image_file.purge", "entity_id": file["id"]}
    (row,) = ok(chief.get("/system/audit-logs", params=about))["items"]
    assert row["detail"] == {"by": "server", "task": "trash.purge", "job": job["id"]}


def test_what_a_disk_has_turned_is_found_by_schedule(house):
    chief = house.admin()
    file = chief.upload(dicom())
    with open(house.files / file["storage_path"], "r+b") as stored:  # never shorter, whoever reads it meanwhile
        stored.seek(-1, os.SEEK_END)
        last = stored.read(1)[0]
        stored.seek(-1, os.SEEK_END)
        stored.write(bytes([last ^ 1]))
    assert chief.file(file["id"])["damage"] is None
    chief = looked_long_ago(house, "files.scrub")
    job = ended(chief, "files.scrub")
    assert job["result"]["findings"] == 1 and job["result"]["ended"] is True
    assert chief.file(file["id"])["damage"] == "CONTENT"
    problem(chief.get(f"/image-files/{file['id']}/download"), 502)


def test_who_sees_it_may_cancel_it_and_have_it_done_again(house):
    chief = house.admin()
    number = queued(house)
    doctor = house.account("doctor", admin=chief)
    assert ok(doctor.get("/system/jobs"))["items"] == []
    for answer in (
        doctor.get(f"/system/jobs/{number}"),
        doctor.post(f"/system/jobs/{number}/cancel"),
        chief.get("/system/jobs/999999"),
        chief.post("/system/jobs/999999/retry"),
    ):
        problem(answer, 404)
    problem(house.client().get("/system/jobs"), 401)
    house.database.rows(f"update jobs set asked_by = {doctor.id} where id = {number}")
    assert [j["id"] for j in ok(doctor.get("/system/jobs"))["items"]] == [number]
    assert ok(doctor.post(f"/system/jobs/{number}/cancel"))["state"] == "CANCELLED"
    problem(doctor.post(f"/system/jobs/{number}/cancel"), 409)
    again = ok(chief.post(f"/system/jobs/{number}/retry"))
    assert (again["state"], again["attempt"], again["finished_at"]) == ("QUEUED", 0, None)
    problem(chief.post(f"/system/jobs/{number}/retry"), 409)
    assert number in [j["id"] for j in ok(chief.get("/system/jobs", params={"state": "QUEUED"}))["items"]]
    actions = [r["action"] for r in ok(chief.get("/system/audit-logs", params={"entity": "job"}))["items"]]
    assert {"job.cancel", "job.retry"} <= set(actions)
    ok(doctor.post(f"/system/jobs/{number}/cancel"))


def test_a_worker_does_what_a_server_without_one_leaves(new_server):
    server = new_server(WORKER_CONCURRENCY="0")
    chief = server.admin()
    content = png()
    file = chief.upload(content)
    ok(chief.delete(f"/image-files/{file['id']}"), 204)
    number = queued(server, "trash.purge", {"older_than_s": 0})
    wrong = server.run("worker", "--kinds", "trash.purge,no.such", check=False)
    assert wrong.returncode == 2 and "no.such" in wrong.stderr
    with server.worker("--kinds", "trash.purge"):
        watched = server.run("jobs", "watch", str(number))
        assert "SUCCEEDED" in watched.stdout and f"{number}  trash.purge" in watched.stdout
    shown = json.loads(server.run("jobs", "show", str(number)).stdout)
    assert shown["result"] == {"files": 1, "bytes": len(content)} and sha256(content) == file["sha256"]
    assert f"{number}  SUCCEEDED" in server.run("jobs", "list").stdout
    other = queued(server)
    assert '"CANCELLED"' in server.run("jobs", "cancel", str(other)).stdout
    assert server.run("jobs", "cancel", str(other), check=False).returncode == 1
    assert server.run("jobs", "watch", str(other), check=False).returncode == 1
    assert server.run("jobs", "show", check=False).returncode == 2
    listed = server.run("jobs", "list", "--state", "CANCELLED").stdout
    assert re.findall(r"^ *(\d+)", listed, re.MULTILINE) == [str(other)]


def test_a_unique_key_is_told_apart_by_each_of_its_letters(house):
    chief = house.admin()
    keys = ["cd", "\u50cf" * 190, "\u50cf" * 189 + "\u5f71", "k" * 190, "sha256:" + "0" * 64]

    def ask(key):
        wish = {"kind": "uploads.sweep", "not_before": "2099-01-01T00:00:00Z", "unique_key": key}
        return ok(chief.post("/system/jobs", json=wish), 202)["id"]

    numbers = [ask(key) for key in keys]
    assert len(set(numbers)) == len(keys)
    assert [ask(key) for key in keys] == numbers
    for number in numbers:
        ok(chief.post(f"/system/jobs/{number}/cancel"))


def test_jobs_that_ended_long_ago_go(house):
    chief = house.admin()
    old = queued(house)
    ok(chief.post(f"/system/jobs/{old}/cancel"))
    house.database.rows(f"update jobs set finished_at = finished_at - {31 * DAY_US} where id = {old}")
    chief = looked_long_ago(house, "jobs.clean")
    wait_until(lambda: chief.get(f"/system/jobs/{old}").status_code == 404, "the end of its row")
    ended(chief, "jobs.clean")
    every = ok(chief.get("/system/jobs", params={"kind": "jobs.clean"}))["items"]
    assert sum(job["result"]["jobs"] for job in every if job["state"] == "SUCCEEDED") >= 1  # one comes each hour, too
    problem(chief.get(f"/system/jobs/{old}"), 404)


def gauges(api, name):
    lines = re.findall(rf'^roentgen_{name}{{kind="(.+)"}} (\d+)$', ok_text(api.get("/metrics")), re.MULTILINE)
    return {kind: int(value) for kind, value in lines}


def ok_text(answer):
    assert answer.status_code == 200
    return answer.text


def test_what_a_newer_version_has_put_is_in_nobodys_way(house):
    """States and priorities that this one does not know: left out of lists, and left alone."""
    chief, rows = house.admin(), house.database.rows
    strange = []
    held = "state = 'HELD', turn = null, due_at = 1"
    for change in ("priority = 'HUGE', turn = id", "state = 'PAUSED', turn = id", held):
        strange.append(queued(house, payload={"files": 1}))
        # Of a kind that is done here only now.
        rows(f"update jobs set {change}, kind = 'files.scrub' where id = {strange[-1]}")
    which = ", ".join(map(str, strange))
    before = rows(f"select id, kind, state, priority, turn, due_at, attempt from jobs where id in ({which})")
    job = ok(chief.post("/system/jobs", json={"kind": "files.scrub", "payload": {"files": 2}}), 202)
    wait_until(lambda: ok(chief.get(f"/system/jobs/{job['id']}"))["state"] == "SUCCEEDED", "the one behind them")
    assert rows(f"select id, kind, state, priority, turn, due_at, attempt from jobs where id in ({which})") == before
    seen, pages, query = [], 0, {"kind": "files.scrub", "page_size": 1}
    while "after" not in query or query["after"]:
        page = ok(chief.get("/system/jobs", params=query))
        seen += [item["id"] for item in page["items"]]
        query["after"] = page["next"]
        pages += 1
    assert pages == page["total"] == rows("select count(*) from jobs where kind = 'files.scrub'")[0][0]
    assert job["id"] in seen and not set(seen) & set(strange) and len(seen) == page["total"] - 3
    assert ok(chief.get("/system/jobs", params={"state": "QUEUED"}))["items"] is not None
    done = house.run("jobs", "list")
    assert "3 more hold what this version does not know" in done.stderr and f" {job['id']}  SUCCEEDED" in done.stdout
    for number in strange:
        assert "this version" in problem(chief.get(f"/system/jobs/{number}"), 502)["detail"]
    checked = house.run("fsck", "--rows", check=False)
    assert checked.returncode == 1 and all(f"jobs {number}" in checked.stdout for number in strange), checked.stdout
    rows(f"delete from jobs where id in ({which})")


def test_a_file_of_a_newer_version_is_left_out_of_lists(house):
    chief, rows = house.admin(), house.database.rows
    known, strange = (chief.upload(dicom())["id"] for _ in range(2))

    def listed():
        return [item["id"] for item in ok(chief.get("/image-files"))["items"]]

    ((was,),) = rows(f"select status from image_files where id = {strange}")
    rows(f"update image_files set status = 'FROZEN' where id = {strange}")
    assert known in listed() and strange not in listed()
    assert "FROZEN" in problem(chief.get(f"/image-files/{strange}"), 502)["detail"]
    checked = house.run("fsck", "--rows", check=False)
    assert f"image_files {strange}" in checked.stdout and "(unknown_choice)" in checked.stdout
    rows(f"update image_files set status = '{was}' where id = {strange}")
    assert {known, strange} <= set(listed())
    assert "unknown_choice" not in house.run("fsck", "--rows", check=False).stdout


def test_what_waits_for_long_or_for_ever_is_told(new_server):
    server = new_server(WORKER_CONCURRENCY="0", JOBS_WARN_AFTER="1h")
    chief = server.admin()
    assert ok(chief.get("/health/ready"))["checks"]["jobs"] == "ok"
    now_us = int(time.time() * 1_000_000)
    queued(server, "trash.purge", {"older_than_s": 1}, since_us=now_us)
    assert ok(chief.get("/health/ready"))["checks"]["jobs"] == "ok"
    queued(server, "files.scrub", {"files": 1}, since_us=now_us - 2 * 3_600_000_000)
    said = ok(chief.get("/health/ready"))
    assert said["status"] == "degraded" and "JOBS_WARN_AFTER" in said["checks"]["jobs"]
    waiting, oldest = gauges(chief, "jobs_waiting"), gauges(chief, "jobs_oldest_seconds")
    assert (waiting["trash.purge"], waiting["files.scrub"]) == (1, 1)
    assert oldest["files.scrub"] >= 7200 > oldest["trash.purge"]
    stranger = queued(server, "nobody.knows", since_us=now_us)
    server.database.rows("delete from jobs where kind = 'files.scrub'")
    said = ok(chief.get("/health/ready"))
    assert said["status"] == "degraded" and "nobody here can do" in said["checks"]["jobs"]
    ok(chief.post(f"/system/jobs/{stranger}/cancel"))
    assert ok(chief.get("/health/ready"))["checks"]["jobs"] == "ok"


def test_attempts_are_counted_by_kind(house):
    chief = house.admin()

    def count(state):
        found = re.search(
            rf'^roentgen_job_attempts_total{{kind="files.scrub",state="{state}"}} (\d+)$',
            ok_text(chief.get("/metrics")), re.MULTILINE,
        )  # fmt: skip
        return int(found.group(1))

    good, bad = count("succeeded"), count("failed")
    queued(house, "files.scrub", {"files": 1})
    queued(house, "files.scrub", {"files": "many"})
    wait_until(lambda: (count("succeeded"), count("failed")) == (good + 1, bad + 1), "two attempts")
    wait_until(lambda: gauges(chief, "jobs_running")["files.scrub"] == 0, "the rows to say so")


def test_what_others_have_written_does_nothing_to_a_terminal(house):
    """Words of a program elsewhere: ESC, and its C1 kin U+009B, which many terminals obey; and what turns the line."""
    number = queued(house)
    words = "\x1b[2J\x9b2J\u202ered"
    house.database.rows(
        f"update jobs set state = 'FAILED', turn = null, turn_at = null, error = '{words}' where id = {number}"
    )
    shown = house.run("jobs", "show", str(number)).stdout
    assert json.loads(shown)["error"] == words
    listed = house.run("jobs", "list", "--state", "FAILED").stdout
    assert r"\x1b[2J\u{9b}2J\u{202e}red" in listed
    absent = house.run("dicom", "dump", "no\u202ered.dcm", check=False).stderr
    assert r"no\u{202e}red.dcm" in absent
    assert not set(shown + listed + absent) & set("\x1b\x9b\u202e")
    house.database.rows(f"delete from jobs where id = {number}")
