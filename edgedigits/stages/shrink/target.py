"""What `shrink` aims at, measured on the model that a choice of channels would leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgedigits.data.splits import FitData
from edgedigits.errors import InputError, TargetError
from edgedigits.models.graph.narrow import Layout, remove_units
from edgedigits.models.graph.narrowed_size import count_multiply_adds, count_parameters
from edgedigits.stages.shrink.removal_order import Order

Measure = Callable[[Layout, np.ndarray], float]
"""Of the model of which the bool [units] array keeps those units."""


@dataclass(frozen=True)
class Target:
    """At most `most(whole)` of what is measured in `unit`, where the whole model measures `whole`."""

    setting: str
    wanted: float
    unit: str
    measure: Measure

    def goal(self, whole: float) -> float:
        """What has to be reached."""
        return whole * (1 - self.wanted) if self.setting.startswith("remove_") else self.wanted

    def goals(self, whole: float, now: float, rounds: int) -> list[float]:
        """What has to be reached in each round from `now` on: steps of the same ratio, none of them up."""
        ratio = min(1.0, self.goal(whole) / now)
        return [now * ratio ** (number / rounds) for number in range(1, rounds)] + [self.goal(whole)]


class Goals(Protocol):
    """What a `Shrink` wants; one of them is no None."""

    @property
    def remove_parameters(self) -> float | None: ...
    @property
    def remove_multiply_adds(self) -> float | None: ...
    @property
    def latency_us(self) -> float | None: ...
    @property
    def instructions(self) -> int | None: ...
    @property
    def cpu(self) -> str: ...


def parse_target(stage: Goals, data: FitData) -> Target:
    """The one target in the settings of a `Shrink`. Raises InputError when it can't be measured here."""
    if stage.remove_parameters is not None:
        return Target("remove_parameters", stage.remove_parameters, "parameters", count_parameters)
    if stage.remove_multiply_adds is not None:
        return Target("remove_multiply_adds", stage.remove_multiply_adds, "multiply_adds", count_multiply_adds)
    if stage.latency_us is not None:
        return Target("latency_us", stage.latency_us, "latency_us", _by_cost(data, "latency_us", ""))
    return Target(
        "instructions", stage.instructions or 0, "instructions", _by_cost(data, "instructions", f" {stage.cpu}")
    )


def _by_cost(data: FitData, setting: str, more: str) -> Measure:
    try:
        cost = data.cost(setting + more)
    except InputError as error:
        raise InputError(f"shrink.{setting}: {error}") from error
    return lambda layout, keep: cost(remove_units(layout, keep))


def check_reachable(target: Target, goal: float, whole: float, layout: Layout, order: Order) -> float:
    """What the smallest architecture measures. Raises TargetError when that is more than the goal."""
    least = target.measure(layout, order.keep(len(order.counts) - 1))
    if least > goal:
        raise TargetError(
            f"shrink.{target.setting}: {target.wanted:g} can't be reached: the fewest channels that multiple and least allow "
            f"give {least:,.6g} {target.unit} of {whole:,.6g}, at most {goal:,.6g} were wanted; ask for less, or "
            "lower multiple and least"
        )
    return least


def reach(target: Target, goal: float, whole: float, layout: Layout, order: Order) -> tuple[np.ndarray, float]:
    """(what stays, what it measures) of the largest architecture on the way that meets the goal, found by halving.

    `whole` is what the model measures as it is. Raises TargetError saying what was reached.
    """
    found = {0: whole}

    def value(architecture: int) -> float:
        if architecture not in found:
            found[architecture] = target.measure(layout, order.keep(architecture))
        return found[architecture]

    last = len(order.counts) - 1
    if whole <= goal:
        return order.keep(0), whole
    found[last] = check_reachable(target, goal, whole, layout, order)
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if value(middle) <= goal else (middle + 1, high)
    return order.keep(low), value(low)
