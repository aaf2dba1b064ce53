"""A goal in, the best artifact under its bounds out: the float model is measured, points are tried, the best one is made."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import optuna
import yaml

from edgedigits.errors import CheckError, InputError
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.atomic import check_writable, whole_file
from edgedigits.ground.facts import JsonObject, Progress, Say
from edgedigits.pipeline import loop
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.prepare import Wish, prepare_job
from edgedigits.pipeline.recipe import Recipe, load_recipe
from edgedigits.pipeline.search.outcome import (
    Point,
    find_front,
    list_points,
    list_reliefs,
    rank,
    read_point,
    tell_fault,
)
from edgedigits.pipeline.search.outcome import Relief as Relief
from edgedigits.pipeline.search.points.foretelling import measure
from edgedigits.pipeline.search.points.question import Goal
from edgedigits.pipeline.search.points.space import list_starts
from edgedigits.pipeline.search.study import FINISHED, OVER, Lost, connect, hide_password, make_study, patiently
from edgedigits.pipeline.search.trial import Plain
from edgedigits.pipeline.search.worker import Errand, work

STUDY, RECIPE = "search.db", "best.yaml"
_MOST_MADE: Final = 5
"""Of the best points so many are made, one after the other, until one passes every check."""


@dataclass(frozen=True)
class Means:
    """Where the search goes on and what does it: a folder, a storage, workers here or on a cluster."""

    out: Path
    storage: str | None = None
    workers: int = 1
    cluster: str | None = None

    @property
    def url(self) -> str:
        """The storage, by default a file in the folder."""
        return self.storage or f"sqlite:///{self.out / STUDY}"


@dataclass(frozen=True)
class Outcome:
    """All that was found. `artifact` is the best one under the bounds, made of the point `best`, None where there is none;
    `rejected` are points that held the bounds and failed a check, with why."""

    goal: Goal
    float_ms: float
    float_bytes: int
    points: tuple[Point, ...]
    front: tuple[Point, ...]
    best: Point | None
    artifact: Artifact | None
    recipe_file: Path | None
    reliefs: tuple[Relief, ...]
    rejected: tuple[str, ...]
    seconds: float
    resumed: bool
    study: str


def search(wish: Wish, goal: Goal, means: Means, say: Say, progress: Progress) -> Outcome:
    """The outcome; what was tried is kept in the study whatever happens, and the same call goes on from there.

    Raises InputError's kinds for what can't be used, and for a time that is too short for one trial.
    """
    began = time.time()
    _check_means(means)
    means.out.mkdir(parents=True, exist_ok=True)
    check_writable(means.out, STUDY)
    storage = connect(means.url)
    job = prepare_job(load_recipe("ptq_int8"), wish, say, progress)
    study, resumed = make_study(storage, means.url, _identity(job, goal), goal.seed)
    float_bytes, plain = _measure_plain(job, goal, progress)
    goal.bounds.check_against(plain.float_ms)
    if resumed:
        say(
            f"note: goes on from {len(study.get_trials(deepcopy=False, states=FINISHED))} trials of {_shown(means.url)}"
        )
    deadline = None if goal.seconds is None else began + goal.seconds
    errand = Errand(wish, goal, plain, means.url, deadline, list_starts())
    tell = _Telling(goal, plain, deadline, began, say, progress)
    _try_points(errand, means, job, study, tell)
    Lost(study).retry()
    points = patiently(lambda: list_points(study), means.url)
    _check_time(study, points, goal, plain, began)
    best, artifact, rejected = _make_best(points, goal, plain, job, means, say, progress)
    recipe_file = _write_recipe(best.read_recipe(), means.out) if best else None
    storage.engine.dispose()
    front, reliefs = find_front(points), list_reliefs(points, goal.bounds, plain.float_ms)
    return Outcome(
        goal,
        plain.float_ms,
        float_bytes,
        tuple(points),
        tuple(front),
        best,
        artifact,
        recipe_file,
        tuple(reliefs),
        tuple(rejected),
        round(time.time() - began, 1),
        resumed,
        _shown(means.url),
    )


def _check_means(means: Means) -> None:
    if means.cluster is not None and means.url.startswith("sqlite"):
        from edgedigits.pipeline.search.cluster import is_local

        if not is_local(means.cluster):
            raise InputError(
                f"--cluster {means.cluster}: its workers can't reach the SQLite file of this machine; give a database that all "
                "reach, as --storage postgresql://USER@HOST/DATABASE"
            )


def _measure_plain(job: Job, goal: Goal, progress: Progress) -> tuple[int, Plain]:
    """The float form's bytes, and what all points are compared with; whatever is wrong with model or data is said here."""
    progress("float model", 0.0)
    made = loop.validate(job, lambda _line: None, progress)
    flat = measure(made.baseline.flat, goal.target)
    return flat.size_bytes, Plain(flat.ms, measure(made.exported.flat, goal.target))


