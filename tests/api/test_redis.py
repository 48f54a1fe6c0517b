"""Servers that share a Redis agree on limits, locks and rights; and one whose Redis cannot be used works on and says
so."""

import contextlib
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from support import ON_SQLITE, PASSWORD, Server, ok, problem, unique, wait_until


class Redis:
    """A server with a socket of its own, asked through redis-cli."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="redis")  # short: paths of sockets are
        self.socket = f"{self.folder.name}/s"
        self.url = f"redis+unix://{self.socket}"
        self.process = None
        self.start()

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-s", self.socket, *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def start(self):
        options = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--maxmemory-policy", "noeviction"]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        wait_until(lambda: self.ask("ping") == "PONG", "redis-server")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.stop()
        self.folder.cleanup()


@pytest.fixture(scope="module")
def redis():
    redis = Redis()
    yield redis
    redis.close()


SETTINGS = {
    "RATE_LIMIT": "on",
    "RATE_LIMIT_PER_MINUTE": 100000,
    "LOGIN_RATE_PER_MINUTE": 100000,
    "LOGIN_MAX_FAILURES": 4,
    "USER_RATE_PER_MINUTE": 300,
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory, redis):
    """Two servers of one database, one store and one Redis."""
    with contextlib.ExitStack() as stack:
        a = Server(tmp_path_factory.mktemp("a"), REDIS_URL=redis.url, **SETTINGS)
        stack.callback(a.close)
        a.init().start()
        shared = {name: a.settings[name] for name in ("DATABASE_URL", "STORAGE_URL", "SECRET_KEY")}
        b = Server(tmp_path_factory.mktemp("b"), REDIS_URL=redis.url, **{**SETTINGS, **shared})
        stack.callback(b.close)
        b.start()
        yield a, b


def health(server):
    return server.client().get("/health").json()


def is_used(server):
    return health(server)["checks"]["redis"] == "ok"


def both(pair, api):
    """What an account is told by each of the two, with one token."""
    return [server.client(api.token).get("/users").status_code for server in pair]


two_servers = pytest.mark.skipif(ON_SQLITE, reason="a file is one server's")


@two_servers
def test_what_an_account_may_is_known_to_both_once_it_is_answered(pair):
    a, b = pair
    chief = a.admin()
    user = a.account("viewer", admin=chief)
    for roles, status in [(["admin"], 200), (["viewer"], 403)] * 6:
        ok(chief.put(f"/users/{user.id}/roles", json={"roles": roles}))
        assert both((b, a), user) == [status, status]
    ok(chief.patch(f"/users/{user.id}", json={"status": "DISABLED"}))
    assert both((b, a), user) == [401, 401]


@two_servers
def test_a_session_that_ends_at_one_has_ended_at_the_other(pair):
    a, b = pair
    user = a.account("viewer")
    at_b = b.sign_in(user.user["username"])
    assert both(pair, at_b) == [403, 403]
    ok(a.client(at_b.token).post("/auth/logout"), 204)
    assert both(pair, at_b) == [401, 401]
    assert both(pair, user) == [403, 403]
    a.run("user", "disable", user.user["username"])
    assert both(pair, user) == [401, 401]


@two_servers
def test_one_limit_for_both(pair):
    a, b = pair
    user = a.account("viewer")
    began = time.monotonic()
    most, clients = SETTINGS["USER_RATE_PER_MINUTE"], [server.client(user.token) for server in pair]
    got = [clients[i % 2].get("/auth/me").status_code for i in range(most + 40)]
    passed, gained = got.count(200), int((time.monotonic() - began) * most / 60) + 1
    assert set(got) <= {200, 429}
    assert most <= passed <= most + gained
    assert passed < len(got) or gained >= 40


def wrong(server, name):
    return problem(server.client().post("/auth/login", json={"username": name, "password": "wrong" + PASSWORD}), 401)


def right(server, name):
    return server.client().post("/auth/login", json={"username": name, "password": PASSWORD})


@two_servers
def test_failures_at_both_lock_at_both(pair):
    a, b = pair
    chief = a.admin()
    user = a.account("viewer", admin=chief)
    name = user.user["username"]
    for _ in range(2):  # a right one between them makes them forget
        for server in (a, b, a):
            wrong(server, name)
        ok(right(b, name))
    for server in (a, b, a, b):
        wrong(server, name)
    for server in pair:
        answer = right(server, name)
        problem(answer, 401)
        assert 0 < int(answer.headers["Retry-After"]) <= 901
    for server in (b, a):
        assert "Retry-After" in server.client().post("/auth/login", json={"username": name, "password": "x"}).headers
    ok(chief.post(f"/users/{user.id}/unlock"), 204)
    for server in (b, a):
        ok(right(server, name))
    nobody = unique("nobody")  # a name that no account has is counted alike
    for server in (a, b, a, b):
        wrong(server, nobody)
    assert all("Retry-After" in right(server, nobody).headers for server in pair)


@two_servers
def test_without_redis_rights_are_read_each_time(pair, redis):
    a, b = pair
    chief = a.admin()
    user = a.account("viewer", admin=chief)
    assert both((a, b), user) == [403, 403]
    redis.stop()
    try:
        for roles, status in [(["admin"], 200), (["viewer"], 403)] * 3:
            ok(chief.put(f"/users/{user.id}/roles", json={"roles": roles}))
            assert both((b, a), user) == [status, status]
        for server in pair:
            assert server.client().get("/health/ready").status_code == 200
            found = health(server)
            assert (found["status"], found["checks"]["redis"]) == ("degraded", "not reachable")
        ok(chief.put(f"/users/{user.id}/roles", json={"roles": ["admin"]}))
        name = a.account("viewer", admin=chief).user["username"]
        for _ in range(SETTINGS["LOGIN_MAX_FAILURES"]):
            wrong(a, name)
        locks = f"select 1 from sign_in_locks l join users u on u.id = l.user_id where u.username = '{name}'"
        wait_until(lambda: a.database.rows(locks), "the lock in the database")
        assert "Retry-After" in right(b, name).headers
    finally:
        redis.start()
    wait_until(lambda: all(is_used(server) for server in pair), "Redis in use again")
    assert both((b, a), user) == [200, 200]
    for roles, status in [(["viewer"], 403), (["admin"], 200)]:
        ok(chief.put(f"/users/{user.id}/roles", json={"roles": roles}))
        assert both((b, a), user) == [status, status]


# ---- one server is enough for the rest ----


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    own = Redis()
    server = Server(tmp_path_factory.mktemp("house"), REDIS_URL=own.url, **SETTINGS)
    try:
        server.init().start()
        yield server, own
    finally:
        server.close()
        own.close()


def metric(server, name):
    text = server.admin().get(f"{server.url}/metrics").text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"roentgen_{name} "))


def test_without_the_setting_there_is_none(server):
    assert health(server)["checks"]["redis"] is None


TROUBLES = {
    "full": ([["config", "set", "maxmemory", "1"]], [["config", "set", "maxmemory", "0"]], "full"),
    "a replica": ([["replicaof", "127.0.0.1", "1"]], [["replicaof", "no", "one"]], "replica"),
    "a password": (  # who is in stays in, until he has to connect again
        [["config", "set", "requirepass", "s3cret"], ["-a", "s3cret", "client", "kill", "type", "normal"]],
        [["-a", "s3cret", "config", "set", "requirepass", ""]],
        "wants a password",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_one_that_cannot_be_used_is_told_and_not_needed(house, trouble):
    server, redis = house
    begin, end, words = TROUBLES[trouble]
    wait_until(lambda: is_used(server), "Redis in use")
    lost, answered = metric(server, "redis_losses_total"), metric(server, "redis_commands_total")
    assert metric(server, "redis_up") == 1 and answered > 0
    for command in begin:
        redis.ask(*command)
    wait_until(lambda: words in str(health(server)["checks"]["redis"]), words)
    assert health(server)["status"] == "degraded"
    user = server.account("viewer")
    ok(user.get("/auth/me"))
    assert metric(server, "redis_up") == 0
    for command in end:
        redis.ask(*command)
    wait_until(lambda: is_used(server), "Redis in use again")
    assert metric(server, "redis_losses_total") > lost

    def is_told():
        events = [line["event"] for line in server.log_lines() if line["event"].startswith("kv.")]
        return events[0] == "kv.back" and 1 <= events.count("kv.lost") == events.count("kv.back") - 1

    wait_until(is_told, "one line for each loss and one for each return")


def test_a_password_is_told_to_nobody(new_server, house):
    _, redis = house
    server = new_server(REDIS_URL=redis.url.replace("//", "//:S3cretPassword@", 1))
    assert health(server)["status"] == "degraded"
    assert "S3cretPassword" not in server.log_text() + server.client().get("/health").text
    assert "password" in wait_until(lambda: server.log_lines("kv.lost"), "a line in the log")[0]["message"]
    assert "S3cretPassword" not in server.run("config").stdout


def test_an_address_that_cannot_be_is_refused_at_the_start(prepared):
    for url in ("localhost", "redis://", "redis://user@host", "rediss://host:99999/0"):
        done = prepared.run("serve", check=False, env={**prepared.environment(), "REDIS_URL": url})
        assert done.returncode != 0 and "REDIS_URL" in done.stderr, done.stderr


def test_what_is_no_redis_is_told(new_server):
    """A web server at that address, say."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer():
            with contextlib.suppress(OSError):  # the end of the test
                while True:
                    line, _ = other.accept()
                    with line, contextlib.suppress(OSError):
                        line.recv(4096)
                        line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        server = new_server(REDIS_URL=f"redis://127.0.0.1:{other.getsockname()[1]}")
        wait_until(lambda: health(server)["checks"]["redis"] == "the reply cannot be read", "words of it")
        assert health(server)["status"] == "degraded"
        server.close()
