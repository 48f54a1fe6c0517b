"""The interface described: /openapi.json, /docs, /redoc, without any other host."""

import json
import re

import pytest

from support import ok, problem, unique


@pytest.fixture(scope="module")
def document(server):
    return ok(server.client().get("/openapi.json"))


def test_openapi_is_the_printed_one(server, document):
    assert json.loads(server.run("openapi").stdout) == document


def test_openapi_names_what_clients_rely_on(document):
    assert document["openapi"].startswith("3.1")
    for path, method in [
        ("/api/v1/image-files/my-images", "get"),
        ("/api/v1/image-files/patient/{patient_id}", "get"),
        ("/api/v1/image-files/{file_id}", "get"),
        ("/api/v1/image-files/{file_id}", "delete"),
        ("/api/v1/image-files/{file_id}/download", "get"),
        ("/api/v1/image-files/stats/summary", "get"),
        ("/api/v1/auth/token", "post"),
        ("/api/v1/upload/chunked/{upload_id}/chunks/{number}", "put"),
        ("/health", "get"),
    ]:
        assert method in document["paths"][path], (method, path)
    parameters = {p["name"]: p for p in document["paths"]["/api/v1/image-files/my-images"]["get"]["parameters"]}
    assert {
        "page",
        "page_size",
        "file_type",
        "status",
        "modality",
        "start_date",
        "end_date",
        "search",
        "sort",
        "after",
        "fields",
    } <= set(parameters)
    size = parameters["page_size"]["schema"]
    assert (size["type"], size["default"], size["minimum"], size["maximum"]) == ("integer", 20, 1, 100)
    assert parameters["file_type"]["schema"] == {"$ref": "#/components/schemas/FileType"}
    assert document["components"]["schemas"]["FileType"]["enum"] == ["DICOM", "JPEG", "PNG", "TIFF", "OTHER"]


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield path, method, operation


def test_openapi_is_complete(document):
    ids = [o["operationId"] for _, _, o in operations(document)]
    assert len(ids) == len(set(ids)) > 50
    for path, method, operation in operations(document):
        assert operation["summary"] and operation["tags"], path
        assert [s for s in operation["responses"] if s.startswith("2")], path
        names = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert names == set(re.findall(r"\{(\w+)\}", path)), path
        for answer in operation["responses"].values():
            assert answer.get("description") or "$ref" in answer


def test_openapi_says_each_thing_once(server, document):
    """What holds everywhere stands in the introduction; what many operations answer, take and refuse are components."""

    def no_twins(pairs):
        assert len({name for name, _ in pairs}) == len(pairs), [name for name, _ in pairs]
        return dict(pairs)

    text = server.client().get("/openapi.json").text
    json.loads(text, object_pairs_hook=no_twins)
    assert '"pattern"' not in text
    assert len(text) / len(list(operations(document))) < 2050  # bytes an operation, with all the records
    introduction = document["info"]["description"]
    for word in ("format: text", "format: password", "date-time", "If-Match", "| 412 |", "中文"):
        assert word in introduction, word
    for path, method, operation in operations(document):
        answers = operation["responses"]
        if path.startswith("/v2"):  # the Open Inference Protocol has one shape for all that goes wrong
            assert answers["default"] == {"$ref": "#/components/responses/InferenceError"} and "422" not in answers
            continue
        assert answers["422"] == {"$ref": "#/components/responses/Invalid"}, path
        assert answers["default"] == {"$ref": "#/components/responses/Problem"}, path
        assert not [s for s in answers if s[0] in "45" and s != "422" and "$ref" in answers[s] and "token" not in path]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {"schema": {"$ref": ""}})
        assert list(body["schema"]) == ["$ref"], path


