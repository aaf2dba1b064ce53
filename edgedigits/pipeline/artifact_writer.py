"""Artifact folders: the model, its float form, what it was made of, and what is needed to check it elsewhere.

<model>-<recipe>-<hash8>/
    model.tflite      the product
    float.tflite      the same model before compression
    manifest.json     recipe, seed, versions, one record per stage, what the bytes hold, SHA-256 of every file and of itself
    eval.npz          test images (uint8 [n, h, w, c]) and labels (as `Images` has them); or eval.json, a pointer, for large sets
    golden.npz        a few inputs and the outputs of the reference kernels, bit for bit; not where those can't run the model
    README.md         the model card, generated from the manifest
"""

from __future__ import annotations

import dataclasses
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner.golden import head
from edgedigits_runner.kept import sealed
from edgedigits_runner.manifest import schema_of

from edgedigits.data.samples import draw_stratified
from edgedigits.data.scale import Scaling
from edgedigits.errors import CheckError
from edgedigits.ground.artifact_folder import SCHEMA, Artifact, hash_file
from edgedigits.ground.atomic import whole_folder
from edgedigits.ground.facts import Facts, JsonObject
from edgedigits.pipeline.converters.table import CONVERTERS
from edgedigits.pipeline.export.export import Export, find_converter
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.model_card import write_artifact_card
from edgedigits.pipeline.stage_cache import list_versions
from edgedigits.tasks.task import Half
from edgedigits.tflite.interpreter import TfliteModel

EVAL_MOST_BYTES = 64 * 2**20
GOLDEN_IMAGES = 16


@dataclasses.dataclass(frozen=True)
class Exported:
    """Bytes with what was found in them."""

    flat: bytes
    facts: Facts


@dataclasses.dataclass(frozen=True)
class Halves:
    """What is asked of both forms, which may differ in their thresholds."""

    float: Half
    compressed: Half


@dataclasses.dataclass(frozen=True)
class Draft:
    """All that goes into a folder.

    `scale` is how the bytes take their pixels, `folded` what `fold_scaling` did for that, `task` what is asked, `augment` how
    training images were moved and why, empty where no stage was asked that,
    `gates` how each was judged, `confidence` what was chosen of how sure answers are, empty where nothing was asked.
    """

    job: Job
    key: str
    exported: Exported
    baseline: Exported
    records: list[JsonObject]
    warnings: list[str]
    test: JsonObject
    scale: Scaling
    folded: JsonObject
    task: Halves
    augment: JsonObject
    gates: list[JsonObject] = dataclasses.field(default_factory=list)
    confidence: JsonObject = dataclasses.field(default_factory=dict)


def list_settings(part: Any) -> JsonObject:
    """The settings of a stage or an export, JSON-safe."""
    return dataclasses.asdict(part)


def name_folder(model: str, recipe: str, key: str) -> str:
    """What an artifact's folder is called; both names are checked where they are read (`names.py`)."""
    return f"{model}-{recipe}-{key[:8]}"


def write(draft: Draft, out: Path) -> Artifact:
    """Write the folder into `out`, whole or not at all. Raises ArtifactError when it can't be written."""
    job = draft.job
    path = out / name_folder(job.name, job.recipe.name, draft.key)
    with whole_folder(path) as folder:
        (folder / "model.tflite").write_bytes(draft.exported.flat)
        (folder / "float.tflite").write_bytes(draft.baseline.flat)
        _write_eval(draft, folder)
        missing = _write_golden(draft, folder)
        manifest = _manifest(dataclasses.replace(draft, warnings=[*draft.warnings, *missing]))
        (folder / "README.md").write_text(write_artifact_card(manifest), encoding="utf-8")
        manifest["files"] = {item.name: hash_file(item) for item in sorted(folder.iterdir())}
        manifest = sealed(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return Artifact(path, manifest)


def _manifest(draft: Draft) -> JsonObject:
    job = draft.job
    folded = {"folded": draft.folded} if draft.folded else {}
    task, float_task = draft.task.compressed.as_json(), draft.task.float.as_json()
    return {
        "schema": schema_of({"task": task, "float_task": float_task, "input": job.preprocessing}),
        "model": {"name": job.name, "sha256": job.model_sha256, "logits": job.loaded.logits},
        "task": task,
        **({} if float_task == task else {"float_task": float_task}),
        "recipe": job.recipe.as_dict(),
        "seed": job.seed,
        "data": {
            "name": job.dataset.name,
            "fingerprint": job.dataset.fingerprint,
            "classes": list(job.dataset.classes),
            "notes": list(job.dataset.notes),
        },
        "input": {"shape": list(job.dataset.shape), "scale": draft.scale.as_json(), **job.preprocessing, **folded},
        **({"augment": draft.augment} if draft.augment else {}),
        "stages": draft.records,
        "export": draft.exported.facts,
        "float": draft.baseline.facts,
        "test": draft.test,
        **({"gates": draft.gates} if draft.gates else {}),
        **({"confidence": draft.confidence} if draft.confidence else {}),
        "warnings": [*job.dataset.warnings, *draft.warnings],
        "key": draft.key,
        "versions": {**list_versions(), **_quantizer_version(job.recipe.export)},
    }


def _quantizer_version(export: Export) -> dict[str, str]:
    """Of the package that the converter quantizes by, where that is one of its own and it is installed."""
    package = CONVERTERS[find_converter(export)].quantizer
    try:
        return {package: version(package)} if package else {}
    except PackageNotFoundError:
        return {}


def _write_eval(draft: Draft, folder: Path) -> None:
    dataset = draft.job.dataset
    if len(dataset.test) * int(np.prod(dataset.shape)) > EVAL_MOST_BYTES:
        pointer = {"schema": SCHEMA, "data": dataset.name, "fingerprint": dataset.fingerprint, "part": "test"}
        (folder / "eval.json").write_text(json.dumps(pointer) + "\n")
        return
    images = dataset.test.read(np.arange(len(dataset.test)))
    np.savez_compressed(folder / "eval.npz", images=images, labels=dataset.test.labels)


def _write_golden(draft: Draft, folder: Path) -> list[str]:
    """Inputs in the model's own type and what the reference kernels answer; a warning instead where they can't run the model."""
    dataset = draft.job.dataset
    picked = draw_stratified(dataset.test.labels, GOLDEN_IMAGES)
    try:
        net = TfliteModel(draft.exported.flat, reference=True)
        inputs = net.inputs(dataset.test.read(picked), draft.scale)
        outputs = net.raw(inputs)
    except CheckError as error:
        return [f"no golden vectors, so the runner's doctor can't compare answers on a device: {error}"]
    np.savez_compressed(
        folder / "golden.npz",
        inputs=inputs,
        outputs=outputs,
        test_indices=picked,
        **head(draft.task.compressed.as_json()),
    )
    return []
