"""The results of the device runner, looked through before anything in them is believed.

A result may come from another machine, from a file, from a runner of another version; all of it is checked here, once,
so that everything behind can index into it freely.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner import SCHEMA
from edgedigits_runner.arrays import decode
from edgedigits_runner.tasks import Task, from_json

from edgedigits.errors import DataError, InputError, TfliteError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.foreign_json import Mismatch, make_plain, parse, shorten
from edgedigits.measure.result_schema import SCHEMAS, look

RESULT_BYTES = 2**28
"""Of a result's text; 15 million laps, as half an hour of measuring yields, take 40 MB."""

_MOST_UNPACKED = 2**27
_ROUNDING = 1e-9
"""Of scores that two machines count of the same answers."""
_ERRORS: dict[str, type[InputError]] = {"model": TfliteError, "data": DataError}


def read_result(path: Path) -> JsonObject:
    """A result.json of bench, evaluate or probe; InputError where it is none, or altered, or of another schema."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a file")
        if path.stat().st_size > RESULT_BYTES:
            raise ValueError(f"longer than {RESULT_BYTES} bytes")
        found = parse(path.read_bytes(), RESULT_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable result ({error}); give the result.json that a bench wrote") from error
    kind = str(found.get("kind")) if isinstance(found, dict) else ""
    return check_result(found, kind if kind in SCHEMAS else "bench", str(path))


def check_result(
    result: Any,
    kind: str,
    where: str = "the runner's result",
    job: JsonObject | None = None,
    fault: type[InputError] = InputError,
) -> JsonObject:
    """The result as it came, a JSON object that holds what a `kind` (bench, evaluate, probe, doctor) holds.

    With the `job` that asked for it, models and hashes must be those of the job. Raises the runner's own error as
    InputError, TfliteError or DataError; `fault`, one sentence that begins with `where`, for everything else.
    """
    try:
        return _checked(result, kind, job)
    except Mismatch as error:
        raise fault(f"{where}: {error}; it was altered or cut short, so measure again") from error
    except _OtherModels as error:
        raise fault(f"{where}{error}") from error


class _OtherModels(ValueError):
    """Not what was asked for, though it may be whole."""


def _checked(result: Any, kind: str, job: JsonObject | None) -> JsonObject:
    known = SCHEMAS.get(kind, {SCHEMA: None})
    schema = result.get("schema") if isinstance(result, dict) else None
    if type(schema) is not int or schema not in known:
        understood = " and ".join(map(str, known)) + (" are" if len(known) > 1 else " is")
        raise _OtherModels(
            f" is of schema {shorten(schema)}, {understood} understood; use a runner and an edgedigits of one version"
        )
    if "error" in result:
        raise _error(result["error"])
    if result.get("kind") != kind:
        raise Mismatch("kind", f"found {shorten(result.get('kind'))}, {kind!r} was expected")
    shape = known[schema]
    if shape is not None:
        look(result, shape)
    if kind in ("bench", "evaluate"):
        _look_at_answers(result)
    if kind == "bench":
        _look_at_latency(result)
    if kind == "profile":
        _look_at_turns(result)
    if job is not None:
        _compare(result, kind, job)
    found: JsonObject = result
    return found


def _error(error: Any) -> InputError:
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        raise Mismatch("error", f"found {shorten(error)}")
    return _ERRORS.get(str(error.get("kind")), InputError)(make_plain(error["message"]))


def _look_at_answers(result: JsonObject) -> None:
    """Arrays decode, have the labels' shape, and say what `right` and `scores` say."""
    for i, model in enumerate(result["models"]):
        at = f"models[{i}]"
        try:
            task = from_json(model.get("task"))
        except ValueError as error:
            raise Mismatch(f"{at}.task", make_plain(str(error), 200)) from error
        labels = _labels(result, task, model["output"]["classes"])
        kept = _kept(model["answers"], task, labels, model["output"]["classes"], f"{at}.answers")
        predictions = task.predictions(kept)
        right = int(task.right(predictions, labels).sum())
        if type(model["answers"]["right"]) is not int or model["answers"]["right"] != right:
            raise Mismatch(
                f"{at}.answers.right", f"found {shorten(model['answers']['right'])}, the answers say {right}"
            )
        _look_at_scores(model.get("scores"), task.scores_of(predictions, labels), f"{at}.scores")


def _labels(result: JsonObject, task: Task, outputs: int) -> np.ndarray:
    """The true classes or labels, such as the task has them."""
    labels = _array(result["labels"], task.label_type, task.axes, "labels")
    if labels.min() < 0:
        raise Mismatch("labels", "some are negative")
    try:
        task.check_labels(labels, outputs)
    except ValueError as error:
        raise Mismatch("labels", str(error)) from error
    return labels


