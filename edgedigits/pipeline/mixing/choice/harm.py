"""Layers by the harm that int8 does to each, and for each those behind it that its values must reach unrounded, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgedigits.ground.facts import Say
from edgedigits.measure.verify.layers import verify_layers
from edgedigits.measure.verify.subject import Subject
from edgedigits.tflite.contents import Contents, Operator
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.layers.naming import name_layers
from edgedigits.tflite.layers.steps import WEIGHTS

LEAST_NATS: Final = 1e-6
"""Less harm is that of float32's own rounding."""


@dataclass(frozen=True)
class Unit:
    """A layer, the layers that read it, through those without weights up to the next ones with, and the divergence in nats per
    image that its own error alone puts between the answers.

    A layer whose values int8 can't hold is mended only where its readers take them in other numbers, too.
    """

    layer: str
    readers: tuple[str, ...]
    nats: float


def rank_units(plain: bytes, flat: bytes, inputs: np.ndarray, say: Say) -> list[Unit]:
    """Those of the int8 file `flat` that do any harm, worst first; `plain` is the float file, `inputs` float32 as it takes them.

    Raises TfliteError where one can't be run.
    """
    subject = Subject("the int8 form", flat, "its float form", plain, inputs, f"{len(inputs)} images", {}, None)
    graph = _Graph(read(plain, "the float file"))
    harm: dict[str, tuple[float, Operator]] = {}
    for layer in verify_layers(subject, say).layers:
        maker = graph.makers.get(layer.match.float)
        names = graph.names[maker.index] if maker is not None else frozenset()
        if maker is None or not names or layer.alone <= LEAST_NATS:
            continue
        name = layer.name if layer.name in names else min(names)
        if layer.alone > harm.get(name, (0.0, maker))[0]:
            harm[name] = layer.alone, maker
    units = [Unit(name, tuple(graph.list_behind(maker, name)), nats) for name, (nats, maker) in harm.items()]
    return sorted(units, key=lambda unit: (-unit.nats, unit.layer))


class _Graph:
    """Who makes and who reads each tensor of the float file, and how the layers of its operators are called."""

    def __init__(self, contents: Contents) -> None:
        self.names = name_layers(contents)
        self.makers: dict[int, Operator] = {}
        self.readers: dict[int, list[Operator]] = {}
        for operator in contents.operators:
            if operator.subgraph == 0:
                self.makers.update(dict.fromkeys(operator.outputs, operator))
                for end in operator.inputs:
                    self.readers.setdefault(end, []).append(operator)

    def list_behind(self, maker: Operator, own: str) -> Iterator[str]:
        """Names of layers, each once. What joins several tensors is the last: behind it are other values."""
        waiting, seen, told = [maker], {maker.index}, {own}
        while waiting:
            one = waiting.pop(0)
            if one is not maker and (one.name in WEIGHTS or self._joins(one)):
                continue
            for reader in (each for end in one.outputs for each in self.readers.get(end, [])):
                if reader.index not in seen:
                    seen.add(reader.index)
                    waiting.append(reader)
                    new = sorted(self.names[reader.index] - told)
                    told.update(new)
                    yield from new

    def _joins(self, operator: Operator) -> bool:
        return len({self.makers[end].index for end in operator.inputs if end in self.makers}) > 1
