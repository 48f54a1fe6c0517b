"""STOW-RS (PS3.18 10.5): what is stored, what is not and why, as DICOM clients send it."""

import io

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from annotations import fresh
from support import dicom, multipart, nothing_new, ok, png, problem, stored, uid, unique

DUPLICATE, WRONG_STUDY, NOT_UNDERSTOOD = 0x0111, 0xA900, 0xC000
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
STUDIES = "/dicom-web/studies"


def related(contents, part_type=b"application/dicom", boundary="boundary42", **more):
    """A multipart/related body and its headers."""
    body, _ = multipart([(b"Content-Type: " + part_type, content) for content in contents], boundary)
    parameters = {"type": '"application/dicom"', "boundary": boundary, **more}
    words = "".join(f"; {name}={value}" for name, value in parameters.items() if value is not None)
    return {"content": body, "headers": {"Content-Type": "multipart/related" + words}}


def send(api, contents, expect=200, study=None, **more):
    """Both lists of the answer: [(class, instance)] stored, [(class, instance, reason)] failed."""
    answer = api.post(STUDIES + (f"/{study}" if study else ""), **related(contents, **more))
    model = ok(answer, expect)
    assert answer.headers["content-type"] == "application/dicom+json"
    assert set(model) <= {"00081190", "00081198", "00081199"}
    # Retrieve URL is Type 2 at both levels (PS3.18 table I.1-1): there, and empty
    assert [model, *model.get("00081199", {"Value": []})["Value"]] == [
        {**level, "00081190": {"vr": "UR"}} for level in (model, *model.get("00081199", {"Value": []})["Value"])
    ]
    return items(model, "00081199"), items(model, "00081198")


def items(model, sequence):
    if sequence not in model:
        return []
    assert model[sequence]["vr"] == "SQ"
    found = []
    for item in model[sequence]["Value"]:
        assert item["00081150"]["vr"] == item["00081155"]["vr"] == "UI"
        row = (item["00081150"].get("Value", [None])[0], item["00081155"].get("Value", [None])[0])
        if sequence == "00081198":
            assert item["00081197"]["vr"] == "US"
            row += (item["00081197"]["Value"][0],)
        found.append(row)
    return found


def total(api):
    return ok(api.get("/image-files/my-images"))["total"]


def series(count, **values):
    """Instances of one series: their UIDs and bytes."""
    values = {"StudyInstanceUID": uid(), "SeriesInstanceUID": uid(), "PatientID": unique("D"), **values}
    uids = [uid() for _ in range(count)]
    return uids, [dicom(SOPInstanceUID=u, InstanceNumber=i + 1, **values) for i, u in enumerate(uids)], values


# ---- stored ----


def test_a_series(doctor):
    uids, contents, values = series(3)
    done, failed = send(doctor, contents)
    assert done == [(SECONDARY_CAPTURE, u) for u in uids] and failed == []
    files = ok(doctor.get("/image-files/my-images"))["items"]
    assert {f["sop_instance_uid"] for f in files} == set(uids) and len({f["series_id"] for f in files}) == 1
    study = ok(doctor.get(f"/studies/{files[0]['study_id']}"))
    assert (study["study_uid"], study["number_of_instances"]) == (values["StudyInstanceUID"], 3)
    for file in files:
        assert doctor.get(f"/image-files/{file['id']}/download").content in contents


def test_the_study_of_the_path(doctor):
    uids, contents, values = series(2)
    done, failed = send(doctor, contents, study=values["StudyInstanceUID"])
    assert len(done) == 2 and failed == []


def test_the_same_files_again_are_stored(server, doctor):
    uids, contents, _ = series(2)
    first = send(doctor, contents)
    before = stored(server)
    assert send(doctor, contents) == first and send(doctor, contents + contents[:1])[0] == first[0] + first[0][:1]
    nothing_new(server, before)
    assert total(doctor) == 2
    for file in ok(doctor.get("/image-files/my-images"))["items"]:
        assert doctor.get(f"/image-files/{file['id']}/download").content in contents


