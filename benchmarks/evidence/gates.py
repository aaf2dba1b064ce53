"""Whether gates let equal models pass and stop worse ones: simulated comparisons, judged by the product's own code.

Times: 200 comparisons of a file with itself and 200 with one that takes 20 % longer, nine rounds each, drawn from rounds in
which this machine timed one file under two names; into each a drift of all that a round measures and outliers among windows are
injected. Accuracy: 200 comparisons of two models that are equally good, answers drawn anew from those of real pairs, each image's
two answers changing sides by a coin; 200 in which the second model truly loses two points of right answers besides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.document import target
from benchmarks.evidence.gate_noise import ROUNDS, WINDOW_S, Noise, Pair, answer_pairs, make_artifacts, time_alike
from edgedigits.pipeline.gates.evidence import Answers, Evidence, Times
from edgedigits.pipeline.gates.gate import overlay
from edgedigits.pipeline.gates.judge import MISSED, NOT_SURE, judge
from edgedigits.pipeline.gates.timing import ROUNDS as DRAWN
from edgedigits.tasks.class_recalls import count_by_class
from edgedigits.tasks.statistics import bound_median, compute_saving, compute_speedup, pair_up

COMPARISONS: Final = 200
SLOWER: Final = 1.2
DRIFT: Final = 0.05
"""Standard deviation of the logarithm of what all laps of a round are multiplied by; the raw rounds have 0.02 already."""
OUTLIERS: Final = 0.05
OUTLIER: Final = 1.3
"""A share of OUTLIERS of the windows take so many times as long, as when a neighbour comes for one of them."""
TIME_GATES: Final = ("min_speedup=1x", "max_p50_us=1x", "min_speedup=0 us", "min_speedup=0.9x")
"""The first is the strictest that an equal model can be held to; so are the next two, said otherwise."""
ANSWER_GATES: Final = ("max_accuracy_drop_points=0",)
IMAGES: Final = (300, 1000, 5000)
LOST: Final = 0.02
"""Of all answers, which the worse model has wrong besides."""
MOST_FALSE, LEAST_CAUGHT = 5.0, 95.0  # percent, from the issue

Rows = list[dict[str, Any]]


def measure() -> tuple[Rows, dict[str, Any]]:
    """The targets, and by gate and net how many of the comparisons were missed and how many not sure."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-gates-") as folder:
        artifacts = make_artifacts(Path(folder))
        noises, pairs = time_alike(artifacts), answer_pairs(artifacts)
    return summarize(noises, pairs)


def summarize(noises: Sequence[Noise], pairs: Sequence[Pair]) -> tuple[Rows, dict[str, Any]]:
    """The simulations on what was measured."""
    rows = [
        *compare_times("equal times", noises, 1.0),
        *compare_times("20 % slower", noises, SLOWER),
        *compare_answers("equal answers", pairs, 0.0),
        *compare_answers("2 points worse", pairs, LOST),
    ]
    targets = [
        _target(rows, "equal times", "a file with itself", False, gate=TIME_GATES[0]),
        _target(rows, "20 % slower", "a file with one that takes 20 % longer", True, gate=TIME_GATES[0]),
        _target(rows, "equal answers", "equally accurate models", False),
        _target(rows, "2 points worse", f"one 2 points worse on {IMAGES[-1]:,} images", True, images=IMAGES[-1]),
    ]
    raw = {
        "comparisons": COMPARISONS,
        "rounds_measured": ROUNDS,
        "window_s": WINDOW_S,
        "rounds_drawn": DRAWN,
        "injected": {"drift": DRIFT, "outliers": OUTLIERS, "outlier": OUTLIER},
        "nets": [{"net": noise.name, "void_rounds": noise.void, **_spread(noise)} for noise in noises],
        "rows": rows,
    }
    return targets, raw


