"""A model with some of its channels removed: smaller weights, the same layers by the same names, no trace of what went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from edgedigits.models.graph import walk
from edgedigits.models.graph.channel_rules import MAKERS, output_shape
from edgedigits.models.graph.coupling import Coupling

READS, MAKES, WITHIN = "reads", "makes", "within"
"""What an axis of a weight counts: channels read, channels made, or what a depthwise kernel hands to a pointwise one."""
_KERNEL = {"kernel": {-2: READS, -1: MAKES}, "bias": {-1: MAKES}}
_SEPARABLE = {"depthwise_kernel": {-2: READS}, "pointwise_kernel": {-2: WITHIN, -1: MAKES}, "bias": {-1: MAKES}}
AXES: dict[str, dict[str, dict[int, str]]] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Dense"), _KERNEL),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    "Conv2DTranspose": {"kernel": {-1: READS, -2: MAKES}, "bias": {-1: MAKES}},
    "DepthwiseConv2D": {"depthwise_kernel": {-2: READS}, "bias": {-1: MAKES}},
    "BatchNormalization": {name: {-1: MAKES} for name in ("gamma", "beta", "moving_mean", "moving_variance")},
    "PReLU": {"alpha": {-1: MAKES}},
}
"""Axes that count channels, of the weights of each kind of layer, by attribute. Other weights belong to no channel."""


@dataclass(frozen=True)
class Axis:
    """An axis of a weight: what it counts, and the unit of each of its places, int64, -1 where it stays."""

    counts: str
    units: np.ndarray


@dataclass(frozen=True)
class Weight:
    """A weight of the model: the path is `layer/attribute`; `axes` are those that count channels, by place from the end."""

    path: str
    call: walk.Call
    variable: Any
    axes: Mapping[int, Axis]


@dataclass(frozen=True)
class Layout:
    """Where in the weights of a model its units are."""

    coupling: Coupling

    @cached_property
    def weights(self) -> tuple[Weight, ...]:
        """Every weight that has channels, in graph order; those of a layer used twice stand once."""
        found: dict[str, Weight] = {}
        for call in walk.calls(self.coupling.model):
            for attribute, axes in AXES.get(type(call.layer).__name__, {}).items():
                if (variable := getattr(call.layer, attribute, None)) is not None:
                    placed = {axis: self._axis(call, counts) for axis, counts in axes.items()}
                    fitting = {axis: put for axis, put in placed.items() if len(put.units) == variable.shape[axis]}
                    weight = Weight(f"{call.layer.name}/{attribute}", call, variable, fitting)
                    found.setdefault(weight.path, weight)
        return tuple(found.values())

    def _axis(self, call: walk.Call, counts: str) -> Axis:
        tensor = call.outputs[0] if counts == MAKES else call.inputs[0]
        times = getattr(call.layer, "depth_multiplier", 1) if counts == WITHIN else 1
        return Axis(counts, np.repeat(self.coupling.units[tensor], times))


def stay(units: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The places of an axis that stay, int64, where `keep` tells of each unit whether it does."""
    return np.flatnonzero(np.append(keep, True)[units])


def kept_places(layout: Layout, keep: np.ndarray) -> dict[str, tuple[np.ndarray, ...]]:
    """Weight path -> for every axis of the weight the places that stay, as `np.ix_` takes them."""
    found = {}
    for weight in layout.weights:
        places = [np.arange(size) for size in weight.variable.shape]
        for axis, put in weight.axes.items():
            places[axis] = stay(put.units, keep)
        found[weight.path] = tuple(places)
    return found


def narrowed(layout: Layout, keep: np.ndarray) -> Any:
    """The model with the units left out of which `keep` (bool [units]) says no; answers in float32, its weights its own.

    Promise: where all weights that make the removed channels are zero, and so all their values, the answers are the same.
    """
    calls = {id(call.layer): call for call in walk.calls(layout.coupling.model)}
    model = walk.exchanged(layout.coupling.model, lambda layer: _smaller(calls[id(layer)], layout.coupling, keep))
    places = kept_places(layout, keep)
    paths = {id(weight.variable): weight.path for weight in layout.weights}
    for call in calls.values():
        values = [
            weight.numpy()[np.ix_(*places[paths[id(weight)]])] if id(weight) in paths else weight.numpy()
            for weight in call.layer.weights
        ]
        model.get_layer(call.layer.name).set_weights(values)
    return model


def _smaller(call: walk.Call, coupling: Coupling, keep: np.ndarray) -> Any:
    """A new layer for what is left of the channels it makes."""
    layer, kind, config = call.layer, type(call.layer).__name__, call.layer.get_config()
    left = stay(coupling.units[call.outputs[0]], keep)
    if kind in MAKERS:
        config["units" if kind == "Dense" else "filters"] = len(left)
    elif kind == "Reshape" and None not in output_shape(call):
        config["target_shape"] = [*output_shape(call)[:-1], len(left)]
    elif kind == "Rescaling":
        for setting in ("scale", "offset"):
            if isinstance(config[setting], (list, tuple)) and len(config[setting]) > 1:
                config[setting] = np.asarray(config[setting])[left].tolist()
    return type(layer).from_config(config)
