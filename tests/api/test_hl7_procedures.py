"""Several procedures of one order: each is a study, found again by the messages that follow. With messages of IHE's
MESA tools, as dcm4che has them."""

import pytest
from hl7_side import Sender, control_id, msh
from support import Server, dicom, ok, sample, unique
from test_hl7_in import accepted, pid, refused, studies

CHEST, HEAD, KNEE = "CT1^胸部 CT^L", "CT2^头颅 CT^L", "DX9^膝关节^L"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"HL7_LISTEN": "127.0.0.1:0", "HL7_ACCOUNT": "his", "PATIENT_ID_ISSUER": "HIS"}
    server = Server(tmp_path_factory.mktemp("hl7procedures"), **settings).init().start()
    server.account("interface", username="his")
    yield server
    server.close()


@pytest.fixture(scope="module")
def admin(server):
    return server.admin()


@pytest.fixture
def his(server):
    with Sender(server) as sender:
        yield sender


@pytest.fixture
def number():
    return unique("P")


@pytest.fixture
def accession():
    return unique("A")


def obr(accession, what="", filler="", procedure_id="", modality="CT"):
    return f"OBR|1||{filler}|{what}||||||||||||||{accession}|{procedure_id}|||||{modality}"


def orm(patient, control, *orders):
    lines = [line for one in orders for line in (f"ORC|{control}", one)]
    return [msh("ORM^O01^ORM_O01"), pid(patient), *lines]


def shown(admin, number, by="description"):
    return {s[by]: s["status"] for s in studies(admin, number)}


def test_two_procedures_of_one_accession_number_are_two_studies(his, admin, number, accession):
    two = [obr(accession, CHEST), obr(accession, HEAD)]
    accepted(his.send(*orm(number, "NW", *two)))
    first = studies(admin, number)
    assert {s["description"] for s in first} == {"胸部 CT", "头颅 CT"}
    assert {(s["accession_number"], s["status"]) for s in first} == {(accession, "SCHEDULED")}
    accepted(his.send(*orm(number, "NW", *reversed(two))))  # by another message: each is found again
    accepted(his.send(*orm(number, "NW", two[0])))
    assert {s["id"] for s in studies(admin, number)} == {s["id"] for s in first}


def test_one_orc_may_have_several_procedures(his, admin, number, accession):
    lines = [msh("ORM^O01"), pid(number), "ORC|NW", obr(accession, CHEST), obr(accession, HEAD, modality="MR")]
    accepted(his.send(*lines))
    assert {(s["description"], s["modality"]) for s in studies(admin, number)} == {("胸部 CT", "CT"), ("头颅 CT", "MR")}
    own = [msh("ORM^O01"), pid(number), "ORC|NW", obr("", CHEST, accession + "1"), obr("", CHEST, accession + "2")]
    accepted(his.send(*own))  # the same procedure twice, by numbers of OBR
    found = {s["accession_number"] for s in studies(admin, number)}
    assert found == {accession, accession + "1", accession + "2"}


def test_one_procedure_is_cancelled_and_the_other_stays(his, admin, number, accession):
    accepted(his.send(*orm(number, "NW", obr(accession, CHEST), obr(accession, HEAD))))
    words = "which of them is meant is not said"
    refused(his.send(*orm(number, "CA", obr(accession))), "AE", 204, words)
    refused(his.send(*orm(number, "CA", obr(accession, KNEE))), "AE", 204, "")
    assert shown(admin, number) == {"胸部 CT": "SCHEDULED", "头颅 CT": "SCHEDULED"}
    for _ in range(2):  # said again by another message, it is the same one
        accepted(his.send(*orm(number, "CA", obr(accession, HEAD))))
        assert shown(admin, number) == {"胸部 CT": "SCHEDULED", "头颅 CT": "CANCELLED"}
    accepted(his.send(*orm(number, "NW", obr(accession, HEAD))))
    assert shown(admin, number) == {"胸部 CT": "SCHEDULED", "头颅 CT": "SCHEDULED"}
    accepted(his.send(*orm(number, "CA", obr(accession, CHEST))))
    accepted(his.send(*orm(number, "CA", obr(accession))))  # the one that is left
    assert shown(admin, number) == {"胸部 CT": "CANCELLED", "头颅 CT": "CANCELLED"}


