"""What is searched for: the machine that is aimed at, the bounds, and how long it may take. All is checked before any work."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.gates.amounts import BYTES, parse_in

TARGETS: Final = ("pi4", "pi5", "pi3", "zero2", "here")
"""Boards whose milliseconds are foretold; `here` is measured on this machine's interpreter, one thread."""
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MOST_POINTS: Final = 100
LEAST_BYTES: Final = 1024
"""No file of this kind is smaller: the frame of a .tflite file alone takes as much."""


@dataclass(frozen=True)
class Bounds:
    """What the artifact must hold, None: whatever it takes.

    max_drop: points of accuracy, 0.3 for 99.3 % after 99.6 %, of validation images, against the float model's bytes; max_bytes:
    of the .tflite file; max_ms: of one inference on the target; min_speedup: times as fast there as the float model.
    """

    max_drop: float
    max_bytes: int | None = None
    max_ms: float | None = None
    min_speedup: float | None = None

    def __post_init__(self) -> None:
        _check_number("--max-drop", self.max_drop, 0, MOST_POINTS, "points of accuracy from 0, as 0.3")
        if self.max_bytes is not None and self.max_bytes < LEAST_BYTES:
            raise InputError(
                f"--max-bytes {self.max_bytes}: no .tflite file is that small; wanted at least {LEAST_BYTES}, as 64K"
            )
        if self.max_ms is not None:
            _check_number("--max-ms", self.max_ms, 0, None, "milliseconds above 0, as 2", above=True)
        if self.min_speedup is not None:
            _check_number("--min-speedup", self.min_speedup, 0, None, "a number above 0, as 8", above=True)

    def most_ms(self, float_ms: float) -> float | None:
        """The tighter one of what `max_ms` and `min_speedup` allow, in milliseconds, where the float model takes `float_ms`."""
        allowed = [] if self.max_ms is None else [self.max_ms]
        allowed += [float_ms / self.min_speedup] if self.min_speedup else []
        return min(allowed, default=None)

    def check_against(self, float_ms: float) -> None:
        """Raises InputError for bounds that contradict each other for a float model of that many milliseconds."""
        if self.max_ms is None or self.min_speedup is None or self.max_ms <= float_ms:
            return
        raise InputError(
            f"--max-ms {self.max_ms:g} and --min-speedup {self.min_speedup:g}: the first allows more than the float model's "
            f"{float_ms:.3g} ms, so they contradict each other; give one of them"
        )

    def as_json(self) -> JsonObject:
        """With every bound, None where there is none."""
        return asdict(self)


@dataclass(frozen=True)
class Goal:
    """The target, the bounds, and when to stop: after `seconds` or so many `trials` in all, whichever is first."""

    target: str
    bounds: Bounds
    seconds: float | None = None
    trials: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise InputError(f"--target: found {self.target!r}; choose from {', '.join(TARGETS)}")


def parse_bytes(value: Any, option: str = "--max-bytes") -> int | None:
    """A number of bytes: 65536, "64K" (of 1,024), "64KB" (of 1,000) or "1.5M". Raises InputError for anything else."""
    if value is None:
        return None
    found = parse_in(value, BYTES)
    if found is None or found < 0:
        raise InputError(f"{option}: found {value!r}; wanted a number of bytes, as 65536, 64K or 1.5M")
    return int(found)


def parse_seconds(value: Any, option: str = "--time") -> float | None:
    """A length of time in seconds: 90, "90s", "60m" or "1.5h". Raises InputError for anything else, and for none."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([smhd]?)", str(value).strip())
    seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found and not isinstance(value, bool) else 0.0
    if seconds <= 0:
        raise InputError(f"{option}: found {value!r}; wanted how long to search, as 90s, 60m or 1.5h")
    return seconds


def _check_number(
    option: str, value: Any, least: float, most: float | None, wanted: str, *, above: bool = False
) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    right = number and math.isfinite(value) and (value > least if above else value >= least)
    if not right or (most is not None and value > most):
        raise InputError(f"{option}: found {value!r}; wanted {wanted}")
