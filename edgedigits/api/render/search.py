"""What a search found: the Pareto table, the best artifact, or what each bound costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgedigits.ground.facts import JsonObject

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType
    from rich.table import Table

    from edgedigits.pipeline.search.outcome import Point
    from edgedigits.pipeline.search.search import Outcome


def to_json(found: Outcome) -> JsonObject:
    """The document of `edgedigits search --json`."""
    goal, artifact = found.goal, found.artifact
    return {
        "schema": 1,
        "target": goal.target,
        "bounds": goal.bounds.as_json(),
        "reached": artifact is not None,
        "float": {"ms": found.float_ms, "size_bytes": found.float_bytes},
        "best": found.best.as_json() if found.best else None,
        "artifact": str(artifact.path) if artifact else None,
        "recipe": str(found.recipe_file) if found.recipe_file else None,
        "test": artifact.manifest["test"] if artifact else None,
        "warnings": list(artifact.manifest["warnings"]) if artifact else [],
        "front": [one.as_json() for one in found.front],
        "points": [one.as_json() for one in found.points],
        "without": [{"bound": one.bound, "best": one.point.as_json() if one.point else None} for one in found.reliefs],
        "rejected": list(found.rejected),
        "seconds": found.seconds,
        "resumed": found.resumed,
        "study": found.study,
    }


def render(found: Outcome, figure: Path) -> RenderableType:
    """The table, and below it how it ended, in sentences."""
    from rich.console import Group
    from rich.text import Text

    lines = [*_end(found), f"{figure}: every point; {found.study}: the study, which optuna-dashboard shows"]
    return Group(_front(found), *(Text(line) for line in lines))


def _front(found: Outcome) -> Table:
    from rich.table import Table

    table = Table(title=f"what no other point beats, for {found.goal.target} (points lost on validation images)")
    table.add_column("recipe")
    for name in ("points", "ms", "faster", "bytes", "gzip"):
        table.add_column(name, justify="right")
    for one in found.front:
        best = found.best is not None and one.number == found.best.number
        table.add_row(*_cells(one, found.float_ms), style="bold" if best else None)
    return table


def _cells(one: Point, float_ms: float) -> Iterator[str]:
    yield one.name
    yield "" if one.drop_points is None else f"{0.0 - one.drop_points:+.2f}"
    yield "" if one.ms is None else f"{one.ms:.3g}"
    yield "" if not one.ms else f"{float_ms / one.ms:.1f}x"
    yield "" if one.size_bytes is None else f"{one.size_bytes:,}"
    yield "" if one.gzip_bytes is None else f"{one.gzip_bytes:,}"


def _end(found: Outcome) -> Iterator[str]:
    if found.best and found.artifact:
        test = found.artifact.manifest["test"]
        change = 100 * (test["accuracy"] - test["float_accuracy"])
        yield (
            f"best: {found.best.name}; of {test['images']:,} test images {100 * test['accuracy']:.2f} % are right, "
            f"{change:+.2f} points against the float model (p = {test['mcnemar_p']:.2g})"
        )
        if -change > found.goal.bounds.max_drop:
            yield (
                f"warning: that is more than --max-drop {found.goal.bounds.max_drop:g}, which it holds on validation images; "
                "ask for less to be on the safe side"
            )
        yield from (f"warning: {said}" for said in found.artifact.manifest["warnings"])
        yield f"{found.artifact.path}"
        yield f"{found.recipe_file}: its recipe, for edgedigits compress --recipe"
        return
    yield "the bounds can't be had: no point that was tried holds them all"
    for relief in found.reliefs:
        if relief.point is None:
            yield f"without {relief.bound}: none either"
        else:
            yield f"without {relief.bound}: {_word(relief.point)}"
    yield from found.rejected


def _word(point: Point) -> str:
    lost = f"{0.0 - (point.drop_points or 0.0):+.2f} points"
    short = "" if point.whole else f" after {100 * point.share:.0f} % of its training"
    return f"{point.name}, {lost}{short}, {point.ms:.3g} ms, {point.size_bytes:,} bytes"
