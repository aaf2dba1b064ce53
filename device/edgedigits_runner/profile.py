"""What each operator of a model takes: files of one operator each, and the whole model, timed in turns.

The host cuts the operators out, for that takes more than NumPy. All files take turns, inference by inference, so that each
finds its weights where they lie inside a net; what it reads and writes is touched before, as the operator before it would
have. Windows are watched, and measured again, as those of `bench`.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner import SCHEMA
from edgedigits_runner.environment import environment
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.jobs import read_profile_job, read_tries_job
from edgedigits_runner.pinning import pin
from edgedigits_runner.timings import drawn, open_net, take_turns
from edgedigits_runner.trial import Trial, try_files
from edgedigits_runner.windows import Repeats, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgedigits_runner.jobs import ProfileJob

    Say = Callable[[str], None]

_WARMUP_S = 0.2
_ALONE = 0.05  # of a window, for each file that takes no turns


def profile(job_path: Path, say: Say) -> dict[str, Any]:
    """Of each file why it can't be run, or its median in ns in each window; RunnerError where the whole model can't be run."""
    job = read_profile_job(job_path)
    runtime = load_runtime(job.runtime)
    pin(job.pin)
    measured_on = environment(runtime)  # before there is load of our own
    say(f"{runtime}: trying {len(job.files)} files")
    trials = try_files(runtime.name, job.files)
    if trials[0].reason:
        raise RunnerError("model", f"{job.names[0]}: {_why(job.names, trials)}")
    running = [at for at, trial in enumerate(trials) if not trial.reason]
    nets = {at: _Net(open_net(runtime, job.files[at])) for at in running}
    return {
        "schema": SCHEMA,
        "kind": "profile",
        "environment": measured_on,
        "pin": job.pin,
        "files": [_told(trial, path) for trial, path in zip(trials, job.files)],  # noqa: B905  # Python 3.9
        "timed": running,
        "windows": _windows(nets, job, say),
    }


class _Net:
    """An interpreter, and the inputs that it is handed before each turn."""

    def __init__(self, net: Any) -> None:
        rng = np.random.default_rng(0)
        self._net, self.invoke = net, net.invoke
        self._inputs = [(one["index"], drawn(rng, one)) for one in net.get_input_details()]
        self._outputs = [one["index"] for one in net.get_output_details()]

    def hand_over(self) -> None:
        """Puts inputs and outputs into the cache."""
        for index, values in self._inputs:
            self._net.set_tensor(index, values)
        for index in self._outputs:
            self._net.get_tensor(index)


def tries(job_path: Path, say: Say) -> dict[str, Any]:
    """Of each file why it can't be run, and which operators XNNPACK takes; nothing is timed."""
    name, files = read_tries_job(job_path)
    runtime = load_runtime(name)
    say(f"{runtime}: trying {len(files)} files")
    told = [_told(trial, path) for trial, path in zip(try_files(runtime.name, files), files)]  # noqa: B905  # Python 3.9
    return {"schema": SCHEMA, "kind": "tries", "files": told}


def _told(trial: Trial, path: Path) -> dict[str, Any]:
    """The sentence without the path, which says nothing elsewhere."""
    taken = None if trial.taken is None else list(trial.taken)
    return {"reason": trial.reason.replace(f"{path.name}: ", "", 1), "taken": taken}


def _why(names: Sequence[str], trials: Sequence[Trial]) -> str:
    """Why the whole can't be run, and which operator alone can't either."""
    culprits = [name for name, trial in zip(names, trials) if trial.died][1:]  # noqa: B905  # Python 3.9
    if not trials[0].died:
        return trials[0].reason.partition(": ")[2] or trials[0].reason
    alone = f" (so it does of {', '.join(culprits[:3])} alone)" if culprits else ""
    return f"{trials[0].reason} of it{alone}; try another --runtime, or export it otherwise"


def _windows(nets: dict[int, _Net], job: ProfileJob, say: Say) -> list[dict[str, Any]]:
    """The medians of each window, in the order of `nets`."""
    alone = [at for at in nets if at in job.alone]
    turning = [at for at in nets if at not in alone]

    def timed(seconds: float) -> dict[str, Any]:
        rounds = take_turns([nets[at] for at in turning], seconds, _Net.hand_over)
        medians = dict(zip(turning, np.median(rounds, axis=0).tolist()))  # noqa: B905  # Python 3.9
        for at in alone:
            medians[at] = float(np.median(take_turns([nets[at]], seconds * _ALONE)))
        return {"rounds": len(rounds), "median_ns": [medians[at] for at in nets]}

    repeats, windows = Repeats(job.windows), []
    gc.collect()
    gc.disable()
    try:
        take_turns(list(nets.values()), _WARMUP_S)
        for number in range(job.windows):
            say(f"{len(nets)} files take turns, window {number + 1} of {job.windows}")
            windows.append(watched(timed, job.window_s, repeats))
    finally:
        gc.enable()
    return windows
