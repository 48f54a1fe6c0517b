"""A file in chunks: any order, in parallel, again, with hashes; gaps, mistakes, restarts."""

import os
import random
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import (
    JPEG,
    dicom,
    files_below,
    md5,
    md5_base64,
    nothing_new,
    ok,
    png,
    problem,
    sample,
    sha256,
    sha256_base64,
    stored,
    wait_until,
    wrong_members,
)

KIB, MIB = 1 << 10, 1 << 20


def begin(api, content=b"", expect=201, **members):
    body = {"filename": "ct.dcm", "file_size": len(content), **members}
    answer = api.post("/upload/chunked", json=body)
    return ok(answer, 201) if expect == 201 else problem(answer, expect)


def path(upload, *more):
    return "/".join(["/upload/chunked", upload["upload_id"], *map(str, more)])


def piece(upload, content, n):
    return content[n * upload["chunk_size"] : (n + 1) * upload["chunk_size"]]


def put(api, upload, content, n, **headers):
    return api.put(
        path(upload, "chunks", n),
        content=piece(upload, content, n),
        headers={"Content-Type": "application/octet-stream", **headers},
    )


def fat_png(size):
    head = png()
    return head + os.urandom(size - len(head))


def test_whole_way(server, doctor):
    content, patient = fat_png(300 * KIB), doctor.patient()
    answer = doctor.post(
        "/upload/chunked",
        json={
            "filename": "大片.png",
            "file_size": len(content),
            "chunk_size": 64 * KIB,
            "file_hash": md5(content),
            "patient_id": patient["id"],
            "modality": "CT",
            "body_part": "HEAD",
            "description": "分片",
        },
    )
    upload = ok(answer, 201)
    assert {"upload_id", "image_file_id", "chunk_size", "total_chunks", "expires_at"} <= set(upload)
    assert answer.headers["location"] == "/api/v1" + path(upload)
    assert uuid.UUID(upload["upload_id"])
    assert (upload["chunk_size"], upload["total_chunks"]) == (64 * KIB, 5)
    early = doctor.file(upload["image_file_id"])
    assert (early["status"], early["upload_progress"], early["is_chunked"], early["total_chunks"]) == (
        "UPLOADING",
        0,
        True,
        5,
    )
    assert early["uploaded_chunks"] == []
    stored = ok(put(doctor, upload, content, 3))
    assert stored == {"number": 3, "size": 64 * KIB, "upload_progress": 21}
    state = ok(doctor.get(path(upload)))
    assert {
        "upload_id",
        "image_file_id",
        "filename",
        "file_size",
        "chunk_size",
        "total_chunks",
        "uploaded_chunks",
        "missing_chunks",
        "upload_progress",
        "status",
        "expires_at",
    } <= set(state)
    assert (state["uploaded_chunks"], state["missing_chunks"], state["status"]) == ([3], [0, 1, 2, 4], "UPLOADING")
    assert doctor.file(upload["image_file_id"])["uploaded_chunks"] == [3]
    problem(doctor.get(f"/image-files/{upload['image_file_id']}/download"), 409)
    for n in (4, 0, 2, 1):
        ok(put(doctor, upload, content, n))
    file = ok(doctor.post(path(upload, "complete")), 201)
    assert file["id"] == upload["image_file_id"]
    assert (file["status"], file["upload_progress"], file["file_type"], file["file_size"]) == (
        "UPLOADED",
        100,
        "PNG",
        len(content),
    )
    assert (file["file_hash"], file["sha256"]) == (md5(content), sha256(content))
    assert (
        file["original_filename"],
        file["patient_id"],
        file["modality"],
        file["body_part"],
        file["description"],
    ) == ("大片.png", patient["id"], "CT", "HEAD", "分片")
    assert file["uploaded_chunks"] == [0, 1, 2, 3, 4] and file["uploaded_at"]
    assert doctor.get(f"/image-files/{file['id']}/download").content == content
    wait_until(
        lambda: not [p for p in chunks_of(server, upload) if upload["upload_id"] in str(p.parent)], "the chunks gone"
    )


