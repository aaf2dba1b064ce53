"""Parts of a set that are arrays, as training and test images."""

from __future__ import annotations

import numpy as np

from edgedigits.data.dataset import Dataset, hash_parts
from edgedigits.data.images import ArrayImages
from edgedigits.data.splits import train_test_cut


def join_parts(name: str, classes: tuple[str, ...], images: dict[str, ArrayImages]) -> Dataset:
    """The parts as training and test images, as folders have it: `val` joins train, or is the test part where there is no other;
    where there is neither, one is cut."""
    train, test, notes = images["train"], images.get("test"), []
    mark = hash_parts([value for one in images.values() for value in (one.pixels, one.labels)])
    if test is None and "val" in images:
        test = images["val"]
        notes.append("no test part: the images of the validation part are the test images")
    elif test is None:
        rest, cut = train_test_cut(train.labels)
        notes.append(
            f"no test part with labels: {len(cut)} of the {len(train)} images are held back for the test, stratified"
        )
        train, test = train.subset(rest), train.subset(cut)
    elif "val" in images:
        more = images["val"]
        train = ArrayImages(np.concatenate([train.pixels, more.pixels]), np.concatenate([train.labels, more.labels]))
        notes.append(
            "the validation part joins the training part: validation images are cut from both together, stratified"
        )
    return Dataset(name, classes, train, test, mark, tuple(notes))
