"""The pages of a signed report as people see them: those of a chest film, compared with the pictures in docs/reports.
ROENTGEN_DRAW=1 draws these anew."""

import io
import os
import subprocess

import numpy
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian

from annotations import points, put
from made import image
from reports import finish, readers
from support import DATA, ROOT, Server, ok

PICTURES = ROOT / "docs" / "reports"
DPI = 72


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"HOSPITAL_NAME": "第一人民医院", "PUBLIC_URL": "https://pacs.example.org"}
    server = Server(tmp_path_factory.mktemp("pages"), **settings).init().start()
    yield server
    server.close()


def chest_film():
    film = pydicom.dcmread(DATA / "dicom/CR-MONO1-10-chest", force=True)
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    pixels = film.pixel_array
    return image(
        pixels.max() - pixels, Modality="DX", BodyPartExamined="CHEST", BitsStored=10, PatientName="Wang^Xiaodong=王^小东",
        PatientID="P20260102", PatientBirthDate="19700131", PatientSex="M", AccessionNumber="A20260102",
        StudyDescription="胸部正位片", WindowCenter="500", WindowWidth="1000",
    )  # fmt: skip


@pytest.fixture(scope="module")
def pages(server, tmp_path_factory):
    people = readers(server)
    author = people["author"]
    film = author.upload(chest_film(), "chest.dcm")
    heart = {"kind": "cardiothoracic_ratio", "patient_left": "right"}
    put(author, film, [{**heart, "points": points((316, 340), (172, 290), (388, 352), (28, 352))}])
    wish = {
        "study_id": film["study_id"],
        "language": "zh-CN",
        "prefill": True,
        "fields": {"projection": "PA"},
        "sections": {
            "indication": "咳嗽三天，发热一天。",
            "impression": "双肺、心影未见异常，心胸比正常。",
            "recommendation": "如症状持续，建议两周后复查。",
        },
        "key_images": [{"image_file_id": film["id"], "caption": "后前位，心胸比的测量"}],
    }
    report = ok(author.post("/reports", json=wish), 201)
    finish(people, report)
    answer = author.get(f"/reports/{report['id']}/pdf")
    assert answer.status_code == 200, answer.text
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "report.pdf").write_bytes(answer.content)
    subprocess.run(["pdftoppm", "-r", str(DPI), "-png", folder / "report.pdf", folder / "page"], check=True)
    return report, sorted(folder.glob("page-*.png"))


def difference(one, other):
    """Of grey values, 0 to 255, on average; of small pictures, so that another hour or number is nothing."""
    small = [numpy.asarray(Image.open(p).convert("L").resize((120, 170)), float) for p in (one, other)]
    return abs(small[0] - small[1]).mean()


def test_the_pages_are_those_of_the_manual(pages):
    _, drawn = pages
    if os.environ.get("ROENTGEN_DRAW"):
        PICTURES.mkdir(exist_ok=True)
        for number, page in enumerate(drawn, 1):
            small = io.BytesIO()
            Image.open(page).convert("L").quantize(64).save(small, "PNG", optimize=True)
            (PICTURES / f"page-{number}.png").write_bytes(small.getvalue())
    known = sorted(PICTURES.glob("page-*.png"))
    assert len(drawn) == len(known) == 2
    for one, other in zip(drawn, known, strict=True):
        assert Image.open(one).size == Image.open(other).size
        assert difference(one, other) < 3, one
    assert difference(drawn[0], known[1]) > 10  # pages that differ do


def test_the_manual_shows_them():
    for page in ("reports.md", "reports.zh-CN.md"):
        text = (ROOT / "docs" / page).read_text()
        assert all(f"](reports/page-{number}.png)" in text for number in (1, 2))
