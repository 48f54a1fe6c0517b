"""Flat at scale: every list is answered from an index. The statements are those the server itself counts; the database
explains them."""

import hashlib
import re
import sqlite3

import pytest

from support import OF_THE_BACKGROUND, ON_SQLITE, ROOT, Server, dicom, ok, png, unique, wait_until

ROWS = 20000
# Tables that stay small however long a hospital works here. All others are big, also those that do not exist yet.
SMALL = {
    "schema_migrations",
    "roles",
    "permissions",
    "role_permissions",
    "row_counts",
    "search_rebuilds",
    "trash_work",
    "study_renewals",
    "webhooks",
    "signing_keys",
    "signing_anchors",
    "signing_authority",
    "diagnosis_rules",
    "models",
    "report_templates",  # these grow with the people who write, not with the years
    "report_template_versions",
    "report_macros",
}
FIRST, LAST = 1_700_000_000_000_000, 1_700_000_000_000_000 + ROWS * 1_000_000


def numbers():
    if ON_SQLITE:
        numbers = f"n(seq) as (select 1 union all select seq + 1 from n where seq < {ROWS})"
        return f"(with recursive {numbers} select seq from n)"
    return f"(select seq from seq_1_to_{ROWS})"


def due_rule():
    """As rows have it that were worked out by REPORT_DUE as shipped: they do not follow it in the background."""
    [due] = re.findall('REPORT_DUE="?([^"\n]+)', (ROOT / ".env.example").read_text())
    return int.from_bytes(b"\x01" + hashlib.sha256(due.encode()).digest()[:6], "big")


