"""Which values of a net an int8 form rounds, and which of them because of which layer.

What one layer makes and another reads is int8 as soon as one of the two is: a layer that alone is int8 reads and makes rounded
values, and others that read the same read it in float. One that alone stays in float still gets and hands on rounded values,
since its neighbours are int8; only its weights and its sums are float then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import Output, find_kind
from edgedigits.stages.fake_quantize import list_roundings

_CLOSING = ""
"""Reads what the last layer makes: the softmax or sigmoid behind it, which is int8 too. No layer has that name."""
_CALLER = None
"""Reads it where none is behind it, and is not int8."""


@dataclass(frozen=True)
class Edge:
    """A tensor, by its number, on its way to what reads it: the use of a layer that makes tensor `reader`, -1 behind the last.

    `source` is the tensor whose range it has, which some layer handed on as it is; `made_by` and `read_by` are layers that may be
    int8, None for what never is.
    """

    tensor: int
    reader: int
    source: int
    made_by: str | None
    read_by: str | None


@dataclass(frozen=True)
class Rounded:
    """What is int8: kernels by path, and edges."""

    kernels: frozenset[str] = frozenset()
    edges: frozenset[Edge] = frozenset()


class Wiring:
    """Of a flat model whose answers are logits; `closed`: a softmax or sigmoid stands behind them."""

    def __init__(self, model: KerasModel, closed: bool) -> None:
        found, self.left = list_roundings(model)
        self.sources = (walk.ENTRY, *found)
        self.edges = tuple(_find_edges(model, set(found), self.left, _CLOSING if closed else _CALLER))
        paths = walk.collect_kernels(model)
        self.kernels = frozenset(path for path in paths if path.rpartition("/")[0] not in self.left)

    def round_all(self) -> Rounded:
        """The whole net in int8."""
        return self._round(lambda _: True)

    def round_only(self, layer: str) -> Rounded:
        """This layer in int8."""
        return self._round(lambda name: name == layer)

    def round_others(self, layer: str) -> Rounded:
        """All but this layer in int8."""
        return self._round(lambda name: name != layer)

    def _round(self, is_int8: Callable[[str], bool]) -> Rounded:
        kernels = frozenset(path for path in self.kernels if is_int8(path.rpartition("/")[0]))
        ends = {edge: [name for name in (edge.made_by, edge.read_by) if name is not None] for edge in self.edges}
        return Rounded(kernels, frozenset(edge for edge, names in ends.items() if any(map(is_int8, names))))


def _find_edges(model: KerasModel, found: set[int], left: dict[str, str], closing: str | None) -> Iterator[Edge]:
    """A ReLU that goes into the layer before counts as that one; what hands values on is no end of an edge."""
    sources: dict[int, int] = {walk.ENTRY: walk.ENTRY}
    makers: dict[int, str | None] = {walk.ENTRY: None}
    fused: dict[int, str] = {}
    calls = list(walk.list_calls(model))
    for call in calls:
        name, made, kind = call.layer.name, call.outputs[0], find_kind(call.layer)
        owner = None if name in left else next((fused[number] for number in call.inputs if number in fused), name)
        if kind is not None and kind.output is Output.INPUTS:
            if call.inputs[0] in sources:
                sources[made] = sources[call.inputs[0]]
            continue
        for number in dict.fromkeys(call.inputs):
            if (source := sources.get(number)) is not None:
                yield Edge(number, made, source, makers[source], owner)
        if made in found:
            sources[made], makers[made] = made, owner
        elif owner is not None:
            fused[made] = owner
    last = calls[-1].outputs[0]
    if (source := sources.get(last)) is not None:
        yield Edge(last, -1, source, makers[source], closing)
