"""The JSON that a benchmark leaves: what was to be reached, what was, on which machine, and the raw measurements."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def target(name: str, wanted: str, got: float | None, unit: str, met: bool) -> dict[str, Any]:
    """One line of what had to be reached; an unmet one stays in, unmet. `got` is None where nothing was measured."""
    return {"name": name, "wanted": wanted, "got": got, "unit": unit, "met": bool(met)}


def document(command: str, targets: list[dict[str, Any]], **raw: Any) -> dict[str, Any]:
    """The whole document; `command` is the one that makes it again."""
    machine = {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()}
    head = {"schema": 1, "command": command, "commit": find_commit(), "machine": machine}
    return {**head, "targets": targets, **raw}


def find_commit(folder: Path = Path(__file__).parent) -> str:
    """What is measured: the commit that is checked out there, else EDGEDIGITS_COMMIT, as a copy without a history needs it.

    Where neither tells, the reason stands in its place: results of an unknown commit are not to be told from others.
    """
    words = ["git", "rev-parse", "HEAD"]
    try:
        git = subprocess.run(words, capture_output=True, text=True, cwd=folder)
    except OSError as error:
        found, why = "", str(error.strerror)
    else:
        found, why = git.stdout.strip() if git.returncode == 0 else "", git.stderr.partition("\n")[0]
    return found or os.environ.get("EDGEDIGITS_COMMIT", "") or f"unknown ({why})"


def save(path: Path, whole: dict[str, Any]) -> None:
    """Writes it and prints the targets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1, default=_plain) + "\n")
    print_targets(whole["targets"])


def print_targets(targets: Iterable[Mapping[str, Any]]) -> None:
    """A line for each."""
    for row in targets:
        met = "met" if row["met"] else "NOT MET"
        print(f"{met:<8}{row['name']}: wanted {row['wanted']}, got {row['got']} {row['unit']}")


def save_section(path: Path, name: str, section: dict[str, Any]) -> None:
    """Puts one section into a document of several, which is made where there is none; the others stay as they are."""
    whole = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    whole[name] = section
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1, default=_plain) + "\n", encoding="utf-8")


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
