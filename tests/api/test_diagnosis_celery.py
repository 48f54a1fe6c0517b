"""Models that a Celery worker serves: the manual's program, unmodified Celery, and answers as they should not be."""

import base64
import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime

import numpy
import pytest

import celery_side
from support import Server, ok, problem, wait_until
from test_diagnosis import ask, ended, film, upload
from test_open_inference import bring_remote, card_for

PAGES = ("docs/ai.md", "docs/ai.zh-CN.md")
ANSWERS = "celery-task-meta-roentgen-ask-*"
FACE = {
    "name": "chest",
    "platform": "python",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1, 64, 32]}],
    "outputs": [{"name": "p", "datatype": "FP32", "shape": [-1, 1]}],
}


def says(number, **more):
    return {"outputs": [{"name": "p", "datatype": "FP32", "shape": [1, 1], "data": [number], **more}]}


@pytest.fixture(scope="module")
def redis():
    server = celery_side.Redis()
    yield server
    server.close()


def new_house(folder, redis, **settings):
    names = {"TASK_BROKER": "celery", "REDIS_URL": redis.url, "TASK_NAMES": "ai.chest,ai.nobody", "MODEL_TIMEOUT": "1h"}
    return Server(folder, **{**names, **settings}).init().start()


def bring_task(api, card):
    """As soon as the house has found its Redis, which it begins to look for when it starts."""

    def brought():
        answer = api.post("/diagnosis/models", data={"card": json.dumps(card)}, files={"bundle": (None, "{}")})
        return answer if answer.status_code == 201 or "Redis is away" not in answer.text else None

    return wait_until(brought, "the house's Redis")


@pytest.fixture(scope="module")
def house(tmp_path_factory, redis):
    server = new_house(tmp_path_factory.mktemp("house"), redis, TASK_QUEUE="real")
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def worker(tmp_path_factory, redis):
    """The manual's program, as Celery runs it."""
    folder = tmp_path_factory.mktemp("side")
    code = celery_side.manual(PAGES[0], "# chest.py")
    (folder / "chest.py").write_text(code.replace("redis://localhost:6379/0", redis.celery_url))
    log = folder / "log"
    command = [sys.executable, "-m", "celery", "-A", "chest", "worker", "-P", "threads", "-c", "2", "-Q", "real"]
    with open(log, "wb") as out:
        process = subprocess.Popen([*command, "-l", "INFO"], cwd=folder, stdout=out, stderr=out)
    wait_until(lambda: b" ready." in log.read_bytes() or process.poll() is not None, "Celery's worker")
    assert process.poll() is None, log.read_text()
    yield log
    process.kill()
    process.wait()


class Hand:
    """Takes what is sent and answers it as `answers` says; None: not at all."""

    def __init__(self, redis, queue):
        self.redis, self.queue, self.taken, self.ended = redis, queue, [], False
        self.answers = self.well
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def well(self, told):
        return ("SUCCESS", FACE if "inputs" not in told else says(0.75))

    def lists(self):
        return [self.queue, *(f"{self.queue}\x06\x16{step}" for step in (3, 6, 9))]

    def waiting(self):
        return sum(self.redis.client.llen(key) for key in self.lists())

    def work(self):
        while not self.ended:
            popped = self.redis.client.brpop(self.lists(), timeout=1)
            if popped:
                self.take(json.loads(popped[1]))

    def take(self, message):
        _, told, _ = json.loads(base64.b64decode(message["body"]))
        self.taken.append((message["headers"], told))
        answer = self.answers(told)
        if answer:
            self.tell(message["headers"]["id"], *answer)

    def tell(self, number, status, result):
        text = json.dumps({"status": status, "result": result, "traceback": None, "task_id": number})
        self.redis.client.set(f"celery-task-meta-{number}", text, ex=86400)
        self.redis.client.publish(f"celery-task-meta-{number}", text)

    def close(self):
        self.ended = True
        self.thread.join()


@pytest.fixture(scope="module")
def hand(redis):
    made = Hand(redis, "byhand")
    yield made
    made.close()


@pytest.fixture(scope="module")
def other(tmp_path_factory, redis, hand):
    """A house whose tasks are answered by these tests."""
    server = new_house(tmp_path_factory.mktemp("other"), redis, TASK_QUEUE="byhand")
    server.chief = server.admin()
    made = ok(bring_task(server.chief, card_for("celery:ai.chest", "1")), 201)
    server.model = ok(server.chief.post(f"/diagnosis/models/{made['id']}/activate"))
    yield server
    server.close()


