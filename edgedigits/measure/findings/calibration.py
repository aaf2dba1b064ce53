"""Whether a model is as often right as it says it is: the reliability curve, and the expected calibration error.

Guo et al. 2017, with fifteen bins of equal width over the probability of the answer. Where an image has several labels each of
them is a case: its probability against whether it is there (Naeini et al. 2015).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.findings.answers import Both, Form

BINS: Final = 15


def describe_calibration(both: Both) -> JsonObject:
    """Of each form `ece`, and its bins that are not empty; shares of 1."""
    return {"bins": BINS, **{name: _describe(form, both.labels) for name, form in both.forms.items()}}


def _describe(form: Form, labels: np.ndarray) -> JsonObject:
    from sklearn.calibration import calibration_curve

    sure, right = _pick_cases(form, labels)
    edges = np.linspace(0, 1, BINS + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], sure), minlength=BINS)  # the bins of calibration_curve
    true, said = calibration_curve(right, sure, n_bins=BINS)
    held = counts[counts > 0]
    rows = [
        {"cases": int(count), "said": float(one), "right": float(other)}
        for count, one, other in zip(held, said, true, strict=True)
    ]
    return {
        "cases": len(sure),
        "ece": float((held * np.abs(true - said)).sum() / held.sum()),
        "mean_said": float(sure.mean()),
        "mean_right": float(right.mean()),
        "curve": rows,
    }


def _pick_cases(form: Form, labels: np.ndarray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(probability, whether it came true), both [cases]."""
    if labels.ndim == 2:
        return np.clip(form.shares, 0, 1).ravel(), labels.astype(bool).ravel()
    return np.clip(form.shares.max(axis=1), 0, 1), form.right
