"""An amount as people write it: a number with a unit, as 60 KiB, 40 us or 0.5 %, or a multiple of another form's, as 0.25x."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

BYTES: Final[Mapping[str, float]] = {
    "": 1,
    "b": 1,
    "byte": 1,
    "bytes": 1,
    "k": 1024,
    "kib": 1024,
    "m": 1024**2,
    "mib": 1024**2,
    "kb": 1000,
    "mb": 1000**2,
}
"""K and KiB are 1,024 bytes, KB is 1,000."""
MICROSECONDS: Final[Mapping[str, float]] = {"us": 1, "\u00b5s": 1, "\u03bcs": 1, "ms": 1e3, "s": 1e6}
CYCLES: Final[Mapping[str, float]] = {"": 1, "cycles": 1, "k": 1e3, "m": 1e6}
POINTS: Final[Mapping[str, float]] = {"": 1, "point": 1, "points": 1}
SHARE: Final[Mapping[str, float]] = {"": 1, "%": 0.01}
TIMES: Final = "x"
"""The unit of a multiple of what the other form has."""
_AMOUNT: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([^\W\d_]+|%|)", re.IGNORECASE)


@dataclass(frozen=True)
class Amount:
    """A finite number and the unit that stands behind it, in small letters, "" for none."""

    number: float
    unit: str


def parse_amount(value: Any) -> Amount | None:
    """The amount of a number or a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    found = _AMOUNT.fullmatch(str(value).strip())
    number = float(found[1]) if found else math.nan
    return Amount(number, found[2].lower()) if found and math.isfinite(number) else None


def parse_in(value: Any, units: Mapping[str, float]) -> float | None:
    """The number of a value in the unit of which `units` has the multiples; None where it is none of them."""
    found = parse_amount(value)
    return None if found is None or found.unit not in units else found.number * units[found.unit]
