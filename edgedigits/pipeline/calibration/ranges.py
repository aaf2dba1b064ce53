"""Which part of a tensor's values the range of its quantization holds, found from how often each value came.

min-max holds all of them, so that one rare peak costs every other value its steps. `percentile` cuts a share of the values off;
`mse` takes the range with the least squared error of rounding and cutting together (Nagel et al. 2021, "A White Paper on Neural
Network Quantization", 3.1). Zero is always inside: TFLite wants a whole number for it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edgedigits.pipeline.calibration.rule import Rule

BINS: Final = 8192
_TRIES: Final = 80
"""Ends that `mse` looks at on either side, in equal ratios from all to `_LEAST` of what was reached."""
_LEAST: Final = 0.01


class Counts:
    """How often values between two ends came: float32 values of any shape in, `BINS` equal bins out; zeros are counted apart."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = min(low, 0.0), max(high, 0.0)
        self.bins = np.zeros(BINS, np.int64)
        self.zeros = 0

    def add(self, values: np.ndarray) -> None:
        """Values outside of the ends count to the outermost bins."""
        flat = values.reshape(-1)
        width = (self.high - self.low) / BINS
        if width > 0 and np.isfinite(width):
            flat = flat[flat != 0]
            self.zeros += values.size - flat.size
            places = np.clip((flat - np.float32(self.low)) / np.float32(width), 0, BINS - 1).astype(np.int64)
            self.bins += np.bincount(places, minlength=BINS)

    @property
    def middles(self) -> np.ndarray:
        """The value that stands for each bin, float64."""
        return self.low + (np.arange(BINS) + 0.5) * (self.high - self.low) / BINS


def find_range(counts: Counts, rule: Rule, steps: int) -> tuple[float, float]:
    """(lowest, highest) value that a tensor of so many `steps` holds; zero is between them."""
    if rule.calibration == "minmax" or not counts.bins.any():
        return counts.low, counts.high
    return _cut_share(counts, rule.percentile) if rule.calibration == "percentile" else _least_error(counts, steps)


def _cut_share(counts: Counts, percentile: float) -> tuple[float, float]:
    """Zeros are values, too."""
    bins = counts.bins.copy()
    width = (counts.high - counts.low) / BINS
    bins[min(int(-counts.low / width), BINS - 1)] += counts.zeros
    sums, tail = np.cumsum(bins), (1 - percentile / 100) / 2 * bins.sum()
    first = int(np.searchsorted(sums, tail, side="right"))
    last = int(np.searchsorted(sums, sums[-1] - tail, side="left"))
    return min(counts.low + first * width, 0.0), max(counts.low + (last + 1) * width, 0.0)


def _least_error(counts: Counts, steps: int) -> tuple[float, float]:
    """Of all pairs of ends that are tried. A value inside is off by a twelfth of a squared step in the mean, zero by nothing."""
    ratios = np.geomspace(1.0, _LEAST, _TRIES)
    lows = counts.low * (ratios if counts.low < 0 else ratios[:1])
    highs = counts.high * (ratios if counts.high > 0 else ratios[:1])
    below, above = _cut_errors(-counts.middles, counts.bins, -lows), _cut_errors(counts.middles, counts.bins, highs)
    step = (highs[None, :] - lows[:, None]) / steps
    error = below[:, None] + above[None, :] + counts.bins.sum() * step**2 / 12
    at_low, at_high = np.unravel_index(int(np.argmin(error)), error.shape)
    return float(lows[at_low]), float(highs[at_high])


def _cut_errors(values: np.ndarray, bins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """For each end the squared error of all values beyond it, float64 [ends]."""
    beyond = np.maximum(values[None, :] - ends[:, None], 0.0)
    found: np.ndarray = (beyond**2) @ bins
    return found
