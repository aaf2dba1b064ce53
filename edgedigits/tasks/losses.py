"""What training lowers, once for all who train or ask for slopes: the cross-entropy of labels, and of a teacher's outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgedigits.backend import tf

Mean = Callable[[Any, Any], Any]
"""A graph function from losses [n] and int32 labels [n] to one number; `class_weights.mean_by` makes it."""


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Of each image, in nats, float32 [n]: int32 labels [n] against float32 logits [n, classes]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def soft_cross_entropy(wanted: Any, logits: Any, temperature: float) -> Any:
    """The same against a teacher's logits [n, classes], both softened by `temperature`; no slope reaches the teacher."""
    shares = tf.nn.softmax(tf.cast(wanted, tf.float32) / temperature)
    return tf.nn.softmax_cross_entropy_with_logits(tf.stop_gradient(shares), logits / temperature)


def distillation(labels: Any, logits: Any, wanted: Any, share: float, temperature: float, mean: Mean) -> Any:
    """The loss of a batch: `share` of it for `wanted`, a teacher's logits, softened by `temperature`, times its square; the rest
    for the labels.

    The square keeps the two parts' gradients in proportion at any temperature (Hinton et al. 2015, section 2).
    """
    soft = mean(soft_cross_entropy(wanted, logits, temperature), labels)
    hard = mean(cross_entropy(labels, logits), labels)
    return (1 - share) * hard + share * temperature**2 * soft


def of_probabilities(label_smoothing: float) -> Any:
    """The cross-entropy as Keras 3 compiles it: one-hot labels against probabilities, both [n, classes], their plain mean."""
    import keras

    return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
