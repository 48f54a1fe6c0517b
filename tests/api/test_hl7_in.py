"""Orders and patients that other systems tell of by HL7 v2: what becomes of them, and what is refused."""

import hl7
import pytest
from hl7_side import Sender, control_id, message, msh
from hl7apy.core import Message
from support import Server, dicom, ok, unique, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"HL7_LISTEN": "127.0.0.1:0", "HL7_ACCOUNT": "his", "PATIENT_ID_ISSUER": "HIS"}
    server = Server(tmp_path_factory.mktemp("hl7in"), **settings).init().start()
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


def pid(number, name="王^小明", more="||19800517|M"):
    return f"PID|1||{number}^^^HIS^MR||{name}{more}"


def adt(event, *segments, number=None, **more):
    return [msh(f"ADT^{event}", number, **more), f"EVN|{event}|20260105", *segments]


def order(patient, accession, control="NW", words="CT^胸部 CT^L", number=None, **more):
    """As IHE writes it: OBR-18 is the accession number, OBR-24 the modality, OBR-36 when it is planned."""
    obr = f"OBR|1|P{accession}|F{accession}|{words}||||||||||||12^李^四||{accession}||||||CT"
    orc = f"ORC|{control}|P{accession}|F{accession}"
    head = msh("ORM^O01^ORM_O01", number, **more)
    return [head, pid(patient), "PV1|1|E", orc, obr + "|||^^^^^S|||||||||20260106093000"]


def patients(admin, number):
    return [p for p in ok(admin.get("/patients", params={"search": number}))["items"] if p["patient_id"] == number]


def patient(admin, number):
    (found,) = patients(admin, number)
    return ok(admin.get(f"/patients/{found['id']}"))


def studies(admin, number):
    (found,) = patients(admin, number)
    return ok(admin.get(f"/patients/{found['id']}/studies"))["items"]


def accepted(answer):
    assert (answer.code, answer.error) == ("AA", None), answer.text
    return answer


def refused(answer, code, error, words):
    assert (answer.code, answer.error) == (code, str(error)) and words in answer.words, answer.text
    return answer


# ---- patients ----


@pytest.mark.parametrize("event", ["A01", "A04", "A05", "A08", "A28", "A31"])
def test_a_patient_is_registered(his, admin, event):
    number = unique("P")
    segment = pid(number, more="||19800517|F|||北京路 1 号^^上海^^200001||^PRN^PH^li@example.org~13800000000")
    accepted(his.send(*adt(event, segment)))
    made = patient(admin, number)
    assert (made["name"], made["gender"], made["birth_date"]) == ("王小明", "FEMALE", "1980-05-17")
    assert made["issuer_of_patient_id"] is None  # HIS is PATIENT_ID_ISSUER
    assert (made["email"], made["phone"]) == ("li@example.org", "13800000000")
    assert made["address"] == "北京路 1 号, 上海, 200001"


def test_only_what_the_message_says_is_changed(his, admin):
    number = unique("P")
    made = admin.patient(patient_id=number, name="旧", phone="0911", gender="MALE", birth_date="1980-05-17")
    accepted(his.send(*adt("A08", f'PID|1||{number}^^^HIS||Li^Si^^^^^^A~李^四^^^^^^I||""|F|||||""')))
    after = patient(admin, number)
    assert (after["id"], after["name"], after["name_en"], after["gender"]) == (made["id"], "李四", "Li Si", "FEMALE")
    assert (after["phone"], after["birth_date"]) == ("0911", "1980-05-17")
    before = after["updated_at"]
    accepted(his.send(*adt("A08", f"PID|1||{number}^^^HIS||||")))
    assert patient(admin, number)["updated_at"] == before  # nothing was said


def test_who_did_it_is_written_down(his, admin):
    number = unique("P")
    name = control_id()
    accepted(his.send(*adt("A04", pid(number), number=name)))
    made = patient(admin, number)
    rows = ok(admin.get("/system/audit-logs", params={"patient_id": made["id"]}))["items"]
    (row,) = [r for r in rows if r["action"] == "patient.create"]
    assert row["username"] == "his" and row["client"] == "127.0.0.1"
    assert row["detail"]["by"] == "hl7" and row["detail"]["message"] == name and row["detail"]["sender"] == "HIS"


