"""Images as tf.data batches, read a batch at a time: a set larger than memory goes the same way as a small one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgedigits.backend import tf
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.mixing import mix
from edgedigits.data.images import Images
from edgedigits.data.scale import Scale, scale_pixels

TOGETHER = 2**20
"""Epochs of so many images may be one data set: the numbers of their images take 8 MiB."""


def make_training_batches(
    images: Images, scale: Scale, batch: int, seed: int, epoch: int, augment: Augment | None, epochs: int = 1
) -> Any:
    """Shuffled whole batches (float32 [batch, h, w, c], labels) of one epoch, or of so many from that one on: to begin with a new
    data set takes as long as tens of steps of a small net. The same for the same seed and epoch. Where `augment` mixes images,
    the share of the other in each, float32 [batch], comes third (`mixing.py`)."""
    batch = min(batch, len(images))
    rows = np.concatenate(
        [shuffle_batches(len(images), batch, seed, number) for number in range(epoch, epoch + epochs)]
    )
    per_epoch = len(images) // batch
    seeds = np.stack(
        [seed * 1000 + epoch + np.arange(len(rows)) // per_epoch, np.arange(len(rows)) % per_epoch], axis=1
    )
    read = make_reader(images)

    def prepare(own_seed: Any, row: Any) -> Any:
        pixels, labels = read(row)
        pixels = tf.cast(pixels, tf.float32)
        if augment:
            pixels = augment(pixels, own_seed)
        if not augment or not augment.mixes:
            return scale_pixels(pixels, scale), labels
        pixels, share = mix(pixels, augment, own_seed)
        return scale_pixels(pixels, scale), labels, share

    steps = tf.data.Dataset.from_tensor_slices((seeds.astype(np.int32), rows))
    return steps.map(_plain(prepare), num_parallel_calls=2, deterministic=True).prefetch(4)


def shuffle_batches(count: int, batch: int, seed: int, epoch: int) -> np.ndarray:
    """The indices of an epoch's whole batches, int64 [steps, batch]."""
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return order[: count // batch * batch].reshape(-1, batch)


def make_plain_batches(images: Images, scale: Scale, batch: int = 500) -> Any:
    """All images in order, the last batch shorter: (float32 [<=batch, h, w, c], labels)."""
    read = make_reader(images)

    def prepare(row: Any) -> Any:
        pixels, labels = read(row)
        return scale_pixels(pixels, scale), labels

    indices = tf.data.Dataset.range(len(images)).batch(batch)
    return indices.map(_plain(prepare), num_parallel_calls=2, deterministic=True).prefetch(2)


def _plain(prepare: Callable[..., Any]) -> Any:
    """It has no `if` on tensors, and looking for one takes long."""
    return tf.autograph.experimental.do_not_convert(prepare)


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
