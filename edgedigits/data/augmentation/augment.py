"""A batch of training images moved at random: where they are, what lies over them, their colours, what is cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from edgedigits.data.augmentation.colours import Jitter
from edgedigits.data.augmentation.cutout import cut_out
from edgedigits.data.augmentation.letters import COLUMNS, Letters, make_letters
from edgedigits.data.augmentation.spoiling import spoil
from edgedigits.data.augmentation.warp import Warp
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasTensor, TensorLike

MORE = 10
"""Draws of an image beside those of its warp: flip, crop (2), brightness, contrast, saturation, hue, cutout (3)."""


@dataclass(frozen=True)
class Augment:
    """How far an image may change; each draw is uniform in -limit..limit. The defaults keep a digit the digit it was.

    flip: half of the images are mirrored, left for right. crop: padded by so much and cut to size again, by whole pixels.
    brightness: of the range of pixels; contrast and saturation: 1 is none at all or twice as much; hue: of the whole circle.
    cutout: the side of a square that takes the image's mean colour, from 0 up.
    corrupted: so many of the images are spoilt, each in one of the ways of `corruptions`.
    mixup, cutmix: up to so much of an image, or of its area, is that of another image of the batch, and so is the loss.
    noise: letters over or under the digit, "letters" or the settings of `Letters`.
    """

    rotation_degrees: float = 10.0
    shift: float = 0.08  # share of the side
    zoom: float = 0.1
    shear: float = 0.1
    elastic: float = 0.0  # share of the side
    flip: bool = False
    crop: float = 0.0  # share of the side
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    cutout: float = 0.0  # share of the side
    corrupted: float = 0.0  # share of the images
    mixup: float = 0.0
    cutmix: float = 0.0
    noise: Letters | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", make_letters(self.noise))

    @classmethod
    def only(cls, **moves: Any) -> Augment:
        """These moves and no others."""
        named: dict[str, Any] = {
            field.name: float(moves.get(field.name, 0)) for field in fields(cls) if field.type == "float"
        }
        return cls(**named, flip=bool(moves.get("flip")), noise=moves.get("noise"))

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others of their batch."""
        return bool(self.mixup or self.cutmix)

    def as_json(self) -> JsonObject:
        """The moves that are made, by name."""
        found = {name: value for name, value in asdict(self).items() if value}
        return {**found, **({"noise": self.noise.as_json()} if self.noise else {})}

    def __call__(self, images: TensorLike, seed: Sequence[int] | KerasTensor) -> KerasTensor:
        """float32 [n, h, w, c] of 0..255 to the same shape; edges are repeated outwards. `seed` is int32 [2]: same seed, same
        images. What mixes images is done by `mixing.py`, with their labels."""
        from edgedigits.backend import tf

        return self.moved(images, self.draws(tf.shape(images)[0], seed))

    def draws(self, count: int | KerasTensor, seed: Sequence[int] | KerasTensor) -> KerasTensor:
        """What `count` images are moved by, float32 [count, columns] in -1..1; kept, they move the same images the same way
        again. Columns are 7, 50 more for `elastic`, 10 for any move of those that digits don't make, 8 for `noise`, one for
        `corrupted`."""
        from edgedigits.backend import tf

        result: KerasTensor = tf.random.stateless_uniform(
            [count, self._first_of_noise + (COLUMNS if self.noise else 0) + bool(self.corrupted)], seed, -1.0, 1.0
        )
        return result

    def moved(self, images: TensorLike, draws: KerasTensor) -> KerasTensor:
        """Each image float32 [n, h, w, c] moved by its row of `draws`, whatever images are beside it."""
        from edgedigits.backend import tf

        warp, found = self._warp, images
        more = [draws[:, warp.columns + number] for number in range(MORE)] if self._more else []
        if warp.moves:
            found = warp(found, draws, more[:3])
        if self.noise:
            found = self.noise(
                tf.ensure_shape(found, images.shape),
                [draws[:, self._first_of_noise + number] for number in range(COLUMNS)],
            )
        if self._jitter.moves:
            found = self._jitter(found, more[3:7])
        if self.cutout:
            found = cut_out(found, self.cutout, more[7:])
        if self.corrupted:
            found = spoil(found, self.corrupted, draws[:, -1])
        result: KerasTensor = tf.ensure_shape(found, images.shape)
        return result

    @property
    def _warp(self) -> Warp:
        return Warp(*(getattr(self, field.name) for field in fields(Warp)))

    @property
    def _first_of_noise(self) -> int:
        """The first column that letters are drawn by."""
        return self._warp.columns + (MORE if self._more else 0)

    @property
    def _jitter(self) -> Jitter:
        return Jitter(*(getattr(self, field.name) for field in fields(Jitter)))

    @property
    def _more(self) -> bool:
        """Whether more is drawn than digits need: what they draw must stay what it was."""
        return bool(self.flip or self.crop or self._jitter.moves or self.cutout)
