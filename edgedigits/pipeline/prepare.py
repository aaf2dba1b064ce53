"""From what a user says to a job: which model, which data, how pixels are scaled. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgedigits.data.dataset import Dataset, fitted
from edgedigits.data.images import everything
from edgedigits.data.reading import PLAIN, Resizing, recorded
from edgedigits.data.samples import sampled
from edgedigits.data.scale import NAMED, Scale, Scaling, scaled, scaling
from edgedigits.data.sources.named import load_data
from edgedigits.errors import InputError, ModelError
from edgedigits.ground.facts import Say
from edgedigits.ground.names import safe_name
from edgedigits.models.importer.loading import load
from edgedigits.models.importer.saved_files import model_hash
from edgedigits.models.zoo.shipped import record_beside, shipped_record
from edgedigits.pipeline.baselines import baseline
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.recipe import Recipe

REAL_IMAGES = 32


@dataclass(frozen=True)
class Wish:
    """The options of `edgedigits compress`, as given."""

    model: Path | None = None
    zoo: str | None = None
    data: str = "mnist"
    scale: Scale | None = None
    resize: tuple[int, int] | None = None
    grey: bool = False
    skip_bad: bool = False
    resizing: Resizing | None = None
    background: str | None = None
    classes: Sequence[str] | None = None
    custom: Sequence[str] = ()
    seed: int = 0
    fresh: bool = False


def job(recipe: Recipe, wish: Wish, say: Say) -> Job:
    """A job with its model loaded and its data fitted to the model's input. Raises InputError's kinds."""
    if wish.model and wish.zoo:
        raise InputError("--model and --zoo: both were given; choose one")
    path, dataset = _own(wish) if wish.model else _of_zoo(wish, say)
    scale = _scale(wish, path)

    def real(shape: tuple[int, int, int]) -> np.ndarray:
        return np.asarray(scaled(everything(sampled(fitted(dataset, shape).train, REAL_IMAGES)), scale))

    loaded = load(path, custom=wish.custom, images=real, scale=scale, size=lambda: dataset.shape[:2])
    for line in loaded.facts["adapted"]:
        say(f"note: {line}")
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
        custom=tuple(wish.custom),
    )


def _scale(wish: Wish, path: Path) -> Scaling:
    """As given, else as the training record beside the model tells."""
    if wish.scale is not None:
        return scaling(wish.scale, "--scale")
    record = record_beside(path)
    if record is None:
        raise InputError(
            f"--scale is missing: say what {path.name} was trained on, one of {', '.join(NAMED)}; "
            "a wrong one costs most of the accuracy"
        )
    return scaling(record["input"]["scale"], f"{path.with_suffix('.json')}: scale")


def _data(wish: Wish) -> Dataset:
    return load_data(
        wish.data,
        skip_bad=wish.skip_bad,
        size=wish.resize,
        grey=wish.grey,
        resizing=wish.resizing,
        background=wish.background,
        classes=wish.classes,
    )


def _own(wish: Wish) -> tuple[Path, Dataset]:
    assert wish.model is not None
    if not wish.model.exists():
        raise ModelError(f"--model {wish.model}: no such file or folder")
    record = record_beside(wish.model)
    trained = recorded(record["input"]) if record else PLAIN
    resizing, background = wish.resizing or trained.resizing, wish.background or trained.background
    return wish.model, _data(replace(wish, resizing=resizing, background=background))


def _of_zoo(wish: Wish, say: Say) -> tuple[Path, Dataset]:
    """The image size of a shipped baseline is part of what it is, so the data it was trained on comes in that size."""
    name = wish.zoo or "cnn"
    record = shipped_record(name)
    if record and not wish.resize:
        height, width, _ = record["input"]["shape"]
        dataset = _data(replace(wish, resize=(height, width)))
        if dataset.fingerprint == record["data"]["fingerprint"]:
            return baseline(name, dataset, say), dataset
    dataset = _data(wish)
    scaled(np.zeros(dataset.shape, np.uint8), wish.scale or "0..1")  # that it fits is known before a net is trained
    return baseline(name, dataset, say), dataset
