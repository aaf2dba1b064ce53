"""What the numbers were measured on; what a system does not tell is None."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from edgedigits_runner.interpreters import Runtime

_CLOCK = "/sys/devices/system/cpu/cpu0/cpufreq/"


def environment(runtime: Runtime) -> dict[str, Any]:
    """JSON-safe; the unit is in the key."""
    clock = _line(_CLOCK + "scaling_cur_freq")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "board": _line("/proc/device-tree/model"),
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "numpy": np.__version__,
        "runtime": runtime.name,
        "runtime_version": runtime.version,
        "load_average": list(os.getloadavg()),
        "governor": _line(_CLOCK + "scaling_governor"),
        "clock_khz": int(clock) if clock else None,
    }


def cpu_model() -> str | None:
    """The name /proc/cpuinfo gives; None where it gives none (64-bit ARM)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)


def _line(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\0 \n") or None
    except OSError:
        return None
