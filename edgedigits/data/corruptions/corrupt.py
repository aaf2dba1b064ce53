"""Images spoilt by name, severity and seed: arrays at once, or as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgedigits.data.corruptions.field import Draws, to_pixels
from edgedigits.data.corruptions.table import CORRUPTIONS, SEVERITIES
from edgedigits.data.images import Images, Indices, Labels, Pixels
from edgedigits.errors import InputError
from edgedigits.ground.yaml_files import check_known

_VALUES_AT_ONCE = 2**17


def check_corruptions(names: Sequence[str], severity: int | None) -> tuple[str, ...]:
    """The names, all of them where none is given. Raises InputError for an unknown or doubled one, and a severity that is none."""
    check_known("--only", "corruption", names, CORRUPTIONS, InputError)
    if len(set(names)) != len(names):
        raise InputError(f"--only: names {max(names, key=list(names).count)} twice; name each once")
    if severity is not None and severity not in SEVERITIES:
        raise InputError(f"--severity {severity}: wanted a whole number from 1 to 5")
    return tuple(names) or tuple(CORRUPTIONS)


def corrupt(
    pixels: Pixels, name: str, severity: int | None = None, seed: int = 0, rows: Indices | None = None
) -> Pixels:
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


@dataclass(frozen=True)
class CorruptedImages:
    """Images spoilt as they are read, each by its number in `source`."""

    source: Images
    name: str
    severity: int | None = None
    seed: int = 0
    rows: Indices | None = None

    @property
    def labels(self) -> Labels:
        return self.source.labels

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.source.shape

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: Indices) -> Pixels:
        numbers = indices if self.rows is None else self.rows[indices]
        return corrupt(self.source.read(indices), self.name, self.severity, self.seed, numbers)

    def subset(self, indices: Indices) -> CorruptedImages:
        numbers = indices if self.rows is None else self.rows[indices]
        return replace(self, source=self.source.subset(indices), rows=numbers)
