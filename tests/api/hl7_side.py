"""The other ends of MLLP: who sends to the server and who receives from it. Messages are made and read by python-hl7
and hl7apy, which we did not write."""

import re
import socket
import threading

import hl7
from support import PATIENCE, unique, wait_until

BEGIN, END = b"\x0b", b"\x1c\r"


def frame(message):
    return BEGIN + message + END


def read_frame(connection):
    """The next message of a connection, without its frame; None: it was closed."""
    got = b""
    while not got.endswith(END):
        more = connection.recv(65536)
        if not more:
            return None
        got += more
    assert got.startswith(BEGIN), got
    return got[1 : -len(END)]


def control_id():
    return unique("M")[-20:]


def msh(kind, number=None, charset="UNICODE UTF-8", sender="HIS", version="2.5.1", processing="P"):
    number = number or control_id()
    return f"MSH|^~\\&|{sender}|MAIN|ROENTGEN||20260105143022||{kind}|{number}|{processing}|{version}||||||{charset}"


def message(*segments, encoding="utf-8"):
    return ("\r".join(segments) + "\r").encode(encoding)


class Sender:
    """A connection to the server's listener."""

    def __init__(self, server):
        self.connection = socket.create_connection(("127.0.0.1", port_of(server)), timeout=PATIENCE)

    def send(self, *segments, encoding="utf-8"):
        return self.send_bytes(message(*segments, encoding=encoding), encoding)

    def send_bytes(self, content, encoding="utf-8"):
        self.connection.sendall(frame(content))
        return answer(read_frame(self.connection), encoding)

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Answer:
    def __init__(self, text):
        self.text = text
        self.message = hl7.parse(text)
        msa = self.message.segment("MSA")
        self.code, self.control_id = str(msa[1]), str(msa[2])
        found = [line for line in text.split("\r") if line.startswith("ERR")]
        self.error = found[0].split("|")[3].split("^")[0] if found else None
        self.words = found[0].split("|")[8] if found else ""


def answer(content, encoding="utf-8"):
    assert content is not None, "the connection was closed without an answer"
    return Answer(content.decode(encoding))


_ports = {}  # of the servers that run: their logs grow


def port_of(server):
    def find():
        found = [line for line in server.log_lines("hl7.ready")]
        return int(re.search(r"port (\d+)", found[-1]["message"]).group(1)) if found else None

    if server.process not in _ports:
        _ports[server.process] = wait_until(find, "an hl7.ready line")
    return _ports[server.process]


class Receiver:
    """Takes messages and answers each with the next of `codes`: AA, AE, AR; None closes the connection, "other" names
    another message, "unreadable" has bytes that are no text, "silent" never answers. After the last, AA."""

    def __init__(self, codes=(), context=None):
        self.codes, self.context = list(codes), context
        self.messages = []
        self.silence = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(connection, server_side=True) if self.context else connection as one:
                    self._answer(one)
            except OSError:
                continue

    def _answer(self, connection):
        content = read_frame(connection)
        if content is None:
            return
        self.messages.append(content)
        code = self.codes.pop(0) if self.codes else "AA"
        if not code:
            return
        head = content.split(b"\r")[0].decode("ascii", "replace").split("|")
        if code == "silent":
            self.silence.wait()
            return
        number = "another" if code == "other" else head[9]
        said = "AA" if code in ("other", "unreadable") else code
        words = "no such order" if code in ("AE", "AR") else ""
        text = f"MSH|^~\\&|RIS||ROENTGEN||20260105||ACK^R01^ACK|1|P|2.5.1\rMSA|{said}|{number}|{words}\r"
        if code == "unreadable":
            text = text.replace("|P|2.5.1", "|P|2.5.1||||||UNICODE UTF-8").replace(number + "|", number + "|\xff\xb5")
        connection.sendall(frame(text.encode("latin-1")))
        connection.recv(1)

    def close(self):
        self.silence.set()
        self.listener.close()
