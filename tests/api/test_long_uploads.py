"""Who may send a file may not any more when it has come: it is not taken, and not acknowledged."""

import os

import pytest
from support import connect, dicom, ok, png, stored, wait_until
from test_stow import STUDIES, related
from test_upload_chunked import begin, path

BYTES = 4 << 20


def single(api):
    return api.build_request("POST", "/api/v1/upload/single", files={"file": ("a.png", png() + os.urandom(BYTES))})


def batch(api):
    files = [("files", (f"{n}.png", png() + os.urandom(BYTES))) for n in range(2)]
    return api.build_request("POST", "/api/v1/upload/batch", files=files)


def chunk(api):
    content = png() + os.urandom(BYTES)
    upload = begin(api, content, chunk_size=len(content))
    return api.build_request("PUT", "/api/v1" + path(upload, "chunks", 0), content=content)


def stow(api):
    return api.build_request("POST", STUDIES, **related([dicom() + bytes(BYTES)]))


def send_slowly(server, api, make, meanwhile):
    """The status of a request during whose body something happens."""
    request = make(api)
    body = request.read()
    head = f"{request.method} {request.url.raw_path.decode()} HTTP/1.1\r\nConnection: close\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in request.headers.items() if name.lower() != "connection"
    )
    before = stored(server)
    with connect(server) as s:
        s.sendall(head.encode() + b"\r\n" + body[: BYTES * 3 // 4])
        wait_until(lambda: stored(server) != before, "a temporary file")
        meanwhile()
        s.sendall(body[BYTES * 3 // 4 :])
        answer = b""
        while part := s.recv(65536):
            answer += part
    return int(answer.split(b" ", 2)[1])


def has_nothing(server, api):
    files = f"from image_files where uploaded_by = {api.id}"
    assert server.database.rows(f"select count(*) {files} and status <> 'UPLOADING'") == [(0,)]
    chunks = f"select count(*) from upload_chunks where image_file_id in (select id {files})"
    assert server.database.rows(chunks) == [(0,)]


@pytest.mark.parametrize("make", [single, batch, chunk, stow])
def test_of_an_account_that_is_disabled_meanwhile(server, admin, doctor, make):
    gone = {"status": "DISABLED"}
    assert send_slowly(server, doctor, make, lambda: ok(admin.patch(f"/users/{doctor.id}", json=gone))) == 401
    has_nothing(server, doctor)


def test_of_an_account_that_loses_its_right_meanwhile(server, admin, doctor):
    less = {"roles": ["viewer"]}
    assert send_slowly(server, doctor, single, lambda: ok(admin.put(f"/users/{doctor.id}/roles", json=less))) == 403
    has_nothing(server, doctor)


def test_of_a_session_that_is_ended_meanwhile(server, doctor):
    assert send_slowly(server, doctor, single, lambda: ok(doctor.post("/auth/logout-all"), 204)) == 401
    has_nothing(server, doctor)


def test_of_an_account_that_another_process_disables_meanwhile(server, admin, doctor):
    def disable():
        server.run("user", "disable", doctor.user["username"])
        wait_until(lambda: doctor.get("/auth/me").status_code == 401, "the server hearing of it")

    assert send_slowly(server, doctor, single, disable) == 401
    has_nothing(server, doctor)


def test_what_happens_to_others_meanwhile_is_nothing_to_it(server, admin, doctor, colleague):
    gone = {"status": "DISABLED"}
    assert send_slowly(server, doctor, single, lambda: ok(admin.patch(f"/users/{colleague.id}", json=gone))) == 201
    assert len(ok(doctor.get("/image-files"))["items"]) == 1


def test_it_keeps_no_connection_to_the_database(new_server):
    """Whose rights have just been looked up, and were not known: more such uploads than there are connections."""
    server = new_server(DATABASE_POOL_SIZE=2)
    admin = server.admin()
    senders = [server.account("doctor", admin=admin) for _ in range(4)]
    ok(admin.patch(f"/users/{senders[0].id}", json={"title": "x"}))  # rights are forgotten

    def send(n):
        if n == len(senders):
            return len(ok(admin.get("/users"))["items"])
        seen = []
        assert send_slowly(server, senders[n], single, lambda: seen.append(send(n + 1))) == 201
        return seen[0]

    assert send(0) == len(senders) + 1
