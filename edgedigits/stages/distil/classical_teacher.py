"""A classical model as a teacher: a Keras model of one layer, which asks scikit-learn. It teaches, and nothing is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.data.scale import NAMED, Scaling
from edgedigits.data.splits import FitData
from edgedigits.errors import ModelError
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.classical.skops_file import ClassicalModel, load_classical

SCALE: Scaling = NAMED["0..255"]
"""It takes pixels as they are; its features are made of those."""


class Asked(keras.layers.Layer):  # type: ignore[misc]
    """float32 pixels 0..255, [n, height, width, channels], to float32 probabilities [n, classes] of a ClassicalModel."""

    def __init__(self, asked: ClassicalModel, **settings: Any) -> None:
        super().__init__(**settings)
        self.asked = asked

    def call(self, pixels: KerasTensor) -> KerasTensor:
        def ask(given: np.ndarray) -> np.ndarray:
            return self.asked.answer(np.clip(np.rint(given), 0, 255).astype(np.uint8))

        found: KerasTensor = tf.numpy_function(ask, [tf.cast(pixels, tf.float32)], tf.float32, stateful=False)
        answers: KerasTensor = tf.ensure_shape(found, (None, len(self.asked.classes)))
        return answers

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "asked": self.asked}  # for copies; it is never written


def read_classical_teacher(path: Path, data: FitData) -> KerasModel:
    """The model of a .skops file. Raises ModelError for what is none, for other images, and for data of several labels."""
    found = load_classical(path)
    if data.task != "classification":
        raise ModelError(f"distil.teacher: {path} answers one class for each image, and the data has several labels")
    image = keras.Input(found.features.shape, name="image", dtype="float32")
    model: KerasModel = keras.Model(image, Asked(found, name="asked", dtype="float32")(image), name="classical")
    return model
