"""Files made to harm, one test for each way that harmed other servers: read as far as they can be, refused with words,
never a crash, never more than bounded memory, and the bytes always those that were sent."""

import gzip
import io
import json
import random
import re
import socket
import struct
import zipfile
import zlib
from pathlib import Path

import pydicom
import pytest
from PIL import Image

from annotations import DICOM
from support import (
    SLOW, Server, at_rest, connect, dicom, element, multipart, ok, png, problem, stored, uid, unique, wait_until,
    zipped,
)  # fmt: skip

EXPLICIT, IMPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
PIXEL_DATA = 0x7FE00010
MIB = 1 << 20


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A server for these alone: its memory is looked at, and it must end as it should."""
    server = Server(tmp_path_factory.mktemp("hostile"), SAME_INSTANCE="keep", MAX_FRAME="64MiB")
    server.init().start()
    yield server
    server.close()
    failed = [line for line in server.log_lines() if line["level"] == "error" or line.get("status") == 500]
    assert not failed, failed[:5]


@pytest.fixture(scope="module")
def api(hostile):
    return hostile.admin()


def lives(api):
    """A look at disk and database that takes longer than four seconds is told as one that failed."""
    wait_until(lambda: api.get("/health").status_code == 200, "health")


@pytest.fixture(autouse=True)
def no_decoder_dies(api):
    """A decoder that dies harms nobody, but it is a defect."""

    def died():
        return re.search(r"^roentgen_decoder_died_total (\d+)$", api.get("/metrics").text, re.M).group(1)

    before = died()
    yield
    assert died() == before
    lives(api)


def us(tag, *values):
    return element(tag, "US", struct.pack(f"<{len(values)}H", *values))


def raw(tag, vr, length, value=b""):
    """An element whose length is what is claimed."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    long = vr in ("OB", "OW", "OF", "OD", "OL", "SQ", "UN", "UT", "UC", "UR", "OV", "SV", "UV")
    return head + (struct.pack("<HI", 0, length) if long else struct.pack("<H", length)) + value


def encapsulated(*fragments, table=b""):
    body = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(f)) + f for f in (table, *fragments))
    return raw(PIXEL_DATA, "OB", 0xFFFFFFFF, body + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))


def built(changes=(), tail=b"", syntax=EXPLICIT, pack=None):
    """The small picture of dicom() with elements put in the place of others, in the order of their tags; None takes one
    away."""
    content = dicom()
    body, rows, at = content[content.index(b"\x08\0\x05\0CS") :], {}, 0
    while at < len(body):  # it has short lengths but for its pixels
        tag = struct.unpack_from("<HH", body, at)
        tag = tag[0] << 16 | tag[1]
        end = len(body) if tag == PIXEL_DATA else at + 8 + struct.unpack_from("<H", body, at + 6)[0]
        rows[tag], at = body[at:end], end
    rows.update(changes)
    body = b"".join(rows[tag] for tag in sorted(rows) if rows[tag] is not None) + tail
    meta = element(0x00020010, "UI", syntax)
    meta = element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta
    return b"\0" * 128 + b"DICM" + meta + (pack(body) if pack else body)


VIEWS = ["metadata", "frames/1", "frames/1?stored=true", "rendered?format=png", "histogram", "thumbnail"]


def look(api, file):
    """The status of every view; those that fail say why."""
    codes = {}
    for view in VIEWS:
        answer = api.get(f"/images/{file['id']}/{view}")
        codes[view] = answer.status_code
        if answer.status_code != 200:
            assert answer.status_code in (404, 413, 415, 422), (view, answer.text)
            body = problem(answer, answer.status_code)
            assert len(body["detail"]) > 10, body
    return codes


def kept(api, content):
    """Uploads, looks from all sides, and sees that the bytes are those sent and that the server lives."""
    file = api.upload(content, "hostile.dcm")
    codes = look(api, file)
    assert api.get(f"/image-files/{file['id']}/download").content == content
    lives(api)
    if file["status"] == "FAILED":
        assert len(file["status_reason"]) > 10
    return file, codes


def refused(codes, code=422):
    return all(codes[view] == code for view in VIEWS if view != "metadata")


