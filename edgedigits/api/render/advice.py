"""An advice for people (tables of rich) and for programs (a JSON-safe dict); what is predicted is never called measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.api.render.tables import start_table, word_ms
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cost.cycle_model import find_board, load_worst_error
from edgedigits.pipeline.advise.advice import ADVISED_BOARDS, Advice
from edgedigits.pipeline.advise.outlay import Cost, Effect, Layer
from edgedigits.pipeline.advise.reasons import word_percent

_SCHEMA: Final = 2
BASIS: Final = (
    "foretold without training: bytes of the recipe with its training cut to one step, latency from timed operators"
)
_MOST_ROWS: Final = 40
_CORES: Final = {"zero2": "Zero 2, Pi 3", "pi4": "Pi 4", "pi5": "Pi 5"}
"""One board of each core, and all that have it."""


def to_json(advice: Advice) -> JsonObject:
    """All that is said; shares are changes (-0.66: two thirds less), latencies microseconds on one thread."""
    return {
        "schema": _SCHEMA,
        "prediction": True,
        "basis": BASIS,
        "model": advice.model,
        "recipe": advice.recipe,
        "steps": advice.steps,
        "runtime": advice.runtime,
        "cpu": advice.cpu,
        "timings_file": str(advice.timings_file),
        "operators_timed_now": advice.operators_timed_now,
        "before": _cost_json(advice.before),
        "after": _cost_json(advice.after),
        "layers": [{**dataclasses.asdict(layer), "output_shape": list(layer.output_shape)} for layer in advice.layers],
        "rest": {"raw_bytes": advice.rest_bytes, "gzip_bytes": advice.rest_gzip_bytes},
        "verdict": [{**dataclasses.asdict(effect), "cost": _cost_json(effect.cost)} for effect in advice.effects],
        "would_pay": list(advice.would_pay),
        "boards": [_board_json(advice, board) for board in ADVISED_BOARDS],
        "warnings": list(advice.warnings),
    }


def render(advice: Advice) -> Group:
    """What comes out in one line, then warnings, the verdict, what would pay, boards and layers; made for 100 columns."""
    after, before = advice.after, advice.before
    time = f"{_us(after.us)} us ({_change(after.us, before.us)})" if after.us is not None else "no latency"
    return Group(
        Text(
            f"Foretold, not measured: {after.raw_bytes:,} B ({_change(after.raw_bytes, before.raw_bytes)}), "
            f"gzip {after.gzip_bytes:,} B ({_change(after.gzip_bytes, before.gzip_bytes)}), {time}",
            style="bold",
        ),
        Text(
            f"{advice.model} by {advice.recipe} ({advice.steps}) against its float32 form; {advice.runtime}, one thread,"
        ),
        Text(f"{advice.cpu}. Accuracy is not foretold."),
        *(Text(f"warning: {sentence}") for sentence in advice.warnings),
        Text(),
        _verdict(advice),
        *(Text(f"- {effect.setting}: {effect.reason}") for effect in advice.effects if effect.reason),
        Text(),
        Text("What would pay", style="bold"),
        *(
            Text(f"- {sentence}")
            for sentence in advice.would_pay or ["nothing that is known of: this recipe takes it all"]
        ),
        Text(),
        _boards(advice),
        Text(_board_note(advice)),
        Text(),
        _layers(advice),
    )


def _cost_json(cost: Cost) -> JsonObject:
    return {**dataclasses.asdict(cost), "us": None if cost.us is None else round(cost.us, 3)}


def _board_json(advice: Advice, board: Any) -> JsonObject:
    before, after = advice.before.boards[board], advice.after.boards[board]
    exports = [effect for effect in advice.effects if effect.kind == "export"]
    return {
        "board": board,
        "name": find_board(board)[1].name,
        "core": before.cpu,
        "clock_ghz": before.clock_ghz,
        "basis": "counted" if advice.counted_now else "foretold",
        **{
            key: {"cycles": cost.cycles, "ms": cost.ms, "memory_ms": cost.memory_ms}
            for key, cost in (("float32", before), ("recipe", after))
        },
        "change": after.cycles / before.cycles - 1,
        "export_change": exports[0].cycles[board] if exports else 0.0,
    }


def _change(now: float | None, before: float | None) -> str:
    return word_percent(now / before - 1) if now is not None and before else "?"


def _us(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _verdict(advice: Advice) -> Table:
    columns = ("what it buys", "raw", "gzip", "time here", *_CORES.values())
    table = start_table("Verdict: the change by each setting (less is better; boards: cycles)", *columns, words=1)
    for effect in advice.effects:
        if effect.kind == "all":
            table.add_section()
        table.add_row(Text(effect.setting), *_shares(effect))
    return table


def _shares(effect: Effect) -> Iterator[str]:
    yield word_percent(effect.raw)
    yield word_percent(effect.gzip)
    yield "?" if effect.time is None else word_percent(effect.time)
    yield from (word_percent(effect.cycles[board]) for board in _CORES)


def _boards(advice: Advice) -> Table:
    columns = ("board", "clock", "float32", "recipe", "float32 cycles", "recipe cycles", "change", "export alone")
    table = start_table("Boards: one inference, LiteRT, one thread", *columns, words=1)
    for board in ADVISED_BOARDS:
        facts = _board_json(advice, board)
        table.add_row(
            facts["name"].removeprefix("Raspberry "),
            f"{facts['clock_ghz']:.1f} GHz",
            f"{word_ms(facts['float32']['ms'])} ms",
            f"{word_ms(facts['recipe']['ms'])} ms",
            f"{facts['float32']['cycles']:,}",
            f"{facts['recipe']['cycles']:,}",
            word_percent(facts["change"]),
            word_percent(facts["export_change"]),
        )
    return table


def _board_note(advice: Advice) -> str:
    how = "Counted under QEMU now, by LLVM's models of the cores"
    if not advice.counted_now:
        how = (
            f"Foretold from the shapes, at worst {load_worst_error():.0f} % from what is counted of nets it was not fitted on; "
            "--count counts"
        )
    return f"{how}. {_memory_note(advice)}"


def _memory_note(advice: Advice) -> str:
    """What does not fit a board's last cache is apart, and no part of the table."""
    slow = [
        f"{word_ms(cost.boards[board].memory_ms)} ms of {form} on a {find_board(board)[1].name}"
        for form, cost in (("float32", advice.before), ("this recipe", advice.after))
        for board in ADVISED_BOARDS
        if cost.boards[board].memory_ms
    ]
    if not slow:
        return "Both fit each board's last cache."
    return f"From memory come, at most and besides: {', '.join(slow)}."


