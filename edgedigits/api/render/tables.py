"""The look of tables of numbers on a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table


def start_table(title: str, *columns: str, words: int) -> Table:
    """An empty table whose first `words` columns hold words, the others numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.show_edge = table.pad_edge = False
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < words else "right", no_wrap=True)
    return table


def word_ms(value: float) -> str:
    """Milliseconds in three digits that count."""
    return f"{value:#.3g}".rstrip(".") if 0 < value < 100 else f"{value:,.0f}"
