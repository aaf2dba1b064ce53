"""From what a user says to `edgedigits advise` to a question: the model, data of its shape, nothing trained."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from edgedigits.data.dataset import Dataset, with_shape
from edgedigits.data.images import ArrayImages, everything
from edgedigits.data.reading import Resizing
from edgedigits.data.samples import sampled
from edgedigits.data.scale import NAMED, Scale, Scaling, scaling
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData, split
from edgedigits.errors import DataError, InputError, ModelError
from edgedigits.ground.facts import Say
from edgedigits.measure.cost.operator_latency import TimedRuntime
from edgedigits.models.graph.walk import ends_in_softmax
from edgedigits.models.importer.loading import LoadedModel, load
from edgedigits.models.zoo import ZOO
from edgedigits.models.zoo.shipped import record_beside, shipped_folder
from edgedigits.pipeline.advise.advice import Counting, Question
from edgedigits.pipeline.checks.judging import foresee
from edgedigits.pipeline.costs import with_costs
from edgedigits.pipeline.recipe import Recipe

IMAGES: Final = 600
"""As many images stand in where no data is named. Of named data all are there: which channels `shrink` takes depends on them."""
_STAND_IN: Final = "digits"  # bundled
_SHAPE: Final = (28, 28, 1)
_CLASSES: Final = 10


@dataclass(frozen=True)
class Asked:
    """The options of `edgedigits advise`, as given."""

    model: Path | None = None
    zoo: str | None = None
    data: str | None = None
    scale: Scale | None = None
    skip_bad: bool = False
    resizing: Resizing | None = None
    background: str | None = None
    classes: Sequence[str] | None = None
    custom: Sequence[str] = ()
    runtime: TimedRuntime = "litert"
    count: Counting | None = None
    again: bool = False


def question(recipe: Recipe, asked: Asked, say: Say = lambda _: None) -> Question:
    """The question with its model loaded; `say` is told how the data was read.

    Raises InputError's kinds where something given can't be used.
    """
    name, loaded, scale = _model(asked)
    for line in loaded.facts["adapted"]:
        say(f"note: {line}")
    if recipe.stages and not loaded.logits and not ends_in_softmax(loaded.model):
        raise ModelError(
            f"{name}: its answers are probabilities that no closing softmax makes, so stages can't train it; "
            "end it in softmax or in logits, or choose a recipe without stages"
        )
    data, names = fit_data(loaded.model, scale or NAMED["0..1"], asked.data, read=_read(asked), say=say)
    said: tuple[str, ...] = ()
    if asked.data is not None and scale is not None:  # a guessed scale would tell of the guess, not of the model
        said = foresee(loaded.model, data, names, loaded.logits)
    custom = tuple(asked.custom)
    return Question(name, loaded.model, data, recipe, asked.runtime, asked.count, asked.again, said, custom)


def _read(asked: Asked) -> dict[str, Any]:
    """How the images of named data are read."""
    return {name: getattr(asked, name) for name in ("skip_bad", "resizing", "background", "classes")}


def fit_data(
    model: Any,
    scale: Scale,
    data: str | None,
    read: Mapping[str, Any] = MappingProxyType({}),
    say: Say = lambda _: None,
) -> tuple[FitData, tuple[str, ...]]:
    """Some images in the model's shape, and the names of their classes; where no data is named, the bundled digits, their labels
    made to fit its answers."""
    height, width, channels = model.inputs[0].shape[1:]
    answers = int(model.outputs[0].shape[-1])
    found = load_data(data, size=(height, width), **read) if data else load_data(_STAND_IN, size=(height, width))
    for note in found.notes:
        say(f"note: {note}")
    if data is not None and len(found.classes) > answers:
        raise DataError(f"data {found.name}: has {len(found.classes)} classes, the model answers {answers}")
    if data is None:
        few = replace(found, train=sampled(found.train, IMAGES), test=sampled(found.test, IMAGES))
        found = _relabelled(few, answers)
    if found.shape != (height, width, channels):
        found = with_shape(found, (height, width), channels)
    return with_costs(split(found, scale, 0, augment=False)), found.classes


def _model(asked: Asked) -> tuple[str, LoadedModel, Scaling | None]:
    """Its name, itself, and the scale it was trained on if known; bytes and times do not depend on that."""
    if asked.model and asked.zoo:
        raise InputError("--model and --zoo: both were given; choose one")
    if asked.model is not None and not asked.model.exists():
        raise ModelError(f"--model {asked.model}: no such file or folder")
    name = asked.zoo or "cnn"
    if asked.model is None and name not in ZOO:
        raise InputError(f"--zoo {name}: no such net; choose from {', '.join(ZOO)}")
    path = asked.model or shipped_folder() / f"{name}.keras"
    if asked.model is None and not path.is_file():
        return name, _untrained(name), scaling(asked.scale, "--scale") if asked.scale else None
    record = record_beside(path)
    known = asked.scale or (record["input"]["scale"] if record else None)
    scale = None if known is None else scaling(known, "--scale")

    def size() -> tuple[int, int]:
        return (load_data(asked.data, **_read(asked)) if asked.data else load_data(_STAND_IN)).shape[:2]

    return path.stem, load(path, custom=asked.custom, scale=scale, size=size), scale


def _untrained(name: str) -> LoadedModel:
    """A zoo net that does not ship, as it is before training."""
    from edgedigits.models.importer.keras3 import keras3

    keras3.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory(prefix="edgedigits-zoo-") as folder:
        path = Path(folder) / f"{name}.keras"
        ZOO[name](_SHAPE, _CLASSES).save(path)
        return load(path)


def _relabelled(dataset: Dataset, answers: int) -> Dataset:
    train = ArrayImages(everything(dataset.train), (dataset.train.labels % answers).astype(np.int32))
    return replace(dataset, train=train)