def fill(server, user_id):
    """Enough rows that no optimiser likes reading them all, of 50 users. Written past the server, which is stopped."""
    text = (lambda prefix: f"'{prefix}' || n.seq") if ON_SQLITE else (lambda prefix: f"concat('{prefix}', n.seq)")
    at = f"{FIRST} + n.seq * 1000000"
    year = "(1930 + n.seq % 90) || '-01-01'" if ON_SQLITE else "concat(1930 + n.seq % 90, '-01-01')"
    server.database.rows(
        f"insert into users(username, email, full_name, password_hash, created_at, updated_at) "
        f"select {text('user')}, {text('mail')}, 'x', 'x', {at}, {at} from {numbers()} n where n.seq <= 50"
    )
    user = f"{user_id} + n.seq % 50"
    server.database.rows(f"update report_owner set user_id = {user_id} + 50")  # so that documents are looked for
    server.database.rows(
        f"insert into patients(patient_id, name, gender, status, birth_date, created_by, created_at, updated_at, "
        f"phone_hash, id_card_hash, image_count) "
        f"select {text('Q')}, {text('Name')}, case n.seq % 3 when 0 then 'MALE' when 1 then 'FEMALE' else 'UNKNOWN' "
        f"end, "
        f"case n.seq % 3 when 0 then 'ACTIVE' when 1 then 'INACTIVE' else 'DECEASED' end, {year}, {user}, {at}, {at}, "
        f"{text('h')}, {text('c')}, n.seq % 2 "
        f"from {numbers()} n"
    )
    patient = server.database.rows("select min(id) from patients")[0][0]
    server.database.rows(
        f"insert into image_files(file_uuid, original_filename, file_type, mime_type, storage_path, file_size, "
        f"sha256, uploaded_by, patient_id, "
        f"modality, body_part, status, upload_progress, created_at, updated_at, uploaded_at, thumbnail_path) select "
        f"{text('uuid-')}, {text('f')}, "
        f"case n.seq % 4 when 0 then 'DICOM' when 1 then 'JPEG' when 2 then 'PNG' else 'TIFF' end, 'image/png', "
        f"{text('completed/')}, n.seq, "
        f"{text('sha')}, {user}, {patient} + n.seq % 1000, case n.seq % 3 when 0 then 'CT' when 1 then 'MR' else 'XR' "
        f"end, "
        f"case n.seq % 3 when 0 then 'CHEST' when 1 then 'HEAD' else 'KNEE' end, case n.seq % 3 when 0 then "
        f"'UPLOADED' when 1 then 'FAILED' else 'PROCESSED' end, 100, {at}, {at}, {at}, 'thumbnails/x' "
        f"from {numbers()} n"
    )
    server.database.rows(
        f"insert into studies(study_uid, patient_id, accession_number, study_date, modality, created_by, created_at, "
        f"updated_at) select "
        f"{text('1.2.')}, {patient} + n.seq % 1000, {text('A')}, {year}, case n.seq % 3 when 0 then 'CT' when 1 then "
        f"'MR' else 'XR' end, "
        f"{user}, {at}, {at} from {numbers()} n"
    )
    study = server.database.rows("select min(id) from studies")[0][0]
    # Where all were null, MariaDB would take the index of studies for useless.
    server.database.rows(f"update image_files set study_id = {study} + id % {ROWS} where id % 4 <> 0")
    server.database.rows(
        f"insert into series(study_id, series_uid, series_number, created_at, updated_at) select {study} + n.seq / 2, "
        f"{text('1.2.')}, "
        f"n.seq % 2, {at}, {at} from {numbers()} n where n.seq < {ROWS} - 2"
    )
    series = server.database.rows("select min(id) from series")[0][0]  # and so of series
    some = f"study_id is not null and id % {ROWS} between {ROWS // 5} and {ROWS * 4 // 5}"
    server.database.rows(
        f"update image_files set series_id = {series} + id % {ROWS - 3}, status_reason = 'x' where {some}"
    )
    server.database.rows(
        f"insert into audit_logs(created_at, user_id, action, entity, entity_id, patient_id, outcome) select {at}, "
        f"{user}, "
        f"'patient.read', 'patient', n.seq, n.seq % 1000, 200 from {numbers()} n"
    )
    server.database.rows(
        f"insert into reports(report_uuid, study_id, status, version, priority, author_id, created_at, updated_at) "
        f"select {text('uuid-')}, {study} + n.seq - 1, case n.seq % 2 when 0 then 'DRAFT' else 'PRELIMINARY' end, 1, "
        f"'NORMAL', {user}, {at}, {at} from {numbers()} n"
    )
    server.database.rows(
        "insert into report_versions(report_id, version, kind, status, sections, content_sha256, author_id, "
        "created_by, created_at) select id, 1, 'ORIGINAL', 'DRAFT', '{}', 'x', author_id, author_id, created_at from "
        "reports"
    )
    server.database.rows(
        "insert into report_steps(report_id, version, to_status, user_id, at) select id, 1, 'DRAFT', author_id, "
        "created_at from reports"
    )
    server.database.rows(
        f"insert into worklist(study_id, report_id, state, is_live, is_told, modality, body_part, care_setting, "
        f"priority, priority_from, author_id, reviewer_id, clock_at, due_at, urgency, due_rule) select {study} + "
        f"n.seq - 1, 0, "
        f"case n.seq % 3 when 0 then 'UNREAD' when 1 then 'DRAFT' else 'PRELIMINARY' end, 1, 0, case n.seq % 3 when 0 "
        f"then 'CT' when 1 then 'MR' else 'XR' end, case n.seq % 3 when 0 then 'CHEST' when 1 then 'HEAD' else 'KNEE' "
        f"end, case n.seq % 2 when 0 then 'OTHER' else 'INPATIENT' end, 'NORMAL', 'STUDY', {user}, {user}, {at}, {at}, "
        f"40000000000000000 + {at}, {due_rule()} from {numbers()} n"
    )
    server.database.rows(
        "insert into critical_results(report_id, version, status, category, found_at, radiologist, due_at, "
        "next_step_at, steps, read_back, marked_by, marked_at) select id, 1, case id % 9 when 0 then 'OPEN' else "
        "'CANCELLED' end, "
        "'DAYS', created_at, 'x', created_at, case id % 9 when 0 then created_at end, 2, 0, author_id, created_at from "
        "reports"
    )
    server.database.rows(
        "insert into critical_result_events(critical_result_id, kind, step, user_id, at) select id, 'MARKED', 0, "
        "marked_by, marked_at from critical_results"
    )
    server.database.rows(
        "insert into recommendations(report_id, version, status, modality, body_part, reason, written_on, due_on, "
        "remind_after, look_again, recommended_by, created_at, opened_at) select id, 1, case id % 9 when 0 then 'OPEN' "
        "else 'COMPLETED' end, case id % 3 when 0 then 'CT' else 'MR' end, 'CHEST', 'x', '2024-01-01', '2024-02-01', "
        "case id % 9 when 0 then '2024-02-01' end, 0, author_id, created_at, created_at from reports"
    )
    server.database.rows(
        "insert into recommendation_events(recommendation_id, kind, user_id, at) select id, 'WRITTEN', "
        "recommended_by, created_at from recommendations"
    )
    server.database.rows(
        "insert into late_results(report_id, signed_version, cause, status, asked_at) select id, 1, 'ARRIVED', case "
        "id % 9 when 0 then 'OPEN' else 'DISMISSED' end, created_at from reports"
    )
    for table in (
        "users",
        "patients",
        "studies",
        "study_modalities",
        "series",
        "image_files",
        "audit_logs",
        "reports",
        "report_versions",
        "report_steps",
        "worklist",
        "critical_results",
        "critical_result_events",
        "recommendations",
        "recommendation_events",
        "late_results",
    ):
        if not ON_SQLITE:  # the server never runs ANALYZE on SQLite, so that plans are the same at every size
            server.database.rows(f"analyze table {table}")