def _layers(advice: Advice) -> RenderableType:
    columns = ("layer", "operator", "parameters", "multiply-adds", "raw B", "gzip B", "us")
    table = start_table("Layers of the file to come", *columns, words=2)
    shown = advice.layers if len(advice.layers) <= _MOST_ROWS else _by_cost(advice.layers)
    for layer in shown:
        name = layer.name or f"#{layer.index}"
        table.add_row(Text(_plain(name)), Text(_plain(layer.kind)), *_numbers(layer))
    table.add_section()
    if len(shown) < len(advice.layers):
        table.add_row(f"{len(advice.layers) - len(shown)} more", "", *_numbers(_sum(advice.layers, shown)))
    table.add_row("rest of the file", "", "", "", f"{advice.rest_bytes:,}", f"{advice.rest_gzip_bytes:,}", "")
    after = advice.after
    parameters = sum(layer.parameters for layer in advice.layers)
    sizes = (f"{after.raw_bytes:,}", f"{after.gzip_bytes:,}")
    table.add_row("all", "", f"{parameters:,}", f"{after.macs:,}", *sizes, _us(after.us))
    return table


def _by_cost(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The dearest, in the order of the graph."""
    dearest = sorted(layers, key=lambda layer: (layer.us or 0.0, layer.macs), reverse=True)[:_MOST_ROWS]
    return tuple(sorted(dearest, key=lambda layer: layer.index))


def _sum(layers: tuple[Layer, ...], but: tuple[Layer, ...]) -> Layer:
    left = [layer for layer in layers if layer not in but]
    return dataclasses.replace(
        left[0],
        parameters=sum(layer.parameters for layer in left),
        macs=sum(layer.macs for layer in left),
        raw_bytes=sum(layer.raw_bytes for layer in left),
        gzip_bytes=sum(layer.gzip_bytes for layer in left),
        us=sum(layer.us or 0.0 for layer in left),
    )


def _numbers(layer: Layer) -> Iterator[str]:
    for number in (layer.parameters, layer.macs, layer.raw_bytes, layer.gzip_bytes):
        yield f"{number:,}" if number else ""
    yield _us(layer.us)


def _plain(name: str) -> str:
    """A name from the file, with whatever could steer the terminal made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)
