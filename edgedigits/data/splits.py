"""Cut a data set into fit, validation, calibration and test: seeded, stratified, disjoint.

The cut depends on the split seed alone, never on the seed of a run: else the validation images of one run would have been
trained on by the baseline of another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgedigits.data.dataset import Dataset
from edgedigits.data.images import Images, Labels
from edgedigits.data.scale import Scale, scaled

TEST_SHARE = 0.2
TEST_SEED = 20  # fixed: the test images of a set that brings none must be the same in every run
VALIDATION_SHARE, VALIDATION_MOST = 0.1, 5000
CALIBRATION_SHARE, CALIBRATION_MOST = 0.1, 500


@dataclass(frozen=True)
class FitData:
    """All that a stage may see. The test images are not here: nothing can be chosen on them."""

    fit: Images
    validation: Images
    calibration: Images
    scale: Scale
    seed: int
    augment: bool = True
    fingerprint: str = ""  # of the data set that all of it was cut from


def stratified_cut(labels: Labels, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(rest, cut): sorted indices; `cut` holds about `count`, each class in proportion, at least one of each that has two."""
    share = min(1.0, count / max(1, len(labels)))
    cut = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        take = round(share * len(members))
        cut.append(members[: min(max(1, take), len(members) - 1)])
    chosen = np.sort(np.concatenate(cut)) if cut else np.zeros(0, np.int64)
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def train_test_cut(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): indices for a data set that comes without a test part."""
    return stratified_cut(labels, round(TEST_SHARE * len(labels)), np.random.default_rng(TEST_SEED))


def split(dataset: Dataset, scale: Scale, seed: int, split_seed: int = 0, augment: bool = True) -> FitData:
    """Fit, validation and calibration images of a data set; calibration is cut from what would have been fit.

    Raises InputError for a scale of other channels than the images have.
    """
    scaled(np.zeros(dataset.shape, np.uint8), scale)
    rng = np.random.default_rng(split_seed)
    labels = dataset.train.labels
    rest, validation = stratified_cut(labels, min(round(VALIDATION_SHARE * len(labels)), VALIDATION_MOST), rng)
    count = min(round(CALIBRATION_SHARE * len(rest)), CALIBRATION_MOST)
    fit, calibration = stratified_cut(labels[rest], count, rng)
    return FitData(
        fit=dataset.train.subset(rest[fit]),
        validation=dataset.train.subset(validation),
        calibration=dataset.train.subset(rest[calibration]),
        scale=scale,
        seed=seed,
        augment=augment,
        fingerprint=dataset.fingerprint,
    )
