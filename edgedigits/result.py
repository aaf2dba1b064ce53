"""The results of the device runner, looked through before anything in them is believed.

A result may come from another machine, from a file, from a runner of another version; all of it is checked here, once,
so that everything behind can index into it freely.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner import SCHEMA
from edgedigits_runner.arrays import decode
from numpy.typing import NDArray

from edgedigits.errors import DataError, InputError, TfliteError
from edgedigits.result_shapes import SHAPES, Shape, is_text

_ERRORS: dict[str, type[InputError]] = {"model": TfliteError, "data": DataError}


def read_result(path: Path) -> dict[str, Any]:
    """A result.json of bench, evaluate or probe; InputError where it is none, or altered, or of another schema."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable result ({error}); give the result.json that a bench wrote") from error
    kind = str(found.get("kind")) if isinstance(found, dict) else ""
    return checked(found, kind if kind in SHAPES else "bench", str(path))


def checked(
    result: Any, kind: str, where: str = "the runner's result", job: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The result as it came, a JSON object that holds what a `kind` (bench, evaluate, probe, doctor) holds.

    With the `job` that asked for it, models and hashes must be those of the job. Raises the runner's own error as
    InputError, TfliteError or DataError; InputError, one sentence that begins with `where`, for everything else.
    """
    if not isinstance(result, dict) or result.get("schema") != SCHEMA:
        schema = result.get("schema") if isinstance(result, dict) else None
        raise InputError(
            f"{where} is of schema {schema}, {SCHEMA} is understood; use a runner and an edgedigits of one version"
        )
    if "error" in result:
        raise _error(result["error"], where)
    if result.get("kind") != kind:
        raise _wrong(where, "kind", f"found {result.get('kind')!r}, {kind!r} was expected")
    if kind in SHAPES:
        _look({key: value for key, value in result.items() if key != "probes"}, SHAPES[kind], where, "")
    if (
        kind == "bench" and "probes" in result
    ):  # by hand on the device, memory and first inference come in the same file
        _look({"probes": result["probes"]}, {"probes": [{"name": is_text, **SHAPES["probe"]}]}, where, "")
    if kind in ("bench", "evaluate"):
        _look_at_answers(result, where)
    if kind == "bench":
        _look_at_latency(result, where)
    if job is not None:
        _compare(result, kind, job, where)
    return result


def _error(error: Any, where: str) -> InputError:
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return _wrong(where, "error", f"found {_short(error)}")
    return _ERRORS.get(str(error.get("kind")), InputError)(error["message"])


def _wrong(where: str, key: str, what: str) -> InputError:
    return InputError(f"{where}: {key}: {what}; it was altered or cut short, so measure again")


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _look(value: Any, shape: Shape, where: str, at: str) -> None:
    """InputError unless `value` has exactly the keys of `shape`, each as its check wants it."""
    if not isinstance(value, dict):
        raise _wrong(where, at.rstrip("."), f"found {_short(value)}, an object was expected")
    for key in shape.keys() ^ value.keys():
        raise _wrong(where, f"{at}{key}", "missing" if key in shape else "unknown")
    for key, wanted in shape.items():
        found, here = value[key], f"{at}{key}"
        if isinstance(wanted, list):
            _look_at_list(found, wanted[0], where, here)
        elif callable(wanted):
            if not wanted(found):
                raise _wrong(where, here, f"found {_short(found)}")
        else:
            _look(found, wanted, where, f"{here}.")


def _look_at_list(found: Any, wanted: Shape, where: str, here: str) -> None:
    if not isinstance(found, list) or not found:
        raise _wrong(where, here, f"found {_short(found)}, a list was expected")
    for i, each in enumerate(found):
        _look(each, wanted, where, f"{here}[{i}].")


def _look_at_answers(result: dict[str, Any], where: str) -> None:
    """Arrays decode, are as long as the labels, and say what `right` says."""
    labels = _array(result["labels"], "<i4", None, where, "labels")
    if labels.min() < 0:
        raise _wrong(where, "labels", "some are negative")
    for i, model in enumerate(result["models"]):
        answers, classes = model["answers"], model["output"]["classes"]
        for key in ("class", "runner_up"):
            array = _array(answers[key], "<i4", len(labels), where, f"models[{i}].answers.{key}")
            if array.min() < 0 or array.max() >= classes:
                raise _wrong(where, f"models[{i}].answers.{key}", f"some are not of the model's {classes} classes")
        for key in ("score", "runner_up_score"):
            array = _array(answers[key], "<f4", len(labels), where, f"models[{i}].answers.{key}")
            if not np.isfinite(array).all():
                raise _wrong(where, f"models[{i}].answers.{key}", "some are not finite")
        right = int((decode(answers["class"]) == labels).sum())
        if answers["right"] != right:
            raise _wrong(where, f"models[{i}].answers.right", f"found {answers['right']}, the answers say {right}")


def _look_at_latency(result: dict[str, Any], where: str) -> None:
    """Every model at every number of threads, with equally many windows, each with laps."""
    names = [model["name"] for model in result["models"]]
    windows = len(result["latency"][0]["models"][0]["windows"])
    for t, entry in enumerate(result["latency"]):
        at = f"latency[{t}].models"
        if [model["name"] for model in entry["models"]] != names:
            raise _wrong(where, at, "not the models that the accuracy is of")
        for i, model in enumerate(entry["models"]):
            if len(model["windows"]) != windows:
                raise _wrong(where, f"{at}[{i}].windows", f"found {len(model['windows'])}, elsewhere {windows}")
            for w, window in enumerate(model["windows"]):
                _array(window["laps_ns"], "<u4", None, where, f"{at}[{i}].windows[{w}].laps_ns")


def _array(encoded: Any, dtype: str, length: int | None, where: str, at: str) -> NDArray[Any]:
    """A decoded vector of that type and length (None: any but 0)."""
    try:
        array = decode(encoded)
    except (KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise _wrong(where, at, f"does not decode ({error})") from error
    if array.dtype.str != dtype or array.ndim != 1 or len(array) < 1 or length not in (None, len(array)):
        found = f"{array.dtype} {list(array.shape)}"
        raise _wrong(where, at, f"found {found}, {np.dtype(dtype)} [{'n' if length is None else length}] was expected")
    return array


def _compare(result: dict[str, Any], kind: str, job: dict[str, Any], where: str) -> None:
    """The result is of the very files and numbers that the job named."""
    if kind == "probe":
        asked, found = [job["model"]["sha256"]], [result["model_sha256"]]
    elif kind in ("bench", "evaluate"):
        asked, found = ([model["sha256"] for model in side["models"]] for side in (job, result))
    else:
        return
    if asked != found:
        raise InputError(
            f"{where}: is of other models (SHA-256 {', '.join(found)}) than the job asked for ({', '.join(asked)}); "
            "measure again"
        )
    if kind == "bench" and [entry["threads"] for entry in result["latency"]] != job["threads"]:
        raise _wrong(where, "latency", f"not for {job['threads']} threads, as the job asked")
