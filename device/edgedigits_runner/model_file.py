"""A model to be run: its file, and how pixels become its input."""

from __future__ import annotations

from typing import Any, NamedTuple

from edgedigits_runner.scaling import Scaling
from edgedigits_runner.tasks import CLASSIFICATION, Task

PACKED = (".tflite.gz", ".tflite.zst")


class ModelFile(NamedTuple):
    """A .tflite file and how pixels become its input: by `scale`, `resize` to (height, width) or None.

    `task` says what its outputs mean.

    A file that ends in one of `PACKED` is opened in memory; its SHA-256 is that of the file as it was shipped.
    """

    name: str
    path: str
    sha256: str
    scale: Scaling
    resize: tuple[int, int] | None
    task: Task = CLASSIFICATION

    def as_json(self) -> dict[str, Any]:
        """As a job names it."""
        return {**self._asdict(), "scale": self.scale.as_json(), "task": self.task.as_json()}


def loading(path: str) -> dict[str, Any]:
    """How an interpreter is told of the file; RunnerError "model" where it is packed and can't be opened."""
    if not path.endswith(PACKED):
        return {"model_path": path}
    from edgedigits_runner.packed import opened

    return {"model_content": opened(path)}
