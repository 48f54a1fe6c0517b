"""Pages that prove themselves for long: PAdES B-LTA, time stamps anew, and pyHanko's word on them."""

import asyncio
import contextlib
import hashlib
import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation.ades import ades_lta_validation, simulate_future_ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

from reports import readers
from support import Server, ok, wait_until
from test_report_time_stamps import Authority, level, pdf_of, signed, tell


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    with contextlib.closing(Authority(tmp_path_factory.mktemp("time") / "tsa")) as authority:
        yield authority


def settings(authority):
    return authority.settings | {"TSA_REVOCATIONS": str(authority.folder / "ca.crl")}


@pytest.fixture
def house(tmp_path, authority):
    server = Server(tmp_path / "house", HOSPITAL_NAME="第一医院", **settings(authority)).init().start()
    yield server, readers(server)
    server.close()


def lasting(people, server, page="A4"):
    report = signed(people)
    if page != "A4":
        pdf_of(people["author"], report, page=page)
    wait_until(lambda: level(server, report, page) == "B-LTA", "the proofs")
    return report, pdf_of(people["author"], report, page=page)


def certificates(*pems):
    return [x509.Certificate.load(pem.unarmor(text)[2]) for text in pems]


def judged(pdf, who, authority, years=0):
    """By pyHanko as EN 319 102-1 5.6.3 has it, with nothing fetched and nothing known but the two roots; every
    certificate below them has to have its revocation list in the file. In `years` it is judged as if it had been
    stamped anew until then."""
    roots = certificates(who.get("/reports/authority").content, (authority.folder / "ca.pem").read_bytes())
    spec = SignatureValidationSpec(
        cert_validation_policy=CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build(trust_roots=roots),
            revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
        ),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(
            online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY
        ),
    )
    [signature] = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures
    if years:
        then = datetime.now(UTC) + timedelta(days=365 * years)
        judging = simulate_future_ades_lta_validation(signature, PdfSignatureValidationSpec(spec), then)
    else:
        judging = ades_lta_validation(signature, PdfSignatureValidationSpec(spec))
    return asyncio.run(judging)


def renew(server, chief):
    """As the schedule does at night, of pages whose time has come: how the job ended, in words and in numbers."""
    before = server.database.rows("select count(*) from jobs where kind = 'reports.stamps'")[0][0]
    server.database.rows("update report_pdfs set renew_at = 1 where renew_at is not null")
    ok(chief.post("/system/jobs", json={"kind": "reports.stamps"}), 202)
    done = "select state, error, result from jobs where kind = 'reports.stamps' order by id desc limit 1"
    count = "select count(*) from jobs where kind = 'reports.stamps'"
    wait_until(
        lambda: server.database.rows(count)[0][0] > before
        and (server.database.rows(done)[0][0] == "SUCCEEDED" or server.database.rows(done)[0][1]),
        "the stamps",
    )
    state, error, result = server.database.rows(done)[0]
    return state, error, json.loads(result) if state == "SUCCEEDED" else None


def renewals(server):
    """In how many days each of the pages is looked at again."""
    now = datetime.now(UTC).timestamp()
    rows = server.database.rows("select renew_at from report_pdfs order by id")
    return [None if at is None else (at / 1e6 - now) / 86_400 for (at,) in rows]


STAMP_IN_SIGNATURE = bytes.fromhex("060b2a864886f70d010910020e")


def der(tag, content):
    size = len(content)
    many = b"" if size < 128 else size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(many) if many else size]) + many + content


def content_of(data, at=0):
    """Of what begins there: from where to where it goes."""
    first, start = data[at + 1], at + 2
    if first < 128:
        return start, start + first
    start += first & 127
    return start, start + int.from_bytes(data[at + 2 : start], "big")


def parts(data):
    """What is in it, each whole."""
    at, end = content_of(data)
    found = []
    while at < end:
        last = content_of(data, at)[1]
        found.append(data[at:last])
        at = last
    return found


