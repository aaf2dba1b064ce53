"""A few images that stand for a whole: of every class, and the same ones for the same seed."""

from __future__ import annotations

import numpy as np

from edgedigits.data.images import Images, Labels
from edgedigits.data.strata import assign_strata


def draw_stratified(labels: Labels, count: int, seed: int = 0) -> np.ndarray:
    """Sorted indices, int64, of `count` of the labelled images, or of all where there are no more.

    Each class is there in proportion, and at least once; where there are more classes than `count`, a draw of them is there once.
    Of labels the rarest that an image has counts as its class.
    """
    count, rng = min(max(count, 0), len(labels)), np.random.default_rng(seed)
    if not count:
        return np.zeros(0, np.int64)
    kinds = assign_strata(labels)
    members = [rng.permutation(np.flatnonzero(kinds == kind)) for kind in np.unique(kinds)]
    takes = _shares(np.array([len(one) for one in members]), count, rng)
    return np.sort(np.concatenate([one[:take] for one, take in zip(members, takes, strict=True)])).astype(np.int64)


def draw_sample(images: Images, count: int, seed: int = 0) -> Images:
    """The images of a `stratified_sample`, in the order they have."""
    return images.subset(draw_stratified(images.labels, count, seed))


def _shares(sizes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """How many to take of each class, at most all of it; ties are drawn."""
    drawn = rng.permutation(len(sizes))
    takes = np.zeros(len(sizes), np.int64)
    if count <= len(sizes):
        takes[drawn[:count]] = 1
        return takes
    wanted = (sizes - 1) * ((count - len(sizes)) / max(1, sizes.sum() - len(sizes)))
    takes[:] = 1 + np.floor(wanted)
    fullest = np.lexsort((drawn, np.floor(wanted) - wanted))
    takes[fullest[: count - takes.sum()]] += 1
    return takes
