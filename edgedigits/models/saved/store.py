"""A flat model and its masks in a folder, without pickles, bit for bit."""

import json
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgedigits.backend import keras
from edgedigits.errors import ModelError
from edgedigits.models.layers import lowered_layers
from edgedigits.models.saved import config_check, custom_classes, saved_files

SCHEMA = 2
"""Number of the layout of the folder; another is refused."""


def save(model: keras.Model, masks: Mapping[str, np.ndarray], folder: Path) -> None:
    """Writes a flat model and its masks into `folder`: `model.json`, `weights.npz`, `masks.npz`; no pickles."""
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads(model.to_json())
    for layer in config["config"]["layers"]:
        if layer["class_name"] in lowered_layers.LOWERED:  # Keras' own but for the operators
            layer |= {"module": "keras.layers", "registered_name": None}
    plain = {"schema": SCHEMA, "class_name": config["class_name"], "config": config["config"], "masks": list(masks)}
    (folder / "model.json").write_text(json.dumps(plain))
    _write(folder / "weights.npz", model.get_weights())
    _write(folder / "masks.npz", list(masks.values()))


def restore(folder: Path, *, custom: Sequence[str] = ()) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """Reads back what `save` wrote, bit for bit, as (model, masks); runs no code from it.

    Raises:
        ModelError: missing, damaged, or a layer class that is neither Keras' nor in `custom`.
    """
    classes = custom_classes.load_classes(custom)
    own = {one.__name__: one for one in classes}
    with saved_files.translate(folder, "restoring the model"):
        plain = json.loads((folder / "model.json").read_text())
        if plain.get("schema") != SCHEMA:
            raise ModelError(
                f"model.json has schema {plain.get('schema')}, and {SCHEMA} can be read; delete the folder."
            )
        checked = config_check.check_config(plain, "3", own)
        for layer in checked["config"]["layers"]:
            if layer["class_name"] in lowered_layers.LOWERED:
                layer["registered_name"] = layer["class_name"]
        known = lowered_layers.LOWERED | own
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Keras misses a `build` in layers of the caller's that it builds all the same
            model = keras.saving.deserialize_keras_object(checked, custom_objects=known, safe_mode=True)
        model.set_weights(_read(folder / "weights.npz"))
        masks = dict(zip(plain["masks"], _read(folder / "masks.npz"), strict=True))
    return model, masks


def _write(path: Path, arrays: Sequence[np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number, array in enumerate(arrays):
            with archive.open(f"{number:05}.npy", "w") as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def _read(path: Path) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[name] for name in sorted(arrays.files)]
