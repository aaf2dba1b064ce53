"""From what a user says to `edgedigits advise` to a question: the model, data of its shape, nothing trained."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edgedigits.data.dataset import Dataset, convert_shape
from edgedigits.data.images import ArrayImages, read_all
from edgedigits.data.one_label import fit_to_outputs
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import NAMED, Scale, Scaling
from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.data.splits import FitData, split
from edgedigits.errors import DataError
from edgedigits.ground.facts import Say
from edgedigits.measure.cost.operator_latency import TimedRuntime
from edgedigits.models.graph.own_scaling import find_own_scaling
from edgedigits.models.graph.walk import SIGMOID, find_closing
from edgedigits.models.importer.loading import LoadedModel, load
from edgedigits.models.zoo import ZOO, check_net
from edgedigits.models.zoo.shipped import find_shipped_folder
from edgedigits.models.zoo.wish import ModelWish
from edgedigits.pipeline.advise.advice import Counting, Question
from edgedigits.pipeline.checks.judging import foresee
from edgedigits.pipeline.costs import add_costs
from edgedigits.pipeline.recipe import Recipe
from edgedigits.tasks.kinds.table import TASKS, find_task

IMAGES: Final = 600
"""As many images stand in where no data is named. Of named data all are there: which channels `shrink` takes depends on them."""
_STAND_IN: Final = DataWish(data="digits")  # bundled
_SHAPE: Final = (28, 28, 1)
_CLASSES: Final = 10


@dataclass(frozen=True, kw_only=True)
class Asked(ModelWish):
    """The options of `edgedigits advise`, as given. Images come in the model's size and channels; `resize` is the size of a model
    that takes any."""

    runtime: TimedRuntime = "litert"
    count: Counting | None = None
    again: bool = False


def ask_question(recipe: Recipe, asked: Asked, say: Say = lambda _: None) -> Question:
    """The question with its model loaded; `say` is told how the data was read.

    Raises InputError's kinds where something given can't be used.
    """
    own = asked.own()
    if own is not None and asked.data is not None:
        asked = asked.read_as_trained(own)
    name, loaded, scale, untrained = _model(asked)
    for line in loaded.facts["adapted"]:
        say(f"note: {line}")
    data, names = fit_data(name, loaded, recipe.trains_model, scale or NAMED["0..1"], asked, say)
    said: tuple[str, ...] = ()
    if asked.data is not None and scale is not None:  # a guessed scale would tell of the guess, not of the model
        said = foresee(find_task(data), loaded.model, data, names, loaded.logits)
    custom = tuple(asked.custom)
    return Question(name, loaded.model, data, recipe, asked.runtime, asked.count, asked.again, said, custom, untrained)


def _wished(asked: DataWish) -> DataWish:
    """The data to read: the bundled digits where none is named."""
    return asked if asked.data else replace(_STAND_IN, resize=asked.resize)


def fit_data(
    name: str, loaded: LoadedModel, trained: bool, scale: Scale, asked: DataWish, say: Say = lambda _: None
) -> tuple[FitData, tuple[str, ...]]:
    """Some images in the model's shape, and the names of their classes; where no data is named, the bundled digits, their labels
    made to fit its answers. Raises ModelError and DataError where model and data don't fit each other."""
    model = loaded.model
    height, width, channels = model.inputs[0].shape[1:]
    answers = int(model.outputs[0].shape[-1])
    if asked.resize not in (None, (height, width), [height, width]):
        raise DataError(
            f"{name}: takes images of {height}x{width}, to which they are brought; pass --resize {height}x{width} or nothing"
        )
    found = replace(_wished(asked), resize=(height, width)).dataset()
    tell_notes(found, say)
    if asked.data is None:
        few = replace(found, train=draw_sample(found.train, IMAGES), test=draw_sample(found.test, IMAGES))
        found = _relabelled(
            few, answers, "multilabel" if answers == 1 or find_closing(model) == SIGMOID else found.task
        )
    found = fit_to_outputs(found, answers)
    find_task(found).check_model(name, loaded, trained)
    if asked.data is not None:
        find_task(found).check_targets(found, answers)
    if found.shape != (height, width, channels):
        found = convert_shape(found, (height, width), channels)
    return add_costs(split(found, scale, 0)), found.classes


def _model(asked: Asked) -> tuple[str, LoadedModel, Scaling | None, bool]:
    """Its name, itself, the scale it was trained on if known, and whether it is untrained; bytes and times depend on neither."""
    own = asked.own()
    if own is None:
        check_net(asked.net)
    path = own or find_shipped_folder() / f"{asked.net}.keras"
    scale = asked.scale_of(path)
    if own is None and not path.is_file():
        return asked.net, _untrained(asked.net), scale, True

    def size() -> tuple[int, int]:
        return _wished(asked).dataset().shape[:2]

    loaded = load(path, custom=asked.custom, scale=scale, size=size)
    if scale is None and find_own_scaling(loaded.model):
        scale = NAMED["0..255"]
    return path.stem, loaded, scale, False


def _untrained(name: str) -> LoadedModel:
    """A zoo net that does not ship, as it is before training."""
    from edgedigits.backend import keras

    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory(prefix="edgedigits-zoo-") as folder:
        path = Path(folder) / f"{name}.keras"
        ZOO[name](_SHAPE, _CLASSES).save(path)
        return load(path)


def _relabelled(dataset: Dataset, answers: int, task: str) -> Dataset:
    """The data with labels of that task, fit for so many answers."""
    train, test = (
        ArrayImages(read_all(part), TASKS[task].stand_in(part.labels, answers))
        for part in (dataset.train, dataset.test)
    )
    return replace(dataset, task=task, train=train, test=test)
