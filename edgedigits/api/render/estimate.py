"""An estimate for people (tables of rich) and for programs (a JSON-safe dict); it is called an estimate everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.api.render.tables import start_table
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cost.cycle_model import Foretold
from edgedigits.measure.cost.estimate import Estimate, OperatorEstimate

_SCHEMA: Final = 1
BASIS: Final = "estimated from multiply-adds and published throughput, not measured"
_MOST_ROWS: Final = 40
_HOW_TO_MEASURE: Final = "This estimate is no measurement; edgedigits bench --host measures on the board itself."


@dataclass(frozen=True)
class _Line:
    """One line of the table of operators: one operator, or all of a kind."""

    name: str
    arithmetic: str
    macs: int
    weight_bytes: int
    low_ms: float
    high_ms: float


def to_json(estimate: Estimate) -> JsonObject:
    """All that was estimated; times in ms, rates in 10^9 multiply-adds per second of one core."""
    return {
        "schema": _SCHEMA,
        "estimate": True,
        "basis": BASIS,
        "file": estimate.file,
        "device": estimate.device,
        "board": estimate.board,
        "threads": estimate.threads,
        "estimate_low_ms": estimate.low_ms,
        "estimate_high_ms": estimate.high_ms,
        "estimate_foretold": asdict(estimate.foretold),
        "macs": estimate.macs,
        "weight_bytes": estimate.weight_bytes,
        "operators": [_operator_json(each) for each in estimate.operators],
        "estimate_rates": [{**asdict(rate), "rows": list(rate.rows)} for rate in estimate.rates],
        "sources": [asdict(source) for source in estimate.sources],
        "notes": list(estimate.notes),
    }


def render(estimate: Estimate) -> Group:
    """The range first, then operators, the throughput reckoned with, notes and sources; made for 100 columns."""
    return Group(
        Text(f"Estimate, not measured: {_range(estimate.low_ms, estimate.high_ms)} per inference", style="bold"),
        Text(f"{estimate.file} on {estimate.board}, {_threads(estimate.threads)}; {BASIS}."),
        Text(_foretold(estimate.foretold)),
        Text(),
        _operators(estimate),
        Text(),
        _rates(estimate),
        Text(),
        *_listed("Notes on the estimate", [*estimate.notes, _HOW_TO_MEASURE]),
        Text(),
        *_listed("Sources of the estimate", _sources(estimate)),
    )


def _foretold(found: Foretold) -> str:
    memory = f", and at most {_ms(found.memory_ms)} ms for what comes from memory" if found.memory_ms else ""
    return (
        f"By a model of cycles, fitted to single operators, an estimate of {found.cycles:,} cycles of a {found.cpu}: "
        f"{_ms(found.ms)} ms at {found.clock_ghz:g} GHz on one thread{memory}."
    )


def _operator_json(each: OperatorEstimate) -> JsonObject:
    found = asdict(each.work)
    found["output_shape"] = list(each.work.output_shape)
    return {**found, "estimate_low_ms": each.low_ms, "estimate_high_ms": each.high_ms}


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _range(low: float, high: float) -> str:
    return f"{_ms(low)} to {_ms(high)} ms"


def _ms(value: float) -> str:
    """Two digits that count: more would promise what an estimate can't keep."""
    if 0 < value < 0.001:
        return "< 0.001"
    return f"{value:#.2g}".rstrip(".") if 0 < value < 100 else f"{value:.0f}"


def _operators(estimate: Estimate) -> Table:
    columns = ("operator", "arithmetic", "multiply-adds", "weights, B", "estimate, low ms", "estimate, high ms")
    table = start_table("Estimate by operator", *columns, words=2)
    for line in _lines(estimate.operators):
        table.add_row(
            Text(line.name),
            line.arithmetic,
            f"{line.macs:,}" if line.macs else "",
            f"{line.weight_bytes:,}" if line.weight_bytes else "",
            _ms(line.low_ms),
            _ms(line.high_ms),
        )
    table.add_section()
    total = (f"{estimate.macs:,}", f"{estimate.weight_bytes:,}", _ms(estimate.low_ms), _ms(estimate.high_ms))
    table.add_row("all", "", *total)
    return table


def _lines(operators: tuple[OperatorEstimate, ...]) -> Iterable[_Line]:
    """One per operator that costs something, or one per kind where they are too many."""
    costly = [each for each in operators if each.high_ms]
    lines = [_line(f"#{each.work.index} {_plain(each.work.kind)}", [each]) for each in costly]
    if len(lines) <= _MOST_ROWS:
        return lines
    kinds = dict.fromkeys((each.work.kind, each.work.arithmetic) for each in costly)
    groups = {kind: [each for each in costly if (each.work.kind, each.work.arithmetic) == kind] for kind in kinds}
    return [_line(f"{len(group)} x {_plain(name)}", group) for (name, _), group in groups.items()]


def _line(name: str, group: list[OperatorEstimate]) -> _Line:
    return _Line(
        name=name,
        arithmetic=group[0].work.arithmetic,
        macs=sum(each.work.macs for each in group),
        weight_bytes=sum(each.work.weight_bytes for each in group),
        low_ms=sum(each.low_ms for each in group),
        high_ms=sum(each.high_ms for each in group),
    )


def _plain(name: str) -> str:
    """A name from the file, with whatever could steer the terminal made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)


def _rates(estimate: Estimate) -> Table:
    columns = ("operators", "arithmetic", "estimate, low G/s", "estimate, high G/s")
    table = start_table("Estimate of multiply-adds per second of one core", *columns, words=2)
    for rate in estimate.rates:
        table.add_row(rate.kind, rate.arithmetic, _ms(rate.low_gmacs), _ms(rate.high_gmacs))
    return table


def _sources(estimate: Estimate) -> list[str]:
    return [f"{source.title}, {source.where}. {source.note}" for source in estimate.sources]


def _listed(title: str, sentences: Iterable[str]) -> list[RenderableType]:
    return [Text(title, style="bold"), *(Text(f"- {sentence}") for sentence in sentences)]
