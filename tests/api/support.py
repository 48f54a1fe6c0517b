"""A server of one's own, clients that talk to it, and files to send: what all API tests share."""

import atexit
import base64
import contextlib
import hashlib
import io
import itertools
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import tempfile
import time
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
EXPECTED = json.loads((DATA / "EXPECTED.json").read_text())["files"]  # what independent tools read from each sample
BINARY = str(Path(os.environ.get("ROENTGEN_BINARY", ROOT / "build" / "roentgen")).resolve())
TEST_DATABASE = os.environ.get("ROENTGEN_TEST_DATABASE", "sqlite")
ON_SQLITE = TEST_DATABASE == "sqlite"
SLOW = float(os.environ.get("ROENTGEN_TEST_SLOWNESS", "1"))  # how much longer work takes: sanitizers, valgrind
PATIENCE = 120 * SLOW  # seconds after which something hangs. No test waits for it to pass, none needs it to be short
PASSWORD = "brave-otter-9174"
V1 = "/api/v1"
_numbers = itertools.count(1)
_TLS = ssl.create_default_context()  # nobody asks for it; made for each client it takes more time than most requests


def unique(prefix="x"):
    """A name that no other test uses."""
    return f"{prefix}{os.getpid():x}{next(_numbers):x}{uuid.uuid4().hex[:6]}"


def wait_until(check, what="the condition"):
    """Polls until check() is truthy and gives its value."""
    end = time.monotonic() + PATIENCE
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {PATIENCE:.0f} s"
        time.sleep(0.02)


def after_restoring(check):
    """What check() gives or asserts of rows that were deleted and restored. InnoDB may pass over such a row for a
    moment: an index of a virtual column, beside its purge."""
    end = time.monotonic() + PATIENCE
    while not ON_SQLITE and time.monotonic() < end:
        try:
            return check()
        except AssertionError:
            time.sleep(0.02)
    return check()


def comes_to(wanted, look):
    """That look() gives this, after rows were deleted, restored, or put in another's place."""

    def check():
        assert look() == wanted

    after_restoring(check)


# ---- databases ----


class SqliteFile:
    def __init__(self, folder):
        self.path = folder / "roentgen.db"
        self.url = f"sqlite:///{self.path}"

    def rows(self, sql):
        connection = sqlite3.connect(self.path, timeout=PATIENCE)
        try:
            with connection:
                return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def copy(self):
        """All of it, for `fill`; nobody has it open."""
        assert not Path(f"{self.path}-wal").exists()
        return self.path.read_bytes()

    def fill(self, copy):
        self.path.write_bytes(copy)
        self.path.chmod(0o600)

    def drop(self):
        pass