def big_tables(server):
    if ON_SQLITE:
        rows = server.database.rows("select name from sqlite_master where type = 'table' and name not like '%search%'")
        return {name for (name,) in rows} - SMALL
    # MariaDB reads a table with few rows whole. That the others have their indices is seen on SQLite, whose plans do
    # not look at sizes.
    rows = server.database.rows(
        f"select table_name from information_schema.tables where table_schema = database() and table_rows > {ROWS // 2}"
    )
    return {name for (name,) in rows}


# Without an index of its own: each one would cost every audited request a write, for what administrators ask now and
# then.
RARELY_ASKED = re.compile(r"from audit_logs a where a\.(action|entity|entity_id) = \?(?! and)")

# What filters and path variables are given, where not every value of their type will do.
VALUES = {"search": "王", "modality": "CT", "body_part": "CHEST", "integer": 5, "boolean": "true"}


def ask_every_list(api, document, ids):
    """Each list of the API by each of its orders, two pages of it, and by each of its filters."""

    def schema_of(parameter):
        named = parameter["schema"].get("$ref")
        return document["components"]["schemas"][named.rsplit("/", 1)[1]] if named else parameter["schema"]

    for path, methods in document["paths"].items():
        parameters = {
            p["name"]: schema_of(p) for p in methods.get("get", {}).get("parameters", ()) if p["in"] == "query"
        }
        if "page_size" not in parameters:
            continue
        path = re.sub(
            r"([\w-]+)/\{(\w+)\}",
            lambda m: f"{m[1]}/{ids[m[1] if m[2] in ('id', 'file_id') else m[2]]}",
            path[len("/api/v1") :],
        )

        def ask(**query):
            answer = api.get(path, params={"page_size": 5, **query})
            assert answer.status_code in (200, 403), (path, query, answer.text)
            return answer.json().get("next")

        for sort in parameters.pop("sort")["enum"]:
            after = ask(sort=sort)
            if after:
                ask(sort=sort, after=after)
        for name, schema in parameters.items():
            if name not in ("page", "page_size", "after", "fields"):
                kind = "2023-11-15" if "date" in schema.get("format", "") else VALUES.get(schema["type"], "5")
                ask(**{name: ids.get(name) or VALUES.get(name) or schema.get("enum", [kind])[0]})


