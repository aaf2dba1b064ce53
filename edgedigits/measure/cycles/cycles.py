"""Cycles per inference on a board's core, of a model and of each of its operators, without the board.

QEMU counts how often every block of instructions of the interpreter runs, and LLVM's scheduling model of the core says what a
block takes (`scheduling.py`, where it also stands what the model leaves out). Unlike instructions, cycles compare: an int8
multiply-add of a cortex-a72 is another instruction than a float one, and another number of them goes into a cycle.

An operator's cycles are those of a file that holds it alone, less those of one that does nearly nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits.errors import TfliteError
from edgedigits.ground.facts import Say
from edgedigits.measure.cost.memory import BOARDS, Board, list_memory_bytes
from edgedigits.measure.cycles.llvm import MODELS, find_tools
from edgedigits.measure.cycles.pricing import Cost, Prices, Unmodelled
from edgedigits.measure.cycles.running import Counted, run_models
from edgedigits.measure.qemu.boards import EmulatedBoard, find_board_with
from edgedigits.measure.qemu.counting import Kit
from edgedigits.measure.qemu.instructions import name_missing, read_checked
from edgedigits.measure.qemu.packages import find_packages
from edgedigits.measure.qemu.plugin import BLOCKS, build_plugin, read_qemu_version
from edgedigits.measure.qemu.rootfs import build_rootfs
from edgedigits.measure.runtimes.wheels import DeviceRuntime
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import Fragment
from edgedigits.tflite.multiply_adds import count_per_operator

MOST_UNMODELLED: Final = 0.01
"""A larger share of instructions that LLVM has no model of is a warning."""


@dataclass(frozen=True)
class OperatorCycles:
    """One operator in one inference; None, and why, where it can't be run alone. `memory_bytes` as in `memory.py`, None for a
    file whose shapes are open."""

    index: int
    kind: str
    signature: str
    instructions: int | None
    cycles: int | None
    memory_bytes: int | None
    reason: str = ""


@dataclass(frozen=True)
class BoardTime:
    """Milliseconds at the board's clock; `memory_ms` is apart, of bytes that come from memory, None where they aren't known."""

    device: str
    board: str
    clock_ghz: float
    ms: float
    memory_ms: float | None


@dataclass(frozen=True)
class Cycles:
    """Of one inference on one thread; `base` is what is spent in it besides operators, `operators` are in the graph's order."""

    cpu: str
    instructions: int
    cycles: int
    base_instructions: int
    base_cycles: int
    operators: tuple[OperatorCycles, ...]
    boards: tuple[BoardTime, ...]
    memory_bytes: int | None
    unmodelled: tuple[Unmodelled, ...]
    unmodelled_share: float
    runtime: str
    version: str
    model_sha256: str
    qemu_version: str
    llvm_version: str
    llvm_model: str

    @property
    def per_cycle(self) -> float:
        """Instructions per cycle."""
        return self.instructions / self.cycles if self.cycles else 0.0

    @property
    def attributed(self) -> float:
        """The cycles of operators and of the base as a share of the whole's: about 1 where every operator runs alone."""
        own = sum(one.cycles or 0 for one in self.operators)
        return (self.base_cycles + own) / self.cycles if self.cycles else 0.0

    @property
    def warning(self) -> str:
        """A sentence where LLVM has no model of too much; else ""."""
        if self.unmodelled_share <= MOST_UNMODELLED:
            return ""
        named = ", ".join(f"{one.assembly} ({100 * one.share:.1f} %)" for one in self.unmodelled)
        return (
            f"LLVM {self.llvm_version} has no model of {100 * self.unmodelled_share:.1f} % of the instructions, taken to cost "
            f"what the others do: {named}"
        )


def count_cycles(
    paths: Sequence[Path],
    cpu: str = "cortex-a72",
    runtime: DeviceRuntime = "litert",
    *,
    operators: bool = True,
    say: Say = print,
) -> list[Cycles]:
    """Cycles of one inference of each model, in one start of the emulator; the same for the same LLVM.

    Without `operators` none of them is run alone, which takes half as long: `Cycles.operators` is empty then.

    5 to 20 seconds for each; the first call of all builds a userland and fetches packages. Raises InputError's kinds: not a
    .tflite file, an unknown core, operators that the runtime lacks or that crash it, or a machine on which it can't be done.
    """
    board = find_board_with(cpu)
    flats = [read_checked(path) for path in paths]
    find_tools(cpu)
    return reckon_counted(paths, count_blocks(paths, flats, board, runtime, operators, say))


