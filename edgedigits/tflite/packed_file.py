"""The forms a model is shipped in: .tflite as it is, .tflite.gz, .tflite.zst. The device runner opens all three.

gzip is what every Python opens; zstd is a little smaller, and Python has it from 3.14.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final, Literal, get_args

import zstandard
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.model_file import PACKED
from edgedigits_runner.packed import opened

from edgedigits.errors import InputError, TfliteError

Form = Literal["plain", "gz", "zst"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
_GZIP: Final = 31  # a gzip header around the widest window
_ZSTD_LEVEL: Final = 22


def pack_file(flat: bytes, form: Form) -> bytes:
    """The bytes in a form; the same bytes give the same file."""
    if form == "gz":
        return min((_gzipped(flat, memory, strategy) for memory in (8, 9) for strategy in (0, 1)), key=len)
    if form == "zst":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(flat)
    return flat


def _gzipped(flat: bytes, memory: int, strategy: int) -> bytes:
    """`strategy` 0 is zlib's default, 1 is for filtered data; which is smaller depends on the weights."""
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP, memory, strategy)
    return packer.compress(flat) + packer.flush()


def unpack_file(path: Path) -> bytes:
    """The .tflite bytes in a file, whatever its form. Raises InputError where it can't be read or opened."""
    try:
        if path.name.endswith(PACKED):
            return opened(str(path))
        return path.read_bytes()
    except RunnerError as error:
        raise TfliteError(error.message) from error
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error


def name_form(path: Path, form: Form) -> Path:
    """The file's name in a form: m.tflite as m.tflite.gz, m.tflite.zst as m.tflite."""
    bare = path.with_suffix("") if path.name.endswith(PACKED) else path
    return bare if form == "plain" else bare.with_name(f"{bare.name}.{form}")
