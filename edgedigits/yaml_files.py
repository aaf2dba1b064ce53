"""YAML files that people write: read strictly, and every fault answered with its place, what was found and what would do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydantic
import yaml

from edgedigits.errors import InputError


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads 1e-3 as the number it is (YAML 1.2) and refuses a key written twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} is written twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+0123456789.")
)


def read_yaml(path: Path, what: str, error: type[InputError]) -> Any:
    """What a file holds; `error` where it can't be read or is no YAML. `what` names such files, as "a recipe"."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as fault:
        raise error(f"{path}: can't be read as text ({fault}); {what} is a YAML file") from fault
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise error(f"{path}:{line} not YAML: {getattr(fault, 'problem', None) or 'unreadable'}") from fault


def check_known(where: str, kind: str, found: Iterable[Any], choices: Iterable[str], error: type[InputError]) -> None:
    """`error` names the first of `found` that is none of `choices`, and the nearest that is."""
    for name in found:
        if name not in choices:
            raise error(f"{where}: unknown {kind} {str(name)!r}{nearest(str(name), choices)}")


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of a sentence: the choice that `name` may have meant, then all of them."""
    near = difflib.get_close_matches(name, list(choices), 1)
    return (f"; nearest: {near[0]}" if near else "") + f"; choose from {', '.join(sorted(choices))}"


def kind_of(value: Any) -> str:
    """What was found, in a few words."""
    return "nothing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"


def first_fault(error: pydantic.ValidationError) -> str:
    """`.setting: found 3; input should be ...` of the first wrong setting, or `: wanted ...` where settings don't go together."""
    first = error.errors()[0]
    if not first["loc"]:
        return f": {first['msg'].removeprefix('Value error, ')}"
    place = ".".join(str(step) for step in first["loc"])
    message = first["msg"]
    return f".{place}: found {first['input']!r}; {message[0].lower() + message[1:]}"
