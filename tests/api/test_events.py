"""GET /events: what happens is told as it does, to those who may see it, once, in order, and again from any place
within the last hour."""

import contextlib
import json
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import support
from support import Server, ok, png, problem, wait_until

LIMITS = {"EVENT_LISTENERS_PER_ACCOUNT": "6", "EVENT_HEARTBEAT": "1s"}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), **LIMITS)
    server.init().start()
    yield server
    server.close()
    assert not [line for line in server.log_lines() if line["level"] == "error"]


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


class Heard:
    """A client that reads as fetch does: a thread takes what comes until the stream ends."""

    def __init__(self, api, after=None, types=None, server=None):
        token = api.headers["authorization"]
        query = f"?types={types}" if types else ""
        place = "" if after is None else f"Last-Event-ID: {after}\r\n"
        port = (server or api.server).port
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.settimeout(120)
        self.socket.sendall(
            f"GET /api/v1/events{query} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n{place}\r\n".encode()
        )
        self.stream = self.socket.makefile("rb")
        self.status = int(self.stream.readline().split()[1])
        self.headers = {}
        while line := self.stream.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self.events, self.comments, self.last, self.over = [], 0, None, threading.Event()
        self.begun = threading.Event()
        self.thread = threading.Thread(target=self._read)
        if self.status == 200:
            self.thread.start()
            assert self.begun.wait(20)

    def _chunks(self):
        while size := int(self.stream.readline() or b"0", 16):
            yield self.stream.read(size + 2)[:size]

    def _read(self):
        text = b""
        with contextlib.suppress(OSError, ValueError):
            for chunk in self._chunks():
                text += chunk
                while b"\n\n" in text:
                    block, text = text.split(b"\n\n", 1)
                    self._take(block.decode())
        self.over.set()
        self.begun.set()

    def _take(self, block):
        members = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            members[name] = value.lstrip(" ")
        self.last = members.get("id", self.last)
        self.comments += "" in members
        if "data" in members:
            event = json.loads(members["data"])
            assert (event["id"], event["type"]) == (int(members["id"]), members["event"])
            self.events.append(event)
        self.begun.set()

    def of(self, member, value):
        return [e for e in self.events if e.get(member) == value]

    def types(self, member, value):
        return [e["type"] for e in self.of(member, value)]

    def wait(self, member, value, *types):
        return wait_until(lambda: self.types(member, value) == list(types), what=f"{types} of {member} {value}")

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        if self.thread.is_alive():
            self.thread.join()
        self.stream.close()
        self.socket.close()


@pytest.fixture
def hear():
    with contextlib.ExitStack() as stack:

        def make(*args, **more):
            heard = Heard(*args, **more)
            stack.callback(heard.close)
            return heard

        yield make


def test_a_file_from_its_upload_to_its_return(house, chief, hear):
    heard = hear(chief)
    assert heard.status == 200 and heard.headers["content-type"] == "text/event-stream"
    assert heard.headers["cache-control"] == "no-store" and heard.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in heard.headers
    file = chief.upload(png())["id"]
    heard.wait("file_id", file, "file.stored")
    ok(chief.delete(f"/image-files/{file}"), 204)
    ok(chief.post(f"/image-files/{file}/restore"))
    heard.wait("file_id", file, "file.stored", "file.deleted", "file.restored")
    told = heard.of("file_id", file)[0]
    assert set(told) == {"id", "type", "created_at", "file_id", "state"} and told["state"] == "UPLOADED"
    assert [e["id"] for e in heard.events] == sorted({e["id"] for e in heard.events})


def test_only_what_one_may_see(house, chief, hear):
    doctor, other = (house.account("doctor", admin=chief) for _ in range(2))
    mine, theirs = hear(doctor), hear(other)
    begun = mine.last
    hidden = other.upload(png())["id"]
    own = doctor.upload(png())["id"]
    all_of_it = hear(chief, after=begun)
    mine.wait("file_id", own, "file.stored")
    theirs.wait("file_id", hidden, "file.stored")
    all_of_it.wait("file_id", own, "file.stored")
    assert all_of_it.types("file_id", hidden) == ["file.stored"]
    assert not mine.of("file_id", hidden) and not theirs.of("file_id", own)
    again = hear(doctor, after=0)  # nor by asking for what was
    again.wait("file_id", own, "file.stored")
    assert not again.of("file_id", hidden)


