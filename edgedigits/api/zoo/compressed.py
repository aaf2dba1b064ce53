"""The artifacts of a comparison, found again by what they are: model, recipe, data and seed, every file's hash checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgedigits.api.compress import compress
from edgedigits.api.progress import Told
from edgedigits.api.zoo.floats import Made
from edgedigits.api.zoo.folder import Folder
from edgedigits.errors import ArtifactError
from edgedigits.ground import artifact_folder
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.models.saved.saved_files import hash_model
from edgedigits.pipeline.recipe import Recipe


@dataclass(frozen=True)
class Shelf:
    """The artifacts of a folder by what they are."""

    folder: Folder
    found: dict[str, Artifact] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Folder, told: Told) -> Shelf:
        """All that are whole; of each that is not a line, and it is made anew."""
        return cls(folder, {_name(one): one for one in _read_all(folder.artifacts, told)})

    def find_or_compress(self, made: Made, recipe: Recipe, seed: int, told: Told) -> Artifact:
        """The artifact of a model and a recipe, made by `compress` where there is none yet. Raises as `compress` does."""
        wanted = _join(hash_model(made.path), recipe.as_dict(), seed, made.dataset.fingerprint)
        if wanted not in self.found:
            out, watch = self.folder.artifacts, told.progress
            one = compress(made.path, made.dataset, recipe=recipe, out=out, seed=seed, progress=watch)
            self.found[wanted] = Artifact(one.path, one.manifest)
        return self.found[wanted]


def _read_all(folder: Path, told: Told) -> Iterator[Artifact]:
    for path in sorted(folder.glob("*/manifest.json")):
        if path.parent.name.startswith("."):  # a run that was killed was writing it
            continue
        try:
            yield artifact_folder.read(path.parent)
        except ArtifactError as error:
            told.say(f"an artifact is made anew ({error})")


def _name(one: Artifact) -> str:
    manifest = one.manifest
    return _join(manifest["model"]["sha256"], manifest["recipe"], manifest.get("seed"), manifest["data"]["fingerprint"])


def _join(*parts: object) -> str:
    return json.dumps(parts, sort_keys=True)
