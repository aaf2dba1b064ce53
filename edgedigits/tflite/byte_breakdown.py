"""Where every byte of a file goes: one row per part, each byte in exactly one."""

import gzip
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import zstandard

# weights: kernels and, for sparse kernels, their index. constants: shapes, axes, looked-up tables and the like.
# scales: quantization parameters. graph: operators, tensor tables, shapes, names. metadata: signatures, description.
# padding: zeros that nothing points to. other: buffers that no tensor reads, and non-zero bytes nothing points to.
PARTS: Final = ("weights", "biases", "constants", "scales", "graph", "metadata", "padding", "other")
UNOWNED: Final = 255
"""The owner of bytes that nothing points to."""
_ZSTD_LEVEL: Final = 19  # the highest that needs no extra memory to unpack
_ZIP_START: Final = b"PK\x03\x04"  # label files that TFLite Metadata appends


@dataclass(frozen=True)
class PartBytes:
    """A part of the file and its own bytes: as they are, by gzip -9, and by zstd -19. All three in bytes."""

    part: str
    raw: int
    gzip: int
    zstd: int


def weigh(part: str, flat: bytes) -> PartBytes:
    """The row of `flat`; a part without bytes weighs nothing packed either."""
    if not flat:
        return PartBytes(part, 0, 0, 0)
    packed = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(flat)
    return PartBytes(part, len(flat), len(gzip.compress(flat, 9, mtime=0)), len(packed))


def weigh_parts(flat: bytes, owner: npt.NDArray[np.uint8]) -> tuple[PartBytes, ...]:
    """One row for each of `PARTS`, in that order; the raw sizes add up to `len(flat)`.

    `owner` holds for each byte its part's place in `PARTS`, or UNOWNED.
    """
    owner = _sort_unowned(flat, owner)
    every_byte = np.frombuffer(flat, np.uint8)
    return tuple(weigh(part, every_byte[owner == code].tobytes()) for code, part in enumerate(PARTS))


def compute_raw_sizes(flat: bytes, owner: npt.NDArray[np.uint8]) -> dict[str, int]:
    """Bytes of each part as they are, in the order of `PARTS`; `owner` as for `weigh_parts`, which takes far longer."""
    counted = np.bincount(_sort_unowned(flat, owner), minlength=len(PARTS))
    return {part: int(counted[code]) for code, part in enumerate(PARTS)}


def _sort_unowned(flat: bytes, owner: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Unowned runs of zeros are padding, an appended zip is metadata, the rest is "other"."""
    sorted_owner = owner.copy()
    unowned = np.concatenate([[False], owner == UNOWNED, [False]])
    edges = np.flatnonzero(np.diff(unowned))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        run = flat[start:stop].lstrip(b"\0")
        part = "other" if run else "padding"
        if stop == len(flat) and run.startswith(_ZIP_START):
            part = "metadata"
        sorted_owner[start:stop] = PARTS.index(part)
    return sorted_owner
