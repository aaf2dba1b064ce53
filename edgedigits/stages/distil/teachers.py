"""Teachers for distillation: found by name or path, checked against the candidate, and asked together.

Several teachers count as one that answers the mean of their softened probabilities.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgedigits.data.scale import Scale, Scaling, parse_scaling, scale_pixels
from edgedigits.data.splits import FitData
from edgedigits.errors import ModelError, RecipeError
from edgedigits.ground.yaml_files import suggest
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.classical.skops_file import SUFFIX
from edgedigits.models.zoo import ZOO
from edgedigits.models.zoo.shipped import find_record_beside, find_shipped_folder, find_shipped_record
from edgedigits.stages.candidate import Candidate

if TYPE_CHECKING:  # its tables of losses bring TensorFlow
    from edgedigits.tasks.task import Task

RECIPE = "recipe"
"""The name of the model that the recipe began with."""
SELF = "self"
"""The name of the candidate as it comes from the stages before."""
STAGE = re.compile(r"stage ([1-9]\d*)")
"""The name of what a stage before has made, counted from 1: `stage 1`."""
LEAST_SHARE = 1e-7
"""Probabilities that no closing layer makes are clipped here before their logarithm serves as logits."""


@dataclass(frozen=True)
class Teacher:
    """A flat Keras model to learn from; `scale` is how it takes its pixels."""

    name: str
    model: KerasModel
    scale: Scaling


def not_before(number: int, count: int) -> str:
    """Why stage `number` can't teach a stage that `count` others come before."""
    before = f"stage 1 to stage {count}" if count > 1 else "stage 1" if count else "none"
    return f"stage {number} does not come before this stage; what does: {before}"


def find_teacher_file(name: str) -> Path | None:
    """The file that a teacher is read from; None for the recipe's own models. Raises RecipeError for a name of nothing."""
    if name in (RECIPE, SELF) or STAGE.fullmatch(name):
        return None
    if name not in ZOO:
        if Path(name).exists():
            return Path(name)
        raise RecipeError(
            f"distil.teacher: {name!r} is no file and no net{suggest(name, [RECIPE, SELF, 'stage 1', *ZOO])}"
        )
    if find_shipped_record(name) is None:
        raise RecipeError(
            f"distil.teacher: no trained {name} is shipped; make one with "
            f"`edgedigits train {name} --out {name}.keras` and give its path"
        )
    return find_shipped_folder() / f"{name}.keras"


def load_teachers(names: Sequence[str], candidate: Candidate, data: FitData, scale: Scale | None) -> list[Teacher]:
    """Every teacher, loaded and checked. `scale` is that of files; without it the training record tells, else it's the data's.

    Raises RecipeError for a name that stands for none, ModelError for a teacher of another input, other classes or other data.
    """
    return [_teacher(name, candidate, data, scale) for name in names]


def _teacher(name: str, candidate: Candidate, data: FitData, scale: Scale | None) -> Teacher:
    path = find_teacher_file(name)
    if name == SELF:
        found = Teacher(name, candidate.model, parse_scaling(data.scale))
    elif stage := STAGE.fullmatch(name):
        found = Teacher(name, _made_by(int(stage[1]), candidate.made), parse_scaling(data.scale))
    elif path is None:
        if candidate.original is None:
            raise RecipeError("distil.teacher: there is no model that the recipe began with; name a net or a file")
        found = Teacher(name, candidate.original, parse_scaling(data.scale))
    else:
        found = _read(name, path, data, scale, candidate.custom)
    check_alike("distil.teacher", name, found.model, candidate.model)
    record = find_shipped_record(name) if name in ZOO else None
    if record and record["data"]["fingerprint"] != data.fingerprint:
        raise ModelError(
            f"distil.teacher: the shipped {name} was trained on {record['data']['name']}, not on this data; "
            f"train one with `edgedigits train {name} --out {name}.keras` and give its path"
        )
    return found


def _made_by(number: int, made: Sequence[KerasModel]) -> KerasModel:
    if number > len(made):
        raise RecipeError(f"distil.teacher: {not_before(number, len(made))}")
    return made[number - 1]


def _read(name: str, path: Path, data: FitData, scale: Scale | None, custom: Sequence[str]) -> Teacher:
    from edgedigits.models.importer.loading import load

    if path.suffix == SUFFIX:
        from edgedigits.stages.distil.classical_teacher import SCALE, read_classical_teacher

        return Teacher(name, read_classical_teacher(path, data), SCALE)
    record = find_record_beside(path)
    own: Scale = record["input"]["scale"] if record else data.scale
    chosen = parse_scaling(own if name in ZOO else scale or own, f"distil.teacher: {path}: scale")
    return Teacher(name, load(path, custom=custom, scale=chosen, size=lambda: data.fit.shape[:2]).model, chosen)


def check_alike(where: str, name: str, model: KerasModel, candidate: KerasModel) -> None:
    """Raises ModelError when a model takes other images than the candidate, answers other classes, or is asked another thing."""
    from edgedigits.models.graph import walk

    for what, own, wanted in (
        ("takes images of shape", model.input_shape[1:], candidate.input_shape[1:]),
        ("has classes:", model.output_shape[1], candidate.output_shape[1]),
    ):
        if own != wanted:
            shown, needed = (("x".join(map(str, s)) if isinstance(s, tuple) else s) for s in (own, wanted))
            raise ModelError(f"{where}: {name} {what} {shown}, the recipe's model {needed}; they must be the same")
    own_end, end = walk.find_closing(model), walk.find_closing(candidate)
    if own_end and end and own_end != end:
        raise ModelError(
            f"{where}: {name} ends in a {own_end}, the recipe's model in a {end}; they must be asked the same"
        )


def form_panel(task: Task, found: Sequence[Teacher], temperature: float) -> Callable[[KerasTensor], KerasTensor]:
    """A graph function from pixels 0..255, [n, h, w, c], to float32 logits [n, classes].

    Divided by `temperature` and made probabilities, they are the mean of what the teachers answer at that temperature.
    """
    askers = [(compute_logits(teacher.model, teacher.scale), teacher.scale) for teacher in found]

    def ask(pixels: KerasTensor) -> KerasTensor:
        return task.mean_logits([asker(scale_pixels(pixels, scale)) for asker, scale in askers], temperature)

    return ask


def compute_logits(model: KerasModel, scale: Scaling | None = None) -> Callable[[KerasTensor], KerasTensor]:
    """The float32 logits of a model, not training; those of probabilities that no closing layer makes are their logarithms."""
    from edgedigits.backend import tf
    from edgedigits.models.graph import walk
    from edgedigits.models.graph.answers import answers_probabilities
    from edgedigits.stages import training_loop

    asked = training_loop.make_asking_copy(model)
    made_elsewhere = walk.find_closing(model) is None and answers_probabilities(model, scale)

    def ask(images: KerasTensor) -> KerasTensor:
        answers = tf.cast(asked(images, training=False), tf.float32)
        result: KerasTensor = tf.math.log(tf.maximum(answers, LEAST_SHARE)) if made_elsewhere else answers
        return result

    return ask
