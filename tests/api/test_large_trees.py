"""Patients and studies with more files than one transaction marks (TRASH_SLICE, src/records/trash_work.h): what is
deleted is out of sight at once, what is restored is in sight at once, and the state between, which these tests hold, is
told to nobody."""

import pytest

from support import ON_SQLITE, comes_to, dicom, ok, png, problem, uid, unique, wait_until

FILES = 450  # three slices, the last one not full
COLUMNS = (
    "original_filename, file_type, mime_type, storage_path, file_size, file_hash, sha256, uploaded_by, patient_id, "
    "study_id, series_id, "
    "modality, status, upload_progress, created_at, updated_at, uploaded_at, is_instance, sop_class_uid, "
    "transfer_syntax_uid, pixel_rows, pixel_columns"
)
KEY = "rowid" if ON_SQLITE else "id"
HOLD = (
    "create trigger hold before update of deleted_at on image_files begin select raise(abort, 'held'); end"
    if ON_SQLITE
    else "create trigger hold before update on image_files for each row "
    "set new.file_uuid = if(new.deleted_at <=> old.deleted_at, new.file_uuid, null)"
)


def multiply(database, film):
    """So many further instances beside this one, with their words."""
    text = (lambda prefix: f"'{prefix}' || n.seq") if ON_SQLITE else (lambda prefix: f"concat('{prefix}', n.seq)")
    numbers = (
        f"(with recursive n(seq) as (select 1 union all select seq + 1 from n where seq < {FILES}) select seq from n)"
        if ON_SQLITE
        else f"(select seq from seq_1_to_{FILES})"
    )
    database.rows(
        f"insert into image_files({COLUMNS}, file_uuid, sop_instance_uid, instance_number) select {COLUMNS}, "
        f"{text(unique('u'))}, {text(uid() + '.')}, n.seq "
        f"from image_files f, {numbers} n where f.id = {film['id']}"
    )
    database.rows(
        f"insert into image_file_search({KEY}, grams) select f.id, w.grams from image_files f, image_file_search w "
        f"where w.{KEY} = {film['id']} and f.study_id = {film['study_id']} and f.id <> {film['id']}"
    )


class House:
    """A patient with a large study, a small one, a picture, and a file that was deleted before."""

    def __init__(self, server, admin, doctor):
        self.server, self.admin, self.doctor = server, admin, doctor
        self.number = unique("L")
        self.film = self.send()
        self.other = self.send()
        self.gone = self.send()
        multiply(server.database, self.film)
        self.patient, self.study = self.film["patient_id"], self.film["study_id"]
        self.picture = doctor.upload(png(), "d.png", patient_id=self.patient)
        ok(doctor.delete(f"/image-files/{self.gone['id']}"), 204)
        self.path = f"/patients/{self.patient}"

    def send(self):
        return self.doctor.upload(dicom(PatientID=self.number, PatientName="Large^House"), f"{unique('f')}.dcm")

    def count(self, condition):
        return self.server.database.rows(f"select count(*) from image_files where {condition}")[0][0]

    def alive(self):
        return self.count(f"patient_id = {self.patient} and deleted_at is null")

    def told(self):
        """What lists, totals and counters say, to the owner and to an administrator."""
        return (
            ok(self.doctor.get("/image-files/stats/summary")),
            ok(self.doctor.get("/image-files/my-images"))["total"],
            ok(self.admin.get("/image-files", params={"patient_id": self.patient}))["total"],
            ok(self.admin.get("/image-files", params={"uploaded_by": self.doctor.id, "modality": "CT"}))["total"],
            ok(self.doctor.get("/studies", params={"patient_id": self.patient}))["total"],
            self.server.database.rows(
                "select uploaded_by, files, bytes from image_file_totals where files > 0 order by 1"
            ),
            self.server.database.rows(
                f"select uploaded_by, sum(files) from patient_uploads where patient_id = {self.patient} "
                f"group by uploaded_by"
            ),
        )

    def agrees(self):
        self.server.run("fsck", "--rows")

    def settled(self, alive=0):
        wait_until(lambda: self.alive() == alive and not self.server.database.rows("select id from trash_work"))
        self.agrees()


