"""A data set from an .npz file in the layout of keras.datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgedigits.data.arrays import ARRAYS, check_arrays, warn_of_blanks
from edgedigits.data.dataset import Dataset, hash_parts
from edgedigits.data.sources.arrays.npz_files import read_arrays


def load_npz(path: Path, name: str, classes: Sequence[str] | None = None) -> Dataset:
    """A file with x_train, y_train, x_test, y_test, as `arrays.check_arrays` wants them. `classes` are names for 0, 1, ..."""
    train, test, names = check_arrays(path, read_arrays(path, ARRAYS, ", ".join(ARRAYS)), classes)
    mark = hash_parts([train.pixels, train.labels, test.pixels, test.labels])
    said = warn_of_blanks(path, train.pixels, test.pixels)
    return Dataset(name, names, train, test, mark, said, said)
