"""A damaged copy of an instance: kept beside the intact one and never in its way, whichever of them comes first."""

import pytest

from support import DATA, dicom, ok, problem, unique, zipped
from test_stow import related, send
from test_upload_chunked import begin, path, put

PIXELS = bytes(range(100)) * 2


def pair(*cuts):
    """The whole file of an instance of its own, and copies of it that lack the last bytes."""
    whole = dicom(Rows=b"\x0a\0", Columns=b"\x14\0", pixels=PIXELS, PatientID=unique("D"))
    return [whole, *(whole[:-n] for n in cuts)]


def by_upload(api, content):
    return api.upload(content, "a.dcm")["id"]


def by_batch(api, content):
    items = ok(api.post("/upload/batch", files=[("file", ("a.dcm", content))]), 207)["items"]
    assert items[0]["status"] == 201, items
    return items[0]["image_file_id"]


def by_zip(api, content):
    archive = zipped([("films/a.dcm", content)])
    items = ok(api.post("/upload/batch", files=[("file", ("a.zip", archive))]), 207)["items"]
    assert items[0]["status"] == 201, items
    return items[0]["image_file_id"]


def by_chunks(api, content):
    upload = begin(api, content)
    ok(put(api, upload, content, 0))
    answer = api.post(path(upload, "complete"))
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


def by_stow(api, content):
    before = {f["id"] for f in ok(api.get("/image-files/my-images"))["items"]}
    answer = api.post("/dicom-web/studies", **related([content]))
    assert answer.status_code in (200, 409)
    [new] = {f["id"] for f in ok(api.get("/image-files/my-images"))["items"]} - before
    return new


WAYS = [by_upload, by_batch, by_zip, by_chunks, by_stow]


def settled(api, whole_id, *cut_ids):
    """The whole file is the instance, the others lie beside it and say why."""
    whole = api.file(whole_id)
    assert (whole["status"], whole["status_reason"]) == ("UPLOADED", None)
    assert [i["id"] for i in ok(api.get(f"/series/{whole['series_id']}/instances"))["items"]] == [whole_id]
    study = ok(api.get(f"/studies/{whole['study_id']}"))
    assert (study["number_of_instances"], study["size_bytes"]) == (1, whole["file_size"])
    for cut_id in cut_ids:
        cut = api.file(cut_id)
        assert cut["status"] == "FAILED" and "bytes were announced" in cut["status_reason"]
        assert cut["status_reason"].count("an intact file of this instance is filed") == 1
        assert (cut["study_id"], cut["series_id"]) == (whole["study_id"], whole["series_id"])
        assert len(api.get(f"/image-files/{cut_id}/download").content) == cut["file_size"]


@pytest.mark.parametrize("way", WAYS)
def test_cut_then_whole(doctor, way):
    whole, cut = pair(40)
    cut_id = way(doctor, cut)
    lonely = doctor.file(cut_id)
    assert lonely["status"] == "FAILED" and "is filed" not in lonely["status_reason"]
    assert ok(doctor.get(f"/studies/{lonely['study_id']}"))["number_of_instances"] == 0
    settled(doctor, way(doctor, whole), cut_id)


@pytest.mark.parametrize("way", WAYS)
def test_whole_then_cut(doctor, way):
    whole, cut = pair(40)
    whole_id = way(doctor, whole)
    settled(doctor, whole_id, way(doctor, cut))


def test_the_files_that_a_scanner_sent(doctor):
    names = ("cut-first.dcm", "cut-whole.dcm")
    cut, whole = (doctor.upload((DATA / "dicom" / name).read_bytes(), name)["id"] for name in names)
    settled(doctor, whole, cut)


def test_two_cut_copies_of_different_length(doctor):
    whole, longer, shorter = pair(20, 90)
    cuts = [by_upload(doctor, content) for content in (shorter, longer)]
    assert len(set(cuts)) == 2
    settled(doctor, by_upload(doctor, whole), *cuts)


def test_a_cut_copy_sent_again_is_the_one_that_is_there(doctor):
    whole, cut = pair(40)
    first = by_upload(doctor, cut)
    again = doctor.upload(cut, "b.dcm")
    assert again["id"] == first and again["status"] == "FAILED"
    settled(doctor, by_upload(doctor, whole), first)
    assert by_upload(doctor, cut) == first
    in_chunks = doctor.file(by_chunks(doctor, cut))  # has a row from its beginning
    assert (in_chunks["status"], in_chunks["duplicate_of"]) == ("FAILED", first)


def test_whole_by_somebody_else(admin, doctor, colleague):
    whole, cut = pair(40)
    cut_id = by_upload(doctor, cut)
    theirs = colleague.upload(whole, "a.dcm")
    assert theirs["status"] == "UPLOADED" and theirs["duplicate_of"] is None
    assert ok(admin.get(f"/series/{theirs['series_id']}/instances"))["total"] == 1
    # neither learns of the other's file
    assert "is filed" not in doctor.file(cut_id)["status_reason"]
    problem(colleague.get(f"/image-files/{cut_id}"), 404)


def test_cut_by_somebody_else(doctor, colleague):
    whole, cut = pair(40)
    by_upload(doctor, whole)
    theirs = colleague.upload(cut, "a.dcm")
    assert theirs["status"] == "FAILED" and "is filed" not in theirs["status_reason"]


def test_an_instance_found_damaged_later_gives_way(server, doctor):
    whole = pair()[0]
    first = doctor.upload(whole, "a.dcm")
    server.database.rows(
        f"update image_files set status = 'FAILED', status_reason = 'its pixels are damaged' where id = {first['id']}"
    )
    second = doctor.upload(whole[:-1] + b"\xff", "b.dcm")
    assert [i["id"] for i in ok(doctor.get(f"/series/{first['series_id']}/instances"))["items"]] == [second["id"]]
    assert doctor.file(first["id"])["status_reason"].startswith("its pixels are damaged; an intact file")


def test_a_cut_copy_is_filed_again_beside_the_whole(doctor):
    whole, cut = pair(40)
    cut_id, whole_id = by_upload(doctor, cut), by_upload(doctor, whole)
    again = ok(doctor.post(f"/image-files/{cut_id}/file"))
    assert again["id"] == cut_id and again["duplicate_of"] is None
    settled(doctor, whole_id, cut_id)


def test_by_import(new_server, tmp_path):
    server = new_server()
    admin = server.admin()
    whole, cut = pair(40)
    for name, content in (("1.dcm", cut), ("2.dcm", whole)):
        (tmp_path / "cd").mkdir(exist_ok=True)
        (tmp_path / "cd" / name).write_bytes(content)
    server.run("import", str(tmp_path / "cd"), "--username", server.admin_name)
    files = ok(admin.get("/image-files?sort=created_at"))["items"]
    ids = {f["status"]: f["id"] for f in files}
    settled(admin, ids["UPLOADED"], ids["FAILED"])


def test_stow_reports_the_cut_one(doctor):
    whole, cut = pair(40)
    assert len(send(doctor, [cut], 409)[1]) == 1
    assert len(send(doctor, [whole])[0]) == 1
