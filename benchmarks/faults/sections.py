"""The parts of `faults.json`, each measured alone: the cases, the attack, kills at random moments, the warm child's memory."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.attack import campaign
from benchmarks.attack.seeds import make_apart
from benchmarks.document import target
from benchmarks.faults import models, pictures
from benchmarks.faults.broken import broken
from benchmarks.faults.scene import Say, Scene, Targets

FILES = 10_000
KILLS = 50
KILLS_TIMES = 4
"""The kills may take so many times the seconds of the attack."""
Part = tuple[Targets, dict[str, Any]]
"""(targets, raw measurements)."""


@dataclass(frozen=True)
class Wish:
    """`cases`: a folder of scripts and of broken files, None where there is none; `names`: only these cases."""

    cases: Path | None
    work: Path
    names: tuple[str, ...] = ()
    seed: int = 0
    count: int = FILES
    seconds: float = 900.0


CASES: dict[str, Callable[[Scene], Targets]] = {
    one.__name__: one
    for one in (
        models.elu,
        models.selu,
        models.parity_vacuous,
        models.imbalance,
        models.order,
        pictures.meanstd,
        pictures.resize,
        pictures.folders,
        pictures.exif_predict,
    )
}
BROKEN = "broken"


def cases(wish: Wish, say: Say) -> Part:
    """Every case in a folder of its own."""
    if wish.cases is None:
        raise SystemExit("faults: give the folder of the cases: --cases DIR")
    wanted = wish.names or (*CASES, BROKEN)
    targets: Targets = []
    raw: dict[str, Any] = {}
    for name in wanted:
        scene = Scene(wish.work / name, wish.cases, say)
        if name == BROKEN:
            make_apart(wish.work / "seeds")
            found, rows = broken(scene, (wish.work / "seeds").absolute())
        else:
            found = CASES[name](scene)
            rows = [ended.as_json() for ended in scene.ended]
        targets += found
        raw[name] = rows
        shutil.rmtree(scene.folder, ignore_errors=True)
    return targets, raw


def attack(wish: Wish, say: Say) -> Part:
    """Files spoiled from a seed, over every reader."""
    make_apart(wish.work / "seeds")
    plan = campaign.Plan(wish.seed, wish.count, wish.seconds)
    found = campaign.summary(plan, campaign.run(plan, (wish.work / "seeds").absolute(), wish.work / "fell", say))
    by_kind = {how: sum(one["count"] for one in found["faults"] if one["how"] == how) for how in _FAULTS}
    return [
        target("attack: files tried", f">= {wish.count:,}", found["files"], "files", found["files"] >= wish.count),
        target("attack: readers that take a right file", "all", len(found["untaken"]), "do not", not found["untaken"]),
        *(
            target(f"attack: {title}", "0", by_kind[how], "readings", not by_kind[how])
            for how, title in _FAULTS.items()
        ),
    ], dict(found)


_FAULTS = {
    "raised": "tracebacks",
    "ended": "ends that are no sentence, or another exit code than 0, 1, 2",
    "hang": f"hangs over {campaign.LIMIT_S:.0f} s",
    "memory": "processes over 2 GiB",
    "died": "dead processes",
}


def kills(wish: Wish, say: Say) -> Part:
    """`compress` killed at random moments, alone and with a second run beside it."""
    say(f"kills: {KILLS} of one run, {KILLS} of two at once")
    found = importlib.import_module("benchmarks.kills").campaign(KILLS, KILLS, KILLS_TIMES * wish.seconds, wish.seed)
    targets: Targets = []
    for one in found["runs"]:
        how = {1: "one run", 2: "two runs at once"}.get(one["runs_at_once"], "")
        torn = len(one["torn"]) + len(one["failed"])
        targets += [
            target(f"kills, {how}: kill -9", f">= {KILLS}", one["kills"], "kills", one["kills"] >= KILLS),
            target(f"kills, {how}: torn and believed, or failed after", "0", torn, "runs", not torn),
            target(
                f"kills, {how}: finished artifacts identical to an undisturbed one",
                str(one["finished"]),
                one["identical"],
                "artifacts",
                one["identical"] == one["finished"] > 0,
            ),
        ]
    return targets, found


def children(wish: Wish, say: Say) -> Part:
    """The memory of the child that conversions run in: what `benchmarks.children.section` says."""
    found: Part = importlib.import_module("benchmarks.children").section(wish.work / "children", say)
    return found


SECTIONS: dict[str, Callable[[Wish, Say], Part]] = {
    "cases": cases,
    "attack": attack,
    "kills": kills,
    "children": children,
}