class Signed:
    """Where signatures and time stamps stand in a PDF; others may be put there, which is no damage to the PDF."""

    def __init__(self, pdf):
        self.pdf = bytearray(pdf)
        found = re.finditer(rb"/ByteRange ?\[ ?(\d+) (\d+) (\d+) (\d+) *\]", pdf)
        self.places = sorted((int(m[1]) + int(m[2]), int(m[3]), int(m[3]) + int(m[4])) for m in found)

    def digest(self, index, algorithm="sha256"):
        start, end, last = self.places[index]
        return hashlib.new(algorithm, self.pdf[:start] + self.pdf[end:last]).digest()

    def put(self, index, content):
        start, end, _ = self.places[index]
        text = content.hex().encode()
        assert len(text) <= end - start - 2
        self.pdf[start + 1 : end - 1] = text.ljust(end - start - 2, b"0")

    def stamp(self, index, authority, algorithm="sha256"):
        self.put(index, authority.token(self.digest(index, algorithm), algorithm))

    def stamp_signature(self, token_of):
        """Another time stamp in the signature itself, which is the last part of all that it is in."""
        start, end, _ = self.places[0]
        kind, signed = parts(bytes.fromhex(self.pdf[start + 1 : end - 1].decode()))
        *before, signers = parts(parts(signed)[0])
        *signer, signature, _ = parts(parts(signers)[0])
        token = token_of(hashlib.sha256(signature[slice(*content_of(signature))]).digest())
        attribute = der(0x30, STAMP_IN_SIGNATURE + der(0x31, token))
        signer = der(0x30, b"".join([*signer, signature, der(0xA1, attribute)]))
        content = der(0x30, b"".join([*before, der(0x31, signer)]))
        self.put(0, der(0x30, kind + der(0xA0, content)))


def token_that_ends(authority, digest):
    """A time stamp whose certificate has ended by now, and had not when it was made."""
    for seconds in (2, 4, 8, 16, 32, 64):
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        authority.certify(end)
        token = authority.token(digest)
        made = re.search(rb"\x18\x0f(\d{14})Z", token)[1]
        if made <= f"{end:%Y%m%d%H%M%S}".encode():
            break
    authority.certify(datetime.now(UTC) + timedelta(days=8))
    wait_until(lambda: datetime.now(UTC) > end + timedelta(seconds=1), "the end of a certificate")
    return token


def replace_kept(server, pdf):
    """Other bytes in the place of the only pages that are kept."""
    [(path,)] = server.database.rows("select storage_path from report_pdfs")
    (server.files / path).chmod(0o600)
    (server.files / path).write_bytes(pdf)
    digest = hashlib.sha256(pdf).hexdigest()
    server.database.rows(f"update report_pdfs set size_bytes = {len(pdf)}, sha256 = '{digest}'")


def anew(server, people, **settings):
    server.stop()
    server.settings |= settings
    server.start()
    return {name: server.client(who.token) for name, who in people.items()}


def test_pages_prove_themselves(house, authority, tmp_path):
    server, people = house
    report, pdf = lasting(people, server)
    found = judged(pdf, people["author"], authority)
    assert found.ades_subindic == AdESPassed.OK and found.oldest_evidence_record_timestamp, found
    found = judged(pdf, people["author"], authority, years=20)
    assert found.ades_subindic == AdESPassed.OK, found
    (tmp_path / "it.pdf").write_bytes(pdf)
    told = subprocess.run(["pdfsig", tmp_path / "it.pdf"], capture_output=True, text=True).stdout
    assert "Signature is Valid" in told and "Total document signed" in told, told  # it does not check time stamps
    checked = subprocess.run(["qpdf", "--check", tmp_path / "it.pdf"], capture_output=True, text=True)
    assert checked.returncode == 0, checked
    trusted = ["--time-authority", str(authority.folder / "ca.pem")]
    done = tell(server, tmp_path, people["author"], pdf, *trusted)
    assert done.returncode == 0 and "level            B-LTA" in done.stdout, done
    assert "good until" in done.stdout and "CN=Test time" in done.stdout
    # Who names no authority of time believes none, and is told so; what is signed is whole.
    done = tell(server, tmp_path, people["author"], pdf)
    assert done.returncode == 0 and "level            B-B" in done.stdout, done
    # Of the key nothing more is known than the file says; a revocation later takes nothing away.
    ok(people["second"].post("/reports/signing-keys/revoke", json={"reason": "keyCompromise"}), 204)
    (tmp_path / "list.crl").write_bytes(people["author"].get("/reports/authority/revocations").content)
    done = tell(server, tmp_path, people["author"], pdf, *trusted, "--revocations", str(tmp_path / "list.crl"))
    assert done.returncode == 0, done
    stored = {str(p.relative_to(server.files)) for p in server.files.glob("reports/*/*")}
    assert stored == {key for (key,) in server.database.rows("select storage_path from report_pdfs")}
    assert not list(server.files.glob("aside/*")) and server.run("fsck", "--deep").stdout.strip() == "clean"


