"""Commits whose answer never comes, of all but uploads (test_durability): nothing that a row names is lost, what was
wanted comes about when it is asked for again, and no bytes stay that nobody names."""

import pytest

import test_durability
from reports import act, readers
from support import PASSWORD, dicom, ok, png, problem, wait_until
from test_diagnosis import SHIPPED, bring
from test_durability import files_of, sha256, whole

doubt = test_durability.doubt


def again(doubt, api):
    """What follows the commit in doubt: on SQLite a new process."""
    doubt.over()
    return doubt.server.client(api.token)


def nothing_is_lost(doubt):
    """After one more start, which looks for what was left."""
    doubt.server.stop()
    doubt.server.start()
    said = doubt.server.run("fsck", "--deep").stdout
    assert "clean" in said and "missing" not in said, said


@pytest.mark.parametrize("first, then", [("archive", "unarchive"), ("unarchive", "archive")])
def test_moving_to_the_archive_and_back(doubt, first, then):
    server, content = doubt.server, png()
    server.stop()
    server.settings["ARCHIVE_URL"] = f"file://{server.folder}/archive"
    server.start()
    api = server.admin()
    file = api.settled(api.upload(content)["id"])["id"]
    if first == "unarchive":
        ok(api.post(f"/image-files/{file}/archive"))
    doubt.arm("image_file." + first)
    problem(api.post(f"/image-files/{file}/{first}"), 503)
    api = again(doubt, api)
    whole(api, content)
    moved = api.post(f"/image-files/{file}/{first}")  # or it was done all the same
    assert moved.status_code in (200, 409), moved.text
    whole(api, content)
    ok(api.post(f"/image-files/{file}/{then}"))
    whole(api, content)
    nothing_is_lost(doubt)
    assert len(whole(server.client(api.token), content)) == 1


def test_a_purge(doubt):
    server, content, kept = doubt.server, png(), png()
    api = server.admin()
    file = api.settled(api.upload(content)["id"])
    other = api.settled(api.upload(kept)["id"])
    for each in (file, other):
        ok(api.delete(f"/image-files/{each['id']}"), 204)
    doubt.arm("image_file.purge")
    failed = server.run("purge", "--older-than", "0s", "--yes", check=False)
    assert failed.returncode != 0
    api = again(doubt, api)
    for each, bytes_of in ((file, content), (other, kept)):
        rows = server.database.rows(f"select id from image_files where id = {each['id']}")
        if rows:
            ok(api.post(f"/image-files/{each['id']}/restore"))
            whole(api, bytes_of)
            ok(api.delete(f"/image-files/{each['id']}"), 204)
    server.run("purge", "--older-than", "0s", "--yes")
    assert server.database.rows("select count(*) from image_files")[0][0] == 0
    nothing_is_lost(doubt)
    for each in (file, other):
        assert not (server.files / each["storage_path"]).exists()


def test_a_model_that_comes_and_goes(doubt):
    server = doubt.server
    api = server.admin()
    doubt.arm("chest-pneumonia")
    answer = api.post(
        "/diagnosis/models",
        files={"file": ("model.onnx", (SHIPPED / "model.onnx").read_bytes())},
        data={"card": (SHIPPED / "card.json").read_text()},
    )
    problem(answer, 503)
    api = again(doubt, api)
    if doubt.is_done:
        wait_until(lambda: ok(api.get("/diagnosis/models"))["items"], "the model that was committed all the same")
    model = (ok(api.get("/diagnosis/models"))["items"] or [None])[0] or bring(api)
    path = server.files / server.database.rows("select storage_path from models")[0][0]
    assert path.read_bytes() == (SHIPPED / "model.onnx").read_bytes()
    nothing_is_lost(doubt)
    api = server.client(api.token)
    doubt.arm("model.delete")
    problem(api.delete(f"/diagnosis/models/{model['id']}"), 503)
    api = again(doubt, api)
    if server.database.rows("select id from models"):
        assert path.exists()
        ok(api.delete(f"/diagnosis/models/{model['id']}"), 204)
    nothing_is_lost(doubt)
    assert not path.exists() and list((server.files / "models").glob("*")) == []


def test_pages_of_a_report(doubt):
    server = doubt.server
    people = readers(server)
    study = people["author"].upload(dicom(), "a.dcm")["study_id"]
    told = {"findings": "x", "impression": "y"}
    report = ok(people["author"].post("/reports", json={"study_id": study, "sections": told}), 201)
    ok(act(people["author"], report, "submit"))
    ok(act(people["second"], report, "approve"))
    doubt.arm("reports/")
    ok(act(people["second"], report, "sign", password=PASSWORD))
    wait_until(lambda: not doubt.trigger.exists() if hasattr(doubt, "trigger") else doubt.met.is_set(), "the commit")
    api = again(doubt, people["second"])

    def pages():
        answer = api.get(f"/reports/{report['id']}/pdf")
        return answer.status_code == 200 and answer.content

    first = wait_until(pages, "its pages")
    assert first.startswith(b"%PDF")
    nothing_is_lost(doubt)
    api = server.client(api.token)
    assert api.get(f"/reports/{report['id']}/pdf").content == first
    (row,) = server.database.rows("select storage_path from report_pdfs")
    assert [str(p.relative_to(server.files)) for p in (server.files / "reports").glob("*/*")] == [row[0]]


def test_an_import(doubt, tmp_path):
    server, content = doubt.server, dicom()
    api = server.admin()
    films = tmp_path / "films"
    films.mkdir()
    (films / "a.dcm").write_bytes(content)
    doubt.arm(sha256(content))
    said = server.run("import", "--folder", str(films), "--username", "chief", check=False)
    assert said.returncode != 0 or "1 failed" in said.stdout + said.stderr, said
    api = again(doubt, api)
    server.run("import", "--folder", str(films), "--username", "chief")
    assert len(files_of(api, content)) == 1
    whole(api, content)
    nothing_is_lost(doubt)
    whole(server.client(api.token), content)
