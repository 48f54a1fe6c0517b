"""Models and what they say: brought in with their card, tried, asked of real films, seen arriving, drawn, judged,
kept."""

import io
import json
import signal
import subprocess

import numpy
import pytest
from PIL import Image

import support
from support import ROOT, Server, dicom, ok, png, problem, sample, wait_until
from test_events import Heard
from test_readme import blocks

SHIPPED = ROOT / "models" / "chest-pneumonia"
GOLDEN = json.loads((ROOT / "tests" / "data" / "chest" / "golden.json").read_text())


def film(name):
    return (ROOT / "tests" / "data" / "chest" / name).read_bytes()


def bring(api, file=None, card=None, status=201):
    content = file if file is not None else (SHIPPED / "model.onnx").read_bytes()
    given = card if card is not None else json.loads((SHIPPED / "card.json").read_text())
    answer = api.post(
        "/diagnosis/models", files={"file": ("model.onnx", content)}, data={"card": json.dumps(given)} if given else {}
    )
    return ok(answer, 201) if status == 201 else problem(answer, status)


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


def upload(api, content, **more):
    answer = api.post("/upload/single", files={"file": ("film.jpg", content)}, data={"modality": "DX", **more})
    return ok(answer, 201)["id"]


def ask(api, file, status=202, **more):
    return ok(api.post("/diagnosis", json={"image_file_id": file, **more}), status)


def ended(api, number):
    def it():
        now = ok(api.get(f"/diagnosis/{number}"))
        return now["status"] not in ("QUEUED", "RUNNING") and now

    return wait_until(it, what="the end of a diagnosis")


def test_a_model_from_its_upload_to_its_retirement(house, chief, model):
    assert (model["name"], model["version"], model["state"]) == ("chest-pneumonia", "1.0.0", "ACTIVE")
    assert model["trial"]["ok"] and model["digest"] == json.loads((SHIPPED / "card.json").read_text())["sha256"]
    assert "storage_path" not in model and model["card"]["labels"][0]["threshold"] == 0.55
    bring(chief, status=409)  # that name and version again
    card = json.loads((SHIPPED / "card.json").read_text())
    card["version"] = "1.0.1"
    other = bring(chief, card=card)
    assert other["state"] == "DRAFT" and other["trial"] is None
    doctor = house.account("doctor", admin=chief)
    problem(doctor.get(f"/diagnosis/models/{other['id']}"), 404)
    assert other["id"] not in [m["id"] for m in ok(doctor.get("/diagnosis/models"))["items"]]
    problem(doctor.post(f"/diagnosis/models/{other['id']}/activate"), 403)
    problem(bring_as(doctor), 403)
    assert ok(chief.post(f"/diagnosis/models/{other['id']}/shadow"))["state"] == "SHADOW"
    problem(chief.delete(f"/diagnosis/models/{other['id']}"), 409)
    assert ok(chief.post(f"/diagnosis/models/{other['id']}/retire"))["state"] == "RETIRED"
    problem(chief.post(f"/diagnosis/models/{other['id']}/retire"), 409)
    path = house.database.rows(f"select storage_path from models where id = {other['id']}")[0][0]
    assert (house.files / path).exists() and house.run("fsck").stdout == "clean\n"
    problem(chief.delete(f"/diagnosis/models/{other['id']}", headers={"If-Match": '"another"'}), 412)
    tag = chief.get(f"/diagnosis/models/{other['id']}").headers["etag"]
    ok(chief.delete(f"/diagnosis/models/{other['id']}", headers={"If-Match": tag}), 204)
    assert not (house.files / path).exists()
    problem(chief.get(f"/diagnosis/models/{other['id']}"), 404)


def bring_as(api):
    return api.post("/diagnosis/models", files={"file": ("model.onnx", b"no model")}, data={})


def test_what_is_no_model_is_refused_in_words(chief, model):
    small = ROOT / "tests" / "data" / "models"
    card = json.loads((SHIPPED / "card.json").read_text())
    del card["sha256"]
    card["version"] = "2"
    for name in ("elsewhere", "unknown", "texts", "sums"):
        said = bring(chief, (small / f"{name}.onnx").read_bytes(), card, 422)
        assert said["errors"], name
    assert bring(chief, b"no model", card, 422)["errors"][0]["loc"] == ["body", "file"]
    assert bring(chief, b"", card, 422)
    wrong = {**card, "colour_of_the_box": "red"}
    assert "colour_of_the_box" in str(bring(chief, None, wrong, 422)["errors"])
    wrong = {**card, "sha256": "0" * 64}
    assert "SHA-256" in str(bring(chief, None, wrong, 422)["errors"])
    wrong = {**card, "bytes": 1}
    assert "bytes" in str(bring(chief, None, wrong, 422)["errors"])
    assert "card" in bring(chief, None, {**card, "intended_use": "x" * 70000}, 413)["detail"]
    wrong = {**card, "outputs": [{"name": "nothing", "role": "probability"}]}
    assert bring(chief, None, wrong, 422)["errors"]
    assert len(ok(chief.get("/diagnosis/models"))["items"]) == 1


