"""Images mixed with others of their batch, and their losses in the same shares: mixup (Zhang et al. 2018) and cutmix (Yun et al.
2019).

Who trains asks for the loss of an image's own labels and of the other's, `1 - share` and `share` of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.cutout import make_squares
from edgedigits.keras_types import KerasTensor, TensorLike


def find_others(rows: TensorLike) -> KerasTensor:
    """Of each row of a batch that of the image it is mixed with: the same batch from its end, which is shuffled anyway."""
    from edgedigits.backend import tf

    result: KerasTensor = tf.reverse(rows, [0])
    return result


def mix(images: TensorLike, augment: Augment, seed: Sequence[int] | KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """(mixed, share): float32 [n, h, w, c], and of each image how much is the other's, float32 [n]. Same seed, same mixture.

    Where both kinds are allowed half of the images are mixed by the one, half by the other.
    """
    from edgedigits.backend import tf

    found, others = tf.cast(images, tf.float32), find_others(tf.cast(images, tf.float32))
    much, across, down, which = tf.unstack(tf.random.stateless_uniform([tf.shape(images)[0], 4], seed), axis=1)
    area = augment.cutmix * much
    inside = make_squares(found, tf.sqrt(area), 2 * across - 1, 2 * down - 1)
    faded = augment.mixup * much
    pasted = which < 0.5 if augment.mixup and augment.cutmix else tf.fill(tf.shape(which), bool(augment.cutmix))
    covered = tf.reduce_mean(tf.cast(inside, tf.float32), axis=[1, 2, 3])  # the edge may cut some of it off
    share = tf.where(pasted, covered, faded)
    each = pasted[:, None, None, None]
    weight = tf.where(each, tf.cast(inside, tf.float32), faded[:, None, None, None])
    return found + weight * (others - found), share
