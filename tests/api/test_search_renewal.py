"""Search words that no longer say what the records say are made anew: after a patient's new name, after a merge, and
after an upgrade."""

import re

import pytest

from support import ON_SQLITE, Server, comes_to, dicom, ok, uid, unique, wait_until

KEY = "rowid" if ON_SQLITE else "id"
WRONG = "3e3e 3e00"  # "zz", which is in no name here
PIECE = 100  # RENEWAL_PIECE


def found(api, kind, text):
    items = ok(api.get(f"/{kind}", params={"search": text, "page_size": 100}))["items"]
    return {item["id"] for item in items}


def study(api, patient_id):
    return ok(api.post("/studies", json={"patient_id": patient_id, "study_uid": uid()}), 201)["id"]


def total(api, text):
    return ok(api.get("/studies", params={"search": text, "page_size": 1}))["total"]


# ---- a patient's new name ----


@pytest.mark.parametrize(
    "change",
    [
        lambda api, patient, name: ok(api.patch(f"/patients/{patient['id']}", json={"name": name})),
        lambda api, patient, name: ok(api.patch(f"/patients/{patient['id']}", json={"name_en": name})),
        lambda api, patient, name: ok(api.patch(f"/patients/{patient['id']}", json={"name_phonetic": name})),
        lambda api, patient, name: ok(api.patch(f"/patients/{patient['id']}", json={"patient_id": name})),
        lambda api, patient, name: ok(
            api.put(f"/patients/{patient['id']}", json={"patient_id": patient["patient_id"], "name": name})
        ),
    ],
    ids=["name", "name_en", "name_phonetic", "patient_id", "put"],
)
def test_studies_follow_their_patient(admin, change):
    before, after = unique("before"), unique("after")
    patient = admin.patient(
        patient_id=before + "1", name=before + "2", name_en=before + "3", name_phonetic=before + "4"
    )
    studies = {study(admin, patient["id"]) for _ in range(3)}
    gone = study(admin, patient["id"])
    ok(admin.delete(f"/studies/{gone}"), 204)
    changed = change(admin, patient, after)
    assert found(admin, "studies", after) == studies and found(admin, "patients", after) == {patient["id"]}
    left = {str(changed[m]) for m in ("patient_id", "name", "name_en", "name_phonetic")}
    for i in range(1, 5):
        assert found(admin, "studies", f"{before}{i}") == (studies if f"{before}{i}" in left else set())
    ok(admin.post(f"/studies/{gone}/restore"))
    comes_to({*studies, gone}, lambda: found(admin, "studies", after))


def test_studies_follow_a_merge(admin):
    a, b = unique("merged"), unique("stays")
    source, target = admin.patient(name=a), admin.patient(name=b)
    studies = {study(admin, source["id"]), study(admin, target["id"])}
    ok(admin.post(f"/patients/{target['id']}/merge", json={"source_id": source["id"]}))
    assert found(admin, "studies", b) == studies and found(admin, "studies", a) == set()
    assert found(admin, "studies", source["patient_id"]) == set()


def many_studies(server, patient, count):
    """Written past the server, with the words of a name that the patient has no longer."""
    made = ", ".join(
        f"('{uid()}', {patient['id']}, {patient['created_by']}, 1, 1)" for _ in range(count)
    )
    server.database.rows(
        f"insert into studies(study_uid, patient_id, created_by, created_at, updated_at) values {made}"
    )
    ids = [
        row[0] for row in server.database.rows(f"select id from studies where patient_id = {patient['id']} order by id")
    ]
    words = ", ".join(f"({i}, '{WRONG}')" for i in ids)
    server.database.rows(f"insert into study_search({KEY}, grams) values {words}")
    return ids


def test_a_patient_of_many_studies(server, admin):
    """The first piece at once, the others a little later."""
    patient, name = admin.patient(), unique("n")
    ids = many_studies(server, patient, 2 * PIECE + 30)
    ok(admin.patch(f"/patients/{patient['id']}", json={"name": name}))
    assert total(admin, name) >= PIECE
    wait_until(lambda: total(admin, name) == len(ids), what="every study found")
    wait_until(lambda: count(server, "study_renewals") == 0, what="the end")


# ---- an upgrade ----


@pytest.fixture(scope="module")
def module_server(tmp_path_factory):
    """A stopped server with a patient, a study and a file, and what they are called; then with words that an earlier
    version made."""
    server = Server(tmp_path_factory.mktemp("renewal"))
    try:
        server.init().start()
        admin = server.admin()
        file = admin.upload(
            dicom(PatientName="Pru\u0308fung^ﾔﾏﾀﾞ=测试^人名"), "Aufnahme-Fu\u0308ße.dcm"
        )
        gone = admin.patient(name="Ausgetragen")
        ok(admin.delete(f"/patients/{gone['id']}"), 204)
        ids = {"patients": file["patient_id"], "studies": file["study_id"], "image-files": file["id"]}
        server.stop()
        yield server, ids
    finally:
        server.close()


