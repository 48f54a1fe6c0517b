"""DICOM instances to send, made of one real CT slice: the whole of it, and a small one with a corner of its pixels.

Their UIDs hold digits that client/instances.c replaces. The slice is implicit VR little endian, so that an element is a
tag, a length and a value (PS3.5 7.1.3); all its lengths are explicit."""

import struct
from pathlib import Path

ROWS, COLUMNS, PIXELS, PIXEL_GROUP_LENGTH = 0x00280010, 0x00280011, 0x7FE00010, 0x7FE00000
UIDS = {
    b"1623.978668950.109": b"1623.7700000000.99",
    b"1623.978668949.890": b"1623.8800000000.77",
    b"1623.978668949.886": b"1623.9900000000.88",
}


def elements(data, at):
    while at < len(data):
        group, element, length = struct.unpack_from("<HHI", data, at)
        if length == 0xFFFFFFFF:
            raise ValueError("an element of undefined length")
        yield group << 16 | element, data[at + 8 : at + 8 + length]
        at += 8 + length


def cropped(data, start, rows, columns):
    """The data set from `start` with only the upper left corner of its picture."""
    wide = struct.unpack("<H", next(value for tag, value in elements(data, start) if tag == COLUMNS))[0]
    out = bytearray(data[:start])
    for tag, value in elements(data, start):
        if tag == ROWS:
            value = struct.pack("<H", rows)
        elif tag == COLUMNS:
            value = struct.pack("<H", columns)
        elif tag == PIXEL_GROUP_LENGTH:
            value = struct.pack("<I", rows * columns * 2 + 8)
        elif tag == PIXELS:
            value = b"".join(value[r * wide * 2 : r * wide * 2 + columns * 2] for r in range(rows))
        out += struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value
    return bytes(out)


def make(source, folder):
    """Paths of the two templates: about 530 kB and 16 kB."""
    data = Path(source).read_bytes()
    for old, new in UIDS.items():
        if old not in data:
            raise ValueError(f"{source} is not the slice this was written for")
        data = data.replace(old, new)
    start = 144 + struct.unpack_from("<I", data, 140)[0]  # after the meta group (PS3.10 7.1)
    large, small = folder / "large.dcm", folder / "small.dcm"
    large.write_bytes(data)
    small.write_bytes(cropped(data, start, 72, 70))
    return large, small
