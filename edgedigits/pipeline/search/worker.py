"""A worker: takes points from the study and tries them until the search is over.

One runs in the command's own process, several in processes of their own, here or on a cluster; all do just this.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from edgedigits.ground.facts import JsonObject, Progress, silent
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.prepare import Wish, prepare_job
from edgedigits.pipeline.recipe import load_recipe
from edgedigits.pipeline.search.going_on import queue_left
from edgedigits.pipeline.search.points.question import Goal
from edgedigits.pipeline.search.study import GOES_ON, Lost, connect, is_end, load_study, queue_start, quiet
from edgedigits.pipeline.search.trial import Plain, Trying

POLL_S: Final = 1.0
MOST_OUTAGES: Final = 20
"""So often a database may go away under one worker."""
MOST_REPEATS: Final = 25
"""The sampler has found no other point for so long: there is nothing left to try."""
_LATE: Final = 1 / 3
"""Of the time: so much before its end no new points are begun while there are some that promise more than the best one."""
_ONE_AT_A_TIME: Final = threading.Lock()
"""Of a process: seeds and TensorFlow's graph are its own."""
Told = Callable[[FrozenTrial], None]


@dataclass(frozen=True)
class Errand:
    """All that a worker needs; it can be sent to another machine, where the model's and the data's paths must lead to the same.

    `deadline` is in time.time()'s seconds, None: never; `storage` as the user wrote it.
    """

    wish: Wish
    goal: Goal
    plain: Plain
    storage: str = field(repr=False)  # a password may be in it
    deadline: float | None
    starts: Sequence[JsonObject] = ()
    number: int = 0
    of: int = 1

    def as_worker(self, number: int, of: int) -> Errand:
        """That of one of several workers."""
        return replace(self, number=number, of=of)


def work(errand: Errand, job: Job | None = None, progress: Progress = silent, told: Told = lambda _: None) -> int:
    """Tries points until the search is over; how many. `told` is called with each that ended, here.

    Raises InputError where the database can't be reached for longer than is waited, and what loading model and data raises.
    """
    with _ONE_AT_A_TIME:
        job = job or prepare_job(load_recipe("ptq_int8"), errand.wish, lambda _line: None)
        tried = away = 0
        while True:
            storage = connect(errand.storage)
            try:
                study = load_study(storage, errand.goal.seed, errand.number)
                for trial in _tried(errand, study, job, progress):
                    tried += 1
                    told(trial)
                return tried
            except Exception as error:
                away += 1
                if not _is_of_database(error) or away > MOST_OUTAGES:
                    raise  # else it is waited for where it is connected to
            finally:
                storage.engine.dispose()


def _is_of_database(error: BaseException | None) -> bool:
    """Whether a database that went away is behind it: Optuna 5.0 stumbles over that with an UnboundLocalError."""
    while error is not None:
        if isinstance(error, (optuna.exceptions.StorageInternalError, SQLAlchemyError)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _tried(errand: Errand, study: optuna.Study, job: Job, progress: Progress) -> Iterator[FrozenTrial]:
    """Each trial as it ended. Raises Optuna's errors where the database goes away."""
    lost = Lost(study)
    trying = Trying(job, errand.goal, errand.plain, study, errand.deadline, progress)
    while True:
        lost.retry()
        step = find_step(study, errand.goal, errand.deadline)
        if step == "over":
            return
        if step == "wait":
            time.sleep(POLL_S)
            continue
        bounds, seconds = errand.goal.bounds, errand.goal.seconds
        left = None if errand.deadline is None else errand.deadline - time.time()
        late = left is not None and seconds is not None and left < _LATE * seconds
        if not queue_start(study, errand.starts[errand.number :: errand.of], bounds.as_json()):
            queue_left(study, bounds, errand.plain.float_ms, late)
        ended: list[FrozenTrial] = []
        # one that was taken for lost, since this machine slept, and is another's now
        with quiet(), contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            study.optimize(trying, n_trials=1, callbacks=[lambda _study, trial, ended=ended: ended.append(trial)])  # type: ignore[misc]
        yield from ended


def find_step(study: optuna.Study, goal: Goal, deadline: float | None) -> Literal["go", "wait", "over"]:
    """What a worker does next; it waits where the last points are being tried by others, which may be lost."""
    if deadline is not None and time.time() > deadline:
        return "over"
    trials = study.get_trials(deepcopy=False)
    ended = [one for one in trials if is_end(one) and GOES_ON not in one.user_attrs]
    running = sum(one.state is TrialState.RUNNING for one in trials)
    waiting = any(one.state is TrialState.WAITING for one in trials)
    most = None if waiting else goal.trials  # what waits was begun before
    if most is not None and len(ended) >= most:
        return "over"
    last = ended[-MOST_REPEATS:]
    if len(last) == MOST_REPEATS and all("same_as" in one.user_attrs for one in last):
        return "wait" if running else "over"
    return "wait" if most is not None and len(ended) + running >= most else "go"
