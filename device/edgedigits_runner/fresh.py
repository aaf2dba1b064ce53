"""A part of the runner in a process of its own: what crashes there is told, not suffered."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any, NamedTuple

_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from importlib import import_module
sys.exit(import_module(sys.argv[2]).main(sys.argv[3:]))
"""


class Ended(NamedTuple):
    """`lines` are the JSON objects it printed; `how` it ended, None if well; `said` is the last line of its stderr."""

    lines: list[dict[str, Any]]
    how: str | None
    said: str


def run_fresh(module: str, arguments: list[str], most_s: float) -> Ended:
    """Calls `main(arguments)` of a module of the runner, by the same Python, which finds the same packages."""
    command = [sys.executable, "-c", _START, json.dumps(sys.path), f"edgedigits_runner.{module}", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        printed, errors = process.communicate(timeout=most_s)
        how = _how(process.returncode)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, errors = process.communicate()
        how = f"gave no answer within {most_s:.0f} s"
    finally:
        process.kill()  # no effect on one that has ended; otherwise this was interrupted
    said = errors.decode("utf-8", "replace").strip().splitlines()
    return Ended(_objects(printed), how, said[-1] if said else "")


def _how(code: int) -> str | None:
    if code < 0:
        return f"was ended by {_signal(-code)}"
    return f"ended with exit code {code}" if code else None


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _objects(printed: bytes) -> list[dict[str, Any]]:
    """The lines that are JSON objects; a crash may leave half a line, and a runtime may print its own."""
    found = []
    for line in printed.decode("utf-8", "replace").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
