"""Random rotation, shift, zoom and shear of a batch, as one affine map per image, bent by an elastic field where that is asked
for (Simard et al. 2003), and one bilinear look-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgedigits.keras_types import KerasTensor, TensorLike

KNOTS = 5
"""A side of the grid of points that an elastic field moves, each for itself; between them it is smooth."""


@dataclass(frozen=True)
class Augment:
    """How far an image may move; each draw is uniform in -limit..limit. The defaults keep a digit the digit it was."""

    rotation_degrees: float = 10.0
    shift: float = 0.08  # share of the side
    zoom: float = 0.1
    shear: float = 0.1
    elastic: float = 0.0  # share of the side

    def __call__(self, images: TensorLike, seed: Sequence[int] | KerasTensor) -> KerasTensor:
        """float32 [n, h, w, c] to the same shape; edges are repeated outwards. `seed` is int32 [2]: same seed, same images."""
        from edgedigits.backend import tf

        return self.moved(images, self.draws(tf.shape(images)[0], seed))

    def draws(self, count: int | KerasTensor, seed: Sequence[int] | KerasTensor) -> KerasTensor:
        """What `count` images are moved by, float32 [count, 7 or, elastic, 57] in -1..1; kept, they move the same images the same
        way again."""
        from edgedigits.backend import tf

        result: KerasTensor = tf.random.stateless_uniform(
            [count, 7 + (2 * KNOTS**2 if self.elastic else 0)], seed, -1.0, 1.0
        )
        return result

    def moved(self, images: TensorLike, draws: KerasTensor) -> KerasTensor:
        """Each image float32 [n, h, w, c] moved by its row of `draws`, whatever images are beside it."""
        from edgedigits.backend import tf

        shape = tf.shape(images)
        size = tf.cast(shape[1:3], tf.float32)
        if self.elastic:
            moved = _looked_up(images, self._places(draws, size))
        else:
            moved = tf.raw_ops.ImageProjectiveTransformV3(
                images=images,
                transforms=self._maps(draws, size[0], size[1]),
                output_shape=shape[1:3],
                interpolation="BILINEAR",
                fill_mode="NEAREST",
                fill_value=0.0,
            )
        result: KerasTensor = tf.ensure_shape(moved, images.shape)
        return result

    def _places(self, draws: KerasTensor, size: KerasTensor) -> KerasTensor:
        """Where each output point is read from: float32 [n, h, w, 2], x and y in pixels of the input."""
        from edgedigits.backend import tf

        a0, a1, a2, b0, b1, b2 = tf.unstack(self._maps(draws, size[0], size[1])[:, None, None, :6], axis=-1)
        x, y = tf.meshgrid(tf.range(size[1]), tf.range(size[0]))
        straight = tf.stack([a0 * x + a1 * y + a2, b0 * x + b1 * y + b2], axis=-1)
        knots = tf.reshape(draws[:, 7:], [-1, KNOTS, KNOTS, 2]) * self.elastic * size[::-1]
        result: KerasTensor = straight + tf.image.resize(knots, tf.cast(size, tf.int32), method="bicubic")
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
