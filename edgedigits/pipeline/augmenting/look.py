"""What the model itself says of moved images: whether it still knows them, and whether mirrored ones are another class to it.

It costs a few hundred answers and no training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.backend import tf
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.images import ArrayImages, Images, read_all
from edgedigits.data.scale import Scale
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasModel
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tasks.statistics import bound_share
from edgedigits.tasks.task import Half

TURNED: Final = 0.5
"""Of the mirrored images of a class: when more are answered as one other class, mirroring turns it into that."""
BEFORE: Final = 0.2
"""Of its plain images at most so many are answered so: else the model just can't tell the two apart."""
FEWEST: Final = 4
"""Images of a class; fewer tell nothing."""
HELD: Final = 0.1
"""Of the images that the model knows at most so many may be lost by moving them, with 95 % confidence."""
MIRROR: Final = Augment.only(flip=True)


@dataclass(frozen=True)
class Turned:
    """Mirrored images of the class `name` are answered `into` by the model: `share` of them."""

    name: str
    into: str
    share: float

    def as_json(self) -> JsonObject:
        return {"class": self.name, "mirrored_is": self.into, "share": round(self.share, 3)}


@dataclass(frozen=True)
class Look:
    """A model with the images, of known labels, that it is asked about."""

    model: KerasModel
    half: Half
    images: Images
    scale: Scale
    seed: int

    def count_lost(self, augment: Augment) -> tuple[int, int]:
        """(lost, known): of the images that the model knows, how many it does not once they are moved."""
        known = self._right(self._plain)
        moved = np.asarray(augment(tf.constant(self._pixels, tf.float32), [self.seed, 0]))
        right = self._right(self._ask(np.round(moved).clip(0, 255).astype(np.uint8)))
        return int((known & ~right).sum()), int(known.sum())

    def find_turned(self, classes: Sequence[str]) -> list[Turned]:
        """The classes that mirroring turns into others, the surest first."""
        mirrored = self._ask(self._pixels[:, :, ::-1])
        before, after = (_as_table(answers, len(classes)) for answers in (self._plain, mirrored))
        shown = _as_table(self.images.labels, len(classes))
        found = []
        for number, name in enumerate(classes):
            rows = shown[:, number]
            others = ~shown[rows]  # of labels an image may have several: what it shows anyway, it doesn't turn into
            count = np.maximum(others.sum(axis=0), 1)
            turned = (after[rows] & ~after[rows, number : number + 1] & others).sum(axis=0) / count
            answered = (before[rows] & others).sum(axis=0) / count
            sure = (turned > TURNED) & (answered <= BEFORE) & (others.sum(axis=0) >= FEWEST)
            found += [Turned(name, classes[other], float(turned[other])) for other in np.flatnonzero(sure).tolist()]
        return sorted(found, key=lambda one: -one.share)

    def knows(self, augment: Augment | None) -> bool:
        """Whether the model knows its images moved so; of flips it says nothing."""
        return augment is not None and not augment.flip and holds(*self.count_lost(augment))

    @cached_property
    def _pixels(self) -> np.ndarray:
        return read_all(self.images)

    @cached_property
    def _plain(self) -> np.ndarray:
        """What the model answers to the images as they are; every set is compared with that."""
        return self._ask(self._pixels)

    def _ask(self, pixels: np.ndarray) -> np.ndarray:
        images = ArrayImages(np.ascontiguousarray(pixels), self.images.labels)
        return self.half.decode(compute_outputs(self.model, images, self.scale))

    def _right(self, answers: np.ndarray) -> NDArray[np.bool_]:
        return np.asarray(self.half.right(answers, self.images.labels))


def holds(lost: int, known: int) -> bool:
    """Whether a model that lost so many of the images it knew still knows them, as far as so few images tell."""
    return known > 0 and bound_share(lost, known).high <= HELD


def _as_table(answers: np.ndarray, classes: int) -> NDArray[np.bool_]:
    """Class numbers [n], or labels [n, labels] of 0 and 1, as bool [n, classes]."""
    if answers.ndim == 2:
        return answers.astype(bool)
    return np.asarray(answers[:, None] == np.arange(classes))
