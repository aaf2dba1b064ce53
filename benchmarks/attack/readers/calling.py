"""A reader, the file that it is given, and what is right: an end without error, or one sentence and exit code 1 or 2."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, ParamSpec
from unittest import mock

Group = Literal["host", "keras", "process"]
_P = ParamSpec("_P")
_MOST_WORDS = 2000
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Case(NamedTuple):
    """The spoiled `file`; an empty `folder` to work in; `corpus`, the right files, to be read only."""

    file: Path
    folder: Path
    corpus: Path


class Refused(NamedTuple):
    """What was said, and the exit code."""

    words: str
    code: int


class WrongEnd(Exception):
    """The reader came to an end that is not right: its exit code, or its words."""


@dataclass(frozen=True)
class Reader:
    """`read` gives None where the file was taken, what was said where not; anything that it raises is a fault.

    `share` of the files of its `kinds` are given to it; `group` says in which sort of process it is called.
    """

    name: str
    kinds: tuple[str, ...]
    group: Group
    read: Callable[[Case], Refused | None]
    share: float = 1.0


def refusing(read: Callable[_P, None]) -> Callable[_P, Refused | None]:
    """The reader with the errors that its command would turn into a sentence as `Refused`."""

    @functools.wraps(read)
    def refused(*arguments: _P.args, **named: _P.kwargs) -> Refused | None:
        from edgedigits_runner.errors import RunnerError

        from edgedigits.cli.endings import escape_controls
        from edgedigits.errors import EdgeDigitsError

        try:
            read(*arguments, **named)
        except EdgeDigitsError as error:
            return Refused(
                judged(escape_controls(f"edgedigits: {error}")), error.exit_code
            )  # as the command line says it
        except RunnerError as error:
            return Refused(judged(f"edgedigits-runner: {error.message}"), 2)
        return None

    return refused


def cli(*arguments: object) -> Refused | None:
    """A command of `edgedigits`, in this process, through its entry point."""
    from edgedigits.cli.main import main

    said = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["edgedigits", *map(str, arguments)]),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(said),
    ):
        try:
            main()
        except SystemExit as end:
            return _ended(end.code if isinstance(end.code, int) else int(end.code is not None), said.getvalue())
    return None


def runner(*arguments: object) -> Refused | None:
    """A command of `edgedigits-runner`, in this process."""
    from edgedigits_runner.command_line import main

    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = main([str(argument) for argument in arguments])
    return _ended(code, said.getvalue())


def started_runner(*arguments: object) -> Refused | None:
    """A command of `edgedigits-runner` as a person starts it, watched."""
    from edgedigits_runner.command_line import main

    return forked(lambda: main([str(argument) for argument in arguments]))


def forked(command: Callable[[], int]) -> Refused | None:
    """A command in a process that was forked from this one, watched as the runner watches those that load a model."""
    from edgedigits_runner.supervised import supervised

    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            code = 3
            try:
                os.dup2(said.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", errors="backslashreplace")
                code = supervised("the command", command, "edgedigits-runner")
                sys.stderr.flush()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        words = said.read().decode("utf-8", "replace").splitlines()
    return _ended(code, "\n".join(line for line in words if line.startswith("edgedigits-runner: ")))


def process(module: str, folder: Path, *arguments: object) -> Refused | None:
    """A command as a process of its own, started in `folder`."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    ended = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)
    said = ended.stderr.decode("utf-8", "replace")
    if "Traceback (most recent call last)" in said:
        raise WrongEnd("traceback: " + said.strip().splitlines()[-1][:200])
    return _ended(ended.returncode, said)


def _ended(code: int, said: str) -> Refused | None:
    """None for 0; WrongEnd for any code but 1 and 2, and for words that are no sentence."""
    if code == 0:
        return None
    if code not in (1, 2):
        raise WrongEnd(f"exit code {code}: {said.strip()[-150:]}")
    return Refused(judged(said), code)


def judged(said: str) -> str:
    """The sentence that a program ended with; WrongEnd where it is too long, of several lines, or holds control characters."""
    marks = [said.rfind(mark) for mark in ("edgedigits: ", "edgedigits-runner: ", "Error: ")]
    sentence = said[max(marks) :].strip() if max(marks) >= 0 else said.strip()[-300:]
    if len(sentence) > _MOST_WORDS:
        raise WrongEnd(f"an answer of {len(sentence)} characters: {sentence[:120]}")
    if max(marks) >= 0 and "\n" in sentence:
        raise WrongEnd(f"an answer of {sentence.count(chr(10)) + 1} lines: {sentence[:120]}")
    if found := _UNPRINTABLE.search(sentence):
        raise WrongEnd(f"an answer with the character {found[0]!r}: {sentence[:120]}")
    return sentence
