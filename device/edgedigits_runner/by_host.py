"""`job JOB.json RESULT.json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.job_command import run as run_job
from edgedigits_runner.say import say

if TYPE_CHECKING:
    from types import SimpleNamespace


def run(options: SimpleNamespace) -> int:
    """0 and a result, or 2 and the error in its place."""
    if len(options.arguments) != 2:
        raise RunnerError("job", "give a job and where its result goes: job JOB.json RESULT.json")
    job, result = options.arguments
    return run_job(Path(job), Path(result), say)
