"""The JSON that a benchmark leaves: what was to be reached, what was, on which machine, and the raw measurements."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np


def target(name: str, wanted: str, got: float | None, unit: str, met: bool) -> dict[str, Any]:
    """One line of what had to be reached; an unmet one stays in, unmet. `got` is None where nothing was measured."""
    return {"name": name, "wanted": wanted, "got": got, "unit": unit, "met": bool(met)}


def document(command: str, targets: list[dict[str, Any]], **raw: Any) -> dict[str, Any]:
    """The whole document; `command` is the one that makes it again."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent)
    machine = {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()}
    head = {"schema": 1, "command": command, "commit": commit.stdout.strip(), "machine": machine}
    return {**head, "targets": targets, **raw}


def save(path: Path, whole: dict[str, Any]) -> None:
    """Writes it and prints the targets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1, default=_plain) + "\n")
    for row in whole["targets"]:
        met = "met" if row["met"] else "NOT MET"
        print(f"{met:<8}{row['name']}: wanted {row['wanted']}, got {row['got']} {row['unit']}")


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
