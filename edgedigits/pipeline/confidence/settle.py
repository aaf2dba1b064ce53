"""Temperatures and thresholds, for the float form and the compressed one each its own: chosen on validation images and half of
the outliers, told on the test images and the other half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from edgedigits_runner.confidence import Confidence
from edgedigits_runner.tasks import Classification
from numpy.typing import NDArray

from edgedigits.data.images import Pixels
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.confidence.fitting import (
    choose_threshold,
    fit_temperature,
    measure_auroc,
    measure_ece,
    measure_nll,
    share_refused,
)
from edgedigits.pipeline.confidence.wanted import Wanted

_LEAST: Final = 1e-30


@dataclass(frozen=True, eq=False)
class Answering:
    """A form: its outputs for the validation images, [n, classes], how it answers others, and what of its outputs is half a step,
    0 of floats."""

    outputs: np.ndarray = field(repr=False)
    ask: Callable[[Pixels], np.ndarray]
    half_step: float


@dataclass(frozen=True, eq=False)
class Settled:
    """What was chosen for a form, its record, and its outputs for the outliers that nothing was chosen by."""

    half: Classification
    record: JsonObject
    outliers: np.ndarray | None = field(repr=False)

    @property
    def _confidence(self) -> Confidence:
        assert self.half.confidence is not None
        return self.half.confidence

    def tell_test(self, outputs: np.ndarray, labels: np.ndarray) -> JsonObject:
        """How it does on images that nothing was chosen by: shares of 1."""
        shares = self._confidence.shares(outputs)
        found: JsonObject = {
            "ece_before": _measure_untouched(outputs, self._confidence.logits, labels),
            "ece": measure_ece(shares, labels),
        }
        if self.outliers is None or self._confidence.threshold is None:
            return found
        known, unknown = shares.max(axis=1), self._confidence.shares(self.outliers).max(axis=1)
        return {**found, **_describe(known, unknown, self._confidence.threshold)}


def settle(wanted: Wanted, form: Answering, labels: np.ndarray, logits: bool) -> Settled:
    """A form's temperature, 1 where none is asked, and its threshold, where there are outliers."""
    least = form.half_step or find_least(form.outputs)
    plain = Confidence(1.0, least, logits)
    record: JsonObject = {
        "nll_before": measure_nll(plain.shares(form.outputs), labels),
        "ece_before": _measure_untouched(form.outputs, logits, labels),
    }
    temperature = fit_temperature(form.outputs, labels, logits, least) if wanted.calibrated else 1.0
    chosen = plain._replace(temperature=temperature)
    shares = chosen.shares(form.outputs)
    record |= {"temperature": temperature, "nll": measure_nll(shares, labels), "ece": measure_ece(shares, labels)}
    if wanted.outliers is None:
        return Settled(Classification(confidence=chosen), record, None)
    halves = cut_in_halves(wanted.outliers.pixels)
    first, second = (form.ask(half) for half in halves)
    known, unknown = shares.max(axis=1), chosen.shares(first).max(axis=1)
    threshold = choose_threshold(known, unknown, wanted.refuse)
    record |= {"threshold": threshold, **_describe(known, unknown, threshold)}
    return Settled(Classification(confidence=chosen._replace(threshold=threshold)), record, second)


def _measure_untouched(outputs: np.ndarray, logits: bool, labels: np.ndarray) -> float:
    """The expected calibration error of outputs as they are: what was rounded to nothing stays nothing."""
    return measure_ece(Confidence(1.0, _LEAST, logits).shares(outputs), labels)


def find_least(outputs: np.ndarray) -> float:
    """What an output of 0 counts as where the file tells no step, as behind a softmax that was rounded before it became a float:
    half of the least that is none."""
    some = outputs[outputs > 0]
    rounded = bool(len(some)) and bool((outputs == 0).any())
    return float(np.clip(some.min() / 2, _LEAST, 0.5)) if rounded else _LEAST


def cut_in_halves(pixels: Pixels, seed: int = 0) -> tuple[Pixels, Pixels]:
    """Images to choose by, and as many others, drawn by seed."""
    order = np.random.default_rng(seed).permutation(len(pixels))
    middle = len(pixels) // 2
    return pixels[order[:middle]], pixels[order[middle:]]


def _describe(known: NDArray[np.float64], unknown: NDArray[np.float64], threshold: float) -> JsonObject:
    return {
        "refused": share_refused(known, threshold),
        "outliers_refused": share_refused(unknown, threshold),
        "auroc": measure_auroc(known, unknown),
    }
