"""HDF5 whose addresses lead elsewhere: into another block, to themselves, behind the end."""

from __future__ import annotations

from random import Random

from benchmarks.attack.mutations import blind

_MARKS = (b"TREE", b"HEAP", b"SNOD", b"OHDR", b"GCOL", b"FRHP", b"BTHD", b"\x89HDF")


def spoil(rng: Random, data: bytes) -> bytes:
    """Mostly one address; else a number near a block's mark, or bytes blindly."""
    chance = rng.random()
    if chance < 0.25 or len(data) < 64:
        return blind.spoil(rng, data)
    return _address(rng, data) if chance < 0.7 else _near_mark(rng, data)


def _address(rng: Random, data: bytes) -> bytes:
    """Eight bytes that could be an address get another: a block's, their own, a limit."""
    places = [at for at in range(0, len(data) - 7, 8) if 0 < int.from_bytes(data[at : at + 8], "little") < len(data)]
    if not places:
        return blind.spoil(rng, data)
    at = rng.choice(places)
    blocks = _blocks(data) or [0]
    number = rng.choice((at, at - 8, rng.choice(blocks), rng.choice(blocks), len(data) - 1, rng.choice(blind.LIMITS)))
    return data[:at] + (number % 2**64).to_bytes(8, "little") + data[at + 8 :]


def _near_mark(rng: Random, data: bytes) -> bytes:
    at = rng.choice(_blocks(data) or [0]) + rng.randrange(4, 40)
    width = rng.choice((1, 2, 4, 8))
    number = rng.choice(blind.LIMITS) % (1 << 8 * width)
    return data[:at] + number.to_bytes(width, "little") + data[at + width :]


def _blocks(data: bytes) -> list[int]:
    found = []
    for mark in _MARKS:
        at = data.find(mark)
        while at >= 0:
            found.append(at)
            at = data.find(mark, at + 1)
    return found
