"""How much a recipe trains, and so how much of a try-out it can bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgedigits.data.splits import FitData
from edgedigits.stages.settings import count_stage_steps

SHARE: Final = 0.09
"""Of a recipe's steps of training: a try-out takes less, with all that it asks of models."""
ASKED: Final = 3
"""A model answers so many images in the time in which it is trained on one: the way back takes two of three parts."""

SETTINGS: Final = ("batch", "epochs", "min_steps", "rate")
"""What a stage that trains says of it."""


@dataclass(frozen=True)
class Outlay:
    """steps: of training in all, each on `batch` images. times: how often each image is seen. rate: the highest there is."""

    steps: int
    batch: int
    times: float
    rate: float

    def left_for_training(self, asked: int) -> int:
        """The steps of training in a try-out in which models answer `asked` images besides."""
        return int(SHARE * self.steps) - self.steps_of_asking(asked)

    def steps_of_asking(self, asked: int) -> int:
        """As many steps of training take as long as `asked` answers."""
        return -(-asked // (ASKED * self.batch))


def measure_outlay(stages: Sequence[tuple[str, Any]], data: FitData) -> Outlay:
    """Of the stages of a recipe that train."""
    training = [stage for _, stage in stages if all(hasattr(stage, setting) for setting in SETTINGS)]
    counts = [(count_stage_steps(stage, len(data.fit)), min(stage.batch, len(data.fit))) for stage in training]
    steps = sum(count for count, _ in counts)
    images = sum(count * batch for count, batch in counts)
    rate = max((stage.rate for stage in training), default=0.0)
    return Outlay(steps, max((batch for _, batch in counts), default=1), images / len(data.fit), rate)
