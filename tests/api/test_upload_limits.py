"""Uploads that are too large, in bytes, pixels or memory."""

import hashlib
import os
import re

from support import (
    CT, SLOW, at_rest, connect, nothing_new, ok, png, png_bomb, sample, stored, wait_until, wrong_members,
)  # fmt: skip


def test_too_large_413_before_the_body(new_server):
    """Refused by its Content-Length: the answer comes though the body never does."""
    server = new_server(MAX_UPLOAD="2MiB")
    admin = server.admin()
    head = (
        f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000000\r\n\r\n"
    )
    with connect(server) as s:
        s.sendall(head.encode())
        assert s.recv(100).startswith(b"HTTP/1.1 413")
    limit = 2 << 20
    fits, over = png(note="f" * 100), png(note="o" * 100)
    admin.upload(fits + b"\0" * (limit - len(fits)))
    admin.upload(over + b"\0" * (limit - len(over) + 1), expect=413)
    over_much = over + b"\0" * (4 << 20)
    admin.upload(over_much, expect=413)


def test_too_large_413_without_a_length(new_server):
    server = new_server(MAX_UPLOAD="1MiB")
    admin = server.admin()

    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + png()
        for _ in range(48):
            yield b"\0" * 65536

    try:
        answer = admin.post(
            "/upload/single", content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert answer.status_code == 413
    except Exception as error:  # cut off while still sending
        assert "rite" in repr(error) or "eset" in repr(error) or "roken" in repr(error), error
    wait_until(lambda: stored(server) == [], what="the temporary file gone")


def test_decompression_bomb_is_refused(server, doctor):
    bomb = png_bomb(30000, 20000)
    assert len(bomb) < 2_000_000
    before = stored(server)
    assert wrong_members(doctor.upload(bomb, expect=422)) == ["file"]
    nothing_new(server, before)
    ok(doctor.get("/auth/me"))


def test_absurd_dimensions_are_refused(doctor):
    claims = png(note="big")
    huge = claims[:16] + b"\x7f\xff\xff\xff" * 2 + claims[24:]
    assert doctor.upload(huge, expect=422)


def test_pixel_limit_is_exact(new_server):
    admin = new_server(MAX_PIXELS="6400").admin()
    admin.upload(png(80, 80))
    admin.upload(png(80, 81), expect=422)


def test_a_large_upload_needs_little_memory(new_server):
    """300 MB in one stream: resident memory grows by far less than the file."""
    server = new_server()
    admin = server.admin()
    admin.upload(png())
    at_rest(admin)

    def resident():
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{server.process.pid}/status").read()).group(1)) * 1024

    size, block = 300 << 20, os.urandom(1 << 20)
    digest = hashlib.sha256(sample(CT))
    peak = [0]

    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="big.dcm"\r\n\r\n' + sample(CT)
        for _ in range(size >> 20):
            digest.update(block)
            peak[0] = max(peak[0], resident())
            yield block
        yield b"\r\n--x--\r\n"

    before = resident()
    file = ok(
        admin.post("/upload/single", content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"}), 201
    )
    assert file["file_size"] == size + len(sample(CT)) and file["sha256"] == digest.hexdigest()
    if SLOW == 1:  # the shadow memory of sanitizers counts as resident
        assert peak[0] - before < 48 << 20
