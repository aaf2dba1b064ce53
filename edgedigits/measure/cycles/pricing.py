"""From how often blocks ran to cycles: every block is reckoned once, whichever model it ran in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edgedigits.measure.cycles.blocks import WORD, Executions, count_instructions
from edgedigits.measure.cycles.disassembly import disassemble
from edgedigits.measure.cycles.llvm import Tools
from edgedigits.measure.cycles.scheduling import Assembly, reckon_cycles

UNKNOWN: Final = "an instruction that this LLVM does not know"
_NAMED: Final = 5


@dataclass(frozen=True)
class Unmodelled:
    """A block that LLVM has no cycles for: its assembly, and its share of the instructions, from 0 to 1."""

    assembly: str
    share: float


@dataclass(frozen=True)
class Cost:
    """Of one inference. Blocks in `unmodelled` are taken to cost per instruction what the others do, so they are in `cycles`.

    `unmodelled` are the most of them, the largest share first; `unmodelled_share` is that of all.
    """

    instructions: int
    cycles: float
    unmodelled: tuple[Unmodelled, ...]
    unmodelled_share: float


class Prices:
    """Cycles of each block of the given counts on a core, with the version `llvm`. Raises InputError as LLVM's tools do."""

    def __init__(self, counts: Iterable[Executions], core: str, tools: Tools) -> None:
        self.llvm = tools.version
        blocks = {block.words for count in counts for block in count}
        texts = disassemble({word for words in blocks for word in _split(words)}, tools)
        self._assembly = {words: tuple(texts[word] or UNKNOWN for word in _split(words)) for words in blocks}
        known = {assembly for assembly in self._assembly.values() if UNKNOWN not in assembly}
        self._cycles: dict[Assembly, float | None] = dict(reckon_cycles(known, core, tools))

    def reckon(self, count: Executions) -> Cost:
        """The cost of an inference in which blocks ran so often."""
        all_of_it = count_instructions(count)
        cycles, modelled = 0.0, 0
        without: Counter[str] = Counter()
        for block, times in sorted(count.items()):
            assembly = self._assembly[block.words]
            one = self._cycles.get(assembly)
            if one is None:
                without["; ".join(line.replace("\t", " ") for line in assembly)] += block.instructions * times
            else:
                cycles += one * times
                modelled += block.instructions * times
        named = tuple(Unmodelled(text, number / all_of_it) for text, number in without.most_common(_NAMED))
        return Cost(
            instructions=all_of_it,
            cycles=cycles * all_of_it / modelled if modelled else 0.0,
            unmodelled=named,
            unmodelled_share=sum(without.values()) / all_of_it if all_of_it else 0.0,
        )


def _split(words: bytes) -> list[bytes]:
    return [words[at : at + WORD] for at in range(0, len(words), WORD)]
