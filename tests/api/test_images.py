"""What is in an image file: pictures, thumbnails, header, frames and histogram, each against what independent readers
make of it."""

import hashlib
import io
import json
import math
import warnings
from pathlib import Path

import numpy
import pydicom
import pytest
from PIL import Image

from annotations import DICOM, fresh, upload
from support import (
    DATA, EXPECTED, JPEG, PNG, Server, at_rest, dicom, ok, png, problem, sample, uid, wait_until, wrong_members,
)  # fmt: skip

doctor_of_all = None  # conftest.py


def rendered(api, file, expect=200, headers=None, **query):
    answer = api.get(f"/images/{file['id']}/rendered", params=query, headers=headers)
    return answer if expect == 200 and ok_bytes(answer) else problem(answer, expect)


def ok_bytes(answer):
    assert answer.status_code == 200, answer.text[:500]
    return answer.content


def picture(api, file, **query):
    """The rendered picture, decoded by Pillow."""
    query.setdefault("format", "png")
    return Image.open(io.BytesIO(rendered(api, file, **query).content))


def pixels(api, file, **query):
    return numpy.asarray(picture(api, file, **query)).astype(int)


def frames_of(name):
    """Rescaled values of all frames of a file without compression."""
    data = pydicom.dcmread(DICOM / name, force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    values = data.pixel_array.astype(float)
    values = values if values.ndim == 3 else values[None]
    return values * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))


def windowed(values, center, width, most=255):
    """PS3.3 C.11.2.1.2.1, linear."""
    return numpy.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * most


def spread(values, most=255):
    return (values - values.min()) / (values.max() - values.min()) * most


def is_near(a, b, tolerance=1):
    assert a.shape == b.shape
    worst = numpy.abs(a - b).max()
    assert worst <= tolerance, worst


@pytest.fixture
def ct(doctor):
    return upload(doctor, "CT_small.dcm")


# ---- rendered ----


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_formats(doctor, ct, kind):
    answer = rendered(doctor, ct, format=kind)
    assert answer.headers["content-type"] == f"image/{kind}"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format.lower(), image.size) == (kind, (128, 128))
    tolerance = {"png": 0, "jpeg": 24, "webp": 24}[kind]
    is_near(numpy.asarray(image.convert("L")).astype(int), pixels(doctor, ct), tolerance)


def test_jpeg_unless_asked_otherwise(doctor, ct):
    plain = rendered(doctor, ct)
    assert plain.headers["content-type"] == "image/jpeg"
    assert plain.content == rendered(doctor, ct, format="jpeg", quality=90, frame=1, invert="false").content
    assert len(rendered(doctor, ct, quality=10).content) < len(plain.content)


def test_lossless_webp(doctor, ct):
    image = picture(doctor, ct, format="webp", quality=100)
    is_near(numpy.asarray(image.convert("L")).astype(int), pixels(doctor, ct), 0)


def test_windows(doctor, ct):
    values = frames_of("CT_small.dcm")[0]
    for center, width in ((40, 400), (-600, 1500), (0, 1.5), (2000, 10000)):
        is_near(pixels(doctor, ct, window_center=center, window_width=width), windowed(values, center, width))


def test_presets(doctor, ct):
    values = frames_of("CT_small.dcm")[0]
    for name, center, width in (("lung", -600, 1500), ("bone", 400, 1800), ("brain", 40, 80)):
        found = pixels(doctor, ct, preset=name)
        is_near(found, windowed(values, center, width))
        is_near(found, pixels(doctor, ct, window_center=center, window_width=width), 0)


def test_the_files_own_window(doctor):
    mr, values = upload(doctor, "MR_small.dcm"), frames_of("MR_small.dcm")[0]
    is_near(pixels(doctor, mr), windowed(values, 600, 1600))
    is_near(pixels(doctor, mr, voi=1), pixels(doctor, mr), 0)
    is_near(pixels(doctor, mr, voi="none"), spread(values))
    assert wrong_members(rendered(doctor, mr, 422, voi=2)) == ["voi"]
    assert wrong_members(rendered(doctor, mr, 422, preset="bone")) == ["preset"]


def test_inverted(doctor, ct):
    is_near(pixels(doctor, ct, invert="true"), 255 - pixels(doctor, ct), 0)


