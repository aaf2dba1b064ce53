"""A running mean of a model's weights over the steps of training (Polyak & Juditsky 1992): less of the last batches' noise."""

from __future__ import annotations

from edgedigits.backend import tf
from edgedigits.keras_types import KerasModel


class Average:
    """All weights of `model`, moving statistics too, averaged with `decay`; with decay 0 the weights are the last ones.

    Early steps weigh less than they would: the decay is at most (1 + step) / (10 + step), as in tf.train's averages.
    """

    def __init__(self, model: KerasModel, decay: float) -> None:
        self.model, self.decay = model, decay
        self.step = tf.Variable(0.0, trainable=False)
        self.means = [tf.Variable(weight, trainable=False) for weight in model.get_weights()] if decay else []

    def update(self) -> None:
        """Take the weights as they are into the means; runs in a graph."""
        if not self.decay:
            return
        decay = tf.minimum(self.decay, (1 + self.step) / (10 + self.step))
        self.step.assign_add(1.0)
        for mean, weight in zip(self.means, self.model.weights, strict=True):
            mean.assign_add((1 - decay) * (weight.value - mean))

    def take(self) -> None:
        """Set the model's weights to the means."""
        if self.decay:
            self.model.set_weights([mean.numpy() for mean in self.means])
