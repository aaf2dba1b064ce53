"""Accuracy and latency of one or more models by one code path, the models taking turns in windows.

Windows alternate and their order rotates, so that a drifting clock or a neighbour that wakes up meets all models alike.
MLPerf Tiny: several windows, the median. LiteRT's benchmark_model: a warm-up of at least 0.5 s, invoke() alone timed.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from statistics import median_low
from time import perf_counter
from typing import TYPE_CHECKING, Any

from edgedigits_runner import SCHEMA
from edgedigits_runner.arrays import encode, encode_ns
from edgedigits_runner.environment import environment
from edgedigits_runner.evaluation import Evaluation, answers, read_evaluation
from edgedigits_runner.interpreters import Runtime, load_runtime, plain_errors
from edgedigits_runner.jobs import BenchJob, ModelFile, read_bench_job
from edgedigits_runner.preprocess import prepare
from edgedigits_runner.session import Session, check_file, classify, delegated, open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_LAPS = 10
_IMAGES_IN_TURN = 64

Say = Callable[[str], None]


def bench(job_path: Path, say: Say) -> dict[str, Any]:
    """The whole result as JSON; RunnerError where the job, a model, the data or the runtime can't be used."""
    job = read_bench_job(job_path)
    for model in job.models:
        check_file(model)
    evaluation = read_evaluation(job.eval_path)
    runtime = load_runtime(job.runtime)
    say(f"{runtime}: {len(evaluation.labels)} images, {len(job.models)} models")
    return {
        "schema": SCHEMA,
        "kind": "bench",
        "environment": environment(runtime),
        "labels": encode(evaluation.labels),
        "image_shape": list(evaluation.shape),
        "models": [_accuracy(runtime, model, job, evaluation, say) for model in job.models],
        "latency": [_latency(runtime, threads, job, evaluation, say) for threads in job.threads],
    }


def _accuracy(runtime: Runtime, model: ModelFile, job: BenchJob, evaluation: Evaluation, say: Say) -> dict[str, Any]:
    session = open_session(runtime, model, job.threads[0], evaluation.shape)
    say(f"accuracy of {model.name}")
    with plain_errors(model.path, runtime):
        found = answers(session, evaluation)
    return {
        "name": model.name,
        "sha256": model.sha256,
        "input": dict(vars(session.source)),
        "output": dict(vars(session.sink)),
        "answers": found,
    }


def _latency(runtime: Runtime, threads: int, job: BenchJob, evaluation: Evaluation, say: Say) -> dict[str, Any]:
    """Windows of every model at one number of threads."""
    first = evaluation.images[:_IMAGES_IN_TURN]
    sessions = [open_session(runtime, model, threads, evaluation.shape) for model in job.models]
    tensors = [prepare(first, session.source, session.model.scale) for session in sessions]
    windows: list[list[dict[str, Any]]] = [[] for _ in sessions]
    gc.collect()
    gc.disable()
    try:
        for turn in range(len(sessions)):
            _laps(sessions[turn], tensors[turn], job.warmup_s)
        for number in range(job.windows):
            say(f"latency, {threads} thread(s), window {number + 1} of {job.windows}")
            for turn in rotated(len(sessions), number):
                windows[turn].append(_window(sessions[turn], tensors[turn], job.window_s))
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


def _window(session: Session, tensors: NDArray[Any], seconds: float) -> dict[str, Any]:
    classify(session, tensors[0])  # not counted: it meets the caches as the other model left them
    laps, calls = _laps(session, tensors, seconds)
    return {"laps_ns": encode_ns(laps), "call_p50_ns": median_low(calls)}


def _laps(session: Session, tensors: NDArray[Any], seconds: float) -> tuple[list[int], list[int]]:
    """(ns of invoke() alone, ns of the whole call) of every lap in that time, 10 laps at least."""
    laps: list[int] = []
    calls: list[int] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(laps) < _LEAST_LAPS:
        _, invoke_ns, call_ns = classify(session, tensors[len(laps) % len(tensors)])
        laps.append(invoke_ns)
        calls.append(call_ns)
    return laps, calls
