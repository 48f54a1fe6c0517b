"""Time stamps of an authority for what was signed: a responder made with `openssl ts`, also away, also of strangers."""

import contextlib
import os
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reports import finish, readers
from support import Server, dicom, ok, wait_until

TEXT = {"findings": "两肺纹理清晰。", "impression": "未见明显异常。"}
CONFIG = """
[req]
distinguished_name=dn
prompt=no
[dn]
CN=Time
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[leaf]
extendedKeyUsage=critical,timeStamping
keyUsage=critical,digitalSignature
[authority]
default_ca=two
[two]
database=index
crlnumber=number
default_md=sha256
new_certs_dir=.
rand_serial=yes
policy=any
[any]
commonName=supplied
[tsa]
default_tsa=one
[one]
serial=serial
signer_cert=tsa.pem
signer_key=tsa.key
certs=ca.pem
signer_digest=sha256
default_policy=1.2.3.4.1
digests=sha256,sha384
ordering=no
tsa_name=no
ess_cert_id_alg=sha256
"""


# Loaded before the C library: openssl's clock is an hour ahead.
AHEAD = """
#define _GNU_SOURCE
#include <sys/time.h>
#include <time.h>
int gettimeofday(struct timeval *t, void *z)
{
    (void)z;
    t->tv_sec = time(NULL) + 3600;
    t->tv_usec = 0;
    return 0;
}
"""


