"""Image files to pixels as a viewer shows them, and pixels to the size and colours that the model was trained on.

The one decoder of toolkit and runner. .npy and binary .pgm and .ppm are read here; every other kind by OpenCV, if it is
installed. Images are turned upright (EXIF), transparency is laid on a background, of 16 bits those are kept that are in use.
"""

from __future__ import annotations

import _thread
import io
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.picture_errors import PictureError
from edgedigits_runner.picture_kinds import MOST_PIXELS, NAMES, Announced, announced, kind_of, rows_at_once
from edgedigits_runner.reading import WHITE, colour_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER = rb"P([56])" + 3 * rb"(?:\s|#[^\n]*\n)+([0-9]{1,9})" + rb"\s"
_LUMA = np.array([9798, 19235, 3735], np.uint32)  # ITU-R BT.601 in 1/32768, as OpenCV counts
_BIG_BYTES = 2**26
_ONE_AT_A_TIME = _thread.allocate_lock()  # the module threading takes longer to import than this one


def decode(
    data: bytes, background: str = WHITE, bits: int | None = None, most_pixels: int = MOST_PIXELS
) -> NDArray[np.uint8]:
    """Pixels [height, width, 1 or 3], colours as RGB; PictureError where there are none.

    `bits`: of 16-bit images, how many are in use, 8 to 16; None for all of them.
    """
    with opened(data, most_pixels) as image:
        return pixels_of(image, background, bits)


@contextmanager
def opened(data: bytes, most_pixels: int = MOST_PIXELS) -> Iterator[NDArray[Any]]:
    """The image in its own numbers, uint8 or uint16 [height, width, 1, 2, 3 or 4], upright: grey or RGB, then opacity.

    What it announces is compared with `most_pixels` and with what the bytes can hold before it is decoded. Of images that take
    more than 64 MiB one is open at a time: other threads wait.
    """
    kind = kind_of(data)
    if kind is None:
        raise PictureError("can't be decoded as an image")
    size = _npy_size(data) if kind == "npy" else announced(data, kind)
    if size is None:
        raise PictureError(f"can't be decoded as an image: not a whole {NAMES[kind]} file (its header can't be read)")
    pixels = size.width * size.height
    if size.least_bytes > len(data) or not pixels:
        raise PictureError(
            f"can't be decoded as an image: not a whole {NAMES[kind]} file "
            f"({size.width}x{size.height} pixels are announced, they are not there)"
        )
    if pixels > most_pixels:
        raise PictureError(f"announces {size.width}x{size.height} pixels; images of up to {most_pixels} are read")
    with _ONE_AT_A_TIME if pixels * size.pixel_bytes > _BIG_BYTES else nullcontext():
        yield _decoded(data, kind)


def used_bits(image: NDArray[Any]) -> int | None:
    """Of a 16-bit image, how many bits its brightest visible number takes, at least 8; None for one of 8."""
    if image.dtype != np.uint16:
        return None
    most = 0
    for start in range(0, len(image), rows_at_once(image.shape[1])):
        part = image[start : start + rows_at_once(image.shape[1])]
        most = max(most, int((part if image.shape[2] in (1, 3) else part[..., :-1] * (part[..., -1:] > 0)).max()))
    return max(8, int(most).bit_length())


def pixels_of(image: NDArray[Any], background: str = WHITE, bits: int | None = None) -> NDArray[np.uint8]:
    """What `opened` gave as uint8 [height, width, 1 or 3]; PictureError where it uses more than those bits."""
    ground = colour_of(background)
    shift = 0
    if image.dtype == np.uint16:
        used, kept = used_bits(image) or 8, bits or 16
        if used > kept:
            raise PictureError(
                f"uses {used} of its 16 bits, the images that the model was trained on use {kept}; give images of that range"
            )
        shift = kept - 8
    grey_stays = image.shape[2] < 3 and len(set(ground)) == 1
    channels = 1 if image.shape[2] == 1 or grey_stays else 3
    found = np.empty((*image.shape[:2], channels), np.uint8)
    for start in range(0, len(image), rows_at_once(image.shape[1])):
        rows = slice(start, start + rows_at_once(image.shape[1]))
        found[rows] = _laid_on(image[rows], ground[:channels], shift)
    return found


