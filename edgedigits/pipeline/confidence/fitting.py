"""How sure answers are, and what is no answer: temperatures fitted, thresholds chosen, and how well both do.

Temperature: Guo et al. 2017. What is refused: the answer's own probability, as Hendrycks and Gimpel 2017 have it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from edgedigits_runner.confidence import Confidence
from numpy.typing import NDArray

from edgedigits.pipeline.confidence.wanted import BALANCED

_LEAST, _MOST = 0.05, 20.0
"""Temperatures that are looked at; a model that is always right on its validation images would be given none at all."""
BINS: Final = 15


def measure_nll(shares: NDArray[np.float64], labels: np.ndarray) -> float:
    """Mean negative log likelihood in nats of probabilities [n, classes]."""
    return float(-np.log(np.maximum(shares[np.arange(len(labels)), labels], 1e-300)).mean())


def measure_ece(shares: NDArray[np.float64], labels: np.ndarray) -> float:
    """Expected calibration error over BINS bins of equal width, a share of 1."""
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    places = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    gaps = np.bincount(places, right, BINS) - np.bincount(places, sure, BINS)
    return float(np.abs(gaps).sum() / counts.sum())


def fit_temperature(outputs: np.ndarray, labels: np.ndarray, logits: bool, least: float) -> float:
    """The temperature, from 0.05 to 20, under which these outputs [n, classes] give the labels the highest likelihood."""
    from scipy.optimize import minimize_scalar

    def lose(power: float) -> float:
        return measure_nll(Confidence(math.exp(power), least, logits).shares(outputs), labels)

    found = minimize_scalar(lose, bounds=(math.log(_LEAST), math.log(_MOST)), method="bounded")
    return round(math.exp(float(found.x)), 4)


def measure_auroc(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> float:
    """How probable it is that an image of a class scores higher than one of none: the area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    truth = np.concatenate([np.ones(len(known)), np.zeros(len(unknown))])
    return float(roc_auc_score(truth, np.concatenate([known, unknown])))


def choose_threshold(known: NDArray[np.float64], unknown: NDArray[np.float64], refuse: float | str) -> float:
    """From which score on is answered: the highest that refuses at most the share `refuse` of the known images; balanced: that
    under which as much of them is refused as of the unknown ones is answered. Above 0, at most 1."""
    places = np.unique(np.concatenate([known, unknown]))
    lost = np.searchsorted(np.sort(known), places) / len(known)
    if refuse == BALANCED:
        answered = 1 - np.searchsorted(np.sort(unknown), places) / len(unknown)
        best = int(np.abs(lost - answered).argmin())
    else:
        best = int(np.flatnonzero(lost <= float(refuse))[-1])
    return float(min(1.0, max(places[best], 1e-12)))


def share_refused(scores: NDArray[np.float64], threshold: float) -> float:
    """The share of scores below a threshold."""
    return float((scores < threshold).mean())
