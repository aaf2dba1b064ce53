"""What a report is about: an artifact's two files, its test images, how they are read and asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from edgedigits_runner.tasks import from_json

from edgedigits.data.dataset import Dataset
from edgedigits.data.images import ArrayImages, Images
from edgedigits.data.one_label import fit_to_outputs
from edgedigits.errors import ArtifactError, DataError, InputError
from edgedigits.ground import artifact_folder
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.bench import Contestant
from edgedigits.measure.findings.answers import Asked
from edgedigits.measure.verify.subject import VerifyWish, find_dataset
from edgedigits.tflite.contents import Contents
from edgedigits.tflite.flatbuffer import read


@dataclass(frozen=True, eq=False)
class Subject:
    """`before` and `after` are the bytes of both forms with what is in them."""

    made: Artifact
    before: Contents
    after: Contents
    flats: tuple[bytes, bytes] = field(repr=False)

    @property
    def manifest(self) -> JsonObject:
        return self.made.manifest

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(map(str, self.manifest["data"]["classes"]))

    @property
    def files(self) -> tuple[Path, Path]:
        """The paths of both forms."""
        return self.made.path / "float.tflite", self.made.path / "model.tflite"

    @property
    def asked(self) -> tuple[Asked, Asked]:
        """Both forms with what their outputs mean."""
        own = self.manifest.get("task")
        tasks, logits = (self.manifest.get("float_task", own), own), bool(self.manifest["model"].get("logits"))
        scale = self.manifest["input"]["scale"]
        before, after = (
            Asked(flat, from_json(task), logits, scale) for flat, task in zip(self.flats, tasks, strict=True)
        )
        return before, after

    @property
    def contestants(self) -> tuple[Contestant, Contestant]:
        """Both forms as a benchmark takes them."""
        before, after = (
            Contestant(name, file, one.scale, task=one.task)
            for name, file, one in zip(("float", "compressed"), self.files, self.asked, strict=True)
        )
        return before, after


def open_subject(folder: Path) -> Subject:
    """An artifact's folder, every file's hash checked. Raises ArtifactError where it is none or altered, TfliteError for bytes
    that are no model."""
    if not folder.is_dir():
        what = "a file" if folder.exists() else "no such folder"
        raise ArtifactError(f"{folder}: {what}; give the folder of an artifact, as compress writes it")
    made = artifact_folder.read(folder)
    files = [folder / "float.tflite", folder / "model.tflite"]
    for file in files:
        if not file.is_file():
            raise ArtifactError(f"{file}: missing, and a report tells of both forms; compress again")
    before, after = (file.read_bytes() for file in files)
    return Subject(made, read(before, str(files[0])), read(after, str(files[1])), (before, after))


def find_data(subject: Subject, wish: VerifyWish, say: Say) -> Dataset:
    """The data that was named, else the artifact's by its name. Raises InputError's kinds."""
    dataset = find_dataset(wish, subject.made, say)
    if len(dataset.classes) == 2 and int(subject.after.outputs[0].shape[-1]) == 1:
        dataset = fit_to_outputs(dataset, 1)
    if dataset.classes != subject.classes:
        raise DataError(
            f"data {dataset.name}: has the classes {_list(dataset.classes)}, {subject.made.path} answers "
            f"{_list(subject.classes)}; "
            "give the data that it was made on, or --classes in its order"
        )
    return dataset


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def find_test_images(subject: Subject, named: Dataset | None) -> Images:
    """Those of the data that was named, else those in the artifact. Raises InputError where there are none, as where it holds
    but a pointer to them."""
    if named is not None:
        images = named.test
        if not len(images):
            raise DataError(f"data {named.name}: holds too few images for a test part; give at least two of a class")
        wanted, shape = tuple(subject.manifest["input"]["shape"]), images.shape
        if shape != wanted:
            sizes = ["x".join(map(str, one)) for one in (shape, wanted)]
            raise DataError(f"data {named.name}: images are {sizes[0]}, the model takes {sizes[1]}; give --resize")
        return images
    file = subject.made.path / "eval.npz"
    if not file.is_file():
        raise InputError(
            f"--data is missing: {subject.made.path} holds only a pointer to its test images, {subject.manifest['data']['name']}"
        )
    with np.load(file) as kept:
        return ArrayImages(kept["images"], kept["labels"])
