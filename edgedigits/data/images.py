"""Images and their labels, in memory or on disk, behind one small protocol.

Pixels are uint8, 0..255, [height, width, channels] with 1 channel (grey) or 3 (RGB). How a model wants them scaled is the
model's business (`scale.py`), never the data's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int32] | NDArray[np.uint8]
"""The class of every image, int32 [n]; or which labels it has, uint8 [n, labels] of 0 and 1."""
Indices = NDArray[np.int64]


class Images(Protocol):
    """A sequence of labelled images; reading some of them costs memory for only those."""

    @property
    def labels(self) -> Labels:
        """What each image shows, as `Labels` has it."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""

    def __len__(self) -> int: ...

    def read(self, indices: Indices) -> Pixels:
        """The images at `indices`, uint8 [len(indices), height, width, channels], in that order."""

    def subset(self, indices: Indices) -> Images:
        """A view of the images at `indices`."""


@dataclass(frozen=True)
class ArrayImages:
    """Images held in one array: uint8 [n, height, width, channels]."""

    pixels: Pixels
    labels: Labels

    @property
    def shape(self) -> tuple[int, int, int]:
        _, height, width, channels = self.pixels.shape
        return height, width, channels

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: Indices) -> Pixels:
        return self.pixels[indices]

    def subset(self, indices: Indices) -> ArrayImages:
        return ArrayImages(self.pixels[indices], self.labels[indices])


def read_all(images: Images) -> Pixels:
    """All images as one array; only for sets known to be small (test reports, calibration)."""
    return images.read(np.arange(len(images)))
