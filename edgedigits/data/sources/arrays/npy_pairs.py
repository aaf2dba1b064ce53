"""Pairs of .npy files beside one another: `x_train.npy` and `y_train.npy`, `x_test.npy` and `y_test.npy`; `images`, `labels`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from edgedigits_runner.files import open_regular
from edgedigits_runner.npy import read_head

from edgedigits.data.arrays import check_arrays, warn_of_blanks
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import ArrayImages
from edgedigits.data.sources.arrays.npz_files import MOST_BYTES
from edgedigits.data.sources.arrays.parts_of_arrays import join_parts
from edgedigits.data.sources.files.part_files import name_part, split_words
from edgedigits.errors import DataError

_IMAGES = frozenset(("x", "images", "image", "imgs", "data", "pixels"))
_LABELS = frozenset(("y", "labels", "label", "targets", "target", "classes"))
_LAYOUT = "give x_train.npy and y_train.npy beside one another, x_test.npy and y_test.npy for the test"


class Pair(NamedTuple):
    """The two files of a part."""

    images: Path
    labels: Path


def find_pairs(path: Path) -> dict[str, Pair]:
    """The pairs of the parts in a folder, or of those that a file belongs to; {} where there are none.

    Raises DataError for images without labels, or labels without images, where such a file is named itself.
    """
    if path.is_file() and path.suffix.lower() != ".npy":
        return {}
    folder = path if path.is_dir() else path.parent
    images, labels = _sorted_out(folder)
    both = images.keys() & labels.keys()
    pairs: dict[str, Pair] = {
        part: Pair(images[part], labels[part]) for part in ("train", "val", "test") if part in both
    }
    if path.is_file() and "train" not in pairs:
        raise DataError(f"{path}: no pair of images and labels is beside it; {_LAYOUT}")
    return pairs if "train" in pairs else {}


def load_pairs(name: str, pairs: dict[str, Pair], classes: Sequence[str] | None = None) -> Dataset:
    """A data set from arrays as `check_arrays` wants them; a test part is cut where there is none. Raises DataError."""
    train = pairs["train"]
    where = str(train.images.parent)
    x_train, y_train = _array(train.images), _array(train.labels)
    parts: dict[str, ArrayImages] = {}
    for part, pair in pairs.items():
        x, y = (x_train, y_train) if part == "train" else (_array(pair.images), _array(pair.labels))
        given = {"x_train": x_train, "y_train": y_train, "x_test": x, "y_test": y}
        parts["train"], parts[part], names = check_arrays(f"{where}, {pair.images.name}", given, classes)
    said = warn_of_blanks(where, *(one.pixels for one in parts.values()))
    found = join_parts(name, names, parts)
    return replace(found, warnings=said, notes=(*said, *found.notes))


def _sorted_out(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """(files of images, files of labels) by part; a file that says no part is for training."""
    images: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    for file in sorted(one for one in folder.iterdir() if one.suffix.lower() == ".npy" and one.is_file()):
        words = set(split_words(file.stem))
        part = name_part(file, folder) or "train"
        for kinds, known in ((images, _IMAGES), (labels, _LABELS)):
            if words & known and not (known is _IMAGES and words & _LABELS):
                if part in kinds:
                    raise DataError(
                        f"{folder}: {kinds[part].name} and {file.name} are both of the {part} part; keep one"
                    )
                kinds[part] = file
    return images, labels


def _array(path: Path) -> np.ndarray:
    """The array of a file whose head is believed as far as the file goes."""
    try:
        with open_regular(path) as file:
            head = read_head(file)
            there = os.fstat(file.fileno()).st_size - head.length
            if head.size != there or head.size > MOST_BYTES:
                raise ValueError(f"announces {head.dtype} {list(head.shape)}, {head.size} bytes; {there} are there")
            return head.array(file.read(head.size))
    except (OSError, ValueError, MemoryError) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{path}: not a readable .npy file of numbers ({said}); write it with numpy.save") from error
