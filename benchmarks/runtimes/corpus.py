"""Files of one operator each, in every combination of version and types that the exports make of the usual layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from benchmarks.evidence.runtime_nets import SIDE, make_images
from edgedigits.backend import keras
from edgedigits.errors import CheckError
from edgedigits.measure.runtimes.operator_versions import Typed, list_typed
from edgedigits.models.importer.loading import rebuild
from edgedigits.pipeline.recipe import EXPORTS
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import cut

L = keras.layers
ACTIVATIONS: Final = (
    "gelu",
    "hard_sigmoid",
    "hard_swish",
    "leaky_relu",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "tanh",
)
LAYERS: Final[tuple[Callable[[], Any], ...]] = (
    *(lambda name=name: L.Activation(name) for name in ACTIVATIONS),
    lambda: L.Softmax(),
    lambda: L.DepthwiseConv2D(3, padding="same"),
    lambda: L.Conv2D(16, 3, padding="same"),
    lambda: L.Conv2DTranspose(16, 3, padding="same"),
    lambda: L.MaxPooling2D(2),
    lambda: L.AveragePooling2D(2),
    lambda: L.GlobalMaxPooling2D(keepdims=True),
    lambda: L.UpSampling2D(2, interpolation="nearest"),
    lambda: L.UpSampling2D(2, interpolation="bilinear"),
    lambda: L.ZeroPadding2D(1),
    lambda: L.Cropping2D(1),
    lambda: L.Permute((3, 1, 2)),
    lambda: L.Reshape((SIDE // 2, SIDE * 2, 16)),
)
RARE: Final[tuple[Callable[[], Any], ...]] = (lambda: L.PReLU(shared_axes=[1, 2]), L.LayerNormalization, L.ELU)
"""Those that some exports don't take."""
PAIRS: Final = (L.Add, L.Subtract, L.Multiply, L.Maximum, L.Minimum, L.Average, L.Concatenate)


def make_fragments() -> dict[Typed, bytes]:
    """By operator, version and types: the first that the exports make."""
    found: dict[Typed, bytes] = {}
    for build in BUILDS:
        keras.utils.set_random_seed(0)
        model = rebuild(build())
        for export in EXPORTS.values():
            try:
                flat = export()(model, make_images(), "0..1")
            except CheckError:  # so no file will have it
                continue
            for typed, part in zip(list_typed(read(flat, "the net").operators), cut(flat), strict=True):
                if part.flat:
                    found.setdefault(typed, part.flat)
    return found


def make_wide() -> Any:
    """Every layer and every pair of them beside each other, on what one convolution makes."""
    image = keras.Input((SIDE, SIDE, 1))
    first, second = (L.Conv2D(16, 3, padding="same")(image) for _ in range(2))
    parts = [layer()(first) for layer in LAYERS] + [pair()([first, second]) for pair in PAIRS]
    means = [L.Flatten()(L.GlobalAveragePooling2D()(part)) for part in parts]
    return keras.Model(image, L.Dense(4)(L.Concatenate()(means)), name="wide")


def make_one(layer: Callable[[], Any]) -> Any:
    """A layer alone, on what a convolution makes."""
    image = keras.Input((SIDE, SIDE, 1))
    mean = L.GlobalAveragePooling2D()(layer()(L.Conv2D(16, 3, padding="same")(image)))
    return keras.Model(image, L.Dense(4)(mean), name="rare")


def make_dense() -> Any:
    """Dense layers, large enough to be quantized, of vectors and of places."""
    image = keras.Input((SIDE, SIDE, 1))
    places = L.Dense(64, activation="relu")(L.Dense(64)(L.Reshape((4, 64))(image)))
    vector = L.Dense(64, activation="tanh")(L.Flatten()(places))
    return keras.Model(image, L.Dense(4, activation="softmax")(vector), name="dense")


BUILDS: Final[tuple[Callable[[], Any], ...]] = (make_wide, make_dense, *(partial(make_one, layer) for layer in RARE))
