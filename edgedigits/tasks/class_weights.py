"""How much each class or label counts in training: alike, but where some are rare, rare ones as much as the frequent.

Without that, training on 97 images of one class for every 3 of the other soon answers the one alone: the loss hardly notices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from edgedigits.keras_types import KerasTensor, TensorLike

RARE: Final = 5
"""Weights are used where the most frequent class has more than so many images for each of the rarest."""
HEAVIEST: Final = 32.0
"""Of one image against the mean: it is a quarter of a batch of 128 then, and Adam's steps must not follow it alone."""


def compute_class_weights(setting: str, labels: np.ndarray) -> NDArray[np.float32] | None:
    """The weight of each class, float32 [classes], its mean over the images 1; None where every image counts alike.

    With `auto` and a class rarer than 1 in `RARE` of the most frequent, each class that has images weighs as much as any other
    (inverse frequency), up to `HEAVIEST` an image.
    """
    counts = np.bincount(labels)
    present = counts[counts > 0]
    if setting == "none" or not len(present) or present.min() * RARE >= present.max():
        return None
    weights = len(labels) / (len(present) * np.maximum(counts, 1)) * (counts > 0)
    capped = np.zeros(len(counts), bool)
    while (over := weights > HEAVIEST).any():  # what they lose goes to the others, and may lift one of those over it
        capped |= over
        weights[capped] = HEAVIEST
        rest = len(labels) - HEAVIEST * counts[capped].sum()
        weights[~capped] *= rest / (weights[~capped] @ counts[~capped])
    return np.asarray(weights, np.float32)


def compute_label_weights(setting: str, labels: np.ndarray) -> NDArray[np.float32] | None:
    """The weight of each label of [n, labels], float32 [labels], their mean 1; None where every label counts alike.

    With `auto` and a label rarer than 1 in `RARE` of the most frequent, each weighs by the inverse of what knowing no more than
    its frequency leaves in the loss (its entropy), up to `HEAVIEST` of the least. Both sides of a label weigh alike, so that its
    probabilities, and with them the threshold, stay where they are.
    """
    shares = np.clip(labels.mean(axis=0, dtype=np.float64), 0.0, 1.0)
    known = (shares > 0) & (shares < 1)
    rarer = np.minimum(shares, 1 - shares)
    if setting == "none" or not known.any() or rarer[known].min() * RARE >= rarer[known].max():
        return None
    inside = np.where(known, shares, 0.5)
    weights = 1 / -(inside * np.log(inside) + (1 - inside) * np.log(1 - inside))
    weights = np.where(known, np.minimum(weights, HEAVIEST * weights[known].min()), weights[known].min())
    return np.asarray(weights / weights.mean(), np.float32)


def weigh_by_class(losses: TensorLike, labels: TensorLike | None, weights: TensorLike | None) -> KerasTensor:
    """Losses [n], each times the weight of its image's class; as they are where `weights` is None."""
    from edgedigits.backend import tf

    if weights is None:
        return cast("KerasTensor", losses)
    result: KerasTensor = losses * tf.gather(weights, labels)
    return result


def weigh_by_label(losses: TensorLike, _labels: TensorLike | None, weights: TensorLike | None) -> KerasTensor:
    """Of losses [n, labels] the mean of each image, [n], each label's times its weight; the plain mean where there are none."""
    from edgedigits.backend import tf

    result: KerasTensor = tf.reduce_mean(losses if weights is None else losses * weights, axis=1)
    return result


def make_weighted_mean(
    weights: NDArray[np.float32] | None, weighted: Callable[..., KerasTensor] = weigh_by_class
) -> Callable[[TensorLike, TensorLike], KerasTensor]:
    """A graph function from losses and labels to the mean over the images, weighted as `by_class` or `by_label` does."""
    from edgedigits.backend import tf

    known = None if weights is None else tf.constant(weights)
    return lambda losses, labels: tf.reduce_mean(weighted(losses, labels, known))


def to_facts(weights: NDArray[np.float32] | None) -> list[float]:
    """JSON-safe: the weight of each class by its number; empty where every image counts alike."""
    return [] if weights is None else [round(float(weight), 6) for weight in weights]
