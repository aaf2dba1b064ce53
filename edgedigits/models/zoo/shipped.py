"""Where the shipped baselines lie, and the record that training leaves beside a model."""

from __future__ import annotations

from pathlib import Path

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import read_json, sha256_of
from edgedigits_runner.kept import HASH, fault, hash_of, is_text, is_whole
from edgedigits_runner.manifest import is_scale

from edgedigits.errors import ArtifactError
from edgedigits.ground.facts import JsonObject

_RECORD = {
    "schema": is_whole,
    "data": {"name": is_text, "fingerprint": is_text, "classes": [is_text]},
    "input": {"shape": [is_whole], "scale": is_scale},
    "settings": {"name": is_text, "seed": is_whole},
}


def find_shipped_folder() -> Path:
    """Where the shipped baselines are: inside the installed package, or in the checkout around it."""
    inside = Path(__file__).parents[2] / "baselines"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "artifacts" / "baselines"


def find_record_beside(model: Path) -> JsonObject | None:
    """The training record that `edgedigits train` leaves beside a model, if there is one for these very bytes.

    Raises ArtifactError where it is one, and was altered.
    """
    path = model.with_suffix(".json")
    try:
        record = read_json(path)
        found = sha256_of(model)
    except (OSError, RunnerError):
        return None
    if not isinstance(record, dict) or record.get("model_sha256") != found:
        return None
    sealed_since = record.get("schema") != 1  # older ones, as those that are shipped, have no hash of themselves
    wrong = fault(record, _RECORD) or (sealed_since and record.get(HASH) != hash_of(record) and "SHA-256")
    if wrong:
        raise ArtifactError(
            f"{path}: altered since training wrote it ({wrong}); remove it and give --scale, or train again"
        )
    return record


def find_shipped_record(name: str) -> JsonObject | None:
    """The record of the shipped baseline of that name, if there is one."""
    path = find_shipped_folder() / f"{name}.keras"
    return find_record_beside(path) if path.is_file() else None
