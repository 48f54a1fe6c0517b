"""A report as DICOM, read by programs that others wrote: the PDF, the document with its sections and values, the
measurements, what is stored with the study and what rejects it."""

import io

import pydicom
import pytest

from annotations import line, points, put
from reports import act, finish, judged, readers
from support import DATA, PASSWORD, Server, ok, problem, wait_until
from test_diagnosis_dicom import below, checked, concept, value, values
from test_report_pdf import tool
from test_report_templates import definition

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
TEXT = {"findings": "右肺上叶结节。\n直径 6.2 mm。", "impression": "随访。"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), HOSPITAL_NAME="第一医院", TIME_ZONE="Asia/Shanghai")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


def ct(people, **members):
    header = pydicom.dcmread(DATA / "dicom/CT_small.dcm")
    header.StudyInstanceUID, header.SeriesInstanceUID = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    header.SpecificCharacterSet = "ISO_IR 192"
    for keyword, said in {"PatientID": f"P{header.SOPInstanceUID[-12:]}", "PatientName": "王小东", **members}.items():
        setattr(header, keyword, said)
    out = io.BytesIO()
    header.save_as(out)
    return people["author"].upload(out.getvalue(), "ct.dcm")


@pytest.fixture
def film(people):
    return ct(people)


def written(people, film, **more):
    body = {
        "study_id": film["study_id"],
        "title": "胸部 CT",
        "sections": TEXT,
        "key_images": [{"image_file_id": film["id"], "caption": "结节"}],
        **more,
    }
    return ok(people["author"].post("/reports", json=body), 201)


def fetched(who, report, kind, version=None):
    query = {"kind": kind, **({"version": version} if version else {})}
    answer = who.get(f"/reports/{report['id']}/dicom", params=query)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/dicom", answer.text
    checked(answer.content)
    return answer.content, pydicom.dcmread(io.BytesIO(answer.content))


def header_of(people, film):
    return pydicom.dcmread(io.BytesIO(people["author"].get(f"/image-files/{film['id']}/download").content))


def files_of(people, film):
    """What is in the study, by what it is."""
    seen = ok(people["admin"].get(f"/image-files/patient/{film['patient_id']}", params={"page_size": 100}))["items"]
    return [f for f in seen if f["study_id"] == film["study_id"]]


def stored(people, film, classes):
    """Once exactly so many instances of these classes are in the study."""

    def look():
        ours = (ENCAPSULATED_PDF, COMPREHENSIVE_SR, KEY_OBJECTS)
        found = [f for f in files_of(people, film) if f["sop_class_uid"] in ours]
        return found if sorted(f["sop_class_uid"] for f in found) == sorted(classes) else None

    return wait_until(look, f"{classes} in the study")


def test_what_is_signed_is_a_document_that_others_read(people, film, tmp_path):
    report = written(people, film)
    finish(people, report)
    header = header_of(people, film)
    content, sr = fetched(people["author"], report, "sr")
    assert fetched(people["second"], report, "sr")[0] == content
    assert sr.SOPClassUID == COMPREHENSIVE_SR and sr.Modality == "SR" and sr.SpecificCharacterSet == "ISO_IR 192"
    for keyword in ("PatientID", "StudyInstanceUID", "StudyDate", "AccessionNumber", "PatientSex"):
        assert sr[keyword].value == header[keyword].value, keyword
    assert str(sr.PatientName) == "王小东" and sr.InstitutionName == "第一医院"
    assert (sr.CompletionFlag, sr.VerificationFlag, sr.PreliminaryFlag) == ("COMPLETE", "VERIFIED", "FINAL")
    [verifier] = sr.VerifyingObserverSequence
    assert verifier.VerifyingObserverName == "李四 O'Neil" and verifier.VerifyingOrganization == "第一医院"
    assert str(verifier.VerificationDateTime).endswith("+0800")
    [evidence] = sr.CurrentRequestedProcedureEvidenceSequence
    [series] = evidence.ReferencedSeriesSequence
    assert evidence.StudyInstanceUID == header.StudyInstanceUID and series.SeriesInstanceUID == header.SeriesInstanceUID
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == header.SOPInstanceUID
    [findings] = below(sr, "LN", "59776-5")
    assert values(findings, "DCM", "121071") == [TEXT["findings"]]
    [impressions] = below(sr, "LN", "19005-8")
    assert values(impressions, "DCM", "121073") == [TEXT["impression"]]
    assert "张医生" in values(sr, "DCM", "121008")
    [images] = below(sr, "LN", "55113-5")
    [described] = images.ContentSequence
    assert value(described) == "结节" and value(described.ContentSequence[0]) == header.SOPInstanceUID
    path = tmp_path / "sr.dcm"
    path.write_bytes(content)
    said = tool("dsrdump", "+U8", "+Pl", path)
    assert "右肺上叶结节" in said and "第一医院" in said


