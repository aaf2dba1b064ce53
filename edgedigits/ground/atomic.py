"""Files and folders that appear whole or not at all: written beside their final name, brought to the disk, then swapped in.

A process that is killed at any point leaves the old or the new one whole, and what it was writing under a hidden name, which
the next write of the same thing clears. Only where kernel or file system can't exchange two folders in one step (`renameat2`) is
there a moment between two renames without the folder; a reader finds none then, and the next write puts the old one back.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgedigits.errors import ArtifactError
from edgedigits.ground.exchange import exchange, mark_machine
from edgedigits.ground.locks import locked, name_beside

_numbers = itertools.count()
_FEW = 200
"""So many files are brought to the disk one by one; more, as of a whole environment, with all that the system has."""
_OLD_S = 86400.0


def _refusal(path: Path, error: OSError) -> ArtifactError:
    why = error.strerror or str(error)
    return ArtifactError(f"{path}: can't be written ({why}); nothing was left there; choose another place or make room")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; it becomes `path` when the block ends well. Raises ArtifactError when writing fails."""
    part = _part(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        yield part
        _to_disk(part)
        part.replace(path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    _keep_names(path.parent)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill; it becomes `path`, replacing what stood there, when the block ends well.

    Several may write the same at once: the last one stays. Raises ArtifactError when writing fails.
    """
    part = _part(path)
    try:
        part.mkdir(parents=True)
        with locked(path):
            _clear(path)
        yield part
        _all_to_disk(part)
        with locked(path):
            _swap(part, path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        remove(part)
    _keep_names(path.parent)


def check_writable(folder: Path, name: str = "") -> None:
    """Raises ArtifactError now, before any long work, when files, or one of that `name`, can't be made in `folder` later."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        with suppress(FileNotFoundError):
            (folder / name).lstat()
    except OSError as error:
        raise _refusal(folder / name, error) from error


def remove(path: Path) -> None:
    """Removes a file, a link or a folder with all that is in it, if it is there and can be."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _part(path: Path) -> Path:
    suffix = path.suffix if len(path.suffix) < 20 else ""
    return name_beside(path, f".{mark_machine()}-{os.getpid()}-{next(_numbers)}.part{suffix}")


def _swap(part: Path, path: Path) -> None:
    """`part` becomes `path` and is gone; under the lock of `path`."""
    if not os.path.lexists(path):
        part.rename(path)
    elif not exchange(part, path):
        aside = name_beside(path, f".{mark_machine()}-{os.getpid()}-{next(_numbers)}.old")
        path.rename(aside)
        part.rename(path)
        remove(aside)


def _clear(path: Path) -> None:
    """Removes what dead runs left beside `path`; an old folder that one had put aside comes back where there is none."""
    head = name_beside(path, ".").name
    for item in path.parent.iterdir():
        if not item.name.startswith(head):
            continue
        found = re.fullmatch(r"([0-9a-f]{8})-(\d+)-\d+\.(part.*|old)", item.name.removeprefix(head))
        if found is None or not _is_dead(item, found[1], int(found[2])):
            continue
        if found[3] == "old" and not os.path.lexists(path):
            item.rename(path)
        else:
            remove(item)


def _is_dead(item: Path, machine: str, pid: int) -> bool:
    """Whether the process that wrote it is gone; of other machines, whose processes can't be asked for, after a day."""
    if machine != mark_machine():
        with suppress(OSError):
            return time.time() - item.lstat().st_mtime > _OLD_S
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _all_to_disk(folder: Path) -> None:
    items = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    if len(items) > _FEW:
        os.sync()
        return
    for item in items:
        _to_disk(item)
    for root, _, _ in os.walk(folder):
        _to_disk(Path(root))


def _to_disk(path: Path) -> None:
    """Nothing of a file, or of the names in a folder, is only in memory afterwards. OSError where it can't be written."""
    kind = path.lstat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems without it
            raise
    finally:
        os.close(descriptor)


def _keep_names(folder: Path) -> None:
    """The swap itself is brought to the disk; it has happened already, so that a failure changes nothing."""
    with suppress(OSError):
        _to_disk(folder)
