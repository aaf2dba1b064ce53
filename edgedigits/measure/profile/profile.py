"""What each operator of a .tflite file takes, here or on a device: the operators cut out, all timed in turns with the whole.

The runner times files; what they are, and what is made of their times, is the host's.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edgedigits_runner import SCHEMA

from edgedigits.errors import ArtifactError, EdgeDigitsError, InputError, TfliteError
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.bench import Runner
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.profile.delegation import Tried, group_tries, name_cure
from edgedigits.measure.profile.products import Multiplied, make_product
from edgedigits.measure.profile.report import ProfileReport, Subject, make_report, multiplied_as
from edgedigits.measure.profile.variants import list_variants
from edgedigits.measure.runtimes.environments import RuntimeName, find_python_for
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import Fragment, cut, nearly_nothing
from edgedigits.tflite.multiply_adds import Work, count_per_operator
from edgedigits.tflite.packed_file import unpack_file

WHOLE, NOTHING, PRODUCTS = 0, 1, 2
"""Places of the files of a job: the whole model, one that does next to nothing, the products; then the operators."""
MULTIPLIED: Final[tuple[Multiplied, ...]] = ("float32", "int8")


@dataclass(frozen=True)
class ProfileSettings:
    """`windows` of `window_s` seconds, in each of which all files take turns; `pin` is the core that everything runs on."""

    runtime: RuntimeName = "auto"
    windows: int = 7
    window_s: float = 0.5
    pin: int | None = None


@dataclass(frozen=True)
class ProfileTask:
    """A model cut apart. `files` go to the machine; `places` say which file is timed for an operator, None where it can't be
    cut out or takes no time."""

    subject: Subject
    files: Mapping[str, bytes]
    names: tuple[str, ...]
    places: tuple[int | None, ...]

    @property
    def mark(self) -> str:
        """A name for a folder that is of this model."""
        return hashlib.sha256(self.subject.flat).hexdigest()[:12]


def make_task(tflite: Path) -> ProfileTask:
    """The model in a file, packed too, or an artifact's folder. Raises TfliteError where it is none."""
    path = tflite / "model.tflite" if tflite.is_dir() else tflite
    if not path.is_file():
        raise TfliteError(f"{path}: no such file; give a .tflite file, or the folder of an artifact")
    flat = unpack_file(path)
    contents = read(flat, str(path))
    works, parts = count_per_operator(contents), cut(flat, str(path))
    if not parts:
        raise TfliteError(f"{path}: holds no operator, so there is nothing to time; export it again")
    files = {"whole.tflite": flat, "nothing.tflite": nearly_nothing()}
    files |= {f"product-{kind}.tflite": make_product(kind) for kind in MULTIPLIED}
    names = [path.name, "an operator that does nothing", *(f"a dense product in {kind}" for kind in MULTIPLIED)]
    at: dict[str, int] = {}
    for part in parts:
        if part.flat and part.signature not in at:
            at[part.signature] = len(files)
            files[f"operator-{part.index}.tflite"] = part.flat
            names.append(f"operator #{part.index} {part.kind}")
    places = tuple(at[part.signature] if part.flat else None for part in parts)
    return ProfileTask(Subject(str(path), flat, contents, works, parts), files, tuple(names), places)


def profile_here(task: ProfileTask, settings: ProfileSettings, say: Say) -> ProfileReport:
    """Measured on this machine. Raises InputError's kinds where the runtime can't be had or can't run the model."""
    python = find_python_for(settings.runtime, say)
    with tempfile.TemporaryDirectory(prefix="edgedigits-profile-") as folder:
        return measure(RunnerProcess(python, Path(folder), say), task, settings)


def measure(runner: Runner, task: ProfileTask, settings: ProfileSettings) -> ProfileReport:
    """Measured by a runner, on whatever machine; then XNNPACK is asked what it would take of what it left."""
    runner.put(task.files)
    result = _run(runner, task, "profile", make_job(task, settings))
    return make_report(task.subject, task.places, result, _tries(runner, task, result, settings), settings.window_s)


