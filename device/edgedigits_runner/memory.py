"""A bound on the memory of this process: what would go beyond it fails as an allocation, not as the whole process."""

from __future__ import annotations

import ctypes
import resource
import threading
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt(3)
_LARGE = 2**20


def bound_memory(growth_bytes: int) -> None:
    """From now on no more than so many bytes beyond what is held; large pieces go back to the system when they are freed.

    Where the system can't do either, it stays as it is: Linux with glibc can.
    """
    with suppress(AttributeError, OSError):
        for setting, value in ((_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE), (_ARENA_MAX, 2)):
            ctypes.CDLL(None).mallopt(setting, value)
    threading.stack_size(2 * 2**20)  # every thread's stack counts; the parser of .npy headers takes almost 1 MiB
    with suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = _held() + growth_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if most < 0 else min(wanted, most), most))


def _held() -> int:
    """Bytes of data and stacks, as the limit counts them; OSError or ValueError where that is not told."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    raise ValueError("no VmData")
