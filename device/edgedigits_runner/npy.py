"""The head of a .npy file, read without believing it: what is announced is compared before anything is made for it.

NumPy's own reader evaluates the head as Python, and lets out whatever that raises; the head of an array of numbers is so plain
that a pattern reads it.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"\x93NUMPY"
_MOST_HEAD = 2**16
_MOST_AXES = 32
_LENGTH = re.compile(rb"[0-9]{1,18}L?")
_KEYS = {
    b"descr": re.compile(rb"""['"]descr['"]\s*:\s*['"]([<>|=]?[a-zA-Z][0-9]{0,9})['"]"""),
    b"fortran_order": re.compile(rb"""['"]fortran_order['"]\s*:\s*(True|False)"""),
    b"shape": re.compile(rb"""['"]shape['"]\s*:\s*\(([0-9L,\s]{0,1000})\)"""),
}
_FRAME = re.compile(rb"\{[\s,]*\}\s*")
"""What remains of a head without those."""


class Readable(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes: ...


class Head(NamedTuple):
    """What a .npy file holds: `size` bytes of numbers follow the `length` bytes that were read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    length: int

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def array(self, data: bytes | bytearray | memoryview) -> NDArray[Any]:
        """The array of those bytes, without a copy; ValueError where they are not `size`."""
        if len(data) != self.size:
            raise ValueError(f"{self.dtype} {list(self.shape)} takes {self.size} bytes, {len(data)} are there")
        flat: NDArray[Any] = np.frombuffer(data, self.dtype)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def read_head(file: Readable) -> Head:
    """The head, the file left where the numbers begin; ValueError where there is none, or one of Python objects."""
    start = file.read(8)
    if len(start) < 8 or not start.startswith(MAGIC) or start[7] or start[6] not in (1, 2, 3):
        raise ValueError("not a .npy file")
    wide = 2 if start[6] == 1 else 4
    length = int.from_bytes(file.read(wide), "little")
    if length > _MOST_HEAD:
        raise ValueError(f"a .npy head of {length} bytes; at most {_MOST_HEAD} are read")
    text = file.read(length)
    if len(text) < length:
        raise ValueError("cut short in its .npy head")
    return _parsed(text, 8 + wide + length)


def _parsed(text: bytes, length: int) -> Head:
    found = {key: pattern.search(text) for key, pattern in _KEYS.items()}
    descr, order, lengths = found[b"descr"], found[b"fortran_order"], found[b"shape"]
    if descr is None or order is None or lengths is None:
        raise ValueError("a .npy head that names no plain type, order and shape of numbers")
    rest = text
    for one in (descr, order, lengths):
        rest = rest.replace(one[0], b"", 1)
    if not _FRAME.fullmatch(rest):
        raise ValueError("a .npy head with something else behind its type, order and shape")
    words = [word.strip() for word in lengths[1].split(b",") if word.strip()]
    if len(words) > _MOST_AXES or not all(_LENGTH.fullmatch(word) for word in words):
        raise ValueError("a .npy head whose shape is none")
    try:
        dtype = np.dtype(descr[1].decode("ascii"))
    except (TypeError, ValueError) as error:
        raise ValueError(f"a .npy head of an unknown type ({descr[1].decode('ascii')})") from error
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    shape = tuple(int(word.rstrip(b"L")) for word in words)
    if math.prod(shape) * dtype.itemsize > 2**62:
        raise ValueError(f"a .npy head of {dtype} {list(shape)}, more than any file holds")
    return Head(shape, dtype, order[1] == b"True", length)
