"""An image file wherever it lies: on disk, or as bytes that came out of another file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from edgedigits_runner.files import read_whole


@dataclass(frozen=True)
class Held:
    """The bytes of an image file, and where they were found, as `train.parquet row 7`: no two are found at one place."""

    where: str
    data: bytes = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.where

    def __str__(self) -> str:
        return self.where


Picture = Path | Held


def read_picture(picture: Picture) -> bytes:
    """What is in it. Raises OSError where it can't be read, is no regular file, or is larger than any image."""
    return picture.data if isinstance(picture, Held) else read_whole(picture)


def mark_picture(picture: Picture) -> str:
    """What changes when it does: size and time of change of a file, the hash of bytes."""
    if isinstance(picture, Held):
        return hashlib.sha256(picture.data).hexdigest()
    status = picture.stat()
    return f"{status.st_size} {status.st_mtime_ns}"
