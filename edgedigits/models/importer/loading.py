"""Any trained Keras image classifier as the one kind of model that the stages work on.

`load` takes Keras 3 and Keras 2 files and Keras 2 SavedModels. It reads the config as JSON, has it looked through
(`config_check`), lets Keras 3 build from exactly that (`keras2` brings over what Keras 2 wrote), and reads the weights as
numbers. Then it rebuilds the model (`rebuild`) and compares answers, of a Keras 2 file with those of a witness
(`keras2_witness`). What the file describes is built in a child process only, within limits of time and memory; this one takes
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
from edgedigits.data.scale import Scaling, scale_pixels
from edgedigits.errors import ModelError, OpenSizeError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.processes.children import MIB, Errand, ask
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.importer import config_check, custom_layers, keras2, keras2_witness, saved_files
from edgedigits.models.importer.ends import Size, SizeOf, image_shape
from edgedigits.models.importer.rebuild import Rebuilding, rebuild
from edgedigits.models.importer.store import restore, save

__all__ = ["TOLERANCE", "LoadedModel", "answers_probabilities", "load", "rebuild", "remove_softmax", "restore", "save"]
Real = np.ndarray | Callable[[tuple[int, int, int]], np.ndarray]
"""Model input, float32 [n, height, width, channels]; or what gives it for an input of that shape, once that is known."""

TOLERANCE = 1e-4
"""The rebuilt model may differ from the original by this share of the largest answer. Measured on networks of
keras.applications with random weights: Keras 2 none, Keras 3 up to 5e-7, but 3e-5 for NASNetMobile with its 771 layers.
Activations of one name and two meanings may differ by less in the end, so those are told apart by name."""

PROBES = 16
"""Random images of each range that original and rebuilt model are compared on."""

DOING: Final = "reading the model"
LEAST_S: Final = 30.0
CONFIG_BYTES_PER_S: Final = 2000
"""How long a child may build and try a model: so long, and longer by the bytes of its config and its weights."""
MOST_BYTES, MOST_TIMES = 1024 * MIB, 24
"""The memory it may take for that: so much, and so many times the bytes of the weights. A file that declares layers for
which it holds no weights gets no further."""
_VALUES_AT_ONCE: Final = 2**20


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
    scale: Scaling | None = None,
    size: SizeOf | None = None,
) -> LoadedModel:
    """Loads a trained classifier from a `.keras`, `.h5` or `.hdf5` file or a SavedModel folder; runs no code from it.

    Args:
        custom: the caller's own layer classes, "module:Class", of Keras 3; for a Keras 2 file one of the same name that has the
            same weights.
        images: model input to compare original and rebuilt on, besides noise.
        scale: how the model takes its pixels; the noise is made of such, without it of numbers from 0 to 1 and to 255.
        size: tells (height, width) of the data, asked for a model that takes images of any size.

    Raises:
        ModelError: naming the file and what in it can't be taken: layer, class, why, what would do.
    """
    custom_layers.load_classes(custom)
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
        real = images(model.input_shape[1:]) if callable(images) else images
        probes = _probes(model, real, scale)
        answers = ask(errand("answer"), **saved, probes=probes)
        difference = _compare(answers, _answers(model, probes))
        logits = not _is_probabilities(model, answers)
    facts: JsonObject = {
        "format": saved["format"],
        "layers": len(model.layers),
        "parameters": int(model.count_params()),
        "rebuilt": told["rebuilt"],
        "left_out": told["left_out"],
        "adapted": told["adapted"],
        "witness": told["witness"],
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
    probes = _probes(model, None)
    _answers(original, probes)
    _answers(model, probes)
    save(model, {}, Path(folder))
    changed = [type(a).__name__ for a in original.layers] != [type(b).__name__ for b in model.layers]
    left_out = ", ".join(rebuilding.left_out)
    return {"rebuilt": changed, "left_out": left_out, "adapted": rebuilding.said, "witness": witness}


def answer(probes: np.ndarray, **saved: object) -> np.ndarray:
    """In a child process: what the witness answers, else the model as its file describes it; what `build` left in memory goes."""
    original, *_, (_, witness) = _opened(**_hashable(saved))
    _opened.cache_clear()
    return witness(probes) if witness else _answers(original, probes)


def _hashable(saved: JsonObject) -> JsonObject:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}


@functools.lru_cache(1)
def _opened(
    format: str, keras_of: saved_files.Generation, config: str, weights: str, custom: Sequence[str], size: Size | None
) -> tuple[KerasModel, Rebuilding, KerasModel, tuple[str, keras2_witness.Witness | None]]:
    """(as its file describes it, what rebuilt it, rebuilt as a model of images, who else knows its answers).

    `size` is that of open images.
    """
    classes = custom_layers.load_classes(custom)
    saved = saved_files.SavedModel(format, keras_of, json.loads(config), Path(weights))
    original = _original(saved, classes)
    rebuilding = Rebuilding(classes, lambda shape: image_shape(shape, size))
    return original, rebuilding, rebuilding.model(original), keras2_witness.find_witness(saved, classes)


def _original(saved: saved_files.SavedModel, classes: Sequence[type]) -> KerasModel:
    """The model as its file describes it, in float32, with its trained weights."""
    if saved.keras == "2":
        return keras2.bring_over(saved, classes)
    own = {one.__name__: one for one in classes}
    config = config_check.check_config(saved.config, saved.keras, own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns about its own formats and casts
        model: KerasModel = keras.saving.deserialize_keras_object(config, custom_objects=own, safe_mode=True)
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


def _probes(model: keras.Model, images: np.ndarray | None, scale: Scaling | None = None) -> np.ndarray:
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


def _answers(model: KerasModel, images: np.ndarray) -> np.ndarray:
    """What the model answers: float32 [n, classes]."""
    given = None if isinstance(model, keras.Sequential) else model.input  # could be {"image": ...}
    most = min(64, max(1, _VALUES_AT_ONCE // max(1, images[0].size)))  # all that the layers compute is held at once
    if len(model.inputs[0].shape) < images.ndim:  # it takes [height, width], without a channel
        images = images[..., 0]
    batches = np.array_split(images, -(-len(images) // most))
    answers = [model(keras.tree.map_structure(lambda _, x=batch: x, given), training=False) for batch in batches]
    return np.concatenate([np.asarray(keras.tree.flatten(answer)[0]) for answer in answers])


def _compare(original: np.ndarray, rebuilt: np.ndarray) -> float:
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


def _is_probabilities(model: keras.Model, answers: np.ndarray) -> bool:
    """By the last layer, a softmax or a sigmoid, else by the answers: rows of numbers from 0 that sum to 1."""
    if _last_activation(model.layers[-1]) in ("softmax", "sigmoid"):
        return True
    return bool((answers >= 0).all() and np.allclose(answers.sum(axis=1), 1, atol=1e-4))


def answers_probabilities(model: keras.Model, scale: Scaling | None = None) -> bool:
    """True for a flat model whose answers to noise, made as `load` makes it, are probabilities, whatever layer makes them."""
    return _is_probabilities(model, _answers(model, _probes(model, None, scale)))


def remove_softmax(model: keras.Model) -> keras.Model:
    """A copy of a flat model that ends in logits, for training with `from_logits=True`; a model of logits is itself.

    Raises:
        ModelError: the softmax is no layer or activation of its own at the end.
    """
    last = model.layers[-1]
    if _last_activation(last) != "softmax":
        if answers_probabilities(model):
            raise ModelError(
                f"'{last.name}' ({type(last).__name__}) answers with probabilities; end it in a Softmax layer."
            )
        return model
    if sum(call.layer is last for call in walk.list_calls(model)) != 1:
        raise ModelError(f"'{last.name}' ({type(last).__name__}) is used more than once; end the model in a softmax.")
    return walk.clone(model, logits=True)
