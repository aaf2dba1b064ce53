"""The losses of training: their values, that no slope reaches the teacher, and that they stand once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgedigits.backend import tf
from edgedigits.tasks.class_weights import make_weighted_mean
from edgedigits.tasks.losses import cross_entropy, distillation, soft_cross_entropy

RNG = np.random.default_rng(0)
LOGITS, WANTED = (RNG.normal(size=(5, 3)).astype(np.float32) for _ in range(2))
LABELS = np.array([0, 1, 2, 0, 1], np.int32)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits.astype(np.float64))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def test_cross_entropy_is_that_of_each_image() -> None:
    found = cross_entropy(LABELS, LOGITS).numpy()
    np.testing.assert_allclose(found, -np.log(softmax(LOGITS)[np.arange(5), LABELS]), rtol=1e-5)


def test_soft_cross_entropy_is_that_of_both_softened() -> None:
    found = soft_cross_entropy(WANTED.astype(np.float16), LOGITS, 4.0).numpy()
    wanted = softmax(WANTED.astype(np.float16) / np.float32(4))
    np.testing.assert_allclose(found, -(wanted * np.log(softmax(LOGITS / 4))).sum(axis=1), rtol=1e-5)


def test_distillation_mixes_them_by_the_mean_it_is_given() -> None:
    weights = np.array([0.5, 2.0, 1.0], np.float32)
    hard, soft = cross_entropy(LABELS, LOGITS).numpy(), soft_cross_entropy(WANTED, LOGITS, 4.0).numpy()
    for mean, own in ((make_weighted_mean(None), np.ones(5)), (make_weighted_mean(weights), weights[LABELS])):
        found = float(distillation(LABELS, tf.constant(LOGITS), WANTED, 0.7, 4.0, mean))
        assert found == pytest.approx(0.3 * (own * hard).mean() + 0.7 * 16 * (own * soft).mean(), rel=1e-5)


def test_no_slope_reaches_the_teacher() -> None:
    logits, wanted = tf.constant(LOGITS), tf.constant(WANTED)
    with tf.GradientTape() as tape:
        tape.watch([logits, wanted])
        loss = distillation(LABELS, logits, wanted, 0.7, 4.0, make_weighted_mean(None))
    student, teacher = tape.gradient(loss, [logits, wanted])
    assert np.abs(student.numpy()).max() > 0
    assert teacher is None


@pytest.mark.parametrize("word", ["cross_entropy_with_logits", "CategoricalCrossentropy"])
def test_they_stand_once(word: str) -> None:
    root = Path(__file__).parents[1] / "edgedigits"
    users = [path.relative_to(root).as_posix() for path in root.rglob("*.py") if word in path.read_text("utf-8")]
    assert users == ["tasks/losses.py"]
