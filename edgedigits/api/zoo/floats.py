"""The float models of a comparison: shipped, found again, or trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits.api.progress import Told
from edgedigits.api.train import train
from edgedigits.api.zoo.folder import Folder
from edgedigits.api.zoo.question import Question
from edgedigits.data.dataset import Dataset
from edgedigits.data.scale import parse_scaling
from edgedigits.errors import ArtifactError
from edgedigits.ground.facts import JsonObject
from edgedigits.models.zoo import build
from edgedigits.models.zoo.shipped import find_record_beside, find_shipped_folder, find_shipped_record


@dataclass(frozen=True, eq=False)
class Made:
    """A trained model: its file, the record beside it, the images in the size that it takes."""

    name: str
    path: Path
    record: JsonObject
    dataset: Dataset
    shipped: bool = False


def check_suits(name: str, question: Question) -> None:
    """Raises InputError where a net of the zoo can't be built for the data, and none is shipped for it."""
    if _find_shipped(name, question) is None:
        from edgedigits.backend import keras

        build(name, question.dataset.shape, len(question.dataset.classes))
        keras.backend.clear_session()


def find_or_train(name: str, question: Question, folder: Folder, _before: Sequence[Made], told: Told) -> Made:
    """The shipped baseline where one is for that data, else the one that was trained here already, else one trained now by
    `train` with the net's own settings. Interrupted, the same call goes on. Raises InputError's kinds."""
    said = {"epochs": question.epochs, "augment": question.augment}
    settings = {name: one for name, one in said.items() if one is not None}
    return _find_shipped(name, question) or find_or_make(name, ".keras", settings, settings, question, folder, told)


def _find_shipped(name: str, question: Question) -> Made | None:
    """The size of a shipped baseline's images is part of what it is."""
    record = find_shipped_record(name)
    if record is None:
        return None
    if question.scaling is not None and parse_scaling(record["input"]["scale"]) != question.scaling:
        return None
    size = tuple(record["input"]["shape"][:2])
    free = question.wish.resize is None and size != question.dataset.shape[:2]
    dataset = question.resized((size[0], size[1])) if free else question.dataset
    if record["data"]["fingerprint"] != dataset.fingerprint:
        return None
    return Made(name, find_shipped_folder() / f"{name}.keras", record, dataset, shipped=True)


def find_or_make(
    name: str,
    ending: str,
    of: JsonObject,
    options: Mapping[str, Any],
    question: Question,
    folder: Folder,
    told: Told,
) -> Made:
    """A model by `train` with these options, in a file of that ending; found again where it was made so on the same data with the
    same seed. `of` is what it depends on besides, JSON-safe. Raises as `train` does."""
    dataset, scale = question.dataset, question.scaling
    pixels = None if scale is None else scale.as_json()
    how = {"name": name, "seed": question.seed, "data": dataset.fingerprint, "scale": pixels, **of}
    mark = hashlib.sha256(json.dumps(how).encode()).hexdigest()[:8]
    path = folder.nets / f"{name}-{mark}" / f"{name}{ending}"
    record = _find_record(path, how, told)
    if record is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        train(name, dataset, out=path, seed=question.seed, pixel_range=scale, progress=told.progress, **options)
        record = find_record_beside(path)
    if record is None:
        raise ArtifactError(f"{path}: altered while it was read; leave the folder alone meanwhile")
    return Made(name, path, record, dataset)


def _find_record(path: Path, how: JsonObject, told: Told) -> JsonObject | None:
    """The record of a finished training, if the model there is what was to be trained; None else."""
    try:
        record = find_record_beside(path)
    except ArtifactError as error:
        told.say(f"{path.stem} is trained anew ({error})")
        return None
    if record is None:
        return None
    settings = record["settings"]
    same = record["data"]["fingerprint"] == how["data"]
    known = all(settings.get(key) == how[key] for key in ("name", "seed", "epochs") if key in how)
    return record if same and known else None
