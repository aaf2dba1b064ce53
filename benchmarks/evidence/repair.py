"""How much of what bad scaling costs int8 is won back without training: whole nets, and the same with channels scaled badly.

The shipped MobileNetV2 on MNIST; that of `benchmarks.adapt` on photos, if EDGEDIGITS_ADAPT names the folder where it is; and two
small nets on the bundled digits. Which way to calibrate is best is read off validation images; the targets are held against the
test images.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.document import target
from benchmarks.evidence.badly_scaled import scale_badly
from benchmarks.evidence.nets import SIDE, trained
from edgedigits.data.images import Images, read_all
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import scale_pixels
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData, split
from edgedigits.models.importer.loading import load
from edgedigits.models.zoo.shipped import find_shipped_folder
from edgedigits.pipeline.calibration.rule import Calibration
from edgedigits.pipeline.calibration.stability import compare_halves
from edgedigits.pipeline.checks.judging import compute_outputs_of_bytes
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.repair.correct_bias import CorrectBias
from edgedigits.stages.repair.corrections import add_corrections
from edgedigits.stages.repair.equalize import Equalize
from edgedigits.tasks.scoring import compute_outputs

ADAPT: Final = "EDGEDIGITS_ADAPT"
IMAGES: Final = 1000
"""Of validation and of test images, at most."""
LEAST_WON: Final = 90.0  # percent
MOST_OFF, LEAST_LOST, MOST_COST = 1e-4, 10.0, 0.5  # of probabilities; points
WHOLE, BROKEN = "whole", "badly scaled"
SHIPPED: Final = "mse"
"""How the recipe repair_int8 calibrates."""
CALIBRATIONS: Final[tuple[Calibration, ...]] = ("minmax", "percentile", "mse")
REPAIRED: Final = "equalize > correct_bias"
WAYS: Final[dict[str, tuple[tuple[Any, ...], dict[str, tuple[Calibration, ...]]]]] = {
    "": ((), {WHOLE: ("minmax",), BROKEN: ("minmax",)}),
    "equalize": ((Equalize(),), {WHOLE: (), BROKEN: ("minmax",)}),
    REPAIRED: ((Equalize(), CorrectBias()), {WHOLE: (SHIPPED,), BROKEN: CALIBRATIONS}),
}
"""Stages, as a recipe says them, and how the export behind them calibrates, of either form."""


@dataclass(frozen=True, eq=False)
class Net:
    """A flat model, its data, and its test images."""

    name: str
    model: Any
    data: FitData
    test: Images


def measure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(targets, raw): a row for each net, whole and badly scaled, and each way to make its bytes."""
    rows = [row for make in NETS.values() for net in make() for row in measure_net(net)]
    return list(_list_targets(rows)), {"rows": rows}


def measure_net(net: Net) -> Iterator[dict[str, Any]]:
    """The rows of one net."""
    parts = {"validation": draw_sample(net.data.validation, IMAGES), "test": draw_sample(net.test, IMAGES)}
    images = np.asarray(scale_pixels(read_all(draw_sample(net.data.calibration, 100)), net.data.scale), np.float32)
    broken, scaled = scale_badly(net.model, images)
    plain = {part: compute_outputs(net.model, one, net.data.scale) for part, one in parts.items()}
    for form, model in ((WHOLE, net.model), (BROKEN, broken)):
        found = {part: compute_outputs(model, one, net.data.scale) for part, one in parts.items()}
        head = {
            "net": net.name,
            "form": form,
            "float_off": max(float(np.abs(found[part] - plain[part]).max()) for part in parts),
            "channels_scaled": sum(scaled.values()) if form == BROKEN else 0,
            "range_times": compare_halves(model, net.data.calibration, net.data.scale, Int8())["worst"]["times"],
        }
        for steps, calibration, flat in _make(model, form, net.data):
            row = {**head, "steps": steps, "calibration": calibration}
            for part, one in parts.items():
                row[part] = _judge(plain[part], compute_outputs_of_bytes(flat, one, net.data.scale), one.labels)
            print(*row.values(), file=sys.stderr, flush=True)
            yield row