class Growth:
    """How far the server's memory went up at most while the block ran."""

    def __init__(self, server):
        self.folder = Path(f"/proc/{server.process.pid}")

    def _kib(self, name):
        return int(re.search(rf"^{name}:\s+(\d+) kB$", (self.folder / "status").read_text(), re.M).group(1))

    def __enter__(self):
        (self.folder / "clear_refs").write_text("5")  # VmHWM begins anew
        self.before = self._kib("VmRSS")
        return self

    def __exit__(self, *_):
        self.bytes = (self._kib("VmHWM") - self.before) * 1024


# AddressSanitizer keeps what was freed for a while, and shadows what is there.
SLACK = 1 if SLOW == 1 else 4

# ---- dimensions (heap overflow from declared sizes, VR confusion) ----


@pytest.mark.parametrize(
    "rows",
    [
        element(0x00280010, "UL", struct.pack("<I", 2)),
        element(0x00280010, "UL", struct.pack("<I", 0xFFFFFFFF)),
        element(0x00280010, "UL", struct.pack("<I", 0x10002)),
        element(0x00280010, "SL", struct.pack("<i", -2)),
        element(0x00280010, "SS", struct.pack("<h", -1)),
        element(0x00280010, "FD", struct.pack("<d", float("nan"))),
        element(0x00280010, "FD", struct.pack("<d", 1e300)),
        element(0x00280010, "IS", "99999999999999999999"),
        element(0x00280010, "IS", "-2"),
        element(0x00280010, "OB", b"\2\0\2\0" * 1000),
        element(0x00280010, "UN", b"\2\0\0\0\0\0\0\0"),
        element(0x00280010, "LO", "two"),
        raw(0x00280010, "SQ", 0),
        us(0x00280010, 0),
        us(0x00280010, 65535),
        us(0x00280010, *range(65535, 65435, -1)),
        raw(0x00280010, "US", 1, b"\2"),
        raw(0x00280010, "US", 0),
    ],
)
def test_rows_and_columns_that_are_not_what_they_should_be(hostile, api, rows):
    columns = b"\x28\0\x11\0" + rows[4:]
    with Growth(hostile) as growth:
        for changes in ({0x00280010: rows}, {0x00280011: columns}, {0x00280010: rows, 0x00280011: columns}):
            file, codes = kept(api, built(changes))
            assert file["pixel_rows"] is None or 0 <= file["pixel_rows"] <= 65535
            assert codes["metadata"] == 200
            if rows[4:6] in (b"UL", b"UN") and rows[6:].strip(b"\0")[-1:] == b"\2":
                continue  # the right number in another VR is read
            assert refused(codes), codes
    assert growth.bytes < 64 * MIB * SLACK


@pytest.mark.parametrize(
    "changes",
    [
        {0x00280002: us(0x00280002, 65535)},
        {0x00280002: us(0x00280002, 0)},
        {0x00280008: element(0x00280008, "IS", "2147483647")},
        {0x00280008: element(0x00280008, "IS", "-1")},
        {0x00280008: element(0x00280008, "IS", "9" * 12)},
        {0x00280100: us(0x00280100, 65535)},
        {0x00280100: us(0x00280100, 0)},
        {0x00280100: us(0x00280100, 64)},
        {0x00280100: us(0x00280100, 12)},
        {0x00280101: us(0x00280101, 200)},
        {0x00280102: us(0x00280102, 65535)},
        {0x00280004: element(0x00280004, "CS", "YBR_FULL_422")},
        {0x00280004: element(0x00280004, "CS", "RGB")},
        {0x00280004: element(0x00280004, "CS", "X" * 16)},
        {0x00280002: us(0x00280002, 3), 0x00280004: element(0x00280004, "CS", "RGB"), 0x00280006: us(0x00280006, 77)},
        {0x00280002: None, 0x00280004: None, 0x00280100: None, 0x00280101: None, 0x00280102: None, 0x00280103: None},
        {0x00280010: us(0x00280010, 65535), 0x00280011: us(0x00280011, 65535), 0x00280100: us(0x00280100, 32)},
    ],
)
def test_pixel_formats_that_cannot_be(hostile, api, changes):
    with Growth(hostile) as growth:
        _, codes = kept(api, built(changes))
    assert growth.bytes < 64 * MIB * SLACK
    assert codes["metadata"] == 200


