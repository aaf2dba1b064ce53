"""Nets that tutorials and competition entries train on digits: plain convolutions, pooling and dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from edgedigits.keras_types import KerasModel
from edgedigits.models.zoo.nets.about import DIGIT, Habits, ImageShape, Net, check_sides


def classic_cnn(shape: ImageShape, classes: int, filters: Sequence[int] = (32, 64), units: int = 128) -> KerasModel:
    """Two 3x3 convolutions without padding, each with max pooling, and a dense layer: 225,034 parameters for 28x28x1.

    Raises InputError where nothing of the image is left.
    """
    from keras import Sequential, layers

    check_sides("classic_cnn", shape, 3 * 2 ** len(filters) - 2)  # of a side of 2n + 2 pixels each block leaves n
    net = [layers.Input(shape)]
    for count in filters:
        net += [layers.Conv2D(count, 3, activation="relu"), layers.MaxPooling2D()]
    net += [layers.Flatten(), layers.Dense(units, activation="relu")]
    net.append(layers.Dense(classes, activation="softmax", dtype="float32"))
    result: KerasModel = Sequential(net, name="classic_cnn")
    return result


def leaky_cnn(
    shape: ImageShape,
    classes: int,
    filters: Sequence[int] = (32, 64, 128, 256),
    units: Sequence[int] = (256, 64),
    slope: float = 0.1,
    dropout: float = 0.25,
) -> KerasModel:
    """Convolutions and dense layers with LeakyReLU, dropout and batch normalization: 670,538 parameters for 28x28x1.

    The dropout comes before the normalization, as in the nets that it stands for.
    """
    from keras import Sequential, layers

    net = [layers.Input(shape)]
    for count in filters:
        net += [layers.Conv2D(count, 3, padding="same"), layers.LeakyReLU(negative_slope=slope)]
        net += [layers.MaxPooling2D(padding="same"), layers.Dropout(dropout), layers.BatchNormalization()]
    net.append(layers.Flatten())
    for count in units:
        net += [layers.Dense(count), layers.LeakyReLU(negative_slope=slope)]
        net += [layers.Dropout(dropout), layers.BatchNormalization()]
    net.append(layers.Dense(classes, activation="softmax", dtype="float32"))
    result: KerasModel = Sequential(net, name="leaky_cnn")
    return result


NETS = {
    "classic_cnn": Net(classic_cnn, DIGIT, 225_034, "the net of most tutorials"),
    "leaky_cnn": Net(leaky_cnn, DIGIT, 670_538, "accuracy, with LeakyReLU throughout", Habits(epochs=50, patience=20)),
}
