"""Masks: which pixels have which label, in the frame's own pixels, whatever the model's input did with the frame; kept,
drawn, and sent as DICOM SEG that others read (dicom3tools, highdicom)."""

import io
import json

import numpy
import pydicom
import pytest
from highdicom.seg import segread
from PIL import Image

import made
from support import ROOT, Server, ok, png, problem
from test_diagnosis import ask, bring, ended, upload
from test_diagnosis_dicom import DIGITAL_XRAY, fetched

MODELS = ROOT / "tests" / "data" / "models"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
ROWS, COLUMNS = 32, 48  # of the input of `shades`
BRIGHT, DARK = 0.6, 0.7
ANATOMY = {"scheme": "SCT", "value": "123037004", "meaning": "Anatomical Structure"}


def card_of(name, fit, **more):
    labels = [
        {"code": {"scheme": "SCT", "value": "272673000", "meaning": "Bone structure"}, "label": "bone",
         "category": ANATOMY, "threshold": BRIGHT},
        {"code": {"scheme": "99TEST", "value": "dark", "meaning": "Dark"}, "label": "air", "threshold": DARK},
    ]  # fmt: skip
    return {
        "format": 1, "name": name, "version": "1", "title": "Shades", "task": "segmentation", "intended_use": "None.",
        "licence": "None.", "labels": labels, "outputs": [{"name": "masks", "role": "mask"}],
        "input": {"name": "image", "size": [ROWS, COLUMNS], "colour": "gray", "fit": fit, "resample": "bilinear",
                  "range": [0, 1]}, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("masks"), MODEL_PROCESSES="1")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def models(chief):
    """One for each way in which a frame gets the input's size."""
    content = (MODELS / "shades.onnx").read_bytes()
    fits = ("squash", "letterbox", "crop")
    brought = {fit: bring(chief, content, card_of(fit, fit))["id"] for fit in fits}
    return {fit: ok(chief.post(f"/diagnosis/models/{brought[fit]}/activate"))["id"] for fit in fits}


