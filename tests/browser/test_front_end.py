"""The page that the brief describes, in a browser: signed in by a cookie as docs/front-ends.md says, its three snippets
run as they stand. data/brief/front-end.md is the brief's own text."""

import contextlib
import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import support  # noqa: E402
from pages import FrontEnd  # noqa: E402
from support import DATA, PASSWORD, PATIENCE, PNG, ROOT, ok, sample  # noqa: E402
from test_swagger import ARGUMENTS, CHROMIUM  # noqa: E402

# What a page has around them: where they put what they got.
STATE = """
let images, total, token
const setImages = (value) => { images = value }
const setTotal = (value) => { total = value }
"""


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.S | re.M)


def snippets():
    """Those that stay: the first of the brief is the old way, which reads a folder."""
    old, *new = blocks(DATA / "brief" / "front-end.md", "typescript")
    assert "旧方式" in old and [re.search(r"const (\w+) =", s).group(1) for s in new] == [
        "loadUserImages",
        "filterImages",
        "loadStats",
    ]
    assert ["Authorization" in s for s in new] == [True, False, False]
    return new


@pytest.fixture
def server(tmp_path):
    server = support.Server(tmp_path / "server", TRUSTED_PROXIES="127.0.0.1")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(params=["http", "https"])
def front(request, server, tmp_path):
    scripts = [*blocks(ROOT / "docs" / "front-ends.md", "js"), STATE, *snippets()]
    page = "<!doctype html><title>影像中心</title>" + "".join(f"<script>{s}</script>" for s in scripts)
    tls_folder = tmp_path if request.param == "https" else None
    with contextlib.closing(FrontEnd(server, {"/": page}, tls_folder)) as front:
        yield front


@pytest.fixture
def elsewhere(server):
    """Another origin of the same site: another port of the machine."""
    with contextlib.closing(FrontEnd(server, {"/": "<!doctype html><title>elsewhere</title>"})) as front:
        yield front


@pytest.fixture
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=PATIENCE * 1000)
        context = browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(PATIENCE * 1000)
        yield context
        browser.close()


@pytest.fixture
def doctor(server):
    return server.account("doctor")


def signed_in(browser, front, doctor):
    page = browser.new_page()
    page.goto(front.url + "/")
    user = page.evaluate("([name, password]) => signIn(name, password)", [doctor.user["username"], PASSWORD])
    assert user["id"] == doctor.id
    return page


def stats_of(page):
    with page.expect_response("**/image-files/stats/summary") as response:
        page.evaluate("loadStats()")
    return ok_json(response.value)


def ok_json(response):
    assert response.status == 200, response.text()
    return response.json()


def test_the_snippets_of_the_brief_run_as_they_stand(browser, front, doctor):
    png = doctor.upload(sample(PNG), "chest_xray.png", modality="DX")
    doctor.upload(sample(support.CT), "head.dcm")
    page = signed_in(browser, front, doctor)

    token = ok(
        doctor.server.client().post("/auth/login", json={"username": doctor.user["username"], "password": PASSWORD})
    )
    page.evaluate("given => { token = given }", token["access_token"])  # the first of them has one, as its page had
    page.evaluate("loadUserImages()")
    assert page.evaluate("total") == 2 and page.evaluate("images.length") == 2

    for filters, names in (
        ({}, {"chest_xray.png", "head.dcm"}),
        ({"fileType": "PNG"}, {"chest_xray.png"}),
        ({"modality": "CT"}, {"head.dcm"}),
        ({"search": "xray"}, {"chest_xray.png"}),
        ({"startDate": "2999-01-01"}, set()),
        ({"fileType": "DICOM", "modality": "CT", "startDate": "2000-01-01", "search": "head"}, {"head.dcm"}),
    ):
        page.evaluate("filters => filterImages(filters)", filters)
        assert {i["original_filename"] for i in page.evaluate("images")} == names, filters

    stats = stats_of(page)
    assert stats["total_files"] == 2 and stats["by_type"] == {"DICOM": 1, "PNG": 1}
    size = page.evaluate(
        "async path => { const i = new Image(); i.src = path; await i.decode(); "
        "return [i.naturalWidth, i.naturalHeight] }",
        f"/api/v1/images/{png['id']}/rendered",
    )
    assert size == [png["pixel_columns"], png["pixel_rows"]]


def test_the_page_changes_things_and_its_scripts_never_see_the_session(browser, front, doctor):
    page = signed_in(browser, front, doctor)
    (cookie,) = browser.cookies()
    secure = front.url.startswith("https")
    assert cookie["name"] == ("__Host-roentgen_session" if secure else "roentgen_session")
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, secure, "Lax")
    assert page.evaluate("document.cookie") == "" and cookie["expires"] == -1

    page.reload()
    assert page.evaluate("csrf") is None
    me = page.evaluate("whoAmI()")
    assert me["id"] == doctor.id and me["session"]["kind"] == "cookie"
    assert page.evaluate("change('PATCH', '/auth/me', { title: '主任医师' }).then(r => r.status)") == 200
    assert ok(doctor.get("/auth/me"))["title"] == "主任医师"

    told = page.evaluate("""async () => {
      const source = new EventSource('/api/v1/events')
      await new Promise((resolve, reject) => { source.onopen = resolve; source.onerror = reject })
      source.close()
      return true
    }""")
    assert told is True

    assert page.evaluate("refresh().then(r => r.status)") == 200
    (after,) = browser.cookies()
    assert after["value"] != cookie["value"]
    assert page.evaluate("signOut().then(r => r.status)") == 204 and browser.cookies() == []
    assert page.evaluate("whoAmI()") is None


def test_a_page_of_another_origin_changes_nothing(browser, front, elsewhere, doctor):
    page = signed_in(browser, front, doctor)
    other = browser.new_page()
    other.goto(elsewhere.url + "/")
    # A form needs no leave of anybody. The cookie goes along where the site is the same; no answer is seen.
    for method, path in (("POST", "/auth/logout"), ("POST", "/auth/refresh"), ("POST", "/auth/logout-all")):
        with other.expect_response(f"**{path}") as response:
            other.evaluate(
                "([url, method]) => fetch(url, { method, mode: 'no-cors', credentials: 'include' }).then(() => 0)",
                [f"{front.url}/api/v1{path}", method],
            )
        assert response.value.status in (401, 403, 422), path
    with pytest.raises(Exception, match="Failed to fetch"):
        other.evaluate("url => fetch(url, { credentials: 'include' })", f"{front.url}/api/v1/auth/me")
    assert page.evaluate("whoAmI()")["id"] == doctor.id
