"""What training lowers, once for all who train or ask for slopes: the cross-entropy of labels, and of a teacher's outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgedigits.backend import tf
from edgedigits.data.augmentation.mixing import find_others
from edgedigits.keras_types import KerasTensor, TensorLike

Mean = Callable[[TensorLike, TensorLike], KerasTensor]
"""A graph function from losses and labels to one number; `class_weights.make_weighted_mean` makes it."""


class Trains(Protocol):
    """What a task has for those who train."""

    def loss(self, targets: TensorLike, logits: TensorLike) -> KerasTensor: ...

    def soft_loss(self, wanted: TensorLike, logits: TensorLike, temperature: float) -> KerasTensor: ...


def cross_entropy(labels: TensorLike, logits: TensorLike) -> KerasTensor:
    """Of each image, in nats, float32 [n]: int32 labels [n] against float32 logits [n, classes]."""
    result: KerasTensor = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return result


def soft_cross_entropy(wanted: TensorLike, logits: TensorLike, temperature: float) -> KerasTensor:
    """The same against a teacher's logits [n, classes], both softened by `temperature`; no slope reaches the teacher."""
    shares = tf.nn.softmax(tf.cast(wanted, tf.float32) / temperature)
    result: KerasTensor = tf.nn.softmax_cross_entropy_with_logits(tf.stop_gradient(shares), logits / temperature)
    return result


def label_cross_entropy(labels: TensorLike, logits: TensorLike) -> KerasTensor:
    """Of each label of each image, in nats, float32 [n, labels]: labels of 0 and 1 against float32 logits, both of that shape."""
    result: KerasTensor = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(labels, tf.float32), logits)
    return result


def soft_label_cross_entropy(wanted: TensorLike, logits: TensorLike, temperature: float) -> KerasTensor:
    """The same against a teacher's logits [n, labels], both softened by `temperature`; no slope reaches the teacher."""
    shares = tf.sigmoid(tf.cast(wanted, tf.float32) / temperature)
    result: KerasTensor = tf.nn.sigmoid_cross_entropy_with_logits(tf.stop_gradient(shares), logits / temperature)
    return result


def distillation(
    labels: TensorLike,
    logits: TensorLike,
    wanted: TensorLike,
    share: float,
    temperature: float,
    mean: Mean,
    task: Trains | None = None,
) -> KerasTensor:
    """The loss of a batch: `share` of it for `wanted`, a teacher's logits, softened by `temperature`, times its square; the rest
    for the labels.

    The square keeps the two parts' gradients in proportion at any temperature (Hinton et al. 2015, section 2).
    """
    soft_of, hard_of = (task.soft_loss, task.loss) if task else (soft_cross_entropy, cross_entropy)
    soft = mean(soft_of(wanted, logits, temperature), labels)
    hard = mean(hard_of(labels, logits), labels)
    return (1 - share) * hard + share * temperature**2 * soft


def mix_losses(
    objective: Callable[..., KerasTensor], share: KerasTensor | None, mean: Mean, *rows: TensorLike
) -> KerasTensor:
    """`objective(mean, *rows)`, where `rows` are labels, and what else belongs to an image; of mixed images that of their own
    rows and of the others', in the shares that the images have of both (`mixing.py`). `share` is that of the others, float32 [n].
    """
    if share is None:
        return objective(mean, *rows)

    def weigh(part: KerasTensor) -> Mean:
        return lambda losses, labels: mean(losses * tf.reshape(part, [-1, *[1] * (len(losses.shape) - 1)]), labels)

    others = objective(weigh(share), *map(find_others, rows))
    return objective(weigh(1 - share), *rows) + others


def make_loss_of_label_probabilities(
    label_smoothing: float, weights: NDArray[np.float32] | None = None
) -> Callable[[TensorLike, TensorLike], KerasTensor]:
    """The cross-entropy of labels as Keras 3 compiles it: 0 and 1 against probabilities, both [n, labels], their mean; each
    label's times its weight, [labels], where there are any."""
    import keras

    if weights is None:
        found: Callable[[TensorLike, TensorLike], KerasTensor] = keras.losses.BinaryCrossentropy(
            label_smoothing=label_smoothing
        )
        return found
    each = tf.constant(weights)

    def weighted(targets: TensorLike, shares: TensorLike) -> KerasTensor:
        wanted = (1 - label_smoothing) * targets + label_smoothing / 2
        result: KerasTensor = tf.reduce_mean(each * keras.ops.binary_crossentropy(wanted, shares), axis=-1)
        return result

    return weighted


def make_loss_of_probabilities(
    label_smoothing: float, weights: NDArray[np.float32] | None = None
) -> Callable[[TensorLike, TensorLike], KerasTensor]:
    """The cross-entropy as Keras 3 compiles it: one-hot labels against probabilities, both [n, classes], their mean; each image's
    times the weight of its class, [classes], where there are any.

    The weighted one is linear in the labels, too: of mixed images each share weighs as its own class does.
    """
    import keras

    if weights is None:
        result: Callable[[TensorLike, TensorLike], KerasTensor] = keras.losses.CategoricalCrossentropy(
            label_smoothing=label_smoothing
        )
        return result
    each, even = tf.constant(weights), label_smoothing / len(weights)

    def weighted(targets: TensorLike, shares: TensorLike) -> KerasTensor:
        heavy = targets * each
        wanted = (1 - label_smoothing) * heavy + even * tf.reduce_sum(heavy, axis=-1, keepdims=True)
        found: KerasTensor = keras.losses.categorical_crossentropy(wanted, shares)
        return found

    return weighted
