"""Finding image files, and their totals: filters, searches and statistics."""

import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import JPEG, TIFF, dicom, ok, png, problem, sample, unique, wait_until, wrong_members

BRIEF_ROW = {
    "id",
    "file_uuid",
    "original_filename",
    "file_type",
    "file_size",
    "storage_path",
    "uploaded_by",
    "uploader_name",
    "patient_id",
    "modality",
    "status",
    "created_at",
}


def found(api, path="/image-files/my-images", **query):
    query.setdefault("page_size", 100)
    body = ok(api.get(path, params=query))
    assert body["total"] == len(body["items"])
    return [f["id"] for f in body["items"]]


@pytest.fixture(scope="module")
def shelf(server, admin):
    doctor = server.account("doctor", admin=admin)
    patient = doctor.patient()
    files = {
        "jpeg": doctor.upload(
            sample(JPEG), filename="胸部正位片.jpg", modality="XR", body_part="CHEST", patient_id=patient["id"]
        ),
        "png": doctor.upload(png(), filename="knee_left.png", modality="MR", body_part="KNEE"),
        "tiff": doctor.upload(sample(TIFF), filename="slide.tif", description="病理切片 HE"),
        "ct": doctor.upload(
            dicom(PatientID=patient["patient_id"], Modality="CT", BodyPartExamined="HEAD"),
            filename="CT_small.dcm",
            patient_id=patient["id"],
        ),
    }
    for name in ("jpeg", "png", "tiff"):
        doctor.settled(files[name]["id"])  # a thumbnail changes the record
    return doctor, patient, {name: f["id"] for name, f in files.items()}


def test_my_images_shape(shelf):
    doctor, patient, ids = shelf
    body = ok(doctor.get("/image-files/my-images"))
    assert (body["total"], body["page"], body["page_size"]) == (4, 1, 20)
    assert all(BRIEF_ROW <= set(f) for f in body["items"])
    assert [f["id"] for f in body["items"]] == sorted(ids.values(), reverse=True)
    assert all(f["uploaded_by"] == doctor.id and f["uploader_name"] == "张医生" for f in body["items"])
    assert body["items"][-1] == doctor.file(ids["jpeg"])


@pytest.mark.parametrize(
    "query, names",
    [
        ({"file_type": "JPEG"}, ["jpeg"]),
        ({"file_type": "DICOM"}, ["ct"]),
        ({"file_type": "OTHER"}, []),
        ({"status": "UPLOADED"}, ["ct", "tiff", "png", "jpeg"]),
        ({"status": "FAILED"}, []),
        ({"modality": "CT"}, ["ct"]),
        ({"modality": "XR"}, ["jpeg"]),
        ({"body_part": "KNEE"}, ["png"]),
        ({"modality": "CT", "file_type": "JPEG"}, []),
        ({"modality": "CT", "file_type": "DICOM", "body_part": "HEAD"}, ["ct"]),
        ({"search": "胸"}, ["jpeg"]),
        ({"search": "正位"}, ["jpeg"]),
        ({"search": "部正位"}, ["jpeg"]),
        ({"search": "切片"}, ["tiff"]),
        ({"search": "KNEE"}, ["png"]),
        ({"search": "nee_l"}, ["png"]),
        ({"search": "."}, ["ct", "tiff", "png", "jpeg"]),
        ({"search": "胸片"}, []),
        ({"search": "slide", "file_type": "PNG"}, []),
        ({"search": "HE", "file_type": "TIFF"}, ["tiff"]),
        ({"file_type": ""}, ["ct", "tiff", "png", "jpeg"]),
    ],
)
def test_filters(shelf, query, names):
    doctor, _, ids = shelf
    assert found(doctor, **query) == [ids[n] for n in names]
    assert found(doctor, "/image-files", **query) == [ids[n] for n in names]


