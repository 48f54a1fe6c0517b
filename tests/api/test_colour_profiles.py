"""ICC profiles of pictures in colour: JPEG, PNG and TIFF, and DICOM's ICC Profile (PS3.3 C.11.15). What is shown is
sRGB.

The profile of most files here is of light itself, not of a curve, with red and green changed places, so that what is
right follows from IEC 61966-2-1 alone, and what is not converted is far off.
"""

import io
import struct
import zlib

import numpy
import pydicom
import pytest
from PIL import Image, ImageCms
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

import made
from test_inks import profile as profile_of_inks
from test_inks import segments
from test_several_pictures import chunk

doctor_of_all = None  # conftest.py

SIDE = 24
NOT_USED = "the ICC profile is not used: "
COLORANTS = {"red": (28578, 14581, 912), "green": (25241, 46981, 6362), "blue": (9376, 3974, 46799)}  # sRGB's, in D50


def tagged(space, parts, kind=b"mntr", connection=b"XYZ "):
    """An ICC profile (ICC.1:2001-04) of such parts."""
    body, at, table = b"", 128 + 4 + 12 * len(parts), struct.pack(">I", len(parts))
    for name, part in parts:
        part += bytes(-len(part) % 4)
        table += name + struct.pack(">II", at + len(body), len(part))
        body += part
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, kind, space, connection) + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + table + body


def xyz(*values):
    return b"XYZ " + bytes(4) + struct.pack(">iii", *values)


LINEAR = b"curv" + bytes(8)  # of no entries: the same
WHITE = (b"wtpt", xyz(63190, 65536, 54061))


def odd(first="green", second="red", third="blue", **more):
    parts = [(name + b"XYZ", xyz(*COLORANTS[of])) for name, of in ((b"r", first), (b"g", second), (b"b", third))]
    parts += [(name + b"TRC", LINEAR) for name in (b"r", b"g", b"b")]
    return tagged(b"RGB ", [WHITE, *parts, *more.get("parts", ())])


def shown_by_odd(pixels, order=(1, 0, 2)):
    light = pixels[..., list(order)] / 255
    return 255 * numpy.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = tagged(b"GRAY", [WHITE, (b"kTRC", LINEAR)])
BROKEN = {
    "no profile": (b"x" * 1000, "it is damaged"),
    "cut": (odd()[:150], "it is damaged"),
    "no colorants": (tagged(b"RGB ", [WHITE]), "it does not lead to what screens show"),
    "of grey": (GREY, "it is none of RGB"),
    "of inks": (profile_of_inks(), "it is none of RGB"),
}


def colours(seed=0):
    """Smooth, and nowhere dark: there the curve is so steep that one step of JPEG becomes many."""
    across, down = numpy.meshgrid(numpy.linspace(60, 250, SIDE), numpy.linspace(250, 60, SIDE))
    return numpy.stack([across, down, (across + down) / 2 - seed], axis=-1).round().astype(numpy.uint8)


def saved(pixels, kind, **more):
    out = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(out, kind, **more)
    return out.getvalue()


