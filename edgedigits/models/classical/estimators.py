"""The classical models that `edgedigits train` knows: five by short names, and any classifier of scikit-learn by its class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edgedigits.errors import InputError

NEIGHBOURS, TREES, FOLDS = 5, 100, 3


def _logistic_regression(_least: int, _seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))


def _svm(least: int, seed: int) -> Any:
    """Its margins become probabilities by Platt's sigmoid (1999), which is fitted on folds."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    if least < 2:
        raise InputError(
            "svm: a class has one training image, and 2 are needed to make probabilities; give more images"
        )
    return CalibratedClassifierCV(SVC(random_state=seed), ensemble=False, cv=min(FOLDS, least))


def _random_forest(_least: int, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, random_state=seed)


def _k_nearest(_least: int, _seed: int) -> Any:
    """Without a tree of its own: in so many dimensions none is faster than to look at all."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(NEIGHBOURS, weights="distance", algorithm="brute")


def _gradient_boosting(_least: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed)


ESTIMATORS: Final[dict[str, Callable[[int, int], Any]]] = {
    "gradient_boosting": _gradient_boosting,
    "k_nearest": _k_nearest,
    "logistic_regression": _logistic_regression,
    "random_forest": _random_forest,
    "svm": _svm,
}
"""Of each name what makes the untrained estimator, of how many images the rarest class has and of a seed."""


def is_classical(name: str) -> bool:
    """Whether a name is meant for a classical model: one of ESTIMATORS, or written as scikit-learn writes classes."""
    return name in ESTIMATORS or (name[:1].isupper() and name.isidentifier())


def make_estimator(name: str, least: int, seed: int) -> Any:
    """The untrained estimator of a short name, or of a class of scikit-learn that answers probabilities.

    Raises InputError for a name of none, and for a class that can't be made without settings of its own.
    """
    if name in ESTIMATORS:
        return ESTIMATORS[name](least, seed)
    from sklearn.utils import all_estimators

    known = dict(all_estimators(type_filter="classifier"))
    if name not in known:
        raise InputError(
            f"{name}: no net and no classical model; choose from {', '.join(ESTIMATORS)}, or a classifier of scikit-learn"
        )
    try:
        made = known[name]()
    except TypeError as error:
        raise InputError(
            f"{name}: can't be made without settings of its own; choose from {', '.join(ESTIMATORS)}"
        ) from error
    if not hasattr(made, "predict_proba"):
        raise InputError(
            f"{name}: answers no probabilities (it has no predict_proba); choose from {', '.join(ESTIMATORS)}"
        )
    return made.set_params(random_state=seed) if "random_state" in made.get_params() else made
