"""What the numbers were measured on; what a system does not tell is None."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from edgedigits_runner.conditions import SYSTEM, clocks_khz, governor
from edgedigits_runner.interpreters import Runtime
from edgedigits_runner.system_files import board, field, instruction_sets
from edgedigits_runner.timer import timer_ns

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # before any pinning


def environment(runtime: Runtime) -> dict[str, Any]:
    """JSON-safe; the unit is in the key. `timer_ns` is what reading the clock twice adds to every lap."""
    clocks = clocks_khz(SYSTEM) or [None]
    return {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "platform": _platform(),
        "machine": os.uname().machine,
        "board": board(),
        "cpu": field("/proc/cpuinfo", "model name"),
        "instruction_sets": instruction_sets(),
        "cpus": _CORES,
        "numpy": np.__version__,
        "runtime": runtime.name,
        "runtime_version": runtime.version,
        "load_average": list(os.getloadavg()),
        "governor": governor(SYSTEM),
        "clock_khz": clocks[0],
        "timer_ns": timer_ns(),
    }


def _platform() -> str:
    """The kernel and the C library; the module platform would start programs to find them out."""
    system = os.uname()
    kernel = f"{system.sysname}-{system.release}-{system.machine}"
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return kernel
    return f"{kernel}-with-{(os.confstr('CS_GNU_LIBC_VERSION') or 'unknown libc').replace(' ', '')}"
