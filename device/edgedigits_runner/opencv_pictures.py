"""The kinds of images that OpenCV decodes, brought to one form: what it leaves out or has its own way with is made up for.

OpenCV is asked for what is in the file and for nothing else (IMREAD_UNCHANGED). It then turns TIFF upright and no other kind,
drops the transparent grey of PNG, spreads grey and palettes to colours, and hands on 8-bit TIFF multiplied by its opacity.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.exif import lying_flat, orientation, upright
from edgedigits_runner.picture_errors import PictureError, UnreadKind
from edgedigits_runner.picture_kinds import rows_at_once
from edgedigits_runner.picture_parts import jpeg_parts, png_chunks, tiff_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLES, _EXTRA_SAMPLES = 277, 338  # tags of TIFF
_ASSOCIATED, _UNASSOCIATED = 1, 2


def decoded(data: bytes, kind: str) -> NDArray[Any]:
    """As `pictures.opened` gives it; PictureError where OpenCV can't, UnreadKind where there is none."""
    try:
        import cv2
    except ImportError as error:
        raise UnreadKind(
            "needs OpenCV to be read: install python3-opencv (apt) or opencv-python-headless (pip), "
            "or give .npy, .pgm or .ppm"
        ) from error
    if kind in ("jpeg", "png"):
        _check_whole(data, kind)
    turned = orientation(data, kind)
    flat = lying_flat(data) if kind == "tiff" else data
    try:
        image = cv2.imdecode(np.frombuffer(flat, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        raise PictureError(f"can't be decoded as an image ({' '.join(str(error).split())})") from error
    if image is None:
        raise PictureError("can't be decoded as an image")
    own = {"png": _png, "gif": _grey_if_grey, "bmp": _bmp, "tiff": _tiff}
    found = from_opencv(image)
    return upright(_opaque(own[kind](found, data) if kind in own else found), turned)


def _check_whole(data: bytes, kind: str) -> None:
    """Of a JPEG that was cut short OpenCV makes up the rest, in grey; for a part of PNG it takes the memory announced."""
    if kind == "png":
        chunks = png_chunks(data)
        if chunks[-1][0] != b"IEND" or chunks[-1][2] + 4 > len(data):
            raise PictureError("can't be decoded as an image: cut short, the end of the PNG is missing")
        return
    parts = jpeg_parts(data)
    if parts and parts[-1][0] == 0xDA and data.find(b"\xff\xd9", parts[-1][1]) < 0:
        raise PictureError("can't be decoded as an image: cut short, the end of the JPEG is missing")


def _png(image: NDArray[Any], data: bytes) -> NDArray[Any]:
    depth, colour = data[24], data[25]
    if colour == 3:
        return _grey_if_grey(image, data)
    if colour == 4 and image.shape[2] == 4:
        return image[..., [0, 3]]
    clear = [data[start:end] for kind, start, end in png_chunks(data) if kind == b"tRNS"]
    if colour != 0 or image.shape[2] != 1 or not clear or len(clear[0]) < 2:
        return image
    number = int.from_bytes(clear[0][:2], "big")
    number = number if depth == 16 else number * (255 // (2**depth - 1))
    opacity = np.where(image == number, 0, np.iinfo(image.dtype).max).astype(image.dtype)
    return np.concatenate([image, opacity], axis=2)


def _grey_if_grey(image: NDArray[Any], _: bytes) -> NDArray[Any]:
    """Of palettes OpenCV makes colours, also where all of them are grey."""
    if image.shape[2] < 3 or not (image[..., 0:1] == image[..., 1:3]).all():
        return image
    return image[..., [0, 3]] if image.shape[2] == 4 else image[..., :1]


def _bmp(image: NDArray[Any], data: bytes) -> NDArray[Any]:
    """The fourth byte of a pixel is its opacity only where the file says so."""
    told = struct.unpack_from("<I", data, 14)[0] >= 56 and any(data[66:70])
    return image if told or image.shape[2] != 4 else image[..., :3]


def _tiff(image: NDArray[Any], data: bytes) -> NDArray[Any]:
    tags = tiff_tags(data)
    if _SAMPLES in tags and tags[_SAMPLES].value == 2:
        raise PictureError("is a TIFF of grey with transparency, which can't be read; save it as PNG")
    if image.shape[2] != 4 or _EXTRA_SAMPLES not in tags:
        return image
    extra = tags[_EXTRA_SAMPLES].value
    if extra not in (_ASSOCIATED, _UNASSOCIATED):
        return image[..., :3]
    if extra == _UNASSOCIATED and image.dtype == np.uint16:
        return image
    most = int(np.iinfo(image.dtype).max)
    opacity = np.maximum(image[..., 3:], 1).astype(np.uint64)
    colours = np.minimum((image[..., :3] * np.uint64(most) + opacity // 2) // opacity, most)
    return np.concatenate([colours.astype(image.dtype), image[..., 3:]], axis=2)


def _opaque(image: NDArray[Any]) -> NDArray[Any]:
    """Without its opacity where nothing shines through."""
    if image.shape[2] in (2, 4) and (image[..., -1] == np.iinfo(image.dtype).max).all():
        return image[..., :-1]
    return image


def from_opencv(image: Any) -> NDArray[Any]:
    """What OpenCV holds (grey, BGR or BGRA), changed in its place to what `opened` gives.

    PictureError for other numbers than 8 or 16 bits.
    """
    if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3):
        raise PictureError(f"holds {image.dtype} numbers; give 8 or 16 bits per colour")
    if image.ndim == 2:
        return np.asarray(image[..., None])
    if image.shape[2] < 3:
        return np.asarray(image[..., :1])
    for start in range(0, len(image), rows_at_once(image.shape[1])):
        rows = slice(start, start + rows_at_once(image.shape[1]))
        image[rows, :, :3] = image[rows, :, 2::-1].copy()
    return np.asarray(image)
