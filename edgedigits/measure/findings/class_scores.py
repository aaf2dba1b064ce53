"""What becomes of each class: who is taken for whom, precision, recall, F1 and the area under the ROC curve, in both forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.findings.answers import Both, Form

MOST_DENSE: Final = 30
"""Of more classes the table of who is taken for whom is kept as its cells that are not zero."""
_MOST_PAIRS: Final = 20


def describe_classes(both: Both) -> JsonObject:
    """Counts are of images, scores shares of 1, None where a class can't have one."""
    scores = {name: _score(form, both.labels) for name, form in both.forms.items()}
    held = _count_images(both.labels, len(both.classes))
    rows = [
        {
            "class": label,
            "images": int(held[at]),
            **{form: {name: _number(values[at]) for name, values in found.items()} for form, found in scores.items()},
        }
        for at, label in enumerate(both.classes)
    ]
    return {
        "task": "multilabel" if both.several else "classification",
        "names": list(both.classes),
        "per_class": rows,
        "mean": {
            form: {
                name: _number(float(np.nanmean(values))) for name, values in found.items() if not np.isnan(values).all()
            }
            for form, found in scores.items()
        },
        **(_describe_labels(both) if both.several else _describe_confusion(both)),
    }


def _count_images(labels: np.ndarray, classes: int) -> NDArray[np.int64]:
    return labels.astype(np.int64).sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=classes)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _score(form: Form, labels: np.ndarray) -> dict[str, NDArray[np.float64]]:
    """Each [classes], NaN where there is none: of a class without images there is no recall."""
    from sklearn.metrics import precision_recall_fscore_support

    classes = form.shares.shape[1]
    said = {} if labels.ndim == 2 else {"labels": np.arange(classes)}
    precision, recall, f1, held = precision_recall_fscore_support(labels, form.found, zero_division=np.nan, **said)
    recall, f1 = (np.where(held > 0, values, np.nan) for values in (recall, f1))
    return {"precision": precision, "recall": recall, "f1": f1, "auc": _areas(form, labels)}


def _areas(form: Form, labels: np.ndarray) -> NDArray[np.float64]:
    """Of each class against all others: how often an image of it gets more of it than one that is none."""
    from sklearn.metrics import roc_auc_score

    found = np.full(form.shares.shape[1], np.nan)
    for at in range(len(found)):
        has = labels[:, at] if labels.ndim == 2 else labels == at
        if 0 < has.sum() < len(has):
            found[at] = roc_auc_score(has, form.shares[:, at])
    return found


def _describe_confusion(both: Both) -> JsonObject:
    from sklearn.metrics import confusion_matrix

    places = np.arange(len(both.classes))
    tables = {name: confusion_matrix(both.labels, form.found, labels=places) for name, form in both.forms.items()}
    found: JsonObject = {"pairs": list(_confused(tables, both.classes))}
    if len(places) <= MOST_DENSE:
        return {**found, "confusion": {name: table.tolist() for name, table in tables.items()}}
    true, answered = np.nonzero(tables["float"] + tables["compressed"])
    cells = np.stack([true, answered, *(table[true, answered] for table in tables.values())], axis=1)
    return {**found, "confusion_cells": cells.tolist()}


def _confused(tables: dict[str, np.ndarray], classes: tuple[str, ...]) -> Iterator[JsonObject]:
    """The pairs that are taken for each other most by the compressed form, then by the float one."""
    wrong = {name: table - np.diag(np.diag(table)) for name, table in tables.items()}
    order = np.lexsort((-wrong["float"].ravel(), -wrong["compressed"].ravel()))[:_MOST_PAIRS]
    for place in order:
        true, answered = divmod(int(place), len(classes))
        counts = {name: int(table[true, answered]) for name, table in wrong.items()}
        if any(counts.values()):
            yield {"class": classes[true], "taken_for": classes[answered], **counts}


def _describe_labels(both: Both) -> JsonObject:
    """Where an image has several labels none is taken for another: each is missed, or seen where it is not."""
    has = both.labels.astype(bool)
    rows = []
    for at, name in enumerate(both.classes):
        row: JsonObject = {"class": name}
        for form, answer in both.forms.items():
            missed, wrong = has[:, at] & ~answer.found[:, at], ~has[:, at] & answer.found[:, at]
            row[form] = {"missed": int(missed.sum()), "seen_wrongly": int(wrong.sum())}
        rows.append(row)
    return {"labels": rows}
