"""What is drawn on the key images of a report, read from the rendered page and from its text: where it stands, which
version of it counts, and what is said of what is not drawn."""

import json
import re

import numpy
import pytest
from PIL import Image

from annotations import line, points, put
from annotations import path as annotations_of
from made import image
from reports import finish, judged, readers
from support import DATA, Server, ok
from test_report_pdf import across, pdf_of, tool

SAID = {"findings": "右肺结节。", "impression": "随访。"}
YELLOW = (255, 217, 0)
WIDTH, HEIGHT = 200, 100


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("marks")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


def film_of(people, grey=90, **members):
    """A film of one grey in a study of its own; a pixel is half a millimetre wide and high."""
    pixels = numpy.full((HEIGHT, WIDTH), grey, dtype=numpy.uint8)
    pixels[0, :2] = 0, 255
    return people["author"].upload(image(pixels, PixelSpacing=[0.5, 0.5], Modality="CR", **members), "film.dcm")


@pytest.fixture
def film(people):
    return film_of(people)


def written(people, film, **more):
    body = {
        "study_id": film["study_id"],
        "title": "CT",
        "sections": SAID,
        "key_images": [{"image_file_id": film["id"], "caption": "结节", **more}],
    }
    return ok(people["author"].post("/reports", json=body), 201)


def words_of(path):
    return re.sub(r"\s+", " ", tool("pdftotext", path, "-"))


def figure_of(path, tmp_path):
    """The figure of the page, as the rectangle around all that is drawn has it: where it is yellow, and its pixels."""
    tool("pdftoppm", "-r", "300", "-png", path, tmp_path / "page")
    for page in sorted(tmp_path.glob("page*.png")):
        pixels = numpy.asarray(Image.open(page).convert("RGB")).astype(int)
        page.unlink()
        yellow = (abs(pixels - YELLOW) < 60).all(axis=2)
        if yellow.any():
            rows, columns = numpy.nonzero(yellow)
            box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
            return yellow[box], pixels[box]
    return None, None


def is_at(yellow, x, y, reach=3):
    """Is something drawn at this place of the film, in its pixels? A line is four pixels of the page wide."""
    row, column = (int(part * size / whole) for part, size, whole in zip((y, x), yellow.shape, (HEIGHT, WIDTH)))
    return bool(yellow[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1].any())


FRAME = {"kind": "rectangle", "points": points((0, 0), (WIDTH, HEIGHT))}


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_lines_stand_where_the_points_are(people, tmp_path, grey):
    film = film_of(people, grey)
    put(
        people["author"],
        film,
        [
            FRAME,
            line((50, 25), (150, 25), label="横径"),
            {"kind": "ellipse", "points": points((20, 40), (60, 80))},
            {"kind": "polygon", "points": points((120, 50), (160, 50), (140, 90))},
            {"kind": "angle", "points": points((180, 40), (180, 80), (195, 80))},
            {"kind": "point", "points": points((100, 60))},
            line((10, 10), (10, 90), visible=False),
        ],
    )
    path = pdf_of(people["author"], written(people, film), tmp_path)
    yellow, pixels = figure_of(path, tmp_path)
    assert abs(yellow.shape[1] / yellow.shape[0] - WIDTH / HEIGHT) < 0.02
    assert abs(yellow.shape[1] - 80 / 25.4 * 300) < 6  # 80 mm wide
    drawn = [(60, 25), (140, 25), (20, 60), (60, 60), (40, 40), (130, 50), (130, 70), (180, 50), (180, 70), (100, 60)]
    assert [place for place in drawn if not is_at(yellow, *place)] == []
    free = [(100, 35), (40, 60), (140, 60), (190, 50), (80, 60), (10, 60), (20, 41)]
    assert [place for place in free if is_at(yellow, *place)] == []
    middle = numpy.median(pixels[:, int(pixels.shape[1] * 0.4)], axis=0)
    assert abs(middle - grey).max() <= 40  # the film is still to be seen
    said = words_of(path)
    assert "横径 50.0 mm" in said and "90.0°" in said and "mm²" in said