def test_a_large_file_in_parallel_in_any_order(server, doctor):
    block = os.urandom(MIB // 4)
    content = dicom() + b"".join(i.to_bytes(4, "big") + block[4:] for i in range(300))
    upload = begin(doctor, content, chunk_size=2 * MIB, file_hash=sha256(content))
    assert upload["total_chunks"] == 38
    numbers = list(range(38)) + [3, 7, 37]
    random.Random(7).shuffle(numbers)
    clients = threading.local()

    def send(n):
        if not hasattr(clients, "api"):
            clients.api = server.client(doctor.token)
        part = piece(upload, content, n)
        return clients.api.put(
            path(upload, "chunks", n), content=part, headers={"Content-MD5": md5_base64(part)}
        ).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(send, numbers)) == {200}
    file = ok(doctor.post(path(upload, "complete")), 201)
    assert file["sha256"] == sha256(content) and file["file_type"] == "DICOM"
    assert doctor.get(f"/image-files/{file['id']}/download").content == content


def test_sizes_are_64_bit(new_server):
    admin = new_server(MAX_UPLOAD="1TiB").admin()
    for size in ((1 << 31) - 1, 1 << 31, (1 << 32) + 5, 900 << 30):
        upload = begin(admin, file_size=size, chunk_size=256 * MIB)
        assert ok(admin.get(path(upload)))["file_size"] == size
        assert admin.file(upload["image_file_id"])["file_size"] == size
        assert upload["total_chunks"] == -(-size // (256 * MIB))
    total = ok(admin.get("/image-files/stats/summary"))["total_size"]
    assert total > 900 << 30


def test_layout_by_total_chunks(doctor):
    content = fat_png(500 * KIB)
    upload = begin(doctor, content, total_chunks=4)
    assert (upload["total_chunks"], upload["chunk_size"]) == (4, 125 * KIB)
    for n in range(4):
        ok(put(doctor, upload, content, n))
    assert ok(doctor.post(path(upload, "complete")), 201)["sha256"] == sha256(content)


def test_layout_by_nothing(doctor):
    assert begin(doctor, file_size=20 * MIB)["chunk_size"] == 8 * MIB
    assert begin(doctor, file_size=20 * MIB)["total_chunks"] == 3
    small = begin(doctor, file_size=5)
    assert small["total_chunks"] == 1


@pytest.mark.parametrize(
    "members, wrong",
    [
        ({"file_size": 0}, ["file_size"]),
        ({"file_size": -5}, ["file_size"]),
        ({"file_size": "many"}, ["file_size"]),
        ({"filename": ""}, ["filename"]),
        ({"filename": None}, ["filename"]),
        ({"file_size": None}, ["file_size"]),
        ({"file_size": 10 * MIB, "chunk_size": 64 * KIB - 1}, ["chunk_size"]),
        ({"file_size": MIB, "chunk_size": 256 * MIB + 1}, ["chunk_size"]),
        ({"file_size": MIB, "chunk_size": 0}, ["chunk_size"]),
        ({"file_size": MIB, "total_chunks": 0}, ["total_chunks"]),
        ({"file_size": 10 * MIB, "chunk_size": MIB, "total_chunks": 9}, ["total_chunks"]),
        ({"file_hash": "xyz"}, ["file_hash"]),
        ({"file_hash": "g" * 32}, ["file_hash"]),
        ({"file_hash": "a" * 40}, ["file_hash"]),
        ({"patient_id": 999999999}, ["patient_id"]),
        ({"modality": "x" * 17}, ["modality"]),
        ({"upload_id": "../../etc"}, ["upload_id"]),
        ({"crown": 1}, ["crown"]),
    ],
)
def test_bad_beginnings_422(doctor, members, wrong):
    body = {"filename": "a.png", "file_size": 1000, **members}
    assert wrong_members(problem(doctor.post("/upload/chunked", json=body), 422)) == wrong
    assert ok(doctor.get("/image-files/my-images"))["total"] == 0


def test_chunk_size_limits_are_inclusive(doctor):
    assert begin(doctor, file_size=10 * MIB, chunk_size=64 * KIB)["total_chunks"] == 160
    assert begin(doctor, file_size=300 * MIB, chunk_size=256 * MIB)["total_chunks"] == 2
    assert begin(doctor, file_size=10, chunk_size=10)["total_chunks"] == 1


def test_too_large_a_file_413(doctor):
    begin(doctor, file_size=(4 << 30) + 1, chunk_size=256 * MIB, expect=413)
    begin(doctor, file_size=4 << 30, chunk_size=256 * MIB)


@pytest.mark.parametrize(
    "headers",
    [
        lambda c: {"Content-MD5": md5_base64(c)},
        lambda c: {"Digest": "md5=" + md5_base64(c)},
        lambda c: {"Digest": "sha-256=" + sha256_base64(c)},
        lambda c: {"Digest": "SHA-256=" + sha256_base64(c)},
        lambda c: {"Content-Digest": f"sha-256=:{sha256_base64(c)}:"},
        lambda c: {"Repr-Digest": f"sha-256=:{sha256_base64(c)}:"},
        lambda c: {"Digest": "crc32c=abc"},
        lambda c: {},
    ],
)
def test_hashes(doctor, headers):
    content, other = fat_png(100 * KIB), fat_png(100 * KIB)
    upload = begin(doctor, content)
    wrong = headers(other)
    if wrong and "crc32c" not in str(wrong):
        problem(put(doctor, upload, content, 0, **wrong), 422)
        assert ok(doctor.get(path(upload)))["uploaded_chunks"] == []
    ok(put(doctor, upload, content, 0, **headers(content)))


@pytest.mark.parametrize("value", ["!!!", "", "AAAA", "d" * 500])
def test_hashes_that_are_none(doctor, value):
    content = fat_png(1000)
    upload = begin(doctor, content)
    answer = put(doctor, upload, content, 0, **{"Content-MD5": value})
    assert answer.status_code in (400, 422) or (value == "" and answer.status_code == 200)
    if value:
        assert ok(doctor.get(path(upload)))["uploaded_chunks"] == []


def test_chunk_with_a_wrong_hash_is_not_kept_on_disk(server, doctor):
    content = fat_png(100 * KIB)
    upload = begin(doctor, content)
    before = stored(server)
    problem(put(doctor, upload, content, 0, **{"Content-MD5": md5_base64(b"x")}), 422)
    nothing_new(server, before)


@pytest.mark.parametrize("size", [0, 1, 64 * KIB - 1, 64 * KIB + 1, 200 * KIB])
def test_wrong_length_422(doctor, size):
    content = fat_png(150 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)
    problem(doctor.put(path(upload, "chunks", 0), content=b"x" * size), 422)
    problem(doctor.put(path(upload, "chunks", 2), content=b"x" * 64 * KIB), 422)
    assert ok(doctor.get(path(upload)))["uploaded_chunks"] == []


@pytest.mark.parametrize("number", ["3", "99999", "-1", "abc", "100000", "99999999999999999999", "0x0", "1e0"])
def test_impossible_numbers(doctor, number):
    content = fat_png(150 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)
    assert doctor.put(path(upload, "chunks", number), content=b"x" * 64 * KIB).status_code in (404, 422)


def test_again_with_equal_bytes_200_with_others_409(doctor):
    content = fat_png(150 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)
    assert ok(put(doctor, upload, content, 1)) == ok(put(doctor, upload, content, 1))
    problem(doctor.put(path(upload, "chunks", 1), content=os.urandom(64 * KIB)), 409)
    for n in (0, 2):
        ok(put(doctor, upload, content, n))
    assert ok(doctor.post(path(upload, "complete")), 201)["sha256"] == sha256(content)


def test_one_chunk_from_many_clients_at_once(server, doctor):
    content = fat_png(150 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)

    def send(i):
        with server.client(doctor.token) as api:
            part = piece(upload, content, 0) if i % 2 else fat_png(64 * KIB)
            return api.put(path(upload, "chunks", 0), content=part)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    # Those with the right bytes all get 200, or one with others was first and alone.
    codes = [a.status_code for a in answers]
    assert codes.count(200) in (1, 4) and codes.count(409) == 8 - codes.count(200), [a.text for a in answers]
    assert {a.status_code for a in answers[1::2]} == ({200} if codes.count(200) == 4 else {409}), [
        a.text for a in answers
    ]
    assert ok(doctor.get(path(upload)))["uploaded_chunks"] == [0]
    assert ok(doctor.get(path(upload)))["upload_progress"] == 42


def test_different_chunks_at_once_count_each(server, doctor):
    content = fat_png(640 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)

    def send(n):
        with server.client(doctor.token) as api:
            return put(api, upload, content, n)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(upload["total_chunks"])))
    assert {a.status_code for a in answers} == {200}, [a.text for a in answers if a.status_code != 200]
    assert max(a.json()["upload_progress"] for a in answers) == ok(doctor.get(path(upload)))["upload_progress"] == 100


