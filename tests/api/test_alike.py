"""What is hidden answers like what is absent, and what went with its patient like both: each operation of the document
that names a study, a series, a file, a report, a diagnosis, a critical result, a recommendation, a late result or an
upload, and each list."""

import re

import pytest

from support import Server, dicom, ok, png
from test_if_match import TABLE, House, place

ABSENT = 987654321
NO_UPLOAD = "00000000-0000-4000-8000-000000000000"
KINDS = {
    "/studies/{id}": "study",
    "/series/{id}": "series",
    "/image-files/{file_id}": "file",
    "/images/{file_id}": "file",
    "/reports/{id}": "report",
    "/diagnosis/{id}": "diagnosis",
    "/critical-results/{id}": "critical",
    "/recommendations/{id}": "recommendation",
    "/late-results/{id}": "late",
    "/upload/chunked/{upload_id}": "upload",
}
QUERIES = {
    "study_id": "study",
    "series_id": "series",
    "image_file_id": "file",
    "file_id": "file",
    "report_id": "report",
    "diagnosis_id": "diagnosis",
}
VARIABLES = {"user_id": "77", "role": "viewer", "department": "x", "frame": "77", "version": "77", "number": "77"}
BODIES = {(method, path + act): body for method, path, act, _, body in TABLE}
REQUIRED = {"/reports/{id}/diff": {"from": 1, "to": 1}}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    server = Server(folder, ARCHIVE_URL=f"file://{folder}/archive").init().start()
    yield House(server)
    server.close()


@pytest.fixture(scope="module")
def things(house):
    """One of each, of one patient, all of somebody else's."""
    film = ok(house.author.post("/upload/single", files={"file": ("a.dcm", dicom(), "application/dicom")}), 201)
    report = house.author.post("/reports", json={"study_id": film["study_id"], "sections": {"findings": "x"}})
    report = ok(report, 201)["id"]
    critical = house.author.post(f"/reports/{report}/critical-results", json={"category": "MINUTES", "finding": "x"})
    wish = {"procedure_text": "biopsy", "reason": "nodule", "due_on": "2040-01-01"}
    recommended = house.author.post(f"/reports/{report}/recommendations", json=wish)
    house.server.database.rows(
        f"insert into late_results(report_id, signed_version, cause, status, asked_at) values ({report}, 1, 'ARRIVED', "
        "'OPEN', 1)"
    )
    picture = house.author.upload(png(), "b.png", patient_id=film["patient_id"])
    wish = {"filename": "a.png", "file_size": 3 << 20, "chunk_size": 1 << 20, "patient_id": film["patient_id"]}
    begun = ok(house.author.post("/upload/chunked", json=wish), 201)
    house.file = lambda: picture["id"]
    return {
        "patient": film["patient_id"],
        "study": film["study_id"],
        "series": film["series_id"],
        "file": film["id"],
        "report": report,
        "critical": ok(critical, 201)["id"],
        "recommendation": ok(recommended, 201)["id"],
        "late": house.server.database.rows("select max(id) from late_results")[0][0],
        "diagnosis": house.diagnosis(),
        "upload": begun["upload_id"],
    }


def operations(house):
    for path, methods in ok(house.chief.get("/openapi.json"))["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.removeprefix("/api/v1"), operation


def of_things(house):
    """(method, path with {thing}, what it names, body)"""
    for method, path, _ in operations(house):
        for start, kind in KINDS.items():
            if path == start or path.startswith(start + "/"):
                rest = path[len(start):]
                for name, value in VARIABLES.items():
                    rest = rest.replace("{" + name + "}", value)
                yield method, start, rest, kind, BODIES.get((method, path)), REQUIRED.get(path)


def said(answer, thing):
    """All that it says but for the number that was asked for, and the request's own."""
    about = ("etag", "location", "last-modified", "content-type", "retry-after", "content-disposition")
    text = answer.text
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        text = str(sorted((k, v) for k, v in answer.json().items() if k not in ("request_id", "instance")))
    return answer.status_code, re.sub(rf"\b{thing}\b", "N", text), [answer.headers.get(name) for name in about]


def ask(api, method, start, rest, thing, body, query):
    body = {"source_id": 1} if body == {"source_id": None} else body
    more = {} if body is None else {"json": body}
    return said(api.request(method, place(start, thing) + rest, params=query, **more), thing)


def differing(house, api, things, but=()):
    found, asked = [], 0
    for method, start, rest, kind, body, query in of_things(house):
        if start.startswith(but or "-") or (but and rest == "/restore"):  # which says that the patient comes first
            continue
        absent = NO_UPLOAD if kind == "upload" else ABSENT
        answers = [ask(api, method, start, rest, thing, body, query) for thing in (things[kind], absent)]
        asked += 1
        if answers[0] != answers[1] or answers[0][0] < 400:
            found.append((method, start + rest, *answers))
    assert asked > 40
    return "\n".join(map(str, found))


def lists_differing(house, api, things):
    found, asked = [], 0
    for method, path, operation in operations(house):
        names = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"} & set(QUERIES)
        if method != "GET" or "{" in path:
            continue
        for name in names:
            thing = things[QUERIES[name]]
            answers = [said(api.get(path, params={name: each}), ABSENT) for each in (thing, ABSENT)]
            asked += 1
            if answers[0] != answers[1]:
                found.append((path, name, *answers))
    assert asked > 3
    return "\n".join(map(str, found))


def naming(house, api, words, but=()):
    """Lists and figures that name one of the words."""
    found = []
    for method, path, operation in operations(house):
        if method == "GET" and "{" not in path and path not in ("/events", *but):
            answer = api.get(path)
            found += [(path, word) for word in words if answer.status_code == 200 and word in answer.text]
    return found


def words_of(house, things):
    study, series, file = house.server.database.rows(
        "select s.study_uid, x.series_uid, f.file_uuid from image_files f join studies s on s.id = f.study_id "
        f"join series x on x.id = f.series_id where f.id = {things['file']}"
    )[0]
    report = house.server.database.rows(f"select report_uuid from reports where id = {things['report']}")[0][0]
    return [study, series, file, report]


def test_hidden_and_absent(house, things):
    stranger = house.server.account("doctor", admin=house.chief)
    assert stranger.get(f"/studies/{things['study']}").status_code == 404
    assert differing(house, stranger, things) == ""
    assert lists_differing(house, stranger, things) == ""
    words = words_of(house, things)
    assert {path for path, _ in naming(house, house.author, words)} > {"/studies", "/image-files", "/reports"}
    assert naming(house, stranger, words) == []
    assert ok(stranger.get("/diagnosis"))["items"] == []


def test_what_went_with_its_patient(house, things):
    """Last: the patient is deleted. Reports stay readable, as docs/reports.md says; what else there is of it is not."""
    words = words_of(house, things)
    ok(house.chief.delete(f"/patients/{things['patient']}"), 204)
    stays = ("/reports/{id}", "/critical-results/{id}", "/recommendations/{id}", "/late-results/{id}")
    for api in (house.author, house.chief):
        assert differing(house, api, things, stays) == ""
        listed = naming(house, api, words, ("/reports", "/critical-results", "/system/audit-logs"))
        assert listed == [] == ok(api.get("/diagnosis"))["items"]