def test_black_is_white_in_monochrome1(doctor):
    values = frames_of("CR-MONO1-10-chest")[0]
    cr = upload(doctor, "CR-MONO1-10-chest")
    is_near(pixels(doctor, cr, voi="none"), 255 - spread(values))


def test_sixteen_bits(doctor, ct):
    values = frames_of("CT_small.dcm")[0]
    image = picture(doctor, ct, bits=16, window_center=40, window_width=400)
    assert image.mode in ("I;16", "I")
    is_near(numpy.asarray(image).astype(int), windowed(values, 40, 400, 65535))


@pytest.mark.parametrize(
    "box, size",
    [
        ({"width": 64}, (64, 64)),
        ({"height": 50}, (50, 50)),
        ({"width": 100, "height": 32}, (32, 32)),
        ({"width": 8192, "height": 8192}, (128, 128)),  # never enlarged
        ({"width": 1}, (1, 1)),
    ],
)
def test_boxes(doctor, ct, box, size):
    assert picture(doctor, ct, **box).size == size


def test_a_small_picture_is_the_mean_of_the_large_one(doctor, ct):
    """Not every second pixel: what is thin would vanish."""
    large = pixels(doctor, ct)
    is_near(pixels(doctor, ct, width=64), large.reshape(64, 2, 64, 2).mean(axis=(1, 3)), 40)
    assert abs(pixels(doctor, ct, width=32).mean() - large.mean()) < 1


def test_colour(doctor):
    palette = picture(doctor, upload(doctor, "examples_palette.dcm"))
    assert palette.mode == "RGB" and palette.size == (800, 350)
    data = pydicom.dcmread(DICOM / "examples_palette.dcm")
    expected = pydicom.pixels.apply_color_lut(data.pixel_array, data)
    is_near(numpy.asarray(palette).astype(int), expected.astype(int) >> (8 if expected.dtype.itemsize == 2 else 0))
    colour = upload(doctor, "SC_rgb_small_odd.dcm")
    is_near(pixels(doctor, colour), pydicom.dcmread(DICOM / "SC_rgb_small_odd.dcm").pixel_array.astype(int), 0)
    for wish in ({"window_center": 1, "window_width": 2}, {"voi": "none"}, {"format": "png", "bits": 16}):
        assert len(wrong_members(rendered(doctor, colour, 422, **wish))) == 1


def test_frames_by_number(doctor):
    file, values = upload(doctor, "emri_small.dcm"), frames_of("emri_small.dcm")
    for number in (1, 2, 10):
        is_near(pixels(doctor, file, frame=number, voi="none"), spread(values[number - 1]))
    assert "10 frames" in rendered(doctor, file, 404, frame=11)["detail"]
    rendered(doctor, file, 404, frame=16777216)


@pytest.mark.parametrize(
    "query, names",
    [
        ({"frame": 0}, ["frame"]),
        ({"frame": -1}, ["frame"]),
        ({"frame": "x"}, ["frame"]),
        ({"window_center": 40}, ["window_width"]),
        ({"window_width": 40}, ["window_center"]),
        ({"window_center": 40, "window_width": 0}, ["window_width"]),
        ({"window_center": 40, "window_width": -5}, ["window_width"]),
        ({"window_center": "nan", "window_width": 5}, ["window_center"]),
        ({"window_center": "inf", "window_width": 5}, ["window_center"]),
        ({"window_center": 40, "window_width": 5, "preset": "bone"}, ["preset"]),
        ({"preset": "bones"}, ["preset"]),
        ({"preset": "bone", "voi": 1}, ["preset"]),
        ({"voi": "99"}, ["voi"]),
        ({"voi": "x" * 65}, ["voi"]),
        ({"invert": "perhaps"}, ["invert"]),
        ({"width": 0}, ["width"]),
        ({"height": 8193}, ["height"]),
        ({"format": "gif"}, ["format"]),
        ({"quality": 0}, ["quality"]),
        ({"quality": 101}, ["quality"]),
        ({"bits": 12, "format": "png"}, ["bits"]),
        ({"bits": 16}, ["bits"]),
        ({"width": 0, "format": "gif", "quality": 101}, ["format", "quality", "width"]),
    ],
)
def test_bad_parameters(doctor, ct, query, names):
    assert wrong_members(rendered(doctor, ct, 422, **query)) == names


