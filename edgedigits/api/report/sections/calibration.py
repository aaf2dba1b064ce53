"""Section: whether the model is as often right as it says."""

from __future__ import annotations

from typing import Final

from edgedigits.api.render.page.blocks import Beside, Figure, Section, Text
from edgedigits.api.render.page.figures import draw_lines
from edgedigits.api.report.sections.source import Source

_TITLE: Final = "Calibration"


def show_calibration(source: Source) -> Section:
    """The reliability curve of both forms, and the expected calibration error."""
    if lacks := source.lacks("calibration", _TITLE):
        return lacks
    lead = (
        "When it says it is sure, is it right? Expected calibration error ",
        source.told("percent", "calibration", "float", "ece"),
        " of the float form, ",
        source.told("percent", "calibration", "compressed", "ece"),
        " of this model: how far apart both are on average, over ",
        source.told("count", "calibration", "bins"),
        " bins of equal width.",
        *_tell_confidence(source),
    )
    curves = [
        (name, source.get("calibration", form, "curve"))
        for name, form in (("this model", "compressed"), ("float form", "float"))
    ]
    lines = [(name, [row["said"] for row in curve], [row["right"] for row in curve]) for name, curve in curves]
    alt = "Share of right answers against the probability that was said, for both forms"
    figure = Figure(
        lambda: draw_lines(lines, ("probability that it says", "share that is right"), alt, diagonal=True, marks=True),
        ("On the dashed line it is as often right as it says; below it, it is too sure.",),
    )
    table = source.table(
        "calibration",
        ("calibration", "compressed", "curve"),
        [("cases", "count", ("cases",)), ("it says", "share", ("said",)), ("is right", "share", ("right",))],
        ("This model, by how sure it is",),
        most=15,
    )
    return Section("calibration", _TITLE, lead, (Beside((figure, table)),))


def _tell_confidence(source: Source) -> Text:
    """What the runner makes of the outputs, where that was asked: scores by a temperature, and answers that are none."""
    last = ("manifest", "test", "confidence", "compressed")
    found: Text = ()
    if source.get("manifest", "confidence", "calibrated"):
        temperature = source.told("short", "manifest", "confidence", "compressed", "temperature")
        error = source.told("percent", *last, "ece")
        found = (" The runner divides by a temperature, ", temperature, ", which leaves ", error, ".")
    if source.get("manifest", "confidence", "compressed", "threshold") is None:
        return found
    return (
        *found,
        " A score below ",
        source.told("plain", "manifest", "confidence", "compressed", "threshold"),
        " is no answer: that refuses ",
        source.told("percent", *last, "refused"),
        " of the test images and ",
        source.told("percent", *last, "outliers_refused"),
        " of the outliers (AUROC ",
        source.told("small", *last, "auroc"),
        ", float form ",
        source.told("small", "manifest", "test", "confidence", "float", "auroc"),
        ").",
    )
