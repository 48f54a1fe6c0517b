"""The other side: a Redis of one's own, and an unmodified Celery with tasks for `roentgen.NAME`.

As a program (`python celery_side.py worker …`) it is Celery's command with the app of CELERY_URL."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

ROOT = Path(__file__).resolve().parents[2]
URL = os.environ.get("CELERY_URL", "redis://nowhere")


def manual(path, program="# echo.py"):
    """A program of the manual: the one that serves a task, or asks for one."""
    blocks = [block.split("```")[0] for block in (ROOT / path).read_text().split("```python\n")[1:]]
    return next(block for block in blocks if block.startswith(program))


its = {}
exec(manual("docs/jobs.md").replace("redis://localhost:6379/0", URL), its)
app = its["app"]
options = {"visibility_timeout": int(os.environ.get("CELERY_VISIBILITY", "3600"))}
if os.environ.get("CELERY_PREFIX"):
    options["global_keyprefix"] = os.environ["CELERY_PREFIX"]
app.conf.update(
    broker_transport_options=options,
    result_backend_transport_options=options,
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_enable_remote_control=True,
)


@app.task(name="roentgen.ai.mirror")
def mirror(**what):
    return what


@app.task(name="roentgen.ai.refuse")
def refuse(**what):
    raise ValueError("nothing of the kind", 7)


@app.task(name="roentgen.ai.again", bind=True, max_retries=1)
def again(self, **what):
    if not self.request.retries:
        raise self.retry(countdown=0.1, exc=RuntimeError("busy"))
    return {"retries": self.request.retries}


@app.task(name="roentgen.ai.slow")
def slow(**what):
    Path(what["begun"]).touch()
    while not Path(what["until"]).exists():
        time.sleep(0.02)
    return "done"


@app.task(name="roentgen.ai.colours")
def colours(**what):
    """Words as a library writes them for a terminal, of a file whose name is not UTF-8, with numbers of any size."""
    if what.get("returned"):
        return {"number": 12345678901234567890123}
    raise ValueError("\x1b[31mno such file\x1b[0m: a\x00b \udce9", 12345678901234567890123, float("nan"))


@app.task(name="roentgen.ai.large")
def large(**what):
    return "x" * what["bytes"]


class Redis:
    """A server with a socket of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="redis")  # short: paths of sockets are
        self.socket = f"{self.folder.name}/s"
        self.url = f"redis+unix://{self.socket}"
        self.celery_url = f"redis+socket://{self.socket}"
        self.client = redis.Redis(unix_socket_path=self.socket, decode_responses=True)
        self.process = None
        self.start()

    def start(self):
        options = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        while True:
            with contextlib.suppress(redis.exceptions.ConnectionError):
                if self.client.ping():
                    return
            assert self.process.poll() is None

    def stop(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.stop()
        self.client.close()
        self.folder.cleanup()


class Worker:
    """Celery's own, of this program's tasks."""

    def __init__(self, url, *arguments, folder, **environment):
        env = {**os.environ, "CELERY_URL": url, **environment}
        self.log = Path(folder) / "celery.log"
        command = [sys.executable, __file__, "worker", "--loglevel", "INFO", *arguments]
        with open(self.log, "ab") as log:
            self.from_byte = log.tell()
            self.process = subprocess.Popen(
                command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return b" ready." in self.log.read_bytes()[self.from_byte :]

    def kill(self):
        """It and its children, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()


if __name__ == "__main__":
    app.start(sys.argv[1:])