def test_fewer_pixels_than_said(api):
    for pixels in (b"", b"\1\2"):
        file, codes = kept(api, built({PIXEL_DATA: element(PIXEL_DATA, "OB", pixels)}))
        assert refused(codes)
        assert "(7FE0,0010)" in problem(api.get(f"/images/{file['id']}/frames/1"), 422)["detail"]
    file, _ = kept(api, built({0x00280008: element(0x00280008, "IS", "3")}))
    assert api.get(f"/images/{file['id']}/frames/1").status_code == 200
    assert "(7FE0,0010)" in problem(api.get(f"/images/{file['id']}/frames/3"), 422)["detail"]


# ---- palettes (index past the end, descriptors that lie) ----


def palette(descriptor, data, pixels=b"\0\1\2\xff", vr="US", data_vr="OW"):
    changes = {
        0x00280004: element(0x00280004, "CS", "PALETTE COLOR"),
        PIXEL_DATA: element(PIXEL_DATA, "OB", pixels),
    }
    for i in range(3):
        changes[0x00281101 + i] = element(0x00281101 + i, vr, struct.pack(f"<{len(descriptor)}H", *descriptor))
        changes[0x00281201 + i] = element(0x00281201 + i, data_vr, data)
    return built(changes)


def test_indices_outside_of_the_palette_show_its_ends(api):
    content = palette((4, 1, 8), bytes([10, 20, 30, 40]))
    file, codes = kept(api, content)
    assert set(codes.values()) == {200}
    answer = api.get(f"/images/{file['id']}/rendered?format=png")
    assert [p[0] for p in Image.open(io.BytesIO(answer.content)).convert("RGB").get_flattened_data()] == [
        10,
        10,
        20,
        40,
    ]


@pytest.mark.parametrize(
    "descriptor, data",
    [
        ((0, 0, 16), b"\1\2\3\4"),  # 65536 entries in four bytes
        ((256, 0, 8), b"\1\2\3\4"),
        ((65535, 65535, 16), b"\0" * 16),
        ((4, 0, 77), b"\1\2\3\4\5\6\7\x08"),
        ((4, 0, 0), b"\1\2\3\4"),
        ((4, 0, 16), b""),
        ((4,), b"\1\2\3\4"),
        ((), b"\1\2\3\4"),
    ],
)
def test_palettes_that_lie(api, descriptor, data):
    file, codes = kept(api, palette(descriptor, data))
    assert codes["rendered?format=png"] == codes["thumbnail"] == 422 and codes["frames/1"] == 200
    assert re.search(
        r"\(0028,1[12]0\d\)|palette", problem(api.get(f"/images/{file['id']}/rendered"), 422)["detail"], re.I
    )


def test_segmented_palettes_that_lie(api):
    for data in (b"\0\0\xff\xff", b"\1\0\xff\xff\0\0", b"\2\0\1\0\0\0\0\0", b"\x63\0\1\0"):
        changes = {0x00280004: element(0x00280004, "CS", "PALETTE COLOR")}
        for i in range(3):
            changes[0x00281101 + i] = us(0x00281101 + i, 256, 0, 16)
            changes[0x00281221 + i] = element(0x00281221 + i, "OW", data)
        assert kept(api, built(changes))[1]["rendered?format=png"] == 422


def item(*elements):
    body = b"".join(elements)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body


def test_lookup_tables_and_windows_that_lie(api):
    """Nobody asked for a broken VOI LUT, so the picture is shown without; a modality LUT is what the values are."""
    lut = item(us(0x00283002, 65535, 0, 16), element(0x00283006, "OW", b"\1\2\3\4"))
    file, codes = kept(api, built({0x00283000: element(0x00283000, "SQ", lut)}))
    assert codes["rendered?format=png"] == 422
    file, codes = kept(api, built({0x00283010: element(0x00283010, "SQ", lut)}))
    assert codes["rendered?format=png"] == 200
    problem(api.get(f"/images/{file['id']}/rendered?voi=1"), 422)
    for center, width in (
        ("1e308", "1e-308"),
        ("nan", "inf"),
        ("1e999", "5"),
        ("\\".join(["1"] * 4000), "2"),
        ("x", "y"),
    ):
        changes = {0x00281050: element(0x00281050, "DS", center), 0x00281051: element(0x00281051, "DS", width)}
        assert kept(api, built(changes))[1]["rendered?format=png"] == 200
    for slope, intercept in (("1e308", "1e308"), ("nan", "0"), ("1e-320", "0"), ("-inf", "1"), ("0", "0")):
        kept(
            api, built({0x00281052: element(0x00281052, "DS", intercept), 0x00281053: element(0x00281053, "DS", slope)})
        )


