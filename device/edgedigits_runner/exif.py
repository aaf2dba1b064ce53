"""How an image lies in its file: the orientation that cameras note in EXIF (tag 274), read from JPEG, PNG, WebP and TIFF.

OpenCV turns some kinds in some versions and others not, so it is read and obeyed here. A note that can't be read is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgedigits_runner.picture_parts import jpeg_parts, png_chunks, tiff_tags, webp_chunks

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

ORIENTATION = 274


def orientation(data: bytes, kind: str) -> int:
    """1 to 8 as EXIF counts, 1 where nothing is noted, or nothing that can be read."""
    notes = {"jpeg": _in_jpeg, "png": _in_png, "webp": _in_webp}
    found = tiff_tags(notes[kind](data) if kind in notes else data).get(ORIENTATION)
    return found.value if found is not None and 1 <= found.value <= 8 else 1


def upright(image: NDArray[Any], turned: int) -> NDArray[Any]:
    """An image [height, width, ...] that lies in its file by that orientation, as it is to be seen."""
    if turned >= 5:
        image = image.swapaxes(0, 1)
    if turned in (3, 4, 7, 8):
        image = image[::-1]
    if turned in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def lying_flat(data: bytes) -> bytes:
    """A TIFF file that notes no orientation, so that no decoder turns it; else the same."""
    found = tiff_tags(data).get(ORIENTATION)
    if found is None or found.value == 1:
        return data
    one = b"\1\0" if data[:2] == b"II" else b"\0\1"
    return data[: found.at] + one + data[found.at + 2 :]


def _in_jpeg(data: bytes) -> bytes:
    for marker, start, end in jpeg_parts(data):
        if marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            return data[start + 6 : end]
    return b""


def _in_png(data: bytes) -> bytes:
    for kind, start, end in png_chunks(data):
        if kind == b"eXIf":
            return data[start:end].removeprefix(b"Exif\0\0")
    return b""


def _in_webp(data: bytes) -> bytes:
    for kind, start, end in webp_chunks(data):
        if kind == b"EXIF":
            return data[start:end].removeprefix(b"Exif\0\0")
    return b""