def picture(rows, columns):
    """Squares that are neither symmetric nor aligned to anything, and a slope."""
    y, x = numpy.mgrid[:rows, :columns]
    pixels = 40 + 60 * x / columns + 20 * y / rows
    pixels[rows // 5 : rows // 2, columns // 7 : columns // 3] = 230
    pixels[2 * rows // 3 :, columns // 2 : 5 * columns // 6] = 250
    return pixels.astype(numpy.uint8)


def grey(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def sampled(values, at):
    """Bilinear between centres of cells along the last axis, at places in units of a cell; beyond the ends as there."""
    at = numpy.clip(at - 0.5, 0, values.shape[-1] - 1)
    low = numpy.floor(at).astype(int)
    high = numpy.minimum(low + 1, values.shape[-1] - 1)
    return values[..., low] + (values[..., high] - values[..., low]) * (at - low)


def brought_back(values, size, before, pixels):
    """Along the last axis from cells to pixels of a frame that lies in `size` of them from `before`: bilinear, or,
    where cells are smaller than pixels, the highest of those whose middles lie in it. And which pixels the cells
    reach."""
    cells = values.shape[-1]
    if size <= pixels:
        middles = (numpy.arange(pixels) + 0.5) * size / pixels + before
        return sampled(values, middles), (middles >= 0) & (middles <= cells)
    owner = numpy.floor((numpy.arange(cells) + 0.5 - before) * pixels / size).astype(int)
    back = [values[..., owner == i].max(-1, initial=-1) for i in range(pixels)]
    return numpy.stack(back, -1), numpy.isin(numpy.arange(pixels), owner)


def fitted(rows, columns, fit):
    """How many pixels of the input show the frame, and where it begins: down and across."""
    if fit == "squash":
        return (ROWS, 0), (COLUMNS, 0)
    scale = (min if fit == "letterbox" else max)(COLUMNS / columns, ROWS / rows)
    inner = [max(1, int(numpy.floor(n * scale + 0.5))) for n in (rows, columns)]
    return tuple((n, (side - n) // 2) for n, side in zip(inner, (ROWS, COLUMNS), strict=True))


def expected(pixels, fit):
    """The two masks, by numpy: into the input, through the model, and back."""
    rows, columns = pixels.shape
    (high, top), (wide, left) = fitted(rows, columns, fit)
    inner = sampled(pixels / 255, (numpy.arange(wide) + 0.5) * columns / wide)
    inner = sampled(inner.T, (numpy.arange(high) + 0.5) * rows / high).T
    canvas = numpy.zeros((ROWS, COLUMNS))
    for y in range(ROWS):
        for x in range(COLUMNS):
            if 0 <= y - top < high and 0 <= x - left < wide:
                canvas[y, x] = inner[y - top, x - left]
    on_frame = canvas[max(top, 0) : top + high, max(left, 0) : left + wide]
    out = {}
    for label, values, threshold in (("bone", canvas, BRIGHT), ("air", 1 - canvas, DARK)):
        back, seen_down = brought_back(values.T, high, top, rows)
        back, seen_across = brought_back(back.T, wide, left, columns)
        most = on_frame.max() if label == "bone" else 1 - on_frame.min()
        out[label] = ((back >= threshold) & numpy.outer(seen_down, seen_across), back, most)
    return out


def drawn(api, number, rows, columns, **query):
    answer = api.get(f"/diagnosis/{number}/mask", params={"width": columns, "height": rows, **query})
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text
    image = numpy.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    assert image.shape == (rows, columns, 3)
    return image


def mask_of(api, number, rows, columns, label):
    image = drawn(api, number, rows, columns, label=label, blend=False, colour="FFffFF")
    assert set(numpy.unique(image)) <= {0, 255} and (image.max(2) == image.min(2)).all()
    return image[..., 0] > 0


@pytest.mark.parametrize("fit", ["squash", "letterbox", "crop"])
@pytest.mark.parametrize("rows, columns", [(150, 100), (61, 201), (13, 17), (20, 300)])
def test_a_mask_lies_on_the_frames_own_pixels(chief, models, fit, rows, columns):
    pixels = picture(rows, columns)
    told = ended(chief, ask(chief, upload(chief, grey(pixels)), model_id=models[fit])["id"])
    assert told["has_mask"] and told["gate"] is None, told
    wanted = expected(pixels, fit)
    assert [f["label"] for f in told["findings"]] == ["bone", "air"]
    for finding in told["findings"]:
        mask, values, most = wanted[finding["label"]]
        shown = mask_of(chief, told["id"], rows, columns, finding["label"])
        close = numpy.abs(values - (BRIGHT if finding["label"] == "bone" else DARK)) < 1e-5  # float32 against float64
        assert ((shown == mask) | close).all() and mask.any() and not mask.all()
        assert finding["area_pixels"] == shown.sum() and finding["probability"] == pytest.approx(most, abs=1e-5)
        assert finding["area"] == pytest.approx(shown.sum() / shown.size)
        assert finding["mean_probability"] == pytest.approx(values[shown].mean(), abs=1e-5)
        y, x = numpy.nonzero(shown)
        box = {"x": x.min(), "y": y.min(), "width": x.max() - x.min() + 1, "height": y.max() - y.min() + 1}
        assert finding["box"] == box
        assert finding["positive"] and finding["area_mm2"] is None and finding["area_spacing"] is None


def test_masks_are_drawn_over_the_picture_or_alone(chief, models):
    pixels = picture(90, 120)
    number = ask(chief, upload(chief, grey(pixels)), model_id=models["squash"])["id"]
    ended(chief, number)
    bone, air = (mask_of(chief, number, 90, 120, label) for label in ("bone", "air"))
    plain = drawn(chief, number, 90, 120, opacity=0)
    assert (plain == pixels[..., None]).all()
    half = drawn(chief, number, 90, 120, label="bone", opacity=0.5, colour="ff0000")
    assert (half[~bone] == plain[~bone]).all()
    assert (numpy.abs(half[bone].astype(int) - (plain[bone].astype(int) + [255, 0, 0]) / 2) <= 1).all()
    both = drawn(chief, number, 90, 120, blend=False)
    assert not both[~bone & ~air].any()
    colours = {tuple(both[bone][0]), tuple(both[air & ~bone][0])}
    assert len(colours) == 2 and {tuple(p) for p in both[bone | air].reshape(-1, 3)} == colours
    for label, where in (("bone", bone & ~air), ("air", air & ~bone)):
        alone = drawn(chief, number, 90, 120, label=label, blend=False)
        assert (alone[where] == both[where]).all()  # its own colour, whichever others are drawn
    line = drawn(chief, number, 90, 120, label="bone", blend=False, outline=True)[..., 0] > 0
    inner = numpy.pad(bone, 1, constant_values=True)
    shifted = [inner[1 + dy : 91 + dy, 1 + dx : 121 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    assert (line == (bone & ~numpy.all(shifted, axis=0))).all() and line.any()
    assert (drawn(chief, number, 90, 120, opacity=0, invert=True) == 255 - plain).all()
    assert max(drawn(chief, number, 45, 60).shape) == 60
    path = f"/diagnosis/{number}/mask"
    for wrong in ({"opacity": 2}, {"colour": "red"}, {"colour": "12345g"}, {"label": "lung"}, {"width": 5000}):
        said = problem(chief.get(path, params=wrong), 422)
        assert said["errors"][0]["loc"][-1] == next(iter(wrong)), said


def test_areas_are_in_millimetres_where_the_file_knows_them(chief, models):
    pixels = picture(64, 96)
    for members, spacing in (({"PixelSpacing": [0.5, 0.25]}, "pixel_spacing"),
                             ({"ImagerPixelSpacing": [0.5, 0.25]}, "detector"), ({}, None)):  # fmt: skip
        content = made.image(pixels, SOPClassUID=DIGITAL_XRAY, Modality="DX", **members)
        told = ended(chief, ask(chief, made.send(chief, content)["id"], model_id=models["squash"])["id"])
        for finding in told["findings"]:
            area = pytest.approx(finding["area_pixels"] * 0.125) if spacing else None
            assert finding["area_pixels"] and (finding["area_mm2"], finding["area_spacing"]) == (area, spacing)


def test_who_sees_no_image_sees_no_mask_and_they_go_together(house, chief, models):
    doctor, other = (house.account("doctor", admin=chief) for _ in range(2))
    file = upload(doctor, grey(picture(50, 60)), description="whose")
    number = ask(doctor, file, model_id=models["squash"])["id"]
    ended(doctor, number)
    path = f"/diagnosis/{number}/mask"
    assert doctor.get(path).status_code == 200
    problem(other.get(path), 404)
    problem(other.get(f"/diagnosis/{number}/dicom", params={"kind": "segmentation"}), 404)
    problem(house.account("technician", admin=chief).get(path), 403)
    count = f"select count(*) from diagnosis_masks where diagnosis_id = {number}"
    assert house.database.rows(count)[0][0] == 2
    ok(doctor.delete(f"/image-files/{file}"), 204)
    problem(doctor.get(path), 404)
    house.run("purge", "--older-than", "0s")
    assert house.database.rows(count)[0][0] == 0


def test_what_a_shadow_marks_is_seen_by_who_manages_alone(house, chief):
    shadow = bring(chief, (MODELS / "shades.onnx").read_bytes(), card_of("shadow", "squash"))["id"]
    ok(chief.post(f"/diagnosis/models/{shadow}/shadow"))
    doctor = house.account("doctor", admin=chief)
    file = made.send(doctor, made.image(picture(50, 60), SOPClassUID=DIGITAL_XRAY, Modality="DX"))["id"]
    number = ask(chief, file, model_id=shadow)["id"]
    assert ended(chief, number)["has_mask"]
    problem(doctor.get(f"/diagnosis/{number}/mask"), 404)
    assert chief.get(f"/diagnosis/{number}/mask").status_code == 200
    problem(chief.post(f"/diagnosis/{number}/dicom", params={"kind": "segmentation"}), 409)


def test_what_is_no_mask_is_none(chief, models):
    card = card_of("nowhere", "squash")
    card["labels"] = card["labels"][:1]
    card["outputs"] = [{"name": "logits", "role": "mask", "activation": "sigmoid"}]
    model = bring(chief, (MODELS / "nowhere.onnx").read_bytes(), card)["id"]
    ok(chief.post(f"/diagnosis/models/{model}/activate"))
    file = upload(chief, grey(numpy.zeros((40, 50), numpy.uint8)), description="black")
    told = ended(chief, ask(chief, file, model_id=model)["id"])
    assert told["status"] == "FAILED" and "not finite" in told["status_reason"] and not told["has_mask"]
    problem(chief.get(f"/diagnosis/{told['id']}/mask"), 409)
    wrong = card_of("other size", "squash")
    wrong["outputs"] = [{"name": "mask", "role": "mask"}]
    assert bring(chief, (MODELS / "shades.onnx").read_bytes(), {**wrong, "name": "other"}, 422)["errors"]
    noise = numpy.random.default_rng(1).integers(0, 256, (300, 300), dtype=numpy.uint8)
    gate = {"rules": [{"measure": "pixel_deviation", "min": 0.9, "reason": "flat", "text": "Too little contrast."}]}
    gated = bring(chief, (MODELS / "shades.onnx").read_bytes(), card_of("gated", "squash", gate=gate))["id"]
    ok(chief.post(f"/diagnosis/models/{gated}/activate"))
    told = ended(chief, ask(chief, upload(chief, grey(noise)), model_id=gated)["id"])
    assert told["gate"]["reason"] == "flat" and not told["findings"] and not told["has_mask"]


# ---- as DICOM ----


def film(rows=61, columns=97, **members):
    return made.image(picture(rows, columns), **{"SOPClassUID": DIGITAL_XRAY, "Modality": "DX", **members})


@pytest.mark.parametrize("kind", ["film", "slice"])
def test_a_segmentation_is_read_by_others(chief, models, kind):
    place = {"FrameOfReferenceUID": made.new_uid(), "ImagePositionPatient": [-10.5, 20.25, 30.125],
             "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.7, 0.7], "SliceThickness": 1.5,
             "PositionReferenceIndicator": "", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
             "SOPClassUID": made.CT_IMAGE, "Modality": "CT"}  # fmt: skip
    content = film(PatientName="Li^Wei=李^伟", **(place if kind == "slice" else {}))
    header = pydicom.dcmread(io.BytesIO(content))
    told = ended(chief, ask(chief, made.send(chief, content)["id"], model_id=models["letterbox"])["id"])
    written, _ = fetched(chief, told["id"], "segmentation")  # dciodvfy finds no error in it
    seg = segread(io.BytesIO(written))
    assert (seg.SOPClassUID, seg.Modality, seg.SegmentationType) == (SEGMENTATION, "SEG", "BINARY")
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID"):
        assert seg[keyword].value == header[keyword].value
    assert list(seg.ImageType) == ["DERIVED", "PRIMARY"] and seg.NumberOfFrames == seg.number_of_segments == 2
    assert seg.SeriesDescription == "Research AI masks: letterbox 1" and seg.ContentDescription.startswith("not rev")
    bone, air = (seg.get_segment_description(i) for i in (1, 2))
    assert (bone.segment_label, air.segment_label) == ("bone", "air")
    assert bone.segmented_property_category.value == "123037004"
    assert air.segmented_property_category.value == "49755003"
    assert (bone.segmented_property_type.scheme_designator, bone.segmented_property_type.value) == ("SCT", "272673000")
    for segment in (bone, air):
        assert segment.algorithm_type.value == "AUTOMATIC" and segment.SegmentAlgorithmName == "letterbox"
        [algorithm] = segment.SegmentationAlgorithmIdentificationSequence
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("letterbox", "1")
    assert seg.get_source_image_uids() == [(header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)]
    pixels = seg.get_pixels_by_source_instance([header.SOPInstanceUID])[0]
    assert pixels.shape == (61, 97, 2) and pixels.any()
    for i, label in enumerate(("bone", "air")):
        assert (pixels[..., i].astype(bool) == mask_of(chief, told["id"], 61, 97, label)).all()
    if kind == "slice":
        shared = seg.SharedFunctionalGroupsSequence[0]
        assert seg.FrameOfReferenceUID == header.FrameOfReferenceUID
        assert shared.PixelMeasuresSequence[0].PixelSpacing == header.PixelSpacing
        for frame in seg.PerFrameFunctionalGroupsSequence:
            assert frame.PlanePositionSequence[0].ImagePositionPatient == header.ImagePositionPatient
    else:
        assert "FrameOfReferenceUID" not in seg


def test_a_segmentation_is_stored_with_the_study_and_marked_where_rejected(house, chief, models):
    sent = made.send(chief, film())
    number = ask(chief, sent["id"], model_id=models["crop"])["id"]
    ended(chief, number)
    path, query = f"/diagnosis/{number}/dicom", {"kind": "segmentation"}
    written, seg = fetched(chief, number, "segmentation")
    stored = ok(chief.post(path, params=query), 201)
    assert (stored["study_id"], stored["sop_instance_uid"]) == (sent["study_id"], seg.SOPInstanceUID), stored
    assert (stored["status"], stored["modality"]) == ("UPLOADED", "SEG")
    assert chief.get(f"/image-files/{stored['id']}/download").content == written
    assert ok(chief.post(path, params=query), 200)["id"] == stored["id"]
    ok(chief.post(f"/diagnosis/{number}/review", json={"decision": "REJECTED", "comment": "that is a button"}))
    _, rejected = fetched(chief, number, "segmentation")
    assert rejected.SeriesDescription.startswith("REJECTED ") and rejected.ContentDescription.startswith("REJECTED")
    assert rejected.SeriesInstanceUID == seg.SeriesInstanceUID and rejected.InstanceNumber == 2
    later = ok(chief.post(path, params=query), 201)
    assert later["id"] != stored["id"] and later["series_id"] == stored["series_id"]
    ok(chief.post(f"/diagnosis/{number}/withdraw", json={"reason": "the film of another person"}))
    assert fetched(chief, number, "segmentation")[1].ContentDescription.startswith("WITHDRAWN")
    _, report = fetched(chief, number)  # the report beside it has the boxes of the masks
    assert report.SeriesDescription.startswith("WITHDRAWN ")


def test_what_a_reader_changed_does_not_say_that_the_masks_are_the_readers(chief, models):
    number = ask(chief, made.send(chief, film())["id"], model_id=models["crop"])["id"]
    ended(chief, number)
    _, before = fetched(chief, number, "segmentation")
    ok(chief.post(f"/diagnosis/{number}/review", json={"decision": "MODIFIED", "findings": [], "comment": "no bone"}))
    _, changed = fetched(chief, number, "segmentation")
    assert changed.ContentDescription == "a reader changed the result, not these masks. Research use only."
    assert changed.PixelData == before.PixelData and changed.InstanceNumber == 2


def test_of_what_there_is_no_segmentation(chief, models):
    number = ask(chief, upload(chief, png(40, 50)), model_id=models["squash"])["id"]
    ended(chief, number)
    query = {"kind": "segmentation"}
    assert "no DICOM file" in problem(chief.get(f"/diagnosis/{number}/dicom", params=query), 409)["detail"]
    brightness = json.loads(json.dumps(card_of("brightness", "squash")))
    brightness |= {"task": "classification", "outputs": [{"name": "probability", "role": "probability"}]}
    brightness["input"]["size"] = [8, 8]
    model = bring(chief, (MODELS / "brightness.onnx").read_bytes(), brightness)["id"]
    ok(chief.post(f"/diagnosis/models/{model}/activate"))
    told = ended(chief, ask(chief, made.send(chief, film())["id"], model_id=model)["id"])
    assert not told["has_mask"] and told["findings"][0]["area_pixels"] is None
    assert "no masks" in problem(chief.get(f"/diagnosis/{told['id']}/dicom", params=query), 409)["detail"]
    assert "no masks" in problem(chief.get(f"/diagnosis/{told['id']}/mask"), 409)["detail"]
