"""Reports as HL7 v2.5.1: what they say, read by python-hl7 and hl7apy, and that each signed version is sent once."""

import base64
import ssl
import subprocess

import hl7
import pytest
from hl7_side import Receiver
from hl7apy.parser import parse_message
from reports import act, finish, readers
from support import Server, ok, unique, wait_until
from test_report_templates import definition


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, receiver):
    settings = {"HL7_SEND_TO": f"127.0.0.1:{receiver.port}", "HL7_FACILITY": "MAIN", "PATIENT_ID_ISSUER": "HIS"}
    server = Server(tmp_path_factory.mktemp("hl7out"), **settings).init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


def make_report(people, **members):
    admin = people["admin"]
    patient = admin.patient(name="王小明", gender="MALE", birth_date="1980-05-17")
    details = {"accession_number": unique("A"), "study_date": "2026-01-05", "modality": "CT", "description": "胸部 CT"}
    study = ok(admin.post("/studies", json={"patient_id": patient["id"], **details}), 201)
    body = {
        "study_id": study["id"],
        "title": "胸部 CT",
        "sections": {"findings": "结节 | 6^2 & \\ 见\n第二行。", "impression": "随访。"},
        **members,
    }
    return ok(people["author"].post("/reports", json=body), 201) | {"patient": patient, "study": study}


def given_out(who, report, encoding="utf-8", **query):
    answer = who.get(f"/reports/{report['id']}/hl7", params=query)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/hl7-v2", answer.text
    return answer.content.decode(encoding)


def observed(text):
    """OBX-3 code -> (type, value, unit, status), unescaped by python-hl7."""
    message = hl7.parse(text)
    out = {}
    for obx in message.segments("OBX"):
        value = message.unescape(str(obx[5])).replace("\r", "\n")
        out[str(obx[3]).split("^")[0]] = (str(obx[2]), value, str(obx[6]), str(obx[11]))
    return out


def messages_of(receiver, report, count=1):
    """What came of this report: by its accession number."""
    number = report["study"]["accession_number"].encode()
    return wait_until(
        lambda: len(found := [m for m in receiver.messages if b"|" + number + b"|" in m]) >= count and found,
        f"{count} messages",
    )


def test_a_draft_is_given_out_as_not_done(people):
    report = make_report(people)
    text = given_out(people["author"], report)
    message = hl7.parse(text)
    assert str(message["MSH"][0][9]) == "ORU^R01^ORU_R01" and str(message["MSH"][0][18]) == "UNICODE UTF-8"
    assert str(message["PID"][0][3]) == f"{report['patient']['patient_id']}^^^HIS^MR"
    assert [str(message["PID"][0][i]) for i in (5, 7, 8)] == ["王小明", "19800517", "M"]
    obr = message["OBR"][0]
    assert str(obr[18]) == report["study"]["accession_number"] and str(obr[25]) == "I"
    assert str(obr[4]) == "CT^胸部 CT^L" and str(obr[7]) == "20260105"
    values = observed(text)
    assert values["59776-5"] == ("FT", "结节 | 6^2 & \\ 见\n第二行。", "", "I")
    assert values["19005-8"][1] == "随访。"
    assert values["110180"][1] == report["study"]["study_uid"]
    again = parse_message(text, find_groups=False)  # hl7apy reads it by the structures of v2.5.1
    assert again.version == "2.5.1" and again.msh.msh_9.to_er7() == "ORU^R01^ORU_R01"
    assert len(message["MSH"][0][10][0]) == 20


def test_values_are_numbers_with_units_and_codes(people):
    form = definition()
    template = ok(people["author"].post("/reports/templates", json={"definition": form}), 201)
    fields = {"size": 6.2, "category": "4A"}
    report = make_report(people, template_id=template["id"], fields=fields, sections={"impression": "随访。"})
    values = observed(given_out(people["author"], report))
    assert values["size"][:3] == ("NM", "6.2", "mm^mm^UCUM")
    assert values["category"][0] == "CE" and values["category"][1].startswith("4A^")


