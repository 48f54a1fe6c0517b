"""Webhooks: other programs are told what happens, signed, in order, again until they take it, and nobody else is."""

import base64
import hashlib
import hmac
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support import Server, ok, png, problem, wait_until

KEY = b"0123456789abcdefghijklmnop"
SECRET = base64.b64encode(KEY).decode()


class Receiver:
    """A program that takes what comes, or answers what it is told to."""

    def __init__(self):
        self.taken, self.statuses = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.check(self.headers, body)
                status = outer.statuses.pop(0) if outer.statuses else 204
                if status < 300:
                    outer.taken.append((self.headers["webhook-id"], json.loads(body)))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/hook?of=ris"
        self.wrong = []
        threading.Thread(target=self.http.serve_forever).start()

    def check(self, headers, body):
        text = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        right = "v1," + base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).decode()
        if headers["webhook-signature"] != right or headers["Content-Type"] != "application/json":
            self.wrong.append(dict(headers))

    def of(self, file):
        return [event["type"] for _, event in self.taken if event.get("file_id") == file]

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        assert not self.wrong


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), WEBHOOK_HOSTS="127.0.0.1, hooks.example.org:443")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def hook(chief):
    made = []

    def add(receiver, **more):
        answer = ok(chief.post("/system/webhooks", json={"url": receiver.url, "secret": SECRET, **more}), 201)
        made.append(answer["id"])
        return answer

    yield add
    for number in made:
        chief.delete(f"/system/webhooks/{number}")


def shown(chief, hook):
    return ok(chief.get(f"/system/webhooks/{hook['id']}"))


def test_what_happens_is_told_in_order(chief, hook, receiver):
    before = chief.upload(png())["id"]
    added = hook(receiver, types=["file"])
    assert "secret" not in added and added["is_active"] and added["last_error"] is None
    file = chief.upload(png())["id"]
    ok(chief.delete(f"/image-files/{file}"), 204)
    ok(chief.post(f"/image-files/{file}/restore"))
    wait_until(lambda: len(receiver.of(file)) == 3, what="three events")
    assert receiver.of(file) == ["file.stored", "file.deleted", "file.restored"] and not receiver.of(before)
    names = [name for name, _ in receiver.taken]
    assert names == [f"event-{event['id']}" for _, event in receiver.taken] and len(set(names)) == len(names)
    told = receiver.taken[0][1]
    assert set(told) == {"id", "type", "created_at", "file_id", "state"}
    wait_until(lambda: shown(chief, added)["place"] >= receiver.taken[-1][1]["id"], what="the place")
    assert shown(chief, added)["last_sent_at"] and "secret" not in shown(chief, added)


def test_only_the_types_that_are_wanted(chief, hook, receiver):
    hook(receiver, types=["file.deleted"])
    file = chief.upload(png())["id"]
    ok(chief.delete(f"/image-files/{file}"), 204)
    wait_until(lambda: receiver.taken, what="an event")
    assert receiver.of(file) == ["file.deleted"]


@pytest.fixture
def receivers():
    made = [Receiver() for _ in range(3)]
    yield made
    for one in made:
        one.close()


def test_what_is_not_taken_is_sent_again_and_nothing_overtakes_it(chief, hook, receivers):
    added = []
    for receiver, status in zip(receivers, [500, 302, 404], strict=True):
        receiver.statuses = [status]
        added.append(hook(receiver, types=["file.stored"]))
    files = [chief.upload(png())["id"] for _ in range(2)]
    for receiver, one, status in zip(receivers, added, ["500", "302", "404"], strict=True):
        wait_until(lambda one=one: shown(chief, one)["failing_since"] or receiver.taken, what="a failure")
        assert receiver.taken or status in shown(chief, one)["last_error"]
        wait_until(lambda receiver=receiver: len(receiver.taken) == 2, what="both")
        assert [event["file_id"] for _, event in receiver.taken] == files
        wait_until(lambda one=one: shown(chief, one)["failing_since"] is None, what="no failure any more")


def metric(server, name):
    """Of the family: the value of each series."""
    found = re.findall(rf"^roentgen_{name}({{.*}})? (\d+)$", server.client().get("/metrics").text, re.M)
    return {labels: int(value) for labels, value in found}


