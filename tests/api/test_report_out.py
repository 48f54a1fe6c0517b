"""Reports as text, as DOCX and as FHIR R4: what they hold, how they stand, and that all references lead somewhere."""

import base64
import io
import json
import posixpath
import re
import zipfile
from xml.etree import ElementTree

import pytest

from reports import finish, readers
from support import Server, dicom, ok, problem
from test_report_templates import definition


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("out")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


@pytest.fixture
def report(people):
    author = people["author"]
    form = definition()
    form["fields"].append(
        {
            "name": "signs",
            "section": "findings",
            "label_en": "Signs",
            "kind": "multi_choice",
            "choices": [
                {"code": "111", "label_en": "Cavity", "code_system": "SCT"},
                {"code": "222", "label_en": "Calcified", "code_system": "SCT"},
            ],
        }
    )
    template = ok(author.post("/reports/templates", json={"definition": form}), 201)
    patient = author.server.admin().patient(name="王小明", gender="MALE", birth_date="1980-05-17")
    study = ok(
        author.server.admin().post(
            "/studies",
            json={"patient_id": patient["id"], "accession_number": "A77", "study_date": "2026-01-05", "modality": "CT"},
        ),
        201,
    )
    body = {
        "study_id": study["id"],
        "template_id": template["id"],
        "title": "胸部 CT",
        "sections": {"impression": "随访。"},
        "fields": {"size": 6.2, "category": "4A", "signs": ["111", "222"]},
    }
    return ok(author.post("/reports", json=body), 201) | {"patient_number": patient["patient_id"]}


def fhir(who, report, **query):
    answer = who.get(f"/reports/{report['id']}/fhir", params=query)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/fhir+json", answer.text
    bundle = json.loads(answer.content)
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    assert set(references(bundle)) <= set(urls)
    resources = {}
    for entry in bundle["entry"]:
        resources.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return bundle, resources


def references(tree):
    for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        if name == "reference":
            yield value
        yield from references(value)


def test_text_has_everything_in_order(people, report):
    answer = people["author"].get(f"/reports/{report['id']}/text")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    text = answer.text
    parts = ["胸部 CT", "王小明", report["patient_number"], "2026-01-05", "DRAFT", "影像所见", "6.2", "诊断意见", "随访。"]
    where = [text.find(part) for part in parts]
    assert -1 not in where and where == sorted(where), text
    finish(people, report)
    text = people["author"].get(f"/reports/{report['id']}/text").text
    assert "FINAL" in text and "签署人: 李四 O'Neil" in text and "APPROVER" in text


WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
PACKAGE = "{http://schemas.openxmlformats.org/package/2006/%s}"


def docx(who, report, **query):
    """Its parts by their names: each is well formed, has a type, and every relationship leads to one."""
    answer = who.get(f"/reports/{report['id']}/docx", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].endswith("officedocument.wordprocessingml.document")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as package:
        assert package.testzip() is None and package.namelist()[0] == "[Content_Types].xml"
        assert not any(entry.flag_bits & 8 for entry in package.infolist())  # streams of POI take none
        parts = {name: ElementTree.fromstring(package.read(name)) for name in package.namelist()}
    types = parts["[Content_Types].xml"]
    named = {one.get("PartName") for one in types.iter(PACKAGE % "content-types" + "Override")}
    assert named == {f"/{name}" for name in parts if not name.endswith(".rels") and name != "[Content_Types].xml"}
    for name in [name for name in parts if name.endswith(".rels")]:
        base = posixpath.dirname(posixpath.dirname(name))
        for one in parts[name].iter(PACKAGE % "relationships" + "Relationship"):
            assert posixpath.join(base, one.get("Target")) in parts
    assert answer.content == who.get(f"/reports/{report['id']}/docx", params=query).content
    return parts


def words(part):
    lines = ("".join("\n" if t.tag == WORD + "br" else t.text or "" for t in p.iter()) for p in part.iter(WORD + "p"))
    return [line for line in lines if line]


def test_docx_has_everything_in_order(people, report):
    author = people["author"]
    parts = docx(author, report)
    said = words(parts["word/document.xml"])
    wanted = ["胸部 CT", "王小明", report["patient_number"], "2026-01-05", "A77", "草稿", "影像所见", "诊断意见", "随访。"]
    where = [said.index(part) for part in wanted]
    assert where == sorted(where), said
    assert "王小明" in words(parts["word/header1.xml"])[0]
    first, second = words(parts["word/footer1.xml"])
    assert "草稿" in first and report["report_uuid"] in first and "不带签名" in second
    finish(people, report)
    parts = docx(author, report)
    assert "FINAL" in words(parts["word/document.xml"]) and "FINAL" in words(parts["word/footer1.xml"])[0]
    ok(author.post(f"/reports/{report['id']}/amend", json={"reason": "x", "sections": {"impression": "y"}}))
    assert "草稿" in words(docx(author, report)["word/document.xml"])
    assert "FINAL" in words(docx(author, report, version=1)["word/document.xml"])
    problem(people["doctor"].get(f"/reports/{report['id']}/docx"), 404)


