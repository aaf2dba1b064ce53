"""A median of windows, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST = 3
"""Windows; of fewer there is no interval."""
_RESAMPLES = 2_000


def median_and_interval(values: NDArray[Any], seed: int = 0) -> tuple[float, float | None, float | None]:
    """The median of one value per window, float64 [windows], and its bootstrap 95 % interval, None and None below `LEAST`."""
    value = float(np.median(values))
    if len(values) < LEAST:
        return value, None, None
    drawn = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    low, high = np.percentile(np.median(values[drawn], axis=1), [2.5, 97.5])
    return value, float(low), float(high)
