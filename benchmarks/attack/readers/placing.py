"""A whole release with one spoiled file in it, its manifest brought in line, so that the file itself is what is judged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from benchmarks.attack.readers.calling import Case

try:
    from edgedigits_runner.kept import sealed as sealed
except ImportError:  # a manifest without a hash of itself

    def sealed(document: dict[str, Any]) -> dict[str, Any]:
        return document


def released(case: Case, name: str, seal: bool = False) -> Path:
    """The folder of the release in which `name` is the spoiled file; `seal`: a spoiled manifest has its own hash right."""
    folder = case.folder / "release"
    folder.mkdir()
    for path in (case.corpus / "release").iterdir():
        if path.name not in (name, "manifest.json"):
            (folder / path.name).hardlink_to(path)
    content = case.file.read_bytes()
    (folder / name).write_bytes(resealed(content) if seal else content)
    if name != "manifest.json":
        manifest = json.loads((case.corpus / "release" / "manifest.json").read_text())
        manifest["files"][name] = hashlib.sha256(content).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(sealed(manifest)))
    return folder


def resealed(content: bytes) -> bytes:
    """The document with the right hash of itself, as far as it is one: what it says is then judged, not the hash."""
    try:
        found = json.loads(content)
        return json.dumps(sealed(found)).encode() if isinstance(found, dict) else content
    except (ValueError, TypeError, RecursionError):
        return content
