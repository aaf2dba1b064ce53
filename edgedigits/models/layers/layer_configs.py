"""A layer's config as that of a float32 layer which answers the same."""

import warnings
from typing import Protocol

import numpy as np

from edgedigits.errors import ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasLayer, KerasTensor

NEUTRAL = {
    "antialias": False,
    "pad_to_aspect_ratio": False,
    "quantization_config": None,
    "renorm": False,
    "rms_scaling": False,
}
"""Settings with which a layer computes what no rule here knows, and the value that leaves it as usual."""


def cannot(layer: KerasLayer, why: str, remedy: str) -> ModelError:
    """The refusal of a layer: its name and class, why, what would do."""
    return ModelError(f"layer '{layer.name}' ({type(layer).__name__}) {why}; {remedy}.")


def read_config(layer: KerasLayer) -> JsonObject:
    """A layer's own config; Keras warns about lambdas in it, which are refused by name later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config: JsonObject = layer.get_config()
    return config


def drop_training(layer: KerasLayer) -> JsonObject:
    """A layer's config without what training alone needs, and in float32."""
    ends = ("_initializer", "_regularizer", "_constraint")
    settings = {key: value for key, value in read_config(layer).items() if not key.endswith(ends)}
    for key, neutral in NEUTRAL.items():
        if (value := settings.get(key, neutral)) != neutral:
            raise cannot(layer, f"has {key}={value!r}, for which no rule is known", f"use {key}={neutral!r}")
    return {**settings, "dtype": "float32"}


class Normalization(KerasLayer, Protocol):
    """What of it was measured on images."""

    mean: KerasTensor
    variance: KerasTensor


def measured(layer: Normalization) -> JsonObject:
    """Mean and variance of a Normalization layer as constants of its config, so that no weights are left to copy."""
    axis = layer.axis
    axes = [] if axis is None else [axis] if isinstance(axis, int) else list(axis)
    shape = [int(np.shape(layer.mean)[one]) for one in axes]
    return {
        "mean": np.reshape(np.asarray(layer.mean), shape).tolist(),
        "variance": np.reshape(np.asarray(layer.variance), shape).tolist(),
    }
