"""What the trainings of one command share, each by a name of its own: `fold0`, `seed3`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedigits.data.dataset import Dataset
from edgedigits.ground.facts import JsonObject, Progress, Say
from edgedigits.pipeline.baselines import save
from edgedigits.pipeline.train import Part, Settings, Trained, train, write_history
from edgedigits.pipeline.training.event_log import log_events

SHOWN = ("validation_", "test_")
"""How the names of scores begin in a record."""


@dataclass(frozen=True)
class Session:
    """`work` is where each training is kept while the command is unfinished; one that is finished is not trained again.

    count: of trainings in all. keeps: whether each net is written beside `out`, as OUT-fold0.keras. logs: where event files go.
    """

    dataset: Dataset
    out: Path
    work: Path
    count: int
    keeps: bool
    logs: Path | None
    say: Say
    progress: Progress

    def train_one(self, name: str, number: int, settings: Settings, part: Part | None = None) -> Trained:
        """The training of that name and number, from 0; it goes on where it was."""

        def tell(line: str) -> None:
            self.say(f"{name} ({number + 1}/{self.count}): {line}" if self.count > 1 else line)

        def show(what: str, share: float) -> None:
            self.progress(what, (number + share) / self.count)

        stem = f"{self.out.stem}-{name}" if self.count > 1 else self.out.stem
        work = self.work / name if self.count > 1 else self.work
        with log_events(self.logs / stem if self.logs else None) as log:
            return train(settings, self.dataset, work, tell, show, part, log)

    def keep(self, name: str, trained: Trained) -> None:
        """Writes the net and the files beside it, where that is wanted."""
        if self.keeps:
            path = self.out.with_name(f"{self.out.stem}-{name}.keras")
            save(trained.model, trained.record, path)
            write_history(trained.history, path.with_suffix(".csv"))


def list_scores(record: JsonObject) -> JsonObject:
    """Of a training record its scores, shares of 1, and how long it took."""
    found = {name: value for name, value in record.items() if name.startswith(SHOWN)}
    return found | {name: record[name] for name in ("epochs_run", "best_epoch", "seconds")}
