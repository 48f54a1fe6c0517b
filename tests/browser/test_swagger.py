"""A person at /docs, in a real browser: signs in, uploads a series, sees the study, a picture, and the angle of two
lines drawn on it."""

import json
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))

import support  # noqa: E402
from support import DATA, PASSWORD, PATIENCE, ok  # noqa: E402

SERIES = sorted((DATA / "series" / "ct_philips_phantom").iterdir())
expect.set_options(timeout=PATIENCE * 1000)
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def server(tmp_path):
    server = support.Server(tmp_path / "server")
    server.init().start()
    yield server
    server.close()


class Docs:
    """Swagger UI, used by what can be seen of it."""

    def __init__(self, page, server):
        self.page = page
        self.complaints = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route(lambda url: not url.startswith((server.url, "blob:", "data:")), lambda route: route.abort())
        page.goto(server.url + "/docs")

    def _listen(self, message):
        if message.type == "error" and "favicon" not in message.location["url"]:
            self.complaints.append(message.text)

    def authorize(self, name, password):
        self.page.click(".auth-wrapper button.authorize")
        dialog = self.page.locator(".auth-container", has=self.page.locator("#oauth_username"))
        dialog.locator("#oauth_username").fill(name)
        dialog.locator("#oauth_password").fill(password)
        dialog.locator("button.authorize").click()
        expect(self.page.locator(".auth-container").get_by_text("Logout")).to_be_visible()
        self.page.click(".modal-ux .close-modal")

    def operation(self, tag, name):
        """Opened, its fields to be filled in."""
        block = self.page.locator(f"#operations-{tag}-{name}")
        if not block.count():
            self.page.click(f"#operations-tag-{tag}")
        block.locator(".opblock-summary-control").click()
        block.locator("button.try-out__btn").click()
        return block

    def set(self, block, name, value):
        block.locator(f'tr[data-param-name="{name}"] :is(input, select)').first.fill(str(value))

    def execute(self, block, code):
        """The live answer, once it is there."""
        block.locator("button.execute").click()
        answer = block.locator("table.live-responses-table")
        expect(answer.locator("tr.response > td.response-col_status").first).to_have_text(str(code))
        return answer

    def answer(self, block, code):
        return json.loads(self.execute(block, code).locator("td.response-col_description pre").first.inner_text())


@pytest.fixture
def docs(server):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=PATIENCE * 1000)
        docs = Docs(browser.new_page(viewport={"width": 1400, "height": 1000}), server)
        yield docs
        browser.close()


def upload(docs, files):
    block = docs.operation("upload", "post_upload_batch")
    row = block.locator('tr[data-property-name="file"]')
    for number, file in enumerate(files):
        while row.locator("input[type=file]").count() <= number:
            row.locator("button.json-schema-form-item-add").click()
        row.locator("input[type=file]").nth(number).set_input_files(file)
    for name in ("patient_id", "description", "modality", "body_part"):  # nothing is filled in that nobody said
        expect(block.locator(f'tr[data-property-name="{name}"] input[type=text]')).to_have_value("")
    return docs.answer(block, 207)


def test_from_a_series_to_an_angle(server, docs):
    docs.authorize(server.admin_name, PASSWORD)

    body = upload(docs, SERIES)
    assert body["succeeded"] == 3 and [item["status"] for item in body["items"]] == [201] * 3, body
    files = [item["image_file"] for item in body["items"]]
    assert {f["status"] for f in files} == {"UPLOADED"} and {f["description"] for f in files} == {"STD BRAIN 5MM"}, (
        files
    )

    listed = docs.answer(docs.operation("studies", "get_studies"), 200)
    assert listed["total"] == 1
    study = listed["items"][0]
    assert (study["number_of_series"], study["number_of_instances"], study["modalities"]) == (1, 3, ["CT"])

    block = docs.operation("images", "get_images_file_id_rendered")
    docs.set(block, "file_id", files[0]["id"])
    picture = docs.execute(block, 200).locator("img")
    expect(picture).to_be_visible()
    size = picture.evaluate(
        "async image => { await image.decode(); return [image.naturalWidth, image.naturalHeight]; }"
    )
    assert size == [files[0]["pixel_columns"], files[0]["pixel_rows"]]

    block = docs.operation("images", "get_images_file_id_annotations")
    docs.set(block, "file_id", files[0]["id"])
    headers = docs.execute(block, 200).locator(".headerline").all_inner_texts()
    tag = next(line.split(":", 1)[1].strip() for line in headers if line.strip().startswith("etag:"))

    block = docs.operation("images", "put_images_file_id_annotations")
    docs.set(block, "file_id", files[0]["id"])
    docs.set(block, "If-Match", tag)
    lines = [(100, 100), (200, 100), (100, 300), (200, 200)]  # level, and rising by 45 degrees
    cobb = {"kind": "cobb", "frame": 1, "points": [{"x": x, "y": y} for x, y in lines]}
    block.locator("textarea.body-param__text").fill(json.dumps({"annotations": [cobb], "comment": "main curve"}))
    body = docs.answer(block, 200)
    values = {value["name"]: value for value in body["annotations"][0]["values"]}
    assert values["cobb_angle"]["value"] == pytest.approx(45) and values["cobb_angle"]["unit"] == "deg", values

    assert docs.answer(block, 412)["title"]  # the ETag is that of the version before
    assert [c for c in docs.complaints if "412" not in c] == []
    stored = ok(server.admin().get(f"/images/{files[0]['id']}/annotations"))
    assert stored["version"] == 1 and stored["comment"] == "main curve"
