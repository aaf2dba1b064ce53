"""A model with some of its channels removed: smaller weights, the same layers by the same names, no trace of what went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgedigits.keras_types import KerasLayer, KerasModel, KerasVariable
from edgedigits.models.graph import walk
from edgedigits.models.graph.channel_rules import find_output_shape
from edgedigits.models.graph.coupling import Coupling
from edgedigits.models.layers import layer_kinds
from edgedigits.models.layers.layer_kinds import MAKES, WITHIN, Setting, find_kind


@dataclass(frozen=True)
class Axis:
    """An axis of a weight: what it counts, and the unit of each of its places, int64, -1 where it stays."""

    counts: str
    units: np.ndarray


@dataclass(frozen=True)
class PlacedWeight:
    """A weight of the model: the path is `layer/attribute`; `axes` are those that count channels, by place from the end.

    known: what the layer's kind says of it.
    """

    path: str
    call: walk.Call
    variable: KerasVariable
    axes: Mapping[int, Axis]
    known: layer_kinds.Weight


@dataclass(frozen=True)
class Layout:
    """Where in the weights of a model its units are."""

    coupling: Coupling

    @cached_property
    def weights(self) -> tuple[PlacedWeight, ...]:
        """Every weight that has channels, in graph order; those of a layer used twice stand once."""
        found: dict[str, PlacedWeight] = {}
        for call in walk.list_calls(self.coupling.model):
            kind = find_kind(call.layer)
            for attribute, known in kind.weights.items() if kind else ():
                if (variable := getattr(call.layer, attribute, None)) is not None:
                    placed = {axis: self._axis(call, counts) for axis, counts in known.axes.items()}
                    fitting = {axis: put for axis, put in placed.items() if len(put.units) == variable.shape[axis]}
                    weight = PlacedWeight(f"{call.layer.name}/{attribute}", call, variable, fitting, known)
                    found.setdefault(weight.path, weight)
        return tuple(found.values())

    def _axis(self, call: walk.Call, counts: str) -> Axis:
        tensor = call.outputs[0] if counts == MAKES else call.inputs[0]
        times = getattr(call.layer, "depth_multiplier", 1) if counts == WITHIN else 1
        return Axis(counts, np.repeat(self.coupling.units[tensor], times))


def stay(units: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The places of an axis that stay, int64, where `keep` tells of each unit whether it does."""
    return np.flatnonzero(np.append(keep, True)[units])


def find_kept_places(layout: Layout, keep: np.ndarray) -> dict[str, tuple[np.ndarray, ...]]:
    """Weight path -> for every axis of the weight the places that stay, as `np.ix_` takes them."""
    found = {}
    for weight in layout.weights:
        places = [np.arange(size) for size in weight.variable.shape]
        for axis, put in weight.axes.items():
            places[axis] = stay(put.units, keep)
        found[weight.path] = tuple(places)
    return found


def remove_units(layout: Layout, keep: np.ndarray) -> KerasModel:
    """The model with the units left out of which `keep` (bool [units]) says no; answers in float32, its weights its own.

    Promise: where all weights that make the removed channels are zero, and so all their values, the answers are the same.
    """
    calls = {id(call.layer): call for call in walk.list_calls(layout.coupling.model)}
    model = walk.exchange_layers(layout.coupling.model, lambda layer: _smaller(calls[id(layer)], layout.coupling, keep))
    places = find_kept_places(layout, keep)
    paths = {id(weight.variable): weight.path for weight in layout.weights}
    for call in calls.values():
        values = [
            weight.numpy()[np.ix_(*places[paths[id(weight)]])] if id(weight) in paths else weight.numpy()
            for weight in call.layer.weights
        ]
        model.get_layer(call.layer.name).set_weights(values)
    return model


def _smaller(call: walk.Call, coupling: Coupling, keep: np.ndarray) -> KerasLayer:
    """A new layer for what is left of the channels it makes."""
    layer, kind, config = call.layer, find_kind(call.layer), call.layer.get_config()
    left = stay(coupling.units[call.outputs[0]], keep)
    for name, says in kind.settings.items() if kind else ():
        if says is Setting.COUNT:
            config[name] = len(left)
        elif says is Setting.SHAPE and None not in find_output_shape(call):
            config[name] = [*find_output_shape(call)[:-1], len(left)]
        elif says is Setting.VALUES and isinstance(config[name], (list, tuple)) and len(config[name]) > 1:
            config[name] = np.asarray(config[name])[left].tolist()
    return type(layer).from_config(config)
