"""Measure whether the evidence is right, and write it down.

    python -m benchmarks.evidence [--only SECTION,...]

Writes `benchmarks/results/evidence.json`. With --only the other sections stay as an earlier run left them; each says by which
command and commit it was measured. Ends with 1 where a target of what was measured is not met.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.document import document, save
from benchmarks.evidence import gates, repair, report, runtimes, sensitivity, verify
from benchmarks.evidence.precision import int4

RESULT = Path(__file__).parents[1] / "results" / "evidence.json"
Section = Callable[[], tuple[list[dict[str, Any]], dict[str, Any]]]
SECTIONS: Final[dict[str, Section]] = {
    "verify": verify.measure,
    "gates": gates.measure,
    "int4": int4.measure,
    "repair": repair.measure,
    "sensitivity": sensitivity.measure,
    "runtimes": runtimes.measure,
    "report": report.measure,
}
"""By name: what measures it, and gives its targets and what is behind them."""


def measured(names: list[str], command: str) -> dict[str, Any]:
    """Section to what was found of it, and where it was measured."""
    found = {}
    for name in names:
        targets, raw = SECTIONS[name]()
        whole = document(command, targets, raw=raw)
        found[name] = {key: whole[key] for key in ("command", "commit", "machine", "targets", "raw")}
    return found


def composed(before: dict[str, Any], now: dict[str, Any], command: str) -> dict[str, Any]:
    """The document: all targets in front, the sections behind."""
    merged = {**before, **now}
    parts = {name: merged[name] for name in SECTIONS if name in merged}
    return document(command, [row for part in parts.values() for row in part["targets"]], sections=parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, comma between them (%(default)s)")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    names = given.only.split(",")
    if unknown := [name for name in names if name not in SECTIONS]:
        sys.exit(f"evidence: no section {unknown[0]}; choose from {', '.join(SECTIONS)}")
    only = "" if names == list(SECTIONS) else f" --only {given.only}"
    command = f"python -m benchmarks.evidence{only}"
    now = measured(names, command)
    before = json.loads(given.out.read_text())["sections"] if given.out.is_file() else {}
    save(given.out, composed(before, now, command))
    return int(any(not row["met"] for part in now.values() for row in part["targets"]))


if __name__ == "__main__":
    sys.exit(main())
