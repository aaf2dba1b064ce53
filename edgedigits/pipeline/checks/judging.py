"""What `pipeline.run` asks around the stages: does the model know its data before, and has a class been lost after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedigits.data.images import Images
from edgedigits.data.samples import sampled
from edgedigits.data.scale import Scale
from edgedigits.errors import ClassLostError, DataError, ModelError
from edgedigits.tasks import baseline_check, class_recalls
from edgedigits.tasks.class_recalls import ClassChange
from edgedigits.tasks.differences import recalls_text
from edgedigits.tasks.scoring import outputs
from edgedigits.tflite.interpreter import TfliteModel

AT_ONCE = 1000
SAMPLE = 1000
"""Validation images that `advise` looks at: it is to be quick, and what it warns of is not subtle."""


def check_baseline(
    answers: NDArray[np.floating], labels: NDArray[Any], classes: Sequence[str], logits: bool, name: str, data: str
) -> baseline_check.Findings:
    """What the model's answers to validation images tell, before anything is trained.

    Raises DataError when the classes are certainly in another order, ModelError when its answers can't be judged by.
    """
    found = baseline_check.look(answers, labels, classes, logits)
    if found.unfit_model:
        raise ModelError(f"{name}: {found.unfit_model}")
    if found.wrong_order:
        raise DataError(f"data {data}: {found.wrong_order}")
    if lacking := [name for label, name in enumerate(classes) if not (labels == label).any()]:
        which = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        unseen = (
            f"too few images of {which} for one to judge by: whether compression loses it can't be seen before the test"
        )
        return replace(found, warnings=(*found.warnings, unseen))
    return found


def foresee(model: Any, data: Any, classes: Sequence[str], logits: bool) -> tuple[str, ...]:
    """What `check_baseline` would say, for an advice: sentences only, since bytes and times don't depend on it."""
    sample = sampled(data.validation, SAMPLE)
    return baseline_check.look(outputs(model, sample, data.scale), sample.labels, classes, logits).sentences


def right_answers(flat: bytes, images: Images, scale: Scale) -> NDArray[np.bool_]:
    """Which images the bytes answer right, bool [n]."""
    net, hits = TfliteModel(flat), []
    for start in range(0, len(images), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(images)))
        hits.append(net.outputs(images.read(rows), scale).argmax(axis=1) == images.labels[rows])
    return np.concatenate(hits)


def check_classes(
    before: NDArray[np.bool_], flat: bytes, images: Images, scale: Scale, classes: Sequence[str], near_chance: bool
) -> list[dict[str, Any]]:
    """Each class's recall on validation images, of the model before compression and of the bytes.

    Raises ClassLostError when a class is practically lost (see `class_recalls`). A model near chance has no class to lose.
    """
    changes = class_recalls.by_class(images.labels, before, right_answers(flat, images, scale))
    if changes.lost and not near_chance:
        raise ClassLostError(_lost_sentence(changes.lost, classes))
    return class_recalls.as_record(changes, classes)


def _lost_sentence(lost: Sequence[ClassChange], classes: Sequence[str]) -> str:
    shown = "; ".join(recalls_text(one, classes) for one in lost[:3])
    more = f"; and {len(lost) - 3} more" if len(lost) > 3 else ""
    return (
        f"after compression a class is lost, so nothing was written: {shown}{more} (validation); choose a milder recipe, or "
        "train on more images of it"
    )
