"""What every request meets: routing, JSON, content types, problems, headers."""

import contextlib
import socket

import pytest

from support import connect, nothing_new, ok, png, problem, stored, unique, wrong_members


def raw(server, request):
    """Sends bytes as they are; everything that comes back until the server closes or one answer is complete."""
    with connect(server) as s:
        s.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            part = s.recv(65536)
            if not part:
                return data
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = [
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        while length and len(body) < length[0]:
            part = s.recv(65536)
            if not part:
                break
            body += part
        return head + b"\r\n\r\n" + body


def status_of(reply):
    return int(reply.split(b" ", 2)[1]) if reply.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/v1/nothing",
        "/api/v2/patients",
        "/api/v1",
        "/api/v1/patients/1/2/3/4",
        "/health/x",
        "/api/v1/patients/1/nothing",
        "/docs/assets/../../etc/passwd",
        "/docs/assets/nothing.js",
        "/.env",
        "/etc/passwd",
    ],
)
def test_unknown_path_404(nobody, doctor, path):
    for api in (nobody, doctor):
        problem(api.get(api.server.url + path), 404)


@pytest.mark.parametrize(
    "path, method, allowed",
    [
        ("/patients", "PUT", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/patients/1", "POST", {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}),
        ("/auth/login", "GET", {"POST", "OPTIONS"}),
        ("/image-files/my-images", "DELETE", None),
        ("/health", "POST", {"GET", "HEAD", "OPTIONS"}),
        ("/patients", "PROPFIND", None),
        ("/upload/single", "PUT", {"POST", "OPTIONS"}),
        ("/patients", "TRACE", None),
    ],
)
def test_wrong_method_405_with_allow(nobody, path, method, allowed):
    answer = nobody.request(method, path)
    problem(answer, 405)
    listed = {m.strip() for m in answer.headers["allow"].split(",")}
    assert method not in listed
    if allowed:
        assert listed == allowed


def test_trailing_slash_makes_no_difference(doctor):
    patient = doctor.patient()
    assert ok(doctor.get(f"/patients/{patient['id']}/")) == ok(doctor.get(f"/patients/{patient['id']}"))
    ok(doctor.get("/image-files/my-images/"))
    ok(doctor.post("/patients/", json={"patient_id": unique("P"), "name": "x"}), 201)


def test_head_everywhere(doctor):
    answer = doctor.head("/patients")
    assert answer.status_code == 200 and answer.content == b""
    assert int(answer.headers["content-length"]) > 10


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"{'a': 1}",
        b'{"name": "x",}',
        b'{"name": "x"} {}',
        b"[1,2",
        b"nul",
        b'{"name": "\xff\xfe"}',
        b'{"name": "x\n"}',
        b"\xef\xbb\xbf{}",
        b'{"name": "\\ud800"}',
        b'{"a":' * 5000,
        b"[" * 100000,
    ],
)
def test_malformed_json_400(doctor, body):
    answer = doctor.post("/patients", content=body, headers={"Content-Type": "application/json"})
    problem(answer, 400)


def test_malformed_json_tells_the_position(doctor):
    answer = problem(
        doctor.post("/patients", content=b'{\n  "name": "x",\n  oops\n}', headers={"Content-Type": "application/json"}),
        400,
    )
    assert "3" in answer["detail"]