@pytest.fixture
def house(server, admin, doctor):
    return House(server, admin, doctor)


@pytest.fixture
def held(server):
    """No file's deleted_at changes until it is called."""

    def release():
        server.database.rows("drop trigger if exists hold")

    server.database.rows(HOLD)
    yield release
    release()


def nothing_is_seen(house, patient=True):
    films = (house.film, house.picture, house.other) if patient else (house.film,)
    for api in (house.admin, house.doctor):
        for film in films:
            for path in ("", "/download", "/access-log"):
                problem(api.get(f"/image-files/{film['id']}{path}"), 404)
            problem(api.post(f"/image-files/{film['id']}/restore"), 409)
            problem(api.delete(f"/image-files/{film['id']}"), 404)
            problem(api.get(f"/images/{film['id']}/metadata"), 404)
        problem(api.get(f"/series/{house.film['series_id']}/instances"), 404)
        assert ok(api.get("/image-files", params={"search": house.film["original_filename"]}))["items"] == []
        assert house.film["id"] not in [
            f["id"] for f in ok(api.get("/image-files/my-images", params={"page_size": 100}))["items"]
        ]
    body = {"ids": [house.film["id"]], "action": "tag", "tags": ["x"]}
    assert ok(house.doctor.post("/image-files/batch", json=body), 207)["items"][0]["status"] == 404


def test_a_large_patient_is_out_of_sight_at_once(server, house, held):
    before, seen = house.told(), ok(house.doctor.get(house.path))
    ok(house.admin.delete(house.path), 204)
    assert house.alive() == FILES + 3  # the state between
    nothing_is_seen(house)
    between = house.told()
    assert between[0]["total_files"] == between[1] == between[2] == between[3] == between[4] == 0
    assert between[5] != before[5] and between[6] == [(house.doctor.id, 0)]
    house.agrees()
    held()
    house.settled()
    assert house.told() == between
    again = ok(house.admin.post(house.path + "/restore"))
    assert {**again, "updated_at": 0} == {**seen, "updated_at": 0}
    comes_to(before, house.told)
    house.settled(FILES + 3)
    problem(house.doctor.get(f"/image-files/{house.gone['id']}"), 404)
    assert ok(house.admin.get(f"/studies/{house.study}"))["number_of_instances"] == FILES + 1


def test_what_is_sent_again_meanwhile_is_new(server, house, held):
    content = png()
    picture = house.doctor.upload(content, "e.png", patient_id=house.patient)
    ok(house.admin.delete(house.path), 204)
    again = house.doctor.upload(content, "e.png")
    assert again["id"] != picture["id"] and again["duplicate_of"] is None
    film = house.send()
    assert film["patient_id"] != house.patient
    house.agrees()


def test_a_large_study_alone(server, house, held):
    patient = ok(house.doctor.get(house.path))
    before = house.told()
    ok(house.admin.delete(f"/studies/{house.study}"), 204)
    nothing_is_seen(house, patient=False)
    assert ok(house.doctor.get(house.path))["image_count"] == patient["image_count"] - FILES - 1 == 2
    assert house.told()[0]["total_files"] == 2
    house.agrees()
    # its patient follows before it is done, and comes back without it
    ok(house.admin.delete(house.path), 204)
    house.agrees()
    problem(house.admin.post(f"/studies/{house.study}/restore"), 409)
    held()
    house.settled()
    ok(house.admin.post(house.path + "/restore"))
    house.settled(2)
    nothing_is_seen(house, patient=False)
    ok(house.admin.post(f"/studies/{house.study}/restore"))
    comes_to(before, house.told)
    house.settled(FILES + 3)


def test_restoring_turns_a_deletion_round(house, held):
    before = house.told()
    ok(house.admin.delete(house.path), 204)
    ok(house.admin.post(house.path + "/restore"))
    comes_to(before, house.told)
    house.settled(FILES + 3)
    held()
    ok(house.admin.delete(house.path), 204)
    problem(house.admin.delete(house.path), 404)
    ok(house.admin.post(house.path + "/restore"))
    comes_to(before, house.told)
    house.settled(FILES + 3)


