"""What a model would take as int8, for the stages that aim at it: exported, then timed here or counted under QEMU."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from edgedigits.data.splits import Cost, FitData
from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.tflite.interpreter import TfliteModel

SAMPLES = 20
"""Calibration images of the int8 conversions that are only timed or counted."""


def add_costs(data: FitData) -> FitData:
    """The data with `cost`: by name "latency_us", of one inference here, or "instructions CPU", arm64, of a core of that kind.

    Asking for what can't be measured here raises InputError.
    """

    def cost(name: str) -> Cost:
        kind, _, cpu = name.partition(" ")
        return _latency(data) if kind == "latency_us" else _instructions(data, cpu)

    return replace(data, cost=cost)


def _exported(model: KerasModel, data: FitData) -> bytes:
    return Int8(calibration_images=SAMPLES)(model, data.calibration, data.scale)


def _latency(data: FitData) -> Cost:
    return lambda model: round(TfliteModel(_exported(model, data)).latency_us(), 2)


def _instructions(data: FitData, cpu: str) -> Cost:
    from edgedigits.measure.qemu.instructions import count
    from edgedigits.measure.qemu.requirements import explain_lack_for_counting

    if reason := explain_lack_for_counting():
        raise InputError(f"arm64 instructions can't be counted here: {reason}")

    def counted(model: KerasModel) -> float:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            path.write_bytes(_exported(model, data))
            return count(path, cpu, say=lambda _: None).instructions

    return counted