def opened(content):
    return numpy.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def deep_png(pixels, profile):
    """16 bits a channel, which Pillow does not write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels.astype(int) * 257)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0))
        + chunk(b"iCCP", b"a\0\0" + zlib.compress(profile))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def deep_tiff(pixels, profile):
    strip = (pixels.astype("<u2") * 257).tobytes()
    count = 11
    behind = 8 + 2 + 12 * count + 4
    entries = [
        (256, 3, 1, SIDE),
        (257, 3, 1, SIDE),
        (258, 3, 3, behind),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, behind + 8 + len(profile)),
        (277, 3, 1, 3),
        (278, 3, 1, SIDE),
        (279, 4, 1, len(strip)),
        (284, 3, 1, 1),
        (34675, 7, len(profile), behind + 8),
    ]
    assert len(entries) == count
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, count) + directory + bytes(4) + words16() + profile + strip


def words16():
    return struct.pack("<4H", 16, 16, 16, 0)


def palette(profile):
    few = Image.fromarray(colours(1)).quantize(16)
    return saved(few, "PNG", icc_profile=profile)


def ycbcr(pixels):
    """As YBR_FULL has it."""
    return numpy.asarray(Image.fromarray(pixels).convert("YCbCr"))


LONG = odd(parts=[(b"priv", b"data" + bytes(4) + bytes(range(256)) * 600)])  # in three segments of a JPEG
RASTERS = {
    "a.png": lambda p: saved(colours(2), "PNG", icc_profile=p),
    "palette.png": palette,
    "deep.png": lambda p: deep_png(colours(3), p),
    "opaque.png": lambda p: saved(
        numpy.dstack([colours(4), numpy.full((SIDE, SIDE), 255, "u1")]), "PNG", icc_profile=p
    ),
    "a.jpg": lambda p: saved(colours(5), "JPEG", quality=98, subsampling=0, icc_profile=p),
    "progressive.jpg": lambda p: saved(colours(6), "JPEG", quality=98, progressive=True, icc_profile=p),
    "a.tif": lambda p: saved(colours(7), "TIFF", icc_profile=p),
    "lzw.tif": lambda p: saved(colours(8), "TIFF", compression="tiff_lzw", icc_profile=p),
    "deep.tif": lambda p: deep_tiff(colours(9), p),
}


def as_stored(name, content):
    return colours(9) if name == "deep.tif" else colours(3) if name == "deep.png" else opened(content)


def remark(answer):
    return answer.headers.get("x-picture-remark")


@pytest.mark.parametrize("name", RASTERS)
def test_the_profile_of_a_raster_file_counts(doctor, name):
    content = RASTERS[name](LONG if name == "a.jpg" else odd())
    stored = as_stored(name, content)
    file = doctor.upload(content, name)
    answer = made.rendered(doctor, file)
    found, wanted = opened(answer.content), shown_by_odd(stored)
    assert remark(answer) is None
    assert numpy.abs(found - wanted).max() <= (4 if name.endswith("jpg") else 2), name
    assert numpy.abs(found - stored).mean() > 25  # what it looked like before

    frame = doctor.get(f"/images/{file['id']}/frames/1")
    depth = 2 if name.startswith("deep") else 1
    kept = numpy.frombuffer(frame.content, f"<u{depth}").reshape(SIDE, SIDE, 3) // (257 if depth == 2 else 1)
    assert numpy.abs(kept - stored).max() <= 1  # samples are those of the file

    counted = made.histogram_of(doctor, file)
    luminance = found @ (0.299, 0.587, 0.114)
    assert counted["mean"] == pytest.approx(luminance.mean(), abs=1) and counted["remark"] is None

    small = doctor.get(f"/images/{file['id']}/thumbnail", params={"size": 32})
    assert numpy.abs(opened(small.content).mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 8


def test_a_turned_and_shrunk_picture_has_its_profile_too(doctor):
    exif = Image.Exif()
    exif[0x0112] = 6
    across = numpy.repeat(numpy.repeat(colours(10), 8, axis=0), 8, axis=1)
    content = saved(across, "JPEG", quality=98, subsampling=0, icc_profile=odd(), exif=exif)
    file = doctor.upload(content, "turned.jpg")
    wanted = numpy.rot90(shown_by_odd(colours(10)), -1)
    assert numpy.abs(made.drawn(doctor, file, width=SIDE) - wanted).max() <= 8


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_srgb_and_none_change_nothing(doctor, name):
    pictures = []
    for profile in (SRGB, None):
        file = doctor.upload(RASTERS[name](profile), name)
        answer = made.rendered(doctor, file)
        assert remark(answer) is None
        pictures.append(answer.content)
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("why", BROKEN)
@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_a_profile_that_cannot_be_used_is_told_of(doctor, name, why):
    profile, words = BROKEN[why]
    content = RASTERS[name](profile)
    file = doctor.upload(content, name)
    answer = made.rendered(doctor, file)
    assert remark(answer) == NOT_USED + words
    assert numpy.abs(opened(answer.content) - opened(content)).max() <= 2
    assert made.histogram_of(doctor, file)["remark"] == NOT_USED + words
    assert doctor.settled(file["id"])["status"] == "UPLOADED"


def in_broken_chunk():
    plain = saved(colours(80), "PNG")
    return plain[:33] + chunk(b"iCCP", b"a\0\0" + zlib.compress(odd())[:60]) + plain[33:]


def without_a_segment():
    """ICC.1 annex B.4: each tells which it is, of how many."""
    jpeg = saved(colours(81), "JPEG", quality=98, subsampling=0, icc_profile=LONG)
    for _, start, end in segments(jpeg):
        if jpeg[start + 4 : start + 16] == b"ICC_PROFILE\0" and jpeg[start + 16] == 2:
            return jpeg[:start] + jpeg[end:]
    raise AssertionError("the profile is in one segment")


@pytest.mark.parametrize("make", [in_broken_chunk, without_a_segment])
def test_a_profile_that_does_not_come_whole_is_told_of(doctor, make):
    content = make()
    answer = made.rendered(doctor, doctor.upload(content, "a"))
    assert remark(answer) == NOT_USED + "it is damaged"
    assert numpy.abs(opened(answer.content) - opened(content)).max() <= 2


def test_a_grey_picture_is_shown_as_it_is(doctor):
    for profile in (GREY, odd()):
        grey = colours(11)[..., 0]
        file = doctor.upload(saved(grey, "PNG", icc_profile=profile), "grey.png")
        answer = made.rendered(doctor, file)
        assert (numpy.asarray(Image.open(io.BytesIO(answer.content))) == grey).all() and remark(answer) is None


# ---- what a PNG says in other ways (W3C PNG specification, third edition, 11.3.2; the first row decides, 4.3) ----

OTHERS = "the file says by cICP, gAMA or cHRM that its colours are not those of sRGB: they are shown as if they were"


def numbers(*values):
    return struct.pack(f">{len(values)}I", *values)


OF_SRGB = numbers(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
OF_P3 = numbers(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SAYS = {  # chunks before the pixels; is it told of?
    "nothing": ((), False),
    "sRGB's numbers": (((b"gAMA", numbers(45455)), (b"cHRM", OF_SRGB)), False),
    "light": (((b"gAMA", numbers(100000)),), True),
    "gamma 1.8": (((b"gAMA", numbers(55556)),), True),
    "other primaries": (((b"gAMA", numbers(45455)), (b"cHRM", OF_P3)), True),
    "gAMA beside sRGB": (((b"sRGB", b"\0"), (b"gAMA", numbers(100000))), False),
    "sRGB behind gAMA": (((b"gAMA", numbers(100000)), (b"sRGB", b"\0")), False),
    "code of sRGB": (((b"cICP", bytes((1, 13, 0, 1))), (b"cHRM", OF_P3)), False),
    "code of PQ": (((b"cICP", bytes((9, 16, 0, 1))), (b"sRGB", b"\0")), True),
    "cut": (((b"cHRM", OF_P3[:20]),), False),
}


@pytest.mark.parametrize("name", SAYS)
def test_a_png_of_other_colours_is_told_of(doctor, name):
    chunks, is_told = SAYS[name]
    plain = saved(colours(70), "PNG")
    content = plain[:33] + b"".join(chunk(*c) for c in chunks) + plain[33:]
    file = doctor.upload(content, "a.png")
    assert file["remarks"] == ([OTHERS] if is_told else None)
    assert (made.drawn(doctor, file) == colours(70)).all()


def test_of_a_grey_png_they_are_not_asked(doctor):
    plain = saved(colours(71)[..., 0], "PNG")
    content = plain[:33] + chunk(b"gAMA", numbers(100000)) + plain[33:]
    assert doctor.upload(content, "grey.png")["remarks"] is None


# ---- DICOM ----


def dicom(pixels=None, profile=None, **members):
    pixels = colours() if pixels is None else pixels
    return made.image(pixels, Modality="XC", ICCProfile=profile, **members)


def stored_jpeg(pixels):
    return saved(pixels, "JPEG", quality=98, subsampling=0)


def in_palette(profile):
    """Indices into 24 colours."""
    entries = colours(12)[0]
    tables = {}
    for i, name in enumerate(("Red", "Green", "Blue")):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [SIDE, 0, 8]
        tables[f"{name}PaletteColorLookupTableData"] = entries[:, i].tobytes()
    indices = numpy.tile(numpy.arange(SIDE, dtype=numpy.uint8), (SIDE, 1))
    return dicom(indices, profile, PhotometricInterpretation="PALETTE COLOR", **tables), entries[indices]


def deflated(content):
    data = pydicom.dcmread(io.BytesIO(content))
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    return out.getvalue()


def in_runs(pixels):
    """RLE (PS3.5 annex G), of literal runs: a segment for each colour."""
    segments = []
    for i in range(3):
        plane = pixels[..., i].tobytes()
        runs = (plane[at : at + 128] for at in range(0, len(plane), 128))
        segment = b"".join(bytes([len(run) - 1]) + run for run in runs)
        segments.append(segment + bytes(len(segment) % 2))
    starts = [64 + sum(map(len, segments[:i])) for i in range(3)]
    return struct.pack("<16I", 3, *starts, *(0,) * 12) + b"".join(segments)


IMAGES = {
    "RGB": lambda p: (dicom(colours(20), p), colours(20)),
    "planes": lambda p: (dicom(colours(21), p, PlanarConfiguration=1), colours(21)),
    "YBR": lambda p: (dicom(ycbcr(colours(22)), p, PhotometricInterpretation="YBR_FULL"), colours(22)),
    "JPEG": lambda p: (
        dicom(colours(23), p, syntax=JPEGBaseline8Bit, frame=stored_jpeg(colours(23)),
              PhotometricInterpretation="YBR_FULL"),
        opened(stored_jpeg(colours(23))),
    ),
    "RLE": lambda p: (dicom(colours(24), p, syntax=RLELossless, frame=in_runs(colours(24))), colours(24)),
    "palette": in_palette,
    "deflated": lambda p: (deflated(dicom(colours(25), p)), colours(25)),
}  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_the_profile_of_a_dicom_image_counts(doctor, name):
    content, stored = IMAGES[name](odd())
    file = made.send(doctor, content)
    answer = made.rendered(doctor, file)
    found = opened(answer.content)
    assert remark(answer) is None and numpy.abs(found - shown_by_odd(stored)).max() <= (4 if name in "YBR JPEG" else 2)
    luminance = found @ (0.299, 0.587, 0.114)
    assert made.histogram_of(doctor, file)["mean"] == pytest.approx(luminance.mean(), abs=1)

    turned = made.drawn(doctor, file, invert=True)
    assert numpy.abs(turned - (255 - found)).max() <= 1


def test_each_image_has_its_own_profile_and_no_other(doctor):
    """One decoder after another, in turn."""
    for n, profile in enumerate([odd(), None, odd(), SRGB, odd("red", "green"), b"x" * 200, odd(), None]):
        pixels = colours(30 + n)
        answer = made.rendered(doctor, made.send(doctor, dicom(pixels, profile)))
        is_odd, is_plain = profile == odd(), profile == odd("red", "green")
        wanted = shown_by_odd(pixels, (1, 0, 2) if is_odd else (0, 1, 2)) if is_odd or is_plain else pixels
        assert numpy.abs(opened(answer.content) - wanted).max() <= (2 if is_odd or is_plain else 0), n
        assert remark(answer) == (NOT_USED + "it is damaged" if n == 5 else None)


@pytest.mark.parametrize("why", BROKEN)
def test_a_profile_of_a_dicom_image_that_cannot_be_used_is_told_of(doctor, why):
    profile, words = BROKEN[why]
    file = made.send(doctor, dicom(colours(40), profile))
    answer = made.rendered(doctor, file)
    assert (opened(answer.content) == colours(40)).all() and remark(answer) == NOT_USED + words
    assert made.histogram_of(doctor, file)["remark"] == NOT_USED + words


def test_a_profile_that_is_too_large_is_told_of(doctor):
    profile = odd(parts=[(b"priv", b"data" + bytes((4 << 20) + 4))])
    answer = made.rendered(doctor, made.send(doctor, dicom(colours(41), profile)))
    assert (opened(answer.content) == colours(41)).all() and remark(answer) == NOT_USED + "it is larger than 4 MiB"


def test_the_profile_of_a_grey_image_is_left_alone(doctor):
    grey = colours(42)[..., 0]
    answer = made.rendered(doctor, made.send(doctor, dicom(grey, odd())), voi="none")
    assert remark(answer) is None and Image.open(io.BytesIO(answer.content)).mode == "L"


def slide(frames, **members):
    data = pydicom.dcmread(io.BytesIO(made.image(colours(50), Modality="SM", **members)))
    data.NumberOfFrames = frames
    data.PixelData = b"".join(colours(50 + n).tobytes() for n in range(frames))
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    return out.getvalue()


def optical_paths(*profiles):
    return made.items(*({"OpticalPathIdentifier": f"P{i}", "ICCProfile": p} for i, p in enumerate(profiles)))


def of_path(name):
    return made.item(OpticalPathIdentificationSequence=made.items({"OpticalPathIdentifier": name}))


def test_slides_have_a_profile_for_each_optical_path(doctor):
    """C.8.12.5; which frame belongs to which: C.8.12.6.1.3, and without functional groups C.7.6.17.3."""
    swapped, straight = (1, 0, 2), (0, 1, 2)
    several = {"OpticalPathSequence": optical_paths(odd(), odd("red", "green"))}
    of_frames = {"PerFrameFunctionalGroupsSequence": made.items(of_path("P1"), of_path("P0"))}
    of_all = {"SharedFunctionalGroupsSequence": made.items(of_path("P1"))}
    for members, frames, orders in (
        ({"OpticalPathSequence": optical_paths(odd())}, 2, (swapped, swapped)),
        ({**several, **of_frames}, 2, (straight, swapped)),
        ({**several, **of_all}, 2, (straight, straight)),
        ({**several, "DimensionOrganizationType": "TILED_FULL"}, 4, (swapped, swapped, straight, straight)),
        (several, 2, (None, None)),
    ):
        file = made.send(doctor, slide(frames, **members))
        for n, order in enumerate(orders):
            wanted = shown_by_odd(colours(50 + n), order) if order else colours(50 + n)
            assert numpy.abs(made.drawn(doctor, file, frame=n + 1) - wanted).max() <= 2, (members, n)
