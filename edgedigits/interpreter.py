"""A .tflite model run on this machine, in this process, to check what an export made. Benchmarks go through the device runner."""

from __future__ import annotations

import re
import statistics
import time
from typing import Any

import numpy as np

from edgedigits.data.images import Pixels
from edgedigits.data.scale import Scale, scaled
from edgedigits.errors import CheckError


class TfliteModel:
    """One image at a time, one thread, LiteRT; `reference` uses the plain kernels that answer alike on every machine."""

    def __init__(self, flat: bytes, reference: bool = False) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        from edgedigits.backend import silenced_stderr

        resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
        try:
            with silenced_stderr():
                self._net = Interpreter(model_content=flat, num_threads=1, experimental_op_resolver_type=resolver)
                self._net.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            lacking = re.search(r"builtin opcode '(\w+)'", str(error))
            kernels = "LiteRT's reference kernels" if reference else "LiteRT"
            reason = f"there is none for {lacking[1]}" if lacking else " ".join(str(error).split())[:200]
            raise CheckError(f"export: {kernels} can't run the exported bytes: {reason}") from error
        self._source: dict[str, Any] = self._net.get_input_details()[0]
        self._sink: dict[str, Any] = self._net.get_output_details()[0]

    def inputs(self, pixels: Pixels, scale: Scale) -> np.ndarray:
        """Model input for pixels, in the model's own input type."""
        return quantized(scaled(pixels, scale), self._source)

    def raw(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs in the model's own output type, one row an input."""
        answers = []
        for image in inputs:
            self._net.set_tensor(self._source["index"], image[None])
            self._net.invoke()
            answers.append(self._net.get_tensor(self._sink["index"])[0])
        return np.stack(answers)

    def latency_us(self, windows: int = 9, window_s: float = 0.03) -> float:
        """Microseconds of one inference: the least of the medians of some windows, since what else runs here only adds."""
        source = self._source
        self._net.set_tensor(source["index"], np.zeros(source["shape"], source["dtype"]))
        medians = []
        for _ in range(windows + 1):  # the first warms up
            times: list[float] = []
            end = time.perf_counter() + window_s
            while not times or time.perf_counter() < end:
                began = time.perf_counter()
                self._net.invoke()
                times.append(time.perf_counter() - began)
            medians.append(1e6 * statistics.median(times))
        return min(medians[1:])

    def outputs(self, pixels: Pixels, scale: Scale) -> np.ndarray:
        """Answers as float32 [n, classes]."""
        answers = self.raw(self.inputs(pixels, scale))
        if answers.dtype == np.float32:
            return answers
        step, zero = self._sink["quantization"]
        return np.asarray((answers.astype(np.float32) - zero) * np.float32(step), np.float32)


def quantized(values: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    """float32 values as an interpreter's input tensor takes them, by the scale and zero point it declares."""
    if detail["dtype"] == np.float32:
        return values
    limits = np.iinfo(detail["dtype"])
    step, zero = detail["quantization"]
    whole = np.clip(np.round(values / np.float32(step)) + zero, limits.min, limits.max)
    return np.asarray(whole, detail["dtype"])