def test_a_film_with_much_on_it_stays_within_bounds(people, film, tmp_path):
    put(people["author"], film, [FRAME] + [line((i % 190, 5), (i % 190 + 5, 90)) for i in range(150)])
    path = pdf_of(people["author"], written(people, film), tmp_path)
    assert "另有 51 项标注未画出" in words_of(path)
    assert path.stat().st_size < 500_000


MODEL = {"source": "model", "model": {"name": "spine", "version": "2.1"}}


@pytest.mark.parametrize(
    ("verdicts", "is_drawn"),
    [([], False), ([None], False), (["CONFIRMED"], True), (["MODIFIED"], False), (["REJECTED"], False)]
    + [(["CONFIRMED", "REJECTED"], False), (["REJECTED", "CONFIRMED"], True), (["CONFIRMED", None], True)],
)
def test_what_a_model_drew_is_drawn_where_a_reader_stands_by_it(server, people, film, tmp_path, verdicts, is_drawn):
    put(people["author"], film, [FRAME, line((50, 25), (150, 25), label="模型所画", **MODEL)])
    for verdict in verdicts:
        judged(server, film, verdict)
    said = words_of(pdf_of(people["author"], written(people, film), tmp_path))
    assert ("模型所画" in said) is is_drawn
    assert ("1 项 AI 标注未经医师确认，未画出" in re.sub(r"(?<=[^ -~]) | (?=[^ -~])", " ", said)) is not is_drawn


def test_a_reader_stands_by_one_frame_and_version(server, people, film, tmp_path):
    put(people["author"], film, [FRAME, line((50, 25), (150, 25), label="模型所画", **MODEL)])
    judged(server, film, "CONFIRMED", version="2.0")
    judged(server, film, "CONFIRMED", frame=2)
    assert "模型所画" not in words_of(pdf_of(people["author"], written(people, film), tmp_path))


@pytest.mark.parametrize(("before", "after"), [("CONFIRMED", "REJECTED"), ("REJECTED", "CONFIRMED")])
def test_whether_a_reader_stands_by_it_is_decided_at_signing(server, people, film, tmp_path, before, after):
    drawn = put(people["author"], film, [FRAME, line((50, 25), (150, 25), label="模型所画", **MODEL)])
    judged(server, film, before)
    report = written(people, film)
    finish(people, report)
    judged(server, film, after)
    server.database.rows(f"delete from report_pdfs where report_id = {report['id']}")  # made once more
    assert ("模型所画" in words_of(pdf_of(people["author"], report, tmp_path))) is (before == "CONFIRMED")
    [signed] = envelope_of(people, report)["content"]["annotations"]
    ids = [a["id"] for a in drawn["annotations"] if a["source"] == "model"]
    assert signed.get("confirmed", []) == (ids if before == "CONFIRMED" else [])


def test_measurements_are_named_and_joined_as_they_are_meant(server, people, film, tmp_path):
    cobb = {"kind": "cobb", "label": "T5-T12", "points": points((50, 20), (150, 30), (50, 80), (150, 70))}
    judged(server, film, "CONFIRMED")
    sva = {"kind": "sva", "facing": "right", "points": points((180, 10), (160, 90))}
    put(people["author"], film, [FRAME, {**cobb, **MODEL}, sva])
    path = pdf_of(people["author"], written(people, film), tmp_path)
    said = words_of(path)
    assert re.search(r"Cobb.{0,12}T5-T12 11\.4° \[AI: spine 2\.1\]", said), said
    assert re.search(r"10\.0 mm", said)
    yellow, _ = figure_of(path, tmp_path)
    assert is_at(yellow, 180, 60) and is_at(yellow, 170, 90)  # the plumb line, and from it to the sacrum
    assert not is_at(yellow, 170, 50) and not is_at(yellow, 60, 50)
    assert is_at(yellow, 75, 22.5, 8) and is_at(yellow, 75, 77.5, 8)


