"""Reading an artifact folder back, without TensorFlow: its manifest, and every file's hash checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import sha256_of
from edgedigits_runner.manifest import SCHEMA, read_manifest

from edgedigits.errors import ArtifactError
from edgedigits.ground.facts import JsonObject

__all__ = ["SCHEMA", "Artifact", "hash_file", "read"]


@dataclass(frozen=True)
class Artifact:
    """A written folder and its manifest."""

    path: Path
    manifest: JsonObject


def read(path: Path) -> Artifact:
    """An artifact from its folder. Raises ArtifactError when it is none, of another schema, or anything in it was altered.

    What the manifest must hold, of which form, is told in `edgedigits_runner.manifest`; it can be indexed into freely.
    """
    try:
        manifest = read_manifest(str(path / "manifest.json"))
    except RunnerError as error:
        raise ArtifactError(f"{path}: not an artifact folder that can be used: {error.message}") from error
    for name, wanted in manifest["files"].items():
        if not (path / name).is_file() or hash_file(path / name) != wanted:
            raise ArtifactError(f"{path / name}: missing or altered since it was written; compress again")
    return Artifact(path, manifest)


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. OSError where it can't be read."""
    return sha256_of(path)
