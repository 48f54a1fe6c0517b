"""What breaks around the server: a full disk, a database that is gone, stuck or locked. Nothing acknowledged is
lost."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import BINARY, ON_SQLITE, ok, own_mounts, png, problem, stored, unique, wait_until

MIB = 1 << 20


# ---- disk full ----


@pytest.fixture
def small_disk(new_server):
    """A server whose files (and SQLite database) lie on a disk of 16 MiB."""
    mounts = own_mounts()
    if not mounts:
        pytest.skip("no right to mount here: test_file_size_limit stands in")
    server = new_server(start=False)
    disk = server.folder / "disk"
    disk.mkdir()
    if ON_SQLITE:
        server.settings["DATABASE_URL"] = f"sqlite:///{disk}/roentgen.db"
        server.settings["ARCHIVE_URL"] = ""
    server.settings["STORAGE_URL"] = f"file://{disk}/files"
    server.settings["STORAGE_RESERVE"] = "4MiB"
    script = (
        'seed="$0"; disk="$1"; shift; mount -t tmpfs -o size=16m tmpfs "$disk" && '
        'cp "$seed"/roentgen.db* "$disk"/ 2>/dev/null; exec "$@"'
    )
    server.start(prefix=[*mounts, "sh", "-c", script, str(server.folder), str(disk)])
    return server


def fill(admin):
    """Uploads until the disk is full; what was acknowledged, by id."""
    kept = {}
    for _ in range(40):
        content = png() + os.urandom(MIB)
        answer = admin.post("/upload/single", files={"file": ("x.png", content)})
        if answer.status_code == 507:
            problem(answer, 507)
            return kept
        kept[ok(answer, 201)["id"]] = content
    raise AssertionError("the disk never filled")


def test_disk_full_507_and_nothing_lost(small_disk):
    admin = small_disk.admin()
    # What is given back with it is more than the database's log takes meanwhile, of the room that is kept free.
    large = 3 * MIB
    wish = {"filename": "c.png", "file_size": 4 * large, "chunk_size": large}
    begun = ok(admin.post("/upload/chunked", json=wish), 201)
    chunk = (png() + os.urandom(large))[:large]
    ok(admin.put(f"/upload/chunked/{begun['upload_id']}/chunks/0", content=chunk))
    kept = fill(admin)
    assert len(kept) >= 4
    problem(admin.put(f"/upload/chunked/{begun['upload_id']}/chunks/1", content=chunk), 507)
    batch = admin.post("/upload/batch", files=[("file", ("a.png", png() + os.urandom(MIB)))])
    assert batch.status_code == 507 or batch.json()["items"][0]["status"] == 507
    for file_id, content in kept.items():
        assert admin.get(f"/image-files/{file_id}/download").content == content
    listed = ok(admin.get("/image-files/my-images", params={"page_size": 100, "status": "UPLOADED"}))
    assert {f["id"] for f in listed["items"]} == set(kept)
    assert ok(admin.get(f"/upload/chunked/{begun['upload_id']}"))["uploaded_chunks"] == [0]
    wait_until(lambda: admin.get("/health").json()["status"] in ("degraded", "down"), "a word of it")
    ok(admin.delete(f"/upload/chunked/{begun['upload_id']}"), 204)
    content = png() + os.urandom(MIB // 2)
    file = wait_until(
        lambda: (a := admin.post("/upload/single", files={"file": ("x.png", content)})).status_code == 201 and a.json(),
        what="room again",
    )
    assert admin.get(f"/image-files/{file['id']}/download").content == content


def test_file_size_limit(new_server):
    """The system's limit on the size of files (ulimit -f) is a kind of full disk; its signal does not end the
    server."""
    server = new_server(start=False)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * MIB, 8 * MIB))

    server.start(preexec=limit)
    admin = server.admin()
    small = png() + os.urandom(MIB)
    file = admin.upload(small)
    admin.upload(png() + os.urandom(10 * MIB), expect=507)
    assert server.process.poll() is None
    assert admin.get(f"/image-files/{file['id']}/download").content == small
    assert ok(admin.get("/image-files/my-images"))["total"] == 1
    wait_until(lambda: stored(server) == [file["storage_path"]], "nothing of the other left")
    admin.upload(png())


def test_a_store_that_cannot_be_written(new_server):
    """The folder is removed: an error, no acknowledgement."""
    server = new_server()
    admin = server.admin()
    shutil.rmtree(server.files)
    answer = admin.post("/upload/single", files={"file": ("x.png", png())})
    assert answer.status_code in (500, 503, 507)
    problem(answer, answer.status_code)
    assert str(server.folder) not in answer.text
    assert ok(admin.get("/image-files/my-images"))["total"] == 0
    server.stop()
    server.start()
    server.client(admin.token).upload(png())


# ---- SQLite ----


@pytest.mark.skipif(not ON_SQLITE, reason="about SQLite")
def test_a_locked_database_is_503_and_recovers(new_server):
    server = new_server()
    admin = server.admin()
    ok(admin.get("/patients"))
    lock = sqlite3.connect(server.database.path, isolation_level=None)
    lock.execute("begin immediate")
    try:
        other = server.client(admin.token)
        with ThreadPoolExecutor(1) as pool:  # both wait for the lock
            upload = pool.submit(other.post, "/upload/single", files={"file": ("x.png", png())})
            answer = admin.post("/patients", json={"patient_id": unique("P"), "name": "x"})
            problem(answer, 503)
            assert int(answer.headers["retry-after"]) >= 1
            problem(upload.result(), 503)
        assert admin.get("/auth/me").status_code == 200
    finally:
        lock.execute("rollback")
        lock.close()
    admin.patient()
    wait_until(lambda: stored(server) == [], "nothing of the upload left")
    assert ok(admin.get("/patients"))["total"] == 1


@pytest.mark.skipif(not ON_SQLITE, reason="about SQLite")
def test_a_file_that_is_no_database(new_server):
    server = new_server(init=False, start=False)
    server.database.path.write_bytes(b"this is not a database" * 1000)
    for command in ("init-db", "serve"):
        done = server.run(command, check=False)
        assert done.returncode == 1 and done.stderr


# ---- MariaDB, through a relay that we can break ----


class Relay:
    """A Unix socket in front of the database: passes bytes, or refuses, or passes nothing."""

    def __init__(self, target):
        self.target = target
        self.folder = tempfile.mkdtemp(prefix="relay", dir="/tmp")
        self.path = os.path.join(self.folder, "s")
        self.passes = threading.Event()
        self.passes.set()
        self.pairs = []
        self.lock = threading.Lock()  # holds pairs, and that none joins them once connections are refused
        self.listener = None
        self.listen()

    def listen(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(200)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                with self.lock:
                    if listener is not self.listener:
                        near.close()
                        far.close()
                        return
                    self.pairs += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passes.wait()
                sink.sendall(data)
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def refuse(self):
        with self.lock:
            listener, self.listener = self.listener, None
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        os.unlink(self.path)
        self.drop()

    def drop(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for s in pairs:  # closed by their threads
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.passes.set()
        self.refuse()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def relayed(new_server):
    server = new_server(start=False)
    relay = Relay(server.database.socket)
    server.settings["DATABASE_URL"] = server.database.url.split("?")[0] + f"?socket={relay.path}"
    server.start()
    yield server, relay
    relay.close()


def unavailable(answer):
    problem(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.skipif(ON_SQLITE, reason="about MariaDB")
def test_database_gone_is_503_and_recovers(relayed):
    server, relay = relayed
    admin = server.admin()
    patient = admin.patient()
    kept = admin.upload(png())
    relay.refuse()
    for answer in (
        admin.get(f"/patients/{patient['id']}"),
        admin.get("/patients"),
        admin.post("/patients", json={"patient_id": unique("P"), "name": "x"}),
        admin.post("/upload/single", files={"file": ("x.png", png())}),
        admin.get(f"/image-files/{kept['id']}/download"),
        server.client().post("/auth/login", json={"username": "chief", "password": "x" * 12}),
    ):
        unavailable(answer)
        assert relay.path not in answer.text
    health = server.client().get("/health")
    assert health.status_code == 503 and health.json()["checks"]["database"] != "ok"
    ok(server.client().get("/health/live"))
    relay.listen()
    wait_until(lambda: admin.get(f"/patients/{patient['id']}").status_code == 200, "the database again")
    wait_until(lambda: server.client().get("/health").json()["checks"]["database"] == "ok", "health")
    assert ok(admin.get("/patients"))["total"] == 1
    assert [f["id"] for f in ok(admin.get("/image-files/my-images"))["items"]] == [kept["id"]]
    admin.patient()
    admin.upload(png())


@pytest.mark.skipif(ON_SQLITE, reason="about MariaDB")
def test_broken_connections_are_replaced(relayed):
    """Every connection dies at once, the database lives: reads go on after at most one 503 each."""
    server, relay = relayed
    admin = server.admin()
    for _ in range(3):
        relay.drop()
        wait_until(lambda: admin.get("/patients").status_code == 200, "reads")
        wait_until(
            lambda: admin.post("/patients", json={"patient_id": unique("P"), "name": "x"}).status_code == 201,
            "writes",
        )


@pytest.mark.skipif(ON_SQLITE, reason="about MariaDB")
def test_a_stuck_database_is_503_in_bounded_time(relayed):
    server, relay = relayed
    admin = server.admin()
    patient = admin.patient()
    relay.passes.clear()
    problem(server.client(admin.token).get(f"/patients/{patient['id']}"), 503)
    ok(server.client().get("/health/live"))
    # the first waits for a while, the others know by then that a look is under way that does not end
    for _ in range(20):
        answer = server.client().get("/health/ready")
        assert answer.status_code == 503 and answer.headers["retry-after"]
        assert answer.json()["status"] == "down" and answer.json()["checks"]["database"] != "ok"
    assert server.client().get("/metrics").status_code == 200  # from this machine, without a token to look up
    relay.passes.set()
    relay.drop()
    wait_until(
        lambda: server.client(admin.token).get(f"/patients/{patient['id']}").status_code == 200,
        "the database again",
    )


@pytest.mark.skipif(ON_SQLITE, reason="about MariaDB")
def test_no_database_at_start_is_a_clear_refusal(new_server):
    server = new_server(start=False)
    server.settings["DATABASE_URL"] = server.database.url.split("?")[0] + "?socket=/nonexistent/socket"
    done = server.run("serve", check=False)
    assert done.returncode == 1 and done.stderr


def test_the_binary_exists():
    assert Path(BINARY).exists()
