"""Finished stages, kept by what they depend on: model, data, settings, seed, versions and the code itself."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner import scaling

from edgedigits import keras_models
from edgedigits.atomic import whole_folder
from edgedigits.backend import has_bfloat16
from edgedigits.cache_dir import cache_dir
from edgedigits.errors import EdgeDigitsError
from edgedigits.stages.candidate import Candidate, Facts


@cache
def code_version() -> str:
    """SHA-256 over the sources of this package, and of how the runner scales pixels, since it is done so here, too."""
    digest = hashlib.sha256(Path(scaling.__file__).read_bytes())
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """What the outcome of a stage depends on besides this package."""
    names = ("edgedigits", "tensorflow", "tf-keras", "keras", "numpy", "ai-edge-litert")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def chained(previous: str, **parts: Any) -> str:
    """The key of what follows `previous` with these JSON-safe parts."""
    return hashlib.sha256(json.dumps([previous, parts], sort_keys=True).encode()).hexdigest()


def first_key(model_sha256: str, data_fingerprint: str, **settings: Any) -> str:
    """The key of a run before its first stage."""
    machine = {"architecture": platform.machine(), "bfloat16": has_bfloat16()}
    return chained(
        "",
        model=model_sha256,
        data=data_fingerprint,
        versions=versions(),
        code=code_version(),
        machine=machine,
        **settings,
    )


@dataclass(frozen=True)
class StageCache:
    """`fresh` neither reads nor spares what is kept: a stage that is run again replaces it."""

    fresh: bool = False
    custom: Sequence[str] = ()

    def load(self, key: str) -> tuple[Candidate, Facts] | None:
        """The kept outcome, or None; a damaged one counts as none and is removed."""
        folder = self._folder(key)
        if self.fresh or not folder.is_dir():
            return None
        try:
            model, arrays = keras_models.restore(folder, custom=self.custom)
            facts = json.loads((folder / "facts.json").read_text())
        except (EdgeDigitsError, OSError, ValueError):
            shutil.rmtree(folder, ignore_errors=True)
            return None
        return Candidate(model, _part(arrays, "mask "), _part(arrays, "cluster ")), facts

    def keep(self, key: str, candidate: Candidate, facts: Facts) -> None:
        """Keep an outcome, whole or not at all."""
        arrays = {f"mask {path}": mask for path, mask in candidate.masks.items()}
        arrays |= {f"cluster {path}": groups for path, groups in candidate.clusters.items()}
        with whole_folder(self._folder(key)) as folder:
            keras_models.save(candidate.model, arrays, folder)
            (folder / "facts.json").write_text(json.dumps(facts))

    def _folder(self, key: str) -> Path:
        return cache_dir() / "stages" / key


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
