"""What is compressed by what, and what had to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.adapt.nets import NETS
from benchmarks.document import target
from edgedigits.tasks.differences import SIGNIFICANT

RECIPES = (
    "ptq_int8",
    "qat_int8",
    "prune80_int8",
    "shrink50_int8",
    "shrink80_int8",
    "distil_small_int8",
    "distil_nano_int8",
)
"""The general ones, on each of the six nets."""


MINUTES, TIME = 60, "58m"
"""Of a search; making the best artifact follows its time."""


@dataclass(frozen=True)
class Wanted:
    """Limits of a row; None where the issue of the day asks for none.

    most_drop: points of accuracy; most_share: of the float file's bytes; least_fewer: times fewer cycles of a Pi 4 than the float
    file; chance: the loss must be no more than chance; beside: a recipe on the same net, which must be no better in two of
    accuracy, bytes and cycles.
    """

    most_drop: float | None = None
    most_bytes: float | None = None
    most_share: float | None = None
    least_fewer: float | None = None
    most_minutes: float | None = None
    least_accuracy: float | None = None
    chance: bool = False
    beside: str | None = None


ROWS: dict[tuple[str, str], Wanted] = {
    ("fashion cnn", "shrink80_int8"): Wanted(most_drop=0.5, most_share=1 / 16, least_fewer=5, most_minutes=12),
    ("signs mobilenet_v2", "shrink50_int8"): Wanted(
        most_drop=1.0, most_share=1 / 7, least_fewer=2, most_minutes=20, chance=True
    ),
    ("mnist cnn", "shrink80_int8"): Wanted(least_accuracy=99.55, most_bytes=80 * 1024, least_fewer=5, most_minutes=6),
    ("fashion cnn", "search pi4"): Wanted(most_drop=0.3, least_fewer=8, most_minutes=MINUTES, chance=True),
    ("signs mobilenet_v2", "search pi5"): Wanted(
        most_drop=1.0, most_bytes=100_000, least_fewer=6, most_minutes=MINUTES
    ),
    ("mnist cnn", "search pi4"): Wanted(
        most_bytes=32 * 1024, most_minutes=MINUTES, chance=True, beside="distil_small_int8"
    ),
    ("mnist cnn", "distil_small_int8"): Wanted(),
    **{(net, recipe): Wanted() for net in NETS for recipe in RECIPES},
    **{(net, "shrink50_int8"): Wanted(most_drop=1.0, least_fewer=1.8) for net in NETS},
    **{(net, "shrink80_int8"): Wanted(most_drop=2.0, least_fewer=3.5) for net in NETS},
}
"""(baseline, recipe or search) -> what is wanted of it."""

SEARCHES: dict[tuple[str, str], tuple[str, ...]] = {
    ("fashion cnn", "search pi4"): ("--target", "pi4", "--max-drop", "0.3"),
    ("signs mobilenet_v2", "search pi5"): ("--target", "pi5", "--max-drop", "1"),
    ("mnist cnn", "search pi4"): ("--target", "pi4", "--max-drop", "0.05"),
}
"""What is asked of `edgedigits search`, for TIME each."""

FLOATS = {"fashion cnn": 93.5, "signs mobilenet_v2": 95.0}
"""Baselines trained here -> percent of the test images that they have to answer right."""


def judge(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A target for every limit; those of rows that were not measured stay, unmet."""
    found = []
    for name, least in FLOATS.items():
        got = next((row.get("float_accuracy") for key, row in rows.items() if key.startswith(f"{name}, ")), None)
        found.append(target(f"{name}: float", f">= {least:g}", got, "%", got is not None and got >= least))
    for (baseline, recipe), wanted in ROWS.items():
        key = f"{baseline}, {recipe}"
        limits = _limits(wanted, rows.get(key)) + _beside(
            wanted, rows.get(key), rows.get(f"{baseline}, {wanted.beside}")
        )
        found += [{**one, "name": f"{key}: {one['name']}"} for one in limits]
    return found


def _beside(wanted: Wanted, row: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """In how many of accuracy, bytes and cycles the row is no worse than the other one."""
    if wanted.beside is None:
        return []
    got = None
    if row and other and row["ok"] and other["ok"]:
        got = sum(row[key] <= other[key] for key in ("bytes", "cycles")) + (row["accuracy"] >= other["accuracy"])
    return [target(f"no worse than {wanted.beside}", ">= 2", got, "of 3", got is not None and got >= 2)]


def _limits(wanted: Wanted, row: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    row = row or {}
    found = [target("runs", "an artifact", float(bool(row.get("ok"))), "", bool(row.get("ok")))]

    def most(name: str, limit: float | None, key: str, unit: str) -> None:
        if limit is not None:
            got = row.get(key)
            found.append(target(name, f"<= {limit:g}", got, unit, got is not None and got <= limit))

    def least(name: str, limit: float | None, key: str, unit: str) -> None:
        if limit is not None:
            got = row.get(key)
            found.append(target(name, f">= {limit:g}", got, unit, got is not None and got >= limit))

    most("drop", wanted.most_drop, "drop_points", "points")
    least("accuracy", wanted.least_accuracy, "accuracy", "%")
    if wanted.chance:
        p, drop = row.get("mcnemar_p"), row.get("drop_points", 0.0)
        met = p is not None and (p >= SIGNIFICANT or drop <= 0)
        found.append(target("McNemar p of a loss", f">= {SIGNIFICANT:g}, or no loss", p, "", met))
    most("bytes", wanted.most_bytes, "bytes", "B")
    most("share of the float file", None if wanted.most_share is None else round(wanted.most_share, 4), "share", "")
    least("times fewer cycles", wanted.least_fewer, "times_fewer_cycles", "x")
    most("minutes", wanted.most_minutes, "minutes", "min")
    return found
