"""Arrays inside JSON: little-endian bytes, zlib, base64. A million laps take about 2 MB instead of 7."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UINT32_MAX = 2**32 - 1


def encode(array: NDArray[Any]) -> dict[str, Any]:
    """`{"dtype": "<u4", "shape": [n], "zlib_base64": "..."}`; `decode` gives the same array back."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    packed = base64.b64encode(zlib.compress(little.tobytes())).decode("ascii")
    return {"dtype": little.dtype.str, "shape": list(little.shape), "zlib_base64": packed}


def decode(encoded: dict[str, Any]) -> NDArray[Any]:
    """The array that `encode` was given; ValueError or KeyError where the text is none."""
    flat = zlib.decompress(base64.b64decode(encoded["zlib_base64"]))
    return np.frombuffer(flat, dtype=np.dtype(encoded["dtype"])).reshape(encoded["shape"])


def encode_ns(laps: list[int]) -> dict[str, Any]:
    """Durations in nanoseconds as uint32; longer than 4.29 s is stored as 4.29 s."""
    return encode(np.minimum(np.asarray(laps, dtype=np.int64), UINT32_MAX).astype(np.uint32))
