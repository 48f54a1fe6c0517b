"""Keys of Type 1 in a DICOMDIR (PS3.3 F.5) have values, also where the files state none."""

import io
import shutil
import subprocess
import zipfile

import pydicom
import pytest

from support import DATA, PATIENCE, dicom, uid

TYPE_1 = {
    "PATIENT": ["PatientID"],
    "STUDY": ["StudyDate", "StudyTime", "StudyID", "StudyInstanceUID"],
    "SERIES": ["Modality", "SeriesInstanceUID", "SeriesNumber"],
    "IMAGE": ["InstanceNumber"],
}


def directory_of(api, study_id):
    answer = api.get(f"/studies/{study_id}/archive")
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content)).read("DICOMDIR")


@pytest.mark.parametrize("which", ["sample", "nothing"])
def test_every_key_of_type_1_has_a_value(doctor, tmp_path, which):
    if which == "sample":
        file = doctor.upload((DATA / "dicom" / "dicomdir-empty-keys.dcm").read_bytes(), "a.dcm")
    else:
        names = ("PatientID", "StudyDate", "StudyTime", "Modality", "SeriesNumber", "InstanceNumber", "AccessionNumber")
        common = {**dict.fromkeys(names), "StudyInstanceUID": uid()}
        series = {"SeriesInstanceUID": uid()}
        for values in (series, series, {"SeriesInstanceUID": uid()}):
            file = doctor.upload(dicom(**common, **values), "a.dcm")
    content = directory_of(doctor, file["study_id"])
    records = pydicom.dcmread(io.BytesIO(content)).DirectoryRecordSequence
    assert len(records) == (4 if which == "sample" else 7)
    for record in records:
        for keyword in TYPE_1[record.DirectoryRecordType]:
            assert record.get(keyword) not in (None, ""), (record.DirectoryRecordType, keyword)
    numbers = [r.InstanceNumber for r in records if r.DirectoryRecordType == "IMAGE"]
    assert numbers == ([1] if which == "sample" else [1, 2, 1])
    study = next(r for r in records if r.DirectoryRecordType == "STUDY")
    if which == "nothing":
        assert (study.StudyDate, study.StudyTime) == ("19000101", "000000")  # nobody takes it for the day
    if shutil.which("dciodvfy"):
        (tmp_path / "DICOMDIR").write_bytes(content)
        done = subprocess.run(["dciodvfy", tmp_path / "DICOMDIR"], capture_output=True, check=False, timeout=PATIENCE)
        said = (done.stdout + done.stderr).decode()
        assert "Error" not in said, said