def test_a_file_of_a_study_that_was_given(house, chief, hear):
    doctor, other = (house.account("doctor", admin=chief) for _ in range(2))
    heard, stranger, all_of_it = hear(doctor), hear(other), hear(chief)
    first = chief.upload(support.dicom())["id"]
    study = chief.file(first)["study_id"]
    all_of_it.wait("file_id", first, "file.stored")
    stored = all_of_it.of("file_id", first)[0]["id"]  # whoever may see is asked when it is told
    wait_until(lambda: int(heard.last) >= stored, what="a place after what was hidden")
    ok(chief.put(f"/studies/{study}/assignments/{doctor.id}"), 204)
    second = chief.upload(png())["id"]
    ok(chief.delete(f"/image-files/{first}"), 204)
    heard.wait("file_id", first, "file.deleted")
    assert heard.of("file_id", first)[0]["study_id"] == study
    assert not heard.of("file_id", second) and not stranger.of("file_id", first)


def test_jobs_and_types(house, chief, hear):
    doctor = house.account("doctor", admin=chief)
    jobs, files, own = hear(chief, types="job"), hear(chief, types="file.deleted"), hear(doctor)
    number = queued(house, doctor.id)
    ok(doctor.post(f"/system/jobs/{number}/cancel"))
    jobs.wait("job_id", number, "job.ended")
    own.wait("job_id", number, "job.ended")
    assert jobs.of("job_id", number)[0]["state"] == "CANCELLED"
    file = chief.upload(png())["id"]
    ok(chief.delete(f"/image-files/{file}"), 204)
    files.wait("file_id", file, "file.deleted")
    assert {e["type"] for e in files.events} == {"file.deleted"}
    assert {e["type"] for e in jobs.events} <= {"job.progress", "job.ended"}
    problem(chief.get("/events", params={"types": "job,patient"}), 422)
    problem(chief.get("/events", headers={"Last-Event-ID": "yesterday"}), 422)
    problem(house.client().get("/events"), 401)


def queued(server, account):
    """One that nobody here knows how to do."""
    rows = server.database.rows("select coalesce(max(id), 0) from jobs")
    number = int(rows[0][0]) + 1
    server.database.rows(
        "insert into jobs(id, job_uuid, kind, state, priority, turn, attempts_max, asked_by, created_at) values "
        f"({number}, 'uuid-{number}', 'nobody.knows', 'QUEUED', 'NORMAL', {number}, 2, {account}, 1)"
    )
    return number


def test_silence_shows_and_the_place_moves_on(house, chief, hear):
    viewer = house.account("technician", admin=chief)
    heard = hear(viewer)
    begun = heard.last
    chief.upload(png())
    wait_until(lambda: heard.comments >= 2, what="comments")
    assert not heard.events and int(heard.last) > int(begun)


def test_head_and_a_client_that_leaves(house, chief, hear):
    answer = chief.head("/events")
    assert answer.status_code == 200 and not answer.content
    doctor = house.account("doctor", admin=chief)
    for _ in range(2):  # more than may be at once
        heard = hear(doctor)
        assert heard.status == 200
        heard.close()
        wait_until(lambda: listeners(house, chief, 0), what="nobody listens")


def listeners(server, admin, count):
    text = admin.get(f"{server.url}/metrics").text
    return f"roentgen_event_listeners {count}\n" in text


def test_an_account_listens_only_so_often(house, chief, hear):
    doctor, other = (house.account("doctor", admin=chief) for _ in range(2))
    heard = [hear(doctor) for _ in range(6)]
    refused = problem(doctor.get("/events"), 429)
    assert "6 times" in refused["detail"] and hear(other).status == 200
    heard[0].close()
    wait_until(lambda: hear(doctor).status == 200, what="a place again")


