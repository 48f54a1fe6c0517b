"""The clients: wrk for many small requests, sockets of our own for large bodies. All of them run on the client's
core."""

import json
import os
import socket
import subprocess
import threading
import time
import uuid

import servers

BLOCK = os.urandom(1 << 20)


REST_S = 1.5  # our thumbnails begin a second after the last upload


def quiesce(limit_s=60):
    """What earlier runs left to be done is done before the next one starts: bytes are written, and no server works on
    by itself."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        before = sum(server.cpu_s() for server in servers.running)
        time.sleep(REST_S if servers.running else 0)
        if sum(server.cpu_s() for server in servers.running) - before < 0.02 * REST_S:
            break
    os.sync()


# ---- wrk ----


def wrk(port, paths, token, seconds, connections, folder, accept=None):
    """One run of wrk over `paths` in turn: {"rps", "p50_us", "p99_us", "client_core"}; any answer but 2xx is an
    error."""
    listing = folder / "paths.txt"
    listing.write_text("\n".join(paths) + "\n")
    environment = {**os.environ, "BENCH_PATHS": str(listing)}
    if token:
        environment["BENCH_TOKEN"] = token
    if accept:
        environment["BENCH_ACCEPT"] = accept
    started = time.perf_counter()
    process = subprocess.Popen(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "-s",
            str(servers.HERE / "wrk.lua"),
            f"http://127.0.0.1:{port}",
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    lines = [line for line in output.splitlines() if line.startswith("BENCH ")]
    if not lines:
        raise RuntimeError(f"wrk failed:\n{output}")
    result = json.loads(lines[0][6:])
    if result["errors"]:
        raise RuntimeError(f"{result['errors']} of {result['requests']} requests failed:\n{output}")
    result["rps"] = result["requests"] / (result["us"] / 1e6)
    result["client_core"] = (used.ru_utime + used.ru_stime) / (time.perf_counter() - started)
    return result


# ---- large bodies ----


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=300)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_answer(s):
    """(status, head, body) of one answer with Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        if not more:
            raise RuntimeError(f"the connection closed early: {data[:200]!r}")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += s.recv(65536)
    return int(head.split()[1]), head, body


def send_block(s, size, first=b""):
    """`first`, then random bytes, `size` in all. A server that refuses early is heard by read_answer."""
    try:
        s.sendall(first)
        left = size - len(first)
        while left > 0:
            s.sendall(BLOCK if left >= len(BLOCK) else memoryview(BLOCK)[:left])
            left -= len(BLOCK)
    except (BrokenPipeError, ConnectionResetError):
        pass


def multipart(token, size):
    """Head and tail of one POST /upload/single whose file has `size` bytes."""
    mark = "bench" + uuid.uuid4().hex
    before = (f"--{mark}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{mark}.bin\"\r\n"
              "Content-Type: application/octet-stream\r\n\r\n").encode()
    after = f"\r\n--{mark}--\r\n".encode()
    head = (f"POST /api/v1/upload/single HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: multipart/form-data; boundary={mark}\r\n"
            f"Content-Length: {len(before) + size + len(after)}\r\n\r\n").encode()
    return head + before, after


def upload_on(s, token, size):
    before, after = multipart(token, size)
    s.sendall(before)
    send_block(s, size, uuid.uuid4().bytes)  # no two files alike: equal ones would be stored once
    try:
        s.sendall(after)
    except (BrokenPipeError, ConnectionResetError):
        pass
    status, _, body = read_answer(s)
    if status != 201:
        raise RuntimeError(f"upload answered {status}: {body[:500]!r}")
    return json.loads(body)


def upload(port, token, size):
    """One file in one multipart request: (seconds, image file)."""
    started = time.perf_counter()
    with connect(port) as s:
        answer = upload_on(s, token, size)
    return time.perf_counter() - started, answer


def put(port, path, size):
    """The same bytes by WebDAV PUT: seconds."""
    started = time.perf_counter()
    with connect(port) as s:
        put_on(s, path, size)
    return time.perf_counter() - started


def put_on(s, path, size):
    s.sendall(f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n".encode())
    send_block(s, size, uuid.uuid4().bytes)
    status, _, body = read_answer(s)
    if status not in (201, 204):
        raise RuntimeError(f"PUT answered {status}: {body[:500]!r}")


def download(port, path, token, size, times):
    """Seconds for `times` downloads on one connection; the bytes are read and thrown away."""
    buffer = bytearray(1 << 20)
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}\r\n".encode()
    started = time.perf_counter()
    with connect(port) as s:
        for _ in range(times):
            s.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data:
                data += s.recv(4096)
            head, _, rest = data.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"download answered {head[:200]!r}")
            left = size - len(rest)
            while left > 0:
                got = s.recv_into(buffer, min(left, len(buffer)))
                if not got:
                    raise RuntimeError("the download ended early")
                left -= got
    return time.perf_counter() - started


def many_clients(port, clients, seconds, one):
    """`clients` threads, each calling one(socket) on its own connection until `seconds` are over: (calls, seconds)."""
    done, failures = [0] * clients, []
    stop_at = time.perf_counter() + seconds

    def run(i):
        try:
            with connect(port) as s:
                while time.perf_counter() < stop_at:
                    one(s)
                    done[i] += 1
        except Exception as failure:
            failures.append(failure)

    started = time.perf_counter()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(done), time.perf_counter() - started


def idle_connections(port, count):
    """`count` connections that have asked once and now ask nothing."""
    sockets = []
    for _ in range(count):
        s = connect(port)
        s.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        sockets.append(s)
    for s in sockets:
        read_answer(s)
    return sockets


def still_open(sockets):
    open_ = 0
    for s in sockets:
        s.setblocking(False)
        try:
            open_ += bool(s.recv(1))
        except BlockingIOError:
            open_ += 1
        except OSError:
            pass
    return open_
