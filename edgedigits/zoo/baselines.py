"""Trained float baselines: the shipped ones, and ones trained here when the data is another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgedigits.atomic import whole_file, whole_folder
from edgedigits.cache_dir import cache_dir
from edgedigits.data.dataset import Dataset
from edgedigits.errors import InputError
from edgedigits.report.cards import baseline_card
from edgedigits.zoo import ZOO

Say = Callable[[str], None]
STEPS = 1500
"""Of training for a baseline made on the way: seconds to a few minutes; `edgedigits train` makes better ones."""


def shipped_folder() -> Path:
    """Where the shipped baselines are: inside the installed package, or in the checkout around it."""
    inside = Path(__file__).parent.parent / "baselines"
    return inside if inside.is_dir() else Path(__file__).parent.parent.parent / "artifacts" / "baselines"


def record_beside(model: Path) -> dict[str, Any] | None:
    """The training record that `edgedigits train` leaves beside a model, if there is one for these very bytes."""
    path = model.with_suffix(".json")
    try:
        record = json.loads(path.read_text())
        found = hashlib.sha256(model.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("model_sha256") == found else None


def shipped_record(name: str) -> dict[str, Any] | None:
    """The record of the shipped baseline of that name, if there is one."""
    path = shipped_folder() / f"{name}.keras"
    return record_beside(path) if path.is_file() else None


def baseline(name: str, dataset: Dataset, say: Say) -> Path:
    """The .keras file of a baseline for `dataset`: the shipped one if it was trained on that, else one trained here once."""
    if name not in ZOO:
        raise InputError(f"--zoo {name}: no such net; choose from {', '.join(ZOO)}")
    record = shipped_record(name)
    if record and record["data"]["fingerprint"] == dataset.fingerprint:
        return shipped_folder() / f"{name}.keras"
    return _trained_here(name, dataset, say)


def _trained_here(name: str, dataset: Dataset, say: Say) -> Path:
    from edgedigits.stage_cache import code_version
    from edgedigits.train import Settings, train

    per_epoch = max(1, len(dataset.train) * 4 // 5 // 64)
    epochs = max(3, min(60, round(STEPS / per_epoch)))
    settings = Settings(name, epochs=epochs, batch=64, patience=epochs, scale="0..1")
    mark = hashlib.sha256(json.dumps([asdict(settings), dataset.fingerprint, code_version()]).encode()).hexdigest()[:16]
    folder = cache_dir() / "baselines" / f"{name}-{mark}"
    path = folder / f"{name}.keras"
    if not path.is_file():
        say(f"no shipped {name} for {dataset.name}: training one on its {len(dataset.train)} images, {epochs} epochs")
        trained = train(settings, dataset, folder.with_suffix(".training"), lambda _: None)
        with whole_folder(folder) as part:
            save(trained.model, trained.record, part / path.name)
    return path


def save(model: Any, record: dict[str, Any], path: Path) -> None:
    """Write a Keras 3 model without optimizer state to `path`, its record to .json and its card to .md beside it."""
    with whole_file(path) as part:
        model.save(part)
    record = {**record, "model_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    with whole_file(path.with_suffix(".json")) as part:
        part.write_text(json.dumps(record, indent=1) + "\n")
    with whole_file(path.with_suffix(".md")) as part:
        part.write_text(baseline_card(record))
