"""k-fold cross-validation: every training image that is not for validation is answered once, by a net that never saw it.

The validation images stay what they are in any other training, and choose the epoch of every fold: were it chosen on the fold
itself, the out-of-fold score would be the best of many epochs, not that of images never seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgedigits.data.dataset import Dataset
from edgedigits.data.images import Images
from edgedigits.data.splits import split_folds
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.train import Part, Settings
from edgedigits.pipeline.training.session import Session, list_scores
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tasks.statistics import bound_share
from edgedigits.tasks.task import Targets, Task


@dataclass(frozen=True)
class Fold:
    """`held` is answered by the net that is trained on `part`."""

    part: Part
    held: Images


def cut_into(dataset: Dataset, settings: Settings, count: int) -> Iterator[Fold]:
    """Stratified folds, one after the other: each may be a copy of the images."""
    for number, (data, held) in enumerate(split_folds(dataset, settings.scale, settings.seed, count)):
        yield Fold(Part(data, {"fold": {"number": number, "of": count, "held_out": len(held)}}), held)


def train_folds(session: Session, settings: Settings, count: int) -> JsonObject:
    """Trains a net for each fold; the record: the score out of fold with its 95 % interval, and each fold's own."""
    task, answers, labels, rows = find_task(session.dataset), [], [], []
    for number, fold in enumerate(cut_into(session.dataset, settings, count)):
        trained = session.train_one(f"fold{number}", number, settings, fold.part)
        session.keep(f"fold{number}", trained)
        answers.append(compute_outputs(trained.model, fold.held, settings.scale))
        labels.append(fold.held.labels)
        own = _score(task, answers[-1], labels[-1])
        rows.append({"fold": number, **own, **list_scores(trained.record)})
    together = _score(task, np.concatenate(answers), np.concatenate(labels))
    return {"folds": count, "out_of_fold": together, "each": rows}


def _score(task: Task, outputs: np.ndarray, labels: Targets) -> JsonObject:
    """Of images never seen: how many, the share that is right with Wilson's interval, the loss and what else is scored."""
    found = task.score(outputs, labels, logits=False)
    bound = bound_share(round(found.accuracy * len(labels)), len(labels))
    ends = {"accuracy_low": bound.low, "accuracy_high": bound.high}
    return {"images": len(labels), "accuracy": found.accuracy, **ends, "loss": found.loss, **found.others}