def test_etags(doctor, ct):
    first = rendered(doctor, ct, width=40)
    tag = first.headers["etag"]
    again = doctor.get(f"/images/{ct['id']}/rendered", params={"width": 40}, headers={"If-None-Match": tag})
    assert again.status_code == 304 and not again.content and again.headers["etag"] == tag
    other = rendered(doctor, ct, width=41, headers={"If-None-Match": tag})
    assert other.headers["etag"] != tag
    assert first.headers["cache-control"] == "private, no-cache"


def counters(admin):
    lines = [line.split() for line in admin.get("/metrics").text.splitlines() if line.startswith("roentgen_rendered_")]
    return {name.removeprefix("roentgen_rendered_"): int(value) for name, value in lines}


def test_what_was_rendered_before_is_the_same(new_server):
    """From memory, from disk after a restart, and from a server that keeps nothing."""
    server = new_server()
    admin = server.admin()
    file = admin.upload((DICOM / "MR_small.dcm").read_bytes(), "mr.dcm")
    first = rendered(admin, file, width=50)
    at_rest(admin)  # its thumbnail is a picture, too
    before = counters(admin)
    assert rendered(admin, file, width=50).content == first.content
    after = counters(admin)
    assert after["memory_hits_total"] == before["memory_hits_total"] + 1
    assert after["misses_total"] == before["misses_total"]
    server.stop()
    server.start()
    admin = server.admin()
    later = rendered(admin, file, width=50)
    assert later.content == first.content and later.headers["etag"] == first.headers["etag"]
    assert counters(admin)["disk_hits_total"] == 1
    server.stop()
    server.settings.update(RENDERED_MEMORY="0", RENDERED_DISK="0")
    server.start()
    admin = server.admin()
    for _ in range(2):
        assert rendered(admin, file, width=50).content == first.content
    assert counters(admin)["misses_total"] >= 2


PATHS = ["rendered", "thumbnail", "metadata", "frames/1", "frames/1?stored=true", "histogram"]


@pytest.mark.parametrize("path", PATHS)
def test_rights(doctor, colleague, nobody, admin, ct, path):
    assert doctor.get(f"/images/{ct['id']}/{path}").status_code == 200
    assert admin.get(f"/images/{ct['id']}/{path}").status_code == 200
    problem(colleague.get(f"/images/{ct['id']}/{path}"), 404)
    problem(nobody.get(f"/images/{ct['id']}/{path}"), 401)
    problem(doctor.get(f"/images/999999999/{path}"), 404)


def test_deleted_files_show_nothing(doctor, ct):
    rendered(doctor, ct)
    ok(doctor.delete(f"/image-files/{ct['id']}"), 204)
    for path in PATHS:
        problem(doctor.get(f"/images/{ct['id']}/{path}"), 404)


def test_who_looked_is_written_down(admin, colleague):
    ct = upload(colleague, "CT_small.dcm")
    rendered(colleague, ct)
    rendered(colleague, ct)  # from the cache
    asked = {"user_id": colleague.id, "action": "image_file.rendered"}
    wait_until(lambda: ok(admin.get("/system/audit-logs", params=asked))["total"] == 2, what="two audit rows")
    rows = ok(admin.get("/system/audit-logs", params=asked))["items"]
    assert {(r["entity"], r["entity_id"], r["patient_id"]) for r in rows} == {
        ("image_file", ct["id"], ct["patient_id"])
    }


# ---- pictures that are no DICOM ----


def test_pictures(doctor):
    for name, kind in ((PNG, "PNG"), (JPEG, "JPEG")):
        content = sample(name)
        whole = Image.open(io.BytesIO(content)).convert("L")
        file = doctor.upload(content + b"\0" if kind == "JPEG" else content)
        shown = picture(doctor, file)
        assert shown.size == whole.size
        is_near(numpy.asarray(shown.convert("L")).astype(int), numpy.asarray(whole).astype(int), 2)
        assert wrong_members(rendered(doctor, file, 422, preset="bone")) == ["preset"]
        body = ok(doctor.get(f"/images/{file['id']}/metadata"))
        size = {"width": whole.width, "height": whole.height}
        assert body == {"file_type": kind, **size, "pages": 1, "orientation": 1}