def test_complete_with_gaps_409(doctor):
    content = fat_png(300 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)
    assert problem(doctor.post(path(upload, "complete")), 409)["missing_chunks"] == [0, 1, 2, 3, 4]
    for n in (0, 2):
        ok(put(doctor, upload, content, n))
    assert problem(doctor.post(path(upload, "complete")), 409)["missing_chunks"] == [1, 3, 4]
    assert ok(doctor.get(path(upload)))["status"] == "UPLOADING"


def test_complete_is_repeatable(doctor):
    content = fat_png(100 * KIB)
    upload = begin(doctor, content)
    ok(put(doctor, upload, content, 0))
    first = ok(doctor.post(path(upload, "complete")), 201)
    again = doctor.post(path(upload, "complete"))
    assert again.status_code in (200, 201) and again.json()["id"] == first["id"]
    state = ok(doctor.get(path(upload)))
    assert (state["status"], state["missing_chunks"], state["upload_progress"]) == ("UPLOADED", [], 100)
    problem(put(doctor, upload, content, 0), 409)
    problem(doctor.delete(path(upload)), 409)
    ok(doctor.get(f"/image-files/{first['id']}"))


def test_complete_from_many_clients_at_once(server, doctor):
    content = fat_png(300 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)
    for n in range(5):
        ok(put(doctor, upload, content, n))

    def complete(_):
        with server.client(doctor.token) as api:
            return api.post(path(upload, "complete"))

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(complete, range(6)))
    codes = {a.status_code for a in answers}
    assert codes <= {200, 201}, [a.text for a in answers if a.status_code >= 300]
    file = doctor.file(upload["image_file_id"])
    assert file["status"] == "UPLOADED" and doctor.get(f"/image-files/{file['id']}/download").content == content


