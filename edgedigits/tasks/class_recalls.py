"""What happens to each class where one model takes the place of another: its recall before and after, and whether that is chance.

Accuracy hides a rare class: where 97 of 100 images are of the other, a model that never answers it is right 97 times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.statistics import holm, mcnemar_p

SIGNIFICANT: Final = 0.01
"""Of p after Holm's correction: what is said of one class among many should rarely be chance, and a finished run fails by it."""
LEAST_LOSS: Final = 0.02
"""Of recall, beyond what all images together lose, to be worth a warning: two images of a hundred more than elsewhere."""
LOST_SHARE: Final = 0.5
"""With more than half of its recall gone, a class is found less often than it is missed, whatever it was before."""
FEWEST: Final = 3
"""Fewer images than this decide nothing, however improbable: two wrong labels would do the same."""


@dataclass(frozen=True)
class ClassChange:
    """One class on the same images: `label` is its number; `before` and `after` of `images` were answered right.

    `only_before`, `only_after`: images that only one of the two got right. `p_value`: exact, of "its images changed as any other
    images did", `lost_p_value` of "its recall did not fall"; both one-sided and corrected for the number of classes (Holm 1979).
    """

    label: int
    images: int
    before: int
    after: int
    only_before: int
    only_after: int
    p_value: float
    lost_p_value: float

    @property
    def loss(self) -> float:
        """By how much the recall fell, as a share of 1; negative where it rose."""
        return (self.before - self.after) / self.images


@dataclass(frozen=True)
class ClassChanges:
    """Of every class that has images, by its number."""

    each: tuple[ClassChange, ...]

    @property
    def worst(self) -> ClassChange | None:
        """The class that loses most of its recall; None where there are fewer than two, for then accuracy says it."""
        return max(self.each, key=lambda one: (one.loss, one.images)) if len(self.each) > 1 else None

    @property
    def worse_than_the_rest(self) -> tuple[ClassChange, ...]:
        """Classes that lose significantly more than the rest, the worst first."""
        images = sum(one.images for one in self.each)
        mean = sum(one.before - one.after for one in self.each) / max(1, images)
        found = [one for one in self.each if one.p_value < SIGNIFICANT and one.loss >= max(mean, 0) + LEAST_LOSS]
        return tuple(sorted(found, key=lambda one: -one.loss))

    @property
    def lost(self) -> tuple[ClassChange, ...]:
        """Classes that are practically lost: more than half of their recall is gone, and that is not chance."""
        found = [
            one
            for one in self.each
            if one.before - one.after >= FEWEST
            and one.after < (1 - LOST_SHARE) * one.before
            and min(one.p_value, one.lost_p_value) < SIGNIFICANT / 2  # two tests, so half for each
        ]
        return tuple(sorted(found, key=lambda one: -one.loss))


def count_by_class(labels: np.ndarray, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> ClassChanges:
    """Counts what two models got right, all [n], by the true class of each image."""
    present = np.unique(labels)
    lost, gained = before & ~after, after & ~before
    rows = [labels == label for label in present]
    chance, fell = [], []
    for row in rows:
        own = (int(row.sum()), int(lost[row].sum()), int(gained[row].sum()))
        chance.append(compute_excess_p(*own, len(labels), int(lost.sum()), int(gained.sum())))
        fell.append(mcnemar_p(own[1], own[2]) / 2 if own[1] > own[2] else 1.0)
    return ClassChanges(
        tuple(
            ClassChange(
                label=int(label),
                images=int(row.sum()),
                before=int(before[row].sum()),
                after=int(after[row].sum()),
                only_before=int(lost[row].sum()),
                only_after=int(gained[row].sum()),
                p_value=p,
                lost_p_value=q,
            )
            for label, row, p, q in zip(present, rows, holm(chance), holm(fell), strict=True)
        )
    )


def compute_excess_p(images: int, lost: int, gained: int, all_images: int, all_lost: int, all_gained: int) -> float:
    """One-sided exact p of a class that lost `lost` and gained `gained` of its images, had its images been drawn from all.

    The share of all ways to draw `images` of `all_images` in which lost minus gained is at least as large: a permutation test,
    counted out (multivariate hypergeometric). 1 where the class loses nothing.
    """
    if lost <= gained:
        return 1.0
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, all_images + 1)))])

    def ways(of: int, picked: NDArray[np.int64]) -> NDArray[np.float64]:
        fits = (picked >= 0) & (picked <= of)
        inside = np.where(fits, picked, 0)
        found = factorial[of] - factorial[inside] - factorial[of - inside]
        return np.where(fits, found, -np.inf)

    more = np.arange(lost - gained, min(all_lost, images) + 1)[:, None]
    less = np.arange(min(all_gained, images) + 1)[None, :]
    same = all_images - all_lost - all_gained
    logs = ways(all_lost, more) + ways(all_gained, less) + ways(same, images - more - less)
    logs = np.where(more - less >= lost - gained, logs - ways(all_images, np.array(images)), -np.inf)
    return float(min(1.0, np.exp(logs).sum()))


def to_record(changes: ClassChanges, names: Sequence[str], before: str = "float") -> list[JsonObject]:
    """One JSON-safe entry for each class that has images; recalls are shares of 1. `before` is what the keys call the first."""
    return [
        {
            "class": name_class(one, names),
            "images": one.images,
            f"{before}_recall": one.before / one.images,
            "compressed_recall": one.after / one.images,
            f"only_{before}_right": one.only_before,
            "only_compressed_right": one.only_after,
            "p_value": one.p_value,
        }
        for one in changes.each
    ]


def name_class(one: ClassChange, names: Sequence[str]) -> str:
    """The name of its class, or its number where there is none."""
    return names[one.label] if one.label < len(names) else str(one.label)
