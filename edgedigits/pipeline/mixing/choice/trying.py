"""Bytes with some layers in more than int8, made and asked: what they lose of the float form's answers."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.measure.verify.answers import Answers, read_meaning
from edgedigits.pipeline.checks.judging import compute_outputs_of_bytes
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.export.conversion import Prepared, quantize
from edgedigits.pipeline.mixing.settings import LAYERS
from edgedigits.tasks.task import Half
from edgedigits.tflite.layers.steps import Net


@dataclass(frozen=True, eq=False)
class Trial:
    """Bytes with those `layers` in more than int8; the share of images that they answer rightly, and the divergence of their
    answers from the float form's, in nats per image."""

    layers: tuple[str, ...]
    flat: bytes
    accuracy: float
    nats: float


@dataclass(eq=False)
class Trying:
    """Makes trials of a model in `numbers`, whose own layers of more than int8 all trials have; `setting` is where others go.

    `tries` counts them. Judged are `images`, which are to be none of the test images.
    """

    prepared: Prepared
    numbers: Numbers
    setting: str
    images: Images
    scale: Scale
    half: Half
    tries: int = 0
    float_accuracy: float = field(init=False)

    def __post_init__(self) -> None:
        self._wanted = compute_outputs_of_bytes(self.prepared.flat, self.images, self.scale)
        self.float_accuracy = self._share(self._wanted)
        self._plain = Net(self.prepared.flat, "the float form")

    def make(self, layers: Iterable[str]) -> bytes:
        """The bytes with those layers in more than int8, beside the ones that are named."""
        own: Sequence[str] = getattr(self.numbers, self.setting)
        filled: dict[str, Any] = {self.setting: [*own, *map(glob.escape, layers)]}
        return quantize(self.prepared, replace(self.numbers, **filled))

    def quantize_plain(self) -> bytes:
        """The bytes with every layer in int8, those too that are named."""
        none: dict[str, Any] = dict.fromkeys(LAYERS, ())
        return quantize(self.prepared, replace(self.numbers, **none))

    def attempt(self, layers: Iterable[str]) -> Trial:
        """Raises CheckError where such bytes can't be made or run."""
        layers = tuple(dict.fromkeys(layers))
        flat = self.make(layers)
        self.tries += 1
        found = compute_outputs_of_bytes(flat, self.images, self.scale)
        meaning: Answers = read_meaning(Net(flat, "the mixed form"), self._plain)
        return Trial(layers, flat, self._share(found), meaning.divergence(self._wanted, found))

    def points_below(self, trial: Trial) -> float:
        """Of accuracy, against the float form; below 0 where the trial is better."""
        return 100 * (self.float_accuracy - trial.accuracy)

    def _share(self, outputs: np.ndarray) -> float:
        return float(self.half.right(self.half.decode(outputs), self.images.labels).mean())
