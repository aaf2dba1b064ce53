"""How sure a number is: intervals for shares and ratios, an exact test for paired answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from edgedigits_runner.spread import median_and_interval
from numpy.typing import NDArray

_EDGE: Final = 1e-9
"""As near to 1 as a difference of shares is looked for."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """The same images answered by two models, counted by who is right."""

    both: int
    only_baseline: int
    only_compressed: int
    neither: int

    @property
    def images(self) -> int:
        return self.both + self.only_baseline + self.only_compressed + self.neither

    @property
    def difference_points(self) -> float:
        """Accuracy of the compressed model minus that of the baseline, in percentage points."""
        return 100 * (self.only_compressed - self.only_baseline) / self.images

    @property
    def p_value(self) -> float:
        """Exact McNemar p of "equally accurate"."""
        return mcnemar_p(self.only_baseline, self.only_compressed)


def pair_up(baseline_right: NDArray[np.bool_], compressed_right: NDArray[np.bool_]) -> Paired:
    """Counts two equally long vectors of right answers; ValueError where they differ in length or are empty."""
    if baseline_right.shape != compressed_right.shape or not baseline_right.size:
        raise ValueError(f"can't pair {baseline_right.shape} answers with {compressed_right.shape}")
    return Paired(
        both=int((baseline_right & compressed_right).sum()),
        only_baseline=int((baseline_right & ~compressed_right).sum()),
        only_compressed=int((~baseline_right & compressed_right).sum()),
        neither=int((~baseline_right & ~compressed_right).sum()),
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Two-sided exact McNemar p: a fair coin thrown once per image that only one of the two got right.

    McNemar 1947, in the form of a sign test. No such image: 1.
    """
    from scipy.stats import binomtest  # late: it takes half a second, which commands without a test need not

    thrown = only_first + only_second
    return float(binomtest(min(only_first, only_second), thrown, 0.5).pvalue) if thrown else 1.0


