"""What an unmodified Celery client sends becomes a job, once, and is answered."""

import base64
import contextlib
import datetime
import json
import signal
import subprocess
import sys
import time
import uuid

import celery
import pytest
from celery.exceptions import NotRegistered, TaskRevokedError

import celery_side
from support import BINARY, PATIENCE, Server, dicom, ok, wait_until


@pytest.fixture(scope="module")
def redis():
    server = celery_side.Redis()
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(redis):
    app = celery.Celery("client", broker=redis.celery_url, backend=redis.celery_url)
    yield app
    app.close()


@pytest.mark.parametrize("names, status", [("", 2), (" ", 2), (",", 1), ("a,,b", 1)])
def test_a_queue_has_a_name(house, names, status):
    done = house.run("worker", "--celery", "--queue", names, check=False)
    assert done.returncode == status and "queue" in done.stderr, done.stderr


class Takers:
    """`roentgen worker --celery`, any number of them."""

    def __init__(self, house):
        self.house = house
        self.log = house.folder / "takers.log"
        self.running = []

    def start(self, *more):
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                [BINARY, "worker", "--celery", *more],
                cwd=self.house.folder,
                env=self.house.environment(),
                stdout=log,
                stderr=log,
            )
        self.running.append(process)
        return process

    def close(self):
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        codes = [process.wait(PATIENCE) for process in self.running]
        text = self.log.read_text(errors="replace")
        for sign in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "Assertion"):
            assert sign not in text, text[-3000:]
        assert set(codes) <= {0, -signal.SIGKILL}, (codes, text[-2000:])


@pytest.fixture(scope="module")
def house(tmp_path_factory, redis):
    settings = {"REDIS_URL": redis.url, "WORKER_CONCURRENCY": "0", "TASK_VISIBILITY_TIMEOUT": "1s"}
    server = Server(tmp_path_factory.mktemp("house"), **settings)
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def taker(house):
    takers = Takers(house)
    takers.start()
    yield takers
    takers.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


def jobs_of(house, result):
    return house.database.rows(f"select state, asked_by from jobs where unique_key = 'celery:{result.id}'")


def test_it_is_a_job_and_is_answered(house, chief, client, taker):
    chief.upload(dicom())
    results = [client.send_task("roentgen.files.scrub", kwargs={"files": 1 + n}) for n in range(5)]
    for result in results:
        assert result.get(timeout=PATIENCE)["findings"] == 0
        assert jobs_of(house, result) == [("SUCCEEDED", None)]
    group = celery.group(client.signature("roentgen.uploads.sweep") for _ in range(3))().get(timeout=PATIENCE)
    assert group == [{"uploads": 0}] * 3
    own = client.send_task("roentgen.uploads.sweep", task_id="of my own: 7")
    assert own.get(timeout=PATIENCE) == {"uploads": 0}
    (row,) = house.database.rows(f"select id from jobs where unique_key = 'celery:{own.id}'")
    about = {"action": "job.create", "entity_id": row[0]}
    (audit,) = ok(chief.get("/system/audit-logs", params=about))["items"]
    assert audit["detail"] == {"by": "celery"}


