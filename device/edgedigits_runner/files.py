"""Files in and out: hashes, JSON read, JSON written whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from typing import IO, TYPE_CHECKING, Any

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.hashing import new_sha256
from edgedigits_runner.kept import parse

if TYPE_CHECKING:
    AnyPath = str | os.PathLike[str]

_EINVAL, _EFBIG = 22, 27  # as Linux counts; a module less to import
MOST_BYTES = 2**29
"""Of a file that is read at once: the greatest image that is decoded, as a plain bitmap of 16 bits and four channels."""


def joined(*parts: str) -> str:
    """The path as pathlib writes it; importing that would take a thirtieth of the time to the first answer."""
    path = os.path.join(*parts)
    kept = [part for part in path.split(os.sep) if part not in ("", os.curdir)]
    return (os.sep if os.path.isabs(path) else "") + os.sep.join(kept) or os.curdir


def open_regular(path: AnyPath) -> IO[bytes]:
    """The file, opened for reading; OSError for what is none, as a pipe that nobody writes to or a device that never ends."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a name that holds a zero byte
        raise OSError(_EINVAL, str(error), path) from error
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(_EINVAL, "not a regular file", path)
    return os.fdopen(opened, "rb")


def read_whole(path: AnyPath, most_bytes: int = MOST_BYTES) -> bytes:
    """What is in a file; OSError where it can't be read, is no regular file, or is larger than any image."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most_bytes:
            raise OSError(_EFBIG, f"larger than {most_bytes} bytes", path)
        return file.read(most_bytes)


def sha256_of(path: AnyPath) -> str:
    """Hex SHA-256 of a file, read 64 KiB at a time so that hashing leaves no mark on peak memory."""
    digest = new_sha256()
    with open(path, "rb") as file:
        while block := file.read(65536):
            digest.update(block)
    return str(digest.hexdigest())


def read_json(path: AnyPath, most_bytes: int = 2**26) -> Any:
    """The JSON in a regular file of that size at most; RunnerError "job" where there is none."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise ValueError("no regular file")
        with open(path, "rb") as file:
            found = file.read(most_bytes + 1)
        if len(found) > most_bytes:
            raise ValueError(f"larger than {most_bytes} bytes")
        return parse(found)
    except (OSError, ValueError) as error:
        raise RunnerError("job", f"{path}: not a readable JSON file ({error})") from error


def write_json(path: AnyPath, value: dict[str, Any]) -> None:
    """Writes beside the final name, then renames: a reader never meets half a result."""
    beside = f"{path}.part"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(json.dumps(value))
    os.replace(beside, path)
