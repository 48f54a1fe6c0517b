"""Models by the Open Inference Protocol (KServe v2): ours as its clients call them, and those of another server."""

import json

import numpy
import pytest

from support import Server, ok
from test_diagnosis import SHIPPED, bring

CARD = json.loads((SHIPPED / "card.json").read_text())
NAME, VERSION = CARD["name"], CARD["version"]
TYPES = {"FP32": numpy.float32, "FP64": numpy.float64, "UINT8": numpy.uint8, "INT64": numpy.int64}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), MODEL_PROCESSES="1")
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
