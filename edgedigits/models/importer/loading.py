"""Any trained Keras image classifier as the one kind of model that the stages work on.

`load` takes Keras 3 and Keras 2 files and Keras 2 SavedModels. It reads the config as JSON, has it looked through
(`config_check`), lets Keras 3 build from exactly that (`keras2/` brings over what Keras 2 wrote), and reads the weights as
numbers. Then it rebuilds the model (`rebuild`) and compares answers, of a Keras 2 file with those of a witness
(`keras2/witness.py`). What the file describes is built in a child process only, within limits of time and memory; this one takes
over the rebuilt model.
"""

import functools
import json
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edgedigits.backend import keras
from edgedigits.data.scale import Scaling
from edgedigits.errors import ModelError, OpenSizeError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.processes.children import MIB, Errand, ask
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph.answers import TOLERANCE, are_probabilities, compare, compute_answers, make_probes
from edgedigits.models.importer.ends import Size, SizeOf, image_shape
from edgedigits.models.importer.rebuild import Rebuilding, rebuild
from edgedigits.models.keras2.bring_over import bring_over
from edgedigits.models.keras2.witness import Witness, find_witness
from edgedigits.models.saved import config_check, custom_classes, saved_files
from edgedigits.models.saved.store import restore, save

__all__ = ["LoadedModel", "load", "rebuild", "restore", "save"]
Real = np.ndarray | Callable[[tuple[int, int, int]], np.ndarray]
"""Model input, float32 [n, height, width, channels]; or what gives it for an input of that shape, once that is known."""

DOING: Final = "reading the model"
LEAST_S: Final = 30.0
CONFIG_BYTES_PER_S: Final = 2000
"""How long a child may build and try a model: so long, and longer by the bytes of its config and its weights."""
MOST_BYTES, MOST_TIMES = 1024 * MIB, 24
"""The memory it may take for that: so much, and so many times the bytes of the weights. A file that declares layers for
which it holds no weights gets no further."""


@dataclass(frozen=True)
class LoadedModel:
    """A model ready for the stages.

    `model` is one flat functional Keras 3 graph, float32, uncompiled: input [None, height, width, 1 or 3], output
    [None, classes] or [None, labels]. `logits` says that these are logits; otherwise they are probabilities. `facts` is
    JSON-safe; `largest_difference` between original and rebuilt model is, as `tolerance`, a share of the largest answer.
    """

    model: keras.Model
    logits: bool
    facts: JsonObject


def load(
    path: Path,
    *,
    custom: Sequence[str] = (),
    images: Real | None = None,
    scale: Scaling | Callable[[KerasModel], Scaling] | None = None,
    size: SizeOf | None = None,
) -> LoadedModel:
    """Loads a trained classifier from a `.keras`, `.h5` or `.hdf5` file or a SavedModel folder; runs no code from it.

    Args:
        custom: the caller's own layer classes, "module:Class", of Keras 3; for a Keras 2 file one of the same name that has the
            same weights.
        images: model input to compare original and rebuilt on, besides noise.
        scale: how the model takes its pixels, or what tells it of the rebuilt model, before `images` is asked; the noise is made
            of such, without it of numbers from 0 to 1 and to 255.
        size: tells (height, width) of the data, asked for a model that takes images of any size.

    Raises:
        ModelError: naming the file and what in it can't be taken: layer, class, why, what would do.
    """
    custom_classes.load_classes(custom)
    with tempfile.TemporaryDirectory(prefix="edgedigits-model-") as name, saved_files.translate(path, DOING):
        folder = Path(name)
        errand, saved = _opening(saved_files.read(path, folder), custom)
        try:
            told = ask(errand("build"), **saved, folder=name)
        except OpenSizeError:
            if size is None:
                raise
            saved["size"] = list(size())
            told = ask(errand("build"), **saved, folder=name)
        model, _ = restore(folder, custom=custom)
        scale = scale(model) if callable(scale) else scale
        real = images(model.input_shape[1:]) if callable(images) else images
        probes = make_probes(model, real, scale)
        answers = ask(errand("answer"), **saved, probes=probes)
        difference = compare(answers, compute_answers(model, probes))
        logits = not are_probabilities(model, answers)
    facts: JsonObject = {
        "format": saved["format"],
        "layers": len(model.layers),
        "parameters": int(model.count_params()),
        **told,
        "largest_difference": difference,
        "tolerance": TOLERANCE,
        "compared_images": len(probes),
    }
    return LoadedModel(model, logits, facts)


