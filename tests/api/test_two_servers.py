"""Two servers that do no jobs, two workers that have no network, one MariaDB and one Redis: what happens at one is so
for all. What Redis alone is for, limits, locks and rights, is in test_redis."""

import contextlib
import json
import re
import subprocess
import threading

import celery_side
import pytest
from support import (
    BINARY,
    ON_SQLITE,
    PATIENCE,
    Server,
    ok,
    png,
    problem,
    unique,
    wait_until,
)

pytestmark = pytest.mark.skipif(ON_SQLITE, reason="a file is one server's")


def without_network():
    """What a command is begun with to be in a network of its own, where the kernel lets us."""
    for prefix in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        with contextlib.suppress(OSError):
            if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
                return prefix
    return []


class Worker:
    def __init__(self, server, number):
        self.log = server.folder / f"worker{number}.log"
        command = [*without_network(), BINARY, "worker", "--threads", "2"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=server.folder, env=server.environment(), stdout=log, stderr=log
            )
        wait_until(lambda: '"worker.ready"' in self.log.read_text(), "a worker")

    def close(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        redis = celery_side.Redis()
        stack.callback(redis.close)
        settings = {"REDIS_URL": redis.url, "WORKER_CONCURRENCY": "0"}
        a = Server(tmp_path_factory.mktemp("a"), **settings)
        stack.callback(a.close)
        a.init().start()
        shared = {name: a.settings[name] for name in ("DATABASE_URL", "STORAGE_URL", "SECRET_KEY")}
        b = Server(tmp_path_factory.mktemp("b"), **{**settings, **shared})
        stack.callback(b.close)
        b.start()
        for number in range(2):
            stack.callback(Worker(a, number).close)
        yield a, b


@pytest.fixture(scope="module")
def chiefs(pair):
    """One account, at each of the two."""
    at_a = pair[0].admin()
    return at_a, pair[1].client(at_a.token)


class Listener(threading.Thread):
    """GET /events of one server, until it has heard what it waits for."""

    def __init__(self, api, is_last):
        super().__init__(daemon=True)
        self.api, self.is_last, self.heard, self.listens = api, is_last, [], threading.Event()
        self.start()
        assert self.listens.wait(PATIENCE)

    def run(self):
        with self.api.stream("GET", "/api/v1/events") as stream:
            for line in stream.iter_lines():
                self.listens.set()
                if line.startswith("data: "):
                    self.heard.append(json.loads(line[6:]))
                    if self.is_last(self.heard):
                        return

    def wait(self):
        self.join(PATIENCE)
        assert not self.is_alive(), self.heard
        return self.heard


def test_who_listens_at_one_hears_of_the_other(chiefs):
    at_a, at_b = chiefs
    hears = Listener(at_b, lambda heard: sum(e["type"] == "file.stored" for e in heard) == 5)
    files = [at_a.upload(png())["id"] for _ in range(5)]
    assert [e["file_id"] for e in hears.wait() if e["type"] == "file.stored"] == files
    ends = Listener(at_b, lambda heard: any(e["type"] == "job.ended" for e in heard))
    job = ok(at_a.post("/system/jobs", json={"kind": "uploads.sweep"}), 202)
    (end,) = [e for e in ends.wait() if e["type"] == "job.ended"]
    assert (end["job_id"], end["state"]) == (job["id"], "SUCCEEDED")  # done by a worker, told by neither's own thread


def announced(server):
    found = re.search(r"^roentgen_events_announced_total (\d+)$", server.client().get("/metrics").text, re.M)
    return int(found.group(1))


def test_who_shares_a_redis_is_told_that_there_is_something_to_hear(pair, chiefs):
    """Else it would still hear, when it looks at the database next: so what is counted is the word itself."""
    a, b = pair
    before = announced(a), announced(b)
    chiefs[0].upload(png())
    wait_until(lambda: announced(b) > before[1], "word of it")
    before = announced(a)
    ok(chiefs[1].post("/system/jobs", json={"kind": "uploads.sweep"}), 202)
    wait_until(lambda: announced(a) > before, "word of it")


def test_what_is_asked_of_both_is_one_job_and_is_done_once(pair, chiefs):
    keys = [unique("key") for _ in range(20)]
    # Before the minute after next nobody does it, so that the second asks while it waits.
    order = {"kind": "files.scrub", "payload": {"files": 1}, "not_before": "2100-01-01T00:00:00Z"}
    asked = [[ok(api.post("/system/jobs", json={**order, "unique_key": k}), 202)["id"] for api in chiefs] for k in keys]
    assert all(first == second for first, second in asked)
    numbers = [first for first, _ in asked]
    pair[0].database.rows(f"update jobs set due_at = 1 where id in ({','.join(map(str, numbers))})")

    def states(api):
        return [ok(api.get(f"/system/jobs/{number}"))["state"] for number in numbers]

    wait_until(lambda: set(states(chiefs[0])) == {"SUCCEEDED"}, "the end of all")
    assert set(states(chiefs[1])) == {"SUCCEEDED"}
    told = pair[0].database.rows("select job_id, count(*) from events where type = 'job.ended' group by job_id")
    assert {number: count for number, count in told if number in numbers} == dict.fromkeys(numbers, 1)


def test_one_that_waits_is_cancelled_at_the_other(chiefs):
    at_a, at_b = chiefs
    order = {"kind": "uploads.sweep", "not_before": "2100-01-01T00:00:00Z"}
    job = ok(at_a.post("/system/jobs", json=order), 202)
    ok(at_b.post(f"/system/jobs/{job['id']}/cancel"))
    assert ok(at_a.get(f"/system/jobs/{job['id']}"))["state"] == "CANCELLED"
    problem(at_a.post(f"/system/jobs/{job['id']}/cancel"), 409)


def test_what_one_keeps_for_itself_is_never_older_than_the_other(pair, chiefs):
    """Totals of lists, statistics, pictures, what an account sees: changed at one, asked at the other right after."""
    user = pair[0].account("doctor", admin=chiefs[0])
    there = pair[1].client(user.token)

    def totals(api):
        summary = ok(api.get("/image-files/stats/summary"))
        return ok(api.get("/image-files"))["total"], summary["total_files"], summary["total_size"]

    kept = 0
    for round in range(6):
        mine, other = (user, there) if round % 2 else (there, user)
        picture = png(20, 20)
        file = mine.upload(picture)
        kept += len(picture)
        assert totals(other) == totals(mine) == (1, 1, kept)
        assert other.get(f"/images/{file['id']}/thumbnail").status_code == 200
        ok(mine.delete(f"/image-files/{file['id']}"), 204)
        kept = 0
        assert totals(other) == totals(mine) == (0, 0, 0)
        assert other.get(f"/images/{file['id']}/thumbnail").status_code == 404


def test_thumbnails_are_made_by_who_has_no_network(chiefs):
    at_a, at_b = chiefs
    for mine, other in (chiefs, (at_b, at_a)):
        file = mine.upload(png(30, 30))
        assert other.settled(file["id"])["thumbnail_path"]
