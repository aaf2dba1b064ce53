"""How two forms of a model bear corrupted images: counted image by image under each corruption, and on average over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.data.corruptions.corrupt import corrupt
from edgedigits.data.images import Images, Indices, Labels, Pixels
from edgedigits.errors import DataError
from edgedigits.ground.facts import JsonObject, Progress, silent
from edgedigits.measure.findings.answers import Asked
from edgedigits.tasks.statistics import Interval, Paired, bound_difference, bound_share, holm, pair_up
from edgedigits.tflite.interpreter import TfliteModel

CLEAN: Final = "none"
"""What images as they are called in the table."""
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class CorruptedImages:
    """Images spoilt as they are read, each by its number in `source`."""

    source: Images
    name: str
    severity: int | None = None
    seed: int = 0
    rows: Indices | None = None

    @property
    def labels(self) -> Labels:
        return self.source.labels

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.source.shape

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: Indices) -> Pixels:
        numbers = indices if self.rows is None else self.rows[indices]
        return corrupt(self.source.read(indices), self.name, self.severity, self.seed, numbers)

    def subset(self, indices: Indices) -> CorruptedImages:
        numbers = indices if self.rows is None else self.rows[indices]
        return replace(self, source=self.source.subset(indices), rows=numbers)


@dataclass(frozen=True)
class Borne:
    """Answers under one corruption, or to the images as they are."""

    name: str
    paired: Paired

    @property
    def accuracies(self) -> tuple[Interval, Interval]:
        """Of the float form and of the compressed one, shares of 1."""
        one, both = self.paired, self.paired.both
        float_right, right = both + one.only_baseline, both + one.only_compressed
        return bound_share(float_right, one.images), bound_share(right, one.images)

    @property
    def drop_points(self) -> Interval:
        """Points that the compressed form loses against the float one."""
        found = bound_difference(self.paired.only_baseline, self.paired.only_compressed, self.paired.images)
        return Interval(100 * found.value, 100 * found.low, 100 * found.high)


@dataclass(frozen=True)
class Robustness:
    """Of each corruption what was found, `clean` without one; `drops` is of each image how much more often the float form was
    right, of 1, over all corruptions."""

    images: int
    severity: int | None
    seed: int
    clean: Borne
    rows: tuple[Borne, ...]
    drops: NDArray[np.float64] = field(repr=False, compare=False)

    @property
    def means(self) -> tuple[float, float]:
        """Accuracy on average over corruptions, of the float form and of the compressed one: shares of 1."""
        both = [[one.value for one in row.accuracies] for row in self.rows]
        first, second = np.mean(both, axis=0)
        return float(first), float(second)

    @property
    def mean_drop_points(self) -> Interval:
        """Float minus compressed, on average over corruptions, in points: what one image adds under all of them is one case."""
        found = bound_mean_drop(self.drops, len(self.rows))
        return Interval(*(100 * each for each in (found.value, found.low, found.high)))

    def as_json(self) -> JsonObject:
        """JSON-safe; accuracies are shares of 1, `corrected_p` is Holm's over all corruptions."""
        corrected = holm([row.paired.p_value for row in self.rows])
        drop, means = self.mean_drop_points, self.means
        return {
            "images": self.images,
            "severity": self.severity,
            "seed": self.seed,
            "mean": {
                "corruptions": len(self.rows),
                "float_accuracy": means[0],
                "accuracy": means[1],
                "drop_points": drop.value,
                "drop_low": drop.low,
                "drop_high": drop.high,
            },
            "clean": _to_json(self.clean),
            "corruptions": [{**_to_json(row), "corrected_p": p} for row, p in zip(self.rows, corrected, strict=True)],
        }


def _to_json(row: Borne) -> JsonObject:
    (before, after), drop, paired = row.accuracies, row.drop_points, row.paired
    return {
        "corruption": row.name,
        "float_accuracy": before.value,
        "float_low": before.low,
        "float_high": before.high,
        "accuracy": after.value,
        "low": after.low,
        "high": after.high,
        "drop_points": drop.value,
        "drop_low": drop.low,
        "drop_high": drop.high,
        "only_float_right": paired.only_baseline,
        "only_compressed_right": paired.only_compressed,
        "mcnemar_p": paired.p_value,
    }


def bound_mean_drop(drops: NDArray[np.float64], corruptions: int, confidence: float = 0.95) -> Interval:
    """The mean of drops [n] with its interval over images. As Agresti and Min (2005) have it for pairs, its width counts two
    images more, one lost and one won under one corruption: where no answer differs it is not sure that none ever will."""
    from scipy.stats import norm

    more = np.append(drops, [1 / corruptions, -1 / corruptions])
    half = float(norm.ppf((1 + confidence) / 2)) * float(more.std(ddof=1)) / np.sqrt(len(more))
    value = float(drops.mean())
    return Interval(value, max(-1.0, value - half), min(1.0, value + half))


def find_robustness(
    forms: tuple[Asked, Asked],
    images: Images,
    names: Sequence[str],
    severity: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Robustness:
    """Both forms (float, compressed) on the images as they are and under each corruption, one image at a time, as a device runs
    them. An image of several labels is right with all of them. Raises CheckError where LiteRT can't run a file, DataError where
    there are no images."""
    if not len(images):
        raise DataError("no images to corrupt: the data holds none in this part; give more images of each class")
    nets, rows, drops = [TfliteModel(one.flat) for one in forms], [], np.zeros(len(images))
    for number, name in enumerate((CLEAN, *names)):
        progress(name, number / (len(names) + 1))
        spoilt = images if name == CLEAN else CorruptedImages(images, name, severity, seed)
        before, after = _count(forms, nets, spoilt)
        rows.append(Borne(name, pair_up(before, after)))
        if name != CLEAN:
            drops += (before.astype(float) - after) / len(names)
    return Robustness(len(images), severity, seed, rows[0], tuple(rows[1:]), drops)


def _count(forms: Sequence[Asked], nets: Sequence[TfliteModel], images: Images) -> list[NDArray[np.bool_]]:
    """Which images each form gets right, bool [n]."""
    right: list[list[np.ndarray]] = [[] for _ in forms]
    for start in range(0, len(images), _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, len(images)))
        pixels = images.read(rows)
        for each, form, net in zip(right, forms, nets, strict=True):
            found = form.task.decode(net.outputs(pixels, form.scale))
            each.append(form.task.right(found, images.labels[rows]))
    return [np.concatenate(each) for each in right]
