"""Residual nets (He et al. 2016): MLPerf Tiny's, and ResNet18 and ResNet50 with a stem for small images or for large ones."""

from __future__ import annotations

from collections.abc import Sequence

from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.zoo.nets.about import DIGIT, Habits, ImageShape, Net, check_sides

STEMS = ("small", "224")


def resnet8(shape: ImageShape, classes: int, width: int = 16) -> KerasModel:
    """The net that MLPerf Tiny classifies 32x32 colour images by: 78,666 parameters for 32x32x3 and 10 classes.

    Its convolutions have biases, though normalizations follow them, and its shortcuts have no normalization.
    """
    from keras import layers

    image = x = layers.Input(shape)
    x = layers.ReLU()(_normalized(x, width, 3, 1, True))
    for stage in range(3):
        channels, stride = width << stage, 1 + (stage > 0)
        y = layers.ReLU()(_normalized(x, channels, 3, stride, True))
        y = _normalized(y, channels, 3, 1, True)
        if stage:
            x = layers.Conv2D(channels, 1, strides=stride, padding="same", kernel_initializer="he_normal")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    return _close("resnet8", image, x, classes)


def resnet18(
    shape: ImageShape, classes: int, stem: str = "small", width: int = 64, blocks: Sequence[int] = (2, 2, 2, 2)
) -> KerasModel:
    """Eight blocks of two 3x3 convolutions; for three channels and the stem 224 the 11,689,512 trained numbers of ResNet18.

    stem: `small`, a 3x3 convolution of stride 2, or `224`, a 7x7 one of stride 2 and a pooling of stride 2; `width`: channels of
    the first stage; `blocks`: of each stage. Raises InputError for another stem and for images that are too small.
    """
    return _residual("resnet18", shape, classes, stem, width, blocks, wide=False)


def resnet50(
    shape: ImageShape, classes: int, stem: str = "small", width: int = 64, blocks: Sequence[int] = (3, 4, 6, 3)
) -> KerasModel:
    """As `resnet18`, of sixteen blocks of 1x1, 3x3 and 1x1 convolutions, the stride in the second: 25,557,032 trained numbers."""
    return _residual("resnet50", shape, classes, stem, width, blocks, wide=True)


def _residual(
    name: str, shape: ImageShape, classes: int, stem: str, width: int, blocks: Sequence[int], wide: bool
) -> KerasModel:
    from keras import layers

    _check(name, shape, stem)
    image = x = layers.Input(shape)
    if stem == "small":
        x = layers.ReLU()(_normalized(x, width, 3, 2))
    else:
        x = layers.MaxPooling2D(3, 2, padding="same")(layers.ReLU()(_normalized(x, width, 7, 2)))
    for stage, count in enumerate(blocks):
        for number in range(count):
            stride = 2 if stage and not number else 1
            x = _block(x, width << stage, stride, wide)
    return _close(name, image, x, classes)


def _block(x: KerasTensor, channels: int, stride: int, wide: bool) -> KerasTensor:
    from keras import layers

    if wide:
        y = layers.ReLU()(_normalized(x, channels, 1, 1))
        y = layers.ReLU()(_normalized(y, channels, 3, stride))
        y = _normalized(y, 4 * channels, 1, 1)
    else:
        y = layers.ReLU()(_normalized(x, channels, 3, stride))
        y = _normalized(y, channels, 3, 1)
    if stride > 1 or x.shape[-1] != y.shape[-1]:
        x = _normalized(x, int(y.shape[-1]), 1, stride)
    result: KerasTensor = layers.ReLU()(layers.Add()([x, y]))
    return result


def _normalized(x: KerasTensor, filters: int, size: int, stride: int, bias: bool = False) -> KerasTensor:
    from keras import layers

    convolution = layers.Conv2D(
        filters, size, strides=stride, padding="same", use_bias=bias, kernel_initializer="he_normal"
    )
    result: KerasTensor = layers.BatchNormalization()(convolution(x))
    return result


def _close(name: str, image: KerasTensor, x: KerasTensor, classes: int) -> KerasModel:
    from keras import Model, layers

    x = layers.GlobalAveragePooling2D()(x)
    result: KerasModel = Model(image, layers.Dense(classes, activation="softmax", dtype="float32")(x), name=name)
    return result


def _check(name: str, shape: ImageShape, stem: str) -> None:
    if stem not in STEMS:
        raise InputError(f"{name}: stem {stem!r}: choose from {', '.join(STEMS)}")
    check_sides(name, shape, 8 if stem == "small" else 32, f"with the stem {stem} ")


_DEEP = Habits(epochs=30, rate=1e-3)
NETS = {
    "resnet8": Net(resnet8, (32, 32, 3), 78_666, "small colour images: the net of MLPerf Tiny", Habits(epochs=60)),
    "resnet18": Net(resnet18, DIGIT, 11_182_410, "accuracy, where size counts little", _DEEP),
    "resnet50": Net(resnet50, DIGIT, 23_572_810, "large images; a net that others have trained", _DEEP),
}
