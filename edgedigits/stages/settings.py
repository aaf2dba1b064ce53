"""The kinds of numbers that settings of stages are, and those that say how long a stage trains, made longer or shorter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from edgedigits.errors import RecipeError

Epochs = Annotated[float, Field(gt=0, le=1000)]
Rate = Annotated[float, Field(gt=0, le=1)]
Batch = Annotated[int, Field(ge=1, le=65536)]
Temperature = Annotated[float, Field(gt=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Sparsity = Annotated[float, Field(ge=0, lt=1)]

Steps = Annotated[int, Field(ge=1)]
"""Training never takes fewer steps than this: a small data set needs more epochs for the same work."""

EnoughImages = Annotated[int, Field(ge=1)] | None
"""Of training images: with fewer, epochs grow by the root of how many times fewer; None: they never grow."""

ClassWeights = Literal["auto", "none"]
"""Of the loss: `auto` lets all classes weigh alike where some are rarer than 1 in 5 of the most frequent; `none` every image."""

MOST_TIMES: Final = 100
"""As long as that training may be made at most."""


def count_steps_per_epoch(batch: int, images: int) -> int:
    """Batches of training that so many images make."""
    return max(1, images // batch)


def count_steps(epochs: float, min_steps: int, batch: int, images: int) -> int:
    """Steps of a training: those of its epochs, `min_steps` at least."""
    return max(min_steps, round(epochs * count_steps_per_epoch(batch, images)))


def stretch_epochs(images: int, enough_images: int | None) -> float:
    """How many times as many epochs so many training images take: none less, and half as many images 1.4 times as many."""
    return math.sqrt(max(1.0, (enough_images or 0) / images))


def count_stage_steps(stage: Any, images: int) -> int:
    """Steps of a stage with what is trained between its rounds; 0 of one that does not train."""
    if not hasattr(stage, "epochs"):
        return 0
    lengths = [stage.epochs] + [getattr(stage, "epochs_between", 0.0)] * (getattr(stage, "rounds", 1) - 1)
    times = stretch_epochs(images, getattr(stage, "enough_images", None))
    return sum(count_steps(times * epochs, stage.min_steps, stage.batch, images) for epochs in lengths)


def _count(number: float) -> int:
    return max(1, round(number))


_LENGTHS: Final[Mapping[str, Callable[[float], float]]] = {"epochs": float, "epochs_between": float, "pool": _count}
"""Settings of stages that grow with how long they train, and what kind of number each is."""
_LEAST: Final[Mapping[str, Callable[[float], float]]] = {"min_steps": _count}


def lengthen(stage: Any, times: float) -> Any:
    """The stage with all of its training `times` as long, on small data too. Raises RecipeError for too long."""
    if not 0 < times <= MOST_TIMES:
        raise RecipeError(f"--more: found {times:g}; wanted a number above 0, at most {MOST_TIMES}")
    try:
        return _scaled(stage, times, {**_LENGTHS, **_LEAST})
    except RecipeError as error:
        raise RecipeError(f"--more {times:g}: {error}") from error


def shorten(stage: Any, share: float) -> Any:
    """The stage with about that share of its training; `min_steps` stays, so that small data is trained on all the same."""
    return _scaled(stage, share, _LENGTHS)


def _scaled(stage: Any, times: float, numbers: Mapping[str, Callable[[float], float]]) -> Any:
    given = {name: value for name, value in dataclasses.asdict(stage).items() if name in numbers}
    return dataclasses.replace(stage, **{name: numbers[name](times * value) for name, value in given.items()})
