"""Models that other people's servers of the Open Inference Protocol run: MLServer, which speaks its JSON, and that of
KServe, which has Triton's binary extension as well. script/test-inference installs them, and runs this."""

import json
import os
from pathlib import Path

import pytest

from inference_side import BROKEN, NAME, VERSION, Elsewhere
from support import Server, ok, problem, wait_until
from test_diagnosis import GOLDEN, SHIPPED, ask, bring, ended, film, upload

CARD = json.loads((SHIPPED / "card.json").read_text())
SERVERS = Path(os.environ.get("INFERENCE_SERVERS", ""))  # a folder with a Python for each
pytestmark = pytest.mark.skipif(not SERVERS.name, reason="script/test-inference runs it")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), MODEL_PROCESSES="1", INFERENCE_HOSTS="127.0.0.1")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def here(chief):
    """The same model, run by ourselves."""
    return ok(chief.post(f"/diagnosis/models/{bring(chief)['id']}/activate"))


@pytest.fixture(scope="module", params=["mlserver", "kserve"])
def elsewhere(request, tmp_path_factory):
    server = Elsewhere(request.param, SERVERS / request.param / "bin" / "python", tmp_path_factory.mktemp("elsewhere"))
    server.kind = request.param
    wait_until(server.is_ready, request.param)
    yield server
    server.close()


def card_for(elsewhere, number, **remote):
    card = {key: value for key, value in CARD.items() if key not in ("file", "sha256", "bytes")}
    remote = {"url": elsewhere.url, "name": NAME, **remote}
    return {**card, "name": elsewhere.kind, "version": number, "remote": remote}


def bring_remote(api, card, status=201):
    answer = api.post("/diagnosis/models", data={"card": json.dumps(card)}, files={"bundle": (None, "{}")})
    return ok(answer, 201) if status == 201 else problem(answer, status)


def asked_of(api, model, name):
    file = upload(api, film(name))
    return ended(api, ask(api, file, model_id=model["id"])["id"])


def test_it_says_of_films_what_it_says_here(chief, here, elsewhere):
    compare(chief, here, elsewhere, bring_remote(chief, card_for(elsewhere, "1")), False)


def test_as_bytes_it_says_the_same(chief, here, elsewhere):
    """KServe's has the extension and does not say so; MLServer's has it for none but gRPC, and the trial says so."""
    made = bring_remote(chief, card_for(elsewhere, "5", binary=True))
    if elsewhere.kind == "kserve":
        compare(chief, here, elsewhere, made, True)
    else:
        answer = chief.post(f"/diagnosis/models/{made['id']}/activate")
        assert answer.status_code in (409, 503) and ": " in problem(answer, answer.status_code)["detail"]


def compare(chief, here, elsewhere, made, binary):
    assert made["remote_binary"] is binary, made
    there = ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))
    assert there["trial"]["ok"], there
    for name in list(GOLDEN["films"])[:4]:
        one, other = (asked_of(chief, model, name) for model in (here, there))
        assert (one["status"], other["status"]) == ("COMPLETED", "COMPLETED"), other
        assert one["input_sha256"] == other["input_sha256"] and one["gate"] == other["gate"]
        assert len(one["findings"]) == len(other["findings"])
        for mine, its in zip(one["findings"], other["findings"]):
            assert its["probability"] == pytest.approx(mine["probability"], abs=1e-4)
        assert one["has_heatmap"] == other["has_heatmap"] and elsewhere.url in other["runtime"]


def test_what_it_does_not_have_is_said_when_it_is_set(chief, elsewhere):
    wrong = [{"name": "nobody"}]
    if elsewhere.kind == "mlserver":  # KServe's takes any version
        wrong.append({"version": "9"})
        made = bring_remote(chief, card_for(elsewhere, "2", version=VERSION))
        assert made["metadata"]["versions"] == [VERSION]
        assert ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))["state"] == "ACTIVE"
    for remote in wrong:
        [error] = bring_remote(chief, card_for(elsewhere, "3", **remote), 422)["errors"]
        assert error["loc"] == ["body", "card.remote.url"] and "404" in error["msg"], error


def test_a_model_that_fails_there_says_why(chief, elsewhere):
    made = bring_remote(chief, card_for(elsewhere, "4", name=BROKEN))
    said = problem(chief.post(f"/diagnosis/models/{made['id']}/activate"), 503)["detail"]
    assert "answered 500" in said and "the graphics card is gone" in said, said
