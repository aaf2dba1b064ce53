"""A release on the device: an artifact's folder, whose manifest says how images become input and what the outputs mean."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

from edgedigits_runner.clean_settings import Clean, clean_of
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import joined, sha256_of
from edgedigits_runner.manifest import read_manifest
from edgedigits_runner.model_file import PACKED, ModelFile
from edgedigits_runner.reading import METHODS, WHITE
from edgedigits_runner.scaling import Scaling, scaling_of
from edgedigits_runner.tasks import CLASSIFICATION, Task, from_json

MODEL = "model.tflite"
FLOAT = "float.tflite"


class Release(NamedTuple):
    """`shape` (height, width, channels) is that of the images the model was trained on; `files` are name to SHA-256. `rounds`:
    weights or activations are integers underneath, whatever the type of the answers. `float16_arithmetic`: processors that have
    it compute the default kernels in float16.

    How images become that: `resizing` of `reading.METHODS`, transparency laid on `background`, and of 16-bit images `bits` in
    use, None where there were none. `clean`: pictures are cleaned in that way instead of being resized.
    """

    folder: str
    name: str
    rounds: bool
    shape: tuple[int, int, int]
    scale: Scaling
    classes: tuple[str, ...]
    files: dict[str, str]
    resizing: str = "area"
    background: str = WHITE
    bits: int | None = None
    task: Task = CLASSIFICATION
    float_task: Task = CLASSIFICATION
    float16_arithmetic: bool = False
    clean: Clean | None = None

    def model(self, file: str = MODEL) -> ModelFile:
        """A model of the release, plain or packed; RunnerError "model" where the manifest lists no such file."""
        forms = [file, *(os.path.splitext(file)[0] + suffix for suffix in PACKED)]
        own, file = file == MODEL, next((form for form in forms if form in self.files), file)
        if file not in self.files:
            raise RunnerError(
                "model", f"{joined(self.folder, 'manifest.json')}: lists no {file}; copy the folder again"
            )
        name = self.name if own else file.partition(".")[0]
        return ModelFile(
            name, joined(self.folder, file), self.files[file], self.scale, None, self.task if own else self.float_task
        )


def folder_of(arguments: list[str]) -> str:
    """The release of a command that takes one FOLDER or none; RunnerError "job" where more is given."""
    if len(arguments) > 1:
        raise RunnerError("job", f"give one folder; found {len(arguments)}: {', '.join(arguments)}")
    return release_folder(arguments[0] if arguments else None)


def release_folder(given: str | None) -> str:
    """The folder that was given, else the one that the .pyz lies in if that is a release, else the current one."""
    if given is not None:
        return joined(given)
    beside = os.path.dirname(os.path.realpath(sys.argv[0]))
    return beside if os.path.isfile(joined(beside, "manifest.json")) else os.curdir


def read_release(folder: str) -> Release:
    """What the manifest says; RunnerError "model" where there is none, or none that this runner understands."""
    path = joined(folder, "manifest.json")
    if not os.path.isfile(path):
        raise RunnerError("model", f"{path}: not found; name the folder that `edgedigits compress` or `deploy` made")
    manifest = read_manifest(path)
    height, width, channels = manifest["input"]["shape"]
    return Release(
        folder=folder,
        name=manifest["recipe"]["name"],
        rounds=_rounds(manifest["export"]),
        shape=(height, width, channels),
        scale=scaling_of(manifest["input"]["scale"]),
        classes=tuple(manifest["data"]["classes"]),
        files=manifest["files"],
        resizing=manifest["input"].get("resizing", METHODS[0]),
        background=manifest["input"].get("background", WHITE),
        bits=manifest["input"].get("bits"),
        task=from_json(manifest.get("task")),
        float_task=from_json(manifest.get("float_task", manifest.get("task"))),
        float16_arithmetic=bool(manifest["export"].get("float16_arithmetic", False)),
        clean=clean_of(manifest["input"].get("clean")),
    )


def _rounds(export: dict[str, Any]) -> bool:
    """As the export says of itself; older versions wrote its name alone."""
    return bool(export.get("rounds", export["export"] not in ("float32", "float16")))


def altered_files(release: Release) -> list[str]:
    """One sentence for every file that is missing or is not what the manifest says."""
    return [
        sentence
        for name, digest in release.files.items()
        if (sentence := _altered(joined(release.folder, name), digest))
    ]


def _altered(path: str, digest: str) -> str | None:
    try:
        found = sha256_of(path)
    except OSError as error:
        return f"{path}: can't be read ({error.strerror}); copy the folder again"
    return None if found == digest else f"{path}: altered since it was written (SHA-256); copy the folder again"
