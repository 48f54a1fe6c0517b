"""The file of the SQLite database, on a disk that is full or not where it was: /health/ready says what a writer would
hear."""

import shutil
import time
from pathlib import Path

import pytest

from support import ON_SQLITE, ok, own_mounts, png, problem, stored, unique, wait_until

pytestmark = pytest.mark.skipif(not ON_SQLITE, reason="about the file of SQLite; tests/unit/db has both")


def ready(client):
    """What a look finds that ends in time: a disk may be busy with others' work."""
    answer = wait_until(lambda: "no answer within" not in (a := client.get("/health/ready")).text and a, "a look")
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
        """What ready says within the second for which a failed change counts: a smaller one may find room."""
        begun = time.monotonic()
        answer = admin.post("/patients", json={"patient_id": unique("P"), "name": "x" * 90})
        if answer.status_code == 201:
            return None
        problem(answer, 507)
        said = [ready(admin) for _ in range(2)]  # nothing but the probe has failed before the second
        return said if time.monotonic() - begun < 1 else None

    assert wait_until(is_full, "the database's last page") == [(503, "its disk is full")] * 2
    assert admin.get(f"/image-files/{kept['id']}/download").content == content
    open(path, "wb").close()
    wait_until(lambda: ready(admin) == (200, "ok"), "room again")
    ok(admin.post("/patients", json={"patient_id": unique("P"), "name": "x"}), 201)


# ---- the file is another one now ----


def move_away(path):
    path.rename(f"{path}.old")


def put_another_there(path):
    shutil.copy(path, f"{path}.copy")
    Path(f"{path}.copy").rename(path)


@pytest.mark.parametrize("change", [move_away, Path.unlink, put_another_there])
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_nothing_is_written_to_a_file_that_has_lost_its_name(new_server, change, suffix):
    """What was acknowledged would be gone after the next start, which opens what has the name then."""
    server = new_server()
    admin = server.admin()
    kept = admin.upload(content := png())
    assert ready(admin) == (200, "ok")
    path = Path(f"{server.database.path}{suffix}")
    keep = path.with_name("keep")
    keep.hardlink_to(path)
    change(path)
    said = problem(admin.post("/upload/single", files={"file": ("x.png", png())}), 503)
    assert "moved, replaced or removed" in said["detail"] and str(server.folder) not in said["detail"]
    assert ready(admin) == (503, "takes no changes")
    assert stored(server) == [kept["storage_path"]]
    keep.rename(path)
    wait_until(lambda: ready(admin) == (200, "ok"), "the file in its place again")
    admin.upload(png())
    server.kill()
    server.start()
    again = server.client(admin.token)
    assert again.get(f"/image-files/{kept['id']}/download").content == content
    assert ok(again.get("/image-files/my-images"))["total"] == 2


def test_a_database_behind_a_symbolic_link(new_server):
    server = new_server(start=False)
    real = server.folder / "elsewhere"
    real.mkdir()
    for file in list(server.folder.glob("roentgen.db*")):
        file.rename(real / file.name)
    server.database.path.symlink_to(real / "roentgen.db")
    server.start()
    admin = server.admin()
    admin.upload(png())
    assert ready(admin) == (200, "ok")
