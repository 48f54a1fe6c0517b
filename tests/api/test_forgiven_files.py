"""Files that are read although something in them is not as it should be: what was forgiven is a remark, and no
failure."""

import zlib

import pytest

from support import DATA, dicom, element, ok, uid, unique


def sample(name):
    return (DATA / "dicom" / name).read_bytes()


def pixels_of(api, file):
    answer = api.get(f"/images/{file['id']}/frames/1")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_a_sequence_that_holds_text(doctor):
    content = sample("implicit-sq-holds-text.dcm")
    file = doctor.upload(content, "a.dcm")
    assert (file["status"], file["status_reason"]) == ("UPLOADED", None) and file["study_id"]
    [remark] = file["remarks"]
    assert remark.startswith("(0040,A170) at byte 638")
    assert pixels_of(doctor, file) == content[-128:]
    model = ok(doctor.get(f"/images/{file['id']}/metadata"))
    assert model["0040A170"] == {"vr": "UN", "InlineBinary": "TkFNRUQgVFlQRQ=="}  # NAMED TYPE
    assert doctor.get(f"/image-files/{file['id']}/download").content == content


def test_a_deflated_data_set_with_a_zlib_header(doctor):
    content = sample("deflated-with-zlib-header.dcm")
    file = doctor.upload(content, "a.dcm")
    assert file["status"] == "UPLOADED" and file["study_id"]
    [remark] = file["remarks"]
    assert "zlib header" in remark and "A.5" in remark
    assert pixels_of(doctor, file) == bytes(16)
    assert doctor.get(f"/image-files/{file['id']}/download").content == content


@pytest.mark.parametrize("bits, remark", [(-15, None), (15, "zlib"), (9, "zlib"), (31, "gzip"), (None, "not deflated")])
def test_other_wrappings(doctor, bits, remark):
    whole = dicom(PatientID=unique("D"))
    begin = whole.index(b"\x08\0\5\0CS")
    meta = element(0x00020010, "UI", "1.2.840.10008.1.2.1.99")
    body = whole[begin:]
    if bits is not None:
        packer = zlib.compressobj(9, zlib.DEFLATED, bits)
        body = packer.compress(body) + packer.flush()
    file = doctor.upload(b"\0" * 128 + b"DICM" + meta + body, "a.dcm")
    assert file["status"] == "UPLOADED" and pixels_of(doctor, file) == b"\1\2\3\4"
    assert file["remarks"] is None if remark is None else remark in file["remarks"][0]


def test_a_sound_file_has_no_remarks(doctor):
    file = doctor.upload(dicom(StudyInstanceUID=uid()), "a.dcm")
    assert file["remarks"] is None and file["character_set"] is None


def test_a_damaged_file_keeps_its_remarks(doctor):
    file = doctor.upload(sample("implicit-sq-holds-text.dcm")[:-2].replace(b"0001403", b"0001409"), "a.dcm")
    assert file["status"] == "FAILED" and "0040,A170" in file["remarks"][0]