def _target(rows: Rows, kind: str, what: str, caught: bool, **only: Any) -> dict[str, Any]:
    picked = [row for row in rows if row["kind"] == kind and all(row[key] == value for key, value in only.items())]
    share = 100 * sum(row["missed"] for row in picked) / sum(row["comparisons"] for row in picked)
    wanted = f">= {LEAST_CAUGHT:g}" if caught else f"<= {MOST_FALSE:g}"
    met = share >= LEAST_CAUGHT if caught else share <= MOST_FALSE
    return target(f"gates: comparisons of {what} that fail", wanted, round(share, 2), "%", met)


def _spread(noise: Noise) -> dict[str, float]:
    """How far the p50 of two equal files lie apart in a round: the ratio's median, and its ends over all rounds."""
    ratios = [float(np.median(first) / np.median(second)) for first, second in noise.rounds]
    return {"ratio": float(np.median(ratios)), "ratio_low": min(ratios), "ratio_high": max(ratios)}


def compare_times(kind: str, noises: Sequence[Noise], slower: float) -> Rows:
    """A row for each net and gate: COMPARISONS in all for each gate, shared among the nets."""
    random, rows = np.random.default_rng(15), []
    for noise in noises:
        count = COMPARISONS // len(noises)
        drawn = [_draw_times(noise, slower, random) for _ in range(count)]
        for gate in TIME_GATES:
            rows.append({"kind": kind, "net": noise.name, **_count(gate, drawn)})
    return rows


def _draw_times(noise: Noise, slower: float, random: np.random.Generator) -> Evidence:
    """What one comparison would have measured."""
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for at in random.choice(len(noise.rounds), DRAWN, replace=False):
        drift = float(np.exp(random.normal(0, DRIFT)))
        pair = noise.rounds[at] if random.random() < 0.5 else noise.rounds[at][::-1]
        for side, laps, times in zip(sides, pair, (1.0, slower), strict=True):
            spoilt = OUTLIER if random.random() < OUTLIERS else 1.0
            side.append(laps * (drift * times * spoilt))
    p50 = bound_median(np.array([np.median(laps) for laps in sides[1]]))
    seed = int(random.integers(2**31))
    speedup, saved = (each(*sides, seed=seed) for each in (compute_speedup, compute_saving))
    none = np.zeros(1, bool)
    answers = Answers(1, count_by_class(np.zeros(1, np.int32), none, none), (), pair_up(none, none), 0)
    return Evidence(answers, (1, 1), {}, Times(p50, speedup, saved, DRAWN))


def compare_answers(kind: str, pairs: Sequence[Pair], lost: float) -> Rows:
    """A row for each pair of models, number of images and gate, with COMPARISONS for each number of images."""
    random, rows = np.random.default_rng(15), []
    for pair in pairs:
        for images in IMAGES:
            drawn = [_draw_answers(pair, images, lost, random) for _ in range(COMPARISONS // len(pairs))]
            for gate in ANSWER_GATES:
                rows.append({"kind": kind, "net": pair.name, "images": images, **_count(gate, drawn)})
    return rows


def _draw_answers(pair: Pair, images: int, lost: float, random: np.random.Generator) -> Evidence:
    """Images drawn with replacement, the answers of both to each changing sides by a coin, so that both are equally right; then a
    share of the second one's right answers goes."""
    rows, coin = random.integers(len(pair.labels), size=images), random.random(images) < 0.5
    first, second = (right[rows] for right in pair.right)
    before, after = np.where(coin, first, second), np.where(coin, second, first)
    after = after & (random.random(images) >= lost)
    classes = count_by_class(pair.labels[rows], before, after)
    answers = Answers(images, classes, (), pair_up(before, after), int((before != after).sum()))
    return Evidence(answers, (1, 1), {}, None)


def _count(said: str, drawn: Sequence[Evidence]) -> dict[str, Any]:
    """How one gate judges all of them."""
    gates = overlay((), [said])
    verdicts = [judge(gates, evidence)[0].verdict for evidence in drawn]
    return {
        "gate": said,
        "comparisons": len(drawn),
        "missed": verdicts.count(MISSED),
        "not_sure": verdicts.count(NOT_SURE),
    }
