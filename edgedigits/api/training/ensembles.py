"""An ensemble from files of models, written as one model with its record and card; `train` and comparisons call it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.errors import InputError
from edgedigits.ground.atomic import check_writable
from edgedigits.ground.facts import JsonObject, Progress, Say, silent


def write_ensemble(
    name: str,
    members: Sequence[Path],
    out: Path,
    wish: DataWish,
    *,
    seed: int = 0,
    say: Say = lambda _: None,
    progress: Progress = silent,
) -> JsonObject:
    """The record of an ensemble `name`, "soft_voting" or "stacking", of the .keras files `members`, which it writes to `out`.

    `wish` is the data it is judged on, read as the members' records say where it doesn't, and the scale of members without a
    record. Raises InputError's kinds; nothing is half-written then.
    """
    from edgedigits.data.reading import parse_reading
    from edgedigits.models.zoo.shipped import find_record_beside
    from edgedigits.pipeline.baselines import save
    from edgedigits.pipeline.ensembles.build import build_ensemble
    from edgedigits.pipeline.ensembles.card import write_ensemble_card
    from edgedigits.pipeline.ensembles.members import check_paths

    if out.suffix != ".keras":
        raise InputError(f"--out {out}: wanted a name that ends in .keras")
    check_paths(members)
    if any(out.resolve() == path.resolve() for path in members):
        raise InputError(f"--out {out}: is one of the members; give another name")
    check_writable(out.parent, out.name)
    if record := find_record_beside(members[0]):
        wish = wish.filled(parse_reading(record["input"]))
    dataset = wish.dataset()
    tell_notes(dataset, say)
    made = build_ensemble(name, members, dataset, scale=wish.scale, seed=seed, say=say, progress=progress)
    save(made.model, made.record, out, write_ensemble_card)
    return made.record
