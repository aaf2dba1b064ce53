"""What Python hands in, as what a command line says: a model in memory as a file, data as it is, a pixel range as a scaling.

A model in memory goes through the door of a file: it is written as one, without what changes from one writing to the next, and
loaded like any other. So every check of a file holds, equal models have equal hashes, and the model given stays as it is.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgedigits.data.dataset import Dataset
from edgedigits.data.reading import CleanSaid, parse_clean
from edgedigits.data.scale import Scale, Scaling, parse_scaling
from edgedigits.errors import EdgeDigitsError, InputError, ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.names import make_safe
from edgedigits.pipeline.recipe import Recipe, load_recipe

PathLike = str | os.PathLike[str]
Data = Dataset | PathLike | object
"""A data set, what `--data` takes, or what else `load_data` reads: arrays, a tf.data.Dataset, a Dataset of Hugging Face."""
Gates = Mapping[str, Any] | Sequence[str]
"""Limits by name, or each as "name=limit", as `--gate` has them."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file knows
_METADATA = "metadata.json"


@contextmanager
def open_model_file(model: Any) -> Iterator[Path | None]:
    """The file of a model, which is a path, None, or a Keras model in memory, of Keras 3 or of tf_keras.

    One that is a subclass of keras.Model is written as the functional model that its `call` describes.

    Raises ModelError for anything else, and for a model that can't be followed, or that Keras can't save.
    """
    if model is None or isinstance(model, (str, os.PathLike)):
        yield None if model is None else Path(model)
        return
    if not _is_keras(model):
        raise ModelError(f"--model: found {type(model).__name__}; wanted a keras.Model, one of tf_keras, or a path")
    name = make_safe(str(model.name))
    if any(one.__module__.partition(".")[0] == "keras" for one in type(model).__mro__):
        from edgedigits.models.importer.custom_layers import open_models

        model = open_models(model)  # here its class is at hand
    with tempfile.TemporaryDirectory(prefix="edgedigits-given-") as folder:
        path = Path(folder) / f"{name}.keras"
        _save(model, path)
        try:
            yield path
        except EdgeDigitsError as error:
            if folder not in str(error):
                raise
            raise type(error)(str(error).replace(str(path), f"model {name}").replace(folder, "memory")) from error


def _is_keras(model: Any) -> bool:
    """Told by its classes' names: neither Keras need be imported to see that something is none of its models."""
    parents = [(one.__module__.partition(".")[0], one.__name__) for one in type(model).__mro__]
    return any(library in ("keras", "tf_keras") and name == "Model" for library, name in parents)


def _save(model: Any, path: Path) -> None:
    import warnings

    written = path.with_name("written.keras")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about optimizers and metrics, which nobody reads
            model.save(written)
    except Exception as error:  # whatever a layer's own get_config raises
        why = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelError(
            f"model {path.stem}: Keras can't save it ({why}); call it once on an image, or mend its layers"
        ) from error
    _without_times(written, path)
    written.unlink()


def _without_times(written: Path, path: Path) -> None:
    """The same archive without the time of writing: the same model is the same file."""
    import json

    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w") as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == _METADATA:
                content = json.dumps({**json.loads(content), "date_saved": ""}, sort_keys=True).encode()
            target.writestr(zipfile.ZipInfo(name, _LONG_AGO), content)


def name_custom_layers(custom: Sequence[str | type]) -> tuple[str, ...]:
    """Layer classes as "module:Class", which is how the processes that build a model find them. Raises InputError for one that no
    module holds, as a notebook's own."""
    found = []
    for one in [custom] if isinstance(custom, (str, type)) else custom:
        if isinstance(one, type):
            if one.__module__ == "__main__" or "<" in one.__qualname__:
                raise InputError(
                    f"--custom: {one.__qualname__} stands in no module that another process can import; put it into a file, "
                    f"as my_layers.py, and give my_layers.{one.__name__}"
                )
            one = f"{one.__module__}:{one.__qualname__}"
        found.append(one)
    return tuple(found)


def parse_pixel_range(
    pixel_range: Scale | None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    bgr: bool = False,
) -> Scaling | None:
    """The range with what refines it; None where nothing is said. Raises InputError for numbers that can't be."""
    more: JsonObject = {"mean": _channels(mean), "std": _channels(std), "bgr": bgr or None}
    asked = {name: value for name, value in more.items() if value is not None}
    if pixel_range is None:
        if asked:
            raise InputError(
                f"--{next(iter(asked))}: needs --scale, the range it is in; as --scale 0..1 or --scale 0..255"
            )
        return None
    named = parse_scaling(pixel_range, "--scale")
    said = f" {pixel_range}" if isinstance(pixel_range, str) else ""
    return parse_scaling(named._replace(**asked), f"--scale{said}") if asked else named


def _channels(value: float | Sequence[float] | None) -> tuple[float, ...] | None:
    if value is None:
        return None
    return (float(value),) if isinstance(value, (int, float)) else tuple(map(float, value))


def find_recipe(recipe: Recipe | PathLike) -> Recipe:
    """A recipe as it is, or of a shipped name or a YAML file. Raises RecipeError."""
    return recipe if isinstance(recipe, Recipe) else load_recipe(os.fspath(recipe))


@dataclass(frozen=True)
class Read:
    """How images are read, as `load_data` explains it; None and False where nothing is said."""

    resize: tuple[int, int] | None = None
    grey: bool = False
    resizing: Any = None
    background: str | None = None
    classes: Sequence[str] | None = None
    skip_bad: bool = False
    shape: tuple[int, ...] | None = None
    clean: CleanSaid = None


def make_data_wish(data: Data | None, pixels: Scaling | None, read: Read) -> JsonObject:
    """What a wish says of data. Raises InputError for what comes too late for a data set that is read already."""
    if isinstance(data, Dataset) and (read.background or read.skip_bad or read.shape):
        name = "background" if read.background else "skip-bad" if read.skip_bad else "shape"
        raise InputError(f"--{name}: the data is read already; say it to load_data")
    if data is not None and not isinstance(data, (Dataset, str, os.PathLike)):
        from edgedigits.data.sources.named import load_data

        data, read = load_data(data, **vars(read)), replace(read, background=None, skip_bad=False, shape=None)
    read = replace(read, clean=parse_clean(read.clean))
    named = data if isinstance(data, Dataset) or data is None else os.fspath(data)
    return {"data": named, "scale": pixels, **vars(read)}
