"""Starting and stopping what is measured. Everything listens on the loopback address and runs on core SERVER_CORE, or
on all of them."""

import http.client
import json
import os
import pwd
import shlex
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
from pathlib import Path

SERVER_CORE, CLIENT_CORE = 0, 1
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


running = []  # servers


class Server:
    """A process on the server's core (or `core=None`: on all); `with` stops it."""

    def __init__(
        self, name, command, folder, probe, environment=None, port=None, around=(), core=SERVER_CORE, limit_s=30
    ):
        self.name, self.port, self.folder, self.around = name, port, folder, around
        folder.mkdir(parents=True, exist_ok=True)
        self.output = open(folder / f"{name}.out", "ab")
        self.started_at = time.perf_counter()
        self.process = subprocess.Popen(
            [*around, "taskset", "-c", f"0-{os.cpu_count() - 1}" if core is None else str(core), *command],
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
        )
        self.ready_s = self.wait(probe, limit_s)
        running.append(self)

    def wait(self, probe, limit_s):
        """Seconds from the start of the process until `probe` is answered with a 2xx."""
        request = f"GET {probe} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        while time.perf_counter() - self.started_at < limit_s:
            if self.process.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                    s.sendall(request)
                    if s.recv(4096).startswith(b"HTTP/1.1 2"):
                        return time.perf_counter() - self.started_at
            except OSError:
                pass
            time.sleep(0.0005)
        self.stop()
        tail = (self.folder / f"{self.name}.out").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self.name} did not answer {probe}:\n{tail}")

    def stop(self):
        if self in running:
            running.remove(self)
        if self.process.poll() is None:
            # strace, when it is around, passes no signal on.
            os.kill(children(self.process.pid)[0] if self.around else self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def cpu_s(self):
        """Processor time so far, of the process and those it started: nginx' worker, our decoders."""
        total = 0
        for pid in descendants(self.process.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def memory_mib(self):
        """What /proc says of memory, in MiB: VmRSS, VmHWM, RssAnon, RssFile ..."""
        out = {}
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if value.endswith(" kB"):
                out[name] = int(value.split()[0]) / 1024
        return out


def children(pid):
    """Of any of its threads."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:  # that thread has ended
            pass
    return found


def descendants(pid):
    """A process, its children and theirs."""
    return [pid, *(found for child in children(pid) for found in descendants(child))]


def roentgen(binary, folder, database, info, around=(), core=SERVER_CORE, settings=None, limit_s=30):
    """`database` is used in place: hand over a copy. `settings`: more of the environment."""
    port = free_port()
    environment = {
        "DATABASE_URL": f"sqlite:///{database}",
        "STORAGE_URL": f"file://{folder}/storage",
        "SECRET_KEY": info["secret"],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "IO_THREADS": "1",
        "RATE_LIMIT": "off",
        "ACCESS_TOKEN_LIFETIME": "24h",
        "ALLOW_OTHER": "true",
        "LOG_LEVEL": "info",
        "LOG_FILE": str(folder / "access.log"),
        **(settings or {}),
    }
    return Server("roentgen", [binary, "serve"], folder, "/health/live", environment, port, around, core, limit_s)


def body_location(path, size):
    """nginx takes parameters of 4 kB at most, so that a long body is put together from variables."""
    piece = 2000
    sets = f'set $piece "{"x" * piece}";' if size >= piece else ""
    body = "${piece}" * (size // piece) + "x" * (size % piece)
    return f'        location {path} {{ {sets} return 200 "{body}"; }}\n'


def nginx(folder, bodies):
    """`bodies`: path prefix -> size of the constant body answered under it."""
    for name in ("files", "dav", "body"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    port = free_port()
    template = string.Template((HERE / "nginx.conf.in").read_text())
    locations = "".join(body_location(path, size) for path, size in {"/up": 2, **bodies}.items())
    conf = folder / "nginx.conf"
    conf.write_text(
        template.substitute(folder=folder, port=port, bodies=locations, user=pwd.getpwuid(os.getuid()).pw_name)
    )
    return Server("nginx", ["nginx", "-e", str(folder / "error.log"), "-c", str(conf)], folder, "/up", port=port)


def fastapi(python, folder, database, info):
    port = free_port()
    environment = {"DATABASE_URL": f"sqlite:///{database}", "SECRET_KEY": info["secret"]}
    command = [
        str(python),
        "-m",
        "uvicorn",
        "app:app",
        "--app-dir",
        str(HERE / "peers" / "fastapi"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
    ]
    return Server("fastapi", command, folder, "/health/live", environment, port)


def compiler():
    return shlex.split(os.environ.get("CC", "cc"))


def floor(folder, size):
    """The floor program for one size of body, compiled here."""
    program = folder / "constant"
    folder.mkdir(parents=True, exist_ok=True)
    if not program.exists():
        source = HERE / "floor" / "constant.c"
        subprocess.run([*compiler(), "-O2", "-o", program, source, "-lmicrohttpd"], check=True)
    port = free_port()
    return Server("constant", [str(program), str(port), str(size)], folder, "/", port=port)


def compiled(source, folder, *libraries):
    """The program of one C file, compiled here."""
    program = folder / Path(source).stem
    folder.mkdir(parents=True, exist_ok=True)
    if not program.exists():
        subprocess.run([*compiler(), "-O2", "-o", program, HERE / source, "-lpthread", *libraries], check=True)
    return program


def compiled_with_ours(source, folder, build):
    """The same with the reader and the decoders of the release build."""
    layers = [build / "src" / layer / f"lib{layer}.a" for layer in ("dicom", "base")]
    return compiled(source, folder, "-D_GNU_SOURCE", "-I", build / "layers" / "dicom", *layers,
                    "-lz", "-ljpeg", "-lopenjp2", "-lcrypto", "-lcrypt", "-lm")


def ingest_floor(folder, mode):
    """floor/ingest.c on all cores; says on stopping how many fsyncs it made."""
    program = compiled("floor/ingest.c", folder, "-lcrypto")
    files, port = folder / mode, free_port()
    files.mkdir(exist_ok=True)
    return Server(f"floor-{mode}", [program, str(port), files, mode], folder, "/", port=port, core=None)


def orthanc(folder, core=None):
    """Debian's Orthanc with an empty store and index; files are synced, as ours are, and the index as Orthanc does
    it."""
    port, data = free_port(), folder / "orthanc"
    data.mkdir(parents=True)
    settings = {
        "Name": "bench",
        "StorageDirectory": str(data),
        "IndexDirectory": str(data),
        "StorageCompression": False,
        "SyncStorageArea": True,
        "HttpPort": port,
        "HttpThreadsCount": 50,
        "KeepAlive": True,
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    return Server("orthanc", ["Orthanc", folder / "orthanc.json"], folder, "/system", port=port, core=core)


def peer_python(say):
    """The interpreter of .venv-bench with the pinned requirements of all Python peers; made or renewed when needed."""
    venv, files = ROOT / ".venv-bench", sorted((HERE / "peers").glob("*/requirements.txt"))
    stamp, wanted = venv / "requirements.txt", "".join(f.read_text() for f in files)
    if not stamp.exists() or stamp.read_text() != wanted:
        say("installing the Python peers into .venv-bench ...")
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run(
            [
                venv / "bin" / "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary=:all:",
                *(part for f in files for part in ("-r", f)),
            ],
            check=True,
        )
        stamp.write_text(wanted)
    return venv / "bin" / "python"


def call(port, method, path, token=None, body=None, content_type="application/json", headers=None):
    """One request; (status, headers, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {**(headers or {}), **({"Content-Type": content_type} if body is not None else {})}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), data