# ---- overlays ----


def test_overlays_outside_of_everything(api):
    for rows, columns, x, y, data, position in (
        (65535, 65535, -32768, 32767, b"\xff\xff", 0),
        (2, 2, 32767, 32767, b"\xff\xff", 0),
        (0, 0, 0, 0, b"", 0),
        (2, 2, 1, 1, None, 15),
        (2, 2, 1, 1, None, 65535),
    ):
        changes = {
            0x60000010: us(0x60000010, rows),
            0x60000011: us(0x60000011, columns),
            0x60000040: element(0x60000040, "CS", "G"),
            0x60000050: element(0x60000050, "SS", struct.pack("<hh", x, y)),
            0x60000100: us(0x60000100, 1),
            0x60000102: us(0x60000102, position),
        }
        if data is not None:
            changes[0x60003000] = element(0x60003000, "OW", data)
        assert set(kept(api, built(changes))[1].values()) == {200}


# ---- depth, cycles, lengths ----


def nested(depth, defined):
    body = b""
    for _ in range(depth):
        if defined:
            body = element(0x00081140, "SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body)
        else:
            body = (
                raw(0x00081140, "SQ", 0xFFFFFFFF, struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF))
                + body
                + struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
            )
    return body


@pytest.mark.parametrize("defined", [True, False])
@pytest.mark.parametrize("closed", [True, False])
def test_ten_thousand_deep(hostile, api, defined, closed):
    body = nested(10000, defined)
    content = built({0x00081140: body if closed else body[: len(body) // 2]})
    with Growth(hostile) as growth:
        file, codes = kept(api, content)
    assert file["status"] == "FAILED" and "(0008,1140) at byte" in file["status_reason"]
    assert refused(codes) and growth.bytes < 64 * MIB * SLACK
    for depth in (1, 30):
        assert set(kept(api, built({0x00081140: nested(depth, defined)}))[1].values()) == {200}


def test_records_that_point_at_themselves(api):
    """Offsets of a directory are not followed, so they may go in circles."""
    content = (DICOM / "dicomdir" / "DICOMDIR").read_bytes()
    data = pydicom.dcmread(io.BytesIO(content))
    for record in data.DirectoryRecordSequence:
        record.OffsetOfTheNextDirectoryRecord = record.seq_item_tell
        record.OffsetOfReferencedLowerLevelDirectoryEntity = record.seq_item_tell
    out = io.BytesIO()
    data.save_as(out)
    file, codes = kept(api, out.getvalue())
    assert refused(codes, 415) and codes["metadata"] == 200


@pytest.mark.parametrize("claim", [0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFF0, 0x80000000, 0x7FFFFFFF])
@pytest.mark.parametrize("vr", ["OB", "OW", "UN", "UT", "SQ", "OD"])
def test_four_gibibytes_are_claimed(hostile, api, claim, vr):
    with Growth(hostile) as growth:
        for tag in (0x00090010, 0x00420011, PIXEL_DATA):
            changes = {tag: raw(tag, vr, claim, b"\1\2\3\4")}
            file, codes = kept(api, built(changes))
            assert codes["metadata"] == 200
    assert growth.bytes < 64 * MIB * SLACK


def test_lengths_that_lie_in_the_meta_group(hostile, api):
    """Value length past the stream, a VR that is none, a group length of four gibibytes."""
    body = dicom()[132 + 12 :]
    with Growth(hostile) as growth:
        for meta in (
            element(0x00020000, "UL", b"\xff\xff\xff\xff"),
            element(0x00020000, "UL", b"\0\0\0\0"),
            element(0x00020000, "UL", b"\1\0\0\0"),
            raw(0x00020000, "UL", 0xFFFF),
            raw(0x00020001, "OB", 0xFFFFFFFF),
            raw(0x00020001, "OB", 0xFFFFFFFE),
            raw(0x00020002, "zz", 0xFFFF),
            raw(0x00020002, "\0\0", 0xFFFF),
            raw(0x00020010, "UI", 0xFFFE, b"1.2"),
            b"",
        ):
            kept(api, b"\0" * 128 + b"DICM" + meta + body)
    assert growth.bytes < 64 * MIB * SLACK


def test_every_cut(hostile, api):
    """A file that ends anywhere says so; where it ends before it is DICOM it is not taken."""
    content = built({0x00081140: nested(2, False)})
    for end in range(128, len(content), 13):
        answer = api.post("/upload/single", files={"file": ("cut.dcm", content[:end])})
        if answer.status_code == 415:
            assert end < 132 + 8
            continue
        file = ok(answer, 201)
        if file["status"] == "FAILED":
            assert "byte" in file["status_reason"], (end, file["status_reason"])
        else:  # cut between two elements, behind the UIDs: an object without pixels
            assert file["study_id"] and api.get(f"/images/{file['id']}/rendered").status_code == 415, end
        assert api.get(f"/images/{file['id']}/rendered").status_code in (415, 422)


def test_items_without_end(hostile, api):
    """Many small things: elements, items, values, fragments. A sanitizer takes fifteen times as long over each: with it
    they are fewer, as its bounds do not come with their number."""
    many = 100000 if SLOW == 1 else 10000
    with Growth(hostile) as growth:
        kept(api, built({0x00081140: raw(0x00081140, "SQ", 0xFFFFFFFF, item() * many)}))
        kept(api, built({0x00090010: element(0x00090010, "UN", b"\\" * (40 * many))}))
        kept(api, built({0x00081030: element(0x00081030, "LO", "\\" * 60000)}))
        kept(api, built({PIXEL_DATA: encapsulated(*[b""] * many)}, syntax=RLE))
        kept(api, built(tail=b"\0" * (40 * many)))
        at_rest(api)
    assert growth.bytes < 400 * MIB * SLACK


# ---- transfer syntaxes ----


@pytest.mark.parametrize(
    "syntax", ["1.2.3", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.999", "", "x" * 64, "../.."]
)
def test_unknown_transfer_syntaxes(api, syntax):
    file, codes = kept(api, built({PIXEL_DATA: encapsulated(b"\1\2\3\4")}, syntax=syntax))
    for view in ("frames/1", "rendered?format=png", "histogram"):
        assert codes[view] in (415, 422), codes


def deflate(body):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def test_an_empty_mask_deflated(hostile, api):
    """A quarter of a gibibyte of zeros in a quarter of a mebibyte: it is what it says, and takes no more than it is."""
    frames = 256
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    side = struct.pack("<H", 1024)
    mask = built(
        {
            PIXEL_DATA: None,
            0x00280008: element(0x00280008, "IS", str(frames)),
            0x00280010: element(0x00280010, "US", side),
            0x00280011: element(0x00280011, "US", side),
        }
    )
    parts = [packer.compress(body_of(mask) + raw(PIXEL_DATA, "OB", frames * MIB))]
    parts += [packer.compress(b"\0" * MIB) for _ in range(frames)]
    parts.append(packer.flush())
    content = built(syntax=DEFLATED, pack=lambda body: b"".join(parts))
    assert len(content) < MIB
    with Growth(hostile) as growth:
        file = api.upload(content, "mask.dcm")
        assert file["status"] == "UPLOADED", file["status_reason"]
        at_rest(api)
        frame = api.get(f"/images/{file['id']}/frames/{frames}")
        assert (frame.status_code, len(frame.content)) == (200, MIB)
    assert growth.bytes < 2 * frames * MIB * SLACK, growth.bytes / MIB
    _, codes = kept(api, built(syntax=DEFLATED, pack=deflate))
    assert set(codes.values()) == {200}


def body_of(content):
    return content[content.index(b"\x08\0\x05\0CS") :]


def test_deflated_data_that_is_damaged(api):
    whole = built(syntax=DEFLATED, pack=deflate)
    for content in (
        whole[:-20],
        whole[:200] + b"\xff" * 40 + whole[240:],
        built(syntax=DEFLATED, pack=lambda body: b""),
    ):
        file, codes = kept(api, content)
        assert file["status"] == "FAILED", codes


# ---- pictures ----


def jpeg(width, height):
    return (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
        + b"\xff\xdb\0\x43\0" + b"\1" * 64
        + b"\xff\xc0\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"
        + b"\xff\xc4\0\x14\0" + b"\1" + b"\0" * 15 + b"\0"
        + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + unique("").encode() + b"\xff\xd9"
    )  # fmt: skip


def tiff(width, height, bits=8, strips=1):
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, strips, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, strips, 0xFFFFFFFF)]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + b"\0" * 4 + unique("").encode()


@pytest.mark.parametrize("make", [jpeg, tiff, lambda w, h: png(w, h, rows=b"")])
def test_pixel_floods(hostile, api, make):
    """Small files that claim to be vast: refused by what they say, or failed by what they are."""
    with Growth(hostile) as growth:
        for width, height in ((65500, 65500), (65500, 1), (30000, 16000), (0, 5), (5, 0)):
            answer = api.post("/upload/single", files={"file": ("flood", make(width, height))})
            assert answer.status_code in (201, 413, 415, 422), answer.text
            if answer.status_code == 201:
                codes = look(api, answer.json())
                assert codes["frames/1?stored=true"] == 415
                api.settled(answer.json()["id"])
    assert growth.bytes < 64 * MIB * SLACK
    lives(api)


# ---- encapsulated pixels ----

SAMPLES = [
    "MR_small_RLE.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "JPGExtended.dcm",
    "ct_transfer_syntaxes/CTImage.dcm_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
]


def tables(offsets):
    return struct.pack(f"<{len(offsets)}I", *offsets)


def test_offset_tables_that_lie(api):
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + b"\3\1\2\3\4"
    for table in (tables([0xFFFFFFFF]), tables([4]), tables([0, 0, 0]), tables([100, 0]), b"\0\0", tables([0] * 5000)):
        kept(api, built({PIXEL_DATA: encapsulated(frame + b"\0", table=table)}, syntax=RLE))
    for offsets, lengths in (
        (b"\xff" * 8, b"\xff" * 8),
        (b"\0" * 8, b"\xff" * 8),
        (b"\0" * 3, b""),
        (b"\0" * 80, b"\0" * 80),
    ):
        changes = {
            0x7FE00001: raw(0x7FE00001, "OV", len(offsets), offsets),
            0x7FE00002: raw(0x7FE00002, "OV", len(lengths), lengths),
            PIXEL_DATA: encapsulated(frame + b"\0"),
        }
        kept(api, built(changes, syntax=RLE))


def test_rle_headers_that_lie(api):
    for header in (
        struct.pack("<16I", 0xFFFFFFFF, *[64] * 15),
        struct.pack("<16I", 1, 0xFFFFFFFF, *[0] * 14),
        struct.pack("<16I", 1, 0, *[0] * 14),
        struct.pack("<16I", 15, *range(64, 79)),
        struct.pack("<16I", 0, *[0] * 15),
        b"\1\0\0\0",
    ):
        _, codes = kept(api, built({PIXEL_DATA: encapsulated(header + b"\x03\1\2\3\4\0")}, syntax=RLE))
        assert refused({**codes, "frames/1?stored=true": 422})


def fragment_of(content):
    """Where the first frame's bytes lie."""
    at = re.search(rb"\xe0\x7f\x10\0O[BW]\0\0\xff\xff\xff\xff", content).end()
    at += 8 + struct.unpack_from("<I", content, at + 4)[0]
    return at + 8, struct.unpack_from("<I", content, at + 4)[0]


def mutations(content, seed, count):
    """Some bytes of the first fragment changed, half of them in its head, where sizes and tables are."""
    start, length = fragment_of(content)
    dice = random.Random(seed)
    for number in range(count):
        body = bytearray(content)
        for _ in range(dice.choice((1, 1, 2, 4, 16))):
            reach = min(length, 96) if dice.random() < 0.5 else length
            at = start + dice.randrange(reach)
            body[at] = dice.choice((0, 0xFF, 0x7F, 0x80, body[at] ^ 1 << dice.randrange(8), dice.randrange(256)))
        if number % 9 == 8:
            at = start + dice.randrange(length - 8)
            body[at : start + length] = dice.randbytes(start + length - at)
        yield bytes(body)


@pytest.mark.parametrize("name", SAMPLES)
def test_mutated_codestreams(hostile, api, name):
    """Decoded, or refused with words; no decoder dies of it."""
    with Growth(hostile) as growth:
        for number, content in enumerate(mutations((DICOM / name).read_bytes(), name, 40)):
            answer = api.post("/upload/single", files={"file": (f"{number}.dcm", content)})
            file = ok(answer, 201)
            for view in ("frames/1", "rendered"):
                answer = api.get(f"/images/{file['id']}/{view}")
                assert answer.status_code in (200, 415, 422), (name, number, view, answer.text)
                if answer.status_code != 200:
                    assert len(problem(answer, answer.status_code)["detail"]) > 10
    assert growth.bytes < 96 * MIB * SLACK


# ---- values: paths, shells, headers, pages, logs ----


def evil_words(folder):
    return [
        "../../../../" + str(folder / "pwned"),
        f"$(touch {folder}/pwned)",
        f"`touch {folder}/pwned`",
        f"; touch {folder}/pwned #",
        f"| touch {folder}/pwned",
        "a\r\nSet-Cookie: a=b\r\n\r\n<html>",
        "nul\0nul",
        "<script>alert(1)</script>",
        "'; drop table patients; --",
        '"><img src=x onerror=alert(1)>',
        "%s%s%n%n",
        "\x1b[2J\x07",
        "\u202egnp.exe",
    ]


def test_values_of_strangers_stay_values(hostile, api, tmp_path):
    folder = hostile.folder
    for word in evil_words(folder):
        values = {
            "PatientName": word[:64],
            "PatientID": word[:64],
            "StudyDescription": word[:64],
            "BodyPartExamined": word[:16],
        }
        content = dicom(**{k: v.encode() for k, v in values.items()}, Modality=word[:16].encode())
        answer = api.post("/upload/single", files={"file": ("x.dcm", content)})
        file = ok(answer, 201)
        for path in (
            f"/image-files/{file['id']}",
            f"/image-files/{file['id']}/download",
            *(f"/images/{file['id']}/{view}" for view in VIEWS),
            *([f"/studies/{file['study_id']}", f"/studies/{file['study_id']}/archive"] if file["study_id"] else []),
            *([f"/patients/{file['patient_id']}"] if file["patient_id"] else []),
            "/patients?search=" + "pwned",
        ):
            answer = api.get(path)
            assert answer.status_code in (200, 415, 422), (path, answer.text)
            assert (
                answer.headers["x-content-type-options"] == "nosniff" and "html" not in answer.headers["content-type"]
            )
            assert "set-cookie" not in answer.headers
            for name, value in answer.headers.items():
                assert not any(
                    part in value for part in ("pwned", "<script", "onerror", "drop table", "\r", "\n", "\0")
                ), name
            if path.endswith("/archive"):
                names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
                assert all(re.fullmatch(r"DICOMDIR|DICOM/PAT\d{5}/STU\d{5}/SER\d{5}/IM\d{6}", n) for n in names), names
    assert not list(Path(folder).rglob("pwned*")) and not (tmp_path / "pwned").exists()
    shape = r"(completed|journal|rendered|tmp|claims|chunks)[/+]?[0-9A-Za-z_./+-]*"
    assert all(re.fullmatch(shape, path) and ".." not in path for path in stored(hostile))
    for line in hostile.log_text().splitlines():
        assert isinstance(json.loads(line), dict)


def test_file_names_of_strangers_stay_names(hostile, api):
    for word in (
        "../../x.dcm",
        "..\\..\\x.dcm",
        "/etc/passwd",
        'a"; filename=b.html',
        "a\r\nX: y",
        "<script>.dcm",
        "x\u202ed.dcm",
    ):
        answer = api.post("/upload/single", files={"file": (word, dicom())})
        if answer.status_code != 201:
            assert answer.status_code in (400, 422)
            continue
        answer = api.get(f"/image-files/{answer.json()['id']}/download")
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith("attachment; ") and "x" not in answer.headers
        assert not re.search(r"[\\/\r\n]", disposition.split("filename*")[0].replace('\\"', ""))
        assert answer.headers["content-type"] == "application/dicom"


@pytest.mark.parametrize(
    "magic", [b"MZ\x90\0", b"\x7fELF", b"PK\3\4", b"<!doctype html><script>", b"%PDF-1.7", b"#!/bin/sh\n"]
)
def test_programs_in_the_preamble_come_in_by_no_door(hostile, api, magic):
    content = dicom(preamble=magic.ljust(128, b"\0"))
    before = len(stored(hostile))
    api.upload(content, "a.dcm", expect=415)
    body = ok(api.post("/upload/batch", files=[("file", ("a.dcm", content)), ("file", ("b.dcm", dicom()))]), 207)
    assert sorted(i["status"] for i in body["items"]) == [201, 400 if magic == b"PK\3\4" else 415]
    body = ok(api.post("/upload/batch", files={"file": ("z.zip", zipped([("a.dcm", content)]))}), 207)
    assert [i["status"] for i in body["items"]] == [415]
    related, _ = multipart([(b"Content-Type: application/dicom", content)])
    kind = 'multipart/related; type="application/dicom"; boundary=----boundary42'
    answer = ok(api.post("/dicom-web/studies", content=related, headers={"Content-Type": kind}), 409)
    assert answer["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]
    assert len(stored(hostile)) <= before + 2  # the good one, and the picture of it


# ---- archives ----


def forged(content, claims):
    """A ZIP of one entry whose headers say another size than what is in it."""
    whole = bytearray(zipped([("a.dcm", content)]))
    local, central = whole.index(b"PK\3\4"), whole.index(b"PK\1\2")
    struct.pack_into("<I", whole, local + 22, claims)
    struct.pack_into("<I", whole, central + 24, claims)
    return bytes(whole)


@pytest.mark.parametrize("claims", [0, 10, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
def test_sizes_in_a_zip_are_claims(hostile, api, claims):
    """Whatever they say: the whole file is stored, or nothing."""
    content = dicom(pixels=b"\0" * 4 * MIB, SOPInstanceUID=uid())
    with Growth(hostile) as growth:
        answer = api.post("/upload/batch", files={"file": ("z.zip", forged(content, claims))})
        assert answer.status_code in (207, 400, 413, 422), answer.text
        for entry in answer.json().get("items", []):
            if entry["status"] == 201:
                assert api.get(f"/image-files/{entry['image_file']['id']}/download").content == content
            else:
                assert entry["error"]
    assert growth.bytes < 64 * MIB * SLACK


def test_a_zip_that_unpacks_without_end(hostile, api):
    bomb = zipped([(f"{i}.dcm", b"\0" * 128 + b"DICM" + b"\0" * 40 * MIB) for i in range(4)])
    with Growth(hostile) as growth:
        answer = api.post("/upload/batch", files={"file": ("z.zip", bomb)})
    assert answer.status_code in (207, 413) and '"status":201' not in answer.text.replace(" ", "")
    assert growth.bytes < 64 * MIB * SLACK


# ---- bodies that are more than they seem ----


def test_packed_bodies_are_not_unpacked(hostile, api):
    """A body of ten kilobytes that would become ten mebibytes is refused for its coding, or taken as the bytes it
    is."""
    packed = gzip.compress(json.dumps({"annotations": [], "comment": " " * 10 * MIB}).encode())
    file = api.upload(dicom(), "a.dcm")
    kinds = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    with Growth(hostile) as growth:
        answer = api.put(f"/images/{file['id']}/annotations", content=packed, headers=kinds)
        assert answer.status_code in (400, 415, 422), answer.text
        body, headers = multipart([(b'Content-Disposition: form-data; name="file"; filename="a.dcm"', dicom())])
        answer = api.post(
            "/upload/single", content=gzip.compress(body), headers={**headers, "Content-Encoding": "gzip"}
        )
        assert answer.status_code in (400, 415, 422), answer.text
    assert growth.bytes < 32 * MIB * SLACK


@pytest.mark.parametrize("length", [1 << 31, (1 << 32) - 1, (1 << 63) - 1, 1 << 64])
def test_lengths_of_bodies_are_not_allocated(hostile, length):
    """What is said to come takes no memory before it comes; who stops sending is let go."""
    token = hostile.admin().token
    with Growth(hostile) as growth:
        connections = []
        for path, kind in (
            ("/api/v1/upload/single", "multipart/form-data; boundary=b"),
            ("/dicom-web/studies", 'multipart/related; type="application/dicom"; boundary=b'),
            ("/api/v1/patients", "application/json"),
        ):
            connection = connect(hostile)
            connections.append(connection)
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n--b\r\n"
            )
            connection.sendall(head.encode())
            connection.shutdown(socket.SHUT_WR)
        for connection in connections:
            with connection:
                answer = b""
                while got := connection.recv(65536):
                    answer += got
                assert not answer or answer[9:12] in (b"400", b"413", b"422"), answer[:300]
    assert growth.bytes < 32 * MIB * SLACK


# ---- after all of this ----


def test_nothing_is_left_half_done(hostile, api):
    """The bytes on disk are those of the rows, and the server goes on as before."""
    kept(api, built())
    hostile.run("fsck")
