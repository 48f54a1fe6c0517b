"""Pages far into a list: empty at once past its end, otherwise refused with the word for what goes on from there."""

import pytest

from support import ON_SQLITE, Server, ok, problem

ROWS = 10300
MOST = 10000


def numbers():
    if ON_SQLITE:
        numbers = f"n(seq) as (select 1 union all select seq + 1 from n where seq < {ROWS})"
        return f"(with recursive {numbers} select seq from n)"
    return f"(select seq from seq_1_to_{ROWS})"


def text(prefix):
    return f"'{prefix}' || n.seq" if ON_SQLITE else f"concat('{prefix}', n.seq)"


@pytest.fixture(scope="module")
def library(tmp_path_factory, request):
    """An administrator, and a doctor with so many files of one patient, among as many patients and audit rows."""
    server = Server(tmp_path_factory.mktemp("deep"))
    request.addfinalizer(server.close)
    server.init().start()
    admin = server.admin()
    doctor = server.account("doctor", admin=admin)
    patient = doctor.patient()["id"]
    at = "1700000000000000 + n.seq * 1000000"
    server.stop()
    server.database.rows(
        "insert into image_files(file_uuid, original_filename, file_type, mime_type, storage_path, file_size, sha256, "
        "uploaded_by, "
        "patient_id, status, upload_progress, created_at, updated_at, uploaded_at, thumbnail_path) "
        f"select {text('uuid-')}, {text('f')}, 'PNG', 'image/png', {text('completed/')}, n.seq, {text('sha')}, "
        f"{doctor.id}, {patient}, "
        f"'UPLOADED', 100, {at}, {at}, {at}, 'thumbnails/x' from {numbers()} n"
    )
    server.database.rows(
        f"insert into patients(patient_id, name, gender, status, created_by, created_at, updated_at) "
        f"select {text('Q')}, {text('Name')}, 'UNKNOWN', 'ACTIVE', {doctor.id}, {at}, {at} from {numbers()} n"
    )
    server.database.rows(
        f"insert into audit_logs(created_at, user_id, action, outcome) select {at}, {doctor.id}, 'x', 200 "
        f"from {numbers()} n"
    )
    server.start()
    return {"doctor": server.client(doctor.token), "admin": server.client(admin.token)}, patient


LONG_LISTS = [
    ("doctor", "/image-files"),
    ("doctor", "/image-files/my-images"),
    ("doctor", "/image-files/patient/{patient}"),
    ("doctor", "/patients"),
    ("admin", "/image-files"),
    ("admin", "/patients"),
    ("admin", "/system/audit-logs"),
]


@pytest.mark.parametrize("who, path", LONG_LISTS)
def test_deep_pages(library, who, path):
    api, patient = library[0][who], library[1]
    path = path.format(patient=patient)
    last = ok(api.get(path, params={"page": MOST // 100 + 1, "page_size": 100}))
    assert len(last["items"]) == 100 and last["next"]
    for page, size in ((MOST // 100 + 2, 100), (MOST + 2, 1), (502, 20)):
        refused = problem(api.get(path, params={"page": page, "page_size": size}), 422)
        assert [(e["loc"][-1], e["type"]) for e in refused["errors"]] == [("page", "too_deep")]
        assert "after=" in refused["errors"][0]["msg"]
    beyond = ok(api.get(path, params={"page_size": 100, "after": last["next"]}))
    assert len(beyond["items"]) == 100
    assert not {row["id"] for row in last["items"]} & {row["id"] for row in beyond["items"]}


@pytest.mark.parametrize("who, path", LONG_LISTS)
def test_pages_past_the_end(library, who, path):
    """Where the total is known, nothing is looked for; where only that there is more, the page is refused."""
    api, patient = library[0][who], library[1]
    answer = api.get(path.format(patient=patient), params={"page": 1000000, "page_size": 100})
    if answer.status_code == 422:
        assert "after=" in problem(answer, 422)["errors"][0]["msg"]
        assert ok(api.get(path.format(patient=patient)))["total_is_lower_bound"]
    else:
        body = ok(answer)
        assert body["items"] == [] and body["next"] is None and body["total"] >= ROWS and body["page"] == 1000000


@pytest.mark.parametrize(
    "path",
    [
        "/users",
        "/roles",
        "/permissions",
        "/auth/sessions",
        "/studies",
        "/image-files?status=FAILED",
        "/patients?search=nobody",
    ],
)
def test_short_lists_have_no_deep_pages(library, path):
    mark = "&" if "?" in path else "?"
    body = ok(library[0]["admin"].get(f"{path}{mark}page=1000000&page_size=100"))
    assert body["items"] == [] and body["next"] is None and not body["total_is_lower_bound"]
