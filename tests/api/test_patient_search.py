"""Finding patients: by any substring, by exact card and phone, by filters; Chinese names of one character too."""

import datetime

import pytest

from support import comes_to, ok, png, problem, unique, wrong_members


def found(api, **query):
    query.setdefault("page_size", 100)
    return {p["id"] for p in ok(api.get("/patients", params=query))["items"]}


@pytest.fixture(scope="module")
def people(server, admin):
    """Names no other module uses."""
    doctor = server.account("doctor", admin=admin)
    tag = unique()
    rows = {
        "ouyang": doctor.patient(name="欧阳倩霏", name_en=f"Ouyang Qianfei {tag}"),
        "qian": doctor.patient(name="钱倩霏", name_en=f"Qian Qianfei {tag}"),
        "zhou": doctor.patient(name="周龑", name_en=f"Zhou Yan {tag}"),
        "emoji": doctor.patient(name="𠮷野😀家", name_en=f"Yoshinoya {tag}"),
        "obrien": doctor.patient(name=f"Seán O'Brien-{tag}"),
        "percent": doctor.patient(name=f"100%_{tag}"),
    }
    return doctor, tag, {key: row["id"] for key, row in rows.items()}


@pytest.mark.parametrize(
    "word, who",
    [
        ("龑", ["zhou"]),
        ("周龑", ["zhou"]),
        ("倩霏", ["ouyang", "qian"]),
        ("钱倩", ["qian"]),
        ("阳倩霏", ["ouyang"]),
        ("欧阳倩霏", ["ouyang"]),
        ("𠮷", ["emoji"]),
        ("野😀", ["emoji"]),
        ("霏倩", []),
    ],
)
def test_chinese_substrings_of_any_length(people, word, who):
    doctor, _, ids = people
    assert found(doctor, search=word) & set(ids.values()) == {ids[w] for w in who}
    if word not in ("𠮷",):
        assert found(doctor, search=word) == {ids[w] for w in who}


@pytest.mark.parametrize(
    "word, who",
    [
        ("qianfei {tag}", ["ouyang", "qian"]),
        ("QIANFEI {tag}", ["ouyang", "qian"]),
        ("hou yan {tag}", ["zhou"]),
        ("inoya {tag}", ["emoji"]),
        ("O'Brien-{tag}", ["obrien"]),
        ("'brien-{tag}", ["obrien"]),
        ("%_{tag}", ["percent"]),
        ("__{tag}", []),
        ("yan  {tag}", ["zhou"]),
    ],
)
def test_latin_substrings_ignore_case_and_know_no_wildcards(people, word, who):
    doctor, tag, ids = people
    assert found(doctor, search=word.format(tag=tag)) == {ids[w] for w in who}


def test_search_by_part_of_the_number(doctor):
    number = unique("PN")
    patient = doctor.patient(patient_id=number)
    for part in (number, number[3:], number[2:-2], number.lower()):
        assert patient["id"] in found(doctor, search=part)


@pytest.mark.parametrize(
    "word",
    [
        '"',
        "'",
        '" OR "',
        "a* b",
        "NEAR(a b)",
        "x'; drop table patients; --",
        "\\",
        "%",
        "_",
        "(",
        "-",
        "😀",
        "a" * 100,
        "col:x",
        "^a",
        "+",
        "NOT",
        "\u202e",
        "é",
    ],
)
def test_hostile_words_are_words(doctor, word):
    body = ok(doctor.get("/patients", params={"search": word}))
    assert isinstance(body["items"], list)
    doctor.patient()


def test_too_long_a_word_422(doctor):
    assert wrong_members(problem(doctor.get("/patients", params={"search": "a" * 101}), 422)) == ["search"]


def test_search_follows_changes(doctor):
    old, new = "甲" + unique(), "乙" + unique()
    patient = doctor.patient(name=old)
    ok(doctor.patch(f"/patients/{patient['id']}", json={"name": new}))
    assert found(doctor, search=old) == set()
    assert found(doctor, search=new) == {patient["id"]}


def test_card_and_phone_are_exact(doctor):
    card, phone = unique("1101"), unique("138")
    patient = doctor.patient(id_card=card, phone=phone)
    assert found(doctor, id_card=card) == {patient["id"]}
    assert found(doctor, phone=phone) == {patient["id"]}
    assert found(doctor, id_card=card[:-1]) == found(doctor, phone=phone[:-1]) == set()
    assert found(doctor, id_card=card, phone=phone) == {patient["id"]}
    assert found(doctor, id_card=card, phone="other") == set()


def test_card_is_not_searched_by_substring(doctor):
    card = unique("cardnumber")
    doctor.patient(id_card=card)
    assert found(doctor, search=card) == set()


def test_filters(doctor):
    tag = unique()
    this_year = datetime.datetime.now(datetime.timezone.utc).year
    child = doctor.patient(name=f"child {tag}", gender="FEMALE", birth_date=f"{this_year - 5}-01-01")
    adult = doctor.patient(name=f"adult {tag}", gender="MALE", birth_date=f"{this_year - 40}-01-01", status="DECEASED")
    unknown = doctor.patient(name=f"unknown {tag}")
    doctor.upload(png(), patient_id=adult["id"])
    ids = {p["id"] for p in (child, adult, unknown)}
    assert found(doctor, search=tag) == ids
    assert found(doctor, search=tag, gender="FEMALE") == {child["id"]}
    assert found(doctor, search=tag, status="DECEASED") == {adult["id"]}
    assert found(doctor, search=tag, age_min=6) == {adult["id"]}
    assert found(doctor, search=tag, age_min=5) == {child["id"], adult["id"]}
    assert found(doctor, search=tag, age_max=39) == {child["id"]}
    assert found(doctor, search=tag, age_max=5) == {child["id"]}
    assert found(doctor, search=tag, age_max=4) == set()
    assert found(doctor, search=tag, age_min=40, age_max=40) == {adult["id"]}
    assert found(doctor, search=tag, has_images="true") == {adult["id"]}
    assert found(doctor, search=tag, has_images="false") == {child["id"], unknown["id"]}


def test_has_images_follows_the_files(doctor):
    patient = doctor.patient()
    tag = patient["patient_id"]
    file = doctor.upload(png(), patient_id=patient["id"])
    assert found(doctor, search=tag, has_images="true") == {patient["id"]}
    ok(doctor.delete(f"/image-files/{file['id']}"), 204)
    assert found(doctor, search=tag, has_images="true") == set()
    ok(doctor.post(f"/image-files/{file['id']}/restore"))
    comes_to({patient["id"]}, lambda: found(doctor, search=tag, has_images="true"))
    ok(doctor.patch(f"/image-files/{file['id']}", json={"patient_id": None}))
    assert ok(doctor.get(f"/patients/{patient['id']}"))["image_count"] == 0


@pytest.mark.parametrize(
    "query", [{"gender": "X"}, {"status": "x"}, {"age_min": "-1"}, {"age_max": "old"}, {"has_images": "maybe"}]
)
def test_bad_filters_422(doctor, query):
    assert wrong_members(problem(doctor.get("/patients", params=query), 422)) == list(query)
