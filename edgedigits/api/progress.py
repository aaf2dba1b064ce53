"""Progress of long work: a bar on a terminal or in Jupyter, elsewhere a line now and then; none; or the caller's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final, NamedTuple

from edgedigits.errors import InputError
from edgedigits.ground.facts import Progress, Say, silent
from edgedigits.ground.processes.interrupts import raise_noted

Watch = bool | Callable[[str, float], object] | None
"""How a caller wants progress: None or True shows it, False does not, and a function is called with what is being done, a word or
a sentence, and the share of all that is done, 0..1, so far as it is known."""


QUIET_S: Final = 10.0
"""Where no bar can be shown, work that tells its progress is silent for no longer than about so long."""


class Told(NamedTuple):
    """Where work tells how far it is, and lines to keep."""

    progress: Progress
    say: Say


@contextmanager
def telling(watch: Watch) -> Iterator[Told]:
    """What work tells its progress to, for as long as it lasts. Raises InputError for what can't be told anything."""
    if watch is None or watch is True:
        with _bar() as shown:
            yield shown
    elif watch is False:
        yield Told(silent, lambda _line: None)
    elif callable(watch):
        yield _called(watch)
        watch("done", 1.0)
    else:
        raise InputError(f"progress: found {watch!r}; wanted True, False or a function of (what, share)")


def without_repeats(told: Told) -> Told:
    """The same, less notes and warnings that were said already, as either."""
    said: set[str] = set()

    def say(line: str) -> None:
        kind, _, what = line.partition(": ")
        if kind in ("note", "warning"):
            if what in said:
                return
            said.add(what)
        told.say(line)

    return Told(told.progress, say)


def _called(watch: Callable[[str, float], object]) -> Told:
    """Lines come with the share that was told last."""
    last = 0.0

    def progress(what: str, share: float) -> None:
        nonlocal last
        last = share
        watch(what, share)

    return Told(progress, lambda line: progress(line, last))


@contextmanager
def _bar() -> Iterator[Told]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    lively = console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)
    with Bar(*columns, console=console, transient=True, disable=not lively) as shown:
        task, spoken = None, time.monotonic()

        def progress(what: str, share: float) -> None:
            nonlocal task
            raise_noted()
            if not lively:
                if time.monotonic() - spoken >= QUIET_S:
                    say(f"{what}: {100 * share:.0f} %")
                return
            if task is None:  # work that never says how far it is shows no bar
                task = shown.add_task("start", total=1.0)
            shown.update(task, description=what, completed=share)

        def say(line: str) -> None:
            nonlocal spoken
            spoken = time.monotonic()
            console.print(line, highlight=False, markup=False, soft_wrap=True)

        yield Told(progress, say)
