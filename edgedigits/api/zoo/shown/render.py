"""A comparison of nets as a table of rich, and sentences; made for 100 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.api.render.page.numbers import word
from edgedigits.ground.facts import JsonObject

_COLUMNS: Final = (
    ("float", "percent", ("float", "accuracy")),
    ("int8", "percent", ("compressed", "accuracy")),
    ("p", "p", ("mcnemar_p",)),
    ("bytes", "count", ("compressed", "raw_bytes")),
    ("smaller", "times", ("smaller",)),
    ("Pi 4", "times", ("fewer_cycles_pi4",)),
    ("Pi 5", "times", ("fewer_cycles_pi5",)),
    ("p50", "us", ("compressed", "p50_us")),
)


def render(document: JsonObject) -> Group:
    """A line for each row, the best of each net marked, then what did not come out and how the best was chosen."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("net", "recipe", *(name for name, _, _ in _COLUMNS)):
        left = name in ("net", "recipe")
        table.add_column(name, justify="left" if left else "right", no_wrap=left)
    for row in document["rows"]:
        table.add_row(row["net"], f"{row['recipe'] or ''}{' *' if row['best'] else ''}", *_cells(row))
    parts: list[RenderableType] = [table, *map(Text, _sentences(document))]
    return Group(*parts)


def _cells(row: JsonObject) -> Iterator[str]:
    alone = row["ok"] and row["recipe"] is None  # its own bytes and time are all that there is
    for _, form, keys in _COLUMNS:
        if alone and form in ("count", "us"):
            keys = ("float", *keys[1:])
        value: Any = row
        for key in keys:
            value = None if value is None else value[key]
        yield word(value, form)


def _sentences(document: JsonObject) -> Iterator[str]:
    for row in document["rows"]:
        if not row["ok"]:
            yield f"{row['net']}, {row['recipe'] or 'training'} did not come out: {row['why']}"
    for one in document["left_out"]:
        yield f"{one['net']} is left out: {one['why']}"
    yield f"* {document['rule']} Pi 4, Pi 5: times fewer cycles than float, foretold."


def tell_in_a_line(document: JsonObject) -> str:
    """What matters most, in a few words."""
    failed = document["failed"]
    ending = f", {failed} did not come out" if failed else ""
    return f"{document['count']} nets, {len(document['rows'])} rows on {document['data']['name']}{ending}"