@pytest.fixture
def filled(module_server):
    yield module_server
    if module_server[0].process:
        module_server[0].stop()


WORDS = {
    "patients": ["Prüfung", "ヤマダ", "测试 人名", "やまだ", "測試", "ceshirenming", "ceshi rm", "csrm"],
    "studies": ["Prüfung", "ヤマダ", "测试 人名", "Prüfung^ﾔﾏﾀﾞ", "測試人名", "CSRM"],
    "image-files": ["FÜSSE", "füße"],
}


def finds_all(api, ids):
    return all(ids[kind] in found(api, kind, word) for kind, words in WORDS.items() for word in words)


def count(server, *tables):
    return sum(server.database.rows(f"select count(*) from {table}")[0][0] for table in tables)


INDEXES = ("patient_search", "study_search", "image_file_search")
RECORDS = ("patients", "studies", "image_files")


def spoil(server):
    for table in INDEXES:
        server.database.rows(f"update {table} set grams = '{WRONG}'")


def renewed(server, start=0):
    """What the server says of each time it had work to do."""
    lines = [line["message"] for line in server.log_lines("search.renewed")][start:]
    return [tuple(int(n) for n in re.findall(r"\d+", line)[:2]) for line in lines]


def is_healthy(server):
    """Not where its database or disk took longer than four seconds to answer, which is told as a failure."""
    answer = server.client().get("/health")
    return answer.status_code == 200 and answer.json()["checks"]["search"] == "ok"


def test_an_upgrade_finds_all_that_was_there(filled):
    server, ids = filled
    spoil(server)
    server.run("migrate", "down", "--to", "14", "--yes")
    server.run("migrate", "up")
    said = len(renewed(server))
    server.start()
    admin = server.admin()
    wait_until(lambda: finds_all(admin, ids), what="every word found")
    wait_until(lambda: is_healthy(server), what="health")
    wait_until(lambda: len(renewed(server)) == said + 1, what="the word of the log")
    assert renewed(server)[-1] == (count(server, *RECORDS), count(server, *INDEXES))
    assert count(server, "patients") == count(server, "patient_search") + 1  # the deleted one gets none
    assert count(server, *(f"{table} where grams = '{WRONG}'" for table in INDEXES)) == 0
    server.stop()
    done = server.run("fsck", "--rows")
    assert "words of" not in done.stdout


def test_it_is_done_once(filled):
    server, ids = filled
    spoil(server)
    server.start()
    wait_until(lambda: is_healthy(server), what="health")
    assert not finds_all(server.admin(), ids)
    server.stop()
    server.run("init-db")
    assert count(server, "search_rebuilds where done_id is not null") == 0


def test_it_goes_on_where_a_crash_left_it(filled):
    """What a crash leaves: patients done, studies up to the last but one, files not begun."""
    server, ids = filled
    spoil(server)
    server.database.rows(f"update search_rebuilds set done_id = {ids['studies'] - 1} where name = 'studies'")
    server.database.rows("update search_rebuilds set done_id = 0 where name = 'image_files'")
    server.start()
    admin = server.admin()
    wait_until(lambda: is_healthy(server), what="the end")
    assert found(admin, "studies", "Prüfung") == {ids["studies"]} and found(admin, "image-files", "füße")
    assert found(admin, "patients", "Prüfung") == set()
    server.stop()


def test_a_crash_among_the_studies_of_a_patient(filled):
    server, _ = filled
    server.start()
    admin = server.admin()
    patient = admin.patient()
    server.kill()
    studies = many_studies(server, patient, 2 * PIECE + 30)
    done = studies[PIECE - 1]
    server.database.rows(f"insert into study_renewals(patient_id, done_id) values ({patient['id']}, {done})")
    server.start()
    admin = server.admin()
    wait_until(lambda: count(server, "study_renewals") == 0, what="the end")
    assert total(admin, patient["patient_id"]) == PIECE + 30
    server.stop()


@pytest.mark.skipif(ON_SQLITE, reason="a database in a file is one server's")
def test_servers_share_the_work(filled, tmp_path):
    server, ids = filled
    spoil(server)
    records = count(server, *RECORDS)
    server.database.rows("update search_rebuilds set version = 0")
    other = Server(tmp_path, **{**server.settings, "STORAGE_URL": f"file://{server.files}"})
    own, other.database = other.database, server.database
    own.drop()
    other.settings["DATABASE_URL"] = server.database.url
    said = len(renewed(server))
    try:
        server.start()
        other.start()
        admin = server.admin()
        wait_until(lambda: finds_all(admin, ids), what="every word found")
        wait_until(lambda: sum(n for n, _ in renewed(server, said) + renewed(other)) >= records, what="both logs")
    finally:
        server.stop()
        other.stop()
    assert sum(n for n, _ in renewed(server, said) + renewed(other)) == records
