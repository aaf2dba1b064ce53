"""`bench` and `evaluate` for a person at the device: a job made from the release, and a line per model of its result."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner import SCHEMA
from edgedigits_runner.arrays import decode
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import joined, read_json, write_json
from edgedigits_runner.fresh import run_fresh
from edgedigits_runner.release import FLOAT, MODEL, Release, folder_of, read_release
from edgedigits_runner.say import say

if TYPE_CHECKING:
    from types import SimpleNamespace

_WARMUP_S = 0.5
_PROBE_MOST_S = 300.0


def run(options: SimpleNamespace) -> int:
    """0; RunnerError where the release can't be used, or answers wrongly on this machine."""
    release = read_release(folder_of(options.arguments))
    if not Path(release.folder, "eval.npz").is_file():
        raise RunnerError(
            "data",
            f"{release.folder}: holds no eval.npz, the test images were too many; bench it from the host with --data",
        )
    with tempfile.TemporaryDirectory(prefix="edgedigits-") as work:
        result = (
            _evaluated(release, options, Path(work))
            if options.command == "evaluate"
            else _benched(release, options, Path(work))
        )
    if options.out is not None:
        write_result(Path(options.out), result)
    for line in summary(result):
        say(line)
    return 0


def _evaluated(release: Release, options: SimpleNamespace, work: Path) -> dict[str, Any]:
    from edgedigits_runner.accuracy import evaluate

    job = {"models": _models(release), "eval": _absolute(release, "eval.npz"), "threads": options.threads}
    return evaluate(_job(work, "evaluate", options, job), tell_progress)


def _benched(release: Release, options: SimpleNamespace, work: Path) -> dict[str, Any]:
    """The result of the bench, and under `probes` that of every model alone in a process."""
    from edgedigits_runner.bench import bench

    _refuse_if_wrong(release, options)
    models = _models(release)
    settings = {"windows": options.windows, "window_s": options.window, "warmup_s": _WARMUP_S, "pin": options.pin}
    job = {"models": models, "eval": _absolute(release, "eval.npz"), "threads": list(options.threads), **settings}
    result = bench(_job(work, "bench", options, job), tell_progress)
    return {**result, "probes": [_probed(release, model, options, work) for model in models]}


def _refuse_if_wrong(release: Release, options: SimpleNamespace) -> None:
    from edgedigits_runner.doctor import examine

    found = examine(release.folder, options.runtime)
    if not found["ok"]:
        raise RunnerError("model", f"not benched, for the doctor finds it unfit: {'; '.join(found['reasons'])}")


def _probed(release: Release, model: dict[str, Any], options: SimpleNamespace, work: Path) -> dict[str, Any]:
    asked = {
        "threads": options.threads[0],
        "pin": options.pin,
        "cold": options.cold,
        "image_shape": list(release.shape),
    }
    job = _job(work, "probe", options, {"model": model, **asked})
    ended = run_fresh("command_line", ["job", str(job), str(work / "probe.result.json")], _PROBE_MOST_S)
    if not (work / "probe.result.json").exists():
        raise RunnerError("runtime", f"{model['name']}: the probe {ended.how or 'left no result'} ({ended.said})")
    result: dict[str, Any] = read_json(work / "probe.result.json")
    if "error" in result:
        raise RunnerError(result["error"]["kind"], result["error"]["message"])
    return {"name": model["name"], **result}


def summary(result: dict[str, Any]) -> list[str]:
    """For every model: how often it was right, and, of a bench, the time of an image, of loading, and the memory."""
    lines = []
    for number, model in enumerate(result["models"]):
        parts = _scores(model["scores"], len(decode(result["labels"])))
        parts += [_p50(latency["models"][number], latency["threads"]) for latency in result.get("latency", ())]
        parts += [_alone(result["probes"][number])] if "probes" in result else []
        lines.append(f"{model['name']}: {', '.join(parts)}")
    return lines


def _scores(scores: dict[str, float], images: int) -> list[str]:
    said = [f"{100 * scores['accuracy']:.2f} % right of {images}"]
    if "f1_macro" in scores:
        said.append(f"F1 {100 * scores['f1_macro']:.2f} % macro, {100 * scores['f1_micro']:.2f} % micro")
    return said


def _p50(model: dict[str, Any], threads: int) -> str:
    """The median of the windows' medians, void windows left out."""
    medians = [float(np.median(decode(window["laps_ns"]))) for window in model["windows"] if not window.get("void")]
    void = [window["void"] for window in model["windows"] if window.get("void")]
    time = f"p50 {np.median(medians) / 1e6:.4f} ms" if medians else "no p50"
    said = f" ({len(void)} of {len(model['windows'])} windows void: {void[0]})" if void else ""
    return f"{time} with {threads} thread{'s'[: threads > 1]}{said}"


def _alone(probe: dict[str, Any]) -> str:
    load, first = probe["load_ns"] / 1e6, probe["first_ns"] / 1e6
    return f"loads in {load:.2f} ms, first answer {first:.2f} ms, {probe['peak_kib'] / 1024:.0f} MiB at most"


def _models(release: Release) -> list[dict[str, Any]]:
    """As a job names them: the release's model, then its float form."""
    found = [release.model(name) for name in (MODEL, FLOAT) if name == MODEL or name in release.files]
    return [{**one.as_json(), "path": os.path.realpath(one.path)} for one in found]


def _absolute(release: Release, name: str) -> str:
    return os.path.realpath(joined(release.folder, name))


def _job(work: Path, kind: str, options: SimpleNamespace, fields: dict[str, Any]) -> Path:
    write_json(work / f"{kind}.json", {"schema": SCHEMA, "kind": kind, "runtime": options.runtime, **fields})
    return work / f"{kind}.json"


def write_result(path: Path, result: dict[str, Any]) -> None:
    """For `--out`. RunnerError where it can't be written."""
    try:
        write_json(path, result)
    except OSError as error:
        raise RunnerError("job", f"{path}: can't be written ({error.strerror}); give another place to --out") from error


def tell_progress(line: str) -> None:
    """On standard error: standard output is for the result."""
    print(line, file=sys.stderr, flush=True)