def test_what_a_card_leaves_out_comes_from_a_bundle(chief, model):
    card = json.loads((SHIPPED / "card.json").read_text())
    del card["version"], card["title"]
    bundle = {"name": "Pneumonia", "version": "0.9.bundle", "network_data_format": {}}
    content = (SHIPPED / "model.onnx").read_bytes()
    answer = chief.post(
        "/diagnosis/models",
        files={"file": ("model.onnx", content)},
        data={"card": json.dumps(card), "bundle": json.dumps(bundle)},
    )
    made = ok(answer, 201)
    assert (made["title"], made["version"], made["name"]) == ("Pneumonia", "0.9.bundle", "chest-pneumonia")
    ok(chief.delete(f"/diagnosis/models/{made['id']}"), 204)


def test_films_are_given_the_numbers_that_training_gave(house, chief, model):
    doctor = house.account("doctor", admin=chief)
    names = list(GOLDEN["films"])[:6]
    asked = {name: ask(doctor, upload(doctor, film(name)))["id"] for name in names}
    for name, number in asked.items():
        told = ended(doctor, number)
        expected = GOLDEN["films"][name]
        assert told["status"] == "COMPLETED" and told["model_digest"] == model["digest"], told
        assert told["research_only"] is True
        if expected.get("refused"):
            assert told["gate"]["reason"] == expected["refused"] and told["findings"] == []
            continue
        [finding] = told["findings"]
        assert abs(finding["probability"] - expected["probability"]["pytorch"]) < 1e-4 and told["gate"] is None
        assert finding["code"]["value"] == "233604007" and finding["threshold"] == 0.55
        assert finding["positive"] == (finding["probability"] >= 0.55)
        assert len(told["input_sha256"]) == 64 and told["preparation"].startswith("squash-area-1/")
        assert told["runtime"].startswith("ONNX Runtime") and told["run_us"] > 0 and told["finished_at"]


def test_what_was_asked_is_not_asked_again(house, chief, model):
    file = upload(chief, film(list(GOLDEN["films"])[0]), description="again")
    first = ask(chief, file)["id"]
    ended(chief, first)
    assert ask(chief, file, 200)["id"] == first
    second = ask(chief, file, 202, force=True)["id"]
    assert second != first and ended(chief, second)["findings"] == ended(chief, first)["findings"]
    listed = ok(chief.get("/diagnosis", params={"image_file_id": file}))["items"]
    assert [d["id"] for d in listed] == [second, first]


def test_it_is_heard_as_it_comes_by_those_who_see_the_image(house, chief, model):
    doctor, other = (house.account("doctor", admin=chief) for _ in range(2))
    heard, stranger = Heard(doctor, types="diagnosis"), Heard(other, types="diagnosis")
    try:
        file = upload(doctor, film(list(GOLDEN["films"])[1]))
        number = ask(doctor, file, priority="STAT")["id"]
        wait_until(lambda: [e["state"] for e in heard.of("diagnosis_id", number)] == ["QUEUED", "COMPLETED"])
        assert heard.events[0]["file_id"] == file and not stranger.events
        problem(other.get(f"/diagnosis/{number}"), 404)
        assert not ok(other.get("/diagnosis"))["items"]
        assert [d["id"] for d in ok(doctor.get("/diagnosis"))["items"]] == [number]
        assert not ok(other.get("/diagnosis", params={"image_file_id": file}))["items"]
        problem(other.post("/diagnosis", json={"image_file_id": file}), 404)
        problem(other.get(f"/diagnosis/{number}/heatmap"), 404)
    finally:
        heard.close()
        stranger.close()


