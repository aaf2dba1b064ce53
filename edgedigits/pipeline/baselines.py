"""Trained float baselines: the shipped ones, and ones trained here when the data is another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from edgedigits_runner.files import sha256_of
from edgedigits_runner.kept import sealed

from edgedigits.data.dataset import Dataset
from edgedigits.errors import DamagedError
from edgedigits.ground.atomic import remove, whole_file, whole_folder
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.ground.facts import JsonObject, Progress, Say, silent
from edgedigits.ground.kept_files import check_folder, seal_folder, set_aside, write_sealed
from edgedigits.ground.locks import locked
from edgedigits.keras_types import KerasModel
from edgedigits.models.zoo import check_net, find_habits
from edgedigits.models.zoo.shipped import find_shipped_folder, find_shipped_record
from edgedigits.pipeline.model_card import write_baseline_card

SCHEMA = 2
"""Of the training record; from 2 on it carries a hash of itself."""
WAIT_S = 6 * 3600.0
STEPS = 1500
"""Of training for a baseline made on the way: seconds to a few minutes; `edgedigits train` makes better ones."""


def find_baseline(name: str, dataset: Dataset, say: Say, progress: Progress = silent) -> Path:
    """The .keras file of a baseline for `dataset`: the shipped one if it was trained on that, else one trained here once."""
    check_net(name)
    record = find_shipped_record(name)
    if record and record["data"]["fingerprint"] == dataset.fingerprint:
        return find_shipped_folder() / f"{name}.keras"
    return _trained_here(name, dataset, say, progress)


def _trained_here(name: str, dataset: Dataset, say: Say, progress: Progress) -> Path:
    from edgedigits.pipeline.stage_cache import hash_code
    from edgedigits.pipeline.train import Settings, train

    per_epoch = max(1, len(dataset.train) * 4 // 5 // 64)
    epochs = max(3, min(60, round(STEPS / per_epoch)))
    habits = find_habits(name, {})
    settings = Settings(name, epochs=epochs, batch=64, rate=habits.rate, patience=epochs, scale=habits.scale)
    mark = hashlib.sha256(json.dumps([asdict(settings), dataset.fingerprint, hash_code()]).encode()).hexdigest()[:16]
    folder = find_cache_dir() / "baselines" / f"{name}-{mark}"
    work = folder.with_suffix(".training")
    work.parent.mkdir(parents=True, exist_ok=True)
    with locked(work, wait_s=WAIT_S, waiting=lambda: say(f"another run trains this {name}: waiting for it")):
        if not _is_whole(folder, say):
            count = len(dataset.train)
            say(f"no shipped {name} for {dataset.name}: training one on its {count} images, {epochs} epochs")
            trained = train(
                settings, dataset, work, lambda line: None if line.startswith("epoch ") else say(line), progress
            )
            with whole_folder(folder) as part:
                save(trained.model, trained.record, part / f"{name}.keras")
                seal_folder(part)
            remove(work)
    return folder / f"{name}.keras"


def _is_whole(folder: Path, say: Say) -> bool:
    """Whether a trained baseline is kept; a damaged one is set aside with a line."""
    if not folder.is_dir():
        return False
    try:
        check_folder(folder)
    except DamagedError as error:
        say(f"a kept baseline is damaged, so it is set aside and trained anew ({error})")
        set_aside(folder)
        return False
    return True


def save(
    model: KerasModel, record: JsonObject, path: Path, card: Callable[[JsonObject], str] = write_baseline_card
) -> None:
    """Write a Keras 3 model without optimizer state to `path`, its record to .json and its card to .md beside it."""
    with whole_file(path) as part:
        model.save(part)
    write_beside(record, path, card)


def write_beside(record: JsonObject, path: Path, card: Callable[[JsonObject], str]) -> None:
    """The record of the model at `path`, with its hash, to .json, and its card to .md beside it."""
    record = sealed({**record, "schema": SCHEMA, "model_sha256": sha256_of(path)})
    write_sealed(path.with_suffix(".json"), record)
    with whole_file(path.with_suffix(".md")) as part:
        part.write_text(card(record), encoding="utf-8")
