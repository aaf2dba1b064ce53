"""Pareto figures from a results document: accuracy against each cost, the front as a line. SVG, the same for the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.fronts import front

_COLUMNS = 2
COLOURS = ("#1b6ca8", "#c1440e", "#3a7d44", "#7b4b94", "#8a6d00", "#555555", "#b03a6f")


def draw(rows: Sequence[Mapping[str, Any]], axes: Mapping[str, str], path: Path) -> None:
    """A panel for each of `axes` (key of a cost to its label); rows have name, group, accuracy_percent and its low and high."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgedigits", "font.size": 8}):
        grid = (-(-len(axes) // _COLUMNS), _COLUMNS)
        figure = Figure(figsize=(5.4 * grid[1], 4 * grid[0]), layout="constrained")
        panels = list(figure.subplots(*grid, squeeze=False).flat)
        for panel, (cost, label) in zip(panels, axes.items(), strict=False):
            _panel(panel, [row for row in rows if row.get(cost) is not None], cost, label)
        for panel in panels[len(axes) :]:  # the last place of an odd number
            panel.set_axis_off()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})


def _panel(panel: Any, rows: Sequence[Mapping[str, Any]], cost: str, label: str) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    groups = list(dict.fromkeys(row["group"] for row in rows))
    by_name = {row["name"]: row for row in rows}
    best = [by_name[name] for name in front(rows, cost)]
    panel.plot([row[cost] for row in best], [row["accuracy_percent"] for row in best], color="#bbbbbb", zorder=1)
    for row in rows:
        colour, accuracy = COLOURS[groups.index(row["group"]) % len(COLOURS)], row["accuracy_percent"]
        reach = [[accuracy - row["accuracy_low"]], [row["accuracy_high"] - accuracy]]
        panel.errorbar(row[cost], accuracy, yerr=reach, fmt="o", color=colour, markersize=4, elinewidth=0.6)
        panel.annotate(row["name"], (row[cost], accuracy), xytext=(4, 3), textcoords="offset points", fontsize=6.5)
    panel.set_xscale("log")
    panel.margins(x=0.15)
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel(label)
    panel.set_ylabel("test accuracy, %")
    panel.grid(visible=True, linewidth=0.3)
