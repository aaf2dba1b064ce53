"""Layers of Keras 2 by their own names, configs and weights, that compute the same by other operators of TFLite.

What TensorFlow makes of these leaves int8: squares and casts have no int8 kernel, the reference kernel of SUM answers otherwise
than the fast one, and the converter ends the process over a squared difference in int16. Everywhere these classes take the
place of Keras' own (`of_keras`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.keras_types import KerasLayer, KerasTensor, KerasVariable


class LayerClass(Protocol):
    """A class of layers."""

    def __call__(self, **settings: object) -> KerasLayer: ...
    def from_config(self, config: Mapping[str, object], /) -> KerasLayer: ...


def lower_layer(kind: str) -> LayerClass:
    """The class for a built-in layer kind: the one here, else that of tf_keras."""
    return LOWERED.get(kind, None) or getattr(keras.layers, kind)


class GroupNormalization(keras.layers.GroupNormalization):  # type: ignore[misc]
    """As Keras computes it, where no mask is given."""

    def call(self, inputs: KerasTensor, mask: object = None) -> KerasTensor:
        if mask is not None:
            result: KerasTensor = super().call(inputs, mask)
            return result
        shape = inputs.shape.as_list()
        axis = self.axis % len(shape)
        grouped = [*shape[1:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]]
        x = tf.reshape(inputs, [-1, *grouped])
        normal = _normalized(x, [place for place in range(1, len(grouped) + 1) if place != axis], self.epsilon)
        along = [1] * len(shape)
        along[axis] = shape[axis]
        return _stretched(tf.reshape(normal, [-1, *shape[1:]]), self.gamma, self.beta, along)


class LayerNormalization(keras.layers.LayerNormalization):  # type: ignore[misc]
    """As Keras computes it."""

    def call(self, inputs: KerasTensor) -> KerasTensor:
        x = tf.cast(inputs, self.compute_dtype)
        along = [int(size) if place in self.axis else 1 for place, size in enumerate([1, *x.shape[1:]])]
        return _stretched(_normalized(x, self.axis, self.epsilon), self.gamma, self.beta, along)


class UnitNormalization(keras.layers.UnitNormalization):  # type: ignore[misc]
    """As Keras computes it, but for vectors shorter than 1e-6 that are not 0, which Keras leaves shorter than 1.

    A vector of zeros stays one without the division by next to nothing, which would take all of int8's range.
    """

    def call(self, inputs: KerasTensor) -> KerasTensor:
        x = tf.cast(inputs, self.compute_dtype)
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        count = float(np.prod([x.shape[axis] for axis in axes]))
        mean = tf.reduce_mean(x * x, axes, keepdims=True)
        divisor = tf.where(mean > 0, mean, tf.ones_like(mean))
        result: KerasTensor = x * (tf.math.rsqrt(divisor) * count**-0.5)
        return result


class ThresholdedReLU(keras.layers.ThresholdedReLU):  # type: ignore[misc]
    """As Keras computes it."""

    def call(self, inputs: KerasTensor) -> KerasTensor:
        theta = tf.cast(self.theta, inputs.dtype)
        result: KerasTensor = tf.where(inputs > theta, inputs, tf.zeros_like(inputs))
        return result


LOWERED: Final[dict[str, LayerClass]] = {
    "GroupNormalization": GroupNormalization,
    "LayerNormalization": LayerNormalization,
    "ThresholdedReLU": ThresholdedReLU,
    "UnitNormalization": UnitNormalization,
}
"""By the name of the Keras layer. A config says no more than that name, so who builds from one has to be told."""


def _normalized(x: KerasTensor, axes: Sequence[int], epsilon: float) -> KerasTensor:
    away = x - tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean(away * away, axes, keepdims=True)
    result: KerasTensor = away * tf.math.rsqrt(variance + epsilon)
    return result


def _stretched(
    x: KerasTensor, gain: KerasVariable | None, offset: KerasVariable | None, along: Sequence[int]
) -> KerasTensor:
    """x times gain plus offset, each of which may be None; `along` is the shape in which they spread."""
    x = x if gain is None else x * tf.cast(tf.reshape(gain, along), x.dtype)
    return x if offset is None else x + tf.cast(tf.reshape(offset, along), x.dtype)
