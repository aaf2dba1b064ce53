"""Images as tf.data batches, read a batch at a time: a set larger than memory goes the same way as a small one."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgedigits.backend import tf
from edgedigits.data.augment import Augment
from edgedigits.data.images import Images
from edgedigits.data.scale import Scale, scale_pixels


def make_training_batches(
    images: Images, scale: Scale, batch: int, seed: int, epoch: int, augment: Augment | None
) -> Any:
    """One epoch of shuffled whole batches (float32 [batch, h, w, c], labels), the same for the same seed and epoch."""
    batch = min(batch, len(images))
    order = np.random.default_rng([seed, epoch]).permutation(len(images))
    rows = order[: len(order) // batch * batch].reshape(-1, batch)
    read = make_reader(images)

    def prepare(step: Any, row: Any) -> Any:
        pixels, labels = read(row)
        pixels = tf.cast(pixels, tf.float32)
        if augment:
            pixels = augment(pixels, tf.stack([tf.cast(seed * 1000 + epoch, tf.int32), tf.cast(step, tf.int32)]))
        return scale_pixels(pixels, scale), labels

    steps = tf.data.Dataset.from_tensor_slices((np.arange(len(rows)), rows))
    return steps.map(prepare, num_parallel_calls=2, deterministic=True).prefetch(4)


def make_plain_batches(images: Images, scale: Scale, batch: int = 500) -> Any:
    """All images in order, the last batch shorter: (float32 [<=batch, h, w, c], labels)."""
    read = make_reader(images)

    def prepare(row: Any) -> Any:
        pixels, labels = read(row)
        return scale_pixels(pixels, scale), labels

    plain = tf.autograph.experimental.do_not_convert(
        prepare
    )  # it has no `if` on tensors, and looking for one takes long
    indices = tf.data.Dataset.range(len(images)).batch(batch)
    return indices.map(plain, num_parallel_calls=2, deterministic=True).prefetch(2)


def make_reader(images: Images) -> Any:
    """A graph function from int64 indices to (uint8 pixels, labels as `Images` has them)."""
    kind, shape = tf.as_dtype(images.labels.dtype), images.labels.shape[1:]

    def read(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images.read(row), images.labels[row]

    def call(row: Any) -> Any:
        pixels, labels = tf.numpy_function(read, [row], [tf.uint8, kind], stateful=False)
        pixels.set_shape([None, *images.shape])
        labels.set_shape([None, *shape])
        return pixels, labels

    return call
