"""Arrays inside JSON: little-endian bytes, zlib, base64. A million laps take about 2 MB instead of 7."""

from __future__ import annotations

import binascii
import math
import re
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

UINT32_MAX = 2**32 - 1


def encode(array: NDArray[Any]) -> dict[str, Any]:
    """`{"dtype": "<u4", "shape": [n], "zlib_base64": "..."}`; `decode` gives the same array back."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    packed = binascii.b2a_base64(zlib.compress(little.tobytes()), newline=False).decode("ascii")
    return {"dtype": little.dtype.str, "shape": list(little.shape), "zlib_base64": packed}


def decode(encoded: dict[str, Any], most_bytes: int = 2**31) -> NDArray[Any]:
    """The array that `encode` was given; ValueError or KeyError where the text is none, larger, or not of that shape."""
    if not re.fullmatch(r"[<|][buif][1248]", encoded["dtype"]):
        raise ValueError("not a type of numbers that is used here")
    dtype, shape = np.dtype(encoded["dtype"]), [int(length) for length in encoded["shape"][:32]]
    size = dtype.itemsize * math.prod(shape)
    if min(shape, default=0) < 0 or size > most_bytes:
        raise ValueError(f"{dtype} {shape} is announced, at most {most_bytes} bytes are unpacked")
    try:
        # Of altered text no more is unpacked than its shape promises.
        flat = zlib.decompressobj().decompress(binascii.a2b_base64(encoded["zlib_base64"]), size + 1)
    except zlib.error as error:
        raise ValueError(f"not packed by zlib ({error})") from error
    if len(flat) != size:
        raise ValueError(f"{len(flat)} bytes or more, {dtype} {shape} has {size}")
    return np.frombuffer(flat, dtype=dtype).reshape(shape)


def encode_ns(laps: ArrayLike) -> dict[str, Any]:
    """Durations in nanoseconds as uint32; longer than 4.29 s is stored as 4.29 s."""
    return encode(np.minimum(laps, UINT32_MAX).astype(np.uint32))
