"""Addresses behind proxies, callers on this machine, names this server is reached by, and audit rows that strangers
cannot make."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import connect, ok, png, problem, unique, wait_until

PUBLIC = "https://roentgen.example"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    from support import Server

    server = Server(
        tmp_path_factory.mktemp("proxied"), TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8", HTTPS_ONLY="on", PUBLIC_URL=PUBLIC
    )
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(proxied):
    return proxied.admin()


def client_seen(server, chief, headers):
    """The address that the audit row of a request with these header lines names."""
    request_id = chief.get("/users", headers=[("Authorization", f"Bearer {chief.token}"), *headers]).headers[
        "x-request-id"
    ]
    sql = f"select client from audit_logs where request_id = '{request_id}'"
    return wait_until(lambda: server.database.rows(sql), what="the row")[0][0]


@pytest.mark.parametrize(
    "lines, client",
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1", "203.0.113.9"], "203.0.113.9"),  # HAProxy adds a line of its own behind the caller's
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1", "203.0.113.9, 10.1.2.3"], "203.0.113.9"),  # through two proxies
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:DB8::1]:4711"], "2001:db8::1"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["<script>alert(1)</script>"], "127.0.0.1"),
        (["203.0.113.9, <script>"], "127.0.0.1"),
        (["203.0.113.9, unknown, 10.1.2.3"], "10.1.2.3"),
        (["10.1.2.3"], "10.1.2.3"),
        ([""], "127.0.0.1"),
        ([",,,"], "127.0.0.1"),
        (["x" * 5000 + ", 203.0.113.9"], "203.0.113.9"),
    ],
)
def test_the_last_address_that_no_trusted_proxy_has(proxied, chief, lines, client):
    assert client_seen(proxied, chief, [("X-Forwarded-For", line) for line in lines]) == client


@pytest.mark.parametrize(
    "lines, client",
    [
        (["for=203.0.113.9;proto=https;by=10.0.0.1"], "203.0.113.9"),
        (['for=198.51.100.1, For="[2001:db8::1]:4711";proto=https'], "2001:db8::1"),
        (["for=198.51.100.1", "for=203.0.113.9, for=10.9.9.9"], "203.0.113.9"),
        (['for="_hidden,', "for=203.0.113.9"], "203.0.113.9"),  # a quote left open by the caller
        (["for=_hidden"], "127.0.0.1"),
        (["by=203.0.113.9"], "127.0.0.1"),
    ],
)
def test_forwarded_is_read_as_rfc_7239_says(proxied, chief, lines, client):
    assert client_seen(proxied, chief, [("Forwarded", line) for line in lines]) == client


def test_x_forwarded_for_counts_where_both_are_there(proxied, chief):
    both = [("Forwarded", "for=198.51.100.1"), ("X-Forwarded-For", "203.0.113.9")]
    assert client_seen(proxied, chief, both) == "203.0.113.9"


def test_the_setting_names_the_header_that_the_proxy_writes(new_server):
    server = new_server(TRUSTED_PROXIES="127.0.0.1", PROXY_HEADER="forwarded")
    admin = server.admin()
    both = [("Forwarded", "for=203.0.113.9"), ("X-Forwarded-For", "198.51.100.1")]
    assert client_seen(server, admin, both) == "203.0.113.9"
    assert client_seen(server, admin, both[1:]) == "127.0.0.1"


# ---- callers on this machine ----

SIGNS = [
    "Forwarded",
    "Via",
    "X-Real-IP",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "x-forwarded-host",
    "X-Client-IP",
    "True-Client-IP",
    "Client-IP",
    "Origin",
]


@pytest.mark.parametrize("sign", SIGNS)
def test_metrics_need_a_token_through_a_proxy_on_the_same_machine(server, nobody, sign):
    ok_answer = nobody.get("/metrics")
    assert ok_answer.status_code == 200
    problem(nobody.get("/metrics", headers={sign: "1.1 proxy"}), 401)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "203.0.113.9", "", "[::2]:80"]
)
def test_metrics_need_a_token_under_a_foreign_name(nobody, host):
    """DNS rebinding: a web page's own name that leads to 127.0.0.1."""
    problem(nobody.get("/metrics", headers={"Host": host}), 401)


@pytest.mark.parametrize("host", ["localhost:{}", "LOCALHOST", "127.0.0.1:{}", "[::1]:{}"])
def test_metrics_are_open_under_this_machines_names(server, nobody, host):
    assert nobody.get("/metrics", headers={"Host": host.format(server.port)}).status_code == 200


# ---- redirects to https ----


@pytest.mark.parametrize(
    "host", ["evil.example", "roentgen.example", "roentgen.example.evil.example", "127.0.0.1", "", "a b"]
)
def test_https_redirects_lead_to_the_public_url_only(proxied, host):
    answer = proxied.client().get("/docs?a=b", headers={"X-Forwarded-Proto": "http", "Host": host})
    assert (answer.status_code, answer.headers["location"]) == (308, f"{PUBLIC}/docs?a=b")


FOR, PROTO, RFC = "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"