def test_a_procedure_that_was_never_ordered_cancels_no_other(his, admin, number, accession):
    accepted(his.send(*orm(number, "NW", obr(accession, CHEST))))
    refused(his.send(*orm(number, "CA", obr(accession, HEAD))), "AE", 204, "no study")
    assert shown(admin, number) == {"胸部 CT": "SCHEDULED"}
    accepted(his.send(*orm(number, "NW", obr(accession, HEAD, accession + "F"))))
    accepted(his.send(*orm(number, "CA", obr(accession, KNEE, accession + "F"))))  # a number of its own says which
    assert shown(admin, number) == {"胸部 CT": "SCHEDULED", "头颅 CT": "CANCELLED"}


def test_one_procedure_is_changed_and_the_other_stays(his, admin, number, accession):
    accepted(his.send(*orm(number, "NW", obr(accession, CHEST))))
    (study,) = studies(admin, number)
    accepted(his.send(*orm(number, "XO", obr(accession, HEAD))))  # of one, the procedure may change
    assert [(s["id"], s["description"]) for s in studies(admin, number)] == [(study["id"], "头颅 CT")]
    accepted(his.send(*orm(number, "NW", obr(accession, CHEST))))
    accepted(his.send(*orm(number, "XO", obr(accession, "CT1^胸部低剂量 CT^L"))))
    assert set(shown(admin, number)) == {"头颅 CT", "胸部低剂量 CT"}
    refused(his.send(*orm(number, "XO", obr(accession, KNEE))), "AE", 204, "is not said")
    assert set(shown(admin, number)) == {"头颅 CT", "胸部低剂量 CT"}


def test_numbers_of_their_own_keep_orders_apart(his, admin, number, accession):
    for filler in ("F1", "F2"):
        accepted(his.send(*orm(number, "NW", obr(accession, CHEST, accession + filler))))
    one, two = studies(admin, number)
    accepted(his.send(*orm(number, "CA", obr(accession, CHEST, accession + "F2"))))
    assert sorted(s["status"] for s in studies(admin, number)) == ["CANCELLED", "SCHEDULED"]
    refused(his.send(*orm(number, "CA", obr(accession, CHEST, accession + "F3"))), "AE", 204, "no study")


def test_without_a_code_the_words_say_which(his, admin, number, accession):
    accepted(his.send(*orm(number, "NW", obr(accession, "^胸部"), obr(accession, "^头颅"))))
    accepted(his.send(*orm(number, "CA", obr(accession, "^头颅"))))
    assert shown(admin, number) == {"胸部": "SCHEDULED", "头颅": "CANCELLED"}


def mesa(name, number, **replace):
    """A message of the MESA tools, of another patient and with other numbers: theirs are the same each time."""
    replace = {"MSH_10": control_id(), **replace}
    text = sample(f"hl7/{name}").decode()
    for old, new in {"583295^^^ADT1": number, "4711471151^^^zxcv": number, "103106": replace.pop("MSH_10")}.items():
        text = text.replace(old, new)
    text = text.replace("100112", control_id())
    text = text.replace("once||||S|200008161510|", "once||||200008161510||S")  # theirs is a field off: TQ1-7 and TQ1-9
    for old, new in replace.items():
        assert old in text
        text = text.replace(old, new)
    return text.replace("\n", "\r").encode()


def uid():
    return "1.2.840." + str(int(unique("").encode().hex(), 16))[:40]


def test_requested_procedures_of_one_filler_order_are_studies_each(his, admin, number):
    """RAD-4 as ORM: accession number, placer and filler are one; OBR-19 and ZDS-1 are the procedure's."""
    chest, head = uid(), uid()
    first = {"1.113654.3.13.1026": chest}
    second = {"1.113654.3.13.1026": head, "RP1026": "RP1027", "P1^Procedure 1": "P2^Procedure 2"}
    for one in (first, second, first, second):
        accepted(his.send_bytes(mesa("mesa-orm.hl7", number, **one)))
    found = {s["description"]: s for s in studies(admin, number)}
    assert {d: s["study_uid"] for d, s in found.items()} == {"Procedure 1": chest, "Procedure 2": head}
    assert {s["accession_number"] for s in found.values()} == {"MOF5026"}
    accepted(his.send_bytes(mesa("mesa-orm.hl7", number, **second, **{"ORC|NW": "ORC|CA"})))
    assert shown(admin, number) == {"Procedure 1": "SCHEDULED", "Procedure 2": "CANCELLED"}
    changed = {"ORC|NW": "ORC|XO", "P1^Procedure 1": "P3^Other"}
    accepted(his.send_bytes(mesa("mesa-orm.hl7", number, **first, **changed)))
    assert shown(admin, number) == {"Other": "SCHEDULED", "Procedure 2": "CANCELLED"}
    film = admin.upload(dicom(PatientID=number, AccessionNumber="MOF5026", StudyInstanceUID=chest), "a.dcm")
    assert film["study_id"] == found["Procedure 1"]["id"]


