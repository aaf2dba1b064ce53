"""Arrays in the layout of keras.datasets: pixels and labels checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgedigits.data.images import ArrayImages, Labels, Pixels
from edgedigits.errors import DataError

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_STEP = 1000


def check_arrays(
    path: Path | str, arrays: Mapping[str, np.ndarray], classes: Sequence[str] | None
) -> tuple[ArrayImages, ArrayImages, tuple[str, ...]]:
    """(train, test, names of the classes) of those ARRAYS; `path` begins every complaint.

    Integer images are pixels 0..255; float images must lie in 0..1 and are taken as pixel/255. Labels are integers [n] or
    [n, 1]; or 0 and 1, [n, labels], for several labels per image.
    Raises DataError for anything else, for NaN or infinity, and for labels outside the classes of the training part.
    """
    y_train, y_test = _labels(path, "y_train", arrays), _labels(path, "y_test", arrays)
    if y_train.ndim == 2 or y_test.ndim == 2:
        _check_labels(path, y_train, y_test)
    count = y_train.shape[1] if y_train.ndim == 2 else _class_count(path, y_train, y_test)
    x_train, x_test = _pixels(path, "x_train", arrays), _pixels(path, "x_test", arrays)
    for part, images, labels in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(images) != len(labels):
            raise DataError(
                f"{path}: x_{part} holds {len(images)} images, y_{part} {len(labels)} labels; they must match"
            )
    if x_train.shape[1:] != x_test.shape[1:]:
        raise DataError(
            f"{path}: images of x_train are {x_train.shape[1:]}, of x_test {x_test.shape[1:]}; they must match"
        )
    names = name_classes(str(path), count, classes) if classes else tuple(str(label) for label in range(count))
    train, test = (ArrayImages(x_train, _typed(y_train)), ArrayImages(x_test, _typed(y_test)))
    return train, test, names


def name_classes(where: str, count: int, wanted: Sequence[str]) -> tuple[str, ...]:
    """Names for classes that are numbered, 0 first; DataError unless there are as many, all different."""
    if len(wanted) != count or len(set(wanted)) != count:
        raise DataError(f"--classes: names {len(set(wanted))} different classes, {where} has {count}; name each once")
    return tuple(wanted)


def warn_of_blanks(path: Path | str, *parts: Pixels) -> tuple[str, ...]:
    """A warning where images have one value everywhere."""
    count = sum(_blank_images(part) for part in parts)
    return (f"{path}: blank images (one value everywhere): {count}",) if count else ()


def _blank_images(pixels: Pixels) -> int:
    parts = (pixels[start : start + _STEP] for start in range(0, len(pixels), _STEP))
    return sum(int((part == part[:, :1, :1]).all(axis=(1, 2, 3)).sum()) for part in parts)


def _class_count(path: Path | str, y_train: np.ndarray, y_test: np.ndarray) -> int:
    """Compared with the number of images first: a stray label must not make as many classes."""
    most = int(y_train.max())
    if most >= len(y_train):
        raise DataError(
            f"{path}: y_train holds label {most}, but only {len(y_train)} labels, too few for so many classes; "
            "mend the label, or renumber the classes from 0"
        )
    counts = np.bincount(y_train.astype(np.int64), minlength=most + 1)
    if not counts.all():
        missing = int(np.flatnonzero(counts == 0)[0])
        raise DataError(
            f"{path}: y_train goes up to {most} but holds no image of class {missing}; renumber the classes"
        )
    if y_test.max() > most:
        raise DataError(f"{path}: y_test holds label {y_test.max()}, outside the classes 0..{most} of y_train")
    return most + 1


def _pixels(path: Path | str, name: str, arrays: Mapping[str, np.ndarray]) -> Pixels:
    images = arrays[name]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or not images.size:
        raise DataError(
            f"{path}: {name} has shape {arrays[name].shape}; wanted [n, height, width] or [n, height, width, 1 or 3]"
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind == "f":
        if not np.isfinite(images).all():
            raise DataError(f"{path}: {name} holds NaN or infinity in {_count_bad(images)} images; mend or drop them")
        if images.min() < 0 or images.max() > 1:
            found = f"{images.min():.4g}..{images.max():.4g}"
            raise DataError(
                f"{path}: {name} is {images.dtype} in {found}; floats must lie in 0..1, pixels be uint8 in 0..255"
            )
        return np.round(images * 255).astype(np.uint8)
    if images.dtype.kind in "iu" and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    raise DataError(f"{path}: {name} is {images.dtype}; wanted uint8 pixels 0..255 or floats 0..1")


def _count_bad(images: np.ndarray) -> int:
    return int((~np.isfinite(images).reshape(len(images), -1).all(axis=1)).sum())


def _typed(labels: np.ndarray) -> Labels:
    return labels.astype(np.uint8) if labels.ndim == 2 else labels.astype(np.int32)


def _is_one_hot(labels: np.ndarray) -> bool:
    return bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())


def _of_labels(path: Path | str, name: str, labels: np.ndarray) -> np.ndarray:
    """Labels [n, labels] as uint8, which nothing but 0 and 1 is made."""
    if labels.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: {name} is {labels.dtype} {labels.shape}; wanted labels of 0 and 1, or class numbers [n]"
        )
    if (odd := labels[(labels != 0) & (labels != 1)]).size:
        raise DataError(
            f"{path}: {name} {labels.shape} holds {odd[0]}; several labels per image are 0 and 1, one class is [n]"
        )
    return labels.astype(np.uint8)


def _check_labels(path: Path | str, y_train: np.ndarray, y_test: np.ndarray) -> None:
    if y_train.ndim != y_test.ndim or y_train.shape[1:] != y_test.shape[1:]:
        raise DataError(
            f"{path}: y_train is {y_train.shape}, y_test {y_test.shape}; they must be labels of the same kind"
        )
    if not (has := y_train.any(axis=0)).all():
        raise DataError(
            f"{path}: no image of y_train has label {int(np.flatnonzero(~has)[0])}; drop its column, or add images"
        )


def _labels(path: Path | str, name: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whole numbers [n] from 0 on, in their own type, or labels uint8 [n, labels]: nothing is cast before it is checked."""
    labels = arrays[name]
    if labels.ndim == 2 and labels.shape[1] == 1 and labels.dtype.kind in "iu":
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.size and not _is_one_hot(labels):
        return _of_labels(path, name, labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size:
        found = f"{labels.dtype} {labels.shape}"
        raise DataError(
            f"{path}: {name} is {found}; wanted integer class numbers [n] (of one-hot rows take the argmax)"
        )
    if labels.min() < 0:
        raise DataError(f"{path}: {name} holds label {labels.min()}; classes count from 0")
    if labels.max() > np.iinfo(np.int32).max:
        raise DataError(f"{path}: {name} holds label {labels.max()}, which no class has; mend it")
    return labels
