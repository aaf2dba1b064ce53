"""The page of a report: its document as chapters and sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from edgedigits.api.render.page.blocks import Section, Told, write_text
from edgedigits.api.render.page.markup import Chapter, Page
from edgedigits.api.report.sections import summary
from edgedigits.api.report.sections.calibration import show_calibration
from edgedigits.api.report.sections.classes import show_classes
from edgedigits.api.report.sections.flips import show_flips
from edgedigits.api.report.sections.layers import show_layers, show_sensitivity
from edgedigits.api.report.sections.origin import show_origin
from edgedigits.api.report.sections.sizes import show_sizes
from edgedigits.api.report.sections.source import Source
from edgedigits.api.report.sections.speed import show_speed
from edgedigits.api.report.sections.training import show_training
from edgedigits.ground.facts import JsonObject

SECTIONS: Final[tuple[Callable[[Source], Section], ...]] = (
    show_classes,
    show_flips,
    show_calibration,
    show_speed,
    show_sizes,
    show_layers,
    show_sensitivity,
    show_training,
    show_origin,
)
"""In their order on the page."""


def make_page(document: JsonObject) -> Page:
    """Everything that people see of a document."""
    chapters = tuple(_make_chapter(Source(document, f"/artifacts/{at}")) for at in range(document["count"]))
    first = Source(document, "/artifacts/0")
    single = len(chapters) == 1
    return Page(
        title=summary.name_artifact(first) if single else ("Models side by side",),
        over=("edgedigits report",),
        state=chapters[document["best"]].state,
        sentence=chapters[0].sentence if single else summary.tell_best(document),
        overview=(summary.show_overview(document),) if document["points"] else (),
        chapters=chapters,
        closing=(
            ("Made by edgedigits ", Told("/edgedigits"), ". Every number here stands in the JSON beside this file."),
        ),
    )


def _make_chapter(source: Source) -> Chapter:
    state = source.get("verdict", "state")
    return Chapter(
        title=summary.name_artifact(source),
        state=state,
        word=summary.WORDS[state],
        sentence=summary.tell_verdict(source),
        reasons=summary.list_reasons(source),
        tiles=summary.list_tiles(source),
        sections=tuple(show(source) for show in SECTIONS),
    )


def tell_in_lines(document: JsonObject) -> Iterator[str]:
    """What the command prints: of each artifact the verdict, what speaks against it, and what was left out."""
    for at in range(document["count"]):
        source = Source(document, f"/artifacts/{at}")
        state = source.get("verdict", "state")
        yield f"{write_text(summary.name_artifact(source), document)}: {summary.WORDS[state]}."
        yield write_text(summary.tell_verdict(source), document)
        yield from (f"- {write_text(reason, document)}" for reason in summary.list_reasons(source))
        left = source.get("left_out")
        yield from (
            f"Left out, {what}: {why}." for what, why in left.items() if what in ("classes", "layers", "latency")
        )
    if document["count"] > 1:
        yield write_text(summary.tell_best(document), document)
