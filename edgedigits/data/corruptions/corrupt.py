"""Images spoilt by name, severity and seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgedigits.data.corruptions.field import Draws, to_pixels
from edgedigits.data.corruptions.table import CORRUPTIONS, SEVERITIES
from edgedigits.errors import InputError
from edgedigits.ground.yaml_files import check_known

_VALUES_AT_ONCE = 2**17


def check_corruptions(names: Sequence[str], severity: int | None) -> tuple[str, ...]:
    """The names, all of them where none is given. Raises InputError for an unknown or doubled one and a wrong severity."""
    names = [name for name in names if name]
    check_known("--only", "corruption", names, CORRUPTIONS, InputError)
    if len(set(names)) != len(names):
        raise InputError(f"--only: names {max(names, key=list(names).count)} twice; name each once")
    if severity is not None and severity not in SEVERITIES:
        raise InputError(f"--severity {severity}: wanted a whole number from 1 to 5")
    return tuple(names) or tuple(CORRUPTIONS)


def corrupt(
    pixels: NDArray[np.uint8],
    name: str,
    severity: int | None = None,
    seed: int = 0,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.uint8]:
    """Images uint8 [n, height, width, 1 or 3] spoilt by one of CORRUPTIONS, of the same shape; what is given stays as it is.

    severity: 1 to 5, or None for that of MNIST-C's static set. The same seed spoils the image with the same number (`rows`, by
    default 0, 1, ...) alike on every machine, whatever is beside it.
    """
    which, number = CORRUPTIONS[name], list(CORRUPTIONS).index(name)
    rows = np.arange(len(pixels)) if rows is None else rows
    step = max(1, _VALUES_AT_ONCE // max(1, int(np.prod(pixels.shape[1:]))))
    parts = [
        to_pixels(
            which.spoil(
                pixels[start : start + step] / 255.0,
                Draws([(seed, number, int(row)) for row in rows[start : start + step]]),
                which.at(severity),
            )
        )
        for start in range(0, len(pixels), step)
    ]
    return np.concatenate(parts) if parts else pixels.copy()
