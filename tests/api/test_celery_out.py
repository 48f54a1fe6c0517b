"""Jobs that programs elsewhere do: what goes out to Celery, and how its answers come back."""

import base64
import json
import signal

import pytest

import celery_side
from support import Server, ok, problem, wait_until

TASKS = "ai.echo,ai.mirror,ai.refuse,ai.again,ai.slow,ai.large,ai.colours,ai.nobody"


@pytest.fixture(scope="module")
def redis():
    server = celery_side.Redis()
    yield server
    server.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory, redis):
    server = Server(tmp_path_factory.mktemp("house"), TASK_BROKER="celery", REDIS_URL=redis.url, TASK_NAMES=TASKS)
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def worker(tmp_path_factory, redis):
    """Takes from the queue of the module's house."""
    folder = tmp_path_factory.mktemp("side")
    worker = celery_side.Worker(redis.celery_url, "--pool", "threads", "-c", "2", folder=folder)
    wait_until(worker.is_ready, "Celery's worker")
    yield worker
    worker.kill()


def ask(api, kind, payload=None, **more):
    return ok(api.post("/system/jobs", json={"kind": kind, "payload": payload, **more}), 202)


def ended(api, job):
    def look():
        now = ok(api.get(f"/system/jobs/{job['id']}"))
        return now["state"] not in ("QUEUED", "RUNNING") and now

    return wait_until(look, what=f"the end of {job['kind']}")


def messages(redis, key="celery"):
    return [json.loads(text) for text in redis.client.lrange(key, 0, -1)]


