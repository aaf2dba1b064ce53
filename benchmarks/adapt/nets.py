"""Six nets of kinds that other people bring, none of which the toolkit was made on: for small images, grey or colour.

Each takes pixels in 0..1, but for `rescaled`, which takes them as they come from a file and scales them itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Shape = tuple[int, int, int]


def residual(shape: Shape, classes: int) -> Any:
    """ResNet8 as in MLPerf Tiny: three blocks of two 3x3 convolutions with batch normalization and an addition."""
    from keras import Model, layers

    image = layers.Input(shape)
    x = _conv(image, 16)
    for count, stride in ((16, 1), (32, 2), (64, 2)):
        y = _conv(x, count, stride)
        y = layers.BatchNormalization()(layers.Conv2D(count, 3, padding="same", use_bias=False)(y))
        if stride != 1:
            x = layers.Conv2D(count, 1, strides=stride)(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    return Model(image, _answers(layers.GlobalAveragePooling2D()(x), classes), name="residual")


def depthwise(shape: Shape, classes: int) -> Any:
    """As MobileNetV1: depthwise and pointwise convolutions in turn, ReLU6."""
    from keras import Model, layers

    image = layers.Input(shape)
    x = _conv(image, 16, act="relu6")
    for count, stride in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.Activation("relu6")(layers.BatchNormalization()(x))
        x = layers.Activation("relu6")(layers.BatchNormalization()(layers.Conv2D(count, 1, use_bias=False)(x)))
    return Model(image, _answers(layers.GlobalAveragePooling2D()(x), classes), name="depthwise")


def excited(shape: Shape, classes: int) -> Any:
    """As MobileNetV3: squeeze and excite in every block, hard-swish."""
    from keras import Model, layers

    image = layers.Input(shape)
    x = _conv(image, 16, 2, "hard_silu")
    for count, stride in ((32, 1), (48, 2), (64, 1)):
        x = _conv(x, count, stride, "hard_silu")
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(max(8, count // 4), 1, activation="relu")(gate)
        x = layers.Multiply()([x, layers.Conv2D(count, 1, activation="hard_sigmoid")(gate)])
    return Model(image, _answers(layers.GlobalAveragePooling2D()(x), classes), name="excited")


def concatenated(shape: Shape, classes: int) -> Any:
    """As DenseNet: every layer sees all before it; normalization before the convolution."""
    from keras import Model, layers

    image = layers.Input(shape)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    for block in range(3):
        for _ in range(3):
            y = layers.ReLU()(layers.BatchNormalization()(x))
            x = layers.Concatenate()([x, layers.Conv2D(16, 3, padding="same", use_bias=False)(y)])
        if block < 2:
            y = layers.ReLU()(layers.BatchNormalization()(x))
            x = layers.AveragePooling2D(2)(layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False)(y))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return Model(image, _answers(layers.GlobalAveragePooling2D()(x), classes), name="concatenated")


def rescaled(shape: Shape, classes: int) -> Any:
    """Takes 0..255; scales and augments inside the model, as the Keras guides do."""
    from keras import Model, layers

    image = layers.Input(shape)
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.RandomTranslation(0.08, 0.08)(x)
    x = layers.RandomZoom(0.08)(x)
    for count in (16, 32, 64):
        x = _conv(_conv(x, count), count)
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return Model(image, _answers(layers.Dropout(0.3)(x), classes), name="rescaled")


def max_pooled(shape: Shape, classes: int) -> Any:
    """Strided convolutions with bias and no normalization, leaky ReLU, global max pooling at the end."""
    from keras import Model, layers

    image = layers.Input(shape)
    x = image
    for count, stride in ((24, 1), (32, 2), (48, 1), (64, 2), (64, 1)):
        x = layers.Conv2D(count, 3, strides=stride, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.1)(x)
    return Model(image, _answers(layers.GlobalMaxPooling2D()(x), classes), name="max_pooled")


NETS: dict[str, tuple[Callable[[Shape, int], Any], str]] = {
    "residual": (residual, "0..1"),
    "depthwise": (depthwise, "0..1"),
    "excited": (excited, "0..1"),
    "concatenated": (concatenated, "0..1"),
    "rescaled": (rescaled, "0..255"),
    "max_pooled": (max_pooled, "0..1"),
}
"""By name: what builds it, and how it takes its pixels."""


def _conv(x: Any, count: int, stride: int = 1, act: str = "relu") -> Any:
    from keras import layers

    x = layers.Conv2D(count, 3, strides=stride, padding="same", use_bias=False)(x)
    return layers.Activation(act)(layers.BatchNormalization()(x))


def _answers(x: Any, classes: int) -> Any:
    from keras import layers

    return layers.Dense(classes, activation="softmax")(x)
