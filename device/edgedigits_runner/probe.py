"""One model alone in a fresh process: what loading costs, what the first answer costs, how much memory it takes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner import SCHEMA
from edgedigits_runner.environment import environment
from edgedigits_runner.interpreters import load_runtime, plain_errors
from edgedigits_runner.jobs import read_probe_job
from edgedigits_runner.preprocess import prepare
from edgedigits_runner.session import check_file, classify, open_session

if TYPE_CHECKING:
    from collections.abc import Callable

_STEADY_S = 0.2


def probe(job_path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Import, load, first inference, then 0.2 s of inferences; memory is that of the whole process, in KiB."""
    job = read_probe_job(job_path)
    check_file(job.model)
    runtime = load_runtime(job.runtime)
    imported_kib = resident_kib()
    say(f"probe of {job.model.name}, {job.threads} thread(s)")
    session = open_session(runtime, job.model, job.threads, job.image_shape)
    pixels = np.arange(int(np.prod(job.image_shape)), dtype=np.uint32).astype(np.uint8).reshape(1, *job.image_shape)
    with plain_errors(job.model.path, runtime):
        tensor = prepare(pixels, session.source, job.model.scale)[0]
        _, first_ns, _ = classify(session, tensor)
        end = perf_counter() + _STEADY_S
        while perf_counter() < end:
            classify(session, tensor)
    peak, source = peak_kib()
    return {
        "schema": SCHEMA,
        "kind": "probe",
        "environment": environment(runtime),
        "load_ns": session.load_ns,
        "first_ns": first_ns,
        "imported_kib": imported_kib,
        "peak_kib": peak,
        "peak_source": source,
    }


def peak_kib() -> tuple[int, str]:
    """(peak resident memory of this process in KiB, where it was read).

    VmHWM first: ru_maxrss survives exec, so a child of a big process inherits its parent's peak (getrusage(2)).
    """
    peak = _status_kib("VmHWM:")
    if peak is not None:
        return peak, "VmHWM"
    counted = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (counted // 1024 if sys.platform == "darwin" else counted), "ru_maxrss"


def resident_kib() -> int | None:
    """Resident memory of this process now in KiB; None where the system does not tell."""
    return _status_kib("VmRSS:")


def _status_kib(key: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), None)
