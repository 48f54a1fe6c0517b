"""Many files in one request, and ZIPs of them; one bad file does not keep the others out."""

import io
import os
import struct
import zipfile

import numpy
import pytest

from made import image
from support import CT, JPEG, dicom, files_below, nothing_new, ok, png, problem, sample, wrong_members, zipped


def send(api, files, expect=207, **details):
    answer = api.post("/upload/batch", files=[("file", f) for f in files], data={k: str(v) for k, v in details.items()})
    if expect != 207:
        return problem(answer, expect)
    body = ok(answer, 207)
    assert body["total"] == body["succeeded"] + body["failed"] == len(body["items"])
    assert body["succeeded"] == sum(i["status"] == 201 for i in body["items"])
    for item in body["items"]:
        assert {"filename", "status", "image_file", "error"} <= set(item)
        assert (item["image_file"] is not None) == (item["status"] == 201)
        assert (item["error"] is None) == (item["status"] == 201)
    return body


def test_many_files(doctor):
    patient = doctor.patient()
    contents = [png() for _ in range(5)] + [sample(JPEG), dicom(PatientID=patient["patient_id"], Modality="XR")]
    body = send(doctor, [(f"f{i}.png", c) for i, c in enumerate(contents)], patient_id=patient["id"], modality="XR")
    assert (body["total"], body["succeeded"], body["failed"]) == (7, 7, 0)
    assert [i["filename"] for i in body["items"]] == [f"f{i}.png" for i in range(7)]
    for item, content in zip(body["items"], contents):
        file = item["image_file"]
        assert file["patient_id"] == patient["id"] and file["modality"] == "XR"
        assert doctor.get(f"/image-files/{file['id']}/download").content == content
    assert [i["image_file"]["file_type"] for i in body["items"][5:]] == ["JPEG", "DICOM"]


def test_one_bad_file_does_not_harm_the_others(doctor):
    body = send(doctor, [("good.png", png()), ("bad.png", b"hello"), ("empty.png", b""), ("good2.png", png())])
    assert [i["status"] for i in body["items"]] == [201, 415, 422, 201]
    assert ok(doctor.get("/image-files/my-images"))["total"] == 2


def test_nothing_to_upload_422(doctor):
    answer = doctor.post("/upload/batch", files={"description": (None, "x")})
    assert wrong_members(problem(answer, 422)) == ["file"]


def test_bad_details_refuse_the_whole(doctor):
    answer = doctor.post("/upload/batch", files=[("file", ("a.png", png()))], data={"modality": "x" * 17})
    assert wrong_members(problem(answer, 422)) == ["modality"]
    assert ok(doctor.get("/image-files/my-images"))["total"] == 0


def test_zip(doctor):
    contents = {"a.png": png(), "b/c.png": png(), "胸部/片.png": png(), "d.dcm": sample(CT)}
    body = send(doctor, [("all.zip", zipped([*contents.items(), ("b/", b"")]))])
    assert body["total"] == 4 and body["failed"] == 0
    assert {i["filename"] for i in body["items"]} == set(contents)
    for item in body["items"]:
        assert doctor.get(f"/image-files/{item['image_file']['id']}/download").content == contents[item["filename"]]


def test_zip_stored_and_mixed_with_files(doctor):
    body = send(
        doctor,
        [
            ("one.png", png()),
            ("z.zip", zipped([("x.png", png()), ("y.txt", b"text")], zipfile.ZIP_STORED)),
            ("two.png", png()),
        ],
    )
    assert [i["status"] for i in body["items"]] == [201, 201, 415, 201]


def test_zip_by_content_not_by_name(doctor):
    assert send(doctor, [("image.png", zipped([("x.png", png())]))])["succeeded"] == 1
    assert send(doctor, [("image.zip", png())])["items"][0]["image_file"]["file_type"] == "PNG"


def test_zip_with_path_tricks(server, doctor, tmp_path):
    names = [
        "../../../evil.png",
        "/tmp/evil-absolute.png",
        "..\\..\\evil.png",
        "a/../../b.png",
        "x\u202egnp.png",
        "n" * 290 + ".png",
    ]
    before = files_below(server.folder)
    body = send(doctor, [("z.zip", zipped([(n, png()) for n in names]))])
    assert body["total"] == len(names)
    new = files_below(server.folder) - before
    assert not [p for p in new if "evil" in p.name]
    assert not (server.folder.parent / "evil.png").exists()
    for item in body["items"]:
        if item["status"] == 201:
            assert ".." not in item["image_file"]["storage_path"] and "evil" not in item["image_file"]["storage_path"]


def test_zip_with_names_in_gbk(doctor):
    """What Windows in China writes: no UTF-8 flag, bytes of another code page. The file counts, whatever its name looks
    like."""
    name = "胸片.png".encode("gbk")
    content = png()
    packed = zipped([("X" * len(name), content), ("b.png", png())]).replace(b"X" * len(name), name)
    body = send(doctor, [("z.zip", packed)])
    assert [i["status"] for i in body["items"]] == [201, 201]
    assert doctor.get(f"/image-files/{body['items'][0]['image_file']['id']}/download").content == content


