"""The kinds of numbers that a recipe sets calibration with."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from edgedigits.data.splits import LARGEST_SEED

Percentile = Annotated[float, Field(ge=50, le=100)]
"""The share of the values, in percent, that a range holds; of the rest each end loses half."""
CalibrationImages = Annotated[int, Field(ge=1)]
CalibrationSeed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
"""Which calibration images are drawn, where there are more than are asked for."""

IMAGES: Final = 300
"""So many, or all where there are fewer."""