def test_where_the_evidence_lies_is_drawn(chief, model):
    name = max((n for n in GOLDEN["films"] if not GOLDEN["films"][n].get("refused")),
               key=lambda n: GOLDEN["films"][n]["probability"]["pytorch"])
    number = ask(chief, upload(chief, film(name), description="drawn"))["id"]
    told = ended(chief, number)
    assert told["has_heatmap"]

    def drawn(**query):
        answer = chief.get(f"/diagnosis/{number}/heatmap", params=query)
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text
        return numpy.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)

    plain, mixed, alone = drawn(opacity=0), drawn(opacity=0.8), drawn(blend=False)
    assert plain.shape == mixed.shape == alone.shape
    assert (plain.max(2) == plain.min(2)).all() and (mixed.max(2) != mixed.min(2)).any()
    assert (drawn(opacity=0, outline=True) != plain).any()
    assert max(drawn(width=100, height=100).shape) == 100
    problem(chief.get(f"/diagnosis/{number}/heatmap", params={"opacity": 2}), 422)


def test_what_is_no_such_image_gets_no_score(chief, model):
    said = problem(chief.post("/diagnosis", json={"image_file_id": chief.upload(sample(support.CT))["id"]}), 409)
    assert "no model" in said["detail"]
    ct = chief.upload(dicom(Modality="CT"))["id"]
    said = problem(chief.post("/diagnosis", json={"image_file_id": ct, "model_id": model["id"]}), 422)
    assert "CT" in said["errors"][0]["msg"] and "DX" in said["errors"][0]["msg"]
    noise = numpy.random.default_rng(7).integers(0, 256, (300, 300), dtype=numpy.uint8)
    for content in (png(50, 50), encoded(noise)):
        told = ended(chief, ask(chief, upload(chief, content))["id"])
        assert told["status"] == "COMPLETED" and told["findings"] == [] and told["gate"]["text"], told
        assert not told["has_heatmap"]
    broken = film(list(GOLDEN["films"])[0])[:3000]
    told = ended(chief, ask(chief, upload(chief, broken))["id"])
    assert told["status"] in ("FAILED", "COMPLETED") and (told["status_reason"] or told["gate"] or told["findings"])
    problem(chief.post("/diagnosis", json={"image_file_id": 10**9}), 404)
    problem(chief.post("/diagnosis", json={"image_file_id": ct, "model_id": 10**9}), 422)


def test_a_film_of_another_part_of_the_body_gets_no_score(chief, model):
    """A hip (pydicom's pylibjpeg-data, MIT): its header is enough, and so is the picture without one."""
    content = (ROOT / "tests" / "data" / "dicom" / "RG2_JPLY.dcm").read_bytes()
    file = chief.upload(content, "hip.dcm")["id"]
    said = problem(chief.post("/diagnosis", json={"image_file_id": file, "model_id": model["id"]}), 422)
    assert "HIP" in said["errors"][0]["msg"] and "CHEST" in said["errors"][0]["msg"]
    assert "no model" in problem(chief.post("/diagnosis", json={"image_file_id": file}), 409)["detail"]
    picture = chief.get(f"/images/{file}/rendered", params={"format": "png"})
    assert picture.status_code == 200, picture.text
    told = ended(chief, ask(chief, upload(chief, picture.content, description="no word of a hip"))["id"])
    assert told["status"] == "COMPLETED" and told["findings"] == [] and not told["has_heatmap"], told
    assert told["gate"]["reason"] == "not_frontal_chest" and told["gate"]["text"]


