"""The arrays of an .npz file as streams, so that a Pi with little memory need not hold them.

An .npz file is a zip file of .npy files, stored or deflated. The module zipfile would read it too, but brings 1.2 MiB
of other modules into a process whose memory is measured.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgedigits_runner.files import open_regular
from edgedigits_runner.npy import read_head

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedigits_runner.files import AnyPath

# Of the zip format (APPNOTE.TXT 4.3): the end of the directory, an entry of it, and the header before the data.
_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_BLOCK = 2**14
_MOST_UNPACKED = 1032  # bytes that deflate can make of one


def unpacked_fits(unpacked: int, packed: int, deflated: bool) -> bool:
    """Whether so many packed bytes can hold that many unpacked ones."""
    return unpacked <= packed * _MOST_UNPACKED + _MOST_UNPACKED if deflated else unpacked == packed


class _Entry(NamedTuple):
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    header_at: int


class Array:
    """One array of an open file: its `shape` and `dtype`, and its numbers in the order they lie in."""

    def __init__(self, file: IO[bytes], entry: _Entry) -> None:
        if entry.flags & 1 or entry.method not in (_STORED, _DEFLATED):
            raise ValueError("encrypted, or packed in another way than numpy.savez does")
        self._file, self._left, self._wanted_crc, self._crc = file, entry.packed, entry.crc, 0
        self._unpacker = zlib.decompressobj(-15) if entry.method == _DEFLATED else None
        self.shape, self.dtype, fortran, length = head = read_head(self)
        if head.size + length != entry.size or not unpacked_fits(entry.size, entry.packed, bool(self._unpacker)):
            raise ValueError(f"announces {self.dtype} {list(self.shape)}, which it can't hold")
        if fortran and len(self.shape) > 1:
            raise ValueError("an array in Fortran order; save it with numpy.ascontiguousarray")

    def take(self, count: int, shape: tuple[int, ...] = ()) -> NDArray[Any]:
        """The next `count` items, each of that shape; ValueError where the file holds fewer."""
        data = self.read(math.prod((count, *shape)) * self.dtype.itemsize)
        return np.frombuffer(data, self.dtype, math.prod((count, *shape))).reshape(count, *shape)

    def whole(self) -> NDArray[Any]:
        """All of it, in its own shape; ValueError where it is not what was written."""
        found = self.take(math.prod(self.shape)).reshape(self.shape)
        self.finish()
        return found

    def finish(self) -> None:
        """ValueError unless the whole array was read, and is what was written."""
        if self.read() or self._crc != self._wanted_crc:
            raise ValueError("wrong checksum: altered, or cut short")

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, fewer at the end, all where `size` is negative; the way a file is read."""
        parts = []
        left = size if size >= 0 else sys.maxsize
        while left and (part := self._some(left)):
            parts.append(part)
            left -= len(part)
            self._crc = zlib.crc32(part, self._crc)
        return b"".join(parts)

    def _some(self, most: int) -> bytes:
        """At least one byte, unless there are no more."""
        if self._unpacker is None:
            return self._packed(most)
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._packed(_BLOCK)
            try:
                part = self._unpacker.decompress(packed, most)
            except zlib.error as error:
                raise ValueError(f"not what zlib packed ({error})") from error
            if part or not packed:
                return part
        return b""

    def _packed(self, most: int) -> bytes:
        block = self._file.read(min(most, self._left))
        self._left -= len(block)
        return block


@contextmanager
def array(path: AnyPath, name: str) -> Iterator[Array]:
    """An array to read from; KeyError where there is none of that name, OSError or ValueError where it can't be read."""
    with open_regular(path) as file:
        try:
            entry = _directory(file)[f"{name}.npy"]
            file.seek(entry.header_at)
            header = _LOCAL.unpack(file.read(_LOCAL.size))
        except struct.error as error:
            raise ValueError("not a whole zip file") from error
        file.seek(header[9] + header[10], 1)  # past the name and what else stands there
        yield Array(file, entry)


def _directory(file: IO[bytes]) -> dict[str, _Entry]:
    """What a zip file holds; ValueError where it is none."""
    file.seek(0, 2)
    length = file.tell()
    file.seek(max(0, length - 2**16 - _END.size))  # a comment of 64 KiB may follow
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0:
        raise ValueError("not a whole zip file")
    _, _, _, _, count, _, start, _ = _END.unpack_from(tail, at)
    file.seek(start)
    entries = {}
    for _ in range(count):
        fields = _ENTRY.unpack(file.read(_ENTRY.size))
        if fields[0] != b"PK\1\2":
            raise ValueError("not a whole zip file")
        name = file.read(fields[10]).decode("utf-8", errors="replace")
        file.seek(fields[11] + fields[12], 1)
        entries[name] = _Entry(fields[3], fields[4], fields[7], fields[8], fields[9], fields[16])
    return entries
