"""A data set from records: the bytes of an image file and a label each, by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgedigits.data.dataset import Dataset, hash_parts
from edgedigits.data.reading import PLAIN, Reading
from edgedigits.data.sources.files.class_numbers import number_classes
from edgedigits.data.sources.files.folders import FolderImages, drop_bad, list_warnings, refuse_bad, train_and_test
from edgedigits.data.sources.files.held import Picture, mark_picture
from edgedigits.data.sources.files.left_out import LeftOut
from edgedigits.data.sources.files.survey import survey
from edgedigits.errors import DataError

UNLABELLED = -1
"""What stands for a label that isn't told, as in test parts of contests."""


@dataclass(frozen=True)
class Records:
    """A part of a set: `labels` are whole numbers, places in `names` where there are some, or names themselves."""

    where: str
    pictures: tuple[Picture, ...]
    labels: tuple[int | str, ...]
    names: tuple[str, ...] | None = None


def load_records(
    name: str,
    parts: dict[str, Records],
    *,
    skip_bad: bool = False,
    reading: Reading = PLAIN,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """Every image is decoded once here, so that later reads can't fail; otherwise as `load_folder`.

    Raises DataError for parts whose classes differ or count in another order, for labels that are no classes, and what
    `load_folder` does for images. A part without labels is left out and said so.
    """
    told = [part for part in parts if part != "train" and not _has_labels(parts[part])]
    notes = [f"{parts[part].where} has no labels and is left out" for part in told]
    parts = {part: one for part, one in parts.items() if part not in told}
    names, numbers = _number(parts, classes)
    left = LeftOut()
    seen = survey(parts["train"].where, [one for part in parts.values() for one in part.pictures], reading)
    refuse_bad(seen, skip_bad, left)
    reading = replace(reading, bits=seen.bits)
    images = {part: drop_bad(one.pictures, numbers[part], seen, reading) for part, one in parts.items()}
    if lost := sorted(set(range(len(names))) - set(images["train"].labels.tolist())):
        raise DataError(f"{parts['train'].where}: no image of class {names[lost[0]]!r} can be used; add some")
    if len(images) == 1:
        notes.append("no test part with labels: one image in five is held back for the test, stratified")
    train, test = train_and_test(images)
    said = list_warnings(seen)
    read = f"{len(train) + len(test)} images in {len(names)} classes read, {left}"
    mark = hash_parts(_identity(images, names, seen.shape, reading))
    return Dataset(name, names, train, test, mark, (*said, *notes, read), said, reading)


def name_records(parts: dict[str, Records]) -> tuple[str, ...]:
    """The names that the classes have by default."""
    return _number({"train": parts["train"]}, None)[0]


def _has_labels(part: Records) -> bool:
    return any(label != UNLABELLED for label in part.labels)


def _number(parts: dict[str, Records], wanted: Sequence[str] | None) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    train = parts["train"]
    if train.labels and not _has_labels(train):
        raise DataError(f"{train.where}: has no labels, in a column label or of a known name; training needs them")
    for one in parts.values():
        if not one.labels:
            raise DataError(f"{one.where}: holds no image")
        if one.names != train.names:
            raise DataError(
                f"{one.where}: its classes are {_shown(one.names)}, those of {train.where} {_shown(train.names)}; "
                "all parts need the same classes in the same order"
            )
    texts = {part: np.array([_text(one, label) for label in one.labels]) for part, one in parts.items()}
    if train.names and (absent := [name for name in train.names if name not in set(texts["train"].tolist())]):
        raise DataError(f"{train.where}: no training image has the class {absent[0]!r}; add some, or drop the class")
    return number_classes(texts, {part: one.where for part, one in parts.items()}, wanted or train.names)


def _text(part: Records, label: int | str) -> str:
    if part.names is None:
        return str(label)
    if not isinstance(label, int) or not 0 <= label < len(part.names):
        raise DataError(f"{part.where}: holds the label {label!r}; its classes are 0..{len(part.names) - 1}")
    return part.names[label]


def _shown(names: Sequence[str] | None) -> str:
    return "without names" if names is None else ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _identity(
    images: dict[str, FolderImages], names: Sequence[str], shape: tuple[int, int, int], reading: Reading
) -> Iterator[bytes | np.ndarray]:
    """Of the bytes of every image, of the labels, and of how they are read."""
    yield f"{shape} {list(names)} {reading.as_dict()}\n".encode()
    for part, one in images.items():
        yield f"{part}\n".encode()
        for picture in one.paths:
            yield f"{mark_picture(picture)}\n".encode()
        yield one.labels
