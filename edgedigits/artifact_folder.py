"""Reading an artifact folder back, without TensorFlow: its manifest, and every file's hash checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits.errors import ArtifactError

SCHEMA = 1


@dataclass(frozen=True)
class Artifact:
    """A written folder and its manifest."""

    path: Path
    manifest: dict[str, Any]


def read(path: Path) -> Artifact:
    """An artifact from its folder. Raises ArtifactError when it is none, of another schema, or a file was altered."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: not an artifact folder (manifest.json: {error})") from error
    if (
        not isinstance(manifest, dict)
        or manifest.get("schema") != SCHEMA
        or not isinstance(manifest.get("files"), dict)
    ):
        raise ArtifactError(f"{path}/manifest.json: not of schema {SCHEMA}; compress again with this version")
    for name, wanted in manifest["files"].items():
        if name != Path(name).name or name.startswith("."):
            raise ArtifactError(f"{path}/manifest.json: lists {name!r}, which is no plain file name; compress again")
        if not (path / name).is_file() or sha256(path / name) != wanted:
            raise ArtifactError(f"{path / name}: missing or altered since it was written; compress again")
    return Artifact(path, manifest)


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
