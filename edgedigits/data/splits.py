"""Cut a data set into fit, validation, calibration and test: seeded, stratified, disjoint.

Of two images of a class, one is for validation; the one that is left serves for fitting and for calibration alike.

The cut depends on the split seed alone, never on the seed of a run: else the validation images of one run would have been
trained on by the baseline of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import Images, Labels
from edgedigits.data.scale import Scale, scale_pixels
from edgedigits.data.strata import assign_strata
from edgedigits.errors import DataError, InputError

TEST_SHARE = 0.2
TEST_SEED = 20  # fixed: the test images of a set that brings none must be the same in every run
VALIDATION_SHARE, VALIDATION_MOST = 0.1, 5000
CALIBRATION_SHARE, CALIBRATION_MOST = 0.1, 500
FOLD_SEED = 21  # fixed as well: folds are the same whatever the seed of a run
LARGEST_SEED = 2**32 - 1  # what NumPy, Keras and TensorFlow all take


Cost = Callable[[Any], float]
"""What a Keras model takes once it is exported."""


def refuse_cost(name: str) -> Cost:
    """Where nobody has said how: raises InputError."""
    raise InputError(f"nothing here measures {name} of a model")


@dataclass(frozen=True)
class FitData:
    """All that a stage may see. The test images are not here: nothing can be chosen on them.

    `cost` gives by name what measures a candidate ("latency_us"); a stage sees neither its bytes nor what runs them.
    """

    fit: Images
    validation: Images
    calibration: Images
    scale: Scale
    seed: int
    augment: Augment | None = None  # how training images are moved; None as they are
    fingerprint: str = ""  # of the data set that all of it was cut from
    task: str = "classification"  # the name of what a model is asked, as `Dataset` has it
    cost: Callable[[str], Cost] = refuse_cost


def cut_stratified(labels: Labels, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(rest, cut): sorted indices; `cut` holds about `count`, each class in proportion, at least one of each that has two.

    Of labels the rarest that an image has counts as its class.
    """
    kinds = assign_strata(labels)
    share = min(1.0, count / max(1, len(labels)))
    cut = []
    for kind in np.unique(kinds):
        members = rng.permutation(np.flatnonzero(kinds == kind))
        take = round(share * len(members))
        cut.append(members[: min(max(1, take), len(members) - 1)])
    chosen = np.sort(np.concatenate(cut)) if cut else np.zeros(0, np.int64)
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def train_test_cut(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): indices for a data set that comes without a test part."""
    return cut_stratified(labels, round(TEST_SHARE * len(labels)), np.random.default_rng(TEST_SEED))


def cut_folds(labels: Labels, folds: int, rng: np.random.Generator) -> np.ndarray:
    """The fold of each image, int64 [n] from 0: dealt like cards, so that folds differ by one image at most, and by one of each
    class. Of labels the rarest that an image has counts as its class."""
    kinds = assign_strata(labels)
    dealt = np.empty(len(kinds), np.int64)
    dealt[np.lexsort((rng.permutation(len(kinds)), kinds))] = np.arange(len(kinds)) % folds
    return dealt


def check_seed(seed: int) -> None:
    """Raises InputError for a seed that the generators don't take."""
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"seed {seed}: wanted a whole number from 0 to {LARGEST_SEED}")


def check_enough(dataset: Dataset) -> None:
    """Raises DataError when a set is too small to be cut: what is judged on no image at all is not judged."""
    most = int(np.bincount(assign_strata(dataset.train.labels)).max()) if len(dataset.train) else 0
    if most < 2:
        found = "one training image" if len(dataset.train) == 1 else f"{len(dataset.train)} training images"
        raise DataError(
            f"data {dataset.name}: holds {found}, no two of one class, so none can be kept apart to judge by; "
            "give at least three images of a class, better ten of each"
        )
    if not len(dataset.test):
        raise DataError(
            f"data {dataset.name}: holds {len(dataset.train)} images and none for the test; "
            "give at least three images of a class, better ten of each"
        )


def split(dataset: Dataset, scale: Scale, seed: int, split_seed: int = 0, augment: Augment | None = None) -> FitData:
    """Fit, validation and calibration images of a data set; calibration is cut from what would have been fit.

    None of them is empty: where no class has two images left to cut calibration from, all that is fit is calibration too. Raises
    DataError when the set is too small, InputError for a seed that can't be and a scale of other channels than the images have.
    """
    check_seed(seed)
    check_enough(dataset)
    scale_pixels(np.zeros(dataset.shape, np.uint8), scale)
    rng = np.random.default_rng(split_seed)
    labels = dataset.train.labels
    rest, validation = cut_validation(labels, rng)
    count = min(round(CALIBRATION_SHARE * len(rest)), CALIBRATION_MOST)
    fit, calibration = cut_stratified(labels[rest], count, rng)
    calibration = calibration if len(calibration) else fit
    return FitData(
        fit=dataset.train.subset(rest[fit]),
        validation=dataset.train.subset(validation),
        calibration=dataset.train.subset(rest[calibration]),
        scale=scale,
        seed=seed,
        augment=augment,
        fingerprint=dataset.fingerprint,
        task=dataset.task,
    )


def cut_validation(labels: Labels, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(rest, validation): sorted indices of training images; `split` begins so, with a generator seeded by its split seed."""
    return cut_stratified(labels, min(round(VALIDATION_SHARE * len(labels)), VALIDATION_MOST), rng)


def split_folds(dataset: Dataset, scale: Scale, seed: int, folds: int) -> Iterator[tuple[FitData, Images]]:
    """Of each fold what a net is fit on, and the images that are held out from that: all that are not for validation, each once.

    Validation is the same as that of `split`; calibration is what is fit. Raises what `split` does.
    """
    data, labels = split(dataset, scale, seed), dataset.train.labels
    pool, _ = cut_validation(labels, np.random.default_rng(0))
    dealt = cut_folds(labels[pool], folds, np.random.default_rng(FOLD_SEED))
    for number in range(folds):
        fit = dataset.train.subset(pool[dealt != number])
        yield replace(data, fit=fit, calibration=fit), dataset.train.subset(pool[dealt == number])


def check_folds(dataset: Dataset, folds: int) -> None:
    """Raises InputError where a class has fewer images than there are folds, those for validation aside."""
    pool, _ = cut_validation(dataset.train.labels, np.random.default_rng(0))
    labels = dataset.train.labels[pool]
    counts = labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=len(dataset.classes))
    rarest = int(counts.argmin())
    if counts[rarest] < folds:
        most = f"at most --kfold {counts[rarest]}" if counts[rarest] > 1 else "more images of it, or no --kfold"
        raise InputError(
            f"--kfold {folds}: class {dataset.classes[rarest]!r} of data {dataset.name} has {counts[rarest]} training images "
            f"beside those of validation, fewer than folds; give {most}"
        )