def test_an_annotation_is_of_its_frame_alone(people, tmp_path):
    film = people["author"].upload((DATA / "dicom/NM-MONO2-16-13x-heart").read_bytes(), "heart.dcm")
    put(people["author"], film, [{"kind": "text", "points": points((10, 10)), "label": "第二帧", "frame": 2}])
    assert "第二帧" not in words_of(pdf_of(people["author"], written(people, film), tmp_path))
    assert "第二帧" in words_of(pdf_of(people["author"], written(people, film, frame=2), tmp_path))


def envelope_of(people, report):
    return json.loads(people["author"].get(f"/reports/{report['id']}/envelope").content)


def test_what_was_drawn_at_signing_is_what_is_drawn_later(server, people, film, tmp_path):
    author = people["author"]
    first = put(author, film, [FRAME, line((50, 25), (150, 25), label="签署时")])
    report = written(people, film)
    finish(people, report)
    before = pdf_of(author, report, tmp_path).read_bytes()
    signed = envelope_of(people, report)["content"]["annotations"]
    assert [(a["image_file_id"], a["version"]) for a in signed] == [(film["id"], first["version"])]
    assert re.fullmatch("[0-9a-f]{64}", signed[0]["sha256"])
    etag = author.get(annotations_of(film)).headers["etag"]
    put(author, film, [FRAME, line((50, 75), (150, 75), label="签署后")], etag=etag)
    path = pdf_of(author, report, tmp_path)
    assert path.read_bytes() == before and "签署时" in words_of(path)
    assert ok(author.get(f"/reports/{report['id']}/verify"))["valid"] is True
    other = pdf_of(author, written(people, film), tmp_path)  # one that is not signed has what is there now
    assert "签署后" in words_of(other)


def test_nothing_drawn_at_signing_stays_nothing(people, film, tmp_path):
    report = written(people, film)
    finish(people, report)
    put(people["author"], film, [line((50, 25), (150, 25), label="签署后")])
    assert "签署后" not in words_of(pdf_of(people["author"], report, tmp_path))
    assert envelope_of(people, report)["content"]["annotations"] == []


def test_annotations_that_were_changed_behind_the_program_are_told_and_not_drawn(server, people, film, tmp_path):
    put(people["author"], film, [FRAME, line((50, 25), (150, 25), label="原文")])
    report = written(people, film)
    finish(people, report)
    content = "replace(content, '原文', '改过')"
    server.database.rows(f"update image_annotation_versions set content = {content} where image_file_id = {film['id']}")
    seen = ok(people["author"].get(f"/reports/{report['id']}/verify"))
    assert seen["record_matches"] is False and seen["valid"] is False and seen["verdict"] == "valid"
    said = words_of(pdf_of(people["author"], report, tmp_path))
    assert "改过" not in said and "标注与签署时不符" in said and across(said, "与签署内容不符")


def test_who_does_not_see_a_picture_is_told_what_is_drawn_on_it(people, film, tmp_path):
    put(people["author"], film, [line((50, 25), (150, 25), label="横径")])
    path = pdf_of(people["author"], written(people, film), tmp_path)
    plain = tmp_path / "plain.pdf"
    tool("qpdf", "--qdf", "--object-streams=disable", path, plain)
    texts = re.findall(rb"/Alt <(feff[0-9a-f]+)>", plain.read_bytes())
    texts = [bytes.fromhex(text.decode()).decode("utf-16") for text in texts]
    assert any("标注: 直线 横径 50.0 mm" in text for text in texts), texts


def test_a_signature_of_before_annotations_were_signed_along_is_still_good(server, tmp_path):
    folder = DATA / "reports"
    files = [str(folder / "envelope-1.json"), "--authority", str(folder / "authority-1.pem")]
    done = server.run("report", "verify", *files)
    assert done.stdout.strip().endswith("\nvalid")
    assert "annotations" not in json.loads((folder / "envelope-1.json").read_bytes())["content"]
