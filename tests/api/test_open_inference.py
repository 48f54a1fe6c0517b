"""Models by the Open Inference Protocol (KServe v2): ours as its clients call them, and those of another server."""

import contextlib
import http.server
import json
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from support import PATIENCE, Server, ok, problem, sha256, wait_until
from test_diagnosis import SHIPPED, ask, bring, ended, film, upload
from test_readme import blocks

CARD = json.loads((SHIPPED / "card.json").read_text())
NAME, VERSION = CARD["name"], CARD["version"]
TYPES = {"FP32": numpy.float32, "FP64": numpy.float64, "UINT8": numpy.uint8, "INT64": numpy.int64}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), MODEL_PROCESSES="1", INFERENCE_HOSTS="127.0.0.1 192.0.2.2")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def model(chief):
    """The shipped one, in use."""
    made = bring(chief)
    return ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))


def v2(house, path):
    return f"{house.url}/v2{path}"


def refused(answer, status, *words):
    """In the protocol's own shape."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    assert list(answer.json()) == ["error"]
    for word in words:
        assert word in answer.json()["error"]


def packed(inputs, tensors, **more):
    """As Triton's binary extension has it: JSON, and the tensors' bytes behind it."""
    for one, tensor in zip(inputs, tensors):
        one["parameters"] = {"binary_data_size": tensor.nbytes}
    head = json.dumps({"inputs": inputs, **more}).encode()
    return head + b"".join(t.tobytes() for t in tensors), {"Inference-Header-Content-Length": str(len(head))}


def unpacked(answer):
    """Outputs by name, whichever way they came."""
    length = answer.headers.get("inference-header-content-length")
    head = json.loads(answer.content[: int(length)]) if length else answer.json()
    rest = answer.content[int(length) :] if length else b""
    outputs = {}
    for one in head["outputs"]:
        size = one.get("parameters", {}).get("binary_data_size")
        kind = TYPES[one["datatype"]]
        flat = numpy.array(one["data"], kind) if size is None else numpy.frombuffer(rest[:size], kind)
        rest = rest[size or 0 :]
        outputs[one["name"]] = flat.reshape(one["shape"])
    assert not rest
    return head, outputs


def test_the_server_says_what_it_is(house, chief, model):
    with house.client() as stranger:
        assert ok(stranger.get(v2(house, "/health/live"))) == {"live": True}
        assert ok(stranger.get(v2(house, "/health/ready"))) == {"ready": True}
        for path in ("", f"/models/{NAME}", f"/models/{NAME}/ready"):
            refused(stranger.get(v2(house, path)), 401)
        refused(stranger.post(v2(house, f"/models/{NAME}/infer"), json={}), 401)
    said = ok(chief.get(v2(house, "")))
    assert said["name"] == "roentgen" and said["extensions"] == ["binary_tensor_data"]
    clerk = house.account("nurse", admin=chief)
    refused(clerk.get(v2(house, f"/models/{NAME}")), 403, "ai.run")
    refused(clerk.post(v2(house, f"/models/{NAME}/infer"), json={}), 403, "ai.run")


def test_a_model_says_what_goes_in(house, chief, model):
    said = ok(chief.get(v2(house, f"/models/{NAME}")))
    assert (said["name"], said["versions"]) == (NAME, [VERSION])
    (one,) = said["inputs"]
    assert (one["datatype"], one["shape"][1:]) == ("FP32", [1, *CARD["input"]["size"]])
    assert {o["name"] for o in said["outputs"]} >= {o["name"] for o in CARD["outputs"]}
    assert ok(chief.get(v2(house, f"/models/{NAME}/versions/{VERSION}"))) == said
    assert ok(chief.get(v2(house, f"/models/{NAME}/ready"))) == {"name": NAME, "ready": True}
    assert ok(chief.get(v2(house, f"/models/{NAME}/versions/{VERSION}/ready")))["ready"]
    for path in ("/models/nobody", f"/models/{NAME}/versions/9/ready", "/models/nobody/ready"):
        refused(chief.get(v2(house, path)), 404, "no model that is active")


def test_only_active_models_are_there(house, chief, model):
    other = bring(chief, card={**CARD, "version": "7"})
    refused(chief.get(v2(house, f"/models/{NAME}/versions/7")), 404)
    ok(chief.post(f"/diagnosis/models/{other['id']}/shadow"))
    refused(chief.get(v2(house, f"/models/{NAME}/versions/7")), 404)
    ok(chief.post(f"/diagnosis/models/{other['id']}/activate"))
    assert ok(chief.get(v2(house, f"/models/{NAME}")))["versions"] == ["7", VERSION]
    ok(chief.post(f"/diagnosis/models/{other['id']}/retire"))
    refused(chief.post(v2(house, f"/models/{NAME}/versions/7/infer"), json={}), 404)


def test_json_and_bytes_give_the_same(house, chief, model):
    name = CARD["input"]["name"]
    doctor = house.account("doctor", admin=chief)
    height, width = CARD["input"]["size"]
    film = numpy.linspace(0, 1, height * width, dtype=numpy.float32).reshape(1, 1, height, width)
    given = {"name": name, "shape": list(film.shape), "datatype": "FP32"}
    url = v2(house, f"/models/{NAME}/versions/{VERSION}/infer")
    asked = {"id": "q-1", "inputs": [{**given, "data": film.ravel().tolist()}]}
    head, outputs = unpacked(doctor.post(url, json=asked))
    assert (head["model_name"], head["model_version"], head["id"]) == (NAME, VERSION, "q-1")
    assert head["parameters"] == {"research_only": True}
    body, headers = packed([dict(given)], [film], parameters={"binary_data_output": True})
    answer = doctor.post(url, content=body, headers=headers)
    assert answer.headers["content-type"] == "application/octet-stream"
    _, others = unpacked(answer)
    assert outputs.keys() == others.keys() >= {o["name"] for o in CARD["outputs"]}
    for key in outputs:
        numpy.testing.assert_allclose(outputs[key], others[key], rtol=1e-6)
    wanted = CARD["outputs"][0]["name"]
    nested = {"inputs": [{**given, "data": film.tolist()}], "outputs": [{"name": wanted}]}
    head, outputs = unpacked(doctor.post(v2(house, f"/models/{NAME}/infer"), json=nested))
    assert list(outputs) == [wanted] and "id" not in head
    numpy.testing.assert_allclose(outputs[wanted], others[wanted], rtol=1e-6)


def test_what_does_not_fit_the_model_is_refused(house, chief, model):
    url = v2(house, f"/models/{NAME}/infer")
    name = CARD["input"]["name"]
    small = {"name": name, "shape": [1, 1, 2, 2], "datatype": "FP32", "data": [0, 0, 0, 0]}
    rows = [
        ({"inputs": [small]}, "dimension 3"),
        ({"inputs": [{**small, "shape": [4]}]}, "dimensions"),
        ({"inputs": [{**small, "name": "other"}]}, name),
        ({"inputs": [{**small, "datatype": "UINT8"}]}, "UINT8"),
        ({"inputs": [{**small, "datatype": "BYTES"}]}, "datatype"),
        ({"inputs": [small, {**small, "name": "more"}]}, "2 were given"),
        ({"inputs": [small, small]}, "twice"),
        ({"inputs": [{**small, "shape": [1, 1, 1 << 40, 1 << 40]}]}, "larger"),
        ({"inputs": [{**small, "data": [0]}]}, "data"),
        ({"inputs": [{**small, "parameters": {"shared_memory_region": "a"}}]}, "shared memory"),
        ({"inputs": []}, "inputs"),
        ([], "JSON object"),
    ]
    for body, words in rows:
        answer = chief.post(url, json=body)
        assert answer.status_code in (413, 422)
        refused(answer, answer.status_code, words)
    refused(chief.post(url, content=b"{", headers={"Content-Type": "application/json"}), 400)
    refused(chief.post(url, content=b'{"inputs": [NaN]}'), 400)
    refused(chief.post(url), 400)
    film = numpy.zeros((1, 1, *CARD["input"]["size"]), numpy.float32)
    given = {"name": name, "shape": list(film.shape), "datatype": "FP32"}
    for length in ("-1", "x", "99999999999", "0"):
        body, _ = packed([dict(given)], [film])
        answer = chief.post(url, content=body, headers={"Inference-Header-Content-Length": length})
        assert answer.status_code in (400, 422)
        refused(answer, answer.status_code)
    body, headers = packed([dict(given)], [film])
    refused(chief.post(url, content=body[:-1], headers=headers), 422, "more than the body")
    refused(chief.post(url, content=body + b"x", headers=headers), 422, "behind the last")
    body, headers = packed([dict(given)], [film], outputs=[{"name": "nothing"}])
    refused(chief.post(url, content=body, headers=headers), 422, "nothing")
    body, headers = packed([dict(given)], [film])
    assert chief.post(url, content=body, headers=headers).status_code == 200  # and all is well after it


# ---- the models of another server ----


class Elsewhere:
    """A small server of the protocol: one model that takes a picture and says `says` of it."""

    def __init__(self, binary):
        self.binary, self.says, self.asked, self.broken = binary, 0.75, [], 0
        self.outputs = [{"name": "p", "datatype": "FP32", "shape": [-1, 1]}]
        self.answer = {}  # members of the output that are not as they should be
        self.arrived, self.open = threading.Event(), threading.Event()
        self.open.set()
        elsewhere = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                elsewhere.tell(self)

            def do_POST(self):
                elsewhere.infer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    @contextlib.contextmanager
    def held(self):
        """No answer is given before the end: what is yielded waits for a question."""
        self.arrived.clear()
        self.open.clear()
        try:
            yield lambda: self.arrived.wait(PATIENCE)
        finally:
            self.open.set()

    def send(self, handler, status, head, rest=b""):
        body = head if isinstance(head, bytes) else json.dumps(head).encode()
        handler.send_response(status)
        if rest:
            handler.send_header("Inference-Header-Content-Length", str(len(body)))
        handler.send_header("Content-Length", str(len(body) + len(rest)))
        handler.end_headers()
        handler.wfile.write(body + rest)

    def tell(self, handler):
        model = {"name": "chest", "versions": ["3"], "platform": "onnxruntime_onnx", "outputs": self.outputs}
        model["inputs"] = [{"name": "x", "datatype": "FP32", "shape": [-1, 1, 64, 32]}]
        answers = {
            "/v2": {"name": "small", "version": "1", "extensions": ["binary_tensor_data"] if self.binary else []},
            "/v2/models/chest": model,
            "/v2/models/chest/versions/3": model,
        }
        said = answers.get(handler.path)
        if handler.path == "/v2/models/moved":
            handler.send_response(302)
            handler.send_header("Location", "/v2/models/chest")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        else:
            self.send(handler, 200 if said else 404, said or {"error": f"no {handler.path}"})

    def infer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.arrived.set()
        self.open.wait(PATIENCE)
        if self.broken:
            self.broken -= 1
            return self.send(handler, 503, {"error": "busy"})
        length = handler.headers.get("Inference-Header-Content-Length")
        head = json.loads(body[: int(length)] if length else body)
        (one,) = head["inputs"]
        data = numpy.frombuffer(body[int(length) :], "<f4") if length else numpy.array(one["data"], "<f4")
        assert data.size == numpy.prod(one["shape"]) and (length is not None) == self.binary
        self.asked.append((handler.path, head["id"], data.reshape(one["shape"])))
        out = {"name": "p", "datatype": "FP32", "shape": [1, 1], "data": [self.says], **self.answer}
        rest = b""
        if self.binary:
            rest = numpy.array(out.pop("data"), "<f4").tobytes()
            out["parameters"] = {"binary_data_size": len(rest)}
        self.send(handler, 200, {"model_name": "chest", "id": head["id"], "outputs": [out]}, rest)


def card_for(url, version, **more):
    card = {key: CARD[key] for key in ("format", "task", "labels", "modality", "intended_use", "licence")}
    card["input"] = {**CARD["input"], "name": "x", "size": [64, 32]}
    card["outputs"] = [{"name": "p", "role": "probability"}]
    remote = {"url": url, "name": "chest", "version": "3", **more.pop("remote", {})}
    return {**card, "name": "elsewhere", "version": version, "title": "Elsewhere", "remote": remote, **more}


def bring_remote(api, card, status=201):
    answer = api.post("/diagnosis/models", data={"card": json.dumps(card)}, files={"bundle": (None, "{}")})
    return ok(answer, 201) if status == 201 else problem(answer, status)


@pytest.fixture(scope="module", params=["binary", "json"])
def elsewhere(request):
    server = Elsewhere(request.param == "binary")
    yield server
    server.close()


@pytest.fixture(scope="module")
def far(house, chief, elsewhere):
    """The model of that server, in use."""
    made = bring_remote(chief, card_for(elsewhere.url + "/", "binary" if elsewhere.binary else "json"))
    assert made["state"] == "DRAFT" and made["remote_binary"] is elsewhere.binary
    return ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))


def asked_of(api, model, **more):
    file = upload(api, film("k_00084.jpg"))
    return ended(api, ask(api, file, model_id=model["id"], **more)["id"])


def test_a_model_of_another_server_answers(house, chief, elsewhere, far, tmp_path):
    assert far["trial"]["ok"] and far["metadata"]["name"] == "chest"
    stored = house.database.rows(f"select metadata, digest, size_bytes from models where id = {far['id']}")[0]
    assert (sha256(stored[0].encode()), len(stored[0])) == stored[1:]
    elsewhere.asked.clear()
    done = asked_of(chief, far)
    assert done["status"] == "COMPLETED", done
    assert done["findings"][0]["probability"] == pytest.approx(0.75) and done["model_digest"] == far["digest"]
    assert done["runtime"].startswith("onnxruntime_onnx at http://127.0.0.1:")
    ((path, number, picture),) = elsewhere.asked
    assert path == "/v2/models/chest/versions/3/infer" and number == done["diagnosis_uuid"]
    assert picture.shape == (1, 1, 64, 32) and 0 <= picture.min() < picture.max() <= 1
    assert house.run("fsck", "--deep").stdout == "clean\n"
    house.run("backup", tmp_path / "kept")
    assert "whole" in house.run("backup", "verify", tmp_path / "kept").stdout
    body, headers = packed([{"name": "x", "shape": [1, 1, 64, 32], "datatype": "FP32"}], [picture])
    head, outputs = unpacked(chief.post(v2(house, "/models/elsewhere/infer"), content=body, headers=headers))
    assert outputs["p"].item() == pytest.approx(0.75)
    assert ok(chief.get(v2(house, "/models/elsewhere")))["platform"] == "onnxruntime_onnx"


def test_a_server_that_is_busy_is_asked_again(chief, elsewhere, far):
    elsewhere.broken = 1
    elsewhere.asked.clear()
    done = asked_of(chief, far)
    assert done["status"] == "COMPLETED" and len(elsewhere.asked) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"name": "q"}, {"shape": [1, 2], "data": [0.1, 0.2]}, {"datatype": "FP64"}, {"data": [7.5]}, {"data": [0.1, 0.2]}],
)
def test_what_is_no_answer_fails_in_words(chief, elsewhere, far, wrong):
    elsewhere.answer = wrong
    try:
        done = asked_of(chief, far)
    finally:
        elsewhere.answer = {}
    assert done["status"] == "FAILED" and done["status_reason"] and not done["findings"]


def gone():
    """Where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_where_a_model_is_is_checked_when_it_is_set(house, chief, elsewhere):
    rows = [
        ({"url": "http://127.0.0.2:9"}, "INFERENCE_HOSTS"),
        ({"url": "http://192.0.2.1"}, "INFERENCE_HOSTS"),
        ({"url": "http://169.254.169.254/latest"}, "INFERENCE_HOSTS"),
        ({"url": "ftp://127.0.0.1"}, "http"),
        ({"url": "http://user:word@127.0.0.1"}, "user"),
        ({"name": "nobody"}, "404"),
        ({"name": "moved", "version": None}, "not followed"),
        ({"url": gone()}, "did not answer"),
    ]
    for remote, words in rows:
        said = bring_remote(chief, card_for(elsewhere.url, "9", remote=remote), 422)
        assert [e["loc"] for e in said["errors"]] == [["body", "card.remote.url"]]
        assert words in said["errors"][0]["msg"], said
    other = card_for(elsewhere.url, "9", outputs=[{"name": "nothing", "role": "probability"}])
    assert bring_remote(chief, other, 422)["errors"][0]["loc"] == ["body", "outputs.0.name"]
    assert "SHA-256" in str(bring_remote(chief, card_for(elsewhere.url, "9", sha256="0" * 64), 422)["errors"])
    card = card_for(elsewhere.url, "9")
    del card["remote"]
    assert bring_remote(chief, card, 422)["errors"][0]["loc"] == ["body", "file"]
    both = {**CARD, "version": "9", "remote": {"url": elsewhere.url, "name": "m"}}
    assert "card.remote" in str(bring(chief, card=both, status=422)["errors"])


