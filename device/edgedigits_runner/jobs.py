"""What a job file asks for. Paths in it may be relative to the job file, so that a folder can be moved to a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from edgedigits_runner import SCHEMA
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import read_json
from edgedigits_runner.model_file import ModelFile
from edgedigits_runner.runtimes import RUNTIMES
from edgedigits_runner.scaling import Scaling, scaling_of
from edgedigits_runner.tasks import Task, from_json


class BenchJob(NamedTuple):
    """Accuracy of every model on the images of `eval_path`, then latency for every number of threads.

    `pin` is the one core that everything runs on; None leaves that to the system.
    """

    runtime: str
    models: tuple[ModelFile, ...]
    eval_path: Path
    threads: tuple[int, ...]
    windows: int
    window_s: float
    warmup_s: float
    pin: int | None


class ProbeJob(NamedTuple):
    """Memory, load time and first inference of one model in a process that does nothing else.

    `cold`: the model's file is dropped from the page cache before it is loaded.
    """

    runtime: str
    model: ModelFile
    threads: int
    image_shape: tuple[int, int, int]
    pin: int | None
    cold: bool


class EvaluateJob(NamedTuple):
    """Accuracy of every model on the images of `eval_path`."""

    runtime: str
    models: tuple[ModelFile, ...]
    eval_path: Path
    threads: int


class TimingsJob(NamedTuple):
    """`windows` of `window_s` seconds for each .tflite file; they may take any inputs."""

    runtime: str
    files: tuple[Path, ...]
    windows: int
    window_s: float


class ProfileJob(NamedTuple):
    """`windows` of `window_s` seconds in which all files take turns: .tflite files of any inputs, the first one the whole model.

    `names` say what each is, for people; `alone` are the places of files that take no turns but run again and again, each by
    itself, since they are to find their data in the cache.
    """

    runtime: str
    files: tuple[Path, ...]
    names: tuple[str, ...]
    alone: tuple[int, ...]
    windows: int
    window_s: float
    pin: int | None


def _counts(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**31


class _Fields:
    """A JSON object of a job; every getter answers a wrong value with its place, what it got and what would do."""

    def __init__(self, where: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise RunnerError("job", f"{where}: found {value!r}; give an object")
        self.where, self._value = where, value

    def get(self, key: str) -> Any:
        if key not in self._value:
            raise RunnerError("job", f"{self.where}: {key} is missing")
        return self._value[key]

    def wrong(self, key: str, wanted: str) -> RunnerError:
        return RunnerError("job", f"{self.where}.{key}: found {self._value[key]!r}; give {wanted}")

    def text(self, key: str, choices: tuple[str, ...] = ()) -> str:
        value = self.get(key)
        if not isinstance(value, str) or (choices and value not in choices):
            raise self.wrong(key, "one of " + ", ".join(choices) if choices else "a text")
        return value

    def scaling(self, key: str) -> Scaling:
        try:
            return scaling_of(self.get(key))
        except ValueError as error:
            raise RunnerError("job", f"{self.where}.{key}: {error}") from error

    def task(self, key: str) -> Task:
        """Classification where it is absent."""
        try:
            return from_json(self._value.get(key))
        except ValueError as error:
            raise RunnerError("job", f"{self.where}.{key}: {error}") from error

    def number(self, key: str, least: float) -> float:
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < float("inf"):
            raise self.wrong(key, f"a number of at least {least:g}")
        return float(value)

    def whole(self, key: str) -> int:
        value = self.get(key)
        if not _counts(value):
            raise self.wrong(key, "a whole number from 1 to 2^31 - 1")
        return int(value)

    def core(self, key: str) -> int | None:
        """A core's number; None where it is null or absent."""
        value = self._value.get(key)
        if value is not None and (type(value) is not int or value < 0):
            raise self.wrong(key, "the number of a core, or null")
        return value

    def switch(self, key: str) -> bool:
        """false where it is absent."""
        value = self._value.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def texts(self, key: str, what: str) -> tuple[str, ...]:
        value = self.get(key)
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise self.wrong(key, f"a list of at least one {what}")
        return tuple(value)

    def wholes(self, key: str, count: int | None = None) -> tuple[int, ...]:
        value = self.get(key)
        fits = isinstance(value, list) and value and (count is None or len(value) == count)
        if not fits or not all(map(_counts, value)):
            raise self.wrong(key, f"{count or 'some'} whole numbers of at least 1")
        return tuple(value)


