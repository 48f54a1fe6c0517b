"""Pictures in four inks: JPEG and TIFF as photographs, scanners and printers write them. Right values: the inks' own
arithmetic, or Pillow's use of the profile."""

import io
import struct

import numpy
import pytest
from PIL import Image, ImageCms

from support import ok

doctor_of_all = None  # conftest.py

SIDE = 96


def inks(seed=0):
    """Smooth, so that JPEG keeps it: each ink runs another way. 0 is no ink."""
    across, down = numpy.meshgrid(numpy.linspace(0, 255, SIDE), numpy.linspace(0, 255, SIDE))
    return numpy.stack([across, down, (across + down) / 2, numpy.abs(across - down) / 2 + seed], axis=-1).astype(
        numpy.uint8
    )


def ideal(four):
    """255 (1 - ink)(1 - black)"""
    four = four.astype(float) / 255
    return 255 * (1 - four[..., :3]) * (1 - four[..., 3:])


def profile():
    """An ICC profile of four odd inks (ICC.1:2001-04, 6.5.9 lut8Type): what they look like is far from the ideal
    ones."""
    corners = bytearray()
    for corner in range(16):
        c, m, y, k = ((corner >> bit) & 1 for bit in (3, 2, 1, 0))
        lightness = 90 - 15 * c - 20 * m - 10 * y - 25 * k
        a, b = 30 * c - 20 * m, 25 * y - 15 * m
        corners += bytes([round(lightness * 2.55), round(a) + 128 & 255, round(b) + 128 & 255])
    same = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    lut += b"".join(struct.pack(">i", 65536 * (i in (0, 4, 8))) for i in range(9))
    lut += same * 4 + bytes(corners) + same * 3
    lut += bytes(-len(lut) % 4)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"inks\0" + bytes(4 + 4 + 2 + 1 + 67)
    text += bytes(-len(text) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 63190, 65536, 54061)
    parts, at, table = b"", 128 + 4 + 12 * 3, struct.pack(">I", 3)
    for name, part in ((b"desc", text), (b"wtpt", white), (b"A2B0", lut)):
        table += name + struct.pack(">II", at + len(parts), len(part))
        parts += part
    size = 128 + len(table) + len(parts)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ") + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + table + parts


def saved(four, kind, **more):
    out = io.BytesIO()
    Image.fromarray(four, "CMYK").save(out, kind, **more)
    return out.getvalue()


def segments(jpeg):
    """Where the marker segments before the first scan are: (marker, from, to)."""
    at = 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        yield jpeg[at + 1], at, end
        at = end


def without_adobe(jpeg):
    for marker, start, end in segments(jpeg):
        if marker == 0xEE:
            return jpeg[:start] + jpeg[end:]
    return jpeg


def adobe_ycck(four):
    """Transform 2: what Adobe's programs write is turned round, and YCbCr is made of what has been turned round again:
    of the inks themselves."""
    ycc = numpy.asarray(Image.fromarray(four[..., :3], "RGB").convert("YCbCr"))
    jpeg = saved(
        numpy.dstack([255 - ycc, four[..., 3]]), "JPEG", quality=100, subsampling=0
    )  # Pillow turns all four round
    for marker, start, _ in segments(jpeg):
        if marker == 0xEE:
            return jpeg[: start + 15] + b"\2" + jpeg[start + 16 :]
    raise AssertionError("Pillow wrote no Adobe marker")


def deep_tiff(four):
    """16 bits an ink, uncompressed, one strip."""
    pixels = (four.astype("<u2") * 257).tobytes()
    entries = [
        (256, 3, 1, SIDE),
        (257, 3, 1, SIDE),
        (258, 3, 4, 8 + 2 + 12 * 10 + 4),
        (259, 3, 1, 1),
        (262, 3, 1, 5),
        (273, 4, 1, 8 + 2 + 12 * 10 + 4 + 8),
        (277, 3, 1, 4),
        (278, 3, 1, SIDE),
        (279, 4, 1, len(pixels)),
        (332, 3, 1, 1),
    ]
    out = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    out += b"".join(
        struct.pack("<HHI", tag, kind, count) + struct.pack("<I", value) for tag, kind, count, value in entries
    )
    return out + bytes(4) + struct.pack("<4H", 16, 16, 16, 16) + pixels


def by_profile(four):
    found = ImageCms.profileToProfile(
        Image.fromarray(four, "CMYK"), ImageCms.ImageCmsProfile(io.BytesIO(profile())), ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )  # fmt: skip
    return numpy.asarray(found).astype(float)