@dataclass(frozen=True)
class Origin:
    """What counted: for which core, with which runtime, under which QEMU."""

    cpu: str
    runtime: DeviceRuntime
    qemu: str


def count_blocks(
    paths: Sequence[Path],
    flats: Sequence[bytes],
    board: EmulatedBoard,
    runtime: DeviceRuntime,
    operators: bool,
    say: Say,
) -> tuple[Origin, list[Counted]]:
    """What ran, of each model: LLVM is not needed for it. Raises as `count_cycles`."""
    qemu = read_qemu_version()
    kit = Kit(build_plugin(qemu, BLOCKS), find_packages(runtime, say), build_rootfs("bookworm", say))
    return Origin(board.cpu, runtime, qemu), run_models(paths, flats, board, kit, runtime, operators)


def reckon_counted(paths: Sequence[Path], found: tuple[Origin, Sequence[Counted]]) -> list[Cycles]:
    """Cycles of what ran. Raises InputError as LLVM's tools do."""
    origin, counted = found
    prices = Prices((blocks for one in counted for blocks in one.counts), origin.cpu, find_tools(origin.cpu))
    return [_reckon(str(path), one, prices, origin) for path, one in zip(paths, counted, strict=True)]


def _reckon(source: str, one: Counted, prices: Prices, origin: Origin) -> Cycles:
    whole, base = prices.reckon(one.whole.blocks), prices.reckon(one.base.blocks)
    traffic = _traffic(one.flat, source, origin.cpu)
    through = None if traffic is None else sum(traffic.values())
    return Cycles(
        cpu=origin.cpu,
        instructions=whole.instructions,
        cycles=round(whole.cycles),
        base_instructions=base.instructions,
        base_cycles=round(base.cycles),
        operators=tuple(_operator(part, one, prices, base, traffic) for part in one.fragments),
        boards=tuple(_time(board, whole.cycles, through) for board in BOARDS[origin.cpu]),
        memory_bytes=through,
        unmodelled=whole.unmodelled,
        unmodelled_share=whole.unmodelled_share,
        runtime=origin.runtime,
        version=one.whole.version,
        model_sha256=hashlib.sha256(one.flat).hexdigest(),
        qemu_version=origin.qemu,
        llvm_version=prices.llvm,
        llvm_model=MODELS[origin.cpu].cpu,
    )


def _traffic(flat: bytes, source: str, cpu: str) -> dict[int, int] | None:
    """Bytes from and to memory by operator; None for a file of whose shapes too little is known."""
    try:
        works = count_per_operator(read(flat, source))
    except TfliteError:  # the interpreter ran it all the same
        return None
    found = list_memory_bytes(works, BOARDS[cpu][0].cache_bytes)
    return {work.index: passing for work, passing in zip(works, found, strict=True)}


def _operator(
    part: Fragment, one: Counted, prices: Prices, base: Cost, traffic: dict[int, int] | None
) -> OperatorCycles:
    memory = None if traffic is None else traffic.get(part.index, 0)
    if part.unpacks:  # once, when the file is loaded
        return OperatorCycles(part.index, part.kind, part.signature, 0, 0, memory)
    ran = one.operators.get(part.signature)
    if ran is None or ran.error is not None:
        reason = "it can't be run alone" if ran is None else name_missing(str(ran.error))
        return OperatorCycles(part.index, part.kind, part.signature, None, None, memory, reason)
    cost = prices.reckon(ran.blocks)
    instructions = max(0, cost.instructions - base.instructions)
    cycles = max(0, round(cost.cycles - base.cycles))
    return OperatorCycles(part.index, part.kind, part.signature, instructions, cycles, memory)


def _time(board: Board, cycles: float, through: int | None) -> BoardTime:
    memory = None if through is None else 1e3 * through / board.bandwidth
    return BoardTime(board.device, board.name, board.clock_ghz, cycles / (1e6 * board.clock_ghz), memory)
