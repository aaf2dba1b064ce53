"""Measure how the house is built, and write it down.

    python -m benchmarks.house

Writes `benchmarks/results/house.json`. Imports are counted against the tables in `tests/test_rooms.py`. Ends with 1 where a
target is not met.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.document import document, save, target
from benchmarks.house.counting import any_per_thousand, defined_twice, entries, fullest
from benchmarks.house.reading import House
from tests.test_rooms import MAY, MOST_ENTRIES, MOST_FILES, WITHIN

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "house.json"
MOST_FOLDERS, MOST_ANY = 9, 10


def measured(house: House) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The targets, and what is behind them by name."""
    files, folders = entries(house.toolkit)
    full, most = fullest(house.toolkit)
    wrong, circles = house.wrong_rooms(MAY) + house.wrong_folders(WITHIN), house.circles()
    count, lines, rate = any_per_thousand(house.toolkit)
    rows = (
        ("entries in edgedigits/", MOST_ENTRIES, files + folders, ""),
        ("folders at the top of edgedigits/", MOST_FOLDERS, folders, ""),
        ("circles of imports", 0, len(circles), ""),
        ("imports that run back up", 0, len(wrong), ""),
        ("files in the fullest folder", MOST_FILES, most, ""),
        ("Any per 1,000 lines", MOST_ANY, round(rate, 2), ""),
    )
    raw = {
        "modules": len(house.modules),
        "imports": sum(map(len, house.imports.values())),
        "files_at_the_top": files,
        "fullest_folder": full,
        "circles": circles,
        "back_up": sorted(wrong),
        "any": {"count": count, "lines": lines, "counted": "names in the code; no imports, no texts; all lines"},
        "defined_more_than_once": defined_twice(house.toolkit),
    }
    return [target(name, f"<= {most}", got, unit, got <= most) for name, most, got, unit in rows], raw


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULT)
    out = parser.parse_args().out
    targets, raw = measured(House(ROOT))
    save(out, document("python -m benchmarks.house", targets, **raw))
    return int(any(not row["met"] for row in targets))


if __name__ == "__main__":
    sys.exit(main())
