"""A classical model trained on what a net would be trained on, and its row of a comparison: accuracy, bytes, time."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgedigits.data.dataset import Dataset
from edgedigits.data.images import Images, read_all
from edgedigits.data.samples import draw_sample, draw_stratified
from edgedigits.data.splits import FitData, split
from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject, Progress, Say, silent
from edgedigits.models.classical.estimators import ESTIMATORS, make_estimator
from edgedigits.models.classical.features import HOG, Features, import_hog
from edgedigits.models.classical.skops_file import ClassicalModel
from edgedigits.pipeline.classical.timing import time_classical
from edgedigits.pipeline.stage_cache import list_versions
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.statistics import bound_share

MOST_BYTES = 2**32
"""Of features of all training images, which are held at once."""
AT_ONCE = 500
TRIAL = 5
"""Images of each class on which an estimator without a short name is first tried."""
TIMED = 200


@dataclass(frozen=True)
class TrainedClassical:
    """The model, and its record, to which who writes it adds `size_bytes`."""

    model: ClassicalModel
    record: JsonObject


def train_classical(
    name: str,
    dataset: Dataset,
    features: str,
    *,
    seed: int = 0,
    say: Say = lambda _: None,
    progress: Progress = silent,
) -> TrainedClassical:
    """An estimator called `name` on `features` of the training images that nets learn from; the test images are scored once.

    Raises InputError for names of none, data that it can't be asked, features that don't fit into memory.
    """
    began = time.perf_counter()
    found = Features(features, dataset.shape)
    if dataset.task != "classification":
        raise InputError(f"{name}: data {dataset.name} has several labels per image, and it answers one class for each")
    data = split(dataset, "0..1", seed)
    _check_room(found, data)
    if features == HOG:
        import_hog()
    estimator = _assemble(name, found, data, seed)
    progress(f"{features} of the training images", 0.0)
    seen = _compute(found, data.fit)
    progress(f"train {name}", 0.3)
    fitted, converged = _fit(estimator, seen, data.fit.labels)
    model = ClassicalModel(fitted, found, tuple(dataset.classes))
    if not converged:
        say(f"note: {name}: stopped before it had converged; it is judged as it is")
    seconds = time.perf_counter() - began
    progress("test", 0.8)
    return TrainedClassical(model, _record(name, model, dataset, data, converged, seconds))


def _check_room(features: Features, data: FitData) -> None:
    needed = 4 * features.count * len(data.fit)
    if needed > MOST_BYTES:
        raise InputError(
            f"--features {features.name}: of {len(data.fit):,} images they take {needed / 2**30:.1f} GiB; pass a smaller --resize"
        )


def _assemble(name: str, features: Features, data: FitData, seed: int) -> Any:
    """The untrained estimator after the steps that learn its features; one of scikit-learn's own names is tried on few images."""
    from sklearn.pipeline import make_pipeline

    labels = np.asarray(data.fit.labels)
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise InputError(f"{name}: all training images are of one class; give images of two classes at least")
    estimator = make_estimator(name, int(counts.min()), seed)
    steps = features.make_steps(len(labels), len(classes), seed)
    if name not in ESTIMATORS:
        few = draw_sample(data.fit, TRIAL * len(classes))
        try:
            _fit(make_estimator(name, int(counts.min()), seed), _compute(features, few), few.labels)
        except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
            why = " ".join(str(error).split())[:160]
            raise InputError(
                f"{name}: can't be trained on such features ({why}); choose from {', '.join(ESTIMATORS)}"
            ) from error
    return make_pipeline(*steps, estimator) if steps else estimator


def _fit(estimator: Any, seen: np.ndarray, labels: np.ndarray) -> tuple[Any, bool]:
    """(the fitted estimator, whether it converged); what has jobs has all cores while it learns, and one when it answers."""
    from sklearn.exceptions import ConvergenceWarning

    jobs = [key for key in estimator.get_params() if key.rpartition("__")[2] == "n_jobs"]
    estimator.set_params(**dict.fromkeys(jobs, -1))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        estimator.fit(seen, np.asarray(labels))
    estimator.set_params(**dict.fromkeys(jobs, 1))
    return estimator, not any(issubclass(one.category, ConvergenceWarning) for one in said)


def _compute(features: Features, images: Images) -> np.ndarray:
    """float32 [n, count] of all images, a few at a time."""
    starts = range(0, len(images), AT_ONCE)
    rows = (np.arange(start, min(start + AT_ONCE, len(images))) for start in starts)
    return np.concatenate([features.compute(images.read(row)) for row in rows])


def _answer(model: ClassicalModel, images: Images) -> np.ndarray:
    """Probabilities, float32 [n, classes], of all images."""
    return np.asarray(model.estimator.predict_proba(_compute(model.features, images)), np.float32)


def _record(
    name: str, model: ClassicalModel, dataset: Dataset, data: FitData, converged: bool, seconds: float
) -> JsonObject:
    task = find_task(data)
    held = task.score(_answer(model, data.validation), data.validation.labels, logits=False)
    test = task.score(_answer(model, dataset.test), dataset.test.labels, logits=False)
    interval = bound_share(round(test.accuracy * len(dataset.test)), len(dataset.test))
    timed = read_all(dataset.test.subset(draw_stratified(dataset.test.labels, TIMED)))
    versions = list_versions()
    return {
        "schema": 1,
        "settings": {"name": name, "seed": data.seed, "features": model.features.name},
        "data": {
            "notes": list(dataset.notes),
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "classes": list(dataset.classes),
        },
        "input": {"shape": list(dataset.shape), "scale": "0..1", **dataset.reading.as_dict()},
        "images": {"fit": len(data.fit), "validation": len(data.validation), "test": len(dataset.test)},
        "features": {"name": model.features.name, "count": model.features.count},
        "converged": converged,
        "validation_accuracy": held.accuracy,
        "test_accuracy": test.accuracy,
        "test_accuracy_interval": [interval.low, interval.high],
        "latency": time_classical(model, timed),
        "seconds": round(seconds, 1),
        "versions": {"edgedigits": versions["edgedigits"], **_list_libraries()},
    }


def _list_libraries() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("scikit-learn", "scikit-image", "skops"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
