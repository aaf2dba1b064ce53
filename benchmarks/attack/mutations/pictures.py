"""Image files whose header promises another picture, with checksums that are right; EXIF that leads nowhere; bombs."""

from __future__ import annotations

import struct
import zlib
from random import Random

from benchmarks.attack.mutations import blind, npy
from benchmarks.attack.mutations.zips import Spoil

_LENGTHS = (0, 1, 2, 255, 4096, 20_000, 40_000, 65_535, 2**24, 2**31 - 1, 2**32 - 1)


def spoil(rng: Random, data: bytes) -> bytes:
    """By the kind that the first bytes tell; a third of them blindly."""
    way = next((way for mark, way in _WAYS.items() if data.startswith(mark)), None)
    if way is None or rng.random() < 0.35:
        return blind.spoil(rng, data)
    return way(rng, data)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file, its checksum right."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(rng: Random, data: bytes) -> bytes:
    way = rng.randrange(5)
    if way <= 1:
        return data[:8] + chunk(b"IHDR", _png_header(rng, data[16:29])) + data[33:]
    if way == 2:
        return _png_bomb(rng)
    extra = rng.choice((b"tRNS", b"PLTE", b"iCCP", b"eXIf", b"tEXt", b"IDAT", b"acTL", b"gAMA", b"zTXt", b"IEND"))
    body = rng.randbytes(rng.choice((0, 1, 7, 300)))
    return data[:33] + chunk(extra, body) * rng.choice((1, 1, 500)) + data[33:]


def _png_header(rng: Random, body: bytes) -> bytes:
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", body)
    field = rng.randrange(5)
    width = rng.choice(_LENGTHS) if field in (0, 4) else width
    height = rng.choice(_LENGTHS) if field in (1, 4) else height
    depth = rng.choice((1, 2, 4, 8, 16, 3, 0, 255)) if field == 2 else depth
    colour = rng.choice((0, 2, 3, 4, 6, 1, 7, 255)) if field == 3 else colour
    rest[2] = rng.choice((0, 0, 1, 2))
    return struct.pack(">IIBBBBB", width, height, depth, colour, *rest)


def _png_bomb(rng: Random) -> bytes:
    """A small file that is a whole picture of up to 1.5 GB."""
    side, colour = rng.choice(((4000, 2), (12_000, 0), (20_000, 2), (23_000, 2), (30_000, 0)))
    row = side * (3 if colour == 2 else 1) + 1
    packer, parts = zlib.compressobj(1), []
    block = bytes(row)
    for _ in range(min(side, 600)):  # what a bomb needs is the promise, and enough rows to be believed
        parts.append(packer.compress(block))
    packed = b"".join(parts) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _jpeg(rng: Random, data: bytes) -> bytes:
    if rng.random() < 0.4:
        return data[:2] + _exif(rng) + data[2:]
    at = next((at for at in range(len(data) - 9) if data[at] == 0xFF and data[at + 1] in (0xC0, 0xC1, 0xC2)), None)
    if at is None:
        return blind.spoil(rng, data)
    sizes = struct.pack(">HH", *(rng.choice(_LENGTHS) % 65536 for _ in range(2)))
    parts = rng.choice((data[at + 9 : at + 10], bytes([rng.choice((0, 1, 2, 3, 4, 255))])))
    return data[: at + 5] + sizes + parts + data[at + 10 :]


def _exif(rng: Random) -> bytes:
    """A segment with an orientation that is none, a directory that leads to itself, or noise."""
    order, mark = rng.choice((("<", b"II"), (">", b"MM")))
    value = rng.choice((0, 6, 9, 255, 65535))
    entry = struct.pack(
        order + "HHIHH", 0x0112, rng.choice((3, 3, 4, 2, 99)), rng.choice((1, 1, 0, 2**32 - 1)), value, 0
    )
    count, start = rng.choice((1, 1, 65535, 0)), rng.choice((8, 8, 0, 2**32 - 1, 4))
    body = mark + struct.pack(order + "HI", 42, start) + struct.pack(order + "H", count) + entry
    body += struct.pack(order + "I", rng.choice((0, 8, 2**31)))
    body = rng.choice((body, body, body[: rng.randrange(len(body))], rng.randbytes(64)))
    body = b"Exif\0\0" + body
    return b"\xff\xe1" + struct.pack(">H", rng.choice((len(body) + 2, len(body) + 2, 2, 0, 65535))) + body


def _fields(start: int, width: int, count: int) -> Spoil:
    """A way for formats whose sizes lie at a fixed place, little-endian."""

    def way(rng: Random, data: bytes) -> bytes:
        at = start + width * rng.randrange(count)
        number = rng.choice(_LENGTHS) % (1 << 8 * width)
        return data[:at] + number.to_bytes(width, "little") + data[at + width :]

    return way


def _netpbm(rng: Random, data: bytes) -> bytes:
    """The numbers in words."""
    kind, width, height, most, pixels = data.split(maxsplit=4)
    numbers = [width, height, most]
    odd = (
        b"0",
        b"-1",
        b"99999999",
        b"999999999",
        b"4294967296",
        b"9" * 300,
        b"# x\n5",
        b"1.5",
        b"65535",
        b"65536",
        b"",
    )
    numbers[rng.randrange(3)] = rng.choice(odd)
    kind = rng.choice((kind, kind, b"P1", b"P2", b"P3", b"P4", b"P7", b"P6"))
    return b" ".join([kind, *numbers]) + b"\n" + pixels


_WAYS = {
    b"\x89PNG": _png,
    b"\xff\xd8": _jpeg,
    b"GIF8": _fields(6, 2, 3),
    b"BM": _fields(2, 4, 12),
    b"II*\0": _fields(4, 4, 60),
    b"RIFF": _fields(4, 4, 8),
    b"P5": _netpbm,
    b"P6": _netpbm,
    b"\x93NUMPY": npy.spoil,
}
