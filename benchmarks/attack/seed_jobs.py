"""Jobs for the device runner, what it answers to them, and the timings of operators that are kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

JOB = "job"
"""Jobs name the model and the images as they lie in a release, one folder above."""


def make(folder: Path) -> None:
    """Needs the release of the seeds; leaves jobs, a result and timings beside it."""
    from edgedigits_runner import SCHEMA
    from edgedigits_runner.job_command import run

    release = folder / "release"
    model = {"name": "tiny", "path": "model.tflite", "sha256": _hash(release), "scale": "0..1", "resize": None}
    common = {"schema": SCHEMA, "runtime": "litert"}
    windows = {"windows": 2, "window_s": 0.01, "pin": None}
    jobs: dict[str, dict[str, Any]] = {
        "evaluate": {"models": [model], "eval": "eval.npz", "threads": 1},
        "bench": {"models": [model], "eval": "eval.npz", "threads": [1], "warmup_s": 0.5, **windows},
        "probe": {"model": model, "threads": 1, "image_shape": [12, 12, 1], "pin": None, "cold": False},
        "timings": {"files": ["model.tflite"], "windows": 2, "window_s": 0.01},
    }
    for kind, job in jobs.items():
        text = json.dumps({**common, "kind": kind, **job})
        (folder / "job" / f"{kind}.json").write_text(text)
        shutil.copy(folder / "job" / f"{kind}.json", release / "job.json")
        if kind in ("evaluate", "bench", "probe"):
            run(release / "job.json", folder / "result" / f"{kind}.json", lambda _: None)
        (release / "job.json").unlink()
    _timings(folder)


def _hash(release: Path) -> str:
    from edgedigits.ground.artifact_folder import hash_file

    return hash_file(release / "model.tflite")


def _timings(folder: Path) -> None:
    from edgedigits.measure.cost import operator_latency
    from edgedigits.tflite.fragments import cut

    parts = cut((folder / "release" / "model.tflite").read_bytes())
    found = operator_latency.measure_timings(parts, "litert", lambda _: None, window_s=0.001)
    shutil.copy(found.file, folder / "timings" / found.file.name)
