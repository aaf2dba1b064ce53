"""The search: bounds that can't be, the space, looks, an outcome under bounds and without, going on, several workers."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest

import edgedigits as ed
from edgedigits.pipeline.recipe import load_recipe, parse
from edgedigits.pipeline.search.outcome import Point, find_front, list_reliefs, rank, tell_fault
from edgedigits.pipeline.search.points import space
from edgedigits.pipeline.search.points.foretelling import Outlay
from edgedigits.pipeline.search.points.looks import LOOKS, Drop, count_steps, find_error, list_looks, rate
from edgedigits.pipeline.search.points.question import Bounds, Goal, parse_bytes, parse_seconds
from edgedigits.pipeline.search.search import dump_recipe
from edgedigits.pipeline.search.study import hide_password, quiet

PI4 = space.Frame("pi4")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"max_drop": -0.1}, "--max-drop: found -0.1"),
        ({"max_drop": float("nan")}, "--max-drop: found nan"),
        ({"max_drop": 1.0, "max_bytes": 0}, "--max-bytes 0: no .tflite file is that small"),
        ({"max_drop": 1.0, "max_ms": 0.0}, "--max-ms: found 0.0"),
        ({"max_drop": 1.0, "min_speedup": -2.0}, "--min-speedup: found -2.0"),
    ],
)
def test_bounds_that_cannot_be_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ed.InputError, match=says):
        Bounds(**given)


def test_bounds_that_contradict_each_other_are_refused() -> None:
    both = Bounds(0.3, max_ms=5.0, min_speedup=4.0)
    both.check_against(20.0)
    assert both.most_ms(16.0) == 4.0
    with pytest.raises(ed.InputError, match=r"--max-ms 5 and --min-speedup 4: .* contradict"):
        both.check_against(2.0)


def test_bytes_and_times_are_read_as_people_write_them() -> None:
    assert [parse_bytes(one) for one in ("64K", "64KB", "1.5M", 2048, None)] == [65536, 64000, 1572864, 2048, None]
    assert [parse_seconds(one) for one in ("90", "90s", "60m", "1.5h", 5)] == [90, 90, 3600, 5400, 5]
    for wrong in ("64Q", "-1", "", True):
        with pytest.raises(ed.InputError, match="--max-bytes: found"):
            parse_bytes(wrong)
    for wrong in ("0", "1y", "-5m", True):
        with pytest.raises(ed.InputError, match="--time: found"):
            parse_seconds(wrong)
    with pytest.raises(ed.InputError, match="--target: found 'pi9'; choose from pi4, pi5"):
        Goal("pi9", Bounds(1.0))


@pytest.mark.parametrize("kind", space.KINDS)
def test_every_kind_makes_a_recipe_that_its_yaml_makes_again(kind: str) -> None:
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(0)).ask(
        {"kind": optuna.distributions.CategoricalDistribution([kind])}
    )
    choices = {name: one.ask(trial, name) for name, one in space.KINDS[kind].asks.items()}
    recipe = space.make_recipe(kind, choices, PI4)
    import yaml

    again = parse(yaml.safe_load(dump_recipe(recipe)), "best.yaml", "x")
    assert (again.hash, again.name) == (recipe.hash, recipe.name)
    assert recipe.as_dict()["export"]["int8"]["slim"]


def test_the_target_of_shrinking_is_the_board_that_is_asked_for() -> None:
    choices = {"remove": 0.6, "sparsity": 0.5, "longer": 2.0, "qat": True}
    for target, goal in (("pi5", ("remove", "cortex-a76")), ("here", ("remove_multiply_adds", "cortex-a72"))):
        recipe = space.make_recipe("shrink", choices, space.Frame(target))
        stages: dict[str, Any] = dict(recipe.stages)
        assert list(stages) == ["shrink", "distil", "equalize", "prune", "qat"]
        assert (getattr(stages["shrink"], goal[0]), stages["shrink"].cpu) == (0.6, goal[1])
        usual: Any = dict(load_recipe("shrink80_int8").stages)["distil"]
        assert stages["distil"].epochs == 2 * usual.epochs


def test_students_are_of_the_family() -> None:
    choices = {"size": "tiny", "width": 1.5, "depth": 1.0, "blocks": "depthwise"}
    assert space.describe_student(choices) == {"student": "tiny", "options": {"width": 1.5, "blocks": "depthwise"}}


def test_starts_are_points_of_the_space() -> None:
    with quiet():
        study = optuna.create_study()
    for start in space.list_starts():
        study.enqueue_trial(start)
    for start in space.list_starts():
        trial = study.ask()
        kind, choices = space.ask(trial)
        assert trial.params == start
        space.make_recipe(kind, choices, PI4)


def test_looks_shorten_the_longest_stage_and_share_what_is_before_it() -> None:
    whole = load_recipe("shrink80_int8")
    looks = list(list_looks(whole, 50000))
    assert [look for look, _ in looks] == list(LOOKS)
    assert looks[-1][1] is whole
    assert all(short.stages[0] == whole.stages[0] for _, short in looks)
    steps = [count_steps(short, 50000) for _, short in looks]
    assert steps == sorted(steps)
    assert [look.share for look, _ in list_looks(whole, 200)] == [0.1, 0.35, 1.0], "on little data, too"
    assert [look.share for look, _ in list_looks(load_recipe("ptq_int8"), 50000)] == [1.0]


def test_what_misses_a_bound_is_worth_less() -> None:
    plain, last = Outlay(300_000, 250_000, 1.0, None), 1.0

    def value(ms: float, drop: float, **bounds: Any) -> float:
        return rate(Outlay(50_000, 40_000, ms, None), Drop(drop, 0.0), last, Bounds(0.3, **bounds), plain, 2.0)

    assert value(0.2, 0.1) < value(0.4, 0.1) < value(0.4, 0.6)
    assert value(0.2, 0.3) == value(0.2, 0.0), "what holds the bound is judged by its cost"
    assert value(0.2, 0.0) < value(0.2, 0.0, max_ms=0.1)
    assert value(0.2, 0.0) < value(0.2, 0.0, max_bytes=40_000)
    unsure = rate(Outlay(50_000, 40_000, 0.2, None), Drop(0.25, 0.1), last, Bounds(0.3), plain, 2.0)
    assert unsure > value(0.2, 0.25), "0.1 too little is left between it and the bound"


def point(
    number: int, drop: float | None, ms: float, size: int = 1000, share: float = 1.0, error: float = 0.0
) -> Point:
    return Point(number, f"p{number}", "a > int8", share, drop, size, size, ms, None, "", None, error)


def test_the_best_point_is_the_fastest_that_holds_every_bound() -> None:
    points = [
        point(0, 0.0, 1.0, 9000),
        point(1, 0.2, 0.5, 5000),
        point(2, 0.1, 0.505, 5000),
        point(3, 0.9, 0.1, 2000),
        point(4, 0.0, 0.2, share=0.1),
        point(5, None, 0.1),
    ]
    assert [one.number for one in rank(points, Bounds(0.3), 4.0)] == [2, 1, 0], "as fast, and more accurate"
    assert [one.number for one in find_front(points)] == [3, 1, 2, 0]
    tight = Bounds(0.3, max_bytes=3000, max_ms=0.3)
    assert rank(points, tight, 4.0) == []
    reliefs = {one.bound: one.point and one.point.number for one in list_reliefs(points, tight, 4.0)}
    assert reliefs == {"--max-drop 0.3": 3, "--max-bytes 3000": 4, "--max-ms 0.3": 4}


def test_what_is_lost_by_luck_is_kept_clear_of_the_bound() -> None:
    right = np.random.default_rng(0).random((2, 4000, 900)) < np.array([0.92, 0.9])[:, None, None]
    before, after = right
    drops = 100 * (before.mean(1) - after.mean(1))
    errors = [find_error((b & ~a).sum(), (a & ~b).sum(), 900) for b, a in zip(before, after, strict=True)]
    assert np.mean(errors) == pytest.approx(drops.std(), rel=0.03), "the spread of what is measured"
    unsure = point(0, 0.25, 1.0, error=0.1)
    assert tell_fault(unsure, Bounds(0.3), 4.0) == "0.25 points lost, too close to 0.3 to be sure (0.10 are kept clear)"
    assert not tell_fault(unsure, Bounds(0.35), 4.0)
    assert not tell_fault(point(0, 0.0, 1.0, error=5.0), Bounds(0.3), 4.0), "few images forbid nothing"
    assert not tell_fault(point(0, 0.04, 1.0, error=0.05), Bounds(0.05), 4.0), (
        "too small a bound to be told from chance"
    )
    assert tell_fault(point(0, 0.06, 1.0, error=0.05), Bounds(0.05), 4.0)


def test_passwords_are_not_shown() -> None:
    assert hide_password("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
