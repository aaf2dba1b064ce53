"""Real numbers as a tensor stores them, and back: real = step * (stored - zero point); a step of 0: stored as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stored(values: NDArray[np.float32], dtype: str, step: float, zero_point: int) -> NDArray[Any]:
    """Float values as a tensor of that type takes them: rint(x / step) + zero point, halves to even, clipped to its range."""
    if dtype == "float32":
        return values.astype(np.float32)
    if step:
        values = np.rint(values / np.float32(step)) + zero_point
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def real(values: NDArray[Any], step: float, zero_point: int) -> NDArray[np.float32]:
    """Stored numbers as real ones, float32."""
    found = values.astype(np.float32)
    return (found - zero_point) * np.float32(step) if step else found
