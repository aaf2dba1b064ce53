"""What each layer bears as a figure: a row for each, in the order of the net, a colour for the points that a probe costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgedigits.ground.atomic import whole_file

if TYPE_CHECKING:
    from edgedigits.pipeline.sensitivity.outcome import LayerRow, Outcome

_TITLES: Final = {
    "int8_alone": "int8\nalone",
    "float_alone": "float\nalone",
    "pruned_50": "-50 %\nweights",
    "pruned_80": "-80 %\nweights",
    "pruned_90": "-90 %\nweights",
    "half_channels": "half of\nchannels",
}
_MOST_POINTS: Final = 20.0
"""Points from which a colour is darkest: what costs as much is not to be done."""
_ROW_INCHES, _MOST_INCHES = 0.22, 60.0
_MOST_NAME: Final = 36


def draw(found: Outcome, path: Path) -> Path:
    """Writes the figure, .png or .svg by its ending, the same for the same findings; its path."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = sorted(found.layers, key=lambda row: row.place)
    height = min(1.8 + _ROW_INCHES * len(rows), _MOST_INCHES)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgedigits", "font.size": 7}):
        figure = Figure(figsize=(8.5, height), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        _fill_points(left, rows)
        _fill_nats(right, rows)
        figure.suptitle(_escape(f"{found.model} on {found.data}: points of accuracy, and nats of int8 alone"))
        form = path.suffix[1:].lower()
        with whole_file(path) as part:
            figure.savefig(part, format=form, dpi=130, metadata={"Date": None} if form == "svg" else None)
    return path


def _fill_points(panel: Any, rows: list[LayerRow]) -> None:
    drops = np.array([[_drop(row, name) for name in _TITLES] for row in rows])
    panel.imshow(np.ma.masked_invalid(drops), cmap="RdBu_r", vmin=-_MOST_POINTS, vmax=_MOST_POINTS, aspect="auto")
    for (row, column), drop in np.ndenumerate(drops):
        text = "" if np.isnan(drop) else f"{-drop:+.1f}" if abs(drop) >= 0.05 else "0"
        panel.text(
            column, row, text, ha="center", va="center", color="white" if abs(drop) > _MOST_POINTS * 0.6 else "black"
        )
    panel.set_xticks(range(len(_TITLES)), list(_TITLES.values()))
    panel.set_yticks(range(len(rows)), [_escape(_shorten(row.name)) for row in rows])
    panel.tick_params(length=0)


def _fill_nats(panel: Any, rows: list[LayerRow]) -> None:
    nats = [one.kl_nats if (one := row.finding("int8_alone")) else 0.0 for row in rows]
    errors = [one.kl_error_nats if (one := row.finding("int8_alone")) else 0.0 for row in rows]
    panel.barh(range(len(rows)), nats, xerr=errors, color="#1b6ca8", ecolor="#666666", height=0.6)
    panel.set_xlabel("nats per image, int8 alone")
    panel.set_xlim(left=0)
    panel.grid(visible=True, axis="x", linewidth=0.3)
    panel.tick_params(axis="y", length=0, labelleft=False)


def _drop(row: LayerRow, probe: str) -> float:
    found = row.finding(probe)
    return float("nan") if found is None else found.drop_points


def _shorten(name: str) -> str:
    return name if len(name) <= _MOST_NAME else f"...{name[3 - _MOST_NAME :]}"


def _escape(text: str) -> str:
    """matplotlib sets what stands between dollars as mathematics."""
    return text.replace("$", r"\$")
