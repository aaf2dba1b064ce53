"""Files that a reader met with something else than one sentence: every command that reads such a file, on each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.document import target
from benchmarks.faults.scene import Scene, Targets
from benchmarks.faults.tries import TRIES, Try

LIMIT_S = 10.0
"""Above what the same command takes for a right file."""


def broken(scene: Scene, corpus: Path) -> tuple[Targets, list[dict[str, Any]]]:
    """(targets, how every command ended); `corpus` holds right files, as the attack makes them."""
    allowed: dict[str, float] = {}
    rows = []
    for path in sorted((scene.cases / "broken").iterdir()):
        for one in TRIES.get(path.suffix, ()):
            if one.name not in allowed:
                allowed[one.name] = _allowed(scene, one, corpus)
            ended = one.start(scene, path, corpus, 3 * allowed[one.name])
            late = f"took {ended.seconds:.1f} s" if ended.seconds > allowed[one.name] else ""
            found = ended.as_json()
            rows.append({"file": path.name, "reader": one.name, **found, "fault": found["fault"] or late})
    wrong = [f"{row['file']}, {row['reader']}: {row['fault']}" for row in rows if row["fault"]]
    return [
        target("broken/: commands that ended wrongly", "0", len(wrong), f"of {len(rows)}", not wrong) | {"which": wrong}
    ], rows


def _allowed(scene: Scene, one: Try, corpus: Path) -> float:
    """Seconds: what a right file takes, and the limit."""
    ended = one.start(scene, corpus / one.right, corpus, 30 * LIMIT_S)
    if ended.fault:
        scene.say(f"{one.name}: a right file ended wrongly, too: {ended.fault}")
    return ended.seconds + LIMIT_S
