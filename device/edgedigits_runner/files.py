"""Files in and out: hashes, JSON read, JSON written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from edgedigits_runner.errors import RunnerError


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read 64 KiB at a time so that hashing leaves no mark on peak memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(65536):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> Any:
    """The JSON in a file; RunnerError "job" where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunnerError("job", f"{path}: not a readable JSON file ({error})") from error


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Writes beside the final name, then renames: a reader never meets half a result."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(value), encoding="utf-8")
    beside.replace(path)
