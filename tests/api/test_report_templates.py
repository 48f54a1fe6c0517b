"""Forms of reports: whose they are, their versions, what is refused, and which one is offered for a study."""

import copy
import json
import re
from html.parser import HTMLParser

import pytest
from support import DATA, ROOT, dicom, ok, problem, unique, wrong_members

PATH = "/reports/templates"


def definition(**members):
    return {
        "name": unique("made-").lower(),
        "title_en": "CT of the chest",
        "title_zh": "胸部CT",
        "languages": ["zh-CN", "en"],
        "modality": ["ct"],
        "body_part": ["CHEST"],
        "sections": [
            {
                "name": "findings",
                "title_en": "Findings",
                "title_zh": "影像所见",
                "is_required": True,
                "text_en": "Lungs clear.[[ The largest nodule measures {{size}}.]]",
                "text_zh": "双肺清晰。[[最大结节{{size}}。]]",
            },
            {
                "name": "impression",
                "title_en": "Impression",
                "title_zh": "诊断意见",
                "is_required": True,
            },
        ],
        "fields": [
            {
                "name": "size",
                "section": "findings",
                "label_en": "Largest nodule",
                "label_zh": "最大结节",
                "kind": "number",
                "unit": "mm",
                "min": 0,
                "max": 300,
            },
            {
                "name": "category",
                "section": "impression",
                "label_en": "Category",
                "kind": "choice",
                "is_required": True,
                "choices": [
                    {"code": "1", "label_en": "Negative"},
                    {"code": "4A", "label_en": "Suspicious"},
                ],
            },
        ],
        **members,
    }


def made(api, scope="OWN", preference=100, **members):
    wish = {
        "scope": scope,
        "preference": preference,
        "definition": definition(**members),
    }
    return ok(api.post(PATH, json=wish), 201)


def listed(api, **query):
    return {row["id"] for row in ok(api.get(PATH, params={"page_size": 100, **query}))["items"]}


# ---- versions ----


def test_each_change_is_a_version_and_none_is_rewritten(doctor):
    first = made(doctor)
    assert (first["version"], first["scope"], first["owner_id"]) == (
        1,
        "OWN",
        doctor.id,
    )
    assert first["modality"] == ["CT"]
    wanted = {**first["definition"], "title_en": "Chest CT, short"}
    second = ok(doctor.patch(f"{PATH}/{first['id']}", json={"definition": wanted, "reason": "shorter"}))
    assert (second["version"], second["title_en"]) == (2, "Chest CT, short")
    assert ok(doctor.get(f"{PATH}/{first['id']}", params={"version": 1}))["definition"] == first["definition"]
    assert ok(doctor.get(f"{PATH}/{first['id']}"))["definition"] == second["definition"]
    versions = ok(doctor.get(f"{PATH}/{first['id']}/versions"))["items"]
    assert [(v["version"], v["reason"], v["created_by"]) for v in versions] == [
        (2, "shorter", doctor.id),
        (1, None, doctor.id),
    ]
    assert versions[0]["sha256"] != versions[1]["sha256"]
    problem(doctor.get(f"{PATH}/{first['id']}", params={"version": 3}), 404)


def test_state_and_preference_make_no_version(doctor):
    template = made(doctor)
    changed = ok(doctor.patch(f"{PATH}/{template['id']}", json={"state": "RETIRED", "preference": 7}))
    assert (changed["version"], changed["state"], changed["preference"]) == (
        1,
        "RETIRED",
        7,
    )
    assert template["id"] in listed(doctor, state="RETIRED")
    assert template["id"] not in listed(doctor, state="ACTIVE")


def test_two_at_once_do_not_overwrite_each_other(doctor):
    template = made(doctor)
    path = f"{PATH}/{template['id']}"
    tag = doctor.get(path).headers["ETag"]
    ok(doctor.patch(path, json={"preference": 1}, headers={"If-Match": tag}))
    problem(doctor.patch(path, json={"preference": 2}, headers={"If-Match": tag}), 412)


# ---- whose ----


def test_own_ones_are_seen_by_nobody_else(doctor, colleague):
    template = made(doctor)
    path = f"{PATH}/{template['id']}"
    assert template["id"] in listed(doctor) and template["id"] not in listed(colleague)
    for answer in (
        colleague.get(path),
        colleague.patch(path, json={"preference": 1}),
        colleague.delete(path),
    ):
        problem(answer, 404)


