"""What `edgedigits train` does around `train.train`: data, progress, and the files beside the model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.errors import InputError
from edgedigits.ground.atomic import check_writable
from edgedigits.ground.facts import Progress, silent
from edgedigits.ground.locks import locked
from edgedigits.pipeline.baselines import save
from edgedigits.pipeline.train import Settings, train, write_history

OF_MOBILENET = ("alpha", "weights")


def run(
    name: str,
    out: Path,
    wish: DataWish,
    *,
    options: dict[str, Any],
    say: Callable[[str], None],
    progress: Progress = silent,
    **settings: Any,
) -> dict[str, Any]:
    """Train, write `out` and its record, card and history; the record. Raises InputError's kinds."""
    if out.suffix != ".keras":
        raise InputError(f"--out {out}: wanted a name that ends in .keras")
    options = {key: value for key, value in options.items() if value is not None}
    if options and name != "mobilenet_v2":
        raise InputError(f"--{next(iter(options))}: an option of mobilenet_v2, not of {name}")
    wanted = Settings(name, scale=wish.scale or "0..1", options=options, **settings)
    check_writable(out.parent, out.with_suffix(".training").name)
    dataset = wish.dataset()
    tell_notes(dataset, say)
    work = out.with_suffix(".training")
    with locked(work, wait_s=0, doing="trains into"):
        trained = train(wanted, dataset, work, say, progress)
        save(trained.model, trained.record, out)
        write_history(trained.history, out.with_suffix(".csv"))
        shutil.rmtree(work, ignore_errors=True)
    return trained.record
