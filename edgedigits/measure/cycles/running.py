"""A model and its operators, each of them alone, run under QEMU with their blocks counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedigits.errors import TfliteError
from edgedigits.measure.cycles.blocks import Executions, Ran, run_blocks
from edgedigits.measure.qemu.boards import EmulatedBoard
from edgedigits.measure.qemu.counting import Job, Kit
from edgedigits.measure.qemu.instructions import name_missing
from edgedigits.tflite.fragments import Fragment, cut, nearly_nothing


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
    jobs = [
        Job(flat, [nearly_nothing(), *(part.flat for part in parts.values())])
        for flat, parts in zip(flats, alone, strict=True)
    ]
    found = []
    for at, (whole, *others) in enumerate(run_blocks(jobs, board, kit)):
        if whole.error is not None:
            reason = _explain(whole.error, [part for part in cuts[at] if part.flat], board, kit)
            raise TfliteError(f"{paths[at]}: {runtime} can't run it on arm64: {reason}")
        base, *own = others
        found.append(Counted(flats[at], shown[at], whole, base, dict(zip(alone[at], own, strict=True))))
    return found


def _explain(error: str, parts: Sequence[Fragment], board: EmulatedBoard, kit: Kit) -> str:
    """The reason; of a crash with the first operator that crashes alone, too."""
    if "crashed" not in error or not parts:
        return name_missing(error)
    found = run_blocks([Job(part.flat) for part in parts], board, kit)
    for part, (ran, *_) in zip(parts, found, strict=True):
        if ran.error is not None and "crashed" in ran.error:
            return f"{error} in operator {part.index}, {part.kind}; convert the model without it"
    return f"{error}, and no operator of it alone does; convert the model again"
