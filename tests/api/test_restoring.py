"""Who may see and restore a deleted file: its uploader and who saw it before, and nobody to whom it is opened later."""

import pytest

from support import dicom, ok, problem, unique

DELETED = {"status": "DELETED"}


@pytest.fixture
def film(admin, doctor):
    return doctor.upload(dicom(), "a.dcm")


def sees(api, film):
    """Lists it among the deleted ones, by each list, and is not told of it otherwise."""
    lists = ("/image-files", f"/image-files/patient/{film['patient_id']}")
    shown = {film["id"] in [f["id"] for f in ok(api.get(path, params=DELETED))["items"]] for path in lists}
    [seen] = shown  # alike
    problem(api.get(f"/image-files/{film['id']}"), 404)
    return seen


def restores(api, film):
    one = api.post(f"/image-files/{film['id']}/restore").status_code
    if one != 200:
        many = ok(api.post("/image-files/batch", json={"ids": [film["id"]], "action": "restore"}), 207)
        assert (one, many["items"][0]["status"]) == (404, 404)
    return one == 200


class Ways:
    """How a study is opened to a technician, and what puts them among those whom it is opened to."""

    def __init__(self, server, admin, way):
        self.server, self.admin, self.way = server, admin, way
        self.role, self.department = unique("role"), unique("ward")
        server.database.rows(
            f"insert into roles(name, description, created_at) select '{self.role}', name, created_at from roles "
            "where name = 'nurse'"
        )
        self.technician = server.account("technician", admin=admin)

    def open(self, film):
        to = {"user": self.technician.id, "role": f"roles/{self.role}", "department": f"departments/{self.department}"}
        ok(self.admin.put(f"/studies/{film['study_id']}/assignments/{to[self.way]}"), 204)

    def close(self, film):
        to = {"user": self.technician.id, "role": f"roles/{self.role}", "department": f"departments/{self.department}"}
        ok(self.admin.delete(f"/studies/{film['study_id']}/assignments/{to[self.way]}"), 204)

    def join(self):
        if self.way == "role":
            ok(self.admin.put(f"/users/{self.technician.id}/roles", json={"roles": ["technician", self.role]}))
        elif self.way == "department":
            ok(self.admin.patch(f"/users/{self.technician.id}", json={"department": self.department}))


@pytest.fixture(params=["user", "role", "department"])
def ways(server, admin, request):
    return Ways(server, admin, request.param)


def test_who_saw_it_before_restores_it(ways, doctor, film):
    ways.join()
    ways.open(film)
    ok(ways.technician.get(f"/image-files/{film['id']}"))
    ok(doctor.delete(f"/image-files/{film['id']}"), 204)
    # Roles and departments that are said again are no new ones.
    ways.join()
    ok(ways.admin.patch(f"/users/{ways.technician.id}", json={"title": "MTR"}))
    assert sees(ways.technician, film) and restores(ways.technician, film)
    ok(ways.technician.delete(f"/image-files/{film['id']}"), 204)
    assert sees(ways.technician, film) and restores(ways.technician, film)
    ok(doctor.delete(f"/image-files/{film['id']}"), 204)
    ways.close(film)
    assert not sees(ways.technician, film) and not restores(ways.technician, film)


def test_what_was_deleted_before_the_study_was_opened_stays_away(ways, doctor, film):
    ways.join()
    ok(doctor.delete(f"/image-files/{film['id']}"), 204)
    ways.open(film)
    assert not sees(ways.technician, film) and not restores(ways.technician, film)
    assert sees(doctor, film) and restores(doctor, film)
    ok(ways.technician.get(f"/image-files/{film['id']}"))  # from here on it is as any file of the study
    ok(doctor.delete(f"/image-files/{film['id']}"), 204)
    assert sees(ways.technician, film)
    ways.close(film)
    ways.open(film)
    assert not sees(ways.technician, film) and not restores(ways.technician, film)


@pytest.mark.parametrize("ways", ["role", "department"], indirect=True)
def test_nor_does_who_joins_later_see_it(ways, doctor, film):
    ways.open(film)
    ok(doctor.delete(f"/image-files/{film['id']}"), 204)
    ways.join()
    assert not sees(ways.technician, film) and not restores(ways.technician, film)
    late = {"department": ways.department} if ways.way == "department" else {}
    roles = ["technician"] + [ways.role] * (ways.way == "role")
    newcomer = ways.server.account(*roles, admin=ways.admin, **late)
    assert not sees(newcomer, film) and not restores(newcomer, film)
    assert restores(doctor, film)
    ok(newcomer.get(f"/image-files/{film['id']}"))
    ok(doctor.delete(f"/image-files/{film['id']}"), 204)
    assert sees(ways.technician, film) and sees(newcomer, film) and restores(newcomer, film)
