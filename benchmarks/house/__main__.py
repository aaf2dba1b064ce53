"""Measure how the house is built, and write it down.

    python -m benchmarks.house
    python -m benchmarks.house --before REVISION --bytes          the same bytes as there, for three recipes; 5 minutes
    python -m benchmarks.house --before REVISION --time-tests     the tests there and here, in turn; 20 minutes

Writes `benchmarks/results/house.json`. Imports are counted against the tables in `tests/test_rooms.py`; what a new thing touches
is shown by the tests that add one. Ends with 1 where a target is not met.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.document import document, save, target
from benchmarks.house.before import checked_out, hashes, seconds_of_tests
from benchmarks.house.counting import any_per_thousand, defined_twice, entries, fullest
from benchmarks.house.reading import House
from benchmarks.house.touching import NEW, touched
from tests.test_rooms import FRONT, MAY, MOST_ENTRIES, MOST_FILES, WITHIN

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "house.json"
MOST_FOLDERS, MOST_ANY = 9, 10


def measured(house: House) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The targets, and what is behind them by name."""
    files, folders = entries(house.toolkit)
    full, most = fullest(house.toolkit)
    wrong, circles = house.wrong_rooms({**MAY, "": FRONT}) + house.wrong_folders(WITHIN), house.circles()
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


def new_things() -> list[dict[str, Any]]:
    """Files to touch for a new stage, export, runtime, task."""
    found = []
    for new in NEW:
        got = touched(ROOT, new)
        found.append(target(f"files to touch for a new {new.kind}", f"<= {new.most}", got, "", (got or 99) <= new.most))
    return found


def same_bytes(revision: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Whether three recipes give the bytes that they gave there; the hashes of both."""
    with checked_out(ROOT, revision) as folder:
        before = hashes(folder)
    now = hashes(ROOT)
    same = sum(before[recipe] == now[recipe] for recipe in now)
    raw = {recipe: {"before": before[recipe], "now": now[recipe]} for recipe in now}
    return [target("recipes with the same bytes as before", f">= {len(now)}", same, "", same == len(now))], raw


def tests_no_slower(revision: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Seconds of the tests there and here, one after the other."""
    with checked_out(ROOT, revision) as folder:
        before, passed_before = seconds_of_tests(folder)
    now, passed = seconds_of_tests(ROOT)
    raw = {"before": before, "now": now, "passed_before": passed_before, "passed": passed}
    return [target("seconds of the tests", f"<= {before:.0f}", round(now), "s", passed and now <= before)], raw


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--before", metavar="REVISION", help="the commit that --bytes and --time-tests compare with")
    parser.add_argument("--bytes", action="store_true")
    parser.add_argument("--time-tests", action="store_true")
    asked = parser.parse_args()
    if (asked.bytes or asked.time_tests) and not asked.before:
        parser.error("--bytes and --time-tests need --before REVISION")
    targets, raw = measured(House(ROOT))
    targets += new_things()
    raw["touched"] = {new.kind: {"files": new.files, "shown_by": new.shown_by} for new in NEW}
    for wanted, name, compare in ((asked.bytes, "bytes", same_bytes), (asked.time_tests, "tests", tests_no_slower)):
        if wanted:
            rows, found = compare(asked.before)
            targets += rows
            raw[name] = {"revision": asked.before, **found}
    save(asked.out, document(" ".join(["python -m benchmarks.house", *sys.argv[1:]]), targets, **raw))
    return int(any(not row["met"] for row in targets))


if __name__ == "__main__":
    sys.exit(main())
