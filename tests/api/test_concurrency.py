"""Everything that moves records, beside everything else that does: each pair many rounds, then the rows are asked
whether they agree.

ROENTGEN_ROUNDS=40 runs each pair so often (one is enough to see that nothing is broken outright; races want many). What
must hold is the table of src/records/invariants.c, asked by `roentgen fsck --rows`, and that what was acknowledged is
there."""

import itertools
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import support
from support import ON_SQLITE, after_restoring, dicom, ok, png, sha256, uid, unique

ROUNDS = int(os.environ.get("ROENTGEN_ROUNDS", "1"))
AT_ONCE = 4  # scenes, each of them two callers
UPLOADS = 3  # of one round, one after the other, beside the other operation
FINE = range(200, 300)
REFUSED = (404, 409, 412, 422, 503)  # what somebody may be told who comes at the wrong moment


class Scene:
    """A patient with a study of two films, a plain picture and an upload under way; another patient; something
    deleted."""

    def __init__(self, api):
        self.api = api
        self.number, self.other_number = unique("A"), unique("B")
        self.study_uid, self.series_uid = uid(), uid()
        self.deleted_number = unique("D")
        first = self.film()
        self.films = [first, self.film()]
        self.patient, self.study = first["patient_id"], first["study_id"]
        self.other = api.patient(patient_id=self.other_number)["id"]
        self.picture = api.upload(png(), patient_id=self.patient)
        gone = api.upload(png(), patient_id=self.patient)
        ok(api.delete(f"/image-files/{gone['id']}"), 204)
        self.gone = gone["id"]
        self.begun = [self.begin(dicom(**self.keys())), self.begin(png())]
        self.acknowledged = {}  # id -> SHA-256
        self.lock = threading.Lock()

    def keys(self):
        return {"PatientID": self.number, "StudyInstanceUID": self.study_uid, "SeriesInstanceUID": self.series_uid}

    def film(self):
        return self.api.upload(dicom(**self.keys()), "film.dcm")

    def begin(self, content):
        body = {"filename": "film", "file_size": len(content), "patient_id": None}
        if content[:4] == b"\x89PNG":
            body["patient_id"] = self.patient
        begun = ok(self.api.post("/upload/chunked", json={k: v for k, v in body.items() if v is not None}), 201)
        ok(self.api.put(f"/upload/chunked/{begun['upload_id']}/chunks/0", content=content))
        return begun["upload_id"], sha256(content)

    def acknowledge(self, answer, digest):
        with self.lock:
            self.acknowledged[answer.json()["id"]] = digest


# ---- what can be done to a scene: each gives the answers it got ----


def upload(scene, api):
    answers = []
    for n in range(UPLOADS):
        content = dicom(**scene.keys()) if n != 1 else png()
        more = {} if n != 1 else {"data": {"patient_id": str(scene.patient)}}
        answer = api.post("/upload/single", files={"file": ("film.dcm", content)}, **more)
        if answer.status_code == 201:
            scene.acknowledge(answer, sha256(content))
        answers.append(answer)
    return answers


def merge(scene, api):
    return [api.post(f"/patients/{scene.other}/merge", json={"source_id": scene.patient})]


def move(scene, api):
    return [
        api.patch(f"/studies/{scene.study}", json={"patient_id": scene.other}),
        api.patch(f"/image-files/{scene.picture['id']}", json={"patient_id": scene.other}),
    ]


def delete(scene, api):
    return [
        api.delete(f"/image-files/{scene.films[0]['id']}"),
        api.delete(f"/studies/{scene.study}"),
        api.delete(f"/image-files/{scene.picture['id']}"),
    ]


def delete_patient(scene, api):
    return [api.delete(f"/patients/{scene.patient}"), api.post(f"/patients/{scene.patient}/restore")]


def restore(scene, api):
    return [
        api.post(f"/image-files/{scene.gone}/restore"),
        api.delete(f"/studies/{scene.study}"),
        api.post(f"/studies/{scene.study}/restore"),
        api.post(f"/image-files/{scene.films[0]['id']}/restore"),
    ]


def archive(scene, api):
    which = [scene.films[1]["id"], scene.picture["id"]]
    return [api.post(f"/image-files/{id}/{verb}") for id in which for verb in ("archive", "unarchive")]