@pytest.fixture
def own(tmp_path):
    """An authority whose certificates the test changes."""
    with contextlib.closing(Authority(tmp_path / "own")) as authority:
        yield authority


@pytest.fixture
def aging(tmp_path, own):
    """Its certificate ends in two days."""
    own.certify(datetime.now(UTC) + timedelta(days=2))
    server = Server(tmp_path / "house", **settings(own)).init().start()
    yield server, readers(server)
    server.close()


def test_stamps_come_anew_before_they_age(aging, own, tmp_path):
    server, people = aging
    report, pdf = lasting(people, server)
    lasting(people, server)
    first, second = renewals(server)
    assert 0.4 < second < first - 0.005 and first < 1  # at half of what is left, and not all of them at once
    own.certify(datetime.now(UTC) + timedelta(days=8))
    own.list()
    state, _, result = renew(server, people["admin"])
    assert state == "SUCCEEDED" and result == {"stamped": 2, "kept": 0, "failed": 0, "more": False}
    again = pdf_of(people["author"], report)
    assert again.startswith(pdf) and len(again) > len(pdf)
    assert level(server, report) == "B-LTA" and all(1.5 < days < 4 for days in renewals(server))
    found = judged(again, people["author"], own)
    assert found.ades_subindic == AdESPassed.OK, found
    trusted = ["--time-authority", str(own.folder / "ca.pem")]
    for content in (pdf, again):  # what was given out before stays valid
        done = tell(server, tmp_path, people["author"], content, *trusted)
        assert done.returncode == 0 and "level            B-LTA" in done.stdout, done
    stored = {str(p.relative_to(server.files)) for p in server.files.glob("reports/*/*")}
    assert stored == {key for (key,) in server.database.rows("select storage_path from report_pdfs")}


def test_a_stamp_that_lasts_no_longer_is_not_put(aging, own):
    server, people = aging
    report, pdf = lasting(people, server)
    lasting(people, server)
    asked = own.asked
    state, _, result = renew(server, people["admin"])
    assert state == "SUCCEEDED" and result == {"stamped": 0, "kept": 2, "failed": 0, "more": False}
    assert own.asked == asked + 1  # what it gives is known from there on
    assert pdf_of(people["author"], report) == pdf
    assert all(0.2 < days < 1 for days in renewals(server))
    ok(people["admin"].post("/system/jobs", json={"kind": "reports.stamps"}), 202)
    done = "select count(*) from jobs where kind = 'reports.stamps' and state = 'SUCCEEDED'"
    wait_until(lambda: server.database.rows(done)[0][0] == 2, "the stamps")
    assert own.asked == asked + 1  # and nobody is in a hurry


