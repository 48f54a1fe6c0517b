"""Short texts of those who write reports: whose they are, what they become, and which variables are told."""

import pytest
from support import dicom, ok, problem, unique, wrong_members

PATH = "/reports/macros"


def made(api, text="Follow-up in {{1}} months.", **members):
    return ok(api.post(PATH, json={"name": unique("m"), "text": text, **members}), 201)


def expanded(api, macro, **wish):
    return ok(api.post(f"{PATH}/{macro['id']}/expand", json=wish))


@pytest.fixture
def colleagues(server, admin):
    ward = unique("ward")
    return [server.account("doctor", admin=admin, department=ward) for _ in range(2)]


def test_one_writes_changes_and_removes_ones_own(doctor):
    macro = made(doctor, modality="CT")
    path = f"{PATH}/{macro['id']}"
    assert (macro["owner_id"], macro["is_shared"], macro["owner_name"]) == (
        doctor.id,
        False,
        "张医生",
    )
    changed = ok(doctor.patch(path, json={"text": "Again in {{1}} weeks."}))
    assert changed == {
        **macro,
        "text": "Again in {{1}} weeks.",
        "updated_at": changed["updated_at"],
    }
    assert [m["id"] for m in ok(doctor.get(PATH, params={"modality": "CT"}))["items"]] == [macro["id"]]
    assert not ok(doctor.get(PATH, params={"modality": "MR"}))["items"]
    films = {m: made(doctor, modality=m)["id"] for m in ("XR", "DX")}
    for asked, wanted in (("XR", ["XR", "DX"]), ("dx", ["XR", "DX"]), ("CR", ["XR"]), ("CT", [])):
        found = {m["id"] for m in ok(doctor.get(PATH, params={"modality": asked}))["items"]} - {macro["id"]}
        assert found == {films[m] for m in wanted}, asked
    problem(doctor.post(PATH, json={"name": macro["name"], "text": "x"}), 409)
    other = made(doctor)
    problem(doctor.patch(f"{PATH}/{other['id']}", json={"name": macro["name"]}), 409)
    ok(doctor.delete(path), 204)
    problem(doctor.get(path), 404)


def test_a_shared_one_is_used_by_the_department_and_changed_by_its_writer(colleagues, doctor, viewer):
    writer, mate = colleagues
    macro = made(writer)
    path = f"{PATH}/{macro['id']}"
    problem(mate.get(path), 404)
    problem(mate.post(f"{path}/expand", json={}), 404)
    ok(writer.patch(path, json={"is_shared": True}))
    assert ok(mate.get(path))["owner_id"] == writer.id
    assert macro["id"] in [m["id"] for m in ok(mate.get(PATH))["items"]]
    assert expanded(mate, macro, values={"1": 3})["text"] == "Follow-up in 3 months."
    problem(mate.patch(path, json={"text": "mine"}), 404)
    problem(mate.delete(path), 404)
    problem(doctor.get(path), 404)  # of no department
    problem(viewer.get(PATH), 403)


def test_variables_come_from_the_study_and_from_the_request(doctor):
    patient = doctor.patient(name="李雷", gender="MALE", birth_date="1960-06-01")
    study = ok(
        doctor.post(
            "/studies",
            json={
                "patient_id": patient["id"],
                "study_date": "2026-05-31",
                "modality": "CT",
                "body_part": "CHEST",
            },
        ),
        201,
    )
    macro = made(
        doctor,
        "{{patient.name}}, {{patient.sex}}, {{ patient.age }}: {{study.modality}} of {{size}} by {{user.name}}",
    )
    told = expanded(doctor, macro, study_id=study["id"], language="en", values={"size": 6.5})
    assert told == {
        "text": "李雷, male, 65: CT of 6.5 by 张医生",
        "unknown": [],
        "empty": [],
    }
    told = expanded(doctor, macro, study_id=study["id"], values={"patient.name": "X"})
    assert told["text"].startswith("X, 男, 65: CT of {{size}}") and told["unknown"] == ["size"]


def test_what_has_no_value_stays_and_is_named(doctor):
    macro = made(
        doctor,
        "{{1}} {{2}} {{1}} {{study.description}}[[, seen {{3}}]][[{{!3}}, not seen]]",
    )
    told = expanded(doctor, macro, values={"2": "two", "unused": "x"})
    assert told["text"] == "{{1}} two {{1}} {{study.description}}, not seen"
    assert (told["unknown"], told["empty"]) == (["1", "study.description"], [])
    patient = doctor.patient()["id"]
    study = ok(
        doctor.post(
            "/studies",
            json={"patient_id": patient, "study_date": "2026-05-31", "modality": "CT"},
        ),
        201,
    )
    told = expanded(
        doctor,
        macro,
        study_id=study["id"],
        values={"1": "one", "2": "two", "3": "twice"},
    )
    assert told == {
        "text": "one two one {{study.description}}, seen twice",
        "unknown": [],
        "empty": ["study.description"],
    }
    assert expanded(doctor, macro)["unknown"] == ["1", "2", "study.description"]


@pytest.mark.parametrize(
    "text",
    [
        "{{patient.agee}}",
        "{{1",
        "{{Size}}",
        "{{}}",
        "[[a",
        "a]]",
        "[[a [[b]] ]]",
        "{{1}}" * 51,
        " ",
        "x" * 5001,
    ],
)
def test_a_text_that_cannot_be_filled_in_is_refused(doctor, text):
    assert set(wrong_members(problem(doctor.post(PATH, json={"name": unique("m"), "text": text}), 422))) == {"text"}
    macro = made(doctor)
    assert set(wrong_members(problem(doctor.patch(f"{PATH}/{macro['id']}", json={"text": text}), 422))) == {"text"}


def test_values_that_are_none(doctor):
    macro = made(doctor)
    path = f"{PATH}/{macro['id']}/expand"
    for values, place in (
        ([1], "values"),
        ({"1": {}}, "values.1"),
        ({"1": "x" * 2001}, "values.1"),
    ):
        assert wrong_members(problem(doctor.post(path, json={"values": values}), 422)) == [place]
    assert wrong_members(problem(doctor.post(path, json={"language": "fr"}), 422)) == ["language"]
    assert wrong_members(problem(doctor.post(PATH, json={"name": "a b", "text": "x"}), 422)) == ["name"]


def test_a_study_that_one_does_not_see_gives_no_value(doctor, colleague):
    study = colleague.upload(dicom(PatientID=unique("P")), "a.dcm")["study_id"]
    macro = made(doctor, "{{patient.name}}")
    problem(doctor.post(f"{PATH}/{macro['id']}/expand", json={"study_id": study}), 404)
