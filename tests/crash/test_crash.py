"""Kills the server with SIGKILL at random moments while eight clients upload, again and again on the same data.

After every other kill the power is cut as well, as far as that can be acted: the files that only the journal of the
store had made durable are removed, cut short or filled with zeros.

What the server has acknowledged must be there afterwards, byte for byte, and `roentgen fsck --deep` must be clean after
every start.
"""

import hashlib
import os
import random
import struct
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))

import support  # noqa: E402
from support import ok, png, wait_until  # noqa: E402

KILLS = int(os.environ.get("ROENTGEN_CRASH_KILLS", "60"))
CLIENTS = 8
SEED = int(os.environ.get("ROENTGEN_CRASH_SEED", "20261121"))
CHUNK = 64 << 10


RECORD = struct.Struct("<IIQQQQQ")  # src/blob/journal.h
MARK, PUT = 0x4A524F45, 1


def journaled(segment):
    """The keys of the files that a segment speaks of, as far as its records hang together."""
    data, at, first = segment.read_bytes(), 0, None
    while at + RECORD.size <= len(data):
        mark, kind, generation, _, key_len, payload_len, _ = RECORD.unpack_from(data, at)
        first = generation if first is None else first
        if mark != MARK or generation != first or key_len > 200 or payload_len > 1 << 20:
            break
        if kind == PUT:
            yield data[at + RECORD.size : at + RECORD.size + key_len].decode()
        at += -(-(RECORD.size + key_len + payload_len) // 16) * 16


def cut_power(files, rng):
    """Nobody has synced these files yet: a power cut may do this to them. Returns how many."""
    lost = 0
    for segment in (files / "tmp").glob("journal+*"):
        for path in (files / key for key in journaled(segment)):
            if not path.exists():
                continue
            lost += 1
            what = rng.randrange(3)
            if what == 0:
                path.unlink()
            else:
                os.truncate(path, 0 if what == 1 else path.stat().st_size // 2)
                os.truncate(path, rng.randrange(2) * 1000)
    return lost


class Client(threading.Thread):
    """Uploads until the server dies; remembers what was acknowledged, and chunked uploads to go on with later."""

    def __init__(self, server, token, number, state):
        super().__init__()
        self.server, self.token, self.state = server, token, state
        self.random = random.Random(f"{SEED}/{number}")
        self.failure = None
        self.kept = 0

    def run(self):
        try:
            with self.server.client(self.token) as api:
                while True:
                    self.random.choice((self.single, self.single, self.many, self.batch, self.chunked, self.delete))(
                        api
                    )
        except httpx.TransportError:
            pass  # killed
        except Exception as error:  # anything else is for the test to tell
            self.failure = error

    def content(self, least=0, most=200_000):
        return png() + self.random.randbytes(self.random.randint(least, most))

    def keep(self, file, content):
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        self.state["files"][file["id"]] = file["sha256"]
        self.kept += 1

    def single(self, api):
        content = self.content()
        self.keep(api.upload(content), content)

    def many(self, api):
        """Small files behind each other: those that the journal takes, so that kills come between its flushes and
        syncs."""
        for _ in range(20):
            content = self.content(most=4_000)
            self.keep(api.upload(content), content)

    def batch(self, api):
        contents = [self.content(most=20_000) for _ in range(3)]
        answer = ok(api.post("/upload/batch", files=[("file", (f"{i}.png", c)) for i, c in enumerate(contents)]), 207)
        for item, content in zip(answer["items"], contents):
            assert item["status"] == 201, item
            self.keep(item["image_file"], content)

    def chunked(self, api):
        if self.state["begun"] and self.random.random() < 0.7:
            upload_id, content, done = self.state["begun"].pop()
        else:
            content = self.content(2 * CHUNK, 5 * CHUNK)
            upload_id = ok(
                api.post(
                    "/upload/chunked",
                    json={
                        "filename": "c.png",
                        "file_size": len(content),
                        "chunk_size": CHUNK,
                        "file_hash": hashlib.sha256(content).hexdigest(),
                    },
                ),
                201,
            )["upload_id"]
            done = set()
        self.state["begun"].append((upload_id, content, done))
        total = -(-len(content) // CHUNK)
        for n in self.random.sample(range(total), total):
            if n not in done:
                ok(api.put(f"/upload/chunked/{upload_id}/chunks/{n}", content=content[n * CHUNK : (n + 1) * CHUNK]))
                done.add(n)
        answer = api.post(f"/upload/chunked/{upload_id}/complete")
        assert answer.status_code in (200, 201), answer.text
        self.keep(answer.json(), content)
        self.state["begun"] = [b for b in self.state["begun"] if b[0] != upload_id]

    def delete(self, api):
        if len(self.state["files"]) < 10:
            return
        file_id = self.random.choice(list(self.state["files"]))
        sha256 = self.state["files"].pop(file_id)
        self.state["unsure"][file_id] = sha256  # until the answer is here
        ok(api.delete(f"/image-files/{file_id}"), 204)
        del self.state["unsure"][file_id]
        self.state["deleted"].add(file_id)


def verify(api, states, everything, rng):
    """Downloads what is new and a part of what is old; at the end everything."""
    for state in states:
        old = [i for i in state["files"] if i in state["seen"]]
        new = [i for i in state["files"] if i not in state["seen"]]
        for file_id in new + (old if everything else rng.sample(old, min(5, len(old)))):
            answer = api.get(f"/image-files/{file_id}/download")
            assert answer.status_code == 200, (
                f"acknowledged file {file_id} is lost: {answer.status_code} {answer.text[:300]}"
            )
            assert hashlib.sha256(answer.content).hexdigest() == state["files"][file_id], f"file {file_id} is damaged"
            state["seen"].add(file_id)
        for file_id in list(state["unsure"]):
            sha256, answer = state["unsure"].pop(file_id), api.get(f"/image-files/{file_id}/download")
            assert answer.status_code in (200, 404)
            if answer.status_code == 200:
                state["files"][file_id] = sha256
            else:
                state["deleted"].add(file_id)
        for file_id in (
            state["deleted"] if everything else rng.sample(sorted(state["deleted"]), min(2, len(state["deleted"])))
        ):
            assert api.get(f"/image-files/{file_id}").status_code == 404, f"deleted file {file_id} is back"
        for upload_id, _, done in state["begun"]:
            here = set(ok(api.get(f"/upload/chunked/{upload_id}"))["uploaded_chunks"])
            assert done <= here, f"acknowledged chunks {done - here} of {upload_id} are lost"
            done |= here


def wait_for(clients, files):
    """Until they have so many acknowledged together."""
    wait_until(lambda: sum(c.kept for c in clients) >= files or any(c.failure for c in clients), f"{files} files")


@pytest.mark.timeout(1800)
def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path):
    rng, lost = random.Random(SEED), 0
    # Begun uploads whose answer was lost stay under way for as long as they are kept.
    server = support.Server(tmp_path / "server", WORKERS="16", MAX_UPLOADS_UNDER_WAY="1000000").init().start()
    token = server.admin().token
    states = [{"files": {}, "unsure": {}, "deleted": set(), "begun": [], "seen": set()} for _ in range(CLIENTS)]
    try:
        for kill in range(KILLS):
            clients = [Client(server, token, f"{kill}/{n}", state) for n, state in enumerate(states)]
            for client in clients:
                client.start()
            # A number of files, since a machine may be slow; and a moment, since a kill may come between any two steps
            # of the next.
            wait_for(clients, rng.randrange(60))
            time.sleep(rng.uniform(0, 0.02))
            server.kill()
            for client in clients:
                client.join()
                if client.failure:
                    raise client.failure
            if kill % 2:
                lost += cut_power(server.files, rng)
            server.start()
            checked = server.run("fsck", "--deep" if kill % 10 == 9 else "--deep=false", check=False)
            assert checked.returncode == 0, f"after kill {kill + 1}: {checked.stdout}{checked.stderr}"
            verify(server.client(token), states, kill == KILLS - 1, rng)
        total = sum(len(s["files"]) for s in states)
        assert total > KILLS, "the clients hardly uploaded anything"
        assert lost, "the journal had nothing to bring back"
        print(f"{KILLS} kills, {total} acknowledged files there, {sum(len(s['deleted']) for s in states)} deleted")
        assert "clean" in server.run("fsck", "--deep").stdout
        summary = ok(server.client(token).get("/image-files/stats/summary"))
        rows = server.database.rows("select count(*), sum(file_size) from image_files where deleted_at is null")[0]
        assert (summary["total_files"], summary["total_size"]) == tuple(map(int, rows))
    finally:
        server.close()