def test_patients_are_merged_as_the_house_does(his, admin):
    stays, goes = unique("P"), unique("P")
    film = admin.upload(dicom(PatientID=goes, PatientName="Wang^XiaoDong"), "a.dcm")
    accepted(his.send(*adt("A04", pid(stays))))
    accepted(his.send(*adt("A40", pid(stays), f"MRG|{goes}^^^HIS^MR")))
    target = patient(admin, stays)
    assert ok(admin.get(f"/image-files/{film['id']}"))["patient_id"] == target["id"]
    assert patients(admin, goes) == []
    again = admin.upload(dicom(PatientID=goes), "b.dcm")
    assert again["patient_id"] == target["id"]  # the number leads on
    accepted(his.send(*adt("A40", pid(stays), f"MRG|{goes}^^^HIS^MR")))  # said once more, by another message
    other = unique("P")
    refused(his.send(*adt("A40", pid(other), f"MRG|{goes}^^^HIS^MR")), "AE", 204, "merged into another")
    assert patients(admin, other) == []  # nothing of it was done


@pytest.mark.parametrize("event", ["A18", "A34", "A40"])
def test_a_number_that_nobody_had_leads_on_too(his, admin, event):
    stays, goes = unique("P"), unique("P")
    accepted(his.send(*adt(event, pid(stays), f"MRG|{goes}^^^HIS^MR")))
    film = admin.upload(dicom(PatientID=goes), "a.dcm")
    assert film["patient_id"] == patient(admin, stays)["id"]


def test_a_visit_or_an_account_is_no_number_of_a_patient(his, admin):
    number, visit = unique("P"), unique("V")
    ids = f"{visit}^^^HIS^VN~{visit}A^^^HIS^AN~{number}^^^HIS^MR"
    accepted(his.send(*adt("A04", f"PID|1||{ids}||王")))
    assert patient(admin, number)["name"] == "王"
    # what it is goes before where it stands
    accepted(his.send(*adt("A04", f"PID|1||{visit}U^^^HIS~{number}^^^HIS^PI||李")))
    assert patient(admin, number)["name"] == "李"
    for kind in ("VN", "AN", "PPN", "DL", "SS"):
        refused(his.send(*adt("A04", f"PID|1||{visit}^^^HIS^{kind}||王")), "AE", 101, "number")
        refused(his.send(*adt("A40", pid(number), f"MRG|{visit}^^^HIS^{kind}")), "AE", 101, "number")
    assert patients(admin, visit) == []


def test_what_is_said_of_a_merged_number_changes_nobody(his, admin):
    stays, goes = unique("P"), unique("P")
    accepted(his.send(*adt("A04", pid(stays, "留^下"))))
    accepted(his.send(*adt("A40", pid(stays), f"MRG|{goes}^^^HIS^MR")))
    refused(his.send(*adt("A08", pid(goes, "走^了"))), "AE", 204, "merged into another")
    assert patient(admin, stays)["name"] == "留下"


def test_a_merge_the_other_way_round_is_refused(his, admin):
    stays, goes = unique("P"), unique("P")
    accepted(his.send(*adt("A40", pid(stays), f"MRG|{goes}^^^HIS^MR")))
    refused(his.send(*adt("A40", pid(goes), f"MRG|{stays}^^^HIS^MR")), "AE", 204, "both numbers")
    refused(his.send(*adt("A40", pid(stays), f"MRG|{stays}^^^HIS^MR")), "AE", 204, "both numbers")
    assert patient(admin, stays)["patient_id"] == stays


# ---- orders ----


def test_an_order_is_a_scheduled_study_that_its_images_take_up(his, admin):
    number, accession = unique("P"), unique("A")
    accepted(his.send(*order(number, accession)))
    (study,) = studies(admin, number)
    assert (study["status"], study["accession_number"], study["modality"]) == ("SCHEDULED", accession, "CT")
    assert (study["description"], study["referring_physician"]) == ("胸部 CT", "李四")
    assert (study["study_date"], study["study_time"]) == ("2026-01-06", "09:30:00")
    assert (study["care_setting"], study["priority"]) == ("EMERGENCY", "STAT")
    image = dicom(PatientID=number, AccessionNumber=accession, Modality="CT", StudyDescription="CT CHEST")
    film = admin.upload(image, "a.dcm")
    begun = ok(admin.get(f"/studies/{study['id']}"))
    assert film["study_id"] == study["id"] and film["status"] != "FAILED"
    assert begun["status"] == "OPEN" and begun["number_of_instances"] == 1
    assert begun["study_uid"] != study["study_uid"] and begun["study_uid"].encode() in image
    assert (begun["description"], begun["study_date"]) == ("胸部 CT", "2024-02-29")
    other = admin.upload(dicom(PatientID=number, AccessionNumber=accession), "b.dcm")
    assert other["study_id"] != study["id"]  # another study of the same order: it has a UID of its own
    refused(his.send(*order(number, accession, "CA")), "AE", 205, "cannot be cancelled any more")


