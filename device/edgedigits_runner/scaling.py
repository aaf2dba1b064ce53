"""How pixels become model input: a range, for each channel less a mean and through a standard deviation, as RGB or BGR."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# (a, b) such that a * pixel + b is in the range for a pixel in 0..255
RANGES = {"0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0), "0..255": (1.0, 0.0)}
_KEYS = ("range", "mean", "std", "bgr")
_LEAST_SHARE = 2**-16  # of the offset, that the whole range must be: float32 then still tells its 256 steps apart


class Scaling(NamedTuple):
    """Model input = (pixel in `range` - mean) / std for each channel; `scaling_of` makes checked ones.

    `mean` and `std` are () where there is none, one number for all channels, or three. They are in units of the range and
    in the order of the channels as the model takes them: with `bgr` those of blue come first.
    """

    range: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    bgr: bool = False

    @property
    def plain(self) -> bool:
        """True where there is nothing but a range."""
        return not (self.mean or self.std or self.bgr)

    def as_json(self) -> Any:
        """The name of a plain range; else an object, which a program that knows ranges alone refuses instead of misreading it."""
        if self.plain:
            return self.range
        return {"range": self.range, "mean": list(self.mean), "std": list(self.std), "bgr": self.bgr}

    def __str__(self) -> str:
        """For people: its name, or what it is made of."""
        name = next((name for name, one in NAMED.items() if one == self), None)
        numbers = [(word, ", ".join(f"{one:g}" for one in of)) for word, of in (("mean", self.mean), ("std", self.std))]
        parts = [self.range, *(f"{word} {text}" for word, text in numbers if text), *(["BGR"] if self.bgr else [])]
        return name or "; ".join(parts)

    def check_channels(self, channels: int) -> None:
        """ValueError where it is for another number of channels."""
        if channels != 3 and (self.bgr or max(len(self.mean), len(self.std)) > 1):
            raise ValueError(
                f"the scaling {self} is for 3 channels, and the images as the model takes them have {channels}"
            )

    def exact(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(a, b) of `line` before rounding, one number for all channels or three."""
        factor, offset = RANGES[self.range]
        count = max(1, len(self.mean), len(self.std))
        mean, std = (of * count if len(of) == 1 else of for of in (self.mean or (0.0,), self.std or (1.0,)))
        return tuple(factor / one for one in std), tuple((offset - at) / one for at, one in zip(mean, std))  # noqa: B905

    def line(self, channels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(a, b), float32 [channels]: model input = a * pixel + b. ValueError where it is for another number of channels."""
        import numpy as np  # late: reading a manifest needs none of it

        self.check_channels(channels)
        factor, offset = (np.array(part, np.float64) + np.zeros(channels) for part in self.exact())
        return factor.astype(np.float32), offset.astype(np.float32)

    def apply(self, images: Any) -> Any:
        """Model input, float32 [..., channels], for float32 pixels: one multiplication, one addition, each rounded.

        NumPy arrays and TensorFlow tensors alike, to the bit.
        """
        factor, offset = self.line(int(images.shape[-1]))
        return (images[..., ::-1] if self.bgr else images) * factor + offset


NAMED = {
    **{name: Scaling(name) for name in RANGES},
    "caffe": Scaling("0..255", (103.939, 116.779, 123.68), (), True),
    "torch": Scaling("0..1", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""By name. `caffe` and `torch` are what keras.applications' preprocess_input does in the modes of these names."""


def scaling_of(value: Any) -> Scaling:
    """The checked scaling of a name, of what `as_json` gave, or of a `Scaling`. ValueError says what was found and would do."""
    if isinstance(value, str):
        if value not in NAMED:
            raise ValueError(f"found {value!r}; choose from {', '.join(NAMED)}")
        return NAMED[value]
    fields = value._asdict() if isinstance(value, Scaling) else value
    if not isinstance(fields, dict) or set(fields) - set(_KEYS) or not isinstance(fields.get("range"), str):
        raise ValueError(f"found {value!r}; give one of {', '.join(NAMED)}, or an object of {', '.join(_KEYS)}")
    if fields["range"] not in RANGES:
        raise ValueError(f"range: found {fields['range']!r}; choose from {', '.join(RANGES)}")
    bgr = fields.get("bgr", False)
    if bgr is not True and bgr is not False:
        raise ValueError(f"bgr: found {bgr!r}; give true or false")
    mean, std = (_numbers(word, fields.get(word)) for word in ("mean", "std"))
    if any(one <= 0 for one in std):
        raise ValueError(f"std: found {min(std):g}; give numbers above 0")
    found = Scaling(fields["range"], mean if any(mean) else (), std if any(one != 1 for one in std) else (), bgr)
    _check_finite(found)
    return found


def _numbers(word: str, value: Any) -> tuple[float, ...]:
    numbers = () if value is None else value
    if not isinstance(numbers, (list, tuple)) or len(numbers) not in (0, 1, 3) or not all(map(_is_number, numbers)):
        raise ValueError(f"{word}: found {value!r}; give one number for all channels, or three")
    return tuple(float(one) for one in numbers)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= 1e30 and math.isfinite(
        value
    )  # the comparison first: a whole number may be too large for a float


def _check_finite(found: Scaling) -> None:
    """ValueError where a pixel's float32 would be no number, or nearly the same for all pixels."""
    for factor, offset in zip(*found.exact()):  # noqa: B905  # strict= needs Python 3.10
        if not max(_LEAST_SHARE * abs(offset), 1e-30) < 255 * factor < 1e38 or abs(offset) > 1e38:
            raise ValueError(
                f"mean {list(found.mean)} and std {list(found.std)} leave nothing of the pixels in float32"
            )