@pytest.fixture
def well(hand):
    """Whatever a test has it answer, the next finds it as it was."""
    yield hand
    hand.answers = hand.well


def asked_of(api, model):
    return ask(api, upload(api, film("k_00084.jpg")), model_id=model["id"])


def test_the_program_of_the_manual_serves_a_model(house, chief, worker, redis):
    assert celery_side.manual(PAGES[0], "# chest.py") == celery_side.manual(PAGES[1], "# chest.py")
    before = set(redis.client.keys(ANSWERS))
    made = ok(bring_task(chief, card_for("celery:ai.chest", "1")), 201)
    assert made["state"] == "DRAFT" and made["metadata"]["name"] == "chest" and made["remote_binary"] is False
    model = ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))
    assert model["trial"]["ok"], model
    done = ended(chief, asked_of(chief, model)["id"])
    assert done["status"] == "COMPLETED" and done["runtime"].endswith(" at celery:ai.chest"), done
    picture = numpy.linspace(0, 1, 2048, dtype=numpy.float32).reshape(1, 1, 64, 32)
    given = {"name": "x", "shape": [1, 1, 64, 32], "datatype": "FP32", "data": picture.ravel().tolist()}
    answer = chief.post(f"{house.url}/v2/models/elsewhere/infer", json={"inputs": [given]})
    (output,) = ok(answer)["outputs"]
    assert output["data"] == pytest.approx([float(picture.mean())], abs=1e-6)
    assert set(redis.client.keys(ANSWERS)) <= before  # what was said is left with nobody else
    wrong = {**given, "shape": [1, 1, 2, 2], "data": [0, 0, 0, 0]}
    assert chief.post(f"{house.url}/v2/models/elsewhere/infer", json={"inputs": [wrong]}).status_code == 422


def test_what_goes_out_is_the_picture_and_no_name(other, well):
    well.taken.clear()
    asked_s = time.time()
    asked = asked_of(other.chief, other.model)
    done = ended(other.chief, asked["id"])
    assert done["status"] == "COMPLETED" and done["findings"][0]["probability"] == pytest.approx(0.75)
    ((headers, told),) = well.taken
    assert headers["task"] == "roentgen.ai.chest" and headers["kwargsrepr"] == "{...}"
    assert headers["timelimit"] == [3605, None]  # MODEL_TIMEOUT, and as long as it takes to give up here
    assert 3600 < datetime.fromisoformat(headers["expires"]).timestamp() - asked_s < 2 * 3600
    assert set(told) == {"model_name", "model_version", "id", "inputs"} and told["id"] == asked["diagnosis_uuid"]
    assert (told["model_name"], told["model_version"]) == ("chest", "3")
    (one,) = told["inputs"]
    assert (one["name"], one["datatype"], one["shape"]) == ("x", "FP32", [1, 1, 64, 32]) and len(one["data"]) == 2048
    assert not other.database.rows("select id from jobs where kind like 'task.%'")


FAILS = {
    "raised": ("FAILURE", {"exc_type": "ValueError", "exc_message": ["no card"], "exc_module": "builtins"}, "no card"),
    "shape": ("SUCCESS", says(0.5, shape=[1, 2]), "not the numbers that its shape"),
    "name": ("SUCCESS", says(0.5, name="q"), "the model's output p is not there"),
    "nan": ("SUCCESS", says(float("nan")), "a number that is none in JSON"),
    "range": ("SUCCESS", says(7.5), "outside of 0 to 1"),
    "text": ("SUCCESS", "yes", "object"),
    "nothing": ("SUCCESS", None, "no JSON object"),
    "much": ("SUCCESS", says(0.5, parameters={"x": "y" * (1 << 20)}), "too large"),
}


@pytest.mark.parametrize("fault", FAILS)
def test_what_is_no_answer_fails_in_words(other, well, fault):
    status, result, words = FAILS[fault]
    well.answers = lambda told: (status, result)
    done = ended(other.chief, asked_of(other.chief, other.model)["id"])
    assert done["status"] == "FAILED" and done["status_reason"] and not done["findings"], done
    assert words in done["status_reason"], done


