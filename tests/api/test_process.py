"""The process: signals, graceful stop, logs, several servers on one database."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from support import BINARY, ON_SQLITE, PATIENCE, connect, ok, png, sha256, stored, wait_until


def head_of_an_upload(token, length):
    return (
        f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="slow.png"\r\n\r\n'


def begin_upload(server, token, length, first):
    """A connection over which an upload is under way: its first bytes have reached the store."""
    before = stored(server)
    s = connect(server)
    s.sendall(head_of_an_upload(token, length) + first)
    wait_until(lambda: stored(server) != before, "a temporary file")
    return s


def test_sigterm_finishes_an_upload_under_way(new_server):
    server = new_server()
    admin = server.admin()
    content = png() + os.urandom(4 << 20)
    body = PART + content + b"\r\n--x--\r\n"
    with begin_upload(server, admin.token, len(body), body[: 3 << 20]) as s:
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.log_lines("server.stopping"), "the server stopping")
        wait_until(lambda: server.client().get("/health/live").status_code == 503, "new requests refused")
        assert server.process.poll() is None
        s.sendall(body[3 << 20 :])
        answer = b""
        while part := s.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 201"), answer[:300]
    file = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert server.wait() == 0
    server.start()
    assert sha256(server.client(admin.token).get(f"/image-files/{file['id']}/download").content) == sha256(content)


def test_sigterm_does_not_wait_for_idle_connections(new_server):
    server = new_server(STOP_GRACE="1h")
    idle = [connect(server) for _ in range(50)]
    ok(server.client().get("/health/live"))
    assert server.stop() == 0
    for s in idle:
        s.close()


def test_sigterm_does_not_wait_for_ever(new_server):
    server = new_server(STOP_GRACE="1s")
    admin = server.admin()
    with begin_upload(server, admin.token, 4_000_000, PART + png() + b"\0" * 3_000_000):
        server.signal(signal.SIGTERM)
        assert server.wait() in (0, 1)


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


def is_pending(server, number):
    masks = re.findall(r"^(?:Shd|Sig)Pnd:\s*(\w+)$", Path(f"/proc/{server.process.pid}/status").read_text(), re.M)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def lands_in(log, client, seen):
    """Asks once more, and looks whether any of what was asked is there now."""
    seen.append(client.get("/patients").headers["x-request-id"])
    return log.exists() and any(request_id in log.read_text() for request_id in seen)


def test_sigusr_changes_the_level(new_server):
    """One thread takes signals, one after the other: a line of the next one says that this one has been heeded."""
    server = new_server()
    client = server.client()
    server.signal(signal.SIGUSR2)
    wait_until(lambda: not is_pending(server, signal.SIGUSR2), "the signal taken")
    (server.folder / ".env").write_text("REGISTRATION=sideways\n")
    server.signal(signal.SIGHUP)
    wait_until(lambda: server.log_lines("settings.rejected"), "the settings refused")
    quiet = client.get("/patients").headers["x-request-id"]
    server.signal(signal.SIGUSR1)
    wait_until(lambda seen=[]: lands_in(server.log_path, client, seen), "lines again")
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

    wait_until(lambda seen=[]: lands_in(log, client, seen), "lines in the new file")
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
    wait_until(lambda: server.log_lines("settings.rejected"), "the settings refused")
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

    wait_until(rotated, "three old files")
    for _ in range(300):
        client.get("/patients")
    assert server.stop() == 0  # what waits is written
    assert sorted(p.name for p in log.parent.iterdir()) == ["roentgen.log", *(f"roentgen.log.{n}" for n in (1, 2, 3))]
    assert log.stat().st_size < 200_000


def test_log_rotation_by_age(new_server, tmp_path):
    log = tmp_path / "rotating" / "roentgen.log"
    log.parent.mkdir()
    server = new_server(LOG_FILE=str(log), LOG_ROTATE_AGE="1s")
    client = server.client()
    first = client.get("/patients").headers["x-request-id"]

    def is_in_an_old_file():  # perhaps not the first of these, where the start took long
        client.get("/patients")
        old = [p for p in log.parent.iterdir() if p != log]
        with contextlib.suppress(FileNotFoundError):  # they move while they are looked at
            return any(first in p.read_text() for p in old)

    wait_until(is_in_an_old_file, "the line in an old file")
    assert server.stop() == 0


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
        assert process.wait(PATIENCE) == 0
        os.close(near)


def test_the_port_in_use_is_a_clear_refusal(new_server):
    first = new_server()
    second = new_server(start=False, PORT=str(first.port))
    done = second.run("serve", check=False)
    assert done.returncode == 1 and ("in use" in done.stderr.lower() or str(first.port) in done.stderr)


def test_a_start_sweeps_what_a_crash_left(new_server):
    server = new_server()
    admin = server.admin()
    kept = admin.upload(png())
    with begin_upload(server, admin.token, 9_000_000, PART + png() + b"\0" * 3_000_000):
        server.kill()
    server.start()
    wait_until(lambda: stored(server) == [kept["storage_path"]], "the temporary file swept")
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
    wait_until(lambda: there.get("/auth/me").status_code == 401, "the other server noticing")
