"""Sections: what each layer loses, and what it would lose or win alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from edgedigits.api.render.page.blocks import Block, Code, Figure, Lines, Section, Text
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
    """What `sensitivity` found, from its JSON: points that each layer costs when it alone is treated so."""
    found = source.get("sensitivity")
    if not found:
        make, show = (Code(source.told("text", "how_sensitivity", key)) for key in ("make", "show"))
        why: Text = ("Not measured for this report. Make it with ", make, ", then ", show, ".")
        return Section("sensitivity", "Sensitivity", left_out=why)
    rows = found["layers"]
    probes = list(dict.fromkeys(name for row in rows for name in row["probes"]))
    columns: list[tuple[str, str, tuple[str | int, ...]]] = [("layer", "text", ("layer",)), ("kind", "text", ("kind",))]
    columns += [(name.replace("_", " "), "drop", ("probes", name, "drop_points")) for name in probes]
    lead = ("Points of accuracy that are lost on validation images when one layer alone is treated so, worst first.",)
    table = source.table("sensitivity", ("sensitivity", "layers"), columns, most=24)
    return Section("sensitivity", "Sensitivity", lead, (*_bars(rows, probes[0]), table))


def _bars(rows: list[dict[str, Any]], probe: str) -> Iterator[Figure]:
    """Of the divergence that the first probe makes, which ranks the layers."""
    known = [(row["layer"], row["probes"].get(probe, {}).get("kl_nats")) for row in rows]
    shown = [(str(name), nats) for name, nats in known if nats is not None][:_MOST_BARS]
    if len(shown) > 1:
        names, values = zip(*shown, strict=True)
        words = f"{probe.replace('_', ' ')}: nats from the float form's answers"
        yield Figure(lambda: draw_bars(names, values, words, f"{words}, of each layer"), ())