@pytest.mark.parametrize("how", ["WorkerLostError", "TimeLimitExceeded", "SoftTimeLimitExceeded"])
def test_one_whose_process_died_is_asked_again(other, well, how):
    died = {"exc_type": how, "exc_message": ["so it is"], "exc_module": "billiard.exceptions"}
    answers = [("FAILURE", died)]
    well.answers = lambda told: answers.pop() if answers else ("SUCCESS", says(0.75))
    asked = asked_of(other.chief, other.model)
    wait_until(lambda: not answers, "the first question")
    job = asked["job_id"]

    def has_failed():
        now = ok(other.chief.get(f"/system/jobs/{job}"))
        return now["error"] or now["state"] == "SUCCEEDED"

    wait_until(has_failed, "the end of the first attempt")
    other.database.rows(f"update jobs set due_at = 1 where id = {job} and state = 'QUEUED'")
    assert ended(other.chief, asked["id"])["status"] == "COMPLETED"


def test_what_nobody_answers_leaves_threads_for_all_else(other, well):
    well.answers = lambda told: None
    well.taken.clear()
    asked = [asked_of(other.chief, other.model) for _ in range(6)]
    try:
        wait_until(lambda: len(well.taken) >= 2, "the first two questions")
        number = ok(other.chief.post("/system/jobs", json={"kind": "critical.escalate"}), 202)["id"]

        def is_done():
            answer = other.chief.get(f"/system/jobs/{number}")
            return answer.status_code == 404 or ok(answer)["state"] == "SUCCEEDED"

        wait_until(is_done, "what has nothing to do with it")
        assert len(well.taken) == 2
        kinds = other.database.rows("select distinct kind from jobs where state = 'RUNNING'")
        assert "diagnosis.task" in str(kinds), kinds
    finally:
        for one in asked:
            ok(other.chief.post(f"/system/jobs/{one['job_id']}/cancel"))
        for one in asked:
            assert ended(other.chief, one["id"])["status"] == "CANCELLED"


def test_one_that_is_cancelled_is_revoked_and_its_late_answer_ignored(other, redis, well):
    well.answers = lambda told: None
    well.taken.clear()
    said = redis.client.pubsub(ignore_subscribe_messages=True)
    said.subscribe("/0.celery.pidbox")
    wait_until(lambda: redis.client.pubsub_numsub("/0.celery.pidbox")[0][1], "the subscription")
    asked = asked_of(other.chief, other.model)
    wait_until(lambda: well.taken, "the question")
    ok(other.chief.post(f"/system/jobs/{asked['job_id']}/cancel"))
    assert ended(other.chief, asked["id"])["status"] == "CANCELLED"
    ((headers, _),) = well.taken

    def is_it():
        message = said.get_message(timeout=1)
        return message and headers["id"] in base64.b64decode(json.loads(message["data"])["body"]).decode()

    wait_until(is_it, "the revocation")
    said.close()
    well.tell(headers["id"], "SUCCESS", says(0.75))
    well.answers = well.well
    assert ended(other.chief, asked_of(other.chief, other.model)["id"])["status"] == "COMPLETED"
    late = ok(other.chief.get(f"/diagnosis/{asked['id']}"))
    assert late["status"] == "CANCELLED" and not late["findings"]


def test_a_server_that_is_killed_asks_anew(tmp_path, redis):
    hand = Hand(redis, "killed")
    house = new_house(tmp_path / "house", redis, TASK_QUEUE="killed")
    try:
        chief = house.admin()
        made = ok(bring_task(chief, card_for("celery:ai.chest", "1")), 201)
        model = ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))
        hand.answers = lambda told: None
        hand.taken.clear()
        asked = asked_of(chief, model)
        wait_until(lambda: hand.taken, "the question")
        house.kill()
        hand.answers = hand.well
        house.start()
        chief = house.admin()
        hand.tell(hand.taken[0][0]["id"], "SUCCESS", says(0.25))  # to the question that nobody waits for any more
        done = ended(chief, asked["id"])
        assert done["status"] == "COMPLETED" and done["findings"][0]["probability"] == pytest.approx(0.75), done
        assert len({headers["id"] for headers, _ in hand.taken}) >= 2
    finally:
        house.close()
        hand.close()


