"""The manifest of an artifact: what every reader of it, here and on the host, may rely on once it was read.

Schema 2 carries a hash of itself, so that a changed scale or class name is found as a changed model is. Schema 1, which older
versions wrote, has none and is read as far as it goes. Schema 3 is 2 with something that must not be overlooked, images that are
cleaned or a threshold below which nothing is answered: who knows only 2 refuses it.
"""

from __future__ import annotations

import os
from typing import Any

from edgedigits_runner.clean_settings import clean_of
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import read_json
from edgedigits_runner.kept import (
    HASH,
    fault,
    hash_of,
    is_hash,
    is_line,
    is_object,
    is_share,
    is_text,
    is_whole,
)
from edgedigits_runner.reading import METHODS, colour_of
from edgedigits_runner.scaling import scaling_of
from edgedigits_runner.tasks import from_json

SCHEMA = 2
BINDING = 3
"""The schema where a reader of 2 would overlook something."""
SCHEMAS = (1, SCHEMA, BINDING)
MOST_BYTES = 2**24
AGAIN = "compress again, or copy the folder again"


def read_manifest(path: str) -> dict[str, Any]:
    """The manifest in a file; RunnerError "job" where it is no JSON, "model" for another schema, shape or hash."""
    manifest = read_json(path, MOST_BYTES)
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if not is_whole(schema) or schema not in SCHEMAS:
        raise RunnerError(
            "model",
            f"{path}: not of schema {', '.join(map(str, SCHEMAS[:-1]))} or {SCHEMAS[-1]}; what wrote and what reads it differ in "
            "version",
        )
    if found := fault(manifest, _FIRST if schema == 1 else _SECOND):
        raise RunnerError("model", f"{path}: incomplete or altered ({found}); {AGAIN}")
    for place in ("input.scale", "task", "float_task"):
        try:
            _check(manifest, place)
        except ValueError as error:
            raise RunnerError("model", f"{path}: incomplete or altered ({place}: {error}); {AGAIN}") from error
    if schema != BINDING and schema_of(manifest) == BINDING:
        raise RunnerError("model", f"{path}: incomplete or altered (schema {schema} for what needs {BINDING}); {AGAIN}")
    if HASH in manifest and manifest[HASH] != hash_of(manifest):
        raise RunnerError("model", f"{path}: altered since it was written (SHA-256); {AGAIN}")
    return dict(manifest)


def schema_of(manifest: dict[str, Any]) -> int:
    """The schema that a manifest is written in: BINDING where images are cleaned or an answer may be refused, else SCHEMA."""
    tasks = [manifest.get(place) or {} for place in ("task", "float_task")]
    refuses = any("threshold" in (task.get("confidence") or {}) for task in tasks)
    return BINDING if refuses or manifest["input"].get("clean") is not None else SCHEMA


def _check(manifest: dict[str, Any], place: str) -> None:
    """ValueError where what stands there does not hold together. `float_task` is that of the float form, where it differs."""
    if place == "input.scale":
        scaling_of(manifest["input"]["scale"]).check_channels(manifest["input"]["shape"][2])
    else:
        from_json(manifest.get(place))


def _is_shape(value: Any) -> bool:
    """Height, width and channels of images."""
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(is_whole(length) and 1 <= length <= 2**16 for length in value)
        and value[2] in (1, 3)
    )


def is_scale(value: Any) -> bool:
    """A scaling by name or with all its numbers."""
    try:
        scaling_of(value)
    except ValueError:
        return False
    return True


def _is_colour(value: Any) -> bool:
    try:
        colour_of(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_clean(value: Any) -> bool:
    try:
        return isinstance(value, dict) and clean_of(value) is not None
    except ValueError:
        return False


def _are_files(value: Any) -> bool:
    """Plain names in the folder itself, each with its SHA-256."""
    return isinstance(value, dict) and all(
        is_line(name) and os.path.basename(name) == name and not name.startswith(".") and is_hash(digest)
        for name, digest in value.items()
    )


def _are_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(is_whole, value.values()))


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e9


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


_FIRST: dict[str, Any] = {
    "model?": {"name": is_line},
    "recipe": {"name": is_line},
    "export": {
        "export": is_line,
        "rounds?": _is_switch,
        "float16_arithmetic?": _is_switch,
        "slim?": {"before": _are_counts},
    },
    "data": {"name": is_text, "fingerprint": is_text, "classes": [is_text]},
    "input": {
        "shape": _is_shape,
        "scale": is_scale,
        "folded?": {"scale": is_scale},
        "resizing?": lambda value: value in METHODS,
        "background?": _is_colour,
        "clean?": _is_clean,
        "bits?": lambda value: value is None or (is_whole(value) and 8 <= value <= 16),
    },
    "files": _are_files,
}
_SECOND: dict[str, Any] = {
    **_FIRST,
    HASH: is_hash,
    "model": {"name": is_line, "sha256": is_hash},
    "recipe": {"name": is_line, "for": is_text, "stages": [is_object], "export": is_object},
    "seed": is_whole,
    "stages": [{"stage": is_line, "seconds": _is_time}],
    "export": {**_FIRST["export"], "seconds": _is_time, "size_bytes": is_whole},
    "float": {"export": is_line, "size_bytes": is_whole},
    "test": {"images": is_whole, "accuracy": is_share, "float_accuracy": is_share},
    "warnings": [is_text],
    "key": is_hash,
    "versions": is_object,
}