def test_the_studys_uid_may_be_told(his, admin):
    number, accession = unique("P"), unique("A")
    uid = "1.2.840." + str(int(unique("").encode().hex(), 16))[:30]
    ipc = f"IPC|{accession}^HIS|RP1|{uid}|SPS1|MR"
    lines = order(number, "")[1:]
    lines = [msh("OMI^O23^OMI_O23"), *lines, ipc]
    accepted(his.send(*lines))
    (study,) = studies(admin, number)
    assert (study["study_uid"], study["accession_number"], study["modality"]) == (uid, accession, "MR")
    film = admin.upload(dicom(PatientID=number, StudyInstanceUID=uid), "a.dcm")
    assert film["study_id"] == study["id"]
    assert ok(admin.get(f"/studies/{study['id']}"))["status"] == "OPEN"


def test_an_order_is_changed_and_cancelled_and_placed_again(his, admin):
    number, accession = unique("P"), unique("A")
    accepted(his.send(*order(number, accession)))
    accepted(his.send(*order(number, accession, "XO", "CT^腹部 CT^L")))
    (study,) = studies(admin, number)
    assert (study["description"], study["status"]) == ("腹部 CT", "SCHEDULED")
    accepted(his.send(*order(number, accession, "CA")))
    assert studies(admin, number)[0]["status"] == "CANCELLED"
    film = admin.upload(dicom(PatientID=number, AccessionNumber=accession), "a.dcm")
    assert film["study_id"] != study["id"]
    accepted(his.send(*order(number, accession + "B", "NW")))
    accepted(his.send(*order(number, accession + "B", "DC")))
    accepted(his.send(*order(number, accession + "B", "NW")))
    assert {s["status"] for s in studies(admin, number)} == {"CANCELLED", "OPEN", "SCHEDULED"}


def test_the_studys_uid_may_be_told_later(his, admin):
    number, accession = unique("P"), unique("A")
    uids = ["1.2.840." + str(int(unique("").encode().hex(), 16))[:30] + f".{i}" for i in range(3)]
    accepted(his.send(*order(number, accession)))
    (study,) = studies(admin, number)
    accepted(his.send(*order(number, accession, "XO"), f"ZDS|{uids[0]}^^Application^DICOM"))
    assert [s["study_uid"] for s in studies(admin, number)] == [uids[0]]
    refused(his.send(*order(number, accession, "XO"), "ZDS|x.y"), "AE", 102, "numbers")
    accepted(his.send(*order(number, accession + "2"), f"ZDS|{uids[1]}"))
    refused(his.send(*order(number, accession, "XO"), f"ZDS|{uids[1]}"), "AE", 205, "another study")
    film = admin.upload(dicom(PatientID=number, StudyInstanceUID=uids[0]), "a.dcm")
    assert film["study_id"] == study["id"]
    accepted(his.send(*order(number, accession, "XO"), f"ZDS|{uids[2]}"))
    assert ok(admin.get(f"/studies/{study['id']}"))["study_uid"] == uids[0]  # that of its images


def bare(patient, control, *numbers, obr=""):
    """An order that says its numbers in ORC alone."""
    placer, filler = numbers
    return [msh("ORM^O01^ORM_O01"), pid(patient), f"ORC|{control}|{placer}|{filler}", *([obr] if obr else [])]


def test_an_order_is_known_by_its_numbers(his, admin):
    number, accession = unique("P"), unique("A")
    accepted(his.send(*order(number, accession)))
    words = "OBR|1|||CT^腹部 CT^L"
    accepted(his.send(*bare(number, "XO", "", f"F{accession}", obr=words)))
    (study,) = studies(admin, number)
    assert (study["description"], study["accession_number"]) == ("腹部 CT", accession)
    accepted(his.send(*bare(number, "CA", f"P{accession}", "")))
    assert [s["status"] for s in studies(admin, number)] == ["CANCELLED"]


