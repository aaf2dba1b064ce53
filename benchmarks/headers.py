"""Write into the head of each recipe what it is for and what it reached, from `results/pays.json`.

    python -m benchmarks.headers [--check]

The block is the run of comment lines at the very top that begins with the mark below; nothing else in the file is touched. With
--check nothing is written, and the exit code is 1 when a head is not what it should be.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.pays_table import reached
from edgedigits.pipeline.recipe import load_recipe

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "pays.json"
RECIPES = ROOT / "recipes"
MARK = "# Written by `python -m benchmarks.headers` from benchmarks/results/pays.json."


def header(purpose: str, lines: list[str]) -> str:
    """The block, with the empty line that ends it."""
    text = [MARK, f"# For: {purpose}", f"# Reached: {lines[0]}", *(f"#   {line}" for line in lines[1:])]
    return "\n".join(text) + "\n\n"


def with_header(text: str, block: str) -> str:
    """A recipe's text with `block` at its head, in place of the one that stood there."""
    return block + without_header(text)


def without_header(text: str) -> str:
    """A recipe's text without the block; comments that were written by hand stay."""
    if not text.startswith(MARK):
        return text
    lines = text.splitlines(keepends=True)
    end = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[end:]).lstrip("\n")


def wanted(document: dict[str, Any] | None, folder: Path = RECIPES) -> dict[Path, str]:
    """What every recipe's file should hold; the baseline's own net decides where a recipe was measured on several."""
    rows = {row["recipe"]: row for row in reversed(document["rows"])} if document else {}
    found = {}
    for path in sorted(folder.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        row = rows.get(path.stem)
        if row is None:
            found[path] = without_header(text)
            continue
        lines = reached(row)
        found[path] = with_header(text, header(load_recipe(str(path)).purpose, lines))
    return found


def kept() -> dict[str, Any] | None:
    """The document, if it was written."""
    return json.loads(RESULT.read_text()) if RESULT.is_file() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    changed = {path: text for path, text in wanted(kept()).items() if path.read_text(encoding="utf-8") != text}
    if given.check:
        sys.exit(int(bool(changed)))
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
