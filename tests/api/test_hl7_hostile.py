"""Who sends what is no message, too much of it, too slowly, or takes no answer: the others are served meanwhile."""

import os
import socket

import pytest
from hl7_side import END, PATIENCE, Sender, answer, frame, message, msh, port_of, read_frame
from support import Server, ok, unique


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"HL7_LISTEN": "127.0.0.1:0", "HL7_ACCOUNT": "his"}
    server = Server(tmp_path_factory.mktemp("hl7hostile"), **settings).init().start()
    server.account("interface", username="his")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def works_afterwards(server):
    yield
    with Sender(server) as sender:
        assert sender.send(msh("ADT^A04"), f"PID|1||{unique('P')}||王").code == "AA"


def connect(server):
    return socket.create_connection(("127.0.0.1", port_of(server)), timeout=PATIENCE)


def is_closed(connection):
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\r\r",
        b"MSH",
        b"MSH|^~",
        b"PID|1\r",
        b"MSH|||||||||\r",
        message(msh("ADT^A04"), *["NTE|1"] * 10000),
        message(msh("ADT^A04"), "PID" + "|" * 100000),
        message(msh("ADT^A04"), "PID|1||7||\x01"),
        message(msh("ADT^A04"), "PID|1||7||") + b"\x1cx",
        message(msh("ADT^A04"), "PID|1||" + "~" * 100000),
        message(msh("ADT^A04"), "PID|1||" + "\\X" + "0" * 200000 + "\\"),
        message(msh("ADT^A04"), "PID|1||" + "王" * 100 + "&" * 100000),
        message("MSH|^~\\&|" + "A" * 300000 + "||||||ADT^A04|" + "9" * 300000 + "|P|2.5.1"),
    ],
)
def test_what_is_no_message_is_answered(server, content):
    with Sender(server) as sender:
        said = sender.send_bytes(content)
        assert said.code in ("AR", "AE") and said.words
        assert sender.send(msh("ADT^A04"), f"PID|1||{unique('P')}||王").code == "AA"  # the connection is good still


def memory_peak(server):
    with open(f"/proc/{server.process.pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10


def test_a_long_field_that_every_order_reads_again_is_not_copied_each_time(server):
    before = memory_peak(server)
    name = "x\\T\\" + "x" * 300000
    orders = [s for i in range(40) for s in (f"ORC|NW|P{i}", f"OBR|1|P{i}||C^CT^L")]
    with Sender(server) as sender:
        head = [msh("ORM^O01"), f"PID|1||{unique('P')}||王", f"PV1|1|O||||||12^{name}^{name}^{name}"]
        sender.send(*head, *orders)
        many = [s for i in range(51) for s in (f"ORC|NW|Q{i}", f"OBR|1|Q{i}||C^CT^L")]
        said = sender.send(msh("ORM^O01"), f"PID|1||{unique('P')}||王", *many)
        assert (said.code, said.error) == ("AE", "100") and "50 orders" in said.words
    assert memory_peak(server) - before < 40 << 20


def test_a_message_without_an_end_is_refused_and_its_sender_let_go(server):
    with connect(server) as connection:
        connection.sendall(b"\x0b" + b"MSH|^~\\&|" + b"x" * (1 << 20) + b"yyy")
        said = answer(read_frame(connection))
        assert said.code == "AR" and "larger than 1048576 bytes" in said.words
        connection.shutdown(socket.SHUT_WR)
        assert is_closed(connection)


def test_who_does_not_speak_mllp_is_let_go(server):
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert is_closed(connection)


def test_a_message_begun_anew_is_the_second_one(server):
    admin = server.admin()
    first, second = unique("P"), unique("P")
    with connect(server) as connection:
        connection.sendall(b"\x0b" + message(msh("ADT^A04"), f"PID|1||{first}||王"))
        connection.sendall(frame(message(msh("ADT^A04"), f"PID|1||{second}||王")))
        assert answer(read_frame(connection)).code == "AA"
    found = [len(ok(admin.get("/patients", params={"search": number}))["items"]) for number in (first, second)]
    assert found == [0, 1]


def test_nobody_waits_for_the_slow_nor_for_who_takes_no_answers(server):
    slow, deaf = connect(server), connect(server)
    with slow, deaf:
        slow.sendall(b"\x0bMSH|^~\\&|slow")
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.setblocking(False)
        sent, many = 0, frame(b"MSH|^~\\&|deaf\r") * 2000
        with pytest.raises(BlockingIOError):  # the server stops reading, too
            while sent < 200 << 20:
                sent += deaf.send(many)
        with Sender(server) as sender:
            for _ in range(20):
                assert sender.send(msh("ADT^A04"), f"PID|1||{unique('P')}||王").code == "AA"
        slow.sendall(b"|\r" + END)
        assert answer(read_frame(slow)).code == "AR"


def test_thousands_of_connections_leave_room_for_who_has_something_to_say(server):
    rests = [connect(server) for _ in range(3000)]
    with Sender(server) as sender:
        assert sender.send(msh("ADT^A04"), f"PID|1||{unique('P')}||王").code == "AA"
    assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 500
    for connection in rests:
        connection.close()


def test_who_is_not_listed_is_let_go(tmp_path):
    settings = {"HL7_LISTEN": "127.0.0.1:0", "HL7_ACCOUNT": "his", "HL7_ALLOW": "10.0.0.0/8"}
    other = Server(tmp_path, **settings).init().start()
    try:
        with connect(other) as connection:
            assert is_closed(connection)
        assert other.log_lines("hl7.refused")
    finally:
        other.close()
