"""Nets that are trained for a measurement and kept beside the cache: a run that was interrupted goes on, one that ended is not
repeated."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from edgedigits.data.dataset import Dataset
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.pipeline import baselines
from edgedigits.pipeline.train import Settings, train

WIDE: Final = {"filters": [24, 32, 48, 64, 64], "strides": [1, 2, 1, 2, 1], "dropout": 0.3}
"""Of `nano`, for less than 100,000 bytes in int8: 87,042 parameters, 7.4 M multiply-adds at 28x28."""


def train_kept(settings: Settings, dataset: Dataset, name: str) -> tuple[Path, dict[str, Any]]:
    """(the .keras file, its record), by the product's own training."""
    mark = sha256(f"{json.dumps(asdict(settings), sort_keys=True)} {dataset.fingerprint}".encode()).hexdigest()
    path = find_cache_dir() / "benchmarks" / f"{name}-{mark[:8]}.keras"
    if not path.is_file() or not path.with_suffix(".json").is_file():
        work = path.with_suffix(".training")
        trained = train(settings, dataset, work, lambda line: print(f"{name}: {line}", flush=True))
        baselines.save(trained.model, trained.record, path)
        shutil.rmtree(work, ignore_errors=True)
    return path, json.loads(path.with_suffix(".json").read_text())
