"""A ZIP whose entries stand alone: what is wrong with one is said of that one, and every entry is an item of the
answer."""

import io
import struct
import zipfile

import pytest
from support import at_rest, ok, png, sha256, zipped

CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def send(api, packed, name="films.zip"):
    answer = ok(api.post("/upload/batch", files=[("file", (name, packed))]), 207)
    assert answer["total"] == len(answer["items"]) == answer["succeeded"] + answer["failed"]
    assert answer["succeeded"] == sum(item["status"] == 201 for item in answer["items"])
    return answer


def films(number=6):
    return [(f"film{n}.png", png()) for n in range(number)]


def nth(packed, mark, number):
    at = -1
    for _ in range(number + 1):
        at = packed.index(mark, at + 1)
    return at


def patched(packed, at, new):
    return packed[:at] + new + packed[at + len(new) :]


def bad_crc(packed, number):
    """In the local header and in the directory."""
    packed = patched(packed, nth(packed, LOCAL, number) + 14, b"\1\2\3\4")
    return patched(packed, nth(packed, CENTRAL, number) + 16, b"\1\2\3\4")


def broken_deflate(packed, number):
    at = nth(packed, LOCAL, number)
    return patched(packed, at + 30 + len("film0.png"), b"\xff" * 20)


def broken_header(packed, number):
    return patched(packed, nth(packed, LOCAL, number), b"\0" * 4)


def far_away(packed, number):
    return patched(packed, nth(packed, CENTRAL, number) + 42, struct.pack("<I", 0x7FFFFFF0))


def too_long(packed, number):
    return patched(packed, nth(packed, CENTRAL, number) + 20, struct.pack("<I", 0x7FFFFFF0))


def nothing_packed(packed, number):
    return patched(packed, nth(packed, CENTRAL, number) + 20, struct.pack("<I", 0))


def unknown_method(packed, number):
    packed = patched(packed, nth(packed, LOCAL, number) + 8, struct.pack("<H", 77))
    return patched(packed, nth(packed, CENTRAL, number) + 10, struct.pack("<H", 77))


def flipped_byte(packed, number):
    at = nth(packed, LOCAL, number) + 30 + len("film0.png") + 70
    return patched(packed, at, bytes([packed[at] ^ 0x10]))


@pytest.mark.parametrize(
    "damage",
    [bad_crc, broken_deflate, broken_header, far_away, too_long, nothing_packed, unknown_method, flipped_byte],
    ids=lambda d: d.__name__,
)
@pytest.mark.parametrize("number", [0, 2, 5])
def test_one_damaged_entry_keeps_no_other_out(doctor, damage, number):
    if damage is broken_header:
        number = number or 1  # what does not begin as a ZIP is none
    entries = films()
    answer = send(doctor, damage(zipped(entries), number))
    assert [item["filename"] for item in answer["items"]] == [name for name, _ in entries]
    assert [item["status"] for item in answer["items"]] == [400 if n == number else 201 for n in range(6)]
    assert "the ZIP entry is damaged" in answer["items"][number]["error"]
    for item, (_, content) in zip(answer["items"], entries, strict=True):
        if item["status"] == 201:
            assert item["image_file"]["sha256"] == sha256(content)


def test_all_damaged(doctor):
    packed = zipped(films())
    for number in range(6):
        packed = bad_crc(packed, number)
    assert [item["status"] for item in send(doctor, packed)["items"]] == [400] * 6


@pytest.mark.parametrize(
    "mode,word", [(0o120777, "symbolic link"), (0o010644, "no file"), (0o020644, "no file"), (0o140644, "no file")]
)
def test_what_is_no_file_is_an_item_with_its_reason(doctor, mode, word):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.png", png())
        odd = zipfile.ZipInfo("odd.png")
        odd.create_system, odd.external_attr = 3, mode << 16
        archive.writestr(odd, "a.png")
        archive.mkdir("folder") if hasattr(archive, "mkdir") else archive.writestr("folder/", "")
        archive.writestr("folder/b.png", png())
    answer = send(doctor, out.getvalue())
    assert [(i["filename"].rsplit("/")[-1], i["status"]) for i in answer["items"]] == [
        ("a.png", 201),
        ("odd.png", 400),
        ("b.png", 201),
    ]
    assert word in answer["items"][1]["error"]


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str
)
def test_ways_to_pack(doctor, compression):
    entries = films(3)
    answer = send(doctor, zipped(entries, compression))
    assert [item["image_file"]["sha256"] for item in answer["items"]] == [sha256(content) for _, content in entries]