FILES = {
    "adobe.jpg": (lambda: saved(inks(1), "JPEG", quality=98, subsampling=0), lambda: ideal(inks(1)), 6),
    "plain-profile.jpg": (
        lambda: without_adobe(saved(255 - inks(12), "JPEG", quality=98, subsampling=0, icc_profile=profile())),
        lambda: by_profile(inks(12)),
        24,
    ),
    "plain.jpg": (
        lambda: without_adobe(saved(255 - inks(2), "JPEG", quality=98, subsampling=0)),
        lambda: ideal(inks(2)),
        6,
    ),
    "ycck.jpg": (lambda: adobe_ycck(inks(3)), lambda: ideal(inks(3)), 8),
    "progressive.jpg": (
        lambda: saved(inks(4), "JPEG", quality=98, subsampling=0, progressive=True),
        lambda: ideal(inks(4)),
        6,
    ),
    "plain.tif": (lambda: saved(inks(5), "TIFF"), lambda: ideal(inks(5)), 1),
    "lzw.tif": (lambda: saved(inks(6), "TIFF", compression="tiff_lzw"), lambda: ideal(inks(6)), 1),
    "deep.tif": (lambda: deep_tiff(inks(7)), lambda: ideal(inks(7)), 1),
    "profile.jpg": (
        lambda: saved(inks(8), "JPEG", quality=98, subsampling=0, icc_profile=profile()),
        lambda: by_profile(inks(8)),
        24,
    ),
    "profile.tif": (lambda: saved(inks(9), "TIFF", icc_profile=profile()), lambda: by_profile(inks(9)), 24),
    "no-profile.tif": (lambda: saved(inks(10), "TIFF", icc_profile=b"x" * 1000), lambda: ideal(inks(10)), 1),
    "screen-profile.tif": (
        lambda: saved(inks(11), "TIFF", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
        lambda: ideal(inks(11)),
        1,
    ),
}


TOLD = {
    "no-profile.tif": "the ICC profile is not used: it is damaged",
    "screen-profile.tif": "the ICC profile is not used: it is none of CMYK",
}


@pytest.mark.parametrize("name", FILES)
def test_pictures_in_inks(doctor, name):
    make, right, most = FILES[name]
    content, wanted = make(), right()
    assert Image.open(io.BytesIO(content)).mode == "CMYK" or name == "deep.tif"
    file = doctor.settled(doctor.upload(content, name)["id"])
    assert file["status"] == "UPLOADED" and file["thumbnail_path"], file["status_reason"]

    shown = doctor.get(f"/images/{file['id']}/rendered", params={"format": "png"})
    assert shown.status_code == 200
    picture = numpy.asarray(Image.open(io.BytesIO(shown.content)).convert("RGB")).astype(float)
    assert picture.shape == (SIDE, SIDE, 3)
    assert numpy.abs(picture - wanted).max() <= most, name
    if name.startswith(("profile", "plain-profile")):  # releases of Little CMS differ by so much in where black lies
        assert numpy.abs(picture - wanted).mean() < 4 and numpy.abs(picture - ideal(inks(9))).mean() > 20

    assert shown.headers.get("x-picture-remark") == TOLD.get(name)

    frame = doctor.get(f"/images/{file['id']}/frames/1")
    assert frame.status_code == 200 and "photometric=RGB" in frame.headers["x-pixel-format"]
    assert "samples=3;bits-allocated=8" in frame.headers["x-pixel-format"]
    assert (numpy.frombuffer(frame.content, numpy.uint8).reshape(SIDE, SIDE, 3) == picture).all()

    histogram = ok(doctor.get(f"/images/{file['id']}/histogram"))
    assert histogram["count"] > 0 and histogram["min"] >= 0 and histogram["max"] <= 255

    small = doctor.get(f"/images/{file['id']}/thumbnail", params={"size": 32})
    little = numpy.asarray(Image.open(io.BytesIO(small.content)).convert("RGB")).astype(float)
    assert numpy.abs(little.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 12


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_inks_upright(doctor, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(inks(20 + orientation), "JPEG", quality=98, subsampling=0, exif=exif)
    shown = doctor.get(f"/images/{doctor.upload(content, 'turned.jpg')['id']}/rendered", params={"format": "png"})
    picture = numpy.asarray(Image.open(io.BytesIO(shown.content)).convert("RGB")).astype(float)
    wanted = numpy.rot90(ideal(inks(20 + orientation)), {3: 2, 6: -1, 8: 1}[orientation])
    assert numpy.abs(picture - wanted).max() <= 6


def tiff(mode, compression):
    """None when Pillow writes no such file."""
    out = io.BytesIO()
    try:
        Image.new(mode, (40, 30)).save(out, "TIFF", **({"compression": compression} if compression else {}))
    except (OSError, ValueError, KeyError, RuntimeError, SystemError):
        return None
    return out.getvalue()


MODES = ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "F"]
CODINGS = [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"]


@pytest.mark.parametrize("mode, compression", [(m, c) for m in MODES for c in CODINGS if tiff(m, c)])
def test_no_kind_of_tiff_meets_the_sandbox(doctor, server, mode, compression):
    """Whatever a library does for one of them, it is allowed, or was done before the sandbox closed."""
    before = len(server.log_lines("decoder.trouble"))
    uploaded = doctor.post("/upload/single", files={"file": (f"{mode}{compression}.tif", tiff(mode, compression))})
    assert uploaded.status_code in (201, 415, 422), uploaded.text
    if uploaded.status_code == 201:
        answer = doctor.get(f"/images/{uploaded.json()['id']}/rendered", params={"format": "png"})
        assert answer.status_code in (200, 415, 422), answer.text
        assert "call" not in answer.text if answer.status_code != 200 else True
    assert not server.log_lines("decoder.trouble")[before:]


@pytest.mark.parametrize("mode", ["YCbCr", "LAB"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_colours_that_cannot_be_shown_are_refused_by_name(doctor, mode, compression):
    """Shown as they are, Y, Cb and Cr would be red, green and blue."""
    out = io.BytesIO()
    more = {"tiffinfo": {530: (1, 1)}} if mode == "YCbCr" else {}
    Image.new("RGB", (16, 12), (120, 40, 175)).convert(mode).save(out, "TIFF", compression=compression, **more)
    refused = doctor.upload(out.getvalue(), "a.tif", expect=415)
    assert ("YCbCr" if mode == "YCbCr" else "L*a*b*") in refused["detail"]
