"""The device runner as a subprocess on this machine: a folder of files, a Python, an answer or a plain error."""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits_runner import SCHEMA

from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.foreign_json import parse
from edgedigits.measure.result_check import RESULT_BYTES, check_result
from edgedigits.measure.runtimes.environments import clean_environment


@dataclass(frozen=True)
class RunnerProcess:
    """`folder` holds the job, the result and a copy of the runner, and is all that the subprocess finds on its path.

    The copy matters: beside an installed runner lie this environment's packages, and another Python must not see them.
    """

    python: Path
    folder: Path
    progress: Callable[[str], None]

    def run(self, kind: str, job: JsonObject) -> JsonObject:
        """The checked result of one job; its errors as InputError's kinds, a crash as EdgeDigitsError."""
        self._copy_runner()
        (self.folder / "job.json").write_text(json.dumps({"schema": SCHEMA, "kind": kind, **job}), encoding="utf-8")
        result = self.folder / "result.json"
        result.unlink(missing_ok=True)
        code, last = self._start([str(self.python), "-m", "edgedigits_runner", "job", "job.json", result.name])
        if not result.exists():
            raise EdgeDigitsError(self._how_it_ended(code, last))
        found: JsonObject = check_result(_read(result), kind, job=job)
        return found

    def put(self, files: Mapping[str, bytes]) -> None:
        """Lays files into the folder."""
        for name, content in files.items():
            (self.folder / name).write_bytes(content)

    def _copy_runner(self) -> None:
        target = self.folder / "edgedigits_runner"
        if not target.exists():
            shutil.copytree(find_runner_package(), target, ignore=shutil.ignore_patterns("__pycache__"))

    def _start(self, command: list[str]) -> tuple[int, str]:
        """Runs to the end, each line of stdout passed on as progress; returns the exit code and the last such line."""
        environment = clean_environment() | {"PYTHONPATH": str(self.folder), "PYTHONUTF8": "1"}
        last = "starting"
        with (self.folder / "stderr.txt").open("wb") as errors:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
            )
            with process:
                try:
                    for line in process.stdout or ():
                        last = line.rstrip("\n")
                        self.progress(last)
                    return process.wait(), last
                finally:
                    process.kill()  # no effect on one that has ended; otherwise this block was interrupted

    def _how_it_ended(self, code: int, doing: str) -> str:
        said = (self.folder / "stderr.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = [line for line in said if not line.startswith("INFO:")]
        last = f" Its last words: {said[-1].strip()}" if said else ""
        if code < 0:
            return (
                f"the runner was ended by {_signal_name(-code)} while at: {doing}; the interpreter crashed, or memory "
                f"ran out. Try another --runtime.{last}"
            )
        return f"the runner ended with exit code {code} and no result, while at: {doing}.{last}"


def find_runner_package() -> Path:
    """The folder of the package `edgedigits_runner`."""
    found = importlib.util.find_spec("edgedigits_runner")
    if found is None or found.origin is None:
        raise EdgeDigitsError("the package edgedigits_runner is not installed; install edgedigits again")
    return Path(found.origin).parent


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > RESULT_BYTES:
            raise ValueError(f"longer than {RESULT_BYTES} bytes")
        return parse(path.read_bytes(), RESULT_BYTES)
    except (OSError, ValueError) as error:
        raise EdgeDigitsError(f"the runner's result is not JSON ({error})") from error
