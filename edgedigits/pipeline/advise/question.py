"""From what a user says to `edgedigits advise` to a question: the model, data of its shape, nothing trained."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.data.dataset import Dataset, with_shape
from edgedigits.data.images import ArrayImages, everything
from edgedigits.data.samples import sampled
from edgedigits.data.scale import NAMED, Scale, Scaling
from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.data.splits import FitData, split
from edgedigits.errors import DataError, ModelError
from edgedigits.ground.facts import Say
from edgedigits.measure.cost.operator_latency import TimedRuntime
from edgedigits.models.graph.walk import ends_in_softmax
from edgedigits.models.importer.loading import LoadedModel, load
from edgedigits.models.zoo import ZOO, check_net
from edgedigits.models.zoo.shipped import shipped_folder
from edgedigits.models.zoo.wish import ModelWish
from edgedigits.pipeline.advise.advice import Counting, Question
from edgedigits.pipeline.checks.judging import foresee
from edgedigits.pipeline.costs import with_costs
from edgedigits.pipeline.recipe import Recipe

IMAGES: Final = 600
"""As many images stand in where no data is named. Of named data all are there: which channels `shrink` takes depends on them."""
_STAND_IN: Final = DataWish(data="digits")  # bundled
_SHAPE: Final = (28, 28, 1)
_CLASSES: Final = 10


@dataclass(frozen=True, kw_only=True)
class Asked(ModelWish):
    """The options of `edgedigits advise`, as given. Images come in the model's size and channels, so `resize` and `grey` are not
    looked at."""

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
    data, names = fit_data(loaded.model, scale or NAMED["0..1"], asked, say)
    said: tuple[str, ...] = ()
    if asked.data is not None and scale is not None:  # a guessed scale would tell of the guess, not of the model
        said = foresee(loaded.model, data, names, loaded.logits)
    custom = tuple(asked.custom)
    return Question(name, loaded.model, data, recipe, asked.runtime, asked.count, asked.again, said, custom)


def _wished(asked: DataWish) -> DataWish:
    """The data to read: the bundled digits, as they are, where none is named."""
    return replace(asked, resize=None, grey=False) if asked.data else _STAND_IN


def fit_data(model: Any, scale: Scale, asked: DataWish, say: Say = lambda _: None) -> tuple[FitData, tuple[str, ...]]:
    """Some images in the model's shape, and the names of their classes; where no data is named, the bundled digits, their labels
    made to fit its answers."""
    height, width, channels = model.inputs[0].shape[1:]
    answers = int(model.outputs[0].shape[-1])
    found = replace(_wished(asked), resize=(height, width)).dataset()
    tell_notes(found, say)
    if asked.data is not None and len(found.classes) > answers:
        raise DataError(f"data {found.name}: has {len(found.classes)} classes, the model answers {answers}")
    if asked.data is None:
        few = replace(found, train=sampled(found.train, IMAGES), test=sampled(found.test, IMAGES))
        found = _relabelled(few, answers)
    if found.shape != (height, width, channels):
        found = with_shape(found, (height, width), channels)
    return with_costs(split(found, scale, 0, augment=False)), found.classes


def _model(asked: Asked) -> tuple[str, LoadedModel, Scaling | None]:
    """Its name, itself, and the scale it was trained on if known; bytes and times do not depend on that."""
    own = asked.own()
    if own is None:
        check_net(asked.net)
    path = own or shipped_folder() / f"{asked.net}.keras"
    scale = asked.scale_of(path)
    if own is None and not path.is_file():
        return asked.net, _untrained(asked.net), scale

    def size() -> tuple[int, int]:
        return _wished(asked).dataset().shape[:2]

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
