"""What `shrink` aims at, measured on the model that a choice of channels would leave."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgedigits.data.splits import FitData
from edgedigits.errors import InputError, TargetError
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph.coupling import find_coupling
from edgedigits.models.graph.narrow import Layout, remove_units
from edgedigits.models.graph.narrowed_size import count_int8_bytes, count_multiply_adds, count_parameters
from edgedigits.stages.shrink.removal_order import Order

FEW = 8
"""Architectures among which halving is as quick as any guess."""

Measure = Callable[[Layout, np.ndarray], float]
"""Of the model of which the bool [units] array keeps those units."""


@dataclass(frozen=True)
class Target:
    """At most `goal(whole)` of what is measured in `unit`, where the whole model measures `whole`."""

    setting: str
    wanted: float
    unit: str
    measure: Measure

    def goal(self, whole: float) -> float:
        """What has to be reached."""
        if not self.setting.startswith("remove"):
            return self.wanted
        return 1 - self.wanted if self.unit == "share" else whole * (1 - self.wanted)

    def goals(self, whole: float, now: float, rounds: int) -> list[float]:
        """What has to be reached in each round from `now` on: steps of the same ratio, none of them up."""
        ratio = min(1.0, self.goal(whole) / now)
        return [now * ratio ** (number / rounds) for number in range(1, rounds)] + [self.goal(whole)]


class Goals(Protocol):
    """What a `Shrink` wants; one of them is no None."""

    @property
    def remove(self) -> float | None: ...
    @property
    def remove_parameters(self) -> float | None: ...
    @property
    def remove_multiply_adds(self) -> float | None: ...
    @property
    def remove_cycles(self) -> float | None: ...
    @property
    def cycles(self) -> int | None: ...
    @property
    def latency_ms(self) -> float | None: ...
    @property
    def latency_us(self) -> float | None: ...
    @property
    def instructions(self) -> int | None: ...
    @property
    def cpu(self) -> str: ...
    @property
    def board(self) -> str: ...


def parse_target(stage: Goals, data: FitData, model: KerasModel) -> Target:
    """The one target in the settings of a `Shrink` of that model. Raises InputError when it can't be measured here."""
    if stage.remove is not None:
        return Target("remove", stage.remove, "share", _by_share(data, model, stage.cpu))
    if stage.remove_parameters is not None:
        return Target("remove_parameters", stage.remove_parameters, "parameters", count_parameters)
    if stage.remove_multiply_adds is not None:
        return Target("remove_multiply_adds", stage.remove_multiply_adds, "multiply_adds", count_multiply_adds)
    costs: dict[str, tuple[float | None, str]] = {
        "remove_cycles": (stage.remove_cycles, f"cycles {stage.cpu}"),
        "cycles": (stage.cycles, f"cycles {stage.cpu}"),
        "latency_ms": (stage.latency_ms, f"latency_ms {stage.board}"),
        "latency_us": (stage.latency_us, "latency_us"),
        "instructions": (stage.instructions, f"instructions {stage.cpu}"),
    }
    setting, (wanted, measured) = next((name, each) for name, each in costs.items() if each[0] is not None)
    return Target(setting, wanted or 0, measured.partition(" ")[0], _by_cost(data, setting, measured))


def _by_cost(data: FitData, setting: str, measured: str) -> Measure:
    try:
        cost = data.cost(measured)
    except InputError as error:
        raise InputError(f"shrink.{setting}: {error}") from error
    return lambda layout, keep: cost(remove_units(layout, keep))


def _by_share(data: FitData, model: KerasModel, cpu: str) -> Measure:
    """The larger of two shares: of the bytes that the model takes as int8, and of the cycles that it takes in float32."""
    of_int8 = _by_cost(data, "remove", f"cycles {cpu}")
    cycles = data.cost(f"float_cycles {cpu}")(model)
    everything = Layout(find_coupling(model))
    size = count_int8_bytes(everything, np.ones(everything.coupling.count, bool))
    return lambda layout, keep: max(count_int8_bytes(layout, keep) / size, of_int8(layout, keep) / cycles)


def check_reachable(target: Target, goal: float, whole: float, layout: Layout, order: Order) -> float:
    """What the smallest architecture measures. Raises TargetError when that is more than the goal."""
    least = target.measure(layout, order.keep(len(order.counts) - 1))
    if least > goal:
        found, most = f"give {least:,.6g} {target.unit} of {whole:,.6g}", f"{goal:,.6g} were"
        if target.unit == "share":
            found = f"leave {100 * least:.0f} % of the bytes or of the float model's cycles"
            most = f"{100 * goal:.0f} % was"
        raise TargetError(
            f"shrink.{target.setting}: {target.wanted:g} can't be reached: the fewest channels that multiple and least allow "
            f"{found}, at most {most} wanted; ask for less, or lower multiple and least"
        )
    return least


def reach(
    target: Target, goal: float, whole: float, layout: Layout, order: Order, least: float | None = None
) -> tuple[np.ndarray, float]:
    """(what stays, what it measures) of the largest architecture on the way that meets the goal.

    `whole` is what the model measures as it is, `least` the smallest, where that is known. A measurement may take seconds: while
    many architectures are left, the next one is where the multiply-adds say that the goal lies; where that has misled twice, and
    among few, it halves what is left.
    Raises TargetError saying what was reached.
    """
    if whole <= goal:
        return order.keep(0), whole
    last = len(order.counts) - 1
    if least is None:
        least = check_reachable(target, goal, whole, layout, order)
    found = {0: whole, last: least}
    low, high, misled = 0, last, 0  # the goal is missed at one, met at the other
    while (left := high - low) > 1:
        by_work = last > FEW and misled < 2
        middle = _guess(goal, low, high, found, layout, order) if by_work else (low + high) // 2
        found[middle] = target.measure(layout, order.keep(middle))
        low, high = (low, middle) if found[middle] <= goal else (middle, high)
        misled = misled + 1 if by_work and 2 * (high - low) > left else 0
    return order.keep(high), found[high]


def _guess(goal: float, low: int, high: int, found: Mapping[int, float], layout: Layout, order: Order) -> int:
    """A place between the two: the first that meets the goal if what is measured is on a straight line over the work.

    Where `high` is that already, the one before it, which ends the search if it misses the goal.
    """

    def work(place: int) -> float:
        return count_multiply_adds(layout, order.keep(place))

    share = (goal - found[high]) / (found[low] - found[high])
    most = work(high) + share * (work(low) - work(high))
    return low + 1 + bisect_left(range(low + 1, high - 1), -most, key=lambda place: -work(place))
