"""Rules that ask a program of the house: once of the images of a study that has come, and again when more have."""

import struct

import pytest
from support import Server, ok, problem, unique, wait_until
from test_programs import GIVES, Study, register

COUNTS = """
import json, os, pathlib
given = [n for n in os.listdir(os.environ["MERCURE_IN_DIR"]) if n.endswith(".dcm")]
(pathlib.Path(os.environ["MERCURE_OUT_DIR"]) / "result.json").write_text(json.dumps({"given": len(given)}))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    register(folder, "counts", COUNTS, modalities=["CT"])
    register(folder, "gives", GIVES)
    register(folder, "small", COUNTS, input_mb=1)
    server = Server(
        tmp_path_factory.mktemp("house"),
        PROGRAMS_ROOT=folder,
        PROGRAMS_TMP=tmp_path_factory.mktemp("work"),
        PROGRAMS_UNCONFINED="true",
        DIAGNOSIS_QUIET="1s",
    )
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture
def rule(chief):
    """Rules that hold for one test."""
    made = []

    def add(api=chief, **members):
        made.append(ok(api.post("/diagnosis/rules", json={"name": "r", "is_enabled": True, **members}), 201))
        return made[-1]

    yield add
    for each in made:
        ok(chief.delete(f"/diagnosis/rules/{each['id']}"), 204)


def runs(house, chief, name):
    """The jobs of a program, when no rule and no program is at work any more."""
    left = (
        "select count(*) from jobs where kind in ('diagnosis.rules', 'program.run') and state in ('QUEUED', 'RUNNING')"
    )
    wait_until(lambda: house.database.rows(left)[0][0] == 0, what="rules and programs")
    jobs = [ok(chief.get(f"/system/jobs/{n}")) for (n,) in house.database.rows(
        "select id from jobs where kind = 'program.run' order by id")]
    return [job for job in jobs if job["payload"]["program"] == name]


def test_a_program_is_given_the_study_at_once_and_again_when_more_has_come(house, chief, rule):
    made = rule(program="counts", description_contains="thorax", priority="HIGH")
    assert (made["model_id"], made["model_state"], made["program"]) == (None, None, "counts")
    before = len(runs(house, chief, "counts"))
    study = Study(chief, 3, Modality="CT", StudyDescription="CT Thorax")
    study.upload(chief, Modality="SR", SeriesInstanceUID="1.2.3.4.5")  # which the program does not take
    Study(chief, 1, Modality="CT", StudyDescription="Skull")
    [job] = runs(house, chief, "counts")[before:]
    assert (job["state"], job["priority"], job["result"]["result"]) == ("SUCCEEDED", "HIGH", {"given": 3})
    assert job["payload"]["image_file_ids"] == [file["id"] for file in study.files]
    assert job["payload"]["study_id"] == study.id and job["payload"]["patient_id"] == study.files[0]["patient_id"]
    study.upload(chief, Modality="SR", SeriesInstanceUID="1.2.3.4.5")  # the same images of CT: nothing new to ask
    assert len(runs(house, chief, "counts")) == before + 1
    study.upload(chief, Modality="CT")
    assert [j["result"]["result"]["given"] for j in runs(house, chief, "counts")[before:]] == [3, 4]


def test_what_a_program_leaves_is_given_to_none(house, chief, rule):
    rule(program="gives", position=1)
    study = Study(chief, 2, Modality="CT")
    jobs = [job for job in runs(house, chief, "gives") if job["payload"]["study_id"] == study.id]
    assert [len(job["result"]["image_file_ids"]) for job in jobs] == [2]
    assert ok(chief.get(f"/studies/{study.id}"))["number_of_instances"] == 4


def test_what_people_have_asked_no_rule_asks_again(house, chief, rule):
    study = Study(chief, 2, Modality="CT", StudyDescription="by hand")
    ok(chief.post("/diagnosis/programs/counts/run", json={"study_id": study.id}), 202)
    before = len(runs(house, chief, "counts"))
    rule(program="counts", description_contains="by hand")
    study.upload(chief, Modality="SR", SeriesInstanceUID="1.2.3.4.5")
    assert len(runs(house, chief, "counts")) == before


def test_a_program_acts_for_who_made_the_rule(house, chief, rule):
    second = house.account("admin", admin=chief)
    rule(second, program="counts", description_contains="of another")
    ok(chief.delete(f"/users/{second.id}"), 204)
    before = len(runs(house, chief, "counts"))
    Study(chief, 1, Modality="CT", StudyDescription="of another")
    assert len(runs(house, chief, "counts")) == before
    assert [line for line in house.log_lines() if line["event"] == "rule.idle" and "may not" in line["message"]]


def test_more_than_a_program_takes_stops_no_other_rule(house, chief, rule):
    rule(program="small", position=1, description_contains="large")
    rule(program="counts", position=2, description_contains="large")
    size = struct.pack("<H", 800)
    study = Study(chief, 3, Modality="CT", StudyDescription="large", Rows=size, Columns=size, pixels=bytes(640_000))
    jobs = [j for j in runs(house, chief, "counts") if j["payload"]["study_id"] == study.id]
    assert len(jobs) == 1 and not [j for j in runs(house, chief, "small") if j["payload"]["study_id"] == study.id]
    assert [line for line in house.log_lines() if line["event"] == "rule.idle" and "takes at once" in line["message"]]


def test_a_rule_names_one_model_or_one_program(house, chief, rule):
    def refused(**members):
        return str(problem(chief.post("/diagnosis/rules", json={"name": "x", **members}), 422)["errors"])

    assert "one of these" in refused()
    assert "one of these" in refused(model_id=1, program="counts")
    assert "no such program" in refused(program="lungs")
    made = rule(program="counts", is_enabled=False)
    path = f"/diagnosis/rules/{made['id']}"
    assert "one of these" in str(problem(chief.patch(path, json={"program": None}), 422)["errors"])
    assert "no such program" in str(problem(chief.patch(path, json={"program": "x"}), 422)["errors"])
    assert ok(chief.patch(path, json={"program": "gives"}))["program"] == "gives"


def test_what_a_program_would_have_been_given_is_said_before(chief):
    def tried(**members):
        wish = {"rule": {"name": "x", "program": "counts", "description_contains": mark, **members}}
        return ok(chief.post("/diagnosis/rules/dry-run", json=wish))

    mark = unique("try")
    study = Study(chief, 2, Modality="CT", StudyDescription=mark)
    study.upload(chief, Modality="SR", SeriesInstanceUID="1.2.3.4.5")
    assert (tried()["images_asked"], tried()["studies_asked"]) == (2, 1)
    assert tried(program="gives")["images_asked"] == 3


def test_a_study_that_comes_for_longer_than_its_quiet_time_is_not_forgotten(house, chief, rule):
    rule(program="counts", description_contains="slow")
    study = Study(chief, 1, Modality="CT", StudyDescription="slow")
    later = "select max(id) from jobs where kind = 'diagnosis.rules' and payload like '%quiet_from%Z\"%'"
    # Images come until looks that were put for different moments have met several times.
    seen = set()
    wait_until(
        lambda: study.upload(chief, Modality="CT") and (seen.update(house.database.rows(later)[0]), len(seen) > 4)[1],
        what="later looks",
    )
    given = [j for j in runs(house, chief, "counts") if j["payload"]["study_id"] == study.id]
    count = ok(chief.get(f"/studies/{study.id}"))["number_of_instances"]
    assert given and given[-1]["result"]["result"] == {"given": count}
