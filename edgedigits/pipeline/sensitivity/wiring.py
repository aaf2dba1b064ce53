"""Which tensors of a net an int8 form rounds, and which of them because of which layer.

A tensor between two layers is int8 as soon as one of the two is: a layer that alone is int8 reads and makes rounded values, and
one that alone stays in float still reads and makes them, since its neighbours do. Only its weights and its sums are float then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import Output, find_kind
from edgedigits.stages.fake_quantize import list_roundings

CLOSING = ""
"""Stands for the softmax or sigmoid behind the last layer, which no layer's name is: in the int8 form it is int8, too."""


@dataclass(frozen=True)
class Rounded:
    """What is int8: kernels by path, tensors by number, as `walk.list_calls` has them; `walk.ENTRY` is the images."""

    kernels: frozenset[str] = frozenset()
    tensors: frozenset[int] = frozenset()


class Wiring:
    """Of a flat model whose answers are logits; `closed`: its int8 form ends in a softmax or sigmoid behind them."""

    def __init__(self, model: KerasModel, closed: bool) -> None:
        found, self.left = list_roundings(model)
        self.tensors = (walk.ENTRY, *found)
        self.kernels = frozenset(
            path for path in walk.collect_kernels(model) if path.rpartition("/")[0] not in self.left
        )
        self._why: dict[int, set[str]] = {number: set() for number in self.tensors}
        for number, layer in self._find_touches(model):
            self._why[number].add(layer)
        if closed and (last := self._roots.get(list(walk.list_calls(model))[-1].outputs[0])) is not None:
            self._why[last].add(CLOSING)

    def round_all(self) -> Rounded:
        """The whole net in int8."""
        return Rounded(self.kernels, frozenset(self.tensors))

    def round_only(self, layer: str) -> Rounded:
        """This layer in int8, and so what it reads and makes."""
        return Rounded(self._own(layer), frozenset(number for number, why in self._why.items() if layer in why))

    def round_others(self, layer: str) -> Rounded:
        """All but this layer in int8."""
        tensors = frozenset(number for number, why in self._why.items() if why - {layer})
        return Rounded(self.kernels - self._own(layer), tensors)

    def _own(self, layer: str) -> frozenset[str]:
        return frozenset(path for path in self.kernels if path.rpartition("/")[0] == layer)

    def _find_touches(self, model: KerasModel) -> Iterator[tuple[int, str]]:
        """(tensor that is rounded, layer that reads or makes it). A ReLU that goes into the layer before counts as that one."""
        self._roots: dict[int, int | None] = {walk.ENTRY: walk.ENTRY}
        fused: dict[int, str] = {}
        for call in walk.list_calls(model):
            kind, made = find_kind(call.layer), call.outputs[0]
            owner = fused.get(call.inputs[0], call.layer.name) if call.inputs else call.layer.name
            moves = kind is not None and kind.output is Output.INPUTS
            self._roots[made] = made if made in self._why else self._roots[call.inputs[0]] if moves else None
            if call.layer.name in self.left:
                continue
            if not moves and made not in self._why:
                fused[made] = owner
            for number in {*call.inputs, made}:
                if (root := self._roots.get(number)) is not None:
                    yield root, owner