def test_nothing_is_put_over_a_stamp_that_has_ended(tmp_path, own):
    """Neither is its word taken for it: such a stamp may have been made by anybody who has the old key since."""
    server = Server(tmp_path / "house", **own.settings).init().start()
    try:
        people = readers(server)
        report = signed(people)
        wait_until(lambda: level(server, report) == "B-T", "the time stamp")
        wait_until(lambda: not server.database.rows("select id from jobs where kind = 'report.pdf'"), "the job")
        pages = Signed(pdf_of(people["author"], report))
        pages.stamp_signature(lambda digest: token_that_ends(own, digest))
        replace_kept(server, pages.pdf)
        people = anew(server, people, **settings(own))
        state, error, _ = renew(server, people["admin"])
        assert state == "FAILED" and "the last time stamp ended on" in error, error
        assert level(server, report) == "B-T" and pdf_of(people["author"], report) == bytes(pages.pdf)
        assert renewals(server) == [None]  # nothing that comes later helps
        assert renew(server, people["admin"])[0] == "SUCCEEDED"
        trusted = ["--time-authority", str(own.folder / "ca.pem")]
        told = tell(server, tmp_path, people["author"], pages.pdf, *trusted)
        assert told.returncode == 0 and "its last time stamp has ended" in told.stdout, told
    finally:
        server.close()


def test_a_gap_between_stamps_is_told(house, authority, tmp_path):
    server, people = house
    _, pdf = lasting(people, server)
    author, trusted = people["author"], ["--time-authority", str(authority.folder / "ca.pem")]
    told = tell(server, tmp_path, author, pdf, *trusted)
    assert "level            B-LTA" in told.stdout, told
    # Put together from the same parts it is as good; and by another digest, too.
    for algorithm in ("sha256", "sha384"):
        pages = Signed(pdf)
        pages.stamp_signature(authority.token)
        pages.stamp(1, authority, algorithm)
        told = tell(server, tmp_path, author, pages.pdf, *trusted)
        assert told.returncode == 0 and "level            B-LTA" in told.stdout, told
    pages.stamp_signature(lambda digest: token_that_ends(authority, digest))
    pages.stamp(1, authority)
    told = tell(server, tmp_path, author, pages.pdf, *trusted)
    assert told.returncode == 0 and "level            B-T" in told.stdout, told
    assert "a time stamp had ended before there was another over it" in told.stdout, told


def test_a_stamp_that_nothing_proves_is_told(aging, own, tmp_path):
    server, people = aging
    report, _ = lasting(people, server)
    own.certify(datetime.now(UTC) + timedelta(days=8))
    own.list()
    assert renew(server, people["admin"])[2]["stamped"] == 1
    author, pages = people["author"], Signed(pdf_of(people["author"], report))
    trusted = tmp_path / "trusted.pem"
    with contextlib.closing(Authority(tmp_path / "other", name="Other")) as other:
        trusted.write_bytes((own.folder / "ca.pem").read_bytes() + (other.folder / "ca.pem").read_bytes())
        pages.stamp(1, other)  # its revocation list is not in the file
        pages.stamp(2, own)
    told = tell(server, tmp_path, author, pages.pdf, "--time-authority", str(trusted))
    assert told.returncode == 0 and "level            B-T" in told.stdout, told
    assert "no current revocation list of CN=Other root" in told.stdout, told


def test_one_that_cannot_be_proved_keeps_no_other_from_its_stamp(tmp_path, own):
    """Lists that come later are found, and prove what is there."""
    lists = tmp_path / "lists"
    with contextlib.closing(Authority(tmp_path / "other", name="Other")) as other:
        lists.write_bytes((other.folder / "ca.crl").read_bytes())
    made = own.settings | {"TSA_REVOCATIONS": str(lists), "WORKER_CONCURRENCY": "0"}
    server = Server(tmp_path / "house", **made).init().start()
    try:
        people = readers(server)
        report = signed(people)
        for page in ("A4", "Letter"):
            pdf_of(people["author"], report, page=page)
        with server.worker():
            for page in ("A4", "Letter"):
                wait_until(lambda page=page: level(server, report, page) == "B-T", f"the time stamp of {page}")
            wait_until(lambda: not server.database.rows("select id from jobs where kind = 'report.pdf'"), "the job")
            assert all(0.9 < days < 1.1 for days in renewals(server))  # the next night, not when the stamp ages
            state, error, _ = renew(server, people["admin"])
            assert state == "FAILED" and "2 files got no time stamp" in error and "CN=Time root" in error
            assert all(0.9 < days < 1.1 for days in renewals(server))
            lists.write_bytes((own.folder / "ca.crl").read_bytes())
            state, _, result = renew(server, people["admin"])
            assert state == "SUCCEEDED" and result["stamped"] == 2
            assert [level(server, report, page) for page in ("A4", "Letter")] == ["B-LTA", "B-LTA"]
    finally:
        server.close()


