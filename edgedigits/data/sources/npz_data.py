"""A data set from an .npz file in the layout of keras.datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgedigits.data.arrays import ARRAYS, blanks, checked
from edgedigits.data.dataset import Dataset, fingerprint
from edgedigits.data.sources.npz_files import read_arrays


def load_npz(path: Path, name: str, classes: Sequence[str] | None = None) -> Dataset:
    """A file with x_train, y_train, x_test, y_test, as `arrays.checked` wants them. `classes` are names for 0, 1, and so on."""
    train, test, names = checked(path, read_arrays(path, ARRAYS, ", ".join(ARRAYS)), classes)
    mark = fingerprint([train.pixels, train.labels, test.pixels, test.labels])
    said = blanks(path, train.pixels, test.pixels)
    return Dataset(name, names, train, test, mark, said, said)
