"""Whether a file runs on runtimes, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from edgedigits.api.render.tables import start_table

if TYPE_CHECKING:
    from edgedigits.measure.runs_on.foretelling import Foretold


def add_runtimes(shown: Group, found: Sequence[Foretold]) -> RenderableType:
    """What is shown of a file, and below whether it runs on each runtime that was asked about, if any was."""
    if not found:
        return shown
    table = start_table("Will it run there?", "runtime", "runs", "known by", words=3)
    for one in found:
        table.add_row(str(one.release), "yes" if one.runs else "no", _word_source(one))
    return Group(shown, Text(), table, *(Text(line) for one in found for line in _tell(one)))


def _word_source(one: Foretold) -> str:
    """What the answer rests on."""
    table = f"operators of {one.release.runtime} {one.release.known_by}"
    return table if one.loading is None else f"{table}; {'loaded and run' if one.loading.fine else 'loading it'} here"


def _tell(one: Foretold) -> list[str]:
    said = [f"{one.release}: {one.why_not}"] if one.why_not else []
    if one.custom:
        said.append(f"{one.release}: no table tells of custom operators, as {', '.join(one.custom[:3])}")
    return [*said, *([one.release.note] if one.release.note else [])]
