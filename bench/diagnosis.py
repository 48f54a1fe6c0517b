"""script/bench diagnosis: from the question to the result, beside the model's own time, beside a FastAPI service with
the same runtime and the same films, and beside the bare call of ONNX Runtime."""

import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import uuid

import inference
import ingest
import load
import servers
from events import Listeners
from report import at_most, number

FILMS = servers.ROOT / "tests" / "data" / "chest"
SHIPPED = servers.ROOT / "models" / "chest-pneumonia"
CLIENTS, LARGE_SIDE = 8, 2048
SETTINGS = {"ONNXRUNTIME_LIB": str(inference.LIBRARY), "EVENT_HEARTBEAT": "1h"}


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- requests ----


def form(files, members):
    """Body and type of a multipart request; `files`: name -> bytes."""
    mark = "bench" + uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode() + content
        for name, content in files.items()
    ]
    parts += [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
        for name, value in members.items()
    ]
    return b"\r\n".join([*parts, f"--{mark}--\r\n".encode()]), f"multipart/form-data; boundary={mark}"


def asked(server, token, path, body, kind="application/json"):
    status, _, data = servers.call(server.port, "POST", f"/api/v1{path}", token, body, kind)
    if status // 100 != 2:
        raise RuntimeError(f"{path} answered {status}: {data[:500]!r}")
    return json.loads(data)


def shipped_model(bench, server):
    """Brought in and put to use."""
    chief = bench.login(server, "bench-admin")
    body, kind = form({"file": (SHIPPED / "model.onnx").read_bytes()}, {"card": (SHIPPED / "card.json").read_text()})
    model = asked(server, chief, "/diagnosis/models", body, kind)["id"]
    asked(server, chief, f"/diagnosis/models/{model}/activate", "{}")
    return model


def stored(server, token, films):
    """Their ids."""
    return [
        asked(server, token, "/upload/single", *form({"file": film}, {"modality": "DX", "body_part": "CHEST"}))["id"]
        for film in films
    ]


def films(bench):
    """The golden films as they are, and as large as a detector makes them."""
    small = [path.read_bytes() for path in sorted(FILMS.glob("*.jpg"))]
    enlarge = (
        "import io, sys; from PIL import Image; f = Image.open(sys.argv[1]).convert('L'); "
        f"f.resize(({LARGE_SIDE}, {LARGE_SIDE}), Image.Resampling.BICUBIC).save(sys.stdout.buffer, 'JPEG', quality=90)"
    )
    large = [subprocess.run([bench.python, "-c", enlarge, path], stdout=subprocess.PIPE, check=True).stdout
             for path in sorted(FILMS.glob("*.jpg"))]
    return {"224 × 224": small, f"{LARGE_SIDE:,} × {LARGE_SIDE:,}": large}


# ---- one at a time ----


def percentile(numbers, share):
    return sorted(numbers)[min(len(numbers) - 1, int(len(numbers) * share))]


def one_by_one(server, token, model, ids, count):
    """Milliseconds from the POST until COMPLETED is heard over /events, and of them the model's own."""
    heard, took, own = Listeners(server, token, 1), [], []
    heard.quiet(0.5)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for i in range(count):
        body = json.dumps({"image_file_id": ids[i % len(ids)], "model_id": model, "force": True})
        began = time.perf_counter()
        connection.request("POST", "/api/v1/diagnosis", body, headers)
        answer = json.loads(connection.getresponse().read())
        _, ended = heard.hear(b'COMPLETED')
        took.append(1000 * (ended - began))
        connection.request("GET", f"/api/v1/diagnosis/{answer['id']}", headers=headers)
        own.append(json.loads(connection.getresponse().read())["run_us"] / 1000)
        heard.quiet(0.01)
    heard.close()
    return took, own


def idle(bench, server, token, model, ids, what):
    count = 40 if bench.quick else 100
    say(f"  one at a time, {what}")
    one_by_one(server, token, model, ids, 10)
    took, own = one_by_one(server, token, model, ids, count)
    besides = [all_ - models for all_, models in zip(took, own)]
    bench.add(
        f"film of {what}, idle queue: POST until COMPLETED is heard, p50",
        f"{statistics.median(took):.1f} ms",
        f"the model's own {statistics.median(own):.1f} ms; p95 {percentile(took, 0.95):.1f} ms",
    )
    bench.add("— without the model's own time, p50", f"{statistics.median(besides):.1f} ms",
              f"p95 {percentile(besides, 0.95):.1f} ms", wanted="< 20 ms", holds=statistics.median(besides) < 20)


