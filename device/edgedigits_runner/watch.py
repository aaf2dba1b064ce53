"""A folder watched by looking into it: no inotify, so that it works on network and memory-card file systems alike."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from types import FrameType

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import joined

LOOK_S = 0.1
STILL_S = 0.5

_State = tuple[int, int, int]


class _Ended(BaseException):
    """SIGTERM came."""


def new_files(folder: str) -> Iterator[str]:
    """Every file that comes into the folder from now on, once, when it is whole; it goes on until it is interrupted.

    Whole: its size and time have stood still for half a second. A file written anew is new. Names that begin with "." or
    end in ".part" are files still on their way. RunnerError "data" where the folder is not there, or no longer.
    """
    done = _states(folder)
    changed: dict[str, tuple[_State, float]] = {}
    while True:
        states = _states(folder)
        now = monotonic()
        done = {name: state for name, state in done.items() if name in states}
        waiting = {name: state for name, state in states.items() if done.get(name) != state}
        changed = {name: _since(changed.get(name), state, now) for name, state in waiting.items()}
        for name in sorted(name for name, (_, since) in changed.items() if now - since >= STILL_S):
            done[name] = changed.pop(name)[0]
            yield joined(folder, name)
        sleep(LOOK_S)


@contextmanager
def until_ended() -> Iterator[None]:
    """SIGTERM or Ctrl-C ends the block, and that is no error."""

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # told twice, it ends once
        raise _Ended

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except (_Ended, KeyboardInterrupt):
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _since(known: tuple[_State, float] | None, state: _State, now: float) -> tuple[_State, float]:
    """Since when a file has been as it is."""
    return known if known is not None and known[0] == state else (state, now)


def _states(folder: str) -> dict[str, _State]:
    """(inode, size, time of change) of every file that is not marked as on its way."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and not entry.name.endswith(".part"):
                    state = _state(entry)
                    if state is not None:
                        found[entry.name] = state
    except OSError as error:
        raise RunnerError(
            "data", f"{folder}: can't be watched ({error.strerror}); name a folder that is there"
        ) from error
    return found


def _state(entry: os.DirEntry[str]) -> _State | None:
    try:
        status = entry.stat()
        return (status.st_ino, status.st_size, status.st_mtime_ns) if entry.is_file() else None
    except OSError:  # gone since it was listed
        return None
