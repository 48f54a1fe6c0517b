"""Who sees what is told in docs/roles.md, as the program's own table has it; studies are opened to accounts, roles and
departments."""

import re

import pytest

from support import ROOT, dicom, ok, png, problem, unique

ROLES = ["admin", "radiologist", "doctor", "technician", "nurse", "viewer", "service", "interface"]


def table(name):
    rows = re.findall(r"^\| `([a-z._]+)` \|(.*)\|$", (ROOT / "docs" / name).read_text(), re.MULTILINE)
    return {right: [cell.strip() for cell in cells.split("|")] for right, cells in rows}


def rights_that_do_something():
    """Permissions that some row of an endpoint or some rule asks for."""
    names = dict(re.findall(r'\[(MAY_\w+)\] = \{\s*"([\w.]+)"', (ROOT / "src/site/permission.c").read_text()))
    others = [p.read_text() for p in sorted((ROOT / "src").glob("*/*.c")) if p.name != "permission.c"]
    return {right for may, right in names.items() if any(re.search(rf"\b{may}\b", text) for text in others)}, set(
        names.values()
    )


@pytest.mark.parametrize("name", ["roles.md", "roles.zh-CN.md"])
def test_the_page_is_the_programs_table(admin, name):
    told, (working, every) = table(name), rights_that_do_something()
    assert set(told) == working, "rights that something asks for, no others"
    roles = {r["name"]: set(r["permissions"]) for r in ok(admin.get("/roles"))["items"]}
    for right, cells in told.items():
        marks = [bool(cell) for cell in cells[: len(ROLES)]]
        assert marks == [right in roles[role] for role in ROLES], right
    page = (ROOT / "docs" / name).read_text()
    assert all(f"`{right}`" in page for right in every), "those that wait for a later version are said to"


def test_the_page_says_what_the_program_says(admin):
    docs = {p["name"]: p["description"] for p in ok(admin.get("/permissions", params={"page_size": 100}))["items"]}
    for right, cells in table("roles.md").items():
        assert cells[-1] == docs[right].rstrip(".")


# ---- assignment ----


@pytest.fixture
def film(admin):
    return admin.upload(dicom(), "a.dcm")


def sees(api, file):
    answers = [
        api.get(f"/studies/{file['study_id']}").status_code,
        api.get(f"/image-files/{file['id']}/download").status_code,
    ]
    answers.append(api.get(f"/series/{file['series_id']}/instances").status_code)
    assert len(set(answers)) == 1
    listed = [
        file["study_id"] in [s["id"] for s in ok(api.get("/studies?page_size=100"))["items"]],
        file["id"] in [f["id"] for f in ok(api.get("/image-files?page_size=100"))["items"]],
        file["id"] in [e["image_file_id"] for e in ok(api.get(f"/patients/{file['patient_id']}/timeline"))["items"]],
        ok(api.get(f"/patients/{file['patient_id']}"))["image_count"] == 1,
        ok(api.get(f"/patients/{file['patient_id']}/studies"))["total"] == 1,
    ]
    assert set(listed) == {answers[0] == 200}
    return listed[0]


def test_a_study_is_opened_to_a_role(admin, doctor, viewer, technician, film):
    path = f"/studies/{film['study_id']}/assignments/roles"
    assert [sees(api, film) for api in (doctor, viewer, technician)] == [False] * 3
    for _ in range(2):
        ok(admin.put(f"{path}/doctor"), 204)
    assert [sees(api, film) for api in (doctor, viewer, technician)] == [True, False, False]
    ok(admin.put(f"{path}/viewer"), 204)
    assert [sees(api, film) for api in (doctor, viewer)] == [True, True]
    ok(admin.delete(f"{path}/doctor"), 204)
    assert [sees(api, film) for api in (doctor, viewer)] == [False, True]
    problem(admin.put(f"{path}/nobody"), 404)
    problem(doctor.put(f"{path}/doctor"), 403)
    problem(technician.put(f"{path}/technician"), 404)  # not theirs to see
    ok(admin.delete(f"{path}/viewer"), 204)


def test_a_study_is_opened_to_a_department(server, admin, film):
    name = unique("放射科")
    ours = server.account("doctor", admin=admin, department=name)
    other = server.account("doctor", admin=admin, department=unique("外科"))
    none = server.account("doctor", admin=admin)
    path = f"/studies/{film['study_id']}/assignments/departments/{name}"
    ok(admin.put(path), 204)
    assert [sees(api, film) for api in (ours, other, none)] == [True, False, False]
    later = server.account("viewer", admin=admin, department=name)
    assert sees(later, film)
    ok(admin.delete(path), 204)
    assert [sees(api, film) for api in (ours, later)] == [False, False]


def test_assignments_go_with_a_purged_study(new_server):
    server = new_server()
    admin = server.admin()
    film = admin.upload(dicom(), "a.dcm")
    path = f"/studies/{film['study_id']}"
    for who in (f"{admin.id}", "roles/doctor", "departments/x"):
        ok(admin.put(f"{path}/assignments/{who}"), 204)
    ok(admin.delete(path), 204)
    server.run("purge", "--older-than", "0s")
    for name in ("studies", "study_assignments", "study_role_assignments", "study_department_assignments"):
        assert server.database.rows(f"select count(*) from {name}")[0][0] == 0


def test_an_import_is_seen_by_those_it_is_for(new_server, tmp_path):
    server = new_server()
    admin = server.admin()
    owner = server.account("doctor", admin=admin)
    colleague = server.account("doctor", admin=admin)
    viewer = server.account("viewer", admin=admin, department="放射科")
    folder = tmp_path / "cd"
    folder.mkdir()
    (folder / "a.dcm").write_bytes(dicom())
    (folder / "b.png").write_bytes(png())
    name = ok(owner.get("/auth/me"))["username"]
    arguments = ["import", "--username", server.admin_name, "--owner", name, "--assign", "department:放射科", str(folder)]
    server.run(*arguments)
    files = ok(owner.get("/image-files/my-images"))["items"]
    assert len(files) == 2
    film = next(f for f in files if f["study_id"])
    assert sees(owner, film) and sees(viewer, film) and not sees(colleague, film)
    server.run(*arguments[:-2], "role:doctor, " + name, str(folder))
    assert sees(colleague, film) and ok(owner.get("/image-files/my-images"))["total"] == 2
    for wrong in (
        ("--owner", "nobody"),
        ("--assign", "nobody"),
        ("--assign", "role:nobody"),
        ("--assign", "department:"),
    ):
        done = server.run("import", "--username", server.admin_name, *wrong, str(folder), check=False)
        assert done.returncode != 0 and "there is no" in done.stderr


def test_radiologists_upload(radiologist):
    assert radiologist.upload(png())["status"] == "UPLOADED"
