"""Five kinds of jobs are asked for and done while whoever takes part dies: the server, three workers, MariaDB, Redis.

Each is killed by SIGKILL, fifty times in all, in an order that a seed gives, whenever so many steps more have been
taken. Every job that was acknowledged ends well, once, and what it was to do is there once.
"""

import base64
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import celery_side
import httpx
import pytest
import redis as redis_client
import support
from support import ok, png, sha256, wait_until

JOBS = 500
KILLS = int(os.environ.get("ROENTGEN_CRASH_KILLS", "50"))
SEED = int(os.environ.get("ROENTGEN_CRASH_SEED", "20261127"))
WORKERS = 3
VICTIMS = ["server", "worker 0", "worker 1", "worker 2"] * 4 + ["mariadb"] * 2 + ["redis"] * 3
# A killed database may lose what nobody has synced, but nothing that it has written: as a machine that goes on.
DURABLE = ["--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=1"]

pytestmark = pytest.mark.skipif(
    not shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin") or not shutil.which("redis-server"),
    reason="needs MariaDB and Redis",
)


class Mariadb:
    """A server of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.url = f"mysql://root@/jobs?socket={folder}/socket"
        self.start()

    def start(self):
        script = support.ROOT / "script" / "mariadb"
        subprocess.run([script, "start", self.folder, *DURABLE], check=True, timeout=support.PATIENCE)
        self.pid = int((self.folder / "pid").read_text())

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{self.pid}").exists() or self.is_zombie(), "the end of MariaDB")

    def is_zombie(self):
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        return True


class Worker:
    """`roentgen worker` beside the server."""

    def __init__(self, server, number):
        self.server, self.log = server, server.folder / f"worker{number}.log"
        self.start()

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [support.BINARY, "worker", "--threads", "2"],
                cwd=self.server.folder,
                env=self.server.environment(),
                stdout=log,
                stderr=log,
            )

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        return '"worker.ready"' in self.log.read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Tasks(threading.Thread):
    """Does what goes out over Redis, as a Celery worker would that acknowledges at once: says what it was told."""

    def __init__(self, redis):
        super().__init__(daemon=True)
        self.redis, self.over, self.failure = redis, False, None

    def run(self):
        queues = ["celery"] + [f"celery\x06\x16{step}" for step in (3, 6, 9)]
        while not self.over:
            try:
                found = self.redis.client.brpop(queues, timeout=1)
                if found:
                    self.answer(json.loads(found[1]))
            except redis_client.exceptions.RedisError:
                time.sleep(0.01)  # it is dead, or still reading
            except (KeyError, ValueError) as failure:  # shown by the test
                self.failure = failure
                return

    def answer(self, message):
        _, told, _ = json.loads(base64.b64decode(message["body"]))
        task = message["headers"]["id"]
        text = json.dumps({"status": "SUCCESS", "result": told, "traceback": None, "task_id": task})
        for _ in range(2):  # twice is once
            self.redis.client.set(f"celery-task-meta-{task}", text, ex=86400)
            self.redis.client.publish(f"celery-task-meta-{task}", text)


class Asker(threading.Thread):
    """Asks for jobs one after the other, each until it is acknowledged: by its key a repetition is the same."""

    def __init__(self, house, first, last):
        super().__init__(daemon=True)
        self.house, self.range, self.failure = house, range(first, last), None
        self.ids = {}

    def run(self):
        try:
            for n in self.range:
                self.ids[n] = self.ask(n)
        except (AssertionError, KeyError, ValueError) as failure:  # shown by the test
            self.failure = failure

    def ask(self, n):
        path, body = order(n)
        end = time.monotonic() + support.PATIENCE
        while time.monotonic() < end and not self.house.over:
            try:
                with self.house.client() as api:
                    answer = api.post(path, json=body, headers={"Idempotency-Key": f"job-{n}"})
            except httpx.HTTPError:
                continue  # the server has just died, or is not there yet
            if answer.status_code == 202:
                return answer.json()["id"]
            assert answer.status_code in (409, 500, 503), f"job {n}: {answer.status_code} {answer.text}"
        raise AssertionError(f"job {n} could not be asked for")


def order(n):
    """Where job n is asked for, and how."""
    kinds = ("import.folder", "task.ai.mirror", "files.scrub", "trash.purge", "uploads.sweep")
    payloads = (None, {"n": n}, {"files": 3}, {"older_than_s": 0}, None)
    if n % 5 == 0:
        return "/system/import", {"folder": f"d{n}"}
    return "/system/jobs", {"kind": kinds[n % 5], "payload": payloads[n % 5]}


class House:
    """All of them together."""

    def __init__(self, folder):
        self.over = False
        self.redis = celery_side.Redis()
        self.mariadb = Mariadb(folder / "m")
        (folder / "import").mkdir()
        support.TEST_DATABASE, support.ON_SQLITE = self.mariadb.url, False
        self.server = support.Server(
            folder / "server",
            REDIS_URL=self.redis.url,
            TASK_BROKER="celery",
            TASK_NAMES="ai.mirror",
            IMPORT_ROOT=folder / "import",
            WORKER_CONCURRENCY="2",
        )
        self.server.init(copies=False).start()
        self.token = self.server.admin().token
        self.workers = [Worker(self.server, number) for number in range(WORKERS)]

    def client(self):
        return self.server.client(self.token)

    def kill(self, victim):
        if victim == "server":
            self.server.kill()
            self.server.start()
        elif victim == "mariadb":
            for worker in self.workers:  # one that finds no database does not start
                wait_until(worker.is_ready, "a worker")
            self.mariadb.kill()
            self.mariadb.start()
        elif victim == "redis":
            self.redis.stop()
            self.redis.start()
        else:
            worker = self.workers[int(victim[-1])]
            assert worker.process.poll() is None, worker.log.read_text()[-2000:]
            worker.kill()
            worker.start()

    def rows(self, sql):
        return self.server.database.rows(sql)

    def let_time_pass(self):
        """What waits for a moment is due, and what is with somebody elsewhere is looked at again: some of it, as a
        statement over many rows gets in the way of those who work."""
        waits = "due_at > 1 and (state = 'QUEUED' or (state = 'RUNNING' and worker = 'celery'))"
        for (number,) in self.rows(f"select id from jobs where {waits} order by id limit 20"):
            with contextlib.suppress(AssertionError):  # a deadlock: next time
                self.rows(f"update jobs set due_at = 1 where id = {number} and {waits}")

    def close(self):
        self.over = True
        for worker in self.workers:
            wait_until(worker.is_ready, "a worker")
            worker.process.terminate()
        for worker in self.workers:
            assert worker.process.wait(support.PATIENCE) == 0, "a worker did not end well"
        self.server.close()
        self.redis.close()
        subprocess.run([support.ROOT / "script" / "mariadb", "stop", self.mariadb.folder], check=True)


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(support, "TEST_DATABASE", support.TEST_DATABASE)
    monkeypatch.setattr(support, "ON_SQLITE", support.ON_SQLITE)
    house = House(tmp_path)
    yield house
    house.close()


OURS = "asked_by is not null"


def steps(house, askers):
    ended = house.rows(f"select count(*) from jobs where {OURS} and state not in ('QUEUED', 'RUNNING')")[0][0]
    return sum(len(asker.ids) for asker in askers) + ended


def all_have_ended_well(house):
    """One that was killed as often as its kind allows has failed, and says so: it is done again."""
    house.let_time_pass()
    left = house.rows(f"select id, state, error from jobs where {OURS} and state <> 'SUCCEEDED'")
    for number, state, error in left:
        assert state != "CANCELLED" and (state != "FAILED" or error), (number, state)
        if state == "FAILED":
            ok(house.client().post(f"/system/jobs/{number}/retry"))
    return not left


@pytest.mark.timeout(900)
def test_whoever_dies_each_job_is_done_once(house, tmp_path):
    rng = random.Random(SEED)
    print(f"ROENTGEN_CRASH_SEED={SEED}")
    chief = house.client()
    deleted = [chief.upload(png()) for _ in range(20)]
    for file in deleted:
        ok(chief.delete(f"/image-files/{file['id']}"), 204)
    pictures = {}
    for n in range(0, JOBS, 5):
        (tmp_path / "import" / f"d{n}").mkdir()
        pictures[n] = png()
        (tmp_path / "import" / f"d{n}" / "a.png").write_bytes(pictures[n])

    tasks = Tasks(house.redis)
    askers = [Asker(house, first, first + JOBS // 2) for first in (0, JOBS // 2)]
    for thread in (tasks, *askers):
        thread.start()
    taken = 0
    for kill in range(KILLS):

        def is_time(most=2 * JOBS * kill // KILLS):
            nonlocal taken
            assert not tasks.failure and not any(asker.failure for asker in askers)
            before, taken = taken, steps(house, askers)
            if taken == before:
                house.let_time_pass()
            return taken >= most

        wait_until(is_time, f"work beyond kill {kill}")
        house.kill(rng.choice(VICTIMS))
    for asker in askers:
        asker.join()
        assert not asker.failure, asker.failure
    wait_until(lambda: all_have_ended_well(house), "the end of all")
    tasks.over = True

    chief = house.client()
    numbers = {n: number for asker in askers for n, number in asker.ids.items()}
    assert sorted(numbers) == list(range(JOBS)) and len(set(numbers.values())) == JOBS
    assert house.rows(f"select count(*) from jobs where {OURS}") == [(JOBS,)], "what was asked for twice is one"
    ends = house.rows("select job_id, count(*) from events where type = 'job.ended' and state = 'SUCCEEDED' group by 1")
    assert {number for number, count in ends if count != 1} == set(), "ended once"
    assert set(numbers.values()) <= {number for number, _ in ends}
    for n, number in numbers.items():
        if n % 5 == 1:
            assert ok(chief.get(f"/system/jobs/{number}"))["result"] == {"n": n}
    stored = house.rows("select sha256 from image_files where deleted_at is null")
    assert sorted(hash for (hash,) in stored) == sorted(map(sha256, pictures.values())), "each file once"
    gone = ",".join(str(file["id"]) for file in deleted)
    assert house.rows(f"select count(*) from image_files where id in ({gone})") == [(0,)]
    assert "clean" in house.server.run("fsck", "--deep").stdout
