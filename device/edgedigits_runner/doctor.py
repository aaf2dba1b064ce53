"""`doctor`: what this machine is, whether the release is whole, and whether the model answers here as it should.

The model is loaded in a process of its own, so that even an interpreter that crashes here is a line in the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgedigits_runner import SCHEMA
from edgedigits_runner.doctor_text import as_text
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import read_json
from edgedigits_runner.fresh import run_fresh
from edgedigits_runner.machine import machine
from edgedigits_runner.release import altered_files, folder_of, read_release
from edgedigits_runner.runtimes import RUNTIMES
from edgedigits_runner.say import say, say_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

_MOST_S = 300.0


def run(options: SimpleNamespace) -> int:
    """0 where all is well, else 2."""
    found = examine(folder_of(options.arguments), options.runtime)
    if options.json:
        say_json(found)
    else:
        say(as_text(found))
    return 0 if found["ok"] else 2


def doctor_job(job_path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """The same for a job of the host: {"schema": 1, "kind": "doctor", "runtime": ..., "folder": ...}."""
    job = read_json(job_path)
    if job.get("schema") != SCHEMA or job.get("runtime") not in RUNTIMES or not isinstance(job.get("folder"), str):
        raise RunnerError("job", f"{job_path}: give schema {SCHEMA}, folder, and runtime, one of {', '.join(RUNTIMES)}")
    say(f"doctor of {job['folder']}")
    return examine(str(job_path.parent / job["folder"]), job["runtime"])


def examine(folder: str, runtime: str) -> dict[str, Any]:
    """The report, JSON-safe. `ok` unless `reasons`; `verdict` is None where the vectors could not be answered at all."""
    found: dict[str, Any] = {"schema": SCHEMA, "kind": "doctor", "ok": False, "verdict": None, "reasons": []}
    found |= {"environment": machine(folder), "folder": folder, "files": 0, "xnnpack": None, "golden": None}
    try:
        release = read_release(folder)
        found |= {"release": release.name, "files": len(release.files)}
        found["reasons"] += altered_files(release)
        _replay(folder, runtime, found)
    except RunnerError as error:
        found["reasons"].append(error.message)
    found["ok"] = not found["reasons"]
    return found


def _replay(folder: str, runtime: str, found: dict[str, Any]) -> None:
    """Adds what a process of its own says of the golden vectors; RunnerError where it can't say it."""
    ended = run_fresh("golden", [folder, runtime], _MOST_S)
    said = {key: value for line in ended.lines for key, value in line.items()}
    found["environment"] |= said.get("environment", {})
    if "error" in said:
        raise RunnerError("model", said["error"])
    if ended.how or "golden" not in said:
        used = " ".join(str(found["environment"].get(key, runtime)) for key in ("runtime", "runtime_version"))
        last = f" ({ended.said})" if ended.said else ""
        raise RunnerError(
            "runtime", f"{used}: the interpreter {ended.how or 'said nothing'}{last}; try another --runtime"
        )
    found |= {"golden": said["golden"], "xnnpack": said["xnnpack"], "verdict": said["verdict"]}
    found["reasons"] += said["reasons"]