def _opening(saved: saved_files.SavedModel, custom: Sequence[str]) -> tuple[Callable[[str], Errand], JsonObject]:
    """What a child process is asked, and told of the file: it alone builds what the file describes."""
    config, size = json.dumps(saved.config), saved.size_bytes

    def errand(function: str) -> Errand:
        return Errand(
            function=f"models.importer.loading:{function}",
            doing=DOING,
            advice=f"is the file, with its {size:,} bytes of weights, complete, and saved by Keras?",
            room="tensorflow",
            error=ModelError,
            most_s=LEAST_S + len(config) / CONFIG_BYTES_PER_S + size / saved_files.BYTES_PER_S,
            most_bytes=MOST_BYTES + MOST_TIMES * size,
        )

    told = {"format": saved.format, "keras_of": saved.keras, "config": config, "weights": str(saved.weights)}
    return errand, {**told, "custom": list(custom), "size": None}


def build(folder: str, **saved: object) -> JsonObject:
    """In a child process: builds what the file describes, rebuilds it, tries both, and writes the rebuilt model into `folder`."""
    _opened.cache_clear()
    original, rebuilding, model, (witness, _) = _opened(**_hashable(saved))
    _check_classifier(model)
    probes = make_probes(model, None)
    compute_answers(original, probes)
    compute_answers(model, probes)
    save(model, {}, Path(folder))
    changed = [type(a).__name__ for a in original.layers] != [type(b).__name__ for b in model.layers]
    left_out = ", ".join(rebuilding.left_out)
    return {"rebuilt": changed, "left_out": left_out, "adapted": rebuilding.said, "witness": witness}


def answer(probes: np.ndarray, **saved: object) -> np.ndarray:
    """In a child process: what the witness answers, else the model as its file describes it; what `build` left in memory goes."""
    original, *_, (_, witness) = _opened(**_hashable(saved))
    _opened.cache_clear()
    return witness(probes) if witness else compute_answers(original, probes)


def _hashable(saved: JsonObject) -> JsonObject:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}


@functools.lru_cache(1)
def _opened(
    format: str, keras_of: saved_files.Generation, config: str, weights: str, custom: Sequence[str], size: Size | None
) -> tuple[KerasModel, Rebuilding, KerasModel, tuple[str, Witness | None]]:
    """(as its file describes it, what rebuilt it, rebuilt as a model of images, who else knows its answers).

    `size` is that of open images.
    """
    classes = custom_classes.load_classes(custom)
    saved = saved_files.SavedModel(format, keras_of, json.loads(config), Path(weights))
    original = _original(saved, classes)
    rebuilding = Rebuilding(classes, lambda shape: image_shape(shape, size))
    return original, rebuilding, rebuilding.model(original), find_witness(saved, classes)


def _original(saved: saved_files.SavedModel, classes: Sequence[type]) -> KerasModel:
    """The model as its file describes it, in float32, with its trained weights."""
    if saved.keras == "2":
        return bring_over(saved, classes)
    own = {one.__name__: one for one in classes}
    config = config_check.check_config(saved.config, saved.keras, own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns about its own formats and casts
        model: KerasModel = keras.saving.deserialize_keras_object(config, custom_objects=own, safe_mode=True)
        if not model.built:
            raise ModelError(
                f"'{model.name}' ({type(model).__name__}) was saved before it was called on images; call it once, and save again."
            )
        model.load_weights(str(saved.weights))
    return model


def _check_classifier(model: keras.Model) -> None:
    answer = model.output_shape
    if len(answer) != 2 or answer[1] is None:
        raise ModelError(f"the model answers with shape {list(answer)}, not [None, classes]; end it in Dense(classes).")
    for layer in model.layers:
        if not all(np.isfinite(weight).all() for weight in layer.get_weights()):
            raise ModelError(
                f"layer '{layer.name}' ({type(layer).__name__}) has weights that are no finite numbers; train it again."
            )
