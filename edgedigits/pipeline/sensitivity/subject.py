"""What is asked: the model, its validation images, what matters; all of it checked before any probe."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final

import numpy as np

from edgedigits.data.images import Images
from edgedigits.data.samples import draw_stratified
from edgedigits.data.splits import FitData, split
from edgedigits.errors import InputError, ModelError
from edgedigits.ground.facts import Progress, Say
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.graph import fold_batchnorm, walk
from edgedigits.models.saved.custom_classes import hash_sources
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.loop import check_answers
from edgedigits.pipeline.prepare import Wish, prepare_job
from edgedigits.pipeline.recipe import Recipe
from edgedigits.pipeline.sensitivity.thinned_net import count_work
from edgedigits.pipeline.stage_cache import chain_key, start_key

MOST_IMAGES: Final = 2000
LEAST_IMAGES: Final = 100
WORK: Final = 1e13
"""Multiply-adds of all probes together, where nobody says how many images: minutes on two cores."""
MAX_DROP: Final = 0.5
PROBES: Final = 6
"""Of each layer."""


@dataclass(frozen=True, kw_only=True)
class Asked(Wish):
    """The options of `edgedigits sensitivity`, as given. max_drop: points of accuracy that matter; images: at most so many
    validation images, None as many as let it end within minutes; layers: patterns of names, () for all."""

    max_drop: float = MAX_DROP
    images: int | None = None
    layers: Sequence[str] = ()


@dataclass(frozen=True)
class Subject:
    """`model` is flat, `folded` the same with batch normalization folded; `layers` of that are asked for. `wanted`: validation
    images at most, None as many as let it end within minutes."""

    job: Job
    model: KerasModel
    folded: KerasModel
    data: FitData
    layers: tuple[KerasLayer, ...]
    wanted: int | None
    max_drop: float

    @property
    def classes(self) -> Sequence[str]:
        """Names, by number."""
        return self.job.dataset.classes

    @cached_property
    def logits(self) -> bool:
        """Whether what the model answers, a closing softmax or sigmoid left out, are logits."""
        return self.job.loaded.logits or walk.find_closing(self.model) is not None

    @cached_property
    def images(self) -> int:
        """Validation images at most."""
        if self.wanted is not None:
            return min(self.wanted, len(self.data.validation))
        work = count_work(self.model)
        fit = int(WORK / (work * PROBES * len(_list_weighted(self.folded)))) if work else MOST_IMAGES
        return min(max(LEAST_IMAGES, min(fit, MOST_IMAGES)), len(self.data.validation))

    @property
    def key(self) -> str:
        """Names all that an answer depends on."""
        job, own = self.job, hash_sources(self.job.custom)
        key = start_key(job.model_sha256, job.dataset.fingerprint, scale=job.scale.as_json(), seed=job.seed, custom=own)
        return chain_key(key, sensitivity=self.images, max_drop=self.max_drop)[:32]

    def draw(self) -> Images:
        """The validation images, mixed: every first part of them has all classes in proportion, more or less."""
        rows = draw_stratified(self.data.validation.labels, self.images, self.job.seed)
        return self.data.validation.subset(np.random.default_rng(self.job.seed).permutation(rows))


def prepare_subject(asked: Asked, say: Say, progress: Progress) -> Subject:
    """The subject with its model loaded and its data cut. Raises InputError's kinds where something given can't be used."""
    number = isinstance(asked.max_drop, (int, float)) and not isinstance(asked.max_drop, bool)
    if not number or not 0 < asked.max_drop <= 100:
        raise InputError(f"--max-drop: found {asked.max_drop!r}; wanted points of accuracy above 0, as {MAX_DROP}")
    job = prepare_job(Recipe(export=Int8()), asked, say, progress)
    check_answers(job)
    model, data = job.loaded.model, split(job.dataset, job.scale, job.seed)
    folded, _ = fold_batchnorm.fold(model)
    layers = _choose(job.name, _list_weighted(folded), asked.layers)
    return Subject(job, model, folded, data, layers, asked.images, asked.max_drop)


def _list_weighted(model: KerasModel) -> list[KerasLayer]:
    """Layers with weights, in graph order; what batch normalization was folded into another is not there any more."""
    found = {call.layer.name: call.layer for call in walk.list_calls(model) if call.layer.weights}
    return list(found.values())


def _choose(name: str, layers: Sequence[KerasLayer], patterns: Sequence[str]) -> tuple[KerasLayer, ...]:
    """Those that a pattern names, all where there is none."""
    names = [layer.name for layer in layers]
    if not names:
        raise ModelError(f"{name}: has no layer with weights, so there is none to be rounded or pruned")
    for pattern in patterns:
        if not any(fnmatchcase(one, pattern) for one in names):
            near = difflib.get_close_matches(pattern, names, 3) or names[:8]
            raise InputError(f"--layers {pattern}: no layer with weights is named so; this model has {', '.join(near)}")
    chosen = [one for one in layers if not patterns or any(fnmatchcase(one.name, pattern) for pattern in patterns)]
    return tuple(chosen)