def test_patient_filter_and_list(shelf, colleague, radiologist):
    doctor, patient, ids = shelf
    assert (
        found(doctor, patient_id=patient["id"])
        == found(doctor, f"/image-files/patient/{patient['id']}")
        == [ids["ct"], ids["jpeg"]]
    )
    assert found(doctor, f"/image-files/patient/{patient['id']}", file_type="JPEG") == [ids["jpeg"]]
    assert found(radiologist, f"/image-files/patient/{patient['id']}") == [ids["ct"], ids["jpeg"]]
    assert found(colleague, f"/image-files/patient/{patient['id']}") == []
    problem(doctor.get("/image-files/patient/999999999"), 404)


def test_read_all_lists_everybodys(shelf, radiologist, colleague):
    doctor, _, ids = shelf
    everything = [
        f["id"]
        for f in ok(radiologist.get("/image-files", params={"page_size": 100, "uploaded_by": doctor.id}))["items"]
    ]
    assert everything == sorted(ids.values(), reverse=True)
    assert found(radiologist, "/image-files/my-images") == []
    assert found(colleague, "/image-files") == []
    assert found(colleague, "/image-files", uploaded_by=doctor.id) == []
    theirs = ok(radiologist.get("/image-files"))
    assert theirs["total"] == ok(radiologist.get("/image-files/stats/summary", params={"scope": "all"}))["total_files"]


def day(offset):
    return (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=offset)).isoformat()


def test_dates(shelf):
    doctor, _, ids = shelf
    everything = sorted(ids.values(), reverse=True)
    assert found(doctor, start_date=day(-1), end_date=day(1)) == everything
    assert found(doctor, start_date=day(2)) == found(doctor, end_date=day(-2)) == []
    moment = doctor.file(ids["tiff"])["created_at"]
    assert found(doctor, start_date=moment) == [ids["ct"], ids["tiff"]]
    assert found(doctor, end_date=moment) == [ids["tiff"], ids["png"], ids["jpeg"]]
    assert found(doctor, start_date=moment, end_date=moment) == [ids["tiff"]]
    assert found(doctor, start_date=moment.replace("Z", "+00:00")) == [ids["ct"], ids["tiff"]]


def test_end_date_takes_in_its_whole_day(shelf):
    doctor, _, ids = shelf
    of = doctor.file(ids["jpeg"])["created_at"][:10]
    assert ids["jpeg"] in found(doctor, start_date=of, end_date=of)


@pytest.mark.parametrize(
    "query",
    [
        {"file_type": "jpeg"},
        {"status": "DONE"},
        {"start_date": "yesterday"},
        {"end_date": "2026-13-01"},
        {"end_date": "2026-02-30"},
        {"start_date": "2026-01-01T25:00:00Z"},
        {"patient_id": "x"},
        {"patient_id": "0"},
        {"search": "x" * 101},
        {"modality": "x" * 17},
        {"body_part": "x" * 65},
    ],
)
def test_bad_filters_422(shelf, query):
    assert wrong_members(problem(shelf[0].get("/image-files/my-images", params=query), 422)) == list(query)


def test_uploaded_by_is_no_filter_of_my_images(shelf):
    assert wrong_members(problem(shelf[0].get("/image-files/my-images", params={"uploaded_by": 1}), 422)) == [
        "uploaded_by"
    ]


def test_search_follows_the_description(doctor):
    word = "左侧" + unique()
    file = doctor.upload(png())
    assert found(doctor, search=word) == []
    ok(doctor.patch(f"/image-files/{file['id']}", json={"description": f"…{word}…"}))
    assert found(doctor, search=word) == [file["id"]]
    ok(doctor.patch(f"/image-files/{file['id']}", json={"description": None}))
    assert found(doctor, search=word) == []


# ---- totals ----


def stats(api, **query):
    return ok(api.get("/image-files/stats/summary", params=query))


def by_modality(**counts):
    return {"by_modality": counts, "by_modality_exact": counts}


def test_stats_of_nothing(doctor):
    assert stats(doctor) == {"total_files": 0, "total_size": 0, "by_type": {}, "by_status": {}, **by_modality()}


def test_stats(shelf):
    doctor, _, ids = shelf
    sizes = sum(f["file_size"] for f in ok(doctor.get("/image-files/my-images"))["items"])
    assert stats(doctor) == {
        "total_files": 4,
        "total_size": sizes,
        "by_type": {"JPEG": 1, "PNG": 1, "TIFF": 1, "DICOM": 1},
        "by_status": {"UPLOADED": 4},
        **by_modality(XR=1, MR=1, CT=1),
    }