def fitted(image: NDArray[np.uint8], shape: tuple[int, int, int], method: str = "area") -> NDArray[np.uint8]:
    """The image in another size and colours, uint8 `shape`; see `fitted_all`."""
    return np.asarray(fitted_all(image[None], shape, method)[0])


def fitted_all(images: NDArray[np.uint8], shape: tuple[int, int, int], method: str = "area") -> NDArray[np.uint8]:
    """Images [n, h, w, 1 or 3] to [n, *shape]: resized by that method first, then grey to RGB or RGB to grey.

    The one way in which toolkit and runner do it, the same to the bit.
    """
    height, width, channels = shape
    if images.shape[1:3] != (height, width):
        from edgedigits_runner.resizing import resized

        images = resized(images, height, width, method)
    if images.shape[3] == channels:
        return images
    return np.repeat(images, 3, axis=3) if channels == 3 else grey(images)


def grey(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB [..., 3] to its luma [..., 1], rounded as OpenCV's COLOR_RGB2GRAY rounds."""
    return np.asarray((((images @ _LUMA) + 2**14) >> 15).astype(np.uint8)[..., None])


def _laid_on(image: NDArray[Any], ground: tuple[int, ...], shift: int) -> NDArray[np.uint8]:
    """Some rows, the bits that are not in use dropped, their transparency filled with the ground, rounded to the nearest."""
    if image.shape[2] in (1, 3):
        return (image >> shift).astype(np.uint8)
    opacity = (image[..., -1:] >> (8 if image.dtype == np.uint16 else 0)).astype(np.uint32)
    colours = np.minimum(image[..., :-1] >> shift, 255).astype(np.uint32)  # what can't be seen may exceed the range
    laid = (colours * opacity + np.array(ground, np.uint32) * (255 - opacity) + 127) // 255
    return np.asarray(laid, np.uint8)


def _decoded(data: bytes, kind: str) -> NDArray[Any]:
    if kind == "npy":
        return _npy(data)
    if data[:2] in (b"P5", b"P6"):
        return _netpbm(data)
    from edgedigits_runner.opencv_pictures import decoded

    return decoded(data, kind)


def _npy_size(data: bytes) -> Announced:
    """Raises PictureError for what is no image."""
    from edgedigits_runner.npy import read_head

    try:
        head = read_head(io.BytesIO(data))
    except ValueError as error:
        raise PictureError(f"not a whole .npy file ({error})") from error
    shape = (*head.shape, 1) if len(head.shape) == 2 else head.shape
    if head.dtype != np.uint8 or len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape:
        raise PictureError(f"holds {head.dtype} {list(shape)}; give uint8 [height, width] or [height, width, 3]")
    return Announced(shape[1], shape[0], head.length + head.size)


def _npy(data: bytes) -> NDArray[np.uint8]:
    from edgedigits_runner.npy import read_head

    head = read_head(io.BytesIO(data))
    image = head.array(memoryview(data)[head.length : head.length + head.size])
    return np.ascontiguousarray(image[..., None] if image.ndim == 2 else image)


def _netpbm(data: bytes) -> NDArray[Any]:
    """Binary PGM or PPM. Up to 255 the greatest number is white, as viewers have it; beyond it is a 16-bit image."""
    header = re.match(_HEADER, data)
    if header is None:
        raise PictureError("not a whole .pgm or .ppm file (its header can't be read)")
    kind, width, height, most = (int(number) for number in header.groups())
    shape = (height, width, 1 if kind == 5 else 3)
    number = np.dtype(np.uint8 if most < 256 else ">u2")
    if math.prod(shape) * number.itemsize > len(data) - header.end() or not 0 < most < 65536:
        raise PictureError(f"not a whole .pgm or .ppm file ({width}x{height} pixels are announced, they are not there)")
    image = np.frombuffer(data, number, math.prod(shape), header.end()).reshape(shape)
    if most == 255:
        return np.asarray(image)
    image = np.minimum(image, most)
    if most > 255:
        return np.asarray(image, np.uint16)
    return np.asarray((image.astype(np.uint16) * 255 + most // 2) // most, np.uint8)


os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))  # for what hides behind a smaller announcement
