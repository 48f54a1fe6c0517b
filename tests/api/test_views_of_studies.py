"""A study is one for all who send films of it; each sender who does not see it otherwise is told of it what their own
films say, and no more."""

import base64
import io
import zipfile
from datetime import datetime

import pydicom
import pytest

from support import comes_to, dicom, ok, problem, uid, unique

HIDDEN = {
    "StudyDate": "19990101",
    "StudyTime": "010203",
    "AccessionNumber": "ACC-HIDDEN",
    "StudyID": "ID-HIDDEN",
    "Modality": "MR",
    "ReferringPhysicianName": "Hidden^Referrer",
    "StudyDescription": "hidden study",
    "SeriesDescription": "hidden series",
    "BodyPartExamined": "HIDDENPART",
    "ProtocolName": "hidden protocol",
    "Manufacturer": "hidden maker",
    "InstitutionName": "hidden house",
    "Laterality": "L",
    "SeriesNumber": "1",
    "PatientName": "Told^Name",
}
OWN = {
    "StudyDate": "20240229",
    "StudyTime": "134510",
    "AccessionNumber": "ACC-OWN",
    "StudyID": "ID-OWN",
    "Modality": "CT",
    "ReferringPhysicianName": "Own^Referrer",
    "StudyDescription": "own study",
    "SeriesDescription": "own series",
    "BodyPartExamined": "CHEST",
    "ProtocolName": "own protocol",
    "Manufacturer": "own maker",
    "InstitutionName": "own house",
    "Laterality": "R",
    "SeriesNumber": "7",
    "PatientName": "Told^Name",
}
IDS = ("id", "study_id", "study_uid", "series_uid", "created_by", "created_at", "updated_at", "patient_id")


def told(record):
    return {
        k: v for k, v in record.items() if k not in IDS and k not in ("patient_name", "patient_number", "size_bytes")
    }


def micros(text):
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(at.timestamp()) * 1000000 + at.microsecond


def uids(**more):
    return {"StudyInstanceUID": uid(), "SeriesInstanceUID": uid(), "PatientID": unique("D"), **more}


def items(api, path, **query):
    return ok(api.get(path, params=query))["items"]


@pytest.fixture
def visit(doctor, colleague):
    """A study of the colleague's, unseen by the doctor, whose film of the same series says other things; and the same
    film in a study of its own."""
    same = uids()
    theirs = [
        colleague.upload(dicom(**same, **HIDDEN), "a.dcm"),
        colleague.upload(dicom(**{**same, "SeriesInstanceUID": uid()}, **{**HIDDEN, "Modality": "US"}), "b.dcm"),
    ]
    mine = doctor.upload(dicom(**same, **OWN), "c.dcm")
    alone = doctor.upload(dicom(**uids(), **OWN), "d.dcm")
    assert {f["study_id"] for f in (mine, *theirs)} == {mine["study_id"]}
    return mine, theirs, alone


def test_a_sender_is_told_what_their_films_say(doctor, colleague, radiologist, visit):
    mine, theirs, alone = visit
    study, other = (ok(doctor.get(f"/studies/{f['study_id']}")) for f in (mine, alone))
    assert told(study) == told(other)
    assert (study["created_by"], other["created_by"]) == (None, doctor.id)
    assert (study["modality"], study["modalities"], study["number_of_series"]) == ("CT", ["CT"], 1)
    assert study["created_at"] == study["updated_at"]
    assert study in items(doctor, "/studies", study_uid=study["study_uid"])
    for name in ("modality", "description", "body_part,created_at", "created_by"):
        few = items(doctor, "/studies", study_uid=study["study_uid"], fields=name)
        assert few == [{n: study[n] for n in name.split(",")}]
    assert items(doctor, f"/patients/{mine['patient_id']}/studies") == [study]
    series, alike = (items(doctor, f"/studies/{f['study_id']}/series") for f in (mine, alone))
    assert [told(s) for s in series] == [told(s) for s in alike] and len(series) == 1
    assert items(doctor, f"/series/{series[0]['id']}/instances") == [doctor.file(mine["id"])]
    assert "hidden" not in (doctor.get(f"/studies/{mine['study_id']}").text + str(series)).lower()
    # Those who see all are told all, and the colleague what was theirs before.
    for api, count in ((radiologist, 3), (colleague, 2)):
        whole = ok(api.get(f"/studies/{mine['study_id']}"))
        assert (whole["description"], whole["created_by"]) == ("hidden study", colleague.id)
        assert whole["number_of_instances"] == count
    titles = {e["title"] for e in ok(doctor.get(f"/patients/{mine['patient_id']}/timeline"))["items"]}
    assert titles == {"own study", "c.dcm"}
    problem(colleague.get(f"/studies/{alone['study_id']}"), 404)


