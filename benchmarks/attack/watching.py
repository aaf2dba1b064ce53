"""Processes and what came from them: how much memory each takes, and their end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

MOST_BYTES = 2 * 2**30
"""No process may take more."""


def business() -> float:
    """How many processes want each core, from 1 to 4: where others work too, everything may take so much longer."""
    return min(4.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def tree(pid: int) -> list[int]:
    """The process and all that came from it, as far as they still hang together."""
    found = [pid]
    for parent in found:
        try:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        except OSError:  # it, or a thread of it, has ended meanwhile
            continue
    return found


def largest(pid: int) -> int:
    """Bytes of memory of the largest of the process and those that came from it."""
    return max(map(_resident, tree(pid)), default=0)


def end_all(pid: int) -> None:
    """Kills the process and those that came from it."""
    for one in reversed(tree(pid)):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _resident(pid: int) -> int:
    """Bytes of memory; 0 of a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
