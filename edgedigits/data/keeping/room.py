"""How much memory and how much disk decoded images may take, so that nothing else lacks it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SHARE = 4
"""One part in so many of what is free."""
_CGROUP = Path("/sys/fs/cgroup")


def find_memory_room() -> int:
    """Bytes of memory: a quarter of what is free, of the machine or of its container if that has less; 0 where none is told."""
    return min([_read_machine(), *_read_container()]) // _SHARE


def find_disk_room(folder: Path) -> int:
    """Bytes on the disk of a folder: a quarter of what is free; 0 where that can't be told."""
    try:
        return shutil.disk_usage(folder).free // _SHARE
    except OSError:
        return 0


def _read_machine() -> int:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (OSError, ValueError):
        return 0


def _read_container() -> list[int]:
    """What is left of a bound of control groups, version 2; none where there is no bound."""
    try:
        most = (_CGROUP / "memory.max").read_text("ascii").strip()
        return [max(0, int(most) - int((_CGROUP / "memory.current").read_text("ascii")))] if most != "max" else []
    except (OSError, ValueError):
        return []
