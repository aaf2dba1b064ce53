"""The child of `training_speed`: trains as the stages do, from whichever checkout PYTHONPATH names, a window for each line read.

A line is a kind of `KINDS`; the answer is a line of JSON: images, seconds, CPU seconds, and seconds to the end of the first step.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

STEPS = {"cnn": 30, "qat": 30, "distil": 30, "mobilenet": 10}
KINDS = tuple(STEPS)
"""The shipped CNN, as it is, with int8 rounding, or as the teacher of a net of the zoo; MobileNetV2 for 96x96 colour images."""


def prepare(kind: str) -> Callable[[Callable[[str, float], None]], object]:
    """What trains for a few steps and tells how far it is after every tenth."""
    from edgedigits.models.graph import fold_batchnorm
    from edgedigits.models.importer.loading import load, rebuild
    from edgedigits.models.zoo import build
    from edgedigits.models.zoo.shipped import find_shipped_folder
    from edgedigits.stages import training_loop
    from edgedigits.stages.fake_quantize import FakeQuantized

    shape = (96, 96, 3) if kind == "mobilenet" else (28, 28, 1)
    data = make_data(shape)
    shipped = load(find_shipped_folder() / "cnn.keras", scale=data.scale).model
    student, teacher, forward = shipped, None, None
    if kind == "mobilenet":
        student = rebuild(build("mobilenet_v2", shape, 10, "softmax", alpha=0.35))
    if kind == "distil":
        student, teacher = rebuild(build("nano", shape, 10, "softmax")), shipped
    if kind == "qat":
        student, _ = fold_batchnorm.fold(shipped)
    copy = training_loop.make_training_copy(student)
    if kind == "qat":
        forward = FakeQuantized(copy, [])
        forward.observe(data)
    batch = 32 if kind == "mobilenet" else 128
    steps = 10 * (STEPS[kind] // 10 + 1) + 1
    plan = training_loop.Plan(kind, 1e-6, steps, None, 1e-4, batch, 0.7 if teacher else 0.0, 3.0, "none")
    return lambda progress: training_loop.tune(copy, teacher, data, plan, progress, forward=forward)


def make_data(shape: tuple[int, int, int]) -> Any:
    """Random images: they take as long as others."""
    from edgedigits.data.images import ArrayImages
    from edgedigits.data.scale import parse_scaling
    from edgedigits.data.splits import FitData

    rng = np.random.default_rng(0)
    images = ArrayImages(
        rng.integers(0, 256, (6000 if shape[2] == 1 else 640, *shape), dtype=np.uint8), np.zeros(0, np.int32)
    )
    images = ArrayImages(images.pixels, rng.integers(0, 10, len(images.pixels)).astype(np.int32))
    few = images.subset(np.arange(200))
    moved: dict[str, Any] = {}
    try:
        from edgedigits.data.augmentation.augment import Augment

        moved["augment"] = Augment()
    except ModuleNotFoundError:  # a checkout from before there were sets moves images in the same way by itself
        pass
    return FitData(fit=images, validation=few, calibration=few, scale=parse_scaling("0..1"), seed=0, **moved)


def train(kind: str, run: Callable[[Callable[[str, float], None]], object]) -> dict[str, float]:
    """One window: the steps after the first ten."""
    began = time.perf_counter()
    marks: list[tuple[float, float]] = []
    run(lambda _what, _share: marks.append((time.perf_counter(), time.process_time())))
    (start, start_cpu), (end, end_cpu) = marks[1], marks[1 + STEPS[kind] // 10]
    images = STEPS[kind] * (32 if kind == "mobilenet" else 128)
    return {
        "images": images,
        "seconds": end - start,
        "cpu_seconds": end_cpu - start_cpu,
        "to_first_step": marks[0][0] - began,
    }


def main() -> None:
    ready: dict[str, Any] = {}
    for line in sys.stdin:
        kind = line.strip()
        if kind not in ready:
            ready[kind] = prepare(kind)
        print(json.dumps(train(kind, ready[kind])), flush=True)


if __name__ == "__main__":
    main()
