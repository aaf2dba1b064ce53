"""A results document in sections, each measured by itself: targets in front, what is behind them after.

With --only the other sections stay as an earlier run left them; each says by which command and commit it was measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.document import document, save

Section = Callable[[], tuple[list[dict[str, Any]], dict[str, Any]]]
"""What measures it, and gives its targets and what is behind them."""


def measured(sections: Mapping[str, Section], names: list[str], command: str) -> dict[str, Any]:
    """Section to what was found of it, and where it was measured."""
    found = {}
    for name in names:
        targets, raw = sections[name]()
        whole = document(command, targets, raw=raw)
        found[name] = {key: whole[key] for key in ("command", "commit", "machine", "targets", "raw")}
    return found


def composed(order: list[str], before: dict[str, Any], now: dict[str, Any], command: str) -> dict[str, Any]:
    """The document: all targets in front, the sections behind."""
    merged = {**before, **now}
    parts = {name: merged[name] for name in order if name in merged}
    return document(command, [row for part in parts.values() for row in part["targets"]], sections=parts)


def run(program: str, about: str | None, sections: Mapping[str, Section], result: Path) -> int:
    """Measures what the command line asks for; 1 where a target of it is not met."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(sections), help="sections, comma between them (%(default)s)")
    parser.add_argument("--out", type=Path, default=result)
    given = parser.parse_args()
    names, order = given.only.split(","), list(sections)
    if unknown := [name for name in names if name not in sections]:
        sys.exit(f"{program}: no section {unknown[0]}; choose from {', '.join(sections)}")
    command = f"python -m {program}{'' if names == order else f' --only {given.only}'}"
    now = measured(sections, names, command)
    before = json.loads(given.out.read_text())["sections"] if given.out.is_file() else {}
    save(given.out, composed(order, before, now, command))
    return int(any(not row["met"] for part in now.values() for row in part["targets"]))