def test_the_pdf_is_the_one_that_is_given_out(people, film):
    report = written(people, film)
    finish(people, report)
    content, document = fetched(people["author"], report, "pdf")
    pdf = people["author"].get(f"/reports/{report['id']}/pdf").content
    assert document.EncapsulatedDocument[: document.EncapsulatedDocumentLength] == pdf
    assert document.SOPClassUID == ENCAPSULATED_PDF and document.Modality == "DOC"
    assert document.MIMETypeOfEncapsulatedDocument == "application/pdf" and document.DocumentTitle == "胸部 CT"
    assert document.VerificationFlag == "VERIFIED"
    assert document.SourceInstanceSequence[0].ReferencedSOPInstanceUID == header_of(people, film).SOPInstanceUID
    assert fetched(people["author"], report, "pdf")[0] == content


def test_a_draft_is_partial_and_another_object_each_time_it_says_another_thing(people, film):
    report = written(people, film)
    first = fetched(people["author"], report, "sr")[1]
    assert (first.CompletionFlag, first.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert first.PreliminaryFlag == "PRELIMINARY"
    assert "VerifyingObserverSequence" not in first
    assert fetched(people["author"], report, "sr")[1].SOPInstanceUID == first.SOPInstanceUID
    ok(people["author"].patch(f"/reports/{report['id']}", json={"sections": {"impression": "别的。"}}))
    second = fetched(people["author"], report, "sr")[1]
    assert second.SOPInstanceUID != first.SOPInstanceUID and second.SeriesInstanceUID == first.SeriesInstanceUID
    problem(people["viewer"].get(f"/reports/{report['id']}/dicom"), 404)
    problem(people["author"].get(f"/reports/{report['id']}/dicom?kind=mp3"), 422)
    problem(people["author"].get(f"/reports/{report['id']}/dicom?kind=rejection"), 409)
    problem(people["author"].get(f"/reports/{report['id']}/dicom?kind=measurements"), 409)


def test_values_of_a_template_are_coded(people, film):
    templates = ok(people["author"].get("/reports/templates", params={"page_size": 100}))["items"]
    [chest] = [t for t in templates if t["name"] == "chest-ct"]
    shown = ok(people["author"].get(f"/reports/templates/{chest['id']}"))["definition"]["fields"]
    choices = {f["name"]: f["choices"] for f in shown}
    fields = {name: choices[name][1]["code"] for name in ("nodule_type", "lung_rads")} | {"nodule_size": 6.2}
    report = written(people, film, template_id=chest["id"], fields=fields)
    sr = fetched(people["author"], report, "sr")[1]
    found = [item for heading in sr.ContentSequence for item in heading.get("ContentSequence", [])]
    numbers = [value(item) for item in found if item.ValueType == "NUM"]
    assert (6.2, "mm") in numbers
    codes = [value(item)[1] for item in found if item.ValueType == "CODE"]
    assert fields["lung_rads"] in codes and fields["nodule_type"] in codes


def test_measurements_are_told_with_the_points_they_are_from(people, film):
    drawn = put(
        people["author"],
        film,
        [
            line((10, 10), (50, 10), label="最大径"),
            {"kind": "polygon", "points": points((60, 60), (90, 60), (90, 90))},
            {"kind": "text", "points": points((5, 5)), "label": "no values"},
        ],
    )
    source = {
        "section": "findings",
        "text": "直径",
        "kind": "MEASUREMENT",
        "reference": f"images/{film['id']}/annotations/{drawn['version']}",
    }
    report = written(people, film, sources=[source])
    finish(people, report)
    _, sr = fetched(people["author"], report, "measurements")
    [measurements] = below(sr, "DCM", "126010")
    groups = below(measurements, "DCM", "125007")
    assert len(groups) == 2
    [length] = below(groups[0], "99ROENTGEN", "length")
    want = drawn["annotations"][0]["values"][0]["value"]
    assert value(length) == (pytest.approx(want), "mm")
    [place] = length.ContentSequence
    assert value(place) == ("MULTIPOINT", [10, 10, 50, 10])
    assert value(place.ContentSequence[0]) == header_of(people, film).SOPInstanceUID
    assert values(groups[0], "99ROENTGEN", "LABEL") == ["最大径"]
    [area] = below(groups[1], "99ROENTGEN", "area")
    assert value(area.ContentSequence[0]) == ("POLYLINE", [60, 60, 90, 60, 90, 90, 60, 60])
    stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR, COMPREHENSIVE_SR])


