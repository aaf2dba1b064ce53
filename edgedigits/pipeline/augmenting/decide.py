"""What training images are moved by in a run of a recipe: as somebody said, or found out for `auto` and kept for the next run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from edgedigits_runner.kept import is_object

from edgedigits.data.augmentation.named_sets import AUTO, SETS, Said, make_augment
from edgedigits.data.images import Images
from edgedigits.data.samples import draw_sample
from edgedigits.data.splits import FitData, cut_stratified
from edgedigits.data.strata import assign_strata
from edgedigits.errors import DamagedError
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.ground.facts import JsonObject, Progress
from edgedigits.ground.kept_files import read_sealed, set_aside, write_sealed
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.augmenting.choice import Choice, pick
from edgedigits.pipeline.augmenting.look import Look, Turned, holds
from edgedigits.pipeline.augmenting.outlay import Outlay
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.task import Half

HELD_SHARE, HELD_MOST = 0.2, 2000
"""Of the training images, to judge on."""
LOOKED: Final = 300
"""Images that the model itself is asked about."""
LEAST_STEPS, MOST_STEPS = 40, 300
"""Of a candidate's training: after fewer, chance decides; more would tell no more."""
WARM: Final = 0.3
"""Of the steps of a try-out, for a fresh net to learn from plain images first."""
ONCE: Final = 2.0
"""An image that training sees less often than this is not learned by heart, and moving it buys nothing."""


@dataclass(frozen=True)
class Question:
    """What is asked about: a trained model that answers as `half` decodes, its data, and what the recipe will train.

    fresh: the model is a new net, which is first trained on plain images for a share of the try-out; else a damaged copy of it
    learns, as it knows its training images by heart.
    """

    model: KerasModel
    half: Half
    data: FitData
    classes: tuple[str, ...]
    outlay: Outlay
    fresh: bool = False


def as_said(said: Said) -> Choice:
    """What somebody named."""
    augment = make_augment(said)
    name = said if isinstance(said, str) else "own"
    return Choice(augment, {"asked": said, "chosen": name, "moves": augment.as_json() if augment else {}})


def warn_of_flips(look: Look, classes: tuple[str, ...], where: str) -> tuple[str, ...]:
    """A sentence where the model answers mirrored images of a class as another one, by the names of the classes."""
    turned = look.find_turned(classes)
    if not turned:
        return ()
    return (
        f"{where} mirrors images, and the model answers mirrored images of {_word_turned(turned)}: flips will teach it to mix "
        "them up; objects is the same without flips",
    )


def look_at(model: KerasModel, half: Half, images: Images, data: FitData) -> Look:
    """At some of the images."""
    return Look(model, half, draw_sample(images, LOOKED), data.scale, data.seed)


