"""Figures of matplotlib as SVG that takes its colours from the page, in light and in dark, and its letters too."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

INK, FAINT, FLOAT, COMPRESSED, THIRD, FOURTH, PAPER = (f"#0{number}0{number}f{number}" for number in range(1, 8))
"""Stand-ins that no figure has otherwise; a page's variables take their place."""
_VARIABLES: Final = {
    INK: "var(--ink-soft)",
    FAINT: "var(--line)",
    FLOAT: "var(--float)",
    COMPRESSED: "var(--compressed)",
    THIRD: "var(--third)",
    FOURTH: "var(--fourth)",
    PAPER: "var(--card)",
}
SERIES: Final = (COMPRESSED, FLOAT, THIRD, FOURTH)
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edgedigits",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}


@dataclass(frozen=True)
class Size:
    """In inches, of a hundred pixels each."""

    width: float = 4.4
    height: float = 3.0


def draw(fill: Callable[[Any], None], alt: str, size: Size = Size()) -> str:
    """An SVG of one panel of matplotlib that `fill` has filled; `alt` is what it shows, for who does not see it. The same for the
    same numbers."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(size.width, size.height), layout="constrained")
        fill(figure.subplots())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _adapt(buffer.getvalue(), alt, size)


def _adapt(svg: str, alt: str, size: Size) -> str:
    """Colours of the page, ids that are no other figure's, as wide as there is room and no wider than it was made for."""
    import html

    inner = svg[svg.index("<svg") :]
    for stand_in, variable in _VARIABLES.items():
        inner = inner.replace(stand_in, variable)
    mark = f"f{abs(hash_text(inner)) % 10**8}-"
    inner = re.sub(r'\bid="', f'id="{mark}', inner)
    inner = re.sub(r'(url\(#|href="#)', rf"\g<1>{mark}", inner)
    inner = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", inner, flags=re.DOTALL)
    inner = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", inner)
    box = re.search(r'viewBox="[^"]*"', inner)
    assert box is not None
    head = f'<svg {box[0]} role="img" aria-label="{html.escape(alt)}" style="max-width:{size.width:.1f}in"'
    body = inner[inner.index(">") + 1 :]
    return f'{head} xmlns:xlink="http://www.w3.org/1999/xlink">{re.sub(chr(10) + " *", chr(10), body).strip()}'


def hash_text(text: str) -> int:
    """The same for the same text, in every process."""
    import zlib

    return zlib.crc32(text.encode())


def draw_lines(
    lines: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    labels: tuple[str, str],
    alt: str,
    *,
    log_x: bool = False,
    diagonal: bool = False,
    marks: bool = False,
    size: Size = Size(),
) -> str:
    """Named lines of (name, x, y), the compressed form first; `labels` are those of the axes."""

    def fill(panel: Any) -> None:
        if diagonal:
            panel.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
        for colour, (name, across, up) in reversed(list(zip(_colours(len(lines)), lines, strict=True))):
            panel.plot(across, up, color=colour, label=name, marker="o" if marks else None, markeredgecolor=PAPER)
        if log_x:
            _scale_log(panel, "x")
        panel.set_xlabel(labels[0])
        panel.set_ylabel(labels[1])
        if len(lines) > 1:
            handles, names = panel.get_legend_handles_labels()
            panel.legend(handles[::-1], names[::-1], loc="best", handlelength=1.4)

    return draw(fill, alt, size)


def draw_bars(names: Sequence[str], values: Sequence[float], label: str, alt: str) -> str:
    """Bars from left to right, one below the other."""

    def fill(panel: Any) -> None:
        panel.barh(range(len(names)), values, color=COMPRESSED, height=0.62)
        panel.set_yticks(range(len(names)), names)
        panel.invert_yaxis()
        panel.grid(visible=False, axis="y")
        panel.xaxis.set_major_formatter(lambda value, _place: f"{value:g}")
        panel.locator_params(axis="x", nbins=5)
        panel.set_xlabel(label)

    return draw(fill, alt, Size(4.4, 0.8 + 0.26 * len(names)))


def draw_points(
    points: Sequence[tuple[str, float, float, tuple[float, float], bool]],
    front: Sequence[tuple[float, float]],
    labels: tuple[str, str],
    alt: str,
) -> str:
    """Points of (name, x, y, ends of y, whether it is a float form), and a front as steps, over a logarithmic x."""

    def fill(panel: Any) -> None:
        if len(front) > 1:
            panel.step(*zip(*front, strict=True), where="post", color=COMPRESSED, linewidth=1.2, alpha=0.5)
        for name, across, up, ends, is_float in points:
            colour = FLOAT if is_float else COMPRESSED
            panel.vlines(across, *ends, color=colour, linewidth=1.4, alpha=0.6)
            panel.plot(across, up, "o", color=colour, markersize=7, markeredgecolor=PAPER)
            panel.annotate(name, (across, up), xytext=(7, 5), textcoords="offset points", fontsize=9)
        _scale_log(panel, "x")
        panel.margins(x=0.18, y=0.15)
        panel.set_xlabel(labels[0])
        panel.set_ylabel(labels[1])

    return draw(fill, alt, Size(4.4, 3.2))


def draw_heat(cells: Sequence[Sequence[float]], classes: int, alt: str) -> str:
    """Shares of 1 at (row, column, share), darker for more: for so many classes that numbers could not be read."""
    import numpy as np

    grid = np.zeros((classes, classes))
    for row, column, share in cells:
        grid[int(row), int(column)] = share

    def fill(panel: Any) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        ramp = LinearSegmentedColormap.from_list("share", [(0.16, 0.47, 0.84, 0), (0.16, 0.47, 0.84, 1)])
        panel.imshow(np.sqrt(grid), cmap=ramp, vmin=0, vmax=1, interpolation="nearest")  # a few percent are to be seen
        panel.grid(visible=False)
        panel.set_xlabel("answered")
        panel.set_ylabel("true class")

    return draw(fill, alt, Size(4.0, 4.0))


def _colours(count: int) -> list[str]:
    return [SERIES[at % len(SERIES)] for at in range(count)]


def _scale_log(panel: Any, axis: str) -> None:
    """A logarithmic axis with a few plain numbers on it."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    getattr(panel, f"set_{axis}scale")("log")
    one = getattr(panel, f"{axis}axis")
    one.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
    one.set_major_formatter(EngFormatter(sep=""))
    one.set_minor_formatter(NullFormatter())
    one.grid(visible=False, which="minor")
