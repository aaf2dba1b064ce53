"""A task that nobody but its row knows goes the whole way: training, checks, bytes, artifact, and the runner's half of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from edgedigits_runner import tasks as runner
from numpy.typing import NDArray

from edgedigits.data.sources.named import load_data
from edgedigits.pipeline import loop, prepare, recipe
from edgedigits.pipeline.prepare import Wish
from edgedigits.tasks.kinds import table
from edgedigits.tasks.kinds.classification import Classification
from edgedigits.tasks.scoring import Score
from edgedigits.tasks.task import Half, Outputs, Targets
from tests.conftest import shapes_npz
from tests.nets import trained


class NearHalf(NamedTuple):
    """Grades: an answer beside the right one will do."""

    name: str = "grades"

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(outputs.argmax(axis=1))

    def right(self, predictions: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray(np.abs(predictions - labels) <= 1)

    def scores(self, outputs: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
        return {"accuracy": float(self.right(self.decode(outputs), labels).mean())}

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name}


@dataclass(frozen=True)
class Grades(Classification):
    """Host's side of it: what is not said is as of classes."""

    name: ClassVar[str] = "grades"

    def half(self, classes: Sequence[str], logits: bool, thresholds: Sequence[float] | None = None) -> Half:
        return NearHalf()

    def score(self, outputs: Outputs, targets: Targets, logits: bool) -> Score:
        exact = super().score(outputs, targets, logits)
        return Score(
            exact.accuracy, exact.loss, {"within_one": NearHalf().scores(outputs, targets)["accuracy"]}, "within_one"
        )


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One on each side."""
    monkeypatch.setitem(table.TASKS, "grades", Grades())
    monkeypatch.setitem(runner.TASKS, "grades", lambda _: NearHalf())


@pytest.mark.usefixtures("rows")
def test_a_new_task_is_a_module_a_row_and_the_runner_s_half(tmp_path: Path) -> None:
    shapes = shapes_npz(tmp_path / "shapes.npz")
    trained(shapes).model.save(tmp_path / "net.keras")
    wanted = recipe.parse({"stages": [{"qat": {"epochs": 0.1, "min_steps": 5}}], "export": "int8"}, "test", "test")
    job = prepare.prepare_job(
        wanted, Wish(model=tmp_path / "net.keras", data=str(shapes), scale="0..1"), lambda _: None
    )
    known = loop.run(job, tmp_path / "classes", lambda _: None)
    graded = replace(load_data(str(shapes)), task="grades")
    made = loop.run(replace(job, dataset=graded, fresh=True), tmp_path / "grades", lambda _: None)
    assert (made.path / "model.tflite").read_bytes() == (known.path / "model.tflite").read_bytes()
    assert made.manifest["task"] == {"name": "grades"}
    assert made.manifest["stages"][-1]["validation_within_one"] >= made.manifest["stages"][-1]["validation_accuracy"]
    assert made.manifest["test"]["accuracy"] >= known.manifest["test"]["accuracy"]
    assert isinstance(runner.from_json(made.manifest["task"]), NearHalf)
