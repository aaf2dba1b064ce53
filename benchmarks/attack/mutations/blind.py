"""Bytes changed without knowing what they mean: flipped, set, cut, doubled, and whole numbers put to their limits."""

from __future__ import annotations

from random import Random
from typing import Literal

LIMITS = (0, 1, 2, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1)
"""Numbers that a reader may forget: cut to the field that they are written to."""


def spoil(rng: Random, data: bytes) -> bytes:
    """One to four changes; mostly one, for a reader gives up at the first that it sees."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(CHANGES)(rng, data)
    return data


def flip(rng: Random, data: bytes) -> bytes:
    """One bit, or a few."""
    found = bytearray(data)
    for _ in range(min(len(found), rng.choice((1, 1, 2, 8)))):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def put(rng: Random, data: bytes) -> bytes:
    """One byte, or a few beside each other."""
    if not data:
        return bytes([rng.randrange(256)])
    start, count = rng.randrange(len(data)), rng.choice((1, 1, 2, 4, 8))
    value = rng.choice((b"\0", b"\xff", b"\x80", rng.randbytes(1)))
    return data[:start] + value * min(count, len(data) - start) + data[start + count :]


def limit(rng: Random, data: bytes) -> bytes:
    """A field of 2, 4 or 8 bytes, where fields mostly lie, gets a number at a limit."""
    width = rng.choice((2, 4, 4, 4, 8))
    if len(data) < width:
        return data
    step = rng.choice((1, width, width, width))
    start = rng.randrange((len(data) - width) // step + 1) * step
    number = rng.choice(LIMITS) % (1 << 8 * width)
    order: Literal["little", "big"] = rng.choice(("little", "little", "big"))
    return data[:start] + number.to_bytes(width, order) + data[start + width :]


def nudge(rng: Random, data: bytes) -> bytes:
    """A field of 4 bytes, little-endian, a little more or less than it was: offsets and indices that are nearly right."""
    if len(data) < 4:
        return data
    start = rng.randrange(len(data) // 4) * 4
    number = int.from_bytes(data[start : start + 4], "little") + rng.choice((-8, -4, -2, -1, 1, 2, 4, 8))
    return data[:start] + (number % 2**32).to_bytes(4, "little") + data[start + 4 :]


def cut(rng: Random, data: bytes) -> bytes:
    """The end is missing, or the beginning, or all."""
    start = rng.randrange(len(data) + 1)
    return rng.choice((data[:start], data[:start], data[start:], b""))


def lose(rng: Random, data: bytes) -> bytes:
    """A block in the middle is missing."""
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.choice((1, 2, 4, 8, 64, 512)) :]


def double(rng: Random, data: bytes) -> bytes:
    """A block stands there twice, elsewhere too, or a thousand times."""
    start, count = rng.randrange(len(data) + 1), rng.choice((1, 4, 16, 64, 512))
    times, block = rng.choice((1, 1, 2, 1000)), data[start : start + count]
    place = rng.choice((start, rng.randrange(len(data) + 1)))
    return data[:place] + block * times + data[place:]


def insert(rng: Random, data: bytes) -> bytes:
    """Bytes that were not there."""
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.randbytes(rng.choice((1, 2, 4, 16, 256))) + data[place:]


def level(rng: Random, data: bytes) -> bytes:
    """A block of one value."""
    place, count = rng.randrange(len(data) + 1), rng.choice((16, 64, 256, 1024))
    value = rng.choice((b"\0", b"\xff", b"A"))
    return data[:place] + value * min(count, len(data) - place) + data[place + count :]


CHANGES = (flip, flip, put, limit, limit, limit, nudge, nudge, cut, lose, double, insert, level)