def test_openapi_tells_what_clients_can_count_on(document):
    """Members that are always there are required, and PATCH takes any of them; what is asked for in another way is
    another shape."""
    schemas = document["components"]["schemas"]
    assert set(schemas["Patient"]["required"]) == set(schemas["Patient"]["properties"])
    assert "required" not in schemas["PatientPatch"] and "name" in schemas["PatientInput"]["required"]
    page = document["paths"]["/api/v1/patients"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert page == {"$ref": "#/components/schemas/PageOfPatient"}
    answers = document["paths"]["/api/v1/image-files/{file_id}/download"]["get"]["responses"]
    assert {"200", "206", "304"} <= set(answers)
    for path in ("thumbnail", "rendered"):
        assert "304" in document["paths"]["/api/v1/images/{file_id}/" + path]["get"]["responses"]
    headers = [p["name"] for p in document["paths"]["/api/v1/patients/{id}"]["delete"]["parameters"]]
    assert headers == ["id", "If-Match"]
    stored = document["paths"]["/api/v1/images/{file_id}/frames/{frame}"]["get"]["responses"]["200"]
    assert set(stored["content"]) == {"application/octet-stream", "image/*"}  # ?stored=true: as the file has them
    assert "202" in document["paths"]["/api/v1/auth/register"]["post"]["responses"]
    assert "503" in document["paths"]["/health/ready"]["get"]["responses"]


def schemas_in(node):
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from schemas_in(part)


def test_openapi_has_one_type_for_each_table_of_choices(document):
    """Whatever chooses among the same names refers to one component, of which client generators make one type."""
    schemas = document["components"]["schemas"]
    choices = {name: schema["enum"] for name, schema in schemas.items() if "enum" in schema}
    assert len([node for node in schemas_in(document) if "enum" in node]) == len(choices)
    for word in ("Gender", "BloodType", "PatientStatus", "UserStatus", "ImageFileStatus", "AnnotationKind", "Side"):
        assert word in choices
    gender = schemas["Patient"]["properties"]["gender"]
    assert gender["$ref"] == schemas["PatientInput"]["properties"]["gender"]["$ref"] == "#/components/schemas/Gender"
    maybe = schemas["Annotation"]["properties"]["facing"]["anyOf"]
    assert maybe == [{"$ref": "#/components/schemas/Side"}, {"type": "null"}]
    sort = [p for p in document["paths"]["/api/v1/users"]["get"]["parameters"] if p["name"] == "sort"][0]
    assert sort["schema"] == {"$ref": "#/components/schemas/UserOrder", "default": "-created_at"}


def test_openapi_tells_what_problems_say_beside_the_usual(document):
    problem_schema = document["components"]["schemas"]["Problem"]["properties"]
    assert {"errors", "request_id"} < set(problem_schema)
    assert "password-change-required" in problem_schema["type"]["description"]
    complete = document["paths"]["/api/v1/upload/chunked/{upload_id}/complete"]["post"]["responses"]["409"]
    both = complete["content"]["application/problem+json"]["schema"]["allOf"]
    assert [part["$ref"].rsplit("/", 1)[1] for part in both] == ["Problem", "ChunksMissing"]
    further = document["components"]["schemas"]["ChunksMissing"]
    assert list(further["properties"]) == ["missing_chunks"] and "required" not in further


def test_openapi_says_what_is_null_to_who_may_not_know_it(server, admin, document):
    """Studies without patients, as a right of its own: the member is there, and null."""
    role, database = unique("studies"), server.database
    database.rows(
        f"insert into roles(name, description, created_at) select '{role}', name, created_at from roles "
        f"where name = 'nurse'"
    )
    database.rows(
        "insert into role_permissions(role_id, permission_id) select r.id, p.id from roles r cross join permissions p "
        f"where r.name = '{role}' and p.name = 'study.read'"
    )
    api = server.account(role, admin=admin)
    patient = ok(admin.post("/patients", json={"patient_id": unique("P"), "name": "王小明"}), 201)
    study = ok(admin.post("/studies", json={"patient_id": patient["id"]}), 201)
    ok(admin.put(f"/studies/{study['id']}/assignments/roles/{role}"), 204)
    told = ok(api.get(f"/studies/{study['id']}"))
    schema = document["components"]["schemas"]["Study"]
    assert told["patient_id"] is None and set(told) == set(schema["required"])
    for name, value in told.items():
        assert value is not None or '"null"' in json.dumps(schema["properties"][name]), name
    assert schema["properties"]["patient_id"]["type"] == ["integer", "null"]
    assert document["components"]["schemas"]["StudyInput"]["properties"]["patient_id"]["type"] == "integer"
    database.rows(f"delete from study_role_assignments where study_id = {study['id']}")
    database.rows(f"delete from user_roles where user_id = {api.id}")
    for table, column in (("role_permissions", "role_id"), ("roles", "id")):
        database.rows(
            f"delete from {table} where {column} = (select id from (select id from roles where name = '{role}') r)"
        )


def test_openapi_marks_what_needs_a_token(document):
    open_to_all = {
        (m, p) for p, m, o in operations(document) if o.get("security", document.get("security")) in ([], None)
    }
    assert ("post", "/api/v1/auth/login") in open_to_all
    assert ("get", "/api/v1/patients") not in open_to_all
    metrics = document["paths"]["/metrics"]["get"]  # with a token, or from the server's own machine without
    ways = [{"password": []}, {"bearer": []}, {"cookieAuth": []}, {"api_key": []}]
    assert document["security"] == ways
    assert metrics["security"] == [*ways, {}] and "metrics.read" in metrics["description"]
    schemes = document["components"]["securitySchemes"]
    flows = [s["flows"]["password"]["tokenUrl"] for s in schemes.values() if s["type"] == "oauth2"]
    assert flows == ["/api/v1/auth/token"]


def test_openapi_references_resolve(document):
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                target = document
                for step in node["$ref"].removeprefix("#/").split("/"):
                    target = target[step.replace("~1", "/").replace("~0", "~")]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)


