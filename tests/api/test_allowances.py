"""What one account may take up: unfinished uploads, and bytes in all."""

from concurrent.futures import ThreadPoolExecutor

from support import CT, ok, png, problem, sample


def begin(api, size=4 << 30):
    return api.post("/upload/chunked", json={"filename": "x.dcm", "file_size": size})


def test_uploads_under_way_are_limited_for_each_account(new_server):
    server = new_server()
    doctor, colleague = server.account("doctor"), server.account("doctor")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: begin(doctor), range(60)))
    assert sorted(a.status_code for a in answers) == [201] * 50 + [429] * 10
    refused = next(a for a in answers if a.status_code == 429)
    assert int(refused.headers["retry-after"]) > 0
    begun = next(a for a in answers if a.status_code == 201).json()
    ok(begin(colleague), 201)
    ok(doctor.delete(f"/upload/chunked/{begun['upload_id']}"), 204)
    ok(begin(doctor), 201)
    problem(begin(doctor), 429)
    doctor.upload(png())  # in one piece is never under way


def test_what_an_account_holds_is_limited_where_that_is_set(new_server):
    server = new_server(ACCOUNT_QUOTA="100KiB")
    doctor = server.account("doctor")
    problem(begin(doctor), 507)
    held = ok(begin(doctor, 60000), 201)
    problem(begin(doctor, 50000), 507)  # what was announced counts
    small = png()
    file = doctor.upload(small + b"\0" * (30000 - len(small)))
    doctor.upload(small + b"\1" * (30000 - len(small)), expect=507)
    doctor.upload(sample(CT), expect=507)
    batch = ok(doctor.post("/upload/batch", files=[("files", ("a.png", png() + b"\2" * 30000))]), 207)
    assert (batch["succeeded"], batch["failed"]) == (0, 1)
    ok(doctor.delete(f"/upload/chunked/{held['upload_id']}"), 204)
    ok(doctor.delete(f"/image-files/{file['id']}"), 204)
    doctor.upload(small + b"\1" * (30000 - len(small)))
    server.account("doctor").upload(png())


def test_the_same_bytes_again_are_no_new_bytes(new_server):
    """Of a picture, which gets a row of its own, and alone or in a batch."""
    doctor = new_server(ACCOUNT_QUOTA="100KiB").account("doctor")
    content = png() + b"\0" * 60000
    first = doctor.upload(content)
    for _ in range(3):
        assert doctor.upload(content)["duplicate_of"] == first["id"]
    batch = ok(doctor.post("/upload/batch", files=[("files", ("a.png", content))]), 207)
    assert batch["succeeded"] == 1
    doctor.upload(png() + b"\1" * 60000, expect=507)


def test_a_file_is_not_restored_past_the_quota(new_server):
    server = new_server(ACCOUNT_QUOTA="100KiB")
    doctor = server.account("doctor")
    first = doctor.upload(png() + b"\0" * 60000)
    ok(doctor.delete(f"/image-files/{first['id']}"), 204)
    second = doctor.upload(png() + b"\1" * 60000)
    problem(doctor.post(f"/image-files/{first['id']}/restore"), 507)
    ok(doctor.delete(f"/image-files/{second['id']}"), 204)
    ok(doctor.post(f"/image-files/{first['id']}/restore"))
    ok(server.admin().post(f"/image-files/{second['id']}/restore"))  # whose work it is to see to room


def test_uploads_at_the_same_moment_do_not_pass_together(new_server):
    server = new_server(ACCOUNT_QUOTA="100KiB")
    doctor = server.account("doctor")

    def upload(n):
        content = png()
        return doctor.post(
            "/upload/single", files={"file": ("x.png", content + bytes([n]) * (30000 - len(content)))}
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(upload, range(8))) == [201] * 3 + [507] * 5
