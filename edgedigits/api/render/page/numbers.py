"""How a number of a document is written for people: the one place that does it, so that a page can be held against its JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

NOTHING: Final = "–"
"""What stands for what could not be had."""


def word(value: Any, form: str) -> str:
    """A value in one of FORMS; a dash for None. Lists are written with commas, shapes as 3x3x1."""
    return NOTHING if value is None else FORMS[form](value)


def _three(value: float) -> str:
    """Three digits that count, whole numbers from a hundred on."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}".rstrip(".")


def _word_p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def _word_db(value: float) -> str:
    from edgedigits.tflite.layers.sums import MOST_DB  # late: it brings NumPy, and every result knows this module

    return "exact" if value >= MOST_DB else f"{value:.1f}"


FORMS: Final[Mapping[str, Callable[[Any], str]]] = {
    "text": str,
    "list": lambda values: ", ".join(map(str, values)),
    "shape": lambda values: "x".join(map(str, values)) or "one number",
    "count": lambda value: f"{value:,.0f}",
    "percent": lambda value: f"{100 * value:.2f} %",
    "share": lambda value: f"{100 * value:.1f} %",
    "confidence": lambda value: f"{100 * value:.0f} %",
    "drop": lambda value: f"{value:.2f}",
    "points": lambda value: f"{value:+.2f}",
    "times": lambda value: f"{_three(value)}x",
    "ms": lambda value: f"{_three(value)} ms",
    "us": lambda value: f"{_three(value)} µs",
    "s": lambda value: f"{value:.1f} s",
    "mib": lambda value: f"{value:.1f} MiB",
    "db": _word_db,
    "p": _word_p,
    "unit": lambda value: f"{value:.3f}",
    "small": lambda value: f"{value:.4f}",
    "short": _three,
    "plain": lambda value: f"{value:.4g}",
}
"""By name; `percent` and `share` take shares of 1, `points` percentage points, `unit` a share that is no percentage, as F1."""
