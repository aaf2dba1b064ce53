"""The head of every recipe says what pays.json says, and only that is rewritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.headers import MARK, kept, wanted, with_header, without_header
from edgedigits.pipeline.recipe import find_shipped_folder, load_recipe

YAML = "# By hand: why these numbers.\nname: tiny\nfor: a trial - nothing else\nexport: float32  # kept\n"
ROW = {
    "recipe": "tiny",
    "model": "cnn",
    "seeds": [0, 1, 2],
    "accuracy_percent": 99.42,
    "accuracy_low": 99.4,
    "accuracy_high": 99.47,
    "points_against_float": -0.25,
    "mcnemar_p": 0.0004,
    "raw_bytes": 10_100,
    "gzip_bytes": 8_800,
    "times_faster": 27.12,
    "p50_us": 3.5,
    "cycles_a53": 200_000,
    "cycles_a72": 90_000,
    "cycles_a76": 36_000,
    "times_fewer_cycles_a53": 22.6,
    "times_fewer_cycles_a72": 33.04,
    "times_fewer_cycles_a76": 41.8,
    "seconds": 1200.0,
    "cached": False,
}


def document(**more: Any) -> dict[str, Any]:
    return {"rows": [{**ROW, "measured": {"cpu": "a CPU", "cores": 2}, **more}]}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(YAML)
    return path


def test_every_shipped_head_equals_the_measurements() -> None:
    found = wanted(kept())
    assert set(found) == set(find_shipped_folder().rglob("*.yaml"))
    assert {path.name: path.read_text() == text for path, text in found.items()} == {path.name: True for path in found}


def test_the_head_says_what_it_is_for_and_what_it_reached(recipe: Path) -> None:
    (text,) = wanted(document(), recipe.parent).values()
    head = text[: text.index("\n\n")]
    assert text.endswith("\n\n" + YAML)
    assert all(line.startswith("# ") for line in head.splitlines())
    assert max(map(len, head.splitlines())) <= 120
    said = " ".join(line.lstrip("# ") for line in head.splitlines())
    for part in (
        "a trial - nothing else",
        "99.42 %",
        "median of seeds 0, 1, 2, 99.40 to 99.47",
        "10,100 bytes",
        "27.1x",
        "22.6x fewer cycles on a Zero 2 W (0.200 ms) and a Pi 3 (0.167 ms)",
        "33.0x on a Pi 4 (0.0500 ms)",
        "41.8x on a Pi 5 (0.0150 ms)",
    ):
        assert part in said
    assert "made in 20.0 min on 2 cores" in said


def test_rewriting_is_idempotent_and_spares_what_was_written_by_hand(recipe: Path) -> None:
    recipe.write_text(wanted(document(), recipe.parent)[recipe])
    assert load_recipe(str(recipe)).purpose == "a trial - nothing else"
    assert wanted(document(), recipe.parent)[recipe] == recipe.read_text()
    newer = wanted(document(accuracy_percent=99.9, seeds=[0]), recipe.parent)[recipe]
    assert newer.count(MARK) == 1
    assert "99.90 %" in newer
    assert "99.42 %" not in newer
    assert wanted(None, recipe.parent)[recipe] == YAML
    assert without_header(YAML) == YAML
    assert with_header(YAML, "# x\n\n") == "# x\n\n" + YAML
