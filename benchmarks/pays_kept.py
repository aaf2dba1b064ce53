"""Rows of `benchmarks.pays` that an earlier run measured, kept beside those of one that measured only some recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pays_entries import Entry

Rows = dict[str, dict[str, Any]]


def kept(before: Mapping[str, Any], entries: Sequence[Entry]) -> tuple[Rows, Rows, list[str]]:
    """(rows, float forms, what was missing) of `entries` in the document `before`; all its float forms."""
    names = {entry.name for entry in entries}
    rows = {row["name"]: with_origin(row, before) for row in before["rows"] if row["name"] in names}
    floats = {name: with_origin(found, before) for name, found in before["floats"].items()}
    return rows, floats, [line for line in before["missing"] if line.partition(", seed ")[0] in names]


def with_origin(row: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The row with where it was measured: as it says itself, else on the machine and commit of the document it stands in."""
    here = {**document["machine"], **{key: document[key] for key in ("commit", "rounds", "window_s")}}
    return {"measured": here, **row}
