"""Whether the model's answers fit the scale that was given, and which other one they fit, tried on images of every class.

The measure is the mean of the classes' recalls, as a share of the way from chance to all right. It means the same for 2 and
for 1,000 classes, and a model that answers one class alone, be it the most frequent, has none of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgedigits.data.images import Images
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import NAMED, Scaling, list_scalings
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tasks.task import Half, Task

IMAGES = 500
CLEARLY_GOOD = 0.7
"""How far from chance another scale must bring the model, at the lower end of the interval, to be recommended. Trained nets
are there, on ten classes and on a thousand; under a near miss of their scale most are not."""
NOT_GOOD = 0.5
"""Less than this of the way is so little that it is said, whatever the scale."""
FAR_BETTER = 0.1
"""So much further another scale must bring it: a tenth of the way is beyond what a like scale changes (0..1 and -1..1 of a
net with normalization) and beyond the sample's own chance."""
_Z95 = 1.96
ADVICE = "if the model was trained on (pixel - mean) / std, pass --mean and --std, and --bgr where it takes blue first"


@dataclass(frozen=True)
class Fit:
    """How well the model answers under a scaling: `way` from chance (0) to all right (1), and the lower end of its interval."""

    scaling: Scaling
    accuracy: float
    way: float
    low: float

    def __str__(self) -> str:
        return f"{100 * self.accuracy:.1f} %"


def check_scale(task: Task, half: Half, model: Any, images: Images, given: Scaling) -> list[str]:
    """A warning when the model is clearly good under another scale, or good under none; [] otherwise."""
    some = draw_sample(images, IMAGES)
    labels = np.asarray(some.labels)
    if len(np.unique(task.cases(labels, labels)[0])) < 2:
        return []

    def fit(scaling: Scaling) -> Fit:
        return _fit(task, half, scaling, half.decode(compute_outputs(model, some, scaling)), labels)

    own = fit(given)
    if own.way > 1 - FAR_BETTER:
        return []
    others = [fit(one) for one in list_scalings(images.shape[2]) if one != given]
    best = max([own, *others], key=lambda one: one.way)
    return _sentences(own, best, max([own, *others], key=lambda one: (one.scaling.plain, one.way)), len(some))


def _fit(task: Task, half: Half, scaling: Scaling, answers: np.ndarray, labels: np.ndarray) -> Fit:
    which, found = task.cases(labels, answers)
    kinds, sizes = np.unique(which, return_counts=True)
    recalls = [float(found[which == kind].mean()) for kind in kinds]
    chance, mean = task.chance(labels), float(np.mean(recalls))
    # The spread of all images together stands for each class's own, which the few images of a rare one can't tell.
    pooled = (float(found.sum()) + 2) / (len(found) + 4)
    spread = math.sqrt(pooled * (1 - pooled) * float((1 / sizes).sum())) / len(kinds)
    way, low = ((share - chance) / (1 - chance) for share in (mean, mean - _Z95 * spread))
    return Fit(scaling, float(half.right(answers, labels).mean()), way, low)


def _sentences(own: Fit, best: Fit, best_plain: Fit, count: int) -> list[str]:
    clearly = best.low >= CLEARLY_GOOD and best.low - own.way >= FAR_BETTER
    if clearly and best.scaling.plain:
        return [
            f"with {word_options(own.scaling)} the model answers {own} of {count} images of all classes right, with "
            f"{word_options(best.scaling)} {best}: was it trained on {best.scaling}?"
        ]
    if own.way >= NOT_GOOD and not clearly:
        return []
    start = f"with {word_options(own.scaling)} the model answers {own} of {count} images of all classes right, and "
    if clearly:
        return [
            f"{start}none of the scales fits: the best of 0..1, -1..1 and 0..255, {best_plain.scaling}, gets {best_plain}, "
            f"but {word_options(best.scaling)} gets {best}: was it trained on that? {_capital(ADVICE)}"
        ]
    return [f"{start}none of the scales fits: the best, {best.scaling}, gets {best}; {ADVICE}"]


def word_options(scaling: Scaling) -> str:
    """What to write on the command line for it."""
    for name, one in NAMED.items():
        if one == scaling:
            return f"--scale {name}"
    numbers = [
        (word, ",".join(f"{one:g}" for one in of)) for word, of in (("mean", scaling.mean), ("std", scaling.std))
    ]
    words = [f"--scale {scaling.range}", *(f"--{word} {text}" for word, text in numbers if text)]
    return " ".join([*words, *(["--bgr"] if scaling.bgr else [])])


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
