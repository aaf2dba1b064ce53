"""LiteRT as a child process runs it: a model's bytes in, what it answers or how long it takes out (see `interpreter.py`)."""

from __future__ import annotations

import functools
import math
import re
import statistics
import time
from typing import Final, Protocol

import numpy as np

from edgedigits.errors import CheckError, TfliteError
from edgedigits.ground.facts import Facts, JsonObject
from edgedigits.ground.processes.child import beat
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.multiply_adds import count_per_operator

LEAST_S: Final = 8.0
MACS_PER_S: Final = 2e7
MOST_S: Final = 600.0
"""How long one inference may take: so long, and longer by its multiply-adds, since the reference kernels do so many in a second
on a slow machine; but never longer than `MOST_S`."""
_KEPT: Final = 2


class Net(Protocol):
    """A model in an interpreter, LiteRT's or TensorFlow's."""

    def allocate_tensors(self) -> None: ...
    def get_input_details(self) -> list[JsonObject]: ...
    def get_output_details(self) -> list[JsonObject]: ...
    def get_tensor_details(self) -> list[JsonObject]: ...
    def set_tensor(self, index: int, values: np.ndarray, /) -> None: ...
    def get_tensor(self, index: int, /) -> np.ndarray: ...
    def invoke(self) -> None: ...


def choose_patience_s(flat: bytes) -> float:
    """How long to wait for one inference of a model, reckoned generously; of one whose work can't be counted, `LEAST_S`."""
    try:
        macs = sum(work.macs for work in count_per_operator(read(flat, "the model")))
    except TfliteError:
        macs = 0
    return min(LEAST_S + macs / MACS_PER_S, MOST_S)


@functools.lru_cache(_KEPT)
def open_net(flat: bytes, reference: bool) -> Net:
    """An interpreter with the model ready in it, one thread. Raises CheckError where it does not load."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    try:
        net: Net = Interpreter(model_content=flat, num_threads=1, experimental_op_resolver_type=resolver)
        net.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        kernels = "LiteRT's reference kernels" if reference else "LiteRT"
        lacking = re.search(r"builtin opcode '(\w+)'", str(error))
        reason = f"there is none for {lacking[1]}" if lacking else " ".join(str(error).split())[:200]
        raise CheckError(f"export: {kernels} can't run the exported bytes: {reason}") from error
    return net


def ends(flat: bytes, reference: bool) -> list[Facts]:
    """Type, shape, step and zero point of the first input and the first output."""
    net = open_net(flat, reference)
    first = (net.get_input_details()[0], net.get_output_details()[0])
    return [
        {
            "dtype": np.dtype(end["dtype"]).str,
            "shape": [int(size) for size in end["shape"]],
            "quantization": [float(end["quantization"][0]), int(end["quantization"][1])],
        }
        for end in first
    ]


def raw(flat: bytes, reference: bool, inputs: np.ndarray) -> np.ndarray:
    """Outputs in the model's own output type, one row an input. Raises CheckError where it can't be run."""
    net = open_net(flat, reference)
    source, sink = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]
    outputs = []
    for image in inputs:
        try:
            net.set_tensor(source, image[None])
            net.invoke()
        except (RuntimeError, ValueError) as error:
            raise CheckError(f"export: LiteRT can't run the exported bytes: {' '.join(str(error).split())}") from error
        outputs.append(net.get_tensor(sink)[0])
        beat()
    return np.stack(outputs)


def find_largest(flat: bytes, inputs: np.ndarray) -> list[str | float]:
    """Name and magnitude of the largest value in float32 and float16 tensors, on all inputs; no number counts as infinity.

    Raises CheckError where it can't be run.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    net = Interpreter(
        model_content=flat,
        num_threads=1,
        experimental_op_resolver_type=kind,
        experimental_preserve_all_tensors=True,
    )
    found: tuple[float, str] = (0.0, "")
    try:
        net.allocate_tensors()
        source = net.get_input_details()[0]["index"]
        for image in inputs:
            net.set_tensor(source, image[None])
            net.invoke()
            beat()
            for tensor in net.get_tensor_details():
                if np.dtype(tensor["dtype"]).kind == "f":
                    value = float(np.abs(net.get_tensor(tensor["index"])).max(initial=0.0))
                    found = max(found, (value if math.isfinite(value) else math.inf, str(tensor["name"])))
    except (RuntimeError, ValueError) as error:
        raise CheckError(f"export: LiteRT can't run the exported bytes: {' '.join(str(error).split())}") from error
    return [found[1], found[0]]


def measure_latency_us(flat: bytes, windows: int, window_s: float) -> float:
    """Microseconds of one inference: the least of the medians of some windows, since what else runs here only adds."""
    net = open_net(flat, False)
    source = net.get_input_details()[0]
    net.set_tensor(source["index"], np.zeros(source["shape"], source["dtype"]))
    medians = []
    for _ in range(windows + 1):  # the first warms up
        times: list[float] = []
        end = time.perf_counter() + window_s
        while not times or time.perf_counter() < end:
            began = time.perf_counter()
            net.invoke()
            times.append(time.perf_counter() - began)
        medians.append(1e6 * statistics.median(times))
        beat()
    return min(medians[1:])
