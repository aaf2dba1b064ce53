"""Whether a model knows its data, said before anything is trained: near chance, or right but for the order of the classes.

A model whose classes were in another order when it was trained answers with a permutation of them. It is found on one half of the
images and tried on the other: with few images of many classes some permutation always fits what it came from.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.tasks.parity import LEAST_MARGIN, compute_margins
from edgedigits.tasks.scoring import to_probabilities
from edgedigits.tasks.statistics import chance_p, mcnemar_p

CHANCE: Final = 0.01
"""A model that answers at random seems better than chance once in a hundred times."""
LEAST_SKILL: Final = 0.1
"""Of the way from chance to all right: below, its data or scale is rather not its own."""
CLEAR_SKILL: Final = 0.5
"""From here on a model is no doubt better than chance, also where a handful of images can't prove it."""
CERTAIN: Final = 1e-4
"""Of p: that another order of the classes is better by chance, once in ten thousand models; 15 images of 15 are enough."""
LIKELY: Final = 0.001
GAIN: Final = 0.25
"""Of accuracy: what another order must add to be called a mistake. Two of eight classes that changed places add that much."""
LEAST_GAIN: Final = 0.02
"""Of accuracy, to be worth a word."""


@dataclass(frozen=True)
class Findings:
    """What is wrong with a model on its data: a sentence each; the first two are certain, `warnings` are for the rest."""

    unfit_model: str | None = None
    wrong_order: str | None = None
    warnings: tuple[str, ...] = ()
    near_chance: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(filter(None, (self.unfit_model, self.wrong_order))) + self.warnings


@dataclass(frozen=True)
class Order:
    """Another order of the classes: `answer_of[label]` is the answer that the model gives for it, -1 where none is known.

    accuracy: with that order, on images it was not found on. gained, lost: of those, images that only the new order, only the old
    one gets right.
    """

    answer_of: NDArray[np.int64]
    accuracy: float
    gained: int
    lost: int


def look(outputs: NDArray[np.floating], labels: np.ndarray, classes: Sequence[str], logits: bool) -> Findings:
    """What outputs [n, the model's classes] for images of these labels tell of it; `classes` are the names of the labels."""
    if not np.isfinite(outputs).all():
        return Findings(unfit_model="the model answers images of this data with NaN or infinity; train it again")
    if compute_margins(to_probabilities(outputs, logits)).mean() < LEAST_MARGIN:
        return Findings(
            unfit_model="the model prefers no class to another on any image (are its weights zero?), so nothing could show "
            "whether its compressed form is right; train it first"
        )
    chosen = outputs.argmax(axis=1)
    accuracy = float((chosen == labels).mean())
    order = find_order(chosen, labels, len(classes))
    if order is not None and mcnemar_p(order.gained, order.lost) < LIKELY and order.accuracy >= accuracy + LEAST_GAIN:
        said = _order_sentence(order, accuracy, len(labels), classes, outputs.shape[1])
        certain = mcnemar_p(order.gained, order.lost) < CERTAIN and order.accuracy >= accuracy + GAIN
        return Findings(wrong_order=said) if certain else Findings(warnings=(said,))
    if _near_chance(chosen, labels):
        return Findings(warnings=(_chance_sentence(chosen, labels, len(classes)),), near_chance=True)
    return Findings()


def _expected(chosen: np.ndarray, labels: np.ndarray) -> float:
    """The share of right answers if the same answers were given to images at random."""
    size = int(max(chosen.max(), labels.max())) + 1
    return float(
        (np.bincount(chosen, minlength=size) / len(chosen)) @ (np.bincount(labels, minlength=size) / len(labels))
    )


def _near_chance(chosen: np.ndarray, labels: np.ndarray) -> bool:
    right, chance = int((chosen == labels).sum()), _expected(chosen, labels)
    skill = (right / len(labels) - chance) / (1 - chance) if chance < 1 else 1.0  # one class only: nothing to mistake
    return skill < LEAST_SKILL or (skill < CLEAR_SKILL and chance_p(right, len(labels), chance) >= CHANCE)


def _chance_sentence(chosen: np.ndarray, labels: np.ndarray, classes: int) -> str:
    given = np.bincount(chosen)
    most = given.max() / len(chosen)
    one = f"; {100 * most:.0f} % of its answers are one class" if classes > 1 and most > 0.9 else ""
    return (
        f"before compression the model answers {100 * (chosen == labels).mean():.1f} % of {len(labels)} validation images right, "
        f"where answers at random would give {100 * _expected(chosen, labels):.1f} %{one}: are --scale, the data and the order "
        "of its classes those that it was trained with?"
    )


def find_order(chosen: np.ndarray, labels: np.ndarray, classes: int) -> Order | None:
    """The order of the classes under which most answers are right, judged by the half of the images it was not found on.

    None where it is the order as it is, or where the classes have too few images to tell.
    """
    half = _alternate(labels)
    size = max(int(chosen.max()) + 1, classes)
    found = [_assigned(chosen[part], labels[part], classes, size) for part in (half, ~half)]
    whole = _assigned(chosen, labels, classes, size)
    if (whole == np.arange(classes)).all():
        return None
    right = chosen == labels
    anew = np.where(half, found[1][labels] == chosen, found[0][labels] == chosen)
    return Order(whole, float(anew.mean()), int((anew & ~right).sum()), int((right & ~anew).sum()))


def _alternate(labels: np.ndarray) -> NDArray[np.bool_]:
    """Every second image of each class, bool [n]."""
    half = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        half[np.flatnonzero(labels == label)[::2]] = True
    return half


def _assigned(chosen: np.ndarray, labels: np.ndarray, classes: int, answers: int) -> NDArray[np.int64]:
    """For each label the answer that stands for it, one each: the most frequent pair first, then the next that is free.

    A label keeps its own number where that is as good: half an image is added there.
    """
    pairs, counts = np.unique(np.stack([labels, chosen]), axis=1, return_counts=True)
    own = np.arange(classes)
    rows, columns = np.append(pairs[0], own), np.append(pairs[1], own)
    weights = np.append(counts + 0.5 * (pairs[0] == pairs[1]), np.full(classes, 0.5))
    found, taken = np.full(classes, -1, np.int64), np.zeros(answers, bool)
    for at in np.argsort(-weights, kind="stable"):
        if found[rows[at]] < 0 and not taken[columns[at]]:
            found[rows[at]], taken[columns[at]] = columns[at], True
    free = iter(np.flatnonzero(~taken))
    return np.array([answer if answer >= 0 else next(free) for answer in found], np.int64)


def _order_sentence(order: Order, accuracy: float, images: int, classes: Sequence[str], answers: int) -> str:
    moved = [label for label, answer in enumerate(order.answer_of) if answer != label]
    said = (
        f"the model's classes seem to be in another order than the data's: {100 * accuracy:.1f} % of {images} validation images "
        f"are right as they are, {100 * order.accuracy:.1f} % with {len(moved)} of {len(classes)} classes elsewhere"
    )
    if answers != len(classes):
        pairs = ", ".join(f"{order.answer_of[label]} is {classes[label]!r}" for label in moved[:8])
        return f"{said}; its answer {pairs}{', ...' if len(moved) > 8 else ''}"
    names = [classes[int(np.flatnonzero(order.answer_of == answer)[0])] for answer in range(answers)]
    return f"{said}; if so, say --classes {shlex.quote(','.join(names))}"
