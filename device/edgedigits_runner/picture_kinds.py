"""Which kind of image some bytes are, and the size that they announce: told by the bytes, never by a file's name.

Only heads are looked at, nothing is decoded. What is announced is compared with a stated limit, and with what so many bytes
can hold, before a decoder believes it.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from edgedigits_runner.picture_parts import jpeg_parts, tiff_tags

MOST_PIXELS = 2**26
"""Of an image that is decoded: 67 million, 8192x8192. Decoded, the costliest kind (RGBA of 16 bits) takes 512 MiB."""

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".npy"),
)
"""Of the kinds that are read, for naming them; what a file is its first bytes say."""

NAMES = {
    "png": "PNG",
    "jpeg": "JPEG",
    "bmp": "BMP",
    "gif": "GIF",
    "webp": "WebP",
    "tiff": "TIFF",
    "netpbm": ".pgm or .ppm",
    "npy": ".npy",
}
"""Of the kinds, for people."""

HEAD_BYTES = 16
_NETPBM = re.compile(rb"P([1-6])(?:\s|#[^\n]*\n)+([0-9]{1,9})(?:\s|#[^\n]*\n)+([0-9]{1,9})[\s#]")
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of JPEG that begin with the size of the image
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MOST_UNPACKED = 1032  # bytes that deflate can make of one


class Announced(NamedTuple):
    """A size in pixels, the bytes of file that it takes at the least (0: can't be told), and those of a decoded pixel."""

    width: int
    height: int
    least_bytes: int = 0
    pixel_bytes: int = 4


def kind_of(data: bytes) -> str | None:
    """A key of `NAMES`, or None; the first `HEAD_BYTES` bytes are enough."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "tiff"
    if data.startswith(b"BM") and data[6:10] == bytes(4):
        return "bmp"
    if data.startswith(b"\x93NUMPY"):
        return "npy"
    return "netpbm" if re.match(rb"P[1-6][\s#]", data) else None


def announced(data: bytes, kind: str) -> Announced | None:
    """What the head of a whole file says of its size; None where it says nothing that can be read. Not for "npy"."""
    readers = {"png": _png, "jpeg": _jpeg, "bmp": _bmp, "gif": _gif, "webp": _webp, "tiff": _tiff, "netpbm": _netpbm}
    try:
        return readers[kind](data)
    except (struct.error, IndexError):  # cut short
        return None


def _png(data: bytes) -> Announced | None:
    if data[12:16] != b"IHDR":
        return None
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    row = 1 + (width * depth * _PNG_SAMPLES.get(colour, 1) + 7) // 8
    return Announced(width, height, row * height // _MOST_UNPACKED, 8 if depth == 16 else 4)


def _jpeg(data: bytes) -> Announced | None:
    for marker, at, _ in jpeg_parts(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 1)
            return Announced(width, height)
    return None


def _bmp(data: bytes) -> Announced:
    head = struct.unpack_from("<I", data, 14)[0]
    if head == 12:  # of OS/2
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
        packed = 0
    else:
        width, height, _, depth, packed = struct.unpack_from("<iiHHI", data, 18)
    width, height = abs(width), abs(height)
    return Announced(width, height, (width * depth + 31) // 32 * 4 * height if packed in (0, 3, 6) else 0)


def _gif(data: bytes) -> Announced:
    return Announced(*struct.unpack_from("<HH", data, 6))


def _webp(data: bytes) -> Announced | None:
    form = data[12:16]
    if form == b"VP8X":
        return Announced(1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Announced(width & 0x3FFF, height & 0x3FFF)
    if form == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Announced(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    return None


def _tiff(data: bytes) -> Announced | None:
    tags = tiff_tags(data)
    width, height = (tags[tag].value if tag in tags else 0 for tag in (256, 257))
    return Announced(width, height, pixel_bytes=8) if width and height else None


def _netpbm(data: bytes) -> Announced | None:
    found = _NETPBM.match(data)
    if found is None:
        return None
    kind, width, height = (int(number) for number in found.groups())
    numbers = width * height * (3 if kind in (3, 6) else 1)
    return Announced(width, height, (width + 7) // 8 * height if kind == 4 else numbers, 6)


_STRIP = 2**18  # pixels


def rows_at_once(width: int) -> int:
    """As many rows as are worked on at a time, so that a large image is not in memory in several forms."""
    return max(1, _STRIP // width)
