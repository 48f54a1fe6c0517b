"""Two hundred questions, and workers and the server killed at random while they are answered: each result once, none
lost, none twice."""

import collections
import os
import random
import signal
import subprocess
import time

import pytest
from support import BINARY, Server, ok, wait_until
from test_diagnosis import GOLDEN, ask, bring, film, upload

SEED = int(os.environ.get("ROENTGEN_KILL_SEED") or random.randrange(1 << 32))
QUESTIONS, KILLS = 200, 12
NAMES = [name for name, told in GOLDEN["films"].items() if not told.get("refused")][:10]


class Workers:
    """The server, and two workers beside it; each may be killed and comes again."""

    def __init__(self, server):
        self.server, self.at = server, []
        server.settings["WORKER_CONCURRENCY"] = "1"
        server.kill()
        server.start()
        self.at = [self.begin() for _ in range(2)]

    def begin(self):
        return subprocess.Popen([BINARY, "worker"], cwd=self.server.folder, env=self.server.environment(),
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self, number):
        if number == len(self.at):
            self.server.kill()
            self.server.start()
            return
        self.at[number].kill()
        self.at[number].wait()
        self.at[number] = self.begin()

    def close(self):
        for worker in self.at:
            worker.send_signal(signal.SIGTERM)
        for worker in self.at:
            worker.wait()


@pytest.fixture
def house(tmp_path):
    server = Server(tmp_path, MODEL_PROCESSES="1", WORKER_CONCURRENCY="0")
    server.init().start()
    yield server
    server.close()


def test_whoever_is_killed_each_question_is_answered_once(house):
    print(f"ROENTGEN_KILL_SEED={SEED}")
    rng = random.Random(SEED)
    chief = house.admin()
    model = bring(chief)
    ok(chief.post(f"/diagnosis/models/{model['id']}/activate"))
    files = {name: upload(chief, film(name)) for name in NAMES}
    asked = {}
    for n in range(QUESTIONS):
        name = NAMES[n % len(NAMES)]
        asked[ask(chief, files[name], force=True)["id"]] = name

    def done():
        return house.database.rows("select count(*) from diagnoses where status = 'COMPLETED'")[0][0]

    workers = Workers(house)
    try:
        for kill in range(KILLS):
            enough = min(done() + rng.randrange(QUESTIONS // KILLS), QUESTIONS)
            wait_until(lambda least=enough: done() >= least, what="progress")
            time.sleep(rng.uniform(0, 0.02))  # a kill may come between any two steps
            workers.kill(rng.randrange(3))
        wait_until(lambda: done() == QUESTIONS, what="all answers")
    finally:
        workers.close()
    chief = house.admin()
    for number, name in asked.items():
        [finding] = ok(chief.get(f"/diagnosis/{number}"))["findings"]
        assert abs(finding["probability"] - GOLDEN["films"][name]["probability"]["onnxruntime"]) < 1e-4
    # Each write of a result counts it once and tells of it once.
    for table in ("diagnosis_figures", "events where state = 'COMPLETED' and diagnosis_id is not null"):
        found = collections.Counter(number for (number,) in house.database.rows(f"select diagnosis_id from {table}"))
        assert found == dict.fromkeys(asked, 1), table
    died = house.database.rows("select count(*) from jobs where kind = 'diagnosis.run' and attempt > 1")[0][0]
    print(f"{KILLS} kills, {died} jobs were begun more than once")