def _kept(answers: Any, task: Task, labels: np.ndarray, outputs: int, at: str) -> dict[str, np.ndarray]:
    """What the task keeps of all outputs, each array of the labels' shape; whole numbers are classes, others finite."""
    for key in sorted({*task.kept, "right"} - answers.keys()):
        raise Mismatch(f"{at}.{key}", "missing")
    for key in answers.keys() - {*task.kept, "right"}:
        raise Mismatch(f"{at}.{shorten(key).strip(chr(39))}", "unknown")
    found = {}
    for key, dtype in task.kept.items():
        found[key] = array = _array(answers[key], dtype, labels.shape, f"{at}.{key}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise Mismatch(f"{at}.{key}", "some are not finite")
        if array.dtype.kind == "i" and (array.min() < 0 or array.max() >= outputs):
            raise Mismatch(f"{at}.{key}", f"some are not of the model's {outputs} classes")
    return found


def _look_at_scores(found: Any, wanted: dict[str, float], at: str) -> None:
    """Results of schema 1 have none."""
    if found is None:
        return
    if found.keys() != wanted.keys():
        raise Mismatch(at, f"found {shorten(sorted(found))}, {', '.join(sorted(wanted))} were expected")
    for key, value in wanted.items():
        if abs(found[key] - value) > _ROUNDING:
            raise Mismatch(f"{at}.{key}", f"found {shorten(found[key])}, the answers say {value:.6g}")


def _look_at_latency(result: JsonObject) -> None:
    """Every model at every number of threads, with equally many windows, each with laps."""
    names = [model["name"] for model in result["models"]]
    windows = len(result["latency"][0]["models"][0]["windows"])
    for t, entry in enumerate(result["latency"]):
        at = f"latency[{t}].models"
        if [model["name"] for model in entry["models"]] != names:
            raise Mismatch(at, "not the models that the accuracy is of")
        for i, model in enumerate(entry["models"]):
            if len(model["windows"]) != windows:
                raise Mismatch(f"{at}[{i}].windows", f"found {len(model['windows'])}, elsewhere {windows}")
            for w, window in enumerate(model["windows"]):
                _array(window["laps_ns"], "<u4", 1, f"{at}[{i}].windows[{w}].laps_ns")


def _look_at_turns(result: JsonObject) -> None:
    """The whole model runs, what was timed are files of the result that run, and each window has a median of each of them."""
    runs = [at for at, file in enumerate(result["files"]) if not file["reason"]]
    if result["timed"] != runs or runs[:2] != [0, 1]:
        raise Mismatch("timed", f"found {shorten(result['timed'])}, files {shorten(runs)} run")
    for w, window in enumerate(result["windows"]):
        if len(window["median_ns"]) != len(runs):
            raise Mismatch(f"windows[{w}].median_ns", f"found {len(window['median_ns'])}, {len(runs)} were timed")


def _array(encoded: Any, dtype: str, shape: tuple[int, ...] | int, at: str) -> np.ndarray:
    """A decoded array of that type, and of that shape or so many axes of any length but 0."""
    try:
        array = decode(encoded, _MOST_UNPACKED)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise Mismatch(at, f"does not decode ({make_plain(str(error), 200)})") from error
    fits = array.ndim == shape if isinstance(shape, int) else array.shape == shape
    if array.dtype.str != dtype or not fits or 0 in array.shape:
        wanted = ["n", "labels"][:shape] if isinstance(shape, int) else shape
        shown = f"{np.dtype(dtype)} [{', '.join(map(str, wanted))}]"
        raise Mismatch(at, f"found {array.dtype} {list(array.shape)}, {shown} was expected")
    return array


def _compare(result: JsonObject, kind: str, job: JsonObject) -> None:
    """The result is of the very files and numbers that the job named."""
    if kind == "probe":
        asked, found = [job["model"]["sha256"]], [result["model_sha256"]]
    elif kind in ("profile", "tries"):
        if len(result["files"]) != len(job["files"]):
            raise _OtherModels(
                f": is of {len(result['files'])} files, the job asked for {len(job['files'])}; measure again"
            )
        return
    elif kind in ("bench", "evaluate"):
        asked, found = ([model["sha256"] for model in side["models"]] for side in (job, result))
    else:
        return
    if asked != found:
        raise _OtherModels(
            f": is of other models (SHA-256 {', '.join(found)}) than the job asked for ({', '.join(asked)}); "
            "measure again"
        )
    if kind == "bench" and [entry["threads"] for entry in result["latency"]] != job["threads"]:
        raise Mismatch("latency", f"not for {job['threads']} threads, as the job asked")
