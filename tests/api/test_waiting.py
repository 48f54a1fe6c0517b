"""Waiting holds nobody else up: pictures of one account, hung databases, probes."""

import concurrent.futures
import contextlib
import itertools
import re
import threading

import pytest

from support import PASSWORD, PATIENCE, PNG, Server, ok, png, png_bomb, sample, wait_until

WIDE = 4000  # pixels, which take long to render
MANY = 48


def queued(admin):
    return int(re.search(r"^roentgen_worker_queue (\d+)$", admin.get("/metrics").text, re.M).group(1))


@pytest.fixture(scope="module")
def crowded(tmp_path_factory, request):
    """A server, its administrator, a doctor with a large picture, another with a small one."""
    server = Server(tmp_path_factory.mktemp("crowded"), DECODERS=2)
    request.addfinalizer(server.close)
    server.init().start()
    admin = server.admin()
    greedy = server.account("doctor", admin=admin)
    other = server.account("doctor", admin=admin)
    slow = greedy.settled(greedy.upload(png_bomb(WIDE, WIDE))["id"])
    small = other.settled(other.upload(sample(PNG))["id"])
    return server, admin, greedy, other, slow, small


@contextlib.contextmanager
def asking_for_pictures(server, greedy, slow, width):
    """From here to the end of the block as many of them wait as there can be: who gets one asks for the next."""
    over, widths = threading.Event(), itertools.count(width)
    statuses = set()

    def ask(client):
        while not over.is_set():
            query = {"width": next(widths)}
            statuses.add(client.get(f"/images/{slow['id']}/rendered", params=query).status_code)

    clients = [server.client(greedy.token, timeout=10 * PATIENCE) for _ in range(MANY)]
    with concurrent.futures.ThreadPoolExecutor(MANY) as threads:
        asked = [threads.submit(ask, client) for client in clients]
        try:
            yield
        finally:
            over.set()
        for one in asked:
            one.result()
    assert statuses == {200}


def test_one_accounts_pictures_hold_up_nobody(crowded):
    server, admin, greedy, other, slow, small = crowded
    with asking_for_pictures(server, greedy, slow, 50):
        wait_until(lambda: queued(admin) > MANY // 2, "a queue")
        sign_in = {"username": server.admin_name, "password": PASSWORD}
        ok(server.client().post("/auth/login", json=sign_in))
        other.upload(png())
        for path in ("/health", "/health/ready", "/api/v1/health"):  # a look of more than four seconds has failed
            wait_until(lambda p=path: other.get(p).status_code == 200, "health")
        for path in ("/health/live", "/image-files", "/auth/me"):
            ok(other.get(path))
        assert admin.get("/metrics").status_code == 200
        assert other.get(f"/image-files/{small['id']}/download").status_code == 200
        assert other.get(f"/images/{small['id']}/rendered", params={"width": 33}).status_code == 200
        ok(greedy.get("/image-files"))
        greedy.upload(png())


def test_background_and_requests_do_not_starve_each_other(crowded):
    server, admin, greedy, other, slow, small = crowded
    with asking_for_pictures(server, greedy, slow, 400):
        wait_until(lambda: queued(admin) > MANY // 2, "a queue")
        fresh = other.settled(other.upload(png(70, 70))["id"])  # its thumbnail comes in between
        assert fresh["thumbnail_path"]


def test_probes_share_looks(server):
    clients = [server.client() for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda i: clients[i % 8].get("/health/ready"), range(80)))
    assert {a.status_code for a in answers} == {200}