@pytest.mark.parametrize("hashed", [md5, sha256])
def test_complete_with_another_hash_422(server, doctor, hashed):
    content = fat_png(100 * KIB)
    upload = begin(doctor, content, file_hash=hashed(b"another"))
    ok(put(doctor, upload, content, 0))
    assert wrong_members(problem(doctor.post(path(upload, "complete")), 422)) == ["file_hash"]
    assert is_cancelled(server, doctor, upload)
    right = begin(doctor, content, file_hash=hashed(content).upper())
    ok(put(doctor, right, content, 0))
    ok(doctor.post(path(right, "complete")), 201)


def chunks_of(server, upload):
    return [p for p in files_below(server.files) if upload["upload_id"] in str(p)]


def is_cancelled(server, api, upload):
    """It is as if it had never begun: no record, no chunks, and its place among those under way is free."""
    problem(api.get(path(upload)), 404)
    problem(api.post(path(upload, "complete")), 404)
    problem(api.get(f"/image-files/{upload['image_file_id']}"), 404)
    wait_until(lambda: not chunks_of(server, upload), "the chunks gone")
    actions = server.database.rows(
        "select count(*) from audit_logs where action = 'image_file.upload_cancel' and entity = 'image_file' "
        f"and entity_id = {upload['image_file_id']} and user_id = {api.id}"
    )
    assert actions[0][0] == 1
    return True


NO_PICTURES = [b"just text " * 20000, b"PK\3\4" + os.urandom(150 * KIB), b"%PDF-1.7\n" + os.urandom(150 * KIB), b"x"]


@pytest.mark.parametrize("content", NO_PICTURES, ids=["text", "zip", "pdf", "one-byte"])
def test_the_first_chunk_tells_a_type_that_is_refused(server, doctor, content):
    upload = begin(doctor, content, filename="x.png", **({"chunk_size": 64 * KIB} if len(content) > 64 * KIB else {}))
    assert "none of them" in problem(put(doctor, upload, content, 0), 415)["detail"]
    assert is_cancelled(server, doctor, upload)
    problem(put(doctor, upload, content, 0), 404)


def test_the_first_chunk_may_come_last(server, doctor):
    content = NO_PICTURES[0]
    upload = begin(doctor, content, chunk_size=64 * KIB)
    for n in range(upload["total_chunks"] - 1, 0, -1):
        ok(put(doctor, upload, content, n))
    problem(put(doctor, upload, content, 0), 415)
    assert is_cancelled(server, doctor, upload)


