"""Whole searches on tiny nets: an outcome and its recipe, going on, what can't be had, studies of something else."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from click.testing import CliRunner

import edgedigits as ed
from edgedigits.cli.main import cli
from edgedigits.pipeline.search import search as story
from edgedigits.pipeline.search import study as kept
from edgedigits.pipeline.search.going_on import find_bar, queue_left
from edgedigits.pipeline.search.outcome import list_points
from edgedigits.pipeline.search.points import space
from edgedigits.pipeline.search.points.question import Bounds, Goal
from edgedigits.pipeline.search.study import NAME, connect, load_study
from edgedigits.pipeline.search.trial import Trying
from tests import tiny_release

STARTS = [
    {"kind": "plain", "plain_sparsity": sparsity, "plain_qat": qat}
    for sparsity, qat in ((0.0, False), (0.0, True), (0.5, False), (0.8, False), (0.5, True), (0.8, True))
]
"""What tiny nets can be made in seconds."""


@pytest.fixture(scope="module", autouse=True)
def starts() -> Iterator[None]:
    """The first points are what tiny nets can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(story, "list_starts", lambda: STARTS)
        yield


@pytest.fixture(scope="module")
def net(shapes: Path) -> Path:
    """A tiny trained net."""
    return tiny_release.made(shapes).parent / "tiny.keras"


def searched(net: Path, shapes: Path, out: Path, **given: Any) -> ed.Search:
    said: dict[str, Any] = {"target": "pi4", "max_drop": 50.0, "pixel_range": "0..1", "progress": False}
    return ed.search(net, shapes, out=out, **said | given)


