"""Files tried in a process of their own before anything is timed: which of them load and run, and what a delegate takes.

An interpreter that takes its process down takes only that one: the file is told with how it ended, and the rest go on in
another process.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgedigits_runner.delegation import find_taken, list_operators
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.fresh import run_fresh
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.say import say_json
from edgedigits_runner.timings import open_net

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_S = 600.0
_DIED = "the interpreter"


class Trial(NamedTuple):
    """`reason` says why it can't be run, "" where it can; `died`: of this file the process was ended.

    `taken` are the places of the operators that XNNPACK runs, None where the runtime does not tell.
    """

    reason: str
    died: bool
    taken: tuple[int, ...] | None


def try_files(runtime: str, files: Sequence[Path]) -> list[Trial]:
    """One for each file. RunnerError "runtime" where no file was come to."""
    found: list[Trial] = []
    while len(found) < len(files):
        ended = run_fresh("trial", [runtime, *map(str, files[len(found) :])], _MOST_S)
        told = [_trial(line) for line in ended.lines if "reason" in line][: len(files) - len(found)]
        found += told
        if len(found) == len(files):
            break
        if not any("begun" in line for line in ended.lines):
            raise RunnerError("runtime", f"{runtime}: trying the model {ended.how or 'told nothing'} ({ended.said})")
        found.append(Trial(f"{_DIED} {ended.how or 'told nothing'}", True, None))
    return found


def _trial(line: dict[str, Any]) -> Trial:
    taken = line["taken"]
    return Trial(str(line["reason"]), False, None if taken is None else tuple(taken))


def main(arguments: list[str]) -> int:
    """RUNTIME FILE...: prints {"begun": n}, then {"reason": ..., "taken": [...]}, for each; called by `try_files`."""
    runtime = load_runtime(arguments[0])
    for number, name in enumerate(arguments[1:]):
        say_json({"begun": number})
        net = open_net(runtime, Path(name))
        if isinstance(net, str):
            say_json({"reason": net, "taken": None})
            continue
        operators = list_operators(net)
        say_json({"reason": "", "taken": find_taken(operators) if operators else None})
    return 0
