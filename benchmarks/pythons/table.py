"""The README's table of Pythons, from pythons.json."""

from __future__ import annotations

from typing import Any

from benchmarks.pythons.interpreters import declared, series


def pythons_table(document: dict[str, Any]) -> str:
    """A row for every Python that the package takes, and for the next one."""
    lines = ["| Python | came from | TensorFlow | Keras | story | tests |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in document["rows"]]
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> list[str]:
    if "reason" in row:
        return [row["python"], row.get("from", ""), "", "", f"not tried here: {row['reason']}", ""]
    versions = row["packages"]
    ahead = "" if series(row["python"]) in declared() else ", not taken yet"
    return [
        f"{row['python']}{ahead}",
        row["from"],
        versions.get("tensorflow", "none"),
        versions.get("keras", "none"),
        _story(row["story"]),
        _tests(row["tests"]),
    ]


def _story(story: list[dict[str, Any]]) -> str:
    """How many commands went through, or which did not."""
    fell = [f"`{one['command']}`: {one['said']}" for one in story if one["code"]]
    went = f"{len(story) - len(fell)} of {len(story)} commands"
    return f"{went}; {'; '.join(fell)}" if fell else went


def _tests(tests: dict[str, Any]) -> str:
    """pytest's counts in words."""
    counts = ", ".join(f"{number} {name}" for name, number in tests["counts"].items() if name != "deselected")
    return counts or f"none ran: {tests['said']}"