@pytest.fixture(scope="module")
def statements(tmp_path_factory, request):
    """The server's statements after every list was asked for in every way."""
    all_come = {"PURGE_SCHEDULE": "0 2 * * *", "FSCK_SCHEDULE": "0 3 * * *", "FSCK_FILES": "10", "AUDIT_KEEP": "3650d"}
    server = Server(tmp_path_factory.mktemp("queries"), **all_come)
    request.addfinalizer(server.close)
    server.init().start()  # then its store knows whose it is: without files of those rows it would not start
    comes = [row["name"] for row in ok(server.admin().get("/system/schedule"))["items"] if row["next_at"]]
    server.stop()
    admin_id = server.database.rows("select id from users")[0][0]
    fill(server, admin_id)
    for name in ("patients", "studies", "image_files"):  # as if an upgrade had come to the last few
        server.database.rows(
            f"update search_rebuilds set done_id = (select max(id) - 5 from {name}) where name = '{name}'"
        )
    server.database.rows("delete from job_schedules")
    for name in comes:
        server.database.rows(f"insert into job_schedules(name, looked_at) values ('{name}', 0)")
    server.start()
    admin = server.admin()
    doctor = server.account("doctor", admin=admin, department="x")
    patient = doctor.patient(name="王小明", phone="123", id_card=unique())
    file = doctor.upload(png(), patient_id=patient["id"])
    scan = doctor.upload(dicom(), "a.dcm")
    for who in ("roles/doctor", "departments/x"):  # all scopes are asked
        ok(admin.put(f"/studies/{scan['study_id']}/assignments/{who}"), 204)
    ids = {
        "patients": patient["id"],
        "patient_id": patient["id"],
        "studies": scan["study_id"],
        "series": scan["series_id"],
        "image-files": file["id"],
        "templates": ok(admin.get("/reports/templates"))["items"][0]["id"],
        "images": file["id"],
        "reports": ok(doctor.post("/reports", json={"study_id": scan["study_id"]}), 201)["id"],
        "user_id": admin.id,
        "uploaded_by": admin.id,
    }
    found = {"category": "DAYS"}
    result = ok(doctor.post(f"/reports/{ids['reports']}/critical-results", json=found), 201)
    ids["critical-results"] = result["id"]
    wish = {"procedure_text": "biopsy", "reason": "nodule", "due_on": "2040-01-01"}
    row = ok(doctor.post(f"/reports/{ids['reports']}/recommendations", json=wish), 201)
    ids["recommendations"] = row["id"]
    ids["late-results"] = server.database.rows("select min(id) from late_results")[0][0]
    document = ok(admin.get("/openapi.json"))
    interface = server.account("interface", admin=admin)  # sees all but documents of reports
    for path, query in (
        (f"/studies/{scan['study_id']}", {}),
        (f"/studies/{scan['study_id']}/series", {}),
        (f"/series/{scan['series_id']}/instances", {}),
        (f"/patients/{patient['id']}", {}),
        *(("/patients", {"has_images": asked}) for asked in ("true", "false")),
        *((path, {"modality": asked}) for path in ("/studies", "/image-files") for asked in ("SR", "SR,CT", "CT,MR")),
        *(("/image-files", {"sort": asked}) for asked in ("-created_at", "file_size")),
    ):
        ok(interface.get(path, params=query))
    for api in (admin, doctor):
        ask_every_list(api, document, ids)
        for path, *queries in (  # filters together with others, or with an order that is not the usual one
            ("/image-files", {"search": "f1234"}, {"modality": "XR"}, {"modality": "XR", "sort": "file_size"}),
            ("/image-files/my-images", {"modality": "XR"}),
            ("/reports/worklist", {"modality": "XR"}, {"modality": "XR", "view": "all"}),
            ("/recommendations", {"modality": "XR"}),
            ("/patients", {"age_min": 3, "age_max": 90}, {"search": "小明"}, {"search": "e1234"}),
            (
                "/studies",
                {"modality": "CT", "sort": "study_date"},
                {"modality": "PT"},
                {"modality": "CT", "start_date": "2003-11-15", "end_date": "2004-11-15", "sort": "-study_date"},
                {"modality": "CT,PT"},
                {"modality": "XR"},
                {"modality": "XR", "start_date": "2003-11-15", "sort": "-study_date"},
                {"start_date": "2023-11-15", "sort": "study_date"},
                {"end_date": "2023-11-15", "sort": "-study_date"},
            ),
        ):
            for query in queries:
                body = ok(api.get(path, params={"page_size": 5, **query}))
                if body["next"]:
                    ok(api.get(path, params={"page_size": 5, **query, "after": body["next"]}))
        assert api.get(f"/studies/{scan['study_id']}/archive").status_code == 200
        for path in (
            "/image-files/stats/summary",
            "/reports/stats",
            f"/studies/{scan['study_id']}",
            f"/patients/{patient['id']}",
            f"/patients/{patient['id']}/timeline",
            f"/image-files/{file['id']}",
            "/auth/me",
        ):
            ok(api.get(path))
        for query in ({}, {"modality": "CT"}, {"modality": "XR"}, {"modality": "CT", "body_part": "CHEST"}):
            assert api.get("/reports/worklist/next", params=query).status_code in (200, 404)
            assert api.post("/reports/worklist/next", json=query).status_code in (200, 403, 404)
    ok(admin.get("/system/audit-logs", params={"entity": "patient", "entity_id": 5}))
    ok(admin.get("/system/stats"))
    ok(admin.patch(f"/patients/{patient['id']}", json={"name": "王小小"}))  # its studies follow
    wait_until(lambda: is_renewed(server), what="the last few")
    await_what_comes_by_itself(server, admin)
    seen = [s["statement"] for s in ok(admin.get("/system/performance"))["items"]["statements"]]
    return server, [s for s in seen if s.lower().startswith("select")], big_tables(server)


