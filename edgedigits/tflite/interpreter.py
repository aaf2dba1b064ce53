"""A .tflite model run here, in a child process, to check what an export made. Benchmarks go through the device runner."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
from edgedigits_runner.quantizing import real, stored

from edgedigits.data.images import Pixels
from edgedigits.data.scale import Scale, scale_pixels
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.processes.children import MIB, Errand, ask
from edgedigits.tflite.litert import choose_patience_s

_MOST_BYTES, _MOST_TIMES = 1024 * MIB, 10
_AT_ONCE: Final = 64 * MIB
_ALWAYS_DEFAULT: Final = frozenset({"measure_latency_us", "find_largest"})
"""What is asked of one kind of kernels only."""


class TfliteModel:
    """One image at a time, one thread, LiteRT; `reference` uses the plain kernels that answer alike on every machine.

    Raises CheckError where LiteRT does not load the bytes, or dies or hangs of them, then or later.
    """

    def __init__(self, flat: bytes, reference: bool = False) -> None:
        self._flat, self._reference = flat, reference
        source, sink = self._ask("ends", "loading")
        self._source = {**source, "dtype": np.dtype(source["dtype"])}
        self._sink = {**sink, "dtype": np.dtype(sink["dtype"])}

    @cached_property
    def _patience_s(self) -> float:
        return choose_patience_s(self._flat)

    def _ask(self, what: str, doing: str, **given: object) -> Any:
        kernels = "LiteRT with its reference kernels" if self._reference else "LiteRT"
        errand = Errand(
            function=f"tflite.litert:{what}",
            doing=f"export: {kernels}, {doing} the exported bytes,",
            advice="it can't compute what this model does; choose another export",
            most_s=self._patience_s,
            most_bytes=_MOST_BYTES + _MOST_TIMES * len(self._flat),
        )
        more = given if what in _ALWAYS_DEFAULT else {**given, "reference": self._reference}
        return ask(errand, flat=self._flat, **more)

    @property
    def output_step(self) -> float:
        """What one step of integer outputs stands for, 0 where they are floats."""
        return float(self._sink["quantization"][0])

    def inputs(self, pixels: Pixels, scale: Scale) -> np.ndarray:
        """Model input for pixels, in the model's own input type."""
        return quantize(scale_pixels(pixels, scale), self._source)

    def raw(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs in the model's own output type, one row an input."""
        step = max(1, int(_AT_ONCE // max(1, inputs[:1].nbytes)))
        parts = [inputs[start : start + step] for start in range(0, len(inputs), step)]
        return np.concatenate([self._ask("raw", "running", inputs=part) for part in parts])

    def latency_us(self, windows: int = 9, window_s: float = 0.03) -> float:
        """Microseconds of one inference: the least of the medians of some windows, since what else runs here only adds."""
        return float(self._ask("measure_latency_us", "timing", windows=windows, window_s=window_s))

    def largest(self, pixels: Pixels, scale: Scale) -> tuple[str, float]:
        """The float tensor, of weights or computed, that holds the largest magnitude, and that magnitude; infinity for NaN."""
        name, value = self._ask("find_largest", "running", inputs=self.inputs(pixels, scale))
        return str(name), float(value)

    def outputs(self, pixels: Pixels, scale: Scale) -> np.ndarray:
        """Outputs as float32 [n, classes]."""
        return real(self.raw(self.inputs(pixels, scale)), *self._sink["quantization"])


def quantize(values: np.ndarray, detail: JsonObject) -> np.ndarray:
    """float32 values as an interpreter's input tensor takes them, by the scale and zero point it declares."""
    return stored(values, np.dtype(detail["dtype"]).name, *detail["quantization"])
