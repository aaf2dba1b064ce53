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
from numpy.typing import NDArray

from edgedigits.errors import DataError, InputError, TfliteError
from edgedigits.ground.foreign_json import Mismatch, is_name, look, parse, plain, short
from edgedigits.measure.result_schema import SHAPES

MOST_BYTES = 2**28
"""Of a result's text; 15 million laps, as half an hour of measuring yields, take 40 MB."""

_MOST_UNPACKED = 2**27
_ERRORS: dict[str, type[InputError]] = {"model": TfliteError, "data": DataError}


def read_result(path: Path) -> dict[str, Any]:
    """A result.json of bench, evaluate or probe; InputError where it is none, or altered, or of another schema."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a file")
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"longer than {MOST_BYTES} bytes")
        found = parse(path.read_bytes(), MOST_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable result ({error}); give the result.json that a bench wrote") from error
    kind = str(found.get("kind")) if isinstance(found, dict) else ""
    return checked(found, kind if kind in SHAPES else "bench", str(path))


def checked(
    result: Any,
    kind: str,
    where: str = "the runner's result",
    job: dict[str, Any] | None = None,
    fault: type[InputError] = InputError,
) -> dict[str, Any]:
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


def _checked(result: Any, kind: str, job: dict[str, Any] | None) -> dict[str, Any]:
    if not isinstance(result, dict) or result.get("schema") != SCHEMA:
        schema = result.get("schema") if isinstance(result, dict) else None
        raise _OtherModels(
            f" is of schema {short(schema)}, {SCHEMA} is understood; use a runner and an edgedigits of one version"
        )
    if "error" in result:
        raise _error(result["error"])
    if result.get("kind") != kind:
        raise Mismatch("kind", f"found {short(result.get('kind'))}, {kind!r} was expected")
    if kind in SHAPES:
        look({key: value for key, value in result.items() if key != "probes"}, SHAPES[kind])
    if kind == "bench" and "probes" in result:
        # By hand on the device, memory and first inference come in the same file.
        look({"probes": result["probes"]}, {"probes": [{"name": is_name, **SHAPES["probe"]}]})
    if kind in ("bench", "evaluate"):
        _look_at_answers(result)
    if kind == "bench":
        _look_at_latency(result)
    if job is not None:
        _compare(result, kind, job)
    return result


def _error(error: Any) -> InputError:
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        raise Mismatch("error", f"found {short(error)}")
    return _ERRORS.get(str(error.get("kind")), InputError)(plain(error["message"]))


def _look_at_answers(result: dict[str, Any]) -> None:
    """Arrays decode, are as long as the labels, and say what `right` says."""
    labels = _array(result["labels"], "<i4", None, "labels")
    if labels.min() < 0:
        raise Mismatch("labels", "some are negative")
    for i, model in enumerate(result["models"]):
        answers, classes = model["answers"], model["output"]["classes"]
        for key in ("class", "runner_up"):
            array = _array(answers[key], "<i4", len(labels), f"models[{i}].answers.{key}")
            if array.min() < 0 or array.max() >= classes:
                raise Mismatch(f"models[{i}].answers.{key}", f"some are not of the model's {classes} classes")
        for key in ("score", "runner_up_score"):
            array = _array(answers[key], "<f4", len(labels), f"models[{i}].answers.{key}")
            if not np.isfinite(array).all():
                raise Mismatch(f"models[{i}].answers.{key}", "some are not finite")
        right = int((decode(answers["class"]) == labels).sum())
        if answers["right"] != right:
            raise Mismatch(f"models[{i}].answers.right", f"found {answers['right']}, the answers say {right}")


def _look_at_latency(result: dict[str, Any]) -> None:
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
                _array(window["laps_ns"], "<u4", None, f"{at}[{i}].windows[{w}].laps_ns")


def _array(encoded: Any, dtype: str, length: int | None, at: str) -> NDArray[Any]:
    """A decoded vector of that type and length (None: any but 0)."""
    try:
        array = decode(encoded, _MOST_UNPACKED)
    except (KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise Mismatch(at, f"does not decode ({plain(str(error), 200)})") from error
    if array.dtype.str != dtype or array.ndim != 1 or len(array) < 1 or length not in (None, len(array)):
        found = f"{array.dtype} {list(array.shape)}"
        raise Mismatch(at, f"found {found}, {np.dtype(dtype)} [{'n' if length is None else length}] was expected")
    return array


def _compare(result: dict[str, Any], kind: str, job: dict[str, Any]) -> None:
    """The result is of the very files and numbers that the job named."""
    if kind == "probe":
        asked, found = [job["model"]["sha256"]], [result["model_sha256"]]
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