@pytest.mark.parametrize("how", ["sign out", "disabled", "another role"])
def test_rights_that_change_end_the_stream(house, chief, hear, how):
    doctor = house.account("doctor", admin=chief)
    heard = hear(doctor)
    if how == "sign out":
        ok(doctor.post("/auth/logout"), 204)
    elif how == "disabled":
        ok(chief.patch(f"/users/{doctor.id}", json={"status": "DISABLED"}))
    else:
        ok(chief.put(f"/users/{doctor.id}/roles", json={"roles": ["viewer"]}))
    file = chief.upload(png())["id"]
    assert heard.over.wait(20) and not heard.of("file_id", file)


def test_a_right_that_another_process_takes_away(house, chief, hear):
    doctor = house.account("doctor", admin=chief)
    heard = hear(doctor)
    house.database.rows(f"update users set status = 'DISABLED' where id = {doctor.id}")
    assert heard.over.wait(20)


def test_what_was_missed_comes_later_and_nothing_twice(new_server, hear):
    server = new_server()
    admin = server.admin()
    heard = hear(admin)
    files = [admin.upload(png())["id"] for _ in range(3)]
    heard.wait("file_id", files[2], "file.stored")
    middle = heard.of("file_id", files[1])[0]["id"]
    server.signal(signal.SIGTERM)
    assert heard.over.wait(20), "a stream ends at once when the server stops"
    assert server.wait() == 0
    server.start()
    admin = server.admin()
    files += [admin.upload(png())["id"] for _ in range(300)]
    later = hear(admin, after=middle)
    files.append(admin.upload(png())["id"])
    later.wait("file_id", files[-1], "file.stored")
    assert [e["file_id"] for e in later.events if "file_id" in e] == files[2:]
    server.kill()
    server.start()
    last = hear(server.admin(), after=later.last)
    file = server.admin().upload(png())["id"]
    last.wait("file_id", file, "file.stored")
    assert [e["file_id"] for e in last.events if "file_id" in e] == [file]


def test_places_that_are_no_longer_kept(new_server, hear):
    server = new_server()
    admin = server.admin()
    files = [admin.upload(png())["id"] for _ in range(3)]
    early = hear(admin, after=0)
    assert "missed" not in {e["type"] for e in early.events}
    early.wait("file_id", files[2], "file.stored")
    places = [early.of("file_id", file)[0]["id"] for file in files]
    server.stop()
    server.database.rows("update events set created_at = 1")
    server.database.rows("update job_schedules set looked_at = looked_at - 3600000000 where name = 'events.clean'")
    server.start()
    admin = server.admin()
    wait_until(lambda: len(server.database.rows("select id from events where created_at = 1")) <= 1, what="forgotten")
    late = hear(admin, after=places[0])
    file = admin.upload(png())["id"]
    late.wait("file_id", file, "file.stored")
    assert late.events[0]["type"] == "missed" and not late.of("file_id", files[1])
    beyond = hear(admin, after=10**15)
    wait_until(lambda: beyond.events, what="an answer to a place that never was")
    assert beyond.events[0]["type"] == "missed"


def test_many_at_once_hear_all_in_one_order(house, chief, hear):
    doctor = house.account("doctor", admin=chief)
    heard = [hear(doctor) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda _: doctor.upload(png())["id"], range(60)))
    for one in heard:
        wait_until(lambda one=one: len(one.events) >= 60, what="all of them")
    told = [[e["file_id"] for e in one.events] for one in heard]
    assert sorted(told[0]) == sorted(files) and told.count(told[0]) == 4


