"""The pages of a signed report: signed themselves, made once and kept; read by programs that we did not write; kept
whole by backup, fsck and starts."""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reports import act, finish, readers
from support import Server, dicom, ok, problem, sample, sha256, uid, unique, wait_until

TEXT = {"findings": "两肺纹理清晰。", "impression": "未见明显异常。"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("pages"), HOSPITAL_NAME="第一医院").init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def people(server):
    return readers(server)


def drafted(people, image=False):
    film = people["author"].upload(sample("dicom/CT_small.dcm"), "ct.dcm")
    body = {"study_id": film["study_id"], "title": "CT", "sections": TEXT}
    if image:
        body["key_images"] = [{"image_file_id": film["id"], "caption": "x"}]
    return ok(people["author"].post("/reports", json=body), 201)


def signed(people, image=False):
    return finish(people, drafted(people, image))


def pdf_of(who, report, **query):
    answer = who.get(f"/reports/{report['id']}/pdf", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{sha256(answer.content)}"'
    return answer.content


def kept(server, report):
    """[(page size, key in the store, size, SHA-256)]"""
    rows = server.database.rows(
        f"select page, storage_path, size_bytes, sha256 from report_pdfs where report_id = {report['id']} order by id"
    )
    return [(page, key, int(size), digest) for page, key, size, digest in rows]


def text_of(pdf):
    return subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()


def pages_are_signed(pdf):
    return b"/ETSI.CAdES.detached" in pdf


@pytest.fixture
def verify(server, people, tmp_path):
    """roentgen report verify of these bytes."""

    def run(pdf, *more):
        file, authority = tmp_path / "it.pdf", tmp_path / "authority.pem"
        file.write_bytes(pdf)
        authority.write_bytes(people["author"].get("/reports/authority").content)
        return server.run("report", "verify", str(file), "--authority", str(authority), *more, check=False)

    return run


def test_a_job_makes_them_and_everybody_gets_the_same(server, people):
    report = signed(people, image=True)
    wait_until(lambda: kept(server, report), "the job")
    [(page, key, size, digest)] = kept(server, report)
    pdf = pdf_of(people["author"], report)
    assert page == "A4" and re.fullmatch(r"reports/([0-9a-f]{2})/\1[0-9a-f-]{34}\.pdf", key)
    assert (server.files / key).read_bytes() == pdf and (len(pdf), sha256(pdf)) == (size, digest)
    assert pdf_of(people["second"], report) == pdf and pdf_of(people["admin"], report) == pdf
    tag = {"If-None-Match": f'"{digest}"'}
    assert people["author"].get(f"/reports/{report['id']}/pdf", headers=tag).status_code == 304
    letter = pdf_of(people["author"], report, page="Letter")
    assert letter != pdf and pages_are_signed(letter) and pdf_of(people["second"], report, page="Letter") == letter
    assert [row[0] for row in kept(server, report)] == ["A4", "Letter"]


def test_many_who_ask_before_the_job_get_one_file(tmp_path):
    server = Server(tmp_path, WORKER_CONCURRENCY="0").init().start()
    try:
        people = readers(server)
        report = signed(people)
        assert kept(server, report) == []
        with ThreadPoolExecutor(6) as pool:
            made = set(pool.map(lambda _: pdf_of(people["author"], report), range(6)))
        [(_, key, _, digest)] = kept(server, report)
        assert [sha256(pdf) for pdf in made] == [digest]
        assert [str(p.relative_to(server.files)) for p in server.files.glob("reports/*/*")] == [key]
        with server.worker():
            wait_until(lambda: server.database.rows("select 1 from jobs where kind = 'report.pdf'") == [], "the job")
        assert len(kept(server, report)) == 1
    finally:
        server.close()


def test_a_server_that_dies_after_signing_makes_them_later(tmp_path):
    server = Server(tmp_path, WORKER_CONCURRENCY="0").init().start()
    try:
        people = readers(server)
        report = signed(people)
        server.kill()
        server.settings["WORKER_CONCURRENCY"] = "1"
        server.start()
        wait_until(lambda: kept(server, report), "the job")
        assert pages_are_signed(pdf_of(server.admin(), report))
    finally:
        server.close()


def test_other_programs_find_the_signature_valid(people, tmp_path):
    report = signed(people, image=True)
    path, authority = tmp_path / "report.pdf", tmp_path / "authority.pem"
    path.write_bytes(pdf_of(people["author"], report))
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True)
    assert "No syntax or stream encoding errors" in checked.stdout, checked
    told = subprocess.run(["pdfsig", path], capture_output=True, text=True).stdout
    assert "Signature is Valid" in told and "Total document signed" in told, told
    assert "ETSI.CAdES.detached" in told and "李四" in told, told
    # The CMS by OpenSSL alone: what is signed is the file without the signature's own place.
    pdf = path.read_bytes()
    [(a, b, c, d)] = re.findall(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\s*\]", pdf)
    begin, first, second, rest = int(a), int(b), int(c), int(d)
    assert begin == 0 and second + rest == len(pdf)
    (tmp_path / "signed").write_bytes(pdf[:first] + pdf[second:])
    (tmp_path / "cms").write_bytes(bytes.fromhex(pdf[first + 1 : second - 1].decode()))
    authority.write_bytes(people["author"].get("/reports/authority").content)
    command = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", tmp_path / "cms"]
    command += ["-content", tmp_path / "signed", "-CAfile", authority, "-out", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_report_is_attached_as_fhir_too(people, tmp_path):
    report = signed(people)
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf_of(people["author"], report))
    subprocess.run(["pdfdetach", "-saveall", "-o", tmp_path, path], check=True, capture_output=True)
    bundle = json.loads((tmp_path / "fhir.json").read_text())
    envelope = json.loads((tmp_path / "report.json").read_text())
    said = bundle["entry"][0]["resource"]
    assert (said["resourceType"], said["status"]) == ("DiagnosticReport", "final")
    assert said["conclusion"] == envelope["content"]["report"]["sections"]["impression"] == TEXT["impression"]
    assert [form["contentType"] for form in said["presentedForm"]] == ["text/plain;charset=utf-8"]
    outside = ok(people["author"].get(f"/reports/{report['id']}/fhir"))["entry"][0]["resource"]["presentedForm"]
    assert [form["contentType"] for form in outside] == ["application/pdf", "text/plain;charset=utf-8"]


