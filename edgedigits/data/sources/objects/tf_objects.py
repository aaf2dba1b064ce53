"""A tf.data.Dataset as a part of a data set: read once into memory, batched or not, as pairs or as `tfds` gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
from edgedigits_runner.picture_errors import PictureError

from edgedigits.data.cleaned import fit_picture
from edgedigits.data.keeping.room import find_memory_room
from edgedigits.data.reading import Reading
from edgedigits.data.sources.objects.array_objects import ArrayPart
from edgedigits.errors import DataError

_WANTED = "wanted elements (image, label) or {'image': ..., 'label': ...}, batched or not"
_INFINITE = -1


def is_tf_dataset(data: Any) -> bool:
    return hasattr(data, "element_spec") and hasattr(data, "as_numpy_iterator")


def read_tf_dataset(data: Any, where: str, reading: Reading) -> ArrayPart:
    """All of its images as uint8; floats in 0..255, as Keras reads files, are rounded. One-hot labels are taken as classes.

    Raises DataError for one that never ends, elements that are no images, images of different sizes without a size in `reading`,
    fractions, and more than memory holds.
    """
    if int(data.cardinality()) == _INFINITE:
        raise DataError(f"{where}: never ends; leave out its .repeat()")
    names = getattr(data, "class_names", None)
    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    room, brightest = 2 * find_memory_room(), 0.0
    for element in data.as_numpy_iterator():
        image, label = _of_element(element, where)
        batch = image if image.ndim == 4 else image[None]
        images.extend(_pixels(one, where, reading) for one in batch)
        labels.append(np.asarray(label) if image.ndim == 4 else np.asarray(label)[None])
        room -= batch.size
        brightest = max(brightest, float(image.max()) if image.dtype.kind == "f" else 255.0)
        if room < 0:
            raise DataError(
                f"{where}: holds more images than memory does; write them to a folder or to files, and give that"
            )
    if not images:
        raise DataError(f"{where}: holds no image; {_WANTED}")
    if 0 < brightest <= 1:
        raise _refuse_floats(f"{where}: pixels are floats in 0..{brightest:.4g}")
    _check_sizes(images, where)
    named = tuple(names) if names else None
    return ArrayPart(where, np.stack(images), _whole(np.concatenate(labels)), named, bool(reading.clean))


def _of_element(element: Any, where: str) -> tuple[np.ndarray, Any]:
    if isinstance(element, dict) and {"image", "label"} <= set(element):
        image, label = element["image"], element["label"]
    elif isinstance(element, (tuple, list)) and len(element) in (2, 3):  # weights may stand behind
        image, label = element[:2]
    else:
        raise DataError(f"{where}: found elements of {type(element).__name__}; {_WANTED}")
    if not isinstance(image, np.ndarray) or image.ndim not in (3, 4) or image.shape[-1] not in (1, 3):
        found = getattr(image, "shape", type(image).__name__)
        raise DataError(f"{where}: found images of {found}; wanted [height, width, 1 or 3], or batches of those")
    return image, label


def _pixels(image: np.ndarray, where: str, reading: Reading) -> np.ndarray:
    if image.dtype.kind == "f":
        if not np.isfinite(image).all() or image.min() < 0 or image.max() > 255:
            raise _refuse_floats(f"{where}: pixels are {image.dtype} in {image.min():.4g}..{image.max():.4g}")
        image = np.round(image)
    pixels = image.astype(np.uint8)
    if not reading.size and not reading.clean:
        return pixels
    shape = (*(reading.size or pixels.shape[:2]), 1 if reading.clean else pixels.shape[2])
    try:
        return fit_picture(pixels, shape, reading)
    except PictureError as error:
        raise DataError(f"{where}: an image of it {error.message}") from error


def _refuse_floats(found: str) -> DataError:
    return DataError(
        f"{found}; wanted 0..255 as they come from a file: leave the rescaling out, and say pixel_range of the model"
    )


def _check_sizes(images: list[np.ndarray], where: str) -> None:
    odd = next((one.shape for one in images if one.shape != images[0].shape), None)
    if odd:
        raise DataError(
            f"{where}: images of {images[0].shape} and of {odd}; say resize=(height, width) to bring all to one size"
        )


def _whole(labels: np.ndarray) -> np.ndarray:
    """Class numbers of one-hot rows, and whole numbers of floats, as `label_mode` binary and categorical give them."""
    if labels.dtype.kind == "f" and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    marks = labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biu"
    if marks and ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all():
        return np.asarray(labels.argmax(axis=1))
    return labels
