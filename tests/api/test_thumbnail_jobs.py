"""Thumbnails are made by jobs: whoever has stored the file, whichever process does them, and without a trace."""

from support import at_rest, dicom, ok, png, sample, wait_until


def lacking(server):
    return server.database.rows("select count(*) from image_files where thumbnail_path is null")[0][0]


def kinds(server):
    return [kind for (kind,) in server.database.rows("select kind from jobs")]


def test_a_worker_makes_what_a_server_without_one_has_stored(new_server):
    server = new_server(WORKER_CONCURRENCY=0)
    with server.admin() as admin:
        before = admin.upload(png(40, 30, note="before"))
        assert admin.get(f"/images/{before['id']}/thumbnail").status_code == 200  # for whoever asks, at once
        assert lacking(server) == 1
        with server.worker("--kinds", "images.thumbnails"):
            assert admin.settled(before["id"])["thumbnail_path"]  # looked for at its start
            after = [admin.upload(png(40, 30, note=str(i))) for i in range(5)]
            for file in after:
                assert admin.settled(file["id"])["thumbnail_path"]  # seen among the events
            wait_until(lambda: "images.thumbnails" not in kinds(server), "the end of the job")


def test_a_film_that_cannot_be_decoded_is_found_without_being_asked_for(new_server):
    """By a worker beside the server, when no more of them come."""
    server = new_server(WORKER_CONCURRENCY=0)
    with server.worker(), server.admin() as admin:
        assert admin.settled(admin.upload(png())["id"])["thumbnail_path"]  # the worker watches from here on
        file = admin.upload(dicom(), "whole.dcm")
        whole = sample("dicom/JPEG-LL.dcm")
        frame = whole.index(b"\xff\xd8\xff")  # its SOI marker, and what comes after it
        torn = admin.upload(whole[: frame + 2] + bytes(64) + whole[frame + 66 :], "torn.dcm")
        assert torn["status"] == "UPLOADED"
        wait_until(lambda: admin.file(torn["id"])["status"] == "FAILED", "what a decoder says of it")
        assert admin.file(file["id"])["status"] == "UPLOADED"


def test_one_that_died_has_left_them_to_the_next(new_server):
    server = new_server()
    with server.admin() as admin:
        admin.upload(png(50, 50, note="0"))
        server.kill()
    for number in range(1, 4):
        server.start()
        with server.admin() as admin:
            admin.upload(png(50, 50, note=str(number)))
            server.kill()  # between the answer and the thumbnail, most often
    server.start()
    with server.admin() as admin:
        wait_until(lambda: lacking(server) == 0, "thumbnails of all")
        at_rest(admin)
        assert ok(admin.get("/system/jobs", params={"kind": "images.thumbnails"}))["total"] == 0
