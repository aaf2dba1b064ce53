"""A result in a notebook: its tables, a figure of what matters in them, and what the command prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from edgedigits.api.render.page.blocks import Column, Drawn, Figure, Table, Text, Told, point
from edgedigits.api.render.page.figures import draw_bars, draw_lines
from edgedigits.api.render.page.markup import write_fragment

_MOST_BARS: Final = 20
_MOST_LETTERS: Final = 40
Rows = Sequence[Mapping[str, Any]]


def show_result(title: str, frames: Mapping[str, Rows], drawn: Drawn | None, printed: str) -> str:
    """HTML: the figure, the first frame, and the others and what is printed folded away; numbers as they are, with units in the
    names of columns."""
    document = {"frames": {name: list(rows) for name, rows in frames.items()}, "printed": printed}
    tables = [_table(name, rows) for name, rows in frames.items() if rows]
    figure = list(_draw(frames, drawn)) if drawn else []
    return write_fragment(title, [*figure, *tables[:1]], tables[1:], document)


def _table(name: str, rows: Rows) -> Table:
    columns = [key for key in rows[0] if any(isinstance(row.get(key), (int, float, str)) for row in rows)]
    cells = tuple(tuple(_cell(name, at, key, row.get(key)) for key in columns) for at, row in enumerate(rows))
    numbers = [any(_is_number(row.get(key)) for row in rows) for key in columns]
    heads = tuple(Column(key.replace("_", " "), number) for key, number in zip(columns, numbers, strict=True))
    return Table(name, heads, cells, (name,))


def _cell(name: str, at: int, key: str, value: Any) -> Text:
    if value is None or isinstance(value, (dict, list, tuple)):
        return ("–" if value is None else "...",)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return (Told(point("frames", name, at, key), "count" if whole else "plain" if _is_number(value) else "text"),)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _draw(frames: Mapping[str, Rows], drawn: Drawn) -> Iterator[Figure]:
    rows = [row for row in frames.get(drawn.frame, ()) if _is_number(row.get(drawn.value))]
    if len(rows) < 2:
        return
    values = [float(row[drawn.value]) for row in rows]
    if drawn.line:
        across = [float(row[drawn.names[0]]) for row in rows]
        line = (drawn.words, across, values)
        yield Figure(
            lambda: draw_lines([line], (drawn.names[0], drawn.words), f"{drawn.words} over {drawn.names[0]}"), ()
        )
        return
    names = [", ".join(str(row[name]) for name in drawn.names)[-_MOST_LETTERS:] for row in rows]
    yield Figure(
        lambda: draw_bars(names[:_MOST_BARS], values[:_MOST_BARS], drawn.words, f"{drawn.words} of each row"), ()
    )
