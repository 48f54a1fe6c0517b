"""MLLP over TLS, with certificates on both sides: Python's ssl and openssl s_client are the other ends."""

import socket
import ssl
import subprocess

import pytest
from hl7_side import Receiver, Sender, answer, frame, message, msh, port_of, read_frame
from support import PATIENCE, Server, unique, wait_until
from test_hl7_out import done_jobs, finish, make_report, messages_of, readers


def openssl(*arguments, **more):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, **more)


class Authority:
    """Makes certificates. Each is a pair of files: NAME.pem and NAME.key."""

    def __init__(self, folder, name):
        self.folder = folder
        self.certificate = self.self_signed(name)

    def path(self, name, kind="pem"):
        return self.folder / f"{name}.{kind}"

    def self_signed(self, name):
        files = ["-keyout", self.path(name, "key"), "-out", self.path(name)]
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN={name}", *files)  # fmt: skip
        self.name = name
        return self.path(name)

    def issue(self, name):
        request, more = self.path(name, "csr"), self.path(name, "ext")
        more.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", self.path(name, "key"), "-out", request)  # fmt: skip
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.path(self.name, "key"),
                "-CAcreateserial", "-days", "30", "-extfile", more, "-out", self.path(name))  # fmt: skip
        return self.path(name), self.path(name, "key")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("hospital"), "hospital")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("strangers"), "strangers")


