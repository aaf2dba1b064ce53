"""The points of a search as a figure: points lost against the time on the target, the front as a line, the bounds as edges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedigits.ground.atomic import whole_file

if TYPE_CHECKING:
    from edgedigits.pipeline.search.outcome import Point
    from edgedigits.pipeline.search.search import Outcome

NAME = "pareto.svg"
_WHOLE, _SHORT, _LINE, _BEST = "#1b6ca8", "#bbbbbb", "#3a7d44", "#c1440e"


def draw(found: Outcome, folder: Path) -> Path:
    """Writes pareto.svg into the folder, the same for the same points; its path."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    path = folder / NAME
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgedigits", "font.size": 8}):
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        _fill(figure.subplots(), found)
        with whole_file(path) as part:
            figure.savefig(part, format="svg", metadata={"Date": None})
    return path


def _fill(panel: Any, found: Outcome) -> None:
    shown = [one for one in found.points if one.drop_points is not None and one.ms]
    for whole, colour, label in ((True, _WHOLE, "whole training"), (False, _SHORT, "cut short")):
        some = [one for one in shown if one.whole == whole]
        panel.scatter([one.ms for one in some], [_change(one) for one in some], s=14, color=colour, label=label)
    panel.plot(
        *zip(*[(one.ms, _change(one)) for one in _line(found)], strict=True) or ([], []), color=_LINE, label="front"
    )
    for one in found.front:
        panel.annotate(one.name, (one.ms, _change(one)), xytext=(4, 3), textcoords="offset points", fontsize=6)
    if found.best is not None:
        panel.scatter([found.best.ms], [_change(found.best)], s=40, color=_BEST, label="best")
    bounds = found.goal.bounds
    panel.axhline(-bounds.max_drop, color=_BEST, linewidth=0.6, linestyle="--")
    if (most := bounds.most_ms(found.float_ms)) is not None:
        panel.axvline(most, color=_BEST, linewidth=0.6, linestyle="--")
    if shown:  # a logarithmic axis needs something on it
        panel.set_xscale("log")
    panel.set_xlabel(f"milliseconds of one inference on {found.goal.target}")
    panel.set_ylabel("points of accuracy against the float model, validation")
    panel.grid(visible=True, linewidth=0.3)
    panel.legend(fontsize=6)


def _line(found: Outcome) -> list[Point]:
    """Of the front what is there for accuracy and time alone: bytes have no axis here."""
    line: list[Point] = []
    for one in found.front:
        if not line or _change(one) > _change(line[-1]):
            line.append(one)
    return line


def _change(one: Point) -> float:
    return -(one.drop_points or 0.0)
