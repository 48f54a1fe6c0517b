"""MariaDB: somebody else holds a row, or the server does not answer at all. Nothing else waits for it longer than it
must."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import support
from reports import judged
from support import ON_SQLITE, PATIENCE, ROOT, dicom, ok, png, problem, uid, unique, wait_until

READ_TIMEOUT = 30  # seconds after which a database that is silent is given up: MYSQL_IO_TIMEOUT_S

pytestmark = pytest.mark.skipif(ON_SQLITE is True, reason="one process writes to SQLite")


class Session:
    """A conversation of somebody else's with the database, in which a transaction can stay open."""

    def __init__(self, database):
        command = [o for o in database.command if o != "--batch"]
        self.process = subprocess.Popen(
            [*command, "--batch", "--unbuffered", database.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, sql):
        """Gives the lines of the answer when it is done."""
        mark, lines = unique("done"), []
        self.process.stdin.write(f"{sql};\nselect '{mark}';\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.strip() == mark:
                return lines
            lines.append(line)
        raise AssertionError(f"{sql}: {self.process.poll()}")

    def hold(self, *rows):
        self.run("start transaction")
        for table, row in rows:
            self.run(f"select id from {table} where id = {row} for update")

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


@pytest.fixture
def session(server):
    session = Session(server.database)
    yield session
    session.close()


def waiting(session, database):
    """How many transactions of this database wait for a row. (Other tests use the same server.)"""
    sql = (
        "select count(*) from information_schema.innodb_trx t join information_schema.processlist p on p.id = "
        "t.trx_mysql_thread_id "
        f"where t.trx_state = 'LOCK WAIT' and p.db = '{database.name}'"
    )
    # who asks more often is told the same again: that table is made anew after 0.1 s of rest
    session.run("select sleep(0.15)")
    return int(session.run(sql)[0])


def asked_in_vain(admin):
    """How often rows that are held were asked for by those who do not wait for them in the database any more, as
    nobody does after a second (mysql_held.c)."""
    statements = ok(admin.get("/system/performance"))["items"]["statements"]
    return sum(s["count"] for s in statements if s["statement"].endswith(" nowait"))


def somebody_waits(server, session, admin, before):
    """`before`: asked_in_vain when the row was free."""
    wait_until(
        lambda: waiting(session, server.database) or asked_in_vain(admin) > before, "somebody who wants the row"
    )


# ---- what was found before the lock was granted has changed by then ----


def filed(api, **keys):
    film = api.upload(dicom(**keys), "film.dcm")
    return film, {"PatientID": keys["PatientID"], "StudyInstanceUID": keys["StudyInstanceUID"]}


def beside(server, session, admin, film, changes, content, verb):
    """Sends `content` while the film's patient is held; `changes` are made and committed beneath it."""
    before = asked_in_vain(admin)
    session.hold(("patients", film["patient_id"]))
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(verb, content)
        somebody_waits(server, session, admin, before)
        for change in changes:
            session.run(change)
        session.run("commit")
        answer = sent.result()
    server.run("fsck", "--rows")
    return answer


def test_a_film_beside_the_merge_of_its_patient_goes_where_the_patient_went(server, session, admin):
    number = unique("M")
    film, keys = filed(admin, PatientID=number, StudyInstanceUID=uid())
    target, patient = admin.patient()["id"], film["patient_id"]
    changes = [
        f"select id from patients where id = {target} for update",
        f"update studies set patient_id = {target} where patient_id = {patient}",
        f"update image_files set patient_id = {target} where patient_id = {patient}",
        f"update patients set deleted_at = 1, merged_into = {target} where id = {patient}",
        f"delete from patient_search where id = {patient}",
    ]
    answer = beside(server, session, admin, film, changes, dicom(**keys), lambda c: admin.upload(c, "film.dcm"))
    assert (answer["patient_id"], answer["study_id"], answer["status"]) == (target, film["study_id"], "UPLOADED")
    assert ok(admin.get("/patients", params={"search": number}))["total"] == 0


def test_a_film_beside_the_move_of_its_study_says_so(server, session, admin):
    film, keys = filed(admin, PatientID=unique("M"), StudyInstanceUID=uid())
    target, study = admin.patient()["id"], film["study_id"]
    changes = [
        f"update studies set patient_id = {target} where id = {study}",
        f"update image_files set patient_id = {target} where study_id = {study}",
    ]
    answer = beside(server, session, admin, film, changes, dicom(**keys), lambda c: admin.upload(c, "film.dcm"))
    assert answer["status"] == "FAILED" and "filed under another patient" in answer["status_reason"]
    assert answer["study_id"] is None


def test_a_film_beside_the_deletion_of_its_study_gets_a_new_one(server, session, admin):
    film, keys = filed(admin, PatientID=unique("M"), StudyInstanceUID=uid())
    study = film["study_id"]
    changes = [
        f"update studies set deleted_at = 1 where id = {study}",
        f"update series set deleted_at = 1 where study_id = {study}",
        f"update image_files set deleted_at = 1 where study_id = {study}",
        f"delete from study_search where id = {study}",
        f"delete from image_file_search where id = {film['id']}",
    ]
    answer = beside(server, session, admin, film, changes, dicom(**keys), lambda c: admin.upload(c, "film.dcm"))
    assert answer["study_id"] not in (None, study) and answer["status"] == "UPLOADED"


def test_a_completion_beside_the_merge_of_its_patient_goes_where_the_patient_went(server, session, admin):
    content = png()
    source, target = admin.patient()["id"], admin.patient()["id"]
    body = {"filename": "x.png", "file_size": len(content), "patient_id": source}
    upload_id = ok(admin.post("/upload/chunked", json=body), 201)["upload_id"]
    ok(admin.put(f"/upload/chunked/{upload_id}/chunks/0", content=content))
    changes = [
        f"select id from patients where id = {target} for update",
        f"update image_files set patient_id = {target} where patient_id = {source}",
        f"update patients set deleted_at = 1, merged_into = {target} where id = {source}",
        f"delete from patient_search where id = {source}",
    ]
    answer = beside(
        server,
        session,
        admin,
        {"patient_id": source},
        changes,
        upload_id,
        lambda id: ok(admin.post(f"/upload/chunked/{id}/complete"), 201),
    )
    assert answer["patient_id"] == target


# ---- a row that is held keeps nobody from another ----


@pytest.mark.parametrize("what", ["patient", "study", "file", "film"])
def test_one_held_row_keeps_nobody_from_another(server, session, admin, what):
    film, keys = filed(admin, PatientID=unique("H"), StudyInstanceUID=uid())
    rows = {"patient": ("patients", "patient_id"), "study": ("studies", "study_id"), "file": ("image_files", "id")}
    table, key = rows.get(what, rows["patient"])
    before = asked_in_vain(admin)
    session.hold((table, film[key]))
    api = [server.client(admin.token) for _ in range(24)]

    def change(n):
        if what == "film":
            return api[n].post("/upload/single", files={"file": ("film.dcm", dicom(**keys))})
        path = {"patient": f"/patients/{film['patient_id']}", "study": f"/studies/{film['study_id']}"}
        text = {"patient": {"allergies": f"{n}"}, "study": {"description": f"{n}"}, "file": {"description": f"{n}"}}
        return api[n].patch(path.get(what, f"/image-files/{film['id']}"), json=text[what])

    with ThreadPoolExecutor(len(api)) as pool:
        held = [pool.submit(change, n) for n in range(len(api))]
        somebody_waits(server, session, admin, before)
        if what == "film":
            wait_until(lambda: any(one.done() for one in held), "one too many")
        for _ in range(3):
            admin.patient()
            admin.upload(dicom(), "film.dcm")
        assert not all(one.done() for one in held)  # all of this while they were waiting
        session.run("commit")
        answers = [one.result() for one in held]
    done = [a for a in answers if a.status_code in (200, 201)]
    assert done
    refused = [a for a in answers if a not in done]
    assert bool(refused) == (what == "film"), refused  # those would keep the threads that take others' files
    for answer in refused:
        assert "changing the same record" in problem(answer, 503)["detail"]
        assert int(answer.headers["retry-after"]) > 0
    server.run("fsck", "--rows")


# ---- a server that does not answer ----


@pytest.fixture
def frozen(tmp_path_factory, monkeypatch):
    """A MariaDB of one's own, to be stopped in the middle."""
    folder = ROOT / ".cache" / unique("m")
    script = [ROOT / "script" / "mariadb"]
    subprocess.run([*script, "start", folder], check=True, timeout=PATIENCE)
    pid = int((folder / "pid").read_text())
    monkeypatch.setattr(support, "TEST_DATABASE", f"mysql://root@/frozen?socket={folder}/socket")
    yield pid
    os.kill(pid, signal.SIGCONT)
    subprocess.run([*script, "stop", folder], check=True)
    subprocess.run(["rm", "-rf", folder], check=True)


def test_a_silent_database_does_not_delay_the_end(frozen, tmp_path):
    server = support.Server(tmp_path / "server", STOP_GRACE="4s", WORKERS="8")
    server.init().start()
    admin = server.admin()
    patient = admin.patient()
    os.kill(frozen, signal.SIGSTOP)
    threads = Path(f"/proc/{frozen}/task")
    wait_until(
        lambda: all(") T " in (t / "stat").read_text() for t in threads.iterdir()), what="a database that stands still"
    )
    answers = []

    def ask(method, path, **more):
        try:
            answers.append(server.client(admin.token).request(method, path, **more).status_code)
        except Exception as error:  # noqa: BLE001 - cut off, which is allowed
            answers.append(type(error).__name__)

    path = f"/patients/{patient['id']}"
    asked = [threading.Thread(target=ask, args=("GET", path)) for _ in range(4)]
    asked += [threading.Thread(target=ask, args=("PATCH", path), kwargs={"json": {"allergies": "x"}}) for _ in range(8)]
    asked += [
        threading.Thread(target=ask, args=("POST", "/upload/single"), kwargs={"files": {"file": ("a", png())}})
        for _ in range(4)
    ]
    for thread in asked:
        thread.start()  # whether they wait already or come during the end is all the same
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    server.wait()
    took = time.monotonic() - begun
    for thread in asked:
        thread.join()
    assert took < READ_TIMEOUT, took
    assert set(answers) <= {503, "ReadError", "WriteError", "RemoteProtocolError", "ConnectError"}, answers
    os.kill(frozen, signal.SIGCONT)
    server.close()


class Relay:
    """Between a server and its database. `harm` makes each line that there is then look as if the other end had
    something to say, and ends it when somebody asks (COM_PING) what that is."""

    ASKS = b"\1\0\0\0\x0e"

    def __init__(self, path, target):
        self.target, self.lines, self.harmed, self.pings = target, [], set(), 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                self.lines.append((near, far))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self.pump, args=(near, *ends), daemon=True).start()

    def pump(self, line, source, to):
        with contextlib.suppress(OSError):
            while some := source.recv(1 << 16):
                if line in self.harmed and source is line and some == self.ASKS:
                    self.pings += 1
                    break
                to.sendall(some)
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def harm(self):
        self.harmed = {near for near, _ in self.lines}
        for near in self.harmed:
            with contextlib.suppress(OSError):
                near.send(b"x")
        return len(self.harmed)


LINES = 10


def test_of_idle_lines_to_a_database_that_is_gone_one_is_tried(tmp_path):
    """Each would cost its own wait."""
    server = support.Server(tmp_path / "server", WORKER_CONCURRENCY="0", WORKERS="16")
    server.init()
    relay = Relay(tmp_path / "relay", server.database.socket)
    direct, own = server.settings["DATABASE_URL"], Session(server.database)
    server.settings["DATABASE_URL"] = direct.replace(server.database.socket, str(tmp_path / "relay"))
    try:
        server.start()
        admin = server.admin()
        path = f"/patients/{admin.patient()['id']}"
        own.run("lock tables patients write")
        with ThreadPoolExecutor(LINES) as pool:
            sent = [pool.submit(admin.get, path) for _ in range(LINES)]
            wait_until(lambda: len(relay.lines) >= LINES, "a line for each")
            own.run("unlock tables")
            assert all(one.result().status_code == 200 for one in sent)
        lines = relay.harm()
        wait_until(lambda: admin.get(path).status_code == 200, "an answer")
        assert lines >= LINES > relay.pings
    finally:
        own.close()
        server.close()


# ---- If-Match locks what it compares in the order of records/record_lock.h ----


def report_of(author, film):
    wish = {"study_id": film["study_id"], "sections": {"findings": "No effusion.", "impression": "None."}}
    return ok(author.post("/reports", json=wish), 201)["id"]


def recommendation_of(author, film):
    wish = {"procedure_text": "biopsy", "reason": "nodule", "due_on": "2040-01-01"}
    return ok(author.post(f"/reports/{report_of(author, film)}/recommendations", json=wish), 201)["id"]


def late_result_of(server, author, film):
    server.database.rows(
        "insert into late_results(report_id, signed_version, cause, status, asked_at) values "
        f"({report_of(author, film)}, 1, 'ARRIVED', 'OPEN', 1)"
    )
    return server.database.rows("select max(id) from late_results")[0][0]


COMPARED = {
    "reports": ("/reports/{}", "cancel", {"reason": "x"}),
    "recommendations": ("/recommendations/{}", "dismiss", {"note": "x"}),
    "late_results": ("/late-results/{}", "dismiss", {"reason": "x"}),
    "diagnoses": ("/diagnosis/{}", "withdraw", {"reason": "x"}),
}


@pytest.mark.parametrize("table", COMPARED)
def test_what_if_match_compares_is_not_held_before_its_patient(server, session, admin, table):
    """Else two who come from both ends wait for each other."""
    path, act, body = COMPARED[table]
    author = server.account("radiologist", admin=admin)
    film = admin.upload(dicom(PatientID=unique("P"), StudyInstanceUID=uid()), "film.dcm")
    if table == "diagnoses":
        judged(server, film, None)
        row = server.database.rows(f"select id from diagnoses where image_file_id = {film['id']}")[0][0]
        api = admin
    elif table == "late_results":
        row, api = late_result_of(server, author, film), author
    else:
        row, api = {"reports": report_of, "recommendations": recommendation_of}[table](author, film), author
    thing = path.format(row)
    tag = api.get(thing).headers["etag"]
    before = asked_in_vain(admin)
    session.hold(("patients", film["patient_id"]))
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(api.post, f"{thing}/{act}", json=body, headers={"If-Match": tag})
        somebody_waits(server, session, admin, before)
        free = session.run(f"select id from {table} where id = {row} for update skip locked")
        session.run("commit")
        answer = done.result()
    assert [int(line) for line in free if line.strip().isdigit()] == [row]
    ok(answer)
