"""The literal table of tasks: no registration, no scanning. `Dataset` and `FitData` name the one that their labels stand for."""

from __future__ import annotations

from typing import Protocol

from edgedigits.tasks.kinds.classification import Classification
from edgedigits.tasks.kinds.multilabel import Multilabel
from edgedigits.tasks.task import Task

TASKS: dict[str, Task] = {
    "classification": Classification(),
    "multilabel": Multilabel(),
}


class Asking(Protocol):
    """What has a task: a data set, or what was cut from it."""

    @property
    def task(self) -> str: ...


def find_task(data: Asking) -> Task:
    """The task that the labels of `data` are for."""
    return TASKS[data.task]
