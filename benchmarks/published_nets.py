"""The nets of which others have published latencies, with random weights: which it is decides what is computed, not its weights.

Those that `keras.applications` has come from there; the others are written as their papers have them. Nets that find objects are
built up to the scores and boxes of their anchors; sorting those is an operator of its own, which reads the weights' answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

CLASSES: Final = 1000


def make_application(name: str, size: int, alpha: float, **settings: Any) -> Any:
    """A net of `keras.applications`; `alpha` is its width, 1 for those that have one width."""
    from edgedigits.backend import keras

    if alpha != 1:
        settings["alpha"] = alpha
    return getattr(keras.applications, name)(input_shape=(size, size, 3), weights=None, classes=CLASSES, **settings)


def make_squeezenet(size: int, _: float) -> Any:
    """SqueezeNet 1.1 (https://arxiv.org/abs/1602.07360), which has one width."""
    from edgedigits.backend import keras

    layers = keras.layers
    image = keras.Input((size, size, 3))
    x = layers.Conv2D(64, 3, strides=2, activation="relu")(image)
    for number, (narrow, wide) in enumerate(
        ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
    ):
        if number in (0, 2, 4):
            x = layers.MaxPooling2D(3, 2)(x)
        x = layers.Conv2D(narrow, 1, activation="relu")(x)
        sides = [layers.Conv2D(wide, kernel, padding="same", activation="relu")(x) for kernel in (1, 3)]
        x = layers.Concatenate()(sides)
    x = layers.Conv2D(CLASSES, 1, activation="relu")(x)
    return keras.Model(image, layers.Softmax()(layers.GlobalAveragePooling2D()(x)))


def make_efficientnet_lite(size: int, alpha: float, deep: float = 1.0) -> Any:
    """EfficientNet-Lite0 (width and depth 1): B0 with ReLU6, without squeeze-and-excitation; stem and head keep their width."""
    from edgedigits.backend import keras

    image = keras.Input((size, size, 3))
    x = lite_features(keras, image, alpha, deep)[-1]
    x = _convolve(keras, x, 1280, 1)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(CLASSES, activation="softmax")(x))


_LITE: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Repeats, kernel, stride, expansion, filters of EfficientNet-B0's stages."""


def lite_features(keras: Any, image: Any, alpha: float, deep: float) -> list[Any]:
    """What EfficientNet-Lite's seven stages give."""
    x = _convolve(keras, image, 32, 3, 2)
    found = []
    for number, (repeats, kernel, stride, expansion, filters) in enumerate(_LITE):
        times = repeats if number in (0, len(_LITE) - 1) else _ceil(repeats * deep)
        wide = _round_channels(filters * alpha)
        for repeat in range(times):
            x = invert(keras, x, wide, kernel, stride if repeat == 0 else 1, expansion)
        found.append(x)
    return found


def invert(keras: Any, x: Any, filters: int, kernel: int, stride: int, expansion: int) -> Any:
    """An inverted residual with ReLU6 (https://arxiv.org/abs/1801.04381)."""
    layers, before = keras.layers, x
    if expansion != 1:
        x = _convolve(keras, x, x.shape[-1] * expansion, 1)
    x = layers.DepthwiseConv2D(kernel, strides=stride, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(x))
    return layers.Add()([before, x]) if stride == 1 and before.shape[-1] == filters else x


def _convolve(keras: Any, x: Any, filters: int, kernel: int, stride: int = 1) -> Any:
    layers = keras.layers
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization()(x))


def _round_channels(channels: float) -> int:
    """To a multiple of 8, and never by more than a tenth down."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _ceil(number: float) -> int:
    return -int(-number // 1)


NETS: Final[dict[str, Callable[[int, float], Any]]] = {
    "MobileNetV1": partial(make_application, "MobileNet"),
    "MobileNetV2": partial(make_application, "MobileNetV2"),
    "MobileNetV3Large": partial(make_application, "MobileNetV3Large", include_preprocessing=False),
    "MobileNetV3Small": partial(make_application, "MobileNetV3Small", include_preprocessing=False),
    "ResNet50": partial(make_application, "ResNet50"),
    "EfficientNetB0": partial(make_application, "EfficientNetB0"),
    "EfficientNetLite0": make_efficientnet_lite,
    "SqueezeNet1.1": make_squeezenet,
    "InceptionV3": partial(make_application, "InceptionV3"),
    "DenseNet121": partial(make_application, "DenseNet121"),
}


def make_net(name: str, size: int, alpha: float = 1.0) -> Any:
    """The net with random weights, for images of `size` times `size` pixels in colour. Raises KeyError for an unknown one."""
    from benchmarks.published_detectors import LITES, make_efficientdet_lite, make_ssdlite_mobilenet_v2
    from edgedigits.backend import keras

    keras.utils.set_random_seed(1)
    if name in LITES:
        return make_efficientdet_lite(name, size)
    if name == "SSDLiteMobileNetV2":
        return make_ssdlite_mobilenet_v2(size)
    return NETS[name](size, alpha)