def test_a_number_of_one_order_is_not_anothers_accession(his, admin):
    number, accession = unique("P"), unique("A")
    accepted(his.send(*order(number, accession)))
    refused(his.send(*bare(number, "CA", "", accession)), "AE", 204, "no study")
    assert [s["status"] for s in studies(admin, number)] == ["SCHEDULED"]
    group = [order(number, accession + x)[3:] for x in "BC"]
    for lines, x in zip(group, "BC", strict=True):
        lines[:] = [s.replace(f"P{accession}{x}|F{accession}{x}", "GROUP|") for s in lines]
    accepted(his.send(*order(number, accession)[:3], *group[0], *group[1]))
    assert {s["accession_number"] for s in studies(admin, number)} == {accession + x for x in ("", "B", "C")}


def test_only_placing_places_and_what_is_replaced_is_cancelled(his, admin):
    number, accession = unique("P"), unique("A")
    for control in ("XO", "SC", "RP"):
        refused(his.send(*order(number, accession, control)), "AE", 204, "no study")
    accepted(his.send(*order(number, accession)))
    two = order(number, accession, "RP") + order(number, accession + "2", "RO")[3:]
    accepted(his.send(*two))
    found = {s["accession_number"]: s["status"] for s in studies(admin, number)}
    assert found == {accession: "CANCELLED", accession + "2": "SCHEDULED"}
    for control in ("XO", "SC"):
        accepted(his.send(*order(number, accession, control)))
    assert {s["accession_number"]: s["status"] for s in studies(admin, number)} == found


def test_only_who_sees_the_order_or_a_machine_takes_it_up(his, admin, server):
    number, accession = unique("P"), unique("A")
    accepted(his.send(*order(number, accession)))
    (study,) = studies(admin, number)
    image = {"PatientID": number, "PatientName": "Wang^XiaoMing", "AccessionNumber": accession}
    server.account("technician", admin=admin).upload(dicom(**image), "a.dcm")
    assert ok(admin.get(f"/studies/{study['id']}"))["status"] == "SCHEDULED"
    assert len(studies(admin, number)) == 2
    server.account("service", admin=admin).upload(dicom(**image), "b.dcm")
    assert ok(admin.get(f"/studies/{study['id']}"))["status"] == "OPEN"


def test_what_is_made_says_its_modality(his, admin):
    number, accession = unique("P"), unique("A")
    accepted(his.send(*order(number, accession)))  # a CT
    (study,) = studies(admin, number)
    admin.upload(dicom(PatientID=number, AccessionNumber=accession, Modality="MR"), "a.dcm")
    begun = ok(admin.get(f"/studies/{study['id']}"))
    assert (begun["status"], begun["modality"]) == ("OPEN", "MR")
    for status in ("SCHEDULED", "CANCELLED"):
        answer = admin.patch(f"/studies/{study['id']}", json={"status": status})
        assert answer.status_code == 409 and "with images" in answer.text
    assert ok(admin.patch(f"/studies/{study['id']}", json={"status": "CLOSED"}))["status"] == "CLOSED"


def test_a_planned_time_with_a_zone_is_shown_by_the_hospitals_clocks(his, admin):
    number, accession = unique("P"), unique("A")
    lines = order(number, accession)
    lines[-1] = lines[-1].replace("20260106093000", "202601060130+0800")  # the server's zone is UTC
    accepted(his.send(*lines))
    (study,) = studies(admin, number)
    assert (study["study_date"], study["study_time"]) == ("2026-01-05", "17:30:00")


def test_several_orders_of_one_message_are_all_or_none(his, admin):
    number, accession = unique("P"), unique("A")
    two = order(number, accession) + order(number, accession + "2")[3:]
    bad = order(number, accession) + [x.replace("ORC|NW", "ORC|ZZ") for x in order(number, accession + "2")[3:]]
    refused(his.send(*bad), "AE", 103, "ORC-1")
    assert patients(admin, number) == []
    accepted(his.send(*two))
    assert {s["accession_number"] for s in studies(admin, number)} == {accession, accession + "2"}


