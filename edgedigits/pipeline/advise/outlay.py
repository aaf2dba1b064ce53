"""What a file takes, in all and by layer, and what a setting changes of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgedigits.measure.cost.cycle_model import Foretold


@dataclass(frozen=True)
class Layer:
    """An operator of the file to come. `name` is the Keras layer's where the file still tells; sizes are its constants' own."""

    index: int
    name: str
    kind: str
    output_shape: tuple[int, ...]
    arithmetic: str
    parameters: int
    macs: int
    raw_bytes: int
    gzip_bytes: int
    us: float | None
    note: str


@dataclass(frozen=True)
class Cost:
    """What a file takes: bytes, bytes by gzip -9, microseconds per inference here (None: can't run), and each board's cycles and
    milliseconds."""

    raw_bytes: int
    gzip_bytes: int
    us: float | None
    macs: int
    boards: dict[str, Foretold]


@dataclass(frozen=True)
class Effect:
    """What a stage or the export changes, each as a share of what was before it (-0.66: two thirds less), `cycles` by board, and
    why if it buys nothing. `setting` is said as in the recipe; `cost` is what the file then takes."""

    setting: str
    kind: Literal["export", "stage", "all"]
    raw: float
    gzip: float
    time: float | None
    cycles: dict[str, float]
    reason: str
    cost: Cost