def test_a_real_file(doctor):
    content = fresh("CT_small.dcm")
    done, _ = send(doctor, [content])
    assert done == [("1.2.840.10008.5.1.4.1.1.2", pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID)]


def test_what_bodies_may_look_like(doctor):
    """Preamble and epilogue, quoted boundaries, parts with more or no headers (RFC 2046 5.1)."""
    content = dicom()
    edge = b"a b:c"
    body = (
        b"nobody reads this\r\n--" + edge + b"\r\n\r\n" + content + b"\r\n--" + edge + b"  \r\n"
        b"content-id: <1>\r\nContent-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n\r\n"
        + dicom() + b"\r\n--" + edge + b"--\r\nnor this"
    )
    kind = 'Multipart/Related; Boundary="a b:c"; TYPE=application/dicom; start="<1>"'
    answer = doctor.post(STUDIES, content=body, headers={"Content-Type": kind})
    assert len(items(ok(answer), "00081199")) == 2


def test_a_client_that_others_wrote(server, doctor):
    """Two instances through dicomweb-client, one of them wrong for the study."""
    client = DICOMwebClient(f"{server.url}/dicom-web", headers={"Authorization": f"Bearer {doctor.token}"})
    _, contents, values = series(2)
    data = [pydicom.dcmread(io.BytesIO(content)) for content in contents]
    answer = client.store_instances(data)
    stored_uids = [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence]
    assert stored_uids == [d.SOPInstanceUID for d in data] and "FailedSOPSequence" not in answer
    other = pydicom.dcmread(io.BytesIO(dicom()))
    answer = client.store_instances([data[0], other], study_instance_uid=values["StudyInstanceUID"])
    assert [item.FailureReason for item in answer.FailedSOPSequence] == [WRONG_STUDY]
    assert answer.FailedSOPSequence[0].ReferencedSOPInstanceUID == other.SOPInstanceUID


# ---- not stored ----


def test_files_of_another_study(server, doctor):
    uids, contents, values = series(1)
    other_uids, others, _ = series(1)
    done, failed = send(doctor, contents + others, 202, study=values["StudyInstanceUID"])
    assert done == [(SECONDARY_CAPTURE, uids[0])]
    assert failed == [(SECONDARY_CAPTURE, other_uids[0], WRONG_STUDY)]
    before = stored(server)
    done, failed = send(doctor, others, 409, study=values["StudyInstanceUID"])
    assert done == [] and failed == [(SECONDARY_CAPTURE, other_uids[0], WRONG_STUDY)]
    nothing_new(server, before)
    assert total(doctor) == 1


def test_other_bytes_of_an_instance(server, doctor):
    uids, contents, values = series(1)
    send(doctor, contents)
    before = stored(server)
    other = dicom(SOPInstanceUID=uids[0], InstanceNumber=1, pixels=b"\5\6\7\x08", **values)
    done, failed = send(doctor, [other], 409)
    assert done == [] and failed == [(SECONDARY_CAPTURE, uids[0], DUPLICATE)]
    nothing_new(server, before)
    done, failed = send(doctor, [other, *contents, dicom()], 202)
    assert [reason for _, _, reason in failed] == [DUPLICATE] and len(done) == 2


@pytest.mark.parametrize("content", [b"", b"no DICOM", png(), b"\0" * 200, b"%PDF-1.7\n"])
def test_what_is_no_dicom(doctor, content):
    done, failed = send(doctor, [content], 409)
    assert done == [] and failed == [(None, None, NOT_UNDERSTOOD)]
    done, failed = send(doctor, [dicom(), content], 202)
    assert len(done) == 1 and failed == [(None, None, NOT_UNDERSTOOD)]