def await_what_comes_by_itself(server, admin):
    """All of it was due, so that what is seen does not depend on the hour."""
    waits = "select name from job_schedules where looked_at = 0"
    wait_until(lambda: not server.database.rows(waits), what="what is due")
    for state in ("QUEUED", "RUNNING"):
        for row in ok(admin.get("/system/schedule"))["items"]:
            query = {"kind": row["kind"], "state": state}
            wait_until(lambda q=query: not ok(admin.get("/system/jobs", params=q))["items"], what=row["kind"])


def is_renewed(server):
    answer = server.client().get("/health")
    return answer.status_code == 200 and answer.json()["checks"]["search"] == "ok"


def explain_sqlite(server, sql):
    connection = sqlite3.connect(server.database.path)
    try:
        return [row[3] for row in connection.execute("explain query plan " + sql, [None] * sql.count("?"))]
    finally:
        connection.close()


# The optimiser looks at the values: ones that match some rows, not none.
LIKELY = {
    "created_at": FIRST + ROWS * 500_000,
    "file_size": ROWS // 2,
    "status": "'UPLOADED'",
    "file_type": "'JPEG'",
    "modality": "'CT'",
    "body_part": "'CHEST'",
    "gender": "'MALE'",
    "name": "'Name5'",
    "p.patient_id": "'Q5'",
    "birth_date": "'1980-01-01'",
}


def mariadb_plan(server, sql):
    sql = re.sub(r"(limit|offset) \?", r"\1 7", sql)
    sql = re.sub(r"against ?\(\?", "against ('abcd'", sql)
    sql = re.sub(r"(\bcreated_at >=?) \?", rf"\1 {FIRST}", sql)
    sql = re.sub(r"\b(modality in )\([?, ]*\)", lambda m: m[0].replace("?", LIKELY["modality"]), sql)
    for column, value in LIKELY.items():
        sql = re.sub(rf"(\b{column} (?:=|<|>|<=|>=)) \?", rf"\1 {value}", sql)
    return server.database.rows("explain " + sql.replace("?", "'1'"))


def explain_mariadb(server, sql):
    return [(row[2], row[3], str(row[9])) for row in mariadb_plan(server, sql)]


def mariadb_keys(server, sql):
    return [(row[2], row[3], row[5]) for row in mariadb_plan(server, sql)]


def table_of(name, sql, big):
    """The table behind an alias."""
    found = re.search(rf"\b({'|'.join(big)})(?: as)? {re.escape(name)}\b", sql)
    return found.group(1) if found else name


def test_the_statements_were_seen(statements):
    _, seen, _ = statements
    assert len(seen) > 50
    assert sum("from image_files" in s for s in seen) > 20 and sum("from patients" in s for s in seen) > 10


def complaints(server, sql, big):
    if RARELY_ASKED.search(sql):
        return
    if ON_SQLITE:
        plan = explain_sqlite(server, sql)
        for step in plan:
            scanned = re.match(r"SCAN (\w+)(.*)", step)
            counted = re.search(r"from (audit_logs a|jobs j|reports r|peer_reviews e) limit 10001\b", sql)
            if " where 1 = 0" in sql or counted:
                continue  # asks for the columns only; counts to its limit and stops
            if (
                scanned
                and table_of(scanned.group(1), sql, big) in big
                and not ("limit" in sql and "order by" in sql and "TEMP B-TREE" not in str(plan))
            ):
                yield step
    else:
        for table, kind, extra in explain_mariadb(server, sql):
            if kind == "ALL" and table and table_of(table, sql, big) in big:
                yield f"{table}: {kind} {extra}"


