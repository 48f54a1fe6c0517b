"""What all lists share: pages, cursors, order, fields, totals."""

import threading

import pytest

from support import ok, png, problem, wrong_members

LISTS = [
    "/patients",
    "/users",
    "/image-files",
    "/image-files/my-images",
    "/roles",
    "/permissions",
    "/auth/sessions",
    "/system/audit-logs",
]


@pytest.mark.parametrize("path", LISTS)
def test_shape(admin, path):
    body = ok(admin.get(path))
    assert {"total", "page", "page_size", "items", "next"} <= set(body)
    assert (body["page"], body["page_size"]) == (1, 20)
    # Counted before the rows were read, while rows of the audit log may come: the next count is not lower.
    assert len(body["items"]) <= 20 and len(body["items"]) <= ok(admin.get(path))["total"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query, member",
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("page_size=", "page_size"),
        ("sort=password_hash", "sort"),
        ("sort=id;drop", "sort"),
        ("nonsense=1", "nonsense"),
        ("page=1&page=2", "page"),
        ("after=nonsense", "after"),
        ("after=YWJj", "after"),
        ("page=1e3", "page"),
        ("page=99999999999999999999", "page"),
    ],
)
def test_bad_queries_422(admin, path, query, member):
    if query == "page_size=":  # empty means not given
        assert admin.get(f"{path}?{query}").status_code in (200, 422)
        return
    assert wrong_members(problem(admin.get(f"{path}?{query}"), 422)) == [member]


@pytest.mark.parametrize("path", LISTS)
def test_limits_are_inclusive(admin, path):
    assert ok(admin.get(path, params={"page_size": 100}))["page_size"] == 100
    assert len(ok(admin.get(path, params={"page_size": 1}))["items"]) <= 1


def test_a_page_beyond_the_end_is_empty(doctor):
    doctor.upload(png())
    body = ok(doctor.get("/image-files/my-images", params={"page": 1000}))
    assert body["items"] == [] and body["total"] == 1 and body["next"] is None and body["page"] == 1000


@pytest.fixture(scope="module")
def shelf(server, admin):
    """A doctor with 45 files."""
    doctor = server.account("doctor", admin=admin)
    ids = [doctor.upload(png(), filename=f"f{i:02}.png")["id"] for i in range(45)]
    return doctor, ids


def test_pages_by_number(shelf):
    doctor, ids = shelf
    pages = [ok(doctor.get("/image-files/my-images", params={"page": n})) for n in (1, 2, 3, 4)]
    assert [p["total"] for p in pages] == [45] * 4
    assert [len(p["items"]) for p in pages] == [20, 20, 5, 0]
    assert [f["id"] for p in pages for f in p["items"]] == ids[::-1]
    assert pages[0]["next"] and pages[1]["next"] and not pages[2]["next"]


def walk(api, path, **query):
    ids, after = [], None
    while True:
        body = ok(api.get(path, params={**query, **({"after": after} if after else {})}))
        ids += [row["id"] for row in body["items"]]
        after = body["next"]
        if after is None:
            return ids


@pytest.mark.parametrize("sort", ["-created_at", "created_at", "-file_size", "file_size"])
@pytest.mark.parametrize("page_size", [1, 7, 45, 100])
def test_cursors_walk_every_row_once(shelf, sort, page_size):
    doctor, ids = shelf
    seen = walk(doctor, "/image-files/my-images", sort=sort, page_size=page_size)
    assert sorted(seen) == sorted(ids) and len(seen) == 45
    if sort == "created_at":
        assert seen == ids


def test_cursors_of_visible_files_walk_every_row_once(shelf):
    doctor, ids = shelf
    assert walk(doctor, "/image-files", page_size=10) == ids[::-1]


def test_a_cursor_belongs_to_its_sort(shelf):
    doctor, _ = shelf
    cursor = ok(doctor.get("/image-files/my-images", params={"page_size": 5}))["next"]
    answer = doctor.get("/image-files/my-images", params={"page_size": 5, "after": cursor, "sort": "file_size"})
    assert wrong_members(problem(answer, 422)) == ["after"]


