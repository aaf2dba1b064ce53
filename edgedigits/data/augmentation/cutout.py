"""Cutout (DeVries & Taylor 2017): a square of the image is hidden, so that a net looks at more than one part of a thing."""

from __future__ import annotations

from collections.abc import Sequence

from edgedigits.keras_types import KerasTensor, TensorLike


def make_squares(images: TensorLike, sides: KerasTensor, across: KerasTensor, down: KerasTensor) -> KerasTensor:
    """Where a rectangle of `sides` ([n], shares of height and width, 0..1) lies whose middle is drawn, both -1..1, [n]: bool
    [n, h, w, 1]. At the edges it is cut off."""
    from edgedigits.backend import tf

    shape = tf.shape(images)
    found = []
    for size, middle in ((shape[1], down), (shape[2], across)):
        length = tf.cast(size, tf.float32)
        places = tf.range(length)[None] + 0.5
        centre = (middle[:, None] + 1) / 2 * length
        found.append(tf.abs(places - centre) < sides[:, None] / 2 * length)
    result: KerasTensor = (found[0][:, :, None] & found[1][:, None, :])[..., None]
    return result


def cut_out(images: TensorLike, most: float, draws: Sequence[KerasTensor]) -> KerasTensor:
    """Images float32 [n, h, w, c], in each a square of up to `most` of a side filled with its mean colour; three draws, [n] each,
    -1..1, are for side and place."""
    from edgedigits.backend import tf

    side, across, down = draws
    hidden = make_squares(images, most * tf.abs(side), across, down)
    result: KerasTensor = tf.where(hidden, tf.reduce_mean(images, axis=[1, 2], keepdims=True), images)
    return result
