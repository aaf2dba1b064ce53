"""What edgedigits keeps on this machine between runs: sealed when written, checked when read, set aside when damaged.

A kept thing is never believed for its name alone: documents carry a hash of themselves, a folder carries the hashes of its files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import read_json, sha256_of
from edgedigits_runner.kept import HASH, fault, hash_of, is_hash, is_text, sealed

from edgedigits.errors import DamagedError
from edgedigits.ground.atomic import remove, whole_file
from edgedigits.ground.facts import JsonObject

LIST = "kept.json"
"""In a kept folder: the SHA-256 of every other file in it."""


def write_sealed(path: Path, document: Mapping[str, object]) -> None:
    """A JSON object with its hash, whole or not at all. Raises ArtifactError where it can't be written."""
    with whole_file(path) as part:
        part.write_text(json.dumps(sealed(dict(document)), indent=1) + "\n", encoding="utf-8")


def read_sealed(path: Path, shape: Mapping[str, object]) -> JsonObject:
    """What `write_sealed` wrote. Raises DamagedError where it is missing, no longer that, or not of this shape."""
    try:
        document = read_json(path)
    except RunnerError as error:
        raise DamagedError(error.message) from error
    if not isinstance(document, dict) or document.get(HASH) != hash_of(document):
        raise DamagedError(f"{path}: altered or cut short since it was written")
    if found := fault(document, dict(shape)):
        raise DamagedError(f"{path}: written by another version ({found})")
    return document


def seal_folder(folder: Path) -> None:
    """Lists what is in a folder, so that `check_folder` can tell later whether all of it is still there as it is now."""
    write_sealed(folder / LIST, {"files": hash_files(folder)})


def hash_files(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder but its list, by name."""
    return {item.name: sha256_of(item) for item in sorted(folder.iterdir()) if item.name != LIST}


def check_folder(folder: Path) -> None:
    """Raises DamagedError where a file of a sealed folder is missing, altered, or was added."""
    files = read_sealed(folder / LIST, {"files": are_hashes})["files"]
    check_files(folder, files)
    if added := {item.name for item in folder.iterdir()} - {LIST, *files}:
        raise DamagedError(f"{folder / min(added)}: does not belong there")


def check_files(folder: Path, wanted: Mapping[str, str]) -> None:
    """Raises DamagedError where a file is missing or is not what its SHA-256 says."""
    for name, digest in wanted.items():
        try:
            found = sha256_of(folder / name) if (folder / name).is_file() else "missing"
        except OSError as error:
            raise DamagedError(f"{folder / name}: can't be read ({error.strerror})") from error
        if found != digest:
            raise DamagedError(f"{folder / name}: {'missing' if found == 'missing' else 'altered or cut short'}")


def are_hashes(value: object) -> bool:
    """Plain names of files, each with a SHA-256."""
    return isinstance(value, dict) and all(
        is_text(name) and name == Path(name).name and is_hash(digest) for name, digest in value.items()
    )


def set_aside(path: Path) -> None:
    """Out of the way, as `<name>.damaged`, for whoever wants to know what happened to it; an older one goes."""
    damaged = path.with_name(f"{path.name}.damaged")
    remove(damaged)
    try:
        path.replace(damaged)
    except OSError:
        remove(path)
