"""What a decoder, a descriptor limit or the machine does wrong is never told as the file's damage: 503, tried again, an
error in the log."""

import concurrent.futures
import contextlib
import itertools
import os
import resource
import signal
import threading
from pathlib import Path

import pytest

from support import CT, JPEG, PNG, SLOW, Server, decoders, dicom, end_decoders, ok, png, problem, sample, wait_until


def stop_decoders(server):
    for pid in decoders(server):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGSTOP)


def thumbnail(api, file, size):
    return api.get(f"/images/{file['id']}/thumbnail", params={"size": size})


def comes(api, file, size):
    """503 is right as long as decoders are held up, by a signal or by a machine that has too much to do."""

    def asked():
        answer = thumbnail(api, file, size)
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    wait_until(asked, "the picture")


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A server with one decoder for each who asks here, which may take two seconds, and its administrator."""
    folder = tmp_path_factory.mktemp("quick")
    server = Server(folder, DECODERS=2, DECODER_TIMEOUT="2s" if SLOW == 1 else "4s")
    server.init().start()
    yield server, server.admin()
    server.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A server whose decoders may take as long as they like, and its administrator."""
    # A sanitizer would tell of the signals sent here as if they were findings.
    quiet = ":".join(f"handle_{name}=0" for name in ("segv", "abort", "sigbus", "sigfpe", "sigill"))
    options = f"{os.environ.get('ASAN_OPTIONS', '')}:{quiet}".strip(":")
    server = Server(tmp_path_factory.mktemp("plain"), DECODERS=2, ASAN_OPTIONS=options)
    server.init().start()
    yield server, server.admin()
    server.close()


# ---- decoders ----


@pytest.mark.parametrize("content", [PNG, JPEG, CT])
def test_a_decoder_that_is_held_up(quick, content):
    """A machine that pauses, or has too much else to do: another one does it. A signal finds none that is only being
    started, so pictures are asked for until one met a decoder that was stopped."""
    server, admin = quick
    file, sizes = admin.upload(sample(content)), itertools.count(40)
    comes(admin, file, next(sizes))
    before = len(server.log_lines("decoder.trouble"))

    def met():
        stop_decoders(server)
        comes(admin, file, next(sizes))
        return server.log_lines("decoder.trouble")[before:]

    troubles = wait_until(met, "a word of it")
    assert admin.file(file["id"])["status"] == "UPLOADED"
    assert {line["level"] for line in troubles} == {"error"}


def test_decoders_that_are_all_held_up(quick):
    """A signal may come too late for one or the other, so pictures are asked for until one met only decoders that were
    stopped."""
    server, admin = quick
    stop, sizes = threading.Event(), itertools.count(42)
    failed = len(server.log_lines("thumbnail.failed"))

    def hold():
        while not stop.is_set():
            stop_decoders(server)
            stop.wait(0.005)

    first = admin.upload(sample(PNG))
    admin.settled(first["id"])
    thread = threading.Thread(target=hold)
    thread.start()
    try:
        others = [admin.upload(png(64, 64))]

        def attempted():
            if admin.file(others[-1]["id"])["thumbnail_path"]:
                others.append(admin.upload(png(64, 64)))
            return server.log_lines("thumbnail.failed")[failed:]

        answer = wait_until(lambda: (a := thumbnail(admin, first, next(sizes))).status_code != 200 and a, "a refusal")
        assert int(answer.headers["retry-after"]) > 0 and "damage" not in problem(answer, 503)["detail"]
        wait_until(attempted, "an attempt in the background")
        for file in (first, *others):
            assert admin.file(file["id"])["status"] == "UPLOADED"
    finally:
        stop.set()
        thread.join()
    for file in others:
        assert admin.settled(file["id"])["thumbnail_path"]  # tried again by itself
    comes(admin, first, 41)
    number = answer.headers["x-request-id"]
    wait_until(lambda: any(line.get("request_id") == number for line in server.log_lines("decoder.trouble")), "a word")


@pytest.mark.parametrize(
    "number",
    [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGSYS, signal.SIGFPE, signal.SIGILL, signal.SIGKILL],
    ids=lambda number: number.name,
)
def test_a_decoder_that_died_idle(plain, number):
    """It says nothing of the next file, whoever sent that one."""
    server, admin = plain
    doctor = server.account("doctor", admin=admin)
    for api in (admin, doctor, doctor):
        file = api.upload(png(50, 50))
        assert api.settled(file["id"])["thumbnail_path"]
        end_decoders(server, number)
        slice_ = api.upload(dicom(), "a.dcm")
        assert thumbnail(api, slice_, 16).status_code == 200
        assert api.file(slice_["id"])["status"] == "UPLOADED"
        end_decoders(server, number)


