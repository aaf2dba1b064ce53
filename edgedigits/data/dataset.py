"""A named data set: images for training, images for the last line of a report, and what identifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from edgedigits.data.images import ArrayImages, Images, Labels, Pixels
from edgedigits.errors import DataError


@dataclass(frozen=True)
class Dataset:
    """Promise: labels of `train` and `test` are indices into `classes`, every class occurs in `train`."""

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images
    fingerprint: str
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        return self.train.shape


@dataclass(frozen=True)
class Reshaped:
    """Images resized (bilinear, as OpenCV does it) and with 1 or 3 channels, while they are read."""

    source: Images
    size: tuple[int, int]
    channels: int

    @property
    def labels(self) -> Labels:
        return self.source.labels

    @property
    def shape(self) -> tuple[int, int, int]:
        return (*self.size, self.channels)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: np.ndarray) -> Pixels:
        pixels = self.source.read(indices)
        return np.stack([reshape(image, self.size, self.channels) for image in pixels])

    def subset(self, indices: np.ndarray) -> Reshaped:
        return replace(self, source=self.source.subset(indices))


def reshape(image: Pixels, size: tuple[int, int], channels: int) -> Pixels:
    """One image, uint8 [h, w, c] to uint8 [*size, channels]; grey to RGB repeats, RGB to grey is ITU-R BT.601 luma."""
    import cv2

    if image.shape[:2] != size:
        shrinking = image.shape[0] > size[0] and image.shape[1] > size[1]
        method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, size[::-1], interpolation=method), dtype=np.uint8)
        image = image[..., None] if image.ndim == 2 else image
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)[..., None]


def fitted(dataset: Dataset, shape: tuple[int, int, int]) -> Dataset:
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
    return with_shape(dataset, (want[0], want[1]), want[2])


def with_shape(dataset: Dataset, size: tuple[int, int], channels: int) -> Dataset:
    """The data set with every image resized to `size` and given `channels` channels; small sets are converted at once."""

    def converted(images: Images) -> Images:
        changed = Reshaped(images, size, channels)
        if isinstance(images, ArrayImages):
            return ArrayImages(changed.read(np.arange(len(images))), images.labels)
        return changed

    mark = hashlib.sha256(f"{dataset.fingerprint} {size} {channels}".encode()).hexdigest()
    return replace(dataset, train=converted(dataset.train), test=converted(dataset.test), fingerprint=mark)


def fingerprint(parts: Iterable[bytes | np.ndarray]) -> str:
    """SHA-256 over arrays (with dtype and shape) and bytes, in order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(part)
    return digest.hexdigest()