# ---- as many as there can be ----


def in_turns(count, one):
    """`one(i, connection state)` by CLIENTS threads, until i is count: seconds of them all."""
    numbers, failures, lock = iter(range(count)), [], threading.Lock()

    def run():
        state = {}
        try:
            while True:
                with lock:
                    i = next(numbers, None)
                if i is None:
                    return
                one(i, state)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def request(server, state, path, body, headers, wanted):
    connection = state.setdefault("c", http.client.HTTPConnection("127.0.0.1", server.port, timeout=120))
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    if answer.status != wanted:
        raise RuntimeError(f"{server.name} answered {answer.status} to {path}: {data[:300]!r}")
    return data


def ours_at_full_load(server, token, model, ids, count):
    """Films a second and processor time of one, from the first question to the last that is COMPLETED."""
    db = sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)
    last = db.execute("select coalesce(max(id), 0) from diagnoses").fetchone()[0]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(i, state):
        body = json.dumps({"image_file_id": ids[i % len(ids)], "model_id": model, "force": True})
        request(server, state, "/api/v1/diagnosis", body, headers, 202)

    cpu, began = server.cpu_s(), time.perf_counter()
    in_turns(count, ask)
    while True:
        states = dict(db.execute("select status, count(*) from diagnoses where id > ? group by status", (last,)))
        if states.get("FAILED"):
            raise RuntimeError(f"diagnoses failed: {states}")
        if states.get("COMPLETED", 0) == count:
            break
        time.sleep(0.01)
    took = time.perf_counter() - began
    return count / took, 1e6 * (server.cpu_s() - cpu) / count


def theirs_at_full_load(server, contents, count):
    def ask(i, state):
        request(server, state, "/diagnose", contents[i % len(contents)], {"Content-Type": "image/jpeg"}, 200)

    cpu, began = server.cpu_s(), time.perf_counter()
    in_turns(count, ask)
    took = time.perf_counter() - began
    return count / took, 1e6 * (server.cpu_s() - cpu) / count


def peer(bench):
    """A uvicorn worker for each core."""
    port = servers.free_port()
    words = f"-m uvicorn app:app --host 127.0.0.1 --port {port} --loop uvloop --http httptools --workers"
    command = [bench.python, *words.split(), str(os.cpu_count()), "--app-dir", servers.HERE / "peers" / "diagnosis"]
    return servers.Server("fastapi-onnx", list(map(str, command)), bench.folder / "fastapi-onnx", "/up",
                          {"BENCH_MODEL": str(SHIPPED / "model.onnx")}, port, core=None)


def full(bench, server, token, model, ids, contents, theirs, what):
    is_large = len(contents[0]) > 100_000
    count = 60 if bench.quick or is_large else 300
    say(f"  as many as there can be, {what}")
    runs = {"ours": [], "theirs": []}
    for _ in range(bench.runs + 1):
        load.quiesce()
        runs["ours"].append(ours_at_full_load(server, token, model, ids, count))
        load.quiesce()
        runs["theirs"].append(theirs_at_full_load(theirs, contents, count))
        say(f"      roentgen {runs['ours'][-1][0]:.0f}/s, {runs['ours'][-1][1] / 1000:.2f} ms of processor; "
            f"fastapi {runs['theirs'][-1][0]:.0f}/s, {runs['theirs'][-1][1] / 1000:.2f} ms")
    (mine, my_us), (other, other_us) = (tuple(map(statistics.median, zip(*r[1:]))) for r in runs.values())
    bench.add(f"films of {what}, full load", f"{number(mine)}/s", f"FastAPI, onnxruntime: {number(other)}/s",
              ratio=f"{mine / other:.1f} ×", wanted="≥ 5 ×", holds=mine >= 5 * other)
    bench.add("— processor time of one", f"{my_us / 1000:.2f} ms", f"{other_us / 1000:.2f} ms",
              ratio=f"{my_us / other_us:.2f}")
    return my_us


# ---- the parts ----


