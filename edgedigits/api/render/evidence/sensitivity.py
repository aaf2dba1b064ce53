"""What each layer bears, for people: a table, worst first, and in sentences what hurts and what would mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from edgedigits.api.render.profile import plain
from edgedigits.api.render.tables import start_table

if TYPE_CHECKING:
    from rich.table import Table

    from edgedigits.pipeline.sensitivity.confidence import Finding
    from edgedigits.pipeline.sensitivity.outcome import LayerRow, Outcome

_MOST_ROWS: Final = 24
_MOST_NAME: Final = 30
_MOST_SHOWN: Final = 4
_COLUMNS: Final = ("layer", "int8", "nats", "float", "-50 %", "-80 %", "-90 %", "half")
_MARKS: Final = {"hurts": "!", "harmless": " ", "not sure": "?"}
_LEGEND: Final = (
    "Points of accuracy that change where this layer alone is int8, with the divergence of the answers in nats per image; where "
    "it alone stays in float, against int8 of all; where it alone loses so many of its weights, or half of its channels. "
    "!: surely {max_drop:g} points or more; ?: not sure; else surely fewer. Nothing is trained."
)


def render(found: Outcome) -> Group:
    """Made for 100 columns."""
    title = Text(plain(f"{found.model} on {found.data}, layer by layer"), style="bold")
    legend = Text(_LEGEND.format(max_drop=found.max_drop), style="dim")
    return Group(title, _table(found), legend, Text(), *(Text(plain(line)) for line in _tell(found)))


def _table(found: Outcome) -> Table:
    table = start_table("", *_COLUMNS, words=1)
    table.title = None
    for row in found.layers[:_MOST_ROWS]:
        table.add_row(*_cells(row, found.max_drop))
    if (left := len(found.layers) - _MOST_ROWS) > 0:
        table.add_row(f"{left} better ones", *[""] * (len(_COLUMNS) - 1))
    return table


def _cells(row: LayerRow, max_drop: float) -> Iterator[str]:
    yield plain(row.name if len(row.name) <= _MOST_NAME else f"...{row.name[3 - _MOST_NAME :]}")
    for name in row.found:
        found = row.finding(name)
        yield "" if found is None else _word(found, max_drop)
        if name == "int8_alone":
            yield "" if found is None else f"{found.kl_nats:.2g}"


def _word(found: Finding, max_drop: float) -> str:
    points = f"{-found.drop_points:+.1f}" if abs(found.drop_points) >= 0.05 else "0"
    return points + _MARKS[found.judge(max_drop)]


def _tell(found: Outcome) -> Iterator[str]:
    one = found.int8
    yield (
        f"All of it in int8: {100 * one.accuracy:.2f} %, in float {100 * found.float_accuracy:.2f} %; "
        f"{0 - one.drop_points:+.2f} points ({-one.high_points:+.2f} to {-one.low_points:+.2f}), {one.kl_nats:.2g} nats, "
        f"on {one.images:,} validation images."
    )
    best = found.best_left
    if best is not None and (left := best.finding("float_alone")):
        yield f"Left in float alone, {best.name} gives most back: {-left.drop_points:+.2f} points."
    elif one.judge(found.max_drop) != "harmless":
        yield "No layer that alone is left in float surely gives anything back."
    yield _list_hurt(found, "Int8 alone hurts", ("int8_alone",))
    yield _list_hurt(found, "Half of their weights alone hurt", ("pruned_50",))
    yield _list_hurt(found, "Half of their channels alone hurt", ("half_channels",))
    whole = [row for row in found.layers if isinstance(row.found["half_channels"], str)]
    if whole:
        said = [f"{row.name} ({row.found['half_channels']})" for row in whole]
        yield f"Channels that can't be halved: {_shorten(said)}."
    tied = [f"{row.name} with {', '.join(row.together[:2])}" for row in found.layers if row.together]
    if tied:
        yield f"Channels that go together: {_shorten(tied)}."
    kept = f", of which {found.kept} were kept from before" if found.kept else ""
    yield f"{found.probes} probes{kept}."


def _list_hurt(found: Outcome, what: str, probes: Sequence[str]) -> str:
    names = [row.name for row in found.hurts(*probes)]
    return f"{what}: {_shorten(names)}." if names else f"{what}: no layer, as far as these images tell."


def _shorten(names: Sequence[str]) -> str:
    left = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {left} more" if left > 0 else "")
