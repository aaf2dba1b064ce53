"""Searches of several real processes: on one machine, and on a Dask cluster with its study in a real PostgreSQL; a worker is
killed in the midst of a trial. Part of `make device`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

import edgedigits as ed
from edgedigits.pipeline.search import search as story
from edgedigits.pipeline.search.study import NAME, connect, quiet
from tests import tiny_release
from tests.postgres import Postgres, running
from tests.sshd import free_port
from tests.test_search_study import STARTS

pytestmark = [
    pytest.mark.device,
    # SQLAlchemy lets go of connections that a killed server or process has ended, and psycopg says so when they are collected.
    pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning"),
]

MOST_S = 900.0
TRIALS = 5


@pytest.fixture(scope="module", autouse=True)
def starts() -> Iterator[None]:
    """They are a part of the workers' errand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(story, "list_starts", lambda: STARTS)
        yield


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Dask scheduler with two workers, each a process with a nanny that replaces it."""
    pytest.importorskip("distributed", reason="needs Dask, of the extra cluster")
    address = f"tcp://127.0.0.1:{free_port()}"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    started = [subprocess.Popen([*dask, "--host", address, "--no-dashboard"], stderr=subprocess.DEVNULL)]
    words = ["--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--local-directory", "/tmp"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, *words]
    started.append(subprocess.Popen(worker, stderr=subprocess.DEVNULL))
    try:
        _wait_for_workers(address, 2)
        yield address
    finally:
        for one in reversed(started):
            one.terminate()
        for one in started:
            one.wait(30)


def _wait_for_workers(address: str, count: int) -> None:
    import distributed

    with distributed.Client(address, timeout=60) as client:
        client.wait_for_workers(count, timeout=120)


def searched(shapes: Path, out: Path, **given: Any) -> ed.Search:
    net = tiny_release.made(shapes).parent / "tiny.keras"
    said: dict[str, Any] = {"target": "pi4", "max_drop": 60.0, "pixel_range": "0..1", "trials": TRIALS}
    return ed.search(net, shapes, out=out, progress=False, **said | given)


class Killer(threading.Thread):
    """Kills, once, the process that is in the midst of a trial after the first; `killed` is that trial's number."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self.killed = url, -1
        self._storage: optuna.storages.RDBStorage | None = None
        self._study: optuna.Study | None = None

    def run(self) -> None:
        until = time.monotonic() + MOST_S
        while self.killed < 0 and time.monotonic() < until:
            time.sleep(0.1)
            for trial in self.list_running():
                worker = trial.user_attrs.get("worker")
                asked = "recipe" in trial.user_attrs  # before, it has no parameters by which it could be found again
                if worker and asked and worker["pid"] != os.getpid() and trial.number > 0:
                    os.kill(worker["pid"], signal.SIGKILL)
                    self.killed = trial.number
                    return

    def close(self) -> None:
        """Gives its connections back."""
        if self._storage is not None:
            self._storage.engine.dispose()

    def list_running(self) -> list[Any]:
        """The trials that are being tried."""
        try:
            with quiet():
                self._storage = self._storage or connect(self._url)
                self._study = self._study or optuna.load_study(study_name=NAME, storage=self._storage)
            return list(self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))
        except (KeyError, ed.InputError):  # not made yet
            time.sleep(1)
            return []


def check_whole(found: ed.Search, url: str, killed: int) -> None:
    """What was lost was tried again, nothing is left undone, and the artifact is one."""
    with quiet():
        trials = optuna.load_study(study_name=NAME, storage=connect(url)).get_trials(deepcopy=False)
    assert killed > 0
    lost = trials[killed]
    assert lost.state is TrialState.FAIL
    again = [one for one in trials if one.params == lost.params and one.number > killed]
    assert [one.state for one in again if one.system_attrs.get("failed_trial") == killed] != []
    assert any(one.state in (TrialState.COMPLETE, TrialState.PRUNED) for one in again)
    assert TrialState.RUNNING not in {one.state for one in trials}
    assert sum(one.state in (TrialState.COMPLETE, TrialState.PRUNED) for one in trials) >= TRIALS
    assert found.artifact is not None
    assert ed.Artifact.open(found.artifact.path).accuracy > 0.5


def test_a_killed_process_of_several_loses_nothing(shapes: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'search.db'}"
    killer = Killer(url)
    killer.start()
    found = searched(shapes, tmp_path, workers=2)
    check_whole(found, url, killer.killed)


def test_a_killed_worker_of_a_cluster_loses_nothing(
    shapes: Path, tmp_path: Path, database: Postgres, cluster: str
) -> None:
    killer = Killer(database.url)
    killer.start()
    found = searched(shapes, tmp_path, storage=database.url, cluster=cluster)
    check_whole(found, database.url, killer.killed)
    assert "secret" not in json.dumps(found.as_json())
    assert not (tmp_path / "search.db").exists()
    workers = {one.user_attrs["worker"]["pid"] for one in _trials(database.url) if "worker" in one.user_attrs}
    assert os.getpid() not in workers
    assert len(workers) > 1


def test_a_database_that_goes_away_is_waited_for(shapes: Path, tmp_path: Path) -> None:
    """Stopped in the midst of a trial as if power had failed, and back within the time that it is waited for."""
    with running() as server:

        def outage() -> None:
            watched = Killer(server.url)
            until = time.monotonic() + MOST_S
            while not watched.list_running() and time.monotonic() < until:
                time.sleep(0.1)
            watched.close()
            server.stop()
            time.sleep(3)
            server.start()

        away = threading.Thread(target=outage, daemon=True)
        away.start()
        found = searched(shapes, tmp_path, storage=server.url, trials=3)
        away.join(60)
        assert found.artifact is not None
        assert len(found.found.points) >= 3


def _trials(url: str) -> list[Any]:
    with quiet():
        return optuna.load_study(study_name=NAME, storage=connect(url)).get_trials(deepcopy=False)
