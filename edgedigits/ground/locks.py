"""One writer at a time, over processes: a lock file beside what is written, which the system takes from a process that dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedigits.errors import ArtifactError

PATIENCE_S = 60.0
"""How long one waits for the other; a folder is swapped in a moment, so that longer means a stopped process."""

LONGEST = 200
"""Bytes of a name that leave room for what is put around it."""


@contextmanager
def locked(
    path: Path,
    *,
    shared: bool = False,
    wait_s: float = PATIENCE_S,
    doing: str = "writes",
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Alone with `path`, or with other readers where `shared`; its folder must be there. `waiting` is called where one must.

    Raises ArtifactError when another process holds it for longer than `wait_s`; `doing` says what that one does.
    OSError where no lock file can be made.
    """
    file = name_beside(path, ".lock")
    descriptor = _held(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + wait_s, waiting)
    if descriptor is None:
        raise ArtifactError(f"{path}: another run {doing} it now; wait until it is done, or choose another place")
    try:
        yield
    finally:
        _let_go(file, descriptor)


def name_beside(path: Path, ending: str) -> Path:
    """A hidden file of that ending in the folder of `path`, whose name begins with that of `path` where both fit into one."""
    name = path.name if len(os.fsencode(path.name)) <= LONGEST else hashlib.sha256(os.fsencode(path.name)).hexdigest()
    return path.with_name(f".{name}{ending}")


def _held(file: Path, kind: int, until: float, waiting: Callable[[], None]) -> int | None:
    """An open, locked lock file that is still the one of that name; None when the time is over."""
    told = False
    while True:
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            while not _try(descriptor, kind):
                if time.monotonic() >= until:
                    os.close(descriptor)
                    return None
                if not told:
                    waiting()
                    told = True
                time.sleep(0.01)
            if _is_there(file, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the one who held it before has removed it


def _let_go(file: Path, descriptor: int) -> None:
    """Removes the lock file unless others hold or want it too, so that none are left lying about."""
    try:
        if _try(descriptor, fcntl.LOCK_EX) and _is_there(file, descriptor):
            file.unlink(missing_ok=True)
    except OSError:
        pass  # the folder can't be written any more: an empty file stays
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_there(file: Path, descriptor: int) -> bool:
    try:
        there, own = file.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)