@pytest.mark.parametrize(
    "lines, status",
    [
        ([(PROTO, "http")], 308),
        ([(PROTO, "HTTP")], 308),
        ([(PROTO, "https")], 200),
        # The last word is the proxy's that speaks to us, the first may be the caller's.
        ([(PROTO, "https, http")], 308),
        ([(PROTO, "https"), (PROTO, "http")], 308),
        ([(PROTO, "http, https")], 200),
        ([(FOR, "203.0.113.9, 10.1.2.3"), (PROTO, "https, http")], 200),  # TLS ends at the first of two proxies
        ([(FOR, "203.0.113.9, 10.1.2.3"), (PROTO, "http, http")], 308),
        ([(FOR, "203.0.113.9, 10.1.2.3"), (PROTO, "http, https, https")], 200),
        ([(FOR, "203.0.113.9, 10.1.2.3"), (PROTO, "http")], 308),
        ([(FOR, "10.1.2.3, 203.0.113.9"), (PROTO, "https, http")], 308),  # 203.0.113.9 is no proxy of ours
        ([(RFC, "for=203.0.113.9;proto=http")], 308),
        ([(RFC, 'for=203.0.113.9;Proto="HTTP"')], 308),
        ([(RFC, "proto=http")], 308),
        ([(RFC, "for=unknown;proto=http")], 308),
        ([(RFC, "for=203.0.113.9;proto=https")], 200),
        ([(RFC, "for=203.0.113.9;proto=https, for=10.1.2.3;proto=http")], 200),
        ([(RFC, "for=203.0.113.9;proto=http, for=10.1.2.3;proto=https")], 308),
        ([(RFC, "for=10.1.2.3;proto=https, for=203.0.113.9;proto=http")], 308),  # the left one is the caller's word
        ([(RFC, "for=10.1.2.3;proto=http, for=203.0.113.9;proto=https")], 200),
        ([(RFC, "for=203.0.113.9"), (PROTO, "http")], 308),
        ([], 200),
    ],
)
def test_plain_http_is_what_trusted_proxies_say(proxied, lines, status):
    assert proxied.client().get("/docs", headers=lines).status_code == status


def test_of_strangers_only_their_own_proto_counts(new_server):
    """Without trusted proxies nobody's Forwarded is believed, as of addresses."""
    client = new_server(HTTPS_ONLY="on", PUBLIC_URL=PUBLIC).client()
    asked = [[(RFC, "proto=http")], [(PROTO, "http")], [(PROTO, "https, http")], [(PROTO, "http, https")]]
    assert [client.get("/docs", headers=lines).status_code for lines in asked] == [200, 308, 308, 200]


def test_without_a_public_url_no_strange_name_is_repeated(new_server):
    client = new_server(HTTPS_ONLY="on").client()
    answer = client.get("/docs", headers={"X-Forwarded-Proto": "http", "Host": "evil.example"})
    problem(answer, 400)
    assert "location" not in answer.headers and "evil" not in answer.text
    local = client.get("/docs", headers={"X-Forwarded-Proto": "http", "Host": "localhost"})
    assert (local.status_code, local.headers["location"]) == (308, "https://localhost/docs")


# ---- audit rows ----


def audit_rows(server, where="1 = 1"):
    return server.database.rows(f"select count(*) from audit_logs where {where}")[0][0]


def flood(server, path, count):
    """`count` GETs without a token, pipelined over one connection; how many were answered."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with connect(server) as s:
        s.sendall(request * (count - 1) + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = b""
        while part := s.recv(1 << 20):
            answer += part
    return answer.count(b"HTTP/1.1 401") + answer.count(b"HTTP/1.1 429")


def test_requests_of_strangers_write_nothing(new_server):
    server = new_server(RATE_LIMIT="on", RATE_LIMIT_PER_MINUTE="100")
    admin = server.admin()
    file = admin.upload(png())
    assert flood(server, f"/api/v1/image-files/{file['id']}", 400) == 400
    for path in ("/patients", f"/patients/{file['id']}", "/system/audit-logs"):
        server.client().get(path)
    assert server.stop() == 0  # what waits is written
    assert audit_rows(server, "user_id is null and client is not null and action <> 'auth.login'") == 0
    server.start()
    log = ok(server.admin().get(f"/image-files/{file['id']}/access-log"))["items"]
    assert all(row["user_id"] for row in log)


def test_too_many_requests_write_nothing(new_server):
    server = new_server(RATE_LIMIT="on", USER_RATE_PER_MINUTE="30")
    admin = server.admin()
    refused = itertools.count(1)
    wait_until(lambda: admin.get("/patients/1").status_code == 429 and next(refused) == 25, "many refusals")
    assert server.stop() == 0
    assert audit_rows(server, "outcome = 429") == 0


def test_refusals_of_one_account_leave_a_bounded_number_of_rows(new_server):
    server = new_server()
    admin = server.admin()
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda n: admin.get(f"/patients/{n + 1}").status_code, range(400)))
    assert set(codes) == {404}
    left_out = int(server.client().get("/metrics").text.split("\nroentgen_audit_rows_left_out_total ")[1].split()[0])
    assert server.stop() == 0
    rows = audit_rows(server, "action = 'patient.read'")
    assert 100 <= rows < 400 and rows + left_out == 400


def test_failed_sign_ins_of_strangers_leave_a_bounded_number_of_rows(new_server):
    server = new_server()
    client = server.client()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.post("/auth/refresh", json={"refresh_token": unique()}).status_code, range(200)))
        answers = list(
            pool.map(
                lambda _: client.post("/auth/login", json={"username": unique(), "password": "x"}).status_code,
                range(700),
            )
        )
    assert set(answers) == {401}
    assert server.stop() == 0
    assert audit_rows(server, "action = 'auth.refresh'") == 0
    assert 250 <= audit_rows(server, "action = 'auth.login' and outcome = 401") < 700
