"""The other side: servers of PyPI that speak the Open Inference Protocol, with the model in the box as their own.

As a program (`python inference_side.py mlserver|kserve PORT`) it is the server, run by a Python that has it; MLServer
takes `Chest` from here. Both run the file with ONNX Runtime, and neither knows anything of us."""

import asyncio
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "chest-pneumonia" / "model.onnx"
NAME, BROKEN, VERSION = "chest", "broken", "3"  # the second fails whatever it is asked
TYPES = {"tensor(float)": "FP32"}


def session():
    import onnxruntime

    return onnxruntime.InferenceSession(str(MODEL))


def faces(puts):
    return [
        {"name": one.name, "datatype": TYPES[one.type], "shape": [n if isinstance(n, int) else -1 for n in one.shape]}
        for one in puts
    ]


def fail(name):
    if name == BROKEN:
        raise ValueError("the graphics card is gone")


def run_mlserver(port):
    from mlserver import MLServer, ModelSettings, Settings

    async def serve():
        made = session()
        about = {"implementation": "inference_side.Chest", "platform": "onnxruntime_onnx"}
        about |= {"versions": [VERSION], "parameters": {"version": VERSION}}
        about |= {"inputs": faces(made.get_inputs()), "outputs": faces(made.get_outputs())}
        settings = Settings(
            host="127.0.0.1", http_port=port, grpc_port=free_port(), parallel_workers=0, metrics_endpoint=None
        )
        models = [ModelSettings.model_validate({"name": name, **about}) for name in (NAME, BROKEN)]
        await MLServer(settings).start(models)

    asyncio.run(serve())


if find_spec("mlserver"):
    from mlserver import MLModel
    from mlserver.codecs import NumpyCodec
    from mlserver.types import InferenceResponse

    class Chest(MLModel):
        async def load(self):
            self.session = session()
            return True

        async def predict(self, payload):
            fail(self.name)
            given = {one.name: NumpyCodec.decode_input(one) for one in payload.inputs}
            names = [one.name for one in self.session.get_outputs()]
            outputs = [NumpyCodec.encode_output(n, v) for n, v in zip(names, self.session.run(names, given))]
            return InferenceResponse(
                model_name=self.name, model_version=self.version, id=payload.id, outputs=outputs
            )


def run_kserve(port):
    from kserve import InferOutput, InferResponse, Model, ModelServer

    class Chest(Model):
        def __init__(self, name):
            super().__init__(name)
            self.session = session()
            self.ready = True

        async def get_input_types(self):
            return faces(self.session.get_inputs())

        async def get_output_types(self):
            return faces(self.session.get_outputs())

        async def predict(self, payload, headers=None, response_headers=None):
            fail(self.name)
            names = [one.name for one in self.session.get_outputs()]
            values = self.session.run(names, {one.name: one.as_numpy() for one in payload.inputs})
            outputs = []
            for name, value in zip(names, values):
                one = InferOutput(name, list(value.shape), "FP32")
                one.set_data_from_numpy(value, binary_data=bool(payload.use_binary_outputs))
                outputs.append(one)
            return InferResponse(payload.id, self.name, outputs)

    sys.argv = sys.argv[:1]
    ModelServer(http_port=port, workers=1, enable_grpc=False).start([Chest(NAME), Chest(BROKEN)])


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Elsewhere:
    """Such a server, run by the Python of a folder."""

    def __init__(self, kind, python, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = Path(folder) / f"{kind}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(python), __file__, kind, str(self.port)], cwd=folder, stdout=log, stderr=log
            )

    def is_ready(self):
        import httpx

        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return httpx.get(f"{self.url}/v2/models/{NAME}/ready").status_code == 200
        except httpx.TransportError:
            return False

    def close(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    {"mlserver": run_mlserver, "kserve": run_kserve}[sys.argv[1]](int(sys.argv[2]))
