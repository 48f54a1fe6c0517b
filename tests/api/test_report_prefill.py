"""Drafts filled with what is known: measurements, what a reader lets stand of models, the earlier report."""

import json
import struct
import subprocess

import pytest
from reports import act, finish
from reports import readers as accounts
from support import PASSWORD, Server, dicom, ok, problem, unique
from test_report_templates import definition

SIDE = 200
# By hand: two endplates that each rise or fall 3 in 4: 2 * atan(3/4) = 73.7398 degrees; one of them level: 36.8699.
# The label says which field of the form it is of.
MAIN = {
    "kind": "cobb",
    "label": "cobb",
    "points": [{"x": x, "y": y} for x, y in ((0, 0), (40, 30), (0, 110), (40, 80))],
}
SECOND = {
    "kind": "cobb",
    "label": "次弯",
    "points": [{"x": x, "y": y} for x, y in ((0, 50), (40, 50), (0, 120), (40, 90))],
}
# 50 pixels of 0.5 mm
LINE = {
    "kind": "line",
    "points": [{"x": 10, "y": 10}, {"x": 40, "y": 50}],
    "calibration": {"mm_per_pixel": 0.5},
}
PIXELS = {"kind": "line", "points": [{"x": 10, "y": 10}, {"x": 40, "y": 50}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("prefill")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return accounts(server)


def form():
    """A spine film with what each kind of source goes into."""
    fields = [
        {"name": "cobb", "label_en": "Main curve", "label_zh": "主弯", "kind": "measurement", "measurement": "cobb"},
        {"name": "before", "label_en": "Earlier", "kind": "prior", "prior_of": "cobb"},
        {"name": "second", "label_en": "Second curve", "label_zh": "次弯", "kind": "measurement", "measurement": "cobb"},
        {"name": "nodule", "label_en": "Nodule", "kind": "finding", "finding": "nodule"},
        {"name": "day", "section": "comparison", "label_en": "Compared with", "kind": "date"},
        {"name": "height", "label_en": "Height", "label_zh": "高度", "kind": "number", "unit": "mm"},
    ]
    sections = [
        {"name": "comparison", "title_en": "Comparison", "text_en": "[[Compared with {{day}}.]]"},
        {
            "name": "findings",
            "title_en": "Findings",
            "is_required": True,
            "text_en": "Spine.[[ Main curve {{cobb}}.]][[ Earlier {{before}}.]][[ {{nodule}}.]]",
            "text_zh": "脊柱。[[主弯{{cobb}}。]][[前次{{before}}。]][[{{nodule}}。]]",
        },
        {"name": "impression", "title_en": "Impression", "is_required": True},
    ]
    return definition(
        modality=["DX"],
        body_part=["SPINE"],
        sections=sections,
        fields=[{"section": "findings", **field} for field in fields],
    )


@pytest.fixture(scope="module")
def template(people):
    return ok(people["author"].post("/reports/templates", json={"definition": form()}), 201)


def film(who, patient=None, **values):
    values = {"Modality": "DX", "BodyPartExamined": "SPINE", "StudyDate": "20260105", **values}
    side = struct.pack("<H", SIDE)
    values["PatientID"] = patient or unique("P")
    return who.upload(dicom(Rows=side, Columns=side, pixels=bytes(SIDE * SIDE), **values), "film.dcm")


def draw(who, image, *annotations):
    path = f"/images/{image['id']}/annotations"
    now = {"If-Match": who.get(path).headers["ETag"]}
    said = ("id", "kind", "points", "label", "calibration", "patient_left", "laterality", "visible", "source", "model")
    wish = [{k: v for k, v in a.items() if k in said} for a in annotations]
    return ok(who.put(path, json={"annotations": wish}, headers=now))["annotations"]


def begin(who, image, template=None, **members):
    wish = {"study_id": image["study_id"], "template_id": template and template["id"], "prefill": True, **members}
    return ok(who.post("/reports", json=wish), 201)


def fill(who, report, status=200, headers=None, **body):
    answer = who.post(f"/reports/{report['id']}/prefill", json=body, headers=headers)
    return ok(answer) if status == 200 else problem(answer, status)


def change(who, report, **members):
    return ok(who.patch(f"/reports/{report['id']}", json=members))


def told(report, **members):
    return [s for s in report["sources"] or [] if all(s[name] == value for name, value in members.items())]


def finding(label="nodule", positive=True, probability=0.874):
    code = {"scheme": "SCT", "value": "27925004", "meaning": "Nodule"}
    return {"code": code, "label": label, "label_zh": "结节", "probability": probability, "positive": positive}


@pytest.fixture
def opinion(server):
    """A diagnosis of an image, as a model and its readers would have left it."""

    def make(image, status="REVIEWED", verdict="CONFIRMED", findings=(), read=(), shadow=0, version="3.1", research=0):
        name, digest = unique("model-"), "0" * 64
        review = {
            "decision": verdict,
            "findings": list(read),
            "comment": None,
            "reviewer_id": 1,
            "reviewed_at": "2026-01-05T00:00:00Z",
        }
        found, reviews = (json.dumps(kept, ensure_ascii=False) for kept in (list(findings), [review]))
        server.database.rows(
            "insert into models(model_uuid, name, version, state, task, digest, storage_path, size_bytes, card, "
            f"research_only, created_at, updated_at) values ('{name[:36]}', '{name}', '{version}', 'RETIRED', 'x', "
            f"'{digest}', 'models/{name}', 1, '{{}}', 0, 1, 1)"
        )
        [(model,)] = server.database.rows(f"select id from models where name = '{name}'")
        server.database.rows(
            "insert into diagnoses(diagnosis_uuid, image_file_id, frame, model_id, model_name, model_version, "
            "model_digest, research_only, is_shadow, status, verdict, priority, findings, reviews, queued_at) values "
            f"('{name[:36]}', {image['id']}, 1, {model}, 'lungs', '{version}', '{digest}', {research}, {shadow}, "
            f"'{status}', '{verdict}', 'NORMAL', '{found}', '{reviews}', 1)"
        )
        return server.database.rows(f"select max(id) from diagnoses where model_id = {model}")[0][0]

    return make


# ---- measurements ----


def test_measurements_fill_fields_and_the_others_are_told(people, template):
    author = people["author"]
    image = film(author)
    hidden = {**LINE, "visible": False}
    drawn = draw(author, image, SECOND, MAIN, {**LINE, "label": "T12"}, PIXELS, hidden)
    report = begin(author, image, template)
    assert report["version"] == 1 and report["fields"] == {"cobb": 73.7, "second": 36.9}
    assert report["sections"] == {"findings": "脊柱。主弯73.7°。\nT12：直线25 mm。"}
    reference = f"images/{image['id']}/annotations/1"
    assert report["sources"] == [
        {
            "section": None,
            "field": "cobb",
            "text": "73.7",
            "kind": "MEASUREMENT",
            "reference": reference,
            "detail": f"annotation {drawn[1]['id']}",
        },
        {
            "section": None,
            "field": "second",
            "text": "36.9",
            "kind": "MEASUREMENT",
            "reference": reference,
            "detail": f"annotation {drawn[0]['id']}",
        },
        {
            "section": "findings",
            "field": None,
            "text": "T12：直线25 mm。",
            "kind": "MEASUREMENT",
            "reference": reference,
            "detail": f"annotation {drawn[2]['id']}",
        },
    ]
    again = fill(author, report)
    assert again["version"] == 1 and again["sources"] == report["sources"], "to fill twice adds nothing"
    sent_back = change(author, report, sources=report["sources"], reason="as it was")
    assert sent_back["version"] == 1, "what was filled in stands up to the check of sources"


def test_a_label_says_which_field(people, template):
    author = people["author"]
    image = film(author)
    draw(author, image, {**MAIN, "label": "次弯"}, {**SECOND, "label": "Main curve"})
    assert begin(author, image, template)["fields"] == {"cobb": 36.9, "second": 73.7}


def offers(who, report):
    shown = ok(who.get(f"/reports/{report['id']}/candidates"))
    assert shown["report_id"] == report["id"]
    return [(c["field"], c["value"], c["text"]) for c in shown["candidates"]]


def bare(annotation):
    return {k: v for k, v in annotation.items() if k != "label"}


def test_which_of_several_is_meant_is_asked_and_not_guessed(people, template):
    """The greater curve is not the main one by being greater."""
    author = people["author"]
    image = film(author)
    main, second = draw(author, image, bare(MAIN), bare(SECOND))
    report = begin(author, image, template, language="en")
    assert report["fields"] in ({}, None)
    assert report["sections"]["findings"] == "Spine.\nCobb angle 73.7°.\nCobb angle 36.9°."
    both = [(73.7, "Cobb angle 73.7°."), (36.9, "Cobb angle 36.9°.")]
    assert offers(author, report) == [(field, *one) for field in ("cobb", "second") for one in both]
    # Chosen by hand: the value, and where it comes from.
    offered = ok(author.get(f"/reports/{report['id']}/candidates"))["candidates"][1]
    report = change(author, report, fields={"cobb": 36.9}, add_sources=offered["sources"])
    assert told(report, field="cobb")[0]["detail"] == f"annotation {second['id']}"
    assert offers(author, report) == [("second", *both[0])], "what has a value is not asked for, nor offered again"
    report = fill(author, report)
    assert report["fields"] == {"cobb": 36.9} and report["sections"]["findings"].endswith("\nCobb angle 73.7°.")
    assert "Cobb angle 36.9°" not in report["sections"]["findings"], "what a field has is not told again"
    # Or said where it is drawn.
    draw(author, image, {**main, "label": "Second curve"}, second)
    report = fill(author, report)
    assert report["fields"] == {"cobb": 36.9, "second": 73.7} and offers(author, report) == []
    assert "73.7" not in report["sections"]["findings"]
    assert fill(author, report)["version"] == report["version"]


def one_line():
    """A form with one field for a length."""
    lengths = form()
    size = {"name": "size", "section": "findings", "label_en": "Size", "kind": "measurement", "measurement": "line"}
    return definition(sections=lengths["sections"], fields=[*lengths["fields"], size])


def test_what_is_alone_is_sure(people):
    author = people["author"]
    template = ok(author.post("/reports/templates", json={"definition": one_line()}), 201)
    image = film(author)
    [line] = draw(author, image, LINE)
    assert begin(author, image, template)["fields"] == {"size": 25}
    # By a label of its own it says that it is something else.
    draw(author, image, {**line, "label": "T12"})
    report = begin(author, image, template, language="en")
    assert report["fields"] in ({}, None) and offers(author, report) == [("size", 25, "T12: Line 25 mm.")]
    # The second is in pixels alone: it could have been meant as well.
    draw(author, image, line, PIXELS)
    report = begin(author, image, template, language="en")
    assert report["fields"] in ({}, None) and offers(author, report) == [("size", 25, "Line 25 mm.")]
    # Alone again: what stood in a sentence goes into the field.
    draw(author, image, line)
    report = fill(author, report)
    assert report["fields"] == {"size": 25} and report["sections"]["findings"] == "Spine."
    draw(author, image, {**line, "label": "size"}, {**LINE, "label": "Size"})
    assert begin(author, image, template)["fields"] in ({}, None), "two are called like it"


def test_what_the_writer_struck_out_goes_into_no_field(people):
    author = people["author"]
    template = ok(author.post("/reports/templates", json={"definition": one_line()}), 201)
    image = film(author)
    [line, other] = draw(author, image, LINE, {**LINE, "calibration": {"mm_per_pixel": 1}})
    report = begin(author, image, template, language="en")
    report = change(author, report, sections={"findings": "Spine."})
    draw(author, image, line)
    report = fill(author, report)
    assert report["fields"] in ({}, None) and report["sections"]["findings"] == "Spine."
    assert other["id"] != line["id"]


def test_candidates_are_for_drafts_and_who_sees_them(people, template):
    author, doctor = people["author"], people["doctor"]
    image = film(author)
    draw(author, image, bare(MAIN), bare(SECOND))
    report = begin(author, image, template, sections={"impression": "侧弯。"})
    path = f"/reports/{report['id']}/candidates"
    problem(doctor.get(path), 404)
    problem(people["viewer"].get(path), 404)
    assert len(offers(author, report)) == 4
    report = change(author, report, fields={"cobb": 70, "second": 30})
    assert offers(author, report) == []
    report = change(author, report, fields={"second": None}, sections={"findings": "脊柱侧弯。"})
    ok(act(author, report, "submit"))
    assert offers(author, report) == [], "nobody fills what is submitted"


def test_without_a_template_all_is_told(people):
    author = people["author"]
    image = film(author)
    draw(author, image, MAIN, {**LINE, "label": "bad\u202elabel"})
    report = begin(author, image, sections={"findings": "自述。"}, language="en")
    assert report["sections"] == {"findings": "自述。\ncobb: Cobb angle 73.7°.\nLine 25 mm."}
    assert begin(author, film(author))["sections"] == {}, "what is not there leaves no sentence"


def test_words_go_on_following_the_fields_before_the_sentences(people, template):
    author = people["author"]
    image = film(author)
    draw(author, image, LINE)
    report = begin(author, image, template)
    report = change(author, report, fields={"cobb": 40})
    assert report["sections"]["findings"] == "脊柱。主弯40°。\n直线25 mm。"
    report = change(author, report, fields={"cobb": None})
    assert report["sections"]["findings"] == "脊柱。\n直线25 mm。"


def test_what_the_writer_wrote_stays(people, template):
    author = people["author"]
    image = film(author)
    first, second, line = draw(author, image, MAIN, SECOND, LINE)
    report = begin(author, image, template, fields={"second": 30})
    assert report["fields"] == {"cobb": 73.7, "second": 30}
    report = change(author, report, fields={"cobb": 70}, sections={"findings": "主弯约70°。"})
    draw(author, image, {**first, "points": SECOND["points"]}, second, {**line, "calibration": {"mm_per_pixel": 1}})
    report = fill(author, report)
    assert report["fields"] == {"cobb": 70, "second": 30}, "another value than was put there"
    assert report["sections"]["findings"] == "主弯约70°。", "the sentence was taken out"
    report = fill(author, change(author, report, fields={"cobb": None}))
    assert "cobb" not in report["fields"], "so was the value"


def test_what_was_measured_anew_is_brought_up_to_date(people, template):
    author = people["author"]
    image = film(author)
    main, line = draw(author, image, MAIN, LINE)
    report = begin(author, image, template)
    report = change(author, report, sections={"findings": report["sections"]["findings"] + "\n另见骨赘。"})
    draw(author, image, {**main, "points": SECOND["points"]}, {**line, "calibration": {"mm_per_pixel": 0.7}})
    report = fill(author, report)
    assert report["fields"] == {"cobb": 36.9}
    assert report["sections"]["findings"] == "脊柱。主弯73.7°。\n直线35 mm。\n另见骨赘。", "words somebody changed stay"
    reference = f"images/{image['id']}/annotations/2"
    assert [(s["text"], s["reference"]) for s in report["sources"]] == [("36.9", reference), ("直线35 mm。", reference)]
    assert fill(author, report)["version"] == report["version"]


def test_what_was_measured_anew_or_taken_out_is_not_handed_on(people, template):
    author = people["author"]
    image = film(author)
    main, line = draw(author, image, MAIN, LINE)
    report = begin(author, image, template, sections={"impression": "侧弯。"})
    draw(author, image, {**main, "points": SECOND["points"]}, {**line, "calibration": {"mm_per_pixel": 0.7}})
    assert refusals(author, report) == [("outdated", "sources.0"), ("outdated", "sources.1")]
    report = fill(author, report)
    assert report["fields"] == {"cobb": 36.9} and report["sections"]["findings"].endswith("\n直线35 mm。")
    draw(author, image)
    assert refusals(author, report) == [("gone", "sources.0"), ("gone", "sources.1")]
    report = fill(author, report)
    assert report["fields"] == {} and report["sections"]["findings"] == "脊柱。" and not report["sources"]
    ok(act(author, report, "submit"))


def test_what_was_measured_at_the_detector_goes_into_no_field(people):
    author = people["author"]
    lengths = form()
    lengths["fields"].append(
        {
            "name": "size",
            "section": "findings",
            "label_en": "Size",
            "kind": "measurement",
            "measurement": "line",
        }
    )
    template = ok(author.post("/reports/templates", json={"definition": lengths}), 201)
    image = film(author, ImagerPixelSpacing="0.5\\0.5")
    draw(author, image, {**PIXELS, "label": "size"})
    report = begin(author, image, template, language="en")
    assert report["fields"] in ({}, None)
    assert report["sections"]["findings"] == "Spine.\nsize: Line 25 mm (at the detector)."


def test_what_the_request_says_itself_stays(people, template):
    author = people["author"]
    image = film(author)
    draw(author, image, MAIN)
    report = begin(author, image, template, sections={"findings": "脊柱。"})
    assert report["fields"] == {"cobb": 73.7} and report["sections"]["findings"] == "脊柱。"


def test_what_does_not_fit_the_field_is_told(people):
    author = people["author"]
    limited = form()
    limited["fields"][0]["max"] = 50
    template = ok(author.post("/reports/templates", json={"definition": limited}), 201)
    image = film(author)
    draw(author, image, {**MAIN, "label": "cobb"})
    report = begin(author, image, template)
    assert report["fields"] in ({}, None) and "Cobb角73.7°" in report["sections"]["findings"]


def test_a_side_is_said_and_no_field_guesses_it(people):
    author = people["author"]
    sided = form()
    sided["fields"].append(
        {
            "name": "left_hip",
            "section": "findings",
            "label_en": "Left hip",
            "kind": "measurement",
            "measurement": "centre_edge_angle",
        }
    )
    template = ok(author.post("/reports/templates", json={"definition": sided}), 201)
    image = film(author)
    # From the head's centre 30 outwards and 40 up: atan(30/40) = 36.8699 degrees against the vertical.
    edge = {
        "kind": "centre_edge_angle",
        "points": [{"x": 100, "y": 100}, {"x": 130, "y": 60}],
        "patient_left": "right",
        "laterality": "left",
    }
    draw(author, image, edge)
    report = begin(author, image, template, language="en")
    assert report["sections"]["findings"] == "Spine.\nCentre-edge angle (Wiberg), left 36.9°."
    draw(author, image, {**edge, "label": "left_hip"})
    assert begin(author, image, template)["fields"] == {"left_hip": 36.9}
    draw(author, image, {**edge, "label": "left_hip", "patient_left": "left", "laterality": "right"})
    report = begin(author, image, template, language="en")
    assert report["fields"] in ({}, None) and "right 36.9°" in report["sections"]["findings"], "no label moves a hip"


def test_images_of_others_are_not_looked_at(people, template):
    author, doctor = people["author"], people["doctor"]
    patient = unique("P")
    own = film(doctor, patient)
    study = ok(author.get(f"/studies/{own['study_id']}"))["study_uid"]
    other = film(author, patient, StudyInstanceUID=study)
    assert other["study_id"] == own["study_id"]
    draw(author, other, MAIN)
    draw(author, own, LINE)
    assert begin(doctor, own)["sections"] == {"findings": "直线25 mm。"}
    assert begin(author, own, parallel=True)["sections"] == {"findings": "直线25 mm。\ncobb：Cobb角73.7°。"}


# ---- what models found ----


def test_what_a_reader_lets_stand_is_told_as_a_models(people, template, opinion):
    author = people["author"]
    image = film(author)
    first = opinion(image, findings=[finding(), finding("mass", positive=False)])
    opinion(image, findings=[finding()], verdict="REJECTED")
    opinion(image, findings=[finding()], status="COMPLETED")
    opinion(image, findings=[finding()], status="WITHDRAWN")
    opinion(image, findings=[finding()], shadow=1)
    second = opinion(
        image,
        verdict="MODIFIED",
        findings=[finding()],
        read=[finding("fracture", probability=None), finding("gone", positive=False)],
        version="4",
        research=1,
    )
    report = begin(author, image, template, language="en")
    assert report["fields"] == {"nodule": "nodule (AI: lungs 3.1)"}
    sentence = "AI finding, modified by a reader: fracture (lungs 4, research use only)."
    assert report["sections"]["findings"] == f"Spine. nodule (AI: lungs 3.1).\n{sentence}"
    assert [(s["field"], s["section"], s["text"], s["reference"], s["detail"]) for s in report["sources"]] == [
        ("nodule", None, "nodule (AI: lungs 3.1)", f"diagnosis/{first}", "lungs 3.1"),
        (None, "findings", sentence, f"diagnosis/{second}", "lungs 4, research use only"),
    ]
    assert fill(author, report)["version"] == 1
    plain = begin(author, image)
    assert "人工智能所见（经医师确认）：结节，概率87.4%（lungs 3.1）。" in plain["sections"]["findings"]


def pages(who, report):
    answer = who.get(f"/reports/{report['id']}/pdf")
    text = subprocess.run(["pdftotext", "-", "-"], input=answer.content, capture_output=True, check=True).stdout
    return "".join(text.decode().split())


def test_what_the_writer_took_out_of_a_models_words_is_told_nowhere(server, people, template, opinion):
    author = people["author"]
    image = film(author)
    draw(author, image, {**MAIN, "source": "model", "model": {"name": "lungs", "version": "7"}})
    drawn = opinion(image, version="7")
    gone = opinion(image, findings=[finding("mass"), finding()])
    report = begin(author, image, template, sections={"impression": "侧弯。"})
    assert "人工智能" in report["sections"]["findings"] and "已由医生确认" in pages(author, report)

    def as_dicom(report):
        return author.get(f"/reports/{report['id']}/dicom?kind=sr").content

    assert b"Suggested by AI" in as_dicom(report)
    words = report["sections"]["findings"].split("\n")[0]
    report = change(author, report, fields={"cobb": 70, "nodule": None}, sections={"findings": words})
    report = fill(author, report)
    assert len(told(report, kind="DIAGNOSIS")) == 3, "what was taken out is remembered"
    assert "已由医生确认" not in pages(author, report) and b"Suggested by AI" not in as_dicom(report)
    server.database.rows(f"update diagnoses set verdict = 'REJECTED' where id in ({drawn}, {gone})")
    ok(act(author, report, "submit"))


def test_the_same_of_two_images_is_one_sentence_with_both(people, opinion):
    author = people["author"]
    image = film(author)
    ids = [opinion(image, findings=[finding()]) for _ in range(2)]
    report = begin(author, image)
    assert report["sections"]["findings"].count("结节") == 1
    assert {s["reference"] for s in report["sources"]} == {f"diagnosis/{i}" for i in ids}
    assert fill(author, report)["version"] == 1


def test_of_a_model_that_was_asked_again_the_last_result_counts(server, people, opinion):
    author = people["author"]
    image = film(author)
    old, new = (opinion(image, findings=[finding(probability=p)]) for p in (0.8, 0.9))
    [(model,)] = server.database.rows(f"select model_id from diagnoses where id = {old}")
    server.database.rows(f"update diagnoses set model_id = {model} where id = {new}")
    report = begin(author, image)
    assert [s["reference"] for s in report["sources"]] == [f"diagnosis/{new}"]
    assert "概率90%" in report["sections"]["findings"] and "80%" not in report["sections"]["findings"]


def test_what_a_model_drew_needs_a_reader_too(people, template, opinion):
    author = people["author"]
    image = film(author)
    draw(author, image, {**MAIN, "source": "model", "model": {"name": "lungs", "version": "7"}})
    opinion(image, status="COMPLETED", version="7")
    assert begin(author, image, template)["fields"] in ({}, None), "nobody has looked at it"
    read = opinion(image, version="7")
    report = begin(author, image, template)
    assert report["fields"] == {"cobb": 73.7}
    assert [s["reference"] for s in told(report, field="cobb")][1] == f"diagnosis/{read}"
    assert "（人工智能：lungs 7）" in begin(author, image)["sections"]["findings"]


def read_anew(server, diagnosis, verdict, findings=()):
    kept = {"decision": verdict, "findings": list(findings), "comment": None, "reviewer_id": 1}
    reviews = json.dumps([{**kept, "reviewed_at": "2026-01-06T00:00:00Z"}])
    server.database.rows(f"update diagnoses set verdict = '{verdict}', reviews = '{reviews}' where id = {diagnosis}")


def refusals(who, report):
    errors = problem(act(who, report, "submit"), 422)["errors"]
    return [(error["type"], ".".join(error["loc"][1:])) for error in errors]


def test_a_finding_that_was_struck_out_later_is_not_handed_on(server, people, template, opinion):
    author = people["author"]
    image = film(author)
    both = [finding(), {**finding("mass"), "label_zh": "肿块"}]
    read = opinion(image, findings=both)
    report = begin(author, image, template, language="en", sections={"impression": "x"})
    assert report["fields"] == {"nodule": "nodule (AI: lungs 3.1)"} and "mass" in report["sections"]["findings"]
    read_anew(server, read, "MODIFIED", both[1:])
    assert refusals(author, report) == [("outdated", "sources.0")]
    report = fill(author, report)
    assert report["fields"] == {} and report["sections"]["findings"].startswith("Spine.\nAI finding")
    assert "mass" in report["sections"]["findings"]
    read_anew(server, read, "REJECTED")
    assert refusals(author, report) == [("gone", "sources.0")]
    report = fill(author, report)
    assert report["sections"]["findings"] == "Spine." and not report["sources"]
    ok(act(author, report, "submit"))


def test_a_newer_result_says_what_the_older_one_may_go_on_saying(server, people, opinion):
    author = people["author"]
    image = film(author)
    old = opinion(image, findings=[finding()])
    report = begin(author, image, language="en", sections={"impression": "x"})
    new = opinion(image, findings=[finding(positive=False)])
    [(model,)] = server.database.rows(f"select model_id from diagnoses where id = {old}")
    server.database.rows(f"update diagnoses set model_id = {model} where id = {new}")
    assert refusals(author, report) == [("outdated", "sources.0")]
    assert fill(author, report)["sections"] == {"impression": "x"}
    read_anew(server, new, "REJECTED")
    assert begin(author, image)["sections"] == {}, "the last that was judged counts"


def test_who_vouches_for_what_a_model_drew(server, people, template, opinion):
    author = people["author"]
    image = film(author)
    draw(author, image, {**MAIN, "source": "model", "model": {"name": "lungs", "version": "8"}})
    read = opinion(image, version="8")
    report = begin(author, image, template, sections={"impression": "x"})
    assert report["fields"] == {"cobb": 73.7}
    server.database.rows(f"update diagnoses set frame = 2 where id = {read}")
    assert begin(author, image, template)["fields"] in ({}, None), "another frame"
    server.database.rows(f"update diagnoses set frame = 1, verdict = 'MODIFIED' where id = {read}")
    assert begin(author, image, template)["fields"] in ({}, None), "a reader has changed it"
    server.database.rows(f"update diagnoses set verdict = 'CONFIRMED' where id = {read}")
    opinion(image, version="8", verdict="REJECTED")
    assert begin(author, image, template)["fields"] in ({}, None), "the last judgement counts"
    assert ("gone", "sources.0") in refusals(author, report)
    assert fill(author, report)["fields"] == {}


# ---- the earlier report ----


def signed(people, image, template, fields, **members):
    words = {"findings": "脊柱。", "impression": "侧弯。"}
    wish = {"study_id": image["study_id"], "template_id": template["id"], "sections": words, "fields": fields}
    return finish(people, ok(people["author"].post("/reports", json={**wish, **members}), 201))


def test_the_earlier_report_and_the_change_beside_each_number(people, template):
    author, patient = people["author"], unique("P")
    earlier = signed(people, film(author, patient, StudyDate="20250301"), template, {"cobb": 67, "second": 30})
    image = film(author, patient, Modality="CR")
    draw(author, image, MAIN, SECOND)
    report = begin(author, image, template, language="en")
    assert report["fields"] == {"cobb": 73.7, "second": 36.9, "before": 67, "day": "2025-03-01"}
    # 73.7 - 67 = 6.7, 6.7 / 67 = 10 %; 36.9 - 30 = 6.9, 6.9 / 30 = 23 %
    assert report["sections"]["findings"] == "Spine. Main curve 73.7°. Earlier 67° (since then +6.7°, +10%)."
    assert report["sections"]["comparison"].split("\n") == [
        "Compared with 2025-03-01.",
        f"Earlier examination: DX SPINE, 2025-03-01 (report {earlier['id']}).",
        "Second curve: 36.9°, earlier 30°, change +6.9° (+23%).",
    ]
    reference = f"reports/{earlier['id']}"
    assert {s["reference"] for s in told(report, kind="PRIOR_REPORT")} == {reference}
    assert [s["text"] for s in told(report, field="before")] == ["67"]
    assert fill(author, report)["version"] == 1
    report = fill(author, change(author, report, fields={"second": 27}))
    assert report["sections"]["comparison"].endswith("\nSecond curve: 27°, earlier 30°, change -3° (-10%).")
    report = change(author, report, fields={"cobb": 60.3}, sections={"impression": "Scoliosis."})
    assert "(since then -6.7°, -10%)" in report["sections"]["findings"], "the change follows the number"


def test_a_change_of_another_number_is_not_handed_on(people, template):
    author, patient = people["author"], unique("P")
    signed(people, film(author, patient, StudyDate="20250301"), template, {"second": 30})
    image = film(author, patient)
    draw(author, image, MAIN, SECOND)
    report = begin(author, image, template, sections={"impression": "侧弯。"})
    report = change(author, report, fields={"second": 33})
    refused = problem(act(author, report, "submit"), 422)
    assert "sources" in str(refused["errors"]) and "fields.second" in str(refused["errors"])
    report = fill(author, report)
    assert "次弯：33°，前次30°，变化+3°（+10%）。" in report["sections"]["comparison"]
    ok(act(author, report, "submit"))


def test_which_report_is_the_earlier_one(people, template):
    author, patient = people["author"], unique("P")

    def at(day, **values):
        return film(author, patient, StudyDate=day, **values)

    def referred(report):
        return {s["reference"] for s in told(report, kind="PRIOR_REPORT")}

    others = [
        signed(people, at("20250201", BodyPartExamined="CHEST"), template, {"cobb": 1}),
        signed(people, at("20250202", Modality="MR"), template, {"cobb": 2}),
        signed(people, at("20270101"), template, {"cobb": 3}),
        signed(people, film(author, StudyDate="20250301"), template, {"cobb": 4}),
    ]
    draft = at("20250401")
    ok(author.post("/reports", json={"study_id": draft["study_id"], "sections": {"findings": "x"}}), 201)
    wrong = signed(people, at("20250501"), template, {"cobb": 5})
    ok(act(people["second"], wrong, "mark-entered-in-error", reason="other patient"))
    assert referred(begin(author, at("20260105"), template)) == set(), others
    old = signed(people, at("20240101"), template, {"cobb": 6})
    assert referred(begin(author, at("20260105"), template)) == {f"reports/{old['id']}"}
    new = signed(people, at("20250601"), template, {"cobb": 7, "height": 20})
    ok(act(author, new, "amend", reason="typing", sections={"findings": "改。"}))
    ok(author.patch(f"/reports/{new['id']}", json={"fields": {"cobb": 99}}))
    report = begin(author, at("20260105"), template)
    assert referred(report) == {f"reports/{new['id']}"} and report["fields"]["before"] == 7, "what was signed"
    assert referred(begin(author, at("20260105", BodyPartExamined=None), template)) == set(), "no region is told"
    doctor = people["doctor"]
    assert referred(begin(doctor, film(doctor, patient))) == set(), "one that the caller does not see"


def referred(report):
    return {s["reference"] for s in told(report, kind="PRIOR_REPORT")}


def test_of_one_day_the_earlier_hour_is_before_the_later(people, template):
    author, patient = people["author"], unique("P")
    signed(people, film(author, patient, StudyTime="150000"), template, {"cobb": 67})
    morning = film(author, patient, StudyTime="080000")
    assert referred(begin(author, morning, template)) == set(), "the afternoon is no earlier examination"
    signed(people, film(author, patient, StudyTime=""), template, {"cobb": 50})
    noon = signed(people, morning, template, {"cobb": 60})
    assert referred(begin(author, film(author, patient, StudyTime="120000"), template)) == {f"reports/{noon['id']}"}


def test_one_side_is_not_compared_with_the_other(server, people, template):
    author, patient = people["author"], unique("P")

    def side(image, which):
        server.database.rows(f"update series set laterality = '{which}' where study_id = {image['study_id']}")
        return image

    right = signed(people, side(film(author, patient, StudyDate="20250301"), "R"), template, {"cobb": 67})
    assert referred(begin(author, side(film(author, patient), "L"), template)) == set()
    assert referred(begin(author, side(film(author, patient), "R"), template)) == {f"reports/{right['id']}"}
    assert referred(begin(author, film(author, patient), template)) == {f"reports/{right['id']}"}, "no side is told"


def test_an_earlier_report_that_says_otherwise_by_now_is_not_handed_on(people, template):
    author, second, patient = people["author"], people["second"], unique("P")
    earlier = signed(people, film(author, patient, StudyDate="20250301"), template, {"cobb": 67, "second": 30})
    image = film(author, patient)
    draw(author, image, MAIN, SECOND)
    report = begin(author, image, template, sections={"impression": "侧弯。"})
    ok(act(author, earlier, "amend", reason="typing"))
    ok(author.patch(f"/reports/{earlier['id']}", json={"fields": {"cobb": 60, "second": 33}}))
    finish(people, earlier)
    assert {kind for kind, _ in refusals(author, report)} == {"outdated"} and len(refusals(author, report)) == 2
    report = fill(author, report)
    assert report["fields"]["before"] == 60 and "前次33°" in report["sections"]["comparison"]
    ok(act(second, earlier, "mark-entered-in-error", reason="other patient"))
    assert {kind for kind, _ in refusals(author, report)} == {"gone"}
    report = fill(author, report)
    assert "before" not in report["fields"] and not report["sections"].get("comparison") and not referred(report)
    ok(act(author, report, "submit"))
    source = {"section": "findings", "text": "x", "kind": "PRIOR_REPORT", "reference": f"reports/{earlier['id']}"}
    wish = {"study_id": image["study_id"], "sources": [source]}
    assert "sources.0.reference" in str(problem(author.post("/reports", json=wish), 422))


def test_other_units_are_not_compared(people, template):
    author, patient = people["author"], unique("P")
    inches = form()
    inches["fields"][5]["unit"] = "cm"
    other = ok(author.post("/reports/templates", json={"definition": inches}), 201)
    signed(people, film(author, patient, StudyDate="20250301"), other, {"height": 3})
    report = begin(author, film(author, patient), template, fields={"height": 31})
    assert "31" not in report["sections"]["comparison"]


# ---- by the same rules as a change ----


def test_it_takes_the_template_that_is_offered(people):
    author = people["author"]
    image = film(author, Modality="MR", BodyPartExamined="KNEE")
    wish = {"study_id": image["study_id"], "prefill": True}
    offered = ok(author.get(f"/studies/{image['study_id']}/report-template"))["id"]
    assert ok(author.post("/reports", json=wish), 201)["template_id"] == offered
    assert ok(author.post("/reports", json={**wish, "template_id": None}), 201)["template_id"] is None
    del wish["prefill"]
    assert ok(author.post("/reports", json=wish), 201)["template_id"] is None


def test_only_a_draft_is_filled_by_who_may_change_it(people, template):
    author, second = people["author"], people["second"]
    image = film(author)
    draw(author, image, LINE)
    words = {"findings": "脊柱。", "impression": "侧弯。"}
    wish = {"study_id": image["study_id"], "sections": words}
    report = ok(author.post("/reports", json=wish), 201)
    path = f"/reports/{report['id']}"
    assert "version 1" in fill(second, report, 412)["detail"], "somebody else's version has to be read"
    assert fill(second, report, 412, version=9)["status"] == 412
    problem(people["viewer"].post(f"{path}/prefill", json={}), 404)
    tag = author.get(path).headers["ETag"]
    ok(author.post(f"{path}/lock", json={}))
    fill(second, report, 409, version=1)
    fill(author, report, 412, headers={"If-Match": tag})
    tag = author.get(path).headers["ETag"]
    filled = fill(author, report, headers={"If-Match": tag})
    assert filled["version"] == 2 and filled["sections"]["findings"] == "脊柱。\n直线25 mm。"
    ok(author.delete(f"{path}/lock"), 204)
    assert "PRELIMINARY" in fill(author, ok(act(author, report, "submit")), 409)["detail"]
    ok(act(second, report, "review"))
    fill(second, report, 409, version=2)
    ok(act(second, report, "approve"))
    ok(act(second, report, "sign", password=PASSWORD))
    fill(author, report, 409)
    ok(act(author, report, "addendum", addendum="补充。"))
    assert "addendum" in fill(author, report, 409)["detail"]
    rows = [r["action"] for r in ok(people["admin"].get("/system/audit-logs?page_size=100"))["items"]]
    assert "report.prefill" in rows
