"""If-Match of each operation that changes something: another tag keeps the thing as it is, its own lets it pass."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from reports import judged
from test_report_templates import made
from support import CT, PASSWORD, Server, dicom, ok, png, problem, sample, uid, unique

TEXT = {"findings": "No effusion.", "impression": "None."}


class House:
    """Makes one thing of a kind, anew each time."""

    def __init__(self, server):
        self.server, self.chief = server, server.admin()
        self.author = server.account("radiologist", admin=self.chief)

    def patient(self):
        return self.chief.patient()["id"]

    def study(self):
        return self.chief.upload(dicom())["study_id"]

    def file(self):
        return self.chief.settled(self.chief.upload(png(note=unique()))["id"])["id"]

    def instance(self):
        return self.chief.upload(dicom())["id"]

    def film(self):
        return self.chief.upload(sample(CT), "ct.dcm")["id"]

    def drawn(self):
        file = self.file()
        ok(self.chief.put(f"/images/{file}/annotations", json={"annotations": []}))
        return file

    def upload(self):
        wish = {"filename": "a.png", "file_size": 3 << 20, "chunk_size": 1 << 20}
        return ok(self.chief.post("/upload/chunked", json=wish), 201)["upload_id"]

    def user(self):
        return self.server.account("viewer", admin=self.chief).id

    def report(self):
        wish = {"study_id": self.study(), "sections": TEXT}
        return ok(self.author.post("/reports", json=wish), 201)["id"]

    def critical(self):
        wish = {"category": "MINUTES", "finding": "x"}
        return ok(self.author.post(f"/reports/{self.report()}/critical-results", json=wish), 201)["id"]

    def recommendation(self):
        wish = {"procedure_text": "biopsy", "reason": "nodule", "due_on": "2040-01-01"}
        return ok(self.author.post(f"/reports/{self.report()}/recommendations", json=wish), 201)["id"]

    def dismissed(self):
        made = self.recommendation()
        ok(self.author.post(f"/recommendations/{made}/dismiss", json={"note": "x"}))
        return made

    def late(self):
        report, now = self.report(), "1700000000000000"
        self.server.database.rows(
            "insert into late_results(report_id, diagnosis_id, signed_version, cause, status, asked_at) values "
            f"({report}, {self.diagnosis()}, 1, 'ARRIVED', 'OPEN', {now})"
        )
        return self.server.database.rows("select max(id) from late_results")[0][0]

    def macro(self):
        return ok(self.chief.post("/reports/macros", json={"name": unique("m"), "text": "x"}), 201)["id"]

    def template(self):
        return made(self.chief)["id"]

    def webhook(self):
        wish = {"url": "http://127.0.0.1:9/hook", "secret": "whsec_" + "A" * 44}
        return ok(self.chief.post("/system/webhooks", json=wish), 201)["id"]

    def job(self):
        wish = {"kind": "files.scrub", "payload": {"files": 1}, "not_before": "2099-01-01T00:00:00Z"}
        return ok(self.chief.post("/system/jobs", json=wish), 202)["id"]

    def diagnosis(self):
        file = self.file()
        judged(self.server, {"id": file}, None)
        return self.server.database.rows(f"select id from diagnoses where image_file_id = {file}")[0][0]

    def model(self):
        self.diagnosis()
        return self.server.database.rows("select max(id) from models")[0][0]

    def rule(self):
        model = self.model()
        self.server.database.rows(f"update models set state = 'ACTIVE' where id = {model}")
        wish = {"name": unique("r"), "model_id": model}
        return ok(self.chief.post("/diagnosis/rules", json=wish), 201)["id"]

    def me(self):
        return None


USER = "/users/{id}"
REPORT = "/reports/{id}"
TABLE = [
    # what is done, to what, who makes it, and what it is told
    ("PATCH", "/auth/me", "", "me", {"title": "x"}),
    ("PATCH", USER, "", "user", {"title": "x"}),
    ("DELETE", USER, "", "user", None),
    ("PUT", USER, "/roles", "user", {"roles": ["viewer"]}),
    ("POST", USER, "/password", "user", {"new_password": "brave-otter-9174"}),
    ("POST", USER, "/unlock", "user", None),
    ("PUT", "/patients/{id}", "", "patient", {"patient_id": "new", "name": "B"}),
    ("PATCH", "/patients/{id}", "", "patient", {"name": "B"}),
    ("DELETE", "/patients/{id}", "", "patient", None),
    ("DELETE", "/patients/{id}", "/conflict", "patient", None),
    ("POST", "/patients/{id}", "/merge", "patient", {"source_id": None}),
    ("PATCH", "/studies/{id}", "", "study", {"description": "x"}),
    ("DELETE", "/studies/{id}", "", "study", None),
    ("DELETE", "/studies/{id}", "/conflict", "study", None),
    ("PATCH", "/image-files/{file_id}", "", "file", {"description": "x"}),
    ("DELETE", "/image-files/{file_id}", "", "file", None),
    ("POST", "/image-files/{file_id}", "/archive", "file", None),
    ("POST", "/image-files/{file_id}", "/unarchive", "file", None),
    ("POST", "/image-files/{file_id}", "/file", "instance", None),
    ("PUT", "/images/{file_id}/annotations", "", "drawn", {"annotations": []}),
    ("DELETE", "/upload/chunked/{upload_id}", "", "upload", None),
    ("POST", "/upload/chunked/{upload_id}", "/complete", "upload", None),
    ("PATCH", REPORT, "", "report", {"sections": TEXT}),
    ("DELETE", REPORT, "", "report", None),
    ("POST", REPORT, "/lock", "report", {}),
    ("DELETE", REPORT, "/lock", "report", None),
    ("POST", REPORT, "/prefill", "report", {}),
    ("POST", REPORT, "/submit", "report", {}),
    ("POST", REPORT, "/review", "report", {}),
    ("POST", REPORT, "/approve", "report", {}),
    ("POST", REPORT, "/reject", "report", {"reason": "x"}),
    ("POST", REPORT, "/sign", "report", {"password": PASSWORD}),
    ("POST", REPORT, "/cancel", "report", {"reason": "x"}),
    ("POST", REPORT, "/amend", "report", {"reason": "x"}),
    ("POST", REPORT, "/addendum", "report", {"addendum": "x"}),
    ("POST", REPORT, "/mark-entered-in-error", "report", {"reason": "x"}),
    ("POST", REPORT, "/critical-results", "report", {"category": "MINUTES", "finding": "x"}),
    ("POST", REPORT, "/recommendations", "report", {"procedure_text": "x", "reason": "x", "due_on": "2040-01-01"}),
    ("POST", REPORT, "/dismiss-late-results", "report", {"reason": "x", "late_results": []}),
    ("POST", REPORT, "/peer-reviews", "report", {"score": "1"}),
    ("POST", "/critical-results/{id}", "/communicate", "critical", {}),
    ("POST", "/critical-results/{id}", "/cancel", "critical", {"reason": "x"}),
    ("POST", "/recommendations/{id}", "/complete", "recommendation", {"note": "x"}),
    ("POST", "/recommendations/{id}", "/dismiss", "recommendation", {"note": "x"}),
    ("POST", "/recommendations/{id}", "/reopen", "dismissed", {"note": "x"}),
    ("POST", "/late-results/{id}", "/dismiss", "late", {"reason": "x"}),
    ("PATCH", "/reports/macros/{id}", "", "macro", {"text": "y"}),
    ("DELETE", "/reports/macros/{id}", "", "macro", None),
    ("POST", "/reports/macros/{id}", "/expand", "macro", {}),
    ("PATCH", "/reports/templates/{id}", "", "template", {"preference": 1}),
    ("DELETE", "/reports/templates/{id}", "", "template", None),
    ("PATCH", "/system/webhooks/{id}", "", "webhook", {"is_active": False}),
    ("DELETE", "/system/webhooks/{id}", "", "webhook", None),
    ("POST", "/system/jobs/{id}", "/cancel", "job", None),
    ("POST", "/system/jobs/{id}", "/retry", "job", None),
    ("PATCH", "/diagnosis/models/{id}", "", "model", {"title": "x"}),
    ("DELETE", "/diagnosis/models/{id}", "", "model", None),
    ("POST", "/diagnosis/models/{id}", "/activate", "model", None),
    ("POST", "/diagnosis/models/{id}", "/shadow", "model", None),
    ("POST", "/diagnosis/models/{id}", "/retire", "model", None),
    ("PATCH", "/diagnosis/rules/{id}", "", "rule", {"is_enabled": False}),
    ("DELETE", "/diagnosis/rules/{id}", "", "rule", None),
    ("DELETE", "/diagnosis/{id}", "", "diagnosis", None),
    ("POST", "/diagnosis/{id}", "/annotations", "diagnosis", {}),
    ("POST", "/diagnosis/{id}", "/dicom", "diagnosis", None),
    ("POST", "/diagnosis/{id}", "/review", "diagnosis", {"decision": "CONFIRMED"}),
    ("POST", "/diagnosis/{id}", "/withdraw", "diagnosis", {"reason": "x"}),
]
# Of what is deleted nobody has a tag: none is asked for.
GONE = [
    ("/patients/{id}", "/restore", "patient"),
    ("/studies/{id}", "/restore", "study"),
    ("/image-files/{file_id}", "/restore", "file"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    server = Server(folder, ARCHIVE_URL=f"file://{folder}/archive", WEBHOOK_HOSTS="127.0.0.1:9")
    server.init().start()
    yield House(server)
    server.close()


def place(path, thing):
    return path.replace("{id}", str(thing)).replace("{file_id}", str(thing)).replace("{upload_id}", str(thing))


def comparable(house):
    document = ok(house.chief.get("/openapi.json"))
    return {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "get" and any(p.get("name") == "If-Match" for p in operation.get("parameters", []))
    }


def test_the_document_says_of_each_that_it_is_compared(house):
    rows, said = {(method, path + act) for method, path, act, _, _ in TABLE}, comparable(house)
    assert rows - said == set()
    assert {("POST", path + act) for path, act, _ in GONE} & said == set()


@pytest.mark.parametrize("method, path, act, kind, body", TABLE, ids=lambda v: v if isinstance(v, str) else None)
def test_another_tag_keeps_it_and_its_own_lets_it_pass(house, method, path, act, kind, body):
    thing = place(path, getattr(house, kind)())
    api = house.author if kind in ("report", "critical", "recommendation", "dismissed", "late") else house.chief
    if body == {"source_id": None}:
        body = {"source_id": house.patient()}
    before = api.get(thing)
    ok(before)
    tag = before.headers["etag"]
    for wrong in ('"invented"', "W/" + tag, ""):
        problem(api.request(method, thing + act, json=body, headers={"If-Match": wrong}), 412)
    now = api.get(thing)
    assert now.headers["etag"] == tag, (before.json(), now.json())
    answer = api.request(method, thing + act, json=body, headers={"If-Match": tag})
    assert answer.status_code not in (404, 412) and answer.status_code < 500, answer.text


def test_of_passwords_set_at_once_with_one_tag_one_is(house):
    """Hashing takes long: what was compared before it is compared again after it."""
    thing = place(USER, house.user())
    tag = house.chief.get(thing).headers["etag"]

    def send(n):
        wish = {"new_password": f"brave-otter-{n}174"}
        return house.chief.post(f"{thing}/password", json=wish, headers={"If-Match": tag})

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(answer.status_code for answer in pool.map(send, range(4)))
    assert answers == [204, 412, 412, 412]


@pytest.mark.parametrize("path, act, kind", GONE, ids=[kind for _, _, kind in GONE])
def test_what_is_deleted_matches_nothing(house, path, act, kind):
    thing = place(path, getattr(house, kind)())
    tag = house.chief.get(thing).headers["etag"]
    ok(house.chief.delete(thing), 204)
    for value in (tag, '"invented"'):
        refused = problem(house.chief.post(thing + act, headers={"If-Match": value}), 412)
        assert "leave If-Match out" in refused["detail"]
    assert house.chief.get(thing).status_code == 404
    back = house.chief.post(thing + act, headers={"If-Match": "*"})
    assert back.headers["etag"] == house.chief.get(thing).headers["etag"], ok(back)


def test_a_tag_is_of_what_get_shows(house):
    """What expanding makes of a macro is no macro: its tag could be compared with nothing."""
    macro = house.macro()
    expanded = house.chief.post(f"/reports/macros/{macro}/expand", json={})
    assert ok(expanded)["text"] == "x" and "etag" not in expanded.headers
    changed = house.chief.patch(f"/reports/macros/{macro}", json={"text": "y"})
    assert changed.headers["etag"] == house.chief.get(f"/reports/macros/{macro}").headers["etag"]


WITHOUT_A_TAG = [
    # what nobody can compare a tag with; what it answers where "*" is sent, which says only that there is something
    ("POST", "/patients", {"patient_id": "if-match", "name": "x"}, 201),
    ("POST", "/studies", {}, 201),
    ("DELETE", "/auth/sessions/{session}", None, 204),
    ("PUT", "/studies/{study}/assignments/roles/viewer", None, 204),
    ("PUT", "/upload/chunked/{upload}/chunks/0", b"\x89PNG\r\n\x1a\n" + b"\0" * ((1 << 20) - 8), 200),
    ("POST", "/upload/single", "form", 201),
]


@pytest.mark.parametrize("method, path, body, status", WITHOUT_A_TAG, ids=[f"{r[0]} {r[1]}" for r in WITHOUT_A_TAG])
def test_a_tag_that_nobody_can_compare_is_not_passed_over(house, method, path, body, status):
    """RFC 9110 13.1.1: it is false; whoever sent it counts on it."""
    other = house.server.admin()
    session = next(s["id"] for s in ok(other.get("/auth/sessions"))["items"] if s["current"])
    names = {"session": session, "study": house.study(), "upload": house.upload()}
    thing = path.format(**names)
    body = {"patient_id": house.patient(), "study_uid": uid()} if body == {} else body
    said = {"content": body} if isinstance(body, bytes) else {"json": body}
    if body == "form":
        said = {"files": {"file": ("a.png", png(note=unique()))}}

    def state():
        rows = [f"select count(*) from {table}" for table in ("patients", "studies", "image_files", "sessions")]
        upload = ok(house.chief.get(f"/upload/chunked/{names['upload']}"))
        return [house.server.database.rows(row) for row in rows], upload

    before = state()
    problem(house.chief.request(method, thing, headers={"If-Match": '"x"'}, **said), 412)
    assert state() == before
    answer = house.chief.request(method, thing, headers={"If-Match": "*"}, **said)
    assert answer.status_code == status, answer.text


FAILED = "update image_files set status = 'FAILED', status_reason = 'its picture cannot be decoded: x' where id = {}"
SHORT = "update image_files set damage = 'SIZE' where id = {}"
MARKED = [  # what is set right on the way is part of what is asked for
    ("/file", "file", FAILED),
    ("/file", "film", FAILED),
    ("/archive", "file", SHORT),
]


@pytest.mark.parametrize("act, kind, mark", MARKED, ids=["raster", "instance", "archive"])
def test_what_a_request_mends_first_is_nobody_elses_change(house, act, kind, mark):
    file = getattr(house, kind)()
    house.server.database.rows(mark.format(file))
    thing = f"/image-files/{file}"
    tag = house.chief.get(thing).headers["etag"]
    after = ok(house.chief.post(thing + act, headers={"If-Match": tag}))
    assert after["status"] in ("UPLOADED", "PROCESSED", "ARCHIVED") and after["status_reason"] is None
    problem(house.chief.post(thing + act, headers={"If-Match": tag}), 412)


def test_a_copy_of_a_refused_move_goes_with_its_file(house):
    """Whoever changed the file meanwhile: here the copy of a move that was cut off."""
    file = house.file()
    [[path]] = house.server.database.rows(f"select storage_path from image_files where id = {file}")
    copy = house.server.folder / "archive" / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes((house.server.files / path).read_bytes())
    ok(house.chief.delete(f"/image-files/{file}"), 204)
    house.server.run("purge", "--older-than", "0", "--yes")
    assert not copy.exists() and not (house.server.files / path).exists()
