"""What every function of the API holds its arguments to, the same numbers as the options of the command line; and how its errors
are said to whom calls it: with the names of arguments in Python, of options on the command line."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from edgedigits.errors import EdgeDigitsError, InputError

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Limit:
    """A number from `least` to `most`, None: without end; `above`: `least` itself is none."""

    whole: bool
    least: float
    most: float | None = None
    above: bool = False

    def fault(self, value: Any) -> str:
        """What is wrong with a value; "" for a right one."""
        kinds = (int,) if self.whole else (int, float)
        right = isinstance(value, kinds) and not isinstance(value, bool)
        if right and (value > self.least if self.above else value >= self.least):
            right = self.most is None or value <= self.most
        else:
            right = False
        what = "a whole number" if self.whole else "a number"
        ends = f"above {self.least:g}" if self.above else f"from {self.least:g}"
        return "" if right else f"found {value!r}; wanted {what} {ends}" + (f" to {self.most:g}" if self.most else "")


LIMITS: dict[str, Limit] = {
    "alpha": Limit(False, 0, 2, above=True),
    "batch": Limit(True, 1),
    "cutout": Limit(False, 0, 0.9),
    "elastic": Limit(False, 0, 0.5),
    "epochs": Limit(True, 1),
    "images": Limit(True, 1),
    "kfold": Limit(True, 2),
    "label_smoothing": Limit(False, 0, 1),
    "mixup": Limit(False, 0, 0.5),
    "patch": Limit(True, 1, 64),
    "patience": Limit(True, 1),
    "pin": Limit(True, 0),
    "port": Limit(True, 1, 65535),
    "rate": Limit(False, 0, 1, above=True),
    "seed": Limit(True, 0, 2**32 - 1),
    "seeds": Limit(True, 1, 100),
    "severity": Limit(True, 1, 5),
    "size": Limit(True, 8, 1024),
    "trials": Limit(True, 1),
    "window": Limit(False, 0.05, 600),
    "windows": Limit(True, 1),
    "workers": Limit(True, 1, 64),
}
"""Of numbers, by the name that they have in the API and on the command line alike."""

_spoken_to: ContextVar[str] = ContextVar("spoken_to", default="python")
_ARGUMENTS = {"scale": "pixel_range=", "dir": "directory=", "no-augment": "augment=False", "gate": "gates="}
"""What an option is in Python, by its words; the arguments of each function are added, and what is none stays as it is."""
_VALUE = r"""'[^']*'|"[^"]*"|-?\d[\w.,-]*\w|\d|[A-Z]+@[A-Z]+|digits|mnist|caffe|torch|litert|tflite-runtime"""
_MENTIONED = re.compile(rf"`edgedigits [^`]*`|(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?![\w-])(?: ({_VALUE})(?![\w-]))?")
_BLAMED = re.compile(r"--([a-z]+(?:-[a-z]+)*) (?!is |and )((?:(?!: ).)+)(?=: )")
"""Of a sentence that begins so, the value is what is wrong."""


@contextmanager
def on_the_command_line() -> Iterator[None]:
    """Errors name options meanwhile."""
    before = _spoken_to.set("command line")
    try:
        yield
    finally:
        _spoken_to.reset(before)


def command(**choices: Sequence[str]) -> Callable[[Callable[_Given, _Found]], Callable[_Given, _Found]]:
    """A function of the API: its numbers are held to LIMITS, its words to `choices`, before any work; None is let through.

    What it raises on purpose is of EdgeDigitsError's kinds; an interrupt is KeyboardInterrupt, whatever a library made of it.
    """

    def decorate(function: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
        signature = inspect.signature(function)
        for name, one in signature.parameters.items():
            _ARGUMENTS[name.replace("_", "-")] = f"{name}=True" if one.default is False else f"{name}="

        @functools.wraps(function)
        def called(*args: _Given.args, **given: _Given.kwargs) -> _Found:
            try:
                _check(signature.bind(*args, **given).arguments, choices)
                return function(*args, **given)
            except EdgeDigitsError as error:
                if was_interrupted(error):
                    raise KeyboardInterrupt from error
                said = for_python(str(error))
                if _spoken_to.get() != "python" or said == str(error):
                    raise
                raise type(error)(said) from error
            except Exception as error:
                if was_interrupted(error):
                    raise KeyboardInterrupt from error
                raise

        return called

    return decorate


def _check(given: Mapping[str, Any], choices: Mapping[str, Sequence[str]]) -> None:
    for name, value in given.items():
        if value is None:
            continue
        if name in LIMITS and (fault := LIMITS[name].fault(value)):
            raise InputError(f"--{name.replace('_', '-')}: {fault}")
        if name in choices and value not in choices[name]:
            raise InputError(f"--{name}: found {value!r}; choose from {', '.join(choices[name])}")


def for_python(sentence: str) -> str:
    """`--resize 32x32` as `resize=(32, 32)`, `--scale` as `pixel_range=`, `--model no.keras: ...` as `model='no.keras': ...`."""

    def say(found: re.Match[str]) -> str:
        name, value = found.groups()
        argument = _ARGUMENTS.get(name or "")
        if argument is None:  # a command of a shell, or an option of another program
            return found[0]
        return argument if value is None else argument.partition("=")[0] + "=" + _say_value(value)

    blamed = _BLAMED.match(sentence)
    start = blamed.end() if blamed else 0
    return (say(blamed) if blamed else "") + _MENTIONED.sub(say, sentence[start:])


def _say_value(text: str) -> str:
    """A value of the command line as Python writes it."""
    numbers = re.split("[x,]", text)
    if all(re.fullmatch(r"-?\d+(\.\d+)?", one) for one in numbers):
        return text if len(numbers) == 1 else f"({', '.join(numbers)})"
    return text if text[0] in "'\"(" else repr(text)


def was_interrupted(error: BaseException) -> bool:
    """Whether a KeyboardInterrupt is what the error came from, or what came up while it was handled."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        if isinstance(one, KeyboardInterrupt):
            return True
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__]
    return False
