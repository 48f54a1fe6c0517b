"""One file in one request: types by content, names as text, limits, duplicates."""

import os
import re
import threading
import urllib.parse

import pytest

from support import (
    CT,
    JPEG,
    PNG,
    TIFF,
    connect,
    dicom,
    md5,
    multipart,
    nothing_new,
    ok,
    png,
    problem,
    sample,
    sha256,
    stored,
    wait_until,
    wrong_members,
)

BRIEF = {
    "id",
    "file_uuid",
    "original_filename",
    "file_type",
    "mime_type",
    "storage_path",
    "file_size",
    "file_hash",
    "thumbnail_path",
    "uploaded_by",
    "patient_id",
    "study_id",
    "series_id",
    "modality",
    "body_part",
    "study_date",
    "description",
    "status",
    "upload_progress",
    "is_chunked",
    "total_chunks",
    "uploaded_chunks",
    "created_at",
    "updated_at",
    "uploaded_at",
    "is_deleted",
    "deleted_at",
    "deleted_by",
}
OURS = {"uploader_name", "sha256", "status_reason", "tags", "duplicate_of"}


@pytest.mark.parametrize(
    "name, kind, mime",
    [
        (JPEG, "JPEG", "image/jpeg"),
        (PNG, "PNG", "image/png"),
        (TIFF, "TIFF", "image/tiff"),
        (CT, "DICOM", "application/dicom"),
    ],
)
def test_real_files(doctor, name, kind, mime):
    patient = doctor.patient()
    content = (
        sample(name)
        if kind != "DICOM"
        else dicom(PatientID=patient["patient_id"], Modality="XR", BodyPartExamined="CHEST")
    )
    answer = doctor.post(
        "/upload/single",
        files={"file": ("chest_xray.jpg", content, "application/x-lie")},
        data={"patient_id": patient["id"], "description": "胸片", "modality": "XR", "body_part": "CHEST"},
    )
    file = ok(answer, 201)
    assert BRIEF | OURS <= set(file)
    assert answer.headers["location"] == f"/api/v1/image-files/{file['id']}"
    assert (file["file_type"], file["mime_type"]) == (kind, mime)
    assert (file["file_size"], file["file_hash"], file["sha256"]) == (len(content), md5(content), sha256(content))
    assert (file["original_filename"], file["uploaded_by"], file["uploader_name"]) == (
        "chest_xray.jpg",
        doctor.id,
        "张医生",
    )
    assert (file["patient_id"], file["description"], file["modality"], file["body_part"]) == (
        patient["id"],
        "胸片",
        "XR",
        "CHEST",
    )
    assert (file["status"], file["upload_progress"], file["is_chunked"], file["is_deleted"]) == (
        "UPLOADED",
        100,
        False,
        False,
    )
    assert re.fullmatch(r"completed/[0-9a-f]{2}/[0-9a-f-]{36}\.\w{3}", file["storage_path"])
    assert doctor.get(f"/image-files/{file['id']}/download").content == content


def test_the_file_on_disk_has_a_name_made_by_us(server, doctor):
    file = doctor.upload(png(), filename="weird name.png")
    assert (server.files / file["storage_path"]).exists()
    assert "weird" not in file["storage_path"]


