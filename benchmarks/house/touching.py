"""The files that a new thing takes, and the tests that add one of each while they run: a row that fell is not met."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class New:
    """What is touched for a new `kind` of thing, `name` being its own; the test that adds a toy and goes the whole way."""

    kind: str
    most: int
    files: tuple[str, ...]
    shown_by: str


NEW = (
    New("stage", 2, ("edgedigits/stages/{name}.py", "edgedigits/pipeline/recipe.py"), "tests/test_new_rows.py"),
    New(
        "export", 2, ("edgedigits/pipeline/export/{name}.py", "edgedigits/pipeline/recipe.py"), "tests/test_new_rows.py"
    ),
    New(
        "runtime",
        3,
        (
            "device/edgedigits_runner/runtimes.py",
            "edgedigits/measure/runtimes/pins.py",
            "edgedigits/measure/runtimes/wheels.json",
        ),
        "tests/test_runtimes.py",
    ),
    New(
        "task",
        3,
        ("edgedigits/tasks/kinds/{name}.py", "edgedigits/tasks/kinds/table.py", "device/edgedigits_runner/tasks.py"),
        "tests/test_new_task.py",
    ),
)


def touched(root: Path, new: New) -> int | None:
    """How many files; None where one of them is not there, or the test that shows it fails."""
    there = all((root / name).exists() for name in new.files if "{" not in name)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", new.shown_by]
    shown = there and subprocess.run(command, cwd=root, capture_output=True, check=False).returncode == 0
    return len(new.files) if shown else None
