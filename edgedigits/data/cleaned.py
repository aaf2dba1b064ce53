"""Pictures of handwriting in the form of MNIST: the runner's own cleaning, for one picture and for all of a data set."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
from edgedigits_runner.clean_settings import Clean
from edgedigits_runner.pictures import fitted

from edgedigits.data.dataset import Dataset
from edgedigits.data.images import ArrayImages, Images, Pixels
from edgedigits.data.reading import Reading
from edgedigits.errors import DataError

_STEP = 1000


def fit_picture(image: Pixels, shape: tuple[int, int, int], reading: Reading) -> Pixels:
    """One picture uint8 [h, w, 1 or 3] as uint8 `shape`, resized or cleaned as `reading` says, to the bit as the runner does.

    Raises PictureError for an empty page that is to be cleaned.
    """
    if reading.clean is None:
        return fitted(image, shape, reading.resizing)
    from edgedigits_runner.cleaning import cleaned

    return cleaned(image, shape, reading.clean)


def clean_images(dataset: Dataset, clean: Clean, size: tuple[int, int], skip_bad: bool) -> Dataset:
    """The data set with every image cleaned: grey, uint8 [n, *size, 1].

    Raises DataError where one shows no ink, naming the first, unless `skip_bad` leaves those out, which a note counts; and where
    nothing would be left of a class.
    """
    parts, left = {}, []
    for part, images in (("training", dataset.train), ("test", dataset.test)):
        pixels, inked = _cleaned(images, clean, size)
        left += [f"{part} image {number}" for number in np.flatnonzero(~inked)]
        labels = images.labels
        parts[part] = ArrayImages(pixels, labels) if inked.all() else ArrayImages(pixels[inked], labels[inked])
    if left and not skip_bad:
        raise DataError(
            f"data {dataset.name}: {_first(left)} without ink on the paper, so there is nothing to clean; mend them, or pass "
            "--skip-bad to use the rest"
        )
    _check_classes(dataset, parts["training"])
    said = (f"data {dataset.name}: {len(left)} images without ink left out, the first: {left[0]}",) if left else ()
    mark = f"{dataset.fingerprint} {size} {json.dumps(clean.as_json(), sort_keys=True)} {left}"
    return replace(
        dataset,
        train=parts["training"],
        test=parts["test"],
        fingerprint=hashlib.sha256(mark.encode()).hexdigest(),
        notes=(*said, *dataset.notes),
        warnings=(*said, *dataset.warnings),
        reading=replace(dataset.reading, clean=clean),
    )


def _cleaned(images: Images, clean: Clean, size: tuple[int, int]) -> tuple[Pixels, np.ndarray]:
    from edgedigits_runner.cleaning import cleaned_all

    found = np.empty((len(images), *size, 1), np.uint8)
    inked = np.empty(len(images), bool)
    for start in range(0, len(images), _STEP):
        rows = np.arange(start, min(start + _STEP, len(images)))
        found[rows], inked[rows] = cleaned_all(images.read(rows), (*size, 1), clean)
    return found, inked


def _first(left: list[str]) -> str:
    return left[0] if len(left) == 1 else f"{left[0]} and {len(left) - 1} more"


def _check_classes(dataset: Dataset, train: ArrayImages) -> None:
    labels = train.labels
    there = labels.any(axis=0) if labels.ndim == 2 else np.isin(np.arange(len(dataset.classes)), labels)
    if not there.all():
        missing = dataset.classes[int(np.flatnonzero(~there)[0])]
        raise DataError(f"data {dataset.name}: no image of class {missing} shows ink; every class needs some")