def encoded(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_readers_judge_it_and_stand_beside_each_other(house, chief, model):
    file = upload(chief, film(list(GOLDEN["films"])[2]), description="judged")
    number = ask(chief, file)["id"]
    said = ended(chief, number)["findings"]
    reader = house.account("radiologist", admin=chief)
    path = f"/diagnosis/{number}/review"
    problem(reader.post(path, json={"decision": "REJECTED"}), 422)
    problem(reader.post(path, json={"decision": "CONFIRMED", "findings": said}), 422)
    problem(reader.post(path, json={"decision": "MAYBE"}), 422)
    told = ok(reader.post(path, json={"decision": "CONFIRMED"}))
    assert told["status"] == "REVIEWED" and told["findings"] == said
    corrected = [{"code": said[0]["code"], "label": "pneumonia", "positive": False}]
    told = ok(chief.post(path, json={"decision": "MODIFIED", "findings": corrected, "comment": "膈肌"}))
    assert [r["decision"] for r in told["reviews"]] == ["CONFIRMED", "MODIFIED"] and told["findings"] == said
    assert told["reviews"][1]["comment"] == "膈肌" and told["reviews"][0]["reviewer_id"] == reader.id
    withdrawn = ok(chief.post(f"/diagnosis/{number}/withdraw", json={"reason": "the film of another person"}))
    assert withdrawn["status"] == "WITHDRAWN" and len(withdrawn["reviews"]) == 2
    problem(reader.post(path, json={"decision": "CONFIRMED"}), 409)
    assert ask(chief, file, 202)["id"] != number  # what was withdrawn is no answer
    problem(house.account("technician", admin=chief).get(f"/diagnosis/{number}"), 403)


def test_words_that_show_in_another_order_are_refused_where_they_are_new(house, chief, model):
    """Characters that turn the direction of text (UAX #9): a label that reads otherwise than it is kept."""
    turned = "pneumonia\u202emedical"
    card = json.loads((SHIPPED / "card.json").read_text())
    card["version"] = "turned"
    for place in ("title", "intended_use", "licence"):
        said = bring(chief, card={**card, place: turned}, status=422)
        assert [e["loc"][-1] for e in said["errors"] if e["type"] == "direction_control"] == [place]
    assert problem(chief.patch(f"/diagnosis/models/{model['id']}", json={"title": turned}), 422)["errors"]
    file = upload(chief, film(list(GOLDEN["films"])[4]))
    made = ended(chief, ask(chief, file)["id"])
    path = f"/diagnosis/{made['id']}"
    finding = {"code": made["findings"][0]["code"], "label": turned}
    for body, place in (
        ({"decision": "CONFIRMED", "comment": turned}, "comment"),
        ({"decision": "MODIFIED", "findings": [finding]}, "findings.0"),
        (
            {"decision": "MODIFIED", "findings": [{"code": {**finding["code"], "meaning": turned}, "label": "x"}]},
            "findings.0",
        ),
    ):
        (said,) = problem(chief.post(f"{path}/review", json=body), 422)["errors"]
        assert (said["type"], said["loc"][-1]) == ("direction_control", place)
    problem(chief.post(f"{path}/withdraw", json={"reason": turned}), 422)
    reviewed = ok(chief.post(f"{path}/review", json={"decision": "CONFIRMED", "comment": "plain"}))
    kept = json.dumps([{**reviewed["reviews"][0], "comment": turned}], ensure_ascii=False)
    house.database.rows(f"update diagnoses set reviews = '{kept}' where id = {made['id']}")
    assert ok(chief.get(path))["reviews"][0]["comment"] == turned, "what is there already is shown"
    assert len(ok(chief.post(f"{path}/review", json={"decision": "CONFIRMED"}))["reviews"]) == 2


def test_a_shadow_is_seen_by_who_manages_alone(house, chief, model):
    card = json.loads((SHIPPED / "card.json").read_text())
    card["version"] = "1.0.2"
    shadow = bring(chief, card=card)
    ok(chief.post(f"/diagnosis/models/{shadow['id']}/shadow"))
    doctor = house.account("doctor", admin=chief)
    file = upload(doctor, film(list(GOLDEN["films"])[3]))
    problem(doctor.post("/diagnosis", json={"image_file_id": file, "model_id": shadow["id"]}), 422)
    number = ask(chief, file, model_id=shadow["id"])["id"]
    assert ended(chief, number)["status"] == "COMPLETED"
    problem(doctor.get(f"/diagnosis/{number}"), 404)
    assert not ok(doctor.get("/diagnosis", params={"image_file_id": file}))["items"]
    assert ended(doctor, ask(doctor, file)["id"])["model_id"] == model["id"]
    for becomes in ("retire", "activate"):  # what it said before stays with those who tried it
        ok(chief.post(f"/diagnosis/models/{shadow['id']}/{becomes}"))
        problem(doctor.get(f"/diagnosis/{number}"), 404)
        assert number not in [d["id"] for d in ok(doctor.get("/diagnosis", params={"image_file_id": file}))["items"]]
    assert ask(doctor, file, 202, model_id=shadow["id"])["id"] != number
    ok(chief.post(f"/diagnosis/models/{shadow['id']}/retire"))


def test_taken_back_and_killed(new_server, tmp_path):
    server = new_server(WORKER_CONCURRENCY="0", MODEL_PROCESSES="1")
    chief = server.admin()
    made = bring(chief)
    ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))
    files = [upload(chief, film(name)) for name in list(GOLDEN["films"])[:4]]
    asked = [ask(chief, file)["id"] for file in files]
    assert ask(chief, files[3], 200, priority="STAT")["priority"] == "STAT"  # who is in a hurry hastens what waits
    assert ask(chief, files[3], 200, priority="LOW")["priority"] == "STAT"
    told = ok(chief.get("/system/jobs", params={"kind": "diagnosis.run", "state": "QUEUED"}))["items"]
    assert [j["priority"] for j in told if j["payload"]["diagnosis_id"] == asked[3]] == ["STAT"]
    problem(server.account("radiologist", admin=chief).delete(f"/diagnosis/{asked[0]}"), 403)
    ok(chief.delete(f"/diagnosis/{asked[0]}"), 204)
    problem(chief.delete(f"/diagnosis/{asked[0]}"), 409)
    assert ok(chief.get(f"/diagnosis/{asked[0]}"))["status"] == "CANCELLED"
    job = ok(chief.get(f"/diagnosis/{asked[1]}"))["job_id"]  # it is the same by its job, and back
    ok(chief.post(f"/system/jobs/{job}/cancel"))
    assert ok(chief.get(f"/diagnosis/{asked[1]}"))["status"] == "CANCELLED"
    ok(chief.post(f"/system/jobs/{job}/retry"))
    assert ok(chief.get(f"/diagnosis/{asked[1]}"))["status"] == "QUEUED"
    server.kill()
    server.settings["WORKER_CONCURRENCY"] = "2"
    server.start()
    chief = server.admin()
    wait_until(lambda: [ok(chief.get(f"/diagnosis/{n}"))["status"] for n in asked] == ["CANCELLED"] + 3 * ["COMPLETED"])
    backup = tmp_path / "backup"
    server.run("backup", backup)
    assert "whole" in server.run("backup", "verify", backup).stdout
    path = server.database.rows("select storage_path from models")[0][0]
    assert list(backup.glob(f"*Z/files/{path}"))
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    (server.files / path).write_bytes(b"something else")
    assert path in server.run("fsck", check=False).stdout


