"""Reports as PDF, read by other programs: text in order, fonts within, what is not signed says so, the attached
signature."""

import os
import re
import subprocess

import pytest

from reports import act, readers
from support import BINARY, PASSWORD, PATIENCE, ROOT, Server, ok, problem, sample
from test_readme import blocks

TEXT = {"findings": "两肺纹理清晰，未见实变。\n心影不大。", "impression": "Lungs clear: 未见明显异常。"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("pdf"), HOSPITAL_NAME="第一医院").init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


@pytest.fixture(scope="module")
def draft(people):
    film = people["author"].upload(sample("dicom/CT_small.dcm"), "ct.dcm")
    body = {
        "study_id": film["study_id"],
        "title": "踝关节 CT",
        "sections": TEXT,
        "key_images": [{"image_file_id": film["id"], "caption": "距骨"}],
    }
    return ok(people["author"].post("/reports", json=body), 201)


def pdf_of(who, report, tmp_path, **query):
    answer = who.get(f"/reports/{report['id']}/pdf", params=query)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf", answer.text
    path = tmp_path / "report.pdf"
    path.write_bytes(answer.content)
    return path


def tool(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def across(text, words):
    """Words across a page, of which a program that reads lines sees the characters."""
    return all(character in text for character in words)


def test_a_draft_says_so_and_reads_in_order(people, draft, tmp_path):
    path = pdf_of(people["author"], draft, tmp_path)
    assert "No syntax or stream encoding errors" in tool("qpdf", "--check", path)
    text = re.sub(r"\s", "", tool("pdftotext", "-layout", path, "-"))
    where = [text.find(part) for part in ("第一医院", "踝关节CT", "影像所见", "心影不大", "诊断意见", "Lungsclear", "距骨")]
    assert -1 not in where and where == sorted(where), (where, text)
    assert across(text, "草稿")
    fonts = tool("pdffonts", path).splitlines()[2:]
    assert fonts and all(" yes yes " in line for line in fonts), fonts  # embedded, and as a subset
    info = tool("pdfinfo", path)
    assert re.search(r"Tagged: +yes", info) and re.search(r"Page size: +595\.\d+ x 841\.\d+ pts \(A4\)", info)
    assert len(tool("pdfimages", "-list", path).splitlines()) == 3
    other = pdf_of(people["author"], draft, tmp_path, page="Letter")
    assert "(letter)" in tool("pdfinfo", other)


def test_the_same_version_makes_the_same_bytes(people, draft, tmp_path):
    first = pdf_of(people["author"], draft, tmp_path).read_bytes()
    assert pdf_of(people["author"], draft, tmp_path).read_bytes() == first


def test_what_is_signed_is_checked_by_the_file_alone(server, people, draft, tmp_path):
    author, second = people["author"], people["second"]
    said = {"findings": "右肺结节。", "impression": "随访。"}
    report = ok(author.post("/reports", json={"study_id": draft["study_id"], "sections": said}), 201)
    ok(act(author, report, "submit"))
    assert across(tool("pdftotext", pdf_of(author, report, tmp_path), "-"), "初步")
    ok(act(second, report, "approve"))
    ok(act(author, report, "sign", password=PASSWORD))
    path = pdf_of(author, report, tmp_path)
    text = tool("pdftotext", path, "-")
    assert not across(text, "初步") and "电子签名" in text and "张医生" in text
    assert "report.json" in tool("pdfdetach", "-list", path)
    authority = tmp_path / "authority.pem"
    authority.write_bytes(author.get("/reports/authority").content)
    done = server.run("report", "verify", str(path), "--authority", str(authority), check=False)
    assert done.returncode == 0 and done.stdout.strip().endswith("\nvalid"), done
    assert "whole file" in done.stdout
    ok(act(author, report, "mark-entered-in-error", reason="x"))
    assert across(tool("pdftotext", pdf_of(author, report, tmp_path), "-"), "废")


def test_who_may_not_see_an_image_is_told_that_it_is_not_shown(people, draft, tmp_path):
    problem(people["viewer"].get(f"/reports/{draft['id']}/pdf"), 404)
    problem(people["author"].get(f"/reports/{draft['id']}/pdf?version=9"), 404)
    problem(people["author"].get(f"/reports/{draft['id']}/pdf?page=A3"), 422)


def test_a_draft_without_the_image_says_so(people, draft, tmp_path):
    image = draft["key_images"][0]["image_file_id"]
    ok(people["admin"].delete(f"/image-files/{image}"), 204)
    try:
        assert "此处不能显示该图像" in tool("pdftotext", pdf_of(people["author"], draft, tmp_path), "-").replace("\n", "")
    finally:
        ok(people["admin"].post(f"/image-files/{image}/restore"))


@pytest.mark.parametrize("page", ["docs/reports.md", "docs/reports.zh-CN.md"])
def test_what_the_page_shows_runs_as_it_stands(new_server, tmp_path, page):
    server = new_server()  # where nobody else reports the page's study
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "roentgen").symlink_to(os.path.abspath(BINARY))
    token = server.admin().headers["authorization"]
    api = f"API={server.url}/api/v1\napi() {{ curl -sSf -H 'Authorization: {token}' \"$@\"; }}\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", api + "\n".join(blocks(page, "sh"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert '"valid":true' in done.stdout and "\nvalid\n" in done.stdout


@pytest.mark.parametrize("page", ["reports.md", "reports.zh-CN.md"])
def test_the_page_has_the_programs_table(page):
    source = (ROOT / "src/reports/report_states.c").read_text()
    names = re.findall(r'"([a-z-]+)",? ', source.split("report_actions[]")[1].split("}")[0] + " ")
    told = re.findall(r"^\| `([a-z-]+)`", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    assert told and set(told) == set(names)
