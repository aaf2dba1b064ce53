"""Whether a gate holds, judged on the bounds of what was measured: noise neither fails a good model nor passes a bad one.

A gate is missed only where the whole 95 % interval lies beyond the limit, and held only where all of it lies within; between the
two it is not sure. What was counted and not sampled, as bytes, has no interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edgedigits.pipeline.gates.evidence import Evidence, Times
from edgedigits.pipeline.gates.gate import CORRUPTION_DROP, Gate
from edgedigits.tasks.class_recalls import ClassChange, name_class
from edgedigits.tasks.statistics import Interval, bound_difference, bound_share

HELD: Final = "held"
MISSED: Final = "missed"
NOT_SURE: Final = "not sure"
CONFIDENCE: Final = 0.95
LEAST_ROUNDS: Final = 5
"""So many all lie on one side of the truth once in 16 times, so that their spread is an interval; four do once in 8."""


@dataclass(frozen=True)
class Finding:
    """What was measured for a gate, and its limit, both in `unit`; `low` and `high` are None where it was counted exactly, or
    where it is `unsure`, a reason why nothing can be said of it.

    `base` is what a relative limit is a multiple of, `sample` and `of` how many images or rounds it came from; `what` names the
    class. `exact` says how it came about where it has no interval.
    """

    value: float
    low: float | None
    high: float | None
    limit: float
    unit: str
    base: float | None = None
    sample: int = 0
    of: str = ""
    what: str = ""
    exact: str = ""
    unsure: str = ""


@dataclass(frozen=True)
class Judgement:
    """A gate with what was found and its verdict: held, missed or not sure. `ok`: the work need not fail for it."""

    gate: Gate
    finding: Finding
    verdict: str
    ok: bool
    other: str


def judge(gates: Iterable[Gate], evidence: Evidence, strict: bool = False) -> tuple[Judgement, ...]:
    """Each gate held against the evidence; `strict`: one that is not sure is not ok either."""
    found = []
    for gate in gates:
        finding = _MEASURES[gate.name](gate, evidence)
        verdict = _decide(finding, gate.name.startswith("max_"))
        ok = verdict == HELD or (verdict == NOT_SURE and not strict)
        found.append(Judgement(gate, finding, verdict, ok, evidence.other))
    return tuple(found)


def _decide(finding: Finding, at_most: bool) -> str:
    if finding.unsure:
        return NOT_SURE
    low = finding.value if finding.low is None else finding.low
    high = finding.value if finding.high is None else finding.high
    if at_most:
        return MISSED if low > finding.limit else HELD if high <= finding.limit else NOT_SURE
    return MISSED if high < finding.limit else HELD if low >= finding.limit else NOT_SURE


def _drop(gate: Gate, evidence: Evidence) -> Finding:
    """Points of accuracy lost on the same images, with the interval of paired answers."""
    paired = evidence.answers.paired
    assert paired is not None
    found = bound_difference(paired.only_baseline, paired.only_compressed, paired.images, CONFIDENCE)
    base = 100 * (paired.both + paired.only_baseline) / paired.images if gate.form == "times" else None
    limit = gate.limit if base is None else gate.limit * base
    value, low, high = (100 * each for each in (found.value, found.low, found.high))
    return Finding(value, low, high, limit, "points", base, paired.images, "images")


def _corruption_drop(gate: Gate, evidence: Evidence) -> Finding:
    """Points lost on average over corruptions: an image under all of them is one case."""
    assert evidence.corrupted is not None, "a gate on corruptions is measured for"
    found = evidence.corrupted.mean_drop_points
    sample = evidence.corrupted.images
    return Finding(found.value, found.low, found.high, gate.limit, "points", sample=sample, of="images")


def _bytes(gate: Gate, evidence: Evidence) -> Finding:
    return _counted(gate, *evidence.size_bytes, "bytes", "counted")


def _cycles(gate: Gate, evidence: Evidence) -> Finding:
    return _counted(gate, *evidence.cycles[gate.core], "cycles", f"foretold for a {gate.core}")


def _counted(gate: Gate, value: float, other: float | None, unit: str, exact: str) -> Finding:
    base = other if gate.form == "times" else None
    limit = gate.limit if base is None else gate.limit * base
    return Finding(value, None, None, limit, unit, base, exact=exact)


def _p50(gate: Gate, evidence: Evidence) -> Finding:
    times = _times(evidence)
    if gate.form == "times":
        assert times.speedup is not None
        ratio = times.speedup
        return _timed(times, Interval(1 / ratio.value, 1 / ratio.high, 1 / ratio.low), gate.limit, "x")
    p50 = times.p50_us
    low, high = (p50.value if end is None else end for end in (p50.low, p50.high))
    return _timed(times, Interval(p50.value, low, high), gate.limit, "us")


def _speedup(gate: Gate, evidence: Evidence) -> Finding:
    times = _times(evidence)
    found, unit = (times.speedup, "x") if gate.form == "times" else (times.saved_us, "us")
    assert found is not None
    return _timed(times, found, gate.limit, unit)


def _times(evidence: Evidence) -> Times:
    assert evidence.times is not None, "a gate on time is measured for"
    return evidence.times


def _timed(times: Times, found: Interval, limit: float, unit: str) -> Finding:
    """A time with its interval, where enough rounds count for one."""
    if times.rounds >= LEAST_ROUNDS:
        return Finding(found.value, found.low, found.high, limit, unit, sample=times.rounds, of="rounds")
    rounds = times.rounds
    counted = f"only {rounds} round{'s count' if rounds > 1 else ' counts'}" if rounds else "every round is void"
    why = f"{counted}, and {LEAST_ROUNDS} are needed; measure again while little else runs, with more rounds"
    return Finding(found.value, None, None, limit, unit, unsure=why)


def _flips(gate: Gate, evidence: Evidence) -> Finding:
    """A number is of the images at hand, which were counted; a share is of all images like them, of which they are a sample."""
    flips, images = evidence.answers.flips, evidence.answers.images
    assert flips is not None
    if gate.form == "plain":
        return Finding(flips, None, None, gate.limit, "images", exact=f"counted in {images:,}")
    found = bound_share(flips, images, CONFIDENCE)
    return Finding(found.value, found.low, found.high, gate.limit, "share", sample=images, of="images")


def _recall(gate: Gate, evidence: Evidence) -> Finding:
    """Of the class that is nearest to missing, or misses by most; intervals are so wide that all of them hold at once."""
    each = evidence.answers.classes.each
    confidence = 1 - (1 - CONFIDENCE) / len(each)
    found = [_of_class(gate, one, evidence, confidence) for one in each]
    return min(found, key=_urgency)


def _urgency(finding: Finding) -> tuple[int, float]:
    """The less, the sooner it is to be told."""
    verdict = _decide(finding, at_most=False)
    end = finding.high if verdict == MISSED else finding.low
    return (MISSED, NOT_SURE, HELD).index(verdict), (finding.value if end is None else end) - finding.limit


def _of_class(gate: Gate, one: ClassChange, evidence: Evidence, confidence: float) -> Finding:
    name = name_class(one, evidence.answers.names)
    value = one.after / one.images
    if gate.form == "plain":
        own = bound_share(one.after, one.images, confidence)
        return Finding(value, own.low, own.high, gate.limit, "share", None, one.images, "images", name)
    base, lost = one.before / one.images, bound_difference(one.only_before, one.only_after, one.images, confidence)
    low, high = (min(1.0, max(0.0, base - end)) for end in (lost.high, lost.low))  # a recall can't lie beyond
    return Finding(value, low, high, gate.limit * base, "share", base, one.images, "images", name)


_MEASURES: Final[Mapping[str, Callable[[Gate, Evidence], Finding]]] = {
    "max_accuracy_drop_points": _drop,
    CORRUPTION_DROP: _corruption_drop,
    "max_bytes": _bytes,
    "max_p50_us": _p50,
    "max_cycles": _cycles,
    "min_speedup": _speedup,
    "max_flips": _flips,
    "min_class_recall": _recall,
}
