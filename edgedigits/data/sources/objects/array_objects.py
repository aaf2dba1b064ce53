"""NumPy arrays as a part of a data set: images and labels, as `keras.datasets` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgedigits.data.arrays import check_arrays
from edgedigits.data.images import ArrayImages
from edgedigits.data.reading import Reading
from edgedigits.errors import DataError


@dataclass(frozen=True)
class ArrayPart:
    """Images and labels, unchecked; `names` of the classes where they are told, `cleaned` where the images are already."""

    where: str
    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...] | None = None
    cleaned: bool = False


def is_arrays(data: Any) -> bool:
    """A pair of arrays."""
    return isinstance(data, (tuple, list)) and len(data) == 2 and all(isinstance(one, np.ndarray) for one in data)


def read_arrays(data: Any, where: str, _: Reading) -> ArrayPart:
    """The pair as it is. Raises DataError for fractions: whether they are pixels divided by 255 nobody says."""
    images, labels = data
    if images.dtype.kind == "f":
        raise DataError(
            f"{where}: images are {images.dtype}; wanted uint8 pixels 0..255 as they come from a file. Of pixels divided "
            "by 255 do (images * 255).round().astype('uint8'), and say pixel_range='0..1' of the model"
        )
    return ArrayPart(where, images, labels)


def check_parts(
    parts: dict[str, ArrayPart], wanted: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, ArrayImages]]:
    """(names of the classes, the parts), each held against the training part. Raises DataError as `check_arrays`, and for classes
    that a part counts in another order."""
    train = parts["train"]
    images: dict[str, ArrayImages] = {}
    names: tuple[str, ...] = ()
    for part, one in parts.items():
        if one.names != train.names and None not in (one.names, train.names):
            raise DataError(
                f"{one.where}: its classes are {one.names}, those of training {train.names}; give both alike"
            )
        given = {"x_train": train.images, "y_train": train.labels, "x_test": one.images, "y_test": one.labels}
        images["train"], images[part], names = check_arrays(one.where, given, wanted or train.names)
    return names, images