@pytest.mark.parametrize(
    "filename, shown",
    [
        ("../../../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("/etc/cron.d/x", "x"),
        ("胸部正位片（第1次）.png", None),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("a b;c=d&e.png", None),
        ("C:\\x.png", "x.png"),
        (".", "unnamed"),
        ("..", "unnamed"),
        ("-rf", None),
        ("CON", None),
        ("𠮷😀.png", None),
        ("%2e%2e%2f.png", None),
        ("<script>alert(1)</script>.png", "script>.png"),
        ("a'b.png", None),
    ],
)
def test_file_names_are_text_never_a_path(server, doctor, filename, shown):
    content = png()
    file = doctor.upload(content, filename=filename)
    assert file["original_filename"] == (shown or filename)
    assert ".." not in file["storage_path"] and (server.files / file["storage_path"]).read_bytes() == content
    answer = doctor.get(f"/image-files/{file['id']}/download")
    assert answer.content == content
    header = answer.headers["content-disposition"]
    assert header.startswith("attachment") and "\u202e" not in urllib.parse.unquote(header)
    encoded = re.search(r"filename\*=UTF-8''(\S+)", header)
    if encoded and not re.search(r'[/\\<>"]', filename):
        assert urllib.parse.unquote(encoded.group(1)) == (shown or filename)


def raw_upload(doctor, disposition, content, **more):
    body, headers = multipart([(b'Content-Disposition: form-data; name="file"' + disposition, content)])
    return doctor.post("/upload/single", content=body, headers=headers, **more)


def test_a_name_with_nul(server, doctor):
    before = set(os.listdir(server.folder))
    answer = raw_upload(doctor, b'; filename="a\0b.png"', png())
    if answer.status_code == 201:
        assert "\0" not in answer.json()["original_filename"]
    else:
        problem(answer, 400)
    assert set(os.listdir(server.folder)) - before <= {"server.log"}


def test_a_name_that_is_not_utf8(doctor):
    answer = raw_upload(doctor, b'; filename="\xff\xfe\xb0.png"', png())
    if answer.status_code == 201:
        answer.json()["original_filename"].encode()
    else:
        problem(answer, 400)


def test_a_name_of_300_bytes(doctor):
    name = "影" * 98 + "xy.png"
    assert len(name.encode()) == 300
    assert doctor.upload(png(), filename=name)["original_filename"] == name


def test_a_name_of_5000_bytes(doctor):
    answer = raw_upload(doctor, b'; filename="' + b"x" * 5000 + b'.png"', png())
    if answer.status_code == 201:
        assert len(answer.json()["original_filename"]) <= 600
    else:
        assert answer.status_code in (400, 413, 422)


def test_no_name_at_all(doctor):
    file = ok(raw_upload(doctor, b"", png()), 201)
    assert file["original_filename"]


def test_extended_name(doctor):
    """RFC 8187 form, which some clients send."""
    answer = raw_upload(doctor, b"; filename=\"x.png\"; filename*=UTF-8''%E8%83%B8.png", png())
    assert ok(answer, 201)["original_filename"] in ("胸.png", "x.png")


def test_same_name_twice_is_two_files(doctor):
    a, b = png(), png()
    first, second = doctor.upload(a, filename="same.png"), doctor.upload(b, filename="same.png")
    assert first["storage_path"] != second["storage_path"]
    assert doctor.get(f"/image-files/{first['id']}/download").content == a
    assert doctor.get(f"/image-files/{second['id']}/download").content == b


# ---- what is refused ----


def test_empty_file_422(server, doctor):
    assert wrong_members(doctor.upload(b"", expect=422)) == ["file"]


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"%PDF-1.4\n%",
        b"MZ" + b"\0" * 200,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + b"\0" * 50,
        b"{}",
        b"\0" * 1000,
        b"\xff\xd8",
        b"#!/bin/sh\nrm -rf /\n",
        b"PK\x03\x04" + b"\0" * 60,
    ],
)
def test_files_that_lie_about_their_type(server, doctor, content):
    before = stored(server)
    answer = doctor.post("/upload/single", files={"file": ("x.png", content, "image/png")})
    assert answer.status_code in (415, 422), answer.text
    problem(answer, answer.status_code)
    nothing_new(server, before)


def test_a_jpeg_named_dcm_is_a_jpeg(doctor):
    assert doctor.upload(sample(JPEG) + os.urandom(8), filename="x.dcm")["file_type"] == "JPEG"


def test_other_types_when_allowed(new_server):
    admin = new_server(ALLOW_OTHER="true").admin()
    file = admin.upload(b"plain text", filename="notes.txt")
    assert file["file_type"] == "OTHER"
    assert not file["mime_type"].startswith("image/")
    answer = admin.get(f"/image-files/{file['id']}/download")
    assert answer.content == b"plain text" and answer.headers["x-content-type-options"] == "nosniff"


def test_no_file_part_422(doctor):
    body, headers = multipart([(b'Content-Disposition: form-data; name="description"', b"x")])
    assert wrong_members(problem(doctor.post("/upload/single", content=body, headers=headers), 422)) == ["file"]


def test_two_files_are_refused(doctor):
    answer = doctor.post("/upload/single", files=[("file", ("a.png", png())), ("file", ("b.png", png()))])
    assert answer.status_code in (400, 413, 422)


def test_unknown_and_repeated_parts(doctor):
    answer = doctor.post("/upload/single", files={"file": ("a.png", png())}, data={"crown": "1"})
    assert wrong_members(problem(answer, 422)) == ["crown"]
    answer = doctor.post("/upload/single", files={"file": ("a.png", png())}, data={"modality": ["CT", "MR"]})
    assert wrong_members(problem(answer, 422)) == ["modality"]


