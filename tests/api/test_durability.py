"""What was acknowledged is there, whatever becomes of a commit's answer, of the disk or of the file since; and only
what is there is acknowledged.

A commit in doubt: a relay before MariaDB swallows the COMMIT or its answer; on SQLite one sync of the WAL fails (a shim
loaded before libc). Damage: the stored file is removed, cut or has a flipped bit.
"""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import ON_SQLITE, PATIENCE, at_rest, dicom, ok, png, problem, stored, wait_until, zipped

SHIM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The sync of a WAL that holds the text in the file FAIL_SYNC fails, once: the file goes. */
static int fails(int fd)
{
    char link[64], path[4096], text[256], *bytes;
    struct stat st;
    const char *trigger = getenv("FAIL_SYNC");
    int from = trigger ? open(trigger, O_RDONLY) : -1, found = 0, wal;
    if (from < 0)
        return 0;
    ssize_t len = read(from, text, sizeof(text));
    close(from);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t path_len = readlink(link, path, sizeof(path) - 1);
    path[path_len > 0 ? path_len : 0] = 0;
    if (len <= 0 || path_len < 4 || strcmp(path + path_len - 4, "-wal") || (wal = open(path, O_RDONLY)) < 0)
        return 0;
    if (fstat(wal, &st) == 0 && (bytes = malloc((size_t)st.st_size + 1))) {
        ssize_t got = pread(wal, bytes, (size_t)st.st_size, 0);
        found = got > 0 && memmem(bytes, (size_t)got, text, (size_t)len) != NULL;
        free(bytes);
    }
    close(wal);
    return found && unlink(trigger) == 0;
}
int fdatasync(int fd) { return fails(fd) ? (errno = EIO, -1) : (int)syscall(SYS_fdatasync, fd); }
int fsync(int fd) { return fails(fd) ? (errno = EIO, -1) : (int)syscall(SYS_fsync, fd); }
"""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# ---- commits in doubt ----


class FailingSync:
    """SQLite: the sync of the commit that names these bytes fails; a restart finds its frames in the WAL."""

    is_done = True

    def __init__(self, server):
        self.server = server
        self.trigger = server.folder / "fail-sync"
        source, shim = server.folder / "shim.c", server.folder / "shim.so"
        source.write_text(SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, source], check=True)
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        server.settings.update(LD_PRELOAD=shim, FAIL_SYNC=self.trigger, ASAN_OPTIONS=sanitizer)

    def arm(self, marker):
        self.trigger.write_text(marker)

    def over(self):
        """The commit was met; what follows needs a new process."""
        assert not self.trigger.exists()
        self.server.kill()
        self.server.start()

    def close(self):
        pass


class SwallowingRelay:
    """MariaDB: passes bytes, until the COMMIT of the transaction that named these bytes: it, or its answer, is dropped
    with the connection."""

    def __init__(self, server, is_done):
        self.is_done = is_done  # does the COMMIT reach the server?
        self.server = server
        self.marker = None
        self.met = threading.Event()
        self.folder = tempfile.mkdtemp(prefix="relay", dir="/tmp")
        self.target = server.database.socket
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.folder + "/s")
        self.listener.listen(200)
        server.settings["DATABASE_URL"] = server.database.url.split("?")[0] + f"?socket={self.folder}/s"
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, marker):
        self.met.clear()
        self.marker = marker.encode()

    def over(self):
        assert self.met.wait(PATIENCE)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                threading.Thread(target=self._forth, args=(near, far), daemon=True).start()
                threading.Thread(target=self._back, args=(near, far), daemon=True).start()

    def _forth(self, near, far):
        seen = b""
        with contextlib.suppress(OSError):
            while data := near.recv(1 << 20):
                begin = data.rfind(b"\x03start transaction")
                seen = data[begin:] if begin >= 0 else seen + data
                if data.endswith(b"\x03commit") and self.marker and self.marker in seen:
                    self.marker = None
                    near.shutdown(socket.SHUT_WR)  # whatever the answer is, it is not passed on
                    if self.is_done:
                        far.sendall(data)
                        far.recv(100)  # it has been done
                    break
                far.sendall(data)
        self._end(near, far)

    def _back(self, near, far):
        with contextlib.suppress(OSError):
            while data := far.recv(1 << 16, socket.MSG_PEEK):
                near.sendall(data)  # fails once the writing side is shut: the answer stays for the other thread
                far.recv(len(data))

    def _end(self, near, far):
        for s in (near, far):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
        if self.marker is None:
            self.met.set()

    def close(self):
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(params=["done"] if ON_SQLITE else ["done", "not done"])
def doubt(request, new_server):
    server = new_server(start=False)
    doubt = FailingSync(server) if ON_SQLITE else SwallowingRelay(server, request.param == "done")
    server.start()
    yield doubt
    doubt.close()


def single(api, content):
    return api.post("/upload/single", files={"file": ("x", content)})


def batch(api, content):
    answer = api.post("/upload/batch", files=[("file", ("x", content))])
    return answer if answer.status_code != 207 else Item(answer.json()["items"][0])


def in_a_zip(api, content):
    answer = api.post("/upload/batch", files=[("file", ("x.zip", zipped([("x", content)])))])
    return answer if answer.status_code != 207 else Item(answer.json()["items"][0])


class Item:
    """One item of a batch, as if it were an answer."""

    def __init__(self, item):
        self.status_code, self.item = item["status"], item

    def json(self):
        return self.item["image_file"]


def stow(api, content):
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--b--\r\n"
    answer = api.post(
        "/dicom-web/studies",
        content=body,
        headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'},
    )
    return answer


def in_chunks(api, content):
    begun = ok(api.post("/upload/chunked", json={"filename": "c", "file_size": len(content)}), 201)
    ok(api.put(f"/upload/chunked/{begun['upload_id']}/chunks/0", content=content))
    return api.post(f"/upload/chunked/{begun['upload_id']}/complete")


def files_of(api, content):
    listed = ok(api.get("/image-files/my-images", params={"page_size": 100}))["items"]
    return [f for f in listed if f["sha256"] == sha256(content)]


def whole(api, content):
    """Every file of these bytes can be fetched, and is what was sent."""
    files = files_of(api, content)
    assert files
    for file in files:
        answer = api.get(f"/image-files/{file['id']}/download")
        assert (answer.status_code, answer.content == content) == (200, True), answer.text[:300]
    return files


WAYS = [(single, png), (single, dicom), (batch, png), (in_a_zip, dicom), (stow, dicom)]
MENDS = [*WAYS, (in_chunks, png), (in_chunks, dicom)]


@pytest.mark.parametrize("send, make", WAYS, ids=[f"{s.__name__}-{m.__name__}" for s, m in WAYS])
def test_an_upload_whose_commit_is_in_doubt(doubt, send, make):
    server, content = doubt.server, make()
    api = server.admin()
    api.upload(png())  # everything is connected
    doubt.arm(sha256(content))
    first = send(api, content)
    assert first.status_code in ((503,) if send is not stow else (409,))
    doubt.over()
    if doubt.is_done:
        api = server.client(api.token)
        wait_until(lambda: files_of(api, content), what="the row that was committed all the same")
        whole(api, content)
    again = send(server.client(api.token), content)
    assert again.status_code in (200, 201), again.text
    whole(server.client(api.token), content)
    server.stop()
    server.start()
    whole(server.client(api.token), content)
    checked = server.run("fsck", "--deep")
    assert "clean" in checked.stdout
    assert ("set aside" in checked.stdout) == (not doubt.is_done)  # those of the first attempt, which nobody named


def test_a_chunked_upload_whose_commit_is_in_doubt(doubt):
    server, content = doubt.server, png()
    api = server.admin()
    begun = ok(api.post("/upload/chunked", json={"filename": "c", "file_size": len(content)}), 201)
    ok(api.put(f"/upload/chunked/{begun['upload_id']}/chunks/0", content=content))
    key = "completed/%.2s/%s.png" % (begun["upload_id"], begun["upload_id"])
    doubt.arm(key)  # the chunk has the hash of the whole, too
    first = api.post(f"/upload/chunked/{begun['upload_id']}/complete")
    # MariaDB may be asked at once, and knows
    assert first.status_code in ((200, 201, 503) if not ON_SQLITE else (503,))
    doubt.over()
    api = server.client(api.token)
    again = api.post(f"/upload/chunked/{begun['upload_id']}/complete")
    assert again.status_code in (200, 201), again.text
    assert len(whole(api, content)) == 1
    server.stop()
    server.start()
    whole(server.client(api.token), content)
    assert "clean" in server.run("fsck", "--deep").stdout


# ---- what is lost or damaged since ----


def remove(path):
    path.unlink()


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    """In its place: at no moment has the file another size."""
    with open(path, "r+b") as file:
        file.seek(-10, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-10, os.SEEK_END)
        file.write(bytes([byte ^ 1]))


HARM = {remove: "MISSING", cut: "SIZE", flip: "CONTENT"}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    from support import Server

    server = Server(tmp_path_factory.mktemp("house"), ARCHIVE_URL=f"file://{tmp_path_factory.mktemp('house-archive')}")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


def sent(api, content):
    """The file of an upload whose row nothing in the background writes to any more (thumbnails of DICOM, which come
    later, are not in it)."""
    file = api.upload(content)
    return file if content[128:132] == b"DICM" else api.settled(file["id"])


def path_of(house, file):
    return house.files / file["storage_path"]


def damaged(house, api, file, kind):
    """The download says so, its row does, the log does; and nothing goes out under the old ETag."""
    body = problem(api.get(f"/image-files/{file['id']}/download"), 502)
    assert str(file["id"]) in body["detail"] and str(house.folder) not in str(body)
    for headers in ({"If-None-Match": f'"{file["sha256"]}"'}, {"Range": "bytes=0-3"}):
        problem(api.get(f"/image-files/{file['id']}/download", headers=headers), 502)
    assert api.file(file["id"])["damage"] == kind


def logged(house, file):
    lines = house.log_lines("file.damaged")
    return any(file["storage_path"] in line["message"] and line["level"] == "error" for line in lines)


@pytest.mark.parametrize("make", [png, dicom], ids=lambda m: m.__name__)
@pytest.mark.parametrize("harm", HARM, ids=lambda h: h.__name__)
def test_a_damaged_file_says_so_and_is_mended_by_sending_it_again(house, chief, harm, make):
    content = make()
    file = sent(chief, content)
    harm(path_of(house, file))
    if harm is not flip:  # seen without reading it
        damaged(house, chief, file, HARM[harm])
        wait_until(lambda: logged(house, file), "a word in the log")
    found = house.run("fsck", "--deep", check=False)
    assert found.returncode == 1 and file["storage_path"] in found.stdout
    damaged(house, chief, file, HARM[harm])
    for path in ("metadata", "frames/1", "histogram"):
        problem(chief.get(f"/images/{file['id']}/{path}"), 502)
    again = chief.upload(content, "again")
    assert again["sha256"] == file["sha256"] and again["damage"] is None
    whole(chief, content)
    assert all(f["damage"] is None for f in files_of(chief, content))
    assert "clean" in house.run("fsck", "--deep").stdout


@pytest.mark.parametrize("harm", HARM, ids=lambda h: h.__name__)
@pytest.mark.parametrize("send, make", MENDS, ids=[f"{s.__name__}-{m.__name__}" for s, m in MENDS])
def test_every_way_in_mends(house, chief, harm, send, make):
    """Also what nobody has noticed yet."""
    content = make()
    file = sent(chief, content)
    harm(path_of(house, file))
    assert send(chief, content).status_code in (200, 201)
    whole(chief, content)


def test_what_was_seen_before_the_mend_is_not_said_after_it(house, chief):
    """Many look at the file while its bytes change and are sent again: who had opened the old ones speaks late."""
    content, over = png(300, 300), threading.Event()
    file = chief.upload(content)

    def look():
        api = house.client(chief.token)
        while not over.is_set():
            api.get(f"/images/{file['id']}/frames/1")

    with ThreadPoolExecutor(4) as pool:
        looking = [pool.submit(look) for _ in range(4)]
        try:
            for _ in range(15):
                with open(path_of(house, file), "r+b") as stored:
                    stored.seek(100)
                    stored.write(os.urandom(8))
                single(chief, content)
                whole(chief, content)
        finally:
            over.set()
        for each in looking:
            each.result()


@pytest.mark.parametrize("harm", HARM, ids=lambda h: h.__name__)
def test_import_mends(house, chief, harm, tmp_path):
    contents = [png(), dicom()]
    files = [sent(chief, content) for content in contents]
    for n, content in enumerate(contents):
        (tmp_path / f"{n}").write_bytes(content)
    for file in files:
        harm(path_of(house, file))
    before = ok(chief.get("/image-files/my-images"))["total"]
    said = house.run("import", "--folder", str(tmp_path), "--username", "chief").stdout
    assert "2 known already" in said
    assert ok(chief.get("/image-files/my-images"))["total"] == before
    for content in contents:
        whole(chief, content)


@pytest.mark.parametrize("harm", HARM, ids=lambda h: h.__name__)
def test_an_instance_known_under_another_name_is_mended(house, chief, harm):
    """Two files with the same bytes, each under its own name: sending them a third time looks at the one that is the
    answer."""
    content = dicom()
    doctor = house.account("doctor", admin=chief)
    first = chief.upload(content)
    other = doctor.upload(content)  # does not see the first
    assert other["id"] != first["id"] and other["storage_path"] != first["storage_path"]
    for file in (first, other):
        harm(path_of(house, file))
    chief.upload(content)
    assert chief.get(f"/image-files/{first['id']}/download").content == content
    doctor.upload(content)
    assert doctor.get(f"/image-files/{other['id']}/download").content == content


@pytest.mark.parametrize("harm", HARM, ids=lambda h: h.__name__)
def test_a_damaged_chunk_is_asked_for_again(house, chief, harm):
    content = png() + os.urandom(100_000)
    begun = ok(
        chief.post("/upload/chunked", json={"filename": "c", "file_size": len(content), "chunk_size": 65536}), 201
    )
    url, folder = f"/upload/chunked/{begun['upload_id']}", house.files / "chunks" / begun["upload_id"]
    parts = [content[:65536], content[65536:]]
    for n, part in enumerate(parts):
        ok(chief.put(f"{url}/chunks/{n}", content=part))
    (chunk,) = folder.glob("1.*")
    harm(chunk)
    assert problem(chief.post(f"{url}/complete"), 409)["missing_chunks"] == [1]
    assert ok(chief.get(url))["missing_chunks"] == [1]
    ok(chief.put(f"{url}/chunks/1", content=parts[1]))
    (chunk,) = folder.glob("1.*")
    harm(chunk)  # before anybody has noticed
    ok(chief.put(f"{url}/chunks/1", content=parts[1]))
    file = ok(chief.post(f"{url}/complete"), 201)
    assert file["sha256"] == sha256(content)
    whole(chief, content)


def test_a_file_that_comes_back_loses_its_mark(house, chief):
    content = png()
    file = sent(chief, content)
    path = path_of(house, file)
    kept = path.with_name("kept")
    path.rename(kept)
    damaged(house, chief, file, "MISSING")
    kept.rename(path)
    whole(chief, content)
    assert chief.file(file["id"])["damage"] is None


def test_a_store_that_is_not_there_marks_nothing(new_server):
    server = new_server()
    api = server.admin()
    file = sent(api, png())
    away = server.files.with_name("away")
    server.files.rename(away)
    (away / "tmp").rename(away / "not-tmp")
    answer = api.get(f"/image-files/{file['id']}/download")
    (away / "not-tmp").rename(away / "tmp")
    away.rename(server.files)
    assert answer.status_code in (200, 503)
    (server.files / "tmp").rename(server.files / "not-tmp")
    path_of(server, file).rename(server.files / "elsewhere")
    problem(api.get(f"/image-files/{file['id']}/download"), 503)
    (server.files / "not-tmp").rename(server.files / "tmp")
    (server.files / "elsewhere").rename(path_of(server, file))
    assert api.file(file["id"])["damage"] is None
    assert api.get(f"/image-files/{file['id']}/download").status_code == 200


def test_a_study_is_not_sent_without_one_of_its_files(house, chief):
    file = chief.upload(dicom())
    path = path_of(house, file)
    kept = path.with_name("kept")
    path.rename(kept)
    body = problem(chief.get(f"/studies/{file['study_id']}/archive"), 502)
    assert str(file["id"]) in body["detail"]
    kept.rename(path)
    assert chief.get(f"/studies/{file['study_id']}/archive").status_code == 200


# ---- the scrub ----


def test_the_scrub_goes_on_where_it_was(new_server):
    server = new_server()
    api = server.admin()
    files = [sent(api, png()) for _ in range(5)]
    flip(path_of(server, files[3]))
    first = server.run("fsck", "--files", "2")
    assert "2 files read, 0 findings" in first.stdout
    second = server.run("fsck", "--files", "2", check=False)
    assert second.returncode == 1 and files[3]["storage_path"] in second.stdout
    assert api.file(files[3]["id"])["damage"] == "CONTENT"
    problem(api.get(f"/image-files/{files[3]['id']}/download"), 502)
    third = server.run("fsck", "--files", "2")
    assert "1 files read, 0 findings; that was the last of them" in third.stdout
    flip(path_of(server, files[3]))  # restored by hand
    problem(api.get(f"/image-files/{files[3]['id']}/download"), 502)  # until somebody has read it
    assert server.run("fsck", check=False).returncode == 1
    server.run("fsck", "--files", "100")
    assert api.file(files[3]["id"])["damage"] is None
    assert api.get(f"/image-files/{files[3]['id']}/download").status_code == 200


# ---- nothing is removed on the word of one row, or of an old database ----


@pytest.mark.skipif(not ON_SQLITE, reason="a database file that is put back")
def test_an_older_database_beside_a_newer_store_loses_nothing(new_server):
    server = new_server()
    api = server.admin()
    old = png()
    api.upload(old)
    server.stop()
    kept = server.database.path.read_bytes()
    server.start()
    new = [png(), dicom()]
    for content in new:
        server.client(api.token).upload(content)
    server.kill()
    newer = {p.name: p.read_bytes() for p in server.folder.glob("roentgen.db*")}
    for path in server.folder.glob("roentgen.db*"):
        path.unlink()
    server.database.path.write_bytes(kept)
    server.start()
    whole(server.client(api.token), old)
    aside = server.files / "aside"
    assert {sha256(p.read_bytes()) for p in aside.iterdir()} == {sha256(c) for c in new}
    said = server.run("fsck", "--deep").stdout
    assert "clean" in said and said.count("set aside") == 2
    server.stop()
    for name, content in newer.items():  # the right database is found again
        (server.folder / name).write_bytes(content)
    assert server.run("fsck", "--deep").stdout.count("brought back") == 2
    server.start()
    for content in [old, *new]:
        whole(server.client(api.token), content)


@pytest.mark.skipif(not ON_SQLITE, reason="a database file that is put back")
def test_what_is_set_aside_twice_under_one_name_keeps_no_server_from_starting(new_server):
    """An upload that is completed again after a crash has the name that it had before it."""
    server = new_server()
    api = server.admin()
    server.stop()
    kept = server.database.path.read_bytes()
    server.start()
    content = png()
    name = Path(server.client(api.token).upload(content)["storage_path"]).name
    server.kill()
    newer = {p.name: p.read_bytes() for p in server.folder.glob("roentgen.db*")}
    for path in server.folder.glob("roentgen.db*"):
        path.unlink()
    server.database.path.write_bytes(kept)
    aside = server.files / "aside"
    aside.mkdir(exist_ok=True)
    (aside / name).write_bytes(b"of an attempt before")
    server.start()
    assert sorted(p.name for p in aside.iterdir()) == sorted([name, f"2-{name}"])
    assert (aside / name).read_bytes() == b"of an attempt before"
    server.stop()
    for path, content_of in newer.items():
        (server.folder / path).write_bytes(content_of)
    assert "brought back" in server.run("fsck", "--deep").stdout
    server.start()
    whole(server.client(api.token), content)


def test_fsck_removes_nothing_that_an_upload_may_be_about_to_name(house, chief):
    at_rest(chief)  # a thumbnail would go into the journal as well, after a while where our record is
    file = sent(chief, dicom())  # its record is in the journal of a process that lives
    house.database.rows(f"update image_files set storage_path = null, status = 'UPLOADING' where id = {file['id']}")
    try:
        said = house.run("fsck", "--remove-orphans", check=False)
        assert f"may be under way: {file['storage_path']}" in said.stdout and path_of(house, file).exists()
    finally:
        house.database.rows(
            f"update image_files set storage_path = '{file['storage_path']}', status = 'UPLOADED' "
            f"where id = {file['id']}"
        )


# ---- the archive ----


def test_fsck_beside_archiving_finds_nothing(house, chief):
    """What is moved while it is looked for is neither lost nor marked."""
    files, over = [sent(chief, png()) for _ in range(40)], threading.Event()

    def move(mine):
        api = house.client(chief.token)
        while not over.is_set():
            for file in mine:
                ok(api.post(f"/image-files/{file['id']}/archive"))
                ok(api.post(f"/image-files/{file['id']}/unarchive"))

    with ThreadPoolExecutor(3) as pool:
        moving = [pool.submit(move, files[n::3]) for n in range(3)]
        try:
            for _ in range(5):
                said = house.run("fsck", check=False).stdout
                assert not [line for line in said.splitlines() if any(f["storage_path"] in line for f in files)], said
        finally:
            over.set()
        for each in moving:
            each.result()
    assert not house.log_lines("file.damaged") or not any(
        f["storage_path"] in line["message"] for f in files for line in house.log_lines("file.damaged")
    )


def test_rows_that_share_bytes_move_together_whatever_their_status(house, chief):
    content = png()
    first, second = sent(chief, content), sent(chief, content)
    assert second["storage_path"] == first["storage_path"]
    house.database.rows(f"update image_files set status = 'FAILED', status_reason = 'x' where id = {second['id']}")
    assert ok(chief.post(f"/image-files/{first['id']}/archive"))["status"] == "ARCHIVED"
    assert chief.file(second["id"])["status"] == "FAILED"
    whole(chief, content)
    assert "clean" in house.run("fsck", "--deep").stdout
    third = chief.upload(content)
    assert third["storage_path"] != first["storage_path"] and third["status"] == "UPLOADED"
    whole(chief, content)
    assert ok(chief.post(f"/image-files/{first['id']}/unarchive"))["status"] == "UPLOADED"
    assert chief.file(second["id"])["status"] == "FAILED"
    whole(chief, content)
    assert "clean" in house.run("fsck", "--deep").stdout


def test_damaged_bytes_are_not_moved(house, chief):
    file = sent(chief, png())
    flip(path_of(house, file))
    problem(chief.post(f"/image-files/{file['id']}/archive"), 502)
    assert chief.file(file["id"])["damage"] == "CONTENT" and path_of(house, file).exists()
    flip(path_of(house, file))
    house.run("fsck", "--deep")
    assert ok(chief.post(f"/image-files/{file['id']}/archive"))["status"] == "ARCHIVED"


def test_archive_beside_uploads_of_the_same_bytes(house, chief):
    for _ in range(12):
        content = png()
        file = chief.upload(content)
        answers = []
        there = threading.Barrier(4)

        def act(what):
            with house.client(chief.token) as api:
                there.wait()
                answers.append(what(api))

        acts = [lambda api: api.post(f"/image-files/{file['id']}/archive")] + [lambda api: single(api, content)] * 3
        threads = [threading.Thread(target=act, args=(a,)) for a in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {a.status_code for a in answers} <= {200, 201}, [a.text for a in answers]
        assert len(whole(chief, content)) == 4


@pytest.mark.parametrize("make", [png, dicom], ids=lambda m: m.__name__)
def test_archived_bytes_are_mended_too(house, chief, make):
    content = make()
    file = sent(chief, content)
    ok(chief.post(f"/image-files/{file['id']}/archive"))
    path = house.settings["ARCHIVE_URL"].removeprefix("file://") + "/" + file["storage_path"]
    os.unlink(path)
    problem(chief.get(f"/image-files/{file['id']}/download"), 502)
    chief.upload(content)
    if make is dicom:  # the instance that is there; a picture is a file of its own
        whole(chief, content)


# ---- the same bytes at the same time ----


@pytest.mark.parametrize("make", [png, dicom], ids=lambda m: m.__name__)
def test_simultaneous_uploads_of_the_same_bytes_are_stored_once(house, chief, make):
    for _ in range(5):
        content, answers = make(), []
        before = set(stored(house))
        there = threading.Barrier(6)

        def act():
            with house.client(chief.token) as api:
                there.wait()
                answers.append(api.upload(content))

        threads = [threading.Thread(target=act) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 6 and len({a["storage_path"] for a in answers}) == 1
        wait_until(lambda: len(set(stored(house)) - before) == 1, "one file of it all")
        assert len({a["id"] for a in answers}) == (6 if make is png else 1)
        whole(chief, content)


# ---- health ----


def looked(server, path):
    """What a look finds that ends in time: a disk may be busy with others' work."""
    return wait_until(lambda: "no answer within" not in (a := server.client().get(path)).text and a, "a look")


@pytest.mark.skipif(not ON_SQLITE, reason="about SQLite")
def test_health_after_a_failed_sync(new_server):
    server = new_server(start=False)
    failing = FailingSync(server)
    server.start()
    api, content = server.admin(), png()
    wait_until(lambda: server.client().get("/health/ready").status_code == 200, "health")
    failing.arm(sha256(content))
    problem(single(api, content), 503)
    for path in ("/health", "/health/ready", "/api/v1/health"):
        answer = looked(server, path)
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
        assert answer.json()["checks"]["database"] == "takes no changes"
    assert server.client().get("/health/live").status_code == 200
    server.kill()
    server.start()
    wait_until(lambda: server.client().get("/health/ready").status_code == 200, "health")


@pytest.mark.parametrize("where", ["completed", "tmp"])
def test_health_when_files_cannot_be_written(new_server, where):
    """As root nothing is forbidden: a file stands where the folder should be."""
    server = new_server()
    folder = server.files / where
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way")
    answer = looked(server, "/health/ready")
    assert answer.status_code == 503 and answer.json()["checks"]["storage"] == "not writable"
    folder.unlink()
    folder.mkdir()
    wait_until(lambda: server.client().get("/health/ready").status_code == 200, "health")
