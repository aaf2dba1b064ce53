"""The study: Optuna's, in SQLite or PostgreSQL. Opened with patience, held to its question, its lost trials tried again."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import optuna
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.search.points.looks import FACTOR

NAME: Final = "edgedigits"
HEARTBEAT_S: Final = 10
STALE_S: Final = 60
"""A trial on another machine is taken for lost after so long without a sign; one here as soon as its process is gone."""
UNSIGNED_S: Final = 10.0
"""Between a trial's beginning and its process's name in it are milliseconds; one killed then is taken for lost after so long."""
MOST_RETRIES: Final = 5
PATIENCE_S: Final = float(os.environ.get("EDGEDIGITS_DATABASE_S", "30"))
"""So long a database is waited for."""
FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
GOES_ON: Final = "goes_on"
"""Of a trial that is the rest of another, which was left at a look: that one's number."""
OVER: Final = "the time was over"
"""Why a trial ended that is queued again."""
_FAULTS: Final = (SQLAlchemyError, optuna.exceptions.StorageInternalError)
_Found = TypeVar("_Found")
_SCHEMES: Final = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


class _Storage(RDBStorage):
    """Optuna's, whose sign of life may be late: a database that is away for a while ends no trial."""

    def record_heartbeat(self, trial_id: int) -> None:
        with contextlib.suppress(*_FAULTS):
            super().record_heartbeat(trial_id)


def normalise_url(storage: str) -> str:
    """The URL as SQLAlchemy takes it. Raises InputError for one that is neither SQLite nor PostgreSQL."""
    scheme, found, rest = storage.partition("://")
    if not found or (scheme != "sqlite" and scheme not in _SCHEMES):
        raise InputError(
            f"--storage {hide_password(storage)}: wanted sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        )
    if scheme == "sqlite":
        return storage
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"--storage {hide_password(storage)}: needs psycopg, which is not installed here; pip install "
            "'edgedigits[cluster]'"
        ) from error
    return f"{_SCHEMES[scheme]}://{rest}"


def hide_password(url: str) -> str:
    """The URL as it may be shown."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def connect(storage: str) -> RDBStorage:
    """The storage, waited for `PATIENCE_S`. Raises InputError where it can't be reached, or is no study."""
    url = normalise_url(storage)
    if url.startswith("sqlite"):
        _check_sqlite(storage, Path(url.removeprefix("sqlite:///")))
        engine: JsonObject = {"connect_args": {"timeout": 60}}
    else:
        engine = {"connect_args": {"connect_timeout": 5}, "pool_pre_ping": True, "pool_size": 2}

    def make() -> RDBStorage:
        with quiet():
            return _Storage(
                url,
                engine_kwargs=engine,
                heartbeat_interval=HEARTBEAT_S,
                grace_period=STALE_S,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MOST_RETRIES),
            )

    try:
        return patiently(make, storage)
    except RuntimeError as error:
        raise InputError(
            f"--storage {hide_password(storage)}: made by another version of Optuna; choose another place"
        ) from error
    except ValueError as error:
        raise InputError(
            f"--storage {hide_password(storage)}: can't be read as the URL of a database; wanted sqlite:///FILE or "
            "postgresql://USER@HOST/DATABASE"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what Optuna logs, and without its warnings of what is experimental."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def patiently(make: Callable[[], _Found], storage: str) -> _Found:
    """What `make` gives, tried again for `PATIENCE_S` while the database is away. Raises InputError then."""
    until, pause = time.monotonic() + PATIENCE_S, 0.2
    while True:
        try:
            return make()
        except _FAULTS as error:
            if time.monotonic() + pause > until:
                why = " ".join(str(error.__cause__ or error).split("\n")[0].split())[:200]
                raise InputError(
                    f"--storage {hide_password(storage)}: the database can't be reached ({why}), tried for {PATIENCE_S:g} s; "
                    "finished trials are safe, run the same command again to go on"
                ) from error
            time.sleep(pause)
            pause = min(2 * pause, 5.0)


def _check_sqlite(storage: str, path: Path) -> None:
    """Raises InputError for a file that is something else, which would be written into."""
    if not path.parent.is_dir():
        raise InputError(f"--storage {storage}: there is no folder {path.parent}")
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            tables = {name for (name,) in opened.execute("select name from sqlite_master where type = 'table'")}
    except sqlite3.Error as error:
        raise InputError(f"--storage {storage}: {path} is no SQLite file ({error}); choose another name") from error
    if "studies" not in tables:
        raise InputError(f"--storage {storage}: {path} holds no study of Optuna's; choose another name")


def load_study(storage: RDBStorage, seed: int, worker: int = 0) -> optuna.Study:
    """The study that `make_study` made, as one of several workers sees it. The same seed asks the same points."""
    with quiet():
        study = optuna.load_study(study_name=NAME, storage=storage)
        already = len(study.get_trials(deepcopy=False, states=FINISHED))
        study.sampler = optuna.samplers.TPESampler(
            seed=(seed + 7919 * worker + already) % 2**32,
            n_startup_trials=8,
            multivariate=True,
            group=True,
            constant_liar=True,
        )
        study.pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=FACTOR)
        return study