def test_what_cannot_come_back_stays_away_whole(house):
    ok(house.admin.delete(house.path), 204)
    house.settled()
    between = house.told()
    other = house.admin.patient(patient_id=house.number)
    problem(house.admin.post(house.path + "/restore"), 409)
    assert house.told() == between
    house.settled()
    ok(house.admin.delete(f"/patients/{other['id']}"), 204)
    ok(house.admin.post(house.path + "/restore"))
    house.settled(FILES + 3)


def test_a_large_patient_is_merged_and_a_large_study_moved(house):
    before = house.told()
    target = house.doctor.patient()
    ok(house.admin.post(f"/patients/{target['id']}/merge", json={"source_id": house.patient}))
    house.agrees()
    house.patient, source = target["id"], house.patient
    comes_to(before, house.told)
    assert ok(house.doctor.get(f"/patients/{target['id']}"))["image_count"] == FILES + 3
    third = house.doctor.patient()
    ok(house.admin.patch(f"/studies/{house.study}", json={"patient_id": third["id"]}))
    house.agrees()
    assert [ok(house.doctor.get(f"/patients/{p['id']}"))["image_count"] for p in (target, third)] == [2, FILES + 1]
    assert house.count(f"patient_id = {source}") == 0
    assert house.count(f"patient_id = {target['id']} and deleted_at is not null") == 1  # what was deleted moves, too


def test_the_next_start_goes_on(new_server):
    """Killed between the answer and the rest of it; and while something was being restored."""
    server = new_server()
    admin = server.admin()
    house = House(server, admin, server.account("doctor", admin=admin))
    server.database.rows(HOLD)
    ok(admin.delete(house.path), 204)
    server.kill()
    assert house.alive() == FILES + 3
    house.agrees()
    server.database.rows("drop trigger hold")
    server.start()
    house.settled()
    server.kill()
    half = (
        f"update image_files set deleted_at = null, deleted_by = null where patient_id = {house.patient} and id % 2 = 0"
    )
    server.database.rows(f"insert into trash_work(patient_id, is_restoring) values ({house.patient}, 1)")
    server.database.rows(half)
    house.agrees()
    server.start()
    wait_until(lambda: house.alive() == 0 and not server.database.rows("select id from trash_work"))
    house.agrees()
    problem(server.admin().get(house.path), 404)


def test_it_is_a_job_that_any_worker_does(new_server):
    server = new_server(WORKER_CONCURRENCY="0")
    admin = server.admin()
    house = House(server, admin, server.account("doctor", admin=admin))
    ok(admin.delete(house.path), 204)
    (waits,) = ok(admin.get("/system/jobs", params={"kind": "trash.mark"}))["items"]
    assert (waits["state"], waits["payload"]["patient_id"]) == ("QUEUED", house.patient)
    assert house.alive() == FILES + 3
    ok(admin.post(house.path + "/restore"))
    house.settled(FILES + 3)
    ok(admin.delete(house.path), 204)
    nothing_is_seen(house)
    with server.worker("--kinds", "trash.mark"):
        assert "SUCCEEDED" in server.run("jobs", "watch", str(waits["id"])).stdout
    done = ok(admin.get(f"/system/jobs/{waits['id']}"))
    assert done["result"] == {"files": FILES + 3} and done["progress_done"] == done["progress_total"] == FILES + 3
    house.settled()


def test_purge_takes_what_was_on_its_way(new_server):
    server = new_server()
    admin = server.admin()
    house = House(server, admin, server.account("doctor", admin=admin))
    server.database.rows(HOLD)
    ok(admin.delete(f"/studies/{house.study}"), 204)
    assert server.stop() == 0
    assert house.alive() == FILES + 3
    server.database.rows("drop trigger hold")
    server.run("purge", "--older-than", "0s")
    assert house.count(f"study_id = {house.study}") == 0 and house.count("1 = 1") == 2
    house.agrees()
