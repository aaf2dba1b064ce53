"""Two files run side by side on the same images, in a child process: every tensor that they share is looked at.

The compressed file runs on LiteRT's reference kernels, which answer alike on every machine. Beside it run three forms of the
float file: as it is; with each layer fed what the compressed file's layer got, which tells a layer's own error from what it
inherits; and with the own error of one layer after the other added, which tells what that error alone does to the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from edgedigits_runner.quantizing import real, stored

from edgedigits.errors import TfliteError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.processes.child import beat
from edgedigits.tflite.layers.rewiring import add_errors, feed_tensors
from edgedigits.tflite.layers.sums import Range, Sums
from edgedigits.tflite.litert import Net

REFERENCE, PLAIN, FAST = "BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "AUTO"
"""LiteRT's kernels: those that define its arithmetic, the optimized ones, and with XNNPACK."""
_INTEGERS: Final = "iu"


def trace(
    compressed: bytes, plain: bytes, matches: Sequence[Sequence[int]], inputs: np.ndarray, alone: int
) -> JsonObject:
    """`matches` are pairs of tensors, the input's first, `inputs` float32 [n, h, w, c] as the float file takes them.

    "layers": for each pair what `Sums` tells, and "alone", the answers of the float file to the first `alone` images when the
    own error of this layer alone is added, float32 [alone, classes], None where it has none. "answers" and "plain_answers" are
    those of the two files, float32 [n, classes]. Raises TfliteError where one can't be run.
    """
    return _Tracer(compressed, plain, [(one, other) for one, other in matches]).run(inputs, alone)


class _Tracer:
    def __init__(self, compressed: bytes, plain: bytes, matches: list[tuple[int, int]]) -> None:
        self.ours, self.theirs = [one for one, _ in matches], [other for _, other in matches]
        self.compressed, self.kernels = _open_reference(compressed)
        self.plain = open_kernels(plain, PLAIN, keep=True)
        self.fed = open_kernels(feed_tensors(plain, self.theirs, "the float file"), PLAIN, keep=True)
        self.bent = open_kernels(add_errors(plain, self.theirs[1:], "the float file"), FAST)
        self.details = {one["index"]: one for one in self.compressed.get_tensor_details()}
        self.sums = [Sums(_range(self.details[index])) for index in self.ours]
        self.alone: list[list[np.ndarray] | None] = [[] for _ in matches]

    def run(self, inputs: np.ndarray, alone: int) -> JsonObject:
        answers, plain_answers = [], []
        for number, image in enumerate(inputs):
            answers.append(self._run_compressed(image[None]))
            plain_answers.append(_run(self.plain, [image[None]]))
            found = [self._found(index) for index in self.ours]
            plain = [image[None], *(self.plain.get_tensor(index).copy() for index in self.theirs[1:])]
            _run(self.fed, [image[None], *found])
            exact = [image[None], *(self.fed.get_tensor(index) for index in self.theirs[1:])]
            for sums, one, two, three in zip(self.sums, found, plain, exact, strict=True):
                sums.add(one, two, three)
            if number < alone:
                self._bend(image[None], [one - three for one, three in zip(found, exact, strict=True)])
            beat()
        layers = [
            {**sums.as_json(), "alone": None if one is None else np.concatenate(one)}
            for sums, one in zip(self.sums, self.alone, strict=True)
        ]
        both = {"answers": np.concatenate(answers), "plain_answers": np.concatenate(plain_answers)}
        return {"kernels": self.kernels, "layers": layers, **both}

    def _run_compressed(self, image: np.ndarray) -> np.ndarray:
        detail = self.compressed.get_input_details()[0]
        return _run(self.compressed, [stored(image, np.dtype(detail["dtype"]).name, *detail["quantization"])])

    def _found(self, index: int) -> np.ndarray:
        return real(self.compressed.get_tensor(index), *self.details[index]["quantization"])

    def _bend(self, image: np.ndarray, errors: list[np.ndarray]) -> None:
        """The answers with the error of one layer after the other."""
        sources = self.bent.get_input_details()
        for source in sources[1:]:
            self.bent.set_tensor(source["index"], np.zeros(source["shape"], np.float32))
        for place, error in enumerate(errors):
            kept = self.alone[place]
            if kept is None:
                continue
            if place:
                self.bent.set_tensor(sources[place]["index"], error.astype(np.float32))
            self.bent.set_tensor(sources[0]["index"], image if place else image + error)
            self.bent.invoke()
            kept.append(_answer(self.bent))
            if place:
                self.bent.set_tensor(sources[place]["index"], np.zeros_like(error, np.float32))
            beat()


def open_kernels(flat: bytes, kernels: str, keep: bool = False) -> Net:
    """The model ready in LiteRT on one thread; `keep`: no tensor's memory is used again. Raises TfliteError."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        net: Net = Interpreter(
            model_content=flat,
            num_threads=1,
            experimental_op_resolver_type=getattr(OpResolverType, kernels),
            experimental_preserve_all_tensors=keep,
        )
        net.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise TfliteError(f"LiteRT can't run it: {' '.join(str(error).split())[:200]}") from error
    return net


def _open_reference(flat: bytes) -> tuple[Net, str]:
    """Where the reference kernels lack an operator, the optimized ones, which round as they do but for single steps."""
    try:
        return open_kernels(flat, REFERENCE, keep=True), "reference"
    except TfliteError:
        return open_kernels(flat, PLAIN, keep=True), "optimized"


def _range(detail: JsonObject) -> Range:
    step, point = detail["quantization"]
    dtype: np.dtype[Any] = np.dtype(detail["dtype"])
    if not step or dtype.kind not in _INTEGERS:
        return Range()
    limits = np.iinfo(dtype)
    return Range((limits.min - point) * step, (limits.max - point) * step, step)


def _run(net: Net, inputs: Sequence[np.ndarray]) -> np.ndarray:
    try:
        for source, values in zip(net.get_input_details(), inputs, strict=True):
            net.set_tensor(source["index"], values)
        net.invoke()
    except (RuntimeError, ValueError) as error:
        raise TfliteError(f"LiteRT can't run it: {' '.join(str(error).split())[:200]}") from error
    return _answer(net)


def _answer(net: Net) -> np.ndarray:
    """float32 [1, classes]."""
    sink = net.get_output_details()[0]
    return real(net.get_tensor(sink["index"]), *sink["quantization"]).reshape(1, -1)


def answer(flat: bytes, inputs: np.ndarray) -> np.ndarray:
    """What a file answers on the optimized kernels, float32 [n, classes]. Raises TfliteError where it can't be run."""
    net = open_kernels(flat, PLAIN)
    detail = net.get_input_details()[0]
    answers = []
    for image in inputs:
        answers.append(_run(net, [stored(image[None], np.dtype(detail["dtype"]).name, *detail["quantization"])]))
        beat()
    return np.concatenate(answers)


def outputs(flat: bytes, inputs: np.ndarray, reference: bool) -> list[np.ndarray]:
    """Every output of a file as it is stored, [images, ...], for inputs in the file's own type: on the reference kernels, or as
    LiteRT runs it, with XNNPACK. Raises TfliteError where it can't be run."""
    net = open_kernels(flat, REFERENCE if reference else FAST)
    sinks = net.get_output_details()
    found: list[list[np.ndarray]] = [[] for _ in sinks]
    for image in inputs:
        _run(net, [image[None]])
        for kept, sink in zip(found, sinks, strict=True):
            kept.append(net.get_tensor(sink["index"]).copy())
        beat()
    return [np.concatenate(each) for each in found]