def find_out(asked: Question, progress: Progress) -> Choice:
    """The set for `auto`, the same for the same question. No validation image has a say in it, and no test image is at hand."""
    fit, outlay = asked.data.fit, asked.outlay
    if outlay.times < ONCE:
        return _chosen("none", f"each image is trained on {outlay.times:.1f} times, too seldom to need it", {})
    count = min(HELD_MOST, max(1, round(HELD_SHARE * len(fit))))
    rest, back = cut_stratified(fit.labels, count, np.random.default_rng(0))
    if not len(back):
        return _chosen("none", "no class has two images, so none can be held back to judge by", {})
    held = fit.subset(back)
    look = look_at(asked.model, asked.half, held, asked.data)
    answers = len(look.images) * (2 + len(SETS)) + len(held) * len(SETS)
    budget = outlay.left_for_training(answers)
    warm = int(WARM * budget) if asked.fresh else 0
    budget -= warm
    if budget < 2 * LEAST_STEPS:
        return _by_look(look, outlay, not asked.fresh)
    turned = [] if asked.fresh else look.find_turned(asked.classes)
    names = _find_contenders(look, turned, budget // LEAST_STEPS)
    steps = min(MOST_STEPS, budget // len(names))
    known = [] if asked.fresh else [name for name in names if look.knows(SETS[name])]
    return _by_tryout(asked, fit.subset(rest), held, names, known, steps, warm, turned, answers, progress)


def _by_look(look: Look, outlay: Outlay, knows: bool) -> Choice:
    """Too few steps for a try-out: moves that change nothing for the model do no harm, others may. Flips are none of them."""
    images = len(look.images)
    known: JsonObject = {"looked_at": images}
    few = f"{outlay.steps:,} steps of training are too few for a try-out"
    if not knows or outlay.steps_of_asking(3 * images) > outlay.left_for_training(0):
        return _chosen("none", few, {})
    for name in ("digits", "objects"):
        augment = SETS[name]
        assert augment is not None
        lost, right = look.count_lost(augment)
        known[f"{name}_lost"] = lost
        if holds(lost, right):
            why = f"{few}; of {right:,} held-back images that the model knows it loses {lost:,} when they are moved so"
            return _chosen(name, why, known)
    return _chosen(
        "none", f"{few}; the model does not know its images once they are moved, or these are too few to tell", known
    )


def _find_contenders(look: Look, turned: list[Turned], most: int) -> list[str]:
    """As many sets as there is time for, `none` among them: first those under which the model still knows its images."""
    names = [name for name, augment in SETS.items() if augment and not (augment.flip and turned)]
    if len(names) >= most:
        lost = {name: look.count_lost(augment)[0] for name in names if (augment := SETS[name])}
        kept = sorted(names, key=lost.__getitem__)[: most - 1]
        names = [name for name in names if name in kept]
    return ["none", *names]


def _by_tryout(
    asked: Question,
    pool: Images,
    held: Images,
    names: list[str],
    known: list[str],
    steps: int,
    warm: int,
    turned: list[Turned],
    answers: int,
    progress: Progress,
) -> Choice:
    from edgedigits.pipeline.augmenting import tryout

    data, outlay = asked.data, asked.outlay
    race = tryout.Race(
        find_task(data),
        pool,
        held,
        data.scale,
        data.seed,
        steps,
        min(outlay.batch, len(pool)),
        outlay.times,
        outlay.rate,
    )
    learner = tryout.make_learner(asked.model, data.seed, damaged=not asked.fresh)
    if warm:
        tryout.warm_up(race, learner, warm)
    losses = tryout.run(race, learner, {name: SETS[name] for name in names}, progress)
    chosen, rows = pick(losses, assign_strata(held.labels), asked.classes, known)
    spent = warm + steps * len(names) + outlay.steps_of_asking(answers)
    each = ", ".join(f"{row['set']} {row['loss']:.4f}" + (" (harms classes)" if "harms" in row else "") for row in rows)
    why = f"tried out for {steps} steps each, loss on {len(held):,} held-back training images: {each}"
    if chosen in known:
        why += f"; the model knows its images moved as by {chosen}"
    if turned:
        why += f"; flips left out: the model answers mirrored images of {_word_turned(turned)}"
    return _chosen(
        chosen,
        why,
        {
            "candidates": rows,
            "held_back": len(held),
            "trained_on": race.images,
            "steps_each": steps,
            "share_of_training": round(spent / outlay.steps, 4),
            **({"turned": [one.as_json() for one in turned]} if turned else {}),
        },
    )


def _word_turned(turned: list[Turned]) -> str:
    first = "; of ".join(f"{one.name} as {one.into} ({100 * one.share:.0f} %)" for one in turned[:3])
    return first + (f"; and of {len(turned) - 3} more classes" if len(turned) > 3 else "")


def _chosen(name: str, why: str, found: JsonObject) -> Choice:
    augment = SETS[name]
    record = {"asked": AUTO, "chosen": name, "moves": augment.as_json() if augment else {}, "why": why, **found}
    return Choice(augment, record, f"augmentation: {name} ({why})")


def find_out_once(asked: Question, key: str, fresh: bool, progress: Progress) -> Choice:
    """The same, kept under the key of all that it depends on; `fresh` asks again."""
    path = find_cache_dir() / "augment" / f"{key}.json"
    if not fresh and (kept := _load(path)):
        return kept
    found = find_out(asked, progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed(path, {"record": found.record})
    return found


def _load(path: Path) -> Choice | None:
    if not path.is_file():
        return None
    try:
        record = read_sealed(path, {"record": is_object})["record"]
    except DamagedError:
        set_aside(path)
        return None
    return replace(_chosen(record["chosen"], record["why"], {}), record=record)
