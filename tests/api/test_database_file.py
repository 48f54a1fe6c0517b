"""The file of the SQLite database on a disk that is full: /health/ready says what a writer would hear."""

import pytest

from support import ON_SQLITE, ok, own_mounts, png, problem, unique, wait_until

pytestmark = pytest.mark.skipif(not ON_SQLITE, reason="about the file of SQLite; tests/unit/db has both")


def ready(client):
    answer = client.get("/health/ready")
    return answer.status_code, answer.json()["checks"]["database"]


@pytest.fixture
def small_database(new_server):
    """A server whose database lies on a disk of 12 MiB, its files elsewhere."""
    mounts = own_mounts()
    if not mounts:
        pytest.skip("no right to mount here")
    server = new_server(start=False)
    disk = server.folder / "disk"
    disk.mkdir()
    server.settings["DATABASE_URL"] = f"sqlite:///{disk}/roentgen.db"
    script = (
        'seed="$0"; disk="$1"; shift; mount -t tmpfs -o size=12m tmpfs "$disk" && cp "$seed"/roentgen.db* "$disk"/; '
        'exec "$@"'
    )
    server.start(prefix=[*mounts, "sh", "-c", script, str(server.folder), str(disk)])
    return server


def fill(server):
    """The disk as the server sees it is full to the last byte; returns the file that does so."""
    path = f"/proc/{server.process.pid}/root{server.folder}/disk/fill"
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


def test_ready_hears_that_the_disk_of_the_database_is_full(small_database):
    admin = small_database.admin()
    kept = admin.upload(content := png())
    assert ready(admin) == (200, "ok")
    path = fill(small_database)

    def is_full():
        answer = admin.post("/patients", json={"patient_id": unique("P"), "name": "x" * 90})
        return answer.status_code != 201 and answer

    problem(wait_until(is_full, "the database's last page"), 507)
    assert ready(admin) == (503, "its disk is full")
    assert ready(admin) == (503, "its disk is full")  # nothing but the probe has failed since
    assert admin.get(f"/image-files/{kept['id']}/download").content == content
    open(path, "wb").close()
    wait_until(lambda: ready(admin) == (200, "ok"), "room again")
    ok(admin.post("/patients", json={"patient_id": unique("P"), "name": "x"}), 201)