def make_study(storage: RDBStorage, url: str, asked: JsonObject, seed: int) -> tuple[optuna.Study, bool]:
    """(the study, whether it was there). Raises InputError where the one that is there asks something else."""
    with quiet():
        study = optuna.create_study(study_name=NAME, storage=storage, direction="minimize", load_if_exists=True)
    found = study.user_attrs.get("asked")
    if found is None and study.get_trials(deepcopy=False):
        raise InputError(f"--storage {hide_password(url)}: its study was not made by edgedigits; choose another place")
    if found is not None and (other := [name for name in asked if found.get(name) != asked[name]]):
        raise InputError(
            f"--storage {hide_password(url)}: holds the study of another {' and '.join(other)}; choose another --out or --storage"
        )
    study.set_user_attr("asked", asked)
    return load_study(storage, seed), found is not None


def queue_start(study: optuna.Study, starts: Sequence[JsonObject], bounds: JsonObject) -> bool:
    """Queues the first of these points that was not tried under these bounds; what waits already goes first, as what was lost.
    Whether one of them or of these comes next."""
    trials = study.get_trials(deepcopy=False)
    if any(one.state is TrialState.WAITING for one in trials):
        return True
    known = [
        one.params or one.system_attrs.get("fixed_params", {})
        for one in trials
        if one.user_attrs.get("bounds", bounds) == bounds
        and (one.state is not TrialState.FAIL or "failed" in one.user_attrs)
    ]
    for start in starts:
        if start not in known:
            with quiet():
                study.enqueue_trial(start)
            return True
    return False


def is_end(trial: FrozenTrial) -> bool:
    """Whether a trial came to an end of its own."""
    return trial.state in FINISHED and trial.user_attrs.get("ended") != OVER


def list_rests(trials: Sequence[FrozenTrial]) -> set[int]:
    """The numbers of trials that others are the rest of, which ended or are to be tried."""
    alive = (TrialState.RUNNING, TrialState.WAITING)
    rests = [one for one in trials if GOES_ON in one.user_attrs and (is_end(one) or one.state in alive)]
    return {one.user_attrs[GOES_ON] for one in rests}


def sign(trial: optuna.Trial) -> None:
    """Leaves in a trial which process runs it."""
    trial.set_user_attr("worker", {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())})


class Lost:
    """Trials whose process is gone, here or elsewhere: failed, and queued again."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._unsigned: dict[int, float] = {}

    def retry(self) -> None:
        """Looks for them; to be called now and then, and by no process that is in a trial."""
        with quiet():
            fail_stale_trials(self._study)
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if self._is_lost(trial) and _fail(self._study._storage, trial):
                    storage: Any = self._study._storage
                    storage.get_heartbeat_stale_trial_callback()(self._study, storage.get_trial(trial._trial_id))

    def _is_lost(self, trial: FrozenTrial) -> bool:
        if "worker" in trial.user_attrs:
            return _is_gone(trial.user_attrs["worker"])
        since = self._unsigned.setdefault(trial.number, time.monotonic())
        return time.monotonic() - since > UNSIGNED_S


def _fail(storage: Any, trial: FrozenTrial) -> bool:
    try:
        return bool(storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL))
    except optuna.exceptions.UpdateFinishedTrialError:  # by another process
        return False


def _is_gone(worker: JsonObject) -> bool:
    if worker["host"] != socket.gethostname():
        return False
    if worker["pid"] == os.getpid():  # whoever asks this is between trials
        return True
    return bool(_began(worker["pid"]) != worker["began"])


def _began(pid: int) -> str:
    """When a process of this machine was started, in ticks since the machine was; "" where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