def test_numbers_beyond_all_bounds(doctor):
    for number in (b"1e99999", b"-1e99999", b"1" * 400):
        answer = doctor.post(
            "/patients",
            content=b'{"patient_id": "x", "name": "x", "height_cm": ' + number + b"}",
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in (400, 422)


@pytest.mark.parametrize("body", [b"[]", b"5", b'"x"', b"null", b"true"])
def test_json_that_is_no_object(doctor, body):
    answer = doctor.post("/patients", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


def test_repeated_members_are_refused(doctor):
    answer = doctor.post(
        "/patients",
        content=b'{"patient_id": "a", "name": "x", "name": "y"}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in (400, 422)


def test_nul_in_text_is_refused(doctor):
    answer = doctor.post("/patients", json={"patient_id": unique("P"), "name": "a\0b"})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "",
        "application/jsonp",
        "*/*",
    ],
)
def test_other_content_types_415(doctor, type):
    answer = doctor.post("/patients", content=b'{"patient_id": "x", "name": "x"}', headers={"Content-Type": type})
    problem(answer, 415)


@pytest.mark.parametrize(
    "type",
    ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8"],
)
def test_json_content_types(doctor, type):
    body = f'{{"patient_id": "{unique("P")}", "name": "x"}}'.encode()
    ok(doctor.post("/patients", content=body, headers={"Content-Type": type}), 201)


def test_too_large_json_413(doctor):
    body = b'{"patient_id": "x", "name": "' + b"x" * (2 << 20) + b'"}'
    problem(doctor.post("/patients", content=body, headers={"Content-Type": "application/json"}), 413)


def test_too_large_json_413_before_the_body(server, doctor):
    reply = raw(
        server,
        f"POST /api/v1/patients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {doctor.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n".encode(),
    )
    assert status_of(reply) == 413


def test_expect_100_continue(server, doctor):
    """A refusal comes instead of 100."""
    reply = raw(
        server,
        b"POST /api/v1/patients HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: "
        b"application/json\r\nContent-Length: 50\r\n\r\n",
    )
    assert status_of(reply) == 401
    reply = raw(
        server,
        f"POST /api/v1/patients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {doctor.token}\r\nExpect: 100-continue\r\n"
        "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n".encode(),
    )
    assert status_of(reply) == 100


@pytest.mark.parametrize("query", ["nonsense=1", "page=1&nonsense", "%6eonsense=1", "=1", "nonsense[]=1"])
def test_unknown_query_parameters_422(doctor, query):
    problem(doctor.get(f"/patients?{query}"), 422)


def test_unknown_query_on_single_things_422(doctor):
    patient = doctor.patient()
    assert wrong_members(problem(doctor.get(f"/patients/{patient['id']}?verbose=1"), 422)) == ["verbose"]
    assert wrong_members(problem(doctor.get("/auth/me?x=1"), 422)) == ["x"]


@pytest.mark.parametrize("query", ["search=%zz", "search=%", "search=%ff%fe", "search=%00", "search=%c0%80"])
def test_bad_percent_escapes(doctor, query):
    answer = doctor.get(f"/patients?{query}")
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


def test_query_is_decoded(doctor):
    patient = doctor.patient(name="a+b c&d=e%" + unique())
    from urllib.parse import quote

    assert [p["id"] for p in ok(doctor.get("/patients?search=" + quote(patient["name"], safe="")))["items"]] == [
        patient["id"]
    ]
    assert [
        p["id"]
        for p in ok(doctor.get("/patients?search=" + quote(patient["name"], safe="").replace("%20", "+")))["items"]
    ] == [patient["id"]]


def test_a_body_on_get_does_no_harm(doctor):
    answer = doctor.request("GET", "/patients", content=b"{}", headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400)
    ok(doctor.get("/patients"))


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 50 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: "
        b"application/json\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    ],
)
def test_broken_requests_are_answered_or_cut(server, nobody, request_line):
    with connect(server) as s:
        try:
            s.sendall(request_line)
            s.shutdown(socket.SHUT_WR)
            reply = s.recv(65536)
        except OSError:  # cut
            reply = b""
    assert reply == b"" or 400 <= status_of(reply) < 600 or status_of(reply) == 200
    ok(nobody.get("/health/live"))