def streamed(entries):
    """Written to a pipe: sizes only behind the data (bit 3)."""

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.parts = []

        def writable(self):
            return True

        def write(self, part):
            self.parts.append(bytes(part))
            return len(part)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return b"".join(pipe.parts)


def zip64(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            with archive.open(name, "w", force_zip64=True) as to:
                to.write(content)
    packed = out.getvalue()
    end = packed.rindex(b"PK\x05\x06")
    entries_n, _, size, offset = struct.unpack("<HHII", packed[end + 8 : end + 20])
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, entries_n, entries_n, size, offset)
    locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    tail = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return packed[:end] + record + locator + tail


@pytest.mark.parametrize(
    "packed",
    [
        streamed,
        zip64,
        lambda e: zipped([("first.txt", b"x" * 9), *e]),
        lambda e: zipped(e) + b"behind it",
        lambda e: zipped(e)[:-2] + struct.pack("<H", 7) + b"comment",
    ],
    ids=["streamed", "zip64", "text", "behind", "comment"],
)
def test_ways_to_write(doctor, packed):
    entries = films(3)
    answer = send(doctor, packed(entries))
    stored = [item["image_file"]["sha256"] for item in answer["items"] if item["status"] == 201]
    assert stored == [sha256(content) for _, content in entries]


def test_a_directory_that_breaks_off_says_so(doctor):
    packed = zipped(films())
    answer = send(doctor, patched(packed, nth(packed, CENTRAL, 3), b"\0\0\0\0"))
    assert [item["status"] for item in answer["items"]] == [201] * 3 + [400]
    assert answer["items"][-1]["filename"] == "films.zip" and "damaged" in answer["items"][-1]["error"]


def test_a_zip_with_too_many_files_is_refused_whole(new_server):
    api = new_server(MAX_BATCH_FILES="5").admin()
    answer = send(api, zipped([*films(6), ("folder/", b"")]))
    assert [item["status"] for item in answer["items"]] == [413] and "has 6" in answer["items"][0]["error"]
    assert ok(api.get("/image-files/my-images"))["total"] == 0
    assert send(api, zipped([*films(5), ("folder/", b"")]))["succeeded"] == 5
    parts = [("file", ("a.zip", zipped(films(5)))), ("file", ("late.png", png()))]
    items = ok(api.post("/upload/batch", files=parts), 207)["items"]
    assert [item["status"] for item in items] == [413] * 2 and items[-1]["filename"] == "late.png"
    assert ok(api.get("/image-files/my-images"))["total"] == 5


def test_what_was_not_unpacked_is_said(new_server):
    api = new_server(MAX_UNPACKED="64KiB").admin()
    answer = send(api, zipped([(f"{n}.png", png() + bytes(range(256)) * 100) for n in range(6)]))
    assert answer["items"][-1]["filename"] == "films.zip" and answer["items"][-1]["status"] == 413
    assert "the last 3 of its 6 entries" in answer["items"][-1]["error"], answer["items"][-1]["error"]


def test_a_million_folders_cost_no_memory(new_server):
    """Sixty thousand here; what counts is that it does not grow with them."""
    server = new_server()
    api = server.admin()
    send(api, zipped([("a.png", png())]))
    status = f"/proc/{server.process.pid}/status"

    def peak():
        return next(int(line.split()[1]) for line in open(status) if line.startswith("VmHWM"))

    at_rest(api)
    before = peak()
    packed = zipped([(f"{'folder' * 20}{n:06}/", b"") for n in range(60_000)] + [("b.png", png())])
    answer = send(api, packed)
    assert [item["status"] for item in answer["items"]] == [201]
    assert peak() - before < len(packed) // 1024 + 8 * 1024
