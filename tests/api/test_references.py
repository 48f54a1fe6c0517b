"""What refers to a patient goes along when the patient is merged, and what refers to a study or a file goes when that
is purged. The tables are those of the database: a new one needs no line here."""

import pytest

from support import ON_SQLITE, Server, dicom, ok

pytestmark = pytest.mark.skipif(not ON_SQLITE, reason="the statements are those of both databases; this looks at one")

KEEP = {"reports"}  # a study with a report is never purged: test_reports
NOUNS = {"patients", "studies", "series", "image_files"}  # have tests of their own
STAYS = {
    "patient_conflicts",  # says what was wrong in the record that is gone
    "trash_work",  # work to do, not something known
    "study_renewals",
    "recommendations",  # what had closed one is null then: test_recommendations
    "recommendation_events",
    "late_results",  # which result it was is null then: test_late_results
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("references")).init().start()
    yield server
    server.close()


def keys_of(database, table):
    return database.rows(f'select "from", "table", on_delete from pragma_foreign_key_list(\'{table}\')')


def references(database, *to):
    """(table, column, table it refers to, whether the row goes by itself) of each foreign key to one of these."""
    for (table,) in database.rows("select name from sqlite_master where type = 'table'"):
        for column, other, on_delete in keys_of(database, table):
            if other in to and table not in NOUNS | STAYS:
                yield table, column, other, on_delete == "CASCADE"


def make_row(database, table, column, value):
    """A row that holds this, the least that the table asks for, and refers to what is there; unless there is one with
    it."""
    parents = {name: other for name, other, _ in keys_of(database, table)}
    members = {column: value}
    for name, kind in database.rows(
        f"select name, type from pragma_table_info('{table}') where \"notnull\" and dflt_value is null and name <> 'id'"
    ):
        if name in parents:
            members.setdefault(name, f"(select min(id) from {parents[name]})")
        members.setdefault(name, "'x'" if kind.upper() == "TEXT" else 1)
    database.rows(
        f"insert into {table}({', '.join(members)}) select {', '.join(map(str, members.values()))} "
        f"where not exists (select 1 from {table} where {column} = {value})"
    )


def count(database, table, column, value):
    return database.rows(f"select count(*) from {table} where {column} = {value}")[0][0]


def test_what_refers_to_a_merged_patient_goes_along(server):
    admin, database = server.admin(), server.database
    source, target = admin.patient()["id"], admin.patient()["id"]
    found = list(references(database, "patients"))
    for table, column, *_ in found:
        make_row(database, table, column, source)
    ok(admin.post(f"/patients/{target}/merge", json={"source_id": source}))
    for table, column, *_ in found:
        assert (count(database, table, column, source), count(database, table, column, target)) == (0, 1), (
            f"{table}.{column} still names a patient that was merged into another: trash_move (src/records/trash.c)"
        )


def test_what_refers_to_a_purged_study_or_file_goes(server):
    admin, database = server.admin(), server.database
    film = admin.upload(dicom(), "a.dcm")
    ids = {"studies": film["study_id"], "series": film["series_id"], "image_files": film["id"]}
    found = [key[:3] for key in references(database, *ids) if not key[3] and key[0] not in KEEP]
    assert {table for table, *_ in found} >= {"study_assignments", "study_role_assignments"}
    for table, column, other in found:
        make_row(database, table, column, ids[other])
    ok(admin.delete(f"/studies/{ids['studies']}"), 204)
    server.run("purge", "--older-than", "0s")
    for table, column, other in found:
        assert count(database, table, column, ids[other]) == 0, (
            f"{table}.{column} keeps {other} from being purged (src/upkeep/purge.c)"
        )
    assert not [table for table, key in ids.items() if count(database, table, "id", key)]
