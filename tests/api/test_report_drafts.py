"""Reports written by a template: sections begin with its words, which follow the fields until somebody writes."""

import pytest

from support import PASSWORD, Server, dicom, ok, problem
from test_report_templates import definition
from test_reports import places


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("drafts")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    admin = server.admin()
    return {role: server.account("radiologist", admin=admin) for role in ("author", "second", "other")}


@pytest.fixture
def template(people):
    return ok(people["author"].post("/reports/templates", json={"definition": definition()}), 201)


@pytest.fixture
def study(people):
    return people["author"].upload(dicom(), "a.dcm")["study_id"]


def begin(who, study, template, status=201, **members):
    answer = who.post("/reports", json={"study_id": study, "template_id": template["id"], **members})
    return ok(answer, 201) if status == 201 else problem(answer, status)


def change(who, report, status=200, **members):
    answer = who.patch(f"/reports/{report['id']}", json=members)
    return ok(answer) if status == 200 else problem(answer, status)


def test_words_follow_the_fields_until_somebody_writes(people, study, template):
    author = people["author"]
    report = begin(author, study, template)
    assert (report["template_id"], report["template_version"]) == (template["id"], 1)
    assert report["sections"] == {"findings": "双肺清晰。"}
    report = change(author, report, fields={"size": 6.2})
    assert report["fields"] == {"size": 6.2} and "6.2 mm" in report["sections"]["findings"].replace("\u202f", " ")
    report = change(author, report, fields={"size": None, "category": "1"})
    assert report["sections"]["findings"] == "双肺清晰。" and report["fields"] == {"category": "1"}
    report = change(author, report, sections={"findings": "右肺结节。"})
    report = change(author, report, fields={"size": 9})
    assert report["sections"]["findings"] == "右肺结节。", "what a person wrote stays"
    other = begin(author, study, template, fields={"size": 3})
    other = change(author, other, language="en")
    assert other["sections"]["findings"].startswith("Lungs clear."), "words follow the language, too"
    english = begin(author, study, template, language="en", fields={"size": 3}, sections={"impression": "Benign."})
    assert english["sections"]["findings"].startswith("Lungs clear. The largest nodule measures 3")
    assert english["sections"]["impression"] == "Benign."


def test_what_the_template_does_not_have_is_refused(people, study, template):
    author = people["author"]
    report = begin(author, study, template)
    assert places(change(author, report, 422, sections={"technique": "CT"})) == {"sections.technique"}
    assert places(change(author, report, 422, fields={"size": 999, "category": "5"})) == {
        "fields.size",
        "fields.category",
    }
    assert places(change(author, report, 422, fields={"nobody": 1})) == {"fields.nobody"}
    assert places(change(author, report, 422, fields=[1])) == {"fields"}
    assert ok(author.get(f"/reports/{report['id']}"))["version"] == 1
    free = ok(author.post("/reports", json={"study_id": study}), 201)
    assert places(change(author, free, 422, fields={"size": 1})) == {"fields"}
    others = begin(people["other"], study, template, 422, parallel=True)
    assert places(others) == {"template_id"}, "it is somebody else's own"
    assert places(begin(author, study, {"id": 999999}, 422)) == {"template_id"}


def test_it_is_complete_when_the_template_says_so(people, study, template):
    author = people["author"]
    report = begin(author, study, template)
    refused = problem(author.post(f"/reports/{report['id']}/submit", json={}), 422)
    assert places(refused) == {"sections.impression", "fields.category"}
    change(author, report, fields={"category": "4A"}, sections={"impression": "大小____"})
    assert places(problem(author.post(f"/reports/{report['id']}/submit", json={}), 422)) == {"sections.impression"}
    change(author, report, sections={"impression": "可疑。"})
    ok(author.post(f"/reports/{report['id']}/submit", json={}))


def test_a_report_stays_with_its_version_of_the_template(people, study, template):
    author, second = people["author"], people["second"]
    report = begin(author, study, template, fields={"category": "1"}, sections={"impression": "阴性。"})
    other = definition(name=template["name"])
    other["sections"][0]["text_zh"] = "另一句。"
    other["sections"].append({"name": "advice", "title_en": "Advice"})
    changed = {"definition": other, "reason": "更新"}
    assert ok(author.patch(f"/reports/templates/{template['id']}", json=changed))["version"] == 2
    report = change(author, report, fields={"size": 4})
    assert report["template_version"] == 1 and report["sections"]["findings"].startswith("双肺清晰")
    assert places(change(author, report, 422, sections={"advice": "x"})) == {"sections.advice"}
    assert begin(author, study, template)["sections"]["findings"] == "另一句。"
    ok(author.delete(f"/reports/templates/{template['id']}"), 204)
    ok(author.post(f"/reports/{report['id']}/submit", json={}))
    ok(second.post(f"/reports/{report['id']}/approve", json={}))
    ok(second.post(f"/reports/{report['id']}/sign", json={"password": PASSWORD}))
    assert ok(second.get(f"/reports/{report['id']}/verify"))["valid"]


def test_every_shipped_template_begins_a_report_and_is_asked_to_be_filled(people, study):
    author = people["author"]
    shipped = ok(author.get("/reports/templates", params={"page_size": 100}))["items"]
    assert len([t for t in shipped if t["scope"] == "SYSTEM"]) >= 10
    for template in shipped:
        for language in template["languages"]:
            report = begin(author, study, template, language=language)
            assert report["title"] or report["sections"] or template["name"] == "free-form", template["name"]
            pdf = author.get(f"/reports/{report['id']}/pdf")
            assert pdf.status_code == 200 and pdf.content.startswith(b"%PDF-"), template["name"]