def test_pages_of_a_tiff(doctor):
    values = numpy.random.default_rng(10).integers(0, 1 << 16, (10, 30, 40), numpy.uint16)
    first, *others = [Image.fromarray(page) for page in values]
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others)
    file = doctor.upload(out.getvalue(), "pages.tiff")
    for number in (1, 10):
        frame = ok_bytes(doctor.get(f"/images/{file['id']}/frames/{number}"))
        assert (numpy.frombuffer(frame, "<u2").reshape(30, 40) == values[number - 1]).all()
        assert picture(doctor, file, frame=number).size == (40, 30)
    answer = doctor.get(f"/images/{file['id']}/rendered?frame=11")
    assert answer.status_code in (404, 422) and problem(answer, answer.status_code)["detail"]
    problem(doctor.get(f"/images/{file['id']}/frames/1?stored=true"), 415)


# ---- thumbnails ----


@pytest.mark.parametrize("size, expected", [(16, 16), (100, 100), (256, 128), (1024, 128)])
def test_thumbnails_of_dicom(doctor, ct, size, expected):
    answer = doctor.get(f"/images/{ct['id']}/thumbnail", params={"size": size})
    image = Image.open(io.BytesIO(ok_bytes(answer)))
    assert (image.format, image.size) == ("JPEG", (expected, expected))
    tag = answer.headers["etag"]
    again = doctor.get(f"/images/{ct['id']}/thumbnail", params={"size": size}, headers={"If-None-Match": tag})
    assert again.status_code == 304


def test_thumbnails_of_pictures(doctor):
    file = doctor.upload(png(400, 200))
    for size, expected in ((256, (256, 128)), (40, (40, 20)), (1024, (400, 200))):
        answer = doctor.get(f"/images/{file['id']}/thumbnail", params={"size": size})
        assert Image.open(io.BytesIO(ok_bytes(answer))).size == expected
    assert doctor.settled(file["id"])["thumbnail_path"]
    for size in (15, 1025, "x"):
        answer = problem(doctor.get(f"/images/{file['id']}/thumbnail", params={"size": size}), 422)
        assert wrong_members(answer) == ["size"]


# ---- header ----


def without_meta_and_pixels(model):
    return {tag: e for tag, e in model.items() if not tag.startswith("0002") and tag not in ("7FE00010", "FFFCFFFC")}


def alike(ours, theirs, where=""):
    """Numbers as numbers: 1 and 1.0 are written by one and the other."""
    if isinstance(theirs, dict):
        theirs = {name: value for name, value in theirs.items() if value != []}  # empty: no Value, PS3.18 F.2.5
        assert isinstance(ours, dict) and set(ours) == set(theirs), (where, set(ours) ^ set(theirs))
        for name in theirs:
            alike(ours[name], theirs[name], f"{where}/{name}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list) and len(ours) == len(theirs), where
        for i, value in enumerate(theirs):
            alike(ours[i], value, f"{where}/{i}")
    elif isinstance(theirs, float) or isinstance(ours, float):
        assert math.isclose(float(ours), float(theirs), rel_tol=1e-9), where
    else:
        assert ours == theirs, where


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_bigendian.dcm", "test-SR.dcm", "rtplan.dcm", "emri_small.dcm", "waveform_ecg.dcm"],
)
def test_the_header_is_what_pydicom_reads(doctor, name):
    content = fresh(name)
    file = doctor.upload(content, "a.dcm")
    answer = doctor.get(f"/images/{file['id']}/metadata")
    assert answer.headers["content-type"] == "application/dicom+json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(io.BytesIO(content)).to_json_dict(bulk_data_threshold=1 << 30)
    alike(without_meta_and_pixels(ok(answer)), json.loads(json.dumps(without_meta_and_pixels(theirs))))


def test_the_header_of_a_truncated_file(doctor):
    file = upload(doctor, "bad/MR_truncated.dcm")
    assert file["status"] == "FAILED"
    model = ok(doctor.get(f"/images/{file['id']}/metadata"))
    assert model["00280010"]["Value"] == [64] and model["00080060"]["Value"] == ["MR"]
    whole = dicom(StudyDescription="where it ends")
    cut = doctor.upload(whole[: whole.index(b"where") + 3], "cut.dcm")
    model = ok(doctor.get(f"/images/{cut['id']}/metadata"))
    assert model["00080060"]["Value"] == ["OT"] and "00100010" not in model


