"""Small tf_keras and Keras 3 models for tests, and training them on the shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgedigits.backend import keras
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData, split
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.finetune import Finetune
from tests.shared import once

L = keras.layers


def classifier(softmax: bool = True, seed: int = 3) -> Any:
    """12x12x1 to 3 classes: convolution, normalization, depthwise, residual add, dense; normalization with real statistics."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((12, 12, 1), name="image")
    x = L.Conv2D(8, 3, padding="same", name="first")(image)
    x = L.BatchNormalization(name="norm")(x)
    x = L.ReLU(name="relu")(x)
    y = L.Conv2D(8, 3, padding="same", use_bias=False, name="second")(x)
    y = L.BatchNormalization(name="norm2")(y)
    x = L.Add(name="add")([x, y])
    x = L.DepthwiseConv2D(3, strides=2, activation="relu", name="depth")(x)
    x = L.Flatten(name="flat")(x)
    x = L.Dropout(0.1, name="drop")(x)
    x = L.Dense(16, activation="relu", name="hidden")(x)
    answer = L.Dense(3, activation="softmax" if softmax else None, name="answer")(x)
    net = keras.Model(image, answer, name="tiny")
    rng = np.random.default_rng(seed)
    for layer in net.layers:
        if isinstance(layer, L.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [gamma + rng.random(gamma.shape), beta + 0.1, mean + 0.05, variance * rng.uniform(0.5, 2, gamma.shape)]
            )
    return net


def fit_data(path: Path, seed: int = 0) -> FitData:
    """The shapes, cut; no augmentation, since the class is a place."""
    return split(load_data(str(path)), "0..1", seed)


def trained(path: Path, softmax: bool = True) -> Candidate:
    """The classifier after a few steps: right on nearly all shapes. Trained once for all tests of a run."""
    net = classifier(softmax)

    def train(file: Path) -> None:
        found = Finetune(epochs=1, min_steps=60, rate=5e-3, batch=32)(Candidate(net), fit_data(path))[0]
        np.savez(file, *found.model.get_weights())

    with np.load(once(path.parent / f"trained{'' if softmax else '-logits'}.npz", train)) as weights:
        net.set_weights(list(weights.values()))
    return Candidate(net)
