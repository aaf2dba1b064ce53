"""The page of a comparison: a table of the best rows and figures in front, then a chapter for each net."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edgedigits.api.render.page.blocks import Beside, Column, Figure, Section, Table, Text, Tile, Told, find
from edgedigits.api.render.page.figures import draw_points
from edgedigits.api.render.page.markup import Chapter, Page
from edgedigits.api.render.page.numbers import NOTHING
from edgedigits.api.render.page.plain_text import write_blocks
from edgedigits.ground.facts import JsonObject

WORDS: Final = {"holds": "Keeps its answers", "weigh": "Loses something", "fails": "Did not come out"}
_Cells = tuple[tuple[str, str, str], ...]
_SHORT: Final[_Cells] = (
    ("net", "text", "net"),
    ("recipe", "text", "recipe"),
    ("parameters", "count", "parameters"),
    ("float", "percent", "float/accuracy"),
    ("int8", "percent", "compressed/accuracy"),
    ("p", "p", "mcnemar_p"),
    ("drop", "drop", "drop_points"),
    ("flips", "count", "flips"),
    ("bytes", "count", "compressed/raw_bytes"),
    ("smaller", "times", "smaller"),
    ("Pi 4", "times", "fewer_cycles_pi4"),
    ("Pi 5", "times", "fewer_cycles_pi5"),
    ("p50 here", "us", "compressed/p50_us"),
)
_ALONE: Final[_Cells] = tuple(
    (name, form, path.replace("compressed/", "float/") if form != "percent" else path) for name, form, path in _SHORT
)
"""Of a model that goes through no recipe: its own bytes and time."""
_FORMS: Final[_Cells] = (
    ("accuracy", "percent", "accuracy"),
    ("precision", "unit", "precision"),
    ("recall", "unit", "recall"),
    ("F1", "unit", "f1"),
    ("AUC", "small", "auc"),
    ("multiply-adds", "count", "multiply_adds"),
    ("bytes", "count", "raw_bytes"),
    ("gzip", "count", "gzip_bytes"),
    ("p50 here", "us", "p50_us"),
    ("cycles Pi 4", "count", "cycles_pi4"),
    ("cycles Pi 5", "count", "cycles_pi5"),
)
_PAIRS: Final[_Cells] = (
    ("recipe", "text", "recipe"),
    ("drop", "drop", "drop_points"),
    ("p", "p", "mcnemar_p"),
    ("flips", "count", "flips"),
    ("smaller", "times", "smaller"),
    ("faster here", "times", "speedup"),
    ("Pi 4", "times", "fewer_cycles_pi4"),
    ("Pi 5", "times", "fewer_cycles_pi5"),
    ("validation", "percent", "validation/accuracy"),
    ("minutes", "short", "compression_minutes"),
)


def make_page(document: JsonObject) -> Page:
    """Everything that people see of a document."""
    count, nets = document["count"], document["nets"]
    state = "fails" if any(net["failed"] for net in nets) else "holds"
    sentence: Text = ("Of ", Told("/count", "count"), " nets, ", Told("/failed", "count"), " rows did not come out.")
    return Page(
        title=("Nets compared on ", Told("/data/name")),
        over=("edgedigits compare-zoo",),
        state=state,
        sentence=sentence,
        overview=(_show_overview(document),),
        chapters=tuple(_make_chapter(document, at) for at in range(count)),
        closing=(
            (Told("/rule"),),
            ("Made by edgedigits ", Told("/edgedigits"), ". Every number here stands in the JSON beside this file."),
        ),
    )


def write_table(document: JsonObject) -> str:
    """The best row of each net as Markdown."""
    return write_blocks((tabulate_best(document),), document)


def tabulate_best(document: JsonObject) -> Table:
    """A row for each net: its best, or why there is none."""
    places = [net["rows"][0] if net["best"] is None else net["best"] for net in document["nets"]]
    note: Text = (
        "Test images: ",
        Told("/data/test", "count"),
        " of ",
        Told("/data/name"),
        ". p: exact McNemar; drop: points, float less int8; Pi 4, Pi 5: times fewer cycles than float, foretold. ",
        "Exports are slim. " if document["slim"] else "",
        Told("/rule"),
    )
    failed = [at for at in places if not document["rows"][at]["ok"]]
    for at in failed:
        note = (*note, " ", Told(f"/rows/{at}/net"), ": ", Told(f"/rows/{at}/why"))
    rows = tuple(
        _cells(document, f"/rows/{at}", _ALONE if document["rows"][at]["recipe"] is None else _SHORT) for at in places
    )
    return Table("best", _columns(_SHORT), rows, (), note, most=len(rows))


def _columns(cells: _Cells) -> tuple[Column, ...]:
    return tuple(Column(name, form != "text") for name, form, _ in cells)


def _cells(document: JsonObject, root: str, cells: _Cells) -> tuple[Text, ...]:
    return tuple(_cell(document, f"{root}/{path}", form) for _, form, path in cells)


def _cell(document: JsonObject, path: str, form: str) -> Text:
    try:
        known = find(document, path) is not None
    except (KeyError, TypeError):
        known = False
    return (Told(path, form),) if known else (NOTHING,)


def _show_overview(document: JsonObject) -> Section:
    figures = tuple(filter(None, (_figure(document, *one) for one in _COSTS)))
    lead: Text = ("The best row of each net. Up is more accurate, left is cheaper; grey are the float forms.",)
    blocks = ((Beside(figures),) if figures else ()) + (tabulate_best(document),)
    return Section("overview", "All nets", lead, blocks)


_COSTS: Final = (("raw_bytes", "bytes"), ("cycles_pi4", "cycles of one inference on a Pi 4"))


def _figure(document: JsonObject, cost: str, label: str) -> Figure | None:
    rows = [document["rows"][net["best"]] for net in document["nets"] if net["best"] is not None]
    marks = [
        (row["net"], one[cost], 100 * one["accuracy"], (100 * one["accuracy_low"], 100 * one["accuracy_high"]), form)
        for row in rows
        for form, one in ((True, row["float"]), (False, row["compressed"]))
    ]
    if len(marks) < 2:
        return None
    cheap = sorted((across, up) for _, across, up, _, _ in marks)
    front = [(across, up) for at, (across, up) in enumerate(cheap) if all(up > one for _, one in cheap[:at])]
    return Figure(lambda: draw_points(marks, front, (label, "right test images, %"), f"Accuracy against {label}"), ())


def _make_chapter(document: JsonObject, at: int) -> Chapter:
    net = document["nets"][at]
    return Chapter(
        title=(Told(f"/nets/{at}/net"),),
        state=net["state"],
        word=WORDS[net["state"]],
        sentence=_tell_best(net),
        reasons=tuple((Told(f"/rows/{row}/recipe"), ": ", Told(f"/rows/{row}/why")) for row in net["failed"]),
        tiles=() if net["best"] is None else tuple(_tiles(document, net["best"])),
        sections=(_show_recipes(document, net),),
    )


def _tell_best(net: JsonObject) -> Text:
    if net["best"] is None:
        return _tell_alone(f"/rows/{net['rows'][0]}") if not net["failed"] else ("Nothing came of it.",)
    here = f"/rows/{net['best']}"
    return (
        Told(f"{here}/recipe"),
        " is the best of its recipes: ",
        Told(f"{here}/compressed/accuracy", "percent"),
        " of ",
        Told(f"{here}/images", "count"),
        " test images right, ",
        Told(f"{here}/float/accuracy", "percent"),
        " by the float form (p = ",
        Told(f"{here}/mcnemar_p", "p"),
        "), in ",
        Told(f"{here}/compressed/raw_bytes", "count"),
        " bytes.",
    )


def _tell_alone(here: str) -> Text:
    return (
        "It goes through no recipe: ",
        Told(f"{here}/float/accuracy", "percent"),
        " of ",
        Told(f"{here}/images", "count"),
        " test images right, in ",
        Told(f"{here}/float/raw_bytes", "count"),
        " bytes.",
    )


def _tiles(document: JsonObject, at: int) -> Iterator[Tile]:
    row, here = document["rows"][at], f"/rows/{at}"
    for title, form, key, change, better in (
        ("Accuracy", "percent", "accuracy", (Told(f"{here}/drop_points", "drop"), " points less"), None),
        ("Bytes", "count", "raw_bytes", (Told(f"{here}/smaller", "times"), " smaller"), "smaller"),
        ("Time here, p50", "us", "p50_us", (Told(f"{here}/speedup", "times"), " as fast"), "speedup"),
        (
            "Cycles, foretold",
            "count",
            "cycles_pi4",
            (Told(f"{here}/fewer_cycles_pi4", "times"), " fewer on a Pi 4"),
            None,
        ),
    ):
        before: Text = ("float form ", Told(f"{here}/float/{key}", form))
        good = None if better is None or row[better] is None else row[better] > 1
        yield Tile(title, (Told(f"{here}/compressed/{key}", form),), before, change, good)


def _show_recipes(document: JsonObject, net: JsonObject) -> Section:
    """Of each recipe what it changes, then both forms, the float one once for each."""
    made = [at for at in net["rows"] if document["rows"][at]["ok"]]
    marks = (Column("best", False), *_columns(_PAIRS))
    pairs: tuple[tuple[Text, ...], ...] = tuple(
        (("best" if document["rows"][at]["best"] else "",), *_cells(document, f"/rows/{at}", _PAIRS))
        for at in net["rows"]
    )
    forms: tuple[tuple[Text, ...], ...] = tuple(
        (_cell(document, f"/rows/{at}/recipe", "text"), (form,), *_cells(document, f"/rows/{at}/{key}", _FORMS))
        for at in made
        for form, key in (("float", "float"), ("int8", "compressed"))
        if document["rows"][at][key]
    )
    first = f"/rows/{net['rows'][0]}"
    lead: Text = (
        *(Told(f"{first}/parameters", "count"), " parameters; trained in "),
        *(Told(f"{first}/training_minutes", "short"), " minutes."),
    )
    both = Table("forms", (Column("recipe", False), Column("form", False), *_columns(_FORMS)), forms, most=24)
    blocks = (Table("pairs", marks, pairs, most=24), *((both,) if forms else ()))
    return Section("recipes", "Recipes", lead, blocks)
