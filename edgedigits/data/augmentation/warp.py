"""Where each point of a moved image is read from: one affine map per image, bent by an elastic field where that is asked for
(Simard et al. 2003), and one bilinear look-up. A mirrored image is the same map the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgedigits.keras_types import KerasTensor, TensorLike

KNOTS = 5
"""A side of the grid of points that an elastic field moves, each for itself; between them it is smooth."""
COLUMNS = 7
"""Draws of the affine map; those of an elastic field follow."""


@dataclass(frozen=True)
class Warp:
    """How far an image may move, as `Augment` has it, in shares of a side and degrees."""

    rotation_degrees: float
    shift: float
    zoom: float
    shear: float
    elastic: float
    flip: bool
    crop: float

    @property
    def columns(self) -> int:
        """How many draws an image takes."""
        return COLUMNS + (2 * KNOTS**2 if self.elastic else 0)

    @property
    def moves(self) -> bool:
        """Whether anything is moved at all."""
        return any((self.rotation_degrees, self.shift, self.zoom, self.shear, self.elastic, self.flip, self.crop))

    def __call__(self, images: TensorLike, draws: KerasTensor, more: Sequence[KerasTensor]) -> KerasTensor:
        """Images float32 [n, h, w, c] by `draws` [n, columns], each -1..1; `more`, [n] each, are for the flip and both ways of
        the crop. Edges are repeated outwards."""
        from edgedigits.backend import tf

        shape = tf.shape(images)
        size = tf.cast(shape[1:3], tf.float32)
        maps = self._maps(draws, size[0], size[1])
        if more:
            maps = self._cropped_and_flipped(maps, more, size[0], size[1])
        if self.elastic:
            return _looked_up(images, self._places(maps, draws, size))
        moved: KerasTensor = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=maps,
            output_shape=shape[1:3],
            interpolation="BILINEAR",
            fill_mode="NEAREST",
            fill_value=0.0,
        )
        return moved

    def _places(self, maps: KerasTensor, draws: KerasTensor, size: KerasTensor) -> KerasTensor:
        """Where each output point is read from: float32 [n, h, w, 2], x and y in pixels of the input."""
        from edgedigits.backend import tf

        a0, a1, a2, b0, b1, b2 = tf.unstack(maps[:, None, None, :6], axis=-1)
        x, y = tf.meshgrid(tf.range(size[1]), tf.range(size[0]))
        straight = tf.stack([a0 * x + a1 * y + a2, b0 * x + b1 * y + b2], axis=-1)
        field = draws[:, COLUMNS : COLUMNS + 2 * KNOTS**2]
        knots = tf.reshape(field, [-1, KNOTS, KNOTS, 2]) * self.elastic * size[::-1]
        result: KerasTensor = straight + tf.image.resize(knots, tf.cast(size, tf.int32), method="bicubic")
        return result

    def _cropped_and_flipped(
        self, maps: KerasTensor, more: Sequence[KerasTensor], height: KerasTensor, width: KerasTensor
    ) -> KerasTensor:
        """By whole pixels, so that an image which is only cropped and mirrored stays as sharp as it was."""
        from edgedigits.backend import tf

        a0, a1, a2, b0, b1, b2, zero, _ = tf.unstack(maps, axis=1)
        mirror, across, down = more
        a2 += tf.round(self.crop * width * across)
        b2 += tf.round(self.crop * height * down)
        if self.flip:
            flipped = mirror < 0
            a2, b2 = (tf.where(flipped, to + by * (width - 1), to) for to, by in ((a2, a0), (b2, b0)))
            a0, b0 = (tf.where(flipped, -by, by) for by in (a0, b0))
        result: KerasTensor = tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)
        return result

    def _maps(self, draws: KerasTensor, height: KerasTensor, width: KerasTensor) -> KerasTensor:
        """Rows (a0, a1, a2, b0, b1, b2, 0, 0) that map an output point to the input point it is read from."""
        from edgedigits.backend import tf

        angle = draws[:, 0] * (self.rotation_degrees * 3.141592653589793 / 180)
        zoom_x, zoom_y = 1 + self.zoom * draws[:, 1], 1 + self.zoom * draws[:, 2]
        shear_x, shear_y = self.shear * draws[:, 3], self.shear * draws[:, 4]
        cos, sin = tf.cos(angle), tf.sin(angle)
        a0, a1 = zoom_x * (cos + shear_x * sin), zoom_x * (-sin + shear_x * cos)
        b0, b1 = zoom_y * (sin + shear_y * cos), zoom_y * (cos - shear_y * sin)
        x, y = (width - 1) / 2, (height - 1) / 2
        a2 = x - a0 * x - a1 * y + self.shift * width * draws[:, 5]
        b2 = y - b0 * x - b1 * y + self.shift * height * draws[:, 6]
        zero = tf.zeros_like(a0)
        result: KerasTensor = tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)
        return result


def _looked_up(images: TensorLike, places: KerasTensor) -> KerasTensor:
    """Images float32 [n, h, w, c] read at `places`, bilinear; edges are repeated outwards."""
    from edgedigits.backend import tf

    shape = tf.shape(images)
    last = tf.cast([shape[2] - 1, shape[1] - 1], tf.float32)
    places = tf.clip_by_value(places, 0.0, last)
    low = tf.minimum(tf.floor(places), tf.maximum(last - 1, 0.0))
    share = (places - low)[..., None]
    x, y = tf.unstack(tf.cast(low, tf.int32), axis=-1)
    right, down = (tf.minimum(1, shape[axis] - 1) for axis in (2, 1))
    start = (tf.range(shape[0])[:, None, None] * shape[1] + y) * shape[2] + x
    flat = tf.reshape(images, [-1, shape[3]])
    above = _between(tf.gather(flat, start), tf.gather(flat, start + right), share[..., 0, :])
    start += down * shape[2]
    below = _between(tf.gather(flat, start), tf.gather(flat, start + right), share[..., 0, :])
    return _between(above, below, share[..., 1, :])


def _between(one: KerasTensor, other: KerasTensor, share: KerasTensor) -> KerasTensor:
    return one + (other - one) * share
