"""What was asked of confidences, found for both forms of a run: by their bytes, as a device will run them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgedigits.data.scale import Scale
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.confidence.settle import Answering, Settled, settle
from edgedigits.pipeline.confidence.wanted import Wanted
from edgedigits.tflite.interpreter import TfliteModel

FORMS: Final = ("float", "compressed")


@dataclass(frozen=True, eq=False)
class Inquiry:
    """The labels of the validation images, whether outputs are logits, and how pixels become input."""

    labels: np.ndarray
    logits: bool
    scale: Scale


def settle_forms(
    wanted: Wanted,
    flats: Sequence[bytes],
    outputs: Sequence[np.ndarray],
    asked: Inquiry,
) -> tuple[Settled, ...]:
    """Temperature and threshold of each of FORMS by its outputs for the validation images; () where nothing is asked."""
    if not wanted.asked:
        return ()
    forms = (_make_form(*pair, asked.scale) for pair in zip(flats, outputs, strict=True))
    return tuple(settle(wanted, form, asked.labels, asked.logits) for form in forms)


def _make_form(flat: bytes, outputs: np.ndarray, scale: Scale) -> Answering:
    net = TfliteModel(flat)
    return Answering(outputs, lambda pixels: net.outputs(pixels, scale), net.output_step / 2)


def record_chosen(wanted: Wanted, settled: Sequence[Settled]) -> JsonObject:
    """What a manifest has under `confidence`; {} where nothing was asked."""
    records = dict(zip(FORMS, (one.record for one in settled), strict=False))
    return {**wanted.as_json(), **records} if settled else {}


def record_test(settled: Sequence[Settled], outputs: Sequence[np.ndarray], labels: np.ndarray) -> JsonObject:
    """What it has in `test`: how each form does on the test images, under `confidence`; {} where nothing was asked."""
    if not settled:
        return {}
    told = (one.tell_test(found, labels) for one, found in zip(settled, outputs, strict=True))
    return {"confidence": dict(zip(FORMS, told, strict=True))}