def test_a_signed_version_is_sent_once_and_so_are_those_after_it(people, server, receiver):
    report = make_report(people)
    finish(people, report)
    (final,) = messages_of(receiver, report)
    assert final.decode() == given_out(people["author"], report)
    message = hl7.parse(final.decode())
    assert str(message["OBR"][0][25]) == "F" and observed(final.decode())["19005-8"][3] == "F"
    assert "李四 O'Neil" in str(message["OBR"][0][32])
    amended = ok(act(people["author"], report, "amend", reason="看错了", sections={"impression": "无。"}))
    assert amended["status"] == "DRAFT"
    finish(people, report)
    *_, second = messages_of(receiver, report, 2)
    assert str(hl7.parse(second.decode())["OBR"][0][25]) == "C"
    assert observed(second.decode())["19005-8"] == ("FT", "无。", "", "C")
    ok(act(people["second"], report, "mark-entered-in-error", reason="另一位患者 | 的"))
    *_, third = messages_of(receiver, report, 3)
    message = hl7.parse(third.decode())
    assert str(message["OBR"][0][25]) == "X" and observed(third.decode())["19005-8"][3] == "W"
    assert message.unescape(str(message["NTE"][0][3])) == "另一位患者 | 的"
    assert len({str(hl7.parse(m.decode())["MSH"][0][10]) for m in (final, second, third)}) == 3
    jobs = wait_until(lambda: done_jobs(people["admin"], report, 3), "all to be written down")
    assert [j["result"]["answer"] for j in jobs] == ["AA"] * 3
    assert len(messages_of(receiver, report, 3)) == 3


def jobs_of(admin, report):
    found = ok(admin.get("/system/jobs", params={"kind": "report.send", "page_size": 100}))["items"]
    found = [ok(admin.get(f"/system/jobs/{j['id']}")) for j in found]
    return sorted((j for j in found if j["payload"]["report_id"] == report["id"]), key=lambda j: j["id"])


def done_jobs(admin, report, count):
    jobs = jobs_of(admin, report)
    return len(jobs) == count and all(j["state"] == "SUCCEEDED" for j in jobs) and jobs


def test_an_addendum_is_sent_with_its_words(people, receiver):
    report = make_report(people)
    finish(people, report)
    messages_of(receiver, report)
    ok(act(people["author"], report, "addendum", addendum="已电话告知。"))
    finish(people, report)
    *_, second = messages_of(receiver, report, 2)
    assert str(hl7.parse(second.decode())["OBR"][0][25]) == "F"
    assert observed(second.decode())["55107-7"][:2] == ("FT", "已电话告知。")


@pytest.mark.parametrize("first", ["AE", "AR", None, "other"])
def test_what_is_not_taken_is_sent_again_the_same(people, receiver, first):
    report = make_report(people)
    receiver.codes = [first]
    finish(people, report)
    one, two = messages_of(receiver, report, 2)
    assert one == two
    (job,) = wait_until(lambda: done_jobs(people["admin"], report, 1), "the AA to be written down")
    assert job["attempt"] == 2 and job["result"]["answer"] == "AA"


def test_an_aa_with_words_that_cannot_be_read_is_an_aa(people, receiver):
    report = make_report(people)
    receiver.codes = ["unreadable"]
    finish(people, report)
    (job,) = wait_until(lambda: done_jobs(people["admin"], report, 1), "the AA to be written down")
    assert job["attempt"] == 1 and job["result"]["answer"] == "AA"


