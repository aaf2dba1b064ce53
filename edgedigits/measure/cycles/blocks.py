"""How often each block of instructions ran in one inference, of a model and of parts of it: what `blockcount.c` writes, read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from edgedigits.measure.qemu.boards import EmulatedBoard
from edgedigits.measure.qemu.counting import Answer, Job, Kit, run_counted

WORD: Final = 4
"""Bytes of an arm64 instruction."""


class Block(NamedTuple):
    """Instructions that ran one after the other, the last of them a branch as a rule; `address` is of the first."""

    address: int
    words: bytes

    @property
    def instructions(self) -> int:
        """How many."""
        return len(self.words) // WORD


Executions = dict[Block, int]
"""How often each block ran."""


@dataclass(frozen=True)
class Ran:
    """Of one model: one inference in the steady state, and the runtime's version; or the runtime's complaint."""

    blocks: Executions
    version: str
    error: str | None


def count_instructions(blocks: Executions) -> int:
    """All that ran."""
    return sum(block.instructions * times for block, times in blocks.items())


def run_blocks(jobs: Sequence[Job], board: EmulatedBoard, kit: Kit) -> list[tuple[Ran, ...]]:
    """As `run_counted`, with `kit.library` of `blockcount.c`: of each job the model, then its parts where the model ran.

    One inference each after one to warm up: those that follow run the same blocks.
    """
    known: dict[str, Block] = {}
    return [tuple(_read(answer, known) for answer in answers) for answers in run_counted(jobs, board, kit, runs=1)]


def _read(answer: Answer, known: dict[str, Block]) -> Ran:
    """The last count; blocks that were written before are in `known`, which grows."""
    last: Executions = {}
    for count in _counts(answer.written, known):
        last = count
    return Ran(last, answer.version, answer.error)


def _counts(written: str, known: dict[str, Block]) -> Iterator[Executions]:
    """Each count, the blocks in it by where they stand and what they hold: one may have been translated twice."""
    count: Counter[Block] = Counter()
    for line in written.splitlines():
        kind, _, rest = line.partition(" ")
        index, _, value = rest.partition(" ")
        if kind == "b":
            address, _, words = value.partition(" ")
            known[index] = Block(int(address, 16), bytes.fromhex(words))
        elif kind == "c":
            count[known[index]] += int(value)
        else:
            yield dict(count)
            count = Counter()
