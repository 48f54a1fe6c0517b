"""An id is given once: what an access log, a link or a note outside names is not somebody else's later, whatever is
purged meanwhile."""

import pytest

from support import ON_SQLITE, dicom, ok, problem, uid

COUNTED = ("image_files", "studies", "series", "sessions")


def film(api, **more):
    return api.upload(dicom(StudyInstanceUID=uid(), **more), "f.dcm")


def purge(server, admin, *films):
    for study in {f["study_id"] for f in films}:
        ok(admin.delete(f"/studies/{study}"), 204)
    assert server.run("purge", "--older-than", "0s", "--yes").returncode == 0
    for f in films:
        problem(admin.get(f"/image-files/{f['id']}"), 404)


def last_ids(server):
    return {t: server.database.rows(f"select coalesce(max(id), 0) from {t}")[0][0] for t in COUNTED}


def test_ids_of_what_is_purged_are_not_given_again(new_server):
    server = new_server()
    admin = server.admin()
    first, second = (server.account("doctor", admin=admin) for _ in range(2))
    film(first)
    gone = film(first)
    purge(server, admin, gone)
    begun = {"filename": "c.bin", "file_size": 10, "total_chunks": 1, "chunk_size": 10}
    cancelled = ok(first.post("/upload/chunked", json=begun), 201)
    ok(first.delete(f"/upload/chunked/{cancelled['upload_id']}"), 204)
    ids = {second.id, admin.id}
    server.stop()
    server.start()  # a counter that is only in memory begins anew
    admin, second = (server.client(api.token) for api in (admin, second))
    new = film(second)
    assert new["id"] > cancelled["image_file_id"] > gone["id"]
    assert new["study_id"] > gone["study_id"] and new["series_id"] > gone["series_id"]
    told = ok(admin.get(f"/image-files/{new['id']}/access-log"))["items"]
    assert {row["user_id"] for row in told} <= ids
    problem(admin.get(f"/studies/{gone['study_id']}"), 404)
    # Sessions that have expired are removed, too.
    last = last_ids(server)["sessions"]
    server.database.rows("delete from refresh_tokens")
    server.database.rows("delete from sessions")
    server.account("viewer", admin=server.admin())
    assert server.database.rows("select min(id) from sessions")[0][0] > last


@pytest.mark.skipif(not ON_SQLITE, reason="InnoDB counts by itself")
def test_an_older_database_goes_on_counting_where_it_was(new_server):
    """Filled, its last rows purged by the older version: their ids are known from the audit rows. Up, down and up again
    the schema is sound."""
    server = new_server()
    admin = server.admin()
    rows = server.database.rows
    kept, gone = film(admin), film(admin)
    purge(server, admin, gone)
    server.stop()

    def schema():
        return rows("select type, name, tbl_name, sql from sqlite_master where name <> 'sqlite_sequence' order by 1, 2")

    def check():
        assert rows("pragma integrity_check") == [("ok",)] and rows("pragma foreign_key_check") == []

    def counters():
        return {name: seq for name, seq in rows("select name, seq from sqlite_sequence") if name in COUNTED}

    server.run("migrate", "down", "--to", "19", "--yes")
    now = schema()
    assert sorted(n for _, n, _, sql in now if sql and "autoincrement" in sql) == sorted(COUNTED)
    server.run("migrate", "down", "--to", "18", "--yes")
    check()
    older = schema()
    assert [r[:3] for r in older] == [r[:3] for r in now]
    assert older == [(*r[:3], r[3] and r[3].replace(" autoincrement", "")) for r in now]
    # As the older version left it: no counter, and what it purged known from the audit rows alone.
    rows("delete from sqlite_sequence")
    server.run("migrate", "up", "--to", "19")
    check()
    assert schema() == now
    server.run("migrate", "up")
    server.start()
    new = film(server.client(admin.token))
    assert new["id"] > gone["id"] > kept["id"] and new["study_id"] > gone["study_id"]
    check()
    # The counter outlives the way down and up.
    before = counters()
    server.stop()
    server.run("migrate", "down", "--to", "18", "--yes")
    server.run("migrate", "up", "--to", "19")
    assert counters() == before and schema() == now
