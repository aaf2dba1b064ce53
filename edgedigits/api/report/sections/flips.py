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
        " test images get another answer than from the float form. Right before and wrong now: ",
        source.told("count", "flips", "lost"),
        "; wrong before and right now: ",
        source.told("count", "flips", "won"),
        "; wrong both times: ",
        source.told("count", "flips", "other"),
        ". Those that were lost come first, the surest in front.",
    )
    return Section("flips", _TITLE, lead, (Sheet(source.path("flips", "shown")),))
