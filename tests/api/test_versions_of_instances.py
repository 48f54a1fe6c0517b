"""Versions of one instance (SAME_INSTANCE=keep): a series does not lack an image of which a whole file is there."""

import io
import zipfile

import pytest

from support import Server, comes_to, dicom, ok, problem, uid, unique


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("versions"), SAME_INSTANCE="keep")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def admin(server):
    return server.admin()


@pytest.fixture(scope="module")
def doctor(server, admin):
    return server.account("doctor", admin=admin)


@pytest.fixture
def film():
    """Makes versions of one instance, which differ in their pixels."""
    same = {
        "SOPInstanceUID": uid(),
        "StudyInstanceUID": uid(),
        "SeriesInstanceUID": uid(),
        "PatientID": unique("D"),
    }
    return lambda n, cut=False: dicom(**same, pixels=bytes([n]) * (2 if cut else 4))


def instances(api, file, *wanted):
    def listed():
        return [f["id"] for f in ok(api.get(f"/series/{file['series_id']}/instances"))["items"]]

    comes_to([w["id"] for w in wanted], listed)


def delete(api, file):
    ok(api.delete(f"/image-files/{file['id']}"), 204)


def restore(api, file):
    return ok(api.post(f"/image-files/{file['id']}/restore"))


BESIDE = "another file of this instance is filed already, with other bytes: this one is kept beside it"


def reasons(api, *files):
    return [api.file(f["id"])["status_reason"] for f in files]


def test_the_oldest_whole_one_takes_its_place(admin, doctor, film):
    first = doctor.upload(film(1), "a.dcm")
    cut = doctor.upload(film(9, cut=True), "cut.dcm")
    second, third = (doctor.upload(film(n), f"{n}.dcm") for n in (2, 3))
    instances(doctor, first, first)
    assert reasons(doctor, second, third) == [BESIDE] * 2
    delete(doctor, first)
    instances(doctor, first, second)
    assert reasons(doctor, second, third) == [None, BESIDE]
    study = ok(doctor.get(f"/studies/{first['study_id']}"))
    assert study["number_of_instances"] == 1

    def packed():
        answer = doctor.get(f"/studies/{first['study_id']}/archive")
        assert answer.status_code == 200, answer.text
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        return [archive.read(n) for n in archive.namelist() if not n.endswith("DICOMDIR")]

    comes_to([film(2)], packed)
    delete(doctor, second)
    instances(doctor, first, third)
    delete(doctor, third)
    instances(admin, first)
    assert doctor.file(cut["id"])["status"] == "FAILED"


def test_what_comes_back_has_its_place_again(server, admin, doctor, film):
    first, second = (doctor.upload(film(n), f"{n}.dcm") for n in (1, 2))
    for _ in range(2):
        delete(doctor, first)
        instances(doctor, first, second)
        assert restore(doctor, first)["status_reason"] is None
        instances(doctor, first, first)
        assert reasons(doctor, second) == [BESIDE]
    # A version that was not the instance comes back as it was.
    delete(doctor, second)
    restore(doctor, second)
    instances(doctor, first, first)


def test_what_was_filed_since_stays(doctor, film):
    first = doctor.upload(film(1), "a.dcm")
    delete(doctor, first)
    second = doctor.upload(film(2), "b.dcm")
    instances(doctor, second, second)
    assert "filed since" in problem(doctor.post(f"/image-files/{first['id']}/restore"), 409)["detail"]


def test_of_several_accounts(server, admin, doctor, film):
    """Who does not see the instance has one of their own, which takes its place first, and gives it back."""
    colleague = server.account("doctor", admin=admin)
    first, version = (doctor.upload(film(n), f"{n}.dcm") for n in (1, 2))
    theirs = colleague.upload(film(3), "c.dcm")
    instances(admin, first, first)
    instances(colleague, theirs, theirs)
    delete(admin, first)
    instances(admin, first, theirs)
    instances(colleague, theirs, theirs)
    restore(admin, first)
    instances(admin, first, first)
    instances(colleague, theirs, theirs)
    assert reasons(colleague, theirs) == [None] and reasons(doctor, version) == [BESIDE]


def test_rows_agree(server, doctor, film):
    """fsck of all that was done above."""
    checked = server.run("fsck", "--rows", check=False)
    assert checked.returncode == 0, checked.stdout
