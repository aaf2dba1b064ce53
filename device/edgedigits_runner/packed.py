"""Models in their shipping forms, .tflite.gz and .tflite.zst: opened in memory, nothing is written.

gzip is in every Python; zstd from 3.14 on, before that where one of three packages is installed.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import Any

from edgedigits_runner.errors import RunnerError

MOST_BYTES = 256 * 2**20
"""What a model may be once opened: more than any that a small machine runs, less than what would fill it."""

_ALIKE = ("compression.zstd", "backports.zstd", "pyzstd")  # of one interface
_OTHER = "zstandard"


def opened(path: str) -> bytes:
    """The .tflite bytes in a packed file; RunnerError "model" where it can't be opened or holds too much."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise RunnerError("model", f"{path}: can't be read ({error.strerror})") from error
    flat = _gunzipped(path, data) if path.endswith(".gz") else _unzstd(path, data)
    if len(flat) > MOST_BYTES:
        raise _too_much(path)
    if flat[4:8] != b"TFL3":
        raise RunnerError("model", f"{path}: what is packed in it is not a .tflite file (no mark TFL3)")
    return flat


def _gunzipped(path: str, data: bytes) -> bytes:
    opener = zlib.decompressobj(31)
    try:
        return _whole(path, opener, opener.decompress(data, MOST_BYTES + 1))
    except zlib.error as error:
        raise _broken(path, error) from error


def _unzstd(path: str, data: bytes) -> bytes:
    for name in (*_ALIKE, _OTHER):
        try:
            module = import_module(name)
        except ImportError:
            continue
        try:
            return _by_zstandard(path, module, data) if name == _OTHER else _by_zstd(path, module, data)
        except module.ZstdError as error:
            raise _broken(path, error) from error
    raise RunnerError(
        "model",
        f"{path}: this Python has no zstd (from 3.14 on it does); install zstandard, or ship the .tflite.gz form, "
        "which every Python opens",
    )


def _by_zstd(path: str, module: Any, data: bytes) -> bytes:
    opener = module.ZstdDecompressor()
    return _whole(path, opener, opener.decompress(data, MOST_BYTES + 1))


def _by_zstandard(path: str, module: Any, data: bytes) -> bytes:
    """This one makes room for what the frame says it holds, so that is looked at before."""
    said = module.frame_content_size(data)
    if said < 0:
        raise _broken(path, "its frame does not say how much it holds")
    if said > MOST_BYTES:
        raise _too_much(path)
    return bytes(module.ZstdDecompressor().decompress(data, allow_extra_data=False))


def _whole(path: str, opener: Any, flat: bytes) -> bytes:
    if opener.unused_data or not (opener.eof or len(flat) > MOST_BYTES):
        raise _broken(path, "more follows its end" if opener.unused_data else "its end is missing")
    return flat


def _too_much(path: str) -> RunnerError:
    return RunnerError("model", f"{path}: opens to more than {MOST_BYTES >> 20} MiB; ship the plain .tflite file")


def _broken(path: str, why: object) -> RunnerError:
    return RunnerError("model", f"{path}: truncated or altered ({why}); copy it again")
