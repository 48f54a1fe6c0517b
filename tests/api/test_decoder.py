"""Decoder processes: started when needed, closed in, replaced when they die, gone with the server."""

import concurrent.futures
import os
import re
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from support import (
    BINARY,
    JPEG,
    PATIENCE,
    PNG,
    TIFF,
    Server,
    decoders,
    end_decoders,
    is_decoder,
    png,
    problem,
    sample,
    wait_until,
)


def metric(admin, name):
    text = admin.get("/metrics").text
    return int(re.search(rf"^roentgen_{name} (\d+)$", text, re.M).group(1))


def thumbnail(api, file, size):
    return api.get(f"/images/{file['id']}/thumbnail", params={"size": size})


@pytest.fixture
def pool(new_server):
    """A server of its own with two decoders at most, and its administrator."""
    server = new_server(DECODERS=2)
    return server, server.admin()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The same for those who do not end it."""
    server = Server(tmp_path_factory.mktemp("shared"), DECODERS=2)
    server.init().start()
    yield server, server.admin()
    server.close()


def test_not_by_hand():
    for descriptors in ((), (3,)):
        script = "exec 3</dev/null; " if descriptors else ""
        done = subprocess.run(
            ["bash", "-c", f'{script}exec "$0" decoder', BINARY],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 2 and "cannot be run by hand" in done.stderr and not done.stdout
    shown = subprocess.run([BINARY, "--help"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert "decoder" not in shown.stdout


def test_started_when_needed_and_gone_with_the_server(pool):
    server, admin = pool
    assert decoders(server) == [] and metric(admin, "decoders") == 0
    admin.settled(admin.upload(sample(PNG))["id"])
    started = decoders(server)
    assert 1 <= len(started) <= 2
    wait_until(lambda: metric(admin, "decoders") == len(decoders(server)), "a count that is true")
    assert metric(admin, "decoder_jobs_total") >= 1
    server.stop()
    wait_until(lambda: not any(map(is_decoder, started)), "the end of the decoders")


def test_gone_with_a_server_that_is_killed(pool):
    server, admin = pool
    admin.settled(admin.upload(sample(PNG))["id"])
    started = decoders(server)
    assert started
    server.kill()
    wait_until(lambda: not any(map(is_decoder, started)), "the end of the decoders")


def test_the_server_loads_no_picture_library(shared):
    server, admin = shared
    admin.settled(admin.upload(sample(JPEG))["id"])
    assert thumbnail(admin, admin.upload(sample(TIFF)), 100).status_code == 200
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    if "libasan" not in maps and "libtsan" not in maps:  # there it is linked in
        assert "libvips" not in maps


def test_closed_in(shared):
    server, admin = shared
    admin.settled(admin.upload(sample(PNG))["id"])
    for pid in decoders(server):

        def is_closed_in(pid=pid):  # not yet, while it is getting ready
            status = Path(f"/proc/{pid}/status").read_text()
            return re.search(r"^NoNewPrivs:\t1$", status, re.M) and re.search(r"^Seccomp:\t2$", status, re.M)

        wait_until(is_closed_in, "its sandbox")
        if os.geteuid() == 0:  # not dumpable: for others not even these can be read
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert re.search(r"Max core file size +0 +0 ", limits)
            assert Path(f"/proc/{pid}/environ").read_bytes().count(b"SECRET_KEY") == 0
            links = {int(link.name): os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
            assert links[0] == links[1] == "/dev/null" and links[3].startswith("socket:")
            others = [target for number, target in links.items() if number > 3]
            assert all("memfd:" in target for target in others), others


def test_killed_decoders_are_replaced(shared):
    """Whoever kills them, the server stays and so do its answers."""
    server, admin = shared
    files = [admin.settled(admin.upload(content)["id"]) for content in (sample(JPEG), sample(PNG), png(300, 200))]
    died = metric(admin, "decoder_died_total")
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(thumbnail, server.client(admin.token), files[i % 3], 16 + i) for i in range(90)]
        killed = 0
        while not all(a.done() for a in asked):
            killed += end_decoders(server)
            concurrent.futures.wait([a for a in asked if not a.done()][:5])
        answers = [a.result() for a in asked]
    for answer in answers:
        assert answer.status_code in (200, 503)
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
    assert killed > 0
    end_decoders(server)
    assert server.process.poll() is None
    for file in files:
        assert thumbnail(admin, file, 77).status_code == 200
        assert admin.file(file["id"])["status"] == "UPLOADED"
    wait_until(lambda: metric(admin, "decoder_died_total") > died, "a count of the dead")
    assert len(decoders(server)) <= 2
    wait_until(lambda: end_decoders(server) >= 0 and metric(admin, "decoders") == 0, "the end of the last")
    assert thumbnail(admin, files[0], 78).status_code == 200


def endless_png(width, height, rows=1000):
    """All its rows are the same, and so is what each thousand of them is packed to: made quickly, unpacked slowly."""
    deflate = zlib.compressobj(9)
    packed = [deflate.compress(b"\0" * (width + 1) * rows) + deflate.flush(zlib.Z_FULL_FLUSH) for _ in range(2)]
    packed += packed[1:] * (height // rows - 2)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", b"".join(packed)), (b"IEND", b""))
    )


def test_pictures_without_end(new_server):
    """A picture that takes too long fails alone, with a reason; the next works."""
    server = new_server(DECODERS=1, DECODER_TIMEOUT="1s", MAX_PIXELS=100000000000)
    admin = server.admin()
    good = admin.upload(sample(PNG))
    bomb = admin.upload(endless_png(60000, 600000))
    failed = admin.settled(bomb["id"])
    assert failed["status"] == "FAILED" and "gave up" in failed["status_reason"]
    assert metric(admin, "decoder_timed_out_total") >= 1
    # 503 where other work left the decoder too little of the processor to say so
    answer = wait_until(lambda: (a := thumbnail(admin, bomb, 50)).status_code != 503 and a, "an answer")
    assert "gave up" in problem(answer, 422)["detail"]
    wait_until(lambda: thumbnail(admin, good, 50).status_code == 200, "the other picture")
