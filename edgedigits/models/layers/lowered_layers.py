"""Layers of Keras by their own names, configs and weights, that compute the same by other operators.

What TensorFlow makes of most of these leaves int8: squares and casts have no int8 kernel, the reference kernel of SUM answers
otherwise than the fast one, and the converter ends the process over a squared difference in int16. Batch normalization as Keras 3
writes it trains at half the speed of TensorFlow's fused kernel. Everywhere these classes take the place of Keras' own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, cast

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasLayer, KerasTensor, KerasVariable
from edgedigits.models.layers import tensor_layers


class LayerClass(Protocol):
    """A class of layers."""

    def __call__(self, **settings: object) -> KerasLayer: ...
    def from_config(self, config: Mapping[str, object], /) -> KerasLayer: ...


def lower_layer(kind: str) -> LayerClass:
    """The class for a built-in layer kind: the one here, else Keras' own."""
    return LOWERED.get(kind, None) or getattr(keras.layers, kind)


class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """By TensorFlow's fused kernel where it can: four axes, the channels last. Moving variances are then unbiased ones."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.autocast = False  # gain and offset stay float32, whatever the layer computes in

    def call(self, inputs: KerasTensor, training: bool | None = None, mask: object = None) -> KerasTensor:
        x = tf.cast(inputs, self.compute_dtype)
        special = self.synchronized or getattr(self, "renorm", False)  # Keras 3.12, the last for Python 3.10, has none
        if special or mask is not None or len(x.shape) != 4 or self.axis not in (-1, 3):
            result: KerasTensor = super().call(x, training=training, mask=mask)
            return result
        learns = bool(training) and self.trainable
        one, mean, variance = (tf.convert_to_tensor(tensor) for tensor in (1.0, self.moving_mean, self.moving_variance))
        y, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            tf.convert_to_tensor(self.gamma) if self.scale else one * tf.ones_like(mean),
            tf.convert_to_tensor(self.beta) if self.center else tf.zeros_like(mean),
            None if learns else mean,
            None if learns else variance,
            epsilon=self.epsilon,
            is_training=learns,
        )
        if learns:
            self.moving_mean.assign(mean * self.momentum + batch_mean * (1.0 - self.momentum))
            self.moving_variance.assign(variance * self.momentum + batch_variance * (1.0 - self.momentum))
        result = tf.cast(y, self.compute_dtype)
        return result


class Flatten(keras.layers.Flatten):  # type: ignore[misc]
    """As Keras computes it, with the size of the batch left open: so nets are known by what was counted of them."""

    def call(self, inputs: KerasTensor) -> KerasTensor:
        result: KerasTensor = tf.reshape(inputs, [-1, math.prod(inputs.shape.as_list()[1:])])
        return result


class GroupNormalization(keras.layers.GroupNormalization):  # type: ignore[misc]
    """As Keras computes it."""

    def call(self, inputs: KerasTensor) -> KerasTensor:
        shape = inputs.shape.as_list()
        axis = self.axis % len(shape)
        grouped = [*shape[1:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]]
        x = tf.reshape(inputs, [-1, *grouped])
        normal = _normalized(x, [place for place in range(1, len(grouped) + 1) if place != axis], self.epsilon)
        along = [1] * len(shape)
        along[axis] = shape[axis]
        gain, offset = self.gamma if self.scale else None, self.beta if self.center else None
        return _stretched(tf.reshape(normal, [-1, *shape[1:]]), gain, offset, along)


class LayerNormalization(keras.layers.LayerNormalization):  # type: ignore[misc]
    """As Keras computes it."""

    def call(self, inputs: KerasTensor) -> KerasTensor:
        x = tf.cast(inputs, self.compute_dtype)
        axes = [axis % len(x.shape) for axis in np.atleast_1d(self.axis).tolist()]
        along = [int(size) if place in axes else 1 for place, size in enumerate([1, *x.shape[1:]])]
        return _stretched(_normalized(x, axes, self.epsilon), self.gamma, self.beta, along)


class UnitNormalization(keras.layers.UnitNormalization):  # type: ignore[misc]
    """As Keras computes it, but for vectors shorter than 1e-12 that are not 0, which Keras leaves shorter than 1.

    A vector of zeros stays one without the division by next to nothing, which would take all of int8's range.
    """

    def call(self, inputs: KerasTensor) -> KerasTensor:
        x = tf.cast(inputs, self.compute_dtype)
        axes = np.atleast_1d(self.axis).tolist()
        count = float(np.prod([x.shape[axis] for axis in axes]))
        mean = tf.reduce_mean(x * x, axes, keepdims=True)
        divisor = tf.where(mean > 0, mean, tf.ones_like(mean))
        result: KerasTensor = x * (tf.math.rsqrt(divisor) * count**-0.5)
        return result


class ThresholdedReLU(keras.layers.Layer):  # type: ignore[misc]
    """x where it is above `theta`, else 0; Keras 2 had this layer, Keras 3 has it as a setting of ReLU."""

    def __init__(self, theta: float = 1.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.theta = float(theta)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        theta = tf.cast(self.theta, inputs.dtype)
        result: KerasTensor = tf.where(inputs > theta, inputs, tf.zeros_like(inputs))
        return result

    def compute_output_shape(self, input_shape: object) -> object:
        return input_shape

    def get_config(self) -> JsonObject:
        return {**super().get_config(), "theta": self.theta}


_CLASSES: Final[dict[str, type]] = {
    "BatchNormalization": BatchNormalization,
    "Flatten": Flatten,
    "GroupNormalization": GroupNormalization,
    "LayerNormalization": LayerNormalization,
    "LayerScale": tensor_layers.LayerScale,
    "MatMul": tensor_layers.MatMul,
    "Pad": tensor_layers.Pad,
    "PlaceBias": tensor_layers.PlaceBias,
    "RMSNormalization": tensor_layers.RMSNormalization,
    "ReciprocalRoot": tensor_layers.ReciprocalRoot,
    "Reduce": tensor_layers.Reduce,
    "Slice": tensor_layers.Slice,
    "ThresholdedReLU": ThresholdedReLU,
    "UnitNormalization": UnitNormalization,
    "UpSampling2D": tensor_layers.UpSampling2D,
}
LOWERED: Final = cast("dict[str, LayerClass]", _CLASSES)
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
