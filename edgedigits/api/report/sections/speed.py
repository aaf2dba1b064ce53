"""Section: what an inference takes here, operator by operator, and on boards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edgedigits.api.render.page.blocks import Beside, Block, Figure, Lines, Section, Table, Text
from edgedigits.api.render.page.figures import draw_lines
from edgedigits.api.report.sections.source import Source

_TITLE: Final = "Speed"
_LONGEST: Final = 99.5
"""Percent: the last laps of all are the machine's, not the model's."""
_NAMES: Final = (("this model", "compressed"), ("float form", "float"))


def show_speed(source: Source) -> Section:
    """Latency with its distribution, operators, cycles and milliseconds of boards."""
    return Section("speed", _TITLE, _lead(source), tuple(_blocks(source)))


def _lead(source: Source) -> Text:
    if source.get("latency") is None:
        why: Text = ("Latency is left out: ", source.told("text", "left_out", "latency"), ". ")
        return (*why, "What boards take is foretold from the bytes.")
    at = ("latency", "environment")
    machine = next(key for key in ("board", "cpu", "machine") if source.get(*at, key) or key == "machine")
    lead: Text = (
        "Measured on ",
        source.told("text", *at, machine),
        " with ",
        source.told("text", *at, "runtime"),
        " ",
        source.told("text", *at, "runtime_version"),
        ", one image at a time, ",
        source.told("count", "latency", "windows"),
        " windows in which both forms take turns, of which ",
        source.told("count", "latency", "valid_windows"),
        " count.",
    )
    return lead


def _blocks(source: Source) -> Iterator[Block]:
    if source.get("latency") is not None:
        if not source.get("latency", "valid_windows"):
            yield Lines(
                (("Every window is void (", source.told("list", "latency", "void_reasons"), "): measure again."),), True
            )
        if source.get("latency", "why_no_faster"):
            yield Lines((("Why it is no faster: ", source.told("text", "latency", "why_no_faster"), "."),))
        yield Beside((_distribution(source), _boards(source)))
        yield _percentiles(source)
    else:
        yield _boards(source)
    if source.get("operators") is not None:
        yield _operators(source)


def _distribution(source: Source) -> Figure:
    lines = []
    for name, form in _NAMES:
        pairs = [pair for pair in source.get("latency", form, "quantiles_us") or [] if pair[0] <= _LONGEST]
        if pairs:
            lines.append((name, [us for _, us in pairs], [percent for percent, _ in pairs]))
    alt = "Share of inferences that take no longer than a time, for both forms"
    labels = ("microseconds of one inference", "percent that take no longer")
    return Figure(lambda: draw_lines(lines, labels, alt, log_x=True), ("The steeper, the steadier.",))


def _percentiles(source: Source) -> Table:
    return source.table(
        "latency",
        ("latency_rows",),
        [
            ("", "text", ("name",)),
            ("p50", "us", ("p50_us", "value")),
            ("from", "us", ("p50_us", "low")),
            ("to", "us", ("p50_us", "high")),
            ("p90", "us", ("p90_us",)),
            ("p99", "us", ("p99_us",)),
            ("first", "us", ("first_us",)),
            ("load", "ms", ("load_ms",)),
        ],
        ("Latency",),
        ("From and to are the ", source.confidence(), " interval of p50 over the windows."),
    )


def _operators(source: Source) -> Block:
    rows = source.get("operators", "rows")
    return source.table(
        "operators",
        ("operators", "rows"),
        [
            ("#", "count", ("index",)),
            ("operator", "text", ("kind",)),
            ("output", "shape", ("output_shape",)),
            ("time", "us", ("us", "value")),
            ("share", "bar:share", ("share",)),
            ("multiply-adds", "count", ("macs",)),
            ("billion a second", "short", ("gmacs_per_s",)),
            ("runs on", "text", ("runs_on",)),
        ],
        ("Time of each operator",),
        (
            "Each cut out and timed alone, less what a call takes that does nothing (",
            source.told("us", "operators", "fixed_us", "value"),
            "); the whole takes ",
            source.told("us", "operators", "whole_us", "value"),
            ".",
        ),
        order=sorted(range(len(rows)), key=lambda at: -((rows[at]["us"] or {}).get("value") or 0)),
    )


def _boards(source: Source) -> Table:
    return source.table(
        "boards",
        ("boards",),
        [
            ("board", "text", ("board",)),
            ("core", "text", ("core",)),
            ("float", "ms", ("float_ms",)),
            ("this model", "ms", ("ms",)),
            ("times as fast", "times", ("ratio",)),
        ],
        ("Foretold for boards",),
        (
            "Milliseconds of one inference on one thread, from the shapes alone; cycles of whole nets are foretold within ",
            source.told("plain", "cycles", "worst_error_percent"),
            " %.",
        ),
    )