def test_the_ten_lines_of_the_manual_ask_for_it(redis, taker, house, tmp_path):
    code = celery_side.manual("docs/jobs.md", "# ask.py")
    assert code == celery_side.manual("docs/jobs.zh-CN.md", "# ask.py") and len(code.splitlines()) <= 10
    code = code.replace("redis://localhost:6379/0", redis.celery_url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    number, answer = done.stdout.split(" ", 1)
    assert "findings" in answer
    rows = house.database.rows(f"select state from jobs where job_uuid = '{number}'")
    assert rows == [("SUCCEEDED",)]


def test_what_is_not_done_here_is_said(client, taker, house):
    def refused(name, error, words, **more):
        result = client.send_task(name, **more)
        with pytest.raises(error) as caught:
            result.get(timeout=PATIENCE)
        assert words in str(caught.value), caught.value
        assert not jobs_of(house, result)

    refused("roentgen.no.such", NotRegistered, "roentgen.no.such")
    refused("proj.tasks.add", NotRegistered, "proj.tasks.add")
    refused("roentgen.audit.clean", PermissionError, "may not")
    refused("roentgen.files.scrub", ValueError, "payload.files", kwargs={"files": 0})
    refused("roentgen.files.scrub", ValueError, "payload.more", kwargs={"files": 1, "more": 2})
    refused("roentgen.files.scrub", TypeError, "keyword", args=[1])
    follower = client.signature("roentgen.uploads.sweep")
    refused("roentgen.uploads.sweep", NotImplementedError, "chains", link=follower)
    refused("roentgen.uploads.sweep", NotImplementedError, "chains", chain=[follower])


def test_what_cannot_be_read_is_answered(client, redis, taker, house):
    """kombu's gzip is unpacked; other compressions, other serialisers, and bodies that no job can be told."""
    packed = client.send_task("roentgen.files.scrub", kwargs={"files": 10}, compression="gzip")
    assert packed.get(timeout=PATIENCE)["findings"] == 0

    def refused(words, **more):
        result = client.send_task("roentgen.files.scrub", **{"kwargs": {"files": 1}, **more})
        with pytest.raises(ValueError, match=words):
            result.get(timeout=PATIENCE)
        assert not jobs_of(house, result)

    refused("only gzip", compression="bzip2")
    refused("application/json", serializer="pickle")
    refused("application/json", serializer="pickle", compression="gzip")
    refused("too large when", kwargs={"files": "1" * 2_000_000}, compression="gzip")
    refused("not JSON", kwargs={"files": float("nan")})
    refused("JSON of ours", kwargs={"files": "\x00"})
    refused("files", kwargs={"files": 2**64 + 1})
    refused("files", kwargs={"files": datetime.datetime(2026, 11, 27)})
    assert not redis.client.llen("roentgen.rejected")


def test_later_too_late_and_revoked(client, taker, house):
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=10)
    expired = client.send_task("roentgen.uploads.sweep", expires=past)
    with pytest.raises(TaskRevokedError):
        expired.get(timeout=PATIENCE)
    assert not jobs_of(house, expired)
    held = client.send_task("roentgen.uploads.sweep", countdown=3600)
    wait_until(lambda: jobs_of(house, held), "the job that waits")
    assert jobs_of(house, held) == [("QUEUED", None)]
    held.revoke()
    with pytest.raises(TaskRevokedError):
        held.get(timeout=PATIENCE)
    assert jobs_of(house, held) == [("CANCELLED", None)]
    soon = client.send_task("roentgen.uploads.sweep", countdown=0.2)
    assert soon.get(timeout=PATIENCE) == {"uploads": 0}
    late = client.send_task("roentgen.uploads.sweep", countdown=3600, expires=0.2)  # it expires where it waits
    with pytest.raises(TaskRevokedError):
        late.get(timeout=PATIENCE)


BROKEN = {
    "not JSON": "{",
    "nothing": "",
    "no tag": json.dumps({"headers": {"id": "x", "task": "y"}, "properties": {}}),
    "no id": json.dumps({"headers": {}, "properties": {"delivery_tag": "a"}}),
    "no base64": json.dumps(
        {
            "body": "?",
            "content-type": "application/json",
            "headers": {"id": "x", "task": "y"},
            "properties": {"delivery_tag": "b", "body_encoding": "base64"},
        }
    ),
    "pickle": json.dumps(
        {
            "body": base64.b64encode(b"cposix\nsystem\n").decode(),
            "content-type": "application/x-python-serialize",
            "headers": {"id": "x", "task": "y"},
            "properties": {"delivery_tag": "c", "body_encoding": "base64"},
        }
    ),
}


def test_what_is_broken_is_kept_for_an_administrator(client, redis, taker, house):
    for text in BROKEN.values():
        redis.client.lpush("celery", text)
    redis.client.lpush("celery", b"\xff\x00{")
    assert client.send_task("roentgen.uploads.sweep").get(timeout=PATIENCE) == {"uploads": 0}
    wait_until(lambda: not redis.client.hlen("unacked") and redis.client.llen("roentgen.rejected") == 7, "all rejected")
    lines = house.run("jobs", "rejected").stdout.splitlines()
    told = [json.loads('"' + line.split('  "', 1)[1]) for line in lines]
    assert set(BROKEN.values()) <= set(told) and len(lines) == 7
    assert sum("delivery_tag is none" in line for line in lines) == 1
    redis.client.lpush("celery", "Zhang San " + "x" * 2_000_000)
    wait_until(lambda: redis.client.llen("roentgen.rejected") == 8, "the large one")
    done = house.run("jobs", "rejected", "--most", "1")
    assert '  "Zhang San xxx' in done.stdout and done.stdout.endswith('xxx"  cut: it has 2000010 bytes\n')
    assert len(done.stdout) < 20000 and not done.stderr
    log = taker.log.read_text()
    assert "rejected: it is not JSON" in log and "rejected: properties.delivery_tag is none" in log
    assert "rejected: the body is not base64" in log and "Zhang" not in log
    metrics = house.client().get("/metrics").text
    assert 'roentgen_celery_rejected_total{reason="it is not JSON"} 4' in metrics
    assert "roentgen_celery_rejected_waiting 8" in metrics

    def health():
        return house.client().get("/health/ready").json()

    wait_until(lambda: "jobs rejected" in health()["checks"]["jobs"], "health that says so")
    assert health()["status"] == "degraded"
    assert house.run("jobs", "rejected", "--forget").stdout == "8 forgotten\n"
    (audit,) = ok(house.admin().get("/system/audit-logs", params={"action": "job.forget_rejected"}))["items"]
    assert audit["detail"]["command"] == "jobs" and audit["outcome"] == 200
    wait_until(lambda: health()["checks"]["jobs"] == "ok", "health without them")


