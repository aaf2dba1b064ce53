"""How long small .tflite files take, one number each: operators cut out of a net, to foretell what a net of them takes.

The files take turns, window by window, and of a file's windows the fastest counts: what disturbs only ever adds.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner import SCHEMA
from edgedigits_runner.environment import environment
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.interpreters import Runtime, load_runtime, plain_errors
from edgedigits_runner.jobs import read_timings_job

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]

_LEAST_LAPS = 10
_MOST_LAPS = 20_000
_TOGETHER = 64  # files loaded at a time


def timings(job_path: Path, say: Say) -> dict[str, Any]:
    """For each file of the job the fastest window's median in ns, or None and the reason why it can't be run."""
    job = read_timings_job(job_path)
    runtime = load_runtime(job.runtime)
    found: list[dict[str, Any]] = []
    for start in range(0, len(job.files), _TOGETHER):
        loaded = [_load(runtime, path) for path in job.files[start : start + _TOGETHER]]
        nets = [net for net in loaded if not isinstance(net, str)]
        best = [float("inf")] * len(nets)
        for number in range(job.windows):
            say(f"operators {start + 1} to {start + len(loaded)} of {len(job.files)}, window {number + 1}")
            best = [min(known, _window(net, job.window_s)) for net, known in zip(nets, best)]  # noqa: B905
        times = iter(best)
        found += [
            {"ns": None, "reason": net} if isinstance(net, str) else {"ns": next(times), "reason": ""} for net in loaded
        ]
    return {"schema": SCHEMA, "kind": "timings", "environment": environment(runtime), "files": found}


def _load(runtime: Runtime, path: Path) -> Any:
    """An interpreter that has run once on random numbers, or why there is none."""
    try:
        with plain_errors(path.name, runtime):
            net = runtime.interpreter(model_path=str(path), num_threads=1)
            net.allocate_tensors()
            rng = np.random.default_rng(0)
            for source in net.get_input_details():
                net.set_tensor(source["index"], _drawn(rng, source))
            net.invoke()
    except RunnerError as error:
        return str(error)
    return net


def _drawn(rng: np.random.Generator, source: dict[str, Any]) -> Any:
    dtype = np.dtype(source["dtype"])
    if dtype.kind == "f":
        return rng.standard_normal(source["shape"]).astype(dtype)
    if dtype.kind == "b":
        return np.ones(source["shape"], dtype)
    if dtype.itemsize > 2:
        return np.zeros(source["shape"], dtype)  # indices and sizes: others may lie outside
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, source["shape"], dtype, endpoint=True)


def _window(net: Any, seconds: float) -> float:
    """The median of invoke() alone, in ns."""
    laps: list[int] = []
    end = perf_counter() + seconds
    while (perf_counter() < end or len(laps) < _LEAST_LAPS) and len(laps) < _MOST_LAPS:
        begun = perf_counter_ns()
        net.invoke()
        laps.append(perf_counter_ns() - begun)
    return float(np.median(laps))
