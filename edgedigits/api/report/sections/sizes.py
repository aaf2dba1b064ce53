"""Sections: where every byte goes, and how many weights are zero."""

from __future__ import annotations

from edgedigits.api.render.page.blocks import Beside, Section
from edgedigits.api.report.sections.source import Source


def show_sizes(source: Source) -> Section:
    """The ledger of both files, and the zeros of each layer."""
    if lacks := source.lacks("size", "Size", "ledger"):
        return lacks
    lead = (
        source.told("count", "bytes", "compressed", "raw"),
        " bytes, ",
        source.told("count", "bytes", "compressed", "gzip"),
        " by gzip; the float form takes ",
        source.told("count", "bytes", "float", "raw"),
        " and ",
        source.told("count", "bytes", "float", "gzip"),
        ".",
    )
    ledger = source.table(
        "ledger",
        ("ledger",),
        [("part", "text", ("part",)), ("float", "count", ("float_bytes",)), ("this model", "count", ("bytes",))],
        ("Where every byte goes",),
    )
    zeros = source.table(
        "zeros",
        ("zeros",),
        [
            ("weights of", "text", ("layer",)),
            ("shape", "shape", ("shape",)),
            ("weights", "count", ("weights",)),
            ("zeros", "count", ("zeros",)),
            ("share", "bar:share", ("share",)),
        ],
        ("Zeros of each layer",),
        most=16,
    )
    return Section("size", "Size", lead, (Beside((ledger, zeros)),))
