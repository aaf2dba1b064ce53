"""Pareto fronts: the rows that no other row beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def front(rows: Sequence[Row], cost: str, gain: str = "accuracy_percent") -> list[str]:
    """Names of the rows that none beats: no other costs at most as much and gains at least as much, one of both truly.

    Cheapest first. Rows that lack one of the two numbers are not on it.
    """
    known = [row for row in rows if row.get(cost) is not None and row.get(gain) is not None]
    best = [row for row in known if not any(_beats(other, row, cost, gain) for other in known)]
    return [row["name"] for row in sorted(best, key=lambda row: (row[cost], row["name"]))]


def _beats(one: Row, other: Row, cost: str, gain: str) -> bool:
    no_worse: bool = one[cost] <= other[cost] and one[gain] >= other[gain]
    better: bool = one[cost] < other[cost] or one[gain] > other[gain]
    return no_worse and better
