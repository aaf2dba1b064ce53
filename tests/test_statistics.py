"""Intervals and tests against SciPy, published values and simulation."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from edgedigits.tasks.f1_difference import compare_f1
from edgedigits.tasks.statistics import (
    Paired,
    bound_share,
    chance_p,
    compute_speedup,
    compute_typical_percentile,
    mcnemar_p,
    pair_up,
)


@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (1, 0), (0, 1), (5, 5), (12, 9), (9, 12), (0, 40), (58, 22), (1500, 1400), (2000, 0)]
)
def test_mcnemar_is_the_binomial_test(first: int, second: int) -> None:
    expected = binomtest(min(first, second), first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar_p(first, second) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_holds_for_counts_beyond_any_float() -> None:
    assert mcnemar_p(20_000, 20_000) == 1.0
    assert mcnemar_p(20_100, 19_900) == pytest.approx(binomtest(19_900, 40_000, 0.5).pvalue, rel=1e-9)
    assert mcnemar_p(30_000, 0) == 0.0


def test_mcnemar_is_symmetric_and_at_most_one() -> None:
    for first in range(12):
        for second in range(12):
            assert 0 < mcnemar_p(first, second) == mcnemar_p(second, first) <= 1


def test_pair_counts_every_image_once() -> None:
    baseline = np.array([1, 1, 1, 0, 0, 0, 0, 1], bool)
    compressed = np.array([1, 1, 0, 1, 1, 0, 0, 0], bool)
    found = pair_up(baseline, compressed)
    assert found == Paired(both=2, only_baseline=2, only_compressed=2, neither=2)
    assert found.images == 8
    assert found.difference_points == 0
    assert found.p_value == 1


def test_pair_says_the_difference_in_points() -> None:
    found = Paired(both=9_900, only_baseline=12, only_compressed=9, neither=79)
    assert found.difference_points == pytest.approx(-0.03)
    assert found.p_value == pytest.approx(binomtest(9, 21, 0.5).pvalue)


def test_pair_refuses_what_is_no_pair() -> None:
    with pytest.raises(ValueError, match="can't pair"):
        pair_up(np.ones(3, bool), np.ones(4, bool))


@pytest.mark.parametrize(("right", "total"), [(0, 10), (10, 10), (8, 10), (9_945, 10_000), (1, 204), (171, 204)])
def test_wilson_is_scipys(right: int, total: int) -> None:
    expected = binomtest(right, total).proportion_ci(method="wilson")
    found = bound_share(right, total)
    assert found.value == right / total
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_has_newcombes_published_values() -> None:
    found = bound_share(81, 263)  # Newcombe 1998, table I
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_typical_percentile_forgives_one_spoilt_window() -> None:
    quiet = [np.arange(1, 101) for _ in range(4)]
    spoilt = np.arange(1, 101) * 50
    assert compute_typical_percentile([*quiet, spoilt], 50) == 50
    assert compute_typical_percentile([*quiet, spoilt], 99) == 99


def test_speedup_is_the_ratio_and_repeats() -> None:
    baseline, compressed = [np.full(100, 90)] * 5, [np.full(100, 30)] * 5
    found = compute_speedup(baseline, compressed)
    assert (found.value, found.low, found.high) == (3, 3, 3)
    random = np.random.default_rng(0)
    noisy = [random.normal(90, 5, 200) for _ in range(5)], [random.normal(30, 5, 200) for _ in range(5)]
    assert compute_speedup(*noisy, seed=4) == compute_speedup(*noisy, seed=4)
    assert compute_speedup(*noisy).low < compute_speedup(*noisy).value < compute_speedup(*noisy).high


def test_speedup_draws_both_windows_of_a_round_together() -> None:
    """A clock that slows both models alike in some rounds takes nothing from what is known of their ratio."""
    clocks = [1.0, 1.0, 1.5, 2.0, 2.5]
    found = compute_speedup(
        [np.full(50, 90 * clock) for clock in clocks], [np.full(50, 30 * clock) for clock in clocks]
    )
    assert (found.low, found.high) == (3, 3)


def test_speedup_interval_holds_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(300):
        slow, fast = ([random.normal(mean * random.normal(1, 0.05), 4, 60) for _ in range(5)] for mean in (90, 30))
        found = compute_speedup(slow, fast, resamples=400)
        held += found.low <= 3 <= found.high
    assert 0.87 <= held / 300 <= 1.0


def test_one_window_with_one_lap_is_enough_to_compute() -> None:
    assert compute_speedup([np.array([4])], [np.array([2])]).value == 2


def test_speedup_refuses_windows_that_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="pairs"):
        compute_speedup([np.ones(3)], [])


@pytest.mark.parametrize(
    ("found", "before"),
    [
        (mcnemar_p(12, 9), 0.6636238098144531),
        (mcnemar_p(58, 22), 7.010573979919961e-05),
        (chance_p(30, 100, 0.2), 0.011248978720991374),
        (chance_p(9, 10, 0.1), 9.100000000000029e-09),
        (chance_p(5, 10, 0.0), 0.0),
        (chance_p(0, 10, 0.3), 1.0),
        (bound_share(171, 204).low, 0.7815331498214027),
        (bound_share(171, 204).high, 0.8824344761903706),
        (bound_share(0, 10).low, 0.0),
        (bound_share(10, 10).high, 1.0),
    ],
)
def test_the_numbers_are_those_of_before_scipy(found: float, before: float) -> None:
    assert found == pytest.approx(before, rel=1e-9)


def test_scipy_is_imported_only_where_a_number_is_asked_for() -> None:
    code = "import sys; import edgedigits.cli.main, edgedigits.tasks.statistics; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_difference_in_f1_has_an_interval_that_holds_it() -> None:
    random = np.random.default_rng(1)
    labels = (random.random((400, 4)) < 0.4).astype(np.uint8)
    good, bad = ((labels ^ (random.random(labels.shape) < share)).astype(bool) for share in (0.05, 0.2))
    found = compare_f1(labels, good, bad)
    f1 = [f1_score(labels, each, average="macro") for each in (good, bad)]
    assert found.value == pytest.approx(f1[1] - f1[0])
    assert -0.25 < found.low < found.value < found.high < 0
    assert compare_f1(labels, bad, good).value == pytest.approx(-found.value)
    same = compare_f1(labels, good, good)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    one = compare_f1(labels[:1], good[:1], bad[:1])
    assert one.low == one.value == one.high
