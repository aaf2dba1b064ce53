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
from edgedigits_runner.interpreters import Runtime, load_runtime, plain_errors
from edgedigits_runner.jobs import read_probe_job
from edgedigits_runner.pages import drop, resident_share
from edgedigits_runner.pinning import pin
from edgedigits_runner.preprocess import prepare
from edgedigits_runner.session import Session, check_file, classify, open_session

if TYPE_CHECKING:
    from collections.abc import Callable

_STEADY_S = 0.2


def probe(job_path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Import, load, first inference, then 0.2 s of inferences; memory is that of the whole process, in KiB.

    `model_resident_share` is how much of the model's file the page cache held when loading began. In a cold probe that
    is 0 where the system let go of the file; the interpreter's own code is in memory either way.
    """
    job = read_probe_job(job_path)
    check_file(job.model)
    runtime = load_runtime(job.runtime)
    pin(job.pin)
    imported_kib = resident_kib()
    say(f"probe of {job.model.name}, {job.threads} thread(s)" + (", cold" if job.cold else ""))
    if job.cold:
        drop(job.model.path)
    resident = resident_share(job.model.path)
    session = open_session(runtime, job.model, job.threads, job.image_shape)
    first_ns = _first_and_steady(session, runtime, job.image_shape)
    steady_kib = resident_kib()
    peak, source = peak_kib()
    return {
        "schema": SCHEMA,
        "kind": "probe",
        "environment": environment(runtime),
        "model_sha256": job.model.sha256,
        "threads": job.threads,
        "pin": job.pin,
        "cold": job.cold,
        "model_resident_share": resident,
        "load_ns": session.load_ns,
        "first_ns": first_ns,
        "imported_kib": imported_kib,
        "steady_kib": steady_kib,
        "peak_kib": peak,
        "peak_source": source,
    }


def _first_and_steady(session: Session, runtime: Runtime, image_shape: tuple[int, int, int]) -> int:
    """ns of the first invoke(); then more of them for a while."""
    pixels = np.arange(int(np.prod(image_shape)), dtype=np.uint32).astype(np.uint8).reshape(1, *image_shape)
    with plain_errors(session.model.path, runtime):
        tensor = prepare(pixels, session.source, session.model.scale)[0]
        _, first_ns, _ = classify(session, tensor)
        end = perf_counter() + _STEADY_S
        while perf_counter() < end:
            classify(session, tensor)
    return first_ns


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
