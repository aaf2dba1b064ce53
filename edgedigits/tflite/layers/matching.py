"""Which step of one file is which of another: by name, by what it reads, by shape, and by its weights where that leaves a choice.

Names are what converters write, and a file that was made smaller has none; so they are a hint and never needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgedigits.ground.names import cut_number
from edgedigits.tflite.layers.steps import Net, Step
from edgedigits.tflite.layers.stored_values import read_constant

INPUT = "INPUT"
"""The kind of what is no step: the image as the file takes it."""
ANSWERS = "answers"
"""The name of the last tensor, where its layer has none."""
_WITH_WEIGHTS = ("convolution", "depthwise", "MatMul")
"""How converters call the operator of a layer with weights, among those that they fused with it."""


@dataclass(frozen=True)
class Match:
    """A tensor of the compressed file and the same of the float file; `index` is the operator of the first, -1 of the input.

    Weights and biases are the numbers of the constants, -1 where there is none.
    """

    name: str
    kind: str
    index: int
    compressed: int
    float: int
    weights: tuple[int, int] = (-1, -1)
    biases: tuple[int, int] = (-1, -1)
    normalized: bool = False


def match_steps(compressed: Net, plain: Net) -> tuple[Match, ...]:
    """The input first, then the steps in the compressed file's order; steps that the float file has no equal of are left out."""
    return tuple(_Matcher(compressed, plain).matches())


def shares_weights(compressed: Net, matches: Sequence[Match]) -> bool:
    """Whether a layer with weights is among the matches, where there are any such: a pooling that two nets have alike makes them
    no one model."""
    return any(match.weights[0] >= 0 for match in matches) or all(step.weight < 0 for step in compressed.steps)


class _Matcher:
    def __init__(self, compressed: Net, plain: Net) -> None:
        self.compressed, self.plain = compressed, plain
        self.same: dict[int, int] = {}
        self.free: list[Step] = list(plain.steps)

    def matches(self) -> Iterator[Match]:
        ours, theirs = self.compressed.contents.inputs[0], self.plain.contents.inputs[0]
        self.same[ours.index] = theirs.index
        yield Match(
            "input", INPUT, -1, _first_numbers(self.compressed, ours.index), _first_numbers(self.plain, theirs.index)
        )
        for step in self.compressed.steps:
            found = self._find(step)
            if found is None:
                continue
            self.free.remove(found)
            for one, other in _ends(step, found):
                self.same[one] = other
                yield self._match(step, found, one, other)

    def _find(self, step: Step) -> Step | None:
        """The free step that fits best; None where none does."""
        shape = self.compressed.tensor(step.tensors[-1]).shape
        rated = [
            (self._rate(step, one), -place, one)
            for place, one in enumerate(self.free)
            if one.kind == step.kind
            and self.plain.tensor(one.tensors[-1]).shape == shape
            and set(one.states) & set(step.states)
        ]
        best = max(rated, key=lambda each: each[:2], default=None)
        return best[2] if best is not None and best[0] > 0 else None

    def _rate(self, step: Step, other: Step) -> float:
        """Above 0 where it can be the same step: 4 for its name, 2 for each input that is the same, less for one that isn't."""
        named = 4.0 * any(self._name(step) == self.plain.tensor(end).name for end in other.tensors)
        known = [self.same[end] for end in step.inputs if end in self.same]
        wired = sum(2.0 if end in other.inputs else -4.0 for end in known)
        return named + wired + self._alike(step, other) + (0.0 if known else 0.25)

    def _name(self, step: Step) -> str:
        return self.compressed.tensor(step.tensors[-1]).name

    def _alike(self, step: Step, other: Step) -> float:
        """Cosine of the weights, in 0..1; where they have other shapes it is no such step."""
        one = read_constant(self.compressed.model, step.weight)
        two = read_constant(self.plain.model, other.weight)
        if one is None or two is None:
            return 0.0
        if one.real.shape != two.real.shape:
            return -100.0
        size = float(np.linalg.norm(one.real) * np.linalg.norm(two.real))
        return max(0.0, float(np.vdot(one.real, two.real)) / size) if size else 0.0

    def _match(self, step: Step, found: Step, one: int, other: int) -> Match:
        first = one == step.tensors[0]
        kind = step.kind if first or len(step.tensors) == 1 else step.operators[step.tensors.index(one)]
        return Match(
            name=_name_layer(self.plain, found, other, self.compressed, one),
            kind=kind if first else f"{step.kind} + {kind}" if kind != step.kind else kind,
            index=step.index,
            compressed=one,
            float=other,
            weights=(step.weight, found.weight),
            biases=(step.bias, found.bias),
            normalized=any(_tells_batchnorm(self.plain.tensor(end).name) for end in found.tensors),
        )


def _ends(step: Step, found: Step) -> Sequence[tuple[int, int]]:
    """The tensors along two steps that are the same: all where they are built alike, else the last ones behind the same
    activations."""
    if step.operators == found.operators and step.states == found.states:
        return list(zip(step.tensors, found.tensors, strict=True))
    ours, theirs = (
        dict(zip(step.states, step.tensors, strict=True)),
        dict(zip(found.states, found.tensors, strict=True)),
    )
    return [(ours[state], theirs[state]) for state in ours if state in theirs]


def _tells_batchnorm(name: str) -> bool:
    return "batchnorm" in name.lower().replace("_", "")


def _first_numbers(net: Net, index: int) -> int:
    """The input behind a QUANTIZE at the front, in the numbers that the file computes in."""
    behind = [step for step in net.steps if index in step.inputs]
    readers = [one for one in net.contents.operators if one.subgraph == 0 and index in one.inputs]
    if behind and len(readers) == 1 and readers[0].name == "QUANTIZE":
        return readers[0].outputs[0]
    return index


def _name_layer(plain: Net, found: Step, other: int, compressed: Net, one: int) -> str:
    """What the layer is called in Keras where a name tells, "model_1/layer_1/Operator;..." as converters write it."""
    ends = [plain.tensor(end).name for end in (plain.stored(found.weight), other) if end >= 0]
    ends.append(compressed.tensor(one).name)
    for text in ends:
        parts = [part.split("/") for part in text.split(";") if part.count("/") > 1]
        if parts:
            return cut_number(next((part for part in parts if part[2].startswith(_WITH_WEIGHTS)), parts[0])[1])
    if other in {tensor.index for tensor in plain.contents.outputs}:
        return ANSWERS  # converters name it by its place in the signature, which says nothing
    return next((text for text in ends[::-1] if not text.startswith("#")), ends[-1])