def test_a_remote_model_comes_and_goes(house, chief, elsewhere, far):
    bring_remote(chief, card_for(elsewhere.url, far["version"]), 409)
    made = bring_remote(chief, card_for(elsewhere.url, "8"))
    elsewhere.says = float("nan") if elsewhere.binary else 3
    problem(chief.post(f"/diagnosis/models/{made['id']}/activate"), 409)
    elsewhere.says = 0.75
    tag = chief.get(f"/diagnosis/models/{made['id']}").headers["etag"]
    ok(chief.delete(f"/diagnosis/models/{made['id']}", headers={"If-Match": tag}), 204)


DURING_A_TRIAL = {
    # what somebody else does meanwhile; what the trial then comes to, with If-Match and without; the state after it
    "retired": ("POST", "/retire", None, 412, 409, "RETIRED"),
    "renamed": ("PATCH", "", {"title": "Another"}, 412, 200, "ACTIVE"),
    "nothing": ("GET", "", None, 200, 200, "ACTIVE"),
}


@pytest.mark.parametrize("has_tag", [True, False])
@pytest.mark.parametrize("deed", DURING_A_TRIAL)
def test_what_is_done_to_a_model_during_its_trial_stands(house, chief, elsewhere, deed, has_tag):
    method, act, body, with_tag, without, state = DURING_A_TRIAL[deed]
    made = bring_remote(chief, card_for(elsewhere.url, f"{deed}-{has_tag}-{elsewhere.binary}"))
    path = f"/diagnosis/models/{made['id']}"
    ok(chief.post(f"{path}/activate"))
    headers = {"If-Match": chief.get(path).headers["etag"]} if has_tag else {}
    with house.admin() as other, ThreadPoolExecutor(1) as pool:
        with elsewhere.held() as is_asked:
            trial = pool.submit(other.post, f"{path}/activate", headers=headers)
            assert is_asked()
            ok(chief.request(method, path + act, json=body, headers=headers))
        assert trial.result().status_code == (with_tag if has_tag else without), trial.result().text
    after = ok(chief.get(path))
    assert after["state"] == state and after["title"] == (body or made)["title"]


