"""The README is true line by line: its blocks run as they stand, and the Chinese pages have what the English ones
have."""

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from support import BINARY, PASSWORD, PATIENCE, ROOT, connect, wait_until

PAGES = ["README.md", "README.zh-CN.md"]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.S | re.M)


def code(block):
    """Without comments, which are in the language of the page."""
    return [re.sub(r"\s+# .*|^# .*", "", line) for line in block.splitlines()]


@pytest.mark.parametrize("language", ["sh", "nginx", "ini", "json"])
def test_both_languages_show_the_same_code(language):
    for english in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        chinese = english.with_name(english.name.replace(".md", ".zh-CN.md"))
        if english.name.endswith(".zh-CN.md") or not chinese.exists():
            continue
        if english.name == "README.md":
            ours, theirs = blocks(english, language), blocks(chinese, language)
            assert [code(b) for b in ours] == [code(b) for b in theirs], english.name


def test_chinese_pages_have_all_headings():
    for chinese in [ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.zh-CN.md"))]:
        english = chinese.with_name(chinese.name.replace(".zh-CN.md", ".md"))
        levels = [
            [line.split(" ")[0] for line in page.read_text().splitlines() if re.match(r"#+ ", line)]
            for page in (english, chinese)
        ]
        assert levels[0] == levels[1], f"{english.name}: other headings than {chinese.name}"


def test_every_command_is_named(new_server):
    usage = subprocess.run([BINARY, "--help"], capture_output=True, text=True, timeout=PATIENCE).stdout
    for command in re.findall(r"^  ([a-z-]+) ", usage, re.M):
        for page in PAGES:
            assert re.search(rf"`roentgen [^`]*\b{command}\b", (ROOT / page).read_text()), f"{page}: {command}"


@pytest.fixture
def checkout(tmp_path, new_server):
    """A server with the account that script/server makes, and a folder that looks like the source's."""
    server = new_server(init=False, start=False)
    server.admin_name = "admin"
    server.init().start()
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "tests").symlink_to(ROOT / "tests")
    (folder / "build").mkdir()
    (folder / "build" / "roentgen").symlink_to(BINARY)
    server.checkout = folder
    return server


@pytest.mark.parametrize("page", PAGES)
def test_the_session_runs_as_it_stands(checkout, page):
    session = [block for block in blocks(page, "sh") if "script/test " not in block]
    assert len(session) == 2
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(session)],
        cwd=checkout.checkout,
        env={**checkout.environment(), "API": f"{checkout.url}/api/v1", "PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert (checkout.checkout / "bone.png").read_bytes().startswith(b"\x89PNG")
    assert (checkout.checkout / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8")
    assert '"unit":"deg"' in done.stdout or '"deg"' in done.stdout


def settings(block):
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def certificate(folder, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        + ["-addext", f"subjectAltName=DNS:{name}", "-keyout", "roentgen.key", "-out", "roentgen.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )


def test_its_own_tls_works_as_it_stands(tmp_path, new_server):
    ini, _ = blocks("README.md", "ini")
    said = settings(ini.replace("/etc/ssl/certs/", f"{tmp_path}/").replace("/etc/ssl/private/", f"{tmp_path}/"))
    assert said["PORT"] == "443" and said["TLS_REDIRECT_PORT"] == "80"
    name = said["PUBLIC_URL"].removeprefix("https://")
    certificate(tmp_path, name)
    server = new_server(**said | {"PORT": "0", "TLS_REDIRECT_PORT": "0"})
    trust = ssl.create_default_context(cafile=str(tmp_path / "roentgen.pem"))
    with connect(server) as line, trust.wrap_socket(line, server_hostname=name) as secure:
        secure.sendall(f"GET /health HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: secure.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    (ready,) = server.log_lines("redirect.ready")
    led = httpx.get(f"http://127.0.0.1:{ready['message'].split()[-1]}/docs", trust_env=False, timeout=PATIENCE)
    assert (led.status_code, led.headers["location"]) == (308, said["PUBLIC_URL"] + "/docs")


def test_the_proxy_works_as_it_stands(tmp_path, new_server):
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    (proxy,) = blocks("README.md", "nginx")
    _, ini = blocks("README.md", "ini")
    server = new_server(**settings(ini))
    name = settings(ini)["PUBLIC_URL"].removeprefix("https://")
    assert name in proxy
    certificate(tmp_path, name)
    place = tmp_path / "nginx.socket"
    proxy = proxy.replace("/etc/ssl/certs/", f"{tmp_path}/").replace("/etc/ssl/private/", f"{tmp_path}/")
    proxy = proxy.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}").replace("listen 443", f"listen unix:{place}")
    # A socket has no address for X-Forwarded-For; nginx says "unix:", so the client is given one as a ward would have
    # it.
    proxy = proxy.replace("$remote_addr", "192.0.2.7")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {tmp_path}/nginx.pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{proxy}}}\n"
    )
    with open(tmp_path / "nginx.log", "wb") as log:
        process = subprocess.Popen(
            [nginx, "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")], stdout=log, stderr=log
        )
    try:

        def listening():
            assert process.poll() is None, Path(tmp_path / "nginx.log").read_text()
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
                s.connect(str(place))  # its name is there a moment before it listens
                return True

        wait_until(listening, "nginx")
        trust = ssl.create_default_context(cafile=str(tmp_path / "roentgen.pem"))
        transport = httpx.HTTPTransport(uds=str(place), verify=trust)
        with httpx.Client(base_url=f"https://{name}", transport=transport, trust_env=False, timeout=PATIENCE) as client:
            answer = client.post("/api/v1/auth/login", json={"username": server.admin_name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            assert "max-age" in answer.headers["strict-transport-security"]
            token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            content = (ROOT / "tests/data/images/nih_00027426_000.png").read_bytes()
            stored = client.post("/api/v1/upload/single", files={"file": ("a.png", content)}, headers=token)
            assert stored.status_code == 201, stored.text
            sessions = client.get("/api/v1/auth/sessions", headers=token).json()
            assert "192.0.2.7" in str(sessions)
            origin = settings(ini)["CORS_ORIGINS"]
            allowed = client.get("/api/v1/auth/me", headers={**token, "Origin": origin})
            assert allowed.headers["access-control-allow-origin"] == origin
    finally:
        process.terminate()
        process.wait(PATIENCE)
