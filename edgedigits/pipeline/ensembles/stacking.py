"""Stacking (Wolpert 1992): how much each member's outputs count for each class is learned from held-back images.

The layer on top is a multinomial logistic regression, so its weights are the one best answer to those images, whatever the
seed; how strongly they are held small is chosen among `STRENGTHS` by cross-validation.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from edgedigits.errors import DataError
from edgedigits.ground.facts import JsonObject

STRENGTHS = tuple(10.0**power for power in range(-4, 3))
"""Inverse strengths of the penalty that are tried."""
FOLDS = 5


@dataclass(frozen=True)
class Stacked:
    """float32 `kernel` [outputs, classes] and `bias` [classes] of the dense layer; `answers` are the probabilities [n, classes]
    of each held-back image by a layer that was fitted without it; `facts` are JSON-safe."""

    kernel: np.ndarray
    bias: np.ndarray
    answers: np.ndarray
    facts: JsonObject


def fit_stacking(outputs: np.ndarray, labels: np.ndarray, classes: int) -> Stacked:
    """The layer on top of the members' outputs, [n, outputs], for int labels [n]. Raises DataError for too few images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    least = int(np.bincount(labels, minlength=classes).min())
    if least < 2:
        raise DataError(
            f"stacking: a class has {least} held-back images, and 2 are needed; give more images, or take soft_voting"
        )
    folds = StratifiedKFold(min(FOLDS, least))

    def make(strength: float) -> object:
        return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not quite converged is judged like the rest
        tried = {
            strength: cross_val_predict(make(strength), outputs, labels, cv=folds, method="predict_proba")
            for strength in STRENGTHS
        }
        best = min(STRENGTHS, key=lambda strength: log_loss(labels, tried[strength], labels=range(classes)))
        scaler, layer = (step for _, step in make(best).fit(outputs, labels).steps)  # type: ignore[attr-defined]
    kernel, bias = _unscale(layer.coef_, layer.intercept_, scaler.mean_, scaler.scale_)
    facts: JsonObject = {"held_back_images": len(labels), "folds": folds.n_splits, "strength": best}
    return Stacked(kernel, bias, tried[best], facts)


def _unscale(
    slopes: np.ndarray, intercepts: np.ndarray, mean: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same line on outputs as they are; of two classes scikit-learn has one line, which is the second class's lead."""
    if len(slopes) == 1:
        slopes, intercepts = (
            np.concatenate([-slopes / 2, slopes / 2]),
            np.concatenate([-intercepts / 2, intercepts / 2]),
        )
    kernel = slopes / spread
    return kernel.T.astype(np.float32), (intercepts - kernel @ mean).astype(np.float32)
