"""MariaDB: while somebody reads for long, InnoDB keeps in its indexes what rows were before, and finds a row that was
changed all the same. With an index that holds a virtual column it did not: it passed over such rows until the reader
was done."""

import io
import re
import zipfile

import pytest
from support import ON_SQLITE, ROOT, dicom, ok, uid
from test_held_rows import Session
from test_views_of_studies import uids

pytestmark = pytest.mark.skipif(ON_SQLITE is True, reason="of InnoDB")


def virtual_columns_in_indexes(database):
    return database.rows(
        "select distinct s.table_name, s.index_name, s.column_name from information_schema.statistics s "
        "join information_schema.columns c on c.table_schema = s.table_schema and c.table_name = s.table_name "
        "and c.column_name = s.column_name where s.table_schema = database() and c.extra like '%VIRTUAL%'"
    )


def test_no_index_holds_a_virtual_column(server):
    assert virtual_columns_in_indexes(server.database) == []


@pytest.fixture
def long_reader(server):
    """Somebody who began before, reads and writes, and does not end."""
    session = Session(server.database)
    session.run("create table notes_of_a_reader (id int primary key) engine=InnoDB")
    yield lambda: session.run(
        "start transaction with consistent snapshot; select count(*) from users; "
        "insert into notes_of_a_reader(id) values (1)"
    )
    session.run("rollback; drop table notes_of_a_reader")
    session.close()


def test_what_came_back_is_found_while_somebody_reads_for_long(doctor, colleague, radiologist, long_reader):
    same = uids(SOPInstanceUID=uid())
    first = colleague.upload(dicom(pixels=b"\5\6\7\x08", **same), "a.dcm")
    mine = doctor.upload(dicom(**same), "b.dcm")  # set apart: to its sender it is the instance
    long_reader()

    def in_sight(api):
        [row] = ok(api.get(f"/series/{first['series_id']}/instances"))["items"]
        packed = api.get(f"/studies/{first['study_id']}/archive")
        assert packed.status_code == 200, packed.text
        assert len(zipfile.ZipFile(io.BytesIO(packed.content)).namelist()) == 2  # with the DICOMDIR
        return row["id"]

    for _ in range(3):
        ok(colleague.delete(f"/image-files/{first['id']}"), 204)
        assert (in_sight(doctor), in_sight(radiologist)) == (mine["id"], mine["id"])
        ok(colleague.post(f"/image-files/{first['id']}/restore"))
        assert (in_sight(doctor), in_sight(colleague), in_sight(radiologist)) == (mine["id"], first["id"], mine["id"])
        ok(doctor.delete(f"/image-files/{mine['id']}"), 204)
        assert (in_sight(colleague), in_sight(radiologist)) == (first["id"], first["id"])
        ok(doctor.post(f"/image-files/{mine['id']}/restore"))
        ok(colleague.delete(f"/image-files/{first['id']}"), 204)
        ok(doctor.delete(f"/image-files/{mine['id']}"), 204)
        ok(colleague.post(f"/image-files/{first['id']}/restore"))
        ok(doctor.post(f"/image-files/{mine['id']}/restore"))
        assert (in_sight(doctor), in_sight(colleague), in_sight(radiologist)) == (mine["id"], first["id"], first["id"])


def shape(database):
    """Without the ids that were given already, which a table that was dropped and made again does not know."""
    tables = [table for (table,) in database.rows("show tables")]
    return {t: re.sub(r" AUTO_INCREMENT=\d+", "", str(database.rows(f"show create table {t}"))) for t in tables}


def test_an_upgrade_that_was_cut_off_is_begun_again(new_server):
    server = new_server()
    admin = server.admin()
    file = admin.upload(dicom(StudyDescription="before"), "a.dcm")
    server.stop()
    after = shape(server.database)
    [migration] = (ROOT / "migrations" / "mysql").glob("*_stored_keys.up.sql")
    server.run("migrate", "down", "--to", str(int(migration.name[:4]) - 1), "--yes")
    assert len(virtual_columns_in_indexes(server.database)) > 40
    for statement in migration.read_text().split(";\n")[:4]:
        server.database.rows(statement)
    server.run("migrate", "up")
    assert virtual_columns_in_indexes(server.database) == []
    assert shape(server.database) == after
    server.start()
    admin = server.client(admin.token)
    [study] = ok(admin.get("/studies"))["items"]
    assert (study["id"], study["description"]) == (file["study_id"], "before")
    assert [f["id"] for f in ok(admin.get("/image-files"))["items"]] == [file["id"]]