def test_a_first_chunk_damaged_on_its_way_cancels_nothing(doctor):
    content = fat_png(150 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)
    noise = b"x" * 64 * KIB
    way = path(upload, "chunks", 0)
    problem(doctor.put(way, content=noise, headers={"Content-MD5": md5_base64(content)}), 422)
    problem(doctor.put(way, content=noise[:100]), 422)
    for n in range(3):
        ok(put(doctor, upload, content, n))
    assert "other bytes" in problem(doctor.put(way, content=noise), 409)["detail"]
    ok(doctor.post(path(upload, "complete")), 201)


def test_other_types_are_taken_in_chunks_where_they_are_allowed(new_server):
    doctor = new_server(ALLOW_OTHER="true").account("doctor")
    content = NO_PICTURES[0]
    upload = begin(doctor, content)
    ok(put(doctor, upload, content, 0))
    assert ok(doctor.post(path(upload, "complete")), 201)["file_type"] == "OTHER"


def test_a_picture_whose_header_is_damaged_is_refused_at_the_end(server, doctor):
    content = png()[:8] + os.urandom(1000)
    upload = begin(doctor, content)
    ok(put(doctor, upload, content, 0))
    assert wrong_members(problem(doctor.post(path(upload, "complete")), 422)) == ["file"]
    assert is_cancelled(server, doctor, upload)


def test_cancel_frees(server, doctor):
    content = fat_png(300 * KIB)
    upload = begin(doctor, content, chunk_size=64 * KIB)
    for n in range(3):
        ok(put(doctor, upload, content, n))
    assert chunks_of(server, upload)
    ok(doctor.delete(path(upload)), 204)
    for answer in (
        doctor.get(path(upload)),
        put(doctor, upload, content, 0),
        doctor.post(path(upload, "complete")),
        doctor.delete(path(upload)),
        doctor.get(f"/image-files/{upload['image_file_id']}"),
    ):
        problem(answer, 404)
    wait_until(lambda: not chunks_of(server, upload), "the chunks gone")


def test_uploads_of_others_do_not_exist(doctor, colleague, admin):
    content = fat_png(100 * KIB)
    upload = begin(doctor, content)
    for api in (colleague, admin):
        for answer in (
            api.get(path(upload)),
            put(api, upload, content, 0),
            api.post(path(upload, "complete")),
            api.delete(path(upload)),
        ):
            problem(answer, 404)
    ok(put(doctor, upload, content, 0))


@pytest.mark.parametrize(
    "upload_id",
    ["nonsense", "../../etc/passwd", "00000000-0000-0000-0000-000000000000", "%2e%2e%2f", "a" * 36, "a" * 5000],
)
def test_unknown_uploads_404(doctor, upload_id):
    assert doctor.get(f"/upload/chunked/{upload_id}").status_code in (404, 414, 422)


def test_progress_survives_a_restart(new_server):
    server = new_server()
    admin = server.admin()
    content = fat_png(300 * KIB)
    upload = begin(admin, content, chunk_size=64 * KIB)
    for n in (1, 3):
        ok(put(admin, upload, content, n))
    server.stop()
    server.start()
    admin = server.client(admin.token)
    assert ok(admin.get(path(upload)))["uploaded_chunks"] == [1, 3]
    for n in (0, 2, 4):
        ok(put(admin, upload, content, n))
    assert ok(admin.post(path(upload, "complete")), 201)["sha256"] == sha256(content)


def test_uploads_nobody_completes_are_swept(new_server):
    server = new_server(UPLOAD_EXPIRY="60s")
    admin = server.admin()
    content = fat_png(100 * KIB)
    upload = begin(admin, content)
    ok(put(admin, upload, content, 0))
    server.stop()
    server.database.rows(
        f"update image_files set created_at = created_at - 120000000 where id = {upload['image_file_id']}"
    )
    server.start()
    admin = server.client(admin.token)
    wait_until(lambda: admin.get(path(upload)).status_code == 404, "the upload swept")
    wait_until(lambda: not chunks_of(server, upload), "the chunks gone")


def test_a_real_jpeg_gets_its_thumbnail(doctor):
    content = sample(JPEG)
    upload = begin(doctor, content, chunk_size=64 * KIB)
    for n in range(upload["total_chunks"]):
        ok(put(doctor, upload, content, n))
    file = ok(doctor.post(path(upload, "complete")), 201)
    assert doctor.settled(file["id"])["status"] == "UPLOADED"


def test_chunked_uploads_are_not_for_viewers(viewer, nobody):
    begin(viewer, file_size=5, expect=403)
    begin(nobody, file_size=5, expect=401)
