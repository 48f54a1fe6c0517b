"""script/bench events: what a connection that listens costs, and how soon a thousand have heard of an upload."""

import select
import socket
import statistics
import sys
import time
from pathlib import Path

import load


def say(text):
    print(text, file=sys.stderr, flush=True)


def memory_kb(server):
    """Of the server alone; what the kernel keeps for sockets is not in it."""
    out = {}
    for line in Path(f"/proc/{server.process.pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            out[name] = int(value.split()[0])
    return out


class Listeners:
    """Connections to GET /events, all looked at by one thread."""

    def __init__(self, server, token, count):
        request = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        self.epoll, self.sockets = select.epoll(), {}
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", server.port), 30)
            s.sendall(request)
            if not s.recv(16).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("a listener was refused")
            s.setblocking(False)
            self.epoll.register(s, select.EPOLLIN)
            self.sockets[s.fileno()] = s

    def quiet(self, seconds):
        """Takes what comes until nothing has for so long."""
        while ready := self.epoll.poll(seconds):
            for fd, _ in ready:
                self.sockets[fd].recv(65536)

    def hear(self, word):
        """When the first and the last of them have heard it."""
        first, left = None, set(self.sockets)
        while left:
            for fd, _ in self.epoll.poll(30):
                if word in self.sockets[fd].recv(65536) and fd in left:
                    left.remove(fd)
                    first = first or time.perf_counter()
        return first, time.perf_counter()

    def close(self):
        for s in self.sockets.values():
            s.close()


def upload(server, token, size=1000):
    """One file; its answer is left unread, so that nobody waits for it."""
    before, after = load.multipart(token, size)
    s = load.connect(server.port)
    s.sendall(before + b"x" * size + after)
    return s


def listening(bench):
    count, rounds = 1000, 10 if bench.quick else 50
    say(f"  {count:,} listeners")
    settings = {"EVENT_LISTENERS": "2000", "EVENT_LISTENERS_PER_ACCOUNT": "2000", "EVENT_HEARTBEAT": "1h"}
    with bench.roentgen("events", 10_000, settings=settings) as server:
        token = bench.login(server)
        few = Listeners(server, token, 50)  # what a first listener needs, and threads that wake up, are not theirs
        load.upload(server.port, token, 1000)
        few.quiet(1)
        before = memory_kb(server)
        heard = Listeners(server, token, count)
        load.upload(server.port, token, 1000)
        heard.quiet(1)
        after = memory_kb(server)
        each = {name: (after[name] - before[name]) / count for name in ("Pss", "Private_Dirty")}
        few.close()
        took, spread = [], []
        for _ in range(rounds):
            heard.quiet(0.2)
            began = time.perf_counter()
            answer = upload(server, token)
            first, last = heard.hear(b"file.stored")
            took.append(1000 * (last - began))
            spread.append(1000 * (last - first))
            answer.close()
        heard.close()
    bench.add(
        f"memory of a connection that listens, {count:,} of them (Pss)",
        f"{each['Pss']:.1f} kB",
        f"Private_Dirty {each['Private_Dirty']:.1f} kB",
        wanted="< 20 kB",
        holds=each["Pss"] < 20,
    )
    bench.add(
        f"from sending an upload until the last of {count:,} has heard of it, p50",
        f"{statistics.median(took):.1f} ms",
        f"from the first to the last {statistics.median(spread):.1f} ms; at most {max(took):.1f} ms",
        wanted="< 50 ms",
        holds=statistics.median(took) < 50,
    )


PARTS = {"listening": listening}
