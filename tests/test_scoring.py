"""tasks/scoring.py: what a model answers, asked of one graph."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from edgedigits.backend import keras
from edgedigits.data.images import ArrayImages
from edgedigits.tasks.scoring import compute_outputs


def test_a_model_is_followed_once_and_no_longer_kept_than_by_others() -> None:
    followed: list[int] = []

    def count(x: object) -> object:
        followed.append(1)
        return x

    layers = keras.layers
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Lambda(count), layers.Flatten(), layers.Dense(3)])
    pixels = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 1)).astype(np.uint8)
    few, all_of_them = (ArrayImages(pixels[:count], np.zeros(count, np.int32)) for count in (5, 9))
    before = len(followed)
    first = compute_outputs(model, few, "0..1")
    np.testing.assert_allclose(compute_outputs(model, all_of_them, "0..1")[:5], first, atol=1e-6)
    assert len(followed) == before + 1
    model.set_weights([weight + 1 for weight in model.get_weights()])
    changed = compute_outputs(model, few, "0..1")
    assert np.abs(changed - first).min() > 0.5
    np.testing.assert_allclose(changed, np.asarray(model(pixels[:5] / np.float32(255))), atol=1e-5)
    left = weakref.ref(model)
    del model
    gc.collect()
    assert left() is None
