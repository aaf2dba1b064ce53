"""Layers that Keras has not: what operations on tensors compute, and layers of its ready-made nets, as layers of a flat graph.

Each is one operator that TFLite has in int8. Settings are of the tensor without its batch, and none says how many channels there
are, so that channels can be removed before and behind them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasLayer, KerasTensor


class LayerScale(keras.layers.Layer):  # type: ignore[misc]
    """x times a trained gain for each channel, as in ConvNeXt; its width is that of what it reads."""

    def build(self, input_shape: Sequence[int | None]) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs: KerasTensor) -> KerasTensor:
        result: KerasTensor = inputs * tf.cast(self.gamma, inputs.dtype)
        return result

    def get_config(self) -> JsonObject:
        return {**super().get_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> KerasLayer:
        """Takes the config of Keras' own layer, too, which holds the width and what the gains begin with."""
        made: KerasLayer = cls(
            **{key: value for key, value in config.items() if key not in ("init_values", "projection_dim")}
        )
        return made


class MatMul(keras.layers.Layer):  # type: ignore[misc]
    """The product of two tensors, as matrices on their last two axes; the axes before are of equal size."""

    def __init__(self, transpose_b: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.transpose_b = transpose_b

    def call(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        first, second = inputs
        result: KerasTensor = tf.matmul(first, second, transpose_b=self.transpose_b)
        return result

    def get_config(self) -> JsonObject:
        return {**super().get_config(), "transpose_b": self.transpose_b}


class PlaceBias(keras.layers.Layer):  # type: ignore[misc]
    """x plus a trained number for each place and channel, as the learned positions of a transformer."""

    def build(self, input_shape: Sequence[int | None]) -> None:
        self.bias = self.add_weight(name="bias", shape=tuple(input_shape[1:]), initializer="zeros")

    def call(self, inputs: KerasTensor) -> KerasTensor:
        result: KerasTensor = inputs + tf.cast(self.bias, inputs.dtype)
        return result

    def get_config(self) -> JsonObject:
        return {**super().get_config()}


class Slice(keras.layers.Layer):  # type: ignore[misc]
    """On each axis the values from a start to a stop (None: to the end), each so many steps."""

    def __init__(
        self, start: Sequence[int | None], stop: Sequence[int | None], step: Sequence[int | None], **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.start, self.stop, self.step = list(start), list(stop), list(step)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        parts = (slice(*ends) for ends in zip(self.start, self.stop, self.step, strict=True))
        result: KerasTensor = inputs[(slice(None), *parts)]
        return result

    def get_config(self) -> JsonObject:
        return {**super().get_config(), "start": self.start, "stop": self.stop, "step": self.step}


class Reduce(keras.layers.Layer):  # type: ignore[misc]
    """The mean or the maximum over axes, counted from 1 behind the batch; these stay, of size 1."""

    def __init__(self, how: str, axes: Sequence[int], **settings: Any) -> None:
        super().__init__(**settings)
        self.how, self.axes = how, list(axes)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        reduce = tf.reduce_mean if self.how == "mean" else tf.reduce_max
        result: KerasTensor = reduce(inputs, self.axes, keepdims=True)
        return result

    def get_config(self) -> JsonObject:
        return {**super().get_config(), "how": self.how, "axes": self.axes}


class Pad(keras.layers.Layer):  # type: ignore[misc]
    """Zeros before and behind, on each axis."""

    def __init__(self, widths: Sequence[Sequence[int]], **settings: Any) -> None:
        super().__init__(**settings)
        self.widths = [list(pair) for pair in widths]

    def call(self, inputs: KerasTensor) -> KerasTensor:
        result: KerasTensor = tf.pad(inputs, [[0, 0], *self.widths])
        return result

    def get_config(self) -> JsonObject:
        return {**super().get_config(), "widths": self.widths}


class ReciprocalRoot(keras.layers.Layer):  # type: ignore[misc]
    """1 / sqrt(x) of x above 0, and 1 of others: infinity would take all of int8's range."""

    def call(self, inputs: KerasTensor) -> KerasTensor:
        result: KerasTensor = tf.math.rsqrt(tf.where(inputs > 0, inputs, tf.ones_like(inputs)))
        return result

    def get_config(self) -> JsonObject:
        return {**super().get_config()}


class RMSNormalization(keras.layers.RMSNormalization):  # type: ignore[misc]
    """As Keras computes it; a vector of zeros stays one without the division by next to nothing."""

    def call(self, inputs: KerasTensor) -> KerasTensor:
        x = tf.cast(inputs, self.compute_dtype)
        axes = [axis % len(x.shape) for axis in np.atleast_1d(self.axis).tolist()]
        mean = tf.reduce_mean(x * x, axes, keepdims=True)
        normal = x * tf.math.rsqrt(tf.where(mean > 0, mean + self.epsilon, tf.ones_like(mean)))
        along = [int(size) if place in axes else 1 for place, size in enumerate([1, *x.shape[1:]])]
        result: KerasTensor = normal * tf.cast(tf.reshape(self.scale, along), normal.dtype)
        return result


class UpSampling2D(keras.layers.UpSampling2D):  # type: ignore[misc]
    """As Keras computes it, by one operator: what Keras repeats rows and columns by has no reference kernel in int8."""

    def call(self, inputs: KerasTensor) -> KerasTensor:
        size = [int(inputs.shape[axis]) * factor for axis, factor in zip((1, 2), self.size, strict=True)]
        result: KerasTensor = tf.cast(tf.image.resize(inputs, size, method=self.interpolation), inputs.dtype)
        return result
