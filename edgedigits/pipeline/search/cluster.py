"""Workers on a cluster: Dask's, each of which holds the same package and reaches the study, the model and the data."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from edgedigits.errors import CheckError, EdgeDigitsError, InputError
from edgedigits.ground.facts import Say
from edgedigits.pipeline.search.study import PATIENCE_S
from edgedigits.pipeline.search.worker import POLL_S, Errand, work

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def is_local(address: str) -> bool:
    """Whether a scheduler is on this machine. Raises InputError for what is no address of one."""
    found = urlsplit(address)
    try:
        whole = found.scheme in ("tcp", "tls") and found.hostname and found.port
    except ValueError:
        whole = None
    if not whole:
        raise InputError(f"--cluster: found {address!r}; wanted the address of a Dask scheduler, as tcp://host:8786")
    return found.hostname in _LOCAL


def run_on_cluster(errand: Errand, address: str, count: int, say: Say, poll: Callable[[], None]) -> None:
    """Workers on the cluster until the search is over: `count`, or one for each of Dask's with 1. Dask runs a lost one's errand
    again elsewhere; the trial that it had is tried again by whoever sees first that it is lost.

    Raises InputError where Dask is not installed, or the scheduler or its workers can't be reached; what a worker raises.
    """
    client = _connect(address)
    try:
        there = len(client.scheduler_info(n_workers=-1)["workers"])
        if not there:
            raise InputError(f"--cluster {address}: has no workers; start some, as `dask worker {address}`")
        number = there if count == 1 else count
        say(f"note: {number} workers on {address}")
        asked = [
            client.submit(work_there, errand.as_worker(one, number), pure=False, retries=3) for one in range(number)
        ]
        while any(not one.done() for one in asked):
            time.sleep(POLL_S)
            poll()
        _raise_failed(asked, say)
    finally:
        client.close()


def work_there(errand: Errand) -> tuple[str, str]:
    """What a worker does on the cluster: (kind, sentence) of what it raised on purpose, ("", "") where all went well."""
    try:
        work(errand)
    except EdgeDigitsError as error:
        return type(error).__name__, str(error)
    return "", ""


def _connect(address: str) -> Any:
    try:
        import distributed
    except ImportError as error:
        raise InputError(
            f"--cluster {address}: needs Dask, which is not installed here; pip install 'edgedigits[cluster]'"
        ) from error
    try:
        return distributed.Client(address, timeout=PATIENCE_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(
            f"--cluster {address}: no scheduler can be reached there, tried for {PATIENCE_S:g} s ({why})"
        ) from error


def _raise_failed(asked: list[Any], say: Say) -> None:
    """One worker's failure is a note while others did the work; where all failed it is the search's."""
    failed: list[EdgeDigitsError] = []
    for one in asked:
        error = one.exception()
        kind, sentence = ("CheckError", f"a worker of the cluster failed ({error})") if error else one.result()
        if kind:
            failed.append((InputError if kind != "CheckError" else CheckError)(sentence))
    if failed and len(failed) == len(asked):
        raise failed[0]
    for each in failed:
        say(f"note: {each}")