class Between:
    """Passes on what is said to a Redis, and cuts the line instead of passing on the answer to a command `cut`,
    once."""

    def __init__(self, redis, path):
        self.redis, self.cut, self.has_cut = redis, None, threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        self.url = f"redis+unix://{path}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, far = self.listener.accept()[0], socket.socket(socket.AF_UNIX)
                far.connect(self.redis.socket)
                doomed = threading.Event()
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self.pump, args=(*pair, pair[0] is near, doomed), daemon=True).start()

    def pump(self, here, there, asks, doomed):
        with contextlib.suppress(OSError):
            while data := here.recv(1 << 16):
                if asks and self.cut and self.cut in data:
                    self.cut = None
                    doomed.set()
                if doomed.is_set() and not asks:
                    self.has_cut.set()
                    break
                there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def shaky(tmp_path_factory, redis):
    """A house with a line to its Redis that is cut at will."""
    between = Between(redis, f"{redis.folder.name}/between")
    hand = Hand(redis, "shaky")
    server = new_house(tmp_path_factory.mktemp("shaky"), redis, TASK_QUEUE="shaky", REDIS_URL=between.url)
    server.between, server.hand, server.chief = between, hand, server.admin()
    made = ok(bring_task(server.chief, card_for("celery:ai.chest", "1")), 201)
    server.model = ok(server.chief.post(f"/diagnosis/models/{made['id']}/activate"))
    yield server
    server.close()
    hand.close()
    between.close()


def test_a_redis_that_is_away_for_a_moment_is_waited_for(shaky):
    hand = shaky.hand
    hand.answers = lambda told: None
    hand.taken.clear()
    asked = asked_of(shaky.chief, shaky.model)
    wait_until(lambda: hand.taken, "the question")
    shaky.between.cut = b"celery-task-meta-roentgen-ask-"
    wait_until(shaky.between.has_cut.is_set, "the loss")
    hand.tell(hand.taken[0][0]["id"], "SUCCESS", says(0.25))
    done = ended(shaky.chief, asked["id"])
    assert done["status"] == "COMPLETED" and done["findings"][0]["probability"] == pytest.approx(0.25), done
    assert len(hand.taken) == 1
    hand.answers = hand.well


def test_a_question_whose_sending_was_not_answered_is_taken_back(shaky):
    shaky.hand.close()  # nobody takes anything
    shaky.between.has_cut.clear()
    shaky.between.cut = b"LPUSH"
    asked = asked_of(shaky.chief, shaky.model)
    wait_until(shaky.between.has_cut.is_set, "the loss")
    job = asked["job_id"]
    wait_until(lambda: ok(shaky.chief.get(f"/system/jobs/{job}"))["error"], "the end of the first attempt")
    ok(shaky.chief.post(f"/system/jobs/{job}/cancel"))
    assert ended(shaky.chief, asked["id"])["status"] == "CANCELLED"
    assert not shaky.hand.waiting()


def test_where_it_is_is_checked_when_it_is_set(tmp_path, redis, other, well):
    def refused(api, url, words):
        [error] = bring_remote(api, card_for(url, "9"), 422)["errors"]
        assert error["loc"] == ["body", "card.remote.url"] and words in error["msg"], error

    refused(other.chief, "celery:ai.secret", "TASK_NAMES")
    refused(other.chief, "celery:../x", "TASK_NAMES")
    well.answers = lambda told: ("SUCCESS", {"name": "chest"})
    refused(other.chief, "celery:ai.chest", "inputs")
    well.answers = lambda told: FAILS["raised"][:2]
    refused(other.chief, "celery:ai.chest", "no card")
    plain = Server(tmp_path / "plain", TASK_NAMES="ai.chest").init().start()
    try:
        refused(plain.admin(), "celery:ai.chest", "TASK_BROKER")
    finally:
        plain.close()


def test_a_picture_that_is_too_large_is_not_sent(other, well):
    side = 1024
    card = card_for("celery:ai.chest", "large")
    card["input"]["size"] = [side, side]
    well.answers = lambda told: ("SUCCESS", {**FACE, "inputs": [{**FACE["inputs"][0], "shape": [-1, 1, side, side]}]})
    made = bring_remote(other.chief, card)
    well.taken.clear()
    answer = other.chief.post(f"/diagnosis/models/{made['id']}/activate")
    assert answer.status_code == 409 and "larger than a task" in answer.json()["detail"], answer.text
    assert not well.taken


def test_where_nobody_answers_the_question_is_taken_back(tmp_path, redis):
    house = new_house(tmp_path / "house", redis, TASK_QUEUE="empty", MODEL_TIMEOUT="1s")
    try:
        chief = house.admin()
        [error] = problem(bring_task(chief, card_for("celery:ai.nobody", "1")), 422)["errors"]
        assert "no worker answered" in error["msg"], error
        assert not [key for key in redis.client.keys("empty*") if redis.client.llen(key)]
    finally:
        house.close()
