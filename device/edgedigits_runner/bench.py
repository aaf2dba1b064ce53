"""Accuracy and latency of one or more models by one code path, the models taking turns in windows.

Windows alternate and their order rotates, so that a drifting clock or a neighbour that wakes up meets all models alike.
MLPerf Tiny: several windows, the median. LiteRT's benchmark_model: a warm-up of at least 0.5 s, invoke() alone timed.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedigits_runner import RESULT_SCHEMA
from edgedigits_runner.accuracy import accuracy, data_of
from edgedigits_runner.environment import environment
from edgedigits_runner.evaluation import Evaluation, read_evaluation
from edgedigits_runner.interpreters import Runtime, load_runtime
from edgedigits_runner.jobs import BenchJob, read_bench_job
from edgedigits_runner.pinning import pin
from edgedigits_runner.preprocess import prepare
from edgedigits_runner.session import check_file, delegated, open_session
from edgedigits_runner.windows import Repeats, laps, window

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]

_IMAGES_IN_TURN = 64


def bench(job_path: Path, say: Say) -> dict[str, Any]:
    """The whole result as JSON; RunnerError where the job, a model, the data or the runtime can't be used."""
    job = read_bench_job(job_path)
    for model in job.models:
        check_file(model)
    evaluation = read_evaluation(job.eval_path)
    runtime = load_runtime(job.runtime)
    pin(job.pin)
    measured_on = environment(runtime)  # before there is load of our own
    say(f"{runtime}: {evaluation.total} images, {len(job.models)} models")
    return {
        "schema": RESULT_SCHEMA,
        "kind": "bench",
        "environment": measured_on,
        "pin": job.pin,
        **data_of(evaluation),
        "models": [accuracy(runtime, model, job.threads[0], evaluation, say) for model in job.models],
        "latency": [_latency(runtime, threads, job, evaluation, say) for threads in job.threads],
    }


def _latency(runtime: Runtime, threads: int, job: BenchJob, evaluation: Evaluation, say: Say) -> dict[str, Any]:
    """Windows of every model at one number of threads."""
    first = evaluation.first(_IMAGES_IN_TURN)
    sessions = [open_session(runtime, model, threads, evaluation.shape) for model in job.models]
    tensors = [list(prepare(first, session.source, session.model.scale)) for session in sessions]
    windows: list[list[dict[str, Any]]] = [[] for _ in sessions]
    repeats = Repeats(job.windows)
    gc.collect()
    gc.disable()
    try:
        for turn in range(len(sessions)):
            laps(sessions[turn], tensors[turn], job.warmup_s)
        for number in range(job.windows):
            say(f"latency, {threads} thread(s), window {number + 1} of {job.windows}")
            for turn in rotated(len(sessions), number):
                windows[turn].append(window(sessions[turn], tensors[turn], job.window_s, repeats))
    finally:
        gc.enable()
    return {
        "threads": threads,
        "models": [
            {"name": session.model.name, "delegated": delegated(session), "windows": windows[turn]}
            for turn, session in enumerate(sessions)
        ],
    }


def rotated(count: int, by: int) -> list[int]:
    """0..count-1, starting elsewhere every time."""
    return [(by + i) % count for i in range(count)]
