"""The optimizer of the stages: Keras' formula, and what the loss does not depend on."""

from __future__ import annotations

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.stages.adam import Adam


def test_it_goes_where_keras_goes() -> None:
    start = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    own, theirs = keras.Variable(start), keras.Variable(start)
    rate = keras.optimizers.schedules.CosineDecay(0.1, 20, alpha=0.05)
    adam, known = Adam([own], rate), keras.optimizers.Adam(rate)
    known.build([theirs])
    step = tf.function(lambda slope: adam.apply([slope]))
    for number in range(20):
        slope = tf.constant(np.sin(start * (number + 1)))
        step(slope)
        known.apply([slope], [theirs])
        np.testing.assert_allclose(own.numpy(), theirs.numpy(), rtol=0, atol=2e-5)
    assert np.abs(own.numpy() - start).max() > 0.1


def test_a_variable_without_a_gradient_stays() -> None:
    moved, left = keras.Variable([1.0]), keras.Variable([1.0])
    Adam([moved, left], 0.5).apply([tf.constant([1.0]), None])
    assert (round(float(moved.numpy()[0]), 4), float(left.numpy()[0])) == (0.5, 1.0)
