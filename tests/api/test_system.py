"""How the server is and what it did: health, info, stats, configuration, audit log, metrics."""

import re
import shutil

import pytest

from support import CT, ON_SQLITE, ok, png, problem, sample, unique, wait_until, wrong_members


def test_health(nobody):
    for path in ("/health", "/api/v1/health", "/health/ready"):
        # A look at disk and database that takes longer than four seconds is told as one that failed.
        body = wait_until(lambda p=path: (a := nobody.get(p)).status_code == 200 and a.json(), "health")
        assert body["status"] in ("ok", "degraded")  # degraded: this machine's disk may be nearly full
        assert body["checks"]["database"] == "ok" and "storage" in body["checks"]
    ok(nobody.get("/health/live"))


def test_health_tells_of_a_lost_store(new_server):
    server = new_server()
    shutil.rmtree(server.files)
    body = server.client().get("/health")
    assert body.status_code == 503 and body.json()["status"] == "down"
    assert body.json()["checks"]["storage"] != "ok"
    assert str(server.files) not in body.text
    assert server.client().get("/health/ready").status_code == 503
    ok(server.client().get("/health/live"))


def test_info(doctor, nobody):
    info = ok(doctor.get("/system/info"))
    assert info["name"] == "Roentgen" and re.fullmatch(r"\d+\.\d+\.\d+.*", info["version"])
    assert info["max_upload_bytes"] == 4 << 30
    assert info["database"] == ("sqlite" if ON_SQLITE else "mysql")
    problem(nobody.get("/system/info"), 401)


def test_stats(admin, doctor):
    before = ok(admin.get("/system/stats"))
    patient = doctor.patient()
    content = png()
    doctor.upload(content, patient_id=patient["id"])
    after = ok(admin.get("/system/stats"))
    assert after["patients"] == before["patients"] + 1
    assert after["image_files"] == before["image_files"] + 1
    assert after["image_bytes"] == before["image_bytes"] + len(content)
    assert after["by_type"]["PNG"] == before["by_type"].get("PNG", 0) + 1
    days = after["uploads_by_day"]
    assert len(days) == 14 and sum(list(days.values())[-2:]) >= 1  # it may be midnight
    assert 0 < after["storage_free_bytes"] <= after["storage_total_bytes"]
    assert after["users"] >= 2


def test_config_is_masked(server, admin):
    answer = admin.get("/system/config")
    items = ok(answer)["items"]
    assert items["PORT"] in ("0", 0) and items["MAX_UPLOAD"]
    assert server.settings["SECRET_KEY"] not in answer.text
    assert server.settings["DATABASE_URL"] not in answer.text


def test_performance(admin, doctor):
    ok(doctor.get("/patients"))
    body = ok(admin.get("/system/performance"))["items"]
    endpoint = [e for e in body["endpoints"] if (e["method"], e["path"]) == ("GET", "/api/v1/patients")][0]
    assert endpoint["count"] >= 1 and endpoint["p50_us"] <= endpoint["p95_us"] <= endpoint["p99_us"]
    assert any("from patients" in s["statement"] for s in body["statements"])


def test_errors_are_kept_for_the_administrator(new_server):
    server = new_server()
    admin = server.admin()
    assert ok(admin.get("/system/errors"))["items"] == []
    file = admin.upload(sample(CT))
    (server.files / file["storage_path"]).unlink()
    request_id = problem(admin.get(f"/image-files/{file['id']}/download"), 502)["request_id"]
    kept = ok(admin.get("/system/errors"))["items"]
    assert [e["request_id"] for e in kept] == [request_id]


# ---- audit ----


def audit(admin, **query):
    return ok(admin.get("/system/audit-logs", params={"page_size": 100, **query}))["items"]


def test_every_access_to_patient_data_leaves_a_row(admin, doctor):
    patient = doctor.patient()
    number = patient["id"]
    read = doctor.get(f"/patients/{number}").headers["x-request-id"]
    ok(doctor.patch(f"/patients/{number}", json={"name": "neu"}))
    ok(doctor.get(f"/patients/{number}/timeline"))
    file = doctor.upload(png(), patient_id=number)
    ok(doctor.get(f"/image-files/patient/{number}"))
    doctor.get(f"/image-files/{file['id']}/download")
    ok(admin.delete(f"/patients/{number}"), 204)
    wanted = {
        "patient.create",
        "patient.read",
        "patient.update",
        "patient.timeline",
        "image_file.upload",
        "image_file.list",
        "image_file.download",
        "patient.delete",
    }
    rows = wait_until(
        lambda: (r := audit(admin, patient_id=number)) and wanted <= {a["action"] for a in r} and r, what="all the rows"
    )
    assert all(
        {
            "id",
            "created_at",
            "user_id",
            "username",
            "action",
            "entity",
            "entity_id",
            "patient_id",
            "outcome",
            "client",
            "request_id",
        }
        <= set(r)
        for r in rows
    )
    one = [r for r in rows if r["request_id"] == read][0]
    assert (one["action"], one["user_id"], one["username"], one["entity_id"], one["outcome"], one["client"]) == (
        "patient.read",
        doctor.id,
        doctor.user["username"],
        number,
        200,
        "127.0.0.1",
    )
    assert [r["user_id"] for r in rows if r["action"] == "patient.delete"] == [admin.id]


def test_refused_attempts_leave_a_row(admin, viewer, doctor):
    patient = doctor.patient()
    problem(viewer.patch(f"/patients/{patient['id']}", json={"name": "x"}), 403)
    rows = wait_until(lambda: [r for r in audit(admin, user_id=viewer.id, action="patient.update")], what="the refusal")
    assert rows[0]["outcome"] == 403


