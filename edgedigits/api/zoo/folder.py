"""The folder of a comparison: what it holds, and whose it is.

OUT/
    asked.json          data and seed; another comparison's folder is not gone on with
    nets/               trained models, each in a folder called after the net and a hash of how it was to be trained
    artifacts/          what recipes made, as `compress` writes it
    rows/, times/       what was measured of each, with hashes of what it was measured of
    comparison.json     the whole document; beside it .csv, .html and .md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits.errors import DamagedError, InputError
from edgedigits.ground.atomic import check_writable
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.kept_files import read_sealed, write_sealed
from edgedigits.ground.locks import locked

ASKED: Final = "asked.json"
RESULT: Final = "comparison.json"
_SCHEMA: Final = 1


@dataclass(frozen=True)
class Folder:
    """A comparison's folder that is opened."""

    path: Path

    @property
    def nets(self) -> Path:
        return self.path / "nets"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    def kept(
        self,
        kind: str,
        of: JsonObject,
        find: Callable[[], JsonObject],
        worth: Callable[[JsonObject], bool] = lambda _found: True,
    ) -> JsonObject:
        """What `find` gives for `of`, JSON-safe: found again where it was kept for the very same, else found, and kept where it
        is `worth` that. What is damaged is found anew."""
        of = {"schema": _SCHEMA, **of}
        digest = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()
        path = self.path / kind / f"{digest[:16]}.json"
        try:
            known = read_sealed(path, {})
        except DamagedError:
            known = {}
        if known.get("of") == json.loads(json.dumps(of)) and isinstance(known.get("found"), dict):
            return dict(known["found"])
        found: JsonObject = json.loads(json.dumps(find()))
        if worth(found):
            write_sealed(path, {"of": of, "found": found})
        return found


@contextmanager
def open_folder(path: Path, identity: JsonObject) -> Iterator[Folder]:
    """The folder for as long as it is worked in, alone. Raises InputError where another comparison is in it, or something else
    that would be lost, ArtifactError where it can't be written or another run works in it."""
    check_writable(path, RESULT)
    with locked(path / ASKED, wait_s=0, doing="compares into"):
        _check_same(path, {"schema": _SCHEMA, "kind": "compare-zoo", **identity})
        yield Folder(path)


def _check_same(path: Path, asked: JsonObject) -> None:
    file = path / ASKED
    if not file.exists():
        if (path / RESULT).exists():
            raise InputError(f"--out {path}: holds a {RESULT} that no comparison of nets wrote; give another folder")
        write_sealed(file, asked)
        return
    try:
        known = read_sealed(file, {})
    except DamagedError as error:
        raise InputError(f"--out {path}: can't be gone on with ({error}); give another folder") from error
    for key, wanted in json.loads(json.dumps(asked)).items():
        if known.get(key) != wanted:
            told = f"{key} {_brief(known.get(key))}, this one has {_brief(wanted)}"
            raise InputError(f"--out {path}: holds another comparison, of {told}; give another folder")


def _brief(value: object) -> str:
    text = "the model's own" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
