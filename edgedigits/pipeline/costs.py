"""What a model would take as int8, for the stages that aim at it: exported, then foretold, timed here or counted under QEMU."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from edgedigits.data.splits import Cost, FitData
from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.tflite.interpreter import TfliteModel

SAMPLES = 20
"""Calibration images of the int8 conversions that are only timed or counted."""


def add_costs(data: FitData) -> FitData:
    """The data with `cost`, by name: "cycles CPU" and "latency_ms BOARD" of the int8 form and "float_cycles CPU" of float32,
    foretold; "latency_us", of one inference here; "instructions CPU", arm64, of a core of that kind.

    Asking for what can't be measured here raises InputError.
    """

    def cost(name: str) -> Cost:
        kind, _, where = name.partition(" ")
        if kind == "latency_us":
            return _latency(data)
        return _instructions(data, where) if kind == "instructions" else _foretold(data, kind, where)

    return replace(data, cost=cost)


def _exported(model: KerasModel, data: FitData) -> bytes:
    return Int8(calibration_images=SAMPLES)(model, data.calibration, data.scale)


def _foretold(data: FitData, kind: str, where: str) -> Cost:
    from edgedigits.measure.cost.cycle_model import predict_cycles, predict_ms

    if kind == "float_cycles":
        return lambda model: round(predict_cycles(Float32()(model, data.calibration, data.scale), where))
    if kind == "cycles":
        return lambda model: round(predict_cycles(_exported(model, data), where))
    return lambda model: round(predict_ms(_exported(model, data), where), 4)


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
