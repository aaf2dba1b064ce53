"""Pixels to model input, in NumPy alone: colour, size, scale, layout, quantization, in that order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.forms import InputForm
from edgedigits_runner.quantizing import stored
from edgedigits_runner.scaling import Scaling, scaling_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_CHUNK_BYTES = 2**17  # of float32; preparing images adds some three times that to the memory


def prepare(pixels: NDArray[np.uint8], form: InputForm, scale: Scaling | str) -> NDArray[Any]:
    """uint8 [n, height, width, channels] to [n, *form.tensor_shape] in the model's own type; `scale` or its name."""
    images = with_channels(pixels, form.channels).astype(np.float32)
    if images.shape[1:3] != (form.height, form.width):
        images = resized(images, form.height, form.width)
    images = scaling_of(scale).apply(images)
    if form.channels_first:
        images = images.transpose(0, 3, 1, 2)
    images = images.reshape((len(images), *form.tensor_shape))
    return np.ascontiguousarray(stored(images, form.dtype, form.step, form.zero_point))


def prepared_chunks(pixels: NDArray[np.uint8], form: InputForm, scale: Scaling | str) -> Iterator[NDArray[Any]]:
    """`prepare` for many images, 128 KiB of input at a time."""
    per_image = 4 * max(int(np.prod(pixels.shape[1:])), int(np.prod(form.tensor_shape)))
    step = max(1, _CHUNK_BYTES // per_image)
    for start in range(0, len(pixels), step):
        yield prepare(pixels[start : start + step], form, scale)


def with_channels(pixels: NDArray[Any], channels: int) -> NDArray[Any]:
    """Grey repeated into RGB, RGB as its ITU-R BT.601 luma (not rounded), or the pixels as they are."""
    if pixels.shape[3] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=3)
    return (pixels.astype(np.float32) @ _LUMA)[..., None]


def resized(images: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Bilinear with half-pixel centres and no smoothing, as tf.image.resize and OpenCV's INTER_LINEAR do."""
    low, high, share = _neighbours(images.shape[1], height)
    share = share[:, None, None]
    images = images[:, low] * (1 - share) + images[:, high] * share
    low, high, share = _neighbours(images.shape[2], width)
    share = share[:, None]
    return images[:, :, low] * (1 - share) + images[:, :, high] * share


def _neighbours(size: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For every new position: the two old ones around it and the second one's share."""
    centres = np.clip((np.arange(new) + 0.5) * (size / new) - 0.5, 0, size - 1)
    low = np.floor(centres).astype(np.intp)
    return low, np.minimum(low + 1, size - 1), (centres - low).astype(np.float32)