@pytest.mark.parametrize("rest", [b"10000\r\n" + b"x" * 30000, b"7530\r\n" + b"x" * 30000 + b"\r\n7f", b""])
def test_a_body_in_chunks_that_breaks_off_leaves_nothing(new_server, rest):
    """In a chunk, in a chunk's size, and before the last chunk: it has not come whole, so it is nothing."""
    server = new_server()
    admin = server.admin()
    before = stored(server)
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + png()
    head = (
        f"POST /api/v1/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with connect(server) as s:
        s.sendall(head.encode() + b"%x\r\n" % len(part) + part + b"\r\n" + rest)
        s.shutdown(socket.SHUT_WR)
        reply = s.recv(65536)
    assert reply == b"" or 400 <= status_of(reply) < 500
    server.stop()  # when all of it has ended
    nothing_new(server, before)
    assert server.database.rows("select count(*) from image_files") == [(0,)]


def test_both_lengths_do_not_smuggle(server, nobody):
    """Content-Length beside Transfer-Encoding: what follows must not count as a second request (RFC 9112 6.3)."""
    smuggled = (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
        b"5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    with connect(server) as s:
        s.sendall(smuggled)
        s.shutdown(socket.SHUT_WR)
        data = b""
        with contextlib.suppress(ConnectionResetError):  # what is smuggled may be left unread
            while part := s.recv(65536):
                data += part
    assert data.count(b"HTTP/1.1 200") == 0
    ok(nobody.get("/health/live"))


def test_pipelined_requests_get_their_own_answers(server):
    with connect(server) as s:
        s.sendall(
            b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 3
            + b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        data = b""
        while part := s.recv(65536):
            data += part
    assert data.count(b"HTTP/1.1 200") == 3 and data.count(b"HTTP/1.1 404") == 1


# ---- headers of answers ----


def test_security_headers(doctor, nobody):
    for answer in (
        doctor.get("/patients"),
        nobody.get("/patients"),
        nobody.get("/health"),
        nobody.get("/api/v1/nothing"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"]
        assert answer.headers["x-request-id"]
        assert "server" not in answer.headers or "/" not in answer.headers["server"]


def test_authenticated_answers_are_not_cached_by_proxies(doctor):
    file = doctor.upload(png())
    for path in (
        "/patients",
        "/auth/me",
        f"/image-files/{file['id']}",
        f"/image-files/{file['id']}/download",
        f"/images/{file['id']}/thumbnail",
    ):
        policy = doctor.get(path).headers["cache-control"]
        assert "no-store" in policy or "private" in policy, path


def test_request_ids_differ(doctor):
    assert len({doctor.get("/auth/me").headers["x-request-id"] for _ in range(20)}) == 20


def test_compression(doctor):
    for _ in range(12):
        doctor.patient()
    plain = doctor.get("/patients", headers={"Accept-Encoding": "identity"})
    packed = doctor.get("/patients", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
    assert plain.json() == packed.json()
    assert "accept-encoding" in packed.headers.get("vary", "").lower()


def test_cors_is_closed_by_default(nobody):
    answer = nobody.get("/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_cors_for_named_origins(new_server):
    client = new_server(CORS_ORIGINS="https://app.example,https://two.example").client()
    answer = client.get("/health", headers={"Origin": "https://two.example"})
    assert answer.headers["access-control-allow-origin"] == "https://two.example"
    assert "origin" in answer.headers["vary"].lower()
    assert (
        "access-control-allow-origin"
        not in client.get("/health", headers={"Origin": "https://app.example.evil.example"}).headers
    )
    preflight = client.options(
        "/patients",
        headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code in (200, 204)
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()


def test_https_only(new_server):
    client = new_server(HTTPS_ONLY="true", PUBLIC_URL="https://r.example").client()
    answer = client.get("/patients?page=2", headers={"X-Forwarded-Proto": "http", "Host": "r.example"})
    assert answer.status_code in (301, 307, 308)
    assert answer.headers["location"] == "https://r.example/api/v1/patients?page=2"
    assert (
        "max-age" in client.get("/health", headers={"X-Forwarded-Proto": "https"}).headers["strict-transport-security"]
    )


def test_headers_that_can_be_read_in_two_ways(doctor):
    """RFC 9110 5.3: a header of one value is not given twice; of Content-Encoding every line counts."""
    body = b'{"patient_id": "P-twice", "name": "x"}'
    twice = [("Content-Type", "text/plain"), ("Content-Type", "application/json")]
    problem(doctor.post("/patients", content=body, headers=twice), 400)
    coded = [("Content-Type", "application/json"), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    problem(doctor.post("/patients", content=body, headers=coded), 415)


ASKS = b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\r\n"
NOT_LINES = {
    "LF after the request line": b"GET /health/live HTTP/1.1\nHost: x\r\nA: b\r\n\r\n",
    "LF after the first header": b"GET /health/live HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "LF after the last header": b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\n\r\n",
    "LF for the empty line": b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\r\n\n",
    "LF everywhere": b"GET /health/live HTTP/1.1\nHost: x\n\n",
    "LF without headers": b"GET /health/live HTTP/1.0\r\n\n",
    "a second line": ASKS + b"C: d\r\n e\r\nF: g\r\n\r\n",
    "a second line with a tab": ASKS + b"C: d\r\n\te\r\nF: g\r\n\r\n",
    "a second line that is the last": ASKS + b"C: d\r\n e\r\n\r\n",
    "a second line of spaces": ASKS + b"C: d\r\n  \r\nF: g\r\n\r\n",
    "a second line of the Host": b"GET /health/live HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
    "a NUL in a value": ASKS + b"C: d\0e\r\nF: g\r\n\r\n",
    "a NUL in the last value": ASKS + b"C: d\0e\r\n\r\n",
    "a NUL at the end of a value": ASKS + b"C: d\0\r\nF: g\r\n\r\n",
}


@pytest.mark.parametrize("sent", NOT_LINES.values(), ids=NOT_LINES)
def test_headers_are_lines_that_end_with_crlf(server, sent):
    """RFC 9112 2.2 and 5.2: what a proxy may read in another way is refused, and the connection ends."""
    with connect(server) as s:
        s.sendall(sent)
        reply = b""
        while part := s.recv(65536):
            reply += part
    assert status_of(reply) == 400 and b"CR LF" in reply, reply
    assert reply.count(b"HTTP/1.1 ") == 1 and b"connection: close" in reply.lower()


def test_a_second_line_makes_no_other_header(server):
    """libmicrohttpd joins the line to the name before it: this one would be Transfer-Encoding, of which the rest of the
    line, and a proxy, knows nothing."""
    smuggled = (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encodin: chunked\r\n g\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    reply = raw(server, smuggled)
    assert status_of(reply) == 400 and b"CR LF" in reply, reply


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GE", b"T /health/live HTTP/1.1\r", b"\nHost: x", b"\r\nA:", b" b\r", b"\n\r", b"\n"],
        [b"\r\nGET /health/live HTTP/1.1\r\nHost:x\r\nA:\r\nB: \t \r\nC: d  \t\r\n\r\n"],
        [b"GET /health/live HTTP/1.0\r\n\r\n"],
        [ASKS + b"C: " + b"d" * 9000 + b"\r\n", b"E: " + b"f" * 5000 + b"\r\n", b"\r\n"],
        [b"GET http://x/health/live HTTP/1.1\r\nHost: x\r\nCookie: a=b; c=d\r\n\r\n"],
    ],
    ids=["in pieces", "spaces", "HTTP/1.0", "long", "absolute"],
)
def test_headers_that_are_lines_are_taken(server, pieces):
    with connect(server) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            s.sendall(piece)
        assert status_of(s.recv(65536)) == 200


def test_requests_behind_each_other_are_lines_too(server):
    """Of those that share a buffer each is looked at where it begins."""
    fine = b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"
    with connect(server) as s:
        s.sendall(fine * 3 + NOT_LINES["a second line"] + fine)
        data = b""
        while part := s.recv(65536):
            data += part
    assert data.count(b"HTTP/1.1 200") == 3 and data.count(b"HTTP/1.1 400") == 1
