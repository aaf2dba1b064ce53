"""How far a layer's values are from what they should be, summed image by image: no tensor is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edgedigits.ground.facts import JsonObject

MOST_DB: Final = 200.0
"""Signal to noise where there is no noise: float32 itself has about 150 dB."""

_LARGEST: Final = float(np.finfo(np.float32).max)
_ALIVE: Final = 0.01
"""A channel whose values differ by less than this share of their size tells images apart by nothing that eight bits show."""


@dataclass(frozen=True)
class Range:
    """What a tensor can hold: `low` to `high` in steps of `step`; infinite, and a step of 0, where it is not quantized."""

    low: float = -math.inf
    high: float = math.inf
    step: float = 0.0


@dataclass
class Sums:
    """Of one layer: `found` what the file has, `plain` what the float net has, `exact` what this layer would have come to without
    rounding from the inputs that it got, so that found - exact is its own error. The last axis are its channels."""

    limits: Range
    values: int = 0
    cut: int = 0
    signal: float = 0.0
    noise: float = 0.0
    found: float = 0.0
    both: float = 0.0
    inherited: float = 0.0
    largest: float = 0.0
    own_largest: float = 0.0
    own_signal: np.ndarray = field(default_factory=lambda: np.zeros(1))
    own_noise: np.ndarray = field(default_factory=lambda: np.zeros(1))
    low: np.ndarray = field(default_factory=lambda: np.full(1, np.inf))
    high: np.ndarray = field(default_factory=lambda: np.full(1, -np.inf))
    found_low: np.ndarray = field(default_factory=lambda: np.full(1, np.inf))
    found_high: np.ndarray = field(default_factory=lambda: np.full(1, -np.inf))

    def add(self, found: np.ndarray, plain: np.ndarray, exact: np.ndarray) -> None:
        """The values of one image, float32 arrays of one shape."""
        one, two, three = (_by_channel(values) for values in (found, plain, exact))
        self.values += one.size
        self.signal += float((two * two).sum())
        self.noise += float(((one - two) ** 2).sum())
        self.found += float((one * one).sum())
        self.both += float((one * two).sum())
        self.inherited += float(((three - two) ** 2).sum())
        self.largest = max(self.largest, float(np.abs(one - two).max(initial=0.0)))
        self.own_largest = max(self.own_largest, float(np.abs(one - three).max(initial=0.0)))
        self.own_signal = self.own_signal + (three * three).sum(0)
        self.own_noise = self.own_noise + ((one - three) ** 2).sum(0)
        self.cut += int(
            ((three < self.limits.low - self.limits.step) | (three > self.limits.high + self.limits.step)).sum()
        )
        self.low, self.high = np.minimum(self.low, three.min(0)), np.maximum(self.high, three.max(0))
        self.found_low = np.minimum(self.found_low, one.min(0))
        self.found_high = np.maximum(self.found_high, one.max(0))

    def as_json(self) -> JsonObject:
        """Decibels, shares of 1, and values in the layer's own units; arrays hold a number for each channel."""
        size = math.sqrt(self.signal * self.found)
        size_of = np.maximum(np.abs(self.low), np.abs(self.high))
        dead = (self.found_high == self.found_low) & (self.high - self.low > _ALIVE * size_of)
        return {
            "snr_db": to_db(self.signal, self.noise),
            "own_snr_db": to_db(float(self.own_signal.sum()), float(self.own_noise.sum())),
            "inherited_snr_db": to_db(self.signal, self.inherited),
            "channel_snr_db": [
                to_db(*pair) for pair in zip(self.own_signal.tolist(), self.own_noise.tolist(), strict=True)
            ],
            "cosine": self.both / size if size else float(self.signal == self.found),
            "largest_error": self.largest,
            "own_largest_error": self.own_largest,
            "cut_share": self.cut / max(1, self.values),
            "dead_channels": int(dead.sum()),
            "channel_low": self.low,
            "channel_high": self.high,
            "limits": [self.limits.low, self.limits.high, self.limits.step],
        }


def to_db(signal: float, noise: float) -> float:
    """10 log10(signal / noise), at most `MOST_DB` either way; where neither is, nothing is wrong."""
    if noise <= 0 or not signal:
        return MOST_DB if noise <= 0 else -MOST_DB
    if not math.isfinite(signal + noise):
        return -MOST_DB
    return max(-MOST_DB, min(MOST_DB, 10 * math.log10(signal / noise)))


def _by_channel(values: np.ndarray) -> np.ndarray:
    """float64 [places, channels]; what is no number, or infinite, counts as the largest that float32 holds."""
    whole = np.nan_to_num(values.astype(np.float64), nan=_LARGEST, posinf=_LARGEST, neginf=-_LARGEST)
    return whole.reshape(-1, whole.shape[-1]) if whole.ndim else whole.reshape(1, 1)