def test_sign_ins_leave_a_row(admin, doctor, nobody):
    nobody.post("/auth/login", json={"username": doctor.user["username"], "password": "not-the-password"})

    def of_the_doctor():
        return [r for r in audit(admin, action="auth.login") if doctor.id in (r["user_id"], r["entity_id"])]

    wait_until(lambda: {200, 401} <= {r["outcome"] for r in of_the_doctor()}, what="both rows")


def test_audit_filters(admin, doctor):
    doctor.patient()
    wait_until(lambda: audit(admin, user_id=doctor.id, action="patient.create"), what="the row")
    assert all(r["user_id"] == doctor.id for r in audit(admin, user_id=doctor.id))
    assert all(r["entity"] == "patient" for r in audit(admin, entity="patient"))
    assert audit(admin, start_date="2999-01-01") == []
    assert wrong_members(problem(admin.get("/system/audit-logs", params={"user_id": "x"}), 422)) == ["user_id"]


def test_audit_rows_survive_a_stop(new_server):
    """Reads are noted in the background; a stop writes what waits."""
    server = new_server()
    admin = server.admin()
    patient = admin.patient()
    for _ in range(50):
        ok(admin.get(f"/patients/{patient['id']}"))
    assert server.stop() == 0
    assert server.database.rows("select count(*) from audit_logs where action = 'patient.read'")[0][0] == 50


def test_audit_holds_no_personal_data(server, doctor):
    secret = unique("geheim")
    doctor.patient(name=secret, phone=secret, id_card=secret)
    ok(doctor.get("/patients", params={"phone": secret}))
    assert secret not in str(server.database.rows("select * from audit_logs"))
    assert secret not in server.log_text()


# ---- metrics ----


def metrics(api, **more):
    answer = api.get("/metrics", **more)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = {}
    for line in answer.text.splitlines():
        if line and not line.startswith("#"):
            found = re.fullmatch(
                r'([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})?) '
                r'(-?[0-9.e+\-]+|\+Inf|NaN)',
                line,
            )
            assert found, line
            assert found.group(1) not in values, line
            values[found.group(1)] = float(found.group(2))
    return values


def test_metrics(doctor, nobody):
    doctor.patient()
    before = metrics(nobody)
    ok(doctor.get("/patients"))
    problem(doctor.get("/patients/999999999"), 404)
    doctor.upload(png())
    after = metrics(nobody)

    def grown(name):
        return after[name] - before.get(name, 0)

    assert grown('roentgen_http_requests_total{method="GET",route="/api/v1/patients",status="2xx"}') == 1
    assert grown('roentgen_http_requests_total{method="GET",route="/api/v1/patients/{id}",status="4xx"}') == 1
    assert grown("roentgen_uploads_total") == 1 and grown("roentgen_upload_bytes_total") > 50
    assert grown('roentgen_http_request_seconds_count{method="GET",route="/api/v1/patients"}') == 1
    assert (
        after['roentgen_http_request_seconds_bucket{method="GET",route="/api/v1/patients",le="+Inf"}']
        == after['roentgen_http_request_seconds_count{method="GET",route="/api/v1/patients"}']
    )
    assert after["roentgen_resident_memory_bytes"] > 1 << 20
    assert any(name.startswith("roentgen_sql_seconds_count{id=") for name in after)
    for name in (
        "roentgen_db_commits_total",
        "roentgen_workers",
        "roentgen_worker_queue",
        "roentgen_thumbnails_waiting",
        "roentgen_http_connections",
        "roentgen_db_writer_waiting",
        "roentgen_db_connections_open",
    ):
        assert name in after
    assert not any("999999999" in name for name in after)


def test_buckets_only_grow(nobody):
    values = metrics(nobody)
    series = {}
    for name, value in values.items():
        if "_bucket{" in name:
            series.setdefault(re.sub(r',?le="[^"]*"', "", name), []).append(value)
    assert series and all(v == sorted(v) for v in series.values())


def test_metrics_have_types(nobody):
    text = nobody.get("/metrics").text
    named = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    used = {
        re.sub(r"_(bucket|sum|count)$", "", n) if re.sub(r"_(bucket|sum|count)$", "", n) in named else n
        for n in re.findall(r"^([a-z_]+)[{ ]", text, re.MULTILINE)
    }
    assert used <= named


def test_metrics_are_for_this_machine_or_with_permission(new_server):
    server = new_server(TRUSTED_PROXIES="127.0.0.1")
    client = server.client()
    away = {"X-Forwarded-For": "203.0.113.9"}
    metrics(client)
    problem(client.get("/metrics", headers=away), 401)
    metrics(server.admin(), headers=away)
    doctor = server.account("doctor")
    problem(doctor.get("/metrics", headers=away), 403)


@pytest.mark.parametrize("claimed", ["127.0.0.1", "::1", "127.0.0.1, 203.0.113.9", "localhost"])
def test_forwarded_addresses_of_strangers_are_not_believed(server, nobody, admin, doctor, claimed):
    patient = doctor.patient()
    request_id = doctor.get(f"/patients/{patient['id']}", headers={"X-Forwarded-For": "198.51.100.7"}).headers[
        "x-request-id"
    ]
    rows = wait_until(
        lambda: [r for r in audit(admin, patient_id=patient["id"]) if r["request_id"] == request_id], what="the row"
    )
    assert rows[0]["client"] == "127.0.0.1"
