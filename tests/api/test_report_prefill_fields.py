"""Which measurement goes into which field of a draft, and what the writer has chosen otherwise."""

import pytest
from reports import act
from reports import readers as accounts
from support import Server, ok, problem, unique
from test_report_prefill import LINE, MAIN, PIXELS, SECOND, bare, begin, change, draw, fill, film, form, told
from test_report_templates import definition

MOST = 500  # sources of a report
# One endplate level, the other falls 4 in 3: atan(4/3) = 53.1301 degrees.
THIRD = [{"x": x, "y": y} for x, y in ((0, 50), (40, 50), (0, 120), (30, 80))]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("fields")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return accounts(server)


@pytest.fixture(scope="module")
def template(people):
    return ok(people["author"].post("/reports/templates", json={"definition": form()}), 201)


@pytest.fixture(scope="module")
def sizes(people):
    """Two fields for a length; who made the form has called both the same."""
    size = {"section": "findings", "label_en": "Size", "kind": "measurement", "measurement": "line"}
    fields = [{"name": "size1", **size}, {"name": "size2", **size}]
    sections = [{"name": "findings", "title_en": "Findings", "is_required": True, "text_en": "Spine."}]
    made = definition(sections=sections, fields=fields)
    return ok(people["author"].post("/reports/templates", json={"definition": made}), 201)


def labelled(annotation, label):
    return {**annotation, "label": label}


def values(report):
    return {name: value for name, value in (report["fields"] or {}).items() if value is not None}


def refusals(who, report):
    errors = problem(act(who, report, "submit"), 422)["errors"]
    return [(error["type"], ".".join(error["loc"][1:])) for error in errors]


def offered(who, report, field, detail):
    all = ok(who.get(f"/reports/{report['id']}/candidates"))["candidates"]
    [one] = [c for c in all if c["field"] == field and c["sources"][0]["detail"] == f"annotation {detail['id']}"]
    return one["sources"]


# ---- labels ----


def test_labels_that_were_put_right_move_the_numbers(people, template):
    author = people["author"]
    image = film(author)
    first, second = draw(author, image, labelled(MAIN, "主弯"), labelled(SECOND, "次弯"))
    report = begin(author, image, template, language="en", sections={"impression": "x"})
    assert values(report) == {"cobb": 73.7, "second": 36.9}
    draw(author, image, labelled(first, "Second curve"), labelled(second, "Main curve"))
    assert refusals(author, report) == [("outdated", "sources.0"), ("outdated", "sources.1")]
    report = fill(author, report)
    assert values(report) == {"cobb": 36.9, "second": 73.7}
    assert [s["detail"] for s in told(report, field="cobb")] == [f"annotation {second['id']}"]
    assert "Main curve 36.9°" in report["sections"]["findings"]
    assert fill(author, report)["version"] == report["version"]
    ok(act(author, report, "submit"))


def test_one_that_is_called_otherwise_leaves_its_field(people, template):
    author = people["author"]
    image = film(author)
    first, second = draw(author, image, labelled(MAIN, "主弯"), bare(SECOND))
    report = begin(author, image, template, language="en")
    assert values(report) == {"cobb": 73.7}
    draw(author, image, labelled(first, "second"), second)
    report = fill(author, report)
    assert values(report) == {"second": 73.7} and not told(report, field="cobb")
    assert report["sections"]["findings"] == "Spine.\nCobb angle 36.9°."
    candidates = ok(author.get(f"/reports/{report['id']}/candidates"))["candidates"]
    assert [(c["field"], c["value"]) for c in candidates] == [("cobb", 36.9)], "what is called otherwise is not offered"
    # What the writer wrote there stays.
    report = change(author, report, fields={"second": 70})
    draw(author, image, labelled(first, "cobb"), second)
    assert values(fill(author, report)) == {"cobb": 73.7, "second": 70}


def test_a_label_of_two_fields_says_neither(people, sizes):
    author = people["author"]
    image = film(author)
    [line] = draw(author, image, labelled(LINE, "Size"))
    report = begin(author, image, sizes, language="en")
    assert values(report) == {} and report["sections"]["findings"] == "Spine.\nSize: Line 25 mm."
    draw(author, image, line, {**labelled(LINE, "size2"), "calibration": {"mm_per_pixel": 1}})
    assert values(fill(author, report)) == {"size2": 50}, "a name is of one field"


def test_two_of_one_label_are_not_sure_where_only_one_fits(people, template):
    author = people["author"]
    made = form()
    size = {"name": "size", "section": "findings", "label_en": "Size", "kind": "measurement", "measurement": "line"}
    made = definition(sections=made["sections"], fields=[*made["fields"], size])
    template = ok(author.post("/reports/templates", json={"definition": made}), 201)
    image = film(author)
    line, pixels = draw(author, image, labelled(LINE, "size"), labelled(PIXELS, "Size"))
    assert values(begin(author, image, template)) == {}
    draw(author, image, line, bare(pixels))
    assert values(begin(author, image, template)) == {"size": 25}


