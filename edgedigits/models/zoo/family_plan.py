"""The students of a family: how wide and deep a net of a size is for given images, classes and teacher. No Keras in here.

Each stage halves the image, until 8x8 places or fewer are left, and doubles the channels; the last stage's follow from the size,
the classes and the colours, so that large images begin narrow, where a channel costs most. The convolutions are as many as
those of the teacher on its longest way, within the bounds of the size; a stage has one, and what is left goes to the last
stages first, where they see most of the image. All channels are multiples of 8, as the kernels of the interpreter take them (see
`stages.shrink.shrink`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from edgedigits.errors import InputError

Kind = Literal["plain", "residual", "depthwise"]
BLOCKS: Final[tuple[str, ...]] = (*get_args(Kind), "auto")
MOST_TIMES: Final = 16
"""As wide and as deep as a net can be made at most."""


@dataclass(frozen=True)
class Size:
    """`channels`: of the last stage, for grey images that are halved twice and ten classes; `more`: convolutions beyond one for
    each stage, at least and at most; `whole`: places up to which the first convolution sees the whole image; `share`: of the
    teacher's parameters and of its multiply-adds, at most."""

    channels: int
    more: tuple[int, int]
    whole: int
    share: float


SIZES: Final[Mapping[str, Size]] = {
    "tiny": Size(32, (1, 2), 0, 1 / 6),
    "small": Size(48, (2, 4), 32 * 32, 1 / 3),
    "medium": Size(96, (2, 6), 32 * 32, 1 / 2),
}
TILE: Final = 8
"""Channels come in multiples of this, and no layer has fewer."""
PLACES: Final = 64
"""Images are halved until they have no more places than this."""
SMALLEST: Final = 8
"""Pixels that the shorter side of an image has at least."""
WIDE: Final = 48
"""From as many channels on `auto` takes depthwise blocks, which have twice the channels wherever they stand. Of a plain one's
cycles, foretold at 14x14, such a block takes on a Pi 4 and a Pi 5: 85 and 175 % instead of 16 channels, 67 and 114 % instead of
32, 60 and 93 % instead of 48, and there half of the parameters; so plain ones are better below."""


@dataclass(frozen=True)
class Teacher:
    """What a student is measured by: convolutions on the longest way, parameters, multiply-adds; 0 where it isn't known."""

    depth: int = 0
    parameters: int = 0
    multiply_adds: int = 0


@dataclass(frozen=True)
class Convolution:
    """One block: `stride` of its convolution of `taps` places, channels it makes, and of which kind it is."""

    channels: int
    stride: int
    kind: Kind

    def count_weights(self, channels: int) -> int:
        """Of the kernels, without those of batch normalization; `channels` are those that it reads."""
        return channels * (9 + self.channels) if self.kind == "depthwise" else 9 * channels * self.channels


def list_sizes() -> list[str]:
    """The names of the sizes, the smallest first."""
    return [*SIZES]


def plan(
    size: str,
    shape: Sequence[int],
    classes: int,
    teacher: Teacher,
    width: float = 1.0,
    depth: float = 1.0,
    blocks: str = "auto",
) -> list[Convolution]:
    """The convolutions of a net of that size, in order; `width` and `depth` multiply its channels and convolutions.

    Without them it has no more than its share of the teacher's parameters and multiply-adds, if 8 channels do with that.
    Raises InputError for images that are too small and options that no net can be built with.
    """
    _check(size, shape, width, depth, blocks)
    found = SIZES[size]
    strides = _strides(found, shape, _count(found, shape, teacher.depth, depth))
    most = TILE * max(1, round(_channels(found, shape, classes) / TILE))

    def widest(kind: str) -> int:
        fits = (n for n in range(most, 0, -TILE) if _within(_lay_out(strides, n, kind), shape, classes, teacher, found))
        return next(fits, 0)

    last = widest(blocks)
    if blocks == "auto" and (
        widest("depthwise") > last or not last
    ):  # the teacher's share leaves too little for the others
        blocks, last = "depthwise", widest("depthwise")
    last = max(last, TILE)
    wide = TILE * round(width * last / TILE)
    if wide < TILE:
        raise InputError(f"{size}: width {width:g} leaves no channel of {last}; wanted at least {TILE / last:.3g}")
    return _lay_out(strides, wide, blocks)


