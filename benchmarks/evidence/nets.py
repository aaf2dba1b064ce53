"""The nets that models are broken of: small, of three kinds, trained for seconds on the bundled digits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from benchmarks.adapt.nets import depthwise, residual
from edgedigits.data.images import read_all
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import split

SIDE: Final = 16
EPOCHS: Final = 15


@dataclass(frozen=True)
class Trained:
    """A Keras model and float32 images in 0..1, [n, side, side, 1], to calibrate it on."""

    name: str
    model: Any
    calibration: np.ndarray

    def copy(self) -> Any:
        """The model anew, to be broken."""
        from keras import models

        copied = models.clone_model(self.model)
        copied.set_weights(self.model.get_weights())
        return copied


def plain(shape: tuple[int, int, int], classes: int) -> Any:
    """Convolutions one behind the other, with batch normalization and without, and two dense layers; named as in a first net."""
    from keras import Model, layers

    image = layers.Input(shape)
    x = image
    for place, (count, stride, normalized) in enumerate(((16, 1, True), (24, 2, False), (24, 1, True), (32, 2, False))):
        number = f"_{place}" if place else ""
        x = layers.Conv2D(count, 3, strides=stride, padding="same", use_bias=not normalized, name=f"conv2d{number}")(x)
        x = layers.ReLU()(layers.BatchNormalization(name=f"batch_normalization{number}")(x) if normalized else x)
    x = layers.Dense(48, activation="relu", name="dense")(layers.Flatten(name="flatten")(x))
    return Model(image, layers.Dense(classes, activation="softmax", name="dense_1")(x), name="plain")


KINDS: Final = {"plain": plain, "residual": residual, "depthwise": depthwise}


@cache
def trained(name: str, epochs: int = EPOCHS) -> Trained:
    """One of `KINDS`; the same weights on the same machine."""
    import keras

    keras.utils.set_random_seed(0)
    data = split(load_data("digits", resize=(SIDE, SIDE)), "0..1", 0)
    images, labels = read_all(data.fit).astype(np.float32) / 255, data.fit.labels
    model = KINDS[name]((SIDE, SIDE, 1), 10)
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=epochs, batch_size=32, verbose=0)
    return Trained(name, model, read_all(data.calibration).astype(np.float32) / 255)
