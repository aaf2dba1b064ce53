"""Trained classical models in .skops files: weights and settings alone, and of classes that are named here or by skops.

A pickle runs code of its writer's choice when it is read; a .skops file names classes, and no other is made.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from edgedigits_runner.kept import fault, is_text, is_whole

from edgedigits.errors import EdgeDigitsError, InputError, ModelError
from edgedigits.ground.atomic import whole_file
from edgedigits.models.classical.features import Features

SUFFIX: Final = ".skops"
TRUSTED: Final = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""What is made beside that which skops trusts by itself: numbers in arrays, and no code of the file's."""
_SCHEMA: Final = 1
_SHAPE: Final = {"schema": is_whole, "features": is_text, "shape": [is_whole], "classes": [is_text]}


@dataclass(frozen=True)
class ClassicalModel:
    """A fitted estimator of scikit-learn, the features that it reads, and the names of its classes."""

    estimator: Any
    features: Features
    classes: tuple[str, ...]

    def answer(self, pixels: np.ndarray) -> np.ndarray:
        """Probabilities, float32 [n, classes], of uint8 pixels [n, height, width, channels]."""
        return np.asarray(self.estimator.predict_proba(self.features.compute(pixels)), np.float32)


def save_classical(model: ClassicalModel, path: Path) -> None:
    """Writes a .skops file, whole or not at all. Raises InputError without skops, and for classes that none would load."""
    io = import_skops(str(path))
    document = {
        "schema": _SCHEMA,
        "features": model.features.name,
        "shape": list(model.features.shape),
        "classes": list(model.classes),
        "estimator": model.estimator,
    }
    with whole_file(path) as part:
        io.dump(document, part, compression=zipfile.ZIP_DEFLATED, compresslevel=6)
        if strange := sorted(set(io.get_untrusted_types(file=part)) - set(TRUSTED)):
            raise InputError(f"{path}: would hold {strange[0]}, which nobody could load again; choose another model")


def load_classical(path: Path) -> ClassicalModel:
    """The model of a .skops file. Raises ModelError for what is none, and for a file that names classes not trusted."""
    io = import_skops(str(path))
    with _translating(path):
        if strange := sorted(set(io.get_untrusted_types(file=path)) - set(TRUSTED)):
            raise ModelError(
                f"{path}: names {strange[0][:80]!r}, which is none of the classes that are loaded; nothing was"
            )
        found = io.load(path, trusted=list(TRUSTED))
    wrong = fault(found, _SHAPE) if isinstance(found, dict) else "it is no object"
    if wrong or len(found["shape"]) != 3 or not hasattr(found.get("estimator"), "predict_proba"):
        said = wrong or "no estimator with predict_proba in it"
        raise ModelError(f"{path}: no classical model that `edgedigits train` wrote ({said}); train one")
    height, width, channels = found["shape"]
    features, estimator = Features(found["features"], (height, width, channels)), found["estimator"]
    if (read := getattr(estimator, "n_features_in_", features.count)) != features.count:
        raise ModelError(f"{path}: altered since it was written (it reads {read} features); train it again")
    return ClassicalModel(estimator, features, tuple(found["classes"]))


@contextmanager
def _translating(path: Path) -> Iterator[None]:
    """What skops raises of a file that is none, in one sentence."""
    try:
        yield
    except EdgeDigitsError:
        raise
    except Exception as error:  # whatever zip, JSON and the classes of the file make of it
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(f"{path}: not a readable .skops file ({why})") from error


def import_skops(where: str) -> Any:
    """`skops.io`. Raises InputError where it is not installed."""
    try:
        from skops import io
    except ImportError as error:
        raise InputError(
            f'{where}: needs skops, which is not installed; pip install "edgedigits[classical]"'
        ) from error
    return io
