"""Pictures of handwriting to the form that MNIST has: white ink on black, in a box of 20 of 28 pixels, its centre of mass in the
middle (LeCun et al. 1998, section III.A).

The one implementation of toolkit and runner, in NumPy alone and the same to the bit on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgedigits_runner.paper import contrast, ink_mask
from edgedigits_runner.picture_errors import PictureError
from edgedigits_runner.resizing import resized
from edgedigits_runner.strokes import own_strokes, spread, without_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedigits_runner.clean_settings import Clean

EMPTY = "shows no ink on its paper, so there is nothing to clean; give a picture with a digit on it"
_MOST_SIDE = 512  # of a picture that is looked at; larger ones are made smaller first
_BOX = (20, 28)
_FULL = 0.3  # of the pixels with ink those that are white, as in MNIST
_CHUNK = 2**20  # pixels


def cleaned(image: NDArray[np.uint8], shape: tuple[int, int, int], settings: Clean) -> NDArray[np.uint8]:
    """One picture uint8 [h, w, 1 or 3] as `cleaned_all` makes it; PictureError where it shows no ink."""
    found, inked = cleaned_all(image[None], shape, settings)
    if not inked[0]:
        raise PictureError(EMPTY)
    return np.asarray(found[0])


def cleaned_all(
    images: NDArray[np.uint8], shape: tuple[int, int, int], settings: Clean
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(pictures uint8 [n, h, w, 1 or 3] as [n, *shape], white on black, grey repeated where the shape has colours; which of them
    show ink: the others are black)."""
    height, width, channels = shape
    found = np.zeros((len(images), height, width), np.uint8)
    inked = np.zeros(len(images), bool)
    step = max(1, _CHUNK // max(1, images[:1, ..., 0].size))
    for start in range(0, len(images), step):
        part = _small(images[start : start + step])
        inks = _inks(part, settings)
        for number, ink in enumerate(inks, start):
            inked[number] = ink.any()
            if inked[number]:
                found[number] = _centred(_upright(ink) if settings.deskew else ink, height, width)
    return np.repeat(found[..., None], channels, axis=3), inked


def _small(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = images.shape[1:3]
    longest = max(height, width)
    if longest <= _MOST_SIDE:
        return images
    return resized(images, max(1, height * _MOST_SIDE // longest), max(1, width * _MOST_SIDE // longest))


def _inks(images: NDArray[np.uint8], settings: Clean) -> NDArray[np.uint8]:
    """The digit's own ink, [n, h, w], 0 where there is none of it."""
    dark = contrast(images, settings.ink)
    masks = ink_mask(dark, settings.threshold)
    if settings.lines:
        masks = without_lines(masks)
    masks = own_strokes(masks, dark)
    near = spread(masks, 1 + max(dark.shape[1:]) // 128)
    return np.where(near, _without_paper(dark, near), 0).astype(np.uint8)


def _without_paper(dark: NDArray[np.uint8], near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Less than nine tenths of the paper around is no ink: what is above it, stretched to the whole range."""
    floor = _quantile(np.where(near, 0, dark), (~near).sum(axis=(1, 2)), 9)[:, None, None]
    return np.asarray(np.maximum(dark - floor, 0) * 255 // (255 - floor))


def _quantile(values: NDArray[np.uint8], counts: NDArray[np.intp], tenths: int) -> NDArray[np.int64]:
    """The value that so many tenths of `counts` of the values are at most, those left over being 0: int64 [n]."""
    flat = np.sort(values.reshape(len(values), -1), axis=1)
    rank = flat.shape[1] - 1 - counts * (10 - tenths) // 10
    return np.asarray(np.minimum(flat[np.arange(len(flat)), np.clip(rank, 0, flat.shape[1] - 1)], 254), np.int64)


def _upright(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each row moved so that the rows' middles stand above each other, by the moments of the ink; at most 45 degrees."""
    rows, columns = np.nonzero(ink)
    weight = ink[rows, columns].astype(np.int64)
    total = int(weight.sum())
    down, across = (int((weight * place).sum()) for place in (rows, columns))
    skew = int((weight * rows * columns).sum()) * total - down * across
    tall = int((weight * rows * rows).sum()) * total - down * down
    if not tall:
        return ink
    slant = max(-1.0, min(1.0, skew / tall))
    height, width = ink.shape
    reach = height
    wide = np.pad(ink, ((0, 0), (reach, reach))).astype(np.int64)
    shift = np.rint(256 * slant * (np.arange(height) - down / total)).astype(np.int64)
    places = 256 * np.arange(width + 2 * reach)[None] + shift[:, None]
    left, share = places >> 8, places & 255
    last = wide.shape[1] - 1
    one, other = (np.take_along_axis(wide, np.clip(left + more, 0, last), 1) for more in (0, 1))
    return np.asarray((one * (256 - share) + other * share + 128) >> 8, np.uint8)


def _centred(ink: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The ink [h, w] fitted to the box, its centre of mass in the middle of [height, width], as white as MNIST's."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    crop = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    crop = _whitened(resized(crop[None, ..., None], *_boxed(crop.shape, height, width), "bicubic")[0, ..., 0])
    total = int(crop.sum(dtype=np.int64)) or 1
    top, left = (
        _start(int((crop.sum(axis=1 - axis, dtype=np.int64) * np.arange(crop.shape[axis])).sum()), total, side)
        for axis, side in ((0, height), (1, width))
    )
    wide = np.zeros((height + 2 * crop.shape[0], width + 2 * crop.shape[1]), np.uint8)
    top, left = (
        min(max(place + length, 0), side + length)
        for place, length, side in ((top, crop.shape[0], height), (left, crop.shape[1], width))
    )
    wide[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    return wide[crop.shape[0] : crop.shape[0] + height, crop.shape[1] : crop.shape[1] + width]


def _start(moment: int, total: int, side: int) -> int:
    """Where to begin for the centre of mass, moment / total, to be nearest to the middle pixel's corner, as in MNIST."""
    return side // 2 - (2 * moment + total) // (2 * total)


def _boxed(have: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """The height and width of what is `have` in the box, as large as it can be; within a pixel of that it stays as it is."""
    inner, outer = _BOX
    box = (max(1, (height * inner + outer // 2) // outer), max(1, (width * inner + outer // 2) // outer))
    tall = have[0] * box[1] >= have[1] * box[0]  # its height is what touches the box
    axis = 0 if tall else 1
    if abs(have[axis] - box[axis]) <= 1 and have[1 - axis] <= box[1 - axis] + 1:
        return have
    other = max(1, (2 * have[1 - axis] * box[axis] + have[axis]) // (2 * have[axis]))
    return (box[0], other) if tall else (other, box[1])


def _whitened(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Made lighter until enough of it is white."""
    shown = np.sort(ink[ink > 0])
    white = int(shown[min(len(shown) - 1, int(len(shown) * (1 - _FULL)))]) if len(shown) else 255
    return np.minimum(ink.astype(np.int64) * 255 // max(white, 1), 255).astype(np.uint8)