def test_filters_and_orders_go_by_what_is_told(doctor, visit):
    mine, _, alone = visit
    ids = [mine["study_id"], alone["study_id"]]

    def found(**query):
        return sorted(s["id"] for s in items(doctor, "/studies", **query))

    for query in (
        {"accession_number": "ACC-HIDDEN"},
        {"modality": "MR"},
        {"modality": "US,MR"},
        {"end_date": "2000-01-01"},
        {"search": "hidden study"},
        {"search": "ACC-HIDDEN"},
        {"has_conflict": "true"},
    ):
        assert found(**query) == [], query
        assert ok(doctor.get("/studies", params=query))["total"] == 0, query
    for query in (
        {"accession_number": "ACC-OWN"},
        {"modality": "CT"},
        {"modality": "CT,MR"},
        {"start_date": "2024-02-29"},
        {},
    ):
        assert found(**query) == sorted(ids), query
        assert ok(doctor.get("/studies", params=query))["total"] == 2, query
    number = ok(doctor.get(f"/patients/{mine['patient_id']}"))["patient_id"]
    assert found(search=number) == [mine["study_id"]]
    # A cursor holds what the row is ordered by: of both studies what is told.
    for sort, key in (("created_at", "created_at"), ("study_date", "study_date")):
        page = ok(doctor.get("/studies", params={"sort": sort, "page_size": 1}))
        assert [s["id"] for s in page["items"]] == ids[:1]
        cursor = base64.b64decode(page["next"]).decode()
        said = page["items"][0][key]
        assert cursor.split("|")[1] == ("t" + said if key == "study_date" else f"i{micros(said)}")
        rest = items(doctor, "/studies", sort=sort, page_size=1, after=page["next"])
        assert [s["id"] for s in rest] == ids[1:]
    path = f"/studies/{mine['study_id']}/series"
    assert items(doctor, path, modality="MR") == [] and len(items(doctor, path, modality="CT")) == 1
    first = doctor.upload(
        dicom(
            **{
                **uids(),
                "StudyInstanceUID": ok(doctor.get(f"/studies/{mine['study_id']}"))["study_uid"],
                "PatientID": number,
            },
            **{**OWN, "SeriesNumber": "3"},
        ),
        "e.dcm",
    )
    assert [s["id"] for s in items(doctor, path)] == [first["series_id"], mine["series_id"]]
    assert [s["series_number"] for s in items(doctor, path, sort="-series_number")] == [7, 3]


def test_an_archive_holds_ones_own(doctor, radiologist, visit):
    mine, _, alone = visit

    def unpacked(api, file):
        answer = api.get(f"/studies/{file['study_id']}/archive")
        assert answer.status_code == 200, answer.text
        return zipfile.ZipFile(io.BytesIO(answer.content))

    whole, part, other = unpacked(radiologist, mine), unpacked(doctor, mine), unpacked(doctor, alone)
    assert [len(z.namelist()) for z in (whole, part, other)] == [4, 2, 2]
    directories = [z.read("DICOMDIR") for z in (part, other)]
    assert b"idden" not in directories[0] and b"HIDDEN" not in directories[0]
    records = [pydicom.dcmread(io.BytesIO(d)).DirectoryRecordSequence for d in directories]
    for a, b in zip(*records, strict=True):
        assert a.DirectoryRecordType == b.DirectoryRecordType
        for name in (
            "StudyDate",
            "StudyTime",
            "StudyDescription",
            "StudyID",
            "AccessionNumber",
            "Modality",
            "SeriesNumber",
        ):
            assert a.get(name) == b.get(name), name


def test_it_ends_with_the_last_film(doctor, visit):
    mine, *_ = visit
    path = f"/studies/{mine['study_id']}"
    ok(doctor.delete(f"/image-files/{mine['id']}"), 204)
    problem(doctor.get(path), 404)
    problem(doctor.get(path + "/series"), 404)
    assert mine["study_id"] not in [s["id"] for s in items(doctor, "/studies")]
    ok(doctor.post(f"/image-files/{mine['id']}/restore"))
    assert ok(doctor.get(path))["description"] == "own study"