def source_of(film, drawn, which=None, text="直径"):
    detail = {"detail": f"annotation {drawn['annotations'][which]['id']}"} if which is not None else {}
    reference = f"images/{film['id']}/annotations/{drawn['version']}"
    return {"section": "findings", "text": text, "kind": "MEASUREMENT", "reference": reference, **detail}


def labels_of(people, report):
    _, sr = fetched(people["author"], report, "measurements")
    [measurements] = below(sr, "DCM", "126010")
    return [values(group, "99ROENTGEN", "LABEL") for group in below(measurements, "DCM", "125007")]


def test_only_what_the_words_rest_on_is_told_as_measured(people, film):
    author = people["author"]
    said, taken_out = line((10, 10), (50, 10), label="最大径"), line((10, 20), (50, 20), label="删去的")
    scratch, hidden = line((10, 30), (50, 30), label="草稿"), line((10, 40), (50, 40), label="隐藏", visible=False)
    first = put(author, film, [said, taken_out, scratch, hidden])
    wish = [{k: a[k] for k in ("id", "kind", "points", "label", "visible")} for a in first["annotations"]]
    etag = author.get(f"/images/{film['id']}/annotations").headers["etag"]
    second = put(author, film, [*wish, line((10, 50), (50, 50), label="又一条")], etag=etag)
    sources = [source_of(film, first, 0), source_of(film, second, 0), source_of(film, first, 3)]
    sources.append(source_of(film, first, 1, text="这句已经删去"))
    assert labels_of(people, written(people, film, sources=sources)) == [["最大径"]]


def test_what_a_model_measured_is_told_where_a_reader_stands_by_it(server, people, film):
    model = {"source": "model", "model": {"name": "spine", "version": "2.1"}}
    lines = [line((10, 10), (50, 10), label="医生"), line((10, 20), (50, 20), label="模型", **model)]
    drawn = put(people["author"], film, lines)
    report = written(people, film, sources=[source_of(film, drawn)])
    assert labels_of(people, report) == [["医生"]]
    judged(server, film, "REJECTED")
    assert labels_of(people, report) == [["医生"]]
    judged(server, film, "CONFIRMED")
    assert labels_of(people, report) == [["医生"], ["模型"]]


def test_an_identifier_that_does_not_fit_is_left_out(people, film):
    ok(people["admin"].patch(f"/studies/{film['study_id']}", json={"accession_number": "A2026-0102-0304-5"}))
    code = {"code": "1234-5", "code_system": "A-scheme-with-a-long-name"}
    field = {"name": "size", "section": "findings", "label_en": "Size", "kind": "number", "unit": "mm", **code}
    template = ok(people["author"].post("/reports/templates", json={"definition": definition(fields=[field])}), 201)
    report = written(people, film, template_id=template["id"], fields={"size": 7.5})
    _, sr = fetched(people["author"], report, "sr")
    assert sr.AccessionNumber == ""
    assert [value(item) for item in below(sr, "LN", "59776-5")[0].ContentSequence if item.ValueType == "NUM"] == [
        (7.5, "mm")
    ]
    schemes = [
        item.ConceptNameCodeSequence[0].CodingSchemeDesignator
        for item in below(sr, "LN", "59776-5")[0].ContentSequence
        if item.ValueType == "NUM"
    ]
    assert schemes == ["99ROENTGEN"]
    ok(people["admin"].patch(f"/studies/{film['study_id']}", json={"accession_number": "A2026-0102-03045"}))
    assert fetched(people["author"], report, "sr")[1].AccessionNumber == "A2026-0102-03045"


