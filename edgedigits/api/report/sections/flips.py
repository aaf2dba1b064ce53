"""Section: the images that changed their answer."""

from __future__ import annotations

from typing import Final

from edgedigits.api.render.page.blocks import Section, Sheet
from edgedigits.api.report.sections.source import Source

_TITLE: Final = "Changed answers"


def show_flips(source: Source) -> Section:
    """A contact sheet, with what both forms thought likeliest."""
    if lacks := source.lacks("flips", _TITLE):
        return lacks
    images = source.told("count", "accuracy", "images")
    if not source.get("flips", "images"):
        return Section("flips", _TITLE, ("Both forms give the same answer to all ", images, " test images."))
    lead = (
        source.told("count", "flips", "images"),
        " of ",
        images,
        " test images get another answer than from the float form: ",
        source.told("count", "flips", "lost"),
        " that were right are wrong now, ",
        source.told("count", "flips", "won"),
        " that were wrong are right, ",
        source.told("count", "flips", "other"),
        " are wrong both times. Those that were lost come first, the surest in front.",
    )
    return Section("flips", _TITLE, lead, (Sheet(source.path("flips", "shown")),))
