"""A film in, what the shipped model says of it out: the peer of `script/bench diagnosis`.

It keeps nothing, knows nobody and draws nothing: bytes of a JPEG come with the request, the probability goes back. The
film becomes what training gave (models/chest-pneumonia/preprocess.py) by the same two products of matrices, in single
precision and with the shares of each size kept, which is several times as fast as the reference; it equals that to 1e-4
(`check` below, at start). Pillow's own BOX is no average over areas: it takes a pixel whole or not at all."""

import functools
import io
import os
import sys
from pathlib import Path

import numpy
import onnxruntime
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image

MODEL = Path(os.environ["BENCH_MODEL"])
sys.path.insert(0, str(MODEL.parent))
import preprocess  # noqa: E402

SIDE = 224

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1  # a worker for each core
session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
outputs = [output.name for output in session.get_outputs()]
app = FastAPI()


@functools.lru_cache(maxsize=64)
def shares(inside):
    return preprocess.shares(inside, SIDE).astype(numpy.float32)


def prepared(content):
    film = numpy.asarray(Image.open(io.BytesIO(content)).convert("L"), numpy.float32)
    if film.shape != (SIDE, SIDE):
        film = shares(film.shape[0]) @ film @ shares(film.shape[1]).T
    return (film / 255)[None, None]


def check():
    values = numpy.random.default_rng(1).integers(0, 256, (700, 500)).astype(numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    worst = abs(prepared(file.getvalue()) - preprocess.tensor(values)).max()
    if worst > 1e-4:
        raise RuntimeError(f"the peer prepares films differently from training, by {worst}")


def diagnosed(content):
    said = dict(zip(outputs, session.run(None, {"film": prepared(content)})))
    return {"probability": float(said["probability"].ravel()[0]), "frontal": float(said["frontal"].ravel()[0])}


@app.get("/up")
def up():
    return {}


@app.post("/diagnose")
async def diagnose(request: Request):
    return await run_in_threadpool(diagnosed, await request.body())


check()
