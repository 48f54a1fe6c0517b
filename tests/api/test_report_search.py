"""Reports are found by what they say and by the codes of their fields: each by the version that one is shown."""

import pytest

from reports import act, finish, readers
from support import ON_SQLITE, Server, dicom, ok, problem, unique, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("found")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


@pytest.fixture
def study(people):
    return people["author"].upload(dicom(Modality="CT"), "a.dcm")["study_id"]


def begin(who, study, findings, impression="未见异常。", **members):
    text = {"findings": findings, "impression": impression}
    return ok(who.post("/reports", json={"study_id": study, "sections": text, **members}), 201)


def found(who, search=None, **query):
    query |= {"search": search} if search else {}
    return [r["id"] for r in ok(who.get("/reports", params={"page_size": 100, **query}))["items"]]


def test_words_of_every_part(people, study):
    author, mark = people["author"], unique("")
    report = begin(author, study, f"右肺上叶见磨玻璃结节{mark}，\n直径约6 mm。", f"建议随访{mark}。", title=f"胸部CT{mark}")
    for word in (
        f"磨玻璃结节{mark}",
        f"建议随访{mark}",
        f"胸部ct{mark.upper()}",
        f"{mark}， 直径约6 MM",  # runs of blanks count as one, letters without case
        mark[1:],
    ):
        assert report["id"] in found(author, word), word
    for word in (f"{mark}。胸部", f"{mark}。建议", "findings", "impression", f"{mark}{mark}"):
        assert report["id"] not in found(author, word), word  # no phrase runs over the end of a part; no names of ours
    assert report["id"] in found(author, "结") and found(author, "   ")  # one character; none at all
    problem(author.get("/reports", params={"search": "x" * 101}), 422)
    assert isinstance(found(author, "\" OR 1=1 -- * ( '"), list)


def test_the_last_version_counts_and_what_is_gone_is_not_found(people, study):
    author, old, new = people["author"], unique("old"), unique("new")
    report = begin(author, study, old)
    ok(author.patch(f"/reports/{report['id']}", json={"sections": {"findings": new}}))
    assert found(author, new) == [report["id"]] and not found(author, old)
    ok(author.patch(f"/reports/{report['id']}", json={"sections": {"findings": None}}))
    assert not found(author, new)


def test_readers_find_nothing_that_they_are_not_shown(people, study):
    """A viewer who sees the study: no word of a draft, of an amendment under way, of one that was given up."""
    author, second, viewer = people["author"], people["second"], people["viewer"]
    ok(people["admin"].put(f"/studies/{study}/assignments/{viewer.id}"), 204)
    first, changed, added = unique("first"), unique("changed"), unique("added")
    report = begin(author, study, first)
    assert found(author, first) == [report["id"]] and not found(viewer, first)
    ok(act(author, report, "submit"))
    assert found(viewer, first) == [report["id"]]
    ok(act(second, report, "reject", reason="x"))
    assert not found(viewer, first)
    finish(people, report)
    assert found(viewer, first) == found(second, first) == [report["id"]]
    ok(act(author, report, "amend", reason="left", sections={"findings": changed}))
    assert found(author, changed) == [report["id"]] and not found(viewer, changed)
    assert found(viewer, first) == [report["id"]] and not found(author, first)
    ok(act(author, report, "cancel"))
    assert not found(author, changed) and found(author, first) == [report["id"]]
    ok(act(author, report, "amend", reason="left", sections={"findings": changed}))
    finish(people, report)
    assert found(viewer, changed) == [report["id"]] and not found(viewer, first)
    ok(act(author, report, "addendum", addendum=added))
    assert found(author, added) == [report["id"]] and not found(viewer, added)
    finish(people, report)
    assert found(viewer, added) == [report["id"]]
    assert not found(viewer, "张医生") and not found(author, "author_name")  # who added it is no word of it
    assert not found(people["doctor"], added)  # who does not see the study


def template(who, name):
    return next(t for t in ok(who.get("/reports/templates", params={"name": name}))["items"] if t["name"] == name)


def coded(who, study, fields):
    body = {"study_id": study, "template_id": template(who, "chest-ct")["id"], "fields": fields}
    return ok(who.post("/reports", json=body), 201)


