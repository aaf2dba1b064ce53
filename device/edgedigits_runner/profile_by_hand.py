"""`profile` for a person at the device: a folder that `edgedigits profile --parts` filled, and a line for each operator."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.by_hand import tell_progress, write_result
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import read_json, write_json
from edgedigits_runner.kept import fault, is_line, is_whole
from edgedigits_runner.say import say
from edgedigits_runner.spread import median_and_interval

if TYPE_CHECKING:
    from types import SimpleNamespace

    from numpy.typing import NDArray

_NOTHING, _PRODUCTS = 1, {"float32": 2, "int8": 3}  # places of files in the job
_PRODUCT_MACS = 256 * 128 * 128
_OPERATOR = {
    "index": is_whole,
    "kind": is_line,
    "macs": is_whole,
    "multiplied_as": lambda value: value in _PRODUCTS,
    "file": lambda value: value is None or is_whole(value),
}
_SHAPE = {"operators": [_OPERATOR]}
_TRIED = {"files": [is_line], "changes": [{"operator": is_whole, "change": is_line}]}


def run(options: SimpleNamespace) -> int:
    """0; RunnerError where the folder holds no jobs, or the interpreter can't run the model or dies of it."""
    from edgedigits_runner.profile import profile

    if len(options.arguments) > 1:
        raise RunnerError("job", "give one folder: profile FOLDER")
    folder = Path(options.arguments[0] if options.arguments else ".")
    job = _job(folder, "profile", _SHAPE)
    with tempfile.TemporaryDirectory(prefix="edgedigits-") as work:
        result = profile(_here(folder, job, options, Path(work)), tell_progress)
        tried = _tried(folder, job, result, options, Path(work))
    if options.out is not None:
        write_result(Path(options.out), {**result, "tries": tried})
    for line in summary(job, result, tried):
        say(line)
    return 0


def _job(folder: Path, kind: str, shape: dict[str, Any]) -> dict[str, Any]:
    path = folder / f"{kind}.json"
    if not path.is_file():
        raise RunnerError(
            "job",
            f"{folder}: holds no {kind}.json; fill it on the host with edgedigits profile F.tflite --parts FOLDER",
        )
    job: dict[str, Any] = read_json(path)
    if found := fault(job, shape):
        raise RunnerError("job", f"{path}: {found}; fill the folder again")
    return job


def _here(folder: Path, job: dict[str, Any], options: SimpleNamespace, work: Path) -> Path:
    """The job as a file of its own, with what the options say in place of what the host wrote."""
    own = {"runtime": options.runtime, "windows": options.windows, "window_s": options.window, "pin": options.pin}
    files = [os.path.realpath(folder / name) for name in job["files"]] if _are_texts(job.get("files")) else None
    path = work / f"{job.get('kind')}.json"
    write_json(path, {**job, **own, "files": files})
    return path


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _tried(
    folder: Path, job: dict[str, Any], result: dict[str, Any], options: SimpleNamespace, work: Path
) -> dict[int, list[str]]:
    """Of each operator that XNNPACK leaves, the changes with which it would take it."""
    from edgedigits_runner.profile import tries

    taken = result["files"][0]["taken"]
    if taken is None or not (folder / "tries.json").is_file():
        return {}
    asked = _job(folder, "tries", _TRIED)
    pairs = list(zip(asked["files"], asked["changes"]))  # noqa: B905  # Python 3.9
    left = {one["index"] for one in job["operators"] if one["index"] not in taken}
    wanted = [(name, change) for name, change in pairs if change["operator"] in left]
    found: dict[int, list[str]] = {change["operator"]: [] for _, change in wanted}
    if wanted:
        here = _here(folder, {**asked, "files": [name for name, _ in wanted]}, options, work)
        told = tries(here, tell_progress)["files"]
        for (_, change), one in zip(wanted, told):  # noqa: B905  # Python 3.9
            if one["taken"]:
                found[change["operator"]].append(change["change"])
    return found


def summary(job: dict[str, Any], result: dict[str, Any], tried: dict[int, list[str]]) -> list[str]:
    """A line for each operator, then how they add up and what the core can do at most."""
    times = _Times(result)
    whole, nothing = times.of(0), times.of(_NOTHING)
    peaks = {kind: _rate(_PRODUCT_MACS, times.of(at)) for kind, at in _PRODUCTS.items() if times.has(at)}
    taken, total, lines = result["files"][0]["taken"], nothing.copy(), []
    for one in job["operators"]:
        own = times.own(one["file"])
        parts = [] if own is None else _told(one, own, whole, peaks)
        total = total if own is None else total + own
        parts += _left(one["index"], taken, tried)
        lines.append(f"#{one['index']} {one['kind']}: {', '.join(parts or ['takes no time, or can not be run alone'])}")
    share = 100 * float(np.median(total / whole))
    lines.append(
        f"the whole: {_us(whole)}; a call that does nothing: {_us(nothing)}; sum of the parts: {_us(total)}, {share:.0f} % of it"
    )
    known = [f"{rate:.3g} G multiply-adds/s in {kind}" for kind, rate in peaks.items() if rate]
    lines += [f"a dense product: {', '.join(known)}"] if known else []
    return lines + _voids(result)


class _Times:
    """The medians of the windows that are not void, of all where all are, in microseconds [windows], by place of the file."""

    def __init__(self, result: dict[str, Any]) -> None:
        windows = [one for one in result["windows"] if not one["void"]] or result["windows"]
        self._columns = {place: column for column, place in enumerate(result["timed"])}
        self._us = np.array([one["median_ns"] for one in windows]) / 1000

    def of(self, place: int) -> NDArray[Any]:
        found: NDArray[Any] = self._us[:, self._columns[place]]
        return found

    def has(self, place: int) -> bool:
        return place in self._columns

    def own(self, place: int | None) -> NDArray[Any] | None:
        """Less what any call takes; None for what was not timed."""
        if place is None or not self.has(place):
            return None
        found: NDArray[Any] = np.maximum(self.of(place) - self.of(_NOTHING), 0.0)
        return found


def _told(one: dict[str, Any], own: NDArray[Any], whole: NDArray[Any], peaks: dict[str, float | None]) -> list[str]:
    parts = [_us(own), f"{100 * float(np.median(own / whole)):.1f} % of the whole"]
    rate, peak = _rate(one["macs"], own), peaks.get(one["multiplied_as"])
    if rate:
        parts.append(f"{rate:.3g} G multiply-adds/s" + (f", {100 * rate / peak:.0f} % of the peak" if peak else ""))
    return parts


def _rate(macs: int, own: NDArray[Any]) -> float | None:
    """10^9 multiply-adds per second; None where the time can't be told from nothing."""
    value, low, _ = median_and_interval(own)
    return macs / value / 1000 if macs and (value if low is None else low) > 0 else None


def _us(times: NDArray[Any]) -> str:
    value, low, high = median_and_interval(times)
    return f"{value:.3f} us" + ("" if low is None else f" ({low:.3f} to {high:.3f})")


def _left(index: int, taken: list[int] | None, tried: dict[int, list[str]]) -> list[str]:
    if taken is None or index in taken:
        return []
    able = tried.get(index)
    return ["not by XNNPACK" + (f", which would take: {' or '.join(able)}" if able else "")]


def _voids(result: dict[str, Any]) -> list[str]:
    void = [one["void"] for one in result["windows"] if one["void"]]
    return [f"{len(void)} of {len(result['windows'])} windows void: {void[0]}"] if void else []
