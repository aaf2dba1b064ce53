"""A model and its operators, each of them alone, run under QEMU with their blocks counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits.errors import TfliteError
from edgedigits.measure.cycles.blocks import Executions, Ran, run_blocks
from edgedigits.measure.qemu.boards import EmulatedBoard
from edgedigits.measure.qemu.counting import Job, Kit, Part
from edgedigits.measure.qemu.instructions import name_missing
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import Fragment, cut, nearly_nothing
from edgedigits.tflite.multiply_adds import count_per_operator

LARGE: Final = 2_000_000
"""Multiply-adds: half a million instructions at least, where the first run takes 700 more than others."""
LARGE_NET: Final = 50 * LARGE
"""Of a whole one, which has some hundred operators."""


@dataclass(frozen=True)
class Counted:
    """What ran of one model: the whole, `base`, a file that does nearly nothing, and of its operators one of each signature."""

    flat: bytes
    fragments: tuple[Fragment, ...]
    whole: Ran
    base: Ran
    operators: dict[str, Ran]

    @property
    def counts(self) -> Iterator[Executions]:
        """All that ran, to be priced."""
        return (ran.blocks for ran in (self.whole, self.base, *self.operators.values()) if ran.error is None)


def run_models(
    paths: Sequence[Path], flats: Sequence[bytes], board: EmulatedBoard, kit: Kit, runtime: str, operators: bool
) -> list[Counted]:
    """One for each model, with its `operators` or with none; those that do the same work run once. `kit.library` is of
    `blockcount.c`.

    Raises TfliteError for a model that the interpreter can't run; where it crashes, with the operator that does.
    """
    cuts = [cut(flat, str(path)) for path, flat in zip(paths, flats, strict=True)]
    shown = cuts if operators else [() for _ in cuts]
    alone = [{part.signature: part for part in parts if part.flat} for parts in shown]
    jobs = [_plan(flat, list(parts.values()), runtime) for flat, parts in zip(flats, alone, strict=True)]
    found = []
    for at, (whole, *others) in enumerate(run_blocks(jobs, board, kit)):
        if whole.error is not None:
            reason = _explain(whole.error, [part for part in cuts[at] if part.flat], board, kit)
            raise TfliteError(f"{paths[at]}: {runtime} can't run it on arm64: {reason}")
        base, *own = others
        found.append(Counted(flats[at], shown[at], whole, base, dict(zip(alone[at], own, strict=True))))
    return found


def _plan(flat: bytes, parts: Sequence[Fragment], runtime: str) -> Job:
    """What does nearly nothing runs beside the operators.

    Of a large model or operator nothing is run to warm up: it would take as long again, and change a share of a thousandth.

    Only XNNPACK's packing is done when a file is loaded; tflite-runtime's own kernels do theirs in the first run.
    """
    try:
        macs = {work.index: work.macs for work in count_per_operator(read(flat, "the model"))}
    except TfliteError:  # the interpreter may run it all the same
        macs = {}
    packed = runtime == "litert"
    own = [Part(part.flat, packed and macs.get(part.index, 0) >= LARGE) for part in parts]
    return Job(flat, [Part(nearly_nothing()), *own], packed and sum(macs.values()) >= LARGE_NET)


def _explain(error: str, parts: Sequence[Fragment], board: EmulatedBoard, kit: Kit) -> str:
    """The reason; of a crash with the first operator that crashes alone, too."""
    if "crashed" not in error or not parts:
        return name_missing(error)
    found = run_blocks([Job(part.flat) for part in parts], board, kit)
    for part, (ran, *_) in zip(parts, found, strict=True):
        if ran.error is not None and "crashed" in ran.error:
            return f"{error} in operator {part.index}, {part.kind}; convert the model without it"
    return f"{error}, and no operator of it alone does; convert the model again"