def test_codes_of_fields(people, study):
    author, viewer = people["author"], people["viewer"]
    definition = ok(author.get(f"/reports/templates/{template(author, 'chest-ct')['id']}"))["definition"]
    field = next(f for f in definition["fields"] for c in f.get("choices") or [] if c.get("code_system"))
    choices = [c for c in field["choices"] if c.get("code_system")]
    first, other = choices[0], choices[1]
    ok(people["admin"].put(f"/studies/{study}/assignments/{viewer.id}"), 204)
    report = coded(author, study, {field["name"]: first["code"]})
    system = first["code_system"]
    family = system.rsplit("-", 1)[0]
    for code in (
        f"{system}:{first['code']}",
        f"{family}:{first['code']}",
        f"{family}:{first['code']}".lower(),
        f"{field['name']}={first['code']}",
    ):
        assert report["id"] in found(author, code=code), code
        assert report["id"] in found(people["admin"], code=code), code
        assert report["id"] not in found(viewer, code=code)  # a draft
    for code in (f"{system}:{other['code']}", first["code"], system, f"{field['name']}=", "x"):
        assert report["id"] not in found(author, code=code), code
    ok(author.patch(f"/reports/{report['id']}", json={"fields": {field["name"]: other["code"]}}))
    assert report["id"] not in found(author, code=f"{system}:{first['code']}")
    both = {"code": f"{system}:{other['code']}", "study_id": study}
    assert found(author, **both) == [report["id"]] and not found(people["doctor"], **both)
    problem(author.get("/reports", params={"code": "x" * 201}), 422)
    ok(act(author, report, "cancel"))
    assert found(author, **both) == [report["id"]]


def test_pages_of_a_code_and_of_a_word(people):
    author, word = people["author"], unique("word")
    definition = ok(author.get(f"/reports/templates/{template(author, 'chest-ct')['id']}"))["definition"]
    field = next(f for f in definition["fields"] for c in f.get("choices") or [] if c.get("code_system"))
    name, code = field["name"], field["choices"][-1]["code"]
    made = []
    for _ in range(5):
        study = author.upload(dicom(Modality="CT"), "a.dcm")["study_id"]
        report = coded(author, study, {name: code})
        ok(author.patch(f"/reports/{report['id']}", json={"title": word}))
        made.append(report["id"])
    for who in (author, people["admin"]):
        for query in ({"search": word}, {"search": word, "code": f"{name}={code}"}):
            seen, after = [], {}
            while True:
                page = ok(who.get("/reports", params={**query, "page_size": 2, "sort": "created_at", **after}))
                seen += [r["id"] for r in page["items"]]
                if not page["next"]:
                    break
                after = {"after": page["next"]}
            assert seen == made and page["total"] == 5


def test_words_of_reports_from_before_are_made_in_the_background(server, people, study):
    author, viewer, word = people["author"], people["viewer"], unique("before")
    ok(people["admin"].put(f"/studies/{study}/assignments/{viewer.id}"), 204)
    definition = ok(author.get(f"/reports/templates/{template(author, 'chest-ct')['id']}"))["definition"]
    field = next(f for f in definition["fields"] for c in f.get("choices") or [] if c.get("code_system"))
    report, secret = coded(author, study, {field["name"]: field["choices"][0]["code"]}), unique("secret")
    ok(author.patch(f"/reports/{report['id']}", json={"title": word}))
    signed = begin(author, study, word)
    finish(people, signed)
    ok(act(author, signed, "amend", reason="x", sections={"findings": secret}))
    names = {key: name_of(server, people[key]) for key in ("author", "second", "viewer", "admin", "doctor")}
    server.stop()
    for table in ("report_search", "report_face_search", "report_codes"):
        server.database.rows(f"delete from {table}")
    server.database.rows("update search_rebuilds set version = 0 where name in ('reports', 'report_faces')")
    server.start()
    people.update({key: server.sign_in(name) for key, name in names.items()})
    author, viewer = people["author"], people["viewer"]
    wait_until(lambda: ok(server.client().get("/health"))["checks"]["search"] == "ok", what="the words")
    assert found(author, word) == [report["id"]] and found(viewer, word) == [signed["id"]]
    assert found(author, secret) == [signed["id"]] and not found(viewer, secret)
    code = f"{field['name']}={field['choices'][0]['code']}"
    assert report["id"] in found(author, code=code) and report["id"] not in found(viewer, code=code)


def name_of(server, who):
    return server.database.rows(f"select username from users where id = {who.id}")[0][0]


def test_a_face_holds_only_what_it_shows(server, people):
    """Of every report: words and codes of the readers' face are those of what they are shown, and of nothing else."""
    key = "rowid" if ON_SQLITE else "id"
    rows = server.database.rows("select id, version, signed_version, status from reports")
    faces = {i for (i,) in server.database.rows(f"select {key} from report_face_search")}
    coded = {i for (i,) in server.database.rows("select report_id from report_codes where is_face = 1")}
    words = {i for (i,) in server.database.rows(f"select {key} from report_search")}
    shown = {i for i, _, signed, status in rows if signed or status not in ("DRAFT", "CANCELLED")}
    assert rows and faces <= shown and coded <= shown and words == {i for i, *_ in rows}
    assert not shown - faces
