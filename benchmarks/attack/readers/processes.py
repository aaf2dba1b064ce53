"""Whole commands as processes, for a sample of the files: exit codes and words are what a user gets."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.attack.readers.calling import Case, Reader, Refused, process
from benchmarks.attack.readers.placing import released

_HOST, _RUNNER = "edgedigits.cli", "edgedigits_runner"
Read = Callable[[Case], Refused | None]


def _host(*arguments: object) -> Read:
    """Where an argument is a function, it makes a path of the case."""

    def read(case: Case) -> Refused | None:
        return process(_HOST, case.folder, *(one(case) if callable(one) else one for one in arguments))

    return read


def _runner(name: str, *arguments: object) -> Read:
    """A command on a release in which `name` is the spoiled file."""

    def read(case: Case) -> Refused | None:
        return process(_RUNNER, case.folder, arguments[0], released(case, name), *arguments[1:])

    return read


def _file(case: Case) -> object:
    return case.file


def _data(case: Case) -> object:
    return case.corpus / "data" / "shapes.npz"


def _model(case: Case) -> object:
    return case.corpus / "model" / "int8.tflite"


def _release(case: Case) -> object:
    return case.corpus / "release"


def _predicted(case: Case) -> Refused | None:
    return process(_RUNNER, case.folder, "predict", "--in", _release(case), case.file)


_SHORT = ("--windows", 1, "--window", 0.05)
_BENCH = ("--scale", "0..1", *_SHORT)
_COMPRESS = ("compress", "--recipe", "ptq_int8", "--scale", "0..1", "--out", "out")

READERS = (
    Reader("$ inspect", ("model", "packed"), "process", _host("inspect", _file, "--slim"), 0.01),
    Reader("$ pack --slim", ("model",), "process", _host("pack", _file, "--slim", "--out", "out.tflite"), 0.015),
    Reader(
        "$ bench F", ("model", "packed"), "process", _host("bench", "--tflite", _file, "--data", _data, *_BENCH), 0.015
    ),
    Reader("$ bench --data", ("data",), "process", _host("bench", "--tflite", _model, "--data", _file, *_BENCH), 0.02),
    Reader("$ recipes check", ("recipe",), "process", _host("recipes", "check", _file), 0.03),
    Reader("$ recipes show", ("recipe",), "process", _host("recipes", "show", _file), 0.02),
    Reader(
        "$ compress --model", ("keras", "h5"), "process", _host(*_COMPRESS, "--model", _file, "--data", _data), 0.01
    ),
    Reader("$ runner evaluate, model", ("model",), "process", _runner("model.tflite", "evaluate"), 0.015),
    Reader("$ runner evaluate, images", ("eval",), "process", _runner("eval.npz", "evaluate"), 0.05),
    Reader("$ runner doctor, model", ("model",), "process", _runner("model.tflite", "doctor"), 0.015),
    Reader("$ runner doctor, golden", ("golden",), "process", _runner("golden.npz", "doctor"), 0.05),
    Reader("$ runner doctor, manifest", ("manifest",), "process", _runner("manifest.json", "doctor"), 0.03),
    Reader("$ runner bench", ("model",), "process", _runner("model.tflite", "bench", *_SHORT), 0.01),
    Reader("$ runner predict", ("picture",), "process", _predicted, 0.03),
)
