"""How much each class counts in training: alike, but where some are rare, rare ones as much as the frequent.

Without that, training on 97 images of one class for every 3 of the other soon answers the one alone: the loss hardly notices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.stages.settings import ClassWeights

RARE: Final = 5
"""Weights are used where the most frequent class has more than so many images for each of the rarest."""
HEAVIEST: Final = 32.0
"""Of one image against the mean: it is a quarter of a batch of 128 then, and Adam's steps must not follow it alone."""


def class_weights(setting: ClassWeights, labels: NDArray[Any]) -> NDArray[np.float32] | None:
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


def mean_by(weights: NDArray[np.float32] | None) -> Callable[[Any, Any], Any]:
    """A graph function from losses [n] and int32 labels [n] to their mean, each weighted by its class; None: the plain mean."""
    from edgedigits.backend import tf

    if weights is None:
        return lambda losses, _labels: tf.reduce_mean(losses)
    known = tf.constant(weights)
    return lambda losses, labels: tf.reduce_mean(losses * tf.gather(known, labels))


def as_facts(weights: NDArray[np.float32] | None) -> list[float]:
    """JSON-safe: the weight of each class by its number; empty where every image counts alike."""
    return [] if weights is None else [round(float(weight), 6) for weight in weights]