def test_a_film_does_not_open_the_study_to_changes(server, admin, doctor, visit):
    technician = server.account("technician", admin=admin)
    mine, theirs, _ = visit
    film = technician.upload(
        dicom(
            **OWN | {"PatientID": ok(doctor.get(f"/patients/{mine['patient_id']}"))["patient_id"]},
            StudyInstanceUID=ok(doctor.get(f"/studies/{mine['study_id']}"))["study_uid"],
        ),
        "t.dcm",
    )
    study = f"/studies/{film['study_id']}"
    assert film["study_id"] == mine["study_id"] and ok(technician.get(study))["number_of_instances"] == 1
    problem(technician.patch(study, json={"description": "mine now"}), 403)
    problem(technician.put(f"{study}/assignments/{technician.id}"), 403)
    problem(technician.put(f"{study}/assignments/roles/technician"), 403)
    problem(technician.delete(f"{study}/assignments/{doctor.id}"), 403)
    ok(technician.delete(f"{study}/conflict"), 204)
    problem(technician.get(f"/image-files/{theirs[0]['id']}"), 404)
    assert ok(technician.get(study))["number_of_instances"] == 1
    # Opened to them it is theirs as to anybody.
    ok(admin.put(f"{study}/assignments/{technician.id}"), 204)
    assert ok(technician.get(study))["number_of_instances"] == 4
    assert ok(technician.patch(study, json={"body_part": "HAND"}))["description"] == "hidden study"


@pytest.mark.parametrize("stated", [None, "CT"])
def test_who_registered_a_study_is_not_told_by_it_what_others_send(doctor, colleague, radiologist, stated):
    patient = doctor.patient()
    body = {"patient_id": patient["id"], "study_uid": uid(), "modality": stated}
    before = ok(doctor.post("/studies", json={k: v for k, v in body.items() if v}), 201)
    path = f"/studies/{before['id']}"
    film = dicom(StudyInstanceUID=before["study_uid"], **HIDDEN | {"PatientID": patient["patient_id"]})
    assert colleague.upload(film, "a.dcm")["study_id"] == before["id"]
    assert ok(doctor.get(path)) == before
    assert [s["id"] for s in items(doctor, "/studies", modality="CT")] == ([before["id"]] if stated else [])
    assert items(doctor, "/studies", modality="MR") == []
    assert items(doctor, path + "/series") == []
    seen = ok(radiologist.get(path))
    assert (seen["modality"], seen["modalities"]) == (stated or "MR", ["MR"])
    assert seen["body_part"] == (None if stated else "HIDDENPART")
    assert items(radiologist, "/studies", study_uid=before["study_uid"], fields="modality") == [
        {"modality": stated or "MR"}
    ]
    mine = doctor.upload(
        dicom(**OWN | {"PatientID": patient["patient_id"]}, StudyInstanceUID=before["study_uid"]), "b.dcm"
    )
    after = ok(doctor.get(path))
    assert (after["modality"], after["body_part"]) == ("CT", None if stated else "CHEST")
    assert mine["study_id"] == before["id"] and after["modalities"] == ["CT"]


def test_one_instance_from_two_who_do_not_see_each_other(doctor, colleague, radiologist):
    same = uids(SOPInstanceUID=uid())
    theirs = colleague.upload(dicom(pixels=b"\5\6\7\x08", **same), "a.dcm")
    mine = doctor.upload(dicom(**same), "b.dcm")
    study = f"/studies/{mine['study_id']}"

    def counted(api):
        one = ok(api.get(study))
        rows = items(api, f"/series/{mine['series_id']}/instances")
        packed = api.get(study + "/archive")
        assert packed.status_code == 200, packed.text
        files = len(zipfile.ZipFile(io.BytesIO(packed.content)).namelist()) - 1
        series = items(api, study + "/series")
        assert one["number_of_instances"] == len(rows) == files == sum(s["number_of_instances"] for s in series)
        return [r["id"] for r in rows]

    def sees(*pairs):
        for api, file in pairs:
            comes_to([file["id"]], lambda who=api: counted(who))

    sees((doctor, mine), (colleague, theirs), (radiologist, theirs))
    # As where it is the only one: the same bytes again are the same file, other bytes are refused.
    again = doctor.upload(dicom(**same), "b.dcm")
    assert (again["id"], again["already_stored"]) == (mine["id"], True)
    doctor.upload(dicom(pixels=b"\7\6\7\x08", **same), "c.dcm", expect=409)
    # The one that is gone gives its place to the other, and finds it taken when it comes back: nobody is told of it.
    ok(colleague.delete(f"/image-files/{theirs['id']}"), 204)
    sees((doctor, mine), (radiologist, mine))
    back = ok(colleague.post(f"/image-files/{theirs['id']}/restore"))
    assert (back["id"], back["status_reason"]) == (theirs["id"], None)
    sees((doctor, mine), (colleague, theirs), (radiologist, mine))
    # Both gone, the one that comes back first is the one that all see.
    for api, file in ((colleague, theirs), (doctor, mine)):
        ok(api.delete(f"/image-files/{file['id']}"), 204)
    ok(colleague.post(f"/image-files/{theirs['id']}/restore"))
    sees((colleague, theirs), (radiologist, theirs))
    ok(doctor.post(f"/image-files/{mine['id']}/restore"))
    sees((doctor, mine), (colleague, theirs), (radiologist, theirs))


