"""An .onnx file in ONNX Runtime, one thread, through the very loop that .tflite files go through: the device runner's.

    answer.py evaluate MODEL EVAL.npz OUT.json            which images it gets right
    answer.py window MODEL EVAL.npz SECONDS OUT.json      one timed window of the runner, after 0.5 s of warm-up

The folder of the package edgedigits_runner must be on PYTHONPATH.
"""

from __future__ import annotations

import gc
import json
import pathlib
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
from edgedigits_runner.arrays import encode
from edgedigits_runner.session import classify
from edgedigits_runner.windows import Repeats, laps, window

WARMUP_S = 0.5


class Interpreter:
    """ONNX Runtime with the three calls of a TFLite interpreter; bound input and output, which leaves invoke() the net alone."""

    def __init__(self, path: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._bound = self._session.io_binding()
        self._bound.bind_output(self._session.get_outputs()[0].name)
        self._input = self._session.get_inputs()[0].name

    def set_tensor(self, _: int, value: np.ndarray) -> None:
        self._bound.bind_cpu_input(self._input, value)

    def invoke(self) -> None:
        self._session.run_with_iobinding(self._bound)

    def get_tensor(self, _: int) -> Any:
        return self._bound.copy_outputs_to_cpu()[0]


def session(path: str) -> Any:
    place = SimpleNamespace(tensor=0)
    return SimpleNamespace(interpreter=Interpreter(path), source=place, sink=place)


def tensors(images: np.ndarray) -> list[np.ndarray]:
    return [image[None] for image in images.astype(np.float32) / np.float32(255)]


def evaluate(path: str, data: Any) -> dict[str, Any]:
    one = session(path)
    classes = np.array([classify(one, tensor)[0].argmax() for tensor in tensors(data["images"])])
    return encode((classes == data["labels"]).astype(np.int32))


def timed(path: str, data: Any, seconds: float) -> dict[str, Any]:
    one, images = session(path), tensors(data["images"])
    gc.collect()
    gc.disable()
    laps(one, images, WARMUP_S)
    return window(one, images, seconds, Repeats(1))


kind, model, images, *more, result = sys.argv[1:]
with np.load(images) as data:
    found = evaluate(model, data) if kind == "evaluate" else timed(model, data, float(more[0]))
pathlib.Path(result).write_text(json.dumps(found))