def test_a_cursor_shows_nothing_of_others(shelf, colleague):
    doctor, _ = shelf
    cursor = ok(doctor.get("/image-files/my-images", params={"page_size": 5}))["next"]
    assert ok(colleague.get("/image-files/my-images", params={"after": cursor}))["items"] == []


@pytest.mark.parametrize(
    "path, sort",
    [
        ("/patients", "-created_at"),
        ("/patients", "created_at"),
        ("/patients", "name"),
        ("/patients", "-patient_id"),
        ("/image-files/my-images", "-created_at"),
        ("/image-files/my-images", "created_at"),
    ],
)
def test_cursors_walk_while_rows_are_inserted(server, admin, path, sort):
    """Rows that were there at the start come exactly once, whatever is inserted meanwhile."""
    doctor = server.account("doctor", admin=admin)
    files = path != "/patients"
    make = (lambda i: doctor.upload(png())["id"]) if files else (lambda i: doctor.patient(name=f"同名{i % 3}")["id"])
    before = [make(i) for i in range(40)]
    stop = threading.Event()

    def insert():
        other = server.sign_in(doctor.user["username"])
        while not stop.is_set():
            if files:
                other.upload(png())
            else:
                other.patient(name="同名1")

    thread = threading.Thread(target=insert)
    thread.start()
    try:
        seen, after, pages = [], None, 0
        while pages < 4000:  # of all the patients that other tests have made, too
            body = ok(doctor.get(path, params={"page_size": 7, "sort": sort, **({"after": after} if after else {})}))
            seen += [row["id"] for row in body["items"]]
            after, pages = body["next"], pages + 1
            if after is None or (set(before) <= set(seen) and pages > 20):
                break
    finally:
        stop.set()
        thread.join()
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)


@pytest.mark.parametrize(
    "sort, key",
    [
        ("name", "name"),
        ("-name", "name"),
        ("patient_id", "patient_id"),
        ("-patient_id", "patient_id"),
        ("created_at", "created_at"),
        ("-created_at", "created_at"),
    ],
)
def test_order(doctor, sort, key):
    for name in ("Berta", "anton", "Anton", "张", "王"):
        doctor.patient(name=name)
    rows = [row[key] for row in ok(doctor.get("/patients", params={"sort": sort, "page_size": 100}))["items"]]
    back = [
        row[key]
        for row in ok(
            doctor.get(
                "/patients", params={"sort": sort.lstrip("-") if sort[0] == "-" else "-" + sort, "page_size": 100}
            )
        )["items"]
    ]
    assert len(rows) >= 5
    if len(rows) < 100:
        assert rows == back[::-1]
    if key == "created_at":
        assert rows == sorted(rows, reverse=sort[0] == "-")


def test_fields(shelf):
    doctor, ids = shelf
    body = ok(doctor.get("/image-files/my-images", params={"fields": "id,file_size"}))
    assert all(set(row) == {"id", "file_size"} for row in body["items"]) and len(body["items"]) == 20
    assert set(ok(doctor.get(f"/image-files/{ids[0]}", params={"fields": "status"}))) == {"status"}
    assert wrong_members(problem(doctor.get("/image-files/my-images", params={"fields": "id,secret"}), 422)) == [
        "fields"
    ]
    assert wrong_members(problem(doctor.get(f"/image-files/{ids[0]}", params={"fields": "expected_hash"}), 422)) == [
        "fields"
    ]


def test_fields_never_show_secrets(admin):
    answer = admin.get("/users", params={"fields": "id,password_hash"})
    problem(answer, 422)
    assert "$2b$" not in answer.text


def test_unfiltered_totals_are_exact(doctor):
    before = ok(doctor.get("/patients"))["total"]
    doctor.patient()
    doctor.patient()
    # other pytest processes have servers of their own, so nobody else adds here
    assert ok(doctor.get("/patients"))["total"] == before + 2


def test_a_failing_list_is_not_an_empty_one(admin):
    """The filter is refused, not ignored."""
    problem(admin.get("/image-files", params={"uploaded_by": "me"}), 422)


def test_times_are_utc_with_zone(shelf):
    doctor, ids = shelf
    file = doctor.file(ids[0])
    for member in ("created_at", "updated_at", "uploaded_at"):
        assert file[member].endswith("Z") and file[member][10] == "T"
