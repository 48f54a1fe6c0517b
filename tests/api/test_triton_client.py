"""Our /v2 as NVIDIA's own client calls it, unmodified: tritonclient[http] of PyPI."""

import gzip
import zlib

import numpy
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from support import Server, ok
from test_diagnosis import bring
from test_open_inference import CARD, NAME, VERSION

INPUT, OUTPUT = CARD["input"]["name"], CARD["outputs"][0]["name"]
SHAPE = [1, 1, *CARD["input"]["size"]]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), MODEL_PROCESSES="1").init().start()
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


@pytest.fixture(scope="module")
def client(house, model):
    with triton.InferenceServerClient(f"127.0.0.1:{house.port}", network_timeout=120, connection_timeout=120) as made:
        yield made


@pytest.fixture
def headers(chief):
    """Anew for each: the client writes its own headers into what it is given."""
    return {"Authorization": chief.headers["authorization"]}


@pytest.fixture(scope="module")
def film():
    height, width = CARD["input"]["size"]
    return numpy.linspace(0, 1, height * width, dtype=numpy.float32).reshape(SHAPE)


def put(film, binary=True):
    made = triton.InferInput(INPUT, list(film.shape), "FP32")
    made.set_data_from_numpy(film, binary_data=binary)
    return made


def refused(headers, ask, status, *words):
    with pytest.raises(InferenceServerException) as told:
        ask(headers)
    assert told.value.status() == str(status), told.value
    for word in words:
        assert word in told.value.message()


def test_it_finds_the_server_and_the_model(client, headers):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(NAME, headers=headers) and client.is_model_ready(NAME, VERSION, headers=headers)
    assert not client.is_model_ready("nobody", headers=headers)
    said = client.get_server_metadata(headers=headers)
    assert said["name"] == "roentgen" and said["extensions"] == ["binary_tensor_data"]
    for version in ("", VERSION):
        said = client.get_model_metadata(NAME, version, headers=headers)
        assert (said["name"], said["versions"], said["platform"]) == (NAME, [VERSION], "onnxruntime_onnx")
        assert said["inputs"] == [{"name": INPUT, "datatype": "FP32", "shape": [-1, *SHAPE[1:]]}]
        assert {o["name"] for o in said["outputs"]} >= {o["name"] for o in CARD["outputs"]}


def test_json_and_bytes_both_ways_give_the_same(client, chief, film):
    answers = []
    for binary_in in (True, False):
        for binary_out in (True, False):
            headers = {"Authorization": chief.headers["authorization"]}
            wanted = [triton.InferRequestedOutput(o["name"], binary_data=binary_out) for o in CARD["outputs"]]
            answer = client.infer(
                NAME, [put(film, binary_in)], VERSION, wanted, request_id=f"r-{len(answers)}", headers=headers
            )
            said = answer.get_response()
            assert (said["model_name"], said["model_version"], said["id"]) == (NAME, VERSION, f"r-{len(answers)}")
            answers.append({o["name"]: answer.as_numpy(o["name"]) for o in CARD["outputs"]})
    for other in answers[1:]:
        for name, numbers in answers[0].items():
            numpy.testing.assert_allclose(other[name], numbers, rtol=1e-6, atol=1e-30)
    assert 0 <= answers[0][OUTPUT].item() <= 1


def test_it_need_not_say_what_it_wants(client, headers, film):
    answer = client.infer(NAME, [put(film)], headers=headers)
    assert {o["name"] for o in answer.get_response()["outputs"]} >= {o["name"] for o in CARD["outputs"]}
    later = client.async_infer(NAME, [put(film)], headers={"Authorization": headers["Authorization"]})
    numpy.testing.assert_allclose(later.get_result().as_numpy(OUTPUT), answer.as_numpy(OUTPUT), rtol=1e-6)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_questions_and_answers_may_be_packed(client, headers, film, algorithm, binary):
    plain = client.infer(NAME, [put(film)], headers=dict(headers)).as_numpy(OUTPUT)
    both = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
    answer = client.infer(NAME, [put(film, binary)], headers=headers, **both)
    numpy.testing.assert_allclose(answer.as_numpy(OUTPUT), plain, rtol=1e-6)


def test_what_is_packed_otherwise_is_refused(house, chief, model):
    def sent(body, coding, status, word):
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        answer = chief.post(f"{house.url}/v2/models/{NAME}/infer", content=body, headers=headers)
        assert answer.status_code == status and word in answer.json()["error"], answer.text

    whole = gzip.compress(b'{"inputs": []}')
    sent(whole, "gzip", 422, "inputs")
    sent(whole, "identity", 400, "line 1")
    for body in (whole[:-9], whole + b"x", b'{"inputs": []}', zlib.compress(b"{}")[2:]):
        sent(body, "gzip", 400, "Content-Encoding")
    for coding in ("br", "gzip, gzip", "zstd"):
        sent(whole, coding, 415, "Content-Encoding")
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(b" " * (1 << 20)) for _ in range(65)) + bomb.flush()
    assert len(packed) < 100_000
    sent(packed, "gzip", 413, "67108864")
    assert chief.get(f"{house.url}/v2/health/live").status_code == 200


def test_what_goes_wrong_is_told_in_words(client, chief, house, film):
    def headers(who=chief):
        return {"Authorization": who.headers["authorization"]}

    def infer(name=NAME, inputs=None, version="", outputs=None):
        return lambda given: client.infer(name, inputs or [put(film)], version, outputs, headers=given)

    refused(headers(), infer("nobody"), 404, "no model that is active")
    refused(headers(), infer(version="9"), 404, "no model that is active")
    refused({}, infer(), 401, "sign in")
    refused({"Authorization": "Bearer x"}, infer(), 401)
    refused(headers(house.account("nurse", admin=chief)), infer(), 403, "ai.run")
    refused(headers(), infer(inputs=[put(film[:, :, :10])]), 422, "dimension")
    refused(headers(), infer(outputs=[triton.InferRequestedOutput("nothing")]), 422, "nothing")
    shared = triton.InferInput(INPUT, SHAPE, "FP32")
    shared.set_shared_memory("region", film.nbytes)
    refused(headers(), infer(inputs=[shared]), 422, "shared memory")
    words = triton.InferInput(INPUT, [1], "BYTES")
    words.set_data_from_numpy(numpy.array([b"film"], dtype=object))
    refused(headers(), infer(inputs=[words]), 422, "datatype")
    refused(headers(), lambda given: client.get_model_metadata("nobody", headers=given), 404)
    refused({}, lambda given: client.get_model_metadata(NAME, headers=given), 401)
    assert client.infer(NAME, [put(film)], headers=headers()).as_numpy(OUTPUT).shape == (1, 1)  # and all is well after