def count_parameters(found: Sequence[Convolution], shape: Sequence[int], classes: int) -> int:
    """As Keras counts them, statistics of batch normalization too."""
    total, channels = 0, shape[2]
    for one in found:
        total += one.count_weights(channels) + 4 * one.channels + 4 * channels * (one.kind == "depthwise")
        channels = one.channels
    return total + (channels + 1) * classes


def count_multiply_adds(found: Sequence[Convolution], shape: Sequence[int], classes: int) -> int:
    """Of one inference."""
    total, (height, wide, channels) = 0, shape
    for one in found:
        height, wide = -(-height // one.stride), -(-wide // one.stride)
        total += height * wide * one.count_weights(channels)
        channels = one.channels
    return total + channels * classes


def _check(size: str, shape: Sequence[int], width: object, depth: object, blocks: object) -> None:
    for name, value in (("width", width), ("depth", depth)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MOST_TIMES:
            raise InputError(f"{size}: {name}: found {value!r}; wanted a number above 0, at most {MOST_TIMES}")
    if blocks not in BLOCKS:
        raise InputError(f"{size}: blocks: found {blocks!r}; choose from {', '.join(BLOCKS)}")
    if min(shape[:2]) < SMALLEST:
        raise InputError(
            f"{size}: images are {shape[0]}x{shape[1]}, it needs at least {SMALLEST}x{SMALLEST}; "
            f"pass --resize {SMALLEST}x{SMALLEST} or more"
        )


def _count(size: Size, shape: Sequence[int], teacher: int, depth: float) -> list[int]:
    """How many convolutions each stage has; the first one's image is halved once."""
    least, most = size.more
    stages = _halvings(shape)
    more = round(depth * (stages + min(max(teacher - stages, least), most))) - stages
    found = [1] * stages
    for number in range(more):
        found[-1 - number % stages] += 1
    return found


def _halvings(shape: Sequence[int]) -> int:
    height, wide = shape[:2]
    found = 0
    while not found or height * wide > PLACES:
        height, wide, found = -(-height // 2), -(-wide // 2), found + 1
    return found


def _strides(size: Size, shape: Sequence[int], counts: Sequence[int]) -> list[list[int]]:
    """Of every convolution, stage by stage."""
    whole = [[1]] if math.prod(shape[:2]) <= size.whole else []
    return [*whole, *([2, *[1] * (count - 1)] for count in counts)]


def _channels(size: Size, shape: Sequence[int], classes: int) -> float:
    """Of the last stage: more where there are more stages that lead to it, more colours, or more classes to tell apart."""
    colours = 1.5 if shape[2] > 1 else 1.0
    return size.channels * colours * (2 + _halvings(shape)) / 4 * (1 + max(0.0, math.log10(classes / 10)))


def _lay_out(strides: Sequence[Sequence[int]], last: int, blocks: str) -> list[Convolution]:
    """The first convolution is plain, whatever the others are: it reads colours, of which each tells little alone."""
    found: list[Convolution] = []
    for number, stage in enumerate(reversed(strides)):
        channels = TILE * max(1, last // 2**number // TILE)
        found = [_make(blocks, channels, stride, place) for place, stride in enumerate(stage)] + found
    first = _make("plain", min(channels, found[0].channels), found[0].stride, 0)
    return [first, *found[1:]]


def _make(blocks: str, channels: int, stride: int, place: int) -> Convolution:
    """A stage's convolution number `place`; only one that keeps its image and channels can have what it reads added."""
    if blocks == "depthwise" or (blocks == "auto" and channels >= WIDE):
        return Convolution(2 * channels, stride, "depthwise")
    return Convolution(channels, stride, "residual" if blocks == "residual" and place else "plain")


def _within(found: Sequence[Convolution], shape: Sequence[int], classes: int, teacher: Teacher, size: Size) -> bool:
    return all(
        not of_teacher or count(found, shape, classes) <= size.share * of_teacher
        for count, of_teacher in (
            (count_parameters, teacher.parameters),
            (count_multiply_adds, teacher.multiply_adds),
        )
    )
