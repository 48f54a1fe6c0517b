"""A server that speaks TLS itself: to Python's ssl and to openssl; certificates that are replaced; the port that only
leads there."""

import json
import os
import re
import signal
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support import (
    PASSWORD,
    PATIENCE,
    Server,
    connect,
    ok,
    png,
    sha256,
    unique,
    wait_until,
)


def certificate(folder, days=30, key="ec"):
    """A new self-signed one for this machine, in place of the last."""
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", "rsa:2048"]
    folder.mkdir(exist_ok=True)
    command = [
        "openssl",
        "req",
        "-x509",
        *kind,
        "-nodes",
        "-days",
        str(days),
        "-subj",
        f"/CN={unique('c')}",
    ]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "server.pem"]
    subprocess.run([*command, *names, *files], check=True, capture_output=True, timeout=PATIENCE)
    return folder / "server.pem"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def secure(files):
    pem = certificate(files)
    server = Server(
        files / "server",
        TLS_CERTIFICATE=pem,
        TLS_KEY=files / "key.pem",
        TLS_REDIRECT_PORT="0",
    )
    server.init().start()
    yield server
    server.close()


def trusting(pem, **members):
    context = ssl.create_default_context(cafile=pem)
    for name, value in members.items():
        setattr(context, name, value)
    return context


@pytest.fixture
def admin(secure, files):
    context = trusting(files / "server.pem")
    with secure.client(verify=context) as client:
        answer = ok(
            client.post(
                "/auth/login",
                json={"username": secure.admin_name, "password": PASSWORD},
            )
        )
    with secure.client(answer["access_token"], verify=context) as client:
        yield client


def openssl(server, *options):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *options]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return (done.stdout + done.stderr).decode(errors="replace")


# ---- what is spoken ----


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_verified_connection(secure, files, version):
    context = trusting(files / "server.pem", minimum_version=version, maximum_version=version)
    with (
        connect(secure) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        assert line.version() == version.name.replace("_", ".")
        assert "GCM" in line.cipher()[0] or "POLY1305" in line.cipher()[0]
        line.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"strict-transport-security: max-age=" in answer.lower()


@pytest.mark.parametrize(
    "options",
    [
        ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        [
            "-tls1_2",
            "-cipher",
            "AES128-GCM-SHA256:AES128-SHA:@SECLEVEL=0",
        ],  # keys without forward secrecy
        [
            "-tls1_2",
            "-cipher",
            "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0",
        ],  # CBC
    ],
)
def test_what_is_too_old_is_refused(secure, options):
    assert "Cipher is (NONE)" in openssl(secure, *options)


def test_who_comes_again_goes_on_by_a_ticket(secure):
    assert (
        len(
            re.findall(
                r"^Reused, TLSv1.2",
                openssl(secure, "-tls1_2", "-reconnect"),
                re.MULTILINE,
            )
        )
        == 5
    )


def test_plain_http_gets_no_answer(secure, admin):
    with connect(secure) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        try:
            while piece := line.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
    assert b"HTTP/1.1" not in received
    assert ok(admin.get("/health"))


# ---- what goes over it ----


def test_large_bodies_side_by_side(secure, admin):
    """Records of TLS do not end where bodies' buffers do."""
    contents = [png(400, 3 * i + 1) + bytes([i]) * (600_011 * i) for i in range(1, 9)]

    def there_and_back(content):
        file = admin.upload(content)
        whole = admin.get(f"/image-files/{file['id']}/download").content
        part = admin.get(f"/image-files/{file['id']}/download", headers={"Range": "bytes=100-200099"})
        assert part.status_code == 206
        return sha256(whole), part.content

    with ThreadPoolExecutor(8) as pool:
        for content, (digest, part) in zip(contents, pool.map(there_and_back, contents), strict=True):
            assert (digest, part) == (sha256(content), content[100:200_100])


def test_a_body_that_is_refused_in_its_middle(secure, admin, files):
    """The answer is written where libmicrohttpd takes none; it goes through TLS as well."""
    context = trusting(files / "server.pem")
    head = (
        "POST /api/v1/patients HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {admin.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with (
        connect(secure) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        line.sendall(head.encode())
        received, piece = b"", b"4000\r\n" + b" " * 0x4000 + b"\r\n"
        try:
            for _ in range(4096):
                line.sendall(piece)
        except (ConnectionError, ssl.SSLError):
            pass  # it was refused meanwhile
        try:
            while more := line.recv(65536):
                received += more
        except (ConnectionError, ssl.SSLError):
            pass
    assert received.startswith(b"HTTP/1.1 413"), received[:200]


def test_events_are_heard(secure, admin):
    with admin.stream("GET", "/api/v1/events", headers={"Accept": "text/event-stream"}) as stream:
        assert stream.status_code == 200
        file = admin.upload(png())
        for line in stream.iter_lines():
            if line.startswith("data:") and json.loads(line[5:]).get("image_file_id", file["id"]) == file["id"]:
                break
        else:
            pytest.fail("the stream ended")


# ---- certificates ----


def shown(server):
    return ssl.get_server_certificate(("127.0.0.1", server.port), timeout=PATIENCE)


def reloads(server):
    return len(server.log_lines("settings.reloaded"))


def reload(server):
    before = reloads(server)
    server.signal(signal.SIGHUP)
    wait_until(lambda: reloads(server) > before, "settings read again")


def test_a_new_certificate_is_taken_without_a_stop(secure, files):
    first = shown(secure)
    with secure.client(verify=trusting(files / "server.pem")) as client:
        assert ok(client.get("/health/live"))
        certificate(files, key="rsa")
        reload(secure)
        second = wait_until(lambda: (now := shown(secure)) != first and now, "another certificate")
        assert ok(client.get("/health/live"))  # the connection goes on
    assert ssl.PEM_cert_to_DER_cert(second) == ssl.PEM_cert_to_DER_cert((files / "server.pem").read_text())
    told = len(secure.log_lines("tls.certificate"))

    good = (files / "key.pem").read_text()
    certificate(files / "other")
    for broken, word in (
        ((files / "other" / "key.pem").read_text(), "key"),
        ("no key", "key"),
        ("", "key"),
        (None, "key.pem"),
    ):
        before = len(secure.log_lines("tls.rejected"))
        (files / "key.pem").unlink()
        if broken is not None:
            (files / "key.pem").write_text(broken)
        reload(secure)
        wait_until(lambda n=before: len(secure.log_lines("tls.rejected")) > n, "a word in the log")
        message = secure.log_lines("tls.rejected")[-1]["message"]
        assert word in message and "the old certificate stays" in message
        assert shown(secure) == second
        (files / "key.pem").unlink(missing_ok=True)
        (files / "key.pem").write_text(good)
    wait_until(lambda: len(secure.log_lines("tls.certificate")) == told + 4, "when it ends, each time")
    certificate(files, days=2)
    reload(secure)
    wait_until(lambda: secure.log_lines("tls.certificate")[-1]["level"] == "warning", "a warning of its end")

    # It warns again when its wait for signals ends, as it does after a day: so does a process that was stopped.
    told = len(secure.log_lines("tls.certificate"))
    pid = secure.process.pid
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: "State:\tT" in Path(f"/proc/{pid}/status").read_text(), "a stop")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: len(secure.log_lines("tls.certificate")) > told, "another warning")


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"TLS_CERTIFICATE": "server.pem"}, "TLS_CERTIFICATE and TLS_KEY go together"),
        ({"TLS_KEY": "key.pem"}, "TLS_CERTIFICATE and TLS_KEY go together"),
        ({"TLS_REDIRECT_PORT": "8080"}, "TLS_REDIRECT_PORT leads to HTTPS"),
        (
            {
                "TLS_CERTIFICATE": "server.pem",
                "TLS_KEY": "key.pem",
                "TLS_REDIRECT_PORT": "65536",
            },
            "TLS_REDIRECT_PORT is no port",
        ),
        (
            {"TLS_CERTIFICATE": "server.pem", "TLS_KEY": "other/key.pem"},
            "server.pem and the key",
        ),
        ({"TLS_CERTIFICATE": "server.pem", "TLS_KEY": "absent.pem"}, "absent.pem"),
        ({"TLS_CERTIFICATE": "key.pem", "TLS_KEY": "key.pem"}, "key.pem"),
    ],
)
def test_what_does_not_fit_is_said_at_the_start(tmp_path, settings, words):
    certificate(tmp_path)
    certificate(tmp_path / "other")
    paths = {name: tmp_path / value if value.endswith("pem") else value for name, value in settings.items()}
    server = Server(tmp_path / "server", **paths).init()
    done = server.run("serve", check=False)
    assert done.returncode == 1
    assert words in done.stderr + done.stdout
    server.close()


