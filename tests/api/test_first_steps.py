"""What a newcomer meets: the address alone, the words of the command line, what a terminal shows."""

import os
import pty
import re
import subprocess

import pytest
from support import BINARY, PASSWORD, PATIENCE, problem, wait_until


def test_the_address_alone_leads_to_the_documentation(nobody):
    answer = nobody.get(nobody.server.url + "/")
    assert answer.status_code == 302 and answer.headers["location"] == "/docs"


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_pages_have_an_icon_of_their_own(nobody, page):
    icon = re.search(r'<link rel="icon" href="(/docs/assets/[^"]+)"', nobody.get(page).text).group(1)
    answer = nobody.get(icon)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/svg+xml"


def test_redoc_asks_nobody_for_a_logo(nobody):
    assert "cdn.redoc.ly" not in nobody.get("/docs/assets/redoc.standalone.js").text


def run(*words, folder=None, **env):
    return subprocess.run(
        [BINARY, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **env},
        timeout=PATIENCE,
    )


def test_version_and_help_in_their_usual_spellings():
    assert run("--version").stdout == run("version").stdout != ""
    assert run("-h").stdout == run("--help").stdout != ""
    assert run("purge", "-h").stdout == run("purge", "--help").stdout != ""


def test_words_too_many_are_named():
    done = run("version", "twice", "thrice")
    assert done.returncode == 2 and "twice" in done.stderr and "thrice" in done.stderr


def test_a_missing_setting_says_where_it_was_looked_for(tmp_path):
    done = run("init-db", folder=tmp_path)
    assert done.returncode == 1 and f"{tmp_path}/.env" in done.stderr and "SECRET_KEY" in done.stderr


def test_what_is_taken_is_said_in_the_words_of_the_form(new_server, server, admin):
    again = server.run(
        "create-superuser",
        "--username",
        server.admin_name,
        "--email",
        "other@example.org",
        "--password-stdin",
        input=PASSWORD + "\n",
        check=False,
    )
    assert again.returncode == 1 and "users." not in again.stderr and "username" in again.stderr
    body = {"username": server.admin_name, "email": "third@example.org", "full_name": "x", "password": PASSWORD}
    assert problem(admin.post("/users", json=body), 409)["detail"] == "username is taken already"


def test_a_terminal_keeps_what_was_said_at_the_start(new_server):
    """Requests scroll the administrator's password away; they are logged everywhere but on a terminal."""
    server = new_server(start=False)
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [BINARY, "serve"], cwd=server.folder, env=server.environment(), stdin=subprocess.DEVNULL, stderr=terminal
    )
    os.close(terminal)
    said = ""
    try:

        def ready():
            nonlocal said
            said += os.read(master, 4096).decode()
            return re.search(r"http://[^/\s]*:(\d+)\D", said)  # and not a part of the number

        server.port = int(wait_until(ready).group(1))
        assert server.client().get("/health/live").status_code == 200
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
    try:
        while more := os.read(master, 4096).decode():
            said += more
    except OSError:  # the terminal is gone
        pass
    os.close(master)
    assert "server.stopped" in said and "/health/live" not in said