def test_stats_follow_every_change(doctor):
    a, b = png(), png()
    first, second = doctor.upload(a, modality="CT"), doctor.upload(b, modality="CT")
    assert stats(doctor)["by_modality"] == {"CT": 2} and stats(doctor)["total_size"] == len(a) + len(b)
    ok(doctor.patch(f"/image-files/{first['id']}", json={"modality": "MR"}))
    assert stats(doctor)["by_modality"] == {"CT": 1, "MR": 1}
    ok(doctor.patch(f"/image-files/{first['id']}", json={"modality": None}))
    assert stats(doctor)["by_modality"] == {"CT": 1}
    ok(doctor.delete(f"/image-files/{second['id']}"), 204)
    assert stats(doctor) == {
        "total_files": 1,
        "total_size": len(a),
        "by_type": {"PNG": 1},
        "by_status": {"UPLOADED": 1},
        **by_modality(),
    }
    ok(doctor.post(f"/image-files/{second['id']}/restore"))
    assert stats(doctor)["total_files"] == 2 and stats(doctor)["by_modality"] == {"CT": 1}
    begun = ok(doctor.post("/upload/chunked", json={"filename": "a.png", "file_size": 1000}), 201)
    assert stats(doctor)["by_status"] == {"UPLOADED": 2, "UPLOADING": 1}
    ok(doctor.delete(f"/upload/chunked/{begun['upload_id']}"), 204)
    assert stats(doctor)["by_status"] == {"UPLOADED": 2}


def test_stats_of_failed_files(doctor):
    whole = sample(JPEG)
    file = doctor.upload(whole[:60000])
    doctor.settled(file["id"])
    assert stats(doctor)["by_status"] == {"FAILED": 1}
    assert found(doctor, status="FAILED") == [file["id"]]
    assert found(doctor, status="UPLOADED") == []


def test_stats_are_right_under_concurrency(server, doctor):
    def work(i):
        with server.client(doctor.token) as api:
            file = api.upload(png(), modality=["CT", "MR", "XR"][i % 3])
            if i % 4 == 0:
                ok(api.delete(f"/image-files/{file['id']}"), 204)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    summary = stats(doctor)
    rows = ok(doctor.get("/image-files/my-images", params={"page_size": 100}))
    assert summary["total_files"] == rows["total"] == len(rows["items"]) == 30
    assert summary["total_size"] == sum(f["file_size"] for f in rows["items"])
    for modality in ("CT", "MR", "XR"):
        assert summary["by_modality"][modality] == sum(f["modality"] == modality for f in rows["items"])


def test_scope_all_is_for_read_all(doctor, radiologist):
    problem(doctor.get("/image-files/stats/summary", params={"scope": "all"}), 403)
    before = stats(radiologist, scope="all")["total_files"]
    doctor.upload(png())
    assert stats(radiologist, scope="all")["total_files"] == before + 1
    assert stats(radiologist)["total_files"] == 0
    assert wrong_members(problem(radiologist.get("/image-files/stats/summary", params={"scope": "some"}), 422)) == [
        "scope"
    ]


def test_stats_need_a_sign_in(nobody):
    problem(nobody.get("/image-files/stats/summary"), 401)
    problem(nobody.get("/image-files/my-images"), 401)


def test_patients_count_their_images(doctor):
    patient = doctor.patient()
    ids = [doctor.upload(png(), patient_id=patient["id"])["id"] for _ in range(3)]
    assert ok(doctor.get(f"/patients/{patient['id']}"))["image_count"] == 3
    ok(doctor.delete(f"/image-files/{ids[0]}"), 204)
    assert ok(doctor.get(f"/patients/{patient['id']}"))["image_count"] == 2
    wait_until(lambda: all(doctor.file(i)["thumbnail_path"] for i in ids[1:]), what="thumbnails")
    assert ok(doctor.get(f"/patients/{patient['id']}"))["image_count"] == 2
