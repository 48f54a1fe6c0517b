"""Waiting holds nobody else up: pictures, pages of reports and models' answers of one account, who does not read,
probes."""

import concurrent.futures
import contextlib
import itertools
import json
import math
import os
import re
import signal
import socket
import struct
import threading

import pytest

from support import PASSWORD, PATIENCE, PNG, Server, dicom, models, ok, png, png_bomb, sample, wait_until
from test_diagnosis import bring

WIDE = 4000  # pixels, which take long to render
MANY = 48
SIDE = struct.pack("<H", 4096)
WIDTHS = itertools.count(33)  # none is in the cache


def queued(admin):
    return int(re.search(r"^roentgen_worker_queue (\d+)$", admin.get("/metrics").text, re.M).group(1))


@pytest.fixture(scope="module")
def crowded(tmp_path_factory, request):
    """A server, its administrator, a doctor with a large picture, another with a small one."""
    server = Server(tmp_path_factory.mktemp("crowded"), DECODERS=2, MODEL_PROCESSES=1)
    request.addfinalizer(server.close)
    server.init().start()
    admin = server.admin()
    greedy = server.account("doctor", admin=admin)
    other = server.account("doctor", admin=admin)
    slow = greedy.settled(greedy.upload(png_bomb(WIDE, WIDE))["id"])
    small = other.settled(other.upload(sample(PNG))["id"])
    return server, admin, greedy, other, slow, small


@contextlib.contextmanager
def asking(server, greedy, one_of):
    """From here to the end of the block as many of them wait as there can be: who gets one asks for the next."""
    over = threading.Event()
    statuses = set()

    def ask(client):
        while not over.is_set():
            statuses.add(one_of(client).status_code)

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


def asking_for_pictures(server, greedy, slow, width):
    widths = itertools.count(width)
    return asking(
        server, greedy, lambda client: client.get(f"/images/{slow['id']}/rendered", params={"width": next(widths)})
    )


def the_others_go_on(server, admin, greedy, other, small):
    sign_in = {"username": server.admin_name, "password": PASSWORD}
    ok(server.client().post("/auth/login", json=sign_in))
    other.upload(png())
    for path in ("/health", "/health/ready", "/api/v1/health"):  # a look of more than four seconds has failed
        wait_until(lambda p=path: other.get(p).status_code == 200, "health")
    for path in ("/health/live", "/image-files", "/auth/me"):
        ok(other.get(path))
    assert admin.get("/metrics").status_code == 200
    assert other.get(f"/image-files/{small['id']}/download").status_code == 200
    assert other.get(f"/images/{small['id']}/rendered", params={"width": next(WIDTHS)}).status_code == 200
    ok(greedy.get("/image-files"))
    greedy.upload(png())


def test_one_accounts_pictures_hold_up_nobody(crowded):
    server, admin, greedy, other, slow, small = crowded
    with asking_for_pictures(server, greedy, slow, 50):
        wait_until(lambda: queued(admin) > MANY // 2, "a queue")
        the_others_go_on(server, admin, greedy, other, small)


def test_one_accounts_pages_hold_up_nobody(crowded):
    """Of a draft, which are made anew for each who asks."""
    server, admin, _, other, _, small = crowded
    author = server.account("radiologist", admin=admin)
    told = {"study_id": author.upload(dicom(), "a.dcm")["study_id"], "sections": {"findings": "两肺清晰。" * 1500}}
    report = ok(author.post("/reports", json=told), 201)["id"]
    with asking(server, author, lambda client: client.get(f"/reports/{report}/pdf")):
        wait_until(lambda: queued(admin) > MANY // 2, "a queue")
        the_others_go_on(server, admin, author, other, small)


def test_one_accounts_questions_to_a_model_hold_up_nobody(crowded):
    server, admin, greedy, other, _, small = crowded
    model = ok(admin.post(f"/diagnosis/models/{bring(admin)['id']}/activate"))
    place = f"http://127.0.0.1:{server.port}/v2/models/{model['name']}"
    shape = ok(greedy.get(place))["inputs"][0]
    wanted = [abs(n) for n in shape["shape"]]
    tensor = {"name": shape["name"], "shape": wanted, "datatype": "FP32", "data": [0.0] * math.prod(wanted)}

    body = json.dumps({"inputs": [tensor]})

    def infer(client):
        return client.post(f"{place}/infer", content=body, headers={"content-type": "application/json"})

    assert infer(other).status_code == 200
    [process] = models(server)
    os.kill(process, signal.SIGSTOP)  # it is quicker than those who ask
    with asking(server, greedy, infer):
        wait_until(lambda: queued(admin) > MANY // 2, "a queue")
        os.kill(process, signal.SIGCONT)
        the_others_go_on(server, admin, greedy, other, small)
        assert infer(other).status_code == 200


def test_who_does_not_read_holds_up_nobody(crowded):
    """More connections than there are threads of any kind, each with an answer that its reader leaves lying."""
    server, admin, greedy, other, _, small = crowded
    film = greedy.upload(dicom(pixels=os.urandom(16 << 20), Rows=SIDE, Columns=SIDE), "large.dcm")
    paths = [f"/image-files/{film['id']}/download", f"/studies/{film['study_id']}/archive"]
    with contextlib.ExitStack() as stack:
        for i in range(MANY):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            head = f"GET /api/v1{paths[i % 2]} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {greedy.token}\r\n\r\n"
            line.sendall(head.encode())
            answer = line.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200"), answer
        the_others_go_on(server, admin, greedy, other, small)
        assert len(other.get(f"/image-files/{small['id']}/download").content) == small["file_size"]


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
