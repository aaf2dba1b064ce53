"""What is known of an architecture beside its builder: its natural images, what it is for, how it is trained by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel

NetBuilder = Callable[..., KerasModel]
"""Takes the input shape (height, width, channels), the number of classes and options of its own; gives an untrained net."""

ImageShape = tuple[int, int, int]


@dataclass(frozen=True)
class Habits:
    """How a net is trained where the call says nothing else.

    epochs, batch, rate (the highest) and patience as `edgedigits train` takes them; scale: the pixels that it is made for;
    frozen: the share of the epochs in which ready weights that it started from stay as they are.
    """

    epochs: int = 30
    batch: int = 128
    rate: float = 2e-3
    patience: int = 12
    scale: str = "0..1"
    frozen: float = 0.0

    def count_frozen(self, epochs: int) -> int:
        """Of so many epochs those in which ready weights stay: one at least, unless there is but one."""
        return max(1, round(self.frozen * epochs)) if self.frozen and epochs > 1 else 0


@dataclass(frozen=True)
class Net:
    """An architecture: who builds it, the images it was drawn for, its parameters for those and ten classes, what it is for.

    pretrained: habits when it starts from ready weights; None where there are none.
    """

    build: NetBuilder
    images: ImageShape
    parameters: int
    use: str
    habits: Habits = field(default_factory=Habits)
    pretrained: Habits | None = None


DIGIT: Final = (28, 28, 1)
"""Of MNIST."""


def check_sides(name: str, shape: ImageShape, least: int, why: str = "") -> None:
    """Raises InputError for images with a side below `least`; `why`: with what it needs that."""
    if min(shape[:2]) < least:
        raise InputError(
            f"{name}: images are {shape[0]}x{shape[1]}, {why}it needs at least {least}x{least}; "
            f"pass --resize {least}x{least} or more"
        )
