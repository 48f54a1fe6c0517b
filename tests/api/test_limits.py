"""Clients that are slow, dead, many or too eager."""

import contextlib
import os
import re
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support import PASSWORD, SLOW, Server, ok, png, problem, wait_until


def connect(server, timeout=60):
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout * SLOW)


def closed_after(s, most):
    """Seconds until the server closes this connection."""
    start = time.monotonic()
    s.settimeout(most * SLOW)
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while s.recv(65536):
            pass
    return time.monotonic() - start


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


def test_slow_headers_are_cut(new_server):
    server = new_server(HEADER_TIMEOUT="1s", IDLE_TIMEOUT="30s")

    def stop_short():
        with connect(server) as s:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Sl")
            assert 0.5 < closed_after(s, 10) < 8 * SLOW

    def dribble():  # a byte now and then does not help
        with connect(server) as s:
            start = time.monotonic()
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
                while time.monotonic() - start < 10 * SLOW:
                    s.sendall(b"X")
                    s.settimeout(0.2)
                    with contextlib.suppress(TimeoutError):
                        if s.recv(1000) == b"":
                            break
            assert time.monotonic() - start < 9 * SLOW

    at_once(stop_short, dribble)
    ok(server.client().get("/health/live"))


def test_idle_connections_are_closed(impatient):
    with connect(impatient) as fresh, connect(impatient) as used:
        used.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert used.recv(65536).startswith(b"HTTP/1.1 200")

        def closes(s):
            assert 0.5 < closed_after(s, 10) < 8 * SLOW

        at_once(lambda: closes(fresh), lambda: closes(used))


def holds(server, name):
    """Has the server this file open?"""
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(link).endswith(name):
                return True
    return False


def test_clients_that_take_nothing_are_cut(impatient):
    server = impatient
    admin = server.admin()
    size = 16 << 20  # more than the system's buffers take
    file = admin.upload(png() + b"\0" * size)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", server.port))
        s.sendall(
            f"GET /api/v1/image-files/{file['id']}/download HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\n\r\n".encode()
        )
        wait_until(lambda: holds(server, file["storage_path"]), what="the file to be opened")
        wait_until(lambda: not holds(server, file["storage_path"]), 30, "the end of the request")
        s.settimeout(10)
        taken = 0
        with contextlib.suppress(ConnectionResetError):
            while part := s.recv(1 << 20):
                taken += len(part)
        assert taken < size
    ok(admin.get("/auth/me"))


def test_slow_bodies_are_cut(impatient):
    """A body below BODY_MIN_RATE over BODY_WINDOW is given up; one above it is not."""
    server = impatient
    admin = server.admin()
    head = (
        f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n"
    )
    results = {}

    def crawl():
        start = time.monotonic()
        with connect(server) as s:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                s.sendall(
                    head.replace("{}", "10000000").encode()
                    + b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
                )
                while time.monotonic() - start < 30 * SLOW:
                    s.sendall(b"x" * 50)
                    s.settimeout(0.5)
                    with contextlib.suppress(TimeoutError):
                        s.recv(1000)
                        break
        results["crawl"] = time.monotonic() - start

    def walk():
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            + png()
            + os.urandom(24_000)
            + b"\r\n--x--\r\n"
        )
        with connect(server) as s:
            s.sendall(head.replace("{}", str(len(body))).encode())
            for i in range(0, len(body), 500):
                s.sendall(body[i : i + 500])
                time.sleep(0.1)  # some 5 s in all: more than two windows
            results["walk"] = s.recv(100)

    def look():
        for _ in range(20):
            ok(server.client().get("/health/live"))

    at_once(crawl, walk, look)
    assert 1.5 < results["crawl"] < 25 * SLOW
    assert results["walk"].startswith(b"HTTP/1.1 201"), results["walk"]


def test_slow_uploads_do_not_hold_up_others(new_server):
    """More of them under way than there are workers."""
    server = new_server(WORKERS="4")
    admin = server.admin()
    head = (
        f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        'Content-Length: 1000000\r\n\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    ).encode()
    slow = [connect(server) for _ in range(40)]
    try:
        for s in slow:
            s.sendall(head + b"x" * 1000)
        start = time.monotonic()
        admin.upload(png())
        ok(admin.get("/patients"))
        server.admin()
        assert time.monotonic() - start < 5 * SLOW
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
                start = time.monotonic()
                with server.client(admin.token) as fresh:
                    ok(fresh.get("/auth/me"))
                assert time.monotonic() - start < 3 * SLOW
            for s in (idle[0], idle[5000], idle[-1]):
                s.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                assert s.recv(1000).startswith(b"HTTP/1.1 200")
            status = open(f"/proc/{server.process.pid}/status").read()
            if "ASAN_OPTIONS" not in os.environ:
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
                idle.append(connect(server, 5))
    finally:
        for s in idle:
            s.close()
    time.sleep(0.5)
    ok(server.client().get("/health/live"))
    server.admin().upload(png())


# ---- too many requests ----


def test_rate_limit(new_server):
    server = new_server(RATE_LIMIT="on", USER_RATE_PER_MINUTE="60")
    admin = server.admin()
    other = server.account("doctor", admin=admin)
    codes = [admin.get("/auth/me") for _ in range(90)]
    refused = [a for a in codes if a.status_code == 429]
    assert refused and codes[0].status_code == 200
    problem(refused[0], 429)
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60
    ok(other.get("/auth/me"))
    for _ in range(90):
        ok(server.client().get("/health/live"))
    wait_until(lambda: admin.get("/auth/me").status_code == 200, 5, "the next token")


def test_ordinary_work_meets_no_limit(new_server):
    """A folder of films goes in over six connections, and a page full of thumbnails is looked at, with everything at its default."""
    server = new_server(RATE_LIMIT=None)
    doctor = server.account("doctor")
    with ThreadPoolExecutor(6) as pool:
        films = list(pool.map(lambda _: doctor.upload(png(4, 4))["id"], range(700)))
        answers = list(pool.map(lambda film: doctor.get(f"/image-files/{film}").status_code, films * 2))
    assert set(answers) == {200}


def test_rate_limit_of_sign_ins(new_server):
    server = new_server(RATE_LIMIT="on", LOGIN_RATE_PER_MINUTE="5", LOGIN_MAX_FAILURES="1000")
    client = server.client()
    answers = [client.post("/auth/login", json={"username": f"ghost{i}", "password": "x" * 12}) for i in range(12)]
    assert [a.status_code for a in answers][0] == 401
    assert answers[-1].status_code == 429 and int(answers[-1].headers["retry-after"]) >= 1
    problem(
        client.post(
            "/auth/token", data={"grant_type": "password", "username": server.admin_name, "password": PASSWORD}
        ),
        429,
    )


def test_strangers_share_the_limit_of_their_address(new_server):
    server = new_server(RATE_LIMIT="on", RATE_LIMIT_PER_MINUTE="60")
    codes = {server.client().get("/patients").status_code for _ in range(90)}
    assert codes == {401, 429}


@pytest.mark.parametrize("header", [{}, {"X-Forwarded-For": "203.0.113.{}"}])
def test_the_limit_cannot_be_dodged_by_a_header(new_server, header):
    server = new_server(RATE_LIMIT="on", RATE_LIMIT_PER_MINUTE="60")
    codes = [
        server.client().get("/patients", headers={k: v.format(i % 250) for k, v in header.items()}).status_code
        for i in range(90)
    ]
    assert 429 in codes


def test_off_means_off(server, doctor):
    assert {doctor.get("/auth/me").status_code for _ in range(700)} == {200}
