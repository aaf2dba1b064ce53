"""Section: what becomes of each class, and who is taken for whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edgedigits.api.render.page.blocks import Beside, Block, Figure, Matrix, Section
from edgedigits.api.render.page.figures import draw_heat
from edgedigits.api.report.sections.source import Source

_TITLE: Final = "Classes"
_SCORES: Final = (("precision", "percent"), ("recall", "percent"), ("f1", "unit"), ("auc", "small"))
_HEADINGS: Final = {"precision": "precision", "recall": "recall", "f1": "F1", "auc": "ROC AUC"}


def show_classes(source: Source) -> Section:
    """Confusion matrices side by side, scores of each class with those that lose most first, and the pairs that are confused."""
    if lacks := source.lacks("classes", _TITLE):
        return lacks
    lead = (
        "On ",
        source.told("count", "accuracy", "images"),
        " test images, the float form and this model side by side.",
    )
    return Section("classes", _TITLE, lead, tuple(_blocks(source)))


def _blocks(source: Source) -> Iterator[Block]:
    if source.get("classes", "confusion"):
        names = source.path("classes", "names")
        shown = (("float form", "float"), ("this model", "compressed"))
        yield Beside(tuple(Matrix(title, source.path("classes", "confusion", form), names) for title, form in shown))
    elif cells := source.get("classes", "confusion_cells"):
        yield Beside(tuple(_heat(source, cells, at, title) for at, title in ((2, "float form"), (3, "this model"))))
    yield _scores(source)
    if source.get("classes", "labels"):
        columns: list[tuple[str, str, tuple[str | int, ...]]] = [("label", "text", ("class",))]
        for form, word in (("float", "float"), ("compressed", "this model")):
            columns += [(f"missed, {word}", "count", (form, "missed"))]
            columns += [(f"seen wrongly, {word}", "count", (form, "seen_wrongly"))]
        yield source.table("labels", ("classes", "labels"), columns, ("Missed, and seen where they are not",))
    elif source.get("classes", "pairs"):
        yield source.table(
            "confused",
            ("classes", "pairs"),
            [
                ("true class", "text", ("class",)),
                ("taken for", "text", ("taken_for",)),
                ("float", "count", ("float",)),
                ("this model", "count", ("compressed",)),
            ],
            ("Most confused pairs, in images",),
            most=8,
        )


def _scores(source: Source) -> Block:
    rows = source.get("classes", "per_class")
    columns: list[tuple[str, str, tuple[str | int, ...]]] = [
        ("class", "text", ("class",)),
        ("images", "count", ("images",)),
    ]
    for name, form in _SCORES:
        columns += [(f"{_HEADINGS[name]}, float", form, ("float", name))]
        columns += [("this model", form, ("compressed", name))]
    return source.table(
        "classes",
        ("classes", "per_class"),
        columns,
        ("Scores of each class, those first that lose most of their recall",),
        order=sorted(range(len(rows)), key=lambda at: (_gain(rows[at]), at)),
    )


def _gain(row: dict[str, dict[str, float | None]]) -> float:
    before, after = (row[form]["recall"] for form in ("float", "compressed"))
    return 0.0 if before is None or after is None else after - before


def _heat(source: Source, cells: list[list[int]], at: int, title: str) -> Figure:
    classes = len(source.get("classes", "names"))
    held: dict[int, int] = {}
    for cell in cells:
        held[cell[0]] = held.get(cell[0], 0) + cell[at]
    shares = [(cell[0], cell[1], cell[at] / max(1, held[cell[0]])) for cell in cells]
    return Figure(lambda: draw_heat(shares, classes, f"Which class the {title} takes for which"), (title,))
