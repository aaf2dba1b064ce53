"""The steps of a net: an operator with what is fused into it elsewhere, so that two files of one model have the same steps.

A converter folds BatchNorm into a kernel and ReLU into its operator, another leaves them as MUL, ADD and RELU behind it. A step
is an operator with weights and all of those that follow it and that nothing else reads; or any other operator alone. QUANTIZE and
DEQUANTIZE of computed tensors are no steps: behind them is the same tensor in other numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from edgedigits.tflite import schema
from edgedigits.tflite.checked_walk import follow
from edgedigits.tflite.contents import Contents, Operator, Tensor
from edgedigits.tflite.flatbuffer import read

WEIGHTS: Final = {"CONV_2D": (1, 2), "DEPTHWISE_CONV_2D": (1, 2), "FULLY_CONNECTED": (1, 2), "TRANSPOSE_CONV": (1, 3)}
"""Of operators with weights: which inputs are those and the bias."""
_DATA: Final = {"TRANSPOSE_CONV": (2,)}
SAME: Final = frozenset({"QUANTIZE", "DEQUANTIZE"})
VIEWS: Final = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
"""Operators that move no value: a file that was made smaller may do without them."""
_UNPACKING: Final = frozenset({"DEQUANTIZE", "DENSIFY"})
_FOLDED: Final = frozenset({"MUL", "ADD", "SUB"})
_ACTIVATIONS: Final = ("RELU", "RELU6", "RELU_N1_TO_1")
_FUSED: Final = {1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}


@dataclass(frozen=True)
class Step:
    """`kind` is its first operator's, `tensors` are the outputs along it and `states` the activations up to each of them.

    `inputs` are the computed tensors that it reads, seen through SAME and VIEWS; `weight` and `bias` are the numbers of the
    constants as they are stored, -1 where there is none.
    """

    index: int
    kind: str
    operators: tuple[str, ...]
    inputs: tuple[int, ...]
    tensors: tuple[int, ...]
    states: tuple[str, ...]
    weight: int = -1
    bias: int = -1


class Net:
    """A .tflite file's first graph as steps. Raises TfliteError where the bytes can't be read."""

    def __init__(self, flat: bytes, source: str) -> None:
        self.flat, self.source = flat, source
        self.contents: Contents = read(flat, source)
        with follow(source):
            self.model = schema.unpack_whole(flat)
        self._operators = [one for one in self.contents.operators if one.subgraph == 0]
        self._readers = Counter(end for one in self._operators for end in one.inputs)
        self._readers.update(tensor.index for tensor in self.contents.outputs)

    def tensor(self, index: int) -> Tensor:
        return self.contents.tensor(index)

    def is_computed(self, index: int) -> bool:
        return index >= 0 and self.root(index) not in self._unpacked and not self.tensor(self.root(index)).size_bytes

    @cached_property
    def _unpacked(self) -> dict[int, int]:
        """Tensors that are constants once the file is loaded, and the constants that they are unpacked from."""
        return {
            one.outputs[0]: one.inputs[0]
            for one in self._operators
            if one.name in _UNPACKING and one.outputs and one.inputs and self.tensor(one.inputs[0]).size_bytes
        }

    @cached_property
    def _behind(self) -> dict[int, int]:
        return {
            one.outputs[0]: one.inputs[0]
            for one in self._operators
            if one.name in SAME and one.outputs and one.inputs and one.outputs[0] not in self._unpacked
        }

    def root(self, index: int) -> int:
        """The tensor that this one is in other numbers."""
        seen: set[int] = set()
        while index in self._behind and index not in seen:
            seen.add(index)
            index = self._behind[index]
        return index

    def origin(self, index: int) -> int:
        """The tensor whose values these are, in whatever numbers and shape."""
        seen: set[int] = set()
        while (root := self.root(index)) in self._views and root not in seen:
            seen.add(root)
            index = self._views[root]
        return root

    @cached_property
    def _views(self) -> dict[int, int]:
        moved = (one for one in self._operators if one.name in VIEWS and one.outputs and one.inputs)
        return {one.outputs[0]: one.inputs[0] for one in moved if self.is_computed(one.inputs[0])}

    def stored(self, index: int) -> int:
        """The constant behind a tensor, as it is stored."""
        return self._unpacked.get(index, index)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """In the order in which they run."""
        return tuple(self._walk())

    def _walk(self) -> Iterator[Step]:
        taken: set[int] = set()
        for place, one in enumerate(self._operators):
            if (
                one.index in taken
                or not one.outputs
                or one.outputs[0] in self._unpacked
                or one.outputs[0] in self._behind
            ):
                continue
            step = self._begin(one)
            if one.name in WEIGHTS:
                for after in self._operators[place + 1 :]:
                    if (longer := self._longer(step, after)) is not None:
                        step = longer
                        taken.add(after.index)
            yield step

    def _begin(self, one: Operator) -> Step:
        slots = WEIGHTS.get(one.name)
        data = _DATA.get(one.name) or ((0,) if slots else range(len(one.inputs)))
        inputs = [
            self.origin(one.inputs[slot])
            for slot in data
            if slot < len(one.inputs) and self.is_computed(one.inputs[slot])
        ]
        ends = [one.inputs[slot] if slot < len(one.inputs) else -1 for slot in slots or ()]
        weight, bias = [self.stored(end) if end >= 0 and not self.is_computed(end) else -1 for end in ends] or (-1, -1)
        state = self._fused(one)
        return Step(one.index, one.name, (one.name,), tuple(inputs), (one.outputs[0],), (state,), weight, bias)

    def _fused(self, one: Operator) -> str:
        options = self.model.subgraphs[0].operators[one.index].builtinOptions
        return _FUSED.get(int(getattr(options, "fusedActivationFunction", 0) or 0), "")

    def _longer(self, step: Step, after: Operator) -> Step | None:
        """The step with the operator that follows it, where it would be fused; None where it would not."""
        last = step.tensors[-1]
        computed = [end for end in after.inputs if self.is_computed(end)]
        if [self.root(end) for end in computed] != [last] or not self._read_once(last) or not after.outputs:
            return None
        fits = (after.name in _FOLDED and not step.states[-1]) or after.name in _ACTIVATIONS
        if not fits or self.tensor(after.outputs[0]).shape != self.tensor(last).shape:
            return None
        state = step.states[-1] + (after.name if after.name in _ACTIVATIONS else self._fused(after))
        return replace(
            step,
            operators=(*step.operators, after.name),
            tensors=(*step.tensors, after.outputs[0]),
            states=(*step.states, state),
        )

    def _read_once(self, index: int) -> bool:
        while self._readers[index] == 1:
            ahead = [new for new, old in self._behind.items() if old == index]
            if not ahead:
                return True
            index = ahead[0]
        return False
