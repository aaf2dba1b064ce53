"""What classical models see of an image: its pixels, or how its edges run (HOG, Dalal & Triggs 2005).

Features that are learned (PCA, LDA) are steps of the estimator; these here depend on the size of the images alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgedigits.errors import InputError

PIXELS, HOG, PCA, LDA = FEATURES = ("pixels", "hog", "pca", "lda")
CELLS = 7
"""Along the shorter side of an image; a digit's strokes are about as wide as such a cell, and so are the parts of most things."""
LEAST_CELL, BLOCK, DIRECTIONS = 2, 2, 9
COMPONENTS = 64
"""Of PCA, at most; with LDA twice as many, of which it makes one fewer than there are classes."""


@dataclass(frozen=True)
class Features:
    """Features called `name` of images of `shape` (height, width, channels)."""

    name: str
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        check_features(self.name)
        if self.name == HOG and min(self.shape[:2]) < BLOCK * self.cell:
            needed = BLOCK * LEAST_CELL
            raise InputError(
                f"--features hog: images are {self.shape[0]}x{self.shape[1]}, it needs at least {needed}x{needed}; "
                "take pixels, or pass --resize"
            )

    @property
    def cell(self) -> int:
        """Pixels along each side of a cell of HOG."""
        return max(LEAST_CELL, round(min(self.shape[:2]) / CELLS))

    @property
    def count(self) -> int:
        """Numbers for each image, before PCA or LDA."""
        if self.name != HOG:
            return int(np.prod(self.shape))
        down, across = (side // self.cell - BLOCK + 1 for side in self.shape[:2])
        return down * across * BLOCK**2 * DIRECTIONS

    def compute(self, pixels: np.ndarray) -> np.ndarray:
        """float32 [n, count] of uint8 pixels [n, height, width, channels]; of pixels 0..1."""
        plain = pixels.astype(np.float32) / np.float32(255)
        if self.name != HOG:
            return np.asarray(plain.reshape(len(plain), -1))
        hog = import_hog()
        settings = {
            "orientations": DIRECTIONS,
            "pixels_per_cell": (self.cell, self.cell),
            "cells_per_block": (BLOCK, BLOCK),
            "feature_vector": True,
        }
        colour = self.shape[2] > 1
        found = [hog(one if colour else one[..., 0], channel_axis=-1 if colour else None, **settings) for one in plain]
        return np.asarray(found, np.float32).reshape(len(plain), self.count)

    def make_steps(self, images: int, classes: int, seed: int) -> Sequence[Any]:
        """Steps of scikit-learn that learn the rest, from so many images."""
        if self.name not in (PCA, LDA):
            return ()
        from sklearn.decomposition import PCA as Components
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        most = COMPONENTS * (2 if self.name == LDA else 1)
        few = min(most, self.count, images - classes if self.name == LDA else images)
        components = Components(max(1, few), svd_solver="randomized", random_state=seed)
        # LDA after PCA, as in Fisherfaces (Belhumeur et al. 1997): of pixels that hardly vary it would divide by nothing
        return (components,) if self.name == PCA else (components, LinearDiscriminantAnalysis())


def check_features(name: str) -> None:
    """Raises InputError for a name of none."""
    if name not in FEATURES:
        raise InputError(f"--features {name}: no such features; choose from {', '.join(FEATURES)}")


def import_hog() -> Any:
    """`skimage.feature.hog`. Raises InputError where scikit-image is not installed."""
    try:
        from skimage.feature import hog
    except ImportError as error:
        raise InputError(
            '--features hog: needs scikit-image, which is not installed; pip install "edgedigits[classical]"'
        ) from error
    return hog
