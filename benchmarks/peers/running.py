"""Accuracy, bytes and time of files that run in LiteRT or in ONNX Runtime, both through the device runner's loop."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner.arrays import decode

from benchmarks.measuring import Right, accuracy, right_in_litert, size
from benchmarks.peers.environments import HERE, PeerError, run
from benchmarks.peers.making import Made
from benchmarks.racing import Racer, Window, few_images, race, tflite_racer, timing
from edgedigits.errors import EdgeDigitsError
from edgedigits.measure.bench import Contestant, describe_model
from edgedigits.measure.local_runner import RunnerProcess, find_runner_package
from edgedigits.tasks.statistics import pair_up

Say = Callable[[str], None]
Failure = dict[str, str]


class Bench:
    """MNIST's test images, and the processes that answer them. `folder` is for its files, `given` holds mnist.npz."""

    def __init__(self, folder: Path, given: Path) -> None:
        self._folder = folder / "bench"
        self._folder.mkdir()
        self._images = self._folder / "images.npz"
        with np.load(given / "mnist.npz") as data:
            np.savez(self._images, images=data["x_test"][..., None], labels=data["y_test"].astype(np.int32))
        self._few = few_images(self._images, self._folder / "few.npz")
        self._litert = RunnerProcess(Path(sys.executable), self._folder, lambda _: None)

    def rows(
        self, baseline: Made, made: Sequence[Made], rounds: int, window_s: float, say: Say
    ) -> tuple[list[dict[str, Any]], list[Failure]]:
        """A row for each, the baseline first, and those that can't be run. `against` pairs each with each, image by image."""
        right: dict[str, Right] = {}
        failed: list[Failure] = []
        for one in (baseline, *made):
            try:
                right[one.name] = self._right(one)
                say(f"{one.name}: {100 * right[one.name].mean():.2f} %")
            except (PeerError, EdgeDigitsError) as error:
                failed.append({"tool": one.tool, "recipe": one.recipe, "reason": str(error)})
        able = [one for one in (baseline, *made) if one.name in right]
        windows = race({one.name: self._racer(one) for one in able}, rounds, window_s, say)
        rows = [
            {
                **facts(one),
                **accuracy(right[baseline.name], right[one.name]),
                **size(one.path),
                **timing(windows[baseline.name], windows[one.name]),
                "against": {other.name: _paired(right[other.name], right[one.name]) for other in able},
            }
            for one in able
        ]
        return rows, failed

    def _right(self, one: Made) -> Right:
        if one.python is None:
            return right_in_litert(self._litert, Contestant(one.name, one.path), self._images)
        return np.asarray(decode(self._answer(one.python, "evaluate", one.path, self._images)) == 1)

    def _racer(self, one: Made) -> Racer:
        python = one.python
        if python is None:
            return tflite_racer(self._litert, describe_model(Contestant(one.name, one.path)), self._few)

        def window(window_s: float) -> Window:
            found = self._answer(python, "window", one.path, self._few, str(window_s))
            return Window(decode(found["laps_ns"]) / 1000, found["void"])

        return window

    def _answer(self, python: Path, kind: str, model: Path, images: Path, *more: str) -> dict[str, Any]:
        """What answer.py of the ONNX Runtime peer leaves."""
        result, script = self._folder / "answer.json", HERE / "onnx_runtime" / "answer.py"
        run(
            [str(python), str(script), kind, str(model), str(images), *more, str(result)],
            path=find_runner_package().parent,
        )
        found: dict[str, Any] = json.loads(result.read_text())
        return found


def _paired(other: Right, own: Right) -> dict[str, float]:
    found = pair_up(other, own)
    return {"points": found.difference_points, "mcnemar_p": found.p_value}


def facts(one: Made) -> dict[str, Any]:
    """What is known of a file before it is measured."""
    return {
        "name": one.name,
        "group": one.tool,
        "tool": one.tool,
        "version": one.version,
        "recipe": one.recipe,
        "runtime": "ONNX Runtime" if one.python else "LiteRT",
        "seconds": one.seconds,
        "cached": one.cached,
    }
