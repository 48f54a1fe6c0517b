"""Persons' names are found in whatever form they are typed (PS3.5 6.2.1 component groups, UAX #15)."""

import pytest

from support import DATA, ok


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