def test_metrics_tell_what_was_sent_what_failed_and_what_waits(house, chief, hook, receivers):
    taking, silent, _ = receivers
    silent.statuses = [503] * 1000
    numbers = [hook(one, types=["file.stored"])["id"] for one in (taking, silent)]
    fast, slow = (f'{{webhook="{number}"}}' for number in numbers)
    chief.upload(png())
    wait_until(lambda: metric(house, "webhooks_failing")[""] == 1, what="one fails")
    assert metric(house, "webhook_failed_total")[slow] > 0 and metric(house, "webhook_waiting")[slow] > 0
    wait_until(lambda: metric(house, "webhook_sent_total")[fast] == 1, what="the other is told")
    assert shown(chief, {"id": numbers[0]})["sent_count"] == 1 and shown(chief, {"id": numbers[1]})["sent_count"] == 0
    wait_until(lambda: metric(house, "webhook_waiting")[fast] == 0, what="nothing waits for it")
    for number in numbers:
        ok(chief.delete(f"/system/webhooks/{number}"), 204)
    left = metric(house, "webhook_waiting")
    assert fast not in left and slow not in left and metric(house, "webhooks_failing")[""] == 0


def test_one_that_is_gone_is_switched_off(chief, hook, receiver):
    receiver.statuses = [410]
    added = hook(receiver, types=["file.stored"])
    chief.upload(png())
    wait_until(lambda: not shown(chief, added)["is_active"], what="it is switched off")
    missed = chief.upload(png())["id"]
    ok(chief.patch(f"/system/webhooks/{added['id']}", json={"is_active": True}))
    file = chief.upload(png())["id"]
    wait_until(lambda: receiver.of(file), what="an event")
    assert not receiver.of(missed)


def test_who_may_not_be_told_is_refused_at_setting(house, chief, hook, receiver):
    added = hook(receiver)
    for url in [
        "http://127.0.0.2:80/hook",
        "http://localhost/hook",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "https://hooks.example.org:8443/",
        "https://other.example.org/",
        "http://user:word@127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "hook",
    ]:
        refused = problem(chief.post("/system/webhooks", json={"url": url, "secret": SECRET}), 422)
        assert [e["loc"] for e in refused["errors"]] == [["body", "url"]]
        problem(chief.patch(f"/system/webhooks/{added['id']}", json={"url": url}), 422)
    for more in [{"secret": "short"}, {"secret": "!" * 40}, {"secret": base64.b64encode(b"x" * 23).decode()}]:
        problem(chief.post("/system/webhooks", json={"url": receiver.url, **more}), 422)
    problem(chief.post("/system/webhooks", json={"url": receiver.url, "secret": SECRET, "types": ["patient"]}), 422)
    problem(house.account("doctor", admin=chief).get("/system/webhooks"), 403)
    problem(house.client().get("/system/webhooks"), 401)


def test_records(house, chief, hook, receiver):
    added = hook(receiver, is_active=False)
    listed = ok(chief.get("/system/webhooks", params={"is_active": False}))["items"]
    assert [one["id"] for one in listed] == [added["id"]] and "secret" not in listed[0]
    assert SECRET not in "".join(str(row) for row in house.database.rows("select secret from webhooks"))
    assert ok(chief.patch(f"/system/webhooks/{added['id']}", json={"types": ["job"]}))["types"] == ["job"]
    ok(chief.delete(f"/system/webhooks/{added['id']}"), 204)
    problem(chief.get(f"/system/webhooks/{added['id']}"), 404)
    problem(chief.delete(f"/system/webhooks/{added['id']}"), 404)
    assert not receiver.taken


def test_nobody_may_be_told_where_nobody_is_listed(new_server):
    server = new_server()
    refused = problem(server.admin().post("/system/webhooks", json={"url": "http://127.0.0.1/", "secret": SECRET}), 422)
    assert "WEBHOOK_HOSTS" in refused["errors"][0]["msg"]


def test_a_list_that_cannot_be_read_keeps_the_server_from_starting(new_server):
    server = new_server()
    server.stop()
    server.settings["WEBHOOK_HOSTS"] = "http://ris"
    answer = server.run("serve", check=False)
    assert answer.returncode != 0 and "WEBHOOK_HOSTS" in answer.stderr
