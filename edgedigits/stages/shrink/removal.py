"""Channels taken out of a candidate: the model, its masks and its clusters, and the record of what went and what could not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Protocol

import numpy as np

from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError
from edgedigits.ground.facts import Facts
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.graph.coupling import find_coupling
from edgedigits.models.graph.narrow import Layout, find_kept_places, remove_units
from edgedigits.models.layers.layer_kinds import find_kind
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.settings import ClassWeights
from edgedigits.stages.shrink.channel_importance import measure_importances
from edgedigits.stages.shrink.layer_sensitivity import EVEN, Sensitivity, measure_sensitivity
from edgedigits.stages.shrink.removal_order import Order, find_least_count, find_removal_order
from edgedigits.tasks.kinds.table import find_task

Places = Mapping[str, tuple[np.ndarray, ...]]


def lay_out(model: KerasModel, skip_layers: list[str]) -> Layout:
    """Where the model's units are; channels that layers of `skip_layers` make stay."""

    def stays(name: str) -> str | None:
        return "named in skip_layers" if any(fnmatchcase(name, pattern) for pattern in skip_layers) else None

    return Layout(find_coupling(model, stays))


class Rules(Protocol):
    """By which a `Shrink` ranks units."""

    @property
    def importance(self) -> str: ...
    @property
    def images(self) -> int: ...
    @property
    def scope(self) -> str: ...
    @property
    def class_weights(self) -> ClassWeights: ...


@dataclass(frozen=True)
class Ranking:
    """What the units of a model are worth to it: their importance and, by scope `sensitivity`, that of their
    groups."""

    layout: Layout
    scope: str
    importance: np.ndarray
    sensitivity: Sensitivity | None

    def order(self, multiple: int, least: int | None, balance: float = EVEN) -> tuple[Order, dict[str, str]]:
        """(in which order units go, in such multiples, why by layer the others stay). Raises RecipeError when none can go."""
        groups, left = self.layout.coupling.groups, dict(self.layout.coupling.left_whole)
        importance = self.importance.copy()
        for group in groups:
            fewest = find_least_count(group, multiple, least)
            unknown = bool(np.isnan(importance[group.units]).any())
            if unknown or fewest == len(group.units):
                importance[group.units] = np.nan
                why = (
                    "no batch normalization scales its channels"
                    if unknown
                    else f"has {fewest} channels, the least that stays"
                )
                left |= dict.fromkeys(group.layers, why)
        if np.isnan(importance).all():
            reasons = "; ".join(f"{name}: {why}" for name, why in list(left.items())[:4])
            raise RecipeError(f"shrink: {self.layout.coupling.model.name} has no channels that could go ({reasons})")
        prices = self.sensitivity.find_prices(balance) if self.sensitivity else None
        return find_removal_order(groups, importance, self.scope, multiple, least, prices), left


def rank_channels(stage: Rules, layout: Layout, data: FitData) -> Ranking:
    """What the units of the model are worth, measured on training images."""
    weights = find_task(data).weights(stage.class_weights, data.fit.labels)
    groups = layout.coupling.groups
    importance = measure_importances(stage.importance, layout, data, stage.images, weights) if groups else np.zeros(0)
    sensitive = stage.scope == "sensitivity" and len(groups) > 0
    found = measure_sensitivity(layout, importance, data, weights) if sensitive else None
    return Ranking(layout, stage.scope, importance, found)


def remove_channels(candidate: Candidate, layout: Layout, keep: np.ndarray) -> Candidate:
    """The candidate with only the units that bool [units] `keep` says; masks and clusters are cut like their kernels."""
    places = find_kept_places(layout, keep)
    kernels = walk.collect_kernels(candidate.model)
    return replace(
        candidate,
        model=remove_units(layout, keep),
        masks={path: _cut(mask, places.get(path)) for path, mask in candidate.masks.items()},
        clusters={path: _cut(numbers, places.get(path)) for path, numbers in candidate.clusters.items()},
        kept={path: places[path] for path in kernels if path in places},
    )


def _cut(values: np.ndarray, places: tuple[np.ndarray, ...] | None) -> np.ndarray:
    return values if places is None else values[np.ix_(*places)]


def remove_in_sequence(first: Places, second: Places) -> Places:
    """The places of the kernel before the first of two removals that are left after the second."""
    if not first:
        return second
    return {
        path: tuple(one[other] for one, other in zip(first[path], places, strict=True))
        for path, places in second.items()
    }


def measure_model(measure: Callable[[Layout, np.ndarray], float], model: KerasModel) -> float:
    """What is measured of the model as it is."""
    layout = lay_out(model, [])
    return measure(layout, np.ones(layout.coupling.count, bool))


def channels(before: KerasModel, after: KerasModel) -> Facts:
    """Layer -> [channels it made, channels it makes], 0 where the layer is gone."""
    made = {call.layer.name: int(call.use.made[0].shape[-1]) for call in walk.list_calls(before) if _makes(call.layer)}
    makes = {call.layer.name: int(call.use.made[0].shape[-1]) for call in walk.list_calls(after) if _makes(call.layer)}
    return {name: [count, makes.get(name, 0)] for name, count in made.items()}


def _makes(layer: KerasLayer) -> bool:
    kind = find_kind(layer)
    return kind is not None and kind.makes_channels
