"""Two small nets for the question of what runs where: the layers that most nets have, and some that came later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from edgedigits.backend import keras
from edgedigits.data.images import ArrayImages, Images
from edgedigits.models.importer.loading import rebuild
from edgedigits.pipeline.recipe import EXPORTS

SIDE, CLASSES = 16, 4


def make_images() -> Images:
    """Noise, to calibrate on: what runs where asks for no sense."""
    noise = np.random.default_rng(0).integers(0, 256, (32, SIDE, SIDE, 1)).astype(np.uint8)
    return ArrayImages(noise, np.arange(32, dtype=np.int32) % CLASSES)


def plain() -> Any:
    """Convolutions, one of them depthwise, a sum, pooling, and dense layers large enough to be quantized."""
    layers, image = keras.layers, keras.Input((SIDE, SIDE, 1))
    first = layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    second = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(first)
    sums = layers.MaxPooling2D()(layers.Add()([first, second]))
    dense = layers.Dense(32, activation="relu")(layers.Flatten()(sums))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(dense), name="plain")


def later() -> Any:
    """Activations, a resize, a transposed convolution and a gate of channels, which take operators of their own."""
    layers, image = keras.layers, keras.Input((SIDE, SIDE, 1))
    first = layers.Conv2D(16, 3, strides=2, padding="same", activation="gelu")(image)
    gate = layers.Dense(16, activation="hard_sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(first))
    gated = layers.Activation("hard_swish")(layers.Multiply()([first, gate]))
    wide = layers.UpSampling2D(interpolation="bilinear")(layers.Conv2DTranspose(8, 3, padding="same")(gated))
    pooled = layers.GlobalAveragePooling2D()(layers.LeakyReLU()(layers.AveragePooling2D(2)(wide)))
    return keras.Model(image, layers.Dense(CLASSES)(pooled), name="later")


NETS: Final[Mapping[str, Callable[[], Any]]] = {"plain": plain, "later": later}


def export_all() -> dict[tuple[str, str], bytes]:
    """By the name of the net and of the export."""
    found: dict[tuple[str, str], bytes] = {}
    for name, make in NETS.items():
        keras.utils.set_random_seed(0)
        model = rebuild(make())
        found |= {(name, export): kind()(model, make_images(), "0..1") for export, kind in EXPORTS.items()}
    return found
