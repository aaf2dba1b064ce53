"""The images and labels of an evaluation file, and how a model answers them."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.arrays import encode
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.preprocess import prepared_chunks
from edgedigits_runner.session import Session, classify, real_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Evaluation:
    """`images` uint8 [n, height, width, 1 or 3], `labels` int32 [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]

    @property
    def shape(self) -> tuple[int, int, int]:
        _, height, width, channels = self.images.shape
        return height, width, channels


def read_evaluation(path: Path) -> Evaluation:
    """The arrays `images` and `labels` of an .npz file; RunnerError "data" where they are missing or don't fit."""
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
    except KeyError as error:
        raise RunnerError(
            "data", f"{path}: an array is missing: {error.args[0]}; images and labels are needed"
        ) from error
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise RunnerError("data", f"{path}: not a readable .npz file ({error})") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise RunnerError(
            "data", f"{path}: images are {images.dtype} {list(images.shape)}; give uint8 [n, height, width, 1 or 3]"
        )
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),) or labels.min() < 0:
        raise RunnerError(
            "data", f"{path}: labels are {labels.dtype} {list(labels.shape)}; give int32 [{len(images)}], none negative"
        )
    return Evaluation(images, labels.astype(np.int32))


def answers(session: Session, evaluation: Evaluation) -> dict[str, Any]:
    """Every image classified alone: the class, the runner-up, both scores, and how many are right."""
    if int(evaluation.labels.max()) >= session.sink.classes:
        raise RunnerError(
            "data",
            f"label {evaluation.labels.max()} is in the data, but {session.model.path} answers "
            f"{session.sink.classes} classes; give the data that the model was trained for",
        )
    stored = [
        classify(session, tensor)[0]
        for chunk in prepared_chunks(evaluation.images, session.source, session.model.scale)
        for tensor in chunk
    ]
    return top_two(real_scores(session, np.stack(stored)), evaluation.labels)


def top_two(scores: NDArray[np.float32], labels: NDArray[np.int32]) -> dict[str, Any]:
    """Of equal scores the lower class counts, as argmax has it."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    best = np.take_along_axis(scores, order, axis=1)
    return {
        "class": encode(order[:, 0].astype(np.int32)),
        "runner_up": encode(order[:, 1].astype(np.int32)),
        "score": encode(best[:, 0]),
        "runner_up_score": encode(best[:, 1]),
        "right": int((order[:, 0] == labels).sum()),
    }
