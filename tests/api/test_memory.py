"""Memory that requests take while they are under way: a sum for the server, a share for each account, and 503
beyond."""

import resource
import socket
import struct
import zlib

from support import PATIENCE, SLOW, connect, dicom, element, ok, png, problem, uid, wait_until

MIB = 1 << 20
SIDE = 4096  # a frame of 16 MiB, from a file of 256 KiB


def rle_frame(side=SIDE):
    """RLE Lossless (PS3.5 annex G): one segment of runs of 128 zeros."""
    segment = b"\x81\x00" * (side * side // 128)
    fragment = struct.pack("<16I", 1, 64, *[0] * 14) + segment
    pixels = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, len(fragment)) + fragment
    pixels += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    plain = dicom(Rows=struct.pack("<H", side), Columns=struct.pack("<H", side), pixels=b"")
    plain = plain[: plain.rindex(struct.pack("<HH", 0x7FE0, 0x0010))]
    head = plain.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    return head + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + pixels


def deflated_zeros(count):
    meta = element(0x00020010, "UI", "1.2.840.10008.1.2.1.99")
    meta = element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta
    body = element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7") + element(0x00080018, "UI", uid())
    body += struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, count) + bytes(count)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"\0" * 128 + b"DICM" + meta + squeeze.compress(body) + squeeze.flush()


class SlowReader:
    """Asks, takes the status line, and then nothing more."""

    def __init__(self, server, token, path):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(512)
            assert piece, head
            head += piece
        self.status = int(head.split()[1])
        self.retry_after = b"retry-after:" in head.lower()


def test_slow_readers_get_503_and_the_server_lives(new_server):
    """Twenty readers of three accounts in an address space that would not hold all they asked for."""
    server = new_server(start=False, MEMORY_BUDGET="64MiB", WORKERS="4", DECODERS="1", DECODER_MEMORY="512MiB")
    room = 2048 * MIB
    limit = None if SLOW > 1 else lambda: resource.setrlimit(resource.RLIMIT_AS, (room, room))
    server.start(preexec=limit)
    admin = server.admin()
    doctors = [server.account("doctor", admin=admin) for _ in range(3)]
    paths = [f"/api/v1/images/{d.upload(rle_frame(), filename='big.dcm')['id']}/frames/1" for d in doctors]
    readers = [SlowReader(server, doctors[i % 3].token, paths[i % 3]) for i in range(20)]
    taken = [[r for r in readers[i::3] if r.status == 200] for i in range(3)]
    assert [r.status for r in readers if r.status not in (200, 503)] == []
    assert all(r.retry_after for r in readers if r.status == 503)
    assert all(len(mine) <= 2 for mine in taken), "a share is half the budget"
    assert 3 <= sum(map(len, taken)) <= 4
    ok(admin.get("/users"))  # what is small goes on
    doctors[0].upload(png())
    for r in readers:
        r.socket.close()
    answer = wait_until(lambda: (a := doctors[0].get(paths[0])).status_code == 200 and a, "memory given back")
    assert answer.content == bytes(SIDE * SIDE)
    assert server.process.poll() is None


def test_what_is_inflated_counts(new_server):
    server = new_server(MEMORY_BUDGET="64MiB")
    doctor = server.account("doctor")
    refused = doctor.post("/upload/single", files={"file": ("bomb.dcm", deflated_zeros(100 * MIB))})
    assert "MEMORY_BUDGET" in problem(refused, 413)["detail"]  # which no time will change
    assert "Retry-After" not in refused.headers
    # a frame of MAX_FRAME would not fit, either
    wait_until(lambda: server.log_lines("settings.contradict"), "a word at the start")
    large = doctor.upload(rle_frame(9216), filename="large.dcm")  # 81 MiB
    refused = doctor.get(f"/images/{large['id']}/frames/1")
    assert "MEMORY_BUDGET" in problem(refused, 413)["detail"] and "Retry-After" not in refused.headers
    assert doctor.file(large["id"])["status"] == "UPLOADED"  # nothing is wrong with the file
    small = doctor.upload(deflated_zeros(MIB), filename="small.dcm")
    answers = [doctor.get(f"/images/{small['id']}/metadata") for _ in range(100)]  # each gives back what it took
    assert {a.status_code for a in answers} == {200}


def test_who_has_not_signed_in_sends_little(server):
    for path in ("/auth/login", "/auth/refresh", "/auth/token"):
        kind = "application/x-www-form-urlencoded" if path.endswith("token") else "application/json"
        answer = server.client().post(path, content=b" " * 20000, headers={"Content-Type": kind})
        problem(answer, 413)
    nobody = connect(server)
    nobody.sendall(
        b"POST /api/v1/auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
        b"1048576\r\n\r\n{"
    )
    assert b" 413 " in nobody.recv(200)  # before the rest is sent
    nobody.close()


def test_a_coded_body_is_not_taken_as_it_is(doctor):
    body = {"patient_id": uid()[-20:], "name": "x"}
    for coding in ("gzip", "br", "gzip, identity"):
        problem(doctor.post("/patients", json=body, headers={"Content-Encoding": coding}), 415)
    ok(doctor.post("/patients", json=body, headers={"Content-Encoding": "identity"}), 201)


def test_pages_among_other_files_are_only_bytes(new_server):
    doctor = new_server(ALLOW_OTHER="true").account("doctor")
    for page in (b"<!doctype html><script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        answer = doctor.get(f"/image-files/{doctor.upload(page, filename='page')['id']}/download")
        assert answer.headers["content-type"] == "application/octet-stream" and answer.content == page
