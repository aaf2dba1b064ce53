"""Which files of a folder are its images: walked to its depths, told by their first bytes, what is left out counted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from edgedigits_runner.files import open_regular
from edgedigits_runner.picture_kinds import HEAD_BYTES, SUFFIXES, kind_of

from edgedigits.data.sources.files.left_out import BESIDE, HIDDEN, NO_FILE, NO_IMAGE, LeftOut
from edgedigits.errors import DataError

OF_PROGRAMS = ("__macosx", "@eadir", "thumbs.db", "desktop.ini", "lost+found", "$recycle.bin")
"""What archives, desktops and file servers leave beside images; what begins with a dot goes with it."""


def is_ignored(name: str) -> bool:
    """Whether people don't mean it to be seen: .ipynb_checkpoints, ._1.png, __MACOSX."""
    return name.startswith(".") or name.lower() in OF_PROGRAMS


def list_subfolders(folder: Path, left: LeftOut | None = None) -> list[Path]:
    """Those that are meant to be seen, by name; what else lies there is counted in `left`."""
    found = []
    for path in sorted(_listed(folder)):
        if path.is_dir() and not is_ignored(path.name):
            found.append(path)
        elif left is not None:
            for file in walk_files(path) if path.is_dir() else (path,):
                left.add(HIDDEN if is_ignored(path.name) else BESIDE, file)
    return found


def list_images(folder: Path, left: LeftOut) -> list[Path]:
    """Every image in a folder and in all folders below it, links followed, sorted; the others are counted in `left`."""
    return sorted(path for path in walk_files(folder, left) if _is_image(path, left))


def walk_files(folder: Path, left: LeftOut | None = None) -> Iterator[Path]:
    """Files below a folder; those of hidden folders only count. Each folder once, whatever links lead to it."""
    seen: set[tuple[int, int]] = set()
    for name, below, files in os.walk(folder, followlinks=True, onerror=_unlistable):
        status = Path(name).stat()
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        if left is not None:
            for hidden in filter(is_ignored, below):
                for path in walk_files(Path(name) / hidden):
                    left.add(HIDDEN, path)
            below[:] = sorted(inner for inner in below if not is_ignored(inner))
        yield from (Path(name) / file for file in files)


def _is_image(path: Path, left: LeftOut) -> bool:
    """By its first bytes, or by a name that promises one: then it is for the decoder to say that it is none."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
        named = path.suffix.lower() in SUFFIXES
        if is_ignored(path.name):
            left.add(HIDDEN, path)
        elif not regular:
            left.add(NO_FILE, path)
        elif named or kind_of(_head(path)) is not None:
            return True
        else:
            left.add(NO_IMAGE, path)
    except OSError:
        left.add(NO_FILE, path)
    return False


def _head(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(HEAD_BYTES)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: can't be listed ({error.strerror}); mend its permissions") from error


def _unlistable(error: OSError) -> None:
    raise DataError(f"{error.filename}: can't be listed ({error.strerror}); mend its permissions") from error
