"""Letters laid over a digit, under it, or before it as a stencil: what is told in spite of them is told by its shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any, Final

from edgedigits.data.augmentation.glyphs import BOX, DEFAULT, SIDE, read_glyphs
from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.yaml_files import check_known, show_value
from edgedigits.keras_types import KerasTensor, TensorLike

COLUMNS: Final = 8
"""Draws of an image: chance, letter, size, place (2), intensity, thickness, way."""
WAYS: Final = ("over", "under", "through")
_SHARES: Final[Mapping[str, float]] = {"chance": 1.0, "place": 0.5, "thickness": 0.2}
_RANGES: Final[Mapping[str, float]] = {"size": 2.0, "intensity": 1.0}
"""The most that each may be given."""


@dataclass(frozen=True)
class Letters:
    """A letter for so many of the images as `chance` says. Each draw is uniform.

    letters: a font's file or name, a folder of images or an .npz file of them. size: from and to, of the image's shorter side.
    place: how far from the middle, of the side. thickness: strokes grow by up to so much of the side. intensity: from and to, 1
    is as far from the paper as can be. ways: over the digit, under it, or through: the digit shows only where the letter is.
    """

    letters: str = DEFAULT
    chance: float = 0.5
    size: tuple[float, float] = (0.5, 1.0)
    place: float = 0.15
    thickness: float = 0.05
    intensity: tuple[float, float] = (0.3, 1.0)
    ways: tuple[str, ...] = WAYS[:2]

    def as_json(self) -> JsonObject:
        """The settings, and what the letters look like."""
        return {**asdict(self), "sha256": sha256(read_glyphs(self.letters).tobytes()).hexdigest()}

    def __call__(self, images: TensorLike, draws: Sequence[KerasTensor]) -> KerasTensor:
        """Images float32 [n, h, w, c] of 0..255 by their draws, [n] each, -1..1. What is rarer than the paper counts as ink: on
        dark images letters are light, on light ones dark."""
        from edgedigits.backend import tf

        chance, letter, size, across, down, much, thick, way = ((draw + 1) / 2 for draw in draws)
        cover = self._thickened(self._placed(images, letter, size, across, down), images, thick)
        cover *= tf.cast(chance < self.chance, tf.float32)[:, None, None, None]
        strong = self._between(self.intensity, much)[:, None, None, None]
        dark = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True) < 127.5
        inks = tf.where(dark, images, 255.0 - images)
        laid = self._laid(inks, cover, 255.0 * strong, way[:, None, None, None])
        laid = tf.where(tf.reduce_max(cover, axis=[1, 2, 3], keepdims=True) > 0, laid, inks)
        result: KerasTensor = tf.where(dark, laid, 255.0 - laid)
        return result

    def _laid(self, inks: KerasTensor, cover: KerasTensor, white: KerasTensor, way: KerasTensor) -> KerasTensor:
        from edgedigits.backend import tf

        made = {
            "over": inks + cover * (white - inks),
            "under": tf.maximum(inks, cover * white),
            "through": cover * (white + inks * (1.0 - white / 255.0)),
        }
        found = inks
        for number, name in enumerate(self.ways):
            found = tf.where(tf.floor(tf.minimum(way, 0.9999) * len(self.ways)) == float(number), made[name], found)
        return found

    def _placed(
        self, images: TensorLike, letter: KerasTensor, size: KerasTensor, across: KerasTensor, down: KerasTensor
    ) -> KerasTensor:
        """How much of each pixel a letter covers, 0..1, [n, h, w, 1]."""
        from edgedigits.backend import tf

        glyphs = read_glyphs(self.letters)
        height, width = (tf.cast(tf.shape(images)[axis], tf.float32) for axis in (1, 2))
        numbers = tf.cast(tf.minimum(letter, 0.9999) * len(glyphs), tf.int32)
        drawn = tf.cast(tf.gather(tf.constant(glyphs), numbers), tf.float32)[..., None] / 255.0
        step = BOX / (self._between(self.size, size) * tf.minimum(height, width))
        x = (width - 1) / 2 + self.place * width * (2 * across - 1)
        y = (height - 1) / 2 + self.place * height * (2 * down - 1)
        middle, zero = (SIDE - 1) / 2, tf.zeros_like(step)
        maps = tf.stack([step, zero, middle - step * x, zero, step, middle - step * y, zero, zero], axis=1)
        found: KerasTensor = tf.raw_ops.ImageProjectiveTransformV3(
            images=drawn,
            transforms=maps,
            output_shape=tf.shape(images)[1:3],
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
            fill_value=0.0,
        )
        return found

    def _thickened(self, cover: KerasTensor, images: TensorLike, thick: KerasTensor) -> KerasTensor:
        from edgedigits.backend import tf

        most = round(self.thickness * min(images.shape[1:3]))
        wanted = tf.round(thick * most)[:, None, None, None]
        found = cover
        for reach in range(1, most + 1):
            grown = tf.nn.max_pool2d(cover, 2 * reach + 1, 1, "SAME")
            found = tf.where(wanted == float(reach), grown, found)
        return found

    @staticmethod
    def _between(limits: tuple[float, float], share: KerasTensor) -> KerasTensor:
        return limits[0] + (limits[1] - limits[0]) * share


def make_letters(said: Any) -> Letters | None:
    """The move of what people write: "letters" for the default, or its settings. Raises InputError for a wrong one; the letters
    themselves are read when they are needed."""
    if said is None or isinstance(said, Letters):
        return said
    if said == "letters":
        return Letters()
    if not isinstance(said, Mapping):
        raise InputError(
            f"noise: found {show_value(said)}; wanted letters, or settings, as {{letters: DejaVuSerif, chance: 0.5}}"
        )
    known = {key: value for key, value in said.items() if key != "sha256"}
    check_known("noise", "setting", known, tuple(field.name for field in fields(Letters)), InputError)
    for name, value in known.items():
        if fault := _find_fault(name, value):
            raise InputError(f"noise: {name}: found {show_value(value)}; wanted {fault}")
    given: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in known.items()}
    return Letters(**given)


def _find_fault(name: str, value: Any) -> str:
    """What is wanted of a value; "" of a right one."""
    if name == "letters":
        return "" if isinstance(value, str) and value else "a font's file or name, a folder of images or an .npz file"
    if name == "ways":
        right = isinstance(value, (list, tuple)) and value and all(one in WAYS for one in value)
        return "" if right else f"a list of {', '.join(WAYS)}"
    if name in _SHARES:
        return "" if _is_number(value, _SHARES[name]) else f"a number from 0 to {_SHARES[name]:g}"
    pair = isinstance(value, (list, tuple)) and len(value) == 2 and all(_is_number(one, _RANGES[name]) for one in value)
    right = pair and value[0] <= value[1] and value[1] > 0 and (name != "size" or value[0] > 0)
    return "" if right else f"[from, to] of up to {_RANGES[name]:g}"


def _is_number(value: Any, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most
