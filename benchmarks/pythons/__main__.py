"""Tries every Python that the package takes: an environment of requirements.lock, the wheel, a newcomer's commands, tests.

    python -m benchmarks.pythons [PYTHON ...]

A PYTHON is a path, or ROOT:PATH for one in another system's root folder. Without any, the first of each series on PATH or of
pyenv is taken. Writes `benchmarks/results/pythons.json`; the environments are kept in the cache. The exit code is 1 when a
command or a test failed, or a Python that the package takes was not tried.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.document import document, save, target
from benchmarks.peers.environments import PeerError, find_uv
from benchmarks.pythons import environment, story
from benchmarks.pythons.interpreters import ROOT, Interpreter, PythonError, declared, on_path, series
from edgedigits.ground.cache_dir import find_cache_dir

RESULT = ROOT / "benchmarks" / "results" / "pythons.json"

say = functools.partial(print, flush=True)


def measure(pythons: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """After each Python: a row for every one so far, and one for each that the package takes and was not tried; oldest first."""
    homes = find_cache_dir().resolve() / "pythons"
    homes.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edgedigits-pythons-") as name:
        folder = Path(name)
        wheel = environment.build_wheel(folder / "wheel")
        shared = (ROOT, homes, folder, find_uv(say).resolve().parent)
        rows: list[dict[str, Any]] = []
        for text in pythons:
            rows.append(_row(Interpreter.read(text, *shared), homes, folder, wheel))
            yield sorted([*rows, *_missing(rows)], key=lambda row: series(row["python"]))


def _missing(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each Python that the package takes and that was not at hand."""
    tried = {series(row["python"]) for row in rows}
    return [
        {"python": f"{major}.{minor}", "reason": "no such Python was at hand"}
        for major, minor in declared()
        if (major, minor) not in tried
    ]


def _row(interpreter: Interpreter, homes: Path, folder: Path, wheel: Path) -> dict[str, Any]:
    """What one Python did; with a reason where it could not be tried."""
    facts = interpreter.facts()
    say(f"Python {facts['python']} from {facts['from']}")
    own = folder / facts["python"]
    own.mkdir()
    try:
        made = environment.make(interpreter, homes / facts["python"], wheel, say)
    except (PythonError, PeerError) as error:
        return {**facts, "reason": str(error)}
    row = {
        **facts,
        "made": made.facts,
        "packages": environment.packages(made, say),
        "import_s": story.import_seconds(made),
        "story": story.tell(made, own),
        "tests": story.run_tests(made),
    }
    for one in row["story"]:
        say(f"  {one['code']} {one['seconds']:6.1f} s  {one['command']}  {one.get('said', '')}")
    say(f"  {row['tests']['code']} {row['tests']['seconds']:6.1f} s  {row['tests']['counts']} {row['tests']['fell']}")
    return row


def targets(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For every Python that the package takes: nothing fails on it."""
    found = []
    for one in declared():
        own = [row for row in rows if series(row["python"]) == one]
        got = sum(map(_failures, own)) if all("story" in row for row in own) else None
        name = f"Python {one[0]}.{one[1]}: commands and tests that fail"
        found.append(target(name, "0", got, "", got == 0))
    return found


def _failures(row: dict[str, Any]) -> int:
    fell = len(row["tests"]["fell"]) or int(row["tests"]["code"] != 0)
    return len([one for one in row["story"] if one["code"]]) + fell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    pythons = parser.parse_args().pythons or on_path(os.environ)
    rows: list[dict[str, Any]] = []
    try:
        for rows in measure(pythons):  # written after each: one takes minutes
            save(RESULT, document("python -m benchmarks.pythons", targets(rows), rows=rows))
    except PythonError as error:
        sys.exit(str(error))
    sys.exit(int(not rows or not all(one["met"] for one in targets(rows))))


if __name__ == "__main__":
    main()
