"""Which images are of one kind where some are to stand for all: the class of each, or of its labels the rarest."""

from __future__ import annotations

import numpy as np

from edgedigits.data.images import Labels


def assign_strata(labels: Labels) -> np.ndarray:
    """A number for each image, [n]: its class; of labels [n, labels] the place of the rarest that it has, and after those
    places one number for all images without any.

    An image has one stratum, so a draw from each is a draw without repetition, and the rarest label, for which an image more or
    less counts most, is spread first (Sechidis et al. 2011, "On the Stratification of Multi-Label Data", who go on from there).
    """
    if labels.ndim == 1:
        return labels
    counts = labels.sum(axis=0, dtype=np.int64)
    order = np.argsort(counts, kind="stable")
    has_any = labels.any(axis=1)
    rarest = order[labels[:, order].argmax(axis=1)]
    return np.asarray(np.where(has_any, rarest, labels.shape[1]), np.int32)