def test_reports_name_the_order(his, admin, server):
    number, accession = unique("P"), unique("A")
    accepted(his.send(*order(number, accession)))
    (study,) = studies(admin, number)
    report = ok(admin.post("/reports", json={"study_id": study["id"], "sections": {"impression": "无。"}}), 201)
    said = hl7.parse(admin.get(f"/reports/{report['id']}/hl7").text)
    assert [str(said["ORC"][0][i]) for i in (2, 3)] == [f"P{accession}", f"F{accession}"]
    assert str(said["OBR"][0][4]) == "CT^胸部 CT^L"


def test_a_message_made_by_hl7apy_is_done(his, admin):
    number = unique("P")
    made = Message("ADT_A01", version="2.5.1")
    made.msh.msh_3, made.msh.msh_9, made.msh.msh_10 = "APY", "ADT^A01^ADT_A01", control_id()
    made.msh.msh_11 = "P"
    made.evn.evn_2 = "20260105"
    made.pid.pid_3, made.pid.pid_5 = f"{number}^^^HIS^MR", "EVERYMAN^ADAM"
    made.pv1.pv1_2 = "O"
    answer = his.send_bytes(made.to_er7().encode())
    accepted(answer)
    assert patient(admin, number)["name"] == "EVERYMAN ADAM"  # the family first, as in all records here


# ---- once ----


def test_a_repetition_is_acknowledged_and_not_done_again(his, server, admin):
    number, name = unique("P"), control_id()
    lines = adt("A04", pid(number), number=name)
    first = accepted(his.send(*lines))
    made = patient(admin, number)
    ok(admin.patch(f"/patients/{made['id']}", json={"name": "改过"}))
    with Sender(server) as other:
        again = accepted(other.send(*lines))
    assert first.control_id == again.control_id == name
    assert patient(admin, number)["name"] == "改过"
    refused(his.send(*adt("A04", pid(number, "别^的"), number=name)), "AE", 205, "MSH-10")
    accepted(his.send(*adt("A04", pid(number, "新^的"), number=name, sender="OTHER")))  # another's counter
    assert patient(admin, number)["name"] == "新的"


def test_a_counter_that_begins_anew_names_other_messages(his, admin):
    number, name = unique("P"), control_id()
    first = adt("A04", pid(number, "一^号"), number=name)
    accepted(his.send(*first))
    later = adt("A08", pid(number, "二^号"), number=name)
    accepted(his.send(*later))  # MSH-9 is another
    assert patient(admin, number)["name"] == "二号"
    next_day = adt("A08", pid(number, "三^号"), number=name)
    next_day[0] = next_day[0].replace("20260105143022", "20260106080000")
    accepted(his.send(*next_day))
    accepted(his.send(*next_day))
    assert patient(admin, number)["name"] == "三号"
    refused(his.send(next_day[0], *later[1:]), "AE", 205, "MSH-10")
    unlike = [x.replace("|HIS|MAIN|", "|HIS^1.2.3^ISO|MAIN|") for x in later]
    accepted(his.send(*unlike))  # another sender, by its second component
    assert patient(admin, number)["name"] == "二号"


def test_what_may_pass_is_not_refused_for_good(his, server, admin):
    number = unique("P")
    lines = adt("A04", pid(number))
    server.database.rows("alter table hl7_messages rename to hl7_away")
    try:
        answer = his.send(*lines)
        assert (answer.code, answer.error) == ("AR", "207"), answer.text
    finally:
        server.database.rows("alter table hl7_away rename to hl7_messages")
    assert patients(admin, number) == []
    accepted(his.send(*lines))


def test_what_was_refused_can_be_sent_again(his, admin):
    card, first, second = unique("C"), unique("P"), unique("P")
    owner = admin.patient(patient_id=first, id_card=card)
    lines = adt("A04", f"PID|1||{second}^^^HIS^MR~{card}^^^^NI||王^二")
    refused(his.send(*lines), "AE", 205, "identity card")
    ok(admin.patch(f"/patients/{owner['id']}", json={"id_card": None}))
    accepted(his.send(*lines))
    assert patient(admin, second)["id_card"] == card


# ---- refused ----