@pytest.fixture(scope="module")
def first(net: Path, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> ed.Search:
    """A search of three points."""
    return searched(net, shapes, tmp_path_factory.mktemp("search") / "out", trials=3)


def states(out: Path) -> list[tuple[int, str]]:
    with sqlite3.connect(out / "search.db") as opened:
        return list(opened.execute("select number, state from trials order by number"))


def test_the_best_artifact_holds_the_bounds_and_its_recipe_makes_it_again(
    first: ed.Search, net: Path, shapes: Path, tmp_path: Path
) -> None:
    assert first.artifact is not None
    assert first.recipe is not None
    found = first.as_json()
    assert found["reached"]
    assert [one["number"] for one in found["points"]] == [0, 1, 2]
    assert found["best"]["size_bytes"] == first.artifact.tflite.stat().st_size
    assert found["best"]["drop_points"] <= 50
    assert found["best"] in found["front"]
    assert found["warnings"] == first.artifact.manifest["warnings"]
    assert all(f"warning: {said}"[:60] in str(first) for said in found["warnings"])
    assert first.figure.read_text().startswith("<?xml")
    again = ed.compress(net, shapes, recipe=first.recipe, pixel_range="0..1", out=tmp_path, progress=False)
    assert again.tflite.read_bytes() == first.artifact.tflite.read_bytes()
    assert first.artifact.path.name in str(first)
    assert list(first.to_frame().columns)[:3] == ["number", "name", "steps"]


def test_what_was_foretold_is_what_came(first: ed.Search) -> None:
    study = load_study(connect(f"sqlite:///{first.figure.parent / 'search.db'}"), 0)
    for trial in study.trials:
        seen, foretold = trial.user_attrs["seen"], trial.user_attrs["foretold"]
        assert seen["cycles"] == pytest.approx(foretold["cycles"], rel=0.02)
        assert seen["size_bytes"] == pytest.approx(foretold["size_bytes"], rel=0.02, abs=100)


def test_it_goes_on_where_it_ended(first: ed.Search, net: Path, shapes: Path) -> None:
    out = first.figure.parent
    found = searched(net, shapes, out, trials=4)
    assert found.found.resumed
    assert [number for number, _ in states(out)] == [0, 1, 2, 3]
    assert [one.number for one in found.found.points][:3] == [0, 1, 2]


def test_the_same_seed_asks_the_same_points(tmp_path: Path) -> None:
    """What is asked depends on what was found, which is made up here."""

    def objective(trial: optuna.Trial) -> float:
        space.ask(trial)
        return float(np.cos(len(json.dumps(trial.params))))

    asked = []
    for name in ("a", "b"):
        url = f"sqlite:///{tmp_path / name}"
        study, _ = kept.make_study(connect(url), url, {"model": "m"}, 7)
        for _ in range(16):
            kept.queue_start(study, space.list_starts(), {})
            with kept.quiet():
                study.optimize(objective, n_trials=1)
        asked.append([one.params for one in study.trials])
    assert asked[0] == asked[1]
    assert len({json.dumps(one) for one in asked[0]}) > 10
    assert asked[0][: len(space.STARTS)] == space.list_starts()


def test_a_point_that_is_known_is_followed_by_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the sampler is drawn to the best point, and asks for it again."""
    url = f"sqlite:///{tmp_path / 'a'}"
    study, _ = kept.make_study(connect(url), url, {"model": "m"}, 7)
    tried = object.__new__(Trying)
    tried.study, tried.goal = study, Goal("pi4", Bounds(max_drop=0.1), seed=7)
    monkeypatch.setattr(tried, "_rate", lambda _seen, _kind: 0.5)

    def objective(trial: optuna.Trial) -> float:
        space.ask(trial)
        if (value := tried._known(trial)) is not None:
            return value
        trial.set_user_attr("seen", {"share": 1.0})
        return 0.5

    best = space.list_starts()[0]
    with kept.quiet():
        for _ in range(4):
            study.enqueue_trial(best)
            study.optimize(objective, n_trials=1)
            study.optimize(objective, n_trials=1)
    asked = [one.params for one in study.trials if one.params]
    assert asked[2:8:2] == [best] * 3
    assert len({json.dumps(one, sort_keys=True) for one in asked}) == 5, "the best one, and four that are new"


def test_what_cannot_be_had_is_an_answer(net: Path, shapes: Path, tmp_path: Path) -> None:
    words = ["search", "--model", net, "--data", shapes, "--scale", "0..1", "--target", "pi4", "--max-drop", 50]
    words += ["--max-bytes", "1024", "--trials", 3, "--out", tmp_path]
    done = CliRunner().invoke(cli, [*map(str, words), "--json"], standalone_mode=False)
    assert (done.exception, done.return_value) == (None, 1), done.output
    found = json.loads(done.stdout)
    assert not found["reached"]
    assert found["artifact"] is None
    assert all("can't fit, so nothing was trained" in one["ended"] for one in found["points"])
    assert {one["bound"] for one in found["without"]} == {"--max-drop 50", "--max-bytes 1024"}
    assert not list(tmp_path.glob("*/model.tflite"))


def test_other_bounds_are_judged_from_what_is_known(first: ed.Search, net: Path, shapes: Path) -> None:
    """And what each bound costs is told where they can't be had."""
    found = searched(net, shapes, first.figure.parent, max_drop=0.0, max_ms=1e-3, trials=3)
    assert found.artifact is None
    assert found.recipe is None
    assert "the bounds can't be had" in str(found)
    assert "without --max-ms 0.001: " in str(found)
    assert len(found.found.points) >= 3


def test_a_study_of_something_else_is_left_alone(first: ed.Search, net: Path, shapes: Path, tmp_path: Path) -> None:
    before = states(first.figure.parent)
    with pytest.raises(ed.InputError, match="holds the study of another target; choose another"):
        searched(net, shapes, first.figure.parent, target="pi5", trials=4)
    assert states(first.figure.parent) == before
    text, other = tmp_path / "text.db", tmp_path / "other.db"
    text.write_text("hello, this is no database" * 10)
    with sqlite3.connect(other) as opened:
        opened.execute("create table mine (x)")
    for path, says in ((text, "is no SQLite file"), (other, "holds no study of Optuna's")):
        content = path.read_bytes()
        with pytest.raises(ed.InputError, match=says):
            searched(net, shapes, tmp_path / "out", storage=f"sqlite:///{path}", trials=1)
        assert path.read_bytes() == content
    strange = tmp_path / "strange.db"
    with kept.quiet():
        optuna.create_study(study_name=NAME, storage=f"sqlite:///{strange}").ask()
    with pytest.raises(ed.InputError, match="was not made by edgedigits"):
        searched(net, shapes, tmp_path / "out", storage=f"sqlite:///{strange}", trials=1)


def test_storages_and_clusters_that_cannot_be_are_refused(
    net: Path, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PATIENCE_S", 0.5)
    for given, says in (
        ({"storage": "mysql://host/db"}, "wanted sqlite:///FILE or postgresql"),
        ({"storage": f"sqlite:///{tmp_path}/no/x.db"}, "there is no folder"),
        (
            {"storage": "postgresql://me:secret@127.0.0.1:1/db"},
            r"me:\*\*\*@127.0.0.1:1/db.* the database can't be reached .*tried for 0.5 s",
        ),
        ({"cluster": "tcp://10.1.2.3:8786"}, "its workers can't reach the SQLite file"),
        ({"cluster": "nonsense"}, "wanted the address of a Dask scheduler"),
        ({"time": "0.01s"}, "are too short for one trial"),
        ({"workers": 0}, "workers"),
        ({"trials": 0}, "trials"),
    ):
        with pytest.raises(ed.InputError, match=says) as refused:
            searched(net, shapes, tmp_path / "out", **{"trials": 1, **given})
        assert "secret" not in str(refused.value)


def test_a_trial_whose_process_was_killed_is_tried_again(net: Path, shapes: Path, tmp_path: Path) -> None:
    """A real process, killed in the midst of its trial: it can tidy nothing up."""
    words = ["search", "--model", net, "--data", shapes, "--scale", "0..1", "--target", "pi4", "--max-drop", 50]
    words += ["--trials", 2, "--out", tmp_path]
    script = "from edgedigits.cli.main import main; main()"
    doomed = subprocess.Popen([sys.executable, "-c", script, *map(str, words)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 300
        while not _is_signed(tmp_path):
            assert doomed.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        doomed.kill()
        doomed.wait()
    assert states(tmp_path) == [(0, "RUNNING")]
    found = searched(net, shapes, tmp_path, trials=2)
    assert states(tmp_path)[:2] == [(0, "FAIL"), (1, "COMPLETE")]
    assert [one.number for one in found.found.points] == [1, 2]
    assert found.found.points[0].name == "ptq_int8", "what was lost was tried again, before anything else"


def _is_signed(out: Path) -> bool:
    """Whether a process has begun its first trial."""
    try:
        with sqlite3.connect(out / "search.db") as opened:
            return bool(list(opened.execute("select 1 from trial_user_attributes where key = 'worker'")))
    except sqlite3.Error:
        return False


def make_trial(study: optuna.Study, number: int, value: float, drop: float | None, **attrs: Any) -> None:
    """A point that was trained to its end with this drop of 1,000 answers, or else left at a look with this value."""
    from optuna.distributions import IntDistribution
    from optuna.trial import TrialState, create_trial

    paired = {"only_float_right": 0, "only_compressed_right": 0, "images": 1000}
    costs = {"size_bytes": 2000, "gzip_bytes": 1000, "ms": 1.0, "cycles": None}
    seen = {"share": 0.1 if drop is None else 1.0, "drop_points": drop or 0.0, "paired": paired, **costs}
    study.add_trial(
        create_trial(
            params={"n": number},
            distributions={"n": IntDistribution(0, 99)},
            user_attrs={
                "bounds": Bounds(1.0).as_json(),
                "seen": seen,
                **({"left": True} if drop is None else {}),
                **attrs,
            },
            **(
                {"state": TrialState.PRUNED, "value": value, "intermediate_values": {1: value}}
                if drop is None
                else {"state": TrialState.COMPLETE, "value": value}
            ),
        )
    )


def test_the_most_promising_point_that_was_left_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's'}"
    study, _ = kept.make_study(connect(url), url, {"model": "m"}, 7)

    def queued(late: bool = False) -> list[Any]:
        queue_left(study, Bounds(1.0), 2.0, late)
        waiting = [one for one in study.trials if one.state is optuna.trial.TrialState.WAITING]
        return [(one.user_attrs[kept.GOES_ON], one.system_attrs["fixed_params"]) for one in waiting]

    def try_it(drop: float | None, value: float) -> None:
        """As a trial that was queued: the rest of one that was left."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the storage's sign of life, which `optimize` sees to
            trial = study.ask()
        trial.suggest_int("n", 0, 99)
        for name, one in study.trials[trial.user_attrs[kept.GOES_ON]].user_attrs.items():
            if name != "left" or drop is None:
                trial.set_user_attr(name, one)
        if drop is None:
            trial.report(value, 3)
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            trial.set_user_attr("seen", {**trial.user_attrs["seen"], "share": 1.0, "drop_points": drop})
            study.tell(trial, value)

    make_trial(study, 0, 0.0, 0.0)
    make_trial(study, 1, -1.0, 3.0)  # the best value of all, and past the bound
    assert find_bar(study, Bounds(1.0), 2.0) == 0.0
    make_trial(study, 2, -0.5, None)
    make_trial(study, 3, -0.8, None)
    make_trial(study, 4, 0.2, None)
    assert [one.number for one in list_points(study)] == [0, 1, 2, 3, 4]
    assert queued() == [(3, {"n": 3})]
    assert queued() == [(3, {"n": 3})], "one at a time"
    try_it(None, -0.3)
    assert [one.number for one in list_points(study)] == [0, 1, 2, 4, 5], "a point is told once"
    assert queued() == [], "another point's turn"
    make_trial(study, 6, 0.3, None)
    assert queued() == [(2, {"n": 2})]
    try_it(0.5, -0.5)
    assert find_bar(study, Bounds(1.0), 2.0) == -0.5
    assert queued(late=True) == [], "none that is left can be better"


def test_late_in_a_search_no_new_points_are_begun(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's'}"
    study, _ = kept.make_study(connect(url), url, {"model": "m"}, 7)
    make_trial(study, 0, -0.5, None)
    make_trial(study, 1, -0.6, None)
    make_trial(study, 2, -0.4, None, goes_on=1)
    assert not queue_left(study, Bounds(1.0), 2.0, late=False)
    assert queue_left(study, Bounds(1.0), 2.0, late=True)
