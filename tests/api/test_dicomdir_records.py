"""The records of a DICOMDIR for what is no picture: their types and keys (PS3.3 F.4, F.5), from the files or made
up."""

import io
import subprocess
import zipfile

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from support import PATIENCE, uid, unique

STORAGE = "1.2.840.10008.5.1.4.1.1."
CONTENT = {"ContentDate": "19000101", "ContentTime": "000000"}
IDENTIFIED = {**CONTENT, "ContentLabel": "UNKNOWN", "ContentDescription": "", "ContentCreatorName": ""}

# SOP class, type of record, its keys of types 1 and 2 when the file states none of them.
KINDS = [
    ("88.11", "SR DOCUMENT", {**CONTENT, "CompletionFlag": "PARTIAL", "VerificationFlag": "UNVERIFIED"}),
    ("88.67", "SR DOCUMENT", {**CONTENT, "CompletionFlag": "PARTIAL", "VerificationFlag": "UNVERIFIED"}),
    ("78.6", "SR DOCUMENT", {**CONTENT, "CompletionFlag": "PARTIAL", "VerificationFlag": "UNVERIFIED"}),
    ("88.59", "KEY OBJECT DOC", CONTENT),
    (
        "11.1",
        "PRESENTATION",
        {
            "PresentationCreationDate": "19000101",
            "PresentationCreationTime": "000000",
            "ContentLabel": "UNKNOWN",
            "ContentDescription": "",
            "ContentCreatorName": "",
        },
    ),
    (
        "104.1",
        "ENCAP DOC",
        {
            "ContentDate": "",
            "ContentTime": "",
            "DocumentTitle": "",
            "ConceptNameCodeSequence": [],
            "MIMETypeOfEncapsulatedDocument": "application/octet-stream",
        },
    ),
    ("481.2", "RT DOSE", {"DoseSummationType": "UNKNOWN"}),
    (
        "481.3",
        "RT STRUCTURE SET",
        {"StructureSetLabel": "UNKNOWN", "StructureSetDate": "", "StructureSetTime": ""},
    ),
    ("481.5", "RT PLAN", {"RTPlanLabel": "UNKNOWN", "RTPlanDate": "", "RTPlanTime": ""}),
    ("481.8", "RT PLAN", {"RTPlanLabel": "UNKNOWN", "RTPlanDate": "", "RTPlanTime": ""}),
    ("481.4", "RT TREAT RECORD", {"TreatmentDate": "", "TreatmentTime": ""}),
    ("9.1.1", "WAVEFORM", CONTENT),
    ("66", "RAW DATA", CONTENT),
    ("66.1", "REGISTRATION", IDENTIFIED),
    ("66.3", "REGISTRATION", IDENTIFIED),
    ("66.2", "FIDUCIAL", IDENTIFIED),
    ("66.4", "IMAGE", {}),
    ("66.5", "SURFACE", IDENTIFIED),
    ("66.6", "TRACT", IDENTIFIED),
    ("67", "VALUE MAP", IDENTIFIED),
    ("68.1", "SURFACE SCAN", CONTENT),
    (
        "4.2",
        "SPECTROSCOPY",
        {**CONTENT, "ImageType": ["DERIVED", "SECONDARY", "UNKNOWN"], "NumberOfFrames": 0, "Rows": 0, "Columns": 0},
    ),
    ("77.1.5.3", "STEREOMETRIC", {"ContentLabel": "UNKNOWN", "ContentDescription": "", "ContentCreatorName": ""}),
    ("78.1", "MEASUREMENT", IDENTIFIED),
    ("80.1", "MEASUREMENT", IDENTIFIED),
    ("90.1", "ASSESSMENT", {"InstanceCreationDate": "19000101", "InstanceCreationTime": ""}),
    ("481.10", "RADIOTHERAPY", {"ContentDescription": "", "ContentCreatorName": ""}),
    ("481.1", "IMAGE", {}),
    ("481.23", "IMAGE", {}),
    ("2", "IMAGE", {}),
    ("999.1", "IMAGE", {}),
]
# Types that dciodvfy does not know, and two in which it wants references to pictures, which cannot be made up.
UNCHECKED = {"ASSESSMENT", "RADIOTHERAPY", "SURFACE SCAN", "TRACT", "SPECTROSCOPY", "PRESENTATION"}


