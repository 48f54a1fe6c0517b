"""Fixtures: one server for each pytest process, and servers with special settings for single tests."""

import contextlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import mail_side  # noqa: E402
import support  # noqa: E402


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = support.Server(
        tmp_path_factory.mktemp("server"), ARCHIVE_URL=f"file://{tmp_path_factory.mktemp('archive')}"
    )
    try:
        server.init().start()
    except BaseException:
        server.close()
        raise
    yield server
    server.close()
    failed = [line for line in server.log_lines() if line["level"] == "error" or line.get("status") == 500]
    assert not failed, failed[:5]


@pytest.fixture
def new_server(tmp_path):
    """Makes servers with settings of their own, initialised and started unless told otherwise."""
    made = []

    def make(init=True, start=True, **settings):
        server = support.Server(tmp_path / f"server{len(made)}", **settings)
        made.append(server)
        if init:
            server.init()
        if start:
            server.start()
        return server

    yield make
    with contextlib.ExitStack() as stack:  # each is closed, whatever the others say
        for server in made:
            stack.callback(server.close)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A server that is never started: for commands of a module that need a database, and do not mind what others left
    in it."""
    server = support.Server(tmp_path_factory.mktemp("prepared"))
    server.init()
    yield server
    server.close()


@pytest.fixture(scope="session")
def admin(server):
    return server.admin()


@pytest.fixture
def doctor(request, server, admin):
    """One for each test. A module of pictures may say `doctor_of_all = None`: as a decoder sees files of one uploader
    only, each new one costs two processes."""
    module = request.module
    if not hasattr(module, "doctor_of_all"):
        return server.account("doctor", admin=admin)
    module.doctor_of_all = module.doctor_of_all or server.account("doctor", admin=admin)
    return module.doctor_of_all


@pytest.fixture
def colleague(server, admin):
    """Another doctor."""
    return server.account("doctor", admin=admin)


@pytest.fixture
def radiologist(server, admin):
    return server.account("radiologist", admin=admin)


@pytest.fixture
def technician(server, admin):
    return server.account("technician", admin=admin)


@pytest.fixture
def viewer(server, admin):
    return server.account("viewer", admin=admin)


@pytest.fixture
def nobody(server):
    return server.client()


def pytest_collection_modifyitems(config, items):
    """A test about the other database is not part of this run, rather than skipped in it."""
    here = [i for i in items if not any(mark.args and mark.args[0] is True for mark in i.iter_markers("skipif"))]
    if len(here) < len(items):
        config.hook.pytest_deselected(items=[i for i in items if i not in here])
        items[:] = here


@pytest.fixture
def mail():
    with contextlib.closing(mail_side.MailSink()) as sink:
        yield sink


@pytest.fixture(scope="module")
def module_mail():
    """For a server that a whole module has."""
    with contextlib.closing(mail_side.MailSink()) as sink:
        yield sink