def test_the_departments_are_for_its_accounts(server, admin):
    ward = unique("ward")
    chief = server.account("radiologist", admin=admin, department=ward)
    member = server.account("doctor", admin=admin, department=ward)
    other = server.account("radiologist", admin=admin, department=unique("ward"))
    template = made(chief, "DEPARTMENT")
    path = f"{PATH}/{template['id']}"
    assert (template["department"], template["owner_id"]) == (ward, None)
    assert ok(member.get(path))["id"] == template["id"]
    problem(member.patch(path, json={"preference": 1}), 403)
    problem(member.post(PATH, json={"scope": "DEPARTMENT", "definition": definition()}), 403)
    problem(other.get(path), 404)
    ok(chief.patch(path, json={"preference": 1}))


def test_who_has_no_department_makes_none_for_it(radiologist):
    answer = radiologist.post(PATH, json={"scope": "DEPARTMENT", "definition": definition()})
    assert wrong_members(problem(answer, 422)) == ["scope"]


def test_everybodys_are_the_administrators(admin, radiologist, viewer, technician):
    template = made(admin, "SYSTEM")
    path = f"{PATH}/{template['id']}"
    assert ok(viewer.get(path))["id"] == template["id"]
    problem(radiologist.patch(path, json={"preference": 1}), 403)
    problem(radiologist.delete(path), 403)
    problem(technician.get(path), 403)  # neither reads nor writes reports
    problem(technician.get(PATH), 403)
    problem(viewer.post(PATH, json={"definition": definition()}), 403)
    ok(admin.delete(path), 204)


def test_a_name_is_used_once_in_a_circle_and_free_again(doctor, colleague):
    template = made(doctor)
    name = template["name"]
    problem(doctor.post(PATH, json={"definition": definition(name=name)}), 409)
    made(colleague, name=name)
    ok(doctor.delete(f"{PATH}/{template['id']}"), 204)
    problem(doctor.get(f"{PATH}/{template['id']}"), 404)
    assert made(doctor, name=name)["version"] == 1


# ---- what is refused ----


def without(member):
    return lambda d: d.pop(member)


def field(index, **members):
    return lambda d: d["fields"][index].update(members)


def section(index, **members):
    return lambda d: d["sections"][index].update(members)


WRONG = [
    (without("name"), "name"),
    (lambda d: d.update(name="Chest CT"), "name"),
    (lambda d: d.update(languages=["fr"]), "languages.0"),
    (lambda d: d.update(sections=[]), "sections"),
    (lambda d: d.update(colour="red"), "colour"),
    (lambda d: d.update(title_en=None, title_zh=None), "title_en"),
    (section(1, name="findings"), "sections.1.name"),
    (section(0, name="Findings 1"), "sections.0.name"),
    (section(0, text_en="{{nothing}}"), "sections.0.text_en"),
    (section(0, text_en="a {{size"), "sections.0.text_en"),
    (section(0, text_zh="[[a [[b]]"), "sections.0.text_zh"),
    (section(0, text_zh="a]]"), "sections.0.text_zh"),
    (section(1, title_en=None, title_zh=""), "sections.1.title_en"),
    (section(0, text_en="x" * 20001), "sections.0.text_en"),
    (field(1, name="size"), "fields.1.name"),
    (field(0, section="technique"), "fields.0.section"),
    (field(0, kind="slider"), "fields.0.kind"),
    (field(0, min=5, max=1), "fields.0.max"),
    (field(0, min=float(10**301)), "fields.0.min"),
    (field(0, unit="m m"), "fields.0.unit"),
    (field(0, choices=[{"code": "1", "label_en": "a"}]), "fields.0.choices"),
    (field(1, unit="mm"), "fields.1.unit"),
    (field(1, max=3), "fields.1.max"),
    (field(1, choices=[]), "fields.1.choices"),
    (field(1, choices=[{"label_en": "a"}]), "fields.1.choices.0.code"),
    (field(1, choices=[{"code": "<b>", "label_en": "a"}]), "fields.1.choices.0.code"),
    (field(1, choices=[{"code": "1"}]), "fields.1.choices.0.label_en"),
    (field(1, choices=[{"code": "1", "label_en": "a"}] * 2), "fields.1.choices.1.code"),
    (
        field(1, choices=[{"code": f"{n}", "label_en": "a"} for n in range(101)]),
        "fields.1.choices",
    ),
    (field(1, label_en=None), "fields.1.label_en"),
    (field(1, sum_of=["size"]), "fields.1.sum_of"),
    (field(0, kind="measurement", measurement="cobbler"), "fields.0.measurement"),
    (field(0, kind="measurement", measurement="cobb"), "fields.0.unit"),
    (field(0, measurement="cobb"), "fields.0.measurement"),
    (field(0, prior_of="category"), "fields.0.prior_of"),
    (
        lambda d: d["fields"].append({**d["fields"][1], "name": "old", "kind": "prior", "choices": None}),
        "fields.2.prior_of",
    ),
    (
        lambda d: d["fields"].extend({**d["fields"][0], "name": f"n{n}"} for n in range(200)),
        "fields",
    ),
]