def test_accounts_do_not_share_a_decoder(new_server):
    """What a crafted file may have made of a process sees nobody else's files."""
    server = new_server(DECODERS=1)
    admin = server.admin()
    people = [server.account("doctor", admin=admin) for _ in range(3)]
    pictures = [person.settled(person.upload(png(40, 40))["id"]) for person in people]
    for turn in range(12):
        picture = pictures[turn % 3]
        assert thumbnail(admin, picture, 20 + turn).status_code == 200
    text = admin.get("/metrics").text
    replaced = int(text.split("\nroentgen_decoder_replaced_total ")[1].split()[0])
    assert replaced >= 12  # every turn brought another's picture
    assert "roentgen_decoder_died_total 0" in text
    wait_until(lambda: len(decoders(server)) <= 2, "the end of those before")


# ---- descriptors ----


def test_too_few_descriptors(new_server):
    """Whatever step of an upload or a picture lacks one: 503 and nothing kept, never a damaged file."""
    server = new_server(DECODERS=2)
    admin = server.admin()
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    good = admin.settled(admin.upload(sample(PNG))["id"])
    answers = []
    clients = [server.client(admin.token) for _ in range(12)]
    for client in clients:
        client.get("/auth/me")  # connected

    def work(i, turn):
        content = dicom() if i % 3 == 2 else png(30, 30)
        return [
            clients[i].post("/upload/single", files={"file": ("x", content)}),
            clients[i].get(f"/images/{good['id']}/rendered", params={"width": 20 + 20 * turn + i}),
        ]

    used = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
    with concurrent.futures.ThreadPoolExecutor(12) as threads:
        for turn, spare in enumerate((0, 1, 2, 3, 4, 6, 8, 12)):
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + spare, hard))
            for done in threads.map(work, range(12), [turn] * 12):
                answers += done
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    statuses = sorted({answer.status_code for answer in answers})
    for answer in answers:
        why = [line for line in server.log_lines() if line.get("request_id") == answer.headers["x-request-id"]]
        assert answer.status_code in (200, 201, 503), f"{answer.text[:400]} {why}"
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0 and "damage" not in answer.text
    assert 503 in statuses, statuses
    for answer in answers:
        if answer.status_code == 201:
            file = admin.file(answer.json()["id"])
            assert file["status"] == "UPLOADED", file
            assert thumbnail(admin, file, 64).status_code == 200
    assert not ok(admin.get("/image-files", params={"status": "FAILED"}))["items"]
    assert admin.upload(png(31, 31))["status"] == "UPLOADED"


# ---- rows that were blamed ----


def blame(server, file, reason):
    server.database.rows(
        f"update image_files set status = 'FAILED', status_reason = '{reason}' where id = {file['id']}"
    )


REASONS = [
    "the decoder gave up on the PNG: it takes longer than 2 s",
    "the PNG file is damaged or cut short",
    "its picture cannot be decoded: whatever it was",
]


@pytest.mark.parametrize("way", ["thumbnail", "rendered", "file"])
def test_a_blamed_picture_recovers(plain, way):
    server, admin = plain
    for i, reason in enumerate(REASONS):
        file = admin.settled(admin.upload(png(90 + i, 90))["id"])
        blame(server, file, reason)
        assert admin.file(file["id"])["status"] == "FAILED"
        if way == "file":
            assert ok(admin.post(f"/image-files/{file['id']}/file"))["status"] == "UPLOADED"
        else:
            assert admin.get(f"/images/{file['id']}/{way}").status_code == 200
        after = admin.file(file["id"])
        assert after["status"] == "UPLOADED" and after["status_reason"] is None
        ok(admin.get("/image-files/stats/summary"))


def test_a_blamed_instance_recovers_and_a_misfiled_one_stays(plain):
    server, admin = plain
    blamed, misfiled = (admin.upload(dicom(), "a.dcm") for _ in range(2))
    blame(server, blamed, "the decoder gave up on the frame: it takes longer than 30 s")
    blame(server, misfiled, "the file ends within (7FE0,0010)")
    for file in (blamed, misfiled):
        assert admin.get(f"/images/{file['id']}/rendered").status_code == 200
    assert admin.file(blamed["id"])["status"] == "UPLOADED"
    assert admin.file(misfiled["id"])["status"] == "FAILED"


def test_a_damaged_picture_stays_failed(plain):
    server, admin = plain
    whole = png(200, 200, rows=b"".join(b"\0" + os.urandom(200) for _ in range(200)))
    file = admin.settled(admin.upload(whole[: len(whole) // 2])["id"])
    assert file["status"] == "FAILED" and "PNG file is damaged" in file["status_reason"]
    again = ok(admin.post(f"/image-files/{file['id']}/file"))
    assert again["status"] == "FAILED" and again["status_reason"] == file["status_reason"]
    problem(thumbnail(admin, file, 100), 422)
    problem(admin.post(f"/image-files/{admin.upload(png())['id']}/file"), 409)
