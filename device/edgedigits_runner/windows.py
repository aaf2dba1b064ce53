"""Timed windows of one model: laps, the conditions they were taken under, and whether they count."""

from __future__ import annotations

from array import array
from itertools import cycle
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.arrays import encode_ns
from edgedigits_runner.conditions import SYSTEM, Sources, as_json, health, others, pace, taint
from edgedigits_runner.session import Session, classify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

REPEATS = 2
_LEAST_LAPS = 10
_RAMP_S = 0.05


class Repeats:
    """How often tainted windows may still be repeated: each at most twice, all together at most `budget` times."""

    def __init__(self, budget: int) -> None:
        self._left = budget

    def take(self, tries: int) -> bool:
        """Whether a window that was tried so many times gets another try."""
        if tries > REPEATS or not self._left:
            return False
        self._left -= 1
        return True


def window(
    session: Session, tensors: Sequence[NDArray[Any]], seconds: float, repeats: Repeats, sources: Sources = SYSTEM
) -> dict[str, Any]:
    """One window as JSON. A tainted one is measured again; if it stays so, `void` says why, else `void` is None."""

    def timed(length_s: float) -> dict[str, Any]:
        invoke_ns, call_ns = laps(session, tensors, length_s)
        calls = np.frombuffer(call_ns, dtype=np.uint64)
        return {
            "laps_ns": encode_ns(np.frombuffer(invoke_ns, dtype=np.uint64)),
            "call_p50_ns": int(np.partition(calls, (len(calls) - 1) // 2)[(len(calls) - 1) // 2]),
            "calls_ns": int(calls.sum()),
        }

    return watched(timed, seconds, repeats, sources)


def watched(
    timed: Callable[[float], dict[str, Any]], seconds: float, repeats: Repeats, sources: Sources = SYSTEM
) -> dict[str, Any]:
    """What `timed` finds in so many seconds, and the conditions meanwhile; tainted ones are measured again, as in `window`."""
    tries = 1
    found = _once(timed, seconds, sources)
    while found["void"] and repeats.take(tries):
        tries += 1
        found = _once(timed, seconds, sources)
    return {**found, "tries": tries}


def _once(timed: Callable[[float], dict[str, Any]], seconds: float, sources: Sources) -> dict[str, Any]:
    healthy = health(sources)
    # Not counted: the caches are as the other model left them, and a clock that sank meanwhile has to rise again.
    timed(min(_RAMP_S, seconds / 10))
    begun = pace(sources)
    found = timed(seconds)
    ended = pace(sources)
    healths = (healthy, health(sources))
    return {
        **found,
        "before": as_json(healths[0], begun),
        "after": as_json(healths[1], ended),
        "load": others(begun, ended),
        "void": taint(healths, (begun, ended)),
    }


def laps(session: Session, tensors: Sequence[NDArray[Any]], seconds: float) -> tuple[array[int], array[int]]:
    """(ns of invoke() alone, ns of the whole call) of every lap in that time, 10 laps at least."""
    invoke, call = array("Q"), array("Q")  # 8 bytes a lap; a list of ints takes 40
    images = cycle(tensors)
    end = perf_counter() + seconds
    while perf_counter() < end or len(invoke) < _LEAST_LAPS:
        _, invoke_ns, call_ns = classify(session, next(images))
        invoke.append(invoke_ns)
        call.append(call_ns)
    return invoke, call
