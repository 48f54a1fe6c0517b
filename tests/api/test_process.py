"""The process: signals, graceful stop, logs, several servers on one database."""

import json
import os
import pty
import signal
import socket
import subprocess
import threading
import time

import pytest

from support import BINARY, ON_SQLITE, is_of_the_store, ok, png, sha256, wait_until


def slow_upload(server, token, content, seconds, result):
    """Sends a file over some seconds; result gets the answer's status line and body."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="slow.png"\r\n\r\n'
    tail = b"\r\n--x--\r\n"
    body = head + content + tail
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
        s.sendall(
            f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        step = len(body) // 20 + 1
        for i in range(0, len(body), step):
            s.sendall(body[i : i + step])
            result["sent"] = i
            time.sleep(seconds / 20)
        data = b""
        while part := s.recv(65536):
            data += part
            if b"\r\n\r\n" in data and data.rstrip().endswith(b"}"):
                break
        result["answer"] = data


def refused(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=2).close()
        return False
    except ConnectionRefusedError:
        return True


def test_sigterm_finishes_an_upload_under_way(new_server):
    server = new_server()
    admin = server.admin()
    content, result = png() + os.urandom(2 << 20), {}
    thread = threading.Thread(target=slow_upload, args=(server, admin.token, content, 2.0, result))
    thread.start()
    wait_until(lambda: result.get("sent", 0) > 100_000, what="the upload under way")
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.log_lines("server.stopping"), what="the server stopping")
    assert server.process.poll() is None
    wait_until(lambda: refused(server), 5, "new connections refused")
    thread.join()
    assert result["answer"].startswith(b"HTTP/1.1 201"), result["answer"][:300]
    file = json.loads(result["answer"].partition(b"\r\n\r\n")[2])
    assert server.wait() == 0
    server.start()
    assert sha256(server.client(admin.token).get(f"/image-files/{file['id']}/download").content) == sha256(content)


def test_sigterm_with_idle_connections_ends_quickly(new_server):
    server = new_server()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    client = server.client()
    ok(client.get("/health/live"))
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 5
    for s in idle:
        s.close()


def test_sigterm_does_not_wait_for_ever(new_server):
    server = new_server(STOP_GRACE="1s")
    admin = server.admin()
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(
            f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n--x\r\n".encode()
        )
        time.sleep(0.2)
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        code = server.wait(15)
        assert time.monotonic() - start < 10
        assert code in (0, 1)


def test_sigint_is_sigterm(new_server):
    server = new_server()
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_log_lines_are_json(new_server):
    server = new_server()
    admin = server.admin()
    answer = admin.get("/patients")
    line = wait_until(
        lambda: [e for e in server.log_lines() if e.get("request_id") == answer.headers["x-request-id"]],
        what="the access line",
    )[0]
    assert (
        line["level"] == "info"
        and line["method"] == "GET"
        and line["route"] == "/api/v1/patients"
        and line["status"] == 200
    )
    assert line["us"] > 0 and line["time"].endswith("Z")
    for text in server.log_text().splitlines():
        json.loads(text)


def test_log_injection(new_server):
    server = new_server()
    client = server.client()
    client.get(server.url + '/a%0a{"event":"forged"}', headers={"User-Agent": "x\x1b[31m", "X-Request-ID": "forged"})
    client.post("/auth/login", json={"username": 'a\n{"event": "forged"}', "password": "x" * 12})
    wait_until(lambda: '"route":"/api/v1/auth/login"' in server.log_text().replace('": "', '":"'), what="the lines")
    assert not server.log_lines("forged")
    for text in server.log_text().splitlines():
        assert "\x1b" not in text
        json.loads(text)


def test_sigusr_changes_the_level(new_server):
    server = new_server()
    client = server.client()
    server.signal(signal.SIGUSR2)
    time.sleep(0.3)
    quiet = client.get("/patients").headers["x-request-id"]
    server.signal(signal.SIGUSR1)
    wait_until(
        lambda: (
            (r := client.get("/patients").headers["x-request-id"])
            and time.sleep(0.2) is None
            and r in server.log_text()
        ),
        what="lines again",
    )
    assert quiet not in server.log_text()


def test_sighup_reopens_logs(new_server, tmp_path):
    log = tmp_path / "roentgen.log"
    server = new_server(LOG_FILE=str(log))
    client = server.client()
    first = client.get("/patients").headers["x-request-id"]
    wait_until(lambda: first in log.read_text(), what="the first line")
    os.rename(log, tmp_path / "old.log")
    server.signal(signal.SIGHUP)
    wait_until(log.exists, what="a new file")

    def lands_in_the_new_file():
        request_id = client.get("/patients").headers["x-request-id"]
        time.sleep(0.25)
        return request_id in log.read_text()

    wait_until(lands_in_the_new_file, what="lines in the new file")
    assert first in (tmp_path / "old.log").read_text()


def test_sighup_reads_settings_again(new_server):
    server = new_server(start=False)
    (server.folder / ".env").write_text("REGISTRATION=closed\n")
    server.start()
    body = {"username": "newcomer", "email": "n@example.org", "full_name": "N", "password": "brave-otter-9174"}
    assert server.client().post("/auth/register", json=body).status_code == 403
    (server.folder / ".env").write_text("REGISTRATION=open\n")
    server.signal(signal.SIGHUP)
    wait_until(lambda: server.client().post("/auth/register", json=body).status_code == 201, what="open registration")


def test_sighup_with_a_bad_env_keeps_serving(new_server):
    server = new_server(start=False)
    (server.folder / ".env").write_text("REGISTRATION=closed\n")
    server.start()
    (server.folder / ".env").write_text("REGISTRATION=sideways\nLOG_LEVEL=7\n")
    server.signal(signal.SIGHUP)
    time.sleep(0.5)
    ok(server.client().get("/health/live"))
    assert server.process.poll() is None


def test_log_rotation_by_size(new_server, tmp_path):
    log = tmp_path / "rotating" / "roentgen.log"
    log.parent.mkdir()
    server = new_server(LOG_FILE=str(log), LOG_ROTATE_SIZE="20KiB", LOG_KEEP="3")
    client = server.client()

    def rotated():
        for _ in range(100):
            client.get("/patients")
        return len(list(log.parent.iterdir())) >= 4

    wait_until(rotated, 30, "three old files")
    for _ in range(300):
        client.get("/patients")
    time.sleep(0.5)
    assert len(list(log.parent.iterdir())) <= 5
    assert log.stat().st_size < 200_000


def test_log_rotation_by_age(new_server, tmp_path):
    log = tmp_path / "rotating" / "roentgen.log"
    log.parent.mkdir()
    server = new_server(LOG_FILE=str(log), LOG_ROTATE_AGE="1s")
    client = server.client()
    first = client.get("/patients").headers["x-request-id"]
    wait_until(lambda: client.get("/patients") and len(list(log.parent.iterdir())) >= 2, 15, "an old file")
    wait_until(
        lambda: first in "".join(p.read_text() for p in log.parent.iterdir() if p != log),
        10,
        "the first line in an old file",
    )


def test_log_is_readable_on_a_terminal(new_server):
    server = new_server(start=False)
    near, far = pty.openpty()
    process = subprocess.Popen(
        [BINARY, "serve"], cwd=server.folder, env=server.environment(), stdin=subprocess.DEVNULL, stdout=far, stderr=far
    )
    os.close(far)
    try:
        text = b""
        while b"listening on" not in text:
            text += os.read(near, 4096)
        line = [one for one in text.decode().splitlines() if "listening on" in one][0]
        assert "server.ready" in line and not line.startswith("{")
    finally:
        process.terminate()
        assert process.wait(20) == 0
        os.close(near)


def test_the_port_in_use_is_a_clear_refusal(new_server):
    first = new_server()
    second = new_server(start=False, PORT=str(first.port))
    done = second.run("serve", check=False, timeout=20)
    assert done.returncode == 1 and ("in use" in done.stderr.lower() or str(first.port) in done.stderr)


def test_start_is_quick(new_server):
    server = new_server(start=False)
    start = time.monotonic()
    server.start()
    ok(server.client().get("/health/live"))
    assert time.monotonic() - start < 3


def test_a_start_sweeps_what_a_crash_left(new_server):
    server = new_server()
    admin = server.admin()
    kept = admin.upload(png())
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(
            f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'.encode()
            + png()
            + b"\0" * 3_000_000
        )
        wait_until(
            lambda: len([p for p in server.files.rglob("*") if p.is_file() and is_of_the_store(p)]) > 1,
            what="a temporary file",
        )
        server.kill()
    server.start()
    wait_until(
        lambda: (
            {
                str(p.relative_to(server.files))
                for p in server.files.rglob("*")
                if p.is_file() and is_of_the_store(p)
            }
            == {kept["storage_path"]}
        ),
        what="the temporary file swept",
    )
    server.run("fsck", "--deep")


@pytest.mark.skipif(ON_SQLITE, reason="one SQLite file has one server")
def test_two_servers_share_a_database(new_server):
    """Tokens of one are good at the other, and a demotion at one counts at the other at once."""
    one = new_server()
    two = new_server(init=False, start=False)
    two.settings.update({k: one.settings[k] for k in ("DATABASE_URL", "STORAGE_URL", "SECRET_KEY")})
    two.start()
    admin, doctor = one.admin(), one.account("doctor")
    there = two.client(doctor.token)
    ok(there.get("/auth/me"))
    ok(admin.patch(f"/users/{doctor.id}", json={"status": "DISABLED"}))
    wait_until(lambda: there.get("/auth/me").status_code == 401, 5, "the other server noticing")
