"""In which order units of channels go, and how many each group has left on the way: counts in multiples, down to the least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgedigits.models.graph.coupling import Group

SHARES: Final = (0.25, 0.5, 0.75)
"""Of a group's channels: what it loses where the price of a loss is measured."""


@dataclass(frozen=True)
class Order:
    """The way from the whole model to the smallest.

    units: int64, the first to go first; units that must stay are not in it.
    counts: int64 [architectures, groups], how many units each group keeps: the whole model first, the smallest last.
    prices: as `find_removal_order` was given them.
    """

    groups: Sequence[Group]
    units: np.ndarray
    counts: np.ndarray
    prices: np.ndarray | None = None

    def list_prices(self) -> dict[str, list[float]]:
        """What a group's first layer and those that lose with it pay at each of SHARES; empty where nothing was measured."""
        if self.prices is None:
            return {}
        return {
            group.layers[0]: [round(float(price), 4) for price in row[1:]]
            for group, row in zip(self.groups, self.prices, strict=True)
            if group.layers
        }

    def keep(self, architecture: int) -> np.ndarray:
        """bool [units]: what stays; of every group those that would go last."""
        place = np.full(sum(len(group.units) for group in self.groups), np.iinfo(np.int64).max)
        place[self.units] = np.arange(len(self.units))
        keep = np.ones(len(place), bool)
        for group, count in zip(self.groups, self.counts[architecture], strict=True):
            first = group.units[np.argsort(place[group.units], kind="stable")]
            keep[first[: len(first) - count]] = False
        return keep


def find_least_count(group: Group, multiple: int, least: int | None) -> int:
    """How many units the group keeps at least: a multiple, or all of them where they are fewer."""
    return min(len(group.units), -(-max(multiple, least or 0) // multiple) * multiple)


def find_removal_order(
    groups: Sequence[Group],
    importance: np.ndarray,
    scope: str,
    multiple: int,
    least: int | None,
    prices: np.ndarray | None = None,
) -> Order:
    """Least importance first: as a share of the group's mean, or, per layer, by rank in the group; NaN never goes.

    With `prices`, float64 [groups, 1 + SHARES], what it costs that a group loses none and each of SHARES of its channels, the
    next unit is the least important one of the group in which it is cheapest; of equal prices the smaller share is cheaper.
    """
    rank = np.full(len(importance), np.nan)
    for row, group in enumerate(groups):
        values = importance[group.units]
        if prices is not None:
            lost = (np.arange(len(values)) + 1) / len(values)
            rank[group.units[np.argsort(values, kind="stable")]] = interpolate(lost, prices[row]) + 1e-6 * lost
        elif scope == "layer":
            rank[group.units[np.argsort(values, kind="stable")]] = (np.arange(len(values)) + 0.5) / len(values)
        else:
            rank[group.units] = values / (values.mean() or 1.0)
    rank[np.isnan(importance)] = np.nan
    units = np.argsort(rank, kind="stable")[: int((~np.isnan(rank)).sum())]
    number = np.zeros(len(importance), np.int64)
    for index, group in enumerate(groups):
        number[group.units] = index
    gone = np.cumsum(number[units][:, None] == np.arange(len(groups)), axis=0)
    sizes = np.array([len(group.units) for group in groups], np.int64)
    left = np.concatenate([sizes[None], sizes - gone.reshape(-1, len(groups))])
    counts = _rounded(
        left, sizes, multiple, np.array([find_least_count(group, multiple, least) for group in groups], np.int64)
    )
    changed = np.any(np.diff(counts, axis=0), axis=1)
    return Order(groups, units, counts[np.append(True, changed)], prices)


def interpolate(lost: np.ndarray, values: np.ndarray) -> np.ndarray:
    """At each share lost what is between `values`, which rise: on straight lines between none and the SHARES, and beyond the last
    on the steepest of them."""
    shares = np.array([0.0, *SHARES])
    steepest = (np.diff(values) / np.diff(shares)).max()
    beyond = values[-1] + steepest * (lost - shares[-1])
    result: np.ndarray = np.where(lost > shares[-1], beyond, np.interp(lost, shares, values))
    return result


def _rounded(left: np.ndarray, sizes: np.ndarray, multiple: int, floors: np.ndarray) -> np.ndarray:
    """To the nearest multiple between floor and size; a group that has lost nothing keeps its size."""
    nearest = (2 * left + multiple) // (2 * multiple) * multiple
    return np.where(left == sizes, sizes, np.clip(nearest, floors, sizes))
