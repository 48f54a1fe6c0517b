"""Reports from draft to approval: versions, what differs, who may do what, two at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import SLOW, Server, dicom, ok, problem, wrong_members

TEXT = {"findings": "两肺纹理清晰，未见实变。\n心影不大。", "impression": "未见明显异常。"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("reports")).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    admin = server.admin()
    roles = ("radiologist", "doctor", "viewer", "technician")
    return {role: server.account(role, admin=admin) for role in roles} | {
        "resident": server.account("doctor", admin=admin),
        "second": server.account("radiologist", admin=admin),
        "admin": admin,
    }


@pytest.fixture
def study(people):
    return people["radiologist"].upload(dicom(), "chest.dcm")["study_id"]


def begin(who, study, **members):
    return ok(who.post("/reports", json={"study_id": study, "sections": TEXT, **members}), 201)


def act(who, report, action, status=200, **body):
    answer = who.post(f"/reports/{report['id']}/{action}", json=body)
    return ok(answer) if status == 200 else problem(answer, status)


def places(refused):
    return {".".join(map(str, error["loc"][1:])) for error in refused["errors"]}


def test_the_least_that_works(people, study):
    author, second = people["radiologist"], people["second"]
    answer = author.post("/reports", json={"study_id": study, "sections": TEXT})
    report = ok(answer, 201)
    assert answer.headers["Location"] == f"/api/v1/reports/{report['id']}"
    assert (report["status"], report["version"], report["kind"]) == ("DRAFT", 1, "ORIGINAL")
    assert report["author_id"] == author.id and report["sections"] == TEXT
    assert act(author, report, "submit")["status"] == "PRELIMINARY"
    assert "else" in act(author, report, "approve", 403)["detail"]
    approved = act(second, report, "approve")
    assert (approved["status"], approved["reviewer_id"]) == ("APPROVED", second.id)
    assert approved["submitted_at"] and approved["approved_at"]


def test_each_save_is_a_version_and_none_is_rewritten(people, study):
    author = people["radiologist"]
    report = begin(author, study, title="胸片")
    change = {"sections": {"impression": "右下肺炎。"}, "reason": "再看"}
    changed = ok(author.patch(f"/reports/{report['id']}", json=change))
    assert changed["version"] == 2 and changed["sections"] == TEXT | {"impression": "右下肺炎。"}
    ok(author.patch(f"/reports/{report['id']}", json={"sections": {"comparison": "无", "findings": None}}))
    first = ok(author.get(f"/reports/{report['id']}/versions/1"))
    assert first["sections"] == TEXT and first["title"] == "胸片" and len(first["content_sha256"]) == 64
    listed = ok(author.get(f"/reports/{report['id']}/versions"))["items"]
    assert [v["version"] for v in listed] == [3, 2, 1] and listed[1]["reason"] == "再看"
    diff = ok(author.get(f"/reports/{report['id']}/diff?from=1&to=3"))
    assert {d["name"]: d["change"] for d in diff["sections"]} == {
        "findings": "REMOVED",
        "impression": "CHANGED",
        "comparison": "ADDED",
    }
    assert diff["sections"][1]["from"] == TEXT["impression"] or diff["sections"][0]["from"] == TEXT["findings"]
    problem(author.get(f"/reports/{report['id']}/versions/9"), 404)
    # what changes nothing is no version
    assert ok(author.patch(f"/reports/{report['id']}", json={"sections": {"comparison": "无"}}))["version"] == 3


def test_sections_are_kept_in_their_order_and_as_they_were_written(people, study):
    said = {"recommendation": "复查", "findings": "a\r\nb\rc  \n\n", "indication": "咳嗽"}
    report = begin(people["radiologist"], study, sections=said)
    assert list(report["sections"]) == ["indication", "findings", "recommendation"]
    assert report["sections"]["findings"] == "a\nb\nc"


@pytest.mark.parametrize(
    "sections, where",
    [
        ({"prognosis": "x"}, "sections.prognosis"),
        ({"findings": 5}, "sections.findings"),
        ({"findings": "x" * 100_001}, "sections.findings"),
        ({"findings": "a\x00b"}, None),
        ({"findings": "a\x1b[31mb"}, "sections.findings"),
        ({"findings": "12\u202e34"}, "sections.findings"),
        (["findings"], "sections"),
        ("text", "sections"),
    ],
)
def test_what_is_no_section_is_refused(people, study, sections, where):
    refused = problem(people["radiologist"].post("/reports", json={"study_id": study, "sections": sections}), 422)
    if where:
        assert where in places(refused)


def test_submitting_asks_for_the_required_sections(people, study):
    author = people["radiologist"]
    report = begin(author, study, sections={"technique": "DR", "impression": "  \n"})
    refused = act(author, report, "submit", 422)
    assert places(refused) == {"sections.findings", "sections.impression"}


def test_a_lost_race_names_both_versions(people, study):
    author, second = people["radiologist"], people["second"]
    report = begin(author, study)
    path = f"/reports/{report['id']}"
    etag = second.get(path).headers["ETag"]
    ok(author.patch(path, json={"title": "A"}))
    problem(second.patch(path, json={"title": "B"}, headers={"If-Match": etag}), 412)
    refused = problem(second.patch(path, json={"title": "B", "version": 1}), 412)
    assert "version 1" in refused["detail"] and "version 2" in refused["detail"]
    problem(second.patch(path, json={"title": "B"}), 412)  # somebody else made the current one
    etag = second.get(path).headers["ETag"]
    assert ok(second.patch(path, json={"title": "B"}, headers={"If-Match": etag}))["version"] == 3
    problem(author.patch(path, json={"title": "C"}), 412)
    assert ok(author.patch(path, json={"title": "C", "version": 3}))["title"] == "C"


def test_of_editors_at_once_none_loses_words(people, study):
    author, second = people["radiologist"], people["second"]
    report = begin(author, study)
    path = f"/reports/{report['id']}"

    def edit(n):
        who = (author, second)[n % 2]
        while True:
            now = ok(who.get(path))
            words = f"{now['sections']['findings']}.{n}"
            answer = who.patch(path, json={"sections": {"findings": words}, "version": now["version"]})
            if answer.status_code != 412:
                return ok(answer)

    edits = 200 if SLOW == 1 else 25
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(edit, range(edits)))
    final = ok(author.get(path))
    assert final["version"] == edits + 1
    words = final["sections"]["findings"].removeprefix(TEXT["findings"])
    assert sorted(map(int, words.strip(".").split("."))) == list(range(edits))


def test_the_editors_lock_is_seen_and_may_be_taken_over(people, study):
    author, second = people["radiologist"], people["second"]
    report = begin(author, study)
    path = f"/reports/{report['id']}"
    locked = ok(author.post(f"{path}/lock"))
    assert locked["editor_id"] == author.id and locked["editing_until"]
    seen = ok(second.get(path))
    assert seen["editor_name"] == "张医生"
    assert "editing" in problem(second.patch(path, json={"title": "x", "version": 1}), 409)["detail"]
    problem(second.post(f"{path}/lock", json={}), 409)
    problem(second.delete(f"{path}/lock"), 409)
    assert ok(second.post(f"{path}/lock", json={"take_over": True}))["editor_id"] == second.id
    problem(author.patch(path, json={"title": "x", "version": 1}), 409)
    ok(second.delete(f"{path}/lock"), 204)
    ok(author.patch(path, json={"title": "x", "version": 1}))


@pytest.fixture
def taught(people, study):
    """A study that is open to a doctor, too, who neither reviews nor signs."""
    ok(people["admin"].put(f"/studies/{study}/assignments/{people['resident'].id}"), 204)
    return study


def test_what_is_submitted_is_changed_by_its_reviewer_alone(people, taught):
    resident, reviewer, other = people["resident"], people["radiologist"], people["second"]
    report = begin(resident, taught)
    act(resident, report, "submit")
    path = f"/reports/{report['id']}"
    problem(resident.patch(path, json={"title": "x"}), 409)
    act(reviewer, report, "review")
    assert "taken" in act(other, report, "approve", 409)["detail"]
    assert ok(reviewer.patch(path, json={"title": "x", "version": 1}))["version"] == 2
    rejected = act(reviewer, report, "reject", reason="请描述肋骨")
    assert (rejected["status"], rejected["status_reason"]) == ("DRAFT", "请描述肋骨")
    act(reviewer, report, "reject", 409, reason="x")
    assert ok(resident.patch(path, json={"title": "y", "version": 2}))["version"] == 3
    steps = ok(resident.get(f"{path}/steps"))["items"]
    assert [(s["action"], s["to_status"]) for s in steps] == [
        (None, "DRAFT"),
        ("submit", "PRELIMINARY"),
        ("review", "IN_REVIEW"),
        ("reject", "DRAFT"),
    ]


def test_a_doctor_neither_approves_nor_signs(people, taught):
    author, resident = people["radiologist"], people["resident"]
    report = begin(author, taught)
    act(author, report, "submit")
    assert "report.review" in act(resident, report, "approve", 403)["detail"]
    assert ok(resident.get(f"/reports/{report['id']}"))["actions"] == []
    problem(resident.patch(f"/reports/{report['id']}", json={"title": "x"}), 409)


def test_forbidden_transitions_name_the_state_and_what_it_takes(people, study):
    author, second = people["radiologist"], people["second"]
    report = begin(author, study)
    refused = act(second, report, "approve", 409)
    assert "DRAFT" in refused["detail"] and "submit" in refused["detail"]
    ok(author.delete(f"/reports/{report['id']}"), 204)
    assert "CANCELLED" in act(author, report, "submit", 409)["detail"]
    assert ok(author.get(f"/reports/{report['id']}"))["actions"] == []
    act(author, begin(author, study), "reject", 409, reason="x")


def test_readers_see_what_was_submitted_and_no_draft(people, study):
    author, viewer = people["radiologist"], people["viewer"]
    ok(people["admin"].put(f"/studies/{study}/assignments/{viewer.id}"), 204)
    report = begin(author, study)
    path = f"/reports/{report['id']}"
    problem(viewer.get(path), 404)
    assert ok(viewer.get(f"/reports?study_id={study}"))["items"] == []
    problem(viewer.get(f"{path}/versions"), 404)
    act(author, report, "submit")
    assert ok(viewer.get(path))["status"] == "PRELIMINARY"
    assert [r["id"] for r in ok(viewer.get(f"/reports?study_id={study}"))["items"]] == [report["id"]]
    problem(viewer.post("/reports", json={"study_id": study}), 403)
    problem(viewer.patch(path, json={"title": "x"}), 403)
    problem(people["technician"].get(path), 403)


def test_of_a_study_that_one_does_not_see_there_is_no_report(people, study):
    report = begin(people["radiologist"], study)
    doctor = people["doctor"]
    problem(doctor.get(f"/reports/{report['id']}"), 404)
    problem(doctor.post(f"/reports/{report['id']}/cancel", json={}), 404)
    problem(doctor.post("/reports", json={"study_id": study}), 404)
    assert ok(doctor.get("/reports"))["items"] == []
    mine = doctor.upload(dicom(), "own.dcm")["study_id"]
    own = begin(doctor, mine)
    assert [r["id"] for r in ok(doctor.get("/reports"))["items"]] == [own["id"]]
    assert ok(doctor.get("/reports?mine=true"))["items"][0]["id"] == own["id"]


def test_key_images_are_of_the_study(people, study):
    author = people["radiologist"]
    mine = ok(author.get("/image-files?page_size=1"))["items"][0]["id"]
    other = author.upload(dicom(), "other.dcm")["id"]
    report = begin(author, study, key_images=[{"image_file_id": mine, "caption": "右下肺"}])
    assert report["key_images"] == [{"image_file_id": mine, "frame": 1, "caption": "右下肺"}]
    both = {"key_images": [{"image_file_id": mine}, {"image_file_id": other}]}
    refused = problem(author.patch(f"/reports/{report['id']}", json=both), 422)
    assert "key_images.1.image_file_id" in str(wrong_members(refused))


@pytest.fixture
def opinion(server, people):
    """A diagnosis of an image, as a model would have left it."""

    def make(image, status="REVIEWED", verdict="CONFIRMED"):
        digest = "0" * 64
        model = f"name{image}{status}{verdict}"
        server.database.rows(
            "insert into models(model_uuid, name, version, state, task, digest, storage_path, size_bytes, card, "
            f"research_only, created_at, updated_at) values ('{model[:36]}', '{model}', '3.1', 'RETIRED', 'x', "
            f"'{digest}', 'models/{model}', 1, '{{}}', 1, 1, 1)"
        )
        [(model_id,)] = server.database.rows(f"select id from models where name = '{model}'")
        server.database.rows(
            "insert into diagnoses(diagnosis_uuid, image_file_id, frame, model_id, model_name, model_version, "
            "model_digest, research_only, status, verdict, priority, findings, queued_at) values "
            f"('{model[:36]}', {image}, 1, {model_id}, 'lungs', '3.1', '{digest}', 1, '{status}', '{verdict}', "
            "'NORMAL', '[]', 1)"
        )
        return server.database.rows(f"select max(id) from diagnoses where model_id = {model_id}")[0][0]

    return make


def test_sources_are_there_and_confirmed(people, study, opinion):
    author = people["radiologist"]
    image = ok(author.get("/image-files?page_size=1"))["items"][0]["id"]
    other = author.upload(dicom(), "other.dcm")["id"]
    shape = {"kind": "line", "points": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}
    ok(author.put(f"/images/{image}/annotations", json={"annotations": [shape]}))
    confirmed, rejected, foreign = opinion(image), opinion(image, verdict="REJECTED"), opinion(other)
    unread = opinion(image, status="COMPLETED", verdict="CONFIRMED")

    def source(kind, reference):
        return {"section": "findings", "text": "结节", "kind": kind, "reference": reference, "detail": "invented 9.9"}

    good = [source("DIAGNOSIS", f"diagnosis/{confirmed}"), source("MEASUREMENT", f"images/{image}/annotations/1")]
    report = begin(author, study, sources=good)
    assert report["sources"][0]["detail"] == "lungs 3.1, research use only"
    bad = [
        source("DIAGNOSIS", f"diagnosis/{rejected}"),
        source("DIAGNOSIS", f"diagnosis/{unread}"),
        source("DIAGNOSIS", f"diagnosis/{foreign}"),
        source("DIAGNOSIS", "diagnosis/0x1"),
        source("MEASUREMENT", f"images/{image}/annotations/9"),
        source("MEASUREMENT", f"images/{other}/annotations/1"),
        source("MEASUREMENT", "images"),
        source("PRIOR_REPORT", f"reports/{report['id']}"),
        source("PRIOR_REPORT", "reports/999999"),
    ]
    path = f"/reports/{report['id']}"
    refused = problem(author.patch(path, json={"sources": good + bad}), 422)
    assert places(refused) == {f"sources.{i}.reference" for i in range(2, 11)}
    assert ok(author.get(path))["version"] == 1


def test_a_deleted_studys_report_stays_and_a_moved_ones_follows(people, study):
    author, admin = people["radiologist"], people["admin"]
    report = begin(author, study)
    act(author, report, "submit")
    target = admin.patient()["id"]
    source = ok(admin.get(f"/reports/{report['id']}"))["patient_id"]
    ok(admin.post(f"/patients/{target}/merge", json={"source_id": source}))
    assert ok(author.get(f"/reports/{report['id']}"))["patient_id"] == target
    assert [r["id"] for r in ok(admin.get(f"/reports?patient_id={target}"))["items"]] == [report["id"]]
    ok(admin.delete(f"/studies/{study}"), 204)
    assert ok(author.get(f"/reports/{report['id']}"))["sections"] == TEXT


def test_who_listens_hears_of_it(server, people, study):
    from test_events import Heard  # the same reader of the stream

    heard = Heard(people["second"], types="report")
    try:
        report = begin(people["radiologist"], study)
        heard.wait("report_id", report["id"], "report.changed")
    finally:
        heard.close()


def test_purge_leaves_a_study_with_a_report(server, people):
    author, admin = people["radiologist"], people["admin"]
    film = author.upload(dicom(), "gone.dcm")
    report = begin(author, film["study_id"])
    ok(admin.delete(f"/studies/{film['study_id']}"), 204)
    server.run("purge", "--older-than", "0s")
    problem(admin.get(f"/image-files/{film['id']}"), 404)
    assert ok(author.get(f"/reports/{report['id']}"))["study_id"] == film["study_id"]


def test_what_it_shows_is_still_there_when_it_is_handed_on(people, study, opinion):
    author, admin = people["radiologist"], people["admin"]
    image = ok(author.get("/image-files?page_size=1"))["items"][0]["id"]
    diagnosis = opinion(image)
    source = {"section": "findings", "text": "心影不大", "kind": "DIAGNOSIS", "reference": f"diagnosis/{diagnosis}"}
    report = begin(author, study, key_images=[{"image_file_id": image}], sources=[source])
    ok(admin.delete(f"/image-files/{image}"), 204)
    assert places(act(author, report, "submit", 422)) >= {"key_images.0"}
    ok(admin.post(f"/image-files/{image}/restore"))
    ok(admin.post(f"/diagnosis/{diagnosis}/withdraw", json={"reason": "x"}))
    assert places(act(author, report, "submit", 422)) == {"sources.0"}
    ok(author.patch(f"/reports/{report['id']}", json={"sources": []}))
    act(author, report, "submit")


def test_null_takes_out_and_a_star_is_no_version(people, study):
    author, second = people["radiologist"], people["second"]
    report = begin(author, study, title="A")
    path = f"/reports/{report['id']}"
    assert ok(author.patch(path, json={"title": None}))["title"] is None
    assert ok(author.patch(path, json={"key_images": [], "sources": []}))["version"] == 2, "nothing is another"
    problem(second.patch(path, json={"title": "B"}, headers={"If-Match": "*"}), 412)
    for body in ({"title": "a\u202eb"}, {"key_images": [{"image_file_id": 1, "caption": "a\u2066b"}]}):
        problem(author.patch(path, json=body), 422)
    long = [{"section": "findings", "text": "长" * 2000, "kind": "PRIOR_REPORT", "reference": "reports/1"}] * 100
    problem(author.patch(path, json={"sources": long}), 422)


def test_who_has_taken_it_alone_is_offered_approval(people, study):
    report = begin(people["radiologist"], study)
    act(people["radiologist"], report, "submit")
    act(people["second"], report, "review")
    assert "approve" in ok(people["second"].get(f"/reports/{report['id']}"))["actions"]
    assert "approve" not in ok(people["admin"].get(f"/reports/{report['id']}"))["actions"]
