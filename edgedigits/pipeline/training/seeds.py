"""The same training from several seeds: how much of a score is chance, and the best of the nets by validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.train import Settings, Trained
from edgedigits.pipeline.training.session import SHOWN, Session, list_scores


def list_seeds(settings: Settings, count: int) -> list[Settings]:
    """The settings with their seed and those that follow it. Raises InputError for a seed that can't be."""
    return [replace(settings, seed=settings.seed + number) for number in range(count)]


def train_seeds(session: Session, each: Sequence[Settings]) -> Trained:
    """Trains all of them; the best by validation, whose record tells of all. The test images choose nothing."""
    best: Trained | None = None
    rows = []
    for number, settings in enumerate(each):
        name = f"seed{settings.seed}"
        trained = session.train_one(name, number, settings)
        session.keep(name, trained)
        rows.append({"seed": settings.seed, **list_scores(trained.record)})
        if best is None or trained.best.better_than(best.best):
            best = trained
    assert best is not None
    spread = {name: _spread([row[name] for row in rows]) for name in rows[0] if name.startswith(SHOWN)}
    seeds = {"seeds": len(rows), "chosen": best.record["settings"]["seed"], **spread, "each": rows}
    return replace(best, record={**best.record, "seeds": seeds})


def _spread(values: Sequence[float]) -> JsonObject:
    return {"median": float(np.median(values)), "lowest": min(values), "highest": max(values)}
