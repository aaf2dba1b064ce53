"""How many images a probe needs: it stops as soon as what it would decide is decided, or the interval is narrow.

Images come in batches, and after 1, 2, 4, 8, ... of them one looks. Each interval is so wide that all looks together hold at 95 %
(Bonferroni): whoever looks often would stop at the first chance otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.statistics import Interval, bound_difference, pair_up

BATCH: Final = 250
NARROW: Final = 0.5
"""Of what matters: an interval that reaches no further than this on either side needs no more images."""
SHARP: Final = 0.1
"""Of a divergence, where it ranks the layers: its standard error at most."""
_LEAST_NATS: Final = 1e-9


@dataclass(frozen=True)
class Finding:
    """What a probe did on `images`. drop_points: of accuracy that it has less than what it is compared with, with its interval;
    kl_nats: of its answers from the float model's, per image, with its standard error."""

    images: int
    accuracy: float
    drop_points: float
    low_points: float
    high_points: float
    kl_nats: float
    kl_error_nats: float

    def judge(self, matters: float) -> str:
        """ "hurts": it surely costs that many points or more; "harmless": surely fewer; else "not sure"."""
        if self.low_points >= matters:
            return "hurts"
        return "harmless" if self.high_points <= matters else "not sure"

    def bears(self, matters: float) -> bool:
        """Whether what was seen costs less than matters."""
        return self.drop_points < matters

    def is_settled(self, matters: float, ranks: bool) -> bool:
        """Whether more images would change nothing: its verdict is there, or its interval narrow; and, where it `ranks` layers,
        its divergence is sharp."""
        reach = max(self.high_points - self.drop_points, self.drop_points - self.low_points)
        sharp = not ranks or self.kl_error_nats <= SHARP * max(self.kl_nats, _LEAST_NATS)
        return sharp and (self.judge(matters) != "not sure" or reach <= NARROW * matters)

    def as_json(self, matters: float) -> JsonObject:
        """With the verdict."""
        return {**asdict(self), "verdict": self.judge(matters)}


@dataclass(frozen=True)
class Looks:
    """`parts` of about BATCH images each, int64 [n], of every class in proportion; one looks after `after` so many of them."""

    parts: Sequence[slice]
    after: frozenset[int]

    @property
    def confidence(self) -> float:
        """Of each interval, so that all hold at 95 %."""
        return 1 - 0.05 / len(self.after)


def plan_looks(images: int) -> Looks:
    """Parts of equal size, since what takes its statistics from a batch should see none of a few images."""
    count = max(1, -(-images // BATCH))
    ends = np.linspace(0, images, count + 1).round().astype(int)
    parts = [slice(low, high) for low, high in pairwise(ends.tolist())]
    return Looks(parts, frozenset({*_double(count), count}))


def _double(most: int) -> Iterator[int]:
    step = 1
    while step < most:
        yield step
        step *= 2


def sum_up(before: np.ndarray, after: np.ndarray, nats: np.ndarray, confidence: float) -> Finding:
    """What bool [n] answers, right or not, of what is compared with and of the probe, and float64 [n] divergences come to."""
    paired = pair_up(before, after)
    drop: Interval = bound_difference(paired.only_baseline, paired.only_compressed, paired.images, confidence)
    error = float(nats.std(ddof=1) / np.sqrt(len(nats))) if len(nats) > 1 else float(nats.max())
    return Finding(
        len(after),
        float(after.mean()),
        100 * drop.value,
        100 * drop.low,
        100 * drop.high,
        float(nats.mean()),
        error,
    )
