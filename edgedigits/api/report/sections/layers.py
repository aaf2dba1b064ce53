"""Sections: what each layer loses, and what it would lose or win alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from edgedigits.api.render.page.blocks import Block, Code, Figure, Lines, Section
from edgedigits.api.render.page.figures import Size, draw_bars, draw_lines
from edgedigits.api.report.sections.source import Source
from edgedigits.tflite.layers.sums import MOST_DB

_TITLE: Final = "Layer by layer"
_MOST_BARS: Final = 20


def show_layers(source: Source) -> Section:
    """The rows of `verify`, its suspects, and decibels along the net."""
    if lacks := source.lacks("layers", _TITLE):
        return lacks
    lead = (
        "On ",
        source.told("text", "layers", "images"),
        " each tensor is held against that of the float form; what a layer adds itself is told from what it inherits.",
    )
    return Section("layers", _TITLE, lead, tuple(_blocks(source)))


def _blocks(source: Source) -> Iterator[Block]:
    suspects = source.get("layers", "suspects")
    if suspects:
        yield Lines(
            tuple((source.told("text", "layers", "suspects", at, "sentence"),) for at in range(len(suspects))), True
        )
    rows = source.get("layers", "layers")
    if not rows:
        notes = source.get("layers", "notes")
        yield Lines(tuple((source.told("text", "layers", "notes", at),) for at in range(len(notes))))
        return
    yield from _figure(rows)
    yield source.table(
        "layers",
        ("layers", "layers"),
        [
            ("layer", "text", ("layer",)),
            ("kind", "text", ("kind",)),
            ("alone, nats", "plain", ("alone_kl_nats",)),
            ("own dB", "db", ("own_channel_snr_db",)),
            ("all dB", "db", ("snr_db",)),
            ("cosine", "small", ("cosine",)),
            ("error, steps", "short", ("largest_error_steps",)),
            ("cut off", "share", ("cut_share",)),
            ("dead channels", "count", ("dead_channels",)),
        ],
        ("Worst first",),
        (
            "Alone: the divergence that this layer's own error makes of the answers. Own: signal to noise of what it adds, its "
            "median channel; all: with what it inherits.",
        ),
    )


def _figure(rows: list[dict[str, Any]]) -> Iterator[Figure]:
    along = sorted((row for row in rows if row["index"] is not None), key=lambda row: row["index"])
    if len(along) < 3:
        return
    places = [float(row["index"]) for row in along]
    lines = [
        (name, places, [row[key] if row[key] < MOST_DB else float("nan") for row in along])
        for name, key in (("what the layer adds", "own_channel_snr_db"), ("with what it inherits", "snr_db"))
    ]
    alt = "Signal to noise of each layer, from the input to the answer"
    labels = ("layer, from input to answer", "signal to noise, dB")
    yield Figure(
        lambda: draw_lines(lines, labels, alt, marks=True, size=Size(7.2, 2.8)),
        ("Higher is better; layers that add nothing, as poolings, are left out.",),
    )


def show_sensitivity(source: Source) -> Section:
    """What `sensitivity` found, from its JSON."""
    found = source.get("sensitivity")
    if not found:
        make, show = (Code(source.told("text", "how_sensitivity", key)) for key in ("make", "show"))
        return Section(
            "sensitivity",
            "Sensitivity",
            left_out=("Not measured for this report. Make it with ", make, ", then ", show, "."),
        )
    rows = found["layers"]
    names = [
        key for key, value in rows[0].items() if isinstance(value, (int, float, str)) and key not in ("layer", "index")
    ]
    columns: list[tuple[str, str, tuple[str | int, ...]]] = [("layer", "text", ("layer",))]
    columns += [(key.replace("_", " "), "text" if isinstance(rows[0][key], str) else "plain", (key,)) for key in names]
    lead = ("What each layer costs when it alone is treated so.",)
    table = source.table("sensitivity", ("sensitivity", "layers"), columns)
    return Section("sensitivity", "Sensitivity", lead, (*_bars(rows, names), table))


def _bars(rows: list[dict[str, Any]], names: list[str]) -> Iterator[Figure]:
    """Of the first number of each row."""
    key = next((name for name in names if not isinstance(rows[0][name], str)), None)
    if key is None:
        return
    shown = sorted(rows, key=lambda row: -abs(row.get(key) or 0))[:_MOST_BARS]
    words = key.replace("_", " ")
    yield Figure(
        lambda: draw_bars(
            [str(row["layer"]) for row in shown], [row.get(key) or 0 for row in shown], words, f"{words} of each layer"
        ),
        (),
    )
