"""Persons' names are found in whatever form they are typed (PS3.5 6.2.1 component groups, UAX #15)."""

import pytest

from support import DATA, dicom, ok, uid, unique


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
