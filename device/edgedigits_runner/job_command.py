"""`job JOB.json RESULT.json`: one job of the host, done as its "kind" says; each kind imports only what it needs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedigits_runner import SCHEMA
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]


def run(job_path: Path, result_path: Path, say: Say) -> int:
    """The exit code: 0 and a result, or 2 and the error, as one line of JSON on stderr and as the result's `error`."""
    kind = "job"
    try:
        kind = _kind(job_path)
        write_json(result_path, _JOBS[kind](job_path, say))
    except RunnerError as error:
        write_json(result_path, {"schema": SCHEMA, "kind": kind, "error": error.as_json()})
        print(json.dumps(error.as_json()), file=sys.stderr)
        return 2
    return 0


def _kind(path: Path) -> str:
    job = read_json(path)
    kind = job.get("kind") if isinstance(job, dict) else None
    if not isinstance(kind, str) or kind not in _JOBS:
        raise RunnerError("job", f"{path}: kind: found {kind!r}; give one of {', '.join(_JOBS)}")
    return kind


def _bench(job_path: Path, say: Say) -> dict[str, Any]:
    from edgedigits_runner.bench import bench

    return bench(job_path, say)


def _evaluate(job_path: Path, say: Say) -> dict[str, Any]:
    from edgedigits_runner.accuracy import evaluate

    return evaluate(job_path, say)


def _probe(job_path: Path, say: Say) -> dict[str, Any]:
    from edgedigits_runner.probe import probe

    return probe(job_path, say)


def _doctor(job_path: Path, say: Say) -> dict[str, Any]:
    from edgedigits_runner.doctor import doctor_job

    return doctor_job(job_path, say)


def _timings(job_path: Path, say: Say) -> dict[str, Any]:
    from edgedigits_runner.timings import timings

    return timings(job_path, say)


def _profile(job_path: Path, say: Say) -> dict[str, Any]:
    from edgedigits_runner.profile import profile

    return profile(job_path, say)


def _tries(job_path: Path, say: Say) -> dict[str, Any]:
    from edgedigits_runner.profile import tries

    return tries(job_path, say)


_JOBS: dict[str, Callable[[Path, Say], dict[str, Any]]] = {
    "bench": _bench,
    "evaluate": _evaluate,
    "probe": _probe,
    "doctor": _doctor,
    "timings": _timings,
    "profile": _profile,
    "tries": _tries,
}
