"""A stored file that is cut while it is read, as by a restore in place, an rsync, a network disk: its own requests
fail, nothing else."""

import os
import struct
import threading

import pytest

from support import Server, at_rest, problem, unique, wait_until

ELEMENTS = 600000  # of 8 bytes: enough pages for the cut to come between the first and the last


def element(tag, vr, value):
    value += b" " * (len(value) % 2) if vr != b"UI" else b"\0" * (len(value) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def long_header():
    """A DICOM file with a header of more than a megabyte and an image of 8 x 8."""
    instance = unique("").encode().hex()
    uid = ("2.25." + str(int(instance, 16))[:30]).encode()
    meta = element(0x00020010, b"UI", b"1.2.840.10008.1.2.1")
    meta = element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta
    body = element(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.2") + element(0x00080018, b"UI", uid + b".3")
    body += element(0x00080060, b"CS", b"CT")
    body += b"".join(struct.pack("<HH2sH", 0x0009, i & 0xFFFF, b"LO", 0) for i in range(0x1000, 0x1000 + ELEMENTS))
    body += element(0x00100010, b"PN", b"Long^Header") + element(0x00100020, b"LO", unique("L").encode())
    body += element(0x0020000D, b"UI", uid + b".1") + element(0x0020000E, b"UI", uid + b".2")
    for tag, number in (
        (0x00280002, 1),
        (0x00280010, 8),
        (0x00280011, 8),
        (0x00280100, 8),
        (0x00280101, 8),
        (0x00280102, 7),
    ):
        body += element(tag, b"US", struct.pack("<H", number))
    body += element(0x00280004, b"CS", b"MONOCHROME2") + element(0x00280103, b"US", b"\0\0")
    return b"\0" * 128 + b"DICM" + meta + body + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 64) + bytes(range(64))


class Cutter:
    """Cuts the stored bytes of a file at some moment of a request, and puts them back as they were."""

    def __init__(self, server, file, content):
        [(stored,)] = server.database.rows(f"select storage_path from image_files where id = {file['id']}")
        self.path = server.files / stored
        self.content = content
        assert self.path.read_bytes() == content

    def restore(self):
        fresh = self.path.with_suffix(".fresh")
        fresh.write_bytes(self.content)
        fresh.rename(self.path)

    def cut_during(self, ask, moment):
        answers = []
        asking = threading.Thread(target=lambda: answers.append(ask()))
        asking.start()
        asking.join(moment)
        os.truncate(self.path, 4096)
        asking.join()
        self.restore()
        return answers[0]


def ways(api, file_id):
    path = f"/images/{file_id}"
    sign = {"annotations": [{"kind": "point", "points": [{"x": 3.5, "y": 3.5}]}]}
    return {
        "metadata": lambda: api.get(f"{path}/metadata"),
        "rendered": lambda: api.get(f"{path}/rendered", params={"width": 9}),
        "frame": lambda: api.get(f"{path}/frames/1"),
        "stored frame": lambda: api.get(f"{path}/frames/1", params={"stored": True}),
        "histogram": lambda: api.get(f"{path}/histogram"),
        "annotations": lambda: api.put(f"{path}/annotations", json=sign),
    }


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A server that keeps no picture, a doctor, their file, and its bytes."""
    server = Server(tmp_path_factory.mktemp("cut"), RENDERED_MEMORY="0", RENDERED_DISK="0")
    server.init().start()
    doctor = server.account("doctor")
    content = long_header()
    file = doctor.upload(content, filename="long.dcm")
    at_rest(doctor)  # else its thumbnail may be what meets the cut
    yield server, doctor, file, content
    server.close()


@pytest.mark.parametrize("way", ways(None, 0))
def test_a_file_cut_while_it_is_read(stored, way):
    server, doctor, file, content = stored
    cutter = Cutter(server, file, content)
    failed = len(server.log_lines("request.failed"))
    ask = ways(doctor, file["id"])[way]
    seen = []

    def cut_once():
        answer = cutter.cut_during(ask, len(seen) % 23 * 0.002)
        seen.append(answer.status_code)
        if answer.status_code >= 500:  # cut before it was opened, its size has told
            return f"image file {file['id']} cannot be read" in problem(answer, 502)["detail"]
        assert answer.status_code in (200, 409, 412, 422, 428), answer.text
        return False

    wait_until(cut_once, "a cut in the middle of reading")
    wait_until(lambda: [line for line in server.log_lines("request.failed")[failed:] if line["level"] == "error"])
    assert ask().status_code in (200, 412, 428)  # nothing of it stays
    assert server.process.poll() is None


def test_the_command_line_says_it(new_server, tmp_path):
    """dicom dump prints nothing that it did not read."""
    server = new_server(init=False, start=False)
    path = tmp_path / "long.dcm"
    content = long_header()
    for size in (4096, len(content)):
        path.write_bytes(content)
        os.truncate(path, size)
        done = server.run("dicom", "dump", str(path), check=False)
        assert done.returncode == (0 if size == len(content) else 1)
        assert "Bus error" not in done.stderr