class Authority:
    """`openssl ts -reply` behind HTTP. `away`: answers 503. `comment`: makes its certificates large."""

    def __init__(self, folder, comment="", name="Time"):
        self.folder, self.away, self.asked, self.lock = folder, False, 0, threading.Lock()
        self.environment = dict(os.environ)
        folder.mkdir()
        words = f"nsComment={comment}\n" if comment else ""
        config = CONFIG.replace("[leaf]\n", f"[leaf]\n{words}").replace("[ca]\n", f"[ca]\n{words}")
        (folder / "ts.cnf").write_text(config)
        (folder / "serial").write_text("01\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "ts.cnf"]
        root = ["-subj", f"/CN={name} root", "-keyout", "ca.key", "-out", "ca.pem"]
        self.run("req", "-x509", "-extensions", "ca", *key, "-days", "9", *root)
        self.run("req", "-new", *key, "-subj", "/CN=Test time", "-keyout", "tsa.key", "-out", "tsa.csr")
        (folder / "index").write_text("")
        (folder / "index.attr").write_text("unique_subject=no\n")
        (folder / "number").write_text("01\n")
        self.certify(datetime.now(UTC) + timedelta(days=8))
        self.list()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["content-type"] == "application/timestamp-query"
                body = b"" if outer.away else outer.reply(asked)
                self.send_response(503 if outer.away else 200)
                self.send_header("content-type", "application/timestamp-reply")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def run(self, *command):
        subprocess.run(
            ["openssl", *command], cwd=self.folder, check=True, capture_output=True, env=self.environment
        )

    ROOT = ("ca", "-config", "ts.cnf", "-name", "two", "-cert", "ca.pem", "-keyfile", "ca.key")

    def certify(self, end):
        """Another certificate for its key, from yesterday on."""
        dates = ["-startdate", f"{datetime.now(UTC) - timedelta(days=1):%Y%m%d%H%M%SZ}"]
        dates += ["-enddate", f"{end:%Y%m%d%H%M%SZ}"]
        with self.lock:
            issued = ["-batch", "-notext", "-in", "tsa.csr", "-extensions", "leaf", "-out", "tsa.pem"]
            self.run(*self.ROOT, *issued, *dates)

    def list(self):
        """Its root's revocation list, made anew."""
        self.run(*self.ROOT, "-gencrl", "-crldays", "7", "-out", "new.crl")
        (self.folder / "new.crl").rename(self.folder / "ca.crl")

    def token(self, digest, algorithm="sha256"):
        """Its time stamp for a digest, of who asks beside the server."""
        with self.lock:
            asked = ["-digest", digest.hex(), f"-{algorithm}", "-cert", "-out", "q"]
            self.run("ts", "-query", *asked)
            self.run("ts", "-reply", "-config", "ts.cnf", "-queryfile", "q", "-token_out", "-out", "token")
            return (self.folder / "token").read_bytes()

    def put_ahead(self):
        (self.folder / "ahead.c").write_text(AHEAD)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", "ahead.so", "ahead.c"], cwd=self.folder, check=True)
        self.environment["LD_PRELOAD"] = str(self.folder / "ahead.so")

    def reply(self, asked):
        with self.lock:
            self.asked += 1
            (self.folder / "q").write_bytes(asked)
            self.run("ts", "-reply", "-config", "ts.cnf", "-queryfile", "q", "-out", "r")
            return (self.folder / "r").read_bytes()

    @property
    def settings(self):
        port = self.http.server_address[1]
        return {
            "TSA_URL": f"http://127.0.0.1:{port}/tsr",
            "TSA_HOSTS": f"127.0.0.1:{port}",
            "TSA_CERTIFICATES": str(self.folder / "ca.pem"),
        }

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    with contextlib.closing(Authority(tmp_path_factory.mktemp("time") / "tsa")) as authority:
        yield authority


@pytest.fixture
def house(tmp_path, authority):
    authority.away = False
    server = Server(tmp_path / "house", HOSPITAL_NAME="第一医院", **authority.settings).init().start()
    yield server, readers(server)
    server.close()


def signed(people):
    film = people["author"].upload(dicom(), "x.dcm")
    body = {"study_id": film["study_id"], "sections": TEXT}
    return finish(people, ok(people["author"].post("/reports", json=body), 201))


def pdf_of(who, report, **query):
    answer = who.get(f"/reports/{report['id']}/pdf", params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


def level(server, report, page="A4"):
    rows = server.database.rows(f"select level from report_pdfs where report_id = {report['id']} and page = '{page}'")
    return rows[0][0] if rows else None


def source(who, report):
    [signature] = ok(who.get(f"/reports/{report['id']}/verify"))["signatures"]
    return signature["time_source"]


def tell(server, folder, who, content, *more):
    (folder / "it").write_bytes(content)
    (folder / "authority.pem").write_bytes(who.get("/reports/authority").content)
    trusted = ["--authority", str(folder / "authority.pem")]
    return server.run("report", "verify", str(folder / "it"), *trusted, *more, check=False)


def test_signature_and_pages_get_the_time_of_an_authority(house, authority, tmp_path):
    server, people = house
    author, report = people["author"], signed(people)
    wait_until(lambda: level(server, report) == "B-T", "the time stamp")
    found = ok(author.get(f"/reports/{report['id']}/verify"))
    assert found["valid"] and found["signatures"][0]["time_source"] == "TIME_STAMP"
    assert found["signatures"][0]["signed_at"] == report["signed_at"]  # which the stamp says nothing of
    assert found["signatures"][0]["stamped_at"][:10] == report["signed_at"][:10]
    pdf, envelope = pdf_of(author, report), author.get(f"/reports/{report['id']}/envelope").content
    trusted = ["--time-authority", str(authority.folder / "ca.pem")]
    for content in (pdf, envelope):
        done = tell(server, tmp_path, author, content, *trusted)
        assert done.returncode == 0 and "by a trusted time stamp" in done.stdout and "CN=Test time" in done.stdout, done
        done = tell(server, tmp_path, author, content)
        assert done.returncode == 0 and "as the signing server said" in done.stdout, done
    (tmp_path / "report.pdf").write_bytes(pdf)
    told = subprocess.run(["pdfsig", tmp_path / "report.pdf"], capture_output=True, text=True).stdout
    assert "Signature is Valid" in told and "Total document signed" in told, told
    letter = pdf_of(author, report, page="Letter")
    wait_until(lambda: level(server, report, "Letter") == "B-T", "the other size")
    stamped = pdf_of(author, report, page="Letter")
    assert stamped != letter and len(stamped) == len(letter)
    for content in (letter, stamped):  # what was given out before stays valid
        assert tell(server, tmp_path, author, content).returncode == 0
    stored = {str(p.relative_to(server.files)) for p in server.files.glob("reports/*/*")}
    assert stored == {key for (key,) in server.database.rows("select storage_path from report_pdfs")}
    assert not list(server.files.glob("aside/*")) and server.run("fsck", "--deep").stdout.strip() == "clean"


def test_a_key_that_is_revoked_later_leaves_it_valid_elsewhere(house, authority, tmp_path):
    server, people = house
    report = signed(people)
    wait_until(lambda: level(server, report) == "B-T", "the time stamp")
    pdf = pdf_of(people["author"], report)
    ok(people["second"].post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
    (tmp_path / "list.crl").write_bytes(people["author"].get("/reports/authority/revocations").content)
    revoked = ["--revocations", str(tmp_path / "list.crl")]
    assert tell(server, tmp_path, people["author"], pdf, *revoked).returncode == 1
    trusted = ["--time-authority", str(authority.folder / "ca.pem")]
    assert tell(server, tmp_path, people["author"], pdf, *revoked, *trusted).returncode == 0


FAILING = "select error from jobs where kind = 'report.pdf' and error is not null"


def again(server):
    server.database.rows("update jobs set due_at = 1 where kind = 'report.pdf' and state = 'QUEUED'")


@pytest.fixture
def quiet(tmp_path, authority):
    """Without a worker: the authority is asked when the test says so."""
    authority.away = False
    server = Server(tmp_path / "quiet", WORKER_CONCURRENCY="0", **authority.settings).init().start()
    yield server, readers(server)
    authority.away = False
    server.close()


def test_a_stamp_that_comes_after_the_key_was_revoked_takes_nothing_away(quiet, authority):
    server, people = quiet
    report, asked = signed(people), authority.asked
    ok(people["second"].post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
    with server.worker():
        wait_until(lambda: server.database.rows(FAILING), "the job")
    assert "revoked" in server.database.rows(FAILING)[0][0] and authority.asked == asked
    found = ok(people["author"].get(f"/reports/{report['id']}/verify"))
    assert found["valid"] and found["signatures"][0]["time_source"] == "SERVER"
    assert found["signatures"][0]["stamped_at"] is None


def test_a_clock_that_is_wrong_gives_no_time(tmp_path, authority):
    with contextlib.closing(Authority(tmp_path / "other")) as other:
        other.put_ahead()
        server = Server(tmp_path / "house", **other.settings).init().start()
        try:
            people = readers(server)
            report = signed(people)
            wait_until(lambda: server.database.rows(FAILING), "an attempt")
            assert "clock" in server.database.rows(FAILING)[0][0]
            assert source(people["author"], report) == "SERVER"
        finally:
            server.close()


def test_what_is_attached_has_the_time_of_the_pages(quiet, authority, tmp_path):
    """Pages that were kept before the envelope had a time have it attached without one for good."""
    server, people = quiet
    report, author = signed(people), people["author"]
    pdf_of(author, report)
    with server.worker():
        wait_until(lambda: level(server, report) == "B-T", "the time stamp")
    pdf = pdf_of(author, report)
    ok(people["second"].post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
    (tmp_path / "list.crl").write_bytes(author.get("/reports/authority/revocations").content)
    trusted = ["--revocations", str(tmp_path / "list.crl")]
    assert tell(server, tmp_path, author, pdf, *trusted).returncode == 1
    trusted += ["--time-authority", str(authority.folder / "ca.pem")]
    done = tell(server, tmp_path, author, pdf, *trusted)
    assert done.returncode == 0 and "by the time stamp of the pages" in done.stdout, done


def test_the_envelope_gets_its_time_where_pages_cannot_be_made(quiet, authority):
    server, people = quiet
    report = signed(people)
    ok(people["second"].post(f"/reports/{report['id']}/mark-entered-in-error", json={"reason": "x"}))
    authority.away = True
    with server.worker():
        wait_until(lambda: server.database.rows(FAILING), "an attempt")
        assert "503" in server.database.rows(FAILING)[0][0]
        authority.away = False
        again(server)
        wait_until(lambda: source(people["author"], report) == "TIME_STAMP", "the time stamp")


def test_a_time_stamp_of_long_certificates_has_room(tmp_path):
    with contextlib.closing(Authority(tmp_path / "large", comment="x" * 12000)) as large:
        server = Server(tmp_path / "house", **large.settings).init().start()
        try:
            people = readers(server)
            report = signed(people)
            wait_until(lambda: level(server, report) == "B-T", "the time stamp")
        finally:
            server.close()


def test_an_authority_that_is_away_keeps_nobody_from_signing(house, authority):
    server, people = house
    authority.away = True
    report = signed(people)
    failing = "select error from jobs where kind = 'report.pdf' and error is not null"
    wait_until(lambda: server.database.rows(failing), "an attempt")
    assert "503" in server.database.rows(failing)[0][0]
    assert source(people["author"], report) == "SERVER" and level(server, report) == "B-B"
    assert ok(people["author"].get(f"/reports/{report['id']}/verify"))["valid"]
    first = pdf_of(people["author"], report)
    authority.away = False
    server.database.rows("update jobs set due_at = 1 where kind = 'report.pdf'")
    wait_until(lambda: level(server, report) == "B-T", "the time stamp")
    assert source(people["author"], report) == "TIME_STAMP" and pdf_of(people["author"], report) != first


def test_a_stranger_gives_no_time(house, authority, tmp_path):
    server, people = house
    with contextlib.closing(Authority(tmp_path / "other")) as other:
        server.stop()
        server.settings |= other.settings | {"TSA_CERTIFICATES": authority.settings["TSA_CERTIFICATES"]}
        server.start()
        people = {name: server.client(who.token) for name, who in people.items()}
        report = signed(people)
        failing = "select error from jobs where kind = 'report.pdf' and error is not null"
        wait_until(lambda: server.database.rows(failing), "an attempt")
        assert "does not count" in server.database.rows(failing)[0][0]
        assert source(people["author"], report) == "SERVER"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"TSA_HOSTS": None}, "TSA_HOSTS"),
        ({"TSA_CERTIFICATES": None}, "TSA_CERTIFICATES"),
        ({"TSA_CERTIFICATES": "/nowhere"}, "cannot be read"),
        ({"TSA_CERTIFICATES": "/etc/hostname"}, "TSA_CERTIFICATES"),
        ({"TSA_HOSTS": "not a host!"}, "TSA_HOSTS"),
        ({"TSA_HOSTS": "tsa.example.org"}, "not among the hosts that TSA_HOSTS lists"),
        ({"TSA_URL": "tsa.example.org"}, "TSA_URL"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, authority, settings, words):
    server = Server(tmp_path, **(authority.settings | settings))
    done = server.run("init-db", check=False)
    assert done.returncode != 0 and words in done.stderr, done
    server.close()