@pytest.mark.parametrize(
    "member, value",
    [
        ("patient_id", "999999999"),
        ("patient_id", "abc"),
        ("patient_id", "0"),
        ("modality", "x" * 17),
        ("body_part", "x" * 65),
        ("description", "x" * 2001),
    ],
)
def test_bad_details_422_and_nothing_is_kept(server, doctor, member, value):
    before = stored(server)
    assert wrong_members(doctor.upload(png(), expect=422, **{member: value})) == [member]
    nothing_new(server, before)
    assert ok(doctor.get("/image-files/my-images"))["total"] == 0


@pytest.mark.parametrize(
    "body, type",
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\n\r\nabc\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary="),
        (b"x", "multipart/form-data; boundary=" + "b" * 200),
    ],
)
def test_broken_forms(doctor, body, type):
    answer = doctor.post("/upload/single", content=body, headers={"Content-Type": type})
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)


def test_other_content_types_415(doctor):
    problem(doctor.post("/upload/single", json={"file": "x"}), 415)
    problem(doctor.post("/upload/single", content=png(), headers={"Content-Type": "image/png"}), 415)


def test_truncated_jpeg_fails_with_a_reason(doctor):
    whole = sample(JPEG)
    file = doctor.settled(doctor.upload(whole[: len(whole) // 2])["id"])
    assert file["status"] == "FAILED"
    assert file["status_reason"] and file["thumbnail_path"] is None
    assert doctor.get(f"/image-files/{file['id']}/download").content == whole[: len(whole) // 2]


@pytest.mark.parametrize("name", ["images/truncated.jpg"])
def test_damaged_samples(doctor, name):
    answer = doctor.post("/upload/single", files={"file": ("bad.jpg", sample(name))})
    if answer.status_code == 201:
        file = doctor.settled(answer.json()["id"])
        assert file["status"] == "FAILED" and file["status_reason"]
    else:
        assert answer.status_code in (415, 422)


def test_whole_pictures_stay_uploaded(doctor):
    for name in (JPEG, PNG, TIFF):
        file = doctor.settled(doctor.upload(sample(name))["id"])
        assert file["status"] == "UPLOADED" and file["status_reason"] is None


# ---- duplicates ----


def test_same_bytes_are_not_stored_twice(server, doctor):
    content = png()
    first = doctor.upload(content)
    count = len([p for p in stored(server) if p.startswith("completed")])
    second = doctor.upload(content, filename="again.png")
    third = doctor.upload(content, filename="once more.png")
    assert first["duplicate_of"] is None
    assert second["duplicate_of"] == third["duplicate_of"] == first["id"]
    assert second["storage_path"] == first["storage_path"]
    assert len([p for p in stored(server) if p.startswith("completed")]) == count
    ok(doctor.delete(f"/image-files/{first['id']}"), 204)
    assert doctor.get(f"/image-files/{second['id']}/download").content == content


def test_duplicates_do_not_tell_what_others_have(doctor, colleague, radiologist, server, admin):
    content = png()
    first = doctor.upload(content)
    theirs = colleague.upload(content)
    assert theirs["duplicate_of"] is None
    assert theirs["storage_path"] != first["storage_path"]
    both = server.account("radiologist", "doctor", admin=admin)
    assert both.upload(content)["duplicate_of"] in (first["id"], theirs["id"])


def test_same_bytes_at_once(server, doctor):
    content = png()
    answers = []

    def send():
        with server.client(doctor.token) as client:
            answers.append(client.upload(content))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len({a["id"] for a in answers}) == 8
    for a in answers:
        assert doctor.get(f"/image-files/{a['id']}/download").content == content


# ---- rights, streaming ----


def test_rights(admin, doctor, technician, radiologist, viewer, nobody):
    for api in (admin, doctor, technician, radiologist):
        api.upload(png())
    viewer.upload(png(), expect=403)
    nobody.upload(png(), expect=401)


def test_refused_before_the_body_is_read(server, nobody):
    """Without a token a large body is not taken in: the answer comes first."""
    with connect(server) as s:
        s.sendall(
            b"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 1000000000\r\n\r\n"
        )
        assert s.recv(100).startswith(b"HTTP/1.1 401")


def test_an_upload_broken_off_leaves_nothing(server, doctor):
    before = stored(server)
    with connect(server) as s:
        s.sendall(
            f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {doctor.token}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 10000000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'.encode()
            + png()
            + b"\0" * 3_000_000
        )
        wait_until(lambda: set(stored(server)) - set(before), "a temporary file")
    nothing_new(server, before)
    assert ok(doctor.get("/image-files/my-images"))["total"] == 0
