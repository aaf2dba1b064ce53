"""How much each class or label counts in training: alike, but where some are rare, rare ones as much as the frequent.

Without that, training on 97 images of one class for every 3 of the other soon answers the one alone: the loss hardly notices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from edgedigits.errors import InputError
from edgedigits.ground.yaml_files import describe_kind, suggest
from edgedigits.keras_types import KerasTensor, TensorLike

RARE: Final = 5
"""Weights are used where the most frequent class has more than so many images for each of the rarest."""
HEAVIEST: Final = 32.0
"""Of one image against the mean: it is a quarter of a batch of 128 then, and Adam's steps must not follow it alone."""

SAID: Final = ("none", "auto", "balanced")
"""Weights that labels tell: `balanced` is `auto` however frequent the rarest is."""
SaidWeights = str | Mapping[str, float]
"""As people write them: one of `SAID`, weights by the names of classes as "A=2,B=1", or such a mapping."""


def check_said_weights(said: Any, where: str) -> SaidWeights:
    """One of `SAID` as it is, weights by name as a dict of floats. Raises InputError, beginning with `where`, for what is neither
    and for a weight that is no number above 0."""
    if isinstance(said, str) and "=" not in said:
        if said not in SAID:
            raise InputError(f"{where} {said}: choose from {', '.join(SAID)}, or give weights by class as A=2,B=1")
        return said
    if isinstance(said, str):
        parts = [part.rpartition("=") for part in said.split(",")]
        return {name.strip(): _read_weight(value, f"{where} {said}") for name, _, value in parts}
    if not isinstance(said, Mapping) or not said:
        raise InputError(f"{where}: found {describe_kind(said)}; wanted {', '.join(SAID)}, or weights by class")
    return {str(name): _read_weight(value, f"{where} {name}={value}") for name, value in said.items()}


def _read_weight(value: Any, where: str) -> float:
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = math.nan
    if not 0 < weight < math.inf or isinstance(value, bool):
        raise InputError(
            f"{where}: found the weight {str(value)!r}; wanted names of classes and numbers above 0, as A=2,B=1"
        )
    return weight


def name_weights(said: Mapping[str, float], classes: Sequence[str], labels: np.ndarray) -> NDArray[np.float32]:
    """The weights of classes by name, 1 of those that are not named, float32 [classes]; their mean over the images, or of labels
    [n, labels] over the labels, is made 1. Raises InputError for a name that is none of `classes`."""
    for name in said:
        if name not in classes:
            raise InputError(f"--class-weights: the data has no class {name!r}{suggest(name[:100], classes)}")
    weights = np.array([said.get(name, 1.0) for name in classes], np.float64)
    mean = weights[labels].mean() if labels.ndim == 1 else weights.mean()
    return np.asarray(weights / mean, np.float32)


def compute_class_weights(setting: str, labels: np.ndarray) -> NDArray[np.float32] | None:
    """The weight of each class, float32 [classes], its mean over the images 1; None where every image counts alike.

    With `auto` and a class rarer than 1 in `RARE` of the most frequent, each class that has images weighs as much as any other
    (inverse frequency), up to `HEAVIEST` an image; with `balanced` whatever is rare.
    """
    counts = np.bincount(labels)
    present = counts[counts > 0]
    if setting == "none" or not len(present) or (setting == "auto" and present.min() * RARE >= present.max()):
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

    With `auto` and a label rarer than 1 in `RARE` of the most frequent, or with `balanced`, each weighs by the inverse of what
    knowing no more than its frequency leaves in the loss (its entropy), up to `HEAVIEST` of the least. Both sides of a label
    weigh alike, so that its probabilities, and with them the threshold, stay where they are.
    """
    shares = np.clip(labels.mean(axis=0, dtype=np.float64), 0.0, 1.0)
    known = (shares > 0) & (shares < 1)
    rarer = np.minimum(shares, 1 - shares)
    if setting == "none" or not known.any():
        return None
    if setting == "auto" and rarer[known].min() * RARE >= rarer[known].max():
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
