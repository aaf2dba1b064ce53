"""From what a user says to a job: which model, which data, how pixels are scaled. Nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgedigits.data.dataset import Dataset, fitted
from edgedigits.data.images import everything
from edgedigits.data.one_label import for_outputs
from edgedigits.data.reading import PLAIN, recorded
from edgedigits.data.samples import sampled
from edgedigits.data.scale import NAMED, Scaling, scaled
from edgedigits.errors import InputError
from edgedigits.ground.facts import Say
from edgedigits.ground.names import safe_name
from edgedigits.models.importer.loading import load
from edgedigits.models.importer.saved_files import model_hash
from edgedigits.models.zoo.shipped import record_beside, shipped_record
from edgedigits.models.zoo.wish import ModelWish
from edgedigits.pipeline.baselines import baseline
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.recipe import Recipe
from edgedigits.tasks.kinds.table import task_of

REAL_IMAGES = 32


@dataclass(frozen=True, kw_only=True)
class Wish(ModelWish):
    """The options of `edgedigits compress`, as given. `thresholds` of labels: half, or tuned on validation images."""

    seed: int = 0
    fresh: bool = False
    thresholds: str = "half"


def job(recipe: Recipe, wish: Wish, say: Say) -> Job:
    """A job with its model loaded and its data fitted to the model's input. Raises InputError's kinds."""
    own = wish.own()
    path, dataset = _own(wish, own) if own else _of_zoo(wish, say)
    scale = _scale(wish, path)

    def real(shape: tuple[int, int, int]) -> np.ndarray:
        return np.asarray(scaled(everything(sampled(fitted(dataset, shape).train, REAL_IMAGES)), scale))

    loaded = load(path, custom=wish.custom, images=real, scale=scale, size=lambda: dataset.shape[:2])
    for line in loaded.facts["adapted"]:
        say(f"note: {line}")
    dataset = for_outputs(dataset, int(loaded.model.output_shape[1]))
    if wish.thresholds == "tuned" and not task_of(dataset).tunes_thresholds:
        raise InputError(
            f"--thresholds tuned: data {dataset.name} has one class per image, and the likeliest is answered"
        )
    return Job(
        recipe=recipe,
        name=safe_name(path.stem),
        loaded=loaded,
        model_sha256=model_hash(path),
        dataset=fitted(dataset, tuple(loaded.model.inputs[0].shape[1:])),
        scale=scale,
        seed=wish.seed,
        preprocessing=dataset.reading.as_dict(),
        fresh=wish.fresh,
        tune_thresholds=wish.thresholds == "tuned",
        custom=tuple(wish.custom),
    )


def _scale(wish: Wish, path: Path) -> Scaling:
    scale = wish.scale_of(path)
    if scale is None:
        raise InputError(
            f"--scale is missing: say what {path.name} was trained on, one of {', '.join(NAMED)}; "
            "a wrong one costs most of the accuracy"
        )
    return scale


def _own(wish: Wish, path: Path) -> tuple[Path, Dataset]:
    record = record_beside(path)
    return path, wish.filled(recorded(record["input"]) if record else PLAIN).dataset()


def _of_zoo(wish: Wish, say: Say) -> tuple[Path, Dataset]:
    """The image size of a shipped baseline is part of what it is, so the data it was trained on comes in that size."""
    name = wish.net
    record = shipped_record(name)
    if record and not wish.resize:
        height, width, _ = record["input"]["shape"]
        dataset = replace(wish, resize=(height, width)).dataset()
        if dataset.fingerprint == record["data"]["fingerprint"]:
            return baseline(name, dataset, say), dataset
    dataset = wish.dataset()
    scaled(np.zeros(dataset.shape, np.uint8), wish.scale or "0..1")  # that it fits is known before a net is trained
    return baseline(name, dataset, say), dataset
