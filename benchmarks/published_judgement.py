"""How far foretold milliseconds are from published ones: each row's error, each core's, and what a factor for a core would mend.

A core's factor is the median of published by foretold on half of its judged rows, and is judged on the other half. Which half a
row is in is decided by a hash of what it is, not by anybody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.document import target

PUBLISHED: Final = Path(__file__).with_name("published.json")
MEDIAN_PERCENT: Final = 25.0
WORST_PERCENT: Final = 50.0

Judged = Mapping[str, Any]
"""A row as it is written: what was published and foretold."""


@dataclass(frozen=True)
class Row:
    """A row of `published.json`: one latency in ms. `threads` is None where its author does not say how many; `doubted` is one
    that its own author doubts, as others got another on the same board."""

    net: str
    alpha: float
    resolution: int
    precision: str
    board: str
    core: str
    clock_ghz: float
    threads: int | None
    runtime: str
    ms: float
    same_runtime: bool
    source: str
    quote: str
    note: str
    doubted: bool = False

    @property
    def file(self) -> str:
        """The name of the exported net."""
        return f"{self.net}-{self.alpha:g}-{self.resolution}-{self.precision}"

    @property
    def judged(self) -> bool:
        """Whether it is timed as cycles are counted: LiteRT's kernels, on one thread."""
        return self.same_runtime and self.threads == 1

    @property
    def fitted(self) -> bool:
        """Whether the half that factors are fitted on has it."""
        name = f"{self.file} {self.board} {self.clock_ghz:g} {self.runtime} {self.source}"
        return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def read_rows(path: Path = PUBLISHED) -> list[Row]:
    """All of them."""
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]


class Foretold(NamedTuple):
    """Milliseconds of a row, which add up: of the net's cycles, of what comes from memory, of sorting boxes."""

    cycles_ms: float
    memory_ms: float
    sorting_ms: float = 0.0


def judge(row: Row, foretold: Foretold | None) -> dict[str, Any]:
    """The row as it is written; `error_percent` is below 0 where too little is foretold."""
    told: dict[str, Any] = dict.fromkeys((*Foretold._fields, "foretold_ms", "error_percent"))
    if foretold is not None:
        whole = sum(foretold)
        told = {
            **{name: round(part, 2) for name, part in foretold._asdict().items()},
            "foretold_ms": round(whole, 2),
            "error_percent": round(100 * (whole / row.ms - 1), 1),
        }
    return {
        "net": row.net,
        "resolution": row.resolution,
        "precision": row.precision,
        "board": row.board,
        "core": row.core,
        "clock_ghz": row.clock_ghz,
        "threads": row.threads,
        "runtime": row.runtime,
        "source": row.source,
        "judged": row.judged,
        "fitted": row.fitted,
        "doubted": row.doubted,
        "published_ms": row.ms,
        **told,
    }


def list_targets(rows: Sequence[Judged]) -> list[dict[str, Any]]:
    """Of all judged rows; and without doubted ones of all, of each core's, and with a factor for each core."""
    every = [row for row in rows if row["judged"] and row["error_percent"] is not None]
    judged = [row for row in every if not row["doubted"]]
    found = _pair("judged rows", [row["error_percent"] for row in every])
    found += _pair("without doubted ones", [row["error_percent"] for row in judged])
    for core in sorted({row["core"] for row in judged}):
        found += _pair(core, [row["error_percent"] for row in judged if row["core"] == core])
    mended = [error for core in sorted({row["core"] for row in judged}) for error in list_mended(judged, core)]
    return found + _pair("other half, a factor for each core", mended)


def find_factor(rows: Sequence[Judged], core: str) -> float | None:
    """The median of published by foretold of the core's rows to fit on; None without such a row."""
    half = [
        row["published_ms"] / row["foretold_ms"]
        for row in rows
        if row["core"] == core and row["fitted"] and not row["doubted"]
    ]
    return median(half) if half else None


def list_mended(rows: Sequence[Judged], core: str) -> list[float]:
    """Errors in % of the core's other rows with the factor."""
    factor = find_factor(rows, core)
    others = [row for row in rows if row["core"] == core and not row["fitted"] and not row["doubted"]]
    return [100 * (row["foretold_ms"] * (factor or 1.0) / row["published_ms"] - 1) for row in others]


def _pair(name: str, errors: Sequence[float]) -> list[dict[str, Any]]:
    sizes = [abs(error) for error in errors]
    middle = round(median(sizes), 1) if sizes else None
    worst = round(max(sizes), 1) if sizes else None
    named = f"foretold ms against published, {name} ({len(sizes)})"
    return [
        target(
            f"{named}: median error",
            f"<= {MEDIAN_PERCENT:g}",
            middle,
            "%",
            middle is not None and middle <= MEDIAN_PERCENT,
        ),
        target(
            f"{named}: worst error", f"<= {WORST_PERCENT:g}", worst, "%", worst is not None and worst <= WORST_PERCENT
        ),
    ]
