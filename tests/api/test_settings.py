"""Settings: every problem listed at once, .env, secrets masked, the example fresh."""

import re

import pytest

from support import ROOT, ok


def test_all_problems_are_listed(new_server):
    server = new_server(init=False, start=False)
    server.settings.update(
        PORT="99999", LOG_LEVEL="loud", SECRET_KEY="short", MAX_UPLOAD="lots", RATE_LIMIT="maybe", BCRYPT_COST="3"
    )
    done = server.run("serve", check=False)
    assert done.returncode != 0
    for name in ("PORT", "LOG_LEVEL", "SECRET_KEY", "MAX_UPLOAD", "RATE_LIMIT", "BCRYPT_COST"):
        assert name in done.stderr, name
    assert "short" not in done.stderr.replace("too short", "").replace("shorter", "")


def test_secret_key_is_required(new_server):
    server = new_server(init=False, start=False, SECRET_KEY=None)
    done = server.run("init-db", check=False)
    assert done.returncode != 0 and "SECRET_KEY" in done.stderr


@pytest.mark.parametrize(
    "name, value",
    [
        ("DATABASE_URL", "oracle://x/y"),
        ("STORAGE_URL", "ftp://x"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:////dev/null/x.db"),
        ("HOST", "999.1.1.1"),
    ],
)
def test_settings_that_cannot_work(new_server, name, value):
    server = new_server(init=False, start=False, **{name: value})
    done = server.run("init-db", check=False)
    if done.returncode == 0:
        done = server.run("serve", check=False)
    assert done.returncode != 0 and done.stderr


def test_env_file_is_read_and_the_environment_wins(new_server):
    server = new_server(init=False, start=False)
    (server.folder / ".env").write_text(
        '# a comment\nLOG_LEVEL=debug\nPORT=1\nexport WORKERS="7"\nSESSION_LIFETIME=3d\n'
    )
    printed = server.run("config").stdout
    assert re.search(r"^LOG_LEVEL\W+info", printed, re.MULTILINE), "the environment wins"
    assert re.search(r"^WORKERS\W+7\b", printed, re.MULTILINE)
    assert re.search(r"^SESSION_LIFETIME\W+3d", printed, re.MULTILINE)


def test_unknown_names_in_env_are_warned_about(new_server):
    server = new_server(init=False, start=False)
    (server.folder / ".env").write_text("ROENTGEN_PORT=80\nDATABSE_URL=sqlite:///x.db\n")
    done = server.run("config")
    assert "ROENTGEN_PORT" in done.stderr and "DATABSE_URL" in done.stderr


def test_config_masks_secrets(new_server):
    server = new_server(
        init=False, start=False, SMTP_URL="smtp://user:hidden-password@mail.example", MAIL_FROM="a@example.org"
    )
    printed = server.run("config").stdout
    assert server.settings["SECRET_KEY"] not in printed and "hidden-password" not in printed
    assert "SECRET_KEY" in printed and "MAX_UPLOAD" in printed


@pytest.mark.parametrize(
    "setting",
    [
        "TIME_ZONE=Nowhere/Town",
        "PURGE_SCHEDULE=* * 31 2 *",
        "FSCK_SCHEDULE=0 0 30 feb *",
        "BACKUP_SCHEDULE=@daily",
        "TASK_NAMES=ai echo",
        "TASK_PRIORITY_STEPS=9,6",
        "TASK_BROKER=celery",
        "WEBHOOK_HOSTS=http://ris",
    ],
)
def test_config_refuses_what_serve_refuses(new_server, setting):
    name, value = setting.split("=")
    server = new_server(init=False, start=False, **{name: value})
    shown, served = (server.run(command, check=False) for command in ("config", "serve"))
    assert shown.returncode == served.returncode == 1 and shown.stderr == served.stderr and name in shown.stderr
    assert not shown.stdout


def test_words_of_a_schedule_may_stand_apart_by_tabs(new_server):
    assert new_server(init=False, start=False, PURGE_SCHEDULE="0\t3  29\t2 *").run("config").returncode == 0


def test_example_is_fresh(new_server):
    server = new_server(init=False, start=False)
    printed = server.run("config", "--example").stdout
    assert (ROOT / ".env.example").read_text() == printed, "run: roentgen config --example > .env.example"


def test_example_works_as_env_file(new_server):
    """With every line uncommented and the required ones filled in, the defaults are valid."""
    server = new_server(init=False, start=False)
    example = server.run("config", "--example").stdout
    names = re.findall(r"^#?\s?([A-Z][A-Z_]+)=", example, re.MULTILINE)
    assert len(names) == len(set(names)) > 30 and "SECRET_KEY" in names and "DATABASE_URL" in names
    lines = re.sub(r"^#\s?([A-Z][A-Z_]+=)", r"\1", example, flags=re.MULTILINE)
    key = f"SECRET_KEY={server.settings['SECRET_KEY']}"
    (server.folder / ".env").write_text(re.sub(r"^SECRET_KEY=.*$", key, lines, flags=re.MULTILINE))
    server.settings = {}
    done = server.run("config")
    assert done.stderr == ""


def test_relative_paths_and_defaults(new_server):
    """Nothing but the five settings that others give."""
    server = new_server(init=False, start=False)
    server.settings = {k: server.settings[k] for k in ("DATABASE_URL", "STORAGE_URL", "SECRET_KEY", "HOST", "PORT")}
    server.settings["STORAGE_URL"] = "file://store"
    server.settings["BCRYPT_COST"] = "4"
    server.init().start()
    admin = server.admin()
    file = admin.upload(
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0\x3a\x7e\x9b\x55"
        b"\0\0\0\nIDAT\x78\x9c\x63\x60\0\0\0\2\0\1\x48\xaf\xa4\x71\0\0\0\0IEND\xae\x42\x60\x82"
    )
    assert (server.folder / "store" / file["storage_path"]).exists()
    ok(admin.get("/patients"))