@pytest.mark.parametrize("change, place", WRONG, ids=[f"{n}-{place}" for n, (_, place) in enumerate(WRONG)])
def test_what_does_not_hold_together_is_told_by_its_place(doctor, change, place):
    wrong = definition()
    change(wrong)
    answer = doctor.post(
        PATH,
        content=json.dumps({"definition": wrong}),
        headers={"Content-Type": "application/json"},
    )
    assert f"definition.{place}" in wrong_members(problem(answer, 422))


def test_a_definition_of_wild_size_is_refused(doctor):
    sections = [{"name": f"s{n}", "title_en": "x", "text_en": "x" * 20000} for n in range(14)]
    answer = doctor.post(PATH, json={"definition": definition(sections=sections, fields=[])})
    assert wrong_members(problem(answer, 422)) == ["definition"]
    sections = [{"name": f"s{n}", "title_en": "x", "text_en": "x" * 20000} for n in range(40)]
    problem(
        doctor.post(PATH, json={"definition": definition(sections=sections, fields=[])}),
        413,
    )


def test_a_refused_change_changes_nothing(doctor):
    template = made(doctor)
    wrong = copy.deepcopy(template["definition"])
    wrong["fields"][0]["section"] = "none"
    problem(
        doctor.patch(f"{PATH}/{template['id']}", json={"definition": wrong, "state": "RETIRED"}),
        422,
    )
    assert wrong_members(problem(doctor.patch(f"{PATH}/{template['id']}", json={"scope": "SYSTEM"}), 422)) == ["scope"]
    assert ok(doctor.get(f"{PATH}/{template['id']}")) == template


# ---- which one is offered ----


def test_the_nearer_and_the_more_special_one_is_offered(server, admin):
    ward = unique("ward")
    part = unique("PART").upper()[:16]
    reader = server.account("radiologist", admin=admin, department=ward)
    study = reader.upload(dicom(PatientID=unique("P"), BodyPartExamined=part, Modality="CT"), "a.dcm")["study_id"]

    def offered():
        return ok(reader.get(f"/studies/{study}/report-template"))["id"]

    ours = made(admin, "SYSTEM", body_part=[part])
    assert offered() == ours["id"]
    liked = made(admin, "SYSTEM", preference=200, body_part=[part.lower()])
    assert offered() == liked["id"]
    made(admin, "SYSTEM", preference=900, body_part=[])
    made(admin, "SYSTEM", preference=900, body_part=[part], modality=["MR"])
    assert offered() == liked["id"]
    of_ward = made(reader, "DEPARTMENT", preference=0, body_part=[part])
    assert offered() == of_ward["id"]
    own = made(reader, preference=0, body_part=[], modality=[])
    assert offered() == own["id"]
    assert {ours["id"], liked["id"], of_ward["id"], own["id"]} <= listed(reader, modality="ct", body_part=part)
    assert ours["id"] not in listed(reader, modality="US")
    for retired in (own, of_ward):
        ok(reader.patch(f"{PATH}/{retired['id']}", json={"state": "RETIRED"}))
    assert offered() == liked["id"]
    problem(
        server.account("doctor", admin=admin).get(f"/studies/{study}/report-template"),
        404,
    )