def test_a_requested_procedure_that_is_not_there_is_no_other(his, admin, number):
    """All other numbers of RP1026 are RP1027's too."""
    chest = {"1.113654.3.13.1026": uid()}
    head = {"1.113654.3.13.1026": uid(), "RP1026": "RP1027", "P1^Procedure 1": "P2^Procedure 2"}
    accepted(his.send_bytes(mesa("mesa-orm.hl7", number, **chest)))
    for control in ("CA", "XO"):
        said = his.send_bytes(mesa("mesa-orm.hl7", number, **head, **{"ORC|NW": f"ORC|{control}"}))
        refused(said, "AE", 204, "no study")
    assert shown(admin, number) == {"Procedure 1": "SCHEDULED"}
    other = {**chest, "1.113654.3.13.1026": uid(), "RP1026": "", "ORC|NW": "ORC|CA"}
    refused(his.send_bytes(mesa("mesa-orm.hl7", number, **other)), "AE", 204, "no study")  # by its UID alone
    assert shown(admin, number) == {"Procedure 1": "SCHEDULED"}


def test_the_uid_goes_before_the_code(his, admin, number, accession):
    def say(control, procedure_id, study_uid=""):
        lines = orm(number, control, obr(accession, CHEST, procedure_id=procedure_id))
        return his.send(*lines, *([f"ZDS|{study_uid}"] if study_uid else []))

    second = uid()
    accepted(say("NW", "RP1"))
    accepted(say("NW", "RP2", second))
    accepted(say("NW", "", second))  # said again without the ID
    for _ in range(2):
        accepted(say("CA", "", second))
        found = {s["study_uid"]: s["status"] for s in studies(admin, number)}
        assert found.pop(second) == "CANCELLED" and list(found.values()) == ["SCHEDULED"]
    accepted(say("NW", "", second))
    refused(say("CA", ""), "AE", 204, "which of them is meant is not said")
    accepted(say("CA", "RP1"))
    found = {s["study_uid"]: s["status"] for s in studies(admin, number)}
    assert found.pop(second) == "SCHEDULED" and list(found.values()) == ["CANCELLED"]


def test_what_is_placed_again_without_its_procedure_is_not_guessed(his, admin, number, accession):
    accepted(his.send(*orm(number, "NW", obr(accession, CHEST))))
    accepted(his.send(*orm(number, "NW", obr(accession))))  # of one, it is that
    accepted(his.send(*orm(number, "NW", obr(accession, HEAD))))
    refused(his.send(*orm(number, "NW", obr(accession, modality="MR"))), "AE", 204, "is not said")
    assert {s["modality"] for s in studies(admin, number)} == {"CT"}


def test_steps_of_one_requested_procedure_are_one_study(his, admin, number):
    """Several ORC and OBR, or IPC, that differ in the step alone: OBR-20, IPC-4."""
    lines = mesa("mesa-orm.hl7", number, **{"1.113654.3.13.1026": uid()}).decode().strip().split("\r")
    step = [s.replace("SPS2032", "SPS2033").replace("X1_A1", "X1_A2") for s in lines[3:5]]
    accepted(his.send_bytes(("\r".join([*lines[:5], *step, lines[5]]) + "\r").encode()))
    assert len(studies(admin, number)) == 1
    ipc = {"199402091242.1": "199402091242.7", "ACC|RPID": f"{unique('A')}|RPID"}
    lines = mesa("mesa-omi.hl7", number, **ipc).decode().strip().split("\r")
    accepted(his.send_bytes(("\r".join([*lines[:7], lines[6].replace("SPSID", "SPS2"), *lines[7:]]) + "\r").encode()))
    assert len(studies(admin, number)) == 2


