"""Answers to senders in enhanced mode (ORR^O02, ORI^O24), and to batches of messages: read by hl7apy and python-hl7."""

import hl7
import pytest
from hl7_side import Answer, Sender, control_id, frame, message, msh, read_frame
from hl7apy.parser import parse_message
from support import Server, sample, unique
from test_hl7_in import accepted, adt, order, patients, pid, refused, studies


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"HL7_LISTEN": "127.0.0.1:0", "HL7_ACCOUNT": "his", "PATIENT_ID_ISSUER": "HIS"}
    server = Server(tmp_path_factory.mktemp("hl7answers"), **settings).init().start()
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


# ---- responses ----


def asking(lines, application="AL", accept="NE"):
    """The same with MSH-15 and MSH-16."""
    fields = lines[0].split("|")
    fields[14:16] = [accept, application]
    return ["|".join(fields), *lines[1:]]


def segments(answer, name):
    return [line.split("|") for line in answer.text.split("\r") if line.startswith(name + "|")]


def test_an_order_in_enhanced_mode_gets_its_response(his, admin):
    number, accession = unique("P"), unique("A")
    lines = asking(order(number, accession) + order(number, accession + "2")[3:])
    answer = accepted(his.send(*lines))
    again = his.send(*lines)  # a repetition is answered alike
    for one in (answer, again):
        assert str(one.message["MSH"][0][9]) == "ORR^O02^ORR_O02"
        assert [s[1:4] for s in segments(one, "ORC")] == [
            ["OK", f"P{accession}{x}", f"F{accession}{x}"] for x in ("", "2")
        ]
        assert segments(one, "OBR")[1][1:5] == ["2", f"P{accession}2", f"F{accession}2", "CT^胸部 CT^L"]
        assert segments(one, "PID")[0][3:6] == [f"{number}^^^HIS^MR", "", "王^小明"]
    read = parse_message(answer.text, find_groups=False)
    assert read.msh.msh_9.msh_9_3.to_er7() == "ORR_O02" and read.version == "2.5.1" and len(studies(admin, number)) == 2
    changed = accepted(his.send(*asking(order(number, accession, "XO"))))
    cancelled = accepted(his.send(*asking(order(number, accession, "CA"))))
    assert [segments(a, "ORC")[0][1] for a in (changed, cancelled)] == ["XR", "CR"]


def test_an_imaging_order_gets_ori(his):
    number, accession = unique("P"), unique("A")
    uid = f"1.2.{int(accession[1:], 16)}"
    lines = [msh("OMI^O23^OMI_O23"), pid(number), "ORC|SN|4711^HIS", "OBR|1|4711^HIS||A\\S\\B^x"]
    lines.append(f"IPC|{accession}^RIS|RP1|{uid}|SPS1|CT")
    answer = accepted(his.send(*asking(lines)))
    assert str(answer.message["MSH"][0][9]) == "ORI^O24^ORI_O24"
    assert segments(answer, "ORC") == [["ORC", "NA", "4711^HIS", accession]]  # the number that it has here
    assert segments(answer, "OBR")[0][4] == "A\\S\\B^x"
    assert segments(answer, "IPC")[0][1:4] == [f"{accession}^RIS", "RP1", uid]
    read = parse_message(answer.text, find_groups=True)
    read.validate()
    assert read.name == "ORI_O24"


def test_what_is_refused_is_said_of_each_order(his, admin):
    number, accession = unique("P"), unique("A")
    wrong = order(number, accession) + order(number, accession + "2", "CA")[3:]
    answer = refused(his.send(*asking(wrong)), "AE", 204, "no study")
    assert [s[1] for s in segments(answer, "ORC")] == ["UA", "UC"] and patients(admin, number) == []
    lines = asking([msh("OMI^O23"), pid(number), "ORC|CA|7", "OBR|1|7||C^CT", "IPC|A|R|1.2.3|S"])
    read = parse_message(his.send(*lines).text, find_groups=True)
    read.validate()
    assert read.msa.msa_1.to_er7() == "AE"


@pytest.mark.parametrize("application", ["", "NE", "ER", "SU", "zz"])
def test_who_does_not_ask_for_it_gets_an_ack(his, application):
    answer = accepted(his.send(*asking(order(unique("P"), unique("A")), application, "AL")))
    assert str(answer.message["MSH"][0][9]) == "ACK^O01^ACK" and not segments(answer, "ORC")
    answer = accepted(his.send(*asking(adt("A04", pid(unique("P"))))))
    assert str(answer.message["MSH"][0][9]) == "ACK^A04^ACK"  # of patients there is no other


def test_a_response_is_bounded_and_in_the_senders_character_set(his):
    number, accession = unique("P"), unique("A")
    lines = asking(order(number, accession, charset="GB 18030-2000"))
    answer = accepted(his.send(*lines, encoding="gb18030"))
    assert segments(answer, "OBR")[0][4] == "CT^胸部 CT^L"
    long = "x" * 3000
    lines = [msh("ORM^O01"), pid(number)]
    lines += [s for i in range(50) for s in (f"ORC|ZZ|{i}^{long}^{long}", f"OBR|1|{i}^{long}||{long}^{long}")]
    answer = his.send(*asking(lines))
    assert (answer.code, len(segments(answer, "ORC"))) == ("AE", 50) and len(answer.text) < 100000


# ---- batches ----


def split(content, encoding="utf-8"):
    """The answers of a batch, and the segments between them."""
    answers, frame_of = [], []
    for line in content.decode(encoding).strip("\r").split("\r"):
        if line.startswith("MSH"):
            answers.append([])
        if line[:3] in ("FHS", "BHS", "BTS", "FTS"):
            frame_of.append(line.split("|"))
        else:
            answers[-1].append(line)
    return [Answer("\r".join(lines) + "\r") for lines in answers], frame_of


