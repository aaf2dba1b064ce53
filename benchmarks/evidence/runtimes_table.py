"""The tables of docs/runtimes.md: where releases differ in operators that exports use, and which export runs where."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.measure.runtimes.operator_versions import list_releases, read_operators

Row = dict[str, Any]


def operators_table(document: dict[str, Any]) -> str:
    """A row for each operator in which releases differ, a column for each run of releases that are alike in all of them."""
    needed: dict[str, int] = {}
    for codes in _raw(document).get("operators", {}).values():
        for name, version in codes:
            needed[name] = max(version, needed.get(name, 0))
    columns = [(runtime, span) for runtime in ON_DEVICES for span in _alike(runtime, sorted(needed))]
    lines = [f"| operator | needed | {' | '.join(f'{name} {_word(span)}' for name, span in columns)} |"]
    lines.append(f"|---|{'---|' * (len(columns) + 1)}")
    for operator in sorted(needed):
        highest = [_highest(name, span[-1], operator) for name, span in columns]
        if len(set(highest)) > 1:
            cells = (f"**{found or 'none'}**" if found < needed[operator] else str(found) for found in highest)
            lines.append(f"| `{operator}` | {needed[operator]} | {' | '.join(cells)} |")
    lines += ["", "Bold: lower than the highest version that one of the exports needs."]
    return "\n".join(lines) if needed else ""


def exports_table(document: dict[str, Any]) -> str:
    """A row for each runtime and run of releases that answer alike."""
    rows = _raw(document).get("rows", [])
    kinds = list(dict.fromkeys((row["net"], row["export"]) for row in rows))
    lines = [f"| runtime | {' | '.join(f'{export}, {net}' for net, export in kinds)} |", f"|---|{'---|' * len(kinds)}"]
    releases = [
        (runtime, version, tuple(_cell(one) for one in found))
        for (runtime, version), found in groupby(rows, lambda row: (row["runtime"], row["version"]))
    ]
    for (runtime, cells), alike in groupby(releases, lambda one: (one[0], one[2])):
        lines.append(f"| {runtime} {_word([version for _, version, _ in alike])} | {' | '.join(cells)} |")
    wrong = sum(row["foretold"] != row["loaded"] for row in rows)
    lines += [
        "",
        f"{len(rows)} files loaded in {len(releases)} releases; {wrong} of them answered otherwise than foretold.",
    ]
    return "\n".join(lines)


def _raw(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["sections"].get("runtimes", {}).get("raw", {})
    return found


def _alike(runtime: str, operators: list[str]) -> list[list[str]]:
    """Releases, oldest first, in runs that have the same versions of these operators."""
    found = groupby(list_releases(runtime), lambda version: [_highest(runtime, version, one) for one in operators])
    return [list(alike) for _, alike in found]


def _highest(runtime: str, version: str, operator: str) -> int:
    return read_operators(runtime, version).get(operator, (0, 0))[1]


def _word(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"


def _cell(row: Row) -> str:
    said = "runs" if row["loaded"] else f"no: {', '.join(row['lacks']) or 'refused when loaded'}"
    return said if row["foretold"] == row["loaded"] else f"**{said}, foretold otherwise**"
