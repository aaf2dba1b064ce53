"""How the range of a tensor is found: what a recipe says of it, light enough for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Calibration = Literal["minmax", "percentile", "mse"]


@dataclass(frozen=True)
class Rule:
    """`percentile` is the share of the values, in percent, that the range holds, and counts for that rule alone."""

    calibration: Calibration = "minmax"
    percentile: float = 99.99

    @property
    def counts(self) -> bool:
        """Whether it asks how often each value came, and not only for the ends."""
        return self.calibration != "minmax"
