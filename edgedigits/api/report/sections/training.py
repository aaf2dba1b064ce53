"""Section: the way there, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator

from edgedigits.api.render.page.blocks import Block, Figure, Section
from edgedigits.api.render.page.figures import Size, draw_lines
from edgedigits.api.report.sections.source import Source


def show_training(source: Source) -> Section:
    """What each stage left of the accuracy on validation images, and how its loss fell."""
    stages = source.get("manifest", "stages") or []
    if not stages:
        return Section("training", "Training", left_out=("The artifact has no record of stages.",))
    lead = ("Accuracy on validation images after each stage; the test images had no part in it.",)
    return Section("training", "Training", lead, tuple(_blocks(source, stages)))


def _blocks(source: Source, stages: list[dict[str, object]]) -> Iterator[Block]:
    yield source.table(
        "stages",
        ("manifest", "stages"),
        [
            ("stage", "text", ("stage",)),
            ("accuracy", "percent", ("validation_accuracy",)),
            ("loss", "small", ("validation_loss",)),
            ("parameters", "count", ("parameters",)),
            ("steps", "count", ("steps",)),
            ("seconds", "plain", ("made_in_seconds",)),
        ],
    )
    lines = [
        (f"{at}. {stage['stage']}", _shares(curve), curve)
        for at, stage in enumerate(stages)
        if isinstance(curve := stage.get("loss_curve"), list) and len(curve) > 1
    ]
    if lines:
        alt = "Loss on training images in the course of each stage"
        labels = ("share of the stage's steps", "training loss")
        yield Figure(
            lambda: draw_lines(lines, labels, alt, size=Size(7.2, 2.8)), ("Training loss in the course of each stage.",)
        )


def _shares(curve: list[float]) -> list[float]:
    return [(at + 1) / len(curve) for at in range(len(curve))]
