"""Ensembles by name: `soft_voting` answers the mean of its members' probabilities, `stacking` weighs their outputs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgedigits.data.dataset import Dataset, fit_to_shape
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scale, Scaling
from edgedigits.data.splits import FitData, split
from edgedigits.errors import InputError, ParityError
from edgedigits.ground.facts import JsonObject, Progress, Say, silent
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.graph.answers import TOLERANCE
from edgedigits.pipeline.ensembles.kinds import ENSEMBLES, SOFT_VOTING, STACKING
from edgedigits.pipeline.ensembles.members import Member, load_members
from edgedigits.pipeline.ensembles.merging import drop_closing, name_member, scale_input, unite_scales
from edgedigits.pipeline.ensembles.stacking import Stacked, fit_stacking
from edgedigits.pipeline.stage_cache import list_versions
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tasks.statistics import bound_share

COMPARED = 200
"""Validation images on which the merged graph is held to its members."""


@dataclass(frozen=True)
class Ensemble:
    """A Keras 3 model of Keras' own layers with one input, and the record of how it came about."""

    model: KerasModel
    record: JsonObject


def build_ensemble(
    name: str,
    paths: Sequence[Path],
    dataset: Dataset,
    *,
    scale: Scale | None = None,
    seed: int = 0,
    say: Say = lambda _: None,
    progress: Progress = silent,
) -> Ensemble:
    """The ensemble `name` of the models at `paths`. `scale` is what those take that have no training record beside them.

    Its layer on top, if it has one, is fitted on the validation images, which no member that was trained here on this data has
    learned from. The test images are scored once, at the end. Raises InputError's kinds for members that don't go together.
    """
    began = time.perf_counter()
    if name not in ENSEMBLES:
        raise InputError(f"{name}: no such ensemble; choose from {', '.join(ENSEMBLES)}")
    if dataset.task != "classification":
        raise InputError(
            f"{name}: data {dataset.name} has several labels per image; ensembles answer one class for each"
        )
    progress("load", 0.0)
    members = load_members(paths, scale, dataset)
    height, width, channels = members[0].flat.input_shape[1:]
    dataset = fit_to_shape(dataset, (height, width, channels))
    _tell_strangers(members, dataset, say)
    data = split(dataset, members[0].scale, seed)
    united, common = unite_scales(members, draw_sample(data.validation, COMPARED))
    progress("merge", 0.5)
    if name == SOFT_VOTING:
        model, stacked = _vote(united, common), None
        answers = compute_outputs(model, data.validation, common)
    else:
        model, stacked = _stack(united, common, data, len(dataset.classes))
        answers = stacked.answers
    _check_merged(name, model, united, common, data)
    progress("test", 0.8)
    seconds = time.perf_counter() - began
    return Ensemble(model, _record(name, model, members, common, dataset, data, answers, stacked, seconds))


def _tell_strangers(members: Sequence[Member], dataset: Dataset, say: Say) -> None:
    """Of whom it is not known that the validation images were held back from them."""
    for member in members:
        if member.fingerprint != dataset.fingerprint:
            what = "was trained on other data" if member.record else "has no record of what it was trained on"
            say(f"note: {member.path.name} {what}, so it may have learned from images that are held back here")


def _enter(members: Sequence[Member]) -> KerasTensor:
    import keras

    image: KerasTensor = keras.Input(tuple(members[0].flat.input_shape[1:]), name="image", dtype="float32")
    return image


def _vote(members: Sequence[Member], common: Scaling) -> KerasModel:
    import keras

    image, answers = _enter(members), []
    for number, member in enumerate(members, 1):
        own = scale_input(image, member.scale, common, f"scale{number}")
        answer = name_member(member.model, number)(own)
        answers.append(keras.layers.Softmax(name=f"closing{number}")(answer) if member.logits else answer)
    result: KerasModel = keras.Model(image, keras.layers.Average(name="mean")(answers), name=SOFT_VOTING)
    return result


def _stack(members: Sequence[Member], common: Scaling, data: FitData, classes: int) -> tuple[KerasModel, Stacked]:
    """Logits are what the layers on top read, where a member has them: probabilities near 1 differ too little.

    Each member has a dense layer of its own, and their answers are added: side by side in one tensor, int8 would round all
    members' outputs as coarsely as the widest's.
    """
    import keras

    image, answers = _enter(members), []
    for number, member in enumerate(members, 1):
        closing = None if member.logits else walk.find_closing(member.flat)
        plain = drop_closing(member.model, closing) or member.model
        answers.append(name_member(plain, number)(scale_input(image, member.scale, common, f"scale{number}")))
    outputs = [compute_outputs(keras.Model(image, one), data.validation, common) for one in answers]
    stacked = fit_stacking(np.concatenate(outputs, axis=1), np.asarray(data.validation.labels), classes)
    layers = [
        keras.layers.Dense(classes, dtype="float32", use_bias=number == 1, name=f"weigh{number}")
        for number in range(1, len(answers) + 1)
    ]
    total = keras.layers.Add(name="sum")([layer(one) for layer, one in zip(layers, answers, strict=True)])
    model: KerasModel = keras.Model(image, keras.layers.Softmax(name="answer")(total), name=STACKING)
    parts = np.split(stacked.kernel, np.cumsum([one.shape[1] for one in outputs])[:-1])
    for layer, part in zip(layers, parts, strict=True):
        layer.set_weights([part, stacked.bias] if layer.use_bias else [part])
    return model, stacked


def _check_merged(name: str, model: KerasModel, members: Sequence[Member], common: Scaling, data: FitData) -> None:
    """Raises ParityError where the merged graph does not answer what its members do, each with pixels of its own scale."""
    if name != SOFT_VOTING:
        return
    sample, task = draw_sample(data.validation, COMPARED), find_task(data)
    each = [task.probabilities(compute_outputs(one.flat, sample, one.scale), one.logits) for one in members]
    off = float(np.abs(np.mean(each, axis=0) - compute_outputs(model, sample, common)).max())
    if not off <= TOLERANCE:
        raise ParityError(f"{name}: merged, the members answer otherwise, by {off:.1e}; please report it")


def _record(
    name: str,
    model: KerasModel,
    members: Sequence[Member],
    common: Scaling,
    dataset: Dataset,
    data: FitData,
    answers: np.ndarray,
    stacked: Stacked | None,
    seconds: float,
) -> JsonObject:
    import keras
    import tensorflow as tf

    task = find_task(data)
    found = task.score(answers, data.validation.labels, logits=False)
    test = task.score(compute_outputs(model, dataset.test, common), dataset.test.labels, logits=False)
    interval = bound_share(round(test.accuracy * len(dataset.test)), len(dataset.test))
    return {
        "schema": 1,
        "settings": {"name": name, "seed": data.seed},
        "members": [member.as_json() for member in members],
        **({"stacking": stacked.facts} if stacked else {}),
        "data": {
            "notes": list(dataset.notes),
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "classes": list(dataset.classes),
        },
        "input": {"shape": list(dataset.shape), "scale": common.as_json(), **dataset.reading.as_dict()},
        "images": {"fit": len(data.fit), "validation": len(data.validation), "test": len(dataset.test)},
        "parameters": int(model.count_params()),
        "validation_accuracy": found.accuracy,
        "test_accuracy": test.accuracy,
        "test_accuracy_interval": [interval.low, interval.high],
        "seconds": round(seconds, 1),
        "versions": {
            "edgedigits": list_versions()["edgedigits"],
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }
