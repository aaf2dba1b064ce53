"""What `edgedigits inspect` looks at: a file in any form, an artifact's model, and what slim leaves, or left, of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedigits.ground import artifact_folder
from edgedigits.tflite.contents import Contents
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.packed_file import unpack_file

MODEL = "model.tflite"


@dataclass(frozen=True)
class Change:
    """Bytes of each part before and after slim."""

    before: dict[str, int]
    after: dict[str, int]


def inspect(path: Path, slim: bool) -> tuple[Contents, Change | None]:
    """What the file holds, and the change: with `slim` what it would be, else what it was where an artifact tells.

    Raises InputError's kinds where it can't be read.
    """
    file = path / MODEL if path.is_dir() else path
    recorded = None if slim else _recorded(file)
    flat = unpack_file(file)
    contents = read(flat, str(file))
    if slim:
        from edgedigits.tflite.rewrite.slim import slim as slimmed

        return contents, Change(contents.parts, read(slimmed(flat, str(file)), "the slim bytes").parts)
    return contents, Change(recorded, contents.parts) if recorded else None


def _recorded(file: Path) -> dict[str, int] | None:
    """The parts of the bytes that an artifact's model was made slim from."""
    if file.name != MODEL or not (file.parent / "manifest.json").is_file():
        return None
    before: dict[str, int] | None = artifact_folder.read(file.parent).manifest["export"].get("slim", {}).get("before")
    return before