def test_an_answer_that_is_there_stays(client, redis, taker, house):
    number = str(uuid.uuid4())
    key = f"celery-task-meta-{number}"
    there = json.dumps({"status": "SUCCESS", "result": "mine", "task_id": number})
    redis.client.set(key, there)
    result = client.send_task("roentgen.uploads.sweep", task_id=number)
    wait_until(lambda: jobs_of(house, result) == [("SUCCEEDED", None)], "the job's end")
    wait_until(lambda: not redis.client.hexists("roentgen.asked", number), "that it was told")
    assert redis.client.get(key) == there


def test_what_somebody_took_and_left_is_taken_again(client, redis, taker, house):
    """As a worker of Celery's that was killed leaves it; the time-out is a second here."""
    other = celery.Celery("other", broker=redis.celery_url, backend=redis.celery_url)
    result = other.send_task("roentgen.uploads.sweep", queue="aside", routing_key="aside")
    message = redis.client.rpop("aside")
    tag = json.loads(message)["properties"]["delivery_tag"]
    entry = json.loads(message)
    entry["properties"]["delivery_info"] = {"exchange": "", "routing_key": "celery"}
    redis.client.hset("unacked", tag, json.dumps([entry, "", "celery"]))
    redis.client.zadd("unacked_index", {tag: time.time() - 3600})
    assert result.get(timeout=PATIENCE) == {"uploads": 0}
    wait_until(lambda: not redis.client.hexists("unacked", tag), "that it is acknowledged")
    redis.client.lpush("celery", message)  # and once more, though it is done
    assert client.send_task("roentgen.uploads.sweep").get(timeout=PATIENCE) == {"uploads": 0}
    assert jobs_of(house, result) == [("SUCCEEDED", None)]
    other.close()


def test_its_own_tasks_are_not_taken(house, redis):
    env = {**house.environment(), "TASK_BROKER": "celery", "TASK_NAMES": "ai.echo"}
    done = house.run("worker", "--celery", check=False, env=env)
    assert done.returncode == 1 and "TASK_QUEUE" in done.stderr
    done = house.run("worker", "--celery", check=False, env={**house.environment(), "REDIS_URL": ""})
    assert done.returncode == 1 and "REDIS_URL" in done.stderr


def test_takers_killed_at_random_each_is_a_job_once(client, redis, taker, house):
    """Two take; one of them is killed five times while sixty tasks come. The jobs are done by the other, since one
    whose worker is killed as often as its kind is tried has failed."""
    only_takes = ("--kinds", "jobs.clean")
    results = []
    for round in range(5):
        victim = taker.start("--queue", "crash", *only_takes)
        for n in range(12):
            name, kwargs = ("roentgen.uploads.sweep", {}) if n % 2 else ("roentgen.files.scrub", {"files": 1 + n})
            results.append(client.send_task(name, kwargs=kwargs, queue="crash"))
        wait_until(lambda: redis.client.llen("crash") < 12, "that it takes")
        victim.kill()
        victim.wait()
    last = taker.start("--queue", "crash,celery", *only_takes)
    for result in results:
        assert result.get(timeout=PATIENCE)
        assert [state for state, _ in jobs_of(house, result)] == ["SUCCEEDED"]
    last.send_signal(signal.SIGTERM)
    assert last.wait(PATIENCE) == 0
    with contextlib.suppress(ValueError):
        taker.running.remove(last)