def exchange(his, content):
    his.connection.sendall(frame(content))
    return read_frame(his.connection)


def registered(patient, **more):
    return message(*adt("A04", pid(patient), **more)).decode()


def test_each_message_of_a_batch_is_taken_by_itself(his, admin):
    good, bad, last = unique("P"), unique("P"), unique("P")
    names = [control_id() for _ in range(3)]
    broken = registered(bad, number=names[1]).replace("19800517", "nosuch")
    content = (
        "BHS|^~\\&|HIS|MAIN|ROENTGEN||20260105||||B17\r"
        + registered(good, number=names[0])
        + broken
        + registered(last, number=names[2])
        + "BTS|3\r"
    )
    answers, lines = split(exchange(his, content.encode()))
    assert [(a.code, a.control_id) for a in answers] == list(zip(("AA", "AE", "AA"), names, strict=True))
    assert "date of birth" in answers[1].words
    assert [line[0] for line in lines] == ["BHS", "BTS"] and lines[1] == ["BTS", "3"]
    assert lines[0][2:6] == ["ROENTGEN", "", "HIS", "MAIN"] and lines[0][11] == "B17"
    assert [len(patients(admin, n)) for n in (good, bad, last)] == [1, 0, 1]
    answers, _ = split(exchange(his, content.replace("nosuch", "19800517").encode()))  # sent again, put right
    assert [a.code for a in answers] == ["AA"] * 3
    assert [len(patients(admin, n)) for n in (good, bad, last)] == [1, 1, 1]
    his.send(*adt("A04", pid(unique("P"))))  # the connection goes on as it was


def test_a_file_of_others_is_read_as_python_hl7_reads_it(his, admin):
    """The sample of python-hl7. Its one patient has no number that could be ours; a second one has."""
    number = unique("P")
    text = sample("hl7/vinah-file.hl7").decode().replace("\n", "\r")
    assert hl7.isfile(text)
    other = registered(number)
    text = text.replace("BTS|1", other + "BTS|2")
    answers, lines = split(exchange(his, text.encode()))
    assert len(answers) == len(hl7.split_file(text)) == 2
    refused(answers[0], "AE", 101, "number")
    accepted(answers[1])
    assert [line[0] for line in lines] == ["FHS", "BHS", "BTS", "FTS"]
    assert lines[2:] == [["BTS", "2"], ["FTS", "1"]] and lines[0][5] == "ABCHS"
    assert len(patients(admin, number)) == 1


def test_messages_of_a_batch_have_their_own_character_sets(his, admin):
    one, two = unique("P"), unique("P")
    content = b"BHS|^~\\&|HIS\r" + message(*adt("A04", pid(one, "丂^乗"), charset="GB 18030-2000"), encoding="gb18030")
    content += message(*adt("A04", pid(two, "王^明")))
    answers, _ = split(exchange(his, content))
    assert [a.code for a in answers] == ["AA", "AA"]
    assert [patients(admin, n)[0]["name"] for n in (one, two)] == ["丂乗", "王明"]


def test_counts_that_do_not_agree_are_said(his, server):
    content = "FHS|^~\\&|HIS\rBHS|^~\\&|HIS\r" + registered(unique("P")) + "BTS|7\rBHS|^~\\&|HIS\rFTS|3\r"
    answers, lines = split(exchange(his, content.encode()))
    assert [a.code for a in answers] == ["AA"]
    assert lines[2] == ["BTS", "1", "7 messages were announced, and 1 have come"]
    assert lines[4] == ["BTS", "0"] and lines[5] == ["FTS", "2", "3 batches were announced, and 2 have come"]
    assert server.log_lines("hl7.batch")


@pytest.mark.parametrize(
    "content, words",
    [
        ("BHS", "separators"),
        ("FHS|^~\\&|HIS\rBHS||||", "separators"),
        ("BHS|^~\\&|H\x01S", "control characters"),
        ("BHS|^~\\&|HIS||||||||B9\r" + "MSH|^~\\&|x\r" * 501, "more than 500 messages"),
    ],
)
def test_a_batch_that_cannot_be_taken_is_refused_as_a_whole(his, admin, content, words):
    number = unique("P")
    answer = Answer(exchange(his, (content + "\r" + registered(number)).encode()).decode())
    assert answer.code == "AR" and words in answer.words
    assert patients(admin, number) == []
    assert answer.control_id == ("B9" if "B9" in content else "")


def test_a_batch_may_be_empty_and_what_is_no_message_is_answered(his):
    answers, lines = split(exchange(his, b"BHS|^~\\&|HIS\rBTS|0\r"))
    assert not answers and lines[1] == ["BTS", "0"]
    answers, lines = split(exchange(his, b"BHS|^~\\&|HIS\rPID|1\rPV1|1\rMSH|^~\\&|\rBTS|2\r"))
    assert [a.code for a in answers] == ["AR", "AR"] and lines[1] == ["BTS", "2"]


def test_a_batch_of_orders_is_answered_by_responses(his, admin):
    number, accession = unique("P"), unique("A")
    lines = ["BHS|^~\\&|HIS", *asking(order(number, accession)), *asking(order(number, accession, "CA")), "BTS|2"]
    answers, _ = split(exchange(his, message(*lines)))
    assert [segments(a, "ORC")[0][1] for a in answers] == ["OK", "CR"]
    assert [s["status"] for s in studies(admin, number)] == ["CANCELLED"]
