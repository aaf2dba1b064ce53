"""Convolutional nets for small images. The last layer stays float32 under mixed precision."""

from __future__ import annotations

from typing import Any

Shape = tuple[int, int, int]


def cnn(shape: Shape, classes: int) -> Any:
    """The reference net: four 3x3 convolutions and a dense layer; 330,346 parameters for 28x28x1 and 10 classes."""
    from keras import Sequential, layers

    return Sequential(
        [
            layers.Input(shape),
            layers.Conv2D(32, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ],
        name="cnn",
    )


def lenet5(shape: Shape, classes: int) -> Any:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling: 61,706 parameters for 28x28x1 and 10 classes."""
    from keras import Sequential, layers

    return Sequential(
        [
            layers.Input(shape),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ],
        name="lenet5",
    )


def nano(shape: Shape, classes: int) -> Any:
    """A small all-convolutional net: 16,986 parameters for one channel and 10 classes, 0.6 M multiply-adds at 28x28."""
    from keras import Sequential, layers

    net = [layers.Input(shape)]
    for filters, stride in ((16, 2), (16, 1), (32, 2), (32, 1)):
        net += [
            layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    net += [layers.GlobalAveragePooling2D(), layers.Dense(classes, activation="softmax", dtype="float32")]
    return Sequential(net, name="nano")
