"""Modalities are code strings of DICOM (PS3.3 C.7.3.1.1.1): any case goes in, upper case is kept; a filter takes
several, and no others. And a patient can be named by the number that the hospital knows."""

import subprocess

import pytest
from support import PATIENCE, ROOT, dicom, ok, png, problem, uid, unique, wrong_members
from test_readme import blocks


def test_case_makes_no_difference(doctor):
    film = doctor.upload(png(), modality=" dx ")
    assert film["modality"] == "DX"
    for asked in ("dx", "DX", "Dx", "CT,dx"):
        items = ok(doctor.get("/image-files/my-images", params={"modality": asked}))["items"]
        assert [f["id"] for f in items] == [film["id"]], asked
    changed = ok(doctor.patch(f"/image-files/{film['id']}", json={"modality": "mr"}))
    assert changed["modality"] == "MR"


def test_several_at_once_come_in_order_and_by_pages(doctor):
    films = [doctor.upload(png(), modality=m)["id"] for m in ("CT", "MR", "US", "CT", "DX", "MR")]
    wanted = [films[i] for i in (5, 3, 1, 0)]
    for path in ("/image-files/my-images", "/image-files"):
        page = ok(doctor.get(path, params={"modality": "CT,MR,ct", "page_size": 3}))
        assert page["total"] == 4 and [f["id"] for f in page["items"]] == wanted[:3]
        rest = ok(doctor.get(path, params={"modality": "CT,MR,ct", "page_size": 3, "after": page["next"]}))
        assert [f["id"] for f in rest["items"]] == wanted[3:]
        assert ok(doctor.get(path, params={"modality": "CT,MR", "page": 2, "page_size": 3}))["total"] == 4
    assert ok(doctor.get("/image-files/my-images", params={"modality": "CT,MR", "file_type": "DICOM"}))["total"] == 0


@pytest.mark.parametrize("path", ["/image-files/my-images", "/image-files", "/studies"])
@pytest.mark.parametrize(
    "asked",
    [
        "KT",
        "CT,X-RAY",
        "CT;MR",
        "'",
        ",".join(
            [
                "CT",
                "MR",
                "US",
                "DX",
                "CR",
                "PT",
                "NM",
                "MG",
                "XA",
                "RF",
                # fmt: skip
                "ES",
                "OT",
                "SR",
                "PR",
                "KO",
                "IO",
                "PX",
            ]
        ),
    ],
)
def test_what_is_no_modality_is_refused_in_filters(doctor, path, asked):
    assert wrong_members(problem(doctor.get(path, params={"modality": asked}), 422)) == ["modality"]


def test_what_is_no_modality_is_refused_on_the_way_in(doctor, server):
    doctor.upload(png(), modality="KT", expect=422)
    answer = doctor.post("/upload/batch", files=[("file", ("a.png", png()))], data={"modality": "KT"})
    assert wrong_members(problem(answer, 422)) == ["modality"]
    begin = {"filename": "a.png", "file_size": 100, "total_chunks": 1, "modality": "KT"}
    assert wrong_members(problem(doctor.post("/upload/chunked", json=begin), 422)) == ["modality"]
    film = doctor.upload(png(), modality="XR")
    assert wrong_members(problem(doctor.patch(f"/image-files/{film['id']}", json={"modality": "KT"}), 422)) == [
        "modality"
    ]
    patient = doctor.patient()
    study = {"patient_id": patient["id"], "modality": "KT"}
    assert wrong_members(problem(doctor.post("/studies", json=study), 422)) == ["modality"]


X_RAYS = ["CR", "DX", "DR", "RG", "XR", "RF"]


def listed(api, path, **query):
    page = ok(api.get(path, params={"page_size": 100, **query}))
    assert page["total"] == len(page["items"])
    return [row["id"] for row in page["items"]]


def test_xr_is_every_x_ray(admin, doctor):
    """As the brief's front end asks and counts: CT, MR, XR."""
    films = {m: doctor.upload(png(), modality=m)["id"] for m in [*X_RAYS, "CT", "MG", "XA"]}
    wanted = [films[m] for m in reversed(X_RAYS)]
    for path in ("/image-files/my-images", "/image-files"):
        assert listed(doctor, path, modality="XR") == listed(doctor, path, modality="xr,DX") == wanted
        assert listed(doctor, path, modality="CT,XR") == [films["CT"], *wanted]
        assert listed(doctor, path, modality="XR", search=".png") == wanted
        for each in [m for m in films if m != "XR"]:
            assert listed(doctor, path, modality=each) == [films[each]]
        page = ok(doctor.get(path, params={"modality": "XR", "page_size": 4}))
        rest = ok(doctor.get(path, params={"modality": "XR", "page_size": 4, "after": page["next"]}))
        assert [f["id"] for f in page["items"] + rest["items"]] == wanted and page["total"] == 6
    mine = {"modality": "XR", "uploaded_by": doctor.id}
    assert listed(admin, "/image-files", **mine) == wanted
    stats = ok(doctor.get("/image-files/stats/summary"))
    assert stats["by_modality"] == {"CT": 1, "MG": 1, "XA": 1, "XR": 6}
    assert stats["by_modality_exact"] == {m: 1 for m in films}
    for modality, count in stats["by_modality"].items():
        assert len(listed(doctor, "/image-files/my-images", modality=modality)) == count


