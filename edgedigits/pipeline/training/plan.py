"""How often a net is trained: once, once for each of several seeds, or once a fold and once more on all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgedigits.data.dataset import Dataset
from edgedigits.data.splits import check_folds
from edgedigits.errors import InputError
from edgedigits.ground.atomic import check_writable
from edgedigits.ground.facts import Progress, Say
from edgedigits.pipeline.train import Settings, Trained
from edgedigits.pipeline.training.folds import train_folds
from edgedigits.pipeline.training.seeds import list_seeds, train_seeds
from edgedigits.pipeline.training.session import Session
from edgedigits.tasks.class_weights import name_weights


@dataclass(frozen=True)
class Plan:
    """seeds: how many are trained. kfold: how many folds, None for none. keep_all: also keeps the nets that are not the one asked
    for. tensorboard: the folder for event files, one subfolder a training. Raises InputError for what can't be."""

    seeds: int = 1
    kfold: int | None = None
    keep_all: bool = False
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        if self.kfold is not None and self.kfold < 2:
            raise InputError(f"--kfold {self.kfold}: wanted a whole number from 2")
        if self.seeds < 1:
            raise InputError(f"--seeds {self.seeds}: wanted a whole number from 1")
        if self.kfold and self.seeds > 1:
            raise InputError(
                f"--kfold {self.kfold}: goes with one seed, and --seeds {self.seeds} asks for more; give one of the two, and "
                "call again with another --seed where both are wanted"
            )
        if self.keep_all and not self.kfold and self.seeds == 1:
            raise InputError("--keep-all: there is one net, which is kept; it is for --kfold and --seeds")

    @property
    def trainings(self) -> int:
        """How many there are."""
        return self.kfold + 1 if self.kfold else self.seeds


def check_plan(plan: Plan, settings: Settings, dataset: Dataset) -> None:
    """Raises InputError where data has no class that is named or too few images of one, for a seed that can't be, and for a
    folder of event files that can't be written."""
    if not isinstance(settings.class_weights, str):
        name_weights(settings.class_weights, dataset.classes, dataset.train.labels)
    if plan.kfold:
        check_folds(dataset, plan.kfold)
    list_seeds(settings, plan.seeds)
    if plan.tensorboard:
        check_writable(plan.tensorboard)


def carry_out(
    plan: Plan, settings: Settings, dataset: Dataset, out: Path, work: Path, say: Say, progress: Progress
) -> Trained:
    """The net asked for, whose record tells of all trainings; what is kept beside `out` is written as it is done.

    Interrupted, the same call goes on, and ends with the weights of one that was not.
    """
    count = plan.trainings
    session = Session(dataset, out, work, count, plan.keep_all, plan.tensorboard, say, progress)
    if plan.seeds > 1:
        return train_seeds(session, list_seeds(settings, plan.seeds))
    if not plan.kfold:
        return session.train_one("all", 0, settings)
    found = train_folds(session, settings, plan.kfold)
    trained = session.train_one("all", count - 1, settings)
    return replace(trained, record={**trained.record, "kfold": found})
