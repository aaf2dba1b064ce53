"""What a run of instructions costs on a core: LLVM's `llvm-mca`, read.

A block is repeated 100 times, as in a loop, and the cycles of all are divided: what one costs in the steady state, its next
beginning while it ends. So it is for the hot blocks, which are loops; one that runs once before another overlaps with that one
instead. The first of the hundred fills the pipeline, which adds a cycle or less.

Loads and stores are told to LLVM without the write-back of their base register, as `ldr q0, [x1]` for `ldr q0, [x1], #16`:
`leave_base` says why.

Not in the model: misses of caches (every load hits the first), of translations and of branch prediction, how instructions are
fetched and decoded, and what else the board does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from edgedigits.errors import InputError
from edgedigits.measure.cycles.llvm import MODELS, Tools, run_tool

ITERATIONS: Final = 100
Assembly = tuple[str, ...]
"""Instructions, a line each."""

_AFTER: Final = re.compile(r"^(.*\[(?:x\d+|sp)\]), (?:#-?\w+|x\d+)$")
_BEFORE: Final = re.compile(r"^(\w+\t.*\[(?:x\d+|sp), #-?\w+\])!$")
_QUIET: Final = ("-instruction-info=false", "-resource-pressure=false")
_REGION: Final = re.compile(r"^\[\d+\] Code Region(?: - (\d+))?$")
_CYCLES: Final = re.compile(r"^Total Cycles:\s+(\d+)$")
_FAULT: Final = re.compile(r"^<stdin>:(\d+):\d+: error:", re.MULTILINE)


def reckon_cycles(blocks: Collection[Assembly], core: str, tools: Tools) -> dict[Assembly, float | None]:
    """Cycles of each block; None for one that holds an instruction of which this LLVM has no model.

    The same for the same version of LLVM. Raises InputError where llvm-mca fails otherwise.
    """
    found: dict[Assembly, float | None] = {}
    waiting = sorted(set(blocks))
    while waiting:
        done, unknown = _analyze(waiting, core, tools)
        found |= done | dict.fromkeys(unknown)
        waiting = [block for block in waiting if block not in found]
    return found


def _analyze(blocks: Sequence[Assembly], core: str, tools: Tools) -> tuple[dict[Assembly, float], list[Assembly]]:
    """What one start of llvm-mca told of; and which blocks it could not, one at least where it did not tell of all."""
    text, owner = _write(blocks)
    done = run_tool([tools.analyzer, *MODELS[core].settings, f"-iterations={ITERATIONS}", *_QUIET], text)
    faulty = sorted({owner[int(line) - 1] for line in _FAULT.findall(done.stderr)})
    if faulty:  # what is told of the others may lack instructions
        return {}, [blocks[at] for at in faulty]
    cycles = read_cycles(done.stdout)
    if done.returncode == 0 and len(cycles) == len(blocks):
        return {blocks[at]: one for at, one in cycles.items()}, []
    if "unsupported instruction" not in done.stderr:
        reason = (done.stderr.strip().splitlines() or [f"{len(cycles)} results for {len(blocks)} blocks"])[0]
        raise InputError(f"{tools.analyzer.name} {tools.version} fails on the blocks that were counted: {reason}")
    first = next(at for at in range(len(blocks)) if at not in cycles)
    return {blocks[at]: one for at, one in cycles.items()}, [blocks[first]]


def _write(blocks: Sequence[Assembly]) -> tuple[str, list[int]]:
    """The file for llvm-mca, a region for each block; and of each line, to which block it belongs."""
    lines: list[str] = []
    owner: list[int] = []
    for at, block in enumerate(blocks):
        own = [f"# LLVM-MCA-BEGIN {at}", *map(leave_base, block), "# LLVM-MCA-END"]
        lines += own
        owner += [at] * len(own)
    return "\n".join(lines) + "\n", owner


def leave_base(line: str) -> str:
    """The load or store without the write-back of its base register, post-index or pre-index; anything else as it is.

    LLVM's models of these cores have what uses the base next wait for it as long as for what is loaded, 3 to 5 cycles; on every
    one of the cores it is ready after one. A kernel that walks along its inputs would cost two and three times what it does.
    No `add` is written in its place: it is done beside the load, and the offsets that follow are known a round ahead.
    """
    for pattern in (_AFTER, _BEFORE):
        line = pattern.sub(r"\1", line)
    return line


def read_cycles(printed: str) -> dict[int, float]:
    """Cycles of one iteration, by the number that each region has for its name; of one region that has none, 0."""
    found: dict[int, float] = {}
    region = 0
    for line in printed.splitlines():
        if named := _REGION.match(line):
            region = int(named[1] or 0)
        elif told := _CYCLES.match(line):
            found[region] = int(told[1]) / ITERATIONS
    return found
