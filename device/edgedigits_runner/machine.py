"""What this machine is, told by the standard library alone, so that it is told even where NumPy is missing."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from edgedigits_runner.conditions import SYSTEM, throttled
from edgedigits_runner.system_files import board, field, text

_THROTTLING = ("under-voltage", "clock capped", "throttled", "soft temperature limit")
_SINCE_START = 16


def machine(folder: str) -> dict[str, Any]:
    """JSON-safe, the unit in the key; what the system does not tell is None. Disk is that of `folder`."""
    flags = throttled(SYSTEM)
    return {
        "board": board(),
        "os": _release_name(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "libc": _libc(),
        "memory_kib": _kib("MemTotal"),
        "memory_available_kib": _kib("MemAvailable"),
        "disk_free_kib": _disk_free_kib(folder),
        "throttled": flags,
        "throttled_now": None if flags is None else throttling(flags),
        "throttled_since_start": None if flags is None else throttling(flags >> _SINCE_START),
    }


def throttling(flags: int) -> list[str]:
    """The low four bits of `vcgencmd get_throttled` in words."""
    return [name for bit, name in enumerate(_THROTTLING) if flags >> bit & 1]


def _release_name() -> str:
    """As /etc/os-release has it, else the kernel's name."""
    lines = (text("/etc/os-release") or "").splitlines()
    named = next((line.partition("=")[2] for line in lines if line.startswith("PRETTY_NAME=")), "")
    return named.strip("\"'") or platform.platform()


def _libc() -> str | None:
    """ "glibc 2.36" or "musl"; None elsewhere."""
    try:
        found = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, OSError, ValueError):
        found = None
    return found or ("musl" if any(Path("/lib").glob("ld-musl-*")) else None)


def _kib(key: str) -> int | None:
    words = (field("/proc/meminfo", key) or "").split()
    return int(words[0]) if words and words[0].isdigit() else None


def _disk_free_kib(folder: str) -> int | None:
    try:
        status = os.statvfs(folder)
    except (AttributeError, OSError):
        return None
    return status.f_bavail * status.f_frsize // 1024
