"""The commands of the runner: what each takes, and the module that does it, imported only when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.options import HELP, WrongOption, split_options
from edgedigits_runner.runtimes import ON_DEVICES

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[str], Any]

NAME = "edgedigits-runner"
HELP_ASKED = {"-h", "--help"}


def start(arguments: list[str]) -> int:
    """`main` for a person at the device, in a process of its own where it runs a model; a host watches its jobs itself."""
    name = arguments[0] if arguments else ""
    if name not in _COMMANDS or name == "job" or HELP_ASKED & set(arguments):
        return main(arguments)
    from edgedigits_runner.supervised import supervised

    return supervised(name, lambda: main(arguments), NAME)


def main(arguments: list[str]) -> int:
    """The exit code. Errors are one sentence on stderr, never a traceback."""
    try:
        return _dispatch(arguments)
    except RunnerError as error:
        print(f"{NAME}: {error.message}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our lines has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("EDGEDIGITS_TRACEBACK"):
            raise
        said = " ".join(str(error).split())[:300]
        print(
            f"{NAME}: this should not have happened: {type(error).__name__}: {said}; please report it", file=sys.stderr
        )
        return 1


def _dispatch(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in ("", *HELP_ASKED):
        print(_overview(), file=sys.stdout if name else sys.stderr)
        return 0 if name else 2
    if name not in _COMMANDS:
        raise RunnerError("job", f"no command {name!r}; give one of {', '.join(_COMMANDS)}")
    module, takes, known = _COMMANDS[name]
    options = _parsed(name, arguments[1:], known)
    if options.help:
        print(f"usage: {NAME} {name} {takes}\n\n{_END}")
        return 0
    return int(import_module("edgedigits_runner." + module).run(options))


def _parsed(name: str, arguments: list[str], known: dict[str, tuple[Reader | None, Any]]) -> SimpleNamespace:
    """Every option by its name, as given or by default; `arguments` are the rest; a flag has no reader."""
    values: dict[str, Any] = {option: default for option, (_, default) in known.items()}
    takes = {HELP: False, **{option: reader is not None for option, (reader, _) in known.items()}}
    try:
        given, rest = split_options(arguments, takes)
    except WrongOption as error:
        raise RunnerError("job", f"{error}; see {NAME} {name} --help") from error
    values[HELP] = False
    for option, text in given:
        reader = None if option == HELP else known[option][0]
        try:
            values[option] = reader(text) if reader else True
        except ValueError as error:
            raise RunnerError("job", f"--{option}: found {text!r}; give {error}") from error
    return SimpleNamespace(command=name, arguments=rest, **values)


def _overview() -> str:
    lines = [f"  {name:9} {takes.splitlines()[2]}" for name, (_, takes, _) in _COMMANDS.items()]
    return "\n".join([f"usage: {NAME} COMMAND ... (COMMAND --help tells more)", "", *lines, "", _END])


def _whole(least: int, most: int) -> Reader:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(part) for part in text.split(","))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0.01 <= seconds <= 86400:
        raise ValueError("seconds, at least 0.01")
    return seconds


def _runtime(text: str) -> str:
    if text not in ("auto", *ON_DEVICES):
        raise ValueError(f"auto, {', '.join(ON_DEVICES[:-1])} or {ON_DEVICES[-1]}")
    return text


_END = (
    "Exit codes: 0 fine; 1 the interpreter died of the model; 2 the call, a file, the model or the runtime is wrong, as one "
    "sentence says."
)

_FOLDER = """
  FOLDER               the release; by default where this program lies, if there is a manifest.json, else here"""
_RUNTIME = f"""
  --runtime NAME       {" or ".join(ON_DEVICES)}; by default auto, the first that can be imported"""
_THREADS = """
  --threads N          of the interpreter; by default 1"""

_PREDICT = f"""[--in FOLDER] IMAGE... | --watch DIR | --camera N

The likeliest classes of images, one line of JSON each.

  IMAGE                image files, or folders of them
  --watch DIR          answer every file that comes into DIR, until interrupted
  --camera N           answer what a camera sees: its number, or a device or video file
  --every SECONDS      with --camera: time between frames
  --top N              so many classes; by default 2{_FOLDER}{_RUNTIME}{_THREADS}"""

_DOCTOR = f"""[FOLDER] [--json]

What this machine is, and whether the model answers here as it should.

  --json               one JSON object, for programs{_FOLDER}{_RUNTIME}"""

_BENCH = f"""[FOLDER] [--out R.json]

Latency and accuracy of a release, beside its float model.

  --out R.json         write the whole result there
  --windows N          windows per model; by default 5
  --window SECONDS     length of one; by default 2
  --threads 1,2,4      one table for each; by default 1
  --pin CORE           stay on that core
  --cold               first inference with the file out of the page cache{_FOLDER}{_RUNTIME}"""

_EVALUATE = f"""[FOLDER] [--out R.json]

Accuracy of a release on its test images.

  --out R.json         write every answer there{_FOLDER}{_RUNTIME}{_THREADS}"""

_SERVE = f"""[FOLDER] [--port N]

HTTP on 127.0.0.1: POST /predict with an image file as the body, GET /health, GET /metrics.

  --port N             by default 8765; 0 takes any free one
  --top N              so many classes; by default 2{_FOLDER}{_RUNTIME}{_THREADS}"""

_PROFILE = f"""[FOLDER] [--out R.json]

What each operator of a model takes, and which of them XNNPACK runs.

  FOLDER               what the host's `edgedigits profile F.tflite --parts FOLDER` wrote; by default here
  --out R.json         write every window there
  --windows N          by default 7
  --window SECONDS     length of one, in which all operators take turns; by default 0.5
  --pin CORE           stay on that core{_RUNTIME}"""

_JOB = """JOB.json RESULT.json

A job of the host, as its file says: bench, probe, profile, evaluate, doctor and others."""

_count = _whole(1, 1024)
_TOP: tuple[Reader | None, Any] = (_whole(1, 2**16), None)
_COMMON: dict[str, tuple[Reader | None, Any]] = {"runtime": (_runtime, "auto"), "threads": (_count, 1)}
_COMMANDS: dict[str, tuple[str, str, dict[str, tuple[Reader | None, Any]]]] = {
    "predict": (
        "predict",
        _PREDICT,
        {
            **_COMMON,
            "in": (str, None),
            "watch": (str, None),
            "camera": (str, None),
            "every": (_seconds, 0.0),
            "top": _TOP,
        },
    ),
    "doctor": ("doctor", _DOCTOR, {"runtime": _COMMON["runtime"], "json": (None, False)}),
    "bench": (
        "by_hand",
        _BENCH,
        {
            **_COMMON,
            "threads": (_counts, (1,)),
            "out": (str, None),
            "windows": (_count, 5),
            "window": (_seconds, 2.0),
            "pin": (_whole(0, 1023), None),
            "cold": (None, False),
        },
    ),
    "evaluate": ("by_hand", _EVALUATE, {**_COMMON, "out": (str, None)}),
    "profile": (
        "profile_by_hand",
        _PROFILE,
        {
            "runtime": _COMMON["runtime"],
            "out": (str, None),
            "windows": (_count, 7),
            "window": (_seconds, 0.5),
            "pin": (_whole(0, 1023), None),
        },
    ),
    "serve": ("serve", _SERVE, {**_COMMON, "port": (_whole(0, 65535), 8765), "top": _TOP}),
    "job": ("by_host", _JOB, {}),
}
