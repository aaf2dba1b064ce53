"""What a model answers: to noise and to images, compared with another's, and whether it is probabilities or logits."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgedigits.backend import keras
from edgedigits.data.scale import Scaling, scale_pixels
from edgedigits.errors import ModelError
from edgedigits.keras_types import KerasLayer, KerasModel

TOLERANCE = 1e-4
"""The rebuilt model may differ from the original by this share of the largest answer. Measured on networks of
keras.applications with random weights: Keras 2 none, Keras 3 up to 5e-7, but 3e-5 for NASNetMobile with its 771 layers.
Activations of one name and two meanings may differ by less in the end, so those are told apart by name."""

PROBES = 16
"""Random images of each range that original and rebuilt model are compared on."""

PROBES = 16
"""Random images of each range that original and rebuilt model are compared on."""

_VALUES_AT_ONCE: Final = 2**20


def make_probes(model: keras.Model, images: np.ndarray | None, scale: Scaling | None = None) -> np.ndarray:
    """Noise, then the images given; float32 [n, height, width, channels]."""
    shape = (PROBES, *model.input_shape[1:])
    if images is not None and images.shape[1:] != shape[1:]:
        raise ModelError(
            f"the model takes images of shape {list(shape[1:])}, and those at hand are {images.shape[1:]}."
        )
    noise = _noise(shape, scale)
    return np.concatenate(noise if images is None else [*noise, images.astype(np.float32)])


def _noise(shape: tuple[int, ...], scale: Scaling | None) -> list[np.ndarray]:
    """As the scale makes it, of all pixels and of those in the middle, as less contrast has them; else from 0 to 1 and to 255."""
    random = np.random.default_rng(0)
    if scale is None:
        return [random.random(shape, dtype=np.float32), random.random(shape, dtype=np.float32) * np.float32(255)]
    return [scale_pixels(random.integers(*ends, shape, dtype=np.uint8), scale) for ends in ((0, 256), (64, 192))]


def compute_answers(model: KerasModel, images: np.ndarray) -> np.ndarray:
    """What the model answers: float32 [n, classes]."""
    functional = isinstance(model, keras.Function)
    given = model.input if functional else None  # could be {"image": ...}
    most = min(64, max(1, _VALUES_AT_ONCE // max(1, images[0].size)))  # all that the layers compute is held at once
    if (functional or isinstance(model, keras.Sequential)) and len(
        model.inputs[0].shape
    ) < images.ndim:  # it takes [height, width], without a channel
        images = images[..., 0]
    batches = np.array_split(images, -(-len(images) // most))
    answers = [model(keras.tree.map_structure(lambda _, x=batch: x, given), training=False) for batch in batches]
    return np.concatenate([np.asarray(keras.tree.flatten(answer)[0]) for answer in answers])


def compare(original: np.ndarray, rebuilt: np.ndarray) -> float:
    """The largest difference as a share of the largest answer."""
    if not np.isfinite(original).all():
        raise ModelError("the model answers random images with NaN or infinity; train it again.")
    difference = float(np.abs(original - rebuilt).max() / max(float(np.abs(original).max()), 1e-6))
    if not difference <= TOLERANCE:
        raise ModelError(
            f"rebuilt, the model answers otherwise: by {difference:.1e} of its largest answer, and "
            f"{TOLERANCE} is allowed. One of its layers is rebuilt wrongly; please report it."
        )
    return difference


def _last_activation(layer: KerasLayer) -> str | None:
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", None)


def are_probabilities(model: keras.Model, answers: np.ndarray) -> bool:
    """By the last layer, a softmax or a sigmoid, else by the answers: rows of numbers from 0 that sum to 1."""
    if _last_activation(model.layers[-1]) in ("softmax", "sigmoid"):
        return True
    return bool((answers >= 0).all() and np.allclose(answers.sum(axis=1), 1, atol=1e-4))


def answers_probabilities(model: keras.Model, scale: Scaling | None = None) -> bool:
    """True for a flat model whose answers to noise, made as `load` makes it, are probabilities, whatever layer makes them."""
    return are_probabilities(model, compute_answers(model, make_probes(model, None, scale)))