def test_another_content_is_another_object(server, people, film):
    report = written(people, film)
    finish(people, report)
    stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR])
    first = fetched(people["author"], report, "sr")[1]
    server.database.rows(f"update image_files set sop_class_uid = null where id = {film['id']}")  # as if it were gone
    second = fetched(people["author"], report, "sr")[1]
    assert "CurrentRequestedProcedureEvidenceSequence" not in second
    assert second.SOPInstanceUID != first.SOPInstanceUID and second.SeriesInstanceUID == first.SeriesInstanceUID


def test_what_is_signed_is_stored_with_the_study_once_and_changes_no_signature(server, people, film):
    report = written(people, film)
    finish(people, report)
    files = stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR])
    assert all(f["status"] != "FAILED" and f["conflict"] is None for f in files)
    assert {f["uploader_name"] for f in files} == {"Roentgen"}  # nobody's upload: test_report_files.py
    sr = fetched(people["author"], report, "sr")[0]
    [kept] = [f for f in files if f["sop_class_uid"] == COMPREHENSIVE_SR]
    assert people["author"].get(f"/image-files/{kept['id']}/download").content == sr
    seen = ok(people["author"].get(f"/reports/{report['id']}/verify"))
    assert seen["valid"] is True and seen["images_signed"] == 1
    assert seen["images_missing"] == seen["images_changed"] == 0
    assert ok(people["author"].get(f"/studies/{film['study_id']}"))["modality"] == "CT"
    assert not any(f["status"] == "FAILED" for f in files_of(people, film))
    ok(act(people["author"], report, "addendum", addendum="补充：较前略大。"))
    ok(act(people["author"], report, "submit"))
    ok(act(people["second"], report, "approve"))
    again = ok(act(people["second"], report, "sign", password=PASSWORD))
    stored(people, film, 2 * [ENCAPSULATED_PDF, COMPREHENSIVE_SR])
    seen = ok(people["author"].get(f"/reports/{report['id']}/verify"))
    assert seen["valid"] is True and seen["images_signed"] == 1  # what was stored of the report is no image of it
    _, second = fetched(people["author"], report, "sr")
    [before] = second.PredecessorDocumentsSequence
    first = pydicom.dcmread(io.BytesIO(sr))
    [series] = before.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == first.SeriesInstanceUID == second.SeriesInstanceUID
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID != second.SOPInstanceUID
    [addendum] = below(second, "LN", "55107-7")
    assert values(addendum, "DCM", "121106") == ["补充：较前略大。"]
    assert second.InstanceNumber == again["version"]


def test_what_was_entered_in_error_is_rejected(people, film):
    report = written(people, film)
    finish(people, report)
    files = stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR])
    ok(act(people["second"], report, "mark-entered-in-error", reason="患者错误"))
    files = stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR, KEY_OBJECTS])
    [note] = [f for f in files if f["sop_class_uid"] == KEY_OBJECTS]
    content = people["author"].get(f"/image-files/{note['id']}/download").content
    checked(content)
    rejection = pydicom.dcmread(io.BytesIO(content))
    assert concept(rejection) == ("DCM", "113037")
    rejected = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in rejection.ContentSequence
        if item.ValueType == "COMPOSITE"
    }
    assert rejected == {f["sop_instance_uid"] for f in files if f is not note}
    assert values(rejection, "DCM", "113012") == ["患者错误"]
    sr = fetched(people["author"], report, "sr")[1]
    assert sr.VerificationFlag == "UNVERIFIED" and sr.SOPInstanceUID not in rejected
    assert "ENTERED IN ERROR" in sr.SeriesDescription


