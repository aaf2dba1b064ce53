"""One core for the whole process."""

from __future__ import annotations

import os

from edgedigits_runner.errors import RunnerError


def pin(core: int | None) -> None:
    """Keeps this process, and every thread it starts from now on, on one core; None leaves it to the system.

    RunnerError "job" where the system can't, or the process may not use that core.
    """
    if core is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise RunnerError("job", f"pin: found {core}, but this system can't keep a process on a core; leave it out")
    try:
        os.sched_setaffinity(0, {core})
    except (OSError, OverflowError) as error:
        cores = ", ".join(str(number) for number in sorted(os.sched_getaffinity(0)))
        raise RunnerError(
            "job", f"pin: found core {core}, which this process can't use; choose from {cores}"
        ) from error
