"""The images and labels of an evaluation file, and how a model answers them."""

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

_CHUNK_BYTES = 2**15


class Evaluation(NamedTuple):
    """`total` images uint8 of `shape` (height, width, 1 or 3), left in the file; `labels` int32 [total]."""

    path: Path
    shape: tuple[int, int, int]
    labels: NDArray[np.int32]

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
            if flat.dtype.kind not in "iu" or flat.shape != (shape[0],):
                raise RunnerError(
                    "data",
                    f"{path}: labels are {flat.dtype} {list(flat.shape)}; give int32 [{shape[0]}], none negative",
                )
            labels = flat.whole()
    if labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise RunnerError("data", f"{path}: label {wrong} is in labels; give int32 [{shape[0]}], none negative")
    return Evaluation(path, (shape[1], shape[2], shape[3]), labels.astype(np.int32))


def answers(session: Session, evaluation: Evaluation) -> dict[str, Any]:
    """Every image classified alone: the class, the runner-up, both scores, and how many are right."""
    if int(evaluation.labels.max()) >= session.sink.classes:
        raise RunnerError(
            "data",
            f"label {evaluation.labels.max()} is in the data, but {session.model.path} answers "
            f"{session.sink.classes} classes; give the data that the model was trained for",
        )
    found = [
        best_two(real_scores(session, np.stack([classify(session, tensor)[0] for tensor in tensors])))
        for pixels in evaluation.chunks()
        for tensors in prepared_chunks(pixels, session.source, session.model.scale)
    ]
    return _kept(
        np.concatenate([best[0] for best in found]), np.concatenate([best[1] for best in found]), evaluation.labels
    )


def top_two(scores: NDArray[np.float32], labels: NDArray[np.int32]) -> dict[str, Any]:
    """Answers as JSON, from the scores of every class, [n, classes]."""
    return _kept(*best_two(scores), labels)


def best_two(scores: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(classes, scores), both [n, 2]: the likeliest and the next. Of equal scores the lower class counts, as argmax has it."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    return order.astype(np.int32), np.take_along_axis(scores, order, axis=1)


def _kept(classes: NDArray[np.int32], scores: NDArray[np.float32], labels: NDArray[np.int32]) -> dict[str, Any]:
    return {
        "class": encode(classes[:, 0]),
        "runner_up": encode(classes[:, 1]),
        "score": encode(scores[:, 0]),
        "runner_up_score": encode(scores[:, 1]),
        "right": int((classes[:, 0] == labels).sum()),
    }


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
