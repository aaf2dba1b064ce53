"""The members of an ensemble: trained Keras models from files, each with how it takes its pixels; all must go together."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedigits_runner.files import sha256_of

from edgedigits.data.dataset import Dataset
from edgedigits.data.reading import parse_reading
from edgedigits.data.scale import Scale, Scaling, parse_scaling
from edgedigits.errors import InputError, ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.zoo.shipped import find_record_beside

LEAST = 2
"""Members that make an ensemble."""
_WANTED = "wanted a .keras file of Keras 3; load it in Keras and save it as one"


@dataclass(frozen=True)
class Member:
    """A trained model: `model` as its file has it, of Keras' own layers; `flat` as the stages know it; `logits` where that
    answers such; `record` is what training left beside it, None where there is none."""

    path: Path
    model: KerasModel
    flat: KerasModel
    logits: bool
    scale: Scaling
    record: JsonObject | None

    @property
    def fingerprint(self) -> str:
        """Of the data that it was trained on; "" where nothing tells."""
        return str(self.record["data"]["fingerprint"]) if self.record else ""

    def as_json(self) -> JsonObject:
        """What an ensemble's record says of it."""
        return {
            "file": self.path.name,
            "sha256": sha256_of(self.path),
            "parameters": int(self.model.count_params()),
            "scale": self.scale.as_json(),
            **({"net": self.record["settings"]["name"]} if self.record else {}),
        }


def check_paths(paths: Sequence[Path]) -> None:
    """Raises InputError for too few members, ModelError for one that is no .keras file; nothing is loaded yet."""
    if len(paths) < LEAST:
        said = f"found {paths[0]} alone" if paths else "none was given"
        raise InputError(f"--members: {said}; wanted {LEAST} or more .keras files, each with a --members of its own")
    for path in paths:
        if not path.is_file():
            raise ModelError(f"--members {path}: no such file")
        if not zipfile.is_zipfile(path) or path.suffix != ".keras":
            raise ModelError(f"--members {path}: {_WANTED}")


def load_members(paths: Sequence[Path], given: Scale | None, dataset: Dataset) -> list[Member]:
    """Every member, checked against the first and the data. `given` is the scale of those without a record beside them.

    Raises InputError where nothing tells a scale, ModelError for members that can't answer together.
    """
    check_paths(paths)
    found: list[Member] = []
    for path in paths:
        found.append(_load(path, given, dataset))
        _check_alike(found[0], found[-1])
    classes = int(found[0].flat.output_shape[1])
    if classes != len(dataset.classes):
        raise ModelError(
            f"--members {paths[0]}: has {classes} classes, data {dataset.name} has {len(dataset.classes)}; "
            "give the data that it was trained on"
        )
    return found


def _load(path: Path, given: Scale | None, dataset: Dataset) -> Member:
    import keras

    from edgedigits.models.importer.loading import load

    record = find_record_beside(path)
    told = record["input"]["scale"] if record else given
    if told is None:
        raise InputError(
            f"--members {path}: no training record of edgedigits lies beside it; say with --scale what it was trained on"
        )
    scale = parse_scaling(told, f"--members {path}: scale")
    loaded = load(path, scale=scale, size=lambda: dataset.shape[:2])
    try:
        model = keras.saving.load_model(path, compile=False)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # of Keras 2
        raise ModelError(f"--members {path}: {_WANTED}") from error
    if model.input_shape[1:] != loaded.model.input_shape[1:]:
        shown = "x".join("any" if one is None else str(one) for one in model.input_shape[1:])
        raise ModelError(f"--members {path}: takes images of {shown}; wanted height, width and channels that are fixed")
    if walk.find_closing(loaded.model) == walk.SIGMOID:
        raise ModelError(f"--members {path}: answers each class with a sigmoid of its own; wanted a softmax, or logits")
    return Member(path, model, loaded.model, loaded.logits, scale, record)


def _word_shape(member: Member) -> str:
    return "x".join(map(str, member.flat.input_shape[1:]))


def _check_alike(first: Member, other: Member) -> None:
    """Raises ModelError where two members take other images, or are asked another thing."""
    for what, one, two in _list_traits(first, other):
        if one != two:
            raise ModelError(f"--members {other.path}: {what} {two}, {first.path} {one}; members must be alike in that")


def _list_traits(first: Member, other: Member) -> list[tuple[str, str, str]]:
    """(in words, of the first, of the other) of all that must be the same."""
    found = [
        ("takes images of", _word_shape(first), _word_shape(other)),
        ("number of classes:", str(first.flat.output_shape[1]), str(other.flat.output_shape[1])),
    ]
    if first.record and other.record:
        known, told = first.record, other.record
        found.append(("has the classes", ", ".join(known["data"]["classes"]), ", ".join(told["data"]["classes"])))
        one, two = (str(parse_reading(each["input"]).as_dict()) for each in (known, told))
        found.append(("reads images by", one, two))
    return found