def _identity(job: Job, goal: Goal) -> JsonObject:
    """What a study is a study of: points of another one can't be compared with it."""
    return {
        "model": job.model_sha256,
        "data": job.dataset.fingerprint,
        "scale": str(job.scale),
        "target": goal.target,
        "seed": goal.seed,
    }


def _shown(url: str) -> str:
    return hide_password(url).removeprefix("sqlite:///")


@dataclass
class _Telling:
    """Lines for people about the search: one for each point as it ends, and how far it is."""

    goal: Goal
    plain: Plain
    deadline: float | None
    began: float
    say: Say
    bar: Progress
    ended: int = 0

    def told(self, trial: optuna.trial.FrozenTrial) -> None:
        """Of a trial that ended."""
        self.ended += 1
        if "same_as" in trial.user_attrs or trial.state not in FINISHED:
            return
        self.say(_word_point(read_point(trial), self.goal, self.plain))

    def progress(self, what: str, _share: float) -> None:
        """How much of the time, or of the trials, is over."""
        shares = [0.0] if self.goal.trials is None else [self.ended / self.goal.trials]
        if self.deadline is not None:
            shares.append((time.time() - self.began) / max(1e-9, self.deadline - self.began))
        self.bar(f"trial {self.ended + 1}: {what}", min(1.0, max(shares)))


def _word_point(point: Point, goal: Goal, plain: Plain) -> str:
    costs = "" if point.ms is None else f", {point.ms:.3g} ms, {point.size_bytes:,} bytes"
    if point.drop_points is None:
        return f"{point.number}: {point.name}: {point.ended}"
    seen = "" if point.whole else f" at {100 * point.share:.0f} % of the training"
    fault = point.ended or tell_fault(point, goal.bounds, plain.float_ms)
    return f"{point.number}: {point.name}: {0.0 - point.drop_points:+.2f} points{seen}{costs}{'; ' + fault if fault else ''}"


def _try_points(errand: Errand, means: Means, job: Job, study: optuna.Study, tell: _Telling) -> None:
    if means.cluster is None and means.workers == 1:
        work(errand, job, tell.progress, tell.told)
        return
    known = {one.number for one in study.get_trials(deepcopy=False, states=FINISHED)}

    def poll() -> None:
        for one in patiently(lambda: study.get_trials(deepcopy=False, states=FINISHED), means.url):
            if one.number not in known:
                known.add(one.number)
                tell.told(one)
        tell.progress(f"{means.workers} workers", 0.0)

    if means.cluster is None:
        from edgedigits.pipeline.search.crew import run_crew

        run_crew(errand, means.workers, tell.say, poll)
    else:
        from edgedigits.pipeline.search.cluster import run_on_cluster

        run_on_cluster(errand, means.cluster, means.workers, tell.say, poll)
    poll()


def _check_time(study: optuna.Study, points: list[Point], goal: Goal, plain: Plain, began: float) -> None:
    """Raises InputError where the time was over before any training was done, and nothing fits all the same."""
    trained = [one for one in points if one.whole and one.steps.count(">")]
    done = bool(points) and not any(one.ended == OVER for one in points)
    if goal.seconds is None or trained or done or rank(points, goal.bounds, plain.float_ms):
        return
    needed = study.user_attrs.get("needed_seconds")
    more = f"about {max(1, round(1.5 * needed / 60))}m are needed" if needed else "give ten times as much"
    raise InputError(
        f"--time: {goal.seconds:g} s are too short for one trial ({time.time() - began:.0f} s went by, none was done): {more}; "
        "what was begun is kept"
    )


def _make_best(
    points: list[Point], goal: Goal, plain: Plain, job: Job, means: Means, say: Say, progress: Progress
) -> tuple[Point | None, Artifact | None, list[str]]:
    """The best point whose artifact passes every check, written into the folder."""
    rejected = []
    for point in rank(points, goal.bounds, plain.float_ms)[:_MOST_MADE]:
        progress(f"make {point.name}", 0.0)
        try:
            artifact = loop.run(job.with_recipe(point.read_recipe()), means.out, say, progress)
        except CheckError as error:
            rejected.append(f"{point.name} holds the bounds, but {error}")
            say(f"note: {rejected[-1]}")
            continue
        return point, artifact, rejected
    return None, None, rejected


def _write_recipe(recipe: Recipe, out: Path) -> Path:
    """The recipe as a file that makes the artifact again."""
    path = out / RECIPE
    with whole_file(path) as part:
        part.write_text(dump_recipe(recipe), encoding="utf-8")
    return path


def dump_recipe(recipe: Recipe) -> str:
    """The recipe in YAML, with every setting that it says."""
    said = recipe.as_dict()
    said["stages"] = [
        {name: {key: one for key, one in settings.items() if one is not None}}
        for stage in said["stages"]
        for name, settings in stage.items()
    ]
    text: str = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)
    return text