def test_openapi_shows_no_secret_in_answers(document):
    text = json.dumps(document["components"]["schemas"].get("User", {}))
    assert "full_name" in text and "password_hash" not in text


def test_every_documented_operation_exists(server, document):
    """Without a token each answers 401, or does what it does for anybody; never 404 or 405 for its path."""
    with server.client() as client:
        for path, method, operation in operations(document):
            url = server.url + re.sub(r"\{\w+\}", "1", path)
            answer = client.request(method.upper(), url)
            needs_token = operation.get("security", document.get("security")) not in ([], None)
            if needs_token and {} not in operation.get("security", []):
                assert answer.status_code == 401, (method, path, answer.status_code)
            elif path == "/verify/{token}":  # which says so itself
                assert answer.status_code == 404 and answer.headers["content-type"].startswith("text/html")
            else:
                assert answer.status_code not in (401, 403, 404, 405, 500), (method, path, answer.status_code)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/"])
def test_pages_work_offline(nobody, path):
    page = nobody.get(path)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    assert "unsafe-eval" not in policy and "'unsafe-inline'" not in re.search(
        r"script-src[^;]*|default-src[^;]*", policy
    ).group(0)
    assert "http:" not in policy and "https:" not in policy and "*" not in policy
    assets = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert assets
    for asset in assets:
        if asset.startswith("data:"):
            continue
        assert not asset.startswith(("http", "//")), asset
        answer = nobody.get(nobody.server.url + asset)
        assert answer.status_code == 200 and len(answer.content) > 0
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*src=)[^>]*>\s*\S", page.text)


def test_assets_are_cached_and_packed(nobody):
    page = nobody.get("/docs").text
    script = re.findall(r'src="([^"]+\.js)"', page)[0]
    packed = nobody.get(nobody.server.url + script, headers={"Accept-Encoding": "gzip"})
    plain = nobody.get(nobody.server.url + script, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and packed.content == plain.content
    again = nobody.get(nobody.server.url + script, headers={"If-None-Match": packed.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("file", ["nothing.js", "..%2f..%2fetc%2fpasswd", "%00", "index.html.bak"])
def test_other_assets_404(nobody, file):
    answer = nobody.get(nobody.server.url + "/docs/assets/" + file)
    assert answer.status_code in (400, 404)
    problem(answer, answer.status_code)