def test_damaged_files_are_kept_but_not_stored(doctor):
    """Nobody may delete the original because of what we answer."""
    whole = dicom()
    cut = whole[: whole.index(b"chest") + 3]
    done, failed = send(doctor, [cut], 409)
    assert done == [] and failed[0][0] == SECONDARY_CAPTURE and failed[0][2] == NOT_UNDERSTOOD
    files = ok(doctor.get("/image-files/my-images"))["items"]
    assert [f["status"] for f in files] == ["FAILED"]
    assert doctor.get(f"/image-files/{files[0]['id']}/download").content == cut
    nameless = dicom(SOPInstanceUID=None)
    assert send(doctor, [nameless], 409)[1] == [(SECONDARY_CAPTURE, None, NOT_UNDERSTOOD)]


def test_uids_of_strangers_do_not_leave_their_string(doctor):
    for text in ('1.2"}],"x":[{"y":"', "1.2\r\nX: y", "<b>1</b>", "../../etc/passwd"):
        done, failed = send(doctor, [dicom(SOPInstanceUID=text)], 409)
        assert done == [] and failed == [(SECONDARY_CAPTURE, None, NOT_UNDERSTOOD)]


# ---- requests that are wrong as a whole ----


@pytest.mark.parametrize(
    "kind",
    [
        "application/dicom",
        "multipart/form-data; boundary=boundary42",
        "multipart/related; boundary=boundary42",
        'multipart/related; type="application/dicom+json"; boundary=boundary42',
        'multipart/related; type="application/dicom+xml"; boundary=boundary42',
        "text/plain",
        None,
    ],
)
def test_other_types(server, doctor, kind):
    before = stored(server)
    body = related([dicom()])["content"]
    headers = {"Content-Type": kind} if kind else {}
    problem(doctor.post(STUDIES, content=body, headers=headers), 415)
    nothing_new(server, before)


def test_other_types_of_parts(server, doctor):
    before = stored(server)
    request = related([dicom()], part_type=b"application/dicom+json")
    problem(doctor.post(STUDIES, **request), 415)
    nothing_new(server, before)


@pytest.mark.parametrize("content, code", [(b"", 422), (b"--boundary42--\r\n", 400), (b"no boundary at all", 400)])
def test_bodies_without_parts(doctor, content, code):
    problem(doctor.post(STUDIES, content=content, headers=related([])["headers"]), code)


def test_bodies_cut_short(server, doctor):
    before = stored(server)
    request = related([dicom(), dicom()])
    request["content"] = request["content"][:-30]
    problem(doctor.post(STUDIES, **request), 400)
    nothing_new(server, before)
    assert total(doctor) == 0


def test_no_boundary(doctor):
    request = related([dicom()], boundary="b")
    request["headers"]["Content-Type"] = 'multipart/related; type="application/dicom"'
    problem(doctor.post(STUDIES, **request), 400)


def test_a_study_that_is_no_uid(doctor):
    assert send(doctor, [dicom()], 409, study="1.2.x")[1][0][2] == WRONG_STUDY
    problem(doctor.post(f"{STUDIES}/{'1' * 65}", **related([dicom()])), 422)


# ---- rights ----


def test_rights(server, nobody, viewer, technician):
    before = stored(server)
    for path in ("studies", "studies/1.2.3"):
        problem(nobody.post(f"/dicom-web/{path}", **related([dicom()])), 401)
        problem(viewer.post(f"/dicom-web/{path}", **related([dicom()])), 403)
    nothing_new(server, before)
    send(technician, [dicom()])


def test_what_others_keep_does_not_show_through(doctor, colleague):
    """Neither the same bytes nor others tell whether somebody has the instance; each keeps what is theirs."""
    uids, contents, _ = series(1)
    send(colleague, contents)
    assert send(doctor, contents)[0] == [(SECONDARY_CAPTURE, uids[0])]
    assert total(doctor) == total(colleague) == 1
    file = ok(doctor.get("/image-files/my-images"))["items"][0]
    assert file["duplicate_of"] is None and file["uploaded_by"] == doctor.id