def purge(scene, api):
    answers = [api.delete(f"/image-files/{scene.films[1]['id']}")]
    done = api.server.run("purge", *PURGE_ALL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return answers


def cancel(scene, api):
    return [api.delete(f"/upload/chunked/{upload_id}") for upload_id, _ in scene.begun]


def complete(scene, api):
    answers = []
    for upload_id, digest in scene.begun:
        answer = api.post(f"/upload/chunked/{upload_id}/complete")
        if answer.status_code == 201:
            scene.acknowledge(answer, digest)
        answers.append(answer)
    return answers


PURGE_ALL = ("--older-than", "0s", "--yes")
OPERATIONS = (upload, merge, move, delete, delete_patient, restore, archive, purge, cancel, complete)
PAIRS = [*itertools.combinations(OPERATIONS, 2), (upload, upload), (merge, merge), (move, move), (complete, complete)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("concurrency")
    server = support.Server(
        folder, ARCHIVE_URL=f"file://{folder}/archive", WORKERS="16", MAX_UPLOADS_UNDER_WAY="1000000"
    )
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def clients(place):
    return [place.admin() for _ in range(2)]


def together(scene, clients, operations):
    """Runs the operations beside each other, begun at one moment, and gives their answers."""
    start = threading.Barrier(len(operations))

    def run(operation, api):
        start.wait()
        for _ in range(random.randrange(3)):
            api.get("/auth/me")  # a little later than the other
        return operation(scene, api)

    with ThreadPoolExecutor(len(operations)) as pool:
        runs = [pool.submit(run, operation, api) for operation, api in zip(operations, clients, strict=True)]
        return [answer for one in runs for answer in one.result()]


def rows_agree(place):
    checked = place.run("fsck", "--rows", check=False)
    assert checked.returncode == 0, checked.stdout[:2000]


def check(place, api, scenes):
    after_restoring(lambda: rows_agree(place))  # what does not agree never comes to
    for scene in scenes:
        living = [
            p
            for number in (scene.number, scene.other_number)
            for p in ok(api.get("/patients", params={"search": number}))["items"]
            if p["patient_id"] == number
        ]
        numbers = [p["patient_id"] for p in living]
        assert len(numbers) == len(set(numbers)), numbers
        if getattr(scene, "merged", False) and not getattr(scene, "restored", False):
            assert numbers == [scene.other_number], "a patient came back who had been merged"
        for file_id, digest in scene.acknowledged.items():
            answer = api.get(f"/image-files/{file_id}/download")
            if answer.status_code == 404:
                continue  # deleted beside it
            assert answer.status_code == 200 and sha256(answer.content) == digest, (file_id, answer.status_code)


def play(pair, clients):
    scene = Scene(clients[0])
    for answer in together(scene, clients, pair):
        assert answer.status_code in FINE or answer.status_code in REFUSED, (answer.request.url, answer.text)
        if answer.status_code == 200 and answer.request.url.path.endswith("/merge"):
            scene.merged = True
        if answer.status_code == 200 and answer.request.url.path == f"/api/v1/patients/{scene.patient}/restore":
            scene.restored = True  # of a merged patient that undoes the merge
    return scene


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "+".join(o.__name__ for o in pair))
def test_side_by_side(place, clients, pair):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        scenes = list(pool.map(lambda _: play(pair, clients), range(ROUNDS)))
    check(place, clients[0], scenes)


# ---- fsck --rows itself ----

BREAKS = {
    "patient_of_file": "update image_files set patient_id = {other} where id = {film}",
    "series_of_file": "update image_files set study_id = {study2} where id = {film}",
    "place_of_instance": "update image_files set series_id = null where id = {film}",
    "merged_and_alive": "update patients set merged_into = {other} where id = {patient}",
    "study_of_merged": "update patients set merged_into = {other}, deleted_at = 1 where id = {patient}",
    "file_of_merged": "update patients set merged_into = {other}, deleted_at = 1 where id = {patient}",
    "alive_of_deleted_patient": "update patients set deleted_at = 1 where id = {patient}",
    "study_of_deleted_patient": "update patients set deleted_at = 1 where id = {patient}",
    "alive_in_deleted_study": "update studies set deleted_at = 1 where id = {study}",
    "alive_in_deleted_series": "update series set deleted_at = 1 where study_id = {study}",
    "series_in_deleted_study": "update studies set deleted_at = 1 where id = {study}",
    "name_of_file": "update image_files set storage_path = null where id = {film}",
    "name_too_early": "update image_files set status = 'UPLOADING' where id = {film}",
    "bytes_of_name": "update image_files set storage_path = (select p from (select storage_path as p from image_files "
    "where id = {film}) x) where id = {film2}",
    "bytes_of_duplicate": "update image_files set duplicate_of = {film2} where id = {film}",
    "count_of_patient": "update patients set image_count = image_count + 1 where id = {patient}",
    "count_of_study": "update studies set number_of_instances = 7 where id = {study}",
    "files_of_view": "insert into study_views(id, created_by, created_at, files) select {study}, min(id), 0, 7 "
                     "from users",
    "count_of_series": "update series set size_bytes = 7 where study_id = {study}",
    "series_of_study": "update studies set number_of_series = 7 where id = {study}",
    "count_of_owner": "update image_file_totals set files = files + 1",
    "count_of_rows": "update row_counts set n = n + 1 where name = 'studies'",
    "words_of_patient": "delete from patient_search",
    "words_of_file": "delete from image_file_search",
    "words_of_no_file": "insert into image_file_search({key}, grams) values (9000000, 'x')",
    "words_of_no_patient": "insert into patient_search({key}, grams) values (9000000, 'x')",
    "words_of_no_study": "insert into study_search({key}, grams) values (9000000, 'x')",
}


def test_fsck_names_what_does_not_agree(new_server):
    server = new_server()
    api = server.admin()
    other = api.patient()["id"]
    server.run("fsck", "--rows")
    for sql in BREAKS.values():
        keys = {"StudyInstanceUID": uid(), "SeriesInstanceUID": uid(), "PatientID": unique("A")}
        film, film2, third = (api.upload(dicom(**more)) for more in (keys, keys, {}))
        names = {"film": film["id"], "film2": film2["id"], "study": film["study_id"], "study2": third["study_id"]}
        server.database.rows(
            sql.format(**names, patient=film["patient_id"], other=other, key="rowid" if ON_SQLITE else "id")
        )
    found = server.run("fsck", "--rows", check=False)
    assert found.returncode == 1 and "findings" in found.stdout
    missed = [name for name in BREAKS if f"({name})" not in found.stdout]
    assert not missed, found.stdout
