"""Image files to pixels, and pixels to the size and colours that the model was trained on, as the training did it.

.npy, binary .pgm and .ppm are read here; every other kind by OpenCV, if it is installed.
"""

from __future__ import annotations

import io
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.preprocess import resized

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".npy")
_HEADER = rb"P([56])" + 3 * rb"(?:\s|#[^\n]*\n)+([0-9]{1,9})" + rb"\s"
_LUMA = np.array([9798, 19235, 3735], np.uint32)  # ITU-R BT.601 in 1/32768, as OpenCV counts
_MOST_PIXELS = 2**26  # a few bytes of PNG can promise gigabytes


class PictureError(RunnerError):
    """Bytes that are no image, said without the file's name, which only the caller knows."""

    def __init__(self, message: str) -> None:
        super().__init__("data", message)


class UnreadKind(PictureError):
    """Bytes of a kind that takes OpenCV, on a machine without it."""


def decode(data: bytes) -> NDArray[np.uint8]:
    """Pixels [height, width, 1 or 3], colours as RGB; PictureError where there are none. Transparency is dropped."""
    if data.startswith(b"\x93NUMPY"):
        return _npy(data)
    if data[:2] in (b"P5", b"P6"):
        return _netpbm(data)
    return _by_opencv(data)


def fitted(image: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The image in another size and colours, uint8 `shape`: resized first, as the data sets are when they are read.

    Shrunk by averaging areas, enlarged bilinearly: OpenCV's INTER_AREA and INTER_LINEAR to within one grey level.
    """
    height, width, channels = shape
    if image.shape[0] > height and image.shape[1] > width:
        image = _whole(_averaged(_averaged(image, height, 0), width, 1))
    elif image.shape[:2] != (height, width):
        image = _whole(resized(image[None].astype(np.float32), height, width)[0])
    if image.shape[2] == channels:
        return image
    return np.repeat(image, 3, axis=2) if channels == 3 else grey(image)


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB to its luma [height, width, 1], rounded as OpenCV's COLOR_RGB2GRAY rounds."""
    return (((image @ _LUMA) + 2**14) >> 15).astype(np.uint8)[..., None]


def from_opencv(image: Any) -> NDArray[np.uint8]:
    """What OpenCV holds (grey, BGR or BGRA, 8 or 16 bits) as pixels here; PictureError for any other numbers."""
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise PictureError(f"holds {image.dtype} numbers; give 8 or 16 bits per colour")
    if image.ndim == 2:
        image = image[..., None]
    return np.ascontiguousarray(image[..., 2::-1] if image.shape[2] > 2 else image[..., :1])


def _npy(data: bytes) -> NDArray[np.uint8]:
    try:
        image = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise PictureError(f"not a whole .npy file ({error})") from error
    if image.ndim == 2:
        image = image[..., None]
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        raise PictureError(f"holds {image.dtype} {list(image.shape)}; give uint8 [height, width] or [height, width, 3]")
    return np.asarray(image, np.uint8)


def _netpbm(data: bytes) -> NDArray[np.uint8]:
    """Binary PGM or PPM. Values are taken as they stand, whatever the greatest may be, as OpenCV takes them."""
    header = re.match(_HEADER, data)
    if header is None:
        raise PictureError("not a whole .pgm or .ppm file (its header can't be read)")
    kind, width, height, most = (int(number) for number in header.groups())
    shape = (height, width, 1 if kind == 5 else 3)
    size = 1 if most < 256 else 2
    count = height * width * shape[2]
    if not 0 < count * size <= len(data) - header.end() or not 0 < most < 65536:
        raise PictureError(f"not a whole .pgm or .ppm file ({width}x{height} pixels are announced, they are not there)")
    # Of two bytes the first is the greater part, which is all that eight bits keep.
    return np.frombuffer(data, np.uint8, count * size, header.end())[::size].reshape(shape)


def _by_opencv(data: bytes) -> NDArray[np.uint8]:
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(_MOST_PIXELS))
    try:
        import cv2
    except ImportError as error:
        raise UnreadKind(
            "needs OpenCV to be read: install python3-opencv (apt) or opencv-python-headless (pip), "
            "or give .npy, .pgm or .ppm"
        ) from error
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error as error:
        raise PictureError(f"can't be decoded as an image ({' '.join(str(error).split())})") from error
    if image is None:
        raise PictureError("can't be decoded as an image")
    return from_opencv(image)


def _averaged(image: NDArray[Any], length: int, axis: int) -> NDArray[np.float32]:
    """An axis shrunk to `length`: every new pixel is the mean of the area it covers, parts of old pixels counted as such.

    The sum of the whole pixels, then the part of a pixel at the far edge added and that at the near edge taken off.
    """
    image = np.moveaxis(image, axis, 0)
    edges = np.arange(length + 1) * len(image)
    whole = edges // length
    part = ((edges % length) / length).astype(np.float32).reshape(-1, *[1] * (image.ndim - 1))
    sums = np.add.reduceat(image, whole[:-1], axis=0, dtype=np.float32)
    parts = image[np.minimum(whole, len(image) - 1)] * part
    shrunk = (sums + parts[1:] - parts[:-1]) * np.float32(length / len(image))
    return np.moveaxis(np.asarray(shrunk, np.float32), 0, axis)


def _whole(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
