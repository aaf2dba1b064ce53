"""Colours changed at random: brightness, contrast, saturation and hue of an image at once, as one map of its three channels.

All four are linear in the pixels, so that together they take one product of matrices; by way of HSV, as Keras' own layers turn a
hue, an image takes many times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgedigits.keras_types import KerasTensor, TensorLike

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""How bright red, green and blue are (ITU-R BT.601)."""
YIQ = np.array([LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)
"""Colours as luma and two numbers of which the hue is the angle."""


@dataclass(frozen=True)
class Jitter:
    """How far colours may change, as `Augment` has it."""

    brightness: float
    contrast: float
    saturation: float
    hue: float

    @property
    def moves(self) -> bool:
        """Whether anything is changed at all."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))

    def __call__(self, images: TensorLike, draws: Sequence[KerasTensor]) -> KerasTensor:
        """Images float32 [n, h, w, 1 or 3] of 0..255, each by its four draws, [n] each, -1..1; cut off at 0 and 255."""
        from edgedigits.backend import tf

        brighter, sharper, richer, turned = (draw[:, None, None, None] for draw in draws)
        found = images
        if images.shape[-1] == 3 and (self.saturation or self.hue):
            found = _recolour(found, 1 + self.saturation * richer, self.hue * turned)
        if self.contrast:
            grey = tf.tensordot(found, tf.constant(LUMA), 1)[..., None] if images.shape[-1] == 3 else found
            middle = tf.reduce_mean(grey, axis=[1, 2, 3], keepdims=True)
            found = middle + (1 + self.contrast * sharper) * (found - middle)
        result: KerasTensor = tf.clip_by_value(found + 255 * self.brightness * brighter, 0.0, 255.0)
        return result


def _recolour(images: TensorLike, saturation: KerasTensor, turn: KerasTensor) -> KerasTensor:
    """RGB with its saturation times `saturation`, its hue turned by `turn` of the circle, both [n, 1, 1, 1]; luma stays."""
    from edgedigits.backend import tf

    angle = 2 * np.pi * turn[:, 0, 0, 0]
    along, aside = (saturation[:, 0, 0, 0] * part(angle) for part in (tf.cos, tf.sin))
    one, zero = tf.ones_like(along), tf.zeros_like(along)
    rows = [[one, zero, zero], [zero, along, -aside], [zero, aside, along]]
    turned = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)
    maps = tf.constant(np.linalg.inv(YIQ), tf.float32) @ turned @ tf.constant(YIQ)
    shape = tf.shape(images)
    flat = tf.reshape(images, [shape[0], -1, 3])
    result: KerasTensor = tf.reshape(tf.matmul(flat, maps, transpose_b=True), shape)
    return result
