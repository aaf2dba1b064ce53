"""What answers of several labels per image tell: of a model on its data, of bytes beside a model, of two models on one set."""

from __future__ import annotations

from typing import Final

import numpy as np
from edgedigits_runner.f1 import counts, f1_of
from numpy.typing import NDArray

from edgedigits.ground.facts import Facts
from edgedigits.tasks.baseline_check import CHANCE, CLEAR_SKILL, LEAST_SKILL, Findings
from edgedigits.tasks.f1_difference import compare_f1
from edgedigits.tasks.lost_answers import Losses
from edgedigits.tasks.parity import LEAST_MARGIN, LEAST_SHARE
from edgedigits.tasks.statistics import chance_p

_FLOOR: Final = 0.1
"""Of what the model knows against even odds: where it answers nearly all images alike, that is what is held against."""


def compute_margins(wanted: np.ndarray) -> NDArray[np.float64]:
    """How sure the model is of each label, 0 at even odds and 1 where it is certain, float64 [n, labels]."""
    return np.abs(2 * wanted.astype(np.float64) - 1)


def compute_losses(wanted: np.ndarray, rounded: np.ndarray, found: np.ndarray, step: float) -> Losses:
    """What `found`, the bytes' probabilities [n, labels], lost of `wanted`, the model's; the rest as in `parity`.

    answers: the share of decisions that changed, each weighted by the model's margin, as a share of what throwing coins would
        change. Labels that it sees and labels that it doesn't weigh as much as each other: most images lack most labels, and
        the loss of all that it sees would drown among them.
    ranks: how often an image without a label stands above one with it in the answers of the bytes, by the model's own decisions,
        as a share of what random answers would give (one half); the mean over the labels that it answers both ways.
    information: the Kullback-Leibler divergence of the labels' odds, as a share of that to each label's mean odds, which tell
        nothing of an image.
    """
    sees, weights = wanted > 0.5, compute_margins(wanted)
    changed = (found > 0.5) != sees
    sides = [side for side in (sees, ~sees) if (weights * side).sum() > 0]
    shares = [float((weights * changed)[side].sum() / weights[side].sum()) for side in sides]
    knows = divergence(wanted, np.broadcast_to(wanted.mean(axis=0), wanted.shape), LEAST_SHARE)
    even = divergence(wanted, np.full_like(wanted, 0.5), LEAST_SHARE)
    known = np.maximum(knows.sum(axis=0), _FLOOR * even.sum(axis=0)).sum()
    gone = divergence(rounded, found, max(LEAST_SHARE, step / 2)).sum()
    return Losses(
        answers=2 * float(np.mean(shares)) if shares else 0.0,
        ranks=2 * _misordered(sees, found),
        information=float(gone / max(known, LEAST_SHARE**2)),
    )


def _misordered(sees: NDArray[np.bool_], found: np.ndarray) -> float:
    """The mean over labels of the share of pairs, an image with it and one without, that stand the wrong way; ties count half."""
    shares = []
    for has, values in zip(sees.T, found.T, strict=True):
        if has.any() and not has.all():
            without = np.sort(values[~has])
            above = (
                len(without)
                - (np.searchsorted(without, values[has], "left") + np.searchsorted(without, values[has], "right")) / 2
            )
            shares.append(float(above.mean()) / len(without))
    return float(np.mean(shares)) if shares else 0.0


def divergence(wanted: np.ndarray, found: np.ndarray, least: float) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of the odds of each label in nats, float64 [n, labels]; `least` keeps both off 0 and 1."""
    p, q = (np.clip(each.astype(np.float64), least, 1 - least) for each in (wanted, found))
    return np.asarray(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))


def look(shares: np.ndarray, labels: np.ndarray) -> Findings:
    """What probabilities [n, labels] of images with these labels tell of a model."""
    if not np.isfinite(shares).all():
        return Findings(unfit_model="the model answers images of this data with NaN or infinity; train it again")
    if compute_margins(shares).mean() < LEAST_MARGIN:
        return Findings(
            unfit_model="the model gives every label of every image even odds (are its weights zero?), so nothing could show "
            "whether its compressed form is right; train it first"
        )
    found, wanted = shares > 0.5, labels.astype(bool)
    given, there = found.mean(axis=0), wanted.mean(axis=0)
    expected = float((given * there + (1 - given) * (1 - there)).mean())
    right, total = int((found == wanted).sum()), found.size
    skill = (right / total - expected) / (1 - expected) if expected < 1 else 1.0  # one side only: nothing to mistake
    if skill < LEAST_SKILL or (skill < CLEAR_SKILL and chance_p(right, total, expected) >= CHANCE):
        said = (
            f"before compression the model answers {100 * right / total:.1f} % of the labels of {len(labels)} validation images "
            f"right, where answers at random, as frequent as its own, would give {100 * expected:.1f} %: are --scale, the data "
            "and the order of its labels those that it was trained with?"
        )
        return Findings(warnings=(said,), near_chance=True)
    return Findings()


def compare_labels(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> Facts:
    """F1 of two models' predictions, bool [n, labels], and their difference with a 95 % interval over images drawn anew."""
    wanted = labels.astype(bool)
    both, differs = [_f1(before, wanted), _f1(after, wanted)], compare_f1(labels, before, after)
    return {
        "float_scores": both[0],
        "scores": both[1],
        "f1_macro_difference": {"value": differs.value, "low": differs.low, "high": differs.high},
    }


def _f1(predictions: np.ndarray, wanted: NDArray[np.bool_]) -> dict[str, float]:
    macro, micro = f1_of(*counts(predictions, wanted))
    return {"f1_macro": float(macro), "f1_micro": float(micro)}


def tune_thresholds(shares: np.ndarray, labels: np.ndarray) -> list[float]:
    """The threshold of each label, a probability, with the best F1 on these images; of equal ones that nearest to 0.5.

    A label that none of the images has, or all have, keeps 0.5. An image has a label where its probability is above.
    """
    return [_best(one.astype(np.float64), has.astype(bool)) for one, has in zip(shares.T, labels.T, strict=True)]


def _best(values: NDArray[np.float64], has: NDArray[np.bool_]) -> float:
    if not has.any() or has.all():
        return 0.5
    seen = np.unique(np.append(values, [0.0, 1.0]))
    tried = np.unique(np.append((seen[1:] + seen[:-1]) / 2, 0.5))
    tried = np.round(tried, 6)  # as it is written
    order = np.sort(values)
    hits = has.sum() - np.searchsorted(np.sort(values[has]), tried, "right")
    answered = len(values) - np.searchsorted(order, tried, "right")
    f1 = 2 * hits / (answered + has.sum())
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(tried[best[np.argmin(np.abs(tried[best] - 0.5))]])
