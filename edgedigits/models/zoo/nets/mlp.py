"""A multi-layer perceptron on the flattened image."""

from __future__ import annotations

from edgedigits.keras_types import KerasModel
from edgedigits.models.zoo.nets.about import DIGIT, ImageShape, Net


def mlp(shape: ImageShape, classes: int) -> KerasModel:
    """Two hidden dense layers of 256 and 128 with dropout: 235,146 parameters for 28x28x1 and 10 classes."""
    from keras import Sequential, layers

    result: KerasModel = Sequential(
        [
            layers.Input(shape),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ],
        name="mlp",
    )
    return result


NETS = {"mlp": Net(mlp, DIGIT, 235_146, "a check: dense layers alone")}
