"""What `pipeline.run` asks around the stages: does the model know its data before, and has a class been lost after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedigits.data.images import Images
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scale
from edgedigits.errors import ClassLostError, DataError, ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.tasks import baseline_check, class_recalls
from edgedigits.tasks.class_recalls import ClassChange
from edgedigits.tasks.differences import word_recalls
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tasks.task import Task
from edgedigits.tflite.interpreter import TfliteModel

AT_ONCE = 1000
SAMPLE = 1000
"""Validation images that `advise` looks at: it is to be quick, and what it warns of is not subtle."""


def check_baseline(
    task: Task,
    answers: NDArray[np.floating],
    labels: np.ndarray,
    classes: Sequence[str],
    logits: bool,
    name: str,
    data: str,
) -> baseline_check.Findings:
    """What the model's answers to validation images tell, before anything is trained.

    Raises DataError when the classes are certainly in another order, ModelError when its answers can't be judged by.
    """
    found = task.look(answers, labels, classes, logits)
    if found.unfit_model:
        raise ModelError(f"{name}: {found.unfit_model}")
    if found.wrong_order:
        raise DataError(f"data {data}: {found.wrong_order}")
    there, _ = task.cases(labels, labels)
    if lacking := [name for number, name in enumerate(task.case_names(classes)) if not (there == number).any()]:
        which = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        unseen = (
            f"too few images of {which} for one to judge by: whether compression loses it can't be seen before the test"
        )
        return replace(found, warnings=(*found.warnings, unseen))
    return found


def foresee(task: Task, model: Any, data: Any, classes: Sequence[str], logits: bool) -> tuple[str, ...]:
    """What `check_baseline` would say, for an advice: sentences only, since bytes and times don't depend on it."""
    sample = draw_sample(data.validation, SAMPLE)
    return task.look(compute_outputs(model, sample, data.scale), sample.labels, classes, logits).sentences


def compute_outputs_of_bytes(flat: bytes, images: Images, scale: Scale) -> NDArray[np.float32]:
    """What the bytes answer, float32 [n, units]."""
    net, found = TfliteModel(flat), []
    for start in range(0, len(images), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(images)))
        found.append(net.outputs(images.read(rows), scale))
    return np.concatenate(found)


def find_changes(task: Task, labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> class_recalls.ClassChanges:
    """What two models' predictions found of each class, or of each label and of its absence (`Task.cases`)."""
    which, first = task.cases(labels, before)
    return class_recalls.count_by_class(which, first, task.cases(labels, after)[1])


def check_classes(
    task: Task,
    labels: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    classes: Sequence[str],
    may_lose: bool,
) -> list[JsonObject]:
    """Each class's recall on validation images, of predictions of the model before compression and of the bytes.

    Raises ClassLostError when a class is practically lost (see `class_recalls`), unless that may be, as of a model near chance.
    """
    changes, names = find_changes(task, labels, before, after), task.case_names(classes)
    if changes.lost and not may_lose:
        raise ClassLostError(_lost_sentence(changes.lost, names))
    return class_recalls.to_record(changes, names)


def _lost_sentence(lost: Sequence[ClassChange], classes: Sequence[str]) -> str:
    shown = "; ".join(word_recalls(one, classes) for one in lost[:3])
    more = f"; and {len(lost) - 3} more" if len(lost) > 3 else ""
    return (
        f"after compression a class is lost, so nothing was written: {shown}{more} (validation); choose a milder recipe, or "
        "train on more images of it"
    )
