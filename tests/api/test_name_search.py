"""Persons' names are found in whatever form they are typed (PS3.5 6.2.1 component groups, UAX #15)."""

import pytest

from support import DATA, comes_to, dicom, ok, png, uid, unique


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


# Letters that no other name of this module begins with, so that initials find one patient.
@pytest.mark.parametrize(
    "name, words, others",
    [
        (
            "欧阳青瓷",
            ["ouyangqingci", "ouyang qing ci", "OUYANG QINGCI", "Ouyang^Qingci", "oyqc", "ouyang qc", "oy qingci",
             "qingci", "ōuyáng qīngcí", "歐陽青瓷", "欧阳", "青瓷"],
            ["ouqingci", "uyangqingci", "oyqcx", "欧青"],
        ),
        ("張三丰墨", ["zhangsanfengmo", "zsfm", "张三丰墨", "張三丰墨", "zhang sfm", "sfmo"], ["hangsanfengmo", "zsfx"]),
        ("陈丽铎", ["chenliduo", "陳麗鐸", "cld", "chen ld"], ["陳麗x"]),
        ("单于瓞", ["danyudie", "shanyudie", "chanyudie", "dyd", "syd", "cyd"], ["banyudie"]),
        ("仇璩", ["chouqu", "qiuqu", "qiu q", "cq"], ["qouqu"]),
        ("尉迟夔", ["yuchikui", "weichikui", "yck", "wck"], ["uchikui"]),
        ("万俟咏", ["moqiyong", "wanqiyong", "mqy"], ["woqiyong"]),
        ("吕绿", ["lvlv", "lulu", "lyulyu", "lü lü", "lǚlǜ"], ["lvlx"]),
    ],
)
def test_chinese_names_as_they_are_typed(admin, name, words, others):
    number = unique("PY")
    file = admin.upload(dicom(PatientID=number, PatientName=f"={name[0]}^{name[1:]}"), f"{name}.dcm")
    for word in words:
        assert file["patient_id"] in finds(admin, "patients", word), word
        assert file["study_id"] in finds(admin, "studies", word), word
        assert file["id"] in finds(admin, "image-files", word), word
    for word in others:
        assert not finds(admin, "patients", word) & {file["patient_id"]}, word
        assert not finds(admin, "image-files", word) & {file["id"]}, word


def test_pinyin_follows_the_name(admin):
    physician = "谯笪" + unique("q")
    patient = admin.patient(name="欧阳薏苡")
    study = ok(admin.post("/studies", json={"patient_id": patient["id"], "referring_physician": physician}), 201)
    assert study["id"] in finds(admin, "studies", "oyyy") & finds(admin, "studies", "qiao da")
    ok(admin.patch(f"/patients/{patient['id']}", json={"name": "司徒薏苡"}))
    assert patient["id"] in finds(admin, "patients", "styy") and study["id"] in finds(admin, "studies", "situyiyi")
    assert patient["id"] not in finds(admin, "patients", "oyyy") and study["id"] not in finds(admin, "studies", "oyyy")
    file = admin.upload(png(), "无名.png")
    ok(admin.patch(f"/image-files/{file['id']}", json={"description": "欧阳薏苡"}))
    assert file["id"] in finds(admin, "image-files", "wuming") and file["id"] not in finds(admin, "image-files", "oyyy")


def test_pages_of_what_initials_find(admin, doctor):
    mine = [doctor.patient(name=f"璩闳{c}")["id"] for c in "甲乙丙丁戊"]
    doctor.patient(name="璩甲")
    seen, query = [], {"search": "qu h", "page_size": 2, "sort": "created_at"}
    while True:
        page = ok(doctor.get("/patients", params=query))
        assert page["total"] == 5 and not page["total_is_lower_bound"]
        seen += [p["id"] for p in page["items"]]
        if not page["next"]:
            break
        query["after"] = page["next"]
    assert seen == mine
    assert ok(doctor.get("/patients", params={"search": "qhb"}))["total"] == 1


def test_latin_names_are_found_as_before(admin):
    patient = admin.patient(name="Quartermaine Ulric", name_en="Wang^Xiaoquux")
    for word in ("quarter", "maine ul", "ULRIC", "aoquu", "wang xiaoq"):
        assert patient["id"] in finds(admin, "patients", word), word
    for word in ("quu", "qulric", "wxq"):
        assert (patient["id"] in finds(admin, "patients", word)) is (word == "quu"), word


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
