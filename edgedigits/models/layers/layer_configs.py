"""A layer's config, from Keras 3 or Keras 2, as the float32 Keras 2 config that answers the same."""

import warnings
from typing import Protocol

import numpy as np

from edgedigits.errors import ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasLayer, KerasTensor
from edgedigits.models.layers.layer_kinds import find_kind

KERAS3_ONLY = {
    "antialias": False,
    "fill_mode": "constant",
    "fill_value": 0.0,
    "pad_to_aspect_ratio": False,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "rms_scaling": False,
}
"""Settings that Keras 2 layers lack, and the value with which both compute the same."""


def cannot(layer: KerasLayer, why: str, remedy: str) -> ModelError:
    """The refusal of a layer: its name and class, why, what would do."""
    return ModelError(f"layer '{layer.name}' ({type(layer).__name__}) {why}; {remedy}.")


def read_config(layer: KerasLayer) -> JsonObject:
    """A layer's own config; Keras 3 warns about lambdas in it, which are refused by name later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config: JsonObject = layer.get_config()
    return config


def drop_training(layer: KerasLayer) -> JsonObject:
    """A layer's config without what training alone needs, and in float32."""
    ends = ("_initializer", "_regularizer", "_constraint")
    settings = {key: value for key, value in read_config(layer).items() if not key.endswith(ends)}
    return {**settings, "dtype": "float32"}


def convert_to_keras2(layer: KerasLayer, settings: JsonObject) -> JsonObject:
    """A Keras 3 config as one that Keras 2 reads."""
    for key, neutral in KERAS3_ONLY.items():
        value = settings.pop(key, neutral)
        if value != neutral and key in (
            "antialias",
            "pad_to_aspect_ratio",
            "quantization_config",
            "renorm",
            "rms_scaling",
        ):
            raise cannot(layer, f"has {key}={value!r}, which Keras 2 lacks", f"use {key}={neutral!r}")
    kind = find_kind(layer)
    for name, keras2 in kind.keras3_settings.items() if kind else ():
        if name in settings:
            value = settings.pop(name)
            settings |= {} if keras2 is None else {keras2: value}
    return settings


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
