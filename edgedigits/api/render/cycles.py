"""Counted cycles for people (tables of rich) and for programs (a JSON-safe dict)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.api.render.tables import start_table, word_ms
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cycles.cycles import Cycles, OperatorCycles

_SCHEMA: Final = 1
_MOST_ROWS: Final = 40
_AGREE: Final = 0.02
LEFT_OUT: Final = "Not in cycles: misses of caches and of branch prediction; memory is foretold apart."


def to_json(found: Cycles) -> JsonObject:
    """All that was counted and reckoned; times in ms."""
    return {
        "schema": _SCHEMA,
        **asdict(found),
        "instructions_per_cycle": found.per_cycle,
        "attributed_share": found.attributed,
        "warning": found.warning,
    }


def render(file: str, found: Cycles) -> Group:
    """What a board takes first, then the operators, and with what it was reckoned; made for 100 columns."""
    origin = (
        f"{found.runtime} {found.version}, one thread, QEMU {found.qemu_version}, LLVM {found.llvm_version}'s model"
    )
    return Group(
        Text(f"{file}: {in_a_line(found)}", style="bold"),
        Text(
            f"{found.instructions:,} instructions, {found.per_cycle:.2f} per cycle ({origin} of the {found.llvm_model})"
        ),
        Text(),
        _boards(found),
        Text(),
        _operators(found),
        Text(),
        Text(LEFT_OUT),
        *_agreement(found),
        *([Text(f"Warning: {found.warning}", style="bold")] if found.warning else []),
    )


def in_a_line(found: Cycles) -> str:
    """Cycles and milliseconds."""
    times = ", ".join(f"{word_ms(one.ms)} ms on a {one.board} at {one.clock_ghz:.1f} GHz" for one in found.boards)
    return f"{found.cycles:,} cycles per inference on {found.cpu}, {times}"


def _agreement(found: Cycles) -> list[Text]:
    """Where operators do not make up the whole: some can't be run alone, or have other shapes when they are."""
    if not found.operators or abs(found.attributed - 1) <= _AGREE:
        return []
    return [Text(f"Operators, each run alone, make up {100 * found.attributed:.0f} % of the whole.")]


def _boards(found: Cycles) -> Table:
    table = start_table("By board", "board", "clock, GHz", "cycles, ms", "memory apart, ms", words=1)
    for one in found.boards:
        memory = "not known" if one.memory_ms is None else word_ms(one.memory_ms)
        table.add_row(one.board, f"{one.clock_ghz:.1f}", word_ms(one.ms), memory)
    return table


def _operators(found: Cycles) -> RenderableType:
    """One row per operator that takes something, or one per kind where they are too many."""
    columns = ("operator", "instructions", "cycles", "share", "instr. per cycle", "memory, B")
    table = start_table("By operator", *columns, words=1)
    costly = [one for one in found.operators if one.cycles != 0]
    if len(costly) <= _MOST_ROWS:
        groups = {f"#{one.index} {_plain(one.kind)}": [one] for one in costly}
    else:
        kinds = dict.fromkeys(one.kind for one in costly)
        by_kind = {kind: [one for one in costly if one.kind == kind] for kind in kinds}
        groups = {f"{len(group)} x {_plain(kind)}": group for kind, group in by_kind.items()}
    for name, group in groups.items():
        table.add_row(Text(name), *_figures(group, found.cycles))
    table.add_section()
    table.add_row("besides operators", *_numbers(found.base_instructions, found.base_cycles, found.cycles), "")
    whole = _numbers(found.instructions, found.cycles, found.cycles)
    table.add_row("the whole", *whole, "" if found.memory_bytes is None else f"{found.memory_bytes:,}")
    return table


def _figures(group: Iterable[OperatorCycles], whole: int) -> list[str]:
    ran = [(one.instructions, one.cycles, one.memory_bytes or 0) for one in group]
    known = [
        (instructions, cycles) for instructions, cycles, _ in ran if instructions is not None and cycles is not None
    ]
    memory = sum(one for _, _, one in ran)
    if len(known) < len(ran):
        return ["not alone", "", "", "", f"{memory:,}"]
    return [
        *_numbers(sum(one for one, _ in known), sum(one for _, one in known), whole),
        f"{memory:,}" if memory else "",
    ]


def _numbers(instructions: int, cycles: int, whole: int) -> list[str]:
    per_cycle = f"{instructions / cycles:.2f}" if cycles else ""
    return [f"{instructions:,}", f"{cycles:,}", f"{100 * cycles / whole:.1f} %" if whole else "", per_cycle]


def _plain(name: str) -> str:
    """A name from the file, with whatever could steer the terminal made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)
