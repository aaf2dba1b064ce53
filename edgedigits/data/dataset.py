"""A named data set: images for training, images for the last line of a report, and what identifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from edgedigits_runner import pictures

from edgedigits.data.arrays import ARRAYS, check_arrays, warn_of_blanks
from edgedigits.data.images import ArrayImages, Images, Labels, Pixels
from edgedigits.data.reading import PLAIN, Reading, Resizing
from edgedigits.errors import DataError


@dataclass(frozen=True, repr=False)
class Dataset:
    """Promise: labels of `train` and `test` are indices into `classes`, or uint8 [n, labels] with one of `classes` for each
    column; every one occurs in `train`.

    `task` is the name of what a model is asked: by its labels multilabel or classification, where nothing else is said.

    `notes` say what is to be known of how it was read; `warnings` are those of them that may spoil what is made of it.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images
    fingerprint: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reading: Reading = PLAIN
    task: str = ""

    def __post_init__(self) -> None:
        if not self.task:
            object.__setattr__(self, "task", "multilabel" if self.train.labels.ndim == 2 else "classification")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        return self.train.shape

    @classmethod
    def from_arrays(
        cls,
        x_train: np.ndarray,
        y_train: np.ndarray,
        x_test: np.ndarray,
        y_test: np.ndarray,
        classes: Sequence[str] | None = None,
        name: str = "arrays",
    ) -> Dataset:
        """A data set of arrays in memory, which are neither copied nor changed.

        Images are pixels as they come from a file, uint8 [n, height, width, 1 or 3] or [n, height, width], 0..255: how a model
        wants them scaled is said of the model. Labels are integers [n] from 0, or 0 and 1, [n, labels]. `classes` are names
        for 0, 1, and so on. Raises DataError for anything else, saying what would do.

        >>> import numpy as np, edgedigits as ed
        >>> images = np.arange(48, dtype=np.uint8).reshape(12, 2, 2)
        >>> ed.Dataset.from_arrays(images, np.arange(12) % 2, images, np.arange(12) % 2, classes=["even", "odd"])
        <Dataset arrays: 12 training and 12 test images of 2x2x1, 2 classes>
        """
        given = dict(zip(ARRAYS, (x_train, y_train, x_test, y_test), strict=True))
        arrays = {part: np.asarray(values) for part, values in given.items()}
        for part in ("x_train", "x_test"):
            if arrays[part].dtype.kind == "f":
                raise DataError(
                    f"{part}: found {arrays[part].dtype}; wanted uint8 pixels 0..255 as they come from a file. Of pixels divided "
                    f"by 255 do ({part} * 255).round().astype('uint8'), and say pixel_range='0..1' of the model"
                )
        train, test, names = check_arrays(name, arrays, classes)
        mark = hash_parts([train.pixels, train.labels, test.pixels, test.labels])
        said = warn_of_blanks(name, train.pixels, test.pixels)
        return cls(name, names, train, test, mark, said, said)

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape))
        parts = f"{len(self.train)} training and {len(self.test)} test images of {size}"
        return f"<Dataset {self.name}: {parts}, {len(self.classes)} classes>"


@dataclass(frozen=True)
class Reshaped:
    """Images resized and with 1 or 3 channels, while they are read."""

    source: Images
    size: tuple[int, int]
    channels: int
    method: Resizing = "area"

    @property
    def labels(self) -> Labels:
        return self.source.labels

    @property
    def shape(self) -> tuple[int, int, int]:
        return (*self.size, self.channels)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: np.ndarray) -> Pixels:
        return pictures.fitted_all(self.source.read(indices), self.shape, self.method)

    def subset(self, indices: np.ndarray) -> Reshaped:
        return replace(self, source=self.source.subset(indices))


def reshape(image: Pixels, size: tuple[int, int], channels: int, method: Resizing = "area") -> Pixels:
    """One image, uint8 [h, w, c] to uint8 [*size, channels]; grey to RGB repeats, RGB to grey is ITU-R BT.601 luma."""
    return pictures.fitted(image, (*size, channels), method)


def fit_to_shape(dataset: Dataset, shape: tuple[int, int, int]) -> Dataset:
    """The data set as a model of input `shape` takes it: grey images are repeated to RGB where it wants three channels.

    Raises DataError for any other mismatch, saying which flag would do.
    """
    have, want = dataset.shape, shape
    if have == want:
        return dataset
    if have[:2] != want[:2]:
        raise DataError(
            f"data {dataset.name}: images are {have[0]}x{have[1]}, the model takes {want[0]}x{want[1]}; "
            f"pass --resize {want[0]}x{want[1]} to have them resized"
        )
    if have[2] == 3:
        raise DataError(
            f"data {dataset.name}: images are colour, the model takes grey; pass --grey to have them converted"
        )
    return convert_shape(dataset, (want[0], want[1]), want[2])


def convert_shape(dataset: Dataset, size: tuple[int, int], channels: int) -> Dataset:
    """The data set with every image resized to `size`, by the method of its `reading`, and given `channels` channels.

    Small sets are converted at once.
    """
    method = dataset.reading.resizing

    def converted(images: Images) -> Images:
        changed = Reshaped(images, size, channels, method)
        if isinstance(images, ArrayImages):
            return ArrayImages(changed.read(np.arange(len(images))), images.labels)
        return changed

    way = f" {method}" if method != "area" and size != dataset.shape[:2] else ""
    mark = hashlib.sha256(f"{dataset.fingerprint} {size} {channels}{way}".encode()).hexdigest()
    return replace(dataset, train=converted(dataset.train), test=converted(dataset.test), fingerprint=mark)


def hash_parts(parts: Iterable[bytes | np.ndarray]) -> str:
    """SHA-256 over arrays (with dtype and shape) and bytes, in order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(part)
    return digest.hexdigest()
