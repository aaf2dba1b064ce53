"""Random rotation, shift, zoom and shear of a batch, as one affine map per image and one bilinear look-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Augment:
    """How far an image may move; each draw is uniform in -limit..limit. The defaults keep a digit the digit it was."""

    rotation_degrees: float = 10.0
    shift: float = 0.08  # share of the side
    zoom: float = 0.1
    shear: float = 0.1

    def __call__(self, images: Any, seed: Any) -> Any:
        """float32 [n, h, w, c] to the same shape; edges are repeated outwards. `seed` is int32 [2]: same seed, same images."""
        from edgedigits.backend import tf

        return self.moved(images, self.draws(tf.shape(images)[0], seed))

    def draws(self, count: Any, seed: Any) -> Any:
        """What `count` images are moved by, float32 [count, 7] in -1..1; kept, they move the same images the same way again."""
        from edgedigits.backend import tf

        return tf.random.stateless_uniform([count, 7], seed, -1.0, 1.0)

    def moved(self, images: Any, draws: Any) -> Any:
        """Each image float32 [n, h, w, c] moved by its row of `draws`, whatever images are beside it."""
        from edgedigits.backend import tf

        shape = tf.shape(images)
        size = tf.cast(shape[1:3], tf.float32)
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=self._maps(draws, size[0], size[1]),
            output_shape=shape[1:3],
            interpolation="BILINEAR",
            fill_mode="NEAREST",
            fill_value=0.0,
        )

    def _maps(self, draws: Any, height: Any, width: Any) -> Any:
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
        return tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)