def _make(model: Any, form: str, data: FitData) -> Iterator[tuple[str, str, bytes]]:
    """The bytes by each of `WAYS`."""
    for steps, (stages, calibrations) in WAYS.items():
        candidate = Candidate(model, original=model)
        for stage in stages if calibrations[form] else ():
            candidate, _ = stage(candidate, data)
        for name in calibrations[form]:
            yield steps, name, Int8(calibration=name)(add_corrections(candidate), data.calibration, data.scale)


def _judge(plain: np.ndarray, found: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How many images, accuracies in percent, and the Kullback-Leibler divergence in nats an image."""
    divergence = (plain * np.log((plain + 1e-9) / (found + 1e-9))).sum(1).mean()
    return {
        "images": len(labels),
        "float_percent": 100 * float((plain.argmax(1) == labels).mean()),
        "percent": 100 * float((found.argmax(1) == labels).mean()),
        "divergence": float(divergence),
    }


def _list_targets(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    costs = []
    for net in dict.fromkeys(row["net"] for row in rows):
        ptq, repaired = (_find(rows, net, BROKEN, *way) for way in (("", "minmax"), (REPAIRED, SHIPPED)))
        off, lost = ptq["float_off"], ptq["test"]["float_percent"] - ptq["test"]["percent"]
        won = 100 * (repaired["test"]["percent"] - ptq["test"]["percent"]) / max(lost, 1e-9)
        about = f"repair: {net}, badly scaled"
        yield target(f"{about}: float answers differ by", f"<= {MOST_OFF:g}", float(f"{off:.1e}"), "", off <= MOST_OFF)
        yield target(f"{about}: lost by ptq_int8", f">= {LEAST_LOST:g}", round(lost, 2), "points", lost >= LEAST_LOST)
        yield target(f"{about}: won back by repair_int8", f">= {LEAST_WON:g}", round(won, 1), "%", won >= LEAST_WON)
        costs.append(
            _find(rows, net, WHOLE, "", "minmax")["test"]["percent"]
            - _find(rows, net, WHOLE, REPAIRED, SHIPPED)["test"]["percent"]
        )
    most = round(max(costs), 2)
    yield target(
        "repair: whole nets, most that repair_int8 costs", f"<= {MOST_COST:g}", most, "points", most <= MOST_COST
    )


def _find(rows: list[dict[str, Any]], *wanted: str) -> dict[str, Any]:
    """The row of a net, a form, steps and a calibration."""
    keys = ("net", "form", "steps", "calibration")
    return next(row for row in rows if tuple(row[key] for key in keys) == wanted)


def _mnist() -> Iterator[Net]:
    """The shipped MobileNetV2."""
    yield _net("mobilenet_v2 on mnist", find_shipped_folder() / "mobilenet_v2.keras", "mnist", (32, 32))


def _signs() -> Iterator[Net]:
    """The MobileNetV2 that benchmarks.adapt trains on photos of hands."""
    if ADAPT in os.environ:
        folder = Path(os.environ[ADAPT])
        yield _net("mobilenet_v2 on signs", folder / "signs mobilenet_v2.keras", str(folder / "signs"), (96, 96))


def _digits(kind: str) -> Iterator[Net]:
    """A small net of the bundled digits."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-evidence-") as folder:
        path = Path(folder) / f"{kind}.keras"
        trained(kind, EPOCHS[kind]).model.save(path)
        yield _net(f"{kind} on digits", path, "digits", (SIDE, SIDE))


def _net(name: str, path: Path, data: str, size: tuple[int, int]) -> Net:
    dataset = load_data(data, resize=size)
    return Net(name, load(path).model, split(dataset, "0..1", 0), dataset.test)


EPOCHS: Final = {"plain": 15, "depthwise": 60}
NETS: Final[dict[str, Callable[[], Iterator[Net]]]] = {
    "mnist": _mnist,
    "signs": _signs,
    "plain": partial(_digits, "plain"),
    "depthwise": partial(_digits, "depthwise"),
}
