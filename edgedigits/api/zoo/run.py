"""The comparison, a net after the other: trained, compressed, measured, timed. What one pair fails by stands in its row, and the
others go on; interrupted, the same call goes on with what is not there yet."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from edgedigits.api.calls import on_the_command_line, was_interrupted
from edgedigits.api.progress import Told
from edgedigits.api.zoo.compressed import Shelf
from edgedigits.api.zoo.floats import Made
from edgedigits.api.zoo.folder import RESULT, Folder, open_folder
from edgedigits.api.zoo.kinds import KINDS
from edgedigits.api.zoo.measured import measure_pair, time_net
from edgedigits.api.zoo.plans import RowPlan, choose_nets, plan_rows
from edgedigits.api.zoo.question import Question
from edgedigits.api.zoo.rows import add_times, begin_row, fail_row, fill_row, tell_alone
from edgedigits.api.zoo.shown.document import compose, write_files
from edgedigits.data.sources.wish import tell_notes
from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject

_Found = TypeVar("_Found")


def compare(question: Question, out: Path, told: Told) -> tuple[JsonObject, list[Path]]:
    """The document and the files that were written. Raises InputError's kinds for what can't be begun at all."""
    tell_notes(question.dataset, told.say)
    with open_folder(out, question.identity()) as folder, on_the_command_line():
        nets, left_out = choose_nets(question, told)
        plans = [plan_rows(name, question) for name in nets]
        work = _Work(question, folder, Shelf.open(folder, told), told, sum(map(len, plans)))
        groups = [work.compare_net(rows) for rows in plans]
        document = compose(_tell_question(question), groups, left_out, work.machine)
        paths = write_files(document, out / RESULT)
    for path in paths:
        told.say(f"written: {path}")
    return document, paths


def _tell_question(question: Question) -> JsonObject:
    data = question.dataset
    sizes = {"shape": list(data.shape), "classes": len(data.classes), "train": len(data.train), "test": len(data.test)}
    return {
        "data": {"name": data.name, "fingerprint": data.fingerprint, **sizes},
        "seed": question.seed,
        "epochs": question.epochs,
        "recipes": [recipe.name for recipe in question.recipes],
        "slim": question.slim,
        "augment": question.augment,
    }


@dataclass
class _Work:
    """`done` of `total` rows are there; `machine` is told by the first net that was timed."""

    question: Question
    folder: Folder
    shelf: Shelf
    told: Told
    total: int
    done: int = 0
    machine: JsonObject | None = None
    made: list[Made] = field(default_factory=list)

    def compare_net(self, plans: list[RowPlan]) -> list[JsonObject]:
        """The rows of one model."""
        name, make = plans[0].name, KINDS[plans[0].kind].make
        watched = self._watched(name)
        made, why = _attempt(lambda: make(name, self.question, self.folder, self.made, watched))
        if made is None:
            self._tell(name, why)
            self.done += len(plans)
            return [fail_row(begin_row(plan, None), why) for plan in plans]
        self.made.append(made)
        rows, artifacts = list[JsonObject](), list[Artifact | None]()
        for plan in plans:
            row, artifact = self._compare_pair(plan, made)
            rows.append(row)
            artifacts.append(artifact)
            self.done += 1
        _let_go()
        return self._timed(made, rows, artifacts)

    def _compare_pair(self, plan: RowPlan, made: Made) -> tuple[JsonObject, Artifact | None]:
        row, recipe = begin_row(plan, made), plan.recipe
        if recipe is None:
            return tell_alone(row, made), None
        name = f"{plan.name}, {recipe.name}"
        watched = self._watched(name)

        def find() -> tuple[JsonObject, Artifact]:
            artifact = self.shelf.find_or_compress(made, recipe, self.question.seed, watched)
            watched.progress("measure", 0.95)
            where = artifact.path.relative_to(self.folder.path).as_posix()
            return fill_row(row, artifact, measure_pair(made, artifact, self.folder), where), artifact

        found, why = _attempt(find)
        if found is None:
            self._tell(name, why)
            return fail_row(row, why), None
        return found

    def _timed(self, made: Made, rows: list[JsonObject], artifacts: list[Artifact | None]) -> list[JsonObject]:
        """The rows with the times of those that came out, all measured in one run."""
        racing = [one for one in artifacts if one is not None]
        if not racing:
            return rows
        times, why = _attempt(
            lambda: time_net(made, racing, self.question, self.folder, lambda line: self._show(f"{made.name}: {line}"))
        )
        if times is None:
            return [{**row, "untimed": why if row["ok"] else None} for row in rows]
        self.machine = self.machine or times["machine"]
        places = [at for at, one in enumerate(artifacts) if one is not None]
        for at, place in enumerate(places):
            rows[place] = add_times(rows[place], times, at)
        return rows

    def _watched(self, name: str) -> Told:
        """Progress of one step as that of the whole."""

        def progress(what: str, share: float) -> None:
            if what != "done":  # of the step, not of the whole
                self.told.progress(f"{name}: {what}", (self.done + min(max(share, 0.0), 1.0)) / self.total)

        return Told(progress, self.told.say)

    def _show(self, what: str) -> None:
        self.told.progress(what, self.done / self.total)

    def _tell(self, name: str, why: str) -> None:
        self.told.say(f"warning: {name} did not come out: {why}")


def _attempt(make: Callable[[], _Found]) -> tuple[_Found | None, str]:
    """What `make` gives, or the sentence by which it failed: a fault of a library in one pair ends no other."""
    try:
        return make(), ""
    except EdgeDigitsError as error:
        return None, str(error)
    except Exception as error:  # it is told in its row, and the exit code is 1
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        return None, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _let_go() -> None:
    """What Keras keeps of a net that is done with."""
    from edgedigits.backend import keras

    keras.backend.clear_session()
    gc.collect()