def test_a_study_whose_only_film_was_deleted_by_another(doctor, colleague):
    film = dicom(**uids(), **OWN)
    first = doctor.upload(film, "a.dcm")
    ok(doctor.delete(f"/image-files/{first['id']}"), 204)
    mine = colleague.upload(film, "b.dcm")
    study = ok(colleague.get(f"/studies/{mine['study_id']}"))
    assert (study["number_of_instances"], study["description"]) == (1, "own study")
    zipped = zipfile.ZipFile(io.BytesIO(colleague.get(f"/studies/{mine['study_id']}/archive").content))
    assert len(zipped.namelist()) == 2
    assert ok(doctor.get(f"/studies/{mine['study_id']}"))["number_of_instances"] == 0
    ok(doctor.post(f"/image-files/{first['id']}/restore"))
    assert [ok(api.get(f"/studies/{mine['study_id']}"))["number_of_instances"] for api in (doctor, colleague)] == [1, 1]


def test_an_upgrade_tells_what_rows_say(new_server):
    """From a database of before: what the rows of one's own files say; what only their headers did is left out."""
    server = new_server()
    admin = server.admin()
    doctor, colleague = (server.account("doctor", admin=admin) for _ in range(2))
    same = uids(SOPInstanceUID=uid())
    theirs = colleague.upload(dicom(pixels=b"\5\6\7\x08", **same, **HIDDEN), "a.dcm")
    mine = doctor.upload(dicom(**same, **{**OWN, "PatientName": "Other^Name"}), "b.dcm")
    server.stop()
    server.run("migrate", "down", "--to", "17", "--yes")
    server.run("migrate", "up")
    server.start()
    doctor, colleague, admin = (server.client(api.token) for api in (doctor, colleague, admin))
    study = ok(doctor.get(f"/studies/{mine['study_id']}"))
    assert [study[k] for k in ("modality", "study_date", "body_part")] == ["CT", "2024-02-29", "CHEST"]
    assert [study[k] for k in ("description", "accession_number", "created_by")] == [None] * 3
    assert (study["number_of_instances"], study["modalities"]) == (1, ["CT"])
    [series] = items(doctor, f"/studies/{mine['study_id']}/series")
    assert (series["modality"], series["description"], series["number_of_instances"]) == ("CT", None, 1)
    path = f"/patients/{mine['patient_id']}"
    assert [ok(api.get(path))["conflict"] for api in (doctor, colleague, admin)] == [["name"], None, ["name"]]
    whole = ok(colleague.get(f"/studies/{theirs['study_id']}"))
    assert (whole["description"], whole["number_of_instances"]) == ("hidden study", 1)
    ok(doctor.delete(f"/image-files/{mine['id']}"), 204)
    problem(doctor.get(f"/studies/{mine['study_id']}"), 404)


def test_a_series_of_others_is_as_absent_as_none(admin, doctor, colleague, technician):
    """Ids are counted up: 200 with an empty list told that others have films in this study."""
    same = uids()
    registered = ok(
        technician.post(
            "/studies", json={"study_uid": same["StudyInstanceUID"], "patient_id": technician.patient()["id"]}
        ),
        201,
    )
    hidden = colleague.upload(dicom(**same), "a.dcm")
    mine = doctor.upload(dicom(**{**same, "SeriesInstanceUID": uid()}), "b.dcm")
    assert hidden["study_id"] == mine["study_id"] and hidden["series_id"] != mine["series_id"]

    def asks(api, series, **query):
        return api.get(f"/series/{series}/instances", params=query)

    def absent(answer, series):
        told = problem(answer, 404)
        return told["detail"].replace(str(series), "N"), sorted(told)

    for query in ({}, {"page": 2}, {"sort": "-instance_number"}):
        assert absent(asks(doctor, hidden["series_id"], **query), hidden["series_id"]) == absent(
            asks(doctor, 987654321, **query), 987654321
        )
    assert ok(asks(doctor, mine["series_id"]))["total"] == 1
    assert ok(asks(colleague, hidden["series_id"]))["total"] == 1
    absent(asks(colleague, mine["series_id"]), mine["series_id"])
    ok(technician.get(f"/studies/{registered['id']}"))
    for film in (hidden, mine):
        absent(asks(technician, film["series_id"]), film["series_id"])
        assert ok(asks(admin, film["series_id"]))["total"] == 1
    ok(admin.put(f"/studies/{hidden['study_id']}/assignments/{doctor.id}"), 204)
    assert ok(asks(doctor, hidden["series_id"]))["total"] == 1
    ok(admin.delete(f"/studies/{hidden['study_id']}/assignments/{doctor.id}"), 204)
    ok(doctor.delete(f"/image-files/{mine['id']}"), 204)
    absent(asks(doctor, mine["series_id"]), mine["series_id"])
