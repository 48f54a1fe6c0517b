"""A study as a ZIP that streams: the files as they were uploaded, under names of a file-set, with a DICOMDIR that
others can read."""

import io
import os
import re
import struct
import subprocess
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.fileset import FileSet

from support import DATA, at_rest, dicom, ok, problem, sha256, uid, unique, wait_until


def fetch(api, study_id):
    answer = api.get(f"/studies/{study_id}/archive")
    assert answer.status_code == 200, answer.text[:400]
    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-disposition"].startswith("attachment")
    return zipfile.ZipFile(io.BytesIO(answer.content))


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """Slices of a real CT series, whose names sort otherwise than their numbers, uploaded and packed."""
    from support import Server

    server = Server(tmp_path_factory.mktemp("phantom"))
    server.init().start()
    admin = server.admin()
    files = sorted((DATA / "series" / "ct_philips_phantom").iterdir())
    rows = [admin.upload(f.read_bytes(), f.name) for f in files if f.is_file()]
    yield server, admin, files, rows
    server.close()


def test_a_real_series_comes_back_as_it_was(phantom, tmp_path):
    _, admin, files, rows = phantom
    assert len({r["study_id"] for r in rows}) == 1
    archive = fetch(admin, rows[0]["study_id"])
    assert archive.testzip() is None
    names = archive.namelist()
    assert len(names) == len(files) + 1 and "DICOMDIR" in names
    for name in names:
        assert name == "DICOMDIR" or re.fullmatch(r"DICOM/PAT\d{5}/STU\d{5}/SER\d{5}/IM\d{6}", name), name
    packed = {sha256(archive.read(n)) for n in names if n != "DICOMDIR"}
    assert packed == {sha256(f.read_bytes()) for f in files}
    archive.extractall(tmp_path)
    directory = FileSet(tmp_path / "DICOMDIR")
    assert len(directory) == len(files)
    assert {i.SOPInstanceUID for i in directory} == {r["sop_instance_uid"] for r in rows}
    for instance in directory:
        one = pydicom.dcmread(instance.path, stop_before_pixels=True)
        assert one.SOPInstanceUID == instance.SOPInstanceUID and one.PatientName == instance.PatientName
    numbers = [
        int(pydicom.dcmread(tmp_path / n, stop_before_pixels=True).InstanceNumber) for n in names if n != "DICOMDIR"
    ]
    assert numbers == sorted(numbers)


def test_the_directory_is_read_by_dcmdump(phantom, tmp_path):
    _, admin, files, rows = phantom
    fetch(admin, rows[0]["study_id"]).extract("DICOMDIR", tmp_path)
    done = subprocess.run(["dcmdump", tmp_path / "DICOMDIR"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "E:" not in done.stderr and "W:" not in done.stderr, done.stderr
    assert done.stdout.count("CS [IMAGE]") == len(files)
    for kind in ("PATIENT", "STUDY", "SERIES"):
        assert done.stdout.count(f"CS [{kind}]") == 1


def test_several_series_and_kinds(admin, tmp_path):
    study, patient = uid(), unique("D")
    same = {"StudyInstanceUID": study, "PatientID": patient, "PatientName": "Wang^XiaoDong=王^小东"}
    a, b = uid(), uid()
    contents = [
        dicom(SeriesInstanceUID=a, SeriesNumber="2", InstanceNumber=str(i), SOPInstanceUID=uid(), **same)
        for i in (3, 1, 2)
    ]
    contents += [
        dicom(
            SeriesInstanceUID=b,
            SeriesNumber="1",
            SOPInstanceUID=uid(),
            SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11",
            Modality="SR",
            **same,
        )
    ]
    rows = [admin.upload(c, "x.dcm") for c in contents]
    archive = fetch(admin, rows[0]["study_id"])
    assert len(archive.namelist()) == 5
    archive.extractall(tmp_path)
    raw = pydicom.dcmread(tmp_path / "DICOMDIR")
    kinds = [r.DirectoryRecordType for r in raw.DirectoryRecordSequence]
    assert kinds == ["PATIENT", "STUDY", "SERIES", "SR DOCUMENT", "SERIES", "IMAGE", "IMAGE", "IMAGE"]
    assert str(raw.DirectoryRecordSequence[0].PatientName) == "Wang^XiaoDong=王^小东"
    assert raw.DirectoryRecordSequence[0].PatientID == patient
    assert [r.InstanceNumber for r in raw.DirectoryRecordSequence[5:]] == [1, 2, 3]
    assert {i.SOPInstanceUID for i in FileSet(raw)} == {r["sop_instance_uid"] for r in rows}


def test_only_what_one_may_see(server, doctor, colleague, admin, radiologist):
    study, patient = uid(), unique("D")
    same = {"StudyInstanceUID": study, "PatientID": patient, "SeriesInstanceUID": uid()}
    mine = doctor.upload(dicom(SOPInstanceUID=uid(), **same), "a.dcm")
    theirs = colleague.upload(dicom(SOPInstanceUID=uid(), **same), "b.dcm")
    path = mine["study_id"]
    assert theirs["study_id"] == path
    assert len(fetch(doctor, path).namelist()) == 2
    assert len(fetch(radiologist, path).namelist()) == 3
    assert len(fetch(colleague, path).namelist()) == 2
    ok(admin.put(f"/studies/{path}/assignments/{colleague.id}"), 204)
    assert len(fetch(colleague, path).namelist()) == 3
    problem(admin.get("/studies/999999999/archive"), 404)
    empty = ok(admin.post("/studies", json={"patient_id": mine["patient_id"]}), 201)
    problem(admin.get(f"/studies/{empty['id']}/archive"), 409)

    def rows():
        return ok(admin.get("/system/audit-logs", params={"patient_id": mine["patient_id"]}))["items"]

    wait_until(lambda: sum(r["action"] == "study.archive" for r in rows()) >= 3, what="the audit rows")


def test_a_lost_file_breaks_the_archive(new_server):
    """What ends well is whole: an archive that lacks something must not look complete."""
    server = new_server()
    admin = server.admin()
    file = admin.upload(dicom(), "a.dcm")
    (server.files / file["storage_path"]).unlink()
    problem(admin.get(f"/studies/{file['study_id']}/archive"), 502)


def test_memory_does_not_grow_with_the_study(new_server):
    server = new_server()
    admin = server.admin()
    same = {"StudyInstanceUID": uid(), "PatientID": unique("D"), "SeriesInstanceUID": uid()}
    block = os.urandom(32 << 20)
    rows = [
        admin.upload(dicom(pixels=struct.pack("<I", i) + block, SOPInstanceUID=uid(), **same), "x.dcm")
        for i in range(6)
    ]

    def peak():
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text()).group(1))

    at_rest(admin)
    before, total = peak(), 0
    assert {r["study_id"] for r in rows} == {rows[0]["study_id"]} and rows[0]["study_id"], rows
    with admin.stream("GET", f"/api/v1/studies/{rows[0]['study_id']}/archive") as answer:
        assert answer.status_code == 200, answer.read()
        for piece in answer.iter_bytes():
            total += len(piece)
    assert total > 6 * (32 << 20)
    assert peak() - before < 40 * 1024
