"""Classifiers of any number of classes that need no training: each class is a random image, its weights match it."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgedigits.backend import keras
from edgedigits.data.images import ArrayImages

SIZE = 12
NOISE, CONTRAST = 40.0, 0.6

L = keras.layers


def prototypes(classes: int) -> np.ndarray:
    """uint8 [classes, 12, 12, 1]."""
    return np.random.default_rng(classes).integers(0, 256, (classes, SIZE, SIZE, 1)).astype(np.uint8)


def noisy(classes: int, count: int, seed: int = 0) -> ArrayImages:
    """So many images of the prototypes, faint and in noise, the classes in turn."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.resize(np.arange(classes), count)).astype(np.int32)
    plain = prototypes(classes)[labels] * CONTRAST + 128 * (1 - CONTRAST)
    pixels = np.clip(plain + rng.normal(0, NOISE, plain.shape), 0, 255).astype(np.uint8)
    return ArrayImages(pixels, labels)


def matched(classes: int, gain: float, softmax: bool = True, huge: float = 0.0) -> Any:
    """Takes pixels as 0..1. The larger `gain`, the surer it is.

    `huge`: one more class, never answered, of such large weights that int8, which has one scale for all of a dense layer, rounds
    the others away.
    """
    weights = (prototypes(classes).reshape(classes, -1) / 255.0 - 0.5).T * gain
    bias = -0.5 * weights.sum(axis=0)
    if huge:
        weights = np.concatenate([weights, -np.abs(weights[:, :1]) * huge], axis=1)
        bias = np.append(bias, -1.0)
    answer = L.Dense(len(bias), activation="softmax" if softmax else None, name="answer")
    net = keras.Sequential([keras.Input((SIZE, SIZE, 1)), L.Flatten(), answer])
    answer.set_weights([weights.astype(np.float32), bias.astype(np.float32)])
    return net
