"""What gates have to bear: laps of files that are alike, as a machine times them, and two forms' answers to the same images."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import edgedigits as ed
from edgedigits.measure.bench import BenchSettings, Contestant, bench_job, describe_model
from edgedigits.measure.bench_result import find_right, find_valid_rounds, read_answers, read_labels, read_laps_us
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.rounds_apart import FEW_NAME, draw_few, reverse

NETS: Final = ("nano", "cnn", "mobilenet_v2")
FORMS: Final = (("nano", "float"), ("nano", "model"), ("cnn", "float"), ("cnn", "model"), ("mobilenet_v2", "model"))
ROUNDS: Final = 30
WINDOW_S: Final = 0.1


@dataclass(frozen=True)
class Noise:
    """One file timed under two names: in every round, a process of its own, the laps of both in microseconds."""

    name: str
    rounds: tuple[tuple[np.ndarray, np.ndarray], ...]
    void: int


@dataclass(frozen=True)
class Pair:
    """Two forms on the same test images: the true class, and whether each is right, and what each answers; all [n]."""

    name: str
    labels: np.ndarray
    right: tuple[np.ndarray, np.ndarray]
    answers: tuple[np.ndarray, np.ndarray]


def make_artifacts(folder: Path) -> dict[str, ed.Artifact]:
    """The shipped baselines of MNIST as int8, by name."""
    return {name: ed.compress(zoo=name, data="mnist", recipe="ptq_int8", out=folder, progress=False) for name in NETS}


def time_alike(artifacts: dict[str, ed.Artifact]) -> list[Noise]:
    """Each form under two names; rounds go round all forms, so that each meets every hour's neighbours."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-noise-") as folder:
        runner = RunnerProcess(Path(sys.executable), Path(folder), lambda _: None)
        found: list[list[dict[str, Any]]] = [[] for _ in FORMS]
        for number in range(ROUNDS):
            for kept, (net, form) in zip(found, FORMS, strict=True):
                artifact = artifacts[net]
                runner.put({FEW_NAME: draw_few(artifact.path / "eval.npz")})
                path, scale = artifact.path / f"{form}.tflite", artifact.manifest["input"]["scale"]
                models = [describe_model(Contestant(name, path, scale)) for name in "ab"]
                job = bench_job(reverse(models, number), FEW_NAME, BenchSettings(windows=1, window_s=WINDOW_S))
                kept.append(runner.run("bench", job))
    return [_noise(f"{net} {form}", results) for (net, form), results in zip(FORMS, found, strict=True)]


def _noise(name: str, results: list[dict[str, Any]]) -> Noise:
    rounds = []
    for number, one in enumerate(results):
        first, second = reverse([read_laps_us(one, 0, at)[0] for at in (0, 1)], number)
        rounds.append((first, second))
    return Noise(name, tuple(rounds), sum(not find_valid_rounds(one, 0) for one in results))


def answer_pairs(artifacts: dict[str, ed.Artifact]) -> list[Pair]:
    """Float against int8 of each net, and one net against another."""
    sides = [((net, "float"), (net, "model")) for net in NETS] + [(("cnn", "model"), ("nano", "model"))]
    return [_pair(artifacts, first, second) for first, second in sides]


def _pair(artifacts: dict[str, ed.Artifact], first: tuple[str, str], second: tuple[str, str]) -> Pair:
    names = " against ".join(f"{net} {form}" for net, form in (first, second))
    labels, rights, answers = np.array([]), [], []
    with tempfile.TemporaryDirectory(prefix="edgedigits-answers-") as folder:
        runner = RunnerProcess(Path(sys.executable), Path(folder), lambda _: None)
        for net, form in (first, second):
            artifact = artifacts[net]
            path, scale = artifact.path / f"{form}.tflite", artifact.manifest["input"]["scale"]
            model = describe_model(Contestant(form, path, scale))
            job = bench_job(
                [model], str((artifact.path / "eval.npz").resolve()), BenchSettings(windows=1, window_s=0.01)
            )
            result = runner.run("bench", job)
            labels = read_labels(result)
            rights.append(find_right(result, 0))
            answers.append(read_answers(result, 0))
    return Pair(names, labels, (rights[0], rights[1]), (answers[0], answers[1]))