def code(value, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def make(sop_class, study, syntax=ExplicitVRLittleEndian, **values):
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = STORAGE + sop_class, uid()
    ds.PatientID, ds.PatientName, ds.StudyInstanceUID = study[0], "Doe^Jane", study[1]
    ds.SeriesInstanceUID = uid()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def records_of(api, files, tmp_path):
    """Records of files by SOP class. Other readers find the same."""
    for content in files:
        study_id = api.upload(content, "a.dcm")["study_id"]
    answer = api.get(f"/studies/{study_id}/archive")
    assert answer.status_code == 200, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    archive.extractall(tmp_path)
    assert len(list(FileSet(tmp_path / "DICOMDIR"))) == len(files)  # along the offsets
    records = pydicom.dcmread(tmp_path / "DICOMDIR").DirectoryRecordSequence
    found = [r for r in records if "ReferencedSOPClassUIDInFile" in r]
    assert len(found) == len(files)
    for record in found:
        tags = [e.tag for e in record]
        assert tags == sorted(tags)
    done = subprocess.run(["dciodvfy", tmp_path / "DICOMDIR"], capture_output=True, check=False, timeout=PATIENCE)
    said = (done.stdout + done.stderr).decode(errors="replace")
    return {r.ReferencedSOPClassUIDInFile.removeprefix(STORAGE): r for r in found}, said


def study():
    return unique("DIR"), uid()


def test_what_no_file_states_is_made_up(doctor, tmp_path):
    known = [k for k in KINDS if k[1] not in UNCHECKED]
    whose = study()
    found, said = records_of(doctor, [make(k[0], whose) for k in known], tmp_path)
    assert "Error" not in said, said
    whose = study()
    young = [k for k in KINDS if k[1] in UNCHECKED]
    found |= records_of(doctor, [make(k[0], whose) for k in young], tmp_path / "unchecked")[0]
    for sop_class, kind, keys in KINDS:
        record = found[sop_class]
        assert record.DirectoryRecordType == kind, sop_class
        assert record.InstanceNumber == 1
        for keyword, value in keys.items():
            assert keyword in record and (record[keyword].value or "") == (value or ""), (sop_class, keyword)
        if kind in ("SR DOCUMENT", "KEY OBJECT DOC"):
            assert [c.CodingSchemeDesignator for c in record.ConceptNameCodeSequence] == ["99ROENTGEN"]
            assert "ContentSequence" not in record and "VerificationDateTime" not in record


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_what_the_files_state_is_in_their_records(doctor, tmp_path, syntax):
    language, text = Dataset(), Dataset()
    language.RelationshipType, language.ValueType = "HAS CONCEPT MOD", "CODE"
    language.ConceptNameCodeSequence = Sequence([code("121049", "Language of Content Item and Descendants")])
    language.ConceptCodeSequence = Sequence([code("fr", "Français")])
    text.RelationshipType, text.ValueType, text.TextValue = "CONTAINS", "TEXT", "normal"
    observers = [Dataset(), Dataset()]
    observers[0].VerificationDateTime, observers[1].VerificationDateTime = "20240102101112", "20240101"
    series, image = Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = STORAGE + "2", "1.2.3.4"
    image.ReferencedFrameNumber = 7
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2.3", Sequence([image])
    whose = study()
    dated = {"ContentDate": "20240102", "ContentTime": "101010.5", "InstanceNumber": 12}
    title = Sequence([code("113000", "Of Interest")])
    files = [
        make("88.11", whose, syntax, **dated, CompletionFlag="COMPLETE", VerificationFlag="VERIFIED",
             VerifyingObserverSequence=Sequence(observers), ConceptNameCodeSequence=title,
             ContentSequence=Sequence([language, text])),
        make("88.59", whose, syntax, **dated, ConceptNameCodeSequence=title, ContentSequence=Sequence([text])),
        make("11.1", whose, syntax, InstanceNumber=3, ContentLabel="UEBER", ContentDescription="größer",
             PresentationCreationDate="20240103", PresentationCreationTime="111111", ContentCreatorName="Müller^A",
             ReferencedSeriesSequence=Sequence([series])),
        make("104.2", whose, syntax, **dated, DocumentTitle="Résumé", HL7InstanceIdentifier="2.25.1^x",
             MIMETypeOfEncapsulatedDocument="text/XML", ConceptNameCodeSequence=title,
             EncapsulatedDocument=b"<a/>"),
        make("4.2", whose, syntax, **dated, Rows=2, Columns=3, DataPointRows=1, DataPointColumns=1024,
             NumberOfFrames=4, ImageType=["ORIGINAL", "PRIMARY"],
             ReferencedImageEvidenceSequence=Sequence([image])),
        make("481.5", whose, syntax, RTPlanLabel="P1", RTPlanDate="20240104", RTPlanTime="121212"),
    ]  # fmt: skip
    found, said = records_of(doctor, files, tmp_path)
    assert "Error" not in said, said
    sr, ko, pr, cda, mrs, plan = (found[c] for c in ("88.11", "88.59", "11.1", "104.2", "4.2", "481.5"))
    assert (sr.ContentDate, sr.ContentTime, sr.InstanceNumber) == ("20240102", "101010.5", 12)
    assert (sr.CompletionFlag, sr.VerificationFlag) == ("COMPLETE", "VERIFIED")
    assert sr.VerificationDateTime == "20240102101112"  # the latest
    assert [i.RelationshipType for i in sr.ContentSequence] == ["HAS CONCEPT MOD"]
    assert sr.ContentSequence[0].ConceptCodeSequence[0].CodeMeaning == "Français"
    for record in (sr, ko, cda):
        assert record.ConceptNameCodeSequence[0].CodeValue == "113000"
    assert "ContentSequence" not in ko
    assert (pr.ContentDescription, pr.ContentCreatorName) == ("größer", "Müller^A")
    assert (pr.PresentationCreationDate, pr.PresentationCreationTime) == ("20240103", "111111")
    assert pr.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedFrameNumber == 7
    assert (cda.DocumentTitle, cda.HL7InstanceIdentifier) == ("Résumé", "2.25.1^x")
    assert cda.MIMETypeOfEncapsulatedDocument == "text/XML"
    assert (mrs.Rows, mrs.Columns, mrs.DataPointColumns, mrs.NumberOfFrames) == (2, 3, 1024, 4)
    assert (plan.RTPlanLabel, plan.RTPlanDate, plan.RTPlanTime) == ("P1", "20240104", "121212")


def test_a_verified_report_without_the_time_of_it(doctor, tmp_path):
    found, said = records_of(doctor, [make("88.11", study(), VerificationFlag="VERIFIED")], tmp_path)
    assert "Error" not in said, said
    assert found["88.11"].VerificationDateTime == "19000101000000"


def test_dates_of_records_that_have_no_later_keys(doctor, tmp_path):
    whose, dated = study(), {"ContentDate": "20130125", "ContentTime": "105919", "InstanceNumber": 5}
    files = [make(c, whose, **dated) for c in ("9.1.1", "66", "68.1")]
    files.append(make("90.1", whose, InstanceCreationDate="20130126", InstanceCreationTime="105920"))
    found, _ = records_of(doctor, files, tmp_path)
    for sop_class in ("9.1.1", "66", "68.1"):
        record = found[sop_class]
        assert (record.ContentDate, record.ContentTime, record.InstanceNumber) == ("20130125", "105919", 5)
    assert (found["90.1"].InstanceCreationDate, found["90.1"].InstanceCreationTime) == ("20130126", "105920")