# ---- the port of plain HTTP ----


def redirect_url(server):
    (line,) = server.log_lines("redirect.ready")
    return f"http://127.0.0.1:{line['message'].split()[-1]}"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PUT"])
def test_plain_http_is_led_to_https(secure, method):
    url = f"{redirect_url(secure)}/api/v1/patients/7?fields=name&x=%C3%A4"
    answer = httpx.request(method, url, content=b"{}" * 100_000, timeout=PATIENCE, trust_env=False)
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://127.0.0.1:{secure.port}/api/v1/patients/7?fields=name&x=%C3%A4"


def test_a_made_up_name_leads_nowhere(secure):
    answer = httpx.get(
        redirect_url(secure),
        headers={"Host": "evil.example"},
        timeout=PATIENCE,
        trust_env=False,
    )
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_the_public_name_is_where_it_leads(tmp_path):
    certificate(tmp_path)
    server = Server(
        tmp_path / "server",
        TLS_CERTIFICATE=tmp_path / "server.pem",
        TLS_KEY=tmp_path / "key.pem",
        TLS_REDIRECT_PORT="0",
        PUBLIC_URL="https://roentgen.example",
    )
    server.init().start()
    for host in ("roentgen.example", "evil.example"):
        answer = httpx.get(
            redirect_url(server) + "/docs",
            headers={"Host": host},
            timeout=PATIENCE,
            trust_env=False,
        )
        assert (answer.status_code, answer.headers["location"]) == (
            308,
            "https://roentgen.example/docs",
        )
    server.close()


# ---- sessions of browsers ----


def test_a_browsers_cookie_is_bound_to_the_host(secure, files):
    with secure.client(verify=trusting(files / "server.pem")) as client:
        body = {"username": secure.admin_name, "password": PASSWORD}
        answer = client.post("/auth/login?session=cookie", json=body)
        token = ok(answer)["csrf_token"]
        set_cookie = answer.headers["set-cookie"]
        assert set_cookie.startswith("__Host-roentgen_session=") and "; Secure" in set_cookie
        assert ok(client.get("/auth/me"))["session"]["kind"] == "cookie"
        own = {"Origin": secure.url, "X-CSRF-Token": token}
        plain = {**own, "Origin": secure.url.replace("https", "http")}
        assert client.patch("/auth/me", json={"title": "t"}, headers=plain).status_code == 403
        ok(client.patch("/auth/me", json={"title": "t"}, headers=own))
        ok(client.post("/auth/logout", headers=own), 204)
        assert not client.cookies
