"""What a device gets: an artifact's files, the runner and release.json, named after what they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgedigits.devices.runner_archive import NAME as RUNNER
from edgedigits.devices.runner_archive import build_runner
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.measure.runtimes.wheels import Packages

_SCHEMA = 1


@dataclass(frozen=True)
class Release:
    """All the files of a release by name, and the packages it runs with."""

    name: str
    files: Mapping[str, Path | bytes]
    packages: Packages

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(item) if isinstance(item, bytes) else item.stat().st_size for item in self.files.values())


def make_release(made: Artifact, packages: Packages) -> Release:
    """The artifact's files, the runner, and release.json, named after the hash of all of them and the packages."""
    files: dict[str, Path | bytes] = {name: made.path / name for name in (*made.manifest["files"], "manifest.json")}
    files[RUNNER] = build_runner()
    hashes = {name: _sha256(content) for name, content in sorted(files.items())}
    name = hashlib.sha256(json.dumps([hashes, packages.runtime, packages.hash]).encode()).hexdigest()[:12]
    about = {
        "schema": _SCHEMA,
        "release": name,
        "runtime": packages.runtime,
        "environment": packages.hash,
        "packages": packages.versions,
        "files": hashes,
    }
    files["release.json"] = json.dumps(about, indent=1).encode() + b"\n"
    return Release(name, files, packages)


def _sha256(content: Path | bytes) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.read_bytes()).hexdigest()
