"""Two classes as one label: what a model of one output, a sigmoid or its logit, is asked."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np

from edgedigits.data.dataset import Dataset, Reshaped
from edgedigits.data.images import Images


def fit_to_outputs(dataset: Dataset, outputs: int) -> Dataset:
    """The data set as a model of so many outputs is asked it: two classes become one label where it has one output alone.

    The label is the second class, as `image_dataset_from_directory(label_mode="binary")` counts. Any other set is itself.
    """
    if dataset.task != "classification" or outputs != 1 or len(dataset.classes) != 2:
        return dataset
    mark = hashlib.sha256(f"{dataset.fingerprint} as one label".encode()).hexdigest()
    return replace(
        dataset,
        classes=dataset.classes[1:],
        train=_as_one_label(dataset.train),
        test=_as_one_label(dataset.test),
        fingerprint=mark,
        task="multilabel",
    )


def _as_one_label(images: Images) -> Images:
    if isinstance(images, Reshaped):
        return replace(images, source=_as_one_label(images.source))
    one: Any = images
    return replace(one, labels=images.labels.astype(np.uint8)[:, None])  # type: ignore[no-any-return]