def test_a_changed_byte_is_told(people, verify):
    pdf = pdf_of(people["author"], signed(people))
    done = verify(pdf)
    assert done.returncode == 0 and "whole file" in done.stdout and done.stdout.endswith("\nvalid\n"), done
    assert re.search("reason +APPROVER\n", done.stdout) and "pages by" in done.stdout
    second = [int(x) for x in re.search(rb"/ByteRange \[0 (\d+) (\d+)", pdf).groups()]
    places = [n for n in range(0, len(pdf), len(pdf) // 60) if not second[0] <= n < second[1]]
    for n in places:
        changed = bytearray(pdf)
        changed[n] ^= 1
        done = verify(bytes(changed))
        assert done.returncode != 0 and not done.stdout.endswith("\nvalid\n"), (n, done)
    for more in (b"\n", b"%more\n", pdf, pdf[second[1] :]):
        done = verify(pdf + more)
        assert done.returncode != 0 and "whole file" not in done.stdout, more[:20]
    assert verify(pdf[:-1]).returncode != 0


def test_pages_without_their_signature_are_not_valid(people, verify):
    """What is attached is genuine: it may be attached to any pages."""
    ours = pdf_of(people["author"], finish(people, drafted(people), signer="author"))
    assert verify(ours).returncode == verify(ours, "--attachment").returncode == 0
    unsigned = ours[: ours.index(b"%%EOF") + 6]  # as it was before its signature was appended
    done = verify(unsigned)
    assert "carry no signature" in done.stdout and "whole file" not in done.stdout
    assert done.returncode == 1 and done.stdout.endswith("\npages not signed\n"), done
    done = verify(unsigned, "--attachment")  # whoever wants to know of the content alone
    assert done.returncode == 0 and done.stdout.endswith("\nvalid\n"), done
    broken = bytearray(ours)
    broken[ours.index(b"/Contents <") + 40] ^= 1
    assert verify(bytes(broken), "--attachment").returncode == 1


def test_what_was_replaced_or_withdrawn_is_kept_and_said_so(server, people, verify):
    author = people["author"]
    report = signed(people)
    first = pdf_of(author, report)
    ok(act(author, report, "addendum", addendum="补充：随访。"))
    finish(people, report)
    second = pdf_of(author, report)
    assert pages_are_signed(second) and "随访" in text_of(second) and second != first
    old = pdf_of(author, report, version=1)
    assert not pages_are_signed(old) and all(c in text_of(old) for c in "已被取代")
    assert pdf_of(author, report, version=1, as_signed=True) == first
    ok(act(people["second"], report, "mark-entered-in-error", reason="x"))
    assert not pages_are_signed(pdf_of(author, report))
    assert pdf_of(author, report, as_signed=True) == second and verify(second).returncode == 0
    draft = drafted(people)
    assert "not signed" in problem(author.get(f"/reports/{draft['id']}/pdf?as_signed=true"), 409)["detail"]


@pytest.fixture
def quiet(tmp_path):
    """A server without a worker: nothing is kept before somebody asks."""
    server = Server(tmp_path / "quiet", WORKER_CONCURRENCY="0").init().start()
    yield server, readers(server)
    server.close()


def failure(server):
    failed = "select error from jobs where kind = 'report.pdf' and state = 'FAILED'"
    with server.worker():
        wait_until(lambda: server.database.rows(failed), "the job")
    return server.database.rows(failed)[0][0]


def test_what_was_withdrawn_before_its_pages_were_made_is_not_signed(quiet):
    server, people = quiet
    report = signed(people)
    ok(act(people["second"], report, "mark-entered-in-error", reason="x"))
    path = f"/reports/{report['id']}/pdf"
    assert "withdrawn" in problem(people["author"].get(path, params={"as_signed": True}), 409)["detail"]
    assert not pages_are_signed(pdf_of(people["author"], report))
    assert "withdrawn" in failure(server) and kept(server, report) == []


def test_what_was_replaced_is_not_signed_once_more(quiet):
    server, people = quiet
    author, report = people["author"], signed(people)
    first = pdf_of(author, report)
    ok(act(author, report, "addendum", addendum="补充：随访。"))
    finish(people, report)
    assert pdf_of(author, report, version=1, as_signed=True) == first
    other = {"version": 1, "as_signed": True, "page": "Letter"}
    assert "replaced" in problem(author.get(f"/reports/{report['id']}/pdf", params=other), 409)["detail"]
    assert [row[0] for row in kept(server, report)] == ["A4"]


def test_pages_that_lack_an_image_are_not_kept(quiet):
    server, people = quiet
    report = signed(people, image=True)
    [image] = [shown["image_file_id"] for shown in report["key_images"]]
    ok(people["admin"].delete(f"/image-files/{image}"), 204)
    assert not pages_are_signed(pdf_of(people["author"], report)) and kept(server, report) == []
    ok(people["admin"].post(f"/image-files/{image}/restore"))
    whole = pdf_of(people["author"], report)
    assert pages_are_signed(whole) and "不能显示" not in text_of(whole).replace("\n", "")


def test_a_report_of_a_moved_study_no_longer_counts_as_signed(people):
    admin, report = people["admin"], signed(people)
    assert pages_are_signed(pdf_of(people["author"], report))
    ok(admin.patch(f"/studies/{report['study_id']}", json={"patient_id": admin.patient()["id"]}))
    moved = pdf_of(people["author"], report)
    assert not pages_are_signed(moved) and all(c in text_of(moved) for c in "与签署内容不符")
    kind = signed(people)
    first, target = pdf_of(people["author"], kind), admin.patient()["id"]
    source = ok(admin.get(f"/reports/{kind['id']}"))["patient_id"]
    ok(admin.post(f"/patients/{target}/merge", json={"source_id": source}))
    assert pdf_of(people["author"], kind) == first  # it is the same person


def test_with_another_secret_key_there_are_pages_without_a_signature(quiet):
    server, people = quiet
    report = signed(people)
    server.stop()
    server.settings["SECRET_KEY"] = "quite-another-secret-key-of-enough-length"
    server.start()
    admin = server.admin()
    assert not pages_are_signed(pdf_of(admin, report)) and kept(server, report) == []
    problem(admin.get(f"/reports/{report['id']}/pdf?as_signed=true"), 503)


def test_a_signer_who_may_not_read_patients_any_more_is_no_hindrance(quiet):
    server, people = quiet
    report = signed(people)
    role = "(select id from roles where name = 'radiologist')"
    right = "(select id from permissions where name = 'patient.read')"
    server.database.rows(f"delete from role_permissions where role_id = {role} and permission_id = {right}")
    assert pages_are_signed(pdf_of(people["admin"], report))


def test_whose_report_it_is_has_the_pages_also_after_a_purge(quiet):
    """Of an author who sees what is theirs alone."""
    server, people = quiet
    people["author"] = people["doctor"]
    report = signed(people, image=True)
    first = pdf_of(people["doctor"], report)
    assert pages_are_signed(first)
    [image] = [shown["image_file_id"] for shown in report["key_images"]]
    ok(people["admin"].delete(f"/image-files/{image}"), 204)
    server.run("purge", "--older-than", "0s")
    assert server.database.rows(f"select id from image_files where id = {image}") == []
    assert pdf_of(people["doctor"], report) == first


def test_who_does_not_see_all_images_gets_pages_without_them(people):
    """A study that one has registered, to which somebody else has added the image that is shown."""
    doctor, same = people["doctor"], {"StudyInstanceUID": uid(), "PatientID": unique("P")}
    doctor.upload(dicom(**same), "own.dcm")
    film = people["admin"].upload(dicom(**same), "other.dcm")
    image = film["id"]
    body = {"study_id": film["study_id"], "sections": TEXT, "key_images": [{"image_file_id": image}]}
    report = finish(people, ok(people["author"].post("/reports", json=body), 201))
    whole = pdf_of(people["author"], report)
    problem(people["viewer"].get(f"/reports/{report['id']}/pdf"), 404)
    own = pdf_of(doctor, report)
    assert not pages_are_signed(own) and "不能显示" in text_of(own).replace("\n", "")
    problem(doctor.get(f"/reports/{report['id']}/pdf?as_signed=true"), 403)
    ok(people["admin"].put(f"/studies/{report['study_id']}/assignments/{doctor.id}"), 204)
    assert pdf_of(doctor, report) == whole
    ok(people["admin"].delete(f"/image-files/{image}"), 204)
    assert pdf_of(people["author"], report) == whole  # it was seen before it was deleted


def test_with_a_revoked_key_no_pages_are_signed(tmp_path):
    server = Server(tmp_path, WORKER_CONCURRENCY="0").init().start()
    try:
        people = readers(server)
        report = signed(people)
        ok(people["second"].post("/reports/signing-keys/revoke", json={"reason": "superseded"}), 204)
        pdf = pdf_of(people["author"], report)
        assert not pages_are_signed(pdf) and kept(server, report) == []
        (tmp_path / "it.pdf").write_bytes(pdf)
        listed = subprocess.run(["pdfdetach", "-list", tmp_path / "it.pdf"], capture_output=True, text=True).stdout
        assert "report.json" in listed and "fhir.json" in listed
        problem(people["author"].get(f"/reports/{report['id']}/pdf?as_signed=true"), 409)
        with server.worker():
            failed = "select error from jobs where kind = 'report.pdf' and state = 'FAILED'"
            wait_until(lambda: server.database.rows(failed), "the job")
        assert "revoked" in server.database.rows(failed)[0][0]
    finally:
        server.close()


# ---- the store ----


@pytest.fixture
def house(tmp_path):
    server = Server(tmp_path / "house", HOSPITAL_NAME="第一医院").init().start()
    people = readers(server)
    report = signed(people)
    pdf = pdf_of(people["author"], report)
    yield server, report, pdf
    server.close()


def test_a_damaged_file_is_told_and_never_another(house):
    server, report, pdf = house
    [(_, key, _, _)] = kept(server, report)
    path = server.files / key
    for content, words in ((pdf[:-1], "of another"), (pdf[:-9] + b"x" + pdf[-8:], "with other"), (None, "without")):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        answer = problem(server.admin().get(f"/reports/{report['id']}/pdf"), 502)
        assert "restore it from a backup" in answer["detail"] and key not in str(answer)
        found = server.run("fsck", "--deep", check=False)
        assert found.returncode == 1 and f"a PDF of a report {words}" in found.stdout and key in found.stdout
        scrubbed = server.run("fsck", "--files", "1000", check=False)
        assert key in scrubbed.stdout
    assert "report_pdf.damaged" in server.log_text()
    path.write_bytes(pdf)
    assert pdf_of(server.admin(), report) == pdf
    assert server.run("fsck", "--deep").stdout.strip() == "clean"


def test_a_backup_has_them(house, tmp_path):
    server, report, pdf = house
    [(_, key, _, _)] = kept(server, report)
    target = tmp_path / "target"
    server.run("backup", target)
    assert "whole" in server.run("backup", "verify", target).stdout
    other = Server(tmp_path / "other", SECRET_KEY=server.settings["SECRET_KEY"])
    try:
        other.run("restore", "--verify", target)
        assert (other.files / key).read_bytes() == pdf
        other.start()
        assert pdf_of(other.admin(), report) == pdf
    finally:
        other.close()
    (server.files / key).unlink()
    said = server.run("backup", tmp_path / "without", check=False)
    assert "missing" in said.stdout + said.stderr


def test_one_of_a_crash_is_set_aside_and_brought_back(house):
    server, report, pdf = house
    [(_, key, _, _)] = kept(server, report)
    server.kill()
    rows = server.database.rows(f"select * from report_pdfs where report_id = {report['id']}")
    server.database.rows(f"delete from report_pdfs where report_id = {report['id']}")
    (server.files / "tmp" / f"claim+{key.replace('/', '+')}").touch()
    server.start()
    aside = server.files / "aside" / Path(key).name
    assert not (server.files / key).exists() and aside.read_bytes() == pdf
    second = aside.rename(aside.with_name(f"2-{aside.name}"))  # as one that is not the first of its name is called
    values = ", ".join("null" if value is None else f"'{value}'" for value in rows[0])
    server.database.rows(f"insert into report_pdfs values ({values})")  # the newer database is there again
    assert "kept, since a row needs it" in server.run("purge", "--set-aside", "--older-than", "0s").stdout
    second.rename(aside)
    assert "kept, since a row needs it" in server.run("purge", "--set-aside", "--older-than", "0s").stdout
    assert "brought back" in server.run("fsck", "--deep").stdout
    assert pdf_of(server.admin(), report) == pdf