def test_no_big_table_is_read_whole(statements):
    server, seen, big = statements
    found = {sql: list(complaints(server, sql, big)) for sql in seen}
    assert {sql: steps for sql, steps in found.items() if steps} == {}


def test_documents_of_reports_are_found_without_reading_films(statements):
    """By their series, which are theirs: a study of 5,000 slices has a handful of documents."""
    server, seen, _ = statements
    asked = [sql for sql in seen if "series dx" in sql and "from patients p" not in sql and "match" not in sql]
    assert len(asked) >= 2
    for sql in asked:
        if ON_SQLITE:
            plan = [step for step in explain_sqlite(server, sql) if step.startswith("SEARCH f ")]
            assert any("series_id=?" in step for step in plan), (sql, plan)
        else:
            keys = [key or "" for table, _, key in mariadb_keys(server, sql) if table == "f"]
            assert any("series" in key or "instance" in key for key in keys), (sql, keys)


def test_no_list_is_sorted(statements):
    """Pages come in the order of an index. Where full-text finds the rows, or two scopes are merged, few are left to
    sort."""
    server, seen, big = statements
    wrong = {}
    for sql in seen:
        few = (
            "match",
            " union ",
            "phone_hash = ?",
            "id_card_hash = ?",
            "birth_date <= ?",
            "birth_date >= ?",
            "sort_date <= ?",
            "sort_date >= ? order by s.created_at",
            "from sessions s where s.revoked_at is null and s.user_id = ?",
            "f.patient_id = ? order by f.file_size",
            "thumbnail_path is null",
            "name_skeleton is null",
            "merged_into is not null",
            "s.patient_id = ?",
            "s.study_uid = ?",
            "s.accession_number = ?",
            "i.study_id = ?",
            "t.patient_id = ?",
            "v.report_id = ?",
            "e.report_id = ?",
            "cross join worklist q on q.",  # what is opened to somebody; one scope of those that work_next compares
        )  # a range and an order by something else share no index; few sessions, files, results, versions of a report
        if "order by" not in sql or "limit" not in sql or any(word in sql for word in few) or RARELY_ASKED.search(sql):
            continue
        if ON_SQLITE:
            steps = [s for s in explain_sqlite(server, sql) if "TEMP B-TREE" in s]
        else:
            steps = [f"{t}: {extra}" for t, _, extra in explain_mariadb(server, sql) if "filesort" in extra.lower()]
        if steps and any(f"from {table} " in sql for table in big):
            wrong[sql] = steps
    assert wrong == {}


def test_scopes_use_their_own_index(statements):
    """What a doctor may see is merged from own files and those of assigned studies; neither part walks everybody's
    files."""
    server, seen, _ = statements
    wrong = {}
    for sql in seen:
        if " union " not in sql or "study_assignments" not in sql:
            continue
        if ON_SQLITE:
            steps = [s for s in explain_sqlite(server, sql) if "ix_image_files_all" in s]
        else:
            steps = [
                f"{table}: {kind} {key}"
                for table, kind, key in mariadb_keys(server, sql)
                if "ix_image_files_all" in str(key)
            ]
        if steps:
            wrong[sql[-300:]] = steps
    assert wrong == {}


@pytest.mark.parametrize(
    "table, due, usual", [("recommendations", "due_on <", "COMPLETED"), ("critical_results", "due_at <=", "CANCELLED")]
)
def test_who_sees_few_reports_reads_few_of_what_hangs_on_them(statements, table, due, usual):
    """They are found by the reports that one sees, not the other way round. MariaDB looks at the values: it is asked by
    a status that most rows have, and not for what is overdue, which are few here."""
    server, seen, _ = statements
    found = [s for s in seen if " union " in s and f"cross join {table} k on k.report_id" in s]
    found = [s for s in found if ON_SQLITE or f"k.{due} ?" not in s]
    assert found
    for sql in found:
        sql = sql.replace("k.status = ?", f"k.status = '{usual}'")
        plan = explain_sqlite(server, sql) if ON_SQLITE else mariadb_keys(server, sql)
        used = [str(step) for step in plan if f"ix_{table}" in str(step)]
        wrong = [step for step in used if f"ix_{table}_report" not in step]
        assert used and not wrong, (wrong, sql[-300:])