def ask(bench):
    bench.python = servers.peer_python(say)
    os.sched_setaffinity(0, range(os.cpu_count()))
    spent = {}
    with bench.roentgen("diagnosis", 0, core=None, settings=SETTINGS) as server, peer(bench) as theirs:
        os.sched_setaffinity(0, range(os.cpu_count()))
        token, model = bench.login(server), shipped_model(bench, server)
        for what, contents in films(bench).items():
            ids = stored(server, token, contents)
            load.quiesce()
            idle(bench, server, token, model, ids, what)
            spent[what] = full(bench, server, token, model, ids, contents, theirs, what)
    say("  the bare call of ONNX Runtime")
    got = inference.measured(bench, inference.MODEL, 2)
    pool, bare = got["pool"]["processor_us"], got["bare"]["processor_us"]
    bench.add("an inference, two at a time: processor time beside the bare call", f"{pool / 1000:.2f} ms",
              f"{bare / 1000:.2f} ms", **at_most(pool / bare, 1.10))
    for what, us in spent.items():
        bench.add(f"— the whole of a diagnosis beside it, film of {what}", f"{us / 1000:.2f} ms",
                  f"{bare / 1000:.2f} ms", ratio=f"{us / bare:.2f}")


SLICES, STUDY, QUIET_S = 324, 500, 2  # client/instances.c begins a study with each 500th


def program_by_rule(bench):
    """A CT that comes, the rule that is for it, and the start of a program of the house on its folder."""
    rounds, programs = 2 if bench.quick else 7, bench.folder / "programs"
    programs.mkdir()
    (programs / "nothing.json").write_text('{"title": "Nothing", "command": ["/bin/true"], "modalities": ["CT"]}')
    (programs / "nothing.json").chmod(0o600)
    settings = {"PROGRAMS_ROOT": str(programs), "DIAGNOSIS_QUIET": f"{QUIET_S}s"}
    os.sched_setaffinity(0, range(os.cpu_count()))
    sender = ingest.Sender(bench)
    with bench.roentgen("rule", 0, core=None, settings=settings) as server:
        os.sched_setaffinity(0, range(os.cpu_count()))
        chief = bench.login(server, "bench-admin")
        made = {"name": "ct", "modality": ["CT"], "program": "nothing", "is_enabled": True}
        asked(server, chief, "/diagnosis/rules", json.dumps(made))
        say(f"  {SLICES} slices, a rule, a program")
        for _ in range(rounds):
            sender.send(server, sender.large, SLICES, chief)
            sender.next += STUDY - SLICES
            until_idle(server)
        runs = started(server)
    if [images for images, _, _ in runs] != [SLICES] * rounds:
        raise RuntimeError(f"programs were not given {SLICES} slices each: {runs}")
    taken, begun = ([run[i] for run in runs] for i in (1, 2))
    bench.add(f"CT of {SLICES} slices: from the end of its quiet time until the job of its program runs, p50",
              f"{statistics.median(taken):.2f} s", f"at most {max(taken):.2f} s", wanted="< 2 s",
              holds=statistics.median(taken) < 2)
    size = sender.large.stat().st_size // 1000
    bench.add(f"— until the program runs, with {SLICES} files of {size} kB in its folder",
              f"{statistics.median(begun):.2f} s", f"at most {max(begun):.2f} s")


def until_idle(server):
    """A rule has looked, and what it has asked for is done."""
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as db:
        while not db.execute("select count(*) from jobs where kind = 'program.run' and finished_at > "
                             "(select max(created_at) from image_files)").fetchone()[0]:
            time.sleep(0.1)


def started(server):
    """Of each run: its images, and seconds from the end of the quiet time to the job's start and to the program's."""
    out = []
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as db:
        for state, at_us, payload, result in db.execute(
            "select state, started_at, payload, result from jobs where kind = 'program.run' order by id"
        ):
            if state != "SUCCEEDED":
                raise RuntimeError(f"a program's run is {state}")
            given = json.loads(payload)
            last = db.execute("select max(coalesce(uploaded_at, created_at)) from image_files where study_id = ?",
                              (given["study_id"],)).fetchone()[0]
            waited = (at_us - last) / 1e6 - QUIET_S
            out.append((len(given["image_file_ids"]), waited, waited + json.loads(result)["started_ms"] / 1000))
    return out


PARTS = {"ask": ask, "rule": program_by_rule}