def test_a_model_removed_during_its_trial_stays_so(house, chief, elsewhere):
    made = bring_remote(chief, card_for(elsewhere.url, f"removed-{elsewhere.binary}"))
    path = f"/diagnosis/models/{made['id']}"
    with house.admin() as other, ThreadPoolExecutor(1) as pool:
        with elsewhere.held() as is_asked:
            trial = pool.submit(other.post, f"{path}/activate")
            assert is_asked()
            ok(chief.delete(path), 204)
        problem(trial.result(), 404)
    problem(chief.get(path), 404)


def test_a_server_that_is_gone_fails_in_words(house, chief):
    server = Elsewhere(True)
    made = bring_remote(chief, card_for(server.url, "gone"))
    ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))
    server.close()
    problem(chief.post(f"/diagnosis/models/{made['id']}/activate"), 503)
    file = upload(chief, film("k_00084.jpg"))
    asked = ask(chief, file, model_id=made["id"])
    job = asked["job_id"]
    wait_until(lambda: ok(chief.get(f"/system/jobs/{job}"))["error"], "the end of the first attempt")
    assert ok(chief.get(f"/diagnosis/{asked['id']}"))["status"] in ("QUEUED", "RUNNING")  # it is tried again
    house.database.rows(f"update jobs set attempts_max = 2, due_at = 1 where id = {job}")
    done = ended(chief, asked["id"])
    assert done["status"] == "FAILED" and "127.0.0.1" in done["status_reason"], done


@pytest.mark.parametrize("page", ["docs/ai.md", "docs/ai.zh-CN.md"])
def test_the_worked_example(house, chief, elsewhere, page, tmp_path):
    (session,) = blocks(page, "bash")
    assert "http://gpu1:8000" in session
    session = session.replace("http://gpu1:8000", elsewhere.url)
    session = session.replace('"version": "1"', f'"version": "{page.count("-")}.{elsewhere.binary}"')
    token = chief.headers["authorization"]
    api = f"API={house.url}/api/v1\napi() {{ curl -sSf -H 'Authorization: {token}' \"$@\"; }}\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", api + session],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert json.loads(done.stdout)["state"] == "ACTIVE"
