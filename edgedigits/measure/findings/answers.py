"""What the float form and the compressed one answer to the same labelled images: probabilities, and the answers themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from edgedigits_runner.tasks import CLASSIFICATION, Multilabel, Task
from numpy.typing import NDArray

from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.tflite.interpreter import TfliteModel

_AT_ONCE: Final = 1000


@dataclass(frozen=True, eq=False)
class Form:
    """One form: `shares` are probabilities, float64 [n, classes]; `found` the class of each image, int64 [n], or its labels, bool
    [n, labels]; `right` whether that is all as it should be, bool [n]."""

    shares: NDArray[np.float64]
    found: np.ndarray
    right: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Both:
    """Two forms of one model, asked about the same `images`, whose `labels` are int32 [n], or uint8 [n, labels] where an image
    has several; `classes` are their names."""

    classes: tuple[str, ...]
    images: Images = field(repr=False)
    labels: np.ndarray = field(repr=False)
    before: Form = field(repr=False)
    after: Form = field(repr=False)

    @property
    def several(self) -> bool:
        """Whether an image may have several labels."""
        return self.labels.ndim == 2

    @property
    def forms(self) -> dict[str, Form]:
        """By the name that the JSON calls them."""
        return {"float": self.before, "compressed": self.after}

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Which images the two answer differently, bool [n]."""
        differs: NDArray[np.bool_] = (self.before.found != self.after.found).reshape(len(self.labels), -1).any(axis=1)
        return differs


@dataclass(frozen=True)
class Asked:
    """A file with what its outputs mean; `logits`: of a class per image, they are not probabilities yet."""

    flat: bytes = field(repr=False)
    task: Task
    logits: bool
    scale: Scale


def ask_both(before: Asked, after: Asked, images: Images, classes: Sequence[str]) -> Both:
    """Both files on all images, one image at a time, as a device runs them. A single label of a model with one output is told as
    two classes: that it is not there, and that it is. Raises CheckError where LiteRT can't run a file."""
    labels, names = images.labels, tuple(map(str, classes))
    forms = [_ask(one, images) for one in (before, after)]
    if labels.ndim == 2 and labels.shape[1] == 1:
        names = (f"not {names[0]}", names[0])
        labels, forms = labels[:, 0].astype(np.int32), [_as_two_classes(form) for form in forms]
    return Both(names, images, labels, *forms)


def _ask(asked: Asked, images: Images) -> Form:
    net, parts = TfliteModel(asked.flat), []
    for start in range(0, len(images), _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, len(images)))
        parts.append(net.outputs(images.read(rows), asked.scale))
    outputs = np.concatenate(parts)
    found = asked.task.decode(outputs)
    return Form(_to_shares(outputs, asked), found, asked.task.right(found, images.labels))


def _to_shares(outputs: np.ndarray, asked: Asked) -> NDArray[np.float64]:
    if isinstance(asked.task, Multilabel):
        return np.asarray(asked.task.probabilities(outputs), np.float64)
    assert asked.task.name == CLASSIFICATION.name
    values = outputs.astype(np.float64)
    if asked.logits:
        values = np.exp(values - values.max(axis=1, keepdims=True))
    total = values.sum(axis=1, keepdims=True)  # rounded to int8 they come near it
    shares: NDArray[np.float64] = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    return shares


def _as_two_classes(form: Form) -> Form:
    shares = np.concatenate([1 - form.shares, form.shares], axis=1)
    return Form(shares, form.found[:, 0].astype(np.int64), form.right)