def test_nothing_is_sure_for_who_does_not_see_all_images(people):
    author, doctor = people["author"], people["doctor"]
    wish = {"scope": "SYSTEM", "definition": form()}
    template = ok(people["admin"].post("/reports/templates", json=wish), 201)
    patient = unique("P")
    own = film(doctor, patient)
    study = ok(author.get(f"/studies/{own['study_id']}"))
    draw(author, own, MAIN)
    assert values(begin(doctor, own, template)) == {"cobb": 73.7}
    film(author, patient, StudyInstanceUID=study["study_uid"])
    report = begin(doctor, own, template)
    assert values(report) == {} and "73.7" in report["sections"]["findings"]
    assert values(begin(author, own, template, parallel=True)) == {"cobb": 73.7}


# ---- chosen by hand ----


def test_a_choice_adds_its_sources(people, template):
    author = people["author"]
    image = film(author)
    _, second, _ = draw(author, image, bare(MAIN), bare(SECOND), LINE)
    report = begin(author, image, template)
    before = report["sources"]
    chosen = offered(author, report, "cobb", second)
    report = change(author, report, fields={"cobb": 36.9}, add_sources=chosen)
    assert report["sources"] == before + chosen
    assert change(author, report, add_sources=chosen)["version"] == report["version"], "each once"
    assert change(author, report, add_sources=[])["version"] == report["version"]
    wrong = {**chosen[0], "reference": "images/999999/annotations/1"}
    path = f"/reports/{report['id']}"
    assert "add_sources.0.reference" in str(problem(author.patch(path, json={"add_sources": [wrong]}), 422))
    turned = {**chosen[0], "text": "\u202e9.63"}
    assert "add_sources.0.text" in str(problem(author.patch(path, json={"add_sources": [turned]}), 422))
    many = [{**chosen[0], "text": str(i)} for i in range(MOST)]
    assert "add_sources" in str(problem(author.patch(path, json={"add_sources": many}), 422))
    # Said together with all of them: these, and those.
    report = change(author, report, sources=[], add_sources=chosen)
    assert report["sources"] == chosen


def test_a_choice_whose_sentence_was_taken_out_is_brought_up_to_date(people, template):
    author = people["author"]
    image = film(author)
    main, second = draw(author, image, bare(MAIN), bare(SECOND))
    report = begin(author, image, template, language="en", sections={"impression": "x"})
    words = {"findings": "Spine.\nCobb angle 73.7°."}
    chosen = offered(author, report, "cobb", second)
    report = change(author, report, fields={"cobb": 36.9}, add_sources=chosen, sections=words)
    draw(author, image, main, {**second, "points": THIRD})
    assert [kind for kind, _ in refusals(author, report)] == ["outdated"]
    report = fill(author, report)
    assert values(report) == {"cobb": 53.1} and report["sections"]["findings"] == words["findings"]
    ok(act(author, report, "submit"))


def test_of_several_sources_of_a_field_the_one_that_stands_counts(people, template):
    author = people["author"]
    image = film(author)
    main, second = draw(author, image, MAIN, bare(SECOND))
    report = begin(author, image, template, language="en", sections={"impression": "x"})
    report = change(author, report, fields={"cobb": None})
    chosen = offered(author, report, "cobb", second)
    report = fill(author, change(author, report, fields={"cobb": 36.9}, add_sources=chosen))
    assert values(report) == {"cobb": 36.9} and "\nCobb angle 36.9°" not in report["sections"]["findings"]
    draw(author, image, main, {**second, "points": THIRD})
    assert [kind for kind, _ in refusals(author, report)] == ["outdated"]
    report = fill(author, report)
    assert values(report) == {"cobb": 53.1} and "Main curve 53.1°" in report["sections"]["findings"]
    assert [s["detail"] for s in told(report, field="cobb")] == [f"annotation {second['id']}"]
    ok(act(author, report, "submit"))


def test_what_was_taken_out_of_one_field_may_go_into_another(people, template):
    author = people["author"]
    image = film(author)
    [main] = draw(author, image, MAIN)
    report = change(author, begin(author, image, template), fields={"cobb": None})
    assert values(fill(author, report)) == {}, "what the writer took out does not come back"
    draw(author, image, labelled(main, "次弯"))
    report = fill(author, report)
    assert values(report) == {"second": 73.7}


def test_what_the_field_never_had_is_told_where_the_field_was_emptied(people, template):
    author = people["author"]
    image = film(author)
    draw(author, image, MAIN)
    report = change(author, begin(author, image, template, language="en"), fields={"cobb": None})
    draw(author, image, labelled(SECOND, "Main curve"))
    report = fill(author, report)
    assert values(report) == {} and report["sections"]["findings"] == "Spine.\nMain curve: Cobb angle 36.9°."
