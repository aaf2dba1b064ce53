"""Which channels of a graph can be removed, and which of them only together: found from the layers, not from their names.

A unit is a set of channels that stand or fall together, as the channel of a convolution with the channels it is added to and
every row of a dense layer that reads it through a Flatten. Units whose channels run through the same tensors are a group: they
are compared with each other, and the group's count is what is rounded. Cf. "DepGraph" (Fang et al. 2023).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgedigits.errors import ModelError
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.graph.channel_rules import RULES, name_set, whole
from edgedigits.models.graph.channel_sets import Channels
from edgedigits.models.layers.layer_kinds import find_kind, list_kernels

INPUT = "is tied to the network's input"
OUTPUT = "makes the answers"
SHARED = "is used more than once"


@dataclass(frozen=True)
class Group:
    """Units that run through the same tensors: int64 [n]; `layers` make their channels, in graph order."""

    units: np.ndarray
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Coupling:
    """The units of a model and where their channels are.

    units: tensor number (as in `graph.calls`) -> int64 [channels], the unit of each channel on its last axis; -1 where it stays.
    groups: what can be removed; a unit is in exactly one.
    left_whole: layer that makes channels -> why all of them stay.
    """

    model: KerasModel
    units: Mapping[int, np.ndarray]
    groups: tuple[Group, ...]
    left_whole: Mapping[str, str]

    @property
    def count(self) -> int:
        """How many units there are."""
        return sum(len(group.units) for group in self.groups)


def find_coupling(model: KerasModel, stays: Callable[[str], str | None] = lambda _: None) -> Coupling:
    """The coupling of a flat model; `stays` tells of a layer's name why what it makes must stay, or None.

    Raises ModelError naming a layer of a kind whose channels can't be followed.
    """
    calls = list(walk.list_calls(model))
    channels, axes = Channels(), {}
    axes[walk.ENTRY] = channels.fresh(int(model.inputs[0].shape[-1]), INPUT)
    uses = Counter(id(call.layer) for call in calls)
    for call in calls:
        kind = find_kind(call.layer)
        if kind is None:
            raise ModelError(
                f"shrink: {name_set(call.layer)} of {model.name} is a kind of layer whose channels can't be followed; "
                "use built-in layers instead, or a recipe without shrink"
            )
        read = [axes[number] for number in call.inputs]
        shared = uses[id(call.layer)] > 1 and not kind.stateless
        made = (
            whole(channels, call, read, f"{name_set(call.layer)} {SHARED}")
            if shared
            else RULES[kind.channels](channels, call, read)
        )
        if kind.makes_channels and (reason := stays(call.layer.name)):
            channels.fix(made, reason)
        axes[call.outputs[0]] = made
    channels.fix(axes[calls[-1].outputs[0]], OUTPUT)
    return _arranged(model, calls, channels, axes)


def _arranged(model: KerasModel, calls: list[walk.Call], channels: Channels, axes: dict[int, np.ndarray]) -> Coupling:
    """Free sets numbered 0, 1, 2, ... and grouped by how often they occur in which tensors."""
    roots = np.array([channels.find(channel) for channel in range(len(channels))])
    free = np.array([root == channel and channels.reason(root) is None for channel, root in enumerate(roots)])
    number = np.full(len(roots), -1)
    number[free] = np.arange(free.sum())
    units = {tensor: number[roots[axis]] for tensor, axis in axes.items()}
    members = _alike(units, int(free.sum()))
    makers = {call.layer.name: call.outputs[0] for call in calls if list_kernels(call.layer)}
    groups = tuple(
        Group(group, tuple(name for name, tensor in makers.items() if np.isin(group[0], units[tensor])))
        for group in members
    )
    left = {
        name: channels.reason(axes[tensor][0]) or ""
        for name, tensor in makers.items()
        if not (units[tensor] >= 0).any()
    }
    return Coupling(model, units, groups, left)


def _alike(units: Mapping[int, np.ndarray], count: int) -> list[np.ndarray]:
    """The units 0, ..., count - 1, those together that occur equally often in every tensor."""
    if not count:
        return []
    occurs = np.stack([np.bincount(axis[axis >= 0], minlength=count) for axis in units.values()])
    _, first, kind = np.unique(occurs, axis=1, return_index=True, return_inverse=True)
    return [np.flatnonzero(kind.reshape(-1) == index) for index in np.argsort(first)]