def test_a_group_counts_as_those_in_it(doctor):
    others = ["CT", "MR", "US", "PT", "NM", "MG", "XA", "ES", "OT", "SR"]
    ok(doctor.get("/image-files", params={"modality": ",".join([*others, "XR", "DX"])}))
    answer = doctor.get("/image-files", params={"modality": ",".join([*others, "PR", "XR"])})
    assert wrong_members(problem(answer, 422)) == ["modality"]


def test_studies_of_x_rays(admin, doctor):
    number, day = unique("X"), "1946-03-07"  # of no other test
    study = {m: dict(StudyInstanceUID=uid(), PatientID=number, StudyDate=day.replace("-", "")) for m in "abc"}
    films = {
        "a": [doctor.upload(dicom(Modality=m, **study["a"])) for m in ("DX", "CR")],
        "b": [doctor.upload(dicom(Modality=m, **study["b"])) for m in ("CT", "RF")],
        "c": [doctor.upload(dicom(Modality="CT", **study["c"]))],
    }
    a, b, c = (films[s][0]["study_id"] for s in "abc")
    days = {"start_date": day, "end_date": day}
    for api in (admin, doctor):
        for sort in ("created_at", "study_date"):
            assert listed(api, "/studies", modality="XR", sort=sort, **days) == [a, b]
            assert listed(api, "/studies", modality="XR", sort="-" + sort, **days) == [b, a]
            assert listed(api, "/studies", modality="XR,CT", sort=sort, **days) == [a, b, c]
        assert listed(api, "/studies", modality="DX", **days) == [a]
        assert listed(api, "/studies", modality="XR", search=number) == [b, a]
        page = ok(api.get("/studies", params={"modality": "CT,XR", "page_size": 2, "sort": "created_at", **days}))
        rest = ok(api.get("/studies", params={"modality": "CT,XR", "page_size": 2, "sort": "created_at", **days,
                                              "after": page["next"]}))
        assert [s["id"] for s in page["items"] + rest["items"]] == [a, b, c] and page["total"] == 3
        series = {row["id"]: row["modality"] for row in ok(api.get(f"/studies/{a}/series"))["items"]}
        assert sorted(series[i] for i in listed(api, f"/studies/{a}/series", modality="XR")) == ["CR", "DX"]
        assert [series[i] for i in listed(api, f"/studies/{a}/series", modality="CR")] == ["CR"]


def test_a_setting_allows_more(new_server):
    server = new_server(MODALITIES="thermo, PHOTO")
    admin = server.admin()
    assert admin.upload(png(), modality="Thermo")["modality"] == "THERMO"
    assert ok(admin.get("/image-files", params={"modality": "photo,thermo"}))["total"] == 1
    admin.upload(png(), modality="KT", expect=422)
    anything = new_server(MODALITIES="*").admin()
    assert anything.upload(png(), modality="kt")["modality"] == "KT"


def test_what_a_dicom_file_says_is_kept(doctor):
    assert doctor.upload(dicom(PatientID=unique("P"), Modality="ZZ"))["modality"] == "ZZ"


def test_a_patient_is_named_by_the_hospitals_number(doctor):
    patient = doctor.patient()
    number = patient["patient_id"]
    assert doctor.upload(png(), patient_number=number)["patient_id"] == patient["id"]
    assert doctor.upload(png(), patient_number=number, patient_id=patient["id"])["patient_id"] == patient["id"]
    begin = {"filename": "a.png", "file_size": 100, "total_chunks": 1, "patient_number": number}
    begun = ok(doctor.post("/upload/chunked", json=begin), 201)
    assert doctor.file(begun["image_file_id"])["patient_id"] == patient["id"]
    batch = doctor.post("/upload/batch", files=[("file", ("a.png", png()))], data={"patient_number": number})
    assert ok(batch, 207)["items"][0]["image_file"]["patient_id"] == patient["id"]


def test_which_number_is_meant_is_said(doctor):
    patient, other = doctor.patient(), doctor.patient()
    refused = doctor.upload(png(), patient_number=unique("none"), expect=422)
    assert wrong_members(refused) == ["patient_number"]
    refused = doctor.upload(png(), patient_number=patient["patient_id"], patient_id=other["id"], expect=422)
    assert wrong_members(refused) == ["patient_number"]
    refused = doctor.upload(png(), patient_id=987654321, expect=422)
    assert "patient_number" in refused["errors"][0]["msg"]


@pytest.mark.parametrize("page", ["docs/finding.md", "docs/finding.zh-CN.md"])
def test_what_the_page_shows_runs_as_it_stands(server, admin, tmp_path, page):
    film = admin.upload(png(), modality="DR")["id"]
    token = admin.headers["authorization"]
    start = f"API={server.url}/api/v1\napi() {{ curl -sSf -H 'Authorization: {token}' \"$@\"; }}\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", start + "\n".join(blocks(ROOT / page, "sh"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert f'"id":{film},' in done.stdout
