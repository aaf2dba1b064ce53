"""Knowledge distillation (Hinton et al. 2015): a student learns the softened answers of teachers to augmented images."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.named_sets import LIMITS, SETS, find_fault, list_moves, make_augment
from edgedigits.data.scale import NAMED, scaling_of
from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError
from edgedigits.ground.facts import Facts, JsonObject, Progress, silent
from edgedigits.stages.candidate import Candidate, make_settings_class
from edgedigits.stages.settings import (
    Batch,
    ClassWeights,
    EnoughImages,
    Epochs,
    Rate,
    Share,
    Steps,
    Temperature,
    count_stage_steps,
    count_steps_per_epoch,
    stretch_epochs,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgedigits.keras_types import KerasTensor
    from edgedigits.stages.distil.teachers import Teacher

WARM_UP = 0.05
"""The share of the steps in which a fresh net's rate rises from zero; Adam's first steps are its wildest."""


def _moves(value: object) -> object:
    """How far images move: limits by name, the name of a set, or false."""
    known = isinstance(value, dict) and set(value) <= set(list_moves()) and not find_fault(value)
    if value is not False and not known and not (isinstance(value, str) and value in SETS):
        limits = ", ".join(f"{name} (to {LIMITS[name]:g})" if name in LIMITS else name for name in list_moves())
        wanted = f"wanted false, or limits from 0 for some of {limits}, or a set: {', '.join(SETS)}"
        raise PydanticCustomError("moves", "{wanted}", {"wanted": wanted})
    return value


def _scale(value: object) -> object:
    """What `scaling` takes, JSON-safe as it was written; or none."""
    try:
        return None if value is None else scaling_of(value) and value
    except ValueError as error:
        names = ", ".join(map(repr, NAMED))
        plain = isinstance(value, str)
        wanted = f"input should be {names}, or {{range, mean, std, bgr}}" if plain else f"wanted a scale ({error})"
        raise PydanticCustomError("scale", "{wanted}", {"wanted": wanted}) from error


@make_settings_class
class Distil:
    """Train `student` for `epochs` on what `teacher` answers.

    teacher: `recipe` (the model the recipe began with), `self` (the candidate), `stage 1` (what that stage made), a net of the
    zoo (shipped, if trained on this data), the path of a Keras model or of a classical one (.skops), or a list of these: the mean
    of what they answer.
    teacher_scale: of Keras files that take their pixels otherwise: a name as of --scale, or {range, mean, std, bgr}.
    With a larger student in a first stage, `[recipe, stage 1]` teaches a small one more than the recipe's model.
    student: `self` (the candidate), a size of the family (`tiny`, `small`, `medium`) or a net of the zoo, built anew with
    `options`, or the path of a Keras model.
    share: of the loss, for the teachers' answers at `temperature`; the rest is for the labels. With 0 the student learns from the
    labels alone, so that it errs otherwise than the teachers: a good one to teach beside them.
    enough_images: with fewer training images than this, epochs and pool grow by the root of how many times fewer.
    pool: augmentations of every image, taken in turn; with fewer than epochs, teachers answer each but once.
    augment: this stage's own, as limits other than those of digits, the name of a set, or false; {}: as the run has it.
    average: the decay of a running mean of the weights, which is the outcome.
    dropout: how much of the student's own dropout stays; a shrunken net has no neurons to spare.
    """

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = "it buys accuracy: same graph, same bytes"

    teacher: str | Annotated[list[str], Field(min_length=1)] = "recipe"
    student: str = "self"
    options: JsonObject = Field(default_factory=dict)
    temperature: Temperature = 4.0
    share: Share = 0.9
    epochs: Epochs = 20.0
    min_steps: Steps = 200
    enough_images: EnoughImages = None
    rate: Rate = 2e-3
    batch: Batch = 128
    pool: Annotated[int, Field(ge=1)] = 8
    augment: Annotated[Any, BeforeValidator(_moves)] = Field(default_factory=dict)
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout: Share = 1.0
    class_weights: ClassWeights = "auto"
    teacher_scale: Annotated[Any, BeforeValidator(_scale)] = None

    @property
    def _teachers(self) -> list[str]:
        return [self.teacher] if isinstance(self.teacher, str) else self.teacher

    @property
    def latest_stage(self) -> int:
        """The number of the latest stage among the teachers, 0 where there is none."""
        from edgedigits.stages.distil.teachers import STAGE

        return max((int(found[1]) for found in map(STAGE.fullmatch, self._teachers) if found), default=0)

    @property
    def makes_another_net(self) -> bool:
        """Its student is not the candidate, so what the candidate is made of binds nothing after it."""
        from edgedigits.stages.distil.teachers import SELF

        return self.student != SELF

    def reads(self) -> list[Path]:
        """Files that the outcome depends on. Raises RecipeError for a name that stands for nothing."""
        from edgedigits.stages.distil.students import find_student_file
        from edgedigits.stages.distil.teachers import find_teacher_file

        return [path for path in (*map(find_teacher_file, self._teachers), find_student_file(self.student)) if path]

    @property
    def in_words(self) -> str:
        return ""

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        """Promise: input, classes and kind of answers stay; with student `self`, zeros stay zero and equal weights equal.

        Raises RecipeError for settings that don't fit, ModelError for a teacher or student that doesn't.
        """
        from edgedigits.stages.distil.students import make_student
        from edgedigits.stages.distil.teachers import SELF, load_teachers

        if self.student != SELF and (candidate.masks or candidate.clusters):
            raise RecipeError(
                f"distil.student: {self.student} is another net, and what earlier stages pruned or clustered would be lost; "
                "distil first, or leave student at self"
            )
        found = load_teachers(self._teachers, candidate, data, self.teacher_scale)
        model = make_student(self.student, self.options, candidate, data)
        taught, facts = self._taught(replace(candidate, model=model), found, data, progress)
        return taught, {
            "teachers": [{"name": one.name, "parameters": int(one.model.count_params())} for one in found],
            "student": self.student,
            "student_parameters": int(model.count_params()),
            **facts,
        }

    def _taught(
        self, student: Candidate, found: list[Teacher], data: FitData, progress: Progress
    ) -> tuple[Candidate, Facts]:
        """The student after training; its masks and clusters held."""
        from edgedigits.stages import training_loop
        from edgedigits.stages.distil import soft_labels
        from edgedigits.stages.distil.teachers import form_panel
        from edgedigits.stages.distil.weight_average import Average
        from edgedigits.tasks.class_weights import to_facts
        from edgedigits.tasks.kinds.table import find_task

        steps, epochs = self._length(data)
        task = find_task(data)
        ask = form_panel(task, found, self.temperature)
        accuracy = soft_labels.measure_validation_accuracy(ask, data)
        began = time.perf_counter()
        pool = round(self.pool * stretch_epochs(len(data.fit), self.enough_images))
        lessons = soft_labels.make_lessons(
            data, self._augment(data), pool, epochs, ask if self.share else None, progress
        )
        seconds = time.perf_counter() - began
        training_copy = training_loop.make_training_copy(student.model, self.dropout)
        keep = training_loop.make_holder(training_copy, student.masks, student.clusters)
        average = Average(training_copy, self.average)

        def hold() -> None:
            keep()
            average.update()

        how = training_loop.Descent("distil", steps, self._rate(steps), data.seed)
        weights = task.weights(self.class_weights, data.fit.labels)
        loss = soft_labels.make_loss(
            task, training_copy, ask, data.scale, self.share, self.temperature, weights, lessons.mixes
        )
        went = training_loop.descend(training_copy, loss, lessons.epochs(self.batch, steps), how, progress, hold)
        if not math.isfinite(went.closing):
            raise RecipeError(f"distil.rate: with {self.rate} the loss ends as {went.closing}; give a lower one")
        average.take()
        keep()
        return replace(student, model=training_loop.copy_weights(student.model, training_copy)), {
            "teacher_validation_accuracy": accuracy,
            "teacher_passes": (epochs if lessons.answers is None else lessons.count) if self.share else 0,
            "teacher_seconds": round(seconds, 2),
            "augmentations": lessons.count if lessons.augment else 0,
            "steps": steps,
            "batch": self.batch,
            "class_weights": to_facts(weights),
            "compute": training_copy.layers[1].dtype_policy.name,
            **went.as_facts(),
        }

    def _length(self, data: FitData) -> tuple[int, int]:
        """Steps, and epochs begun."""
        steps = count_stage_steps(self, len(data.fit))
        return steps, -(-steps // count_steps_per_epoch(self.batch, len(data.fit)))

    def _augment(self, data: FitData) -> Augment | None:
        """Its own where it says so, else that of the run."""
        if self.augment == {}:
            return data.augment
        if isinstance(self.augment, str):
            return make_augment(self.augment)
        return Augment(**self.augment) if self.augment else None

    def _rate(self, steps: int) -> Callable[[object], KerasTensor]:
        """A cosine to a twentieth; a student that starts from nothing warms up first."""
        from edgedigits.backend import keras
        from edgedigits.stages.training_loop import CLOSING_RATE

        warm = 0 if self.student == "self" else round(WARM_UP * steps)
        schedule = keras.optimizers.schedules.CosineDecay
        result: Callable[[object], KerasTensor]
        if not warm:
            result = schedule(self.rate, steps, alpha=CLOSING_RATE)
            return result
        result = schedule(0.0, steps - warm, alpha=CLOSING_RATE, warmup_target=self.rate, warmup_steps=warm)
        return result
