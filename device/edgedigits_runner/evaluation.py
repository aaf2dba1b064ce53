"""The images and labels of an evaluation file, and how a model answers them, whatever its task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgedigits_runner.arrays import encode
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.npz import array
from edgedigits_runner.preprocess import prepared_chunks
from edgedigits_runner.session import Session, classify, real_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedigits_runner.tasks import Arrays, Task

_CHUNK_BYTES = 2**15


class Evaluation(NamedTuple):
    """`total` images uint8 of `shape` (height, width, 1 or 3), left in the file; `labels` of a class each int32 [total],
    of labels uint8 [total, labels]."""

    path: Path
    shape: tuple[int, int, int]
    labels: NDArray[Any]

    @property
    def total(self) -> int:
        return len(self.labels)

    @property
    def images(self) -> NDArray[np.uint8]:
        """All of them, uint8 [total, height, width, channels]."""
        return self.first(self.total)

    def first(self, count: int) -> NDArray[np.uint8]:
        """The first `count` images, or all there are."""
        with _plain_errors(self.path), array(self.path, "images") as images:
            return images.take(min(count, self.total), self.shape)

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """All images, some at a time: a Pi with little memory need not hold them beside the model."""
        step = max(1, _CHUNK_BYTES // int(np.prod(self.shape)))
        with _plain_errors(self.path), array(self.path, "images") as images:
            for start in range(0, self.total, step):
                yield images.take(min(step, self.total - start), self.shape)
            images.finish()


def read_evaluation(path: Path) -> Evaluation:
    """The arrays `images` and `labels` of an .npz file; RunnerError "data" where they are missing or don't fit."""
    with _plain_errors(path):
        with array(path, "images") as images:
            shape = images.shape
            _check_images(path, shape, images.dtype)
        with array(path, "labels") as flat:
            wanted = f"give int32 [{shape[0]}], none negative, or uint8 [{shape[0]}, labels] of 0 and 1"
            fits = flat.shape[:1] == shape[:1] and len(flat.shape) in (1, 2) and 0 not in flat.shape
            if flat.dtype.kind not in "iu" or not fits:
                raise RunnerError("data", f"{path}: labels are {flat.dtype} {list(flat.shape)}; {wanted}")
            labels = flat.whole()
    most = np.iinfo(np.int32).max if labels.ndim == 1 else 1
    if labels.min() < 0 or labels.max() > most:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise RunnerError("data", f"{path}: label {wrong} is in labels; {wanted}")
    kept = labels.astype(np.int32 if labels.ndim == 1 else np.uint8)
    return Evaluation(path, (shape[1], shape[2], shape[3]), kept)


def answers(session: Session, evaluation: Evaluation) -> dict[str, Any]:
    """Every image answered alone: `answers`, what the task keeps of them as JSON and how many are right; and `scores`."""
    check_labels(session, evaluation)
    task = session.model.task
    found = [
        task.keep(real_scores(session, np.stack([classify(session, tensor)[0] for tensor in tensors])))
        for pixels in evaluation.chunks()
        for tensors in prepared_chunks(pixels, session.source, session.model.scale)
    ]
    return judged(task, {key: np.concatenate([part[key] for part in found]) for key in found[0]}, evaluation.labels)


def judged(task: Task, kept: Arrays, labels: NDArray[Any]) -> dict[str, Any]:
    """`answers` and `scores`, of what the task kept of all outputs."""
    predictions = task.predictions(kept)
    right = int(task.right(predictions, labels).sum())
    packed = {key: encode(each) for key, each in kept.items()}
    return {"answers": {**packed, "right": right}, "scores": task.scores_of(predictions, labels)}


def check_labels(session: Session, evaluation: Evaluation) -> None:
    """RunnerError "data" where the labels are not what the model answers."""
    try:
        session.model.task.check_labels(evaluation.labels, session.sink.classes)
    except ValueError as error:
        raise RunnerError(
            "data",
            f"{evaluation.path}: {error} ({session.model.path}); give the data that the model was trained for",
        ) from error


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Turns what reading an .npz file raises into RunnerError "data"; what is done with the images passes through."""
    try:
        yield
    except KeyError as error:
        missing = str(error.args[0]).removesuffix(".npy")
        raise RunnerError("data", f"{path}: an array is missing: {missing}; images and labels are needed") from error
    except (OSError, ValueError, MemoryError) as error:
        raise RunnerError("data", f"{path}: not a readable .npz file ({error})") from error


def _check_images(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3) or 0 in shape:
        raise RunnerError("data", f"{path}: images are {dtype} {list(shape)}; give uint8 [n, height, width, 1 or 3]")
