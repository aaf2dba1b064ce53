"""MobileNets and EfficientNet, from Keras' own implementations, with ImageNet's weights if asked for.

Howard et al. 2017 (MobileNet), Sandler et al. 2018 (V2), Howard et al. 2019 (V3), Tan and Le 2019 (EfficientNet).
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

from edgedigits.errors import InputError
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor
from edgedigits.models.zoo.nets.about import Habits, ImageShape, Net, check_sides

SMALLEST = 32
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Of MobileNet at its full width: channels, and the stride before them."""
_BODY = "body"
"""The name of the layers that ready weights are for."""


def mobilenet_v1(shape: ImageShape, classes: int, alpha: float = 0.25, weights: str | None = None) -> KerasModel:
    """MobileNet of width `alpha`; with two classes, 96x96x3 and 0.25 the 221,794 parameters of MLPerf Tiny's net.

    As there it has biases and ReLU; from ImageNet's weights Keras' own is built, without biases and with ReLU6. For the rest as
    `mobilenet_v2`.
    """
    if weights:
        return _on_top("mobilenet_v1", "MobileNet", shape, classes, weights, alpha=alpha)
    from keras import Model, layers

    check_sides("mobilenet_v1", shape, SMALLEST)
    image = x = layers.Input(shape)
    x = _normalized(x, layers.Conv2D(max(1, int(32 * alpha)), 3, strides=2, padding="same"))
    for channels, stride in _BLOCKS:
        x = _normalized(x, layers.DepthwiseConv2D(3, strides=stride, padding="same"))
        x = _normalized(x, layers.Conv2D(max(1, int(channels * alpha)), 1))
    x = layers.GlobalAveragePooling2D()(x)
    result: KerasModel = Model(
        image, layers.Dense(classes, activation="softmax", dtype="float32")(x), name="mobilenet_v1"
    )
    return result


def mobilenet_v2(shape: ImageShape, classes: int, alpha: float = 0.35, weights: str | None = None) -> KerasModel:
    """MobileNetV2 of width `alpha` for images of at least 32x32; grey images are repeated to RGB inside the model.

    `weights="imagenet"` downloads the ImageNet weights of that width through Keras, which come for -1..1 input; the classifier
    on top is new. Raises InputError for images that are too small and for weights that can't be had.
    """
    return _on_top("mobilenet_v2", "MobileNetV2", shape, classes, weights, alpha=alpha)


def mobilenet_v3_small(shape: ImageShape, classes: int, alpha: float = 1.0, weights: str | None = None) -> KerasModel:
    """MobileNetV3-Small of width `alpha`, without its own scaling of pixels; for the rest as `mobilenet_v2`."""
    return _on_top(
        "mobilenet_v3_small", "MobileNetV3Small", shape, classes, weights, alpha=alpha, include_preprocessing=False
    )


def efficientnet_b0(shape: ImageShape, classes: int, weights: str | None = None) -> KerasModel:
    """EfficientNet-B0, which scales pixels of 0..255 itself; for the rest as `mobilenet_v2`."""
    return _on_top("efficientnet_b0", "EfficientNetB0", shape, classes, weights)


def freeze(net: KerasModel, frozen: bool) -> None:
    """Keeps the layers that ready weights are for as they are in training, or lets them learn again."""
    net.get_layer(_BODY).trainable = not frozen


def _on_top(
    name: str, function: str, shape: ImageShape, classes: int, weights: str | None, **settings: Any
) -> KerasModel:
    """A new classifier on a net of `keras.applications`."""
    from keras import Model, layers

    check_sides(name, shape, SMALLEST)
    image = layers.Input(shape)
    body = _make(name, function, input_shape=(*shape[:2], 3), weights=weights, **settings)
    features = layers.Dropout(0.2)(body(_coloured(image)))
    result: KerasModel = Model(image, layers.Dense(classes, activation="softmax", dtype="float32")(features), name=name)
    return result


def _make(name: str, function: str, **settings: Any) -> KerasLayer:
    """The net of `keras.applications` without its classifier. What Keras tells of a download is not what a command answers."""
    from keras import applications

    make: Callable[..., KerasLayer] = getattr(applications, function)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")  # weights are of images of another size, which is what is asked for
            return make(include_top=False, pooling="avg", name=_BODY, **settings)
    except Exception as error:  # Keras raises a bare Exception where a download fails
        said = ", ".join(f"{key} {settings[key]}" for key in ("alpha", "weights") if settings.get(key) is not None)
        raise InputError(f"{name}: {said}: {' '.join(str(error).split())[:300]}") from error


def _coloured(image: KerasTensor) -> KerasTensor:
    from keras import layers

    result: KerasTensor = layers.Concatenate()([image, image, image]) if image.shape[-1] == 1 else image
    return result


def _normalized(x: KerasTensor, convolution: Callable[[KerasTensor], KerasTensor]) -> KerasTensor:
    from keras import layers

    result: KerasTensor = layers.ReLU()(layers.BatchNormalization()(convolution(x)))
    return result


_SIGNED = Habits(rate=1e-3, scale="-1..1")
_TUNED = Habits(rate=1e-3, scale="-1..1", frozen=0.2)
NETS = {
    "efficientnet_b0": Net(
        efficientnet_b0,
        (224, 224, 3),
        4_062_381,
        "photos: the most accurate for its work",
        Habits(rate=1e-3, scale="0..255"),
        Habits(rate=1e-3, scale="0..255", frozen=0.2),
    ),
    "mobilenet_v1": Net(
        mobilenet_v1,
        (96, 96, 3),
        223_850,
        "photos on the smallest boards: the net of MLPerf Tiny",
        Habits(),
        _TUNED,
    ),
    "mobilenet_v2": Net(mobilenet_v2, (96, 96, 3), 423_018, "photos, fine-tuned from ImageNet", Habits(), _TUNED),
    "mobilenet_v3_small": Net(
        mobilenet_v3_small, (224, 224, 3), 944_890, "photos, with squeeze-and-excite", _SIGNED, _TUNED
    ),
}
