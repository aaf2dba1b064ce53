"""Counts, in a tensor's stored bytes, the elements that mean zero.

For integers that is the zero point, per channel where there is one per channel: real = scale * (stored - zero_point)
(https://ai.google.dev/edge/litert/models/quantization_spec). For floats it is 0.0 and -0.0.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

# What numpy reads the stored values as; types numpy lacks are compared by their bits.
_NUMPY: Final = {
    "BOOL": "u1",
    "INT8": "i1",
    "UINT8": "u1",
    "INT16": "<i2",
    "UINT16": "<u2",
    "INT32": "<i4",
    "UINT32": "<u4",
    "INT64": "<i8",
    "UINT64": "<u8",
    "FLOAT16": "<f2",
    "FLOAT32": "<f4",
    "FLOAT64": "<f8",
    "COMPLEX64": "<c8",
    "COMPLEX128": "<c16",
    "BFLOAT16": "<u2",
    "FLOAT8_E4M3FN": "u1",
    "FLOAT8_E5M2": "u1",
}
_ALL_BUT_SIGN: Final = {"BFLOAT16": 0x7FFF, "FLOAT8_E4M3FN": 0x7F, "FLOAT8_E5M2": 0x7F}
_PACKED_BITS: Final = {"INT4": 4, "UINT4": 4, "INT2": 2}  # several to a byte, the first in the lowest bits
FLOATS: Final = frozenset({"FLOAT16", "FLOAT32", "FLOAT64", "COMPLEX64", "COMPLEX128", *_ALL_BUT_SIGN})


@dataclass(frozen=True)
class WeightLayout:
    """How a tensor's values lie in its bytes; one zero point per slice of `axis`, or one, or none for 0."""

    dtype: str
    shape: tuple[int, ...]
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    sparse: bool = False

    @property
    def elements(self) -> int:
        """Elements of the dense tensor; a dimension of unknown size (-1) counts as one."""
        return math.prod(self.dense_shape)

    @property
    def dense_shape(self) -> tuple[int, ...]:
        """The shape with unknown sizes taken as one."""
        return tuple(1 if size == -1 else size for size in self.shape)


@dataclass(frozen=True)
class ZeroCount:
    """`zeros`, or None and the reason why they can't be counted."""

    zeros: int | None
    reason: str = ""


def count_stored_bytes(layout: WeightLayout) -> int | None:
    """The size a dense tensor's values must have; None where the type or the encoding does not fix it."""
    if layout.sparse or layout.dtype not in {*_NUMPY, *_PACKED_BITS}:
        return None
    bits = _PACKED_BITS.get(layout.dtype) or 8 * np.dtype(_NUMPY[layout.dtype]).itemsize
    return (layout.elements * bits + 7) // 8


def count_zeros(stored: bytes, layout: WeightLayout) -> ZeroCount:
    """Zeros among all elements of the dense tensor: what a sparse encoding leaves out is zero."""
    if layout.dtype not in {*_NUMPY, *_PACKED_BITS}:
        return ZeroCount(None, f"values of type {layout.dtype} are not counted")
    zero_points = layout.zero_points or (0,)
    if layout.sparse and any(zero_points):
        return ZeroCount(None, "sparse with a zero point other than 0")
    values = _values(stored, layout)
    if layout.sparse:
        left_out = layout.elements - values.size
        if left_out < 0 or not layout.elements:
            return ZeroCount(None, f"{values.size} sparse values for {layout.elements} elements")
        return ZeroCount(left_out + int(np.count_nonzero(values == 0)))
    if len(set(zero_points)) == 1:
        return ZeroCount(int(np.count_nonzero(values == zero_points[0])))
    return _per_channel(values, layout)


def _per_channel(values: npt.NDArray[np.generic], layout: WeightLayout) -> ZeroCount:
    points, axis, shape = layout.zero_points, layout.axis, layout.dense_shape
    if not 0 <= axis < len(shape) or shape[axis] != len(points):
        return ZeroCount(None, f"{len(points)} zero points do not fit axis {axis} of shape {shape}")
    along_axis = [-1 if place == axis else 1 for place in range(len(shape))]
    return ZeroCount(int(np.count_nonzero(values.reshape(shape) == np.array(points).reshape(along_axis))))


def _values(stored: bytes, layout: WeightLayout) -> npt.NDArray[np.generic]:
    """The stored values, flat; whole values only, as many as the dense tensor has elements at most when packed."""
    bits = _PACKED_BITS.get(layout.dtype)
    if bits:
        return unpack_bits(stored, bits, signed=layout.dtype.startswith("INT"))[: layout.elements]
    dtype = np.dtype(_NUMPY[layout.dtype])
    values: npt.NDArray[np.generic] = np.frombuffer(stored, dtype, len(stored) // dtype.itemsize)
    mask = _ALL_BUT_SIGN.get(layout.dtype)
    return np.bitwise_and(values, dtype.type(mask)) if mask else values


def unpack_bits(stored: bytes, bits: int, *, signed: bool) -> npt.NDArray[np.int8]:
    """Values of so many bits, several to a byte, the first in the lowest; those that fill up the last byte come along."""
    places = np.arange(0, 8, bits, dtype=np.uint8)
    values = ((np.frombuffer(stored, np.uint8)[:, None] >> places) & ((1 << bits) - 1)).astype(np.int8).ravel()
    return np.where(values >= 1 << (bits - 1), values - (1 << bits), values).astype(np.int8) if signed else values
