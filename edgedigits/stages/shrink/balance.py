"""Which channels go to reach a target that is of two things at once: weighed so that the loss which is foretold is least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edgedigits.stages.shrink.layer_sensitivity import EVEN, share_left
from edgedigits.stages.shrink.removal import Ranking
from edgedigits.stages.shrink.removal_order import Order
from edgedigits.stages.shrink.target import Target, reach

STEP: Final = 0.25


@dataclass(frozen=True)
class Choice:
    """keep: bool [units], what stays; value: what that measures. order: on whose way it lies; reasons: by layer, why others stay
    whole. balance: how much bytes counted beside multiply-adds. rise: of the loss, foretold; 0 where no sensitivity is."""

    keep: np.ndarray
    value: float
    order: Order
    reasons: dict[str, str]
    balance: float
    rise: float


@dataclass(frozen=True)
class Chooser:
    """From a ranking, the multiple of channels and the fewest that stay, to choices for a target. `smallest` is what the smallest
    model measures, where that is known; not `weighs`: bytes and multiply-adds count alike, come what may."""

    ranking: Ranking
    target: Target
    multiple: int
    least: int | None
    smallest: float | None
    weighs: bool = True

    def choose(self, goal: float, now: float) -> Choice:
        """The choice that meets the goal, where the model measures `now`. Raises TargetError as `reach` does.

        Bytes and cycles of a `remove` go together, and on most nets one is reached long after the other: then what saves
        that one counts more, as long as a smaller rise of the loss is foretold.
        """
        best = self._find(goal, now, EVEN)
        sensitivity = self.ranking.sensitivity
        weighs = self.weighs and self.target.unit == "share" and now > goal
        if not weighs or sensitivity is None or not sensitivity.weighs_both:
            return best
        size, work = share_left(self.ranking.layout, best.keep)
        step = STEP if size > work else -STEP
        while 0 <= best.balance + step <= 1:
            other = self._find(goal, now, best.balance + step)
            if other.rise >= best.rise:
                break
            best = other
        return best

    def _find(self, goal: float, now: float, balance: float) -> Choice:
        order, reasons = self.ranking.order(self.multiple, self.least, balance)
        keep, value = reach(self.target, goal, now, self.ranking.layout, order, self.smallest)
        lost = np.array([1 - keep[group.units].mean() for group in self.ranking.layout.coupling.groups])
        sensitivity = self.ranking.sensitivity
        return Choice(keep, value, order, reasons, balance, sensitivity.foretell_rise(lost) if sensitivity else 0.0)
