"""What stands in front: the verdict in a sentence, the four numbers that are asked first, and all models in one figure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from edgedigits.api.render.page.blocks import Beside, Column, Figure, Section, Table, Text, Tile, Told
from edgedigits.api.render.page.figures import draw_points
from edgedigits.api.report.sections.source import Source
from edgedigits.ground.facts import JsonObject

WORDS: Final = {"holds": "Ready to ship", "weigh": "Look before you ship", "fails": "Not to ship"}
_COSTS: Final = (("bytes", "bytes"), ("cycles", "cycles of one inference"))


def name_artifact(source: Source) -> Text:
    """Its model and its recipe."""
    return (source.told("text", "manifest", "model", "name"), ", ", source.told("text", "manifest", "recipe", "name"))


def tell_verdict(source: Source) -> Text:
    """One sentence: how right, how small, how fast, against the float form."""
    return (*_tell_accuracy(source), *_tell_bytes(source), *_tell_speed(source), ".")


def _tell_accuracy(source: Source) -> Text:
    kind = source.get("verdict", "accuracy")
    if kind == "unknown":
        return ("No test images were at hand to count its right answers on. It",)
    both: Text = (
        source.told("percent", "accuracy", "compressed", "value"),
        " of ",
        source.told("count", "accuracy", "images"),
        " test images right, ",
        source.told("percent", "accuracy", "float", "value"),
        " by the float form",
    )
    change: Text = (
        source.told("points", "accuracy", "change_points", "value"),
        " points, ",
        source.told("points", "accuracy", "change_points", "low"),
        " to ",
        source.told("points", "accuracy", "change_points", "high"),
        " with ",
        source.confidence(),
        " confidence",
    )
    head = {
        "same": "It answers as well as its float form, as far as these images tell: ",
        "lost": "It loses right answers, more than chance would: ",
        "won": "It answers better than its float form, more than chance would: ",
    }[kind]
    return (head, *both, " (", *change, "). It")


def _tell_bytes(source: Source) -> Text:
    smaller = source.get("bytes", "ratio") >= 1
    form = ("ratio", " smaller") if smaller else ("inverse", " larger")
    return (" is ", source.told("times", "bytes", form[0]), form[1])


def _tell_speed(source: Source) -> Text:
    ratio = source.get("latency", "speedup", "value")
    if ratio is not None:
        doubt = "" if source.get("latency", "valid_windows") else ", though all was timed while others used the machine"
        return (" and ", source.told("times", "latency", "speedup", "value"), f" as fast here{doubt}")
    core = source.get("cycles", "cores", source.document["core"], "ratio")
    if core is None:
        return ()
    at = ("cycles", "cores", source.document["core"], "ratio")
    return (" and foretold to be ", source.told("times", *at), " as fast on a ", Told("/core"))


def list_reasons(source: Source) -> tuple[Text, ...]:
    """What speaks against it, a sentence each."""
    found: list[Text] = []
    for keys in source.get("verdict", "reasons"):
        gate: Text = ("Gate ", source.told("text", *keys[:3], "gate"), " ") if "gates" in keys[:2] else ()
        found.append((*gate, source.told("text", *keys)))
    if source.get("verdict", "slower"):
        found.append(("It is slower than the float form on this machine.",))
    return tuple(found)


def list_tiles(source: Source) -> tuple[Tile, ...]:
    """Accuracy, bytes, latency and cycles."""
    return tuple(_tiles(source))


def _tiles(source: Source) -> Iterator[Tile]:
    if source.get("accuracy") is not None:
        yield Tile(
            "Accuracy",
            (source.told("percent", "accuracy", "compressed", "value"),),
            ("float form ", source.told("percent", "accuracy", "float", "value")),
            (source.told("points", "accuracy", "change_points", "value"), " points"),
            {"lost": False, "won": True}.get(source.get("verdict", "accuracy")),
        )
    yield Tile(
        "Bytes",
        (source.told("count", "bytes", "compressed", "raw"),),
        ("float form ", source.told("count", "bytes", "float", "raw")),
        _tell_bytes(source)[1:],
        source.get("bytes", "ratio") > 1,
    )
    if source.get("latency") is not None:
        yield _time_tile(source)
    core = source.document["core"]
    if source.get("cycles") is not None:
        at = ("cycles", "cores", core)
        yield Tile(
            "Cycles, foretold",
            (source.told("count", *at, "compressed"),),
            ("float form ", source.told("count", *at, "float")),
            (source.told("times", *at, "ratio"), " as fast on a ", Told("/core")),
            source.get(*at, "ratio") > 1,
        )


def _time_tile(source: Source) -> Tile:
    speedup = source.get("latency", "speedup")
    sure = speedup and speedup["low"] is not None
    change: Text = ()
    if speedup:
        change = (source.told("times", "latency", "speedup", "value"), " as fast")
        if sure:
            ends = [source.told("times", "latency", "speedup", end) for end in ("low", "high")]
            change = (*change, " (", ends[0], " to ", ends[1], ")")
    good = None if not sure or speedup["low"] <= 1 <= speedup["high"] else speedup["low"] > 1
    before: Text = ("float form ", source.told("us", "latency", "float", "p50_us", "value")) if speedup else ()
    return Tile(
        "Time here, p50", (source.told("us", "latency", "compressed", "p50_us", "value"),), before, change, good
    )


def tell_best(document: JsonObject) -> Text:
    """All artifacts in a sentence."""
    source = Source(document, f"/artifacts/{document['best']}")
    state = source.get("verdict", "state")
    words = {
        "holds": " is the smallest that nothing speaks against: ",
        "weigh": " is the smallest; each of them has something to look at before it ships. It has ",
        "fails": " is the smallest, and all miss a gate. It has ",
    }[state]
    found: Text = ("Of ", Told("/count", "count"), " models, ", *name_artifact(source), words)
    if source.get("accuracy") is not None:
        found = (*found, source.told("percent", "accuracy", "compressed", "value"), " of the test images right, in ")
    return (*found, source.told("count", "bytes", "compressed", "raw"), " bytes.")


def show_overview(document: JsonObject) -> Section:
    """A Pareto figure for each cost, and the table behind them."""
    points = document["points"]
    figures = [_figure(points, cost, label) for cost, label in _COSTS]
    table = Table(
        "models",
        (Column("model", False), *(Column(name) for name in ("accuracy", "from", "to", "bytes", "cycles"))),
        tuple(map(_row, range(len(points)))),
        (),
        (
            "From and to are the ",
            Told("/confidence", "confidence"),
            " interval; cycles are those of a ",
            Told("/core"),
            ", foretold.",
        ),
        most=24,
    )
    shown = [figure for figure in figures if figure is not None]
    lead = (
        "Up is more accurate, left is cheaper; grey are the float forms, and the line joins what nothing else beats.",
    )
    return Section("overview", "Accuracy against cost", lead, (*((Beside(tuple(shown)),) if shown else ()), table))


def _row(at: int) -> tuple[Text, ...]:
    here = f"/points/{at}"
    told = [Told(f"{here}/{key}", "percent") for key in ("value", "low", "high")]
    return (
        (Told(f"{here}/name"),),
        *((one,) for one in told),
        (Told(f"{here}/bytes", "count"),),
        (Told(f"{here}/cycles", "count"),),
    )


def _figure(points: list[dict[str, Any]], cost: str, label: str) -> Figure | None:
    known = [point for point in points if point[cost] is not None]
    if len(known) < 2:
        return None
    marks = [
        (one["name"], one[cost], 100 * one["value"], (100 * one["low"], 100 * one["high"]), one["form"] == "float")
        for one in known
    ]
    front = sorted((one[cost], 100 * one["value"]) for one in known if cost in one["front"])
    return Figure(lambda: draw_points(marks, front, (label, "right test images, %"), f"Accuracy against {label}"), ())