def test_a_model_with_a_flipped_bit_says_nothing(new_server, tmp_path):
    server = new_server(MODEL_PROCESSES="1")
    chief = server.admin()
    made = bring(chief)
    ok(chief.post(f"/diagnosis/models/{made['id']}/activate"))
    file = upload(chief, film(list(GOLDEN["films"])[0]))
    ended(chief, ask(chief, file)["id"])
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    path = server.files / server.database.rows("select storage_path from models")[0][0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for how in (["--deep"], ["--files", "100"]):
        assert "a model with other bytes" in server.run("fsck", *how, check=False).stdout
    server.start()
    chief = server.admin()
    problem(chief.post(f"/diagnosis/models/{made['id']}/activate"), 502)
    number = ask(chief, file, force=True)["id"]
    job = ok(chief.get(f"/diagnosis/{number}"))["job_id"]
    wait_until(lambda: ok(chief.get(f"/system/jobs/{job}"))["error"], what="an attempt")
    assert not ok(chief.get(f"/diagnosis/{number}"))["findings"]
    heard = Heard(chief, types="diagnosis")
    server.database.rows(f"update jobs set attempts_max = 1, due_at = 1 where id = {job}")  # the next is the last
    told = ended(chief, number)
    assert told["status"] == "FAILED" and told["status_reason"] and told["finished_at"], told
    wait_until(lambda: [e["state"] for e in heard.of("diagnosis_id", number)] == ["FAILED"])
    server.database.rows(f"delete from jobs where id = {job}")  # as it is forgotten
    assert ok(chief.get(f"/diagnosis/{number}"))["status_reason"] == told["status_reason"]
    heard.close()
    backup = tmp_path / "backup"
    assert "damaged" in str(server.run("backup", backup, check=False))
    path.unlink()
    assert "missing" in str(server.run("backup", backup, check=False))


def test_a_model_of_a_crash_is_set_aside(new_server):
    server = new_server(MODEL_PROCESSES="1")
    chief = server.admin()
    made = bring(chief)
    path = server.database.rows("select storage_path from models")[0][0]
    server.kill()
    server.database.rows(f"delete from models where id = {made['id']}")
    (server.files / "tmp" / f"claim+{path.replace('/', '+')}").touch()
    server.start()
    assert not (server.files / path).exists() and list((server.files / "aside").glob("*.onnx"))


@pytest.mark.parametrize("page", ["docs/ai.md", "docs/ai.zh-CN.md"])
def test_what_the_page_shows_runs_as_it_stands(new_server, tmp_path, page):
    server = new_server(MODEL_PROCESSES="1")
    chief = server.admin()
    for name in ("models", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    session = "\n".join(blocks(page, "sh"))
    token = chief.headers["authorization"]
    api = f"API={server.url}/api/v1\napi() {{ curl -sSf -H 'Authorization: {token}' \"$@\"; }}\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", api + session],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=support.PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert '"decision":"CONFIRMED"' in done.stdout and '"233604007"' in done.stdout
    assert (tmp_path / "evidence.png").read_bytes().startswith(b"\x89PNG")
