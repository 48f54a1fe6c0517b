"""Persons' names are found in whatever form they are typed (PS3.5 6.2.1 component groups, UAX #15)."""

import pytest

from support import DATA, comes_to, dicom, ok, uid, unique


@pytest.mark.parametrize(
    "name, words",
    [
        ("pn-two-groups.dcm", ["ceshi", "Ceshi^Renming", "Ceshi Renming", "测试", "测试人名", "ＣＥＳＨＩ"]),
        ("pn-nfd.dcm", ["Prüfung", "PRÜFUNG", "Pru\u0308fung"]),
    ],
)
def test_patient_and_study_are_found(admin, name, words):
    file = admin.upload((DATA / "dicom" / name).read_bytes(), name)
    for word in words:
        for kind, key in (("patients", "patient_id"), ("studies", "study_id")):
            items = ok(admin.get(f"/{kind}", params={"search": word, "page_size": 100}))["items"]
            assert file[key] in {item["id"] for item in items}, (kind, word)


def finds(api, kind, word):
    return {item["id"] for item in ok(api.get(f"/{kind}", params={"search": word, "page_size": 100}))["items"]}


@pytest.mark.parametrize(
    "name, reading, words",
    [
        (
            "Yamada^Tarou=山田^太郎=やまだ^たろう",  # PS3.5 H.3.1, example 1
            "やまだたろう",
            ["yamada^tarou", "Tarou", "山田太郎", "山田^太郎", "山田　太郎", "やまだ", "やまだ^たろう", "ヤマダ", "ﾔﾏﾀﾞ ﾀﾛｳ"],
        ),
        (
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",  # example 2
            "やまだたろう",
            ["山田太郎", "ヤマダ", "たろう", "ﾔﾏﾀﾞ^ﾀﾛｳ"],
        ),
        ("Hong^Gildong=洪^吉洞=홍^길동", "홍길동", ["gildong", "洪吉洞", "홍^길동", "홍 길동", "\u1112\u1169\u11bc"]),  # I.2
        ("ヤマダ^タロウ=山田^太郎", "ヤマダタロウ", ["山田", "ヤマダ^タロウ", "やまだ"]),
    ],
)
def test_every_component_group_is_searched(admin, name, reading, words):
    file = admin.upload(dicom(PatientName=name), "a.dcm")
    assert ok(admin.get(f"/patients/{file['patient_id']}"))["name_phonetic"] == reading
    for word in [name, *words]:
        assert file["patient_id"] in finds(admin, "patients", word), word
        assert file["study_id"] in finds(admin, "studies", word), word


def test_a_reading_comes_by_the_api_too(admin):
    reading = "さくら" + unique("q")
    patient = admin.patient(name="櫻", name_phonetic=reading)
    assert patient["name_phonetic"] == reading and finds(admin, "patients", reading) == {patient["id"]}
    ok(admin.patch(f"/patients/{patient['id']}", json={"name_phonetic": None}))
    assert finds(admin, "patients", reading) == set()
    ok(admin.delete(f"/patients/{patient['id']}"), 204)
    ok(admin.post(f"/patients/{patient['id']}/restore"))
    assert ok(admin.patch(f"/patients/{patient['id']}", json={"name_phonetic": reading}))["name"] == "櫻"
    ok(admin.delete(f"/patients/{patient['id']}"), 204)
    ok(admin.post(f"/patients/{patient['id']}/restore"))
    comes_to({patient["id"]}, lambda: finds(admin, "patients", reading))


def test_filing_again_tells_the_reading(server, admin):
    """A record from before readings were kept."""
    reading = "よしだ" + unique("q")
    file = admin.upload(dicom(PatientName=f"=吉田={reading}"), "a.dcm")
    ok(admin.patch(f"/patients/{file['patient_id']}", json={"name_phonetic": None}))
    ok(admin.post(f"/image-files/{file['id']}/file"))
    assert finds(admin, "patients", reading) == {file["patient_id"]}
    assert finds(admin, "studies", reading) == {file["study_id"]}
    ok(admin.patch(f"/patients/{file['patient_id']}", json={"name": "吉村", "name_phonetic": None}))
    ok(admin.post(f"/image-files/{file['id']}/file"))
    assert ok(admin.get(f"/patients/{file['patient_id']}"))["name_phonetic"] is None


@pytest.mark.parametrize(
    "known, said, differs",
    [
        ("Müller^Jürgen", "Mu\u0308ller^Ju\u0308rgen", False),
        ("Mu\u0308ller^Ju\u0308rgen", "MÜLLER^JÜRGEN", False),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ", "ヤマダ^タロウ", False),
        ("Ｄｏｅ^Ｊｏｈｎ", "Doe^John", False),
        ("O'Brien^Kate", "O\u2019Brien^Kate", False),
        ("Strauß^Otto", "STRAUSS^OTTO", False),
        ("\u1112\u1169\u11bc^길동", "홍^길동", False),
        ("=山田^太郎=やまだ^たろう", "==やまだ^たろう", False),
        ("Müller^Jürgen", "Muller^Jurgen", True),
        ("=山田^太郎=やまだ^たろう", "=山田^太朗=やまだ^たろう", True),  # another person with the same reading
        ("Doe^John", "Doe^Johnny", True),
    ],
)
def test_one_name_in_two_forms_is_no_conflict(admin, known, said, differs):
    number, study = unique("N"), uid()
    a = admin.upload(dicom(PatientID=number, PatientName=known, StudyInstanceUID=study), "a.dcm")
    b = admin.upload(dicom(PatientID=number, PatientName=said, StudyInstanceUID=study), "b.dcm")
    assert b["patient_id"] == a["patient_id"]
    assert ok(admin.get(f"/patients/{a['patient_id']}"))["conflict"] == (["name"] if differs else None)
    assert bool(b["conflict"]) is differs