def chance_p(right: int, total: int, share: float) -> float:
    """One-sided exact p of at least `right` of `total` where each is right with probability `share` (binomial)."""
    from scipy.stats import binomtest

    if right <= 0 or share >= 1:
        return 1.0
    return float(binomtest(right, total, max(share, 0.0), alternative="greater").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p corrected for how many there are (Holm 1979): below a limit, they hold together at that limit.

    By hand, for SciPy corrects by other methods only (`false_discovery_control`).
    """
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    corrected, largest = [1.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = largest
    return corrected


def bound_share(right: int, total: int, confidence: float = 0.95) -> Interval:
    """`right` of `total` as a share, with Wilson's score interval (1927), which holds near 0 and 1 too."""
    from scipy.stats import binomtest

    if not 0 <= right <= total or total < 1:
        raise ValueError(f"can't be: {right} of {total}")
    share, found = right / total, binomtest(right, total).proportion_ci(confidence, method="wilson")
    return Interval(share, min(share, float(found.low)), max(share, float(found.high)))


def bound_difference(only_first: int, only_second: int, total: int, confidence: float = 0.95) -> Interval:
    """The share of the first less that of the second, where `total` images were answered by both and so many right by one alone.

    Tango's score interval (1998): all differences that a McNemar-like test does not reject. It holds for few images and for none
    that differ, where the usual one has no width. ValueError for counts that can't be.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if min(only_first, only_second) < 0 or only_first + only_second > total or total < 1:
        raise ValueError(f"can't be: {only_first} and {only_second} of {total}")
    wanted, value = float(norm.ppf((1 + confidence) / 2)), (only_first - only_second) / total

    def excess(difference: float, sign: int) -> float:
        return _score(only_first, only_second, total, difference) - sign * wanted

    low = -1.0 if excess(-1 + _EDGE, 1) <= 0 else brentq(excess, -1 + _EDGE, value, args=(1,))
    high = 1.0 if excess(1 - _EDGE, -1) >= 0 else brentq(excess, value, 1 - _EDGE, args=(-1,))
    return Interval(value, min(value, float(low)), max(value, float(high)))


def _score(only_first: int, only_second: int, total: int, difference: float) -> float:
    """How many standard errors what was counted lies above a true `difference`; errors as they would be if it were that."""
    linear = (2 * total - only_first + only_second) * difference - only_first - only_second
    constant = -only_second * difference * (1 - difference)
    second = (math.sqrt(linear**2 - 8 * total * constant) - linear) / (4 * total)
    error = math.sqrt(max(total * (2 * second + difference * (1 - difference)), 0.0))
    distance = only_first - only_second - total * difference
    return distance / error if error else math.copysign(math.inf, distance) if distance else 0.0


def compute_typical_percentile(windows: Sequence[np.ndarray], percent: float) -> float:
    """The percentile of each window's laps, and of those the median: one spoilt window of five changes little."""
    return float(np.median([np.percentile(laps, percent, method="inverted_cdf") for laps in windows]))


def compute_speedup(
    baseline: Sequence[np.ndarray], compressed: Sequence[np.ndarray], *, seed: int = 0, resamples: int = 10_000
) -> Interval:
    """How many times as fast the second of two models is that were measured in alternating windows, with its
    bootstrap 95 % interval.

    The ratio of their p50 in each round, and of those the median: both windows of a round share the clock and the neighbours of
    their time, which fall out. Rounds are drawn anew, then laps within every drawn window. Above 1 the compressed model is the
    faster. ValueError where rounds differ.
    """
    before, after = _resample_pair(baseline, compressed, seed, resamples)
    first, second = ([compute_typical_percentile([laps], 50) for laps in side] for side in (baseline, compressed))
    return _bound(np.divide(first, second), before / after)


def compute_saving(
    baseline: Sequence[np.ndarray], compressed: Sequence[np.ndarray], *, seed: int = 0, resamples: int = 10_000
) -> Interval:
    """The same of the difference of their p50, in the unit of the laps: what a call takes less, negative where it takes more."""
    before, after = _resample_pair(baseline, compressed, seed, resamples)
    first, second = ([compute_typical_percentile([laps], 50) for laps in side] for side in (baseline, compressed))
    return _bound(np.subtract(first, second), before - after)


def _resample_pair(
    baseline: Sequence[np.ndarray], compressed: Sequence[np.ndarray], seed: int, resamples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """p50 of the windows of drawn rounds, both float64 [resamples, rounds]."""
    if len(baseline) != len(compressed) or not baseline:
        raise ValueError(f"{len(baseline)} windows against {len(compressed)}: they must be pairs")
    random = np.random.default_rng(seed)
    drawn = random.integers(len(baseline), size=(resamples, len(baseline)))
    before = _resample_p50([np.sort(laps) for laps in baseline], drawn, random)
    return before, _resample_p50([np.sort(laps) for laps in compressed], drawn, random)


def _bound(rounds: NDArray[np.float64], resampled: NDArray[np.float64]) -> Interval:
    """The median of what was found in each round, and where it lies in the middle 95 % of resamples [resamples, rounds]."""
    value = float(np.median(rounds))
    low, high = np.percentile(np.median(resampled, axis=1), [2.5, 97.5])
    return Interval(value, min(value, float(low)), max(value, float(high)))


def _resample_p50(
    windows: Sequence[np.ndarray], drawn: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.float64]:
    """For every row of drawn windows: their laps resampled, each window's median; of the shape of `drawn`.

    The median of n laps drawn with replacement is the sorted lap at n * U, U the middle one of n uniform numbers, which
    is Beta distributed: exact, and one random number instead of n.
    """
    medians = np.empty(drawn.shape)
    for number, laps in enumerate(windows):
        here = drawn == number
        middle = (len(laps) + 1) // 2
        at = random.beta(middle, len(laps) - middle + 1, size=int(here.sum()))
        medians[here] = laps[np.minimum((at * len(laps)).astype(np.int64), len(laps) - 1)]
    return medians


@dataclass(frozen=True)
class Spread:
    """A median and its 95 % interval; no interval where too few were measured to have one."""

    value: float
    low: float | None
    high: float | None


def bound_median(values: NDArray[np.float64]) -> Spread:
    """The median of one value per window, float64 [windows], with its bootstrap 95 % interval, as the device runner has it."""
    return Spread(*median_and_interval(values))