def answer(redis, job, status="SUCCESS", result=None):
    """As Celery's backend for results writes it."""
    text = json.dumps({"status": status, "result": result, "traceback": None, "task_id": job["job_uuid"]})
    key = f"celery-task-meta-{job['job_uuid']}"
    redis.client.set(key, text, ex=86400)
    redis.client.publish(key, text)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A house, with a Redis that nobody else looks into: `ai.echo` is done by the tests."""
    redis = celery_side.Redis()
    server = Server(
        tmp_path_factory.mktemp("alone"), TASK_BROKER="celery", TASK_URL=redis.url, TASK_NAMES="ai.echo"
    )
    server.init().start()
    server.redis = redis
    server.chief = server.admin()
    yield server
    server.close()
    redis.close()


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"TASK_BROKER": "celery"}, "REDIS_URL"),
        ({"TASK_BROKER": "celery", "REDIS_URL": "http://localhost"}, "REDIS_URL"),
        ({"TASK_BROKER": "celery", "TASK_URL": "redis://localhost/x"}, "TASK_URL"),
        ({"TASK_BROKER": "amqp"}, "TASK_BROKER"),
        ({"TASK_SERIALIZER": "pickle"}, "TASK_SERIALIZER"),
        ({"TASK_NAMES": "ai.echo,../x"}, "TASK_NAMES"),
        ({"TASK_PRIORITY_STEPS": "3,6"}, "TASK_PRIORITY_STEPS"),
    ],
)
def test_a_setting_that_will_not_do_is_said_at_the_start(prepared, settings, said):
    env = {**prepared.environment(), **settings}
    done = prepared.run("serve", check=False, env=env)
    assert done.returncode == 1 and said in done.stderr, done.stderr


def test_what_is_asked_for_is_looked_at_first(house, chief):
    def wrong(body):
        errors = problem(chief.post("/system/jobs", json=body), 422)["errors"]
        return {".".join(map(str, e["loc"])) for e in errors}

    def puts():
        return house.database.rows("select count(*) from jobs where asked_by is not null")

    before = puts()
    assert wrong({"kind": "no.such"}) == {"body.kind"}
    assert wrong({"kind": "audit.clean"}) == {"body.kind"}  # nobody wipes the audit log by hand
    assert wrong({}) == {"body.kind"}
    assert wrong({"kind": "files.scrub", "payload": {"files": 0}}) == {"body.payload.files"}
    assert wrong({"kind": "files.scrub"}) == {"body.payload.files"}
    assert wrong({"kind": "trash.purge", "payload": {"older_than_s": 1, "more": 2}}) == {"body.payload.more"}
    assert wrong({"kind": "uploads.sweep", "payload": {"files": 1}}) == {"body.payload"}
    assert wrong({"kind": "task.ai.echo", "payload": [1]}) == {"body.payload"}
    assert wrong({"kind": "task.ai.echo", "payload": {"a": "x" * 70000}}) == {"body.payload"}
    assert wrong({"kind": "task.ai.echo", "priority": "FAST"}) == {"body.priority"}
    # To kombu from 5.3 on these are no objects, and some of them end a worker's reading.
    for value in ("decimal", "datetime", "nobody's", 7):
        tagged = {"__type__": value, "__value__": "x"}
        assert wrong({"kind": "task.ai.echo", "payload": tagged}) == {"body.payload"}
        assert wrong({"kind": "task.ai.echo", "payload": {"study": [{"deep": tagged}]}}) == {"body.payload"}
    for number in ("9223372036854775808", "-9223372036854775809", "[12345678901234567890123]", "1" * 400, "1e999"):
        body = f'{{"kind": "task.ai.echo", "payload": {{"study": {number}}}}}'
        answer = chief.post("/system/jobs", content=body, headers={"Content-Type": "application/json"})
        assert [e["loc"] for e in problem(answer, 422)["errors"]] == [["body", "payload"]], number
    assert puts() == before
    doctor = house.account("doctor", admin=chief)
    problem(doctor.post("/system/jobs", json={"kind": "files.scrub", "payload": {"files": 1}}), 403)
    problem(house.client().post("/system/jobs", json={"kind": "files.scrub", "payload": {"files": 1}}), 401)
    job = ended(chief, ask(chief, "files.scrub", {"files": 10}, unique_key="once"))
    assert job["state"] == "SUCCEEDED" and job["asked_by"] == chief.user["id"] and job["result"]["ended"] is True
    about = {"action": "job.create", "entity_id": job["id"]}
    assert len(ok(chief.get("/system/audit-logs", params=about))["items"]) == 1


def test_an_unmodified_worker_does_it(chief, worker):
    told = {"study": "1.2.3", "名": ["张", None, 1.5, {"deep": True}]}
    told |= {"whole": [2**53 + 1, 2**63 - 1, -(2**63)], "real": [1e300, 0.1, 1e-300], "\x1b": "\x1b\x7f\u2028"}
    told |= {"__value__": 1, "__bytes__": "x", "bytes": "x", "__class__": {"__base64__": "="}}
    jobs = [ask(chief, "task.ai.mirror", {**told, "n": n}) for n in range(5)]
    for n, job in enumerate(ended(chief, job) for job in jobs):
        assert (job["state"], job["result"], job["attempt"]) == ("SUCCEEDED", {**told, "n": n}, 1)
    failed = ended(chief, ask(chief, "task.ai.refuse"))
    assert (failed["state"], failed["error"]) == ("FAILED", "ValueError: nothing of the kind, 7")
    assert ended(chief, ask(chief, "task.ai.again"))["result"] == {"retries": 1}
    words = ended(chief, ask(chief, "task.ai.colours"))["error"]
    assert words == "ValueError:  [31mno such file [0m: a\ufffdb \ufffd, 12345678901234567890123, NaN"
    number = ended(chief, ask(chief, "task.ai.colours", {"returned": True}))
    assert number["state"] == "FAILED" and "beyond 64 bits" in number["error"]
    large = ended(chief, ask(chief, "task.ai.large", {"bytes": 100000}))
    assert large["state"] == "FAILED" and "larger than 65536 bytes" in large["error"]
    unknown = ended(chief, ask(chief, "task.ai.nobody"))
    assert unknown["state"] == "FAILED" and "NotRegistered" in unknown["error"]


def test_the_ten_lines_of_the_manual_do_it(chief, worker):
    """Its worker is theirs, with further tasks for these tests (celery_side.py)."""
    code = celery_side.manual("docs/jobs.md")
    assert code == celery_side.manual("docs/jobs.zh-CN.md") and len(code.splitlines()) <= 10
    job = ended(chief, ask(chief, "task.ai.echo", {"study": "1.2.3", "more": 1}))
    assert job["result"] == {"study": "1.2.3", "seen": True}
    wrong = ended(chief, ask(chief, "task.ai.echo", {}))
    assert wrong["state"] == "FAILED" and "TypeError" in wrong["error"]


def test_done_again_it_is_another_task(chief, worker):
    first = ended(chief, ask(chief, "task.ai.refuse"))
    again = ok(chief.post(f"/system/jobs/{first['id']}/retry"))
    assert again["state"] == "QUEUED" and again["job_uuid"] != first["job_uuid"]
    assert ended(chief, again)["state"] == "FAILED"


def test_what_runs_there_is_revoked(chief, redis, tmp_path, worker):
    paths = {"begun": str(tmp_path / "begun"), "until": str(tmp_path / "until")}
    job = ask(chief, "task.ai.slow", paths)
    wait_until((tmp_path / "begun").exists, "the task's begin")
    ok(chief.post(f"/system/jobs/{job['id']}/cancel"))
    assert ended(chief, job)["state"] == "CANCELLED"
    (tmp_path / "until").touch()
    wait_until(lambda: redis.client.exists(f"celery-task-meta-{job['job_uuid']}"), "its late answer")
    assert ended(chief, job)["state"] == "CANCELLED"


def test_a_message_is_what_every_version_takes(alone):
    job = ask(alone.chief, "task.ai.echo", {"patient": "Zhang San"}, priority="STAT")
    (message,) = wait_until(lambda: messages(alone.redis), "the message")
    assert message["content-type"] == "application/json" and message["content-encoding"] == "utf-8"
    headers, properties = message["headers"], message["properties"]
    assert (headers["task"], headers["id"], headers["lang"]) == ("roentgen.ai.echo", job["job_uuid"], "py")
    assert (headers["timelimit"], headers["retries"], headers["root_id"]) == ([3600, None], 0, job["job_uuid"])
    assert properties["correlation_id"] == job["job_uuid"] and properties["delivery_tag"]
    assert properties["delivery_info"] == {"exchange": "", "routing_key": "celery"}
    assert properties["body_encoding"] == "base64" and "Zhang" not in json.dumps(message)
    args, kwargs, embed = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs, set(embed.values())) == ([], {"patient": "Zhang San"}, {None})
    answer(alone.redis, job, result={"a": 1})
    assert ended(alone.chief, job)["result"] == {"a": 1}
    answer(alone.redis, job, "FAILURE", {"exc_type": "X", "exc_message": ["late"], "exc_module": "y"})
    answer(alone.redis, job, result=2)
    follower = ask(alone.chief, "task.ai.echo", unique_key="after")  # its answer is read after those
    answer(alone.redis, follower, result=3)
    assert ended(alone.chief, follower)["result"] == 3
    assert ok(alone.chief.get(f"/system/jobs/{job['id']}"))["result"] == {"a": 1}
    alone.redis.client.delete("celery")


def test_priorities_have_lists_of_their_own(alone):
    steps = {"STAT": "", "URGENT": "\x06\x163", "HIGH": "\x06\x163", "NORMAL": "\x06\x166", "LOW": "\x06\x169"}
    alone.redis.client.delete(*("celery" + step for step in steps.values()))
    for priority, step in steps.items():
        job = ask(alone.chief, "task.ai.echo", {}, priority=priority)
        (message,) = wait_until(lambda key="celery" + step: messages(alone.redis, key), f"a message of {priority}")
        assert message["headers"]["id"] == job["job_uuid"]
        assert message["properties"]["priority"] == (int(step[2:]) if step else 0)
        ok(alone.chief.post(f"/system/jobs/{job['id']}/cancel"))  # its message goes
        assert ended(alone.chief, job)["state"] == "CANCELLED"
        wait_until(lambda key="celery" + step: not messages(alone.redis, key), "an empty list")


def test_what_has_its_moment_is_held_back(alone):
    held = ask(alone.chief, "task.ai.echo", {}, not_before="2100-01-01T00:00:00Z", priority="STAT")
    job = ask(alone.chief, "task.ai.echo", {}, priority="STAT")
    (message,) = wait_until(lambda: messages(alone.redis), "the message")
    assert message["headers"]["id"] == job["job_uuid"]
    assert ok(alone.chief.post(f"/system/jobs/{held['id']}/cancel"))["state"] == "CANCELLED"
    answer(alone.redis, job)
    ended(alone.chief, job)
    alone.redis.client.delete("celery")


def test_answers_that_are_broken_are_said(alone):
    job = ask(alone.chief, "task.ai.echo", {})
    alone.redis.client.publish(f"celery-task-meta-{job['job_uuid']}", "{")
    alone.redis.client.set(f"celery-task-meta-{job['job_uuid']}", '{"status": "SUCCESS", "result": NaN}')
    broken = ended(alone.chief, job)
    assert broken["state"] == "FAILED" and "cannot be read" in broken["error"]
    retry = ask(alone.chief, "task.ai.echo", {})
    wait_until(lambda: ok(alone.chief.get(f"/system/jobs/{retry['id']}"))["state"] == "RUNNING", "its way out")
    answer(alone.redis, retry, "RETRY", {"exc_type": "OSError", "exc_message": ["full"], "exc_module": "builtins"})
    told = lambda: ok(alone.chief.get(f"/system/jobs/{retry['id']}"))["progress_text"]  # noqa: E731
    wait_until(lambda: told() == "RETRY: OSError: full", "its progress")
    answer(alone.redis, retry, "REVOKED", {"exc_type": "TaskRevokedError", "exc_message": ["terminated"]})
    assert "revoked there: TaskRevokedError: terminated" in ended(alone.chief, retry)["error"]


def test_what_redis_forgets_is_sent_again(alone):
    job = ask(alone.chief, "task.ai.echo", {}, priority="STAT")
    wait_until(lambda: messages(alone.redis), "the message")
    alone.redis.stop()  # it keeps nothing
    other = ask(alone.chief, "task.ai.echo", {}, priority="STAT")
    alone.redis.start()
    both = wait_until(lambda: len(m := messages(alone.redis)) >= 2 and m, "both messages")
    assert {m["headers"]["id"] for m in both} == {job["job_uuid"], other["job_uuid"]} and len(both) == 2
    for each in (job, other):
        answer(alone.redis, each)
        assert ended(alone.chief, each)["attempt"] == 1
    alone.redis.client.delete("celery")


def test_a_lost_message_is_sent_again_as_the_same_task(alone):
    """Lost: in no queue, with nobody, and for longer than any task may run."""
    job = ask(alone.chief, "task.ai.echo", {}, priority="STAT")
    (message,) = wait_until(lambda: messages(alone.redis), "the message")
    hours = 2 * 3600 * 1_000_000

    def two_hours_go_by():
        alone.database.rows(f"update jobs set started_at = started_at - {hours} where id = {job['id']}")

    tag = message["properties"]["delivery_tag"]
    alone.redis.client.delete("celery")
    alone.redis.client.hset("unacked", tag, json.dumps([message, "", "celery"]))  # somebody has it
    two_hours_go_by()
    looked = f"select started_at - created_at from jobs where id = {job['id']}"
    wait_until(lambda: alone.database.rows(looked)[0][0] > 0, "that it is seen")
    assert not messages(alone.redis)
    alone.redis.client.delete("unacked")
    two_hours_go_by()
    # Found out at its next look, which comes 30 s after the last one: here it comes at once.
    alone.database.rows(f"update jobs set due_at = 1 where id = {job['id']} and due_at is not null")
    (again,) = wait_until(lambda: messages(alone.redis), "the second message")
    assert again["headers"] == message["headers"] and again["body"] == message["body"]
    assert again["properties"]["delivery_tag"] != tag
    answer(alone.redis, job)
    assert ended(alone.chief, job)["attempt"] == 2
    alone.redis.client.delete("celery")


def test_killed_each_is_done_once(tmp_path, redis):
    """Server and Celery's worker are killed twice while forty tasks are under way. Celery itself loses a message when
    it dies between two of its steps, and sweeps what was taken by the dead every 100 s: here time goes by for both."""
    settings = {"TASK_BROKER": "celery", "REDIS_URL": redis.url, "TASK_NAMES": "ai.mirror", "TASK_QUEUE": "crash"}
    server = Server(tmp_path / "server", **settings)
    server.init().start()
    hours = 2 * 3600 * 1_000_000

    def start_side():
        for tag, entry in redis.client.hgetall("unacked").items():
            redis.client.rpush("crash", json.dumps(json.loads(entry)[0]))
            redis.client.hdel("unacked", tag)
            redis.client.zrem("unacked_index", tag)
        return celery_side.Worker(redis.celery_url, "--pool", "solo", "-Q", "crash", folder=tmp_path)

    def look(api, job):
        return ok(api.get(f"/system/jobs/{job['id']}"))

    side = start_side()
    try:
        jobs = []
        for round in range(2):
            chief = server.admin()
            jobs += [ask(chief, "task.ai.mirror", {"n": 20 * round + n}, priority="STAT") for n in range(20)]
            ended(chief, jobs[-20])
            side.kill()
            server.kill()
            server.start()
            side = start_side()
        chief = server.admin()
        wait_until(side.is_ready, "Celery's worker")

        def all_ended():
            states = [look(chief, job)["state"] for job in jobs]
            if "RUNNING" in states:
                server.database.rows(
                    f"update jobs set started_at = started_at - {hours}, due_at = 1 "
                    "where state = 'RUNNING' and due_at is not null"
                )
            return set(states) <= {"SUCCEEDED", "FAILED"}

        wait_until(all_ended, "the end of all")
        for n, job in enumerate(jobs):
            now = look(chief, job)
            assert (now["state"], now["result"]) == ("SUCCEEDED", {"n": n})
    finally:
        side.kill()
        server.close()


def test_without_a_broker_it_waits_and_health_says_so(new_server):
    server = new_server(TASK_NAMES="ai.echo")
    chief = server.admin()
    job = ask(chief, "task.ai.echo", {})
    assert wait_until(
        lambda: (now := server.client().get("/health/ready").json())["status"] == "degraded" and now, "degraded health"
    )
    assert ok(chief.get(f"/system/jobs/{job['id']}"))["state"] == "QUEUED"
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    server.process = None