def test_pages_that_age_without_an_authority_are_told(house):
    server, people = house
    lasting(people, server)
    people = anew(server, people, TSA_URL=None)
    state, error, _ = renew(server, people["admin"])
    assert state == "FAILED" and "1 files want another time stamp, and TSA_URL names nobody" in error


def test_what_is_behind_the_last_stamp_or_in_it_is_told(house, authority, tmp_path):
    server, people = house
    report, pdf = lasting(people, server)
    author, trusted = people["author"], ["--time-authority", str(authority.folder / "ca.pem")]
    at = pdf.rindex(b"/ETSI.RFC3161")
    contents = pdf.index(b"/Contents <", at) + len(b"/Contents <")
    other = bytearray(pdf)  # another digest: of SHA-256, with or without parameters
    digest = re.compile(b"608648016503040201(0500)?0420", re.IGNORECASE).search(pdf, contents).end()
    other[digest : digest + 2] = b"00" if pdf[digest : digest + 2] != b"00" else b"01"
    changed = {
        "behind": pdf + b"\n% more\n",
        "proofs": pdf.replace(b"/Type /DSS", b"/Type /DSX"),
        "token": bytes(other),
        "cut": pdf[: pdf.rindex(b"startxref") - 40],
    }
    for name, content in changed.items():
        assert content != pdf
        for more in (trusted, []):
            done = tell(server, tmp_path, author, content, *more)
            assert done.returncode != 0, (name, done)
            assert name != "token" or "a time stamp is not of what it covers" in done.stdout, done
    # An authority of time that nobody believes.
    with contextlib.closing(Authority(tmp_path / "other")) as stranger:
        done = tell(server, tmp_path, author, pdf, "--time-authority", str(stranger.folder / "ca.pem"))
        assert done.returncode != 0 and "unknown signer" in done.stdout, done


def test_without_lists_pages_stay_as_they_are(tmp_path, authority):
    server = Server(tmp_path / "house", **authority.settings).init().start()
    try:
        people = readers(server)
        report = signed(people)
        wait_until(lambda: level(server, report) == "B-T", "the time stamp")
        done = "select count(*) from jobs where kind = 'report.pdf'"
        wait_until(lambda: server.database.rows(done)[0][0] == 0, "the job")
        pdf = pdf_of(people["author"], report)
        assert level(server, report) == "B-T"
        trusted = ["--time-authority", str(authority.folder / "ca.pem")]
        told = tell(server, tmp_path, people["author"], pdf, *trusted)
        assert told.returncode == 0 and "level            B-T" in told.stdout, told
        assert "no current revocation list of CN=Time root" in told.stdout, told
        assert renew(server, people["admin"])[0] == "SUCCEEDED"  # there is nothing that anybody forgot
        assert pdf_of(people["author"], report) == pdf
    finally:
        server.close()


def test_lists_that_are_no_lists_are_told(tmp_path, authority):
    (tmp_path / "lists").write_text("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    made = settings(authority) | {"TSA_REVOCATIONS": str(tmp_path / "lists")}
    server = Server(tmp_path / "house", **made).init().start()
    try:
        people = readers(server)
        report = signed(people)
        failing = "select error from jobs where kind = 'report.pdf' and error is not null"
        wait_until(lambda: server.database.rows(failing), "an attempt")
        assert "TSA_REVOCATIONS" in server.database.rows(failing)[0][0]
        assert level(server, report) == "B-T"
    finally:
        server.close()