# ---- frames: every sample ----

LOSSY = {
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.91",
}

# As in tests/unit/dicom/test_codec.c: gdcm swaps the byte planes of 16-bit colour; we make up no pixels where a file
# ends.
RIGHT = {"dicom/SC_rgb_rle_16bit.dcm": "dcmtk"}
REFUSED = {"dicom/bad/MR_truncated.dcm": "(7FE0,0010) at byte 1488"}

PIXEL_FORMAT = ["rows", "columns", "samples", "bits-allocated", "bits-stored", "signed", "kind", "photometric"]


def pixel_format(answer):
    pairs = [pair.split("=") for pair in answer.headers["x-pixel-format"].split(";")]
    assert [name for name, _ in pairs] == PIXEL_FORMAT
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


def stored_values(content, form):
    if form["kind"] == "float":
        return numpy.frombuffer(content, f"<f{form['bits-allocated'] // 8}").astype(float)
    raw = numpy.frombuffer(content, f"<u{max(form['bits-allocated'] // 8, 1)}").astype(numpy.int64)
    raw &= (1 << form["bits-stored"]) - 1
    return (
        numpy.where(raw >> (form["bits-stored"] - 1), raw - (1 << form["bits-stored"]), raw) if form["signed"] else raw
    )


def frame_problem(name, answer):
    """None when the decoded first frame is what EXPECTED.json has."""
    expected = EXPECTED[name]["frame0"]
    if name in REFUSED:
        assert REFUSED[name] in problem(answer, 422)["detail"]
        return None
    if "disagree" in expected:
        expected = next(e for e in expected["disagree"] if RIGHT[name] in e["by"])
    if answer.status_code != 200:
        return answer.text[:300]
    form, content = pixel_format(answer), answer.content
    if (form["bits-allocated"], form["photometric"], len(content)) != (
        expected["bits_allocated"],
        expected["photometric"],
        expected["bytes"],
    ):
        return f"{form} {len(content)} bytes"
    if hashlib.sha256(content).hexdigest() == expected["sha256"]:
        return None
    values = stored_values(content, form)
    found = (values.min(), values.max(), values.mean())
    near = [abs(a - expected[b]) <= c for a, b, c in zip(found, ("min", "max", "mean"), (2, 2, 0.1))]
    return None if EXPECTED[name]["tags"].get("TransferSyntaxUID") in LOSSY and all(near) else f"differs: {found}"


