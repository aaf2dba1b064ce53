"""From what a user says to a job: which model, which data, how pixels are scaled. Nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgedigits.data.dataset import Dataset, fit_to_shape
from edgedigits.data.images import read_all
from edgedigits.data.one_label import fit_to_outputs
from edgedigits.data.reading import parse_reading, word_clean
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import NAMED, Scaling, scale_pixels
from edgedigits.errors import InputError
from edgedigits.ground.facts import Progress, Say, silent
from edgedigits.ground.names import make_safe
from edgedigits.keras_types import KerasModel
from edgedigits.measure.runtimes.asked import Asked
from edgedigits.models.graph.own_scaling import find_own_scaling, word_own_scaling
from edgedigits.models.importer.loading import load
from edgedigits.models.saved.saved_files import hash_model
from edgedigits.models.zoo.shipped import find_record_beside, find_shipped_record
from edgedigits.models.zoo.wish import ModelWish
from edgedigits.pipeline.baselines import find_baseline
from edgedigits.pipeline.confidence.wanted import PLAIN as AS_IT_IS
from edgedigits.pipeline.confidence.wanted import USUAL, make_wanted
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.recipe import Recipe
from edgedigits.tasks.kinds.table import find_task

REAL_IMAGES = 32
RAW = NAMED["0..255"]


@dataclass(frozen=True, kw_only=True)
class Wish(ModelWish):
    """The options of `edgedigits compress`, as given. `thresholds` of labels: half, or tuned on validation images; `strict` of
    gates; `runtimes` are what the bytes must run on; `confidence`, `outliers` and `refuse` as `confidence/wanted.py` has them."""

    seed: int = 0
    fresh: bool = False
    thresholds: str = "half"
    strict: bool = False
    runtimes: tuple[Asked, ...] = ()
    confidence: str = AS_IT_IS
    outliers: str | None = None
    refuse: float | str = USUAL


def prepare_job(recipe: Recipe, wish: Wish, say: Say, progress: Progress = silent) -> Job:
    """A job with its model loaded and its data fitted to the model's input. Raises InputError's kinds."""
    own = wish.own()
    path, dataset = (own, wish.read_as_trained(own).dataset()) if own else _of_zoo(wish, say, progress)
    _check_other_models(recipe, dataset)
    given, scales = wish.scale_of(path), list[Scaling]()

    def scaled(model: KerasModel) -> Scaling:
        scales.append(_scale(given, model, path, say))
        return scales[0]

    def real(shape: tuple[int, int, int]) -> np.ndarray:
        return np.asarray(
            scale_pixels(read_all(draw_sample(fit_to_shape(dataset, shape).train, REAL_IMAGES)), scales[0])
        )

    loaded = load(path, custom=wish.custom, images=real, scale=scaled, size=lambda: dataset.shape[:2])
    (scale,) = scales
    for line in loaded.facts["adapted"]:
        say(f"note: {line}")
    dataset = fit_to_outputs(dataset, int(loaded.model.output_shape[1]))
    if wish.thresholds == "tuned" and not find_task(dataset).tunes_thresholds:
        raise InputError(
            f"--thresholds tuned: data {dataset.name} has one class per image, and the likeliest is answered"
        )
    dataset = fit_to_shape(dataset, tuple(loaded.model.inputs[0].shape[1:]))
    return Job(
        recipe=recipe,
        name=make_safe(path.stem),
        loaded=loaded,
        model_sha256=hash_model(path),
        dataset=dataset,
        scale=scale,
        seed=wish.seed,
        preprocessing=dataset.reading.as_dict(),
        fresh=wish.fresh,
        tune_thresholds=wish.thresholds == "tuned",
        custom=tuple(wish.custom),
        strict=wish.strict,
        runtimes=wish.runtimes,
        confidence=make_wanted(wish.confidence, wish.outliers, wish.refuse, dataset),
    )


def _scale(given: Scaling | None, model: KerasModel, path: Path, say: Say) -> Scaling:
    """As given; else 0..255 for a model that scales pixels itself. Raises InputError where nothing tells."""
    own = find_own_scaling(model)
    if given is None and not own:
        raise InputError(
            f"--scale is missing: say what {path.name} was trained on, one of {', '.join(NAMED)}; "
            "a wrong one costs most of the accuracy"
        )
    if given is not None and own and given != RAW:
        say(f"warning: {path.name}: {word_own_scaling(own)}; was it trained on {given}?")
    return RAW if given is None else given


def _check_other_models(recipe: Recipe, dataset: Dataset) -> None:
    """Raises InputError for a teacher or student that was trained on images cleaned in another way than those of this run."""
    for name, stage in recipe.stages:
        for path in stage.reads() if hasattr(stage, "reads") else ():
            record = find_record_beside(path)
            wanted = parse_reading(record["input"]).clean if record else None
            if wanted and wanted != dataset.reading.clean:
                raise InputError(
                    f"{name}: {path} was trained on cleaned images, these are not cleaned so; pass --clean '{word_clean(wanted)}'"
                )


def _of_zoo(wish: Wish, say: Say, progress: Progress) -> tuple[Path, Dataset]:
    """The image size of a shipped baseline is part of what it is, so the data it was trained on comes in that size."""
    name = wish.net
    record = find_shipped_record(name)
    if record and not wish.resize:
        height, width, _ = record["input"]["shape"]
        dataset = replace(wish, resize=(height, width)).dataset()
        if dataset.fingerprint == record["data"]["fingerprint"]:
            return find_baseline(name, dataset, say, progress), dataset
    dataset = wish.dataset()
    scale_pixels(
        np.zeros(dataset.shape, np.uint8), wish.scale or "0..1"
    )  # that it fits is known before a net is trained
    return find_baseline(name, dataset, say, progress), dataset
