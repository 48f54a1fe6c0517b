"""What tells people and films apart is never cut or mended on the way: nothing is merged, and nothing is filed twice."""

import pytest

from support import dicom, ok, unique


def is_kept_unfiled(api, file, content, reason):
    assert (file["status"], file["status_reason"]) == ("FAILED", reason)
    assert [file[m] for m in ("patient_id", "study_id", "series_id")] == [None] * 3
    assert api.get(f"/image-files/{file['id']}/download").content == content


# ---- numbers ----


@pytest.mark.parametrize(
    "member, name", [("PatientID", "Patient ID (0010,0020)"), ("IssuerOfPatientID", "Issuer of Patient ID (0010,0021)")]
)
@pytest.mark.parametrize("letter", ["H", "王"])
def test_a_number_that_is_too_long(doctor, member, name, letter):
    """PS3.5 6.2: LO has 64 characters. The 64 that these begin with are somebody else's number."""
    start = (unique("D") + letter * 64)[:64]
    short = doctor.upload(dicom(**{member: start}), "a.dcm")
    assert short["status"] == "UPLOADED" and short["patient_id"]
    for end in ("1", "2"):
        content = dicom(**{member: start + end})
        file = doctor.upload(content, "b.dcm")
        is_kept_unfiled(doctor, file, content, f"{name} has 65 characters; 64 are the most (PS3.5 6.2)")
        again = ok(doctor.post(f"/image-files/{file['id']}/file"))
        assert again["status"] == "FAILED" and again["patient_id"] is None


@pytest.mark.parametrize("inside", ["\t", "\0", "\n", "\x7f"])
def test_a_number_with_a_control_character(doctor, inside):
    number = unique("D")
    plain = doctor.upload(dicom(PatientID=number + " 1"), "a.dcm")
    content = dicom(PatientID=number + inside + "1")
    is_kept_unfiled(
        doctor,
        doctor.upload(content, "b.dcm"),
        content,
        "Patient ID (0010,0020) has a control character (PS3.5 6.2, LO)",
    )
    assert ok(doctor.get(f"/image-files/patient/{plain['patient_id']}"))["total"] == 1


def test_bytes_that_are_no_text(doctor):
    """Of different bytes would come the same sign for what cannot be read."""
    number = unique("D").encode()
    for charset, wrong in (("ISO_IR 192", b"\xff"), ("ISO_IR 192", b"\xfe"), ("", b"\xff")):
        content = dicom(SpecificCharacterSet=charset, PatientID=number + wrong + b"1", PatientName="A")
        is_kept_unfiled(
            doctor,
            doctor.upload(content, "a.dcm"),
            content,
            "Patient ID (0010,0020) has bytes that are no text in the file's character set (0008,0005)",
        )


def test_padding_is_no_part_of_a_number(doctor):
    """PS3.5 6.2: of LO, spaces before and after it do not count; what programs pad it with instead does not either."""
    number = unique("D")
    patients = {
        doctor.upload(dicom(PatientID=p), "a.dcm")["patient_id"]
        for p in (number, " " + number, number + "\0\0", number + "\r\n")
    }
    assert len(patients) == 1 and None not in patients


def test_a_stated_patient_is_not_the_one_of_a_number_that_is_none(doctor):
    """The file is kept where its sender said, and filed nowhere."""
    patient = doctor.patient()
    file = doctor.upload(dicom(PatientID="H" * 65), "a.dcm", patient_id=patient["id"])
    assert (file["status"], file["patient_id"], file["study_id"]) == ("FAILED", patient["id"], None)
