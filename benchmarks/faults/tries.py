"""What a user does with a file of some ending: the commands that read it, alone or in a release."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.attack.readers.calling import Case
from benchmarks.attack.readers.placing import released
from benchmarks.faults.running import Ended
from benchmarks.faults.scene import Scene

Start = Callable[[Scene, Path, Path, float], Ended]
_FILE, _DATA, _MODEL, _RELEASE = object(), object(), object(), object()
_PLACES = {_DATA: "data/shapes.npz", _MODEL: "model/int8.tflite", _RELEASE: "release"}
_SHORT = ("--windows", 1, "--window", 0.05)


class Try(NamedTuple):
    """`start` takes (scene, file, corpus, limit in seconds); `right` is a right file in the corpus."""

    name: str
    right: str
    start: Start


def _words(words: tuple[object, ...], file: Path, corpus: Path) -> list[object]:
    return [file if word is _FILE else corpus / _PLACES[word] if word in _PLACES else word for word in words]


def _host(*words: object) -> Start:
    """A command of the toolkit on the file."""

    def start(scene: Scene, file: Path, corpus: Path, limit_s: float) -> Ended:
        return scene.edgedigits(*_words(words, file.absolute(), corpus), limit_s=limit_s)

    return start


def _runner(*words: object) -> Start:
    """A command of the runner on the file."""

    def start(scene: Scene, file: Path, corpus: Path, limit_s: float) -> Ended:
        return scene.runner(*_words(words, file.absolute(), corpus), limit_s=limit_s)

    return start


def _placed(name: str, way: Callable[..., Start], *words: object) -> Start:
    """A command on a release in which `name` is the file."""

    def start(scene: Scene, file: Path, corpus: Path, limit_s: float) -> Ended:
        place = scene.folder.absolute() / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        folder = released(Case(file, place, corpus), name)
        return way(*words)(scene, folder, corpus, limit_s)

    return start


_KERAS = ("--recipe", "ptq_int8", "--model", _FILE, "--data", _DATA, "--scale", "0..1")
_BENCH = ("--scale", "0..1", *_SHORT)
_NET = "keras/three.keras"

_MODELS = (
    Try("inspect", "model/int8.tflite", _host("inspect", _FILE, "--slim")),
    Try("estimate", "model/int8.tflite", _host("estimate", _FILE, "--device", "pi4")),
    Try("profile", "model/int8.tflite", _host("profile", _FILE, *_SHORT)),
    Try("pack --slim", "model/int8.tflite", _host("pack", _FILE, "--slim", "--out", "packed.tflite")),
    Try("bench", "model/int8.tflite", _host("bench", "--tflite", _FILE, "--data", _DATA, *_BENCH)),
    Try("runner evaluate", "model/int8.tflite", _placed("model.tflite", _runner, "evaluate", _FILE)),
    Try("runner doctor", "model/int8.tflite", _placed("model.tflite", _runner, "doctor", _FILE)),
)
_ARRAYS = (
    Try("bench --data", "data/shapes.npz", _host("bench", "--tflite", _MODEL, "--data", _FILE, *_BENCH)),
    Try("runner evaluate, images", "eval/eval.npz", _placed("eval.npz", _runner, "evaluate", _FILE)),
    Try("runner doctor, golden", "golden/golden.npz", _placed("golden.npz", _runner, "doctor", _FILE)),
)
_MANIFESTS = (
    Try("inspect FOLDER", "manifest/manifest.json", _placed("manifest.json", _host, "inspect", _FILE)),
    Try("bench FOLDER", "manifest/manifest.json", _placed("manifest.json", _host, "bench", "--tflite", _FILE, *_SHORT)),
    Try("runner evaluate, manifest", "manifest/manifest.json", _placed("manifest.json", _runner, "evaluate", _FILE)),
    Try("runner doctor, manifest", "manifest/manifest.json", _placed("manifest.json", _runner, "doctor", _FILE)),
)
_RECIPES = (
    Try("recipes check", "recipe/ptq_int8.yaml", _host("recipes", "check", _FILE)),
    Try("recipes show", "recipe/ptq_int8.yaml", _host("recipes", "show", _FILE)),
)
_NETS = (
    Try("compress", _NET, _host("compress", *_KERAS, "--resize", "8x8", "--out", "out")),
    Try("compress, as it is", _NET, _host("compress", *_KERAS, "--out", "out")),
    Try("advise", _NET, _host("advise", *_KERAS)),
)
_PICTURES = (Try("runner predict", "picture/grey.png", _runner("predict", "--in", _RELEASE, _FILE)),)

TRIES: dict[str, tuple[Try, ...]] = {
    ".tflite": _MODELS,
    ".npz": _ARRAYS,
    ".json": _MANIFESTS,
    ".yaml": _RECIPES,
    ".keras": _NETS,
    ".h5": _NETS,
    ".bin": _PICTURES,
}
"""By the ending of the file."""
