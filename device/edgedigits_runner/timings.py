"""How long small .tflite files take, one number each: operators cut out of a net, to foretell what a net of them takes.

The files take turns, inference by inference, so that each finds the caches as it would inside a net; and of its windows the
fastest counts: what disturbs only ever adds.
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

_LEAST_ROUNDS = 10


def timings(job_path: Path, say: Say) -> dict[str, Any]:
    """For each file of the job the fastest window's median in ns, or None and the reason why it can't be run."""
    job = read_timings_job(job_path)
    runtime = load_runtime(job.runtime)
    loaded = [open_net(runtime, path) for path in job.files]
    nets = [net for net in loaded if not isinstance(net, str)]
    best = np.full(len(nets), np.inf)
    for number in range(job.windows if nets else 0):
        say(f"{len(nets)} operators, window {number + 1} of {job.windows}")
        best = np.minimum(best, np.median(take_turns(nets, job.window_s * len(nets)), axis=0))
    times = iter(best.tolist())
    found = [
        {"ns": None, "reason": one} if isinstance(one, str) else {"ns": next(times), "reason": ""} for one in loaded
    ]
    return {"schema": SCHEMA, "kind": "timings", "environment": environment(runtime), "files": found}


def open_net(runtime: Runtime, path: Path) -> Any:
    """An interpreter that has run once on random numbers, or why there is none."""
    try:
        with plain_errors(path.name, runtime):
            net = runtime.interpreter(model_path=str(path), num_threads=1)
            net.allocate_tensors()
            rng = np.random.default_rng(0)
            for source in net.get_input_details():
                net.set_tensor(source["index"], drawn(rng, source))
            net.invoke()
    except RunnerError as error:
        return str(error)
    return net


def drawn(rng: np.random.Generator, source: dict[str, Any]) -> Any:
    """Random numbers as an input takes them."""
    dtype = np.dtype(source["dtype"])
    if dtype.kind == "f":
        return rng.standard_normal(source["shape"]).astype(dtype)
    if dtype.kind == "b":
        return np.ones(source["shape"], dtype)
    if dtype.itemsize > 2:
        return np.zeros(source["shape"], dtype)  # indices and sizes: others may lie outside
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, source["shape"], dtype, endpoint=True)


def take_turns(nets: list[Any], seconds: float, ready: Callable[[Any], None] = lambda _: None) -> Any:
    """The ns of invoke() alone of each, inference by inference in turn, int64 [rounds, nets]; 10 rounds at least.

    `ready` is called with a net before each of its turns.
    """
    rounds: list[list[int]] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(rounds) < _LEAST_ROUNDS:
        laps = []
        for net in nets:
            ready(net)
            begun = perf_counter_ns()
            net.invoke()
            laps.append(perf_counter_ns() - begun)
        rounds.append(laps)
    return np.array(rounds)