def test_each_requested_procedure_of_an_imaging_order_is_a_study(his, admin, number, accession):
    """RAD-4 as OMI: IPC-2 and IPC-3 are the procedure's; of one OBR there may be several."""
    one, two = uid(), uid()
    ids = {"1.2.392.200036.9125.0.199402091242.1": one, "IPC|ACC|": f"IPC|{accession}|"}
    lines = mesa("mesa-omi.hl7", number, **ids).decode().strip().split("\r")
    other = lines[6].replace("RPID", "RPID2").replace(one, two).replace("|CR|", "|MR|")
    both = "\r".join([*lines[:7], other, *lines[7:]]) + "\r"
    for _ in range(2):
        accepted(his.send_bytes(both.replace(lines[0].split("|")[9], control_id()).encode()))
        found = studies(admin, number)
        assert {(s["study_uid"], s["modality"]) for s in found} == {(one, "CR"), (two, "MR")}
        assert {(s["priority"], s["study_date"]) for s in found} == {("STAT", "2000-08-16")}
    cancel = [msh("OMI^O23"), pid(number), "ORC|CA|A100Z|B100Z", "OBR|1|A100Z|B100Z", f"IPC|{accession}|RPID2"]
    accepted(his.send(*cancel))
    assert shown(admin, number, "study_uid") == {one: "SCHEDULED", two: "CANCELLED"}


def waiting_of(admin, number):
    return [s["id"] for s in studies(admin, number) if s["status"] == "SCHEDULED"]


def test_images_take_up_the_procedure_of_their_modality(his, admin, number, accession):
    accepted(his.send(*orm(number, "NW", obr(accession, CHEST), obr(accession, KNEE, modality="DX"))))
    film = admin.upload(dicom(PatientID=number, AccessionNumber=accession, Modality="DX"), "a.dcm")
    assert shown(admin, number) == {"胸部 CT": "SCHEDULED", "膝关节": "OPEN"}
    report = ok(admin.post("/reports", json={"study_id": film["study_id"], "sections": {"impression": "无。"}}), 201)
    assert "DX9^膝关节^L" in admin.get(f"/reports/{report['id']}/hl7").text
    for other in ("MR", "DX"):  # what is left is for another modality
        made = admin.upload(dicom(PatientID=number, AccessionNumber=accession, Modality=other), f"{other}.dcm")
        assert made["study_id"] not in waiting_of(admin, number)
        assert len(waiting_of(admin, number)) == 1
    (chest,) = waiting_of(admin, number)
    made = admin.upload(dicom(PatientID=number, AccessionNumber=accession, Modality="CT"), "b.dcm")
    assert made["study_id"] == chest and not waiting_of(admin, number)
    other = accession + "2"
    accepted(his.send(*orm(number, "NW", obr(other, CHEST), obr(other, HEAD))))
    made = admin.upload(dicom(PatientID=number, AccessionNumber=other, Modality="CT"), "c.dcm")
    waiting = waiting_of(admin, number)
    assert len(waiting) == 2 and made["study_id"] not in waiting  # neither is guessed


def test_films_take_up_what_was_ordered_as_an_x_ray(his, admin, number, accession):
    accepted(his.send(*orm(number, "NW", obr(accession, CHEST), obr(accession, KNEE, modality="RX"))))
    knee = next(s["id"] for s in studies(admin, number) if s["description"] == "膝关节")
    film = admin.upload(dicom(PatientID=number, AccessionNumber=accession, Modality="DX"), "a.dcm")
    assert film["study_id"] == knee
    assert shown(admin, number) == {"胸部 CT": "SCHEDULED", "膝关节": "OPEN"}
    more = accession + "2"  # what is called DX goes before what is any X-ray
    both = [obr(more, "HAND", modality="RX"), obr(more, "FOOT", modality="DX")]
    accepted(his.send(*orm(number, "NW", *both)))
    admin.upload(dicom(PatientID=number, AccessionNumber=more, Modality="DX"), "b.dcm")
    assert len(waiting_of(admin, number)) == 2
    admin.upload(dicom(PatientID=number, AccessionNumber=more, Modality="CR"), "c.dcm")
    assert len(waiting_of(admin, number)) == 1  # and the X-ray takes the CR


def test_a_study_of_images_is_the_first_procedure_and_others_are_new(his, admin, number, accession):
    film = admin.upload(dicom(PatientID=number, AccessionNumber=accession, PatientName="Wang^XiaoMing"), "a.dcm")
    accepted(his.send(*orm(number, "NW", obr(accession, CHEST), obr(accession, HEAD))))
    found = {s["id"]: s["status"] for s in studies(admin, number)}
    assert len(found) == 2 and found.pop(film["study_id"]) == "OPEN" and list(found.values()) == ["SCHEDULED"]
