"""TIFF files written tag by tag: kinds that are shown, kinds that are refused by name, pixels that are not there."""

import io
import struct

import made
import numpy
import pytest
from PIL import Image
from support import ok, problem

doctor_of_all = None  # conftest.py

WIDTH, HEIGHT = 16, 8
GREY = numpy.tile(numpy.arange(WIDTH, dtype="u1") * 16, (HEIGHT, 1))
COLOURS = numpy.dstack([GREY, GREY[::-1] + 3, 255 - GREY])
FOUR = numpy.dstack([COLOURS, GREY])


def tiff(pieces, samples=1, bits=8, photometric=1, order="<", big=False, pages=1, **more):
    """`pieces`: the bytes of each strip. Further tags, and others in place of these, as tag_338=(3, [0]): type and
    values; None: without it."""
    letters = {1: "B", 3: "H", 4: "I", 16: "Q"}
    body, at, found = b"", 16 if big else 8, []
    for piece in pieces:
        found.append(at + len(body))
        body += piece + bytes(-len(piece) % 2)
    tags = {
        256: (3, [WIDTH]), 257: (3, [HEIGHT]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]),
        273: (4, found), 277: (3, [samples]), 278: (3, [HEIGHT // len(pieces)]), 279: (4, [len(p) for p in pieces]),
    }  # fmt: skip
    for name, value in more.items():
        tags[int(name[4:])] = found if value == "offsets" else value
    tags = {tag: value for tag, value in sorted(tags.items()) if value}
    offset, room = ("Q", 8) if big else ("I", 4)
    entries = b""
    for tag, (kind, values) in tags.items():
        packed = struct.pack(f"{order}{len(values)}{letters[kind]}", *values)
        if len(packed) > room:
            place = struct.pack(order + offset, at + len(body))
            body += packed + bytes(-len(packed) % 2)
            packed = place
        entries += struct.pack(order + "HH" + offset, tag, kind, len(values)) + packed.ljust(room, b"\0")
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    first = at + len(body)
    step = len(count) + len(entries) + room
    directories = b"".join(
        count + entries + struct.pack(order + offset, first + (i + 1) * step if i + 1 < pages else 0)
        for i in range(pages)
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + "HH", 8, 0) if big else b""
    return head + struct.pack(order + offset, first) + body + directories


def shown(doctor, content, **query):
    file = doctor.upload(content, "a.tif")
    answer = doctor.get(f"/images/{file['id']}/rendered", params={"format": "png", **query})
    assert answer.status_code == 200, answer.text
    return numpy.asarray(Image.open(io.BytesIO(answer.content)))


def planes(pixels):
    return [pixels[..., i].tobytes() for i in range(pixels.shape[-1])]


def halves(pixels):
    return [pixels[: HEIGHT // 2].tobytes(), pixels[HEIGHT // 2 :].tobytes()]


@pytest.mark.parametrize("more", [{}, {"order": ">"}, {"big": True}, {"big": True, "order": ">"}])
def test_extra_samples_of_no_meaning_are_not_transparency(doctor, more):
    """TIFF 6.0 section 18, ExtraSamples 0: unspecified data. The colours are what stands before it."""
    assert (shown(doctor, tiff([FOUR.tobytes()], 4, 8, 2, tag_338=(3, [0]), **more)) == COLOURS).all()


def test_extra_samples(doctor):
    five = numpy.dstack([FOUR, numpy.full_like(GREY, 255)])
    grey_and_more = numpy.dstack([GREY, GREY[::-1]])
    content = tiff(planes(FOUR), 4, 8, 2, tag_278=(3, [8]), tag_284=(3, [2]), tag_338=(3, [0]))
    assert (shown(doctor, content) == COLOURS).all()
    assert (shown(doctor, tiff([five.tobytes()], 5, 8, 2, tag_338=(3, [0, 0]))) == COLOURS).all()
    assert (shown(doctor, tiff([five.tobytes()], 5, 8, 2, tag_338=(3, [0, 2]))) == COLOURS).all()  # opaque everywhere
    assert (shown(doctor, tiff([grey_and_more.tobytes()], 2, tag_338=(3, [0]))) == GREY).all()
    # Transparency still is: on white paper.
    seen = shown(doctor, tiff([FOUR.tobytes()], 4, 8, 2, tag_338=(3, [2])))
    assert (seen[:, 0] == 255).all() and numpy.abs(seen[:, 15].astype(int) - COLOURS[:, 15]).max() <= 16
    first = numpy.dstack([COLOURS, GREY, GREY[:, ::-1]])  # transparency before data of no meaning
    assert (shown(doctor, tiff([first.tobytes()], 5, 8, 2, tag_338=(3, [2, 0]))) == seen).all()


MISSING = {
    "one strip of half its bytes": (lambda: tiff([GREY.tobytes()[:64]]), "strip 1 has 64 of at least 128 bytes"),
    "a width that lies": (lambda: tiff([GREY.tobytes()], tag_256=(3, [32])), "strip 1 has 128 of at least 256 bytes"),
    "the second strip": (lambda: tiff([GREY.tobytes()[:64], b"1234"]), "strip 2 has 4 of at least 64 bytes"),
    "16 bits": (lambda: tiff([GREY.tobytes()], bits=16), "strip 1 has 128 of at least 256 bytes"),
    "4 bits": (lambda: tiff([bytes(63)], bits=4), "strip 1 has 63 of at least 64 bytes"),
    "colours": (lambda: tiff([GREY.tobytes()], 3, 8, 2), "strip 1 has 128 of at least 384 bytes"),
    "a plane": (
        lambda: tiff(planes(COLOURS)[:2] + [b"x"], 3, 8, 2, tag_278=(3, [8]), tag_284=(3, [2])),
        "strip 3 has 1 of",
    ),
    "no third plane": (
        lambda: tiff(planes(COLOURS)[:2], 3, 8, 2, tag_278=(3, [8]), tag_284=(3, [2])),
        "it has 2 of 3 strips",
    ),
    "no second strip": (lambda: tiff([GREY.tobytes()], tag_278=(3, [4])), "it has 1 of 2 strips"),
    "a strip of none": (lambda: tiff(halves(GREY), tag_279=(4, [64, 0])), "strip 2 has 0 of at least 64 bytes"),
    "a strip past the end": (lambda: tiff([GREY.tobytes()], tag_273=(4, [100000])), "strip 1 has 0 of at least 128"),
    "a compressed strip of none": (lambda: tiff(halves(GREY), tag_259=(3, [5]), tag_279=(4, [64, 0])), "strip 2 has 0"),
    "a tile": (
        lambda: tiff(
            [bytes(128)],
            tag_273=None,
            tag_278=None,
            tag_279=None,
            tag_322=(3, [16]),
            tag_323=(3, [16]),
            tag_324=(4, [8]),
            tag_325=(4, [128]),
        ),
        "tile 1 has 128 of at least 256 bytes",
    ),
    "BigTIFF": (lambda: tiff([GREY.tobytes()[:64]], big=True), "strip 1 has 64 of at least 128 bytes"),
    "big endian": (lambda: tiff([GREY.tobytes()[:64]], order=">"), "strip 1 has 64 of at least 128 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSING)
def test_pixels_that_are_not_there_are_told(doctor, name):
    make, words = MISSING[name]
    refused = doctor.upload(make(), "a.tif", expect=422)
    assert words in refused["errors"][0]["msg"], refused
    assert "cut short" in refused["errors"][0]["msg"]


def test_a_single_strip_may_be_silent_of_its_length(doctor):
    """As old writers are, and libtiff forgives."""
    for bytes_of_strips in (None, (4, [0])):
        assert (shown(doctor, tiff([GREY.tobytes()], tag_279=bytes_of_strips)) == GREY).all()
    assert (shown(doctor, tiff(halves(GREY))) == GREY).all()
    assert (shown(doctor, tiff(halves(COLOURS), 3, 8, 2, big=True)) == COLOURS).all()


REFUSED = {
    "12 bits": {"bits": 12},
    "24 bits": {"bits": 24},
    "16-bit floating point": {"bits": 16, "tag_339": (3, [3])},
    "64-bit floating point": {"bits": 64, "tag_339": (3, [3])},
    "complex numbers": {"bits": 64, "tag_339": (3, [6])},
    "colours are signed": {"samples": 3, "photometric": 2, "bits": 16, "tag_339": (3, [2, 2, 2])},
    "L*a*b*": {"photometric": 8},
    "LogL": {"photometric": 32844, "bits": 16},
    "LogLuv": {"photometric": 32845, "bits": 16},
    "CFA": {"photometric": 32803},
    "linear raw": {"photometric": 34892},
    "photometric interpretation 12345": {"photometric": 12345},
    "compression 34712": {"tag_259": (3, [34712])},
    "compression 9": {"tag_259": (3, [9])},
    "InkSet 2": {"photometric": 5, "samples": 4, "tag_332": (3, [2])},
    "4 bits": {"photometric": 2, "samples": 3, "bits": 4},
    "inks of 32 bits": {"photometric": 5, "samples": 4, "bits": 32},
    "with transparency are taken with 8 or 16 bits": {"samples": 2, "bits": 32, "tag_338": (3, [2])},
    "8 or 16 bits a sample, unsigned": {"samples": 2, "bits": 16, "tag_338": (3, [1]), "tag_339": (3, [2, 2])},
    "save it so, or without transparency": {"samples": 4, "bits": 32, "photometric": 2, "tag_339": (3, [3] * 4)},
    "a plane for each sample": {"samples": 2, "tag_284": (3, [2]), "tag_338": (3, [0])},
    "in strips only": {
        "samples": 3, "photometric": 2, "tag_284": (3, [2]), "tag_322": (3, [16]), "tag_323": (3, [16]),
        "tag_324": (4, [8] * 3), "tag_325": (4, [256] * 3),
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_kinds_that_are_not_shown_are_refused_by_name(doctor, name):
    refused = doctor.upload(tiff([bytes(WIDTH * HEIGHT * 16)], **REFUSED[name]), "a.tif", expect=415)
    assert name in refused["detail"]
    assert "damaged" not in refused["detail"]


def test_a_palette_without_colours(doctor):
    refused = doctor.upload(tiff([GREY.tobytes()], photometric=3), "a.tif", expect=422)
    assert "ColorMap" in refused["errors"][0]["msg"]


def test_too_many_pages_are_not_damage(doctor):
    content = tiff([b"\0"], pages=70000, tag_256=(3, [1]), tag_257=(3, [1]), tag_278=(3, [1]))
    refused = doctor.upload(content, "a.tif", expect=422)
    assert "more than 65535 pages" in refused["errors"][0]["msg"]


def test_another_page_has_other_samples(doctor):
    out = io.BytesIO()
    Image.fromarray(FOUR, "RGBA").save(out, "TIFF", save_all=True, append_images=[Image.fromarray(COLOURS)])
    file = doctor.upload(out.getvalue(), "a.tif")
    answer = doctor.get(f"/images/{file['id']}/rendered", params={"format": "png", "frame": 2})
    assert answer.status_code == 200, answer.text
    assert (numpy.asarray(Image.open(io.BytesIO(answer.content))) == COLOURS).all()


# ---- deep samples: numbers are those that are stored, whichever way round black and white are ----

RAMP = numpy.tile(numpy.linspace(0, 1, WIDTH), (HEIGHT, 1))
DEEP = {  # the least and the greatest value of the page
    "u1": (7, 207),
    "i1": (-100, 101),
    "u2": (1000, 4007),
    "i2": (-1000, 2007),
    "u4": (5, 4_000_000_000),
    "i4": (-900_000_000, 2_000_000_000),
    "f4": (-1.5, 2.5),
}
FORMATS = {"u": 1, "i": 2, "f": 3}  # SampleFormat


def deep_tiff(pixels, photometric, order="<"):
    kind = pixels.dtype.kind
    return tiff([pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()], bits=pixels.dtype.itemsize * 8,
                photometric=photometric, order=order, tag_339=(3, [FORMATS[kind]]))  # fmt: skip


def brightness(values, low, high, photometric):
    shown_as = numpy.clip((values.astype(float) - low) / (high - low), 0, 1) * 255
    return 255 - shown_as if photometric == 0 else shown_as


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", DEEP)
def test_deep_samples(doctor, name, order, photometric):
    low, high = DEEP[name]
    pixels = (low + RAMP * (high - low)).astype(name)
    file = doctor.upload(deep_tiff(pixels, photometric, order), "a.tif")
    found = made.histogram_of(doctor, file)
    assert (found["min"], found["max"], found["count"]) == (pixels.min(), pixels.max(), pixels.size)
    assert made.measured_at(doctor, file, 5, 3)[0] == pytest.approx(float(pixels[3, 5]))
    # Eight bits are what a screen shows; of more, black and white are the least and the greatest value of the page.
    bounds = {"u1": (0, 255), "i1": (-128, 127)}.get(name, (pixels.min(), pixels.max()))
    expected = brightness(pixels, float(bounds[0]), float(bounds[1]), photometric)
    assert numpy.abs(made.drawn(doctor, file) - expected).max() <= 1
    halves_of_it = expected.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3))
    assert numpy.abs(made.drawn(doctor, file, width=WIDTH // 2) - halves_of_it)[:, 1:-1].max() <= 3


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("name", DEEP)
def test_a_window_is_of_stored_values_as_that_of_a_dicom_file(doctor, name, photometric):
    low, high = DEEP[name]
    pixels = (low + RAMP * (high - low)).astype(name)
    center, width = low + (high - low) * 0.2, (high - low) * 0.2
    file = doctor.upload(deep_tiff(pixels, photometric), "a.tif")
    seen = made.drawn(doctor, file, window_center=center, window_width=width)
    # PS3.3 C.11.2.1.2.1 for whole values, C.11.2.1.3.2 for others.
    middle, span = (center, width) if name == "f4" else (center - 0.5, width - 1)
    expected = brightness(pixels, middle - span / 2, middle + span / 2, photometric)
    assert numpy.abs(seen - expected).max() <= 1


def test_frames_of_white_zero_are_as_stored(doctor):
    pixels = (1000 + RAMP * 3000).astype("<u2")
    file = doctor.upload(deep_tiff(pixels, 0), "a.tif")
    answer = doctor.get(f"/images/{file['id']}/frames/1")
    assert answer.status_code == 200, answer.text
    assert answer.content == pixels.tobytes()
    assert "photometric=MONOCHROME1" in answer.headers["x-pixel-format"]


def test_bits_whose_zero_is_white(doctor):
    """As fax and scanners write them."""
    rows = [b"\x0f\x0f"] * HEIGHT
    seen = shown(doctor, tiff([b"".join(rows)], bits=1, photometric=0))
    assert (seen == numpy.tile([255] * 4 + [0] * 4, (HEIGHT, 2))).all()


def test_colours_of_32_bits_in_a_smaller_picture(doctor):
    """Above 2^31 too, where libvips' filters end."""
    pixels = (COLOURS.astype("<u4") << 24) + 12345
    content = tiff([pixels.tobytes()], 3, 32, 2)
    assert (shown(doctor, content) == COLOURS).all()
    seen = shown(doctor, content + b"\0", width=WIDTH // 2)
    expected = COLOURS.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(1, 3))
    assert numpy.abs(seen - expected)[:, 1:-1].max() <= 6


def test_a_page_of_one_value_stays_one_in_every_size(doctor):
    for pixels in (numpy.full((HEIGHT, WIDTH), 1_900_000_000, "i4"), numpy.full((HEIGHT, WIDTH), 0.1, "f4")):
        for query in ({}, {"width": 5}):
            assert len(numpy.unique(shown(doctor, deep_tiff(pixels, 1), **query))) == 1


def test_a_window_on_colours_is_refused(doctor):
    file = doctor.upload(tiff([COLOURS.tobytes()], 3, 8, 2), "a.tif")
    query = {"window_center": 100, "window_width": 50}
    refused = problem(doctor.get(f"/images/{file['id']}/rendered", params=query), 422)
    assert "in colour" in refused["detail"]
    ok(doctor.get(f"/image-files/{file['id']}"))
    assert doctor.settled(file["id"])["status"] != "FAILED"
