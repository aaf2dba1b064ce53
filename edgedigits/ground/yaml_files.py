"""YAML files that people write: read strictly, and every fault answered with its place, what was found and what would do."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydantic
import yaml

from edgedigits.errors import InputError
from edgedigits.ground.strict_loader import StrictLoader

YAML_BYTES = 2**20
_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxlist, _REPR.maxdict, _REPR.maxstring, _REPR.maxother = 2, 4, 4, 60, 60


def read_yaml(path: Path, what: str, error: type[InputError]) -> Any:
    """What a file holds; `error` where it can't be read or is no YAML. `what` names such files, as "a recipe"."""
    return parse_yaml(_text(path, what, error), str(path), error, f"{what} is plain YAML")


def parse_yaml(text: str, where: str, error: type[InputError], wanted: str = "wanted plain YAML") -> Any:
    """What a text holds; `error`, which begins with `where` and ends with what is `wanted`, where it is no YAML."""
    try:
        return yaml.load(text, StrictLoader)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        kind = "" if isinstance(fault, yaml.constructor.ConstructorError) else " not YAML"
        problem = getattr(fault, "problem", None) or getattr(fault, "reason", None) or "unreadable"
        raise error(f"{where}:{line}{kind}: {problem}; {wanted}") from fault
    except (ArithmeticError, LookupError, ValueError) as fault:  # the scanner's, of an escape that is no character
        raise error(f"{where}: not YAML: {_REPR.repr(str(fault))}; {wanted}") from fault


def _text(path: Path, what: str, error: type[InputError]) -> str:
    try:
        if path.exists() and not path.is_file():
            raise error(f"{path}: no regular file; {what} is a YAML file")
        with path.open("rb") as file:
            found = file.read(YAML_BYTES + 1)
        if len(found) > YAML_BYTES:
            raise error(
                f"{path}: larger than {YAML_BYTES // 1024} KiB, which no file of this kind is; {what} is a YAML file"
            )
        return found.decode()
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else fault
        raise error(f"{path}: can't be read as text ({why}); {what} is a YAML file") from fault


def check_known(
    where: str, kind: str, found: Iterable[object], choices: Iterable[str], error: type[InputError]
) -> None:
    """`error` names the first of `found` that is none of `choices`, and the nearest that is."""
    for name in found:
        if not isinstance(name, str) or name not in choices:
            raise error(f"{where}: unknown {kind} {show_value(str(name))}{suggest(str(name)[:100], choices)}")


def suggest(name: str, choices: Iterable[str]) -> str:
    """The end of a sentence: the choice that `name` may have meant, then all of them."""
    near = difflib.get_close_matches(name, list(choices), 1)
    return (f"; nearest: {near[0]}" if near else "") + f"; choose from {', '.join(sorted(choices))}"


def describe_kind(value: object) -> str:
    """What was found, in a few words, however much it is."""
    if value is None:
        return "nothing"
    text = show_value(value) if isinstance(value, (dict, list, tuple)) else str(value)
    return f"{type(value).__name__} {text[:40]!r}"


def show_value(value: object) -> str:
    """A value as Python writes it, cut to a few words without writing all of it first."""
    return _REPR.repr(value)


def tell_first_fault(error: pydantic.ValidationError) -> str:
    """`.setting: found 3; input should be ...` of the first wrong setting, or `: wanted ...` where settings don't go together."""
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return f": {first['msg'].removeprefix('Value error, ')}"
    place = ".".join(str(step)[:100] for step in first["loc"])
    message = first["msg"]
    return f".{place}: found {show_value(first['input'])}; {message[0].lower() + message[1:]}"
