"""A part of the attack: some hundred spoiled files over every reader that is quick; nothing may fall."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from benchmarks.attack import campaign, pool, seeds
from benchmarks.attack.kinds import KINDS, mutant
from benchmarks.attack.readers.calling import WrongEnd, judged
from benchmarks.attack.readers.table import READERS

QUICK = tuple(
    name for name, one in READERS.items() if one.group == "host" and name not in ("pack --slim", "kept timings")
)
"""Not those that run every file in several interpreters, or time it."""
COUNT, SECONDS = 300, 60


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attack") / "seeds"
    seeds.make(folder)
    return folder


def test_nothing_falls(corpus: Path, tmp_path: Path) -> None:
    plan = campaign.Plan(seed=10, count=COUNT, seconds=SECONDS, cores=1, readers=QUICK)
    outcome = campaign.run(plan, corpus, tmp_path / "fell", lambda _: None)
    found = campaign.summary(plan, outcome)
    fell = [f"{fault.title} ({fault.words[:100]})" for fault in outcome.tally.faults.values()]
    assert not fell, "\n".join(fell)
    assert outcome.untaken == []
    assert found["files"] >= COUNT // 4, "too slow to say anything"
    taken = {name for name, one in found["readers"].items() if one.get("fine")}
    refused = {name for name, one in found["readers"].items() if one.get("refused")}
    assert len(taken) > len(QUICK) // 2
    assert len(refused) > len(QUICK) // 2


def test_a_seed_gives_the_same_files(corpus: Path) -> None:
    right = seeds.listed(corpus)
    assert set(right) == set(KINDS)
    for kind in KINDS:
        for number in range(8):
            one, same = (mutant(right, kind, Random(f"7 {number}")) for _ in range(2))
            assert one == same, kind


@pytest.mark.parametrize(
    ("way", "how"),
    [
        ("take", "fine"),
        ("refuse", "refused"),
        ("raise", "raised"),
        ("end", "ended"),
        ("hang", "hang"),
        ("die", "died"),
        ("fill", "memory"),
    ],
)
def test_every_kind_of_fault_is_seen(way: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text(way)
    monkeypatch.setattr(pool, "MOST_BYTES", 2**28)
    worker = pool.Worker(tmp_path, tmp_path / "worker", "tests.fallible")
    try:
        found = worker.ask("fallible", file, 1 if way == "hang" else 5)
    finally:
        worker.stop()
    assert found["how"] == how


def test_answers_are_one_sentence() -> None:
    assert judged("noise\nedgedigits: x.npz: not a readable file; give another.\n") == (
        "edgedigits: x.npz: not a readable file; give another."
    )
    for wrong in ("edgedigits: one\ntwo", "edgedigits: \x1b[31m", "edgedigits: " + "x" * 5000):
        with pytest.raises(WrongEnd):
            judged(wrong)
