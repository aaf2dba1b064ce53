"""The arrays of .npz files, read without believing them: what is announced is compared with what is there, then made.

The heads are read by the runner's own reader, which raises nothing but ValueError; zipfile unpacks.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from edgedigits_runner.files import open_regular
from edgedigits_runner.npy import read_head
from edgedigits_runner.npz import unpacked_fits

from edgedigits.errors import DataError

MOST_BYTES = 2**34
"""Of one array: 16 GiB."""

DENSE_BYTES, MOST_DENSE = 2**28, 100
"""Above 256 MiB an array may not be more than a hundred times what the file holds of it: no set of images packs so well."""

_BLOCK = 2**22
_PACKINGS = {zipfile.ZIP_STORED: False, zipfile.ZIP_DEFLATED: True}


def read_arrays(path: Path, wanted: Sequence[str], layout: str) -> dict[str, np.ndarray]:
    """Those arrays of a file. Raises DataError when one is missing, or when the file can't be read, whatever is wrong with it."""
    with _plain_errors(path), open_regular(path) as opened, zipfile.ZipFile(opened) as archive:
        there = {info.filename: info for info in archive.infolist()}
        if lacking := [name for name in wanted if f"{name}.npy" not in there]:
            raise DataError(f"{path}: holds no {lacking[0]}; the layout is {layout}")
        return {name: _array(archive, there[f"{name}.npy"], name) for name in wanted}


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    if info.compress_type not in _PACKINGS or info.flag_bits & 1:
        raise ValueError(f"{name} is encrypted, or packed in another way than numpy.savez does")
    with archive.open(info) as file:
        head = read_head(file)
        found = f"{name} announces {head.dtype} {list(head.shape)}"
        if head.size + head.length != info.file_size or not unpacked_fits(
            info.file_size, info.compress_size, _PACKINGS[info.compress_type]
        ):
            raise ValueError(f"{found}, which it can't hold")
        if head.size > MOST_BYTES:
            raise ValueError(f"{found}, {head.size} bytes; arrays of up to {MOST_BYTES} are read")
        if head.size > DENSE_BYTES and head.size > MOST_DENSE * info.compress_size:
            raise ValueError(f"{found}, {head.size} bytes packed into {info.compress_size}, as no images are")
        data = bytearray()
        while block := file.read(_BLOCK):
            data += block
    return head.array(data)


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """All that zipfile, zlib and the system are known to raise on damaged files, as DataError."""
    try:
        yield
    except (
        *(OSError, EOFError, ValueError, MemoryError, OverflowError, RuntimeError, NotImplementedError),
        *(AttributeError, KeyError, IndexError, TypeError, UnicodeError),
        *(struct.error, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error),
    ) as error:
        said = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a readable .npz file ({said}); write it with numpy.savez_compressed") from error
