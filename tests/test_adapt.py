"""The benchmark of nets and data that are not ours: its nets can be built, its limits judge, its table shows what is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.adapt.nets import NETS
from benchmarks.adapt.rows import ROWS, SEARCHES, judge
from benchmarks.adapt.table import adapt_table
from edgedigits.pipeline.recipe import load_recipe

GOOD: dict[str, Any] = {
    "ok": True, "float_accuracy": 93.6, "accuracy": 93.2, "drop_points": 0.4, "mcnemar_p": 0.2, "bytes": 80_000,
    "share": 0.06, "times_fewer_cycles": 5.1, "minutes": 11.0,
}  # fmt: skip
KEY = "fashion cnn, shrink80_int8"


def met(rows: dict[str, Any]) -> dict[str, bool]:
    """Of the row KEY and its float model, by the name of the limit."""
    found = [one for one in judge(rows) if "search" not in one["name"]]
    assert all(not one["met"] for one in found if not one["name"].startswith("fashion cnn"))
    return {one["name"].rpartition(": ")[2]: one["met"] for one in found if one["name"].startswith("fashion cnn")}


def test_every_limit_of_a_row_is_judged() -> None:
    assert set(met({KEY: GOOD}).values()) == {True}
    assert len(met({KEY: GOOD})) == 6
    for change, limit in (
        ({"drop_points": 0.51}, "drop"),
        ({"share": 0.07}, "share of the float file"),
        ({"times_fewer_cycles": 4.9}, "times fewer cycles"),
        ({"minutes": 12.1}, "minutes"),
        ({"float_accuracy": 93.4}, "float"),
    ):
        assert [name for name, fine in met({KEY: {**GOOD, **change}}).items() if not fine] == [limit]
    assert set(met({KEY: {"ok": False, "why": "no"}}).values()) == {False}
    assert set(met({}).values()) == {False}


def test_rows_name_recipes_for_any_images() -> None:
    for row in ROWS:
        if row not in SEARCHES:
            load_recipe(row[1]).check_images((96, 96, 3))


def test_a_search_is_held_beside_a_recipe() -> None:
    other = {**GOOD, "cycles": 100}
    for change, shown in (({}, 3), ({"bytes": 90_000}, 2), ({"bytes": 90_000, "accuracy": 93.1}, 1)):
        rows = {"mnist cnn, search pi4": {**other, **change}, "mnist cnn, distil_small_int8": other}
        (found,) = (one for one in judge(rows) if one["name"].endswith("no worse than distil_small_int8"))
        assert (found["got"], found["met"]) == (shown, shown > 1)


def test_the_table_says_what_was_not_measured() -> None:
    text = adapt_table({"rows": {KEY: GOOD, "residual, ptq_int8": {"ok": False, "why": "too large"}}})
    assert "| fashion cnn | `shrink80_int8` | 93.60 % | 93.20 % | -0.40 (0.2) | 80,000, 6.0 % | 5.1x | 11.0 |" in text
    assert "| residual | `ptq_int8` | refused: too large |" in text
    assert text.count("not measured") == len(ROWS) - 2


@pytest.mark.parametrize("name", NETS)
def test_its_nets_answer_images_grey_and_colour(name: str) -> None:
    build, scale = NETS[name]
    for shape in ((28, 28, 1), (32, 32, 3)):
        net = build(shape, 10)
        answers = net(np.full((2, *shape), 255.0 if scale == "0..255" else 1.0, np.float32)).numpy()
        assert answers.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert 30_000 < net.count_params() < 200_000
