"""Measure whether the faults that users met are mended, and write it down.

    python -m benchmarks.faults --cases DIR [--only SECTION,...] [--case NAME,...] [--seed N] [--count N] [--seconds S]

Writes `benchmarks/results/faults.json`. Sections are cases, attack, kills and children; with --only the others stay as an
earlier run left them, and each section says by which command and commit it was measured. DIR holds the cases: scripts that make
a model and data in the folder they are started in and print what Keras says of them, and in `broken/` files that a reader fell
over. Ends with 1 where a target of what was measured is not met.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.document import document, save
from benchmarks.faults.sections import BROKEN, CASES, FILES, SECTIONS, Wish

RESULT = Path(__file__).parents[1] / "results" / "faults.json"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def measured(wish: Wish, names: list[str], command: str) -> dict[str, Any]:
    """Section to what was found of it, and where it was measured."""
    found = {}
    for name in names:
        targets, raw = SECTIONS[name](wish, say)
        whole = document(command, _without(targets, str(wish.cases)), raw=_without(raw, str(wish.cases)))
        found[name] = {key: whole[key] for key in ("command", "commit", "machine", "targets", "raw")}
    return found


def _without(raw: Any, cases: str) -> Any:
    """The folder of the cases by the name that the command gives it, wherever a message holds it."""
    if isinstance(raw, dict):
        return {key: _without(value, cases) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_without(value, cases) for value in raw]
    return raw.replace(cases, "DIR") if isinstance(raw, str) else raw


def composed(before: dict[str, Any], now: dict[str, Any], command: str) -> dict[str, Any]:
    """The document: all targets in front, the sections behind."""
    merged = {**before, **now}
    parts = {name: merged[name] for name in SECTIONS if name in merged}
    return document(command, [row for part in parts.values() for row in part["targets"]], sections=parts)


def _wish(given: argparse.Namespace, work: Path) -> Wish:
    names = tuple(filter(None, given.case.split(",")))
    if unknown := [name for name in names if name not in (*CASES, BROKEN)]:
        sys.exit(f"faults: no case {unknown[0]}; choose from {', '.join((*CASES, BROKEN))}")
    return Wish(given.cases, work, names, given.seed, given.count, given.seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, metavar="DIR")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, comma between them (%(default)s)")
    parser.add_argument("--case", default="", help="only these cases, comma between them; nothing is written then")
    parser.add_argument("--seed", type=int, default=0, help="of the attack")
    parser.add_argument("--count", type=int, default=FILES, help="files of the attack (%(default)s)")
    parser.add_argument("--seconds", type=float, default=900.0, help="of the attack, at most (%(default)s)")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    names = given.only.split(",")
    if unknown := [name for name in names if name not in SECTIONS]:
        sys.exit(f"faults: no section {unknown[0]}; choose from {', '.join(SECTIONS)}")
    only = "" if names == list(SECTIONS) else f" --only {given.only}"
    command = f"python -m benchmarks.faults --cases DIR{only}"
    with tempfile.TemporaryDirectory(prefix="edgedigits-faults-") as work:
        now = measured(_wish(given, Path(work)), names, command)
    if given.case:
        print(json.dumps(now, indent=1))
    else:
        before = json.loads(given.out.read_text())["sections"] if given.out.is_file() else {}
        save(given.out, composed(before, now, command))
    return int(any(not row["met"] for part in now.values() for row in part["targets"]))


if __name__ == "__main__":
    sys.exit(main())