def test_who_does_not_read_keeps_nobody_waiting(house, chief, hear):
    """More than is held for those who listen: whoever falls behind is told from the table, and goes on from there."""
    doctor = house.account("doctor", admin=chief)
    begun = hear(doctor).last
    slow = support.connect(house)
    slow.sendall(
        f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {doctor.headers['authorization']}\r\n\r\n".encode()
    )
    assert slow.recv(1) == b"H"
    file = doctor.upload(png())["id"]
    quick = hear(doctor, after=begun)
    fill(house, file, 20_000)
    doctor.upload(png())
    wait_until(lambda: len(quick.of("file_id", file)) == 20_001, what="all for who reads")
    slow.close()
    again = hear(doctor, after=begun)
    wait_until(lambda: len(again.of("file_id", file)) == 20_001, what="all of it later")
    assert [e["id"] for e in again.events][:20_002] == [e["id"] for e in quick.events][:20_002]


def fill(server, file, count):
    now = server.database.rows("select max(created_at) from events")[0][0]
    server.database.rows(
        f"insert into events(type, file_id, state, created_at) with recursive n(i) as (select 1 union all select i + 1 "
        f"from n where i < {count}) select 'file.changed', {file}, 'UPLOADED', {now} from n"
        if support.ON_SQLITE
        else f"insert into events(type, file_id, state, created_at) select 'file.changed', {file}, 'UPLOADED', {now} "
        f"from seq_1_to_{count}"
    )


@pytest.fixture
def held(house):
    """Begins transactions that stay open until they are told to commit."""
    made = []

    def begin(file):
        process = subprocess.Popen(
            [*house.database.command, "--unbuffered", house.database.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        made.append(process)
        process.stdin.write(
            "begin; insert into events(type, file_id, state, created_at) values "
            f"('file.changed', {file}, 'UPLOADED', 9000000000000000); select 'there';\n"
        )
        process.stdin.flush()
        assert process.stdout.readline() == "there\n"
        return process

    yield begin
    for process in made:
        process.kill()
        process.communicate()


def commit(process):
    process.communicate("commit;\n", timeout=support.PATIENCE)


@pytest.mark.skipif(support.ON_SQLITE, reason="SQLite has one writer")
def test_what_commits_later_is_told_later_and_never_missed(house, chief, hear, held):
    """Ids are given when rows are written, and places when they have committed: a client that has heard of the younger
    ones still hears of the older."""
    heard = hear(chief)
    file = chief.upload(png())["id"]
    heard.wait("file_id", file, "file.stored")
    oldest, older = held(file), held(file)
    other = chief.upload(png())["id"]
    heard.wait("file_id", other, "file.stored")
    place = heard.last
    commit(older)
    heard.wait("file_id", file, "file.stored", "file.changed")
    between = heard.last
    commit(oldest)
    heard.wait("file_id", file, "file.stored", "file.changed", "file.changed")
    ids = [e["id"] for e in heard.events]
    assert ids == sorted(set(ids))
    hear(chief, after=place).wait("file_id", file, "file.changed", "file.changed")
    hear(chief, after=between).wait("file_id", file, "file.changed")


@pytest.mark.skipif(support.ON_SQLITE, reason="two servers share a database of MariaDB")
def test_two_servers_tell_the_same_in_the_same_places(house, chief, hear, tmp_path):
    second = Server(tmp_path / "second", **house.settings)
    second.database.drop()
    second.database = house.database
    second.start()
    try:
        there = second.client(chief.token)
        here, beyond = hear(chief), hear(there)
        files = [api.upload(png())["id"] for api in (chief, there) * 5]
        for one in (here, beyond):
            wait_until(lambda one=one: len([e for e in one.events if e.get("file_id") in files]) == 10, what="all")
        told = [[(e["id"], e["file_id"]) for e in one.events if e.get("file_id") in files] for one in (here, beyond)]
        assert told[0] == told[1]
        moved = hear(there, after=told[0][4][0])  # a client that comes back to the other server
        wait_until(lambda: [(e["id"], e["file_id"]) for e in moved.events if e.get("file_id") in files] == told[0][5:])
        assert second.stop() == 0
    finally:
        if second.process:
            second.kill()
