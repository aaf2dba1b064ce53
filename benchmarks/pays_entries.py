"""What `benchmarks.pays` measures, and what of it has to be reached."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.document import target

_HOLDS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, ">": operator.gt}


@dataclass(frozen=True)
class Want:
    """A number of a row (see `benchmarks.pays_rows.row`) held against a limit; it is compared unrounded."""

    key: str
    relation: str
    limit: float
    unit: str

    def target(self, title: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
        """The line of the targets; without a row it is unmet and `got` is None."""
        got = None if row is None else row[self.key]
        met = got is not None and _HOLDS[self.relation](got, self.limit)
        shown = got if got is None or self.limit >= 1000 else round(got, 4)
        return target(f"{title}: {_TITLES[self.key]}", f"{self.relation} {self.limit:g}", shown, self.unit, met)


_TITLES = {
    "accuracy_percent": "accuracy",
    "points_against_float": "accuracy against its float",
    "mcnemar_p": "McNemar p against float",
    "raw_bytes": "raw bytes",
    "share_of_float_bytes": "share of its float file",
    "times_faster": "p50 against float",
    "times_fewer_instructions_a72": "instructions on cortex-a72 against float",
}


def accuracy(percent: float) -> Want:
    return Want("accuracy_percent", ">=", percent, "%")


def faster(times: float) -> Want:
    return Want("times_faster", ">=", times, "times faster")


def fewer(times: float) -> Want:
    return Want("times_fewer_instructions_a72", ">=", times, "times fewer")


def at_most(limit: int) -> Want:
    return Want("raw_bytes", "<=", limit, "bytes")


@dataclass(frozen=True)
class Entry:
    """A recipe on a shipped baseline. Small nets have three seeds: their accuracy is the median."""

    recipe: str
    title: str = ""
    wants: tuple[Want, ...] = ()
    seeds: tuple[int, ...] = (0,)
    model: str = "cnn"

    @property
    def name(self) -> str:
        return self.recipe if self.model == "cnn" else f"{self.recipe}, {self.model}"


THREE = (0, 1, 2)
KIB = 1024
SIGNIFICANT = Want("mcnemar_p", ">", 0.05, "p")
EIGHTH = Want("share_of_float_bytes", "<=", 1 / 8, "of its bytes")
WITHIN = Want("points_against_float", ">=", -0.1, "points")

# `distil_small_int8`, for images of any size, has not been measured yet: to measure it, add `Entry("distil_small_int8")` below
# and run `python -m benchmarks.pays --make --only distil_small_int8`, which keeps the other rows.
ENTRIES = (
    Entry("shrink80_int8", "shrink80_int8", (accuracy(99.50), SIGNIFICANT, at_most(80_000), faster(8), fewer(5))),
    Entry("best32k_int8", "best small", (accuracy(99.65), at_most(32 * KIB), faster(12), fewer(7)), THREE),
    Entry("smallest994", "smallest994", (accuracy(99.40), at_most(10 * KIB)), THREE),
    Entry("fastest994", "fastest994", (accuracy(99.40), faster(30), fewer(14)), THREE),
    Entry("accurate_int8", "most accurate single net", (accuracy(99.70), at_most(360 * KIB), faster(2))),
    Entry("mobile_shrink_int8", "mobilenet_v2, shrunken", (WITHIN, EIGHTH, faster(6), fewer(4)), model="mobilenet_v2"),
    Entry("distil_nano_int8"),
    Entry("shrink50_int8"),
    Entry("shrink80_prune50_int8"),
    Entry("ptq_int8"),
)
MINUTES = 30
"""No recipe may take longer."""


def targets(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All that has to be reached, against the rows by name; what was not measured stays in, unmet."""
    found = [want.target(entry.title, rows.get(entry.name)) for entry in ENTRIES for want in entry.wants]
    # Stages kept from an earlier run say nothing about the time of a whole one.
    took = [row["seconds"] / 60 for row in rows.values() if not row["cached"]]
    longest = round(max(took), 1) if took else None
    whole = len(took) == len(rows) == len(ENTRIES)
    met = whole and longest is not None and longest < MINUTES
    return [*found, target("the slowest recipe, of all measured whole", f"< {MINUTES}", longest, "minutes", met)]