def make_job(task: ProfileTask, settings: ProfileSettings) -> JsonObject:
    """What the runner is asked to time."""
    return {
        "runtime": settings.runtime,
        "files": list(task.files),
        "names": list(task.names),
        "alone": [PRODUCTS + number for number in range(len(MULTIPLIED))],
        "windows": settings.windows,
        "window_s": settings.window_s,
        "pin": settings.pin,
    }


def write_parts(task: ProfileTask, settings: ProfileSettings, folder: Path) -> None:
    """The files and the jobs, for the runner's own `profile`. Raises ArtifactError where the folder can't be made."""
    marks, tried = make_tries([part for part in task.subject.parts if part.flat])
    index = {part.signature: part.index for part in reversed(task.subject.parts)}
    told = [_describe(work, place) for work, place in zip(task.subject.works, task.places, strict=True)]
    jobs = {"profile": {**make_job(task, settings), "operators": told}}
    if tried:
        changes = [{"operator": index[signature], "change": name_cure(what)} for signature, what in marks]
        jobs["tries"] = {"runtime": settings.runtime, "files": list(tried), "changes": changes}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in {**task.files, **tried}.items():
            (folder / name).write_bytes(content)
        for kind, job in jobs.items():
            (folder / f"{kind}.json").write_text(json.dumps({"schema": SCHEMA, "kind": kind, **job}), encoding="utf-8")
    except OSError as error:
        raise ArtifactError(f"{folder}: can't be written ({error.strerror}); give another place to --parts") from error


def _describe(work: Work, place: int | None) -> JsonObject:
    return {
        "index": work.index,
        "kind": work.kind,
        "macs": work.macs,
        "multiplied_as": multiplied_as(work),
        "file": place,
    }


def _run(runner: Runner, task: ProfileTask, kind: str, job: JsonObject) -> JsonObject:
    try:
        return runner.run(kind, job)
    except InputError:
        raise
    except EdgeDigitsError as error:  # it ran before, in the trial; so it is the model all the same
        raise TfliteError(f"{task.subject.source}: {error}") from error


def list_left(task: ProfileTask, result: JsonObject) -> list[Fragment]:
    """The operators that XNNPACK leaves inside the net and alone too, one of each kind of work."""
    taken = result["files"][WHOLE]["taken"]
    if taken is None:
        return []
    left: dict[str, Fragment] = {}
    for part, place in zip(task.subject.parts, task.places, strict=True):
        if place is not None and part.index not in taken and not result["files"][place]["taken"]:
            left.setdefault(part.signature, part)
    return list(left.values())


def make_tries(parts: list[Fragment]) -> tuple[list[tuple[str, str]], dict[str, bytes]]:
    """((signature, what was changed) of each file to try, the files by name)."""
    marks, files = [], {}
    for part in parts:
        for what, flat in list_variants(part.flat):
            files[f"try-{part.index}-{what.replace(' ', '-')}.tflite"] = flat
            marks.append((part.signature, what))
    return marks, files


def _tries(runner: Runner, task: ProfileTask, result: JsonObject, settings: ProfileSettings) -> Mapping[str, Tried]:
    """By signature of the operator; {} where nothing is to be tried, or the machine could not."""
    marks, files = make_tries(list_left(task, result))
    if not files:
        return {}
    runner.put(files)
    try:
        found = runner.run("tries", {"runtime": settings.runtime, "files": list(files)})
    except EdgeDigitsError:  # all is measured by then; the report says that it could not be tried
        return {}
    return group_tries(marks, found["files"])


def with_runtime(settings: ProfileSettings, runtime: RuntimeName) -> ProfileSettings:
    """The same on a device's own runtime."""
    return replace(settings, runtime=runtime)