@pytest.mark.parametrize(
    "lines, code, error, words",
    [
        ([msh("ORU^R01"), pid("1")], "AR", 200, "type"),
        ([msh("ADT^A99"), pid("1")], "AR", 201, "event"),
        ([msh("ADT^A04", version="3.0"), pid("1")], "AR", 203, "version 2"),
        ([msh("ADT^A04", processing="T"), pid("1")], "AR", 202, "production"),
        ([msh("ADT^A04", charset="KLINGON"), pid("1")], "AR", 103, "MSH-18"),
        ([msh("ADT^A04")], "AE", 100, "no PID"),
        ([msh("ADT^A04"), "PID|1||||王"], "AE", 101, "number"),
        ([msh("ADT^A04"), "PID|1||" + "9" * 65], "AE", 102, "64 characters"),
        ([msh("ADT^A04"), "PID|1||7^^^HIS||王||19801341"], "AE", 102, "date of birth"),
        ([msh("ADT^A04"), "PID|1||7^^^HIS||王||29801231"], "AE", 102, "future"),
        ([msh("ADT^A40"), pid("1")], "AE", 100, "no MRG"),
        ([msh("ADT^A40"), pid("1"), "MRG|"], "AE", 101, "number"),
        ([msh("ORM^O01"), pid("1")], "AE", 100, "no ORC"),
        ([msh("ORM^O01"), pid("1"), "ORC|NW|1"], "AE", 100, "no OBR"),
        ([msh("ORM^O01"), pid("1"), "ORC|NW", "OBR|1"], "AE", 101, "no number"),
        ([msh("ORM^O01"), pid("1"), "ORC|ZZ|1", "OBR|1|1"], "AE", 103, "ORC-1"),
        ([msh("ORM^O01"), pid("1"), "ORC|CA|nosuch", "OBR|1|nosuch"], "AE", 204, "no study"),
        ([msh("OMI^O23"), pid("1"), "ORC|NW|1", "OBR|1|1", "IPC|1|2|3|4|KT"], "AE", 103, "IPC-5"),
        ([msh("OMI^O23"), pid("1"), "ORC|NW|1", "OBR|1|1", "IPC|1|2|x.y|4|CT"], "AE", 102, "UID"),
    ],
)
def test_what_cannot_be_done_is_refused_with_words(his, lines, code, error, words):
    answer = refused(his.send(*lines), code, error, words)
    assert answer.control_id == lines[0].split("|")[9]


def test_without_the_account_or_its_rights_nothing_is_done(his, server, admin):
    number = unique("P")
    (account,) = [u for u in ok(admin.get("/users", params={"page_size": 100}))["items"] if u["username"] == "his"]
    try:
        ok(admin.put(f"/users/{account['id']}/roles", json={"roles": ["viewer"]}))
        refused(his.send(*adt("A04", pid(number))), "AE", 207, "patient.create")
        ok(admin.patch(f"/users/{account['id']}", json={"status": "DISABLED"}))
        refused(his.send(*adt("A04", pid(number))), "AE", 207, "HL7_ACCOUNT")
        assert patients(admin, number) == []
    finally:
        ok(admin.patch(f"/users/{account['id']}", json={"status": "ACTIVE"}))
        ok(admin.put(f"/users/{account['id']}/roles", json={"roles": ["interface"]}))
    accepted(his.send(*adt("A04", pid(number))))


@pytest.mark.parametrize("charset, encoding", [("GB 18030-2000", "gb18030"), ("UNICODE UTF-8", "utf-8")])
def test_chinese_comes_in_both_character_sets(his, admin, charset, encoding):
    number = unique("P")
    name = "丂^乗乛"  # in GB 18030 each has a second byte that is a letter or a separator's neighbour
    accepted(his.send(*adt("A04", pid(number, name), charset=charset), encoding=encoding))
    assert patient(admin, number)["name"] == name.replace("^", "")
    lines = adt("A04", pid(unique("P"), "王"), charset=charset)
    broken = message(*lines, encoding=encoding).replace("王".encode(encoding), b"\xff\xff")
    refused(his.send_bytes(broken, encoding), "AR", 102, "no text")


def test_the_server_says_what_it_refused_in_its_log(his, server):
    number = unique("X")
    his.send(msh(f"{number}^A01"), pid("1"))
    assert wait_until(lambda: [x for x in server.log_lines("hl7.refused") if number in x["message"]], "the line")


def test_nobody_listens_without_an_account(tmp_path):
    done = Server(tmp_path, HL7_LISTEN="127.0.0.1:0").init().run("serve", check=False)
    assert done.returncode != 0 and "HL7_ACCOUNT" in done.stderr
    done = Server(tmp_path / "b", HL7_LISTEN="nowhere", HL7_ACCOUNT="his").init().run("serve", check=False)
    assert done.returncode != 0 and "address:port" in done.stderr
