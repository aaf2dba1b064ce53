"""The campaign of kills in small: what was killed goes on, and ends with the bytes of a run that nothing disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import kills
from tests.warm import Started


def start(folder: Path, place: Path) -> Started:
    """A run that need not import TensorFlow: every kill meets it at work."""
    return Started(*kills.WORDS, "--out", place / "out", "--json", cwd=folder, EDGEDIGITS_CACHE=str(place / "cache"))


def test_a_killed_compress_ends_as_an_undisturbed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "EACH", 2)
    monkeypatch.setattr(kills, "start", start)
    found = kills.campaign(kills=1, pairs=0, seconds=60, seed=1)
    (alone,) = found["runs"]
    assert alone["kills"] + alone["late"] == 2
    assert (alone["torn"], alone["failed"], alone["left_behind"]) == ([], [], [])
    assert alone["identical"] == alone["finished"] == 1
    assert found["good"]


def test_a_campaign_that_found_something_is_not_good() -> None:
    assert kills.Found(1, kills=3, finished=1, identical=1).good
    for wrong in (
        {"torn": ["x"]},
        {"failed": ["x"]},
        {"left_behind": ["x"]},
        {"finished": 2},
        {"finished": 0, "identical": 0},
    ):
        assert not kills.Found(1, **{"kills": 3, "finished": 1, "identical": 1} | wrong).good