class MariadbDatabase:
    """A database of its own on the server that ROENTGEN_TEST_DATABASE names, made and dropped with the mariadb
    client."""

    def __init__(self, folder):
        parts = urlsplit(TEST_DATABASE)
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.name = f"{parts.path.strip('/')}_{worker}_{unique('d')}"
        self.socket = parse_qs(parts.query).get("socket", [None])[0]
        self.command = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]
        for option, value in (
            ("user", parts.username),
            ("password", parts.password),
            ("host", parts.hostname),
            ("port", parts.port),
            ("socket", self.socket),
        ):
            if value:
                self.command.append(f"--{option}={unquote(str(value))}")
        self.url = parts._replace(path="/" + self.name).geturl()
        self._run(f"create database {self.name} character set utf8mb4")

    def _run(self, sql, *more):
        done = subprocess.run(
            [*self.command, *more], input=sql.encode(), capture_output=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def rows(self, sql):
        lines = self._run(sql, self.name).splitlines()
        return [
            tuple(int(v) if re.fullmatch(r"-?\d+", v) else None if v == "NULL" else v for v in line.split("\t"))
            for line in lines
        ]

    def copy(self):
        """All of it, for `fill`, as SQL: loading it costs a fraction of the migrations."""
        options = [o for o in self.command[1:] if "column-names" not in o and o != "--batch"]
        dump = ["mariadb-dump", *options, "--skip-add-locks", "--skip-disable-keys", "--skip-comments"]
        done = subprocess.run([*dump, self.name], capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def fill(self, copy):
        self._run(copy, self.name)

    def drop(self):
        self._run(f"drop database if exists {self.name}")


def new_database(folder):
    return SqliteFile(folder) if ON_SQLITE else MariadbDatabase(folder)


# ---- the server ----


_running = set()  # servers' processes


@atexit.register
def _end_leftovers():
    for process in _running:
        if process.poll() is None:
            process.kill()


def is_boxed(pid, command):
    """Not one that is still the server's own copy (whoever starts it waits for it to become a program), nor a dead
    one."""
    with contextlib.suppress(OSError):
        return b"\0%s\0" % command in Path(f"/proc/{pid}/cmdline").read_bytes()  # empty of the dead
    return False


def is_decoder(pid):
    return is_boxed(pid, b"decoder")


def boxed(server, command):
    """Ids of the server's processes that run this command of the binary."""
    found = []
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # threads and processes end when they like
            found += [int(pid) for pid in (task / "children").read_text().split() if is_boxed(pid, command)]
    return found


def decoders(server):
    """Process ids of the server's decoders."""
    return boxed(server, b"decoder")


def models(server):
    """Process ids of the models that the server runs."""
    return boxed(server, b"model")


def end_decoders(server, number=signal.SIGKILL):
    """Sends it to each, and waits until those are gone: how many there were."""
    pids = decoders(server)
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)  # those that were stopped hear of nothing else
    wait_until(lambda: not any(map(is_decoder, pids)), "the end of the decoders")
    return len(pids)


class Server:
    """The real binary in a folder of its own. Settings are given by name; None takes one away.

    What the server gives up after some time it gives up after a very long one here: a test that is about that says so,
    and no other one meets it where the machine has too much to do.
    """

    def __init__(self, folder, **settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = new_database(self.folder)
        self.files = self.folder / "files"
        self.log_path = self.folder / "server.log"
        self.settings = {
            "DATABASE_URL": self.database.url,
            "STORAGE_URL": f"file://{self.files}",
            "SECRET_KEY": "test-secret-" + uuid.uuid4().hex,
            "HOST": "127.0.0.1",
            "PORT": "0",
            "RATE_LIMIT": "off",
            "BCRYPT_COST": "4",
            "LOG_LEVEL": "info",
            "TIME_ZONE": "UTC",
            "FSCK_SCHEDULE": "never",  # it would find at night what tests damage ...
            "PURGE_SCHEDULE": "never",  # ... and this remove what they say was deleted long ago
            "DECODER_TIMEOUT": "10m",
            "HEADER_TIMEOUT": "10m",
            "IDLE_TIMEOUT": "1h",
            "SEND_TIMEOUT": "1h",
            "BODY_WINDOW": "1h",
            "STOP_GRACE": "10m",
            "ACCESS_TOKEN_LIFETIME": "12h",
            **settings,
        }
        self.process = None
        self.port = None
        self.admin_name = "chief"
        self.passwords = {}

    def environment(self):
        keep = (
            "PATH",
            "HOME",
            "LANG",
            "ASAN_OPTIONS",
            "UBSAN_OPTIONS",
            "LSAN_OPTIONS",
            "TSAN_OPTIONS",
            "LD_LIBRARY_PATH",
            "GCOV_PREFIX",
            "GCOV_PREFIX_STRIP",
            "LLVM_PROFILE_FILE",
        )
        env = {name: os.environ[name] for name in keep if name in os.environ}
        env.update({name: str(value) for name, value in self.settings.items() if value is not None})
        return env

    def run(self, *arguments, input=None, check=True, env=None):
        """Runs one command of the binary to its end."""
        done = subprocess.run(
            [BINARY, *arguments],
            input=input,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=env if env is not None else self.environment(),
            timeout=PATIENCE,
            check=False,
        )
        if check:
            assert done.returncode == 0, (
                f"roentgen {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    @contextlib.contextmanager
    def worker(self, *arguments, **settings):
        """`roentgen worker` on the same database and files, but for some settings of its own: ready when the block
        begins, until its end."""
        output = self.folder / f"worker-{uuid.uuid4()}.log"
        with open(output, "wb") as log:
            process = subprocess.Popen(
                [BINARY, "worker", *arguments],
                cwd=self.folder,
                env=self.environment() | {name: str(value) for name, value in settings.items()},
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(lambda: '"worker.ready"' in output.read_text() or process.poll() is not None, "a worker")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, output.read_text()

    made: ClassVar = {}  # databases that init has made in this process, by the settings that they show

    def init(self, copies=True):
        """A database with an administrator. The commands make the first of a kind; those after it are copies."""
        kind = self.settings["BCRYPT_COST"], self.admin_name
        if copies and kind in Server.made:
            self.database.fill(Server.made[kind])
            return self
        self.run("init-db")
        self.run(
            "create-superuser",
            "--username",
            self.admin_name,
            "--email",
            "chief@example.org",
            "--password-stdin",
            input=PASSWORD + "\n",
        )
        Server.made[kind] = self.database.copy()
        return self

    def start(self, prefix=(), preexec=None):
        with open(self.log_path, "ab") as log:
            start = log.seek(0, os.SEEK_END)
            self.process = subprocess.Popen(
                [*prefix, BINARY, "serve"],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=preexec,  # noqa: PLW1509
            )
        _running.add(self.process)
        self.port = wait_until(lambda: self._find_port(start), "a server.ready line")
        return self

    def _find_port(self, start):
        text = self._log_source(start)
        for line in reversed(text.splitlines()):
            if '"server.ready"' in line:
                found = re.search(r"https?://[^/\s\"]*:(\d+)", json.loads(line)["message"])
                return int(found.group(1))
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{text[-3000:]}"
        return None

    def _log_source(self, start=0):
        """Whole lines: the last one may be half written."""
        path = Path(self.settings.get("LOG_FILE") or self.log_path)
        text = self.log_path.read_bytes()[start:].decode(errors="replace")
        if path != self.log_path and path.exists():
            text += path.read_text(errors="replace")
        return text[: text.rfind("\n") + 1]

    @property
    def url(self):
        return f"http{'s' if self.settings.get('TLS_KEY') else ''}://127.0.0.1:{self.port}"

    def log_text(self):
        return self._log_source()

    def log_lines(self, event=None):
        lines = []
        for line in self._log_source().splitlines():
            if line.startswith("{") and line.endswith("}"):
                lines.append(json.loads(line))
        return [line for line in lines if event is None or line["event"] == event]

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        code = self.process.wait(PATIENCE)
        self._forget()
        return code

    def _forget(self):
        _running.discard(self.process)
        self.process = None

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._forget()

    def close(self):
        """Ends the server as an operator would, and looks whether it left as it should."""
        code = 0
        if self.process:
            try:
                code = self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
                code = "no answer to SIGTERM"
        self.database.drop()
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        for sign in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "Assertion"):
            assert sign not in text, text[max(0, text.find(sign) - 200) :][:6000]
        assert code == 0, f"exit status {code}\n{text[-2000:]}"

    # ---- clients ----

    def client(self, token=None, **more):
        return Api(self, token, **more)

    def sign_in(self, username, password=PASSWORD, **more):
        answer = ok(self.client().post("/auth/login", json={"username": username, "password": password}))
        api = self.client(answer["access_token"], **more)
        api.refresh_token = answer["refresh_token"]
        api.user = answer["user"]
        return api

    def admin(self):
        return self.sign_in(self.admin_name)

    def account(self, *roles, admin=None, **members):
        """A new account, signed in."""
        admin = admin or self.admin()
        name = members.pop("username", None) or unique("u")
        body = {
            "username": name,
            "email": f"{name}@example.org",
            "full_name": "张医生",
            "password": PASSWORD,
            **members,
        }
        if roles:
            body["roles"] = list(roles)
        ok(admin.post("/users", json=body), 201)
        return self.sign_in(name)


def connect(server):
    """A connection for those who write their bytes themselves."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


class Api(httpx.Client):
    """httpx.Client whose relative paths are below /api/v1."""

    def __init__(self, server, token=None, **more):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        more.setdefault("timeout", PATIENCE)
        more.setdefault("verify", _TLS)
        super().__init__(base_url=server.url, headers=headers, trust_env=False, **more)
        self.server = server
        self.token = token
        self.user = None
        self.refresh_token = None

    def request(self, method, url, **more):
        if not str(url).startswith(
            ("/api/", "http", "/health", "/metrics", "/docs", "/redoc", "/openapi", "/dicom-web", "//")
        ):
            url = V1 + url
        return super().request(method, url, **more)

    @property
    def id(self):
        return self.user["id"]

    def upload(self, content, filename="chest.png", expect=201, **details):
        """POST /upload/single; the image file, or the answer when something else than 201 is expected."""
        form = {name: str(value) for name, value in details.items()}
        answer = self.post("/upload/single", files={"file": (filename, content)}, data=form)
        return ok(answer, 201) if expect == 201 else problem(answer, expect)

    def patient(self, **members):
        body = {"patient_id": unique("P"), "name": "王小明", **members}
        return ok(self.post("/patients", json=body), 201)

    def file(self, file_id):
        return ok(self.get(f"/image-files/{file_id}"))

    def settled(self, file_id):
        """The file once its thumbnail has been made or has failed."""
        return wait_until(
            lambda: (f := self.file(file_id)) and (f["thumbnail_path"] or f["status"] == "FAILED") and f,
            "a thumbnail",
        )


# Statements of the server's own threads, which look now and then what there is to do and write audit rows behind the
# answers: nothing to count where those of a request are.
OF_THE_BACKGROUND = re.compile(
    r"audit_logs|study_renewals|search_rebuilds|trash_work|\bjobs\b|job_schedules|select j\."
    r"|events e\b|events where seq|insert into events\(|is_told"
)


def at_rest(api):
    """When every thumbnail is made that is to be made: those of DICOM begin a second after the last has come."""
    waits_for_none = re.compile(r"^roentgen_thumbnails_waiting 0$", re.MULTILINE)
    wait_until(lambda: waits_for_none.search(api.get("/metrics").text), "the end of thumbnails")


def ok(answer, status=200):
    """Asserts the status; gives the decoded body, None for an empty one."""
    assert answer.status_code == status, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:800]}"
    )
    return answer.json() if answer.content else None


def problem(answer, status):
    """Asserts an RFC 9457 problem with this status and gives it."""
    assert answer.status_code == status, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:800]}"
    )
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(body)
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def wrong_members(body):
    """The names in the errors of a 422."""
    return sorted(error["loc"][-1] for error in body["errors"])


# ---- files to send ----


def sample(name):
    return (DATA / name).read_bytes()


JPEG = "images/kermany_person101_virus_187.jpeg"
PNG = "images/nih_00027426_000.png"
TIFF = "images/stardist_img2d.tif"
CT = "dicom/CT_small.dcm"


def _png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width=8, height=8, note=None, rows=None):
    """A grey PNG that no other call makes, unless `note` says the same."""
    note = note if note is not None else unique("n")
    rows = (
        rows
        if rows is not None
        else b"".join(b"\0" + bytes((x * 7 + y) % 256 for x in range(width)) for y in range(height))
    )
    return (
        b"\x89PNG\r\n\x1a\n"
        + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _png_chunk(b"tEXt", b"Comment\0" + note.encode())
        + _png_chunk(b"IDAT", zlib.compress(rows))
        + _png_chunk(b"IEND", b"")
    )


def png_bomb(width, height):
    """Claims (and holds) width x height pixels in a few kilobytes."""
    deflate = zlib.compressobj(9)
    row = b"\0" * (width + 1)
    packed = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _png_chunk(b"IDAT", packed)
        + _png_chunk(b"IEND", b"")
    )


def zipped(entries, compression=zipfile.ZIP_DEFLATED):
    """entries: (name, bytes) pairs, names as they are."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
    return out.getvalue()


def md5(content):
    return hashlib.md5(content).hexdigest()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def md5_base64(content):
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def sha256_base64(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def multipart(parts, boundary="----boundary42"):
    """A multipart body byte for byte as wanted: parts are (headers, content)."""
    body = b""
    for headers, content in parts:
        body += b"--" + boundary.encode() + b"\r\n" + headers + b"\r\n\r\n" + content + b"\r\n"
    return body + b"--" + boundary.encode() + b"--\r\n", {"Content-Type": f"multipart/form-data; boundary={boundary}"}


# ---- DICOM files to send: explicit VR little endian ----


def element(tag, vr, value):
    value = value if isinstance(value, bytes) else str(value).encode()
    value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    long = vr in ("OB", "OW", "SQ", "UN", "UT")
    return head + (struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))) + value


def uid():
    return "2.25." + str(int(unique("").encode().hex(), 16))[:36]


def dicom(preamble=b"\0" * 128, pixels=b"\1\2\3\4", **values):
    """A small picture. Values by keyword; None leaves the element out."""
    rows = {
        "SpecificCharacterSet": (0x00080005, "CS", "ISO_IR 192"),
        "SOPClassUID": (0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"),
        "SOPInstanceUID": (0x00080018, "UI", uid()),
        "StudyDate": (0x00080020, "DA", "20240229"),
        "StudyTime": (0x00080030, "TM", "134510"),
        "AccessionNumber": (0x00080050, "SH", None),
        "Modality": (0x00080060, "CS", "OT"),
        "Manufacturer": (0x00080070, "LO", None),
        "InstitutionName": (0x00080080, "LO", None),
        "ReferringPhysicianName": (0x00080090, "PN", None),
        "StudyDescription": (0x00081030, "LO", "chest"),
        "SeriesDescription": (0x0008103E, "LO", None),
        "PatientName": (0x00100010, "PN", "Wang^XiaoDong=王^小东"),
        "PatientID": (0x00100020, "LO", unique("D")),
        "IssuerOfPatientID": (0x00100021, "LO", None),
        "PatientBirthDate": (0x00100030, "DA", "19700131"),
        "PatientSex": (0x00100040, "CS", "M"),
        "BodyPartExamined": (0x00180015, "CS", None),
        "ProtocolName": (0x00181030, "LO", None),
        "ImagerPixelSpacing": (0x00181164, "DS", None),
        "StudyInstanceUID": (0x0020000D, "UI", uid()),
        "SeriesInstanceUID": (0x0020000E, "UI", uid()),
        "StudyID": (0x00200010, "SH", None),
        "SeriesNumber": (0x00200011, "IS", "1"),
        "InstanceNumber": (0x00200013, "IS", "1"),
        "Laterality": (0x00200060, "CS", None),
        "SamplesPerPixel": (0x00280002, "US", struct.pack("<H", 1)),
        "PhotometricInterpretation": (0x00280004, "CS", "MONOCHROME2"),
        "Rows": (0x00280010, "US", struct.pack("<H", 2)),
        "Columns": (0x00280011, "US", struct.pack("<H", 2)),
        "BitsAllocated": (0x00280100, "US", struct.pack("<H", 8)),
        "BitsStored": (0x00280101, "US", struct.pack("<H", 8)),
        "HighBit": (0x00280102, "US", struct.pack("<H", 7)),
        "PixelRepresentation": (0x00280103, "US", struct.pack("<H", 0)),
    }
    body = b""
    for keyword, (tag, vr, value) in rows.items():
        value = values.pop(keyword, value)
        if value is not None:
            body += element(tag, vr, value)
    assert not values, values
    meta = element(0x00020010, "UI", "1.2.840.10008.1.2.1")
    meta = element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta
    return preamble + b"DICM" + meta + body + element(0x7FE00010, "OB", pixels)


# ---- what lies in the store ----


def files_below(folder):
    """All of them, though folders may go meanwhile."""
    return {Path(place) / name for place, _, names in os.walk(folder) for name in names}


def stored(server):
    """Files in the store, but those that come by themselves."""
    return sorted(str(p.relative_to(server.files)) for p in files_below(server.files) if is_of_the_store(p))


def nothing_new(server, before):
    wait_until(lambda: set(stored(server)) <= set(before), what="nothing left behind")


def is_of_the_store(path):
    """A file that a row may name; not what can be made again, nor the journal, nor the store's own mark."""
    text = str(path)
    return path.name != "installation" and not any(
        part in text for part in ("/thumbnails/", "/rendered/", "/tmp/journal+")
    )


def own_mounts():
    """The command that starts another with mounts of its own, as root or as a user namespace allows; None when neither
    works."""
    for command in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        with tempfile.TemporaryDirectory() as folder:
            if (
                subprocess.run(
                    [*command, "mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False
                ).returncode
                == 0
            ):
                return command
    return None
