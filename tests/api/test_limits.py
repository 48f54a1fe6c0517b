"""Clients that are slow, dead, many or too eager."""

import contextlib
import itertools
import os
import re
import resource
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support import PASSWORD, PATIENCE, SLOW, Server, connect, ok, png, problem, wait_until


def cut_after(s, begun):
    """Seconds from `begun` until the server closes this connection."""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while s.recv(65536):
            pass
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A server that waits for a second where others wait for a minute."""
    folder = tmp_path_factory.mktemp("impatient")
    server = Server(folder, IDLE_TIMEOUT="1s", SEND_TIMEOUT="1s", BODY_MIN_RATE="1KiB", BODY_WINDOW="2s")
    server.init().start()
    yield server
    server.close()


def at_once(*tasks):
    with ThreadPoolExecutor(len(tasks)) as pool:
        for task in [pool.submit(task) for task in tasks]:
            task.result()


def dribble(s, piece, every):
    """Sends the same piece again and again until the server closes the connection."""
    s.settimeout(every)
    begun = time.monotonic()
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while time.monotonic() - begun < PATIENCE:
            s.sendall(piece)
            with contextlib.suppress(TimeoutError):
                while s.recv(1000):
                    pass
                return
        raise AssertionError("the server is still listening")


def test_slow_headers_are_cut(new_server):
    server = new_server(HEADER_TIMEOUT="1s")

    def stop_short():
        begun = time.monotonic()
        with connect(server) as s:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Sl")
            assert cut_after(s, begun) > 0.5

    def now_and_then():  # a byte now and then does not help
        with connect(server) as s:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
            dribble(s, b"X", 0.2)

    at_once(stop_short, now_and_then)
    ok(server.client().get("/health/live"))


def test_idle_connections_are_closed(impatient):
    begun = time.monotonic()
    with connect(impatient) as fresh, connect(impatient) as used:
        used.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert used.recv(65536).startswith(b"HTTP/1.1 200")
        for s in (fresh, used):
            assert cut_after(s, begun) > 0.5


def metric(server, name):
    """Asked of a connection of its own: the idle ones of this server end."""
    with server.client() as client:
        return int(re.search(rf"^roentgen_{name} (\d+)$", client.get("/metrics").text, re.M).group(1))


def test_clients_that_take_nothing_are_cut(impatient):
    server = impatient
    admin = server.admin()
    size = 16 << 20  # more than the system's buffers take
    file = admin.upload(png() + b"\0" * size)
    cut = metric(server, "http_timeouts_send_total")
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(PATIENCE)
        s.connect(("127.0.0.1", server.port))
        path = f"/api/v1/image-files/{file['id']}/download"
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\n\r\n".encode())
        wait_until(lambda: metric(server, "http_timeouts_send_total") > cut, "the end of the connection")
        taken = 0
        with contextlib.suppress(ConnectionResetError):
            while part := s.recv(1 << 20):
                taken += len(part)
        assert taken < size
    ok(server.client(admin.token).get("/auth/me"))


def test_slow_bodies_are_cut(impatient):
    """A body below BODY_MIN_RATE over BODY_WINDOW is given up. That one above it is not, tests/unit/http proves on a
    clock of its own."""
    server = impatient
    token = server.admin().token
    begun = time.monotonic()
    with connect(server) as s:
        s.sendall(
            f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 10000000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
        )
        dribble(s, b"x" * 50, 0.5)
    assert time.monotonic() - begun > 1.5


def test_slow_uploads_do_not_hold_up_others(new_server):
    """More of them under way than there are workers, and none of them ever ends."""
    server = new_server(WORKERS="4")
    admin = server.admin()
    head = (
        f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    ).encode()
    slow = [connect(server) for _ in range(40)]
    try:
        for s in slow:
            s.sendall(head + b"x" * 1000)
        admin.upload(png())
        ok(admin.get("/patients"))
        server.admin()
    finally:
        for s in slow:
            s.close()


@contextlib.contextmanager
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_10000_idle_connections_do_not_stop_a_new_one(new_server):
    with many_files() as most:
        assert most > 10_500, f"this machine allows only {most} open files (ulimit -Hn)"
        server = new_server()
        admin = server.admin()
        idle = []
        try:
            for _ in range(10_000):
                idle.append(connect(server))
            for _ in range(20):
                with server.client(admin.token) as fresh:
                    ok(fresh.get("/auth/me"))
            for s in (idle[0], idle[5000], idle[-1]):
                s.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                assert s.recv(1000).startswith(b"HTTP/1.1 200")
            status = open(f"/proc/{server.process.pid}/status").read()
            if SLOW == 1:  # the shadow memory of sanitizers counts as resident
                assert int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) < 512 * 1024
        finally:
            for s in idle:
                s.close()


def answers(server):
    with contextlib.suppress(httpx.TransportError), server.client() as fresh:
        return fresh.get("/health/live").status_code == 200
    return False


def test_past_the_limit_the_longest_idle_one_goes(new_server):
    server = new_server(MAX_CONNECTIONS="128")
    idle = []
    try:
        for _ in range(400):
            idle.append(connect(server))
        # A burst may find the server still closing old ones, and is refused for that moment.
        for _ in range(5):
            wait_until(lambda: answers(server), what="a new connection")
    finally:
        for s in idle:
            s.close()


def test_a_low_file_limit_is_survived(new_server):
    """With descriptors for few connections new ones wait or are refused, and the server goes on."""
    server = new_server(start=False)
    server.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    idle = []
    try:
        for _ in range(400):
            with contextlib.suppress(OSError):
                idle.append(connect(server))
    finally:
        for s in idle:
            s.close()
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    wait_until(lambda: len(list(descriptors.iterdir())) < 100, "the end of the connections")
    ok(server.client().get("/health/live"))
    server.admin().upload(png())


@pytest.mark.parametrize("ask", [True, False], ids=["requests", "ends"])
def test_as_many_events_as_libmicrohttpd_takes_at_once(new_server, ask):
    """It then waits for one more before it looks at them. All come while the server stands still."""
    server = new_server(IO_THREADS="1")
    admin = server.admin()
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(connect(server)) for _ in range(128)]
        wait_until(lambda: b"roentgen_http_connections 129\n" in admin.get("/metrics").content, "the connections")
        server.process.send_signal(signal.SIGSTOP)
        os.waitpid(server.process.pid, os.WUNTRACED)
        for line in lines:
            if ask:
                line.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            else:
                line.shutdown(socket.SHUT_WR)
        server.process.send_signal(signal.SIGCONT)
        answers = [line.recv(1000) for line in lines]
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200" if ask else b""}


# ---- too many requests ----


def until_refused(ask):
    """All answers up to the first 429. However slow the machine is, it asks more often than once a second."""
    answers = []
    wait_until(lambda: answers.append(ask()) or answers[-1].status_code == 429, "a refusal")
    return answers


def test_rate_limit(new_server):
    server = new_server(RATE_LIMIT="on", USER_RATE_PER_MINUTE="60")
    admin = server.admin()
    other = server.account("doctor", admin=admin)
    answers = until_refused(lambda: admin.get("/auth/me"))
    assert len(answers) > 40 and {a.status_code for a in answers[:-1]} == {200}
    problem(answers[-1], 429)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    ok(other.get("/auth/me"))
    for _ in range(90):
        ok(server.client().get("/health/live"))
    wait_until(lambda: admin.get("/auth/me").status_code == 200, "the next token")


def test_ordinary_work_meets_no_limit(new_server):
    """A folder of films goes in over six connections, and a page full of thumbnails is looked at, with everything at
    its default."""
    server = new_server(RATE_LIMIT=None)
    doctor = server.account("doctor")
    with ThreadPoolExecutor(6) as pool:
        films = list(pool.map(lambda _: doctor.upload(png(4, 4))["id"], range(700)))
        answers = list(pool.map(lambda film: doctor.get(f"/image-files/{film}").status_code, films * 2))
    assert set(answers) == {200}


def test_rate_limit_of_sign_ins(new_server):
    server = new_server(RATE_LIMIT="on", LOGIN_RATE_PER_MINUTE="5", LOGIN_MAX_FAILURES="1000")
    client = server.client()
    numbers = itertools.count()
    login = {"password": "x" * 12}
    answers = until_refused(lambda: client.post("/auth/login", json={"username": f"ghost{next(numbers)}", **login}))
    assert len(answers) > 4 and {a.status_code for a in answers[:-1]} == {401}
    assert int(answers[-1].headers["retry-after"]) >= 1
    form = {"grant_type": "password", "username": server.admin_name, "password": PASSWORD}
    problem(until_refused(lambda: client.post("/auth/token", data=form))[-1], 429)


def test_strangers_share_the_limit_of_their_address(new_server):
    server = new_server(RATE_LIMIT="on", RATE_LIMIT_PER_MINUTE="60")
    answers = until_refused(lambda: server.client().get("/patients"))
    assert len(answers) > 40 and {a.status_code for a in answers} == {401, 429}


@pytest.mark.parametrize("header", [{}, {"X-Forwarded-For": "203.0.113.{}"}])
def test_the_limit_cannot_be_dodged_by_a_header(new_server, header):
    server = new_server(RATE_LIMIT="on", RATE_LIMIT_PER_MINUTE="60")
    numbers = itertools.cycle(range(250))

    def ask():
        return server.client().get("/patients", headers={k: v.format(next(numbers)) for k, v in header.items()})

    assert len(until_refused(ask)) > 40


def test_off_means_off(server, doctor):
    assert {doctor.get("/auth/me").status_code for _ in range(700)} == {200}
