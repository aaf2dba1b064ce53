"""The config of a Keras model, alone or in an .h5 file: layers of another class, of other sizes, wired otherwise."""

from __future__ import annotations

import io
import json
from random import Random
from typing import Any

import h5py

from benchmarks.attack.mutations import hdf5, jsons

_CLASSES = (
    "Lambda",
    "Dense",
    "LSTM",
    "Conv2D",
    "TFOpLambda",
    "Functional",
    "Sequential",
    "Dropout",
    "ELU",
    "__import__",
    "",
)
_ACTIVATIONS = ("relu", "elu", "selu", "softplus", "softmax", "mish", "exponential", "nosuch", "linear")
_NUMBERS = (-1, 0, 1, 2, 1.5, 10**6, 20_000_000, 2**31 - 1, 2**40)


def spoil(rng: Random, data: bytes) -> bytes:
    """Two in three as Keras means it, else as any JSON."""
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        return jsons.spoil(rng, data)
    if rng.random() < 0.35 or not isinstance(whole, dict):
        return jsons.spoil(rng, data)
    for _ in range(rng.choice((1, 1, 2))):
        _change(rng, whole)
    return json.dumps(whole).encode()


def spoil_h5(rng: Random, data: bytes) -> bytes:
    """Half in the config that lies in it, half in how HDF5 lies."""
    if rng.random() < 0.5:
        return hdf5.spoil(rng, data)
    kept = io.BytesIO(data)
    try:
        with h5py.File(kept, "r+") as file:
            text = file.attrs["model_config"]
            new = spoil(rng, text if isinstance(text, bytes) else text.encode())
            file.attrs["model_config"] = new.decode("utf-8", "replace").replace("\0", " ")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return hdf5.spoil(rng, data)
    return kept.getvalue()


def _change(rng: Random, whole: dict[str, Any]) -> None:
    there = jsons.places(whole)
    kinds = [(holder, key) for holder, key in there if key == "class_name"]
    numbers = [(holder, key) for holder, key in there if type(holder[key]) in (int, float)]
    words = [(holder, key) for holder, key in there if key == "activation"]
    for found, values in rng.sample(
        [(kinds, _CLASSES), (numbers, _NUMBERS), (numbers, _NUMBERS), (words, _ACTIVATIONS)], 1
    ):
        if found:
            holder, key = rng.choice(found)
            holder[key] = rng.choice(values)