@pytest.mark.parametrize("kinds", [("sr",), ("pdf", "sr")])
def test_what_was_filed_and_not_yet_noted_is_rejected_too(server, people, film, kinds):
    report = written(people, film)
    finish(people, report)
    files = stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR])
    noted = f"select kind from report_instances where report_id = {report['id']} and stored_at is null"
    wait_until(lambda: not server.database.rows(noted), "the notes")
    for kind in kinds:  # as if the server had been stopped between the two
        server.database.rows(
            f"update report_instances set stored_at = null where report_id = {report['id']} and kind = '{kind}'"
        )
    ok(act(people["second"], report, "mark-entered-in-error", reason="患者错误"))
    [note] = [
        f
        for f in stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR, KEY_OBJECTS])
        if f["sop_class_uid"] == KEY_OBJECTS
    ]
    rejection = header_of(people, note)
    items = [item for item in rejection.ContentSequence if item.ValueType == "COMPOSITE"]
    rejected = {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in items}
    assert rejected == {f["sop_instance_uid"] for f in files}


def error_of_job(server, attempts=1):
    said = f"select error from jobs where kind = 'reports.dicom' and error is not null and attempt >= {attempts}"
    return wait_until(lambda: server.database.rows(said), "the job's error")[0][0]


def test_what_cannot_be_stored_is_said_and_the_rest_is_stored(tmp_path):
    server = Server(tmp_path, WORKER_CONCURRENCY="0").init().start()
    try:
        people = readers(server)
        film = ct(people)
        sources = []
        for n in range(21):
            etag = {"etag": people["author"].get(f"/images/{film['id']}/annotations").headers["etag"]} if n else {}
            drawn = put(people["author"], film, [line((10, 10), (50, 10 + n), label=f"{n}")], **etag)
            sources.append(source_of(film, drawn))
        report = written(people, film, sources=sources)
        finish(people, report)
        ok(people["second"].post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
        with server.worker():
            assert "more than 20 versions" in error_of_job(server)
        rows = server.database.rows(f"select kind from report_instances where report_id = {report['id']}")
        assert [kind for (kind,) in rows] == ["sr"]
        stored(people, film, [COMPREHENSIVE_SR])
    finally:
        server.close()


def test_pages_that_are_not_as_signed_are_not_stored(tmp_path):
    server = Server(tmp_path, WORKER_CONCURRENCY="0").init().start()
    try:
        people = readers(server)
        film = ct(people)
        report = written(people, film)
        finish(people, report)
        ok(people["second"].post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
        with server.worker():
            assert "revoked" in error_of_job(server)
        stored(people, film, [COMPREHENSIVE_SR])
    finally:
        server.close()


def test_what_the_record_no_longer_has_as_it_was_signed_is_not_given_out(server, people, film):
    report = written(people, film)
    finish(people, report)
    stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR])
    server.database.rows(f"update report_versions set title = 'x' where report_id = {report['id']}")
    for kind in ("sr", "pdf"):
        problem(people["author"].get(f"/reports/{report['id']}/dicom?kind={kind}"), 409)


def test_the_patient_is_the_one_that_was_signed(people, film):
    report = written(people, film)
    finish(people, report)
    stored(people, film, [ENCAPSULATED_PDF, COMPREHENSIVE_SR])
    before = fetched(people["author"], report, "sr")[0]
    ok(people["admin"].patch(f"/patients/{film['patient_id']}", json={"name": "王小西"}))
    assert fetched(people["author"], report, "sr")[0] == before


def test_nothing_is_stored_where_it_is_switched_off(tmp_path):
    server = Server(tmp_path, REPORT_DICOM="off").init().start()
    try:
        people = readers(server)
        film = ct(people)
        report = written(people, film)
        finish(people, report)
        assert not [j for j in server.database.rows("select kind from jobs") if j[0] == "reports.dicom"]
        fetched(people["author"], report, "sr")
    finally:
        server.close()
