"""F1: how well labels are found, the harmonic mean of the shares of answers that are right and of labels that are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def counts(found: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """(hits, false alarms, misses) of each label, whole numbers [..., labels]; of bool [..., n, labels] both."""
    return (found & labels).sum(axis=-2), (found & ~labels).sum(axis=-2), (~found & labels).sum(axis=-2)


def f1_of(hits: NDArray[Any], alarms: NDArray[Any], misses: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(macro, micro) F1 as shares of 1, over the last axis; any axes before it stay.

    Macro is the mean over the labels that some image has: how well others are found can't be told. Where there is none of these,
    both are 1 if nothing was answered, else 0.
    """
    import numpy as np  # late: reading a manifest needs none of it

    wrong = alarms + misses
    each = 2 * hits / np.maximum(2 * hits + wrong, 1)
    seen = hits + misses > 0
    all_hits, all_wrong = hits.sum(axis=-1), wrong.sum(axis=-1)
    micro = np.where(all_hits + all_wrong == 0, 1.0, 2 * all_hits / np.maximum(2 * all_hits + all_wrong, 1))
    macro = (each * seen).sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1)
    return np.where(seen.any(axis=-1), macro, micro), micro