@pytest.fixture(scope="module")
def receiver(hospital):
    """Takes reports from who has a certificate of the hospital's."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=hospital.certificate)
    context.load_cert_chain(*hospital.issue("receiver"))
    context.verify_mode = ssl.CERT_REQUIRED
    receiver = Receiver(context=context)
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, hospital, receiver):
    certificate, key = hospital.issue("roentgen")
    settings = {
        "HL7_LISTEN": "127.0.0.1:0",
        "HL7_ACCOUNT": "his",
        "HL7_TLS_CERTIFICATE": str(certificate),
        "HL7_TLS_KEY": str(key),
        "HL7_TLS_CLIENT_CA": str(hospital.certificate),
        "HL7_SEND_TO": f"tls://localhost:{receiver.port}",
        "HL7_CA_FILE": str(hospital.certificate),
    }
    server = Server(tmp_path_factory.mktemp("hl7tls"), **settings).init().start()
    server.account("interface", username="his")
    yield server
    server.close()


@pytest.fixture(scope="module")
def his(hospital):
    context = ssl.create_default_context(cafile=hospital.certificate)
    context.load_cert_chain(*hospital.issue("his"))
    return context


class SecureSender(Sender):
    def __init__(self, server, context):
        plain = socket.create_connection(("127.0.0.1", port_of(server)), timeout=PATIENCE)
        self.connection = context.wrap_socket(plain, server_hostname="localhost")


def registers(sender):
    return sender.send(msh("ADT^A04"), f"PID|1||{unique('P')}||王").code == "AA"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_messages_come_over_tls(server, hospital, version):
    context = ssl.create_default_context(cafile=hospital.certificate)
    context.load_cert_chain(*hospital.issue(version.name))
    context.minimum_version = context.maximum_version = version
    with SecureSender(server, context) as sender:
        assert registers(sender) and registers(sender)
        many = [f"NTE|1||{'x' * 9000}"] * 100  # more than one record of TLS, and than one reading
        said = sender.send(msh("ADT^A04"), f"PID|1||{unique('P')}||王", *many)
        assert said.code == "AA" and sender.connection.version() == version.name.replace("_", ".")


def test_openssl_s_client_is_answered(server, hospital):
    certificate, key = hospital.issue("client")
    command = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port_of(server)}", "-CAfile"]
    command += [hospital.certificate, "-cert", certificate, "-key", key, "-verify_return_error"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        client.stdin.write(frame(message(msh("ADT^A04"), f"PID|1||{unique('P')}||王")))
        client.stdin.flush()
        got = b""
        while not got.endswith(b"\x1c\r"):
            more = client.stdout.read1(65536)
            assert more, got
            got += more
        assert answer(got[1:-2]).code == "AA"
        client.kill()


def is_let_go(connect):
    """TLS 1.3 tells the client of its certificate when it reads."""
    try:
        with connect() as sender:
            sender.connection.sendall(frame(message(msh("ADT^A04"), "PID|1||7||王")))
            return read_frame(sender.connection) is None
    except (ssl.SSLError, ConnectionError):
        return True


def test_who_has_no_certificate_of_ours_is_let_go(server, hospital, strangers, his):
    nobody = ssl.create_default_context(cafile=hospital.certificate)
    stranger = ssl.create_default_context(cafile=hospital.certificate)
    stranger.load_cert_chain(*strangers.issue("stranger"))
    for context in (nobody, stranger):
        assert is_let_go(lambda: SecureSender(server, context))  # noqa: B023
    assert is_let_go(lambda: Sender(server))  # without TLS
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(hospital.certificate)
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    assert is_let_go(lambda: SecureSender(server, old))
    assert wait_until(lambda: server.log_lines("hl7.tls"), "the line")
    with SecureSender(server, his) as sender:
        assert registers(sender)


def test_handshakes_that_never_end_keep_nobody_out(server, his):
    """More than there is room for, each somewhere within its handshake."""
    with SecureSender(server, his) as before:
        assert registers(before)
        begins = [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
        stuck = [socket.create_connection(("127.0.0.1", port_of(server)), timeout=PATIENCE) for _ in range(200)]
        for i, connection in enumerate(stuck):
            try:
                connection.sendall(begins[i % 3])
            except ConnectionError:
                pass  # it has given way
        with SecureSender(server, his) as sender:
            assert registers(sender)
        assert registers(before)  # who rested was not the one to go
        for connection in stuck:
            connection.close()


def test_our_certificate_is_shown_to_receivers_that_ask(server, receiver):
    people = readers(server)
    report = make_report(people)
    finish(people, report)
    assert len(messages_of(receiver, report)) == 1
    (job,) = wait_until(lambda: done_jobs(people["admin"], report, 1), "the AA to be written down")
    assert job["attempt"] == 1


def test_without_client_authorities_nobody_is_asked(tmp_path, hospital):
    certificate, key = hospital.issue("open")
    settings = {"HL7_TLS_CERTIFICATE": str(certificate), "HL7_TLS_KEY": str(key)}
    other = Server(tmp_path, HL7_LISTEN="127.0.0.1:0", HL7_ACCOUNT="his", **settings).init().start()
    try:
        other.account("interface", username="his")
        with SecureSender(other, ssl.create_default_context(cafile=hospital.certificate)) as sender:
            assert registers(sender)
    finally:
        other.close()


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"HL7_TLS_CERTIFICATE": "roentgen.pem"}, "go together"),
        ({"HL7_TLS_KEY": "roentgen.key"}, "go together"),
        ({"HL7_TLS_CLIENT_CA": "hospital.pem"}, "needs HL7_TLS_CERTIFICATE"),
        ({"HL7_TLS_CERTIFICATE": "nosuch.pem", "HL7_TLS_KEY": "roentgen.key"}, "the certificate of"),
        ({"HL7_TLS_CERTIFICATE": "roentgen.pem", "HL7_TLS_KEY": "hospital.key"}, "the key of"),
        (
            {"HL7_TLS_CERTIFICATE": "roentgen.pem", "HL7_TLS_KEY": "roentgen.key", "HL7_TLS_CLIENT_CA": "hospital.key"},
            "the authorities of",
        ),
    ],
)
def test_certificates_that_cannot_be_used_are_said_at_the_start(tmp_path, server, hospital, settings, words):
    settings = {name: str(hospital.folder / file) for name, file in settings.items()}
    done = Server(tmp_path, HL7_LISTEN="127.0.0.1:0", HL7_ACCOUNT="his", **settings).init().run("serve", check=False)
    assert done.returncode != 0 and words in done.stderr
