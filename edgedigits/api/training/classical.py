"""A classical model trained and judged, written with its record and card; `train` and comparisons call it."""

from __future__ import annotations

from pathlib import Path

from edgedigits.data.scale import NAMED, parse_scaling
from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.errors import InputError
from edgedigits.ground.atomic import check_writable
from edgedigits.ground.facts import JsonObject, Progress, Say, silent


def write_classical(
    name: str,
    features: str,
    out: Path,
    wish: DataWish,
    *,
    seed: int = 0,
    say: Say = lambda _: None,
    progress: Progress = silent,
) -> JsonObject:
    """The record of a classical model `name` on `features`, which it writes to `out`: accuracy with its interval, bytes, time.

    `size_bytes` are those of the .skops file; `latency` is of this machine. Raises InputError's kinds; nothing is
    half-written then.
    """
    from edgedigits.models.classical.features import check_features
    from edgedigits.models.classical.skops_file import SUFFIX, import_skops, save_classical
    from edgedigits.pipeline.baselines import write_beside
    from edgedigits.pipeline.classical.card import write_classical_card
    from edgedigits.pipeline.classical.train import train_classical

    if out.suffix != SUFFIX:
        raise InputError(f"--out {out}: wanted a name that ends in {SUFFIX}, as classical models are written")
    check_features(features)
    import_skops(name)
    check_writable(out.parent, out.name)
    if wish.scale is not None and parse_scaling(wish.scale, "--scale") != NAMED["0..1"]:
        raise InputError(f"--scale: classical models take pixels as 0..1; leave it out for {name}")
    dataset = wish.dataset()
    tell_notes(dataset, say)
    made = train_classical(name, dataset, features, seed=seed, say=say, progress=progress)
    save_classical(made.model, out)
    record = {**made.record, "size_bytes": out.stat().st_size}
    write_beside(record, out, write_classical_card)
    return record