def test_no_version_is_sent_after_the_one_that_corrects_it(people, receiver):
    report = make_report(people)
    receiver.codes = ["AE"]
    finish(people, report)
    messages_of(receiver, report)
    (first,) = wait_until(
        lambda: [j for j in jobs_of(people["admin"], report) if j["state"] == "QUEUED" and j["error"]], "the AE"
    )
    ok(people["admin"].post(f"/system/jobs/{first['id']}/cancel"))
    ok(act(people["author"], report, "amend", reason="看错了", sections={"impression": "无。"}))
    finish(people, report)
    messages_of(receiver, report, 2)
    wait_until(lambda: jobs_of(people["admin"], report)[-1]["state"] == "SUCCEEDED", "the correction to be taken")
    ok(people["admin"].post(f"/system/jobs/{first['id']}/retry"))
    failed = wait_until(
        lambda: [j for j in jobs_of(people["admin"], report) if j["state"] == "FAILED"], "the old one to be refused"
    )
    assert "later version" in failed[0]["error"] and len(messages_of(receiver, report, 2)) == 2


def test_a_silent_receiver_holds_one_thread(tmp_path):
    silent, receiver = Receiver(["silent"]), Receiver()
    settings = {"HL7_SEND_TO": f"127.0.0.1:{silent.port} 127.0.0.1:{receiver.port}"}
    server = Server(tmp_path / "server", **settings).init().start()
    try:
        people = readers(server)
        reports = [make_report(people) for _ in range(5)]
        for report in reports:
            finish(people, report)
        for report in reports:  # well before the first one has given up
            messages_of(receiver, report)
        assert len(silent.messages) == 1
        states = [j for r in reports for j in jobs_of(people["admin"], r) if j["state"] == "RUNNING"]
        assert len(states) <= 2
    finally:
        silent.close()
        server.close()
        receiver.close()


def test_who_does_not_see_the_report_does_not_get_it(people, server):
    report = make_report(people)
    stranger = server.account("doctor", admin=people["admin"])
    assert stranger.get(f"/reports/{report['id']}/hl7").status_code == 404
    assert people["viewer"].get(f"/reports/{report['id']}/hl7").status_code == 404  # a draft


def test_the_pdf_the_other_character_set_and_tls(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", key, "-out", certificate]
        + names,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver = Receiver(context=context)
    settings = {
        "HL7_SEND_TO": f"tls://localhost:{receiver.port}",
        "HL7_CA_FILE": str(certificate),
        "HL7_PDF": "on",
        "HL7_CHARSET": "GB 18030-2000",
    }
    server = Server(tmp_path / "server", **settings).init().start()
    try:
        people = readers(server)
        report = make_report(people)
        finish(people, report)
        text = messages_of(receiver, report)[0].decode("gb18030")
        message = hl7.parse(text)
        assert str(message["MSH"][0][18]) == "GB 18030-2000" and str(message["PID"][0][5]) == "王小明"
        kind, value, *_ = observed(text)["18748-4"]
        _, *form, content = value.split("^")
        assert (kind, form) == ("ED", ["application", "pdf", "Base64"])
        assert base64.b64decode(content).startswith(b"%PDF-")
    finally:
        server.close()
        receiver.close()


@pytest.mark.parametrize("address", ["https://pacs.example.org/x/", ""])
def test_a_pdf_that_is_too_large_is_left_out_and_said_to_be(tmp_path, address):
    settings = {"HL7_PDF": "on", "HL7_PDF_MAX": "1KiB", "PUBLIC_URL": address}
    server = Server(tmp_path / "server", **settings).init().start()
    try:
        people = readers(server)
        report = make_report(people)
        text = given_out(people["author"], report)
        size = len(people["author"].get(f"/reports/{report['id']}/pdf").content)
        note = hl7.parse(text)["NTE"][0]
        assert str(note[3]) == f"The PDF is not in this message: it has {size} bytes, more than 1024"
        values, place = observed(text), f"https://pacs.example.org/x/api/v1/reports/{report['id']}/pdf?version=1"
        if address:
            assert values["18748-4"][:2] == ("RP", f"{place}^ROENTGEN^application^pdf")
        else:
            assert "18748-4" not in values
        parse_message(text, find_groups=False)
    finally:
        server.close()


def test_nobody_is_told_who_is_not_named(tmp_path):
    done = Server(tmp_path, HL7_SEND_TO="ris.example.org").run("serve", check=False)
    assert done.returncode != 0 and "HL7_SEND_TO: ris.example.org is not host:port" in done.stderr
