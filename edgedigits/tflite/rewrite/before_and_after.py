"""What `edgedigits inspect` looks at: a file in any form, an artifact's model, and what slim leaves, or left, of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedigits.ground import artifact_folder
from edgedigits.ground.facts import JsonObject
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
    file = _find_file(path)
    recorded = None if slim else _recorded(file)
    flat = unpack_file(file)
    contents = read(flat, str(file))
    if slim:
        from edgedigits.tflite.rewrite.slim import slim as slimmed

        return contents, Change(contents.parts, read(slimmed(flat, str(file)), "the slim bytes").parts)
    return contents, Change(recorded, contents.parts) if recorded else None


def list_input_notes(path: Path) -> list[str]:
    """What an artifact tells of its model's input, as that it scales pixels itself; nothing where there is no manifest beside.

    Raises ArtifactError where that can't be read.
    """
    manifest = _manifest(_find_file(path))
    notes = [stage.get("adapted") for stage in manifest.get("stages", [])]
    return [line for note in notes if isinstance(note, list) for line in note if isinstance(line, str)]


def _find_file(path: Path) -> Path:
    return path / MODEL if path.is_dir() else path


def _manifest(file: Path) -> JsonObject:
    """That of the artifact whose model the file is; {} where it is none's."""
    if file.name != MODEL or not (file.parent / "manifest.json").is_file():
        return {}
    return artifact_folder.read(file.parent).manifest


def _recorded(file: Path) -> dict[str, int] | None:
    """The parts of the bytes that an artifact's model was made slim from."""
    before: dict[str, int] | None = _manifest(file).get("export", {}).get("slim", {}).get("before")
    return before
