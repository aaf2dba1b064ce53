"""Which file meets which reader: drawn from a seed, so that the same numbers give the same files on every machine."""

from __future__ import annotations

import functools
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.attack.faults import Tally
from benchmarks.attack.kinds import KINDS, Seeds, mutant
from benchmarks.attack.pool import Worker
from benchmarks.attack.readers.calling import Reader
from benchmarks.attack.readers.table import READERS
from benchmarks.attack.seeds import listed
from benchmarks.attack.watching import business

LIMIT_S = 10.0
"""No file may take longer, above what a right one takes; on a machine that others keep busy, as much longer as they do."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """At most `count` files and `seconds`, drawn from `seed`; `cores` workers of each group at once; some of the readers."""

    seed: int = 0
    count: int = 10_000
    seconds: float = 900.0
    cores: int = 2
    readers: Collection[str] = tuple(READERS)


@dataclass(frozen=True)
class Outcome:
    """`untaken` are right files that a reader did not take: it was not attacked behind that point."""

    tally: Tally
    seconds: float
    untaken: list[str]


def run(plan: Plan, corpus: Path, out: Path, say: Say) -> Outcome:
    """The whole campaign; spoiled files that showed a fault are kept in `out`."""
    began = time.monotonic()
    seeds, tally = listed(corpus), Tally(out)
    readers = [READERS[name] for name in plan.readers]
    with tempfile.TemporaryDirectory(prefix="edgedigits-attack-") as name:
        crews = [_Crew(corpus, Path(name) / str(number), tally) for number in range(plan.cores)]
        try:
            untaken = _take_right_ones(crews, seeds, readers)
            numbers = iter(_until(plan.count, began + plan.seconds, tally, say))
            lock = threading.Lock()
            _in_threads([functools.partial(crew.work, _shared(numbers, lock), plan, seeds, readers) for crew in crews])
        finally:
            for crew in crews:
                crew.stop()
    return Outcome(tally, time.monotonic() - began, untaken)


class _Crew:
    """A worker of each group, called by one thread; `allowed` are the seconds that a reader may take."""

    def __init__(self, corpus: Path, folder: Path, tally: Tally) -> None:
        self.corpus, self.folder, self.tally = corpus, folder, tally
        self.workers: dict[str, Worker] = {}
        self.allowed: dict[str, float] = {}

    def work(self, numbers: Iterator[int], plan: Plan, seeds: Seeds, readers: list[Reader]) -> None:
        kinds = [kind for kind in KINDS if kind in seeds and any(kind in reader.kinds for reader in readers)]
        weights = [KINDS[kind].weight for kind in kinds]
        for number in numbers:
            rng = Random(f"{plan.seed} {number}")
            kind = rng.choices(kinds, weights)[0]
            name, content = mutant(seeds, kind, rng)
            file = self.folder / "files" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            self.tally.file(name)
            for reader in readers:
                if kind in reader.kinds and rng.random() < reader.share:
                    self._read(reader, file, number)
            file.unlink()

    def _read(self, reader: Reader, file: Path, number: int) -> None:
        """What looks like a hang is tried once more: on a busy machine a right reader may be slow once."""
        found = self.ask(reader, file)
        if found["how"] == "hang":
            self.tally.slow_once += 1
            found = self.ask(reader, file)
        self.tally.tell(reader.name, found, file, number)

    def ask(self, reader: Reader, file: Path) -> dict[str, Any]:
        if reader.group not in self.workers:
            self.workers[reader.group] = Worker(self.corpus, self.folder / reader.group)
        worker = self.workers[reader.group]
        fresh = 2 * LIMIT_S if worker.is_fresh else 0.0  # its imports are not the file's doing
        return worker.ask(reader.name, file, (self.allowed.get(reader.name, 120.0) + fresh) * business())

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.stop()


def _take_right_ones(crews: list[_Crew], seeds: Seeds, readers: list[Reader]) -> list[str]:
    """Every reader takes a right file of each of its kinds, and how long that takes is known from then on."""
    untaken: list[str] = []
    waiting = iter([reader for reader in readers if any(kind in seeds for kind in reader.kinds)])
    allowed: dict[str, float] = {}
    lock = threading.Lock()

    def work(crew: _Crew) -> None:
        for reader in _shared(waiting, lock):
            for kind in (kind for kind in reader.kinds if kind in seeds):
                found = _first_taken(crew, reader, seeds[kind])
                if found["how"] != "fine":
                    untaken.append(f"{reader.name}, {kind}: {found['how']} {found.get('words', '')}")
                allowed[reader.name] = max(allowed.get(reader.name, 0.0), LIMIT_S + 2 * found["seconds"])

    _in_threads([functools.partial(work, crew) for crew in crews])
    for crew in crews:
        crew.allowed = allowed
    return untaken


def _first_taken(crew: _Crew, reader: Reader, files: Sequence[Path]) -> dict[str, Any]:
    """What became of the first of some right files that is taken, the second time; of the last where none is."""
    for file in files:
        found = crew.ask(reader, file)
        if found["how"] == "fine":
            return crew.ask(reader, file) if reader.group != "process" else found
    return found


def _in_threads(tasks: list[Callable[[], None]]) -> None:
    """All at once; an error in one is raised once all have ended."""
    errors: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001  # raised again below, in the thread that waits
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,), daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _shared(items: Iterator[Any], lock: threading.Lock) -> Iterator[Any]:
    """What is left of `items` that several threads draw from."""
    while True:
        with lock:
            item = next(items, None)
        if item is None:
            return
        yield item


def _until(count: int, end: float, tally: Tally, say: Say) -> Iterator[int]:
    for number in itertools.count():
        if number >= count or time.monotonic() > end:
            return
        if number and number % 500 == 0:
            say(f"{number} of {count} files, {len(tally.faults)} kinds of faults")
        yield number


def summary(plan: Plan, outcome: Outcome) -> Mapping[str, Any]:
    """JSON-safe: what was tried, and what fell."""
    tally = outcome.tally
    return {
        "seed": plan.seed,
        "files": sum(tally.files.values()),
        "files_by_ending": dict(sorted(tally.files.items())),
        "readings": sum(sum(one.values()) for one in tally.outcomes.values()),
        "seconds": round(outcome.seconds, 1),
        "readers": {
            name: {**dict(found), "seconds": round(tally.seconds[name], 1)}
            for name, found in sorted(tally.outcomes.items())
        },
        "untaken": outcome.untaken,
        "slow_once": tally.slow_once,
        "faults": tally.as_json(),
    }
