"""Files and folders that appear whole or not at all: written beside their final name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedigits.errors import ArtifactError


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def _refusal(path: Path, error: OSError) -> ArtifactError:
    why = error.strerror or str(error)
    return ArtifactError(f"{path}: can't be written ({why}); nothing was left there; choose another place or make room")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; it becomes `path` when the block ends well. Raises ArtifactError when writing fails."""
    part = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        part.unlink(missing_ok=True) if part.parent.is_dir() else None


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill; it becomes `path`, replacing what stood there, when the block ends well."""
    part = _beside(path)
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        shutil.rmtree(path, ignore_errors=True)
        part.replace(path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """Raises ArtifactError now, before any long work, when files can't be made in `folder` later."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _refusal(folder, error) from error
