"""Judgements in words and as JSON: what was measured, what was wanted, how sure that is, and what would make it sure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from edgedigits.errors import GateError
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.gates.judge import NOT_SURE, Finding, Judgement

_MOST_MORE: Final = 100
"""Times as many images or rounds: who would need more is told that the limit is too near instead."""
_SPARE: Final = 1.25
"""An interval of a small share is narrower towards 0, so that its end comes to the limit a little later than its width tells."""


def to_record(judgements: Iterable[Judgement]) -> list[JsonObject]:
    """One JSON-safe entry for each gate. `measured`, `low`, `high` and `limit` are in `unit`: points, bytes, us, cycles, x
    (times), images, or share (of 1); `low` and `high` are null where there is no interval."""
    return [
        {
            "gate": one.gate.name,
            "wanted": one.gate.said,
            "verdict": one.verdict,
            "ok": one.ok,
            "measured": one.finding.value,
            "low": one.finding.low,
            "high": one.finding.high,
            "limit": one.finding.limit,
            "unit": one.finding.unit,
            "sentence": tell(one),
        }
        for one in judgements
    ]


def list_lines(record: Iterable[JsonObject]) -> list[str]:
    """A line for each gate of a record, as they are printed."""
    return [f"Gate {one['gate']} {one['sentence']}." for one in record]


def check_record(record: Sequence[JsonObject], written: str = "") -> None:
    """Raises GateError for a record with a gate that is not ok; `written` says what is there all the same."""
    wrong = [one for one in record if not one["ok"]]
    if wrong:
        said = "; ".join(f"{one['gate']} {one['sentence']}" for one in wrong)
        raise GateError(f"{len(wrong)} of {len(record)} gate{'s' if len(record) > 1 else ''} missed: {said}{written}")


def tell(one: Judgement) -> str:
    """The verdict, what was measured, what was wanted, how sure it is; without the gate's name and the full stop."""
    found, ends = one.finding, "at most" if one.gate.name.startswith("max_") else "at least"
    what = f" of class {found.what}" if found.what else ""
    wanted = word(found.limit, found.unit)
    if found.base is not None:
        wanted += f" ({one.gate.said} of {one.other}'s {word(found.base, found.unit)})"
    strict = " (--strict)" if one.verdict == NOT_SURE and not one.ok else ""
    return f"is {one.verdict}{strict}: {word(found.value, found.unit)}{what}, wanted {ends} {wanted}; {_how_sure(one)}"


def _how_sure(one: Judgement) -> str:
    found = one.finding
    if found.unsure:
        return found.unsure
    if found.low is None or found.high is None:
        return found.exact
    ends = f"{word(found.low, found.unit, bare=True)} to {word(found.high, found.unit)}"
    said = f"95 % interval {ends}, {found.sample:,} {found.of}"
    return f"{said}; {_what_would_tell(found)}" if one.verdict == NOT_SURE else said


def _what_would_tell(found: Finding) -> str:
    """How many images or rounds, did they go on as they are: an interval narrows with the square root of their number."""
    distance = abs(found.value - found.limit)
    end = found.high if found.limit > found.value else found.low
    width = abs((found.value if end is None else end) - found.value)
    times = (width / distance) ** 2 if distance else math.inf
    if times > _MOST_MORE:
        return f"it lies too near to the limit for more {found.of} to tell"
    return f"about {_round_up(_SPARE * found.sample * times):,} {found.of} like these would tell"


def _round_up(number: float) -> int:
    """To two digits, since the number is a guess."""
    step = int(10 ** max(0, math.floor(math.log10(number)) - 1))
    return step * math.ceil(number / step)


def word(value: float, unit: str, bare: bool = False) -> str:
    """A number with its unit, as people read it."""
    if unit == "share":
        return f"{100 * value:.2f}" if bare else f"{100 * value:.2f} %"
    if unit == "x":
        return f"{value:.3g}x"
    shown = {"points": f"{value:.2f}", "us": f"{value:.4g}"}.get(unit, f"{value:,.0f}")
    return shown if bare else f"{shown} {unit}"