def test_docx_says_who_signed_as_what_and_when(people, report):
    author = people["author"]
    finish(people, report)
    said = words(docx(author, report)["word/document.xml"])
    facts = dict(zip(said, said[1:]))
    assert facts["签署人"] == "李四 O'Neil" and facts["身份"] == "批准医生"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC[+-]\d\d:\d\d", facts["签署时间"])
    ok(author.post(f"/reports/{report['id']}/addendum", json={"addendum": "另见旧片。"}))
    said = words(docx(author, report)["word/document.xml"])
    assert "签署人" not in said  # of the version that is being made nobody has
    [heading] = [line for line in said if line.startswith("补充报告")]
    assert re.fullmatch(r"补充报告 张医生 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC[+-]\d\d:\d\d", heading)


def test_docx_has_room_for_many_lines(people):
    study = people["author"].upload(dicom(), "a.dcm")["study_id"]
    report = ok(people["author"].post("/reports", json={"study_id": study}), 201)
    lines = "x" + "\n" * 80000 + "y"
    sections = {"findings": lines, "impression": lines, "technique": lines}
    ok(people["author"].patch(f"/reports/{report['id']}", json={"sections": sections}))
    assert words(docx(people["author"], report)["word/document.xml"]).count(lines) == 3


def test_docx_takes_any_text(people, report):
    """What XML would act on, and what it has no character for."""
    wild = "<w:p>&amp;]]>\nabc\ufffe\U0001f600 \"x\" 'y'"
    ok(
        people["author"].patch(
            f"/reports/{report['id']}", json={"title": "<T> & \u2028", "sections": {"impression": wild}}
        )
    )
    parts = docx(people["author"], report, page="Letter")
    said = words(parts["word/document.xml"])
    assert said[0] == "<T> & \u2028"
    assert "<w:p>&amp;]]>\nabc\ufffd\U0001f600 \"x\" 'y'" in said
    [size] = parts["word/document.xml"].iter(WORD + "pgSz")
    assert size.get(WORD + "w") == "12240"


def test_fhir_says_how_it_stands(people, report):
    author = people["author"]
    bundle, found = fhir(author, report)
    [diagnostic] = found["DiagnosticReport"]
    assert bundle["type"] == "collection" and bundle["entry"][0]["resource"] == diagnostic
    assert diagnostic["status"] == "partial" and diagnostic["conclusion"] == "随访。"
    assert "resultsInterpreter" not in diagnostic
    finish(people, report)
    _, found = fhir(author, report)
    [diagnostic] = found["DiagnosticReport"]
    assert diagnostic["status"] == "final" and diagnostic["resultsInterpreter"]
    assert {p["name"][0]["text"] for p in found["Practitioner"]} == {"张医生", "李四 O'Neil"}
    ok(author.post(f"/reports/{report['id']}/amend", json={"reason": "x", "sections": {"impression": "y"}}))
    assert fhir(author, report)[1]["DiagnosticReport"][0]["status"] == "partial"
    assert fhir(author, report, version=1)[1]["DiagnosticReport"][0]["conclusion"] == "随访。"
    ok(author.post(f"/reports/{report['id']}/cancel", json={}))
    ok(author.post(f"/reports/{report['id']}/mark-entered-in-error", json={"reason": "x"}))
    assert fhir(author, report)[1]["DiagnosticReport"][0]["status"] == "entered-in-error"


def test_fhir_has_patient_study_order_and_values(people, report):
    _, found = fhir(people["author"], report)
    [patient], [study], [order] = found["Patient"], found["ImagingStudy"], found["ServiceRequest"]
    assert patient["identifier"][0]["value"] == report["patient_number"]
    assert (patient["name"][0]["text"], patient["gender"], patient["birthDate"]) == ("王小明", "male", "1980-05-17")
    assert study["identifier"][0]["value"].startswith("urn:oid:") and study["modality"][0]["code"] == "CT"
    assert order["identifier"][0]["value"] == "A77"
    values = {o["code"]["text"]: o for o in found["Observation"]}
    quantity = values["最大结节"]["valueQuantity"]
    assert (quantity["value"], quantity["code"]) == (6.2, "mm")
    assert values["Category"]["valueCodeableConcept"]["coding"][0]["code"] == "4A"
    signs = [c["valueCodeableConcept"]["coding"][0] for c in values["Signs"]["component"]]
    assert [s["code"] for s in signs] == ["111", "222"]
    assert {s["system"] for s in signs} == {"http://snomed.info/sct"}
    forms = {f["contentType"]: base64.b64decode(f["data"]) for f in found["DiagnosticReport"][0]["presentedForm"]}
    assert forms["application/pdf"].startswith(b"%PDF-")
    assert "随访。" in forms["text/plain;charset=utf-8"].decode()


def test_a_report_without_a_template_has_no_observations(people):
    study = people["author"].upload(dicom(), "a.dcm")["study_id"]
    plain = ok(people["author"].post("/reports", json={"study_id": study}), 201)
    _, found = fhir(people["author"], plain)
    assert "Observation" not in found and "conclusion" not in found["DiagnosticReport"][0]


@pytest.mark.parametrize("form", ["text", "fhir"])
def test_what_one_does_not_see_is_not_given_out(server, people, report, form):
    problem(server.account("doctor").get(f"/reports/{report['id']}/{form}"), 404)
    problem(people["author"].get(f"/reports/{report['id']}/{form}?version=7"), 404)