def _fields(path: Path, kind: str) -> _Fields:
    fields = _Fields(str(path), read_json(path))
    if fields.get("schema") != SCHEMA:
        raise fields.wrong("schema", f"{SCHEMA}: this runner and the program that wrote the job differ in version")
    fields.text("kind", (kind,))
    return fields


def _model(where: str, value: Any, folder: Path) -> ModelFile:
    fields = _Fields(where, value)
    resize = None if fields.get("resize") is None else fields.wholes("resize", 2)
    return ModelFile(
        name=fields.text("name"),
        path=str(folder / fields.text("path")),
        sha256=fields.text("sha256"),
        scale=fields.scaling("scale"),
        resize=None if resize is None else (resize[0], resize[1]),
        task=fields.task("task"),
    )


def _models(fields: _Fields, folder: Path) -> tuple[ModelFile, ...]:
    models = fields.get("models")
    if not isinstance(models, list) or not models:
        raise fields.wrong("models", "a list of at least one model")
    return tuple(_model(f"{fields.where}.models[{i}]", model, folder) for i, model in enumerate(models))


def read_bench_job(path: Path) -> BenchJob:
    """The job in a file; RunnerError "job" says what in it is wrong."""
    fields = _fields(path, "bench")
    return BenchJob(
        runtime=fields.text("runtime", RUNTIMES),
        models=_models(fields, path.parent),
        eval_path=path.parent / fields.text("eval"),
        threads=fields.wholes("threads"),
        windows=fields.whole("windows"),
        window_s=fields.number("window_s", 0.01),
        warmup_s=fields.number("warmup_s", 0.5),
        pin=fields.core("pin"),
    )


def read_probe_job(path: Path) -> ProbeJob:
    """The job in a file; RunnerError "job" says what in it is wrong."""
    fields = _fields(path, "probe")
    height, width, channels = fields.wholes("image_shape", 3)
    return ProbeJob(
        runtime=fields.text("runtime", RUNTIMES),
        model=_model(f"{path}.model", fields.get("model"), path.parent),
        threads=fields.whole("threads"),
        image_shape=(height, width, channels),
        pin=fields.core("pin"),
        cold=fields.switch("cold"),
    )


def read_evaluate_job(path: Path) -> EvaluateJob:
    """The job in a file; RunnerError "job" says what in it is wrong."""
    fields = _fields(path, "evaluate")
    return EvaluateJob(
        runtime=fields.text("runtime", RUNTIMES),
        models=_models(fields, path.parent),
        eval_path=path.parent / fields.text("eval"),
        threads=fields.whole("threads"),
    )


def read_profile_job(path: Path) -> ProfileJob:
    """The job in a file; RunnerError "job" says what in it is wrong."""
    fields = _fields(path, "profile")
    files, names = fields.texts("files", "path"), fields.texts("names", "name")
    if len(files) != len(names):
        raise fields.wrong("names", f"one for each of the {len(files)} files")
    return ProfileJob(
        runtime=fields.text("runtime", RUNTIMES),
        files=tuple(path.parent / name for name in files),
        names=names,
        alone=fields.wholes("alone"),
        windows=fields.whole("windows"),
        window_s=fields.number("window_s", 0.001),
        pin=fields.core("pin"),
    )


def read_tries_job(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The runtime and the files of the job in a file; RunnerError "job" says what in it is wrong."""
    fields = _fields(path, "tries")
    return fields.text("runtime", RUNTIMES), tuple(path.parent / name for name in fields.texts("files", "path"))


def read_timings_job(path: Path) -> TimingsJob:
    """The job in a file; RunnerError "job" says what in it is wrong."""
    fields = _fields(path, "timings")
    return TimingsJob(
        runtime=fields.text("runtime", RUNTIMES),
        files=tuple(path.parent / name for name in fields.texts("files", "path")),
        windows=fields.whole("windows"),
        window_s=fields.number("window_s", 0.001),
    )
