"""The parts that image files are made of, as far as their sizes and notes are looked for; nothing is decoded."""

from __future__ import annotations

import struct
from typing import NamedTuple

_MOST_PARTS = 2**14  # looked through; no honest file has as many before its image
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers of JPEG that nothing belongs to
_WHOLE_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # of TIFF


class Tag(NamedTuple):
    """The first of a tag's whole numbers, and where it lies."""

    value: int
    at: int


def jpeg_parts(data: bytes) -> list[tuple[int, int, int]]:
    """(marker, where what belongs to it begins and ends) up to where the image itself begins; it is the last, 0xDA."""
    parts: list[tuple[int, int, int]] = []
    at = 2
    for _ in range(_MOST_PARTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append((marker, at + 4, at + 2 + length))
        if marker == 0xDA or length < 2:
            break
        at += 2 + length
    return parts


def png_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """(kind, where what it holds begins and ends) of the chunks of a PNG file."""
    chunks: list[tuple[bytes, int, int]] = []
    at = 8
    while at + 12 <= len(data) and len(chunks) < _MOST_PARTS:
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], at + 8, at + 8 + length))
        at += 12 + length
        if chunks[-1][0] == b"IEND":
            break
    return chunks


def webp_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """The same of a WebP file."""
    chunks: list[tuple[bytes, int, int]] = []
    at = 12
    while at + 8 <= len(data) and len(chunks) < _MOST_PARTS:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append((data[at : at + 4], at + 8, at + 8 + length))
        at += 8 + length + length % 2
    return chunks


def tiff_tags(data: bytes) -> dict[int, Tag]:
    """The tags of the first image of a TIFF structure that hold whole numbers; empty where it can't be read."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return {}
    big = data[2:4] in (b"+\0", b"\0+")
    count, entry, place = ("Q", order + "HHQ", "Q") if big else ("H", order + "HHI", "I")
    tags: dict[int, Tag] = {}
    try:
        at = struct.unpack_from(order + place, data, 8 if big else 4)[0]
        entries = struct.unpack_from(order + count, data, at)[0]
        at += struct.calcsize(order + count)
        for _ in range(min(entries, _MOST_PARTS)):
            tag, kind, numbers = struct.unpack_from(entry, data, at)
            value_at = at + struct.calcsize(entry)
            if kind in _WHOLE_TYPES and numbers:
                number = order + _WHOLE_TYPES[kind]
                if struct.calcsize(number) * numbers > struct.calcsize(order + place):
                    value_at = struct.unpack_from(order + place, data, value_at)[0]
                tags.setdefault(tag, Tag(struct.unpack_from(number, data, value_at)[0], value_at))
            at += struct.calcsize(entry) + struct.calcsize(order + place)
    except (struct.error, OverflowError):  # cut short, or pointing outside
        pass
    return tags