def test_a_template_for_x_rays_is_for_each_of_them(admin, doctor):
    part = unique("PART").upper()[:16]

    def offered(modality):
        film = dicom(PatientID=unique("P"), BodyPartExamined=part, Modality=modality)
        return ok(admin.get(f"/studies/{admin.upload(film, 'a.dcm')['study_id']}/report-template"))["id"]

    any_kind = made(admin, "SYSTEM", preference=900, body_part=[part], modality=[])
    x_rays = made(admin, "SYSTEM", preference=500, body_part=[part], modality=["XR"])
    assert offered("DX") == offered("RF") == x_rays["id"] and offered("CT") == any_kind["id"]
    of_dx = made(admin, "SYSTEM", preference=0, body_part=[part], modality=["dx"])
    assert offered("DX") == of_dx["id"] and offered("CR") == x_rays["id"]
    both = {of_dx["id"], x_rays["id"]}
    assert listed(admin, modality="xr", body_part=part) == listed(admin, modality="DX", body_part=part)
    assert both <= listed(admin, modality="XR", body_part=part)
    assert both & listed(admin, modality="CR", body_part=part) == {x_rays["id"]}
    assert not both & listed(admin, modality="CT", body_part=part)


# ---- out and in ----

WRIST = (DATA / "reports" / "wrist.html").read_text()


def test_an_export_is_imported_as_it_was(doctor, colleague):
    template = made(doctor)
    answer = doctor.get(f"{PATH}/{template['id']}/export")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.json() == template["definition"]
    taken = ok(colleague.post(f"{PATH}/import", json={"definition": answer.json()}), 201)
    assert taken["template"]["definition"] == template["definition"] and taken["remarks"] == []
    assert taken["template"]["owner_id"] == colleague.id
    problem(colleague.get(f"{PATH}/{template['id']}/export"), 404)


def test_an_older_version_is_exported(doctor):
    template = made(doctor)
    path = f"{PATH}/{template['id']}"
    ok(doctor.patch(path, json={"definition": {**template["definition"], "title_en": "Other"}}))
    assert ok(doctor.get(f"{path}/export", params={"version": 1})) == template["definition"]
    problem(doctor.get(f"{path}/export", params={"version": 9}), 404)
    assert wrong_members(problem(doctor.get(f"{path}/export", params={"format": "docx"}), 422)) == ["format"]


def test_mrrt_comes_in_without_its_mark_up_and_says_what_was_left(doctor):
    wish = {
        "html": WRIST,
        "modality": ["DX"],
        "body_part": ["WRIST"],
        "name": unique("wrist-").lower(),
    }
    taken = ok(doctor.post(f"{PATH}/import", json=wish), 201)
    template = taken["template"]
    assert (template["name"], template["modality"], template["title_en"]) == (
        wish["name"],
        ["DX"],
        "Radiograph of the wrist",
    )
    names = [f["name"] for f in template["definition"]["fields"]]
    assert names == ["side", "displacement", "soft_tissue", "date", "time"]
    assert any("Event handlers" in remark for remark in taken["remarks"])
    stored = json.dumps(template)
    for trace in (
        "alert(",
        "steal",
        "onclick",
        "javascript:",
        "elsewhere.example",
        "color: red",
    ):
        assert trace not in stored
    assert "<script> is a word" in template["definition"]["sections"][1]["text_en"]


def test_mrrt_goes_out_with_words_as_words(doctor):
    wish = {"html": WRIST, "name": unique("wrist-").lower()}
    template = ok(doctor.post(f"{PATH}/import", json=wish), 201)["template"]
    answer = doctor.get(f"{PATH}/{template['id']}/export", params={"format": "mrrt"})
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    page = Page()
    page.feed(answer.text)
    assert page.elements.count("script") == 1 and 'type="text/xml"' in answer.text
    assert "&lt;script&gt; is a word" in answer.text
    assert set(page.controls) == {"side", "displacement", "soft_tissue", "date", "time"}
    again = ok(
        doctor.post(
            f"{PATH}/import",
            json={"html": answer.text, "name": unique("wrist-").lower()},
        ),
        201,
    )
    fields = [
        [{k: v for k, v in f.items() if k != "choices"} for f in t["definition"]["fields"]]
        for t in (template, again["template"])
    ]
    assert fields[0] == fields[1]