def test_zip_with_a_symlink_takes_no_file_of_ours(doctor):
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("ok.png", png())
    body = send(doctor, [("z.zip", out.getvalue())])
    assert body["succeeded"] == 1
    assert "root:" not in str(body)


def test_zip_bomb_is_stopped(server, doctor):
    """64 MiB of zeros in a few bytes, as bzip2 packs them: a thousand times more than deflate can."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("zeros.png", b"\0" * (64 << 20))
    assert len(whole.getvalue()) < 1000
    body = send(doctor, [("bomb.zip", whole.getvalue()), ("good.png", png())])
    assert body["items"][0]["status"] == 413 and body["items"][-1]["status"] == 201
    assert ok(doctor.get("/image-files/my-images"))["total"] == 1
    ok(doctor.get("/auth/me"))


def test_an_empty_mask_is_no_bomb(server, doctor):
    """20 MiB of zeros, of which deflate makes a thousandth: as uploaded alone, so in a ZIP, and what comes behind
    it."""
    mask = image(numpy.zeros((1024, 10240), numpy.uint16))
    packed = zipped([("seg.dcm", mask), ("ok.png", png())])
    assert len(packed) < len(mask) / 200
    body = send(doctor, [("z.zip", packed)])
    assert [i["status"] for i in body["items"]] == [201, 201]


def test_zip_unpacking_limit(new_server):
    server = new_server(MAX_UNPACKED="1MiB")
    admin = server.admin()
    big = [(f"{i}.png", png() + os.urandom(300_000)) for i in range(5)]
    body = send(admin, [("z.zip", zipped(big))])
    assert body["succeeded"] == 3 and body["failed"] >= 1
    assert 413 in [i["status"] for i in body["items"]]


def test_zip_with_too_many_entries(new_server):
    server = new_server(MAX_BATCH_FILES="10")
    admin = server.admin()
    body = send(admin, [("z.zip", zipped([(f"{i}.png", png()) for i in range(50)]))])
    assert body["total"] <= 11 and body["succeeded"] <= 10 and 413 in [i["status"] for i in body["items"]]
    answer = admin.post("/upload/batch", files=[("file", (f"{i}.png", png())) for i in range(11)])
    assert answer.status_code == 413 or (answer.status_code == 207 and answer.json()["succeeded"] <= 10)


def test_too_many_files_and_zips_together_are_refused_before_anything_is_stored(new_server):
    server = new_server(MAX_BATCH_FILES="5")
    admin = server.admin()
    body = send(admin, [("a.png", png()), ("z.zip", zipped([(f"{i}.png", png()) for i in range(5)]))])
    assert [i["status"] for i in body["items"]] == [413, 413] and "none of them" in body["items"][0]["error"]
    nothing_new(server, [])
    assert ok(admin.get("/image-files/my-images"))["total"] == 0
    two = [("y.zip", zipped([("1.png", png()), ("2.png", png())])), ("z.zip", zipped([("d/", b""), ("3.png", png())]))]
    body = send(admin, [("a.png", png()), *two, ("b.png", png())])  # a folder is none
    assert [i["status"] for i in body["items"]] == [201] * 5


def test_zip_in_zip_is_not_unpacked(doctor):
    body = send(doctor, [("z.zip", zipped([("inner.zip", zipped([("x.png", png())])), ("y.png", png())]))])
    assert [i["status"] for i in body["items"]] == [415, 201]


@pytest.mark.parametrize(
    "damage",
    [
        lambda z: z[: len(z) // 2],
        lambda z: z[:100] + b"\xff" * 50 + z[150:],
        lambda z: z[:-30],
        lambda z: b"PK\x03\x04" + b"\xff" * 100,
        lambda z: b"PK\x05\x06" + b"\0" * 18,
    ],
)
def test_damaged_zips(doctor, damage):
    whole = zipped([("a.png", png()), ("b.png", png()), ("c.png", png())])
    body = send(doctor, [("z.zip", damage(whole)), ("after.png", png())])
    assert body["items"][-1]["status"] == 201
    assert all(i["status"] in (201, 400, 415, 422) for i in body["items"])


def test_encrypted_entries_are_told(doctor):
    plain = bytearray(zipped([("a.png", png())]))
    plain[6] |= 1  # the "encrypted" flag, in the local header and in the directory
    at = bytes(plain).rindex(b"PK\x01\x02")
    plain[at + 8] |= 1
    body = send(doctor, [("z.zip", bytes(plain))])
    assert body["succeeded"] == 0 and body["items"][0]["status"] in (400, 415, 422)


def test_entry_that_lies_about_its_size(doctor):
    plain = bytearray(zipped([("a.png", png())]))
    at = bytes(plain).rindex(b"PK\x01\x02")
    plain[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
    plain[22:26] = struct.pack("<I", 0xFFFFFFF0)
    body = send(doctor, [("z.zip", bytes(plain)), ("good.png", png())])
    assert body["items"][-1]["status"] == 201
