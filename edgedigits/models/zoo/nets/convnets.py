"""Convolutional nets for small images. The last layer stays float32 under mixed precision."""

from __future__ import annotations

from collections.abc import Sequence

from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel
from edgedigits.models.zoo.nets.about import DIGIT, ImageShape, Net, check_sides


def cnn(shape: ImageShape, classes: int) -> KerasModel:
    """The reference net: four 3x3 convolutions and a dense layer; 330,346 parameters for 28x28x1 and 10 classes."""
    from keras import Sequential, layers

    check_sides("cnn", shape, 16)
    result: KerasModel = Sequential(
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
    return result


def lenet5(shape: ImageShape, classes: int) -> KerasModel:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling: 61,706 parameters for 28x28x1 and 10 classes."""
    from keras import Sequential, layers

    check_sides("lenet5", shape, 12)
    result: KerasModel = Sequential(
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
    return result


def nano(
    shape: ImageShape,
    classes: int,
    filters: Sequence[int] = (16, 16, 32, 32),
    strides: Sequence[int] = (2, 1, 2, 1),
    unpadded: int = 0,
    pooled: bool = True,
    dropout: float = 0.0,
) -> KerasModel:
    """A small all-convolutional net: 16,986 parameters for one channel and 10 classes, 0.6 M multiply-adds at 28x28.

    3x3 convolutions with `filters` and `strides`, then the mean over all places and a dense layer. The last `unpadded`
    convolutions see no padding: their images shrink by two a side, and with them their work, at no cost in parameters.
    Not `pooled`, the dense layer reads every place instead of their mean, so that it knows where a stroke is. `dropout`
    comes before it.

    Raises InputError where filters and strides don't match, or nothing of the image is left.
    """
    return _convolutions("nano", shape, classes, filters, strides, unpadded, pooled, dropout)


def deep(
    shape: ImageShape,
    classes: int,
    filters: Sequence[int] = (16, 32, 64, 64, 96, 96, 96),
    strides: Sequence[int] = (1, 1, 2, 1, 1, 1, 1),
    unpadded: int = 7,
    pooled: bool = False,
    dropout: float = 0.3,
) -> KerasModel:
    """As `nano`, for accuracy: seven convolutions without padding (after An et al. 2020); 291,738 parameters for 28x28x1."""
    return _convolutions("deep", shape, classes, filters, strides, unpadded, pooled, dropout)


def pico(shape: ImageShape, classes: int, filters: Sequence[int] = (8, 8, 12, 12, 14, 15)) -> KerasModel:
    """For the fewest bytes: 6,646 parameters for 28x28x1. Two 3x3 convolutions at each of three sizes, the last one unpadded.

    Full resolution at the start costs time but no parameters.
    """
    from keras import Sequential, layers

    if len(filters) != 6 or not all(type(n) is int and n > 0 for n in filters):
        raise InputError(f"pico: filters {list(filters)}: wanted six numbers, all 1 or more")
    check_sides("pico", shape, 12)
    net = [layers.Input(shape)]
    for index, count in enumerate(filters):
        padding = "valid" if index == len(filters) - 1 else "same"
        net += [
            layers.Conv2D(count, 3, padding=padding, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
        if index in (1, 3):
            net.append(layers.MaxPooling2D())
    net += [layers.GlobalAveragePooling2D(), layers.Dense(classes, activation="softmax", dtype="float32")]
    result: KerasModel = Sequential(net, name="pico")
    return result


def _convolutions(
    name: str,
    shape: ImageShape,
    classes: int,
    filters: Sequence[int],
    strides: Sequence[int],
    unpadded: int,
    pooled: bool,
    dropout: float,
) -> KerasModel:
    from keras import Sequential, layers

    if not filters or len(filters) != len(strides) or not all(type(n) is int and n > 0 for n in (*filters, *strides)):
        raise InputError(
            f"{name}: filters {list(filters)} and strides {list(strides)}: wanted as many strides as filters, all 1 or more"
        )
    side = min(shape[:2])
    net = [layers.Input(shape)]
    for index, (count, stride) in enumerate(zip(filters, strides, strict=True)):
        padding = "same" if index < len(filters) - unpadded else "valid"
        side = -(-(side if padding == "same" else side - 2) // stride)
        if side < 1:
            raise InputError(f"{name}: nothing is left of {shape[0]}x{shape[1]} images at convolution {index + 1}")
        net += [
            layers.Conv2D(count, 3, strides=stride, padding=padding, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    net.append(layers.GlobalAveragePooling2D() if pooled else layers.Flatten())
    if dropout:
        net.append(layers.Dropout(dropout))
    net.append(layers.Dense(classes, activation="softmax", dtype="float32"))
    result: KerasModel = Sequential(net, name=name)
    return result


NETS = {
    "cnn": Net(cnn, DIGIT, 330_346, "the reference: what the shipped recipes are measured on"),
    "deep": Net(deep, DIGIT, 291_738, "accuracy; the teacher of small nets"),
    "lenet5": Net(lenet5, DIGIT, 61_706, "the classic of 1998"),
    "nano": Net(nano, DIGIT, 16_986, "speed"),
    "pico": Net(pico, DIGIT, 6_646, "the fewest bytes"),
}