def stored_problem(path, answer):
    """None when the encoded first frame is what pydicom sees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(path, force=True)
        if "PixelData" not in data or not data["PixelData"].is_undefined_length:
            return None
        theirs = next(
            pydicom.encaps.generate_frames(data.PixelData, number_of_frames=int(data.get("NumberOfFrames") or 1))
        )
    return None if answer.content == theirs else f"{len(answer.content)} stored bytes, {len(theirs)} expected"


def test_the_first_frame_of_every_sample(tmp_path):
    """And every other view of them: nothing is an internal error, pictures that decode are shown."""
    server = Server(tmp_path, SAME_INSTANCE="keep", RENDERED_DISK="0")
    server.init().start()
    admin, wrong, compared = server.admin(), {}, 0
    for name in sorted(EXPECTED):
        answer = admin.post("/upload/single", files={"file": (Path(name).name, sample(name))})
        if answer.status_code == 415:
            assert name == "dicom/bad/no_meta_stray_byte.dcm"
            continue
        address = f"/images/{ok(answer, 201)['id']}/"
        views = {path: admin.get(address + path) for path in PATHS}
        codes = {path: view.status_code for path, view in views.items()}
        if codes.pop("metadata") != 200 or not set(codes.values()) <= {200, 415, 422}:
            wrong[name] = codes
        elif "frame0" in EXPECTED[name]:
            compared += 1
            found = frame_problem(name, views["frames/1"])
            if name not in REFUSED:
                found = found or (None if set(codes.values()) == {200} else codes)
                found = found or stored_problem(DATA / name, views["frames/1?stored=true"])
            if found:
                wrong[name] = found
    server.close()
    assert not wrong, wrong
    assert compared > 120


@pytest.mark.parametrize(
    "name, code, words",
    [
        ("test-SR.dcm", 415, "no Pixel Data (7FE0,0010)"),
        ("encapsulated_pdf.dcm", 415, "no Pixel Data (7FE0,0010)"),
        ("rtstruct.dcm", 415, "no Pixel Data (7FE0,0010)"),
        ("bad/MR_truncated.dcm", 422, "(7FE0,0010) at byte 1488"),
        ("bad/rtplan_truncated.dcm", 422, "(300A,012C) at byte 2092"),
    ],
)
def test_what_has_no_picture_says_why(doctor, name, code, words):
    file = upload(doctor, name)
    for path in PATHS:
        if path != "metadata":
            assert words in problem(doctor.get(f"/images/{file['id']}/{path}"), code)["detail"]


def test_frame_numbers(doctor, ct):
    for number in (2, 16777216):
        problem(doctor.get(f"/images/{ct['id']}/frames/{number}"), 404)
    for number in (0, -1, "x", 16777217, 1 << 70):
        assert doctor.get(f"/images/{ct['id']}/frames/{number}").status_code in (404, 422)


def test_native_frames_are_stored_as_they_are(doctor):
    file, data = upload(doctor, "emri_small.dcm"), pydicom.dcmread(DICOM / "emri_small.dcm")
    size = 64 * 64 * 2
    for number in (1, 7, 10):
        raw = data.PixelData[(number - 1) * size : number * size]
        assert ok_bytes(doctor.get(f"/images/{file['id']}/frames/{number}?stored=true")) == raw
        answer = doctor.get(f"/images/{file['id']}/frames/{number}")
        assert answer.content == raw and answer.headers["content-type"] == "application/octet-stream"
    assert pixel_format(answer) == {
        "rows": 64,
        "columns": 64,
        "samples": 1,
        "bits-allocated": 16,
        "bits-stored": 12,
        "signed": 0,
        "kind": "integer",
        "photometric": "MONOCHROME2",
    }


def test_stored_frames_say_what_they_are(doctor):
    for name, media_type in (
        ("MR_small_jp2klossless.dcm", "image/jp2"),
        ("MR_small_RLE.dcm", "image/dicom-rle"),
        ("JPGExtended.dcm", "image/jpeg"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
        ("MR_small.dcm", "application/octet-stream"),
    ):
        answer = doctor.get(f"/images/{upload(doctor, name)['id']}/frames/1?stored=true")
        assert ok_bytes(answer) and answer.headers["content-type"] == media_type, name


# ---- histogram ----


@pytest.mark.parametrize("name, frame", [("CT_small.dcm", 1), ("emri_small.dcm", 3), ("MR_small.dcm", 1)])
def test_histograms(doctor, name, frame):
    file = upload(doctor, name)
    values = frames_of(name)[frame - 1]
    padding = pydicom.dcmread(DICOM / name).get("PixelPaddingValue")
    if padding is not None:
        values = values[frames_of(name)[frame - 1] != padding + (-1024 if name == "CT_small.dcm" else 0)]
    body = ok(doctor.get(f"/images/{file['id']}/histogram", params={"frame": frame}))
    assert (body["count"], body["min"], body["max"]) == (values.size, values.min(), values.max())
    assert body["mean"] == pytest.approx(values.mean()) and body["sd"] == pytest.approx(values.std())
    bins, edges = numpy.histogram(values, bins=256, range=(body["low"], body["high"]))
    assert body["low"] <= values.min() and body["high"] >= values.max() and sum(body["bins"]) == values.size
    assert numpy.abs(numpy.cumsum(body["bins"]) - numpy.cumsum(bins)).max() <= 0.01 * values.size
    assert body["unit"] == ("HU" if name == "CT_small.dcm" else None)


def test_histograms_of_nothing(doctor):
    even = doctor.upload(dicom(pixels=b"\5\5\5\5", SOPInstanceUID=uid()), "even.dcm")
    body = ok(doctor.get(f"/images/{even['id']}/histogram"))
    assert (body["min"], body["max"], body["mean"], body["sd"], sum(body["bins"])) == (5, 5, 5, 0, 4)
    problem(doctor.get(f"/images/{even['id']}/histogram?frame=2"), 404)
    assert wrong_members(problem(doctor.get(f"/images/{even['id']}/histogram?frame=0"), 422)) == ["frame"]
