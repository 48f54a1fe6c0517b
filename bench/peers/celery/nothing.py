"""A task that does nothing, for Celery's own worker: acknowledged after it has run, its result kept nowhere."""

import os

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_send_task_events=False)


@app.task(name="bench.nothing")
def nothing():
    pass