@pytest.mark.parametrize("page, words", [("", "Gap of {{gap}}, {{side}}."), (".zh-CN", "间隙 {{gap}}，{{side}}。")])
def test_the_examples_of_the_documentation(doctor, page, words):
    text = (ROOT / f"docs/report-templates{page}.md").read_text()
    html, example = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1] for kind in ("html", "json"))
    taken = ok(doctor.post(f"{PATH}/import", json={"html": html, "name": unique("wrist-").lower()}), 201)
    [section] = taken["template"]["definition"]["sections"]
    assert (section["name"], section["text_zh"] or section["text_en"], taken["remarks"]) == ("findings", words, [])
    [gap, side] = taken["template"]["definition"]["fields"]
    assert (gap["code"], gap["unit"], side["is_required"]) == ("99001", "mm", True)
    ok(doctor.post(PATH, json={"definition": json.loads(example)}), 201)


class Page(HTMLParser):
    """A reader of HTML that is not ours."""

    def __init__(self):
        super().__init__()
        self.elements, self.controls = [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("href", "src", "style")]
        if tag in ("input", "select"):
            self.controls.append(dict(attrs)["name"])


@pytest.mark.parametrize(
    "wish, place",
    [
        ({}, "html"),
        ({"html": "<p>a</p>", "definition": definition()}, "html"),
        ({"html": "<p>a</p>", "name": "No Name"}, "name"),
        ({"html": "<p>a</p>", "scope": "NOBODY"}, "scope"),
        ({"definition": {"name": "a"}}, "definition.sections"),
        ({"html": "x" * (256 * 1024 + 1)}, "html"),
    ],
)
def test_what_cannot_be_imported_is_told(doctor, wish, place):
    assert place in wrong_members(problem(doctor.post(f"{PATH}/import", json=wish), 422))


def test_html_that_is_no_template_is_told(doctor):
    for html in ("<script>alert(1)</script>", "<b>" * 8001, "<section><input>" * 201):
        answer = problem(doctor.post(f"{PATH}/import", json={"html": html}), 422)
        assert "template" in answer["detail"]


# ---- those that come with the program ----

SHIPPED = {
    "abdomen-us",
    "bone-age",
    "brain-ct",
    "brain-mr",
    "chest-ct",
    "chest-radiograph",
    "free-form",
    "knee-mr",
    "mammography",
    "spine-radiograph",
    "thyroid-us",
}


def shipped(api):
    rows = ok(api.get(PATH, params={"scope": "SYSTEM", "page_size": 100}))["items"]
    return {row["name"]: row for row in rows if row["name"] in SHIPPED}


def test_they_are_there_and_are_offered(server, doctor, viewer):
    assert set(shipped(viewer)) == SHIPPED
    for kind, name in (
        (("CT", "CHEST"), "chest-ct"),
        (("DX", "CHEST"), "chest-radiograph"),
        (("US", "THYROID"), "thyroid-us"),
        (("MG", "BREAST"), "mammography"),
        (("MR", "KNEE"), "knee-mr"),
        (("CR", "HAND"), "bone-age"),
        (("XA", "HEART"), "free-form"),
    ):
        file = dicom(PatientID=unique("P"), Modality=kind[0], BodyPartExamined=kind[1])
        study = doctor.upload(file, "a.dcm")["study_id"]
        assert ok(doctor.get(f"/studies/{study}/report-template"))["name"] == name


def test_what_the_hospital_has_changed_is_left_alone(new_server):
    server = new_server(start=False)
    server.database.rows("update report_templates set shipped_revision = 0 where name = 'brain-ct'")
    server.database.rows("update report_templates set shipped_revision = 0 where name = 'knee-mr'")
    server.start()
    admin = server.admin()
    rows = shipped(admin)
    changed = ok(admin.get(f"{PATH}/{rows['knee-mr']['id']}"))["definition"]
    changed["title_en"] = "Our knee"
    ok(admin.patch(f"{PATH}/{rows['knee-mr']['id']}", json={"definition": changed}))
    ok(admin.delete(f"{PATH}/{rows['free-form']['id']}"), 204)
    for _ in range(2):
        server.run("init-db")
        after = shipped(admin)
        assert (
            after["brain-ct"]["version"],
            after["brain-ct"]["shipped_revision"],
        ) == (2, 1)  # a newer revision
        assert (after["knee-mr"]["version"], after["knee-mr"]["title_en"]) == (
            2,
            "Our knee",
        )
        assert after["chest-ct"]["version"] == 1
        assert "free-form" not in after
