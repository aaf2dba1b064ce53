"""Adam (Kingma & Ba 2015) as one operator for each weight.

Keras' own writes it as twelve: on a MobileNetV2 they are three of five operators of a step, which takes three times as long to
trace with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgedigits.backend import tf
from edgedigits.keras_types import KerasTensor, KerasVariable

FIRST, SECOND, LEAST = 0.9, 0.999, 1e-7
"""What is left of the two moments after a step, and what is added to the divisor: Keras' defaults."""

Schedule = float | Callable[[object], KerasTensor]
"""Of learning: one number, or what Keras asks for it with the number of a step."""


class Adam:
    """Lowers what `variables` are trained on, by the formula of `keras.optimizers.Adam`; the rate is a number or a schedule."""

    def __init__(self, variables: Sequence[KerasVariable], rate: Schedule) -> None:
        self._variables, self._rate = variables, rate
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._moments = [
            tuple(tf.Variable(tf.zeros(each.shape, tf.float32), trainable=False) for _ in range(2))
            for each in variables
        ]

    def restart(self) -> None:
        """As new, for the same variables."""
        for each in (self._step, *(moment for pair in self._moments for moment in pair)):
            each.assign(tf.zeros_like(each))

    def apply(self, gradients: Sequence[KerasTensor | None]) -> None:
        """One step; runs in a graph. A variable without a gradient, because the loss does not depend on it, stays."""
        step = tf.identity(self._step)
        rate = self._rate(step) if callable(self._rate) else self._rate
        times = tf.cast(self._step.assign_add(1), tf.float32)
        powers = {"beta1_power": tf.pow(FIRST, times), "beta2_power": tf.pow(SECOND, times)}
        for variable, (first, second), gradient in zip(self._variables, self._moments, gradients, strict=True):
            if gradient is not None:
                store: Any = variable.value  # of TensorFlow, under Keras' own
                tf.raw_ops.ResourceApplyAdam(
                    var=store.handle,
                    m=first.handle,
                    v=second.handle,
                    lr=tf.cast(rate, tf.float32),
                    beta1=FIRST,
                    beta2=SECOND,
                    epsilon=LEAST,
                    grad=tf.convert_to_tensor(gradient),
                    **powers,
                )
