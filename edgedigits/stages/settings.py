"""The kinds of numbers that settings of stages are."""

from typing import Annotated, Literal

from pydantic import Field

Epochs = Annotated[float, Field(gt=0, le=1000)]
Rate = Annotated[float, Field(gt=0, le=1)]
Batch = Annotated[int, Field(ge=1, le=65536)]
Temperature = Annotated[float, Field(gt=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Sparsity = Annotated[float, Field(ge=0, lt=1)]

Steps = Annotated[int, Field(ge=1)]
"""Training never takes fewer steps than this: a small data set needs more epochs for the same work."""

ClassWeights = Literal["auto", "none"]
"""Of the loss: `auto` lets all classes weigh alike where some are rarer than 1 in 5 of the most frequent; `none` every image."""
