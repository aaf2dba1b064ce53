"""By how much the F1 of two models on the same images differs, and how sure that is."""

from __future__ import annotations

from typing import Final

import numpy as np
from edgedigits_runner.f1 import counts, f1_of
from numpy.typing import NDArray

from edgedigits.tasks.statistics import Interval

_RESAMPLES: Final = 2000
_AT_ONCE: Final = 100
"""Drawings that are counted together; each takes a whole number per image."""


def compare_f1(labels: np.ndarray, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Interval:
    """Macro F1 of the second model less that of the first, shares of 1, with its bootstrap 95 % interval; all [n, labels].

    Images are drawn anew, both models' answers to one together, so that what they share falls out (percentile bootstrap).
    """
    from scipy.stats import bootstrap

    wanted, images = labels.astype(bool), len(labels)
    sides = [_parts(found, wanted) for found in (before, after)]

    def difference(drawn: NDArray[np.intp], axis: int) -> NDArray[np.float64]:  # noqa: ARG001  # SciPy names it; the last
        rows = drawn.reshape(-1, images) + np.arange(drawn.size // images)[:, None] * images
        times = np.bincount(rows.ravel(), minlength=drawn.size).reshape(-1, images).astype(np.float64)
        first, second = (f1_of(*(times @ part for part in parts))[0] for parts in sides)
        return np.asarray(second - first).reshape(drawn.shape[:-1])

    value = float(np.subtract(*(f1_of(*counts(found, wanted))[0] for found in (after, before))))
    if images < 2:
        return Interval(value, value, value)
    drawn = bootstrap(
        (np.arange(images),),
        difference,
        n_resamples=_RESAMPLES,
        batch=_AT_ONCE,
        vectorized=True,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return Interval(value, min(value, float(drawn.low)), max(value, float(drawn.high)))


def _parts(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """Hits, false alarms and misses of each image, float64 [n, labels], as a product with how often it is drawn takes them."""
    return tuple(each.astype(np.float64) for each in (found & wanted, found & ~wanted, ~found & wanted))