@pytest.mark.parametrize(
    "column, index", [("id_card_hash", "uq_patients_id_card"), ("phone_hash", "ix_patients_phone")]
)
def test_exact_lookups_use_their_index(statements, column, index):
    server, seen, _ = statements
    found = [s for s in seen if f"p.{column} = ?" in s]
    assert found
    for sql in found:
        plan = str(explain_sqlite(server, sql) if ON_SQLITE else mariadb_keys(server, sql))
        assert index in plan, sql[-200:]


def test_studies_of_a_patient_are_found_by_the_patient(statements):
    """Whose name changed has a few studies among all."""
    server, seen, _ = statements
    found = [s for s in seen if s.startswith("select s.id from studies s where s.patient_id = ? and s.id > ?")]
    assert found
    for sql in found:
        plan = explain_sqlite(server, sql) if ON_SQLITE else mariadb_keys(server, sql)
        assert "ix_studies_patient" in str(plan), plan


def test_one_modality_has_its_own_order(statements):
    """The rare PT study among all others is found at once, whatever the list is sorted by; and X-rays by each of what
    they are called."""
    server, seen, _ = statements
    found = [s for s in seen if "from study_modalities k cross join" in s]
    assert len(found) >= 2 and sum(" union " in s for s in found) >= 2
    for sql in found:
        plan = str(explain_sqlite(server, sql) if ON_SQLITE else mariadb_keys(server, sql))
        assert "ix_study_modalities" in plan, (plan, sql[-200:])


def test_values_travel_as_parameters(statements):
    """What callers send is never part of a statement."""
    _, seen, _ = statements
    text = " ".join(seen)
    for sent in ("小明", "f1234", "e1234", "2023-11-15"):
        assert sent not in text


def test_lists_do_not_ask_once_per_row(statements, tmp_path):
    """A page of 100 takes as many statements as a page of 1."""
    server, *_ = statements
    admin = server.admin()

    def statements_run(**query):
        def counts():
            return {s["statement"]: s["count"] for s in ok(admin.get("/system/performance"))["items"]["statements"]}

        before = counts()
        body = ok(admin.get("/image-files", params=query))
        return {s: count - before.get(s, 0) for s, count in counts().items()}, len(body["items"])

    few, one = statements_run(page_size=1)
    many, hundred = statements_run(page_size=100)
    assert (one, hundred) == (1, 100)
    more = {s: count - few.get(s, 0) for s, count in many.items() if not OF_THE_BACKGROUND.search(s)}
    assert {s: count for s, count in more.items() if count >= 10} == {}


def test_jobs_of_a_kind_and_a_state_are_found_by_both(statements):
    """Where there are many of that kind and in that state, and none of both."""
    server, _, _ = statements
    uuid = "'j' || n.seq" if ON_SQLITE else "concat('j', n.seq)"
    server.database.rows(
        "insert into jobs(job_uuid, kind, state, priority, attempts_max, created_at, finished_at) "
        f"select {uuid}, case n.seq % 2 when 0 then 'import.folder' else 'mail.send' end, "
        f"case n.seq % 2 when 0 then 'SUCCEEDED' else 'FAILED' end, 'NORMAL', 1, {FIRST} + n.seq, {FIRST} + n.seq "
        f"from {numbers()} n"
    )
    where = "where j.kind = 'import.folder' and j.state = 'FAILED'"
    for sql in (
        f"select * from jobs j {where} order by j.created_at desc, j.id desc limit 50",
        f"select count(*) from (select 1 from jobs j {where} limit 10001) t",
    ):
        plan = explain_sqlite(server, sql) if ON_SQLITE else mariadb_keys(server, sql)
        assert "ix_jobs_kind_state" in str(plan) and "TEMP B-TREE" not in str(plan), plan
    if ON_SQLITE:
        live = "select id from jobs where kind = ? and unique_key = ? and state in ('QUEUED', 'RUNNING')"
        assert "uq_jobs_key" in str(explain_sqlite(server, live))
