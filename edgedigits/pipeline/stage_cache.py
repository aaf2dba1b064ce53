"""Finished stages, kept by what they depend on: model, data, settings, seed, versions and the code itself."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from edgedigits_runner import scaling
from edgedigits_runner.kept import is_object

from edgedigits.backend import has_bfloat16
from edgedigits.errors import ArtifactError, EdgeDigitsError
from edgedigits.ground.atomic import check_writable, whole_folder
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.ground.facts import Facts
from edgedigits.ground.kept_files import check_folder, read_sealed, seal_folder, set_aside, write_sealed
from edgedigits.ground.locks import locked
from edgedigits.models.importer import loading
from edgedigits.stages.candidate import Candidate

_PACKAGE = Path(__file__).parents[1]


@cache
def hash_code() -> str:
    """SHA-256 over the sources of this package, and of how the runner scales pixels, since it is done so here, too."""
    digest = hashlib.sha256(Path(scaling.__file__).read_bytes())
    for path in list_sources():
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def list_sources() -> list[Path]:
    """Every module of this package, wherever in it this one stands."""
    return sorted(_PACKAGE.rglob("*.py"))


def list_versions() -> dict[str, str]:
    """What the outcome of a stage depends on besides this package."""
    names = ("edgedigits", "tensorflow", "keras", "numpy", "ai-edge-litert")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def chain_key(previous: str, **parts: object) -> str:
    """The key of what follows `previous` with these JSON-safe parts."""
    return hashlib.sha256(json.dumps([previous, parts], sort_keys=True).encode()).hexdigest()


def start_key(model_sha256: str, data_fingerprint: str, **settings: object) -> str:
    """The key of a run before its first stage."""
    machine = {"architecture": platform.machine(), "bfloat16": has_bfloat16()}
    return chain_key(
        "",
        model=model_sha256,
        data=data_fingerprint,
        versions=list_versions(),
        code=hash_code(),
        machine=machine,
        **settings,
    )


@dataclass(frozen=True)
class StageCache:
    """`fresh` neither reads nor spares what is kept: a stage that is run again replaces it. `say` gets a line about damage."""

    fresh: bool = False
    custom: Sequence[str] = ()
    say: Callable[[str], None] = lambda _: None

    def check_writable(self) -> None:
        """Raises ArtifactError now, before any stage, when none could be kept."""
        try:
            check_writable(self._folder(""))
        except ArtifactError as error:
            why = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error
            raise ArtifactError(
                f"{find_cache_dir()}: the cache can't be written ({why}), so no stage could be kept; set EDGEDIGITS_CACHE to a "
                "folder that can be"
            ) from error

    def load(self, key: str) -> tuple[Candidate, Facts] | None:
        """The kept outcome, or None; a damaged one counts as none, and is set aside with a line."""
        folder = self._folder(key)
        if self.fresh or not folder.is_dir():
            return None
        with locked(folder, shared=True):
            try:
                check_folder(folder)
                model, arrays = loading.restore(folder, custom=self.custom)
                facts = read_sealed(folder / "facts.json", {"facts": is_object})["facts"]
                made = Candidate(model, _part(arrays, "mask "), _part(arrays, "cluster "))
                return replace(made, corrections=_part(arrays, "correction ")), facts
            except (EdgeDigitsError, OSError, ValueError) as error:
                self.say(f"a kept stage is damaged, so it is set aside and made anew ({error})")
                set_aside(folder)
                return None

    def keep(self, key: str, candidate: Candidate, facts: Facts) -> None:
        """Keep an outcome, whole or not at all."""
        arrays = {f"mask {path}": mask for path, mask in candidate.masks.items()}
        arrays |= {f"cluster {path}": groups for path, groups in candidate.clusters.items()}
        arrays |= {f"correction {name}": correction for name, correction in candidate.corrections.items()}
        with whole_folder(self._folder(key)) as folder:
            loading.save(candidate.model, arrays, folder)
            write_sealed(folder / "facts.json", {"facts": facts})
            seal_folder(folder)

    def _folder(self, key: str) -> Path:
        return find_cache_dir() / "stages" / key


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
