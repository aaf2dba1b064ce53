"""What is made once for all processes of a test run: the first that wants it makes it, the others wait and take it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def once(path: Path, make: Callable[[Path], object]) -> Path:
    """`path`, a file or a folder, made by one process: `make` writes it beside, under a name with the same ending."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            beside = path.with_name(f"new-{path.name}")
            make(beside)
            beside.rename(path)
    return path
